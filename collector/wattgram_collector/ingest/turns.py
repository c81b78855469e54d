"""Who counts a host that is metered twice: by its agent, and by the collector through its BMC.

The rule: an accounting slot of a host is counted from one side only, and the side that is first to
count in it has it. What the other side measured in that slot goes into the ledger as shown, not
counted. So no joule is counted twice whatever comes late, out of a spool or after a restart: who
has which slot is read back from the ledger.

Nothing is decided by guessing who lives. That the BMC's side is polite, and leaves a new slot to
an agent that is up and counts, only decides who is first.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from wattgram.units import ACCOUNTING_SLOT_SECONDS, SECONDS_PER_DAY
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.ingest.reckoning import Told
from wattgram_collector.ledger import AgentRecord, Entry, Ledger

# A BMC is only read now: older slots of agents are in nobody's way.
_RECENT_SLOTS: Final = SECONDS_PER_DAY // ACCOUNTING_SLOT_SECONDS


class Slots:
    """A set of slots, kept as runs: years without interruption are one."""

    def __init__(self, runs: Iterable[tuple[int, int]] = ()) -> None:
        """`runs` are (first, last), ascending and apart."""
        self._first: list[int] = []
        self._last: list[int] = []
        for first, last in runs:
            self._first.append(first)
            self._last.append(last)

    def __contains__(self, slot: int) -> bool:
        at = bisect_right(self._first, slot)
        return at > 0 and slot <= self._last[at - 1]

    def add(self, slot: int) -> None:
        if slot in self:
            return
        at = bisect_right(self._first, slot)
        joins_before = at > 0 and self._last[at - 1] == slot - 1
        joins_after = at < len(self._first) and self._first[at] == slot + 1
        if joins_before and joins_after:
            self._last[at - 1] = self._last.pop(at)
            del self._first[at]
        elif joins_before:
            self._last[at - 1] = slot
        elif joins_after:
            self._first[at] = slot
        else:
            self._first.insert(at, slot)
            self._last.insert(at, slot)


@dataclass(slots=True)
class Turn:
    """One side of one host: what it has counted, and what the other side has."""

    mine: Slots
    theirs: Slots
    counting: dict[int, tuple[Agent, bool]]
    """Agents of this host by key, and whether the newest that each delivered was counted."""

    def take(self, entry: Entry, told: Told, aside: Told) -> tuple[Entry, Told]:
        """Set aside what lies in slots of the other side; have the other slots.

        `aside` is the same table with keys of series that are not counted. Returns with which of
        both the entry is to be shown.
        """
        counted = {posting.slot for posting in entry.postings if posting.account is Account.HOST}
        if entry.agent_key in self.counting:
            self.counting[entry.agent_key] = (self.counting[entry.agent_key][0], bool(counted))
        lost = {slot for slot in counted if slot in self.theirs}
        for slot in counted - lost:
            self.mine.add(slot)
        if not lost:
            return entry, told
        return _set_aside(entry, lost, told, aside), aside if lost == counted else told

    def has_agent_that_counts(self, now_unix_nanoseconds: int) -> bool:
        """Return whether an agent of this host is up and had something to count last."""
        return any(
            counts and not agent.is_late(now_unix_nanoseconds)
            for agent, counts in self.counting.values()
        )


@dataclass(slots=True)
class _Host:
    agents: Slots = field(default_factory=Slots)
    meter: Slots = field(default_factory=Slots)
    counting: dict[int, tuple[Agent, bool]] = field(default_factory=dict)


class Turns:
    """The turns of every host that the collector meters itself; of no other."""

    def __init__(self, host_of_meter: Mapping[str, str]) -> None:
        """`host_of_meter` is the host that each of the collector's own agent ids meters."""
        self._host_of_meter = dict(host_of_meter)
        self._hosts = {host: _Host() for host in host_of_meter.values()}

    def load(self, ledger: Ledger, records: Iterable[AgentRecord]) -> None:
        """Read back who has which slot."""
        for record in records:
            host = self._host_of_meter.get(record.agent_id)
            if host is not None:
                self._hosts[host].meter = Slots(ledger.counted_slots(record.key))
            elif (known := self._hosts.get(record.facts.host)) is not None:
                for first, last in ledger.counted_slots(record.key)[-1:]:
                    for slot in range(max(first, last - _RECENT_SLOTS), last + 1):
                        known.agents.add(slot)

    def of(self, agent: Agent, said_host: str) -> Turn | None:
        """Return the side of an agent that says it is on `said_host`; None: it is alone."""
        if agent.record.agent_id in self._host_of_meter:
            return self.of_meter(agent.record.agent_id)
        known = self._hosts.get(said_host)
        if known is None:
            return None
        for host in self._hosts.values():
            if host is not known:
                host.counting.pop(agent.record.key, None)
        known.counting.setdefault(agent.record.key, (agent, False))
        return Turn(known.agents, known.meter, known.counting)

    def of_meter(self, agent_id: str) -> Turn:
        """Return the collector's own side of the host that this agent id of its meters."""
        host = self._hosts[self._host_of_meter[agent_id]]
        return Turn(host.meter, host.agents, host.counting)


def _set_aside(entry: Entry, slots: set[int], told: Told, aside: Told) -> Entry:
    """Return the entry with nothing counted in `slots`; network bytes are not energy and stay."""
    instead = dict(zip(told.series_keys, aside.series_keys, strict=True))
    usage: dict[tuple[int, int], int] = {}
    for (series, slot), quantity in entry.usage.items():
        key = (instead[series] if slot in slots else series, slot)
        usage[key] = usage.get(key, 0) + quantity
    postings = {
        posting: quantity
        for posting, quantity in entry.postings.items()
        if posting.slot not in slots or posting.account is not Account.HOST
    }
    return replace(entry, usage=usage, postings=postings)
