"""Which faults come in which order, how long and how far apart. PURE: a seed says it all.

Faults are in lanes; those of a lane follow each other, lanes know nothing of each other. So two
faults that would together cost what one alone does not (a full disk, and a kill of the agent
whose batches it kept in memory) are in one lane.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from chaos import faults


class Length(NamedTuple):
    """From and to how many seconds something takes."""

    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a run is and how hard. Meters wrap at `range_joules`."""

    exact: int
    bounded: int
    seconds: float
    settle_seconds: float
    range_joules: int
    pause: Length
    lengths: dict[str, Length]
    usual: Length


# An agent must not be blind for as long as its meters may take to wrap twice: 120 s, and 262 s.
# On a machine that is busy with other things a new agent reads for the first time after half a
# minute, and that is no fault of it.
SHORT: Final = Pace(
    exact=3,
    bounded=1,
    seconds=75,
    settle_seconds=40,
    range_joules=240_000,
    pause=Length(0.5, 4),
    usual=Length(3, 9),
    lengths={
        "agent kill -9": Length(0.2, 3),
        "agent SIGTERM": Length(6, 8),
        "agent SIGSTOP": Length(8, 20),
        "partition": Length(6, 14),
        "collector kill -9": Length(0.2, 3),
        "collector SIGTERM": Length(6, 8),
        "collector SIGSTOP": Length(5, 12),
        "duplicate delivery": Length(8, 8),
    },
)
LONG: Final = Pace(
    exact=4,
    bounded=2,
    seconds=540,
    settle_seconds=150,
    range_joules=524_288,
    pause=Length(0.5, 12),
    usual=Length(4, 40),
    lengths={
        **SHORT.lengths,
        "agent SIGSTOP": Length(20, 100),
        "partition": Length(10, 120),
        "collector SIGSTOP": Length(5, 60),
        "meter away": Length(4, 60),
        "meter hangs": Length(4, 60),
    },
)


class Planned(NamedTuple):
    """One fault: how long after the one before it, for how long, whose."""

    pause_seconds: float
    kind: str
    seconds: float
    host: int
    seed: int


def lanes(seed: int, pace: Pace, *, has_disks: bool = True) -> list[Iterator[Planned]]:
    """Return endless lanes: of each exact agent, of each link, the collector's, the replays.

    Lanes of a group begin with different kinds, so that a short run has all of them.
    """
    chance = random.Random(seed)
    left_out = () if has_disks else faults.NEEDS_A_DISK
    exact, everyone = range(pace.exact), range(pace.exact + pace.bounded)
    groups: list[tuple[Sequence[type[faults.Fault]], list[list[int]]]] = [
        (faults.AGENT, [[host] for host in exact]),
        (faults.LINK, [[host] for host in everyone]),
        (faults.COLLECTOR, [[0]]),
        (faults.REPLAY, [list(exact)]),
    ]
    found = []
    for group, hosts_of_lanes in groups:
        kinds = [fault.kind for fault in group if fault not in left_out]
        chance.shuffle(kinds)
        for number, hosts in enumerate(hosts_of_lanes):
            first = number * len(kinds) // len(hosts_of_lanes)
            lane_kinds = kinds[first:] + kinds[:first]
            found.append(_lane(random.Random(chance.random()), pace, lane_kinds, hosts))
    return found


def _lane(
    chance: random.Random, pace: Pace, kinds: Sequence[str], hosts: Sequence[int]
) -> Iterator[Planned]:
    for kind in itertools.cycle(kinds):
        yield Planned(
            pause_seconds=chance.uniform(*pace.pause),
            kind=kind,
            seconds=chance.uniform(*pace.lengths.get(kind, pace.usual)),
            host=chance.choice(hosts),
            seed=chance.randrange(1 << 30),
        )
