"""PURE. What people said, as the journal holds it: the inventory's side of every report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wattgram_collector.inventory.assets import Register
from wattgram_collector.inventory.register_journal import kept_versions, register_of
from wattgram_collector.ledger.journal import GENESIS, JournalEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The journal, replayed: withdrawn entries are left out, the newest of a version holds."""

    register: Register
    entries: int
    """How many entries the journal has, and below the hash of the last: what was read."""
    head: str


def books_of(entries: Iterable[JournalEntry]) -> Books:
    """Return what the whole journal says; raises ValueError naming an entry that is no such."""
    kept = list(entries)
    return Books(
        register=register_of(kept_versions(kept).values()),
        entries=len(kept),
        head=kept[-1].hash if kept else GENESIS,
    )
