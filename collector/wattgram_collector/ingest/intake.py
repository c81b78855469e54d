"""What every stream shares: where batches go, how they are priced, and what is counted."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from wattgram.handshake import Hello, HostFacts, Limits
from wattgram.readings import Kind, Series, SeriesTable
from wattgram_collector.accounting.emissions import Books, Columns
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.config import LimitSettings
from wattgram_collector.ingest.admission import Gate
from wattgram_collector.ingest.agents import Agent, Fleet
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.ingest.folding import fold
from wattgram_collector.ingest.pressure import Pressure
from wattgram_collector.ingest.reckoning import RefusalError, Told
from wattgram_collector.ingest.turns import Turns
from wattgram_collector.ingest.visitors import Visitor, Visitors
from wattgram_collector.ledger import AgentRecord, Ledger

LOG: Final = logging.getLogger("wattgram.ingest")
_TOLD_SERIES_MAX: Final = 500_000
_TOLD_TABLES_MAX: Final = 8
"""Of one agent; more are only remembered by its streams."""
# What a table with a new series costs the ledger: a transaction, and a row for each.
_ROWS_OF_TABLE: Final = 400
_ROWS_OF_SERIES: Final = 10
_ZONES_SAID_MAX: Final = 4


class Intake:
    """One of it; the streams are many."""

    def __init__(
        self,
        ledger: Ledger,
        committer: Committer,
        fleet: Fleet,
        books: Books,
        terms_of: Callable[[str, HostFacts, str], Terms],
        limits: Limits,
        turns: Turns | None = None,
        *,
        bounds: LimitSettings | None = None,
    ) -> None:
        """`terms_of(host, facts, said_zone)` returns the terms that the energy of a host has."""
        self.turns = turns or Turns({})
        self.committer = committer
        self.fleet = fleet
        self.books = books
        self.limits = limits
        self.streams = 0
        self.batches = 0
        self.duplicates = 0
        self.undecodable = 0
        self.folded_workloads = 0
        self.folded_labels = 0
        self.cut: Counter[str] = Counter()
        """Streams that the collector ended, by reason."""
        self.reused_sequences = 0
        self.bounds = bounds = bounds or LimitSettings()
        self.seconds = time.monotonic
        self.facts_of: Callable[[str, HostFacts], HostFacts] = lambda _, facts: facts
        """What a host is, where the operator knows better than it says."""
        self.gate = Gate(bounds)
        self.pressure = Pressure(bounds.max_bytes_in_flight)
        self._visitors = Visitors(bounds, self.seconds)
        self._enrolling: set[str] = set()
        self._ledger = ledger
        self._terms_of = terms_of
        self._told: dict[int, dict[tuple[Series, ...], Told]] = {}
        self._told_series = 0
        self._zones_said: dict[str, set[str]] = {}

    def visitor(self, agent: Agent) -> Visitor:
        """Return what is kept of an agent beside the ledger."""
        return self._visitors.of(agent)

    def cloned_agents(self, now_unix_nanoseconds: int) -> int:
        """Return how many agents are now taken for cloned."""
        return self._visitors.cloned(now_unix_nanoseconds)

    def refusal(self, hello: Hello) -> str:
        """Return why a Hello is not let in, '' if it is; nothing was asked of the ledger."""
        agent = self.fleet.of_id(hello.agent_id)
        if agent is None:
            known = len(self.fleet) + len(self._enrolling - {hello.agent_id})
            return "agents" if known >= self.bounds.max_agents else ""
        may = self.visitor(agent).may_begin(hello.session, self.seconds())
        return "" if may else "sessions"

    async def enrol(self, hello: Hello) -> tuple[AgentRecord, int]:
        """Return the agent's record and the applied sequence of its session.

        One that says the same of itself as before costs the ledger no transaction.
        """
        known = self.fleet.of_id(hello.agent_id)

        def work() -> tuple[AgentRecord, int]:
            record = known.record if known else None
            facts = self.facts_of(record.host if record else hello.facts.host, hello.facts)
            if record is None or record.facts != facts:
                record = self._ledger.enrol(hello.agent_id, facts)
            return record, self._ledger.open_session(
                record.key, hello.session, hello.first_sequence
            )

        self._enrolling.add(hello.agent_id)
        try:
            return await self.committer.call(work)
        finally:
            self._enrolling.discard(hello.agent_id)

    async def learn(self, agent: Agent, table: SeriesTable) -> tuple[Told, int]:
        """Return a table with the ledger's keys of its series, and what that cost it in rows.

        Raises LedgerError, and RefusalError when the agent has had too many series already.
        """
        agent_key = agent.record.key
        known = self._told.get(agent_key, {}).get(table.series)
        if known is not None:
            return known._replace(table=table), 0
        had = set(agent.totals.series.values())
        filed = fold(table.series, had, self.bounds.max_workloads)
        new = len(set(filed) - had)
        if new and len(had) + new > self.bounds.max_agent_series:
            raise RefusalError("too_many_series", f"{new} new ones, it has had {len(had)}")
        keys = await self.committer.call(lambda: self._ledger.series_keys(agent_key, filed))
        told = Told(table, keys, Columns(filed), filed)
        self._note_folded(agent.record.host, told)
        self._remember(agent_key, told)
        return told, new and _ROWS_OF_TABLE + _ROWS_OF_SERIES * new

    def _remember(self, agent_key: int, told: Told) -> None:
        mine = self._told.setdefault(agent_key, {})
        mine[told.table.series] = told
        self._told_series += len(told.table.series)
        if len(mine) > _TOLD_TABLES_MAX:
            self._told_series -= len(mine.pop(next(iter(mine))).table.series)
        while self._told_series > _TOLD_SERIES_MAX and len(self._told) > 1:
            oldest = next(iter(self._told))
            forgotten = self._told.pop(oldest)
            self._told_series -= sum(len(one.table.series) for one in forgotten.values())

    async def learn_aside(self, agent_key: int, told: Told) -> Told:
        """Return the table with no energy counted, and keys of such series; raises LedgerError."""
        series = tuple(
            replace(one, counted=False) if one.kind is Kind.ENERGY else one for one in told.series
        )
        keys = await self.committer.call(lambda: self._ledger.series_keys(agent_key, series))
        return Told(told.table, keys, Columns(series), series)

    def _note_folded(self, host: str, told: Told) -> None:
        folded = len(set(told.table.series) - set(told.series))
        if folded:
            self.folded_workloads += folded
            LOG.warning("workloads_folded host=%s count=%d: it has had %d, these are other",
                        host, folded, self.bounds.max_workloads)  # fmt: skip

    def terms(self, record: AgentRecord, said_zone: str) -> Terms:
        """Return the terms of a host; a zone that no table knows is said once a host."""
        terms = self._terms_of(record.host, record.facts, said_zone)
        host, zone = record.host, terms.zone
        said_before = self._zones_said.setdefault(host, set())
        if zone not in said_before and len(said_before) < _ZONES_SAID_MAX:
            said_before.add(zone)
            if not zone:
                LOG.warning("grid_zone_unset host=%s: its energy is unpriced", host)
            elif self.books.location.at(terms.asked_place, int(time.time())) is None:
                LOG.warning("grid_zone_unknown host=%s zone=%s: its energy is unpriced",
                            host, zone)  # fmt: skip
        return terms
