"""The seam and the pure part: what an intensity is, and which one holds at a time.

An intensity is not one number. Every value says what it is on each axis, and is never used on
another than it was asked for. Unknown is None; 0 is a value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final, Protocol

from wattgram.readings import require_label

INTENSITY_GRAMS_PER_KILOWATT_HOUR_MAX: Final = 2_000


class Tier(StrEnum):
    """How near a factor is to what the grid did, best last resort first named by its nature."""

    LIVE = "live"
    ESTIMATED = "estimated"
    FORECAST = "forecast"
    LAST_KNOWN = "last_known"
    ANNUAL = "annual"
    WORLD = "world"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensity:
    """Carbon intensity of one zone's electricity over `[valid_from, valid_until)`.

    `grams_per_kilowatt_hour` is the decimal text as published, so that it can be found again;
    `value` is the same number, exactly. Raises ValueError outside 0 to 2000 g/kWh.
    """

    zone: str
    grams_per_kilowatt_hour: str
    tier: Tier
    provider: str
    version: str
    valid_from_unix_seconds: int
    valid_until_unix_seconds: int
    signal: str = "average"
    scope: str = "lifecycle"
    boundary: str = "production"
    losses: str = "busbar"
    accounting: str = "location"
    status: str = "static"

    def __post_init__(self) -> None:
        require_label("zone", self.zone)
        require_label("provider", self.provider)
        try:
            number = float(self.grams_per_kilowatt_hour)
        except ValueError:
            number = math.nan
        if not 0 <= number <= INTENSITY_GRAMS_PER_KILOWATT_HOUR_MAX:
            raise ValueError(
                f"zone {self.zone}: intensity must be 0 to "
                f"{INTENSITY_GRAMS_PER_KILOWATT_HOUR_MAX} g/kWh: {self.grams_per_kilowatt_hour}"
            )
        if self.valid_until_unix_seconds <= self.valid_from_unix_seconds:
            raise ValueError(f"zone {self.zone}: valid for no time")

    def __hash__(self) -> int:
        return hash((self.zone, self.grams_per_kilowatt_hour, self.valid_from_unix_seconds))

    @property
    def value(self) -> Fraction:
        """Grams of CO2e per kilowatt-hour."""
        return Fraction(self.grams_per_kilowatt_hour)


class IntensityBook(Protocol):
    """Where the accounting looks a factor up."""

    def at(self, zone: str, unix_seconds: int) -> Intensity | None:
        """Return the best intensity known for `zone` at that time; None when there is none."""


class Chain:
    """Several books, the first that knows wins."""

    def __init__(self, *books: IntensityBook) -> None:
        self._books = books

    def at(self, zone: str, unix_seconds: int) -> Intensity | None:
        for book in self._books:
            found = book.at(zone, unix_seconds)
            if found is not None:
                return found
        return None
