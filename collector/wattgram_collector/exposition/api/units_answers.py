"""PURE. Functional units in the API: what is kept of them, and what became of those posted."""

from __future__ import annotations

from dataclasses import dataclass

from wattgram_collector.exposition.api.asked import Values
from wattgram_collector.inventory.said.kept import Kept, SaidReader, Shelf
from wattgram_collector.inventory.said.units import UnitCount, units_sort
from wattgram_collector.reports.numbers import exact


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitEntry:
    """How many units of a service one source counted in one time."""

    id: str
    service: str
    unit: str
    count: float
    count_exact: str
    from_unix_seconds: int
    to_unix_seconds: int
    """Exclusive."""
    source: str
    evidence: str
    note: str
    journal_entry: int
    """Number of the entry of the journal that says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionalUnits:
    """The counts that were asked for, a page of them, oldest first."""

    total: int
    """How many were found, on all pages."""
    offset: int
    limit: int
    entries: tuple[UnitEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of what was posted; it is durable."""

    new: tuple[str, ...]
    """Their ids."""
    replaced: tuple[str, ...]
    same: int
    """How many were there already, just so."""


def functional_units(ledger: SaidReader, asked: Values) -> FunctionalUnits:
    """Return a page of the entries that hold."""
    held = Shelf(units_sort()).read(ledger).held.values()
    found = [
        one
        for one in held
        if asked["service"] in ("", one.value.service) and asked["unit"] in ("", one.value.unit)
    ]
    found.sort(key=lambda one: (one.value.interval, one.value.entry_id))
    offset, limit = asked["offset"], asked["limit"]
    return FunctionalUnits(
        total=len(found),
        offset=offset,
        limit=limit,
        entries=tuple(map(_entry, found[offset : offset + limit])),
    )


def _entry(one: Kept[UnitCount]) -> UnitEntry:
    value = one.value
    return UnitEntry(
        id=value.entry_id,
        service=value.service,
        unit=value.unit,
        count=float(value.count),
        count_exact=exact(value.count),
        from_unix_seconds=value.interval.start_unix_seconds,
        to_unix_seconds=value.interval.end_unix_seconds,
        source=value.source,
        evidence=value.evidence,
        note=value.note,
        journal_entry=one.number,
    )
