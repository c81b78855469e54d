"""PURE. What a person reads of activities: lists, one of them with its postings, the kinds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.accounting.terms import exact_text
from wattgram_collector.inventory.activities.activity import (
    COMMON_COLUMNS,
    Column,
    FactorTable,
    Kind,
)
from wattgram_collector.inventory.activities.kept import Row, activity_of
from wattgram_collector.inventory.activities.outcome import Outcome
from wattgram_collector.inventory.postings import Posting

_LIST: Final = "{:<28} {:<20} {:<12} {:<12} {:<16} {}"
_KINDS: Final = "{:<20} {}"
_COLUMN: Final = "  {:<28} {}"
_GRAM_DIGITS: Final = 3


def outcome_lines(found: Outcome) -> Iterator[str]:
    """Yield what became of a file: what is wrong and what to mind is told apart from it."""
    taken = "would be taken" if found.is_dry else "taken"
    replaced = f" ({found.replaced} of them replace another)" if found.replaced else ""
    entries = f", entries {found.first_entry} to {found.last_entry}" if found.first_entry else ""
    yield (f"{found.file}: {found.rows} rows: {found.taken} {taken}{replaced}, "
           f"{found.already_there} already there, {found.refused} refused, "
           f"{found.unpriced} without a price for a part{entries}")  # fmt: skip
    if found.problems and not found.taken:
        yield f"{found.file}: refused whole, nothing is booked"


def list_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Yield a line for each row that holds."""
    yield _LIST.format("activity", "kind", "from", "to", "site", "file:line")
    for row in rows:
        cells = row.cells
        first = cells.get("from", "")
        yield _LIST.format(
            row.activity_id, row.kind, first, cells.get("to", first),
            cells.get("site") or cells.get("country") or "-", f"{row.source.file}:{row.line}",
        )  # fmt: skip


def row_said(row: Row) -> dict[str, Any]:
    """Return a row that holds, as JSON has it."""
    return {
        "activity_id": row.activity_id,
        "kind": row.kind,
        "entry": row.number,
        "recorded_unix_nanoseconds": row.recorded_unix_nanoseconds,
        "file": row.source.file,
        "sha256": row.source.sha256,
        "line": row.line,
        "row": dict(row.cells),
    }


def postings_said(
    row: Row, timezone: str, kinds: Mapping[str, Kind], factors: FactorTable
) -> list[dict[str, Any]]:
    """Return what a row comes to; raises KeptError or RowError."""
    activity = activity_of(row, timezone, kinds)
    return [_posting_said(one) for one in kinds[row.kind].reckon(activity, factors)]


def _posting_said(one: Posting) -> dict[str, Any]:
    """Kilograms are rounded half to even to a milligram; null is not known."""
    factor = one.priced_by
    return {
        "ghg": str(one.place) if one.place and one.in_ghg else None,
        "tcs": one.leaf.code if one.leaf and one.in_tcs else None,
        "role": str(one.role),
        "method": str(one.method),
        "stage": str(one.stage),
        "quantity": _text(one.quantity),
        "unit": one.unit,
        "factor": one.factor or None,
        "factor_kilograms": _text(one.factor_value),
        "source": f"{factor.source}, {factor.source_version}" if factor else None,
        "kilograms": None if one.grams is None else _rounded(one.grams),
        "note": one.note,
    }


def _text(number: Fraction | None) -> str | None:
    return None if number is None else exact_text(number)


def _rounded(grams: Fraction) -> str:
    milligrams = Fraction(round(grams, _GRAM_DIGITS))
    return exact_text(milligrams / GRAMS_PER_KILOGRAM)


def shown_lines(said: Mapping[str, Any]) -> Iterator[str]:
    """Yield all that is known of one activity, for a person."""
    yield f"activity {said['activity_id']}"
    for one in said["history"]:
        gone = one["withdrawn"]
        state = f"withdrawn by entry {gone['entry']}: {gone['reason']}" if gone else "holds"
        yield f"  entry {one['entry']} from {one['file']}:{one['line']}, {state}"
        yield f"    sha256 of the file {one['sha256']}"
        yield from (f"    {name:<24} {cell}" for name, cell in one["row"].items())
    for one in said["postings"]:
        places = ", ".join(name for name in (one["ghg"], one["tcs"]) if name) or one["role"]
        worth = "not priced" if one["kilograms"] is None else f"{one['kilograms']} kg"
        method = "" if one["method"] == "-" else f" ({one['method']})"
        yield f"  {places}{method}: {worth}"
        yield f"    {one['quantity']} {one['unit']} x {one['factor'] or 'no factor'}"
        yield from (f"    {text}" for text in (one["source"], one["note"]) if text)


def kinds_lines(kinds: Iterable[Kind]) -> Iterator[str]:
    yield from (_KINDS.format(kind.name, kind.meaning) for kind in kinds)


def kind_lines(kind: Kind) -> Iterator[str]:
    """Yield what a kind is, and every column that its rows may have."""
    yield f"{kind.name}: {kind.meaning}"
    yield f"places: {kind.places}"
    yield f"formula: {kind.formula}"
    yield f"source: {kind.source}"
    for method, about in kind.methods.items():
        yield f"  {method}: {about}"
    for title, columns in (("its columns", kind.columns), ("columns of all", COMMON_COLUMNS)):
        yield title
        yield from map(_column_line, columns)


def _column_line(column: Column) -> str:
    required = " (required)" if column.is_required else ""
    return _COLUMN.format(column.name, f"{column.meaning}{required}")


def kind_said(kind: Kind) -> dict[str, Any]:
    """Return a kind as JSON has it."""
    return {
        "name": kind.name,
        "meaning": kind.meaning,
        "places": kind.places,
        "formula": kind.formula,
        "source": kind.source,
        "methods": dict(kind.methods),
        "columns": [
            {"name": one.name, "meaning": one.meaning, "is_required": one.is_required}
            for one in (*kind.columns, *COMMON_COLUMNS)
        ],
    }
