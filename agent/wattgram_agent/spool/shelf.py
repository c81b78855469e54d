"""How a spool lies on disk: which records, in which segment, and what may be removed.

Every segment begins with the state of the spool and the tables that its batches refer to, so
that it can be read alone. A table is written twice, and again now and then: a damaged one costs
no batch.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from wattgram.readings import SeriesTable
from wattgram.wire import encode_series
from wattgram_agent.spool import checkpoints, sessions
from wattgram_agent.spool.checkpoints import Stored
from wattgram_agent.spool.entries import Entry
from wattgram_agent.spool.frames import BATCH, STATE, TABLE, Record, frame, parse
from wattgram_agent.spool.losses import Losses
from wattgram_agent.spool.segments import Segments

# Where the third copy of a table follows, in another block of the medium, and each after that.
COPY_BYTES: Final = (4 * 1024, 64 * 1024)
READS_MAX: Final = 3
_RECORD_BYTES: Final = 64  # what a record is longer than its message, and some more
_STATE_BYTES: Final = 512  # what a state takes that tells a loss or two more than the last


class Shelf:
    """Entries and states into segments, and back."""

    def __init__(
        self, segments: Segments, session: str, newest: tuple[Entry, SeriesTable] | None = None
    ) -> None:
        """`newest` is the last batch that an earlier run left, be it delivered, and its table."""
        self.session = session
        self.newest = newest
        """It holds the newest registers and number, and stays."""
        self._segments = segments
        self._used: Counter[int] = Counter()
        self._copies: dict[int, tuple[int, int]] = {}
        """By table: copies in the newest segment, and where the last of them is."""
        self._newest_table: tuple[SeriesTable, bytes] | None = None
        self._state_bytes = 0
        self._is_head_due = True
        self._is_session_due = False

    @property
    def has_remains(self) -> bool:
        """Whether batches that no disk took may be found in this session at the next start."""
        return self._segments.has_remains

    def keep(self, entries: Iterable[Entry]) -> None:
        """Take over what an earlier run left."""
        self._used.update(entry.segment for entry in entries)

    def put(
        self,
        entries: Sequence[Entry],
        tables: Mapping[int, SeriesTable],
        losses: Losses,
        *,
        with_state: bool,
    ) -> None:
        """Write batches that are in memory, at once; raises OSError: they still are."""
        self._begin_file_if_due()
        data = bytearray(self._state(losses) if with_state or self._is_head_due else b"")
        places = []
        for entry in entries:
            data += self._table(entry, tables[entry.table_number], len(data))
            record = frame(self._as_record(entry, losses.floor))
            places.append((len(data), len(record)))
            data += record
        offset = self._segments.write(bytes(data))
        self._is_head_due = False
        if self._is_session_due:
            self._put_session_or_take_back()
        for entry, (at, length) in zip(entries, places, strict=True):
            entry.segment, entry.offset, entry.length = self._segments.newest, offset + at, length
            entry.message, entry.checkpoint = None, b""
            self._used[entry.segment] += 1
            self.newest = entry, tables[entry.table_number]

    def put_state(self, losses: Losses) -> None:
        """Write how the spool stands, twice: until the next batch nothing else tells what it owes.

        Raises OSError.
        """
        self._begin_file_if_due()
        self._segments.write(2 * self._state(losses))
        self._is_head_due = False

    def begin_copies(self, session: str) -> Callable[[], None]:
        """Go on in another session, in a file of its own; return what takes that back."""
        before = self.session, self.newest, self._is_session_due
        self._segments.close()
        first = self._segments.newest + 1
        self.session, self._is_session_due = session, False

        def take_back() -> None:
            self._segments.remove_from(first)
            self.session, self.newest, self._is_session_due = before

        return take_back

    def go_on_as(self, session: str) -> None:
        """Go on in another session, which the next start finds once a batch of it is on disk.

        Without one it would know neither a number nor registers to go on from.
        """
        self._segments.close()
        self.session, self._is_session_due = session, True

    def put_session(self) -> None:
        """Write the session where the next start looks for it; raises OSError: it is not there."""
        try:
            self._write_session()
        except OSError:
            # It may be in place all the same, and only not known to outlive a power cut.
            if sessions.read_session(self._segments.directory).name != self.session:
                raise
        self._is_session_due = self._segments.has_remains = False

    def record(self, entry: Entry) -> Record | None:
        """Return what is on disk; None when it is there no more.

        Raises OSError where another try may help.
        """
        try:
            data = self._segments.read(entry.segment, entry.offset, entry.length)
        except FileNotFoundError:
            return None
        except OSError:
            entry.failed_reads += 1
            if entry.failed_reads < READS_MAX:
                raise
            return None
        found = parse(data)
        return found[0] if found and found[0].sequence == entry.sequence else None

    def release(self, entry: Entry) -> None:
        """Note that an entry no longer waits."""
        if entry.message is None:
            self._used[entry.segment] -= 1
            if not self._used[entry.segment]:
                del self._used[entry.segment]

    def tidy(self) -> None:
        """Remove the segments that hold nothing that waits."""
        self._segments.remove_before(min([*self._used, self._newest_segment]))

    def to_drop(self, message_bytes: int, table: SeriesTable, max_bytes: int) -> int:
        """Return up to which segment all must go to make room for a batch; 0: there is room."""
        due = message_bytes + 2 * len(self._encoded(table)) + 4 * _RECORD_BYTES
        due += self._state_bytes + _STATE_BYTES
        excess = self._segments.total_bytes + due - max_bytes
        through = 0
        for number, length in self._segments.sizes():
            if excess <= 0 or number >= self._newest_segment:
                break
            excess -= length
            through = number
        return through

    def close(self) -> None:
        self._segments.close()

    @property
    def _newest_segment(self) -> int:
        return self.newest[0].segment if self.newest else 0

    def _put_session_or_take_back(self) -> None:
        """Write the session behind its first batch; raises OSError: neither is there."""
        try:
            self.put_session()
        except OSError:
            self._segments.remove_from(self._segments.newest)
            raise

    def _write_session(self) -> None:
        self._segments.replace(sessions.FILE_NAME, sessions.as_text(self.session))

    def _as_record(self, entry: Entry, floor: int) -> Record:
        return Record(
            BATCH,
            entry.sequence,
            entry.table_number,
            entry.start_unix_nanoseconds,
            entry.end_unix_nanoseconds,
            entry.message or b"",
            checkpoints.join(Stored(entry.checkpoint, floor, checkpoints.tag_of(self.session))),
        )

    def _begin_file_if_due(self) -> None:
        if not self._segments.is_new_file_due():
            return
        self._segments.begin_file()
        self._is_head_due = True
        self._copies = {}
        if not os.path.exists(self._segments.directory / sessions.FILE_NAME):
            with contextlib.suppress(OSError):  # the state says it too
                self._write_session()

    def _state(self, losses: Losses) -> bytes:
        state = frame(Record(STATE, 0, 0, 0, 0, losses.encode(self.session)))
        self._state_bytes = len(state)
        return state

    def _table(self, entry: Entry, table: SeriesTable, before: int) -> bytes:
        """Return as many copies of the table as are due before the batch."""
        at = self._segments.size + before
        count, last = self._copies.get(table.number, (0, 0))
        if count and at - last < COPY_BYTES[min(count - 2, len(COPY_BYTES) - 1)]:
            return b""
        start = entry.start_unix_nanoseconds
        one = frame(Record(TABLE, 0, table.number, start, start, self._encoded(table)))
        copies = 1 if count else 2
        self._copies[table.number] = (count + copies, at)
        return copies * one

    def _encoded(self, table: SeriesTable) -> bytes:
        if self._newest_table is None or self._newest_table[0] is not table:
            self._newest_table = table, encode_series(table)
        return self._newest_table[1]
