"""PURE. What an organisation says: what matters, what is left out and why, what is assumed.

A statement is of a scope, a category, a part of one, a leaf of the Technology Carbon Standard, or
of all. It changes no number: it is why a number is not there, or what one rests on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram_collector.inventory.activities.activity import Column
from wattgram_collector.inventory.activities.cells import choice, day, number, text
from wattgram_collector.inventory.lines import Relevance, Statement
from wattgram_collector.inventory.periods import ReportPeriod
from wattgram_collector.inventory.places import SCOPE_1, SCOPE_2, GhgPlace, TcsLeaf
from wattgram_collector.inventory.said.kept import Kept, Shelf, Sort
from wattgram_collector.inventory.said.rows import Said, SaidError, parsed, problem
from wattgram_collector.ledger.journal import JournalEntry, JournalKind
from wattgram_collector.reports.numbers import exact

ALL: Final = "all"
_SCOPE_3: Final = re.compile(r"3\.(1[0-5]|[1-9])(?:([a-d])|[ /]([a-z0-9_-]{1,40}))?", re.ASCII)
_ENERGY: Final = 3
"""The category whose parts are called a to d."""


class Table(StrEnum):
    """Which table of the file it stands in."""

    RELEVANCE = "relevance"
    EXCLUSION = "exclusions"
    ASSUMPTION = "assumptions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One statement. Raises ValueError for one without what an auditor asks for."""

    remark_id: str
    table: Table
    scope_ref: str
    """As `parse_place` reads it, in its one form."""
    text: str = ""
    owner: str
    day: date
    effect_kilograms: Fraction | None = None
    """What it is thought to come to, where that was looked at; below 0: it makes less."""
    relevance: Relevance = Relevance.NOT_EVALUATED
    valid_from: date | None = None
    valid_to: date | None = None
    """The last day; None: until it is withdrawn."""

    def __post_init__(self) -> None:
        needs_text = self.table is not Table.RELEVANCE or self.relevance is Relevance.NOT_RELEVANT
        if needs_text and not self.text:
            raise ValueError("text is required: why")
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise ValueError("valid_to is before valid_from")
        if self.table is not Table.ASSUMPTION and self.scope_ref == ALL:
            raise ValueError("all is for assumptions only: name a scope, a category or a leaf")


def parse_place(cell: str) -> GhgPlace | TcsLeaf | str:
    """Return the place that is meant: `1`, `2`, `3.6`, `3.3b`, `3.1 cloud`, `O.servers`, `all`.

    Raises ValueError.
    """
    if cell == ALL:
        return ALL
    if cell in ("1", "2"):
        return SCOPE_1 if cell == "1" else SCOPE_2
    found = _SCOPE_3.fullmatch(cell)
    if found:
        category, letter, part = int(found[1]), found[2], found[3] or ""
        if letter and category != _ENERGY:
            raise ValueError("only 3.3 has the parts a to d")
        return GhgPlace(3, category, f"3{letter}" if letter else part)
    try:
        return TcsLeaf.of_code(cell)
    except ValueError:
        raise ValueError(
            "must be 1, 2, 3.1 to 3.15, a part as 3.3b or 3.1 cloud, a leaf as O.servers, or all"
        ) from None


def _place(cell: str) -> str:
    return place_text(parse_place(cell))


def place_text(place: GhgPlace | TcsLeaf | str) -> str:
    """Return the one form of a place that `parse_place` reads."""
    match place:
        case TcsLeaf():
            return place.code
        case GhgPlace(scope=3, category=3, subcategory=("3a" | "3b" | "3c" | "3d") as part):
            return f"3.{part}"
        case _:
            return str(place)


def _signed(cell: str) -> Fraction:
    return -number(cell[1:]) if cell.startswith("-") else number(cell)


_COMMON: Final = (
    Column("id", "its name, unique; table/scope_ref where it is empty", text),
    Column("scope_ref", "1, 2, 3.1 to 3.15, a part as 3.3b or 3.1 cloud, a leaf as O.servers; "
           "of an assumption also all", _place, is_required=True),
    Column("text", "why, or what is assumed", text),
    Column("owner", "who says so", text, is_required=True),
    Column("date", "when it was said", day, is_required=True),
    Column("effect_kg", "what it is thought to come to, in kg of CO2e; may be below 0", _signed),
    Column("valid_from", "first day of the periods that it is of; empty: ever", day),
    Column("valid_to", "last day; empty: until it is withdrawn", day),
)  # fmt: skip
RELEVANCE: Final = Column("relevance", "relevant, not_relevant (with text) or not_evaluated",
                          choice(*Relevance), is_required=True)  # fmt: skip
TABLES: Final[Mapping[str, tuple[Column, ...]]] = {
    Table.RELEVANCE.value: (*_COMMON, RELEVANCE),
    Table.EXCLUSION.value: _COMMON,
    Table.ASSUMPTION.value: _COMMON,
}


