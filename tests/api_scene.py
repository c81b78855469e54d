"""A ledger with a day of three hosts in it, and the API over it: in this process, or to be served.

`alpha` is in a hall with a PUE, `beta` at home, `gamma` where nobody knows the grid. A provider
restated one of the slots of DE after it was posted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from advice_scenes import slots
from builders import (
    DRAM,
    IDLE_SHARE,
    MODEL,
    PACKAGE,
    RECEIVE,
    TRANSMIT,
    WEB,
    Book,
    intensity,
    terms,
)
from collector_fakes import configured
from pricing_desk import Desk
from wattgram.handshake import HostFacts
from wattgram.readings import AgentStatus, Quality, SourceState, State
from wattgram.units import MICROWATTS_PER_WATT, NANOSECONDS_PER_SECOND
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.advising import advisor
from wattgram_collector.config import CollectorConfig
from wattgram_collector.exposition.advice_routes import advice_routes
from wattgram_collector.exposition.api import reports
from wattgram_collector.exposition.api.routes import api_routes
from wattgram_collector.exposition.web import application
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.intensity import Status
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.said.kept import Sourced, record_of
from wattgram_collector.inventory.said.units import UnitCount, units_sort
from wattgram_collector.ledger import LedgerError, storage
from wattgram_collector.ledger.sums import Sums
from wattgram_collector.views.model import Budget, EmissionLimit
from wattgram_collector.views.source import Surroundings, Views

SLOT = 300
NOW = 1_767_340_800 + 130  # 2026-01-02T08:02:10Z
FIRST = NOW // SLOT * SLOT
TERMS = {
    "alpha": terms("DE", site="hall", pue="1.5", pue_source="meters of the hall"),
    "beta": terms("FR"),
    "gamma": terms("", segments=()),
}
FACTS = {
    "alpha": HostFacts(host="alpha", os="Linux 6.1", arch="x86_64", device_class="server"),
    "beta": HostFacts(host="beta", device_class="laptop", site="home"),
    "gamma": HostFacts(host="gamma"),
}
ANNUAL = intensity("DE", "360"), intensity("FR", "36")
MAILS = Sourced(
    UnitCount(
        entry_id="mail/january", service="mail", unit="email", count=Fraction("12.5"),
        interval=Interval(FIRST - 7_200, FIRST - 3_600), source="postfix-1",
    ),
    "api_scene",
)  # fmt: skip
BUDGET = Budget(
    name="fleet", window="day", grams=10.0, used_grams=5.0, used_ratio=0.5, elapsed_ratio=0.3,
    from_unix_seconds=FIRST - 8 * 3600, to_unix_seconds=FIRST + 16 * 3600,
)  # fmt: skip
LIMIT = EmissionLimit(name="hall", grams_per_hour=200.0, present_grams_per_hour=None, hosts=1)
SOURCES = (
    SourceState(source="rapl", state=State.ACTIVE),
    SourceState(source="nvml", state=State.PERMISSION_DENIED, reason="no node", fix="sudo chmod"),
)


def filled(directory: Path, now: int = NOW) -> Desk:
    """Two hours of each host, some of it a day ago, and one slot that is restated."""
    directory.mkdir(parents=True, exist_ok=True)
    desk = Desk(directory, TERMS, Book(ANNUAL), now=now)
    border = now // SLOT * SLOT
    for back in (23 * 3600, 7200, 3600, 600, 300):
        deliver(desk, border - back, ("alpha", "beta", "gamma"))
    for host, facts in FACTS.items():
        desk.ledger.enrol(f"agent-of-{host}", facts)
    desk.ledger.append([record_of(units_sort(), MAILS, "")], now * NANOSECONDS_PER_SECOND)
    for agent in desk.fleet:
        describe(agent, now)
    return desk


def deliver(desk: Desk, start: int, hosts: Sequence[str]) -> None:
    """One slot: 300 J of the package, 30 J of memory or as much modelled, bytes and shares."""
    for host in hosts:
        meter = MODEL if host == "beta" else PACKAGE
        desk.deliver(
            start,
            SLOT,
            {meter: 300_000_000, DRAM: 30_000_000, WEB: 200_000_000, IDLE_SHARE: 130_000_000,
             RECEIVE: 4_000, TRANSMIT: 1_000},
            [host],
        )  # fmt: skip


def describe(agent: Agent, now: int) -> None:
    """Let an agent have said a moment ago what a batch says."""
    host = agent.record.host
    agent.record = agent.record.__class__(
        key=agent.record.key, agent_id=agent.record.agent_id, host=host, facts=FACTS[host]
    )
    agent.zone = TERMS[host].zone
    agent.last_seen_unix_nanoseconds = now * NANOSECONDS_PER_SECOND
    agent.newest_sample_unix_nanoseconds = now * NANOSECONDS_PER_SECOND
    agent.agent_version = "0.1.0"
    agent.power_microwatts, agent.is_told = 100 * MICROWATTS_PER_WATT, True
    agent.power_quality = Quality.MODELLED if host == "beta" else Quality.MEASURED
    agent.intensity = next((one for one in ANNUAL if one.zone == agent.zone), None)
    agent.sources = SOURCES
    agent.clock_offset_nanoseconds = 0
    agent.status = AgentStatus(spooled_batches=2, resident_memory_bytes=40_000_000)


async def restate(desk: Desk) -> None:
    """Let a provider say what DE did in the slot of an hour ago, and expect hours to come."""
    border = desk.now // SLOT * SLOT
    await desk.restater.take([
        *slots([720], border - 3600, Status.MEASURED, seconds=SLOT),
        *slots([400, 100, 300], border, Status.FORECAST, seconds=3600),
    ])  # fmt: skip
    assert await desk.restater.restate_due()


class Scene:
    """The desk, the views over it, and what is asked of the API."""

    def __init__(self, directory: Path, config: CollectorConfig) -> None:
        self.desk = filled(directory)
        self.config = config
        self.clock = 0.0
        self.seconds_per_row = 0.0
        self.trouble: LedgerError | None = None
        self.known = advisor(config, self.desk.history, lambda zone: zone)
        around = Surroundings(
            terms_of=self._terms_of,
            book=self.desk.books.location,
            advisor=self.known,
            budgets=lambda _: (BUDGET,),
            limits=lambda _: (LIMIT,),
            trouble=lambda: self.trouble,
            expiries=dict,
        )
        self.views = Views(
            self.desk.fleet,
            self._opened,
            around,
            unix_nanoseconds=lambda: self.desk.now * NANOSECONDS_PER_SECOND,
            monotonic=lambda: self.clock,
        )
        self._open = storage.summing(config)
        self.ledger_error: LedgerError | None = None

    def _terms_of(self, host: str, facts: HostFacts, zone: str) -> Terms:
        del facts, zone
        self.clock += self.seconds_per_row
        return TERMS[host]

    def _opened(self) -> Sums:
        if self.ledger_error is not None:
            raise self.ledger_error
        return self._open()

    def agent(self, host: str) -> Agent:
        return next(one for one in self.desk.fleet if one.record.host == host)

    async def read(self) -> None:
        """Read the last day, as the running collector does."""
        assert self.views.history is not None
        await self.views.history.read()
        self.clock += 1.5


@asynccontextmanager
async def scene(directory: Path, **changes: Any) -> AsyncIterator[Scene]:
    found = Scene(directory, configured(directory, **changes))
    try:
        yield found
    finally:
        await found.desk.close()


class Asked:
    """The API of a scene over real sockets."""

    def __init__(self, of: Scene, client: TestClient[Any, Any], desk: reports.Desk) -> None:
        self.scene = of
        self.client = client
        self.desk = desk

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        """Return status, content type and text."""
        async with self.client.get(path, headers=headers) as answer:
            return answer.status, answer.content_type, await answer.text()

    async def json(self, path: str) -> Any:
        """Return an answer that is none of an error, of the views below /api/v1."""
        async with self.client.get(f"/api/v1{path}") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()


@asynccontextmanager
async def asking(directory: Path, **changes: Any) -> AsyncIterator[Asked]:
    async with scene(directory, **changes) as of:
        await restate(of.desk)
        await of.read()
        desk = reports.Desk(of.config)
        now = of.desk.now
        routes = [
            *advice_routes(of.known, lambda: float(now)),
            *api_routes(of.views, desk, lambda: float(now)),
        ]
        app = application([], CollectorRegistry(), lambda: True, 0, others=routes)  # type: ignore[arg-type]
        async with TestClient(TestServer(app)) as client:
            yield Asked(of, client, desk)
        desk.close()
