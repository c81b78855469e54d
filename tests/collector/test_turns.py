"""A host that is metered from two sides: each slot is counted from one, whoever comes late."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW, PACKAGE, RECEIVE, SECOND, SLOT, entry, keyed, record, table, terms
from wattgram.handshake import HostFacts
from wattgram.readings import Series
from wattgram_collector.accounting.emissions import Account, Columns, PostingKey
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.ingest.reckoning import Told
from wattgram_collector.ingest.turns import Slots, Turn, Turns
from wattgram_collector.ledger import AgentTotals, Entry
from wattgram_collector.ledger.sqlite import SqliteLedger

TERMS = terms()
METER = Agent(record(9, "alpha-redfish", agent_id="redfish:r1"), AgentTotals())
TABLE = table(PACKAGE, RECEIVE)
SHOWN = (replace(PACKAGE, counted=False), RECEIVE)
TOLD = Told(TABLE, TABLE.series, Columns(TABLE.series))
ASIDE = Told(TABLE, SHOWN, Columns(SHOWN), SHOWN)


def agent(key: int = 1, host: str = "alpha", *, seen: int = NOW) -> Agent:
    made = Agent(record(key, host), AgentTotals())
    made.last_seen_unix_nanoseconds = seen
    return made


def both(*, one: Agent | None = None) -> tuple[Turn, Turn]:
    """The agent's side and the BMC's."""
    turns = Turns({"redfish:r1": "alpha"})
    meter, other = turns.of(METER, "alpha-redfish"), turns.of(one or agent(), "alpha")
    assert meter is not None
    assert other is not None
    return other, meter


def used(*slots: int, key: int = 1) -> Entry:
    usage = {(series, slot): 5 for slot in slots for series in (PACKAGE, RECEIVE)}
    made = entry(1, usage, agent_key=key)
    postings = {PostingKey(Account.HOST, slot, TERMS, None): 5 for slot in slots}
    postings |= {PostingKey(Account.RECEIVE, slot, TERMS, None): 5 for slot in slots}
    return replace(made, postings=postings)


def counted(of: Entry) -> set[int]:
    return {posting.slot for posting in of.postings if posting.account is Account.HOST}


# ── slots ────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.integers(0, 40)), st.sets(st.integers(0, 40)))
def test_a_set_of_slots_is_a_set(added: list[int], before: set[int]) -> None:
    runs = [
        (first, first + next(n for n in range(99) if first + n + 1 not in before))
        for first in sorted(before)
        if first - 1 not in before
    ]
    slots = Slots(runs)
    for slot in added:
        slots.add(slot)
    expected = before | set(added)
    assert {slot for slot in range(-2, 45) if slot in slots} == expected
    assert len(slots._first) == sum(slot - 1 not in expected for slot in expected)


# ── turns ────────────────────────────────────────────────────────────────────────────────


def test_a_host_that_is_metered_once_has_no_turns() -> None:
    turns = Turns({"redfish:r1": "alpha"})
    assert turns.of(agent(), "beta") is None
    assert Turns({}).of(agent(), "alpha") is None


def test_the_first_to_count_in_a_slot_has_it_and_the_other_is_shown() -> None:
    ours, meters = both()
    for first, second in ((ours, meters), (meters, ours)):
        slot = SLOT + (first is meters)
        assert first.take(used(slot), TOLD, ASIDE) == (used(slot), TOLD)
        taken, told = second.take(used(slot), TOLD, ASIDE)
        assert told is ASIDE
        assert taken.usage == {(SHOWN[0], slot): 5, (RECEIVE, slot): 5}
        assert taken.postings == {PostingKey(Account.RECEIVE, slot, TERMS, None): 5}
        assert (taken.sequence, taken.tallies) == (1, {})


def test_an_entry_over_two_slots_is_counted_where_it_may_be() -> None:
    ours, meters = both()
    meters.take(used(SLOT), TOLD, ASIDE)
    taken, told = ours.take(used(SLOT, SLOT + 1), TOLD, ASIDE)
    assert told is TOLD
    assert counted(taken) == {SLOT + 1}
    assert taken.usage[SHOWN[0], SLOT] == taken.usage[PACKAGE, SLOT + 1] == 5
    assert sum(taken.usage.values()) == 20


def test_what_is_not_counted_has_no_slot() -> None:
    ours, meters = both()
    only_bytes = replace(used(SLOT), postings={PostingKey(Account.RECEIVE, SLOT, TERMS, None): 5})
    assert ours.take(only_bytes, TOLD, ASIDE) == (only_bytes, TOLD)
    assert counted(meters.take(used(SLOT), TOLD, ASIDE)[0]) == {SLOT}


@given(
    st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 6), min_size=1)), max_size=20),
)
def test_no_slot_is_ever_counted_twice_and_none_by_nobody(
    deliveries: list[tuple[bool, list[int]]],
) -> None:
    sides = both()
    had: tuple[set[int], set[int]] = (set(), set())
    for side, slots in deliveries:
        had[side].update(counted(sides[side].take(used(*slots), TOLD, ASIDE)[0]))
    assert not had[0] & had[1]
    assert had[0] | had[1] == {slot for _, slots in deliveries for slot in slots}


def test_a_host_has_an_agent_that_counts_while_one_is_up_and_counted_last() -> None:
    one = agent()
    ours, meters = both(one=one)
    assert not meters.has_agent_that_counts(NOW)
    ours.take(used(SLOT), TOLD, ASIDE)
    assert meters.has_agent_that_counts(NOW)
    assert not meters.has_agent_that_counts(NOW + 60 * SECOND)
    one.last_seen_unix_nanoseconds = NOW + 60 * SECOND
    assert meters.has_agent_that_counts(NOW + 60 * SECOND)
    ours.take(replace(used(), postings={}), TOLD, ASIDE)
    assert not meters.has_agent_that_counts(NOW + 60 * SECOND)


def test_an_agent_that_is_set_aside_counts_again_as_soon_as_it_may() -> None:
    """Else a BMC that is read more often than the agent delivers would keep every slot."""
    ours, meters = both()
    meters.take(used(SLOT), TOLD, ASIDE)
    ours.take(used(SLOT), TOLD, ASIDE)
    assert meters.has_agent_that_counts(NOW)


def test_what_the_bmc_counts_is_not_an_agent_that_counts() -> None:
    _, meters = both()
    meters.take(used(SLOT, key=9), TOLD, ASIDE)
    assert not meters.has_agent_that_counts(NOW)


def test_an_agent_that_says_another_host_leaves_the_one_it_was_on() -> None:
    turns = Turns({"redfish:r1": "alpha", "redfish:r2": "beta"})
    one = agent()
    for host in ("alpha", "beta"):
        turn = turns.of(one, host)
        assert turn is not None
        turn.take(used(SLOT), TOLD, ASIDE)
    assert not turns.of_meter("redfish:r1").has_agent_that_counts(NOW)
    assert turns.of_meter("redfish:r2").has_agent_that_counts(NOW)


# ── after a restart ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as opened:
        yield opened


def posted(ledger: SqliteLedger, agent_id: str, host: str, *slots: int) -> int:
    key = ledger.enrol(agent_id, HostFacts(host=host)).key
    usage: dict[tuple[Series, int], int] = {(PACKAGE, slot): 5 for slot in slots}
    ledger.apply([keyed(ledger, entry(1, usage, agent_key=key))])
    return key


def test_the_ledger_knows_the_counted_slots_as_runs(ledger: SqliteLedger) -> None:
    key = posted(ledger, "agent-1", "alpha", 7, 8, 9, 12, 20, 21)
    other = posted(ledger, "agent-2", "beta", 10, 11)
    only_bytes = replace(
        entry(2, agent_key=key), postings={PostingKey(Account.RECEIVE, 10, TERMS, None): 5}
    )
    ledger.apply([only_bytes])
    assert ledger.counted_slots(key) == [(7, 9), (12, 12), (20, 21)]
    assert ledger.counted_slots(other) == [(10, 11)]
    assert ledger.counted_slots(99) == []


def test_who_has_which_slot_is_read_back(ledger: SqliteLedger) -> None:
    posted(ledger, "redfish:r1", "alpha-redfish", 7, 8, SLOT - 3)
    posted(ledger, "agent-1", "alpha", SLOT - 2, SLOT - 1)
    posted(ledger, "agent-2", "beta", SLOT)
    turns = Turns({"redfish:r1": "alpha"})
    turns.load(ledger, ledger.agents())
    ours = turns.of(agent(), "alpha")
    assert ours is not None
    late, _ = ours.take(used(6, 7, 8, 9, SLOT - 3), TOLD, ASIDE)
    assert counted(late) == {6, 9}
    now, _ = turns.of_meter("redfish:r1").take(used(SLOT - 2, SLOT - 1, SLOT), TOLD, ASIDE)
    assert counted(now) == {SLOT}
