"""PURE. What a collector's Welcome says of the batches that wait."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from wattgram.readings import Batch, SeriesTable
from wattgram.units import NANOSECONDS_PER_MICROSECOND
from wattgram_agent.batches import without_first_interval
from wattgram_agent.spool.entries import Entry
from wattgram_agent.spool.fitting import without_what_began_before

_STALE: Final = "checkpoint_stale"


def not_in_ledger(
    entries: Iterable[Entry],
    applied_sequence: int,
    starts_unix_nanoseconds: Sequence[int],
    *,
    never_sent_from: int,
    certainly_not: Collection[int],
) -> list[Entry]:
    """Return the entries whose numbers are in the ledger, and who are not.

    `starts_unix_nanoseconds` are the beginnings of what is in the ledger, from `applied_sequence`
    down, 0 where that is not known. Then a batch with a number that was never sent before, from
    `never_sent_from` on, is another one, and one that may have been sent is there: to deliver it
    again would be worse than to lose it. Of `certainly_not` it is known otherwise: one goes on
    from registers of before, and so may begin with the one that had its number.
    """
    absent = []
    for entry in entries:
        if entry.sequence > applied_sequence:
            break
        at = applied_sequence - entry.sequence
        start = starts_unix_nanoseconds[at] if at < len(starts_unix_nanoseconds) else 0
        is_other = start != entry.start_unix_nanoseconds if start else (
            entry.sequence >= never_sent_from
        )  # fmt: skip
        if is_other or entry.sequence in certainly_not:
            absent.append(entry)
    return absent


class StaleRegisters:
    """Cuts from batches what was delivered before: their first interval goes on from registers
    that are older than what the collector has.
    """

    def __init__(self, boot_id: str) -> None:
        """`boot_id` is the boot of the registers: in another they were not gone on from."""
        self._boot_id = boot_id
        self._until: int | None = None
        """The end of the first interval, on the boot-time clock."""

    def cut(self, batch: Batch, table: SeriesTable) -> Batch:
        """Return the batch, in the order of appending, without what reaches back."""
        if table.boot_id != self._boot_id or not batch.interval_microseconds:
            return batch
        if self._until is None:
            first = batch.interval_microseconds[0] * NANOSECONDS_PER_MICROSECOND
            self._until = batch.start_boottime_nanoseconds + first
            is_cut = any(gap.reason == _STALE for gap in batch.gaps)
            return batch if is_cut else without_first_interval(batch)
        return without_what_began_before(batch, self._until) if batch.reaches else batch
