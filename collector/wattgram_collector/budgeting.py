"""What is used of every carbon budget, and what the fleet emits now against its limits.

At the start the ledger is summed over each budget's period, by SQLite, in a thread, a day at a
time. From then on only hours to which something was posted, or that were restated, are read again:
late data and better intensities are in within seconds, whichever hour they are about.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from wattgram.handshake import HostFacts
from wattgram.units import (
    MICROJOULES_PER_JOULE,
    MICROJOULES_PER_KILOWATT_HOUR,
    NANOSECONDS_PER_SECOND,
    SECONDS_PER_DAY,
    SECONDS_PER_HOUR,
)
from wattgram_collector.accounting.budget_settings import Selection
from wattgram_collector.accounting.budgets import takes_host, takes_place
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.budget_hours import Asked, Kind, Running, known_of, read, shown
from wattgram_collector.config import CollectorConfig
from wattgram_collector.ingest.agents import Agent, Fleet
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.ledger import LedgerError
from wattgram_collector.ledger.sums import Sums
from wattgram_collector.views.model import Budget, EmissionLimit

LOG: Final = logging.getLogger("wattgram.budgets")
TICK_SECONDS: Final = 5.0
HOURS_PER_DAY: Final = SECONDS_PER_DAY // SECONDS_PER_HOUR

TermsOf = Callable[[str, HostFacts, str], Terms]


class Members(NamedTuple):
    """The hosts of a selection, each with what its own emissions are multiplied by."""

    agents: list[tuple[Agent, float]]

    def grams_per_second(self, now_unix_nanoseconds: int) -> float | None:
        """Return what those emit now whose power and intensity are known; None: nobody's are."""
        found = [
            agent.power_microwatts * float(agent.intensity.value) * ratio
            for agent, ratio in self.agents
            if agent.power_microwatts is not None
            and agent.intensity is not None
            and not agent.is_late(now_unix_nanoseconds)
        ]
        # Microwatts are microjoules a second.
        return sum(found) / MICROJOULES_PER_KILOWATT_HOUR if found else None


