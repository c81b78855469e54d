"""A collector's day with providers that go away: the real feeds, client, books and ledger.

Only time is not real: it passes by what `Desk.until` says. A `Desk` is one process; the next one
on the same directory goes on where it ended.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from builders import BOOT_ID, PACKAGE, hello
from collector_fakes import configured
from fake_providers import Clock
from wattgram.handshake import HostFacts
from wattgram.readings import Batch, SeriesTable
from wattgram.units import MICROSECONDS_PER_SECOND, NANOSECONDS_PER_SECOND
from wattgram_collector.accounting.emissions import Columns
from wattgram_collector.accounting.sites import Sites
from wattgram_collector.config import IntensitySettings
from wattgram_collector.exposition.metrics import collect
from wattgram_collector.exposition.own_providers import PricingMetrics, ProviderMetrics
from wattgram_collector.exposition.text import render
from wattgram_collector.ingest.agents import Fleet, seen_of
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.ingest.reckoning import AgentClock, Told, reckon
from wattgram_collector.intensities.providers.answers import iso_minutes
from wattgram_collector.intensities.providers.client import HttpClient, Limits
from wattgram_collector.intensities.providers.feed import Feed
from wattgram_collector.intensities.providers.kinds import KINDS, Axis, factors_of, manners_of
from wattgram_collector.intensities.providers.provider import Answer as Answered
from wattgram_collector.intensities.providers.settings import ProviderSettings
from wattgram_collector.intensities.providers.surroundings import Source, Surroundings
from wattgram_collector.intensities.providers.wiring import enabled
from wattgram_collector.intensity import Scope
from wattgram_collector.ledger import Ledger, Outcome
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.pricing import Pricing

SLOT_SECONDS = 300
HALF_HOUR = 1_800
HOUR = 3_600
IMPATIENT = Limits(total_seconds=0.05)
_SAMPLE = re.compile(r"^(?P<name>\w+)\{(?P<labels>[^}]*)\} (?P<value>\S+)$", re.MULTILINE)

Answer = Callable[[web.Request], web.StreamResponse | None]


class Outside:
    """A provider's server that can be down altogether; `answer` is what it says while it is up.

    An answer of None is none, and the connection stays open; `hangs` says so beforehand.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked = 0
        self.hangs = False
        self._port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def up(self) -> None:
        application = web.Application()
        application.router.add_get("/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            application, shutdown_timeout=0, handler_cancellation=True, access_log=None
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def down(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        answer = self.answer(request)
        if answer is None:
            await asyncio.Event().wait()
        assert answer is not None
        return answer


@asynccontextmanager
async def outside(answer: Answer) -> AsyncIterator[Outside]:
    server = Outside(answer)
    await server.up()
    try:
        yield server
    finally:
        await server.down()


class Way:
    """The real client; of a server that hangs it does not wait for long. Implements `Client`."""

    def __init__(self, http: aiohttp.ClientSession, server: Outside) -> None:
        self._server = server
        self._patient = HttpClient(http, server.url)
        self._impatient = HttpClient(http, server.url, limits=IMPATIENT)

    async def get(
        self,
        path: str,
        *,
        parameters: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        client = self._impatient if self._server.hangs else self._patient
        return await client.get(path, parameters=parameters, headers=headers)


def half_hours(
    clock: Clock, grams: Callable[[int], str], *, told: list[tuple[float, int]] | None = None
) -> Answer:
    """NESO's national answer: what was, up to now; no forecasts. `told` gets when, and to when."""

    def answer(request: web.Request) -> web.StreamResponse:
        first, last = (_unix(text) for text in request.path.split("/")[2:4])
        ended = int(clock.now) // HALF_HOUR * HALF_HOUR
        if told is not None:
            told.append((clock.now, min(ended, last)))
        return web.json_response({"data": [
            {"from": iso_minutes(start), "to": iso_minutes(start + HALF_HOUR),
             "intensity": {"forecast": None,
                           "actual": float(grams(start)) if start < ended else None,
                           "index": "moderate"}}
            for start in range(first, last, HALF_HOUR)
        ]})  # fmt: skip

    return answer


def hours(clock: Clock, zone: str, grams: Callable[[int], str]) -> Answer:
    """Electricity Maps' answer of a free plan: the last 24 hours, all measured; no forecasts."""

    def answer(request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("/history"):
            return web.json_response({"error": "not in your plan"}, status=401)
        here = int(clock.now) // HOUR * HOUR
        return web.json_response({"zone": zone, "history": [
            {"zone": zone, "carbonIntensity": float(grams(start)), "isEstimated": False,
             "datetime": iso_minutes(start), "emissionFactorType": "direct"}
            for start in range(here - 24 * HOUR, here, HOUR)
        ]})  # fmt: skip

    return answer


def _unix(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


class Desk:
    """One process of the collector: everything between a provider's socket and /metrics."""

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        servers: Mapping[str, Outside],
        hosts: Mapping[str, str],
        http: aiohttp.ClientSession,
        *,
        ledger: Ledger | None = None,
        **settings: Any,
    ) -> None:
        """`hosts`: the zone that each says; `servers` by the provider's name."""
        key = directory / "key"
        key.write_text("a-key")
        key.chmod(0o600)
        config = configured(
            directory,
            intensity=IntensitySettings(scope="direct", **settings),
            providers={
                name: ProviderSettings(enabled=True, url=one.url, token_file=key)
                for name, one in servers.items()
            },
        )
        self.clock = clock
        self.ledger = ledger or SqliteLedger(directory / "ledger.sqlite")
        self.committer = Committer(self.ledger, tick_seconds=0)
        self._hosts = hosts
        self._applied = {}
        keys = {}
        for host in hosts:
            record = self.ledger.enrol(f"agent-of-{host}", HostFacts(host=host))
            self._applied[host] = self.ledger.open_session(record.key, "session-1", 1)
            (keys[host],) = self.ledger.series_keys(record.key, [PACKAGE])
        records = {one.key: one for one in self.ledger.agents()}
        self.fleet = Fleet(records, self.ledger.totals())
        self.pricing = Pricing(
            config, self.ledger, self.committer, self.fleet, unix_seconds=clock.unix_seconds
        )
        self.restater = self.pricing.restater
        self._terms = Sites(config, self.pricing.places).terms
        self._told = {}
        for host, zone in hosts.items():
            table = SeriesTable(number=1, boot_id=BOOT_ID, grid_zone=zone, series=(PACKAGE,))
            self._told[host] = Told(table, (keys[host],), Columns((PACKAGE,)))
            agent = self._agent(host)
            agent.totals.series[keys[host]] = PACKAGE
            agent.zone = self._terms(host, agent.record.facts, zone).zone  # as a batch would
        around = Surroundings(
            zones=self.pricing.zones_in_use,
            kept=self.pricing.kept,
            sink=self.restater.take,
            counts=self.pricing.counts,
            unix_seconds=clock.unix_seconds,
            steady_seconds=clock.steady_seconds,
            dice=lambda: 0.5,
            sleep=clock.sleep,
        )
        axis = Axis(Scope.DIRECT, factors_of(self.pricing.places))
        self.feeds = [
            Feed(
                Source(
                    KINDS[name].make(section, axis),
                    Way(http, servers[name]),
                    manners_of(KINDS[name], section),
                ),
                around,
            )
            for name in enabled(config.providers)
            for section in (config.providers[name],)
        ]
        self._page = CollectorRegistry()
        self._page.register(ProviderMetrics(self.pricing.counts))
        self._page.register(PricingMetrics(self.pricing))

    def _agent(self, host: str) -> Any:
        return next(agent for agent in self.fleet if agent.record.host == host)

    async def until(self, unix_seconds: float) -> None:
        """Let time pass: feeds ask when they are due, and what is due is restated."""
        while self.clock.now < unix_seconds:
            waits = [await feed.tick() for feed in self.feeds]
            await self.restater.restate_due()
            await self.clock.sleep(min([*waits, unix_seconds - self.clock.now, HOUR]))

    async def deliver(self, start: int, energy: Callable[[str, int], int]) -> None:
        """Deliver one hour of every host, by slots of five minutes, through the committer."""
        now = int(self.clock.now) * NANOSECONDS_PER_SECOND
        clock = AgentClock.of(hello(wall_unix_nanoseconds=now, boottime_nanoseconds=now), now)
        slots = range(start, start + HOUR, SLOT_SECONDS)
        done: list[Outcome | None] = []
        for host, zone in self._hosts.items():
            agent, told = self._agent(host), self._told[host]
            self._applied[host] += 1
            batch = Batch(
                sequence=self._applied[host],
                series_number=1,
                start_unix_nanoseconds=start * NANOSECONDS_PER_SECOND,
                start_boottime_nanoseconds=start * NANOSECONDS_PER_SECOND,
                interval_microseconds=(SLOT_SECONDS * MICROSECONDS_PER_SECOND,) * len(slots),
                columns=([energy(host, slot) for slot in slots],),
            )
            terms = self._terms(host, agent.record.facts, zone)
            entry = reckon(
                batch, told, agent_key=agent.record.key, session="session-1", terms=terms,
                clock=clock, books=self.pricing.books, now_unix_nanoseconds=now,
            )  # fmt: skip
            newest = start + HOUR - SLOT_SECONDS
            factor = self.pricing.books.location.at(terms.asked_place, newest)

            def note(
                outcome: Outcome | None,
                agent: Any = agent, batch: Batch = batch, told: Told = told, factor: Any = factor,
            ) -> None:  # fmt: skip
                done.append(outcome)
                if outcome is not None:
                    agent.note(seen_of(batch, told), outcome, factor, 0)

            self.committer.submit(entry, note)
        await self.committer.flush()
        assert all(one is not None and one.is_new for one in done)

    def metrics(self) -> str:
        """Return what /metrics shows now of the hosts."""
        now = int(self.clock.now) * NANOSECONDS_PER_SECOND
        return render(collect(self.fleet, now), openmetrics=False)

    def emissions(self) -> dict[tuple[str, str, str], float]:
        """Return the grams on /metrics by host, zone and tier."""
        return {
            (one["host"], one["grid_zone"], one["tier"]): value
            for one, value in samples(self.metrics(), "wattgram_emissions_co2e_grams_total")
        }

    def adjustments(self) -> dict[str, float]:
        """Return the gauge of what restatements changed, in grams, by host."""
        name = "wattgram_emissions_adjustment_co2e_grams"
        return {one["host"]: value for one, value in samples(self.metrics(), name)}

    def outcomes(self, provider: str) -> dict[str, float]:
        """Return the requests to a provider on /metrics, by outcome."""
        text = generate_latest(self._page).decode()
        found = samples(text, "wattgram_provider_requests_total")
        return {
            one["outcome"]: value for one, value in found if one["provider"] == provider and value
        }

    async def close(self) -> None:
        await self.committer.close()
        self.ledger.close()


def samples(page: str, name: str) -> Sequence[tuple[dict[str, str], float]]:
    """Return the labels and values of one family of a page."""
    return [
        (dict(re.findall(r'(\w+)="([^"]*)"', found["labels"])), float(found["value"]))
        for found in _SAMPLE.finditer(page)
        if found["name"] == name
    ]
