"""Which streams are let in: decided before a byte of theirs is read, and cheaply.

A refused stream costs a look at a few numbers. Nothing of it reaches the ledger.
"""

from __future__ import annotations

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
MEMORY_LOOK_SECONDS: Final = 0.25
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
        rate = limits.max_stream_openings_per_second
        self._openings = Bucket(rate, rate * BURST_SECONDS, seconds())
        self._looked_at = float("-inf")
        self._is_short = False

    def refusal(self) -> str:
        """Return why a stream that opens now is not let in, '' if it is."""
        if self.is_draining:
            return "draining"
        if self.streams >= self._limits.max_streams:
            return "streams"
        if not self._openings.has(self._seconds()):
            return "openings"
        return "memory" if self.is_short_of_memory() else ""

    def turn_away(self, reason: str) -> str:
        """Count one that is not let in; return what to tell it. Said once for each reason."""
        self.turned_away[reason] += 1
        if self.turned_away[reason] == 1 and reason != "draining":
            LOG.warning("stream_refused reason=%s: %s; more are counted only", reason, WHY[reason])
        return WHY[reason]

    def is_short_of_memory(self) -> bool:
        """Return whether this process is above its limit; looks a few times a second."""
        now = self._seconds()
        if now - self._looked_at >= MEMORY_LOOK_SECONDS:
            self._looked_at = now
            was_short, resident = self._is_short, self._resident_bytes()
            self._is_short = resident > self._limits.max_resident_bytes
            if self._is_short is not was_short:
                LOG.warning("memory_short is_short=%s resident_bytes=%d", self._is_short, resident)
        return self._is_short


def resident_memory_bytes() -> int:
    """Return the resident set of this process, 0 where /proc does not say."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0
