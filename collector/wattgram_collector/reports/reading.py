"""Rows of a ledger, a day at a time: however long the period, a day is all that is held."""

from __future__ import annotations

from collections.abc import Iterator

from wattgram.units import ACCOUNTING_SLOT_SECONDS, SECONDS_PER_DAY
from wattgram_collector.ledger import Ledger
from wattgram_collector.ledger.restatement import Posted
from wattgram_collector.progress import Tell, nobody, told

SLOTS_PER_DAY = SECONDS_PER_DAY // ACCOUNTING_SLOT_SECONDS


class Period:
    """Whole accounting slots, `[first_slot, end_slot)`: those that a time touches."""

    def __init__(self, from_unix_seconds: int, to_unix_seconds: int) -> None:
        """Raises ValueError for a period that ends before it begins."""
        self.first_slot = from_unix_seconds // ACCOUNTING_SLOT_SECONDS
        self.end_slot = -(-to_unix_seconds // ACCOUNTING_SLOT_SECONDS)
        if self.end_slot <= self.first_slot:
            raise ValueError("the period ends before it begins: give --from and a later --to")

    @property
    def from_unix_seconds(self) -> int:
        return self.first_slot * ACCOUNTING_SLOT_SECONDS

    @property
    def to_unix_seconds(self) -> int:
        return self.end_slot * ACCOUNTING_SLOT_SECONDS

    def days(self, span: tuple[int, int] | None) -> Iterator[tuple[int, int]]:
        """Yield the days of UTC in it, as slots, as far as something is posted: `span`."""
        if span is None:
            return
        first, end = max(self.first_slot, span[0]), min(self.end_slot, span[1] + 1)
        while first < end:
            until = min(end, (first // SLOTS_PER_DAY + 1) * SLOTS_PER_DAY)
            yield first, until
            first = until


def days_posted(
    ledger: Ledger, period: Period, agent_key: int | None = None, tell: Tell = nobody
) -> Iterator[Iterator[Posted]]:
    """Yield the rows of each day, of one agent or of all; raises LedgerError."""
    for first, end in told(list(period.days(ledger.posted_span(agent_key))), tell):
        yield ledger.posted(first, end, agent_key)
