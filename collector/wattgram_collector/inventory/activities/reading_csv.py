"""PURE. CSV (RFC 4180) to rows: `,` or `;`, whichever parts the header into columns."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final

from wattgram_collector.inventory.activities.activity import Wrong
from wattgram_collector.inventory.activities.source_rows import (
    NAME_SHOWN,
    SourceRow,
    nearest,
    refusal,
)

SEPARATORS: Final = (",", ";")
_WITHOUT_END: Final = ("unexpected end of data", "field larger than field limit")
"""Of the csv module: what follows cannot be told from what is inside the cell."""


def csv_rows(text: str, known: Collection[str]) -> Iterator[SourceRow]:
    rows = _records(text, _separator(text, known))
    line, header, reason = next(rows)
    if reason:
        raise refusal(line, reason)
    names = _columns(line, header, known)
    for line, cells, reason in rows:
        if reason:
            yield SourceRow(line, {}, [Wrong("", "", reason)])
        elif any(cells):
            yield _csv_row(line, cells, names)


def _records(text: str, separator: str) -> Iterator[tuple[int, list[str], str]]:
    """Yield the line of each record, its cells stripped, and what is wrong with it.

    Empty lines are left out. Raises SourceError where a quote is not closed.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            if any(one in str(error) for one in _WITHOUT_END):
                raise refusal(line, "a quote is opened here and not closed") from None
            yield line, [], f"is no CSV: {error}"
            continue
        if cells:
            yield line, cells, ""


def _separator(text: str, known: Collection[str]) -> str:
    """Return the one that parts the first line into more columns that are known."""
    first = text.lstrip().partition("\n")[0]
    scores = {}
    for separator in SEPARATORS:
        names = [cell.strip().strip('"') for cell in first.split(separator)]
        scores[separator] = len(set(names) & set(known))
    return max(SEPARATORS, key=lambda one: scores[one])


def _columns(line: int, header: list[str], known: Collection[str]) -> list[str]:
    """Return the names of the columns; raises SourceError for one that is not known, or twice."""
    while header and not header[-1]:
        header.pop()
    for name, times in Counter(header).items():
        if not name:
            raise refusal(line, f"column {header.index(name) + 1} has no name")
        if times > 1:
            raise refusal(line, "this column is there twice", name)
        if name not in known:
            raise refusal(line, f"unknown column{nearest(name, known)}", name[:NAME_SHOWN])
    return header


def _csv_row(line: int, cells: list[str], names: list[str]) -> SourceRow:
    if len(cells) < len(names) or any(cells[len(names) :]):
        reason = f"has {len(cells)} cells, and the header {len(names)}"
        return SourceRow(line, {}, [Wrong("", "", reason)])
    if cells[: len(names)] == names:
        return SourceRow(line, {}, [Wrong("", "", "is the header once more")])
    return SourceRow(line, {name: cell for name, cell in zip(names, cells, strict=False) if cell})
