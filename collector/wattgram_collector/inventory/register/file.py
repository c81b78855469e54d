"""PURE. The asset register as people write it: TOML or CSV to assets.

One row or table is one version of one asset. A file is taken whole or not at all: everything
that is wrong in it is told at once, each with its line, column, value and what is allowed.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any, Final

from wattgram_collector.inventory.register.assets import Asset, Build, Embodied
from wattgram_collector.inventory.register.columns import BY_COLUMN, SEPARATOR

_TEXT_NEEDED: Final = "must be text, a number, true, false, a date or a list of texts"


class RegisterError(ValueError):
    """A register that cannot be taken; one line for each thing that is wrong."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def read_csv(content: str, name: str) -> list[Asset]:
    """Return the assets of a table with a header; raises RegisterError."""
    rows = csv.reader(io.StringIO(content.removeprefix("\ufeff"), newline=""), strict=True)
    found: list[tuple[str, Mapping[str, str]]] = []
    problems: list[str] = []
    try:
        header = next(rows, [])
        problems += [f"{name}:1: {_unknown(column)}" for column in header
                     if column not in BY_COLUMN]  # fmt: skip
        problems += [f"{name}:1: no column {column!r}: {one.column.meaning}"
                     for column, one in BY_COLUMN.items()
                     if one.column.is_required and column not in header]  # fmt: skip
        if len(set(header)) != len(header):
            problems.append(f"{name}:1: a column is there twice")
        for cells in rows:
            where = f"{name}:{rows.line_num}"
            if len(cells) != len(header):
                problems.append(f"{where}: {len(cells)} cells under {len(header)} columns")
            elif not problems:
                found.append((where, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        problems.append(f"{name}:{rows.line_num}: {error}")
    return _assets(found, problems)


def read_toml(content: str, name: str) -> list[Asset]:
    """Return the assets of `[[assets]]` tables; raises RegisterError."""
    try:
        said = tomllib.loads(content, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise RegisterError([f"{name}: {error}"]) from error
    problems = [f"{name}: unknown key {key!r}: a register has assets" for key in said
                if key != "assets"]  # fmt: skip
    tables = said.get("assets", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise RegisterError([*problems, f"{name}: assets must be [[assets]] tables"])
    found: list[tuple[str, Mapping[str, str]]] = []
    for at, table in enumerate(tables, start=1):
        where = f"{name} [[assets]] number {at}"
        problems += [f"{where}: {_unknown(key)}" for key in table if key not in BY_COLUMN]
        row = {key: _cell(value) for key, value in table.items() if key in BY_COLUMN}
        problems += [
            f"{where}: {key} {table[key]!r}: {_TEXT_NEEDED}"
            for key, cell in row.items()
            if cell is None
        ]
        found.append((where, {key: cell for key, cell in row.items() if cell is not None}))
    return _assets(found, problems)


def _cell(value: object) -> str | None:
    """Return a value of TOML as the text of a cell; None for what is none."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return SEPARATOR.join(value)
    return str(value) if isinstance(value, str | int) else None


def _unknown(column: str) -> str:
    near = get_close_matches(column, BY_COLUMN, 1)
    return f"unknown column {column!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _assets(rows: Iterable[tuple[str, Mapping[str, str]]], problems: list[str]) -> list[Asset]:
    found: list[Asset] = []
    seen: dict[tuple[str, date | None], str] = {}
    for where, row in rows:
        wrong = list(_wrong(row))
        problems += [f"{where}: {one}" for one in wrong]
        if wrong:
            continue
        try:
            asset = asset_of(row)
        except ValueError as error:
            problems.append(f"{where}: {error}")
            continue
        key = (asset.asset_id, asset.valid_from)
        if seen.setdefault(key, where) != where:
            problems.append(f"{where}: {asset.asset_id} is there already: {seen[key]}")
        found.append(asset)
    if problems:
        raise RegisterError(problems)
    return found


def _wrong(row: Mapping[str, str]) -> Iterator[str]:
    for name, one in BY_COLUMN.items():
        cell = row.get(name, "").strip()
        if not cell:
            if one.column.is_required:
                yield f"{name} is required: {one.column.meaning}"
            continue
        try:
            one.column.parse(cell)
        except ValueError as error:
            yield f"{name} {cell!r}: {error}"


def asset_of(row: Mapping[str, str]) -> Asset:
    """Return the asset of the texts of its columns; raises ValueError."""
    said: dict[str, dict[str, Any]] = {"": {}, "build": {}, "embodied": {}}
    for name, cell in row.items():
        if cell.strip():
            column, part, attribute = BY_COLUMN[name]
            said[part][attribute or name] = column.parse(cell.strip())
    return Asset(**said[""], build=Build(**said["build"]), embodied=Embodied(**said["embodied"]))
