"""PURE. Samples in, readings and gaps out.

Holds the last good sample of every point and differences the next one against it. The caller
says what time it is and whether the host slept. The first sample of a point yields nothing; a
failed one yields a gap; the first good one after it spans the time in between, so that nothing
is lost and nothing invented.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from wattgram.readings import QUANTITY_MAX, Gap, Kind, Reading, Series
from wattgram.units import NANOSECONDS_PER_SECOND, energy_microjoules
from wattgram_agent.counters import (
    POWER_CEILING_MICROWATTS,
    Increase,
    Lost,
    energy_increase,
    traffic_increase,
)
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    GaugeSample,
    IdleSample,
    Point,
    Sample,
)

# A power that was seen once says nothing about what happened a while later.
GAUGE_HOLD_NANOSECONDS: Final = 15 * NANOSECONDS_PER_SECOND


class Register(NamedTuple):
    """The last good value of a point, when it was read, and whether it is a power or a count."""

    value: int
    boottime_nanoseconds: int
    is_power: bool = False


class Step(NamedTuple):
    """What one beat gave: `heard` has a reading each, `idle` and `lost` say who has none, why."""

    readings: list[Reading]
    gaps: list[Gap]
    heard: Sequence[Point] = ()
    idle: Mapping[Point, str] = {}
    lost: Mapping[Point, Lost] = {}


class Meter:
    """Differences of everything that is in `series`; samples of other points are ignored.

    `registers` are values from before a restart, still good as baselines in the same boot.
    """

    def __init__(
        self, series: Mapping[Point, Series], registers: Mapping[Point, Register] | None = None
    ) -> None:
        self._series = dict(series)
        self._registers = {
            point: register
            for point, register in (registers or {}).items()
            if point in self._series
        }
        # Up to when each point is accounted for, by a reading or by a gap.
        self._accounted = {
            point: register.boottime_nanoseconds for point, register in self._registers.items()
        }
        self._beat_nanoseconds: int | None = None
        self._registers_before: Mapping[Point, Register] = {}
        self._accounted_before: Mapping[Point, int] = {}

    @property
    def registers_before(self) -> Mapping[Point, Register]:
        """The values that `registers` had before the newest step."""
        return self._registers_before

    @property
    def registers(self) -> Mapping[Point, Register]:
        """The last good value of every point, to be differenced against later."""
        return self._registers

    def advance(self, samples: Iterable[Sample], now_nanoseconds: int) -> Step:
        """Difference `samples`, all read at `now_nanoseconds` of the boot-time clock."""
        readings: list[Reading] = []
        gaps: dict[tuple[str, str], Gap] = {}
        idle: dict[Point, str] = {}
        lost: dict[Point, Lost] = {}
        heard: list[Point] = []
        self._registers_before = dict(self._registers)
        self._accounted_before = dict(self._accounted)
        for sample in samples:
            series = self._series.get(sample.point)
            if series is None:
                continue
            gap = None
            if isinstance(sample, IdleSample):
                idle[sample.point] = sample.reason
                self._registers.pop(sample.point, None)
            elif isinstance(outcome := self._outcome(sample, series, now_nanoseconds), Reading):
                readings.append(outcome)
                heard.append(sample.point)
            elif outcome is not None:
                lost[sample.point] = outcome
                gap = self._gap(sample.point, outcome, now_nanoseconds)
            elif (
                series.counted
                and self._accounted.get(sample.point, now_nanoseconds) < now_nanoseconds
            ):
                gap = self._gap(sample.point, Lost("first_sample", ""), now_nanoseconds)
            if gap is not None:
                _keep_longest(gaps, gap)
            self._accounted[sample.point] = now_nanoseconds
        self._beat_nanoseconds = now_nanoseconds
        return Step(readings, list(gaps.values()), tuple(heard), idle, lost)

    def relabel(self, series: Mapping[Point, Series]) -> None:
        """Go on with other columns; registers of points that are still there stay."""
        self._series = dict(series)
        self._registers = {p: r for p, r in self._registers.items() if p in self._series}
        self._accounted = {p: at for p, at in self._accounted.items() if p in self._series}

    def forget_before(self, points: Iterable[Point], nanoseconds: int) -> None:
        """Drop older baselines of these points: up to then another was counted."""
        for point in points:
            register = self._registers.get(point)
            if register is not None and register.boottime_nanoseconds < nanoseconds:
                del self._registers[point]
                self._accounted[point] = nanoseconds

    def lapses(self, points: Iterable[Point], nanoseconds: int) -> list[Gap]:
        """Return the time up to then for which, when it comes, their next word is not counted."""
        gaps: dict[tuple[str, str], Gap] = {}
        for point in points:
            lasted = nanoseconds - self._accounted_before.get(point, nanoseconds)
            if lasted > 0:
                _keep_longest(gaps, Gap(source=point.source, reason="handover",
                                        duration_nanoseconds=lasted))  # fmt: skip
        return list(gaps.values())

    def forget(self, reason: str, now_nanoseconds: int) -> list[Gap]:
        """Drop every baseline, as after a suspend: the time up to now is a gap."""
        gaps: dict[str, Gap] = {}
        for point in self._registers:
            gap = self._gap(point, Lost(reason, ""), now_nanoseconds)
            gaps.setdefault(point.source, gap)
        self._registers.clear()
        self._accounted = dict.fromkeys(self._accounted, now_nanoseconds)
        self._beat_nanoseconds = None
        return list(gaps.values())

    def _gap(self, point: Point, lost: Lost, now: int) -> Gap:
        return Gap(
            source=point.source,
            reason=lost.reason,
            duration_nanoseconds=max(0, now - self._accounted.get(point, now)),
            detail=lost.detail,
        )

    def _outcome(
        self, sample: CounterSample | GaugeSample | FailedSample, series: Series, now: int
    ) -> Reading | Lost | None:
        if isinstance(sample, FailedSample):
            return Lost(sample.reason, sample.detail)
        previous = self._registers.get(sample.point)
        if previous is not None and now <= previous.boottime_nanoseconds:
            return None
        is_power = isinstance(sample, GaugeSample)
        value = sample.power_microwatts if isinstance(sample, GaugeSample) else sample.value
        if not 0 <= value <= (POWER_CEILING_MICROWATTS if is_power else QUANTITY_MAX):
            return Lost("implausible", f"a {'power' if is_power else 'count'} of {value}")
        self._registers[sample.point] = Register(value, now, is_power)
        if previous is not None and previous.is_power is not is_power:
            return Lost("sample_changed", "a count and a power have no difference")
        if isinstance(sample, GaugeSample):
            return self._integrate(sample, series, previous, now)
        if previous is None:
            return None
        start = previous.boottime_nanoseconds
        if series.kind is Kind.ENERGY:
            increase = energy_increase(previous.value, sample.value, sample.wraps_at, now - start)
        else:
            increase = traffic_increase(previous.value, sample.value)
        return _reading(increase, series, start, now)

    def _integrate(
        self, sample: GaugeSample, series: Series, previous: Register | None, now: int
    ) -> Reading | Lost | None:
        """Integrate a power: a rectangle under an average, a trapezoid between two instants."""
        start = previous.boottime_nanoseconds if previous else None
        power = sample.power_microwatts
        if sample.averaged:
            start = self._beat_nanoseconds if start is None else start
        elif previous is not None:
            power = (previous.value + power) // 2
        if start is None or start >= now:
            return None
        if now - start > GAUGE_HOLD_NANOSECONDS:
            return Lost("late_sample", f"a power is not held for {now - start} ns")
        return _reading(Increase(energy_microjoules(power, now - start)), series, start, now)


def _keep_longest(gaps: dict[tuple[str, str], Gap], gap: Gap) -> None:
    """Points of one source that fail together are one gap."""
    known = gaps.get((gap.source, gap.reason))
    if known is None or known.duration_nanoseconds < gap.duration_nanoseconds:
        gaps[gap.source, gap.reason] = gap


def _reading(increase: Increase | Lost, series: Series, start: int, end: int) -> Reading | Lost:
    if isinstance(increase, Lost):
        return increase
    return Reading(
        series=series,
        quantity=increase.quantity,
        start_nanoseconds=start,
        end_nanoseconds=end,
    )
