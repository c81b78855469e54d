"""PURE. Which zones have something to say, so that the counted set can be chosen among them.

A zone is heard as long as what it says next would still cover the time since it spoke last: a
register remembers for minutes, a power for seconds. Nothing else is counted in its place until
then, so that no joule is counted twice. A zone that says that it is idle falls silent at once,
and is heard again with its first reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from wattgram.readings import Series
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.composition import Silence
from wattgram_agent.meter import GAUGE_HOLD_NANOSECONDS, Register, Step
from wattgram_agent.source import Point

# A driver is loaded again within seconds. Beyond, most registers may have wrapped unseen.
REGISTER_HOLD_NANOSECONDS: Final = 120 * NANOSECONDS_PER_SECOND

NOT_YET: Final = Silence("has said nothing yet", is_failure=True)


class Attendance:
    """When each zone was last heard, and who is silent. Times are of the boot-time clock."""

    def __init__(self) -> None:
        self._heard: dict[Point, int] = {}
        self._silent: dict[Point, Silence] = {}

    @property
    def silent(self) -> Mapping[Point, Silence]:
        """Who is not heard, and why."""
        return self._silent

    def expect(self, points: Iterable[Point], now_nanoseconds: int) -> None:
        """Take these points for all that there are; new ones are heard until they fail."""
        self._heard = {point: self._heard.get(point, now_nanoseconds) for point in points}
        self._silent = {p: why for p, why in self._silent.items() if p in self._heard}

    def doubt(self, points: Iterable[Point]) -> None:
        """Take these for silent until they say something."""
        self._silent.update(dict.fromkeys(points, NOT_YET))

    def note(self, step: Step, registers: Mapping[Point, Register], now_nanoseconds: int) -> bool:
        """Take in one step; return whether who is silent has changed."""
        self._heard.update(dict.fromkeys(step.heard, now_nanoseconds))
        if not (self._silent or step.idle or step.lost):
            return False
        before = dict(self._silent)
        for point in step.heard:
            self._silent.pop(point, None)
        self._silent.update({point: Silence(why) for point, why in step.idle.items()})
        for point, lost in step.lost.items():
            hold = _hold_nanoseconds(registers.get(point))
            if now_nanoseconds - self._heard[point] >= hold and point not in self._silent:
                self._silent[point] = Silence(f"cannot be read: {lost.reason}", is_failure=True)
        return before != self._silent

    def begin_again(self, now_nanoseconds: int) -> None:
        """Forget when anybody was heard, as after a suspend; who is silent stays so."""
        self._heard = dict.fromkeys(self._heard, now_nanoseconds)


def _hold_nanoseconds(register: Register | None) -> int:
    """Return for how long a place is kept for one that fails: not at all if it never read."""
    if register is None:
        return 0
    return GAUGE_HOLD_NANOSECONDS + 1 if register.is_power else REGISTER_HOLD_NANOSECONDS + 1


def point_of(series: Series) -> Point:
    """Return the point that a column carries."""
    return Point(series.source, series.domain, series.instance)
