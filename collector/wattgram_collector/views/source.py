"""What pages, API and exports ask: the fleet now, and one host of it.

The rows of a large fleet are made a few at a time, so that batches are answered in between; what
they show is then no older than a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_collector.advising import Advisor
from wattgram_collector.ingest.agents import Agent, Fleet
from wattgram_collector.intensity import IntensityBook
from wattgram_collector.ledger import LedgerError
from wattgram_collector.ledger.sums import Sums
from wattgram_collector.views.collector_problems import CollectorState, collector_problems
from wattgram_collector.views.day import Labels
from wattgram_collector.views.fleet import Around, fleet_view
from wattgram_collector.views.history import History
from wattgram_collector.views.host import host_view
from wattgram_collector.views.losses import Losses
from wattgram_collector.views.model import (
    Budget,
    EmissionLimit,
    FleetView,
    HostDetail,
    HostRow,
    Problem,
    Zone,
)
from wattgram_collector.views.problems import HostState, host_problems
from wattgram_collector.views.rows import (
    Counted,
    Place,
    TermsOf,
    counted,
    host_row,
    place_of,
    presence_of,
)
from wattgram_collector.views.zones import with_hosts, zone_view

FRESH_SECONDS: Final = 1.0
KEEP_UP_SECONDS: Final = 60.0
ZONE_SECONDS: Final = 60.0
STEP_SECONDS: Final = 0.002
"""For so long rows are made before others have their turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the views ask beside the fleet."""

    terms_of: TermsOf
    book: IntensityBook
    advisor: Advisor
    budgets: Callable[[float], tuple[Budget, ...]] = lambda _: ()
    limits: Callable[[float], tuple[EmissionLimit, ...]] = lambda _: ()
    trouble: Callable[[], LedgerError | None] = lambda: None
    state_directory: str = "/var/lib/wattgram-collector"
    expiries: Callable[[], Mapping[str, int]] = dict


class Views:
    """Call `ready` before; the others then answer at once from what is in memory."""

    def __init__(
        self,
        fleet: Fleet,
        opened: Callable[[], Sums] | None,
        around: Surroundings,
        *,
        unix_nanoseconds: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`opened` gives an instant of the ledger; without it the last day is unknown."""
        self._fleet = fleet
        self._around = around
        self._unix_nanoseconds = unix_nanoseconds
        self._monotonic = monotonic
        self.history: History | None = None
        if opened is not None:
            self.history = History(
                opened,
                self.labels,
                unix_seconds=lambda: unix_nanoseconds() / NANOSECONDS_PER_SECOND,
                monotonic=monotonic,
            )
        self._losses = Losses()
        self._counted: dict[int, tuple[object, Counted]] = {}
        self._zones: dict[str, tuple[float, Zone]] = {}
        self._expiries: Mapping[str, int] = {}
        self._made: FleetView | None = None
        self._made_at = 0.0
        self._making: asyncio.Future[None] | None = None

    # ── asked ────────────────────────────────────────────────────────────────────────────────

    async def ready(self, host: str | None = None) -> None:
        """Make the views no older than a second; of `host`, also its last day.

        It is done in small steps: for a large fleet it takes a while and holds nobody up.
        """
        if self._made is None or self._monotonic() - self._made_at > FRESH_SECONDS:
            if self._making is None or self._making.done():
                self._making = asyncio.ensure_future(self._make())
            await asyncio.shield(self._making)
        agent = self._named(host) if host is not None else None
        if agent is not None and self.history is not None:
            with contextlib.suppress(LedgerError):
                await self.history.read_host(agent.record.key)

    def fleet(self) -> FleetView:
        """Return the fleet as `ready` found it."""
        if self._made is None:
            now = self._unix_nanoseconds()
            rows: list[HostRow] = []
            problems: list[Problem] = []
            for agent in self._fleet:
                row, mine = self._look(agent, now)
                rows.append(row)
                problems += mine
            self._show(rows, problems, now)
        if self._made is None:
            raise AssertionError("just made")
        return self._made

    def host(self, name: str) -> HostDetail | None:
        """Return one host by the name on its metrics or its agent id; None: there is none."""
        agent = self._named(name)
        if agent is None:
            return None
        now = self._unix_nanoseconds()
        row, problems = self._look(agent, now)
        steps = self.history.host(agent.record.key) if self.history is not None else ()
        return host_view(agent, row, problems, steps, self._place(agent).terms)

    def labels(self) -> dict[int, Labels]:
        """Return what every host has in common with others, by agent key."""
        return {agent.record.key: self._place(agent).labels for agent in self._fleet}

    @contextlib.asynccontextmanager
    async def running(self, stop: Callable[[asyncio.Future[None]], None]) -> AsyncIterator[None]:
        """Keep the last day and what was lost of late; `stop` is told when that dies of a bug."""
        working = [self._keep_up()]
        if self.history is not None:
            working.append(self.history.run())
        tasks = [asyncio.ensure_future(one) for one in working]
        for task in tasks:
            task.add_done_callback(stop)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    # ── making ───────────────────────────────────────────────────────────────────────────────

    async def _keep_up(self) -> None:
        while True:
            self._expiries = await asyncio.to_thread(self._around.expiries)
            await self.ready()
            await asyncio.sleep(KEEP_UP_SECONDS)

    async def _make(self) -> None:
        now = self._unix_nanoseconds()
        rows: list[HostRow] = []
        problems: list[Problem] = []
        began = self._monotonic()
        for agent in list(self._fleet):
            row, mine = self._look(agent, now)
            rows.append(row)
            problems += mine
            if self._monotonic() - began > STEP_SECONDS:
                await asyncio.sleep(0)
                began = self._monotonic()
        for zone in sorted({row.zone for row in rows if row.zone}):
            self._zone(zone, now)
            await asyncio.sleep(0)
        self._show(rows, problems, now)

    def _show(self, rows: list[HostRow], problems: list[Problem], now: int) -> None:
        seconds = now / NANOSECONDS_PER_SECOND
        rows.sort(key=lambda row: row.host)
        names = sorted({row.zone for row in rows if row.zone})
        zones = tuple(with_hosts(self._zone(name, now), rows) for name in names)
        state = CollectorState(
            trouble=self._around.trouble(),
            state_directory=self._around.state_directory,
            history_trouble=self.history.trouble if self.history else None,
            expiries_unix_seconds=self._expiries,
            zones=zones,
            live_zones=frozenset(self._around.advisor.history.zones),
            budgets=self._around.budgets(seconds),
            limits=self._around.limits(seconds),
        )
        around = Around(
            day=self.history.day if self.history else None,
            zones=zones,
            budgets=state.budgets,
            limits=state.limits,
            problems=collector_problems(state, seconds),
        )
        self._made = fleet_view(rows, problems, around, seconds)
        self._made_at = self._monotonic()

    def _look(self, agent: Agent, now: int) -> tuple[HostRow, tuple[Problem, ...]]:
        place = self._place(agent)
        state = HostState(
            agent=agent,
            labels=place.labels,
            presence=presence_of(agent, now),
            rises=self._losses.rises(agent, now // NANOSECONDS_PER_SECOND),
        )
        found = host_problems(state)
        return host_row(agent, place.labels, self._counts(agent), len(found), now), found

    def _place(self, agent: Agent) -> Place:
        return place_of(agent, self._around.terms_of)

    def _counts(self, agent: Agent) -> Counted:
        """Add up the counters of a host, if they have changed."""
        key = agent.record.key
        marker = (
            agent.last_seen_unix_nanoseconds,
            agent.newest_sample_unix_nanoseconds,
            agent.totals.adjustment,
        )
        known = self._counted.get(key)
        if known is None or known[0] != marker:
            known = self._counted[key] = (marker, counted(agent))
        return known[1]

    def _zone(self, name: str, now: int) -> Zone:
        known = self._zones.get(name)
        if known is None or self._monotonic() - known[0] > ZONE_SECONDS:
            seconds = now // NANOSECONDS_PER_SECOND
            made = zone_view(name, self._around.advisor, self._around.book, seconds)
            known = self._zones[name] = (self._monotonic(), made)
        return known[1]

    def _named(self, name: str) -> Agent | None:
        """Return the host of a name, else of an agent id: nobody takes another's name by it."""
        found = None
        for agent in self._fleet:
            if name == agent.record.host:
                return agent
            if name == agent.record.agent_id:
                found = agent
        return found
