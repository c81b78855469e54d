"""PURE. What the making of an asset emitted, and how that is spread over its life.

TE' = TE x condition x alpha x units        r = TE' / (life x 365 x 86400 s)
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM, SECONDS_PER_YEAR
from wattgram_collector.inventory.decision import Decision, Making
from wattgram_collector.inventory.periods import Interval, midnight_unix_seconds
from wattgram_collector.inventory.register.assets import Asset

_EVER: Final = 1 << 40
"""After every life, in unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What is known of the making of one unit: TE, without its use.

    Shares are of TE: manufacture (cradle to gate), transport, end of life. They sum to 1, or
    ValueError is raised.
    """

    total_kilograms: Fraction
    manufacturing_share: Fraction = Fraction(1)
    transport_share: Fraction = Fraction(0)
    end_of_life_share: Fraction = Fraction(0)
    life_years: Fraction
    factor: str
    """Key for factors.csv: where the figure comes from."""
    tier: Quality
    low_kilograms: Fraction | None = None
    high_kilograms: Fraction | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.total_kilograms < 0 or self.life_years <= 0:
            raise ValueError(f"{self.factor}: embodied kilograms below 0 or a life of no time")
        shares = (self.manufacturing_share, self.transport_share, self.end_of_life_share)
        if min(shares) < 0 or sum(shares) != 1:
            raise ValueError(f"{self.factor}: shares of the making must sum to 1")

    @property
    def life_seconds(self) -> int:
        return round(self.life_years * SECONDS_PER_YEAR)

    @property
    def uncertainty_ratio(self) -> Fraction | None:
        """Half the width of low to high over the figure; None where neither is said."""
        if self.low_kilograms is None or self.high_kilograms is None or not self.total_kilograms:
            return None
        return (self.high_kilograms - self.low_kilograms) / 2 / self.total_kilograms


class Spread(NamedTuple):
    """A share of TE' and the seconds that it is spread over."""

    share: Fraction
    seconds: int

    @property
    def share_per_second(self) -> Fraction:
        return self.share / self.seconds


def total_grams(asset: Asset, figure: Figure) -> Fraction:
    """Return TE': the organisation's share of the making of all units; 0 inside a parent's."""
    return unit_kilograms(asset, figure) * GRAMS_PER_KILOGRAM * asset.alpha * asset.units


def life(asset: Asset, figure: Figure, timezone: str) -> Interval | None:
    """Return from when to when the asset is expected in service; None if nobody said since when.

    A disposal ends it earlier.
    """
    if asset.acquired_on is None:
        return None
    start = midnight_unix_seconds(asset.acquired_on, timezone)
    end = start + figure.life_seconds
    if asset.disposed_on is not None:
        end = min(end, midnight_unix_seconds(asset.disposed_on, timezone))
    return Interval(start, end)


def in_use(asset: Asset, figure: Figure, decision: Decision, timezone: str) -> Interval | None:
    """Return when the making counts: its life; of a service as long as it is used.

    A provider's machine that is worn out is followed by the next.
    """
    span = life(asset, figure, timezone)
    if span is None or decision.making is not Making.BY_USE:
        return span
    end = _EVER
    if asset.disposed_on is not None:
        end = midnight_unix_seconds(asset.disposed_on, timezone)
    return Interval(span.start_unix_seconds, end)


def rate_grams_per_second(
    asset: Asset, figure: Figure, unix_seconds: int, timezone: str
) -> Fraction | None:
    """Return r_own, each second of its life whether it is on or off; None where unknown."""
    span = life(asset, figure, timezone)
    if span is None:
        return None
    if not span.start_unix_seconds <= unix_seconds < span.end_unix_seconds:
        return Fraction(0)
    return _rate(asset, figure)


def accrued_grams(
    asset: Asset, figure: Figure, unix_seconds: int, timezone: str
) -> Fraction | None:
    """Return how much of TE' is amortised by then: never more than TE'."""
    span = life(asset, figure, timezone)
    if span is None:
        return None
    past = min(unix_seconds, span.end_unix_seconds) - span.start_unix_seconds
    return min(total_grams(asset, figure), max(past, 0) * _rate(asset, figure))


def rate_while_on(rate: Fraction, asset: Asset) -> Fraction:
    """Return r_on: what r_own comes to if only the time counts that the asset is on."""
    return rate / asset.duty_ratio


def rate_in_use(rate: Fraction, reserved: Fraction, available: Fraction) -> Fraction:
    """Return r_use, a tenant's part of r_own: resources reserved over those there are (SCI).

    Raises ValueError where more is reserved than there is.
    """
    if not 0 <= reserved <= available or not available:
        raise ValueError(f"{float(reserved):g} reserved of {float(available):g}")
    return rate * reserved / available


def _rate(asset: Asset, figure: Figure) -> Fraction:
    return total_grams(asset, figure) / figure.life_seconds


def unit_kilograms(asset: Asset, figure: Figure) -> Fraction:
    """Return what is booked of the making of one unit, before alpha."""
    if asset.is_included_in_parent:
        return Fraction(0)
    return figure.total_kilograms * asset.condition.share
