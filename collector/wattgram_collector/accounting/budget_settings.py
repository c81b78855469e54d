"""What an operator may set of a carbon budget and of a limit on the rate of emission."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from wattgram.readings import require_label
from wattgram.settings import setting
from wattgram.units import GRAMS_PER_KILOGRAM, GRAMS_PER_TONNE, SECONDS_PER_HOUR
from wattgram_collector.timezones import is_timezone

GRAMS_MAX: Final = 1e15
SECTIONS_MAX: Final = 100
PERIODS: Final = ("day", "month", "year")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which hosts something is about: those that fit all that is given; nothing: the fleet."""

    sites: tuple[str, ...] = setting((), "Only hosts of these sites.")
    grid_zones: tuple[str, ...] = setting((), "Only energy from these grid zones, such as DE.")
    device_classes: tuple[str, ...] = setting((), "Only hosts of these classes, such as server.")
    hosts: tuple[str, ...] = setting((), 'Only hosts that fit one of these, such as "web*".')
    facility_overhead: bool = setting(
        default=True,
        help_text="Count the overhead of the facility, by the PUE of its site, with the host.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings(Selection):
    """One `[budgets.<name>]`: a mass of CO2e that a period may not exceed."""

    grams: float | None = setting(None, "The budget, in grams of CO2e: this, or one of the next.")
    kilograms: float | None = setting(None, "The same in kilograms.")
    tonnes: float | None = setting(None, "The same in tonnes of 1,000 kg.")
    period: str = setting("month", "What it is for: each anew.", choices=PERIODS)
    timezone: str = setting("UTC", "Whose midnight a period begins at, such as Europe/Berlin.")

    def __post_init__(self) -> None:
        given = [one for one in (self.grams, self.kilograms, self.tonnes) if one is not None]
        if len(given) != 1:
            raise ValueError("give one of grams, kilograms and tonnes")
        _require_grams("the budget", self.total_grams)
        if not is_timezone(self.timezone):
            raise ValueError(f"timezone must be a name such as Europe/Berlin: {self.timezone!r}")

    @property
    def total_grams(self) -> float:
        if self.grams is not None:
            return self.grams
        if self.kilograms is not None:
            return self.kilograms * GRAMS_PER_KILOGRAM
        return (self.tonnes or 0.0) * GRAMS_PER_TONNE


@dataclass(frozen=True, slots=True, kw_only=True)
class EmissionLimitSettings(Selection):
    """One `[emission_limits.<name>]`: a rate of emission over which somebody wants to know."""

    grams_per_hour: float = setting(0.0, "The rate of CO2e that is too much.")

    def __post_init__(self) -> None:
        _require_grams("grams_per_hour", self.grams_per_hour)

    @property
    def grams_per_second(self) -> float:
        return self.grams_per_hour / SECONDS_PER_HOUR


def _require_grams(name: str, grams: float) -> None:
    if not 0 < grams <= GRAMS_MAX:
        raise ValueError(f"{name} must be more than 0 and at most {GRAMS_MAX:.0e} g: {grams}")


def require_selections(
    budgets: Mapping[str, BudgetSettings], limits: Mapping[str, EmissionLimitSettings]
) -> None:
    """Raise ValueError for sections that are too many, or whose name is no label."""
    for section, names in (("budgets", budgets), ("emission_limits", limits)):
        _require_names(section, names)


def _require_names(section: str, names: Iterable[str]) -> None:
    found = list(names)
    if len(found) > SECTIONS_MAX:
        raise ValueError(f"{section}: {len(found)} sections, at most {SECTIONS_MAX}")
    for name in found:
        require_label(f"the name of a section of {section}", name)
