"""A journal in memory: whole, and gone with the process."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from wattgram_collector.ledger import JournalMovedError
from wattgram_collector.ledger.journal import (
    GENESIS,
    JournalEntry,
    JournalKind,
    JournalRecord,
    chained,
)


class MemoryJournal:
    """See `wattgram_collector.ledger.journal.Journal`."""

    def __init__(self) -> None:
        self._entries: list[JournalEntry] = []

    def append(
        self,
        records: Sequence[JournalRecord],
        recorded_unix_nanoseconds: int,
        *,
        seen: int | None = None,
    ) -> tuple[int, int]:
        kinds = {JournalKind.WITHDRAWAL, *(one.kind for one in records)}
        if seen is not None and any(self.journal(kinds, seen)):
            raise JournalMovedError("journal: somebody added something meanwhile")
        before = len(self._entries)
        head = self._entries[-1].hash if self._entries else GENESIS
        self._entries.extend(chained(records, recorded_unix_nanoseconds, before, head))
        return before + 1, len(self._entries)

    def journal(
        self, kinds: Collection[JournalKind] | None = None, after: int = 0
    ) -> Iterator[JournalEntry]:
        for one in self._entries[after:]:
            if kinds is None or one.kind in kinds:
                yield one

    def close(self) -> None:
        pass
