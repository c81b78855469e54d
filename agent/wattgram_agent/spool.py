"""Batches on disk until they are acknowledged.

A directory of segments. Every segment begins with the series table that its batches refer to,
so that dropping one never orphans another. The last record is kept even when all are
acknowledged: it carries the sequence, and the registers against which the next reading is
differenced, across a restart.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import threading
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from wattgram.readings import Batch, Series, SeriesTable
from wattgram.wire import WireError, decode_agent_message, encode_batch, encode_series
from wattgram_agent.batches import without_first_interval
from wattgram_agent.frames import BATCH, TABLE, Record, frame, parse, parse_all
from wattgram_agent.meter import Register
from wattgram_agent.source import Point
from wattgram_agent.sysfs import read_text, write_durably

SEGMENT_BYTES: Final = 256 * 1024
MEMORY_BYTES_MAX: Final = 1024 * 1024
_REGISTER: Final = struct.Struct("<qq?")
_NO_VALUE: Final = -1


class Checkpoint(NamedTuple):
    """The registers at the end of the last batch, and the boot in which they were read."""

    boot_id: str
    registers: Mapping[Point, Register]


class Dropped(NamedTuple):
    """Batches that the bounds cost: how many, and the time that they covered."""

    batches: int = 0
    duration_nanoseconds: int = 0

    def and_also(self, gone: Sequence[Entry]) -> Dropped:
        covered = sum(entry.end_unix_nanoseconds - entry.start_unix_nanoseconds for entry in gone)
        return Dropped(self.batches + len(gone), self.duration_nanoseconds + covered)


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
    end_boottime_nanoseconds: int | None = None
    """Of this boot's clock; None for a batch of an earlier run."""


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
        self._dropped = Dropped()
        self._descriptor = -1
        self._segment = 0
        self.next_sequence = 1
        self.last_table_number = 0
        self.corrupt_records = 0
        self.lost_to_rot = Dropped()
        for number in sorted(int(p.stem) for p in directory.glob("*.segment") if p.stem.isdigit()):
            self._scan(number)
        self._first_own_sequence = self.next_sequence
        self._first_own_table = self.last_table_number + 1
        self._went_on_from_registers = bool(self._last_checkpoint)
        self._is_agreed = False
        self.checkpoint_is_stale = False
        self.session = self._load_session(is_new=self.next_sequence == 1)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def first_sequence(self) -> int:
        """The oldest sequence that waits, or the next one."""
        with self._lock:
            return self._entries[0].sequence if self._entries else self.next_sequence

    def table(self, number: int) -> SeriesTable | None:
        """Return a table that a batch refers to; None when both are gone by now."""
        return self._tables.get(number)

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
        stored = self._last_checkpoint
        if table is None or len(stored) != len(table.series) * _REGISTER.size:
            return None
        registers = {
            _point(series): Register(*fields)
            for series, fields in zip(table.series, _REGISTER.iter_unpack(stored), strict=True)
            if fields[0] != _NO_VALUE
        }
        return Checkpoint(table.boot_id, registers)

    def append(
        self, batch: Batch, table: SeriesTable, registers: Mapping[Point, Register]
    ) -> Dropped:
        """Keep `batch` under `next_sequence`; return what the bounds cost since it last said so.

        A medium that refuses costs durability, not the batch: it is held in memory, within a
        bound, and the OSError raised for the caller to say.
        """
        checkpoint = b"".join(
            _REGISTER.pack(*registers.get(_point(series), Register(_NO_VALUE, 0)))
            for series in table.series
        )
        with self._lock:
            if batch.sequence != self.next_sequence:  # `continue_after` came in between
                batch = replace(batch, sequence=self.next_sequence)
            try:
                self._append(batch, table, checkpoint)
            finally:
                self._drop_oldest()
            dropped, self._dropped = self._dropped, Dropped()
            return dropped

    def forget(self, through_sequence: int) -> None:
        """Drop what was acknowledged, and the segments that hold nothing else."""
        with self._lock:
            while self._entries and self._entries[0].sequence <= through_sequence:
                self._entries.popleft()
            self._remove_idle_segments()

    def discard(self, entry: Entry) -> None:
        """Drop one batch that cannot be read; its number stays out, and so is counted missing."""
        with self._lock:
            if entry in self._entries:
                self._entries.remove(entry)
                self.corrupt_records += 1
            self._remove_idle_segments()

    def drop_older_than(
        self, unix_nanoseconds: int, boottime_nanoseconds: int | None = None
    ) -> Dropped:
        """Drop batches that ended before: this run's by the time since boot, if it is given.

        By the wall clock a host that boots without one would lose all that it measured before
        the clock was set.
        """

        def is_old(entry: Entry) -> bool:
            if boottime_nanoseconds is not None and entry.end_boottime_nanoseconds is not None:
                return entry.end_boottime_nanoseconds < boottime_nanoseconds
            return entry.end_unix_nanoseconds < unix_nanoseconds

        with self._lock:
            gone = []
            while self._entries and is_old(self._entries[0]):
                gone.append(self._entries.popleft())
            self._remove_idle_segments()
            return Dropped().and_also(gone)

    def continue_after(self, applied_sequence: int) -> None:
        """Number on from what the collector has, when it has more than this spool knows of.

        That is a spool whose tail was lost, or which was restored from a backup: its next
        numbers were used before, and batches under them would be taken for repetitions. What
        this process has measured since gets new numbers. And the registers that it went on from
        are older than what was delivered: what its first interval spans was delivered before.
        """
        with self._lock:
            is_first, self._is_agreed = not self._is_agreed, True
            if applied_sequence < (self._first_own_sequence if is_first else self.next_sequence):
                return
            self.checkpoint_is_stale = is_first and self._went_on_from_registers
            own = [
                (message, self._tables[entry.table_number])
                for entry in self._entries
                if entry.sequence >= self._first_own_sequence
                and (message := self.read(entry)) is not None
            ]
            self.forget(applied_sequence)
            self.next_sequence = self._first_own_sequence = applied_sequence + 1
            for message, table in own:
                batch = decode_agent_message(message, {table.number: table})
                if isinstance(batch, Batch):
                    renumbered = replace(batch, sequence=self.next_sequence)
                    if self.checkpoint_is_stale and table.number == self._first_own_table:
                        renumbered = without_first_interval(renumbered)
                        self._first_own_table = 0
                    with contextlib.suppress(OSError):  # it waits in memory
                        self._append(renumbered, table, self._last_checkpoint)

    def close(self) -> None:
        with self._lock:
            self._close_segment()

    def _append(self, batch: Batch, table: SeriesTable, checkpoint: bytes) -> None:
        start = batch.start_unix_nanoseconds
        end = start + batch.duration_nanoseconds
        message = encode_batch(batch)
        entry = Entry(batch.sequence, table.number, start, end, message=message)
        entry.end_boottime_nanoseconds = (
            batch.start_boottime_nanoseconds + batch.duration_nanoseconds
        )
        self._entries.append(entry)
        self._tables[table.number] = table
        self.last_table_number = max(self.last_table_number, table.number)
        self.next_sequence = batch.sequence + 1
        previous_table = self._last_table
        self._last_table, self._last_checkpoint = table, checkpoint
        record = frame(
            Record(BATCH, batch.sequence, table.number, start, end, message, checkpoint)
        )
        prefix = b""
        if self._must_open_segment():
            self._open_segment()
            previous_table = None
        if table is not previous_table:
            prefix = frame(Record(TABLE, 0, table.number, start, start, encode_series(table)))
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
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, offset)
            self._close_segment()
            raise
        self._sizes[self._segment] = offset + len(data)

    def _must_open_segment(self) -> bool:
        return (
            self._descriptor < 0
            or self._sizes[self._segment] >= SEGMENT_BYTES
            or os.fstat(self._descriptor).st_nlink == 0  # removed by hand: nobody can read it
        )

    def _open_segment(self) -> None:
        self._close_segment()
        self._directory.mkdir(parents=True, exist_ok=True)
        if not (self._directory / "session").exists():
            write_durably(self._directory / "session", self.session + "\n")
        number = max([self._segment, *self._sizes])
        if self._sizes.get(number) != 0:  # an empty one is what a full medium left
            number += 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._descriptor = os.open(self._path(number), flags, 0o600)
        self._segment = number
        self._sizes[number] = 0

    def _close_segment(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _drop_oldest(self) -> None:
        """Hold the bounds: whole segments of the oldest batches, then what is in memory."""
        gone = []
        while sum(self._sizes.values()) > self._max_bytes and len(self._sizes) > 1:
            oldest = min(self._sizes)
            while self._entries and self._entries[0].segment <= oldest:
                gone.append(self._entries.popleft())
            self._remove_idle_segments()
        held = deque(entry for entry in self._entries if entry.message is not None)
        memory = sum(len(entry.message or b"") for entry in held)
        while memory > MEMORY_BYTES_MAX:  # what a disk holds safely is not in the way
            gone.append(held.popleft())
            self._entries.remove(gone[-1])
            memory -= len(gone[-1].message or b"")
        self._dropped = self._dropped.and_also(gone)

    def _remove_idle_segments(self) -> None:
        on_disk = (entry.segment for entry in self._entries if entry.message is None)
        needed = next(on_disk, self._segment)
        for number in [n for n in self._sizes if n < min(needed, self._segment)]:
            with contextlib.suppress(OSError):  # one that stays costs a delivery more
                self._path(number).unlink()
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
            else:
                self._scan_batch(record, Entry(
                    record.sequence,
                    record.table_number,
                    record.start_unix_nanoseconds,
                    record.end_unix_nanoseconds,
                    number,
                    offset,
                    end - offset,
                ))  # fmt: skip

    def _scan_batch(self, record: Record, entry: Entry) -> None:
        self.next_sequence = record.sequence + 1
        self.last_table_number = max(self.last_table_number, record.table_number)
        self._last_table = self._tables.get(record.table_number)
        if self._last_table is None:
            self.corrupt_records += 1
            self.lost_to_rot = self.lost_to_rot.and_also([entry])
            self._last_checkpoint = b""
        else:
            self._last_checkpoint = record.checkpoint
            self._entries.append(entry)

    def _scan_table(self, record: Record) -> None:
        try:
            table = decode_agent_message(record.message, {})
        except WireError:
            self.corrupt_records += 1
            return
        if isinstance(table, SeriesTable):
            self._tables[table.number] = table

    def _load_session(self, *, is_new: bool) -> str:
        path = self._directory / "session"
        if not is_new and (kept := read_text(path)):
            return kept
        # Under another name the collector would take old batches for new ones.
        self.corrupt_records += len(self._entries)
        self.lost_to_rot = self.lost_to_rot.and_also(list(self._entries))
        self._entries.clear()
        session = str(uuid.uuid4())
        write_durably(path, session + "\n")
        return session

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:012d}.segment"


def _point(series: Series) -> Point:
    return Point(series.source, series.domain, series.instance)
