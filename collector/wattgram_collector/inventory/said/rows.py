"""PURE. Rows as people write them, in CSV, JSON or TOML: texts by column, and what is wrong.

A file is read whole and everything that is wrong in it is told at once, each with its line,
column, value and what is allowed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from wattgram.units import BYTES_PER_MEBIBYTE
from wattgram_collector.inventory.activities.activity import Column, RowError, Wrong
from wattgram_collector.inventory.activities.reading import Form, rows_of
from wattgram_collector.inventory.activities.source_rows import SourceError

TOML_BYTES_MAX: Final = 4 * BYTES_PER_MEBIBYTE
NEWLINE: Final = b"\n"
_SHOWN: Final = 60
_TEXT_NEEDED: Final = "must be text, a number, true, false or a date"


class Said(NamedTuple):
    """One row: where it stands, and its cells that are not empty."""

    where: str
    cells: Mapping[str, str]


class Problem(NamedTuple):
    """What is wrong, and where; `wrong.column` is empty where it is the row or the file."""

    where: str
    wrong: Wrong

    def __str__(self) -> str:
        return f"{self.where}: {self.wrong}"


class SaidError(ValueError):
    """What cannot be taken: everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def problem(where: str, reason: str, column: str = "", value: str = "") -> Problem:
    return Problem(where, Wrong(column, value, reason))


def refused(where: str, reason: str) -> SaidError:
    """Return the error of a file as a whole."""
    return SaidError([problem(where, reason)])


def read_rows(content: bytes, form: Form, name: str, columns: Sequence[Column]) -> list[Said]:
    """Return the rows of CSV, JSON or JSON lines; raises SaidError."""
    found: list[Said] = []
    problems: list[Problem] = []
    known = [one.name for one in columns]
    try:
        for line, cells, wrongs in rows_of(content, form, known):
            where = f"{name}:{line}"
            problems += [Problem(where, one) for one in wrongs]
            problems += [problem(where, _unknown(key, known), key[:_SHOWN])
                         for key in cells if key not in known]  # fmt: skip
            found.append(Said(where, cells))
    except SourceError as error:
        problems.append(Problem(f"{name}:{error.line}", error.wrong))
    if problems:
        raise SaidError(problems)
    return found


def read_toml(content: bytes, name: str, tables: Mapping[str, Sequence[Column]]) -> list[Said]:
    """Return the rows of arrays of tables; the cell `table` is added to each. Raises SaidError."""
    if len(content) > TOML_BYTES_MAX:
        raise refused(name, f"is more than {TOML_BYTES_MAX} bytes")
    try:
        said = tomllib.loads(content.decode("utf-8-sig"), parse_float=str)
    except UnicodeDecodeError as error:
        raise refused(
            f"{name}:{content.count(NEWLINE, 0, error.start) + 1}", "is not UTF-8"
        ) from error
    except (ValueError, RecursionError) as error:
        raise refused(name, str(error)) from error
    problems = [problem(name, _unknown(key, tables), key) for key in said if key not in tables]
    found: list[Said] = []
    for table in tables:
        rows = said.get(table, [])
        if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
            problems.append(problem(name, f"must be [[{table}]] tables", table))
            continue
        known = [one.name for one in tables[table]]
        for at, row in enumerate(rows, start=1):
            where = f"{name} [[{table}]] number {at}"
            problems += _of_table(where, row, known)
            cells = {key: text for key, value in row.items() if (text := _cell(value))}
            found.append(Said(where, {**cells, "table": table}))
    if problems:
        raise SaidError(problems)
    return found


def _of_table(where: str, row: Mapping[str, Any], known: Sequence[str]) -> Iterator[Problem]:
    for key, value in row.items():
        if key not in known:
            yield problem(where, _unknown(key, known), key)
        elif _cell(value) is None:
            yield problem(where, _TEXT_NEEDED, key, repr(value))


def _cell(value: object) -> str | None:
    """Return a value as the text of a cell; None for what is none."""
    match value:
        case bool():
            return str(value).lower()
        case datetime() | date():
            return value.isoformat()
        case str():
            return value.strip()
        case int():
            return str(value)
        case _:
            return None


def _unknown(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, 1)
    meant = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
    return f"is unknown; {meant}"


def parsed(said: Said, columns: Sequence[Column]) -> dict[str, Any]:
    """Return the values of a row's cells, defaults included; raises SaidError with all wrongs."""
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for column in columns:
        cell = said.cells.get(column.name, "")
        if not cell:
            if column.is_required:
                problems.append(problem(said.where, "is required", column.name))
            values[column.name] = column.default
            continue
        try:
            values[column.name] = column.parse(cell)
        except (ValueError, OverflowError) as error:
            problems.append(problem(said.where, str(error), column.name, cell))
    if problems:
        raise SaidError(problems)
    return values


def located(where: str, error: ValueError) -> SaidError:
    """Return the error of a row with the place where it stands."""
    if isinstance(error, SaidError):
        return error
    if isinstance(error, RowError):
        return SaidError(Problem(where, one) for one in error.wrongs)
    return refused(where, str(error))
