"""The seam and the pure part: what an intensity is, and which one holds at a time.

An intensity is not one number. Every value says what it is on each axis, and is never used on
another than it was asked for. Unknown is None; 0 is a value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from wattgram.readings import require_label

INTENSITY_GRAMS_PER_KILOWATT_HOUR_MAX: Final = 2_000
_VALUES_REMEMBERED: Final = 4_096


class Tier(StrEnum):
    """How near a factor is to what the grid did: from the operator's word to the last resort."""

    OPERATOR = "operator"
    LIVE = "live"
    """A provider measured this slot."""
    ESTIMATED = "estimated"
    """A provider estimated this slot after it began; its measurement may follow."""
    FORECAST = "forecast"
    """A provider expected this slot to be so; first in line for restatement."""
    LAST_KNOWN = "last_known"
    """The newest slot before this one, no longer ago than six hours."""
    ANNUAL = "annual"
    """The zone's own yearly average."""
    COUNTRY = "country"
    """The yearly average of the country that the zone lies in."""
    PARENT = "parent"
    """The yearly average of the grid or region that stands in for a country without its own."""
    WORLD = "world"


class Signal(StrEnum):
    """An average answers "what did this cost?", a marginal "what would more of it cost?"."""

    AVERAGE = "average"
    MARGINAL = "marginal"


class Scope(StrEnum):
    """Which emissions are inside."""

    DIRECT = "direct"
    """At the stack."""
    LIFECYCLE = "lifecycle"
    """With fuel supply and construction."""
    UPSTREAM = "upstream"
    """Fuel supply only (well-to-tank); what lifecycle has and direct has not."""
    UNSPECIFIED = "unspecified"


class Boundary(StrEnum):
    PRODUCTION = "production"
    CONSUMPTION = "consumption"
    """Imports are traced."""
    SALES = "sales"
    """Per energy sold in the zone; imports count as zero."""
    UNSPECIFIED = "unspecified"


class Losses(StrEnum):
    """Whether transmission and distribution losses are inside."""

    BUSBAR = "busbar"
    DELIVERED = "delivered"
    UNSPECIFIED = "unspecified"


class Accounting(StrEnum):
    LOCATION = "location"
    MARKET = "market"


class Status(StrEnum):
    MEASURED = "measured"
    ESTIMATED = "estimated"
    FORECAST = "forecast"
    STATIC = "static"


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
    signal: Signal = Signal.AVERAGE
    scope: Scope = Scope.LIFECYCLE
    boundary: Boundary = Boundary.PRODUCTION
    losses: Losses = Losses.BUSBAR
    accounting: Accounting = Accounting.LOCATION
    status: Status = Status.STATIC

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
        return _exactly(self.grams_per_kilowatt_hour)


@lru_cache(maxsize=_VALUES_REMEMBERED)
def _exactly(text: str) -> Fraction:
    """Return the number of a text: every posting asks for it, of few texts."""
    return Fraction(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """What is asked for. A value with another signal, scope or accounting is none at all.

    Boundary and losses are asked for only where they are set: every value says its own.
    """

    signal: Signal = Signal.AVERAGE
    scope: Scope = Scope.LIFECYCLE
    accounting: Accounting = Accounting.LOCATION
    boundary: Boundary | None = None
    losses: Losses | None = None

    def fit(self, intensity: Intensity) -> bool:
        """Return whether the value is what is asked for."""
        return (
            intensity.signal is self.signal
            and intensity.scope is self.scope
            and intensity.accounting is self.accounting
            and self.boundary in (None, intensity.boundary)
            and self.losses in (None, intensity.losses)
        )


class Recorded(NamedTuple):
    """One version of one value that a provider said, and when it was fetched."""

    intensity: Intensity
    fetched_unix_seconds: int


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
