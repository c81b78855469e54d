"""PURE. Assets to text: CSV and TOML that people read, and what the journal keeps."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date
from fractions import Fraction
from typing import Final

from wattgram.settings import as_toml
from wattgram_collector.accounting.terms import exact_text
from wattgram_collector.inventory.activities.cells import day, flag, number, positive, ratio
from wattgram_collector.inventory.register.assets import Asset, Build, Embodied
from wattgram_collector.inventory.register.columns import BY_COLUMN, SEPARATOR, count
from wattgram_collector.inventory.register.file import asset_of
from wattgram_collector.ledger.journal import canonical


def row_of(asset: Asset) -> dict[str, str]:
    """Return the texts of an asset's columns; what is as unsaid is left out."""
    found: dict[str, str] = {}
    for name, (_, part, attribute) in BY_COLUMN.items():
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


def write_toml(
    assets: Iterable[Asset], comments: Mapping[str, Iterable[str]] | None = None
) -> str:
    """Return `[[assets]]` tables; `comments` are lines before the table of an asset, by its id."""
    tables = []
    for one in assets:
        lines = [f"# {line}" for line in (comments or {}).get(one.asset_id, ())]
        lines.append("[[assets]]")
        lines += [f"{name} = {_toml(name, cell)}" for name, cell in row_of(one).items()]
        tables.append("\n".join(lines))
    return "\n\n".join(tables) + "\n" if tables else ""


def _toml(name: str, cell: str) -> str:
    if BY_COLUMN[name].is_list:
        return f"[{', '.join(map(as_toml, cell.split(SEPARATOR)))}]"
    kind = BY_COLUMN[name].column.parse
    if kind in (flag, day) or (kind in _NUMBERS and "/" not in cell):
        return cell
    return as_toml(cell)


_NUMBERS: Final = (number, positive, ratio, count)


def write_csv(assets: Iterable[Asset]) -> str:
    """Return a table with every column that one of the assets says."""
    rows = [row_of(one) for one in assets]
    columns = [name for name in BY_COLUMN if any(name in row for row in rows)]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
