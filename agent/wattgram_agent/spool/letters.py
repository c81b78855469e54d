"""Dead letters: batches that a collector refused for good, set aside for somebody to look at.

A directory of segments of its own, bounded by bytes and age. Every letter holds all that is
needed to read it: its table, its batch, who refused it and why. No letter is ever delivered.
"""

from __future__ import annotations

import contextlib
import json
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wattgram.readings import Batch, SeriesTable
from wattgram.wire import encode_batch, encode_series
from wattgram_agent.spool.frames import LETTER, Record, frame, parse_all
from wattgram_agent.spool.segments import Medium, Segments, read_all

DIRECTORY_NAME: Final = "dead"
_TABLE_LENGTH: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One batch that was set aside. `table` and `batch` are as they would have been sent."""

    session: str
    sequence: int
    reason: str
    set_aside_unix_seconds: int
    start_unix_nanoseconds: int
    end_unix_nanoseconds: int
    energy_microjoules: int
    """What it counted, and the ledger does not."""
    table: bytes = b""
    batch: bytes = b""


class DeadLetters:
    """The letters of one spool. Nothing is on disk before the first."""

    def __init__(
        self,
        directory: Path,
        *,
        max_bytes: int,
        max_age_seconds: float,
        medium: Medium | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._max_age_seconds = max_age_seconds
        self._medium = medium
        self._clock = clock
        self._segments: Segments | None = None
        self._newest: dict[int, int] = {}
        """By segment, when its newest letter was set aside, in Unix seconds."""
        self.count = 0
        """How many were set aside since this process started."""
        if directory.is_dir():
            with contextlib.suppress(OSError):
                self._open()
                self.drop_old()

    def add(
        self, batch: Batch, table: SeriesTable, session: str, reason: str, energy_microjoules: int
    ) -> None:
        """Set a batch aside, and drop the oldest beyond the bounds; raises OSError."""
        self.count += 1
        start = batch.start_unix_nanoseconds
        letter = Letter(
            session=session,
            sequence=batch.sequence,
            reason=reason,
            set_aside_unix_seconds=int(self._clock()),
            start_unix_nanoseconds=start,
            end_unix_nanoseconds=start + batch.duration_nanoseconds,
            energy_microjoules=energy_microjoules,
            table=encode_series(table),
            batch=encode_batch(batch),
        )
        segments = self._segments or self._open()
        if segments.is_new_file_due():
            segments.begin_file()
        segments.write(frame(_record(letter)))
        self._newest[segments.newest] = letter.set_aside_unix_seconds
        self.drop_old()

    def drop_old(self) -> None:
        """Hold the bounds; of what is too old the newest segment goes at the next start."""
        segments = self._segments
        if segments is None:
            return
        oldest_allowed = self._clock() - self._max_age_seconds
        excess = segments.total_bytes - self._max_bytes
        through = 0
        for number, length in segments.sizes():
            if excess <= 0 and self._newest.get(number, 0) >= oldest_allowed:
                break
            excess -= length
            through = number
        segments.remove_before(through + 1)

    def close(self) -> None:
        if self._segments is not None:
            self._segments.close()

    def _open(self) -> Segments:
        segments = Segments(self._directory, sync="never", medium=self._medium)
        for number, data in segments.scan():
            letters = [letter.set_aside_unix_seconds for letter in _letters(data)]
            self._newest[number] = max(letters, default=0)
        self._segments = segments
        return segments


def read_letters(directory: Path) -> list[Letter]:
    """Return every letter that can be read, oldest first; only reads."""
    return [letter for _, _, data in read_all(directory) for letter in _letters(data)]


def purge_letters(directory: Path) -> int:
    """Remove every letter; return how many there were. Raises OSError.

    Beside a running agent too: it begins a new file when the one that it writes to is gone.
    """
    if not directory.is_dir():
        return 0
    segments = Segments(directory, sync="never")
    letters = 0
    for number, data in segments.scan():
        letters += sum(1 for _ in _letters(data))
        segments.path(number).unlink()
    return letters


def _record(letter: Letter) -> Record:
    why = {
        "session": letter.session,
        "reason": letter.reason,
        "set_aside_unix_seconds": letter.set_aside_unix_seconds,
        "energy_microjoules": letter.energy_microjoules,
    }
    return Record(
        LETTER,
        letter.sequence,
        0,
        letter.start_unix_nanoseconds,
        letter.end_unix_nanoseconds,
        _TABLE_LENGTH.pack(len(letter.table)) + letter.table + letter.batch,
        json.dumps(why).encode(),
    )


def _letters(data: bytes) -> Iterator[Letter]:
    records = (record for _, _, record in parse_all(data) if record is not None)
    return _read(record for record in records if record.kind == LETTER)


def _read(records: Iterable[Record]) -> Iterator[Letter]:
    for record in records:
        try:
            why: dict[str, Any] = json.loads(record.checkpoint)
            (length,) = _TABLE_LENGTH.unpack_from(record.message)
            yield Letter(
                session=str(why["session"]),
                sequence=record.sequence,
                reason=str(why["reason"]),
                set_aside_unix_seconds=int(why["set_aside_unix_seconds"]),
                start_unix_nanoseconds=record.start_unix_nanoseconds,
                end_unix_nanoseconds=record.end_unix_nanoseconds,
                energy_microjoules=int(why["energy_microjoules"]),
                table=record.message[_TABLE_LENGTH.size :][:length],
                batch=record.message[_TABLE_LENGTH.size + length :],
            )
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError, struct.error):
            continue
