"""What is known of a grid's hours to come, for whoever can wait: the routes, and the command."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Final

from wattgram.units import SECONDS_PER_DAY
from wattgram_collector.accounting.advice import Advice, NoForecastError, advise, forecast_of
from wattgram_collector.config import CollectorConfig
from wattgram_collector.intensities.history import History
from wattgram_collector.intensity import Axes, Intensity, Signal, Status
from wattgram_collector.pricing import axes_of, marginal_of

HORIZON_SECONDS_MAX: Final = 31 * SECONDS_PER_DAY
_FETCHED: Final = re.compile(r"fetched (\S+Z)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisor:
    """Looks up what providers said, and asks the pure part."""

    history: History
    axes: Mapping[Signal, Axes]
    error_ratio: Fraction
    zone_of: Callable[[str], str]
    """The grid zone that a place is in; what is no known place is returned as it came."""

    def knows(self, zone: str) -> bool:
        """Return whether a provider ever said something of a zone."""
        return zone in self.history.zones

    def forecast(
        self, zone: str, start: int, end: int | None, signal: Signal = Signal.AVERAGE
    ) -> list[Intensity]:
        """Return what one provider expects from `start` on; raises NoForecastError."""
        lines = self.history.lines(zone, start, start + HORIZON_SECONDS_MAX, self.axes[signal])
        try:
            return list(forecast_of(lines, start, end))
        except NoForecastError:
            axes = self.axes[signal]
            raise NoForecastError(
                f"no forecast of {zone} is kept ({axes.signal}, {axes.scope}): see "
                "docs/advice.md for the providers that forecast"
            ) from None

    def advise(
        self,
        zone: str,
        start: int,
        duration_seconds: int,
        end: int | None,
        signal: Signal = Signal.AVERAGE,
    ) -> Advice:
        """Return the best window of a zone; raises AdviceError as accounting.advice does."""
        values = self.forecast(zone, start, end, signal)
        return advise(values, start, duration_seconds, end, self.error_ratio)

    def observed(self, zone: str, start: int, end: int) -> Iterator[Intensity]:
        """Yield what somebody saw of the slots that touch `[start, end)`, in order of time."""
        for value in self.history.within(zone, start, end, self.axes[Signal.AVERAGE]):
            if value.status in {Status.MEASURED, Status.ESTIMATED}:
                yield value


def advisor(config: CollectorConfig, history: History, zone_of: Callable[[str], str]) -> Advisor:
    """Return who advises on the axes that energy is priced on."""
    average = axes_of(config.intensity)
    return Advisor(
        history=history,
        axes={Signal.AVERAGE: average, Signal.MARGINAL: marginal_of(average)},
        error_ratio=Fraction(str(config.advice.forecast_error_ratio)),
        zone_of=zone_of,
    )


def fetched_unix_seconds(values: Sequence[Intensity]) -> int | None:
    """PURE. Return when the newest of the values was fetched, which its version says."""
    found = [match[1] for value in values if (match := _FETCHED.search(value.version))]
    return int(datetime.fromisoformat(max(found)).timestamp()) if found else None
