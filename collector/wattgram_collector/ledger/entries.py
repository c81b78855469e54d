"""What a ledger is asked to add, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from wattgram_collector.accounting.emissions import PostingKey


class Tally(StrEnum):
    """What is counted of a host's data, beside the data: each with a label."""

    READINGS = "readings"
    GAP_NANOSECONDS = "gap_nanoseconds"  # by reason
    GAPS = "gaps"  # by reason
    COUNTER_RESETS = "counter_resets"  # by source
    MISSING_BATCHES = "missing_batches"
    REFUSED_BATCHES = "refused_batches"  # by reason

    __hash__ = str.__hash__  # in C: it is asked for with every batch


TallyKey = tuple[Tally, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One batch, reckoned: what is added to one agent's accounts. A refused one adds tallies."""

    agent_key: int
    session: str
    sequence: int
    received_unix_nanoseconds: int
    newest_sample_unix_nanoseconds: int
    usage: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """(Series key, slot) to quantity; the keys are the ledger's, see `Ledger.series_keys`."""
    postings: Mapping[PostingKey, int] = field(default_factory=dict)
    tallies: Mapping[TallyKey, int] = field(default_factory=dict)


class Outcome(NamedTuple):
    """What became of an entry: whether it was new, and how many before it never came."""

    entry: Entry
    is_new: bool
    missing: int


class Receipt(NamedTuple):
    """Which batches of one session are in what an agent used in one slot."""

    slot: int
    session: str
    first_sequence: int
    last_sequence: int
    batches: int
    """Between the two, both included; fewer than that came, or others are of other slots."""


class Receipts(NamedTuple):
    """The receipts of an agent, in order of time."""

    kept_from_slot: int
    """In slots before it there may be batches of before receipts were kept."""
    receipts: tuple[Receipt, ...]
