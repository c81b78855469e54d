"""Which streams are let in: decided before a byte of theirs is read, and cheaply.

A refused stream costs a look at a few numbers. Nothing of it reaches the ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from wattgram_collector.config import LimitSettings
from wattgram_collector.ingest.buckets import Bucket

LOG: Final = logging.getLogger("wattgram.ingest")

BURST_SECONDS: Final = 4
CONNECTION_SHARE: Final = 8
"""One connection may open the eighth part of the streams that all together may."""
HOLD_SECONDS: Final = 1.0
"""Who opens too many streams waits for so long to be told: its connection has no more of them."""
HELD_MAX: Final = 500
MEMORY_LOOK_SECONDS: Final = 0.1
SHORT_RATIO: Final = 0.6
"""From this part of the limit on memory is short: what is under way takes some more yet."""
ENOUGH_RATIO: Final = 0.55
SHED_PART: Final = 4
SHED_MIN: Final = 16
_STATM: Final = Path("/proc/self/statm")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")

WHY: Final = {
    "draining": "the collector is going down",
    "openings": "too many streams open at once: try again",
    "streams": "as many streams are open as this collector takes",
    "memory": "this collector is short of memory",
    "agents": "as many agents are known as this collector takes",
    "sessions": "this agent began too many sessions today",
    "version": "no protocol version in common",
    "greeting": "no Hello in time, or none that can be read",
}
"""Every reason for which a stream is turned away, and what its agent is told."""


class Gate:
    """Counts who is in and who was turned away."""

    def __init__(
        self,
        limits: LimitSettings,
        seconds: Callable[[], float] = time.monotonic,
        resident_bytes: Callable[[], int] | None = None,
    ) -> None:
        self.streams = 0
        self.turned_away: Counter[str] = Counter()
        self.is_draining = False
        self._limits = limits
        self._seconds = seconds
        self._resident_bytes = resident_bytes or resident_memory_bytes
        self._openings = Openings(limits.max_stream_openings_per_second, seconds())
        self.held = 0
        self._looked_at = float("-inf")
        self._is_short = False

    def refusal(self, connection: str = "") -> str:
        """Return why a stream that opens now on a connection is not let in, '' if it is."""
        if self.is_draining:
            return "draining"
        if self.streams >= self._limits.max_streams:
            return "streams"
        if not self._openings.may(connection, self._seconds()):
            return "openings"
        return "memory" if self.is_short_of_memory() else ""

    def turn_away(self, reason: str) -> str:
        """Count one that is not let in; return what to tell it. Said once for each reason."""
        self.turned_away[reason] += 1
        if self.turned_away[reason] == 1 and reason != "draining":
            LOG.warning("stream_refused reason=%s: %s; more are counted only", reason, WHY[reason])
        return WHY[reason]

    async def hold(self, reason: str) -> None:
        """Keep one that opens too many streams waiting, as long as few are kept so."""
        if reason != "openings" or self.held >= HELD_MAX:
            return
        self.held += 1
        try:
            await asyncio.sleep(HOLD_SECONDS)
        finally:
            self.held -= 1

    def is_short_of_memory(self) -> bool:
        """Return whether this process comes near its limit; looks ten times a second."""
        now = self._seconds()
        if now - self._looked_at >= MEMORY_LOOK_SECONDS:
            self._looked_at = now
            was_short, resident = self._is_short, self._resident_bytes()
            ratio = ENOUGH_RATIO if was_short else SHORT_RATIO
            self._is_short = resident > ratio * self._limits.max_resident_bytes
            if self._is_short is not was_short:
                LOG.warning("memory_short is_short=%s resident_bytes=%d", self._is_short, resident)
        return self._is_short


class Openings:
    """PURE. How many streams may be opened: by all, and by each connection a part of that.

    A connection is known by any name that it alone has. One whose part is used up takes nothing
    from the others.
    """

    def __init__(self, per_second: float, now_seconds: float) -> None:
        self._all = Bucket(per_second, per_second * BURST_SECONDS, now_seconds)
        self._each = per_second / CONNECTION_SHARE
        self._burst = max(1.0, self._each * BURST_SECONDS)
        # A bucket that nothing was taken from for so long is as good as new.
        self._forget_seconds = self._burst / self._each
        self._lately: dict[str, Bucket] = {}
        self._before: dict[str, Bucket] = {}
        self._turned_at = now_seconds

    def __len__(self) -> int:
        return len(self._lately.keys() | self._before.keys())

    def may(self, connection: str, now_seconds: float) -> bool:
        """Take one opening, if both have it; return whether they had."""
        if now_seconds - self._turned_at >= self._forget_seconds:
            self._lately, self._before = {}, self._lately
            self._turned_at = now_seconds
        own = self._lately.get(connection) or self._before.get(connection)
        if own is None:
            own = Bucket(self._each, self._burst, now_seconds)
        self._lately[connection] = own
        return own.has(now_seconds) and self._all.has(now_seconds)


def shed_count(streams: int) -> int:
    """PURE. Return how many streams to end at one look while memory is short."""
    return min(streams, max(SHED_MIN, streams // SHED_PART))


def give_memory_back() -> None:
    """Have the C library return what it keeps for later; nothing where it cannot."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def resident_memory_bytes() -> int:
    """Return the resident set of this process, 0 where /proc does not say."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0
