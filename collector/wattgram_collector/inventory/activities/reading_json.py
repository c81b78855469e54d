"""PURE. JSON and JSON lines to rows; numbers stay the text that they are: exact."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from wattgram_collector.inventory.activities.activity import Wrong
from wattgram_collector.inventory.activities.source_rows import (
    NAME_SHOWN,
    SourceError,
    SourceRow,
    refusal,
)

_WRAPPED: Final = re.compile(r'\s*\{\s*"activities"\s*:\s*(?=\[)')
_SPACE: Final = re.compile(r"[ \t\r\n]*")


class _Object(list[tuple[str, Any]]):
    """A JSON object as it is written, a name that is there twice included."""


def _no_number(name: str) -> str:
    raise ValueError(f"{name} is no JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_Object, parse_float=str, parse_int=str, parse_constant=_no_number
)
"""Numbers stay the text that they are: exact."""


def json_rows(text: str) -> Iterator[SourceRow]:
    """Yield the objects of an array, or the one object that there is."""
    wrapped = _WRAPPED.match(text)
    position = wrapped.end() if wrapped else _after_space(text, 0)
    if text[position] != "[":
        value, end = _decoded(text, position)
        yield _json_row(text.count("\n", 0, position) + 1, value)
        _require_end(text, end)
        return
    line = text.count("\n", 0, position) + 1
    last, position = position, _after_space(text, position + 1)
    is_over = text.startswith("]", position)
    while not is_over:
        line += text.count("\n", last, position)
        last = position
        value, position = _decoded(text, position)
        yield _json_row(line, value)
        position = _after_space(text, position)
        is_over = text.startswith("]", position)
        if not is_over and not text.startswith(",", position):
            raise refusal(text.count("\n", 0, position) + 1, "is no JSON: , or ] is missing")
        position = position if is_over else _after_space(text, position + 1)
    end = _after_space(text, position + 1)
    if wrapped and text.startswith("}", end):
        end += 1
    elif wrapped:
        raise refusal(text.count("\n", 0, end) + 1, "is no JSON: } is missing")
    _require_end(text, end)


def _after_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _decoded(text: str, position: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        raise refusal(error.lineno, f"is no JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        line = text.count("\n", 0, position) + 1
        reason = "too deep" if isinstance(error, RecursionError) else str(error)
        raise refusal(line, f"is no JSON: {reason}") from None


def _require_end(text: str, position: int) -> None:
    end = _after_space(text, position)
    if end < len(text):
        raise refusal(text.count("\n", 0, end) + 1, "is no JSON: something follows its end")


def json_lines(text: str) -> Iterator[SourceRow]:
    """Yield a row for each line that is not empty; a line that is no JSON is a wrong row."""
    for line, content in enumerate(io.StringIO(text, newline=None), start=1):
        said = content.strip()
        if not said:
            continue
        try:
            value, end = _decoded(said, 0)
            _require_end(said, end)
        except SourceError as error:
            yield SourceRow(line, {}, [error.wrong])
            continue
        yield _json_row(line, value)


def _json_row(line: int, value: Any) -> SourceRow:
    if not isinstance(value, _Object):
        return SourceRow(line, {}, [Wrong("", "", "a row is an object, {...}")])
    wrongs = [
        Wrong(name[:NAME_SHOWN], "", "is there twice")
        for name, times in Counter(name for name, _ in value).items()
        if times > 1
    ]
    cells = {}
    for name, one in value:
        try:
            cell = _cell(one)
        except ValueError as error:
            wrongs.append(Wrong(name[:NAME_SHOWN], "", str(error)))
            continue
        if cell:
            cells[name] = cell
    return SourceRow(line, {} if wrongs else cells, wrongs)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if any("\ud800" <= one <= "\udfff" for one in value):
            raise ValueError("has half a character")
        return value.strip()
    raise ValueError("must be text, a number, true, false or null")
