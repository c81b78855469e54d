"""PURE. From the units that report to those that are installed (D18), stratum by stratum.

A stratum is what is alike: of customers' hardware a class in a country, of other assets the asset
itself, of which there are several units. A unit that does not report uses what those of its
stratum use on average, for as long as it was there while any of them was seen:

    E = (N / n) x sum of n,   +- 1.96 x s x sqrt((1/n) x (1 - n/N)) x N

with the finite-population correction; s is the sample deviation of the units that report.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.readings import Quality
from wattgram_collector.accounting.emissions import Amount, Pricing
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.inventory.decision import Decision
from wattgram_collector.inventory.lines import TIER_UNCERTAINTY_RATIOS
from wattgram_collector.inventory.metering.energy import Bound, Metered, energy_postings
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.postings import Posting
from wattgram_collector.inventory.register.assets import Asset, AssetRole
from wattgram_collector.inventory.result import Fleet

Z_95: Final = Fraction(196, 100)
_DENOMINATOR: Final = 1_000_000
_NAMED_MAX: Final = 5
CUSTOMERS: Final = frozenset(
    {AssetRole.CUSTOMER_DEVICE, AssetRole.CUSTOMER_INFRA, AssetRole.IOT, AssetRole.OT}
)


class Stratum(NamedTuple):
    """What is alike. `asset_id` is empty for hardware at customers."""

    device_class: str
    country: str
    asset_id: str = ""

    @classmethod
    def of(cls, asset: Asset) -> Stratum:
        own = "" if asset.role in CUSTOMERS else asset.asset_id
        return cls(asset.device_class, asset.country, own)


@dataclass(slots=True)
class Unit:
    """One agent as a unit: what it used, and for how long it was there and seen."""

    kilowatt_hours: Fraction = Fraction(0)
    grams: Fraction | None = Fraction(0)
    seconds: int = 0
    """Expected; a unit that is off for a while uses nothing then."""
    seen_seconds: int = 0


class Part(NamedTuple):
    """What amounts have in common that may be scaled together."""

    pricing: Pricing
    factor: str


@dataclass(slots=True)
class Sample:
    """The units of a stratum that report."""

    units: dict[str, Unit] = field(default_factory=dict)
    parts: dict[Part, Amount] = field(default_factory=dict)
    start_unix_seconds: int = 1 << 40
    end_unix_seconds: int = 0

    def add(self, agent_id: str, unit: Unit, metered: Iterable[Metered], during: Interval) -> None:
        """Add what an agent used in an interval in which it was expected."""
        before = self.units.setdefault(agent_id, Unit())
        before.kilowatt_hours += unit.kilowatt_hours
        before.seconds += unit.seconds
        before.seen_seconds += unit.seen_seconds
        both = before.grams, unit.grams
        before.grams = None if None in both else (both[0] or 0) + (both[1] or Fraction(0))
        for one in metered:
            key = Part(one.pricing, one.factor)
            old = self.parts.get(key, Amount(0))
            self.parts[key] = Amount(
                old.quantity + one.amount.quantity, old.weighted + one.amount.weighted
            )
        self.start_unix_seconds = min(self.start_unix_seconds, during.start_unix_seconds)
        self.end_unix_seconds = max(self.end_unix_seconds, during.end_unix_seconds)

    @property
    def window(self) -> Interval:
        """The time in which any of them was expected."""
        return Interval(self.start_unix_seconds, self.end_unix_seconds)

    @property
    def kilowatt_hours(self) -> Fraction:
        return sum((one.kilowatt_hours for one in self.units.values()), Fraction(0))

    @property
    def rates(self) -> list[Fraction]:
        """What each unit used in kWh per second that it was there."""
        return [one.kilowatt_hours / one.seconds for one in self.units.values() if one.seconds]


class Missing(NamedTuple):
    """Units of an asset that do not report, and for how long they are there."""

    asset: Asset
    decision: Decision
    interval: Interval
    units: int


class Estimated(NamedTuple):
    """A posting of units that do not report, and the terms of those that do."""

    posting: Posting
    terms: Terms


def half_width(values: Sequence[Fraction], installed: int) -> Fraction | None:
    """Return the half width of the 95 % interval of the total of `installed` units.

    `values` are those of the units that report; None for fewer than two.
    """
    n = len(values)
    if n < 2:  # noqa: PLR2004 -- one unit has no spread
        return None
    mean = sum(values, Fraction(0)) / n
    variance = sum(((one - mean) ** 2 for one in values), Fraction(0)) / (n - 1)
    of_mean = variance / n * max(Fraction(0), 1 - Fraction(n, installed))
    return Z_95 * root(of_mean) * installed


def root(square: Fraction) -> Fraction:
    """Return the square root to 15 digits; exactly scaled, so that no small number is lost."""
    bits = square.denominator.bit_length() - square.numerator.bit_length()
    half = bits // 2
    return Fraction(math.sqrt(square * Fraction(4) ** half)) / Fraction(2) ** half


def extrapolated(
    stratum: Stratum, sample: Sample, missing: Sequence[Missing], installed: int
) -> tuple[Fleet, list[Estimated]]:
    """Return the row of a stratum and the postings of the units that do not report."""
    rates = sample.rates
    mean = sum(rates, Fraction(0)) / len(rates) if rates else Fraction(0)
    seen, reporting = sample.kilowatt_hours, len(sample.units)
    added = {one: mean * _unit_seconds(one, sample) for one in missing}
    total = seen + sum(added.values(), Fraction(0))
    spread = half_width(rates, installed)
    half = None
    if spread is not None and mean:
        half = spread / (mean * installed) * total
    row = Fleet(stratum.device_class, stratum.country, reporting, installed, total, half)
    rest = total - seen
    ratio = None if half is None or not rest else half / rest
    evidence = _evidence(stratum, sample, installed)
    return row, [
        estimated
        for one in missing
        if seen and added[one]
        for estimated in _postings(one, sample, added[one] / seen, ratio, evidence)
    ]


def _unit_seconds(one: Missing, sample: Sample) -> int:
    during = one.interval.overlap(sample.window)
    if during is None:
        return 0
    return one.units * (during.end_unix_seconds - during.start_unix_seconds)


def _postings(
    one: Missing, sample: Sample, scale: Fraction, ratio: Fraction | None, evidence: str
) -> Iterator[Estimated]:
    during = one.interval.overlap(sample.window) or one.interval
    bound = Bound(one.asset, one.decision)
    for part, amount in sample.parts.items():
        scaled = Amount(round(amount.quantity * scale), amount.weighted * scale)
        metered = Metered("", "", during, part.pricing, scaled, Quality.MODELLED, part.factor)
        for posting in energy_postings(metered, bound):
            estimated = replace(
                posting,
                evidence=evidence,
                note="; ".join(filter(None, (posting.note, f"{one.units} units do not report"))),
                uncertainty_ratio=_with_factor(ratio, posting),
            )
            yield Estimated(estimated, part.pricing.terms)


def _with_factor(ratio: Fraction | None, posting: Posting) -> Fraction | None:
    """Return the spread of the units and the uncertainty of the factor, in quadrature."""
    if ratio is None:
        return None
    of_factor = TIER_UNCERTAINTY_RATIOS[posting.tier_factor]
    return root(ratio**2 + of_factor**2).limit_denominator(_DENOMINATOR)


def _evidence(stratum: Stratum, sample: Sample, installed: int) -> str:
    names = sorted(sample.units)
    rest = len(names) - _NAMED_MAX
    more = f" and {rest} more" if rest > 0 else ""
    return (
        f"fleet {stratum.device_class} {stratum.country or 'of no country'}: n {len(names)} of"
        f" N {installed}: agents {', '.join(names[:_NAMED_MAX])}{more}"
    )
