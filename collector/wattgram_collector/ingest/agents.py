"""What is known of every agent now: its totals, and what it said last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from wattgram.handshake import Hello
from wattgram.readings import AgentStatus, Batch, Quality, SourceState
from wattgram.units import (
    NANOSECONDS_PER_MICROSECOND,
    NANOSECONDS_PER_SECOND,
    mean_power_microwatts,
)
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.ingest.reckoning import Told
from wattgram_collector.intensity import Intensity
from wattgram_collector.ledger import AgentRecord, AgentTotals, Outcome

LATE_INTERVALS: Final = 3
LATE_NANOSECONDS_MIN: Final = 15 * NANOSECONDS_PER_SECOND
GONE_NANOSECONDS: Final = 300 * NANOSECONDS_PER_SECOND
_WORST_FIRST: Final = (Quality.DEFAULT, Quality.MODELLED, Quality.DECLARED, Quality.MEASURED)


class Seen(NamedTuple):
    """What is shown of a batch when it is in the ledger; its readings need not wait for that."""

    sources: tuple[SourceState, ...]
    status: AgentStatus
    power_microwatts: int | None
    power_quality: Quality | None


def seen_of(batch: Batch, told: Told) -> Seen:
    """PURE. Return what is to be shown of a batch."""
    energy, elapsed = _metered(batch, told.columns.host)
    if not told.columns.host or not elapsed:
        return Seen(told.table.sources, batch.status, None, None)
    power = mean_power_microwatts(energy, elapsed * NANOSECONDS_PER_MICROSECOND)
    qualities = {told.table.series[index].quality for index in told.columns.host}
    worst = next(quality for quality in _WORST_FIRST if quality in qualities)
    return Seen(told.table.sources, batch.status, power, worst)


def _metered(batch: Batch, hosts: Sequence[int]) -> tuple[int, int]:
    """Return the microjoules and microseconds of intervals in which every meter was read."""
    lengths = batch.interval_microseconds
    if batch.sums is not None and batch.is_whole:
        return sum([batch.sums[index] for index in hosts]), sum(lengths)
    own = set(hosts)
    counted = [cast("Sequence[int]", batch.columns[index]) for index in hosts]
    reached = {
        reach.cell % len(lengths) for reach in batch.reaches if reach.cell // len(lengths) in own
    }
    energy, elapsed = 0, 0
    for at, (length, row) in enumerate(zip(lengths, zip(*counted, strict=True), strict=False)):
        if None not in row and at not in reached:
            energy, elapsed = energy + sum(row), elapsed + length
    return energy, elapsed


@dataclass(slots=True)
class Agent:
    """One agent: its record and totals, and the newest of what changes."""

    record: AgentRecord
    totals: AgentTotals
    last_seen_unix_nanoseconds: int = 0
    newest_sample_unix_nanoseconds: int = 0
    interval_nanoseconds: int = 10 * NANOSECONDS_PER_SECOND
    agent_version: str = ""
    zone: str = ""
    site: str = ""
    """As the operator or its host says; known from the first batch on."""
    clock_offset_nanoseconds: int | None = None
    power_microwatts: int | None = None
    power_quality: Quality | None = None
    intensity: Intensity | None = None
    is_told: bool = False
    """Whether a batch of now said what those are; False while none has, or a backlog comes."""
    sources: tuple[SourceState, ...] = ()
    status: AgentStatus | None = None

    @property
    def said_site(self) -> str:
        """As it is known now, which before a batch is only what the host says."""
        return self.site or self.record.facts.site

    def is_late(self, now_unix_nanoseconds: int) -> bool:
        """Return whether the agent is silent for longer than it should be."""
        return self._silence_nanoseconds(now_unix_nanoseconds) > self._patience_nanoseconds

    def is_gone(self, now_unix_nanoseconds: int) -> bool:
        """Return whether it is silent for so long that its counters are no longer shown."""
        silence = self._silence_nanoseconds(now_unix_nanoseconds)
        return self.is_late(now_unix_nanoseconds) and silence > GONE_NANOSECONDS

    @property
    def _patience_nanoseconds(self) -> int:
        return max(LATE_NANOSECONDS_MIN, LATE_INTERVALS * self.interval_nanoseconds)

    def _silence_nanoseconds(self, now_unix_nanoseconds: int) -> int:
        """Return how long nothing was heard, or how far the clock was set back since then."""
        return abs(now_unix_nanoseconds - self.last_seen_unix_nanoseconds)

    def greet(self, hello: Hello, record: AgentRecord, now: int, offset: int) -> None:
        """Note what a Hello says."""
        self.record = record
        self.last_seen_unix_nanoseconds = now
        self.interval_nanoseconds = hello.batch_interval_nanoseconds
        self.agent_version = hello.agent_version
        self.clock_offset_nanoseconds = offset

    def note(
        self, seen: Seen, outcome: Outcome, intensity: Intensity | None, now_nanoseconds: int
    ) -> None:
        """Note a batch that is in the ledger, now on the monotonic clock."""
        self.totals.add(outcome, now_nanoseconds)
        # Not the latest of all: a clock that was ahead and is right again would hide a silence.
        self.last_seen_unix_nanoseconds = outcome.entry.received_unix_nanoseconds
        self.sources = seen.sources
        self.status = seen.status
        newest = outcome.entry.newest_sample_unix_nanoseconds
        if newest <= self.newest_sample_unix_nanoseconds:
            return
        self.newest_sample_unix_nanoseconds = newest
        age = outcome.entry.received_unix_nanoseconds - newest
        self.is_told = age <= self._patience_nanoseconds
        self.intensity = self.power_microwatts = self.power_quality = None
        if self.is_told:  # what waited in a spool says nothing of now
            self.intensity = intensity
            self.power_microwatts, self.power_quality = seen.power_microwatts, seen.power_quality


class Fleet:
    """Every agent that was ever enrolled, by the ledger's key."""

    def __init__(
        self, records: Mapping[int, AgentRecord], totals: Mapping[int, AgentTotals]
    ) -> None:
        self._agents = {
            key: Agent(
                record,
                totals.get(key) or AgentTotals(),
                last_seen_unix_nanoseconds=record.last_seen_unix_nanoseconds,
                newest_sample_unix_nanoseconds=record.newest_sample_unix_nanoseconds,
            )
            for key, record in records.items()
        }
        for agent in self._agents.values():
            agent.zone, agent.site = _place_of(agent.totals)
        self._by_id = {agent.record.agent_id: agent for agent in self._agents.values()}

    def __iter__(self) -> Iterator[Agent]:
        return iter(self._agents.values())

    def __len__(self) -> int:
        return len(self._agents)

    def knows(self, agent_id: str) -> bool:
        """Return whether an agent of this id was ever enrolled; from any thread."""
        return any(agent.record.agent_id == agent_id for agent in list(self))

    def agent(self, record: AgentRecord) -> Agent:
        """Return the agent of a record, made if it is new."""
        agent = self._agents.setdefault(record.key, Agent(record, AgentTotals()))
        return self._by_id.setdefault(record.agent_id, agent)

    def of_id(self, agent_id: str) -> Agent | None:
        return self._by_id.get(agent_id)


def _place_of(totals: AgentTotals) -> tuple[str, str]:
    """PURE. Return the zone and the site of all that was posted; empty where it was in several."""
    own = (one.terms for one in totals.sums if one.account is Account.HOST)
    found = {(terms.zone, terms.site) for terms in own}
    return found.pop() if len(found) == 1 else ("", "")
