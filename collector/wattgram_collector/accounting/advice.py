"""PURE. When a load of some length emits least, by what a grid is expected to do.

The mean intensity of a window is a difference of prefix sums over its length, exactly. Moved
along, that mean goes up or down in straight lines that bend only where an end of the window meets
the border of a slot: the best start is one of those. A slot without a value is no slot, never 0.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from math import lcm

from wattgram_collector.intensity import Intensity, Status


class AdviceError(ValueError):
    """There is no answer; the text says why."""


class NoForecastError(AdviceError):
    """Nobody said anything of the time to come."""


class HorizonError(AdviceError):
    """What is known does not cover what is asked for.

    It reaches from the asked start to `reach_unix_seconds`: nowhere when they are the same.
    """

    def __init__(self, text: str, reach_unix_seconds: int) -> None:
        super().__init__(text)
        self.reach_unix_seconds = reach_unix_seconds


@dataclass(frozen=True, slots=True)
class Window:
    """`[start, end)` and the mean intensity in it."""

    start_unix_seconds: int
    end_unix_seconds: int
    grams_per_kilowatt_hour: Fraction


class Curve:
    """Intensity over `[start, end)`, with nothing missing in it."""

    def __init__(self, values: Sequence[Intensity], start: int, end: int) -> None:
        """`values` in order of time; raises HorizonError when they leave some of it out.

        Where two touch the same time the earlier one holds.
        """
        if end <= start:
            raise AdviceError(f"{instant(end)} is not after {instant(start)}")
        reach = covered_until(values, start)
        if reach < end:
            raise HorizonError(_how_far(values, start, reach), reach)
        self.borders = [start]
        self.levels: list[Fraction] = []
        for value in values:
            until = min(end, value.valid_until_unix_seconds)
            if until > self.borders[-1]:
                self.borders.append(until)
                self.levels.append(value.value)
        # Integers over one denominator: the same sums as with fractions, and much faster.
        self._denominator = lcm(*(level.denominator for level in self.levels))
        self._heights = [int(level * self._denominator) for level in self.levels]
        self._sums = [0]
        for (begin, until), height in zip(pairwise(self.borders), self._heights, strict=True):
            self._sums.append(self._sums[-1] + (until - begin) * height)

    @property
    def start(self) -> int:
        return self.borders[0]

    @property
    def end(self) -> int:
        return self.borders[-1]

    def mean(self, start: int, end: int) -> Fraction:
        """Return the mean over `[start, end)`, which lies within the curve, in g/kWh."""
        difference = self._sum_until(end) - self._sum_until(start)
        return Fraction(difference, self._denominator * (end - start))

    def window(self, start: int, duration_seconds: int) -> Window:
        return Window(start, start + duration_seconds, self.mean(start, start + duration_seconds))

    def windows(self, duration_seconds: int) -> list[Window]:
        """Return the windows of which one is the best, in order of time; none when none fits."""
        last = self.end - duration_seconds
        bends = {*self.borders, *(border - duration_seconds for border in self.borders)}
        starts = sorted(start for start in bends if self.start <= start <= last)
        return [self.window(start, duration_seconds) for start in starts]

    def _sum_until(self, unix_seconds: int) -> int:
        slot = min(bisect_right(self.borders, unix_seconds), len(self.levels)) - 1
        return self._sums[slot] + (unix_seconds - self.borders[slot]) * self._heights[slot]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The best window, and what it is better than."""

    best: Window
    now: Window
    """The one that begins at once."""
    curve: Curve
    values: Sequence[Intensity]
    """What was expected, of one provider and on the same axes."""
    error_ratio: Fraction
    """How far a forecast is off, over what it forecasts."""

    @property
    def saving_grams_per_kilowatt_hour(self) -> Fraction:
        return self.now.grams_per_kilowatt_hour - self.best.grams_per_kilowatt_hour

    @property
    def saving_ratio(self) -> Fraction:
        """Saving over what starting at once emits; 0 where that is 0."""
        now = self.now.grams_per_kilowatt_hour
        return self.saving_grams_per_kilowatt_hour / now if now else Fraction(0)

    @property
    def is_clear(self) -> bool:
        """Return whether it saves more than the forecast may be wrong by."""
        return self.saving_ratio > self.error_ratio


def advise(
    values: Sequence[Intensity],
    start: int,
    duration_seconds: int,
    end: int | None,
    error_ratio: Fraction,
) -> Advice:
    """Return the best window in `[start, end)`; without `end` in all that the values cover.

    Of windows that are as good the earliest is the best. Raises AdviceError when no window fits
    in, HorizonError when the values do not cover the time.
    """
    if duration_seconds <= 0:
        raise AdviceError(f"a load takes some time: {duration_seconds} s")
    curve = curve_of(values, start, end)
    if curve.end - start < duration_seconds:
        if end is None:
            raise HorizonError(_how_far(values, start, curve.end), curve.end)
        raise AdviceError(
            f"{duration_seconds} s do not fit between {instant(start)} and {instant(end)}"
        )
    return Advice(
        best=min(curve.windows(duration_seconds), key=lambda one: one.grams_per_kilowatt_hour),
        now=curve.window(start, duration_seconds),
        curve=curve,
        values=values,
        error_ratio=error_ratio,
    )


def curve_of(values: Sequence[Intensity], start: int, end: int | None) -> Curve:
    """Return the curve over `[start, end)`, without `end` as far as there is no hole.

    Raises HorizonError when the values leave some of it out, AdviceError when it is empty.
    """
    until = covered_until(values, start) if end is None else end
    if until == start and end is None:
        raise HorizonError(_how_far(values, start, start), start)
    return Curve(values, start, until)


def covered_until(values: Sequence[Intensity], start: int) -> int:
    """Return how far values in order of time reach from `start` without a hole."""
    reach = start
    for value in values:
        if value.valid_from_unix_seconds > reach:
            break
        reach = max(reach, value.valid_until_unix_seconds)
    return reach


def forecast_of(
    lines: Sequence[Sequence[Intensity]], start: int, end: int | None
) -> Sequence[Intensity]:
    """Return the first of the lines that covers `[start, end)`, else what reaches furthest.

    A line is what one provider says on the same axes: two are never compared with each other.
    Raises NoForecastError when none of them forecasts.
    """
    forecasts = [line for line in lines if any(one.status is Status.FORECAST for one in line)]
    if not forecasts:
        raise NoForecastError("no forecast is kept")
    for line in forecasts:
        if end is not None and covered_until(line, start) >= end:
            return line
    return max(forecasts, key=lambda line: covered_until(line, start))


def instant(unix_seconds: int) -> str:
    """Return a time as text, in UTC."""
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _how_far(values: Sequence[Intensity], start: int, reach: int) -> str:
    if reach > start:
        return f"from {instant(start)} on, values reach to {instant(reach)} only"
    later = [one.valid_from_unix_seconds for one in values if one.valid_from_unix_seconds > start]
    if later:
        return f"there is no value of {instant(start)}, the next begins at {instant(min(later))}"
    return f"there is no value of {instant(start)} or later"
