"""PURE. The asset register as people write it: TOML or CSV to assets, and back to text.

One row or table is one version of one asset. A file is taken whole or not at all: everything
that is wrong in it is told at once, each with its line, column, value and what is allowed.
"""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final, NamedTuple

from wattgram.readings import Quality
from wattgram_collector.accounting.terms import exact_text
from wattgram_collector.inventory.activities.activity import Column
from wattgram_collector.inventory.activities.cells import (
    choice,
    day,
    flag,
    number,
    positive,
    ratio,
    text,
)
from wattgram_collector.inventory.assets import (
    Asset,
    AssetRole,
    Build,
    Condition,
    Embodied,
    MeteringPoint,
    Party,
    SiteKind,
    Supply,
)
from wattgram_collector.ledger.journal import canonical

SEPARATOR: Final = ";"
"""Between several hosts in one cell."""


class RegisterError(ValueError):
    """A register that cannot be taken; one line for each thing that is wrong."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class _Field(NamedTuple):
    """A column, and where in an asset it is: its own, its build's or its making's."""

    column: Column
    part: str = ""
    name: str = ""
    """Of the attribute; empty: as the column."""


def _names(cell: str) -> tuple[str, ...]:
    found = tuple(one.strip() for one in cell.split(SEPARATOR))
    if not all(found):
        raise ValueError(f"must be names with {SEPARATOR} between them")
    return tuple(map(text, found))


def _count(cell: str) -> int:
    found = number(cell)
    if found.denominator != 1:
        raise ValueError("must be a whole number")
    return int(found)


def _country(cell: str) -> str:
    if len(cell) != len("DE") or not (cell.isascii() and cell.isupper() and cell.isalpha()):
        raise ValueError("must be an ISO 3166 code of two letters such as DE")
    return cell


def _plain(name: str, meaning: str, parse: Any, *, required: bool = False) -> _Field:
    return _Field(Column(name, meaning, parse, required))


def _words(kind: type[StrEnum]) -> Any:
    parse = choice(*kind)
    return lambda cell: kind(parse(cell))


FIELDS: Final = (
    _plain("asset_id", "its name; one asset may have several versions", text, required=True),
    _plain("valid_from", "first day of this version; empty: ever since", day),
    _plain("device_class", "server, laptop, iot_gateway … (docs/assets.md)", text, required=True),
    _plain("role", ", ".join(AssetRole), _words(AssetRole), required=True),
    _plain("site", "site that it stands at", text),
    _plain("site_kind", ", ".join(SiteKind), _words(SiteKind), required=True),
    _plain("country", "ISO 3166 code", _country),
    _plain("zone", "grid zone, for what no agent meters", text),
    _plain("owner", ", ".join(Party), _words(Party), required=True),
    _plain("controller", "who runs it: one of the same", _words(Party), required=True),
    _plain("electricity_payer", "who pays: one of the same", _words(Party), required=True),
    _plain("supply", ", ".join(Supply), _words(Supply)),
    _plain("generator", "asset that supplies it", text),
    _plain("units", "how many equal ones", _count),
    _plain("org_unit", "part of the organisation", text),
    _plain("service", "service that it works for", text),
    _plain("customer", "whose site it stands at", text),
    _plain("agent_ids", "agents that it is", _names),
    _plain("hosts", "hosts that it is, by name or pattern", _names),
    _plain("parent", "asset that it is a part of", text),
    _Field(Column("included_in_parent", "whether the parent's figure has it inside", flag),
           name="is_included_in_parent"),
    _Field(Column("sold_by_org", "whether the organisation sold it", flag),
           name="is_sold_by_org"),
    _plain("sold_on", "when", day),
    _Field(Column("leased_out", "whether it is leased to a customer", flag),
           name="is_leased_out"),
    _Field(Column("required_by_service", "whether the offering needs it", flag),
           name="is_required_by_service"),
    _Field(Column("capitalised", "true: capital goods, false: expensed", flag),
           name="is_capitalised"),
    _plain("acquired_on", "day of acquisition", day),
    _plain("disposed_on", "day of its end", day),
    _Field(Column("transport_paid_by_org", "who paid its way", flag),
           name="is_transport_paid_by_org"),
    _plain("disposal_treatment", "how it was treated", text),
    _plain("condition", ", ".join(Condition), _words(Condition)),
    _plain("life_years", "expected in service", positive),
    _plain("duty_ratio", "expected share of its life that it is on", ratio),
    _plain("alpha", "share of it that is the organisation's", ratio),
    _plain("alpha_basis", "why", text),
    _plain("metering_point", ", ".join(MeteringPoint), _words(MeteringPoint)),
    _plain("psu_efficiency", "of its power supply, where a component is metered", ratio),
    _plain("note", "anything else", text),
    *(_Field(Column(name, meaning, parse), "build") for name, meaning, parse in (
        ("manufacturer", "who made it", text),
        ("model", "product", text),
        ("processors", "sockets", _count),
        ("memory_gigabytes", "memory", number),
        ("hdds", "hard disks", _count),
        ("ssds", "solid-state disks", _count),
        ("gpus", "graphics or accelerator cards", _count),
        ("mass_kilograms", "mass", positive),
    )),
    *(_Field(Column(f"embodied_{name}", meaning, parse), "embodied", attribute)
      for name, meaning, parse, attribute in (
        ("kilograms", "making of one unit without its use", number, "total_kilograms"),
        ("manufacturing_share", "of that, cradle to gate", ratio, "manufacturing_share"),
        ("transport_share", "of that, transport", ratio, "transport_share"),
        ("end_of_life_share", "of that, end of life", ratio, "end_of_life_share"),
        ("source", "who says it", text, "source"),
        ("tier", "measured, declared, modelled or default", _words(Quality), "tier"),
        ("low_kilograms", "low end of its 95 % interval", number, "low_kilograms"),
        ("high_kilograms", "high end", number, "high_kilograms"),
    )),
)  # fmt: skip
_TEXT_NEEDED: Final = "must be text, a number, true, false, a date or a list of texts"
_BY_COLUMN: Final = {one.column.name: one for one in FIELDS}


# ── reading ──────────────────────────────────────────────────────────────────────────────────


def read_csv(content: str, name: str) -> list[Asset]:
    """Return the assets of a table with a header; raises RegisterError."""
    rows = csv.reader(io.StringIO(content.removeprefix("\ufeff"), newline=""), strict=True)
    found: list[tuple[str, Mapping[str, str]]] = []
    problems: list[str] = []
    try:
        header = next(rows, [])
        problems += [f"{name}:1: {_unknown(column)}" for column in header
                     if column not in _BY_COLUMN]  # fmt: skip
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
    except tomllib.TOMLDecodeError as error:
        raise RegisterError([f"{name}: {error}"]) from error
    problems = [f"{name}: unknown key {key!r}: a register has assets" for key in said
                if key != "assets"]  # fmt: skip
    tables = said.get("assets", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise RegisterError([*problems, f"{name}: assets must be [[assets]] tables"])
    found: list[tuple[str, Mapping[str, str]]] = []
    for at, table in enumerate(tables, start=1):
        where = f"{name} [[assets]] number {at}"
        problems += [f"{where}: {_unknown(key)}" for key in table if key not in _BY_COLUMN]
        row = {key: _cell(value) for key, value in table.items() if key in _BY_COLUMN}
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
    near = get_close_matches(column, _BY_COLUMN, 1)
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
    for name, one in _BY_COLUMN.items():
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
            column, part, attribute = _BY_COLUMN[name]
            said[part][attribute or name] = column.parse(cell.strip())
    return Asset(**said[""], build=Build(**said["build"]), embodied=Embodied(**said["embodied"]))


# ── writing ──────────────────────────────────────────────────────────────────────────────────


def row_of(asset: Asset) -> dict[str, str]:
    """Return the texts of an asset's columns; what is as unsaid is left out."""
    found: dict[str, str] = {}
    for name, (_, part, attribute) in _BY_COLUMN.items():
        holder = getattr(asset, part) if part else asset
        value = getattr(holder, attribute or name)
        default = _DEFAULTS[part].get(attribute or name)
        if value not in (None, "", ()) and value != default:
            found[name] = _text_of(value)
    return found


_DEFAULTS: Final = {
    part: {one.name: one.default for one in fields(kind)}
    for part, kind in (("", Asset), ("build", Build), ("embodied", Embodied))
}


def _text_of(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case Fraction():
            return exact_text(value)
        case tuple():
            return SEPARATOR.join(value)
        case date():
            return value.isoformat()
        case _:
            return str(value)


def journal_text(asset: Asset) -> str:
    """Return the version as the journal keeps it: canonical JSON of its columns."""
    return canonical(row_of(asset))


def from_journal(entry_text: str) -> Asset:
    """Return the asset of `journal_text`; raises ValueError."""
    return asset_of(json.loads(entry_text))


def write_csv(assets: Iterable[Asset]) -> str:
    """Return a table with every column that one of the assets says."""
    rows = [row_of(one) for one in assets]
    columns = [name for name in _BY_COLUMN if any(name in row for row in rows)]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
