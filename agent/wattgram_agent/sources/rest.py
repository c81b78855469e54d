"""What the operator declared of the parts that no meter of a component sees.

`power` draws what `rest.power_watts` says, always. `supply` is what the power supply loses on
the way; how much that is follows from what is counted, so that it is not sampled but derived
(`wattgram_agent.rest`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wattgram.readings import Quality, State
from wattgram.units import MICROWATTS_PER_WATT
from wattgram_agent.config import RestSettings
from wattgram_agent.source import (
    GaugeSample,
    HostPaths,
    Point,
    Sample,
    Scope,
    Source,
    SourceUnavailableError,
    Zone,
)

NAME: Final = "rest"
POWER: Final = Point(NAME, "power", "declared")
SUPPLY: Final = Point(NAME, "supply", "declared")


class RestSource(Source):
    """A power that does not change, and a share of all others."""

    name = NAME
    is_spare = True

    def __init__(self, settings: RestSettings) -> None:
        self._settings = settings
        self._power_microwatts = round(settings.power_watts * MICROWATTS_PER_WATT)

    def zones(self) -> Sequence[Zone]:
        zones = []
        if self._power_microwatts:
            zones.append(_zone(POWER, f"rest.power_watts is {self._settings.power_watts:g}"))
        if self._settings.supply_efficiency < 1:
            zones.append(
                _zone(SUPPLY, f"rest.supply_efficiency is {self._settings.supply_efficiency:g}")
            )
        return zones

    def sample(self) -> Sequence[Sample]:
        if not self._power_microwatts:
            return []
        return [GaugeSample(POWER, self._power_microwatts, averaged=True)]

    def close(self) -> None:
        """Nothing is held open."""


def discover(_: HostPaths, settings: RestSettings) -> RestSource:
    """Return what is declared; raises SourceUnavailableError where nothing is."""
    source = RestSource(settings)
    if not source.zones():
        raise SourceUnavailableError(State.ABSENT, "nothing is declared in the section rest")
    return source


def _zone(point: Point, location: str) -> Zone:
    return Zone(point=point, scope=Scope.REST, quality=Quality.MODELLED, location=location)