def _taken(said: Said) -> Remark:
    table = Table(said.cells["table"])
    values = parsed(said, TABLES[table])
    place = values["scope_ref"]
    try:
        return Remark(
            remark_id=values["id"] or f"{table}/{place}",
            table=table,
            scope_ref=place,
            text=values["text"] or "",
            owner=values["owner"],
            day=values["date"],
            effect_kilograms=values["effect_kg"],
            relevance=Relevance(values.get("relevance") or Relevance.NOT_EVALUATED),
            valid_from=values["valid_from"],
            valid_to=values["valid_to"],
        )
    except ValueError as error:
        raise SaidError([problem(said.where, str(error))]) from error


def cells_of(one: Remark) -> dict[str, str]:
    """Return the texts of a statement's columns; what is not said is left out."""
    found = {
        "table": one.table.value,
        "id": one.remark_id,
        "scope_ref": one.scope_ref,
        "text": one.text,
        "owner": one.owner,
        "date": one.day.isoformat(),
        "effect_kg": "" if one.effect_kilograms is None else exact(one.effect_kilograms),
        "relevance": one.relevance.value if one.table is Table.RELEVANCE else "",
        "valid_from": one.valid_from.isoformat() if one.valid_from else "",
        "valid_to": one.valid_to.isoformat() if one.valid_to else "",
    }
    return {column: cell for column, cell in found.items() if cell}


def _contradictions(
    after: Mapping[str, Remark], said: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield each of `said` that says another relevance of a place than one that holds with it."""
    first: dict[str, list[Remark]] = {}
    for one in sorted(after.values(), key=lambda one: one.remark_id in said):
        if one.table is not Table.RELEVANCE:
            continue
        for other in first.setdefault(one.scope_ref, []):
            if _together(one, other) and one.remark_id in said:
                yield one.remark_id, f"{other.remark_id!r} says the relevance of {one.scope_ref}"
        first[one.scope_ref].append(one)


def _together(one: Remark, other: Remark) -> bool:
    return max(one.valid_from or date.min, other.valid_from or date.min) <= min(
        one.valid_to or date.max, other.valid_to or date.max
    )


STATEMENTS: Final[Sort[Remark]] = Sort(
    kind=JournalKind.STATEMENT,
    noun="statement",
    take=_taken,
    cells=cells_of,
    key=lambda one: one.remark_id,
    conflicts=_contradictions,
)


# ── what the inventory takes ─────────────────────────────────────────────────────────────────


def kept_statements(entries: Iterable[JournalEntry]) -> list[Kept[Remark]]:
    """Return the statements that hold; raises ValueError naming an entry that is none."""
    return list(Shelf(STATEMENTS, entries).held.values())


class Stated(NamedTuple):
    """What holds of a period."""

    places: Mapping[GhgPlace, Statement]
    """For `inventory_lines`."""
    leaves: Mapping[TcsLeaf, Statement]
    assumptions: list[dict[str, str]]
    """Rows of assumptions.csv, and below of exclusions.csv."""
    exclusions: list[dict[str, str]]


def stated(kept: Iterable[Kept[Remark]], period: ReportPeriod) -> Stated:
    """Return the statements of a period, those that hold on any of its days."""
    found = sorted((one.value for one in kept if holds(one.value, period)),
                   key=lambda one: (one.scope_ref, one.remark_id))  # fmt: skip
    by_place: dict[GhgPlace | TcsLeaf | str, list[Remark]] = {}
    for one in found:
        if one.table is not Table.ASSUMPTION:
            by_place.setdefault(parse_place(one.scope_ref), []).append(one)
    said = {place: _statement(remarks) for place, remarks in by_place.items()}
    return Stated(
        {place: one for place, one in said.items() if isinstance(place, GhgPlace)},
        {place: one for place, one in said.items() if isinstance(place, TcsLeaf)},
        [_row(one) for one in found if one.table is Table.ASSUMPTION],
        [_row(one) for one in found if _is_exclusion(one)],
    )


def holds(one: Remark, period: ReportPeriod) -> bool:
    begins = one.valid_from is None or one.valid_from < period.after
    return begins and (one.valid_to is None or one.valid_to >= period.first)


def _is_exclusion(one: Remark) -> bool:
    return one.table is Table.EXCLUSION or one.relevance is Relevance.NOT_RELEVANT


def _statement(found: Iterable[Remark]) -> Statement:
    remarks = list(found)
    relevance = [one.relevance for one in remarks if one.table is Table.RELEVANCE]
    return Statement(
        relevance=relevance[0] if relevance else Relevance.NOT_EVALUATED,
        is_excluded=any(map(_is_exclusion, remarks)),
        justification="; ".join(one.text for one in remarks if one.text),
    )


def _row(one: Remark) -> dict[str, str]:
    cells = cells_of(one)
    columns = ("id", "scope_ref", "text", "owner", "date", "effect_kg")
    return {name: cells.get(name, "") for name in columns}


def contradicted(
    said: Mapping[GhgPlace, Statement], booked: Collection[GhgPlace]
) -> Iterator[str]:
    """Yield each place that is said not to be relevant, and has postings."""
    for place, one in said.items():
        has = any(other == place or (other[:2] == place[:2] and not place.subcategory)
                  for other in booked)  # fmt: skip
        if one.relevance is Relevance.NOT_RELEVANT and has:
            yield f"{place_text(place)} is said not to be relevant, and has postings"
