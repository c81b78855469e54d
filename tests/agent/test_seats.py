"""Who has a series: kept while idle, given up only to one that uses more, nothing ever lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wattgram.workloads import BUCKETS, IDLE, OTHER, UNATTRIBUTED, Workload, WorkloadKind
from wattgram_agent.workloads import seats
from wattgram_agent.workloads.seats import Seats

A, B, C, D = (Workload(WorkloadKind.SYSTEMD, f"{name}.service") for name in "abcd")

names = st.integers(0, 9).map(lambda n: Workload(WorkloadKind.CONTAINER, str(n)))
shares = st.dictionaries(names | st.sampled_from(BUCKETS), st.integers(0, 1 << 50))


def named(rows: list[tuple[Workload, int]]) -> dict[Workload, int]:
    return {who: amount for who, amount in rows if who not in BUCKETS}


def test_the_largest_sit_first_and_the_others_are_other() -> None:
    rows = Seats(2).assign({A: 1, B: 5, C: 3, IDLE: 7, UNATTRIBUTED: 2})

    assert rows == [(B, 5), (C, 3), (IDLE, 7), (UNATTRIBUTED, 2), (OTHER, 1)]


def test_one_that_used_nothing_takes_no_seat() -> None:
    assert named(Seats(2).assign({A: 0, B: 1})) == {B: 1}


def test_a_seat_is_kept_while_its_workload_is_idle_or_gone_for_a_while() -> None:
    chosen = Seats(1)
    chosen.assign({A: 100})
    for _ in range(seats._SEATED_PASSES_MIN - 1):
        rows = chosen.assign({B: 100_000})

        assert named(rows) == {A: 0}
        assert dict(rows)[OTHER] == 100_000
    assert named(chosen.assign({B: 100_000})) == {B: 100_000}


def test_one_that_uses_about_as_much_never_takes_a_seat() -> None:
    """Two equals that took turns would each have half a series."""
    chosen = Seats(1)
    chosen.assign({A: 100})
    for _ in range(500):
        assert named(chosen.assign({A: 100, B: 190})) == {A: 100}


def test_one_that_uses_much_more_for_a_while_takes_the_seat_of_the_least() -> None:
    chosen = Seats(2)
    chosen.assign({A: 100, B: 50})
    for _ in range(seats._SEATED_PASSES_MIN):
        rows = chosen.assign({A: 100, B: 50, C: 150})

    assert named(rows) == {A: 100, C: 150}


def test_a_workload_that_is_gone_keeps_its_seat_as_long_as_nobody_wants_it() -> None:
    chosen = Seats(2)
    chosen.assign({A: 100, B: 50})
    for _ in range(500):
        rows = chosen.assign({A: 100})

    assert named(rows) == {A: 100, B: 0}


def test_who_stands_is_remembered_within_bounds() -> None:
    chosen = Seats(1)
    for number in range(5):
        crowd = {
            Workload(WorkloadKind.CONTAINER, f"{number}-{index}"): index + 1
            for index in range(seats._STANDING_MAX)
        }
        chosen.assign(crowd)

    assert len(chosen._score) <= seats._STANDING_MAX + 1


@given(st.integers(1, 5), st.lists(shares, max_size=80))
def test_nothing_is_lost_and_no_more_sit_than_there_are_seats(
    count: int, passes: list[dict[Workload, int]]
) -> None:
    chosen = Seats(count)
    for told in passes:
        rows = chosen.assign(told)

        assert sum(amount for _, amount in rows) == sum(told.values())
        assert len(rows) == len(dict(rows))
        assert len(named(rows)) <= count
        assert [who for who, _ in rows[-3:]] == list(BUCKETS)
        for who, amount in named(rows).items():
            assert amount == told.get(who, 0)
