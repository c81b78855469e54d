"""Batches on disk until they are acknowledged.

A directory of segments. Every segment begins with the series table that its batches refer to,
so that dropping one never orphans another. The last record is kept even when all are
acknowledged: it carries the sequence, and the registers against which the next reading is
differenced, across a restart.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from wattgram.readings import Batch, Series, SeriesTable
from wattgram.wire import WireError, decode_agent_message, encode_batch, encode_series
from wattgram_agent.frames import BATCH, TABLE, Record, frame, parse, parse_all
from wattgram_agent.meter import Register
from wattgram_agent.source import Point

SEGMENT_BYTES: Final = 256 * 1024
MEMORY_BYTES_MAX: Final = 1024 * 1024
_REGISTER: Final = struct.Struct("<qq")
_NO_VALUE: Final = -1


class Checkpoint(NamedTuple):
    """The registers at the end of the last batch, and the boot in which they were read."""

    boot_id: str
    registers: Mapping[Point, Register]


class Dropped(NamedTuple):
    """Batches that the bounds cost: how many, and the time that they covered."""

    batches: int = 0
    duration_nanoseconds: int = 0


@dataclass(slots=True)
class Entry:
    """One batch that waits. `message` is set while no disk has taken it."""

    sequence: int
    table_number: int
    start_unix_nanoseconds: int
    end_unix_nanoseconds: int
    segment: int = 0
    offset: int = 0
    length: int = 0
    message: bytes | None = None


class Spool:
    """Append at one end, forget at the other; safe from any thread."""

    def __init__(self, directory: Path, *, max_bytes: int, sync: str = "always") -> None:
        """Open or create `directory`; raises OSError when it cannot be used."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._max_bytes = max_bytes
        self._sync = sync
        self._lock = threading.RLock()
        self._entries: deque[Entry] = deque()
        self._tables: dict[int, SeriesTable] = {}
        self._sizes: dict[int, int] = {}
        self._last_table: SeriesTable | None = None
        self._last_checkpoint = b""
        self._descriptor = -1
        self._segment = 0
        self.next_sequence = 1
        self.corrupt_records = 0
        for number in sorted(int(path.stem) for path in directory.glob("*.segment")):
            self._scan(number)
        self._first_own_sequence = self.next_sequence
        self.session = self._load_session(is_new=self.next_sequence == 1)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def first_sequence(self) -> int:
        """The oldest sequence that waits, or the next one."""
        with self._lock:
            return self._entries[0].sequence if self._entries else self.next_sequence

    @property
    def last_table_number(self) -> int:
        return max(self._tables, default=0)

    def table(self, number: int) -> SeriesTable:
        return self._tables[number]

    def after(self, sequence: int) -> list[Entry]:
        """Return the batches that wait with a higher sequence, oldest first."""
        with self._lock:
            return [entry for entry in self._entries if entry.sequence > sequence]

    def read(self, entry: Entry) -> bytes | None:
        """Return the encoded batch; None when the medium no longer gives it back."""
        if entry.message is not None:
            return entry.message
        try:
            with self._path(entry.segment).open("rb") as file:
                file.seek(entry.offset)
                found = parse(file.read(entry.length))
        except OSError:
            return None
        return found[0].message if found else None

    def checkpoint(self) -> Checkpoint | None:
        """Return the registers of the last batch, if there was one."""
        table = self._last_table
        if table is None or not self._last_checkpoint:
            return None
        stored = _REGISTER.iter_unpack(self._last_checkpoint)
        registers = {
            _point(series): Register(value, boottime)
            for series, (value, boottime) in zip(table.series, stored, strict=False)
            if value != _NO_VALUE
        }
        return Checkpoint(table.boot_id, registers)

    def append(
        self, batch: Batch, table: SeriesTable, registers: Mapping[Point, Register]
    ) -> Dropped:
        """Keep `batch`, whose sequence is `next_sequence`; return what had to go for it.

        A medium that refuses costs durability, not the batch: it is held in memory, within a
        bound, and the OSError raised for the caller to say.
        """
        checkpoint = b"".join(
            _REGISTER.pack(*registers.get(_point(series), Register(_NO_VALUE, 0)))
            for series in table.series
        )
        with self._lock:
            try:
                self._append(batch, table, checkpoint)
            finally:
                dropped = self._drop_oldest()
            return dropped

    def forget(self, through_sequence: int) -> None:
        """Drop what was acknowledged, and the segments that hold nothing else."""
        with self._lock:
            while self._entries and self._entries[0].sequence <= through_sequence:
                self._entries.popleft()
            self._remove_idle_segments()

    def drop_older_than(self, unix_nanoseconds: int) -> Dropped:
        """Drop batches that ended before."""
        with self._lock:
            gone = []
            while self._entries and self._entries[0].end_unix_nanoseconds < unix_nanoseconds:
                gone.append(self._entries.popleft())
            self._remove_idle_segments()
            return _dropped(gone)

    def continue_after(self, applied_sequence: int) -> None:
        """Number on from what the collector has, when it has more than this spool knows of.

        That is a spool whose tail was lost, or which was restored from a backup: its next
        numbers were used before, and batches under them would be taken for repetitions. What
        this process has measured since gets new numbers.
        """
        with self._lock:
            if applied_sequence < self.next_sequence:
                return
            own = [
                (self.read(entry), self._tables[entry.table_number])
                for entry in self._entries
                if entry.sequence >= self._first_own_sequence
            ]
            self.forget(applied_sequence)
            self.next_sequence = self._first_own_sequence = applied_sequence + 1
            for message, table in own:
                batch = decode_agent_message(message or b"", {table.number: table})
                if isinstance(batch, Batch):
                    renumbered = replace(batch, sequence=self.next_sequence)
                    self._append(renumbered, table, self._last_checkpoint)

    def close(self) -> None:
        with self._lock:
            self._close_segment()

    def _append(self, batch: Batch, table: SeriesTable, checkpoint: bytes) -> None:
        start = batch.start_unix_nanoseconds
        end = start + batch.duration_nanoseconds
        message = encode_batch(batch)
        entry = Entry(batch.sequence, table.number, start, end, message=message)
        self._entries.append(entry)
        self._tables[table.number] = table
        self.next_sequence = batch.sequence + 1
        previous_table = self._last_table
        self._last_table, self._last_checkpoint = table, checkpoint
        record = frame(Record(BATCH, batch.sequence, start, end, message, checkpoint))
        prefix = b""
        if self._descriptor < 0 or self._sizes[self._segment] >= SEGMENT_BYTES:
            self._open_segment()
            previous_table = None
        if table is not previous_table:
            prefix = frame(Record(TABLE, table.number, start, start, encode_series(table)))
        offset = self._sizes[self._segment]
        self._write(prefix + record, offset)
        entry.segment, entry.offset = self._segment, offset + len(prefix)
        entry.length, entry.message = len(record), None

    def _write(self, data: bytes, offset: int) -> None:
        try:
            if os.pwrite(self._descriptor, data, offset) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self._sync == "always":
                os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, offset)
            self._close_segment()
            raise
        self._sizes[self._segment] = offset + len(data)

    def _open_segment(self) -> None:
        self._close_segment()
        number = max([self._segment, *self._sizes]) + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._descriptor = os.open(self._path(number), flags, 0o600)
        self._segment = number
        self._sizes[number] = 0

    def _close_segment(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _drop_oldest(self) -> Dropped:
        """Hold the bounds: whole segments of the oldest batches, then what is in memory."""
        gone = []
        while sum(self._sizes.values()) > self._max_bytes and len(self._sizes) > 1:
            oldest = min(self._sizes)
            while self._entries and self._entries[0].segment <= oldest:
                gone.append(self._entries.popleft())
            self._remove_idle_segments()
        memory = sum(len(entry.message or b"") for entry in self._entries)
        while memory > MEMORY_BYTES_MAX:
            gone.append(self._entries.popleft())
            memory -= len(gone[-1].message or b"")
        return _dropped(gone)

    def _remove_idle_segments(self) -> None:
        needed = self._entries[0].segment if self._entries else self._segment
        for number in [n for n in self._sizes if n < min(needed, self._segment)]:
            self._path(number).unlink(missing_ok=True)
            del self._sizes[number]
        waiting = {entry.table_number for entry in self._entries}
        last = self._last_table.number if self._last_table else 0
        for number in [n for n in self._tables if n != last and n not in waiting]:
            del self._tables[number]

    def _scan(self, number: int) -> None:
        """Read one segment of an earlier run; what is no record costs itself only."""
        data = self._path(number).read_bytes()
        self._sizes[number] = len(data)
        self._segment = number
        for offset, end, record in parse_all(data):
            if record is None:
                self.corrupt_records += 1
            elif record.kind == TABLE:
                self._scan_table(record)
            elif self._last_table is not None:
                _, sequence, start_time, end_time, _, self._last_checkpoint = record
                entry = Entry(sequence, self._last_table.number, start_time, end_time, number)
                entry.offset, entry.length = offset, end - offset
                self._entries.append(entry)
                self.next_sequence = sequence + 1

    def _scan_table(self, record: Record) -> None:
        try:
            table = decode_agent_message(record.message, {})
        except WireError:
            self.corrupt_records += 1
            return
        if isinstance(table, SeriesTable):
            self._tables[table.number] = self._last_table = table

    def _load_session(self, *, is_new: bool) -> str:
        path = self._directory / "session"
        if not is_new and path.exists():
            return path.read_text(encoding="utf-8").strip()
        session = str(uuid.uuid4())
        temporary = path.with_suffix(".new")
        temporary.write_text(session + "\n", encoding="utf-8")
        temporary.replace(path)
        return session

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:012d}.segment"


def _dropped(gone: list[Entry]) -> Dropped:
    if not gone:
        return Dropped()
    return Dropped(len(gone), gone[-1].end_unix_nanoseconds - gone[0].start_unix_nanoseconds)


def _point(series: Series) -> Point:
    return Point(series.source, series.domain, series.instance)
