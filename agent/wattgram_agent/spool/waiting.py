"""The batches that wait, in the order of their numbers, and the tables that they refer to."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from wattgram.readings import Batch, SeriesTable
from wattgram.wire import encode_batch
from wattgram_agent.spool.entries import Entry


class Waiting:
    """A queue whose end may be in memory only: what no disk has taken yet."""

    def __init__(self, entries: Iterable[Entry], tables: dict[int, SeriesTable]) -> None:
        self._entries = deque(entries)
        self._use = Counter(entry.table_number for entry in self._entries)
        self.tables = {number: tables[number] for number in self._use}
        """By number."""
        self.newest_unix_nanoseconds = 0
        """When the batch that was added last ended."""

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    @property
    def first(self) -> Entry | None:
        return self._entries[0] if self._entries else None

    def find(self, sequence: int) -> Entry | None:
        return next((entry for entry in self._entries if entry.sequence == sequence), None)

    def through(self, sequence: int) -> list[Entry]:
        """Return the entries up to a number."""
        return list(takewhile(lambda entry: entry.sequence <= sequence, self._entries))

    def add(self, batch: Batch, table: SeriesTable, checkpoint: bytes) -> None:
        """Add a batch in memory."""
        length = batch.duration_nanoseconds
        entry = Entry(
            batch.sequence,
            table.number,
            batch.start_unix_nanoseconds,
            batch.start_unix_nanoseconds + length,
            message=encode_batch(batch),
            checkpoint=checkpoint,
            end_boottime_nanoseconds=batch.start_boottime_nanoseconds + length,
        )
        self._entries.append(entry)
        self._use[table.number] += 1
        self.tables[table.number] = table
        self.newest_unix_nanoseconds = entry.end_unix_nanoseconds

    def in_memory(self) -> list[Entry]:
        """Return the end of the queue that no disk has."""
        held = list(takewhile(lambda entry: entry.message is not None, reversed(self._entries)))
        return held[::-1]

    def beyond(self, memory_bytes_max: int) -> list[Entry]:
        """Return the oldest of what is in memory past a bound."""
        held = self.in_memory()
        excess = sum(entry.held_bytes for entry in held) - memory_bytes_max
        gone = []
        for entry in held:
            if excess <= 0:
                break
            excess -= entry.held_bytes
            gone.append(entry)
        return gone

    def take_out(self, entries: Sequence[Entry]) -> None:
        """Remove entries, given in order."""
        rest = []
        for entry in entries:
            if self._entries and self._entries[0] is entry:
                self._entries.popleft()
            else:
                rest.append(entry)
        if rest:
            gone = set(map(id, rest))
            self._entries = deque(entry for entry in self._entries if id(entry) not in gone)
        for entry in entries:
            number = entry.table_number
            self._use[number] -= 1
            if not self._use[number]:
                del self._use[number], self.tables[number]
