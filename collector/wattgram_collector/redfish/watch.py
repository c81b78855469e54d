"""Reads every BMC at its own pace; one that hangs or refuses delays nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final, NamedTuple, Protocol

from wattgram.readings import SourceState, State
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_collector.config import CollectorConfig, RedfishSettings
from wattgram_collector.ingest.identity import REDFISH_PREFIX
from wattgram_collector.ingest.intake import Intake
from wattgram_collector.ingest.service import IngestService
from wattgram_collector.redfish.bmc import Bmc, client
from wattgram_collector.redfish.courier import Courier
from wattgram_collector.redfish.meter import Lack, Meter, Span
from wattgram_collector.redfish.parcels import SOURCE, Clock, Identity
from wattgram_collector.redfish.resources import RedfishError, Sample

LOG: Final = logging.getLogger("wattgram.redfish")
AT_ONCE: Final = 64
FAILING_AT_ONCE: Final = 16
BACKOFF_SECONDS_MAX: Final = 900
# BMCs lock an account after a few wrong passwords.
DENIED_SECONDS_MIN: Final = 300
_ACTIVE: Final = SourceState(source=SOURCE, state=State.ACTIVE)


class Meterable(Protocol):
    """What a watch reads; a Bmc, or what a test puts in its place."""

    async def read(self) -> Sample: ...

    def distrust_register(self) -> None: ...


class Lanes(NamedTuple):
    """How many BMCs are asked at once. Those that failed queue apart, for they take long."""

    working: asyncio.Semaphore
    failing: asyncio.Semaphore


class Watch:
    """One BMC: asked each period, and while it fails ever less often."""

    def __init__(
        self,
        identity: Identity,
        bmc: Meterable,
        courier: Courier,
        lanes: Lanes,
        clock: Clock,
        *,
        stopped_nanoseconds: int = 0,
        dice: Callable[[], float] = random.random,
    ) -> None:
        """`stopped_nanoseconds`: for how long the collector did not run."""
        self._identity = identity
        self._bmc = bmc
        self._courier = courier
        self._lanes = lanes
        self._clock = clock
        self._dice = dice
        self._meter = Meter(identity.period_nanoseconds, clock.boottime_nanoseconds())
        self._stopped = [Lack("collector_stopped", stopped_nanoseconds)]
        self._failure: RedfishError | None = None
        self._failures = 0
        self._retry_nanoseconds = 0

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Read until cancelled, each period; the first time anywhere within the first one."""
        period = self._identity.period_nanoseconds
        due = self._clock.boottime_nanoseconds() + int(self._dice() * period)
        while True:
            late = self._clock.boottime_nanoseconds() - due
            await sleep(max(0, -late) / NANOSECONDS_PER_SECOND)
            await self.tick()
            due += period * (1 + max(0, self._clock.boottime_nanoseconds() - due) // period)

    async def tick(self) -> None:
        """Read once, or wait on; deliver what that gave."""
        if self._clock.boottime_nanoseconds() >= self._retry_nanoseconds:
            await self._ask()
        else:
            self._add(self._failed())
        await self._courier.deliver()

    async def _ask(self) -> None:
        try:
            async with self._lanes.failing if self._failure else self._lanes.working:
                sample = await self._bmc.read()
        except RedfishError as error:
            self._note(error)
            self._add(self._failed())
            return
        now = self._clock.boottime_nanoseconds()
        outcome = self._meter.advance(sample, now)
        if outcome is None and self._meter.is_stuck(now):
            self._bmc.distrust_register()
            outcome = self._meter.fail("stuck", sample.origin, now)
        self._note(None)
        self._add(outcome)

    def _failed(self) -> Lack | None:
        """Return the time since the last beat as a lack, for the reason of the last failure."""
        if self._failure is None:
            return None
        now = self._clock.boottime_nanoseconds()
        return self._meter.fail(self._failure.reason, str(self._failure), now)

    def _add(self, outcome: Span | Lack | None) -> None:
        lacks = [lack for lack in self._stopped if lack.duration_nanoseconds]
        self._stopped = []
        if isinstance(outcome, Lack):
            lacks.append(outcome)
        failure = self._failure
        state = (
            SourceState(source=SOURCE, state=failure.state, reason=str(failure))
            if failure
            else _ACTIVE
        )
        self._courier.add(outcome if isinstance(outcome, Span) else None, lacks, state)

    def _note(self, failure: RedfishError | None) -> None:
        """Say a change of state once, and decide when to ask again: full jitter."""
        before, self._failure = self._failure, failure
        if failure is None:
            if before is not None:
                LOG.info("redfish_works_again host=%s", self._identity.host)
            self._failures = self._retry_nanoseconds = 0
            return
        if before is None or before.state is not failure.state:
            LOG.warning("redfish_failed host=%s reason=%r", self._identity.host, str(failure))
        self._failures += 1
        period = self._identity.period_nanoseconds
        ceiling = min(
            period << min(self._failures, 10), BACKOFF_SECONDS_MAX * NANOSECONDS_PER_SECOND
        )
        wait = int(self._dice() * ceiling)
        if failure.state is State.PERMISSION_DENIED:
            wait = max(wait, DENIED_SECONDS_MIN * NANOSECONDS_PER_SECOND)
        self._retry_nanoseconds = self._clock.boottime_nanoseconds() + wait


def agent_id_of(name: str) -> str:
    return f"{REDFISH_PREFIX}{name}"


def hosts_of_meters(servers: Mapping[str, RedfishSettings]) -> dict[str, str]:
    """Return the host that each of the collector's own agents meters, by agent id."""
    return {agent_id_of(name): one.host or name for name, one in servers.items()}


@contextlib.asynccontextmanager
async def watching(
    config: CollectorConfig,
    service: IngestService,
    intake: Intake,
    on_end: Callable[[asyncio.Future[None]], None],
) -> AsyncIterator[None]:
    """Read every BMC of the configuration; `on_end` is called with a watch that died of a bug."""
    if not config.redfish:
        yield
        return
    lanes = Lanes(asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(FAILING_AT_ONCE))
    clock = Clock()
    newest = {
        agent.record.agent_id: agent.newest_sample_unix_nanoseconds for agent in intake.fleet
    }
    couriers = []
    tasks = []
    async with client() as session:
        for name, settings in config.redfish.items():
            identity = _identity(name, settings, config)
            courier = Courier(service, intake, identity, clock)
            known = newest.get(identity.agent_id)
            stopped = max(0, clock.unix_nanoseconds() - known) if known else 0
            watch = Watch(
                identity,
                Bmc(settings, session),
                courier,
                lanes,
                clock,
                stopped_nanoseconds=stopped,
                dice=random.random,
            )
            couriers.append(courier)
            tasks.append(asyncio.ensure_future(watch.run()))
            tasks[-1].add_done_callback(on_end)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for courier in couriers:
                await courier.close()


def _identity(name: str, settings: RedfishSettings, config: CollectorConfig) -> Identity:
    host = settings.host or name
    return Identity(
        agent_id=agent_id_of(name),
        host=host,
        instance=name,
        grid_zone=config.zone_of(host, settings.grid_zone),
        period_nanoseconds=int(settings.period_seconds * NANOSECONDS_PER_SECOND),
    )
