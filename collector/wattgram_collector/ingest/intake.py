"""What every stream shares: where batches go, how they are priced, and what is counted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from wattgram.handshake import Hello, Limits
from wattgram.readings import Kind, Series, SeriesTable
from wattgram_collector.accounting.emissions import Columns
from wattgram_collector.ingest.agents import Agent, Fleet
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.ingest.folding import WORKLOADS_MAX, fold
from wattgram_collector.ingest.reckoning import Told
from wattgram_collector.ingest.turns import Turns
from wattgram_collector.intensity import IntensityBook
from wattgram_collector.ledger import AgentRecord, Ledger

LOG: Final = logging.getLogger("wattgram.ingest")
_TOLD_MAX: Final = 20_000
_SAID_MAX: Final = 20_000


class Intake:
    """One of it; the streams are many."""

    def __init__(
        self,
        ledger: Ledger,
        committer: Committer,
        fleet: Fleet,
        book: IntensityBook,
        zone_of: Callable[[str, str], str],
        limits: Limits,
        turns: Turns | None = None,
        *,
        max_workloads: int = WORKLOADS_MAX,
    ) -> None:
        """`zone_of(host, said)` returns the grid zone to price with, '' when nobody knows."""
        self.turns = turns or Turns({})
        self.committer = committer
        self.fleet = fleet
        self.book = book
        self.limits = limits
        self.streams = 0
        self.batches = 0
        self.duplicates = 0
        self.undecodable = 0
        self.folded_workloads = 0
        self._max_workloads = max_workloads
        self._ledger = ledger
        self._zone_of = zone_of
        self._told: dict[tuple[int, tuple[Series, ...]], Told] = {}
        self._zones_said: set[tuple[str, str]] = set()

    async def enrol(self, hello: Hello) -> tuple[AgentRecord, int]:
        """Return the agent's record and the applied sequence of its session."""

        def work() -> tuple[AgentRecord, int]:
            record = self._ledger.enrol(hello.agent_id, hello.facts)
            return record, self._ledger.open_session(
                record.key, hello.session, hello.first_sequence
            )

        return await self.committer.call(work)

    async def learn(self, agent: Agent, table: SeriesTable) -> Told:
        """Return a table with the ledger's keys of its series; raises LedgerError."""
        agent_key = agent.record.key
        known = self._told.get((agent_key, table.series))
        if known is None:
            filed = fold(table.series, agent.totals.series.values(), self._max_workloads)
            keys = await self.committer.call(lambda: self._ledger.series_keys(agent_key, filed))
            known = Told(table, keys, Columns(filed), filed)
            self._note_folded(agent.record.host, known)
            while len(self._told) >= _TOLD_MAX:
                del self._told[next(iter(self._told))]
            self._told[agent_key, table.series] = known
        return known._replace(table=table)

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
                        host, folded, self._max_workloads)  # fmt: skip

    def resolve_zone(self, host: str, said: str) -> str:
        """Return the zone to price with; one that no table knows is said once a host."""
        zone = self._zone_of(host, said)
        if (host, zone) not in self._zones_said and len(self._zones_said) < _SAID_MAX:
            self._zones_said.add((host, zone))
            if not zone:
                LOG.warning("grid_zone_unset host=%s: its energy is unpriced", host)
            elif self.book.at(zone, int(time.time())) is None:
                LOG.warning("grid_zone_unknown host=%s zone=%s: its energy is unpriced",
                            host, zone)  # fmt: skip
        return zone
