"""The plan of the chaos: from a seed, and everything is in it."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from chaos.faults import AGENT, KINDS, NEEDS_A_DISK
from chaos.links import GOOD, Direction, Link, fates, order, parse_order
from chaos.schedule import LONG, SHORT, Pace, Planned, lanes


def planned(seed: int, pace: Pace, *, has_disks: bool = True) -> list[list[Planned]]:
    """Return what each lane has in store for the length of a run."""
    found = []
    for lane in lanes(seed, pace, has_disks=has_disks):
        passed, mine = 0.0, []
        for one in lane:
            passed += one.pause_seconds + one.seconds
            if passed > pace.seconds:
                break
            mine.append(one)
        found.append(mine)
    return found


def test_a_seed_is_a_plan() -> None:
    assert planned(7, SHORT) == planned(7, SHORT)
    assert planned(7, SHORT) != planned(8, SHORT)


@pytest.mark.parametrize("pace", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("seed", range(20))
def test_every_kind_of_fault_comes(seed: int, pace: Pace) -> None:
    assert {one.kind for lane in planned(seed, pace) for one in lane} == set(KINDS)


def test_disks_are_left_alone_where_they_are_not_ours() -> None:
    kinds = {one.kind for lane in planned(1, LONG, has_disks=False) for one in lane}

    assert kinds == set(KINDS) - {fault.kind for fault in NEEDS_A_DISK}


def test_two_faults_of_one_agent_never_meet_and_bounded_ones_have_only_a_bad_link() -> None:
    agent_kinds = {fault.kind for fault in AGENT}
    of_agents = [
        {one.host for one in islice(lane, 50) if one.kind in agent_kinds}
        for lane in lanes(3, SHORT)
    ]

    assert [hosts for hosts in of_agents if hosts] == [{n} for n in range(SHORT.exact)]


@pytest.mark.parametrize("pace", [SHORT, LONG], ids=["short", "long"])
def test_no_meter_can_wrap_twice_unseen(pace: Pace) -> None:
    """A host draws 1.5 kW at most; the agent starts within a minute, however busy the machine."""
    blind = max(pace.lengths.get(fault.kind, pace.usual).most for fault in AGENT)

    assert 500 * (blind + 60) < pace.range_joules
    assert blind + 60 <= max(30, pace.range_joules / 2_000)


def test_what_becomes_of_packets_is_what_was_ordered() -> None:
    chance = random.Random(1)
    lossy = [fates(Link(loss=0.2), Direction.UP, chance) for _ in range(1_000)]
    doubled = [fates(Link(duplicates=0.5), Direction.UP, chance) for _ in range(1_000)]
    late = fates(Link(delay_seconds=0.3), Direction.DOWN, chance)

    assert 150 < sum(not arrivals for arrivals in lossy) < 250
    assert 400 < sum(len(arrivals) == 2 for arrivals in doubled) < 600
    assert 0.3 <= late[0] <= 0.33
    assert fates(Link(cut=(Direction.UP,)), Direction.UP, chance) == []
    assert fates(Link(cut=(Direction.UP,)), Direction.DOWN, chance) == [0.0]
    assert fates(GOOD, Direction.UP, chance) == [0.0]


def test_an_order_arrives_as_it_was_given() -> None:
    link = Link(delay_seconds=0.2, loss=0.1, duplicates=0.3, cut=(Direction.UP, Direction.DOWN))

    assert parse_order(order(3, link)) == (3, link)
