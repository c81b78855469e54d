"""One batch that is kept: what is known of it, and how it is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wattgram.readings import Batch, SeriesTable
from wattgram.wire import WireError, decode_agent_message
from wattgram_agent.spool import segments


@dataclass(slots=True, eq=False)
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
    checkpoint: bytes = b""
    """The registers at its end; kept while no disk has taken it."""
    end_boottime_nanoseconds: int | None = None
    """Of the boot of its table; None where nobody looked yet."""
    failed_reads: int = 0

    @property
    def duration_nanoseconds(self) -> int:
        return self.end_unix_nanoseconds - self.start_unix_nanoseconds

    @property
    def held_bytes(self) -> int:
        """What is in memory of it, 0 when that is on disk."""
        return len(self.message or b"") + len(self.checkpoint)


def in_portions(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Yield entries that are in memory together with others, as much as is written at once.

    Forcing is what takes time: a batch each, on flash, holds up the one that is measured.
    """
    some: list[Entry] = []
    size = 0
    for entry in entries:
        some.append(entry)
        size += entry.held_bytes
        if size >= segments.SEGMENT_BYTES // 4:
            yield some
            some, size = [], 0
    if some:
        yield some


def decode_batch(message: bytes, table: SeriesTable) -> Batch | None:
    """Return a batch that was kept, None when it is none."""
    try:
        batch = decode_agent_message(message, {table.number: table})
    except WireError:
        return None
    return batch if isinstance(batch, Batch) else None
