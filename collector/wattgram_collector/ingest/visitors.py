"""What is kept of each agent that was here since the collector started: its manners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from wattgram.units import SECONDS_PER_DAY
from wattgram_collector.config import LimitSettings
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.ingest.buckets import Bucket
from wattgram_collector.ingest.past import Sessions
from wattgram_collector.ingest.pressure import Pace
from wattgram_collector.ledger import TallyKey


class Endable(Protocol):
    """An open stream, as far as others may touch it."""

    def supersede(self) -> None:
        """End: the same agent has opened too many since."""


@dataclass(slots=True)
class Visitor:
    """One agent's pace, sessions and open streams; the labels that it has had let in."""

    pace: Pace
    begun: Bucket
    """Sessions that it may yet begin."""
    sessions: Sessions = field(default_factory=Sessions)
    labels: set[TallyKey] = field(default_factory=set)
    streams: list[Endable] = field(default_factory=list)
    said: set[str] = field(default_factory=set)

    def is_news(self, reason: str) -> bool:
        """Return whether something is to be logged of it: the first time since the start."""
        is_first = reason not in self.said
        self.said.add(reason)
        return is_first

    def may_begin(self, session: str, now_seconds: float) -> bool:
        """Return whether it may use a session: one that it has used, or not too many new ones."""
        if session not in self.sessions and not self.begun.has(now_seconds):
            return False
        self.sessions.of(session)
        return True


class Visitors:
    """By the ledger's key of the agent; as many as there are agents, which is bounded."""

    def __init__(self, limits: LimitSettings, seconds: Callable[[], float]) -> None:
        self._limits = limits
        self._seconds = seconds
        self._visitors: dict[int, Visitor] = {}

    def of(self, agent: Agent) -> Visitor:
        known = self._visitors.get(agent.record.key)
        if known is None:
            now = self._seconds()
            daily = self._limits.max_sessions_per_agent_per_day
            known = self._visitors[agent.record.key] = Visitor(
                Pace(self._limits, now),
                Bucket(daily / SECONDS_PER_DAY, daily, now),
                labels=set(agent.totals.tallies),
            )
        return known

    def cloned(self, now_unix_nanoseconds: int) -> int:
        """Return how many agents are now taken for cloned."""
        return sum(one.sessions.is_cloned(now_unix_nanoseconds) for one in self._visitors.values())
