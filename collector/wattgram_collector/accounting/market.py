"""PURE. What was bought for a load: contracts, then the supplier, then the residual mix.

The hierarchy of the GHG Protocol (Scope 2 guidance, market-based method). Where none of them says
anything the location-based factor holds, and stays one by its accounting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from itertools import product
from typing import Final

from wattgram_collector.accounting.bought import Bought, MarketBook
from wattgram_collector.accounting.market_settings import MarketSettings
from wattgram_collector.accounting.profiles import Profile, hour_of
from wattgram_collector.accounting.terms import Terms, exact_text, stated
from wattgram_collector.intensities.places import Places
from wattgram_collector.intensity import (
    Accounting,
    Boundary,
    Intensity,
    IntensityBook,
    Losses,
    Scope,
    Status,
    Tier,
)

CONTRACT: Final = "contract"
SUPPLIER: Final = "supplier"
RESIDUAL_MIX: Final = "residual_mix"
_ELSEWHERE: Final = ""
_RESIDUAL_STEP: Final = Decimal("0.000000001")


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """One section of the configuration, ready to be asked."""

    name: str
    kind: str
    grams_per_kilowatt_hour: str
    """Empty where it prices nothing."""
    version: str
    scope: Scope
    zones: frozenset[str]
    sites: frozenset[str]
    from_unix_seconds: int
    until_unix_seconds: int
    share: Fraction = Fraction(1)
    profile: Profile | None = None
    deliveries_kilowatt_hours: Profile | None = None
    is_carbon_free: bool = False
    _factors: dict[str, Intensity] = field(default_factory=dict)

    def is_for(self, zone: str, site: str, unix_seconds: int) -> bool:
        return (
            self.from_unix_seconds <= unix_seconds < self.until_unix_seconds
            and (not self.zones or zone in self.zones)
            and (not self.sites or site in self.sites)
        )

    def share_at(self, unix_seconds: int) -> Fraction:
        """Return which part of a load it covers."""
        if self.deliveries_kilowatt_hours is not None:
            return Fraction(0)
        if self.profile is None:
            return self.share
        return self.profile.get(hour_of(unix_seconds), Fraction(0))

    @property
    def closeness(self) -> tuple[bool, bool]:
        """Orders those of a kind: one for a site is nearer than one for a zone."""
        return bool(self.sites), bool(self.zones)

    def factor(self, zone: str) -> Intensity:
        """Return its factor for the load in a zone, the same object every time."""
        if zone not in self._factors:
            self._factors[zone] = Intensity(
                zone=zone,
                grams_per_kilowatt_hour=self.grams_per_kilowatt_hour,
                tier=Tier.OPERATOR,
                provider=self.kind,
                version=self.version,
                valid_from_unix_seconds=self.from_unix_seconds,
                valid_until_unix_seconds=self.until_unix_seconds,
                scope=self.scope,
                boundary=Boundary.UNSPECIFIED,
                losses=Losses.UNSPECIFIED,
                accounting=Accounting.MARKET,
                status=Status.STATIC,
            )
        return self._factors[zone]


class MarketTable(MarketBook):
    """Everything that was bought, and the grid for the rest."""

    def __init__(self, instruments: Sequence[Instrument], location: IntensityBook) -> None:
        """Raise ValueError naming what covers a load twice, or of which any may hold."""
        self.contracts = [one for one in instruments if one.kind == CONTRACT]
        self._mixes = [
            sorted((one for one in instruments if one.kind == kind), key=_nearest_first)
            for kind in (SUPPLIER, RESIDUAL_MIX)
        ]
        self._location = location
        for zone, site, at in _corners(instruments):
            self._require_sound(zone, site, at)

    def at(self, zone: str, unix_seconds: int) -> Intensity | None:
        """Return the factor of most of the load of a zone, at no site."""
        parts = self.bought(Terms(zone=zone), unix_seconds)
        return max(parts, key=lambda one: one.share).factor

    def bought(self, terms: Terms, unix_seconds: int) -> Sequence[Bought]:
        """Return the parts of a load, which add up to 1; no more than all is ever covered."""
        if not terms.zone:
            return (Bought(None, Fraction(1)),)
        zone, site = terms.zone, terms.site
        left, parts = Fraction(1), []
        for one in self.contracts:
            share = one.share_at(unix_seconds) if one.is_for(zone, site, unix_seconds) else 0
            if share and left:
                parts.append(Bought(one.factor(zone), min(left, Fraction(share))))
                left -= parts[-1].share
        if left:
            parts.append(Bought(self._rest(terms, unix_seconds), left))
        return parts

    def _rest(self, terms: Terms, unix_seconds: int) -> Intensity | None:
        for mixes in self._mixes:
            for one in mixes:
                if one.is_for(terms.zone, terms.site, unix_seconds):
                    return one.factor(terms.zone)
        return self._location.at(terms.asked_place, unix_seconds)

    def _require_sound(self, zone: str, site: str, at: int) -> None:
        covering = [one for one in self.contracts if one.is_for(zone, site, at)]
        if sum(one.share for one in covering if _has_fixed_share(one)) > 1:
            names = ", ".join(f"market.{one.name}" for one in covering if _has_fixed_share(one))
            raise ValueError(f"{names} together cover more than all of a load")
        for mixes in self._mixes:
            holding = [one for one in mixes if one.is_for(zone, site, at)]
            equal = [one for one in holding if one.closeness == holding[0].closeness]
            if len(equal) > 1:
                raise ValueError(
                    f"market.{equal[0].name} and market.{equal[1].name} hold at the same time"
                )


def instrument(
    name: str,
    settings: MarketSettings,
    places: Places,
    *,
    profile: Profile | None = None,
    deliveries: Profile | None = None,
) -> Instrument:
    """Return a section ready to be asked, with what its files hold."""
    grams, version = _factor_of(settings)
    return Instrument(
        name=name,
        kind=settings.kind,
        grams_per_kilowatt_hour=grams,
        version=f"{name}: {version}",
        scope=Scope(settings.scope),
        zones=frozenset(places.zone(zone) for zone in settings.zones),
        sites=frozenset(settings.sites),
        from_unix_seconds=settings.from_unix_seconds,
        until_unix_seconds=settings.until_unix_seconds,
        share=Fraction(repr(settings.share)),
        profile=profile,
        deliveries_kilowatt_hours=deliveries,
        is_carbon_free=settings.carbon_free,
    )


def residual(grid: Fraction, generation: Fraction, voluntary: Fraction) -> Fraction:
    """Return what is left when claimed energy, taken as carbon-free, is gone from the grid.

    grid x generation / (generation - voluntary), as Green-e computes it.
    """
    return grid * generation / (generation - voluntary)


def _factor_of(settings: MarketSettings) -> tuple[str, str]:
    """Return grams per kilowatt-hour as decimal text, and how they came about."""
    if settings.grams_per_kilowatt_hour is None:
        return "", settings.source
    grid = stated(settings.grams_per_kilowatt_hour)
    generation, voluntary = settings.generation_megawatt_hours, settings.voluntary_megawatt_hours
    if generation is None or voluntary is None:
        return grid, settings.source
    exact = residual(Fraction(grid), Fraction(repr(generation)), Fraction(repr(voluntary)))
    decimal = Decimal(exact.numerator) / Decimal(exact.denominator)
    text = exact_text(Fraction(decimal.quantize(_RESIDUAL_STEP, ROUND_HALF_EVEN)))
    sum_ = f"{grid} x {stated(generation)} / ({stated(generation)} - {stated(voluntary)})"
    return text, f"{settings.source}; {sum_}"


def require_scope(sections: Mapping[str, MarketSettings], scope: Scope) -> None:
    """Raise ValueError naming a section whose factor is on another axis than energy is priced."""
    for name, one in sections.items():
        if one.scope != scope.value and one.deliveries_file is None:
            raise ValueError(
                f"market.{name} is {one.scope}, and energy is priced {scope.value}: state the "
                "factor on that axis and its scope with it, or change intensity.scope"
            )


def _corners(instruments: Sequence[Instrument]) -> Iterator[tuple[str, str, int]]:
    """Yield a zone, a site and a time for every combination that may differ."""
    zones = {_ELSEWHERE}.union(*(one.zones for one in instruments))
    sites = {_ELSEWHERE}.union(*(one.sites for one in instruments))
    times = {one.from_unix_seconds for one in instruments}
    yield from product(sorted(zones), sorted(sites), sorted(times))


def _has_fixed_share(one: Instrument) -> bool:
    return one.profile is None and one.deliveries_kilowatt_hours is None


def _nearest_first(one: Instrument) -> tuple[bool, bool]:
    by_site, by_zone = one.closeness
    return not by_site, not by_zone
