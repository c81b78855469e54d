"""The road from a BMC to /metrics, with every clock in the test's hand."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from builders import PACKAGE, Book, hello, intensity, table, terms
from fakes import ManualClock
from wattgram.handshake import Limits
from wattgram.readings import Batch, Series
from wattgram.units import ACCOUNTING_SLOT_SECONDS, NANOSECONDS_PER_MICROSECOND
from wattgram.wire import encode_batch, encode_series
from wattgram_collector.accounting.emissions import Books
from wattgram_collector.exposition.metrics import collect
from wattgram_collector.exposition.text import Value
from wattgram_collector.ingest.agents import Agent, Fleet
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.ingest.intake import Intake
from wattgram_collector.ingest.local import LocalStream
from wattgram_collector.ingest.service import IngestService
from wattgram_collector.ingest.turns import Turns
from wattgram_collector.ledger import Ledger
from wattgram_collector.redfish.courier import Courier
from wattgram_collector.redfish.parcels import Clock, Identity
from wattgram_collector.redfish.resources import PowerReading, RedfishError, Sample
from wattgram_collector.redfish.watch import Lanes, Meterable, Watch

SECOND = 1_000_000_000
SLOT_START_UNIX_SECONDS = 1_750_000_200
assert SLOT_START_UNIX_SECONDS % ACCOUNTING_SLOT_SECONDS == 0
WATT = 1_000_000
AGENT_ID, HOST = "redfish:r1", "alpha"
IDENTITY = Identity(AGENT_ID, HOST, "r1", "FR", 60 * SECOND)


def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """A clock that the collector, too, takes for the time of day; it begins with a slot."""
    clock = ManualClock(SLOT_START_UNIX_SECONDS)
    monkeypatch.setattr(time, "time_ns", clock.unix_nanoseconds)
    return clock


class GivenBmc:
    """What the next reading is, without a server."""

    def __init__(self) -> None:
        self.next: Sample | RedfishError = power(100)
        self.reads = 0
        self.distrusted = 0

    async def read(self) -> Sample:
        self.reads += 1
        if isinstance(self.next, RedfishError):
            raise self.next
        return self.next

    def distrust_register(self) -> None:
        self.distrusted += 1


def power(watts: int) -> PowerReading:
    return PowerReading("/p: Watts", watts * WATT)


class Road(NamedTuple):
    clock: ManualClock
    intake: Intake
    service: IngestService
    ledger: Ledger

    def watch(
        self,
        bmc: Meterable,
        identity: Identity = IDENTITY,
        *,
        dice: Callable[[], float] = lambda: 0.0,
        **changes: Any,
    ) -> Watch:
        clock = Clock(self.clock.unix_nanoseconds, self.clock.boottime_nanoseconds)
        courier = Courier(self.service, self.intake, identity, clock)
        lanes = Lanes(asyncio.Semaphore(2), asyncio.Semaphore(1))
        return Watch(identity, bmc, courier, lanes, clock, dice=dice, **changes)

    def agent(self, agent_id: str = AGENT_ID) -> Agent:
        return next(one for one in self.intake.fleet if one.record.agent_id == agent_id)

    def shown(self, name: str) -> dict[tuple[str, ...], Value]:
        """Return a family of /metrics by its label values."""
        pages = collect(self.intake.fleet, self.clock.unix_nanoseconds())
        return next(dict(found) for family, found in pages if family.name == f"wattgram_{name}")

    def joules(self, agent_id: str = AGENT_ID) -> dict[bool, int]:
        """Return what the ledger has of an agent: counted, and shown only."""
        key = self.agent(agent_id).record.key
        totals = self.ledger.totals()[key]
        found = {True: 0, False: 0}
        for series, quantity in totals.usage.items():
            found[totals.series[series].counted] += quantity
        return {counted: quantity // WATT for counted, quantity in found.items()}

    def slots(self, agent_id: str = AGENT_ID) -> set[int]:
        """Return the slots that an agent has counted in, from where the clock began."""
        runs = self.ledger.counted_slots(self.agent(agent_id).record.key)
        first = SLOT_START_UNIX_SECONDS // ACCOUNTING_SLOT_SECONDS
        return {slot - first for low, high in runs for slot in range(low, high + 1)}


@asynccontextmanager
async def road(clock: ManualClock, ledger: Ledger, **meters: str) -> AsyncIterator[Road]:
    """A collector without its sockets, which commits at once."""
    records = {record.key: record for record in ledger.agents()}
    fleet = Fleet(records, ledger.totals())
    committer = Committer(ledger, tick_seconds=0)
    turns = Turns(meters or {AGENT_ID: HOST})
    turns.load(ledger, records.values())
    books = Books(Book([intensity("FR", "360")]))
    intake = Intake(
        ledger, committer, fleet, books, lambda _, __, said: terms(said), Limits(), turns
    )
    committing = asyncio.ensure_future(committer.run())
    try:
        yield Road(clock, intake, IngestService(intake), ledger)
    finally:
        committing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await committing
        await committer.close()


class OtherAgent:
    """An ordinary agent of the same host: 50 W of package."""

    def __init__(self, on: Road, agent_id: str = "agent-1", host: str = HOST) -> None:
        self._road = on
        self._id = agent_id
        self._host = host
        self._stream = LocalStream(on.service, agent_id)
        self._sequence = 0

    async def connect(self, series: Series = PACKAGE, **changes: Any) -> None:
        clock = self._road.clock
        welcome = await self._stream.open(
            hello(
                self._id,
                self._host,
                wall_unix_nanoseconds=clock.unix,
                boottime_nanoseconds=clock.boottime,
                **changes,
            )
        )
        self._sequence = welcome.applied_sequence
        self._stream.send(encode_series(table(series)))

    async def deliver(self, from_second: int, to_second: int) -> None:
        """Deliver 50 W over these seconds since the clock began, second by second."""
        clock = self._road.clock
        start = (SLOT_START_UNIX_SECONDS + from_second) * SECOND
        count = to_second - from_second
        self._sequence += 1
        batch = Batch(
            sequence=self._sequence,
            series_number=1,
            start_unix_nanoseconds=start,
            start_boottime_nanoseconds=clock.boottime - (clock.unix - start),
            interval_microseconds=(SECOND // NANOSECONDS_PER_MICROSECOND,) * count,
            columns=((50 * WATT,) * count,),
        )
        self._stream.send(encode_batch(batch))
        while (await self._stream.acknowledged()).applied_sequence < self._sequence:
            pass

    async def go(self) -> None:
        await self._stream.close()
