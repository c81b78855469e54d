"""The ways in which a battery tells what flows out of it, each read without its sign.

The kernel gives microwatts, or microamperes and microvolts; what is left in microwatt-hours or
microampere-hours. What is left falls, in steps of some 10 mWh: it is turned into a count of what
was drawn, which only grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from wattgram.units import MICROWATTS_PER_WATT, PICOWATTS_PER_MICROWATT, SECONDS_PER_HOUR
from wattgram_agent.source import CounterSample, GaugeSample, Point
from wattgram_agent.sysfs import KeptFile, UnreadableError

POWER_MAX_MICROWATTS: Final = 1_000 * MICROWATTS_PER_WATT
# A minute of that power: the longest that a controller takes to look again.
STEP_MAX_MICROJOULES: Final = 60 * POWER_MAX_MICROWATTS


class Power:
    """A power in microwatts."""

    def __init__(self, power: Path) -> None:
        self._power = KeptFile(power, signed=True)

    def sample(self, point: Point) -> GaugeSample:
        """Return the power now; raises UnreadableError."""
        return _gauge(point, abs(self._power.read()))

    def rest(self) -> None:
        """Forget nothing: a power has no past."""

    def close(self) -> None:
        self._power.close()


class Product:
    """A current in microamperes times a voltage in microvolts."""

    def __init__(self, current: Path, voltage: Path) -> None:
        self._current = KeptFile(current, signed=True)
        self._voltage = KeptFile(voltage)

    def sample(self, point: Point) -> GaugeSample:
        """Return the power now; raises UnreadableError."""
        picowatts = abs(self._current.read()) * self._voltage.read()
        return _gauge(point, picowatts // PICOWATTS_PER_MICROWATT)

    def rest(self) -> None:
        """Forget nothing: a power has no past."""

    def close(self) -> None:
        self._current.close()
        self._voltage.close()


class Drawn:
    """The energy drawn since the start, from a file of microwatt-hours that are left.

    A rise is charging, or a controller that has learned better: the next fall is counted from
    there. A fall that no host explains is not counted.
    """

    def __init__(self, left: Path) -> None:
        self._left = KeptFile(left)
        self._previous: int | None = None
        self._drawn_microjoules = 0

    def sample(self, point: Point) -> CounterSample:
        """Return the energy drawn up to now; raises UnreadableError."""
        left = self._left.read()
        previous = left if self._previous is None else self._previous
        step = self._microjoules(previous - left) if left < previous else 0
        self._previous = left
        if step > STEP_MAX_MICROJOULES:
            raise UnreadableError("implausible", f"{previous} fell to {left} at once")
        self._drawn_microjoules += step
        return CounterSample(point, self._drawn_microjoules, None)

    def rest(self) -> None:
        """Begin anew: what happens up to the next sample is not the host's use."""
        self._previous = None

    def close(self) -> None:
        self._left.close()

    def _microjoules(self, fall: int) -> int:
        return fall * SECONDS_PER_HOUR


class DrawnCharge(Drawn):
    """The same from a file of microampere-hours: charge leaves at the voltage of the moment.

    `voltages` are files of microvolts; the first that answers is taken, so that the lowest
    voltage of the design serves only where the present one is not told.
    """

    def __init__(self, left: Path, voltages: Sequence[Path]) -> None:
        super().__init__(left)
        self._voltages = [KeptFile(voltage) for voltage in voltages]

    def close(self) -> None:
        super().close()
        for voltage in self._voltages:
            voltage.close()

    def _microjoules(self, fall: int) -> int:
        return super()._microjoules(fall * self._microvolts()) // PICOWATTS_PER_MICROWATT

    def _microvolts(self) -> int:
        for voltage in self._voltages[:-1]:
            try:
                return voltage.read()
            except UnreadableError:
                continue
        return self._voltages[-1].read()


def _gauge(point: Point, power_microwatts: int) -> GaugeSample:
    if power_microwatts > POWER_MAX_MICROWATTS:
        raise UnreadableError("implausible", f"a battery of {power_microwatts} uW")
    return GaugeSample(point, power_microwatts, averaged=False)
