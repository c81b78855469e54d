"""PURE. Samples of one BMC to energy over time, and to gaps where nothing is known.

The first sample yields nothing. Powers are integrated as a trapezoid between two samples that are
at most two and a half periods apart: what happened between ones further apart is unknown. A
register is differenced over any time. The two are never mixed: when the BMC is read from another
value than before, the first sample of it is a first sample again.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from wattgram.units import MICROWATTS_PER_WATT, energy_microjoules
from wattgram_collector.redfish.resources import (
    WATTS_MAX,
    EnergyReading,
    PowerReading,
    Sample,
)

HOLD_PERIODS: Final = (5, 2)  # a fraction, so that time stays in integers


class Span(NamedTuple):
    """Energy used over `[start, end)` of the boot-time clock."""

    start_nanoseconds: int
    end_nanoseconds: int
    microjoules: int


class Lack(NamedTuple):
    """Time up to now of which nothing is known, and why."""

    reason: str
    duration_nanoseconds: int
    detail: str = ""


class Meter:
    """What was read last, and up to when every moment is in a span or in a lack.

    Time is that of the boot-time clock.
    """

    def __init__(self, period_nanoseconds: int, started_nanoseconds: int) -> None:
        self._hold_nanoseconds = period_nanoseconds * HOLD_PERIODS[0] // HOLD_PERIODS[1]
        self._last: Sample | None = None
        self._last_nanoseconds = 0
        self._known_nanoseconds = started_nanoseconds

    def advance(self, sample: Sample, now_nanoseconds: int) -> Span | Lack | None:
        """Take a sample that was read at `now_nanoseconds`."""
        last, start = self._last, self._last_nanoseconds
        if last is not None and now_nanoseconds <= start:
            return None
        if last is None:
            outcome: Span | Lack | None = None
        elif last.origin != sample.origin:
            outcome = self.fail("sample_changed", sample.origin, now_nanoseconds)
        else:
            outcome = self._difference(last, sample, start, now_nanoseconds)
        if outcome is None and last is not None:
            return None  # a register that did not move: it spans more when it does
        self._last, self._last_nanoseconds = sample, now_nanoseconds
        self._known_nanoseconds = now_nanoseconds
        return outcome

    def fail(self, reason: str, detail: str, now_nanoseconds: int) -> Lack:
        """Note that there was no sample: nothing is known of the time up to now."""
        known, self._known_nanoseconds = self._known_nanoseconds, now_nanoseconds
        return Lack(reason, max(0, now_nanoseconds - known), detail)

    def is_stuck(self, now_nanoseconds: int) -> bool:
        """Return whether a register has not moved for longer than a server can stand still."""
        stood = now_nanoseconds - self._last_nanoseconds
        return isinstance(self._last, EnergyReading) and stood > self._hold_nanoseconds

    def _difference(
        self, last: Sample, sample: Sample, start: int, now: int
    ) -> Span | Lack | None:
        elapsed = now - start
        match last, sample:
            case PowerReading(), PowerReading():
                if elapsed > self._hold_nanoseconds:
                    return self.fail("late_sample", "a power is not held for so long", now)
                mean = (last.microwatts + sample.microwatts) // 2
                return Span(start, now, energy_microjoules(mean, elapsed))
            case EnergyReading(), EnergyReading():
                increase = sample.microjoules - last.microjoules
                if increase < 0:
                    return self.fail("counter_reset", sample.origin, now)
                if increase > energy_microjoules(WATTS_MAX * MICROWATTS_PER_WATT, elapsed):
                    return self.fail("implausible", f"{increase} uJ in {elapsed} ns", now)
                return Span(start, now, increase) if increase else None
            case _:
                return self.fail("sample_changed", sample.origin, now)
