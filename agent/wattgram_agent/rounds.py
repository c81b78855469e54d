"""One round of all meters, and when it was.

The meters of a host are read one after another, and the process may be stopped in between: by
a signal, a debugger, a hypervisor, or a read that is slow. What was read then is of a time that
nobody knows. So the clock is read on both sides: if they are too far apart the registers are read
once more, which costs nothing, since a register remembers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.host import Clock
from wattgram_agent.roster import Roster
from wattgram_agent.source import GaugeSample, Point, Sample

# More than a meter that hangs is waited for. What is used in this time is far below what would
# be taken for a register that was reset.
ROUND_NANOSECONDS_MAX: Final = NANOSECONDS_PER_SECOND // 2

# Where each round takes so long the meters are slow, and to ask again would only make it longer.
_TRIES: Final = 3


class Round(NamedTuple):
    """What was read at an instant of the boot-time clock, at most half a second after it."""

    samples: Sequence[Sample]
    boottime_nanoseconds: int
    slept_nanoseconds: int
    """How long the host has slept since it was booted, as far as its clocks tell."""


def ask_all(roster: Roster, clock: Clock) -> Round:
    """Read every meter; again, a few times at most, if it took too long to say when it was."""
    samples: Sequence[Sample] = ()
    for _ in range(_TRIES):
        began = clock.boottime_nanoseconds()
        slept = began - clock.monotonic_nanoseconds()
        samples = renewed(samples, roster.sample())
        if clock.boottime_nanoseconds() - began <= ROUND_NANOSECONDS_MAX:
            break
    return Round(samples, began, slept)


def slept_nanoseconds(clock: Clock) -> int:
    """Return how long the host has slept since it was booted."""
    for _ in range(_TRIES):
        began = clock.boottime_nanoseconds()
        slept = began - clock.monotonic_nanoseconds()
        if clock.boottime_nanoseconds() - began <= ROUND_NANOSECONDS_MAX:
            break
    return slept


def renewed(samples: Sequence[Sample], newer: Sequence[Sample]) -> Sequence[Sample]:
    """PURE. Return the newest sample of each point.

    A mean power stays: the newer one is the mean since then only, of a moment. So does what
    speaks only when it has something new, and has spoken already.
    """
    if not samples:
        return newer
    found: dict[Point, Sample] = {sample.point: sample for sample in samples}
    for sample in newer:
        known = found.get(sample.point)
        if not (isinstance(known, GaugeSample) and known.averaged):
            found[sample.point] = sample
    return list(found.values())
