"""How much is on its way to the ledger, how slow the ledger is, and whom it slows.

Bytes are bounded for all agents together and for each; CPU time, and the rows that a batch will
cost the ledger, for each. Nobody is refused for being slowed: the stream is read later, gRPC's
flow control does the rest, and each Ack says how long to pause.
"""

from __future__ import annotations

import asyncio
from typing import Final

from wattgram.units import MILLISECONDS_PER_SECOND
from wattgram_collector.config import LimitSettings
from wattgram_collector.ingest.buckets import Bucket

BATCH_BURST_SECONDS: Final = 20
CPU_BURST_SECONDS: Final = 3.0
ROW_SECONDS: Final = 5e-6
"""What a row costs the ledger's thread, which everybody waits for."""
ROW_BYTES: Final = 200
PAUSE_SECONDS_MAX: Final = 10.0
SLOW_COMMIT_SECONDS: Final = 1.0
AGENT_SHARE: Final = 8
"""One agent may have the eighth part of all bytes that may be on the way."""


class Pressure:
    """What is on its way from all agents."""

    def __init__(self, max_bytes: int) -> None:
        self.bytes_in_flight = 0
        self.slowed_seconds = 0.0
        self._max_bytes = max_bytes
        self._commit_seconds = 0.0
        self._fell = asyncio.Event()

    @property
    def is_full(self) -> bool:
        return self.bytes_in_flight >= self._max_bytes

    @property
    def agent_bytes_max(self) -> int:
        return max(1, self._max_bytes // AGENT_SHARE)

    def took(self, size_bytes: int) -> None:
        """Note an entry that waits for the ledger."""
        self.bytes_in_flight += size_bytes

    def gave(self, size_bytes: int, waited_seconds: float | None) -> None:
        """Note that an entry is done with; None: the ledger failed, nothing is learned."""
        self.bytes_in_flight -= size_bytes
        if waited_seconds is not None:
            self._commit_seconds += (waited_seconds - self._commit_seconds) / AGENT_SHARE
        if not self.is_full:
            self._fell.set()

    async def room(self) -> None:
        """Wait until there is room."""
        while self.is_full:
            self._fell.clear()
            await self._fell.wait()

    @property
    def pause_seconds(self) -> float:
        """How long every agent is to pause: longer the more waits, and the longer it waits."""
        excess = 2 * self.bytes_in_flight / self._max_bytes - 1
        slow = self._commit_seconds if self._commit_seconds > SLOW_COMMIT_SECONDS else 0.0
        return min(PAUSE_SECONDS_MAX, max(0.0, excess * PAUSE_SECONDS_MAX, slow))


class Pace:
    """What one agent may cost, over all of its streams."""

    def __init__(self, limits: LimitSettings, now_seconds: float) -> None:
        rate, share = limits.max_batches_per_second, limits.max_cpu_ratio_per_agent
        self._batches = Bucket(rate, rate * BATCH_BURST_SECONDS, now_seconds)
        self._cpu = Bucket(share, CPU_BURST_SECONDS, now_seconds)
        self.bytes_in_flight = 0

    def spend(self, now_seconds: float, cpu_seconds: float, rows: int = 0) -> float:
        """Charge one message: itself, the time that it took, and what the ledger has to do.

        Returns for how long nothing more is to be read of this agent.
        """
        batches = self._batches.spend(now_seconds, 1)
        cpu = self._cpu.spend(now_seconds, cpu_seconds + rows * ROW_SECONDS)
        return min(PAUSE_SECONDS_MAX, max(batches, cpu))

    def delay_seconds(self, now_seconds: float) -> float:
        """Return for how long nothing more is to be read of this agent."""
        longest = max(self._batches.debt_seconds(now_seconds), self._cpu.debt_seconds(now_seconds))
        return min(PAUSE_SECONDS_MAX, longest)


def pause_milliseconds(*seconds: float) -> int:
    """PURE. Return the longest of several pauses, as an Ack says it."""
    return int(max(seconds) * MILLISECONDS_PER_SECOND)
