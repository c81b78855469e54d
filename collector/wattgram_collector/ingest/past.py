"""PURE. What an agent's sessions did lately: enough to tell a repetition from somebody else.

One agent has one spool, and so one session that only goes on. A sequence that comes again with
another batch, a batch over time that is measured already, a session that goes on after a later
one began: each means that two hosts were made from one image, or that an old copy of a spool is
used beside the newer one. Two batches of two hosts never begin at the same nanosecond, so a
batch is known by when it began.
"""

from __future__ import annotations

from array import array
from typing import Final

from wattgram.readings import Batch
from wattgram.units import NANOSECONDS_PER_SECOND

REMEMBERED: Final = 128
"""Batches of a session whose starts are kept. More than an agent may have on the way."""
NO_START: Final = 1
"""When no batch began: noted for a sequence whose batch is not in the ledger, and is wanted."""
SESSIONS_REMEMBERED: Final = 8
TOLERANCE_NANOSECONDS: Final = NANOSECONDS_PER_SECOND
CLONED_NANOSECONDS: Final = 3_600 * NANOSECONDS_PER_SECOND
"""For how long after the last evidence an agent is taken for cloned."""


class Past:
    """The newest batches of one session that are in the ledger."""

    __slots__ = (
        "_boot_id",
        "_end_boottime",
        "_newest",
        "_starts",
        "_teller",
        "began_unix_nanoseconds",
    )

    def __init__(self) -> None:
        self._starts = array("Q", bytes(8 * REMEMBERED))
        self._newest = 0
        self._boot_id = ""
        self._end_boottime = 0
        self._teller: object = None
        self.began_unix_nanoseconds = 0
        """When the first batch that was seen of it began, by the collector's clock."""

    def note(self, sequence: int, start_unix_nanoseconds: int = 0) -> None:
        """Note that a sequence is in the ledger, and when its batch said that it began."""
        for skipped in range(max(self._newest + 1, sequence - REMEMBERED + 1), sequence):
            self._starts[skipped % REMEMBERED] = 0
        self._newest = max(self._newest, sequence)
        if sequence > self._newest - REMEMBERED:
            self._starts[sequence % REMEMBERED] = start_unix_nanoseconds

    def note_end(self, end_boottime_nanoseconds: int, boot_id: str, teller: object) -> None:
        """Note up to when a batch was measured, on the clock of its boot, and who told it."""
        end = end_boottime_nanoseconds
        self._end_boottime = max(end, self._end_boottime) if boot_id == self._boot_id else end
        self._boot_id, self._teller = boot_id, teller

    def start_of(self, sequence: int) -> int:
        """Return when the batch began that is in the ledger under `sequence`; 0: not known."""
        if not self._newest - REMEMBERED < sequence <= self._newest:
            return 0
        return self._starts[sequence % REMEMBERED]

    def starts_down_from(self, applied: int, first_sequence: int) -> tuple[int, ...]:
        """Return the starts of the sequences from `applied` down to `first_sequence`."""
        last = max(first_sequence, applied - REMEMBERED + 1, 1)
        starts = tuple(self.start_of(sequence) for sequence in range(applied, last - 1, -1))
        return starts if any(starts) else ()

    def overlaps(self, batch: Batch, boot_id: str, teller: object) -> bool:
        """Return whether a batch was measured over time that somebody else's covers."""
        if batch.sequence <= self._newest or teller is self._teller:
            return False  # it may be that other one; what one teller says is its own business
        end = self._end_boottime - TOLERANCE_NANOSECONDS
        if boot_id != self._boot_id or batch.start_boottime_nanoseconds >= end:
            return False
        first = _first_measured_nanoseconds(batch)
        return first is not None and batch.start_boottime_nanoseconds + first < end


def _first_measured_nanoseconds(batch: Batch) -> int | None:
    """Return how long after its start a batch holds its first measured cell, None: it has none."""
    edges = batch.edges_nanoseconds()
    for position, edge in enumerate(edges[:-1]):
        if any(column[position] is not None for column in batch.columns):
            return edge
    return None


class Sessions:
    """The sessions of one agent that were seen since the collector started."""

    __slots__ = ("_current", "_pasts", "cloned_unix_nanoseconds")

    def __init__(self) -> None:
        self._pasts: dict[str, Past] = {}
        self._current = ""
        self.cloned_unix_nanoseconds = 0
        """When there was last evidence that somebody else has this agent's identity."""

    def __contains__(self, session: str) -> bool:
        return session in self._pasts

    def of(self, session: str) -> Past:
        """Return the past of a session, made if it is new; the one used longest ago goes."""
        past = self._pasts.pop(session, None) or Past()
        while len(self._pasts) >= SESSIONS_REMEMBERED:
            del self._pasts[next(iter(self._pasts))]
        self._pasts[session] = past
        return past

    def goes_on(self, session: str, start_unix_nanoseconds: int) -> bool:
        """Note measured time of a session; return whether a later one had begun before it."""
        past = self.of(session)
        other = self._pasts.get(self._current)
        is_back = (
            session != self._current
            and past.began_unix_nanoseconds > 0
            and other is not None
            and start_unix_nanoseconds >= other.began_unix_nanoseconds
        )
        past.began_unix_nanoseconds = past.began_unix_nanoseconds or start_unix_nanoseconds
        self._current = session
        return is_back

    def is_cloned(self, now_unix_nanoseconds: int) -> bool:
        last = self.cloned_unix_nanoseconds
        return last > 0 and now_unix_nanoseconds - last < CLONED_NANOSECONDS
