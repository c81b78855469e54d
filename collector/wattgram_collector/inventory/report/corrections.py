"""PURE. Rows of a ledger.csv that was written, read again; and what is corrected of them since.

Nothing that was closed is taken out or changed. What is otherwise now is taken back by a row that
names it, and a row follows that stands instead.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import Final

from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.inventory.places import GhgPlace, TcsLeaf
from wattgram_collector.inventory.postings import Book, Method, Posting, Role, Stage
from wattgram_collector.inventory.report.cells import plain
from wattgram_collector.inventory.report.ledger_file import (
    Row,
    decimal,
    derived_id,
    evident,
    in_order,
    posting_id,
)


def rows_of(text: str) -> list[Row]:
    """Return the rows of a ledger.csv; raises ValueError naming the line that is none.

    What a row does not say (gases, the supplier's data, its uncertainty) is not known of it.
    """
    found = []
    lines = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    for cells in lines:
        try:
            found.append(_row({name: plain(cell) for name, cell in cells.items()}))
        except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
            raise ValueError(f"ledger.csv: line {lines.line_num}: {error}") from error
    return found


_SUBJECTS: Final = {"asset": "asset_id", "activity": "activity_id", "agent": "agent"}


def _row(cells: Mapping[str, str]) -> Row:
    sign = -1 if cells["reverses"] else 1
    named = {kind: cells[column] for kind, column in _SUBJECTS.items() if cells[column]}
    ((kind, name),) = named.items()
    kilograms, quantity = _number(cells["kgco2e"]), _number(cells["quantity"])
    posting = Posting(
        start_unix_seconds=_instant(cells["interval_start"]),
        end_unix_seconds=_instant(cells["interval_end"]),
        subject=f"{kind}/{name}",
        stage=Stage(cells["stage"]),
        place=_place(cells),
        leaf=TcsLeaf.of_code(cells["tcs"]) if cells["tcs"] else None,
        method=Method(cells["method"]),
        book=Book(cells["book"]),
        role=Role(cells["role"]),
        quantity=None if quantity is None else sign * quantity,
        unit=cells["unit"],
        factor=cells["factor_id"],
        factor_value=_number(cells["factor_value"]),
        alpha=Fraction(cells["alpha"]),
        pue=Fraction(cells["pue"]),
        grams=None if kilograms is None else sign * kilograms * GRAMS_PER_KILOGRAM,
        in_ghg=_flag(cells["in_ghg"]),
        in_tcs=_flag(cells["in_tcs"]),
        tier_activity=Quality(cells["tier_activity"]),
        tier_factor=Quality(cells["tier_factor"]),
        org_unit=cells["org_unit"],
        service=cells["service"],
        rule=cells["rule"],
        evidence=cells["evidence"],
        note=cells["note"],
    )
    return Row(cells["posting_id"], posting, cells["reverses"])


def _place(cells: Mapping[str, str]) -> GhgPlace | None:
    if not cells["scope"]:
        return None
    return GhgPlace(int(cells["scope"]), int(cells["category"] or 0), cells["subcategory"])


def _number(cell: str) -> Fraction | None:
    return Fraction(cell) if cell else None


def _flag(cell: str) -> bool:
    return {"true": True, "false": False}[cell]


def _instant(cell: str) -> int:
    return int(datetime.fromisoformat(cell).timestamp())


def standing(rows: Iterable[Row]) -> list[Row]:
    """Return the rows that hold: neither taken back nor taking back."""
    found = list(rows)
    gone = {row.reverses for row in found if row.reverses}
    return [row for row in found if not row.reverses and row.posting_id not in gone]


def corrected(closed: Sequence[Row], found: Iterable[Row]) -> list[Row]:
    """Return the rows of a period that was closed: what stood there, then what has changed.

    What is the same stays. What is otherwise is taken back and posted again under an id of its
    own; what is gone is taken back only; what is new follows. Each of these is in order, and
    after all that was closed.
    """
    now = {row.posting_id: row.posting for row in found}
    held = {posting_id(row.posting): row for row in standing(closed)}
    kept: list[Row] = []
    answers: list[Row] = []
    for row in closed:
        key = posting_id(row.posting)
        if held.get(key) is not row:
            kept.append(row)
            continue
        after = now.get(key)
        if after is not None and _says(after) == _says(row.posting):
            kept.append(row._replace(posting=_as_it_stood(after, row.posting)))
            continue
        kept.append(row)
        reversal = derived_id(row.posting_id, "reversal")
        answers.append(Row(reversal, row.posting, reverses=row.posting_id))
        if after is not None:
            answers.append(Row(derived_id(row.posting_id, "correction"), after))
    known = {row.posting_id for row in closed}
    for key, posting in now.items():
        if key not in held:
            answers.append(Row(_unused(key, known), posting))
    return kept + sorted(answers, key=in_order)


def _unused(key: str, known: set[str]) -> str:
    """Return the id of what was taken back once and is there again: made from its own."""
    while key in known:
        key = derived_id(key, "again")
    return key


def _says(one: Posting) -> tuple[object, ...]:
    """Return what a reader takes from a row: its numbers, its places and its quality.

    Not its words: a later version of this program may say the same in others.
    """
    return (
        *map(decimal, (one.quantity, one.factor_value, one.alpha, one.pue)),
        None if one.grams is None else decimal(one.grams / GRAMS_PER_KILOGRAM),
        one.unit, one.in_ghg, one.in_tcs, one.tier_activity, one.tier_factor, one.org_unit,
        one.service, evident(one),
    )  # fmt: skip


def _as_it_stood(after: Posting, before: Posting) -> Posting:
    """Return what is the same still, exactly, in the words of the row that was closed."""
    return replace(after, rule=before.rule, note=before.note, evidence=before.evidence)
