"""What waits, on disk and in memory, and what was lost of it: the steps of a spool."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Sequence
from typing import Final

from wattgram.readings import Batch, SeriesTable
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram.wire import encode_batch
from wattgram_agent.spool.entries import Entry, decode_batch, in_portions
from wattgram_agent.spool.losses import FULL, PURGED, Loss, Losses
from wattgram_agent.spool.recovered import Recovered
from wattgram_agent.spool.shelf import Shelf
from wattgram_agent.spool.waiting import Waiting

LOG: Final = logging.getLogger("wattgram.spool")

MEMORY_BYTES_MAX: Final = 1024 * 1024


class Store:
    """Called by one thread at a time."""

    def __init__(self, shelf: Shelf, found: Recovered, max_bytes: int) -> None:
        self.waiting = Waiting(found.entries, found.tables)
        self.losses: Losses = found.losses
        self.next_sequence = found.next_sequence
        self.oldest_hole = min((hole.first for hole in found.holes), default=None)
        """Until it is known whether it arrived."""
        self._shelf = shelf
        self._shelf.keep(found.entries)
        self._max_bytes = max_bytes
        self._is_state_due = False
        self._reasons_said: set[str] = set()

    @property
    def first_sequence(self) -> int:
        """The oldest number that waits, or may have been lost before it arrived, or the next."""
        first = self.waiting.first
        sequence = first.sequence if first else self.next_sequence
        return sequence if self.oldest_hole is None else min(sequence, self.oldest_hole)

    def read(self, entry: Entry) -> bytes | None:
        """Return the encoded batch; None when the medium no longer gives it back.

        Raises OSError where another try may help.
        """
        if entry.message is not None:
            return entry.message
        record = self._shelf.record(entry)
        return record.message if record else None

    def decode(self, entry: Entry) -> Batch | None:
        """Return the batch, None when it cannot be read now."""
        message = None
        with contextlib.suppress(OSError):
            message = self.read(entry)
        table = self.waiting.tables[entry.table_number]
        return decode_batch(message, table) if message is not None else None

    def add(self, batch: Batch, table: SeriesTable, checkpoint: bytes) -> None:
        """Add a batch and write what is in memory, oldest first.

        Raises OSError: what is not written is still in memory, as much as may be.
        """
        self.waiting.add(batch, table, checkpoint)
        self.next_sequence = batch.sequence + 1
        try:
            for some in in_portions(self.waiting.in_memory()):
                self._put(some)
        finally:
            self.lose(self.waiting.beyond(MEMORY_BYTES_MAX), FULL)
            self._shelf.tidy()

    def arrived(self, through_sequence: int, keep: Collection[int]) -> None:
        """Drop what was acknowledged, but for `keep`, and segments that hold nothing else."""
        arrived = self.waiting.through(through_sequence)
        self._take_out([entry for entry in arrived if entry.sequence not in keep])
        told = [number for number in self.losses.told if number <= through_sequence]
        self.losses.arrived(number for number in told if number not in keep)
        if not self.waiting:
            self._reasons_said.clear()
        if not self._is_state_due:  # what is not yet told must be found again
            self._shelf.tidy()

    def make_room(self, batch: Batch, table: SeriesTable, checkpoint_bytes: int) -> None:
        """Drop the oldest until the batch fits, so that it can tell what that cost."""
        through = 0
        if self._shelf.to_drop(bytes_at_most(batch) + checkpoint_bytes, table, self._max_bytes):
            due = len(encode_batch(batch)) + checkpoint_bytes
            through = self._shelf.to_drop(due, table, self._max_bytes)
        if not through:
            return
        on_disk = (entry for entry in self.waiting if entry.message is None)
        self.lose([entry for entry in on_disk if entry.segment <= through], FULL)

    def lose(self, entries: Sequence[Entry], reason: str, energy_microjoules: int = 0) -> None:
        """Take entries out, to be told in the next batch."""
        if not entries:
            return
        self._take_out(entries)
        numbers = {entry.sequence for entry in entries}
        self.losses.gone = {n for n in self.losses.gone | numbers if n > self.first_sequence}
        spans = sum(max(0, entry.duration_nanoseconds) for entry in entries)
        self.losses.owe_again(entry.sequence for entry in entries)
        self.losses.add(Loss(reason, len(entries), spans, 0, energy_microjoules))
        self._is_state_due = True
        if reason not in self._reasons_said:
            self._reasons_said.add(reason)
            LOG.warning("spool_dropped reason=%s batches=%d seconds=%.1f", reason, len(entries),
                        spans / NANOSECONDS_PER_SECOND)  # fmt: skip

    def purge(self) -> int:
        """Drop all that waits, on disk too; return how many. Raises OSError."""
        count = len(self.waiting)
        self.lose(list(self.waiting), PURGED)
        try:
            self.require_state()
        except OSError:  # a full medium: what goes leaves room to tell of it
            self._shelf.tidy()
            self.require_state()
        self._shelf.tidy()
        return count

    def save_state(self) -> None:
        """Write how the spool stands now; where that fails it goes with the next batch."""
        self._is_state_due = True
        with contextlib.suppress(OSError):
            self.require_state()

    def require_state(self) -> None:
        """Write how the spool stands; raises OSError."""
        self.losses.floor = self.first_sequence
        self._shelf.put_state(self.losses)
        self._is_state_due = False

    def end_boottime(self, entry: Entry, boot_id: str) -> int | None:
        """Return when a batch ended on the clock of a boot, None where it was another."""
        if self.waiting.tables[entry.table_number].boot_id != boot_id:
            return None
        if entry.end_boottime_nanoseconds is None:
            batch = self.decode(entry)
            if batch is None:
                return None
            start = batch.start_boottime_nanoseconds
            entry.end_boottime_nanoseconds = start + batch.duration_nanoseconds
        return entry.end_boottime_nanoseconds

    def _put(self, entries: Sequence[Entry]) -> None:
        self.losses.floor = self.first_sequence
        tells = any(entry.sequence in self.losses.told for entry in entries)
        self._shelf.put(entries, self.waiting.tables, self.losses, with_state=tells)
        self._is_state_due = False

    def _take_out(self, entries: Sequence[Entry]) -> None:
        self.waiting.take_out(entries)
        for entry in entries:
            self._shelf.release(entry)


def bytes_at_most(batch: Batch) -> int:
    """Return what a batch takes at most once it is encoded: ten bytes for any integer.

    Encoding is the dear part of a beat, and is done again where the batch is put.
    """
    height = len(batch.interval_microseconds)
    texts = sum(len(gap.source) + len(gap.reason) + len(gap.detail) for gap in batch.gaps)
    rows = len(batch.reaches) + len(batch.gaps)
    return 11 * height * (len(batch.columns) + 1) + 40 * rows + 4 * texts + 300