class Budgeting:
    """One of it. Without budgets and limits it does nothing."""

    def __init__(
        self,
        config: CollectorConfig,
        fleet: Fleet,
        committer: Committer,
        terms_of: TermsOf,
        summing: Callable[[], Sums],
        *,
        unix_seconds: Callable[[], float] = time.time,
    ) -> None:
        """`summing` opens the ledger to be summed; it is called from a thread."""
        self.limits = config.emission_limits
        self._running = {name: Running(name, one) for name, one in config.budgets.items()}
        self._selections: dict[str, Selection] = {
            **{f"budgets.{name}": one for name, one in config.budgets.items()},
            **{f"limits.{name}": one for name, one in config.emission_limits.items()},
        }
        self._fleet = fleet
        self._terms_of = terms_of
        self._summing = summing
        self._unix_seconds = unix_seconds
        self._changed = committer.follow() if self._running else set()
        self._kinds: dict[int, Kind] = {}
        self._members = {name: Members([]) for name in self._selections}
        self._seen: dict[int, tuple[HostFacts, str]] = {}
        self._failed = False

    # ── what is shown ────────────────────────────────────────────────────────────────────────

    def reckoned(self, now_unix_seconds: float) -> tuple[Budget, ...]:
        """Return every budget in the period that it is now; what was not read yet is None."""
        return tuple(
            replace(shown(one, now_unix_seconds), hosts=self._hosts(f"budgets.{name}"))
            for name, one in self._running.items()
        )

    def limits_now(self, now_unix_seconds: float) -> tuple[EmissionLimit, ...]:
        """Return every limit, and what its hosts emit now."""
        rates = self.limit_rates(int(now_unix_seconds * NANOSECONDS_PER_SECOND))
        return tuple(
            EmissionLimit(
                name=name,
                grams_per_hour=one.grams_per_hour,
                present_grams_per_hour=rates[name] * SECONDS_PER_HOUR if name in rates else None,
                hosts=self._hosts(f"limits.{name}"),
            )
            for name, one in self.limits.items()
        )

    def _hosts(self, selection: str) -> int | None:
        """Return how many hosts are meant; None before any was looked at."""
        return len(self._members[selection].agents) if self._seen else None

    def unpriced_joules(self, now_unix_seconds: float) -> dict[str, float]:
        """Return the energy of each budget's period that nothing prices, where that is known."""
        return {
            one.name: known.unpriced_microjoules / MICROJOULES_PER_JOULE
            for one in self._running.values()
            if (known := known_of(one, now_unix_seconds)) is not None
        }

    def budget_rates(self, now_unix_nanoseconds: int) -> dict[str, float]:
        """Return what the hosts of each budget emit now, in grams a second, where it is known."""
        return self._rates("budgets.", now_unix_nanoseconds)

    def limit_rates(self, now_unix_nanoseconds: int) -> dict[str, float]:
        """Return what the hosts of each limit emit now, in grams a second, where it is known."""
        return self._rates("limits.", now_unix_nanoseconds)

    def _rates(self, prefix: str, now_unix_nanoseconds: int) -> dict[str, float]:
        found = {
            name.removeprefix(prefix): members.grams_per_second(now_unix_nanoseconds)
            for name, members in self._members.items()
            if name.startswith(prefix)
        }
        return {name: rate for name, rate in found.items() if rate is not None}

    # ── reckoning ────────────────────────────────────────────────────────────────────────────

    @contextlib.asynccontextmanager
    async def running(self, stop: Callable[[asyncio.Future[None]], None]) -> AsyncIterator[None]:
        """Keep the figures up to date; `stop` is told when that dies of a bug."""
        if not self._selections:
            yield
            return
        thread = ThreadPoolExecutor(1, thread_name_prefix="budgets")
        task = asyncio.ensure_future(self._run(thread))
        task.add_done_callback(stop)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, thread: ThreadPoolExecutor) -> None:
        while True:
            await self.reckon(thread)
            await asyncio.sleep(TICK_SECONDS)

    async def reckon(self, thread: ThreadPoolExecutor | None = None) -> None:
        """Bring everything up to date; a ledger that cannot be read is tried again later."""
        now = self._unix_seconds()
        slots = set(self._changed)
        self._changed.clear()
        self._note_hosts(now)
        for one in self._running.values():
            one.turn(now)
            one.note(slots)
        loop = asyncio.get_running_loop()
        while hours := self._next_hours():
            work = partial(read, self._summing, hours, self._groups(), self._wanted(hours))
            try:
                found = await loop.run_in_executor(thread, work)
            except LedgerError as error:
                self._note_failure(error)
                return
            for name, spent_by_hour in found.items():
                self._running[name].keep(spent_by_hour)
        self._note_failure(None)

    def _note_failure(self, error: LedgerError | None) -> None:
        if error is not None and not self._failed:
            LOG.warning("budgets_not_reckoned reason=%r", str(error))
        elif error is None and self._failed:
            LOG.info("budgets_reckoned_again")
        self._failed = error is not None

    def _next_hours(self) -> range:
        """Return hours of one day of UTC, the newest that are due first; empty: none are."""
        due = set().union(*(one.due for one in self._running.values()))
        if not due:
            return range(0)
        last = max(due)
        day = last // HOURS_PER_DAY * HOURS_PER_DAY
        return range(min(hour for hour in due if hour >= day), last + 1)

    def _wanted(self, hours: range) -> dict[str, Asked]:
        return {
            one.name: Asked(one.settings, one.window.slots, frozenset(one.due & set(hours)))
            for one in self._running.values()
        }

    def _groups(self) -> dict[int, Kind]:
        return {key: kind for key, kind in self._kinds.items() if kind.budgets}

    def _note_hosts(self, now: float) -> None:
        """Find out which hosts are meant, again where a host says something else of itself."""
        agents = list(self._fleet)
        said = {agent.record.key: (agent.record.facts, agent.zone) for agent in agents}
        if said == self._seen:
            return
        self._seen = said
        is_other = False
        for agent in agents:
            kind = self._kind_of(agent)
            # What a new host posts is told; one that counts elsewhere now takes its past along.
            is_other |= self._kinds.setdefault(agent.record.key, kind) != kind
            self._kinds[agent.record.key] = kind
        if is_other:
            for one in self._running.values():
                one.begin_again(now)
        self._members = {
            name: Members(list(self._members_of(wanted, agents)))
            for name, wanted in self._selections.items()
        }

    def _kind_of(self, agent: Agent) -> Kind:
        host, facts = agent.record.host, agent.record.facts
        meant = frozenset(
            name for name, one in self._running.items() if takes_host(one.settings, host, facts)
        )
        return Kind(meant, facts.site)

    def _members_of(
        self, wanted: Selection, agents: Iterable[Agent]
    ) -> Iterable[tuple[Agent, float]]:
        for agent in agents:
            host, facts = agent.record.host, agent.record.facts
            if not takes_host(wanted, host, facts):
                continue
            terms = self._terms_of(host, facts, agent.zone)
            if takes_place(wanted, agent.zone, terms.site or facts.site):
                overhead = float(terms.overhead_ratio) if wanted.facility_overhead else 0.0
                yield agent, 1 + overhead
