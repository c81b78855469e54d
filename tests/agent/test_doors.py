"""When an agent tries again, and where: alone, and together with a thousand others."""

from __future__ import annotations

import heapq
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_agent.doors import (
    BACKOFF_SECONDS_MAX,
    LOST_SECONDS,
    RETURN_SECONDS,
    Doors,
    backoff_seconds,
)


def doors(*addresses: str, jitter: float = 1.0) -> Doors:
    return Doors(addresses or ("a",), lambda: jitter)


def test_the_wait_grows_is_capped_and_may_be_anything_below() -> None:
    ceilings = [backoff_seconds(failures, 1.0) for failures in range(1, 12)]

    assert ceilings == sorted(ceilings)
    assert ceilings[0] == 2
    assert ceilings[-1] == backoff_seconds(10_000, 1.0) == BACKOFF_SECONDS_MAX
    assert backoff_seconds(5, 0.0) == 0
    assert backoff_seconds(5, 0.5) == ceilings[4] / 2


def test_each_address_is_tried_twice_and_then_the_next() -> None:
    one = doors("a", "b", "c")
    tried = []
    for _ in range(8):
        tried.append(one.address)
        one.failed()

    assert tried == ["a", "a", "b", "b", "c", "c", "a", "a"]


def test_failures_before_and_after_what_was_delivered_do_not_add_up_to_two() -> None:
    one = doors("a", "b")
    one.failed()
    one.worked(0)
    one.failed()

    assert one.address == "a"


def test_one_that_failed_is_not_gone_back_to_from_the_next() -> None:
    one = doors("a", "b")
    for _ in range(2):
        one.failed()
    one.worked(0)
    for _ in range(2):
        one.failed()

    assert (one.address, one.is_return_due(1e9)) == ("a", False)


def test_what_was_delivered_ends_the_failures() -> None:
    one = doors()
    assert [one.failed() for _ in range(3)] == [2, 4, 8]
    assert one.is_failing
    one.worked(0)
    assert not one.is_failing
    assert [one.failed() for _ in range(3)] == [LOST_SECONDS, 4, 8]


def test_a_collector_that_greets_and_takes_nothing_is_tried_less_and_less() -> None:
    """Only what was delivered counts as working, so nobody is hammered."""
    one = doors()
    waits = [one.failed() for _ in range(9)]
    assert waits[-1] == BACKOFF_SECONDS_MAX


def test_what_asks_for_patience_gets_it() -> None:
    assert doors().failed(patience=5) == BACKOFF_SECONDS_MAX
    assert doors().failed(patience=3) == 16


def test_the_preferred_address_is_looked_at_again_and_left_at_once_if_it_is_not_back() -> None:
    one = doors("a", "b", jitter=0.5)
    one.failed()
    one.failed()
    one.worked(100)
    due = 100 + 1.5 * RETURN_SECONDS
    assert [one.is_return_due(now) for now in (100, due - 1, due)] == [False, False, True]

    one.go_back()
    assert one.address == "a"
    assert one.failed() == 0.0
    assert (one.address, one.is_failing) == ("b", False)
    one.worked(due)
    assert not one.is_return_due(due)

    one.go_back()
    one.worked(due + 1)
    assert (one.address, one.is_return_due(1e9)) == ("a", False)
    assert (one.failed(), one.address) == (LOST_SECONDS / 2, "a")


def test_one_that_ends_while_the_preferred_is_looked_at_has_ended_for_everybody() -> None:
    one = doors("a", "b", jitter=0.5)
    one.failed()
    one.failed()
    one.worked(0)
    one.go_back()
    assert one.failed() == 0.0

    assert (one.address, one.failed()) == ("b", LOST_SECONDS / 2)


@given(
    st.integers(1, 4),
    st.lists(st.sampled_from(["failed", "worked", "back", "wait"]), max_size=60),
    st.floats(0, 1),
)
def test_whatever_happens_there_is_an_address_and_a_wait_within_the_cap(
    count: int, steps: list[str], jitter: float
) -> None:
    one, now = Doors([str(n) for n in range(count)], lambda: jitter), 0.0
    for step in steps:
        now += 500
        if step == "failed":
            assert 0 <= one.failed() <= BACKOFF_SECONDS_MAX
        elif step == "worked":
            one.worked(now)
        elif step == "back" and one.is_return_due(now):
            one.go_back()
        assert one.address in {str(n) for n in range(count)}


def attempts(
    agents: int, down_seconds: float, per_second: int, seed: int
) -> list[tuple[int, int]]:
    """Return attempts and connections in each second after a collector that died comes back.

    It takes `per_second` connections and refuses the others, as handshakes cost it CPU.
    """
    chance = random.Random(seed)
    fleet = [Doors(["collector"], chance.random) for _ in range(agents)]
    for one in fleet:
        one.worked(0.0)
    due = [(one.failed(), number) for number, one in enumerate(fleet)]
    heapq.heapify(due)
    tried: Counter[int] = Counter()
    taken: Counter[int] = Counter()
    while due:
        now, number = heapq.heappop(due)
        second = int(now - down_seconds)
        if now >= down_seconds:
            tried[second] += 1
            if taken[second] < per_second:
                taken[second] += 1
                continue
        heapq.heappush(due, (now + max(0.001, fleet[number].failed()), number))
    return [(tried[second], taken[second]) for second in range(max(tried) + 1)]


@pytest.mark.parametrize("down_seconds", [0.1, 5, 30, 300])
def test_a_thousand_agents_come_back_without_a_herd(down_seconds: float) -> None:
    history = attempts(1_000, down_seconds, per_second=300, seed=int(down_seconds * 10))

    assert max(tried for tried, _ in history) <= 120
    assert len(history) <= BACKOFF_SECONDS_MAX + 1
    assert sum(taken for _, taken in history) == 1_000


@pytest.mark.parametrize("down_seconds", [0.1, 30])
def test_five_thousand_agents_are_back_within_a_minute(down_seconds: float) -> None:
    """Each handshake of TLS costs the collector some milliseconds of a core."""
    history = attempts(5_000, down_seconds, per_second=270, seed=1)
    within = sum(taken for _, taken in history[:60])

    assert within >= 4_990
    assert len(history) <= 2 * BACKOFF_SECONDS_MAX
