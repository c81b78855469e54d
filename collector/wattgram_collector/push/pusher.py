"""The beat: every interval the fleet is collected, encoded and put into the outbox.

In slices: the event loop gets its turn between any few hosts, however many there are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Final, Protocol

from prometheus_client import CollectorRegistry

from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_collector.exposition.metrics import collect
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.push.outbox import Outbox, Parcel
from wattgram_collector.push.points import Point, host_points, own_points
from wattgram_collector.push.sender import Counts, Fate

HOSTS_PER_SLICE: Final = 4
POINTS_PER_SLICE: Final = 200


class Encoder(Protocol):
    """Points to requests; see remote_write and otlp."""

    def begin(self, unix_nanoseconds: int) -> None:
        """Begin a collection of this time."""

    def add(self, points: Iterable[Point]) -> list[Parcel]:
        """Take points; return the requests that are full."""

    def end(self) -> Iterable[list[Parcel]]:
        """Yield the last requests of the collection."""


class Source:
    """What a scrape of /metrics would show, slice by slice."""

    def __init__(
        self,
        fleet: Iterable[Agent],
        registry: CollectorRegistry,
        zero_nanoseconds: int,
        *,
        sensors: bool = False,
        monotonic_nanoseconds: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._fleet = fleet
        self._registry = registry
        self._zero_nanoseconds = zero_nanoseconds
        self._sensors = sensors
        self._monotonic_nanoseconds = monotonic_nanoseconds

    def slices(self, unix_nanoseconds: int) -> Iterable[list[Point]]:
        """Yield the points of a few hosts at a time, and then the collector's own."""
        agents = list(self._fleet)
        before = self._monotonic_nanoseconds() - self._zero_nanoseconds
        for at in range(0, len(agents), HOSTS_PER_SLICE):
            few = agents[at : at + HOSTS_PER_SLICE]
            families = collect(few, unix_nanoseconds, before, sensors=self._sensors)
            yield from _sliced(list(host_points(families)))
        yield from _sliced(list(own_points(self._registry.collect())))


def _sliced(points: list[Point]) -> Iterable[list[Point]]:
    for at in range(0, len(points), POINTS_PER_SLICE):
        yield points[at : at + POINTS_PER_SLICE]


class Pusher:
    """Fills one outbox. `run` is one task."""

    def __init__(
        self,
        source: Source,
        encoder: Encoder,
        outbox: Outbox,
        counts: Counts,
        interval_seconds: float,
        unix_nanoseconds: Callable[[], int] = time.time_ns,
        monotonic_nanoseconds: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._source = source
        self._encoder = encoder
        self._outbox = outbox
        self._counts = counts
        self._interval_nanoseconds = int(interval_seconds * NANOSECONDS_PER_SECOND)
        self._unix_nanoseconds = unix_nanoseconds
        self._monotonic_nanoseconds = monotonic_nanoseconds

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Push each interval until cancelled; a turn that was missed is left out."""
        due = self._monotonic_nanoseconds()
        while True:
            await sleep(max(0, due - self._monotonic_nanoseconds()) / NANOSECONDS_PER_SECOND)
            await self.push()
            late = max(0, self._monotonic_nanoseconds() - due)
            due += self._interval_nanoseconds * (1 + late // self._interval_nanoseconds)

    async def push(self) -> None:
        """Collect once, into the outbox."""
        async for parcels in self._encoded():
            for parcel in parcels:
                self._counts.samples[Fate.OVERFLOW] += self._outbox.put(parcel)

    async def _encoded(self) -> AsyncIterator[list[Parcel]]:
        now = self._unix_nanoseconds()
        self._encoder.begin(now)
        for points in self._source.slices(now):
            yield self._encoder.add(points)
            await asyncio.sleep(0)
        for parcels in self._encoder.end():
            yield parcels
            await asyncio.sleep(0)
