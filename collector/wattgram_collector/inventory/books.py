"""PURE. What people said, as the journal holds it: the inventory's side of every report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wattgram_collector.inventory.activities.kept import Kept as KeptActivity
from wattgram_collector.inventory.activities.kept import kept_activities
from wattgram_collector.inventory.register.assets import Register
from wattgram_collector.inventory.register.journal import kept_versions, register_of
from wattgram_collector.inventory.report.closing import Closing, closing_of
from wattgram_collector.inventory.said.instruments import Instrument, kept_instruments
from wattgram_collector.inventory.said.kept import Kept
from wattgram_collector.inventory.said.statements import Remark, kept_statements
from wattgram_collector.inventory.said.units import UnitCount, kept_units
from wattgram_collector.ledger.journal import GENESIS, JournalEntry, JournalKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The journal, replayed: withdrawn entries are left out, the newest of a version holds."""

    register: Register
    activities: Sequence[KeptActivity] = ()
    units: Sequence[Kept[UnitCount]] = ()
    instruments: Sequence[Kept[Instrument]] = ()
    statements: Sequence[Kept[Remark]] = ()
    """Relevance, exclusions, assumptions: of which period is with them."""
    closings: Sequence[Closing] = ()
    """In the order of the journal: of two of one period the later holds."""
    entries: int = 0
    """How many entries the journal has, and below the hash of the last: what was read."""
    head: str = GENESIS


def books_of(entries: Iterable[JournalEntry], timezone: str = "UTC") -> Books:
    """Return what the whole journal says, with days of `timezone`.

    Raises ValueError naming an entry that is no such thing, or that this version does not
    understand.
    """
    kept = list(entries)
    return Books(
        register=register_of(kept_versions(kept).values()),
        activities=tuple(kept_activities(kept, timezone)),
        units=tuple(kept_units(kept)),
        instruments=tuple(kept_instruments(kept)),
        statements=tuple(kept_statements(kept)),
        closings=tuple(closing_of(one) for one in kept if one.kind is JournalKind.CLOSING),
        entries=len(kept),
        head=kept[-1].hash if kept else GENESIS,
    )
