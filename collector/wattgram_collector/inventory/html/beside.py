"""PURE. What a report shows beside the figures of its run; all of it may be left unsaid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from wattgram_collector.inventory.metering.exact_sums import ExactSum
from wattgram_collector.inventory.periods import day_of
from wattgram_collector.inventory.result import SiteHour


class Month(NamedTuple):
    """The metered electricity of one month, of all sites. None is not known."""

    name: str
    """As in 2025-11, in the time zone of the report."""
    it_kilowatt_hours: Fraction
    facility_kilowatt_hours: Fraction
    location_grams: Fraction | None
    """Of the hours whose grams are known, and `priced_kilowatt_hours` is their energy."""
    market_grams: Fraction | None
    priced_kilowatt_hours: Fraction

    @property
    def grams_per_kilowatt_hour(self) -> Fraction | None:
        """Location-based, of the energy that is priced."""
        if self.location_grams is None or not self.priced_kilowatt_hours:
            return None
        return self.location_grams / self.priced_kilowatt_hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What the run itself does not have."""

    tool_version: str = ""
    ledger_head: str = ""
    """Hash of the last row of ledger.csv."""
    months: Sequence[Month] = ()


def months_of(hours: Iterable[SiteHour], timezone: str) -> list[Month]:
    """Return the months of energy.csv's hours, in order; the hours may be in any."""
    found: dict[str, _Sums] = {}
    names: dict[int, str] = {}
    for one in hours:
        at = one.hour_unix_seconds
        name = names.get(at)
        if name is None:
            name = names[at] = day_of(at, timezone).isoformat()[: len("2025-11")]
        sums = found.get(name)
        if sums is None:
            sums = found[name] = _Sums(*(ExactSum() for _ in _Sums._fields))
        sums.add(one)
    return [found[name].month(name) for name in sorted(found)]


class _Sums(NamedTuple):
    used: ExactSum
    whole: ExactSum
    location: ExactSum
    market: ExactSum
    priced: ExactSum

    def add(self, hour: SiteHour) -> None:
        self.used.add(hour.it_kilowatt_hours)
        self.whole.add(hour.facility_kilowatt_hours)
        if hour.location_grams is not None:
            self.location.add(hour.location_grams)
            self.priced.add(hour.facility_kilowatt_hours)
        if hour.market_grams is not None:
            self.market.add(hour.market_grams)

    def month(self, name: str) -> Month:
        return Month(
            name,
            self.used.value or _NONE,
            self.whole.value or _NONE,
            self.location.value,
            self.market.value,
            self.priced.value or _NONE,
        )


_NONE = Fraction(0)
