"""The table of providers: where each is, what it bears, how it is made from its section."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from wattgram.units import SECONDS_PER_DAY, SECONDS_PER_HOUR
from wattgram_collector.intensities.places import Places
from wattgram_collector.intensities.providers import (
    eia,
    electricity_maps,
    energy_charts,
    entsoe,
    neso,
    rte,
    watttime,
)
from wattgram_collector.intensities.providers.key_file import TokenFile
from wattgram_collector.intensities.providers.mix import Factors
from wattgram_collector.intensities.providers.provider import Provider
from wattgram_collector.intensities.providers.schedule import Manners
from wattgram_collector.intensities.providers.settings import AS_PRICED, ProviderSettings
from wattgram_collector.intensities.providers.watttime_answers import region_or_place
from wattgram_collector.intensity import Scope

_MINUTE_SECONDS: Final = 60.0


class Axis(NamedTuple):
    """What is priced with, where a section does not say otherwise, and the factors of fuels."""

    scope: Scope
    factors: Callable[[Scope], Factors]

    def of(self, section: ProviderSettings) -> Scope:
        return self.scope if section.scope == AS_PRICED else Scope(section.scope)


def factors_of(places: Places) -> Callable[[Scope], Factors]:
    """Return what gives the shipped factors of fuels on an axis; their name is their versions'."""

    def factors(scope: Scope) -> Factors:
        rows = places.fuel_set(scope)
        return Factors(
            name="+".join(sorted({row.origin.dataset_version for row in rows.values()})),
            scope=scope,
            grams_per_kilowatt_hour={
                fuel: row.grams_per_kilowatt_hour
                for fuel, row in rows.items()
                if row.grams_per_kilowatt_hour is not None
            },
        )

    return factors


class Kind(NamedTuple):
    """One provider: how it is made, where its server is, how it wants to be asked."""

    make: Callable[[ProviderSettings, Axis], Provider]
    base_url: str
    manners: Manners


def _neso(section: ProviderSettings, axis: Axis) -> Provider:
    scope = axis.of(section)
    return neso.Neso(None if scope is Scope.DIRECT else axis.factors(scope))


def _energy_charts(section: ProviderSettings, axis: Axis) -> Provider:
    return energy_charts.EnergyCharts(Axis(Scope.UNSPECIFIED, axis.factors).of(section))


def _electricity_maps(section: ProviderSettings, axis: Axis) -> Provider:
    return electricity_maps.ElectricityMaps(_token(section), axis.of(section), section.version)


def _rte(section: ProviderSettings, axis: Axis) -> Provider:
    scope = axis.of(section)
    return rte.Rte(None if scope is Scope.DIRECT else axis.factors(scope))


def _entsoe(section: ProviderSettings, axis: Axis) -> Provider:
    return entsoe.Entsoe(_token(section), axis.factors(axis.of(section)))


def _eia(section: ProviderSettings, axis: Axis) -> Provider:
    return eia.Eia(_token(section), axis.factors(axis.of(section)))


def _watttime(section: ProviderSettings, _: Axis) -> Provider:
    regions = {zone: region_or_place(text) for zone, text in section.regions.items()}
    return watttime.WattTime(_token(section), regions)


def _token(section: ProviderSettings) -> TokenFile:
    if section.token_file is None:
        raise ValueError("token_file is missing")
    return TokenFile(section.token_file)


KINDS: Final[Mapping[str, Kind]] = {
    neso.NAME: Kind(
        _neso,
        neso.BASE_URL,
        Manners(60, SECONDS_PER_HOUR, forecast_seconds=2 * SECONDS_PER_DAY),
    ),
    energy_charts.NAME: Kind(
        _energy_charts,
        energy_charts.BASE_URL,
        Manners(4, SECONDS_PER_HOUR, for_each_zone=True, forecast_seconds=SECONDS_PER_DAY),
    ),
    "electricity_maps": Kind(
        _electricity_maps,
        electricity_maps.BASE_URL,
        Manners(30, SECONDS_PER_HOUR, forecast_seconds=3 * SECONDS_PER_DAY),
    ),
    rte.NAME: Kind(_rte, rte.BASE_URL, Manners(60, SECONDS_PER_HOUR)),
    # Half of its 400 a minute: others may use the same key, and crossing it is ten minutes' ban.
    entsoe.NAME: Kind(_entsoe, entsoe.BASE_URL, Manners(200, _MINUTE_SECONDS)),
    eia.NAME: Kind(_eia, eia.BASE_URL, Manners(1_000, SECONDS_PER_HOUR)),
    "watttime": Kind(
        _watttime,
        watttime.BASE_URL,
        Manners(1_500, 5 * _MINUTE_SECONDS, forecast_seconds=3 * SECONDS_PER_DAY),
    ),
}


def manners_of(kind: Kind, section: ProviderSettings) -> Manners:
    """Return how the provider wants to be asked, with the limit of the operator's plan."""
    if not section.requests_per_hour:
        return kind.manners
    requests = math.ceil(section.requests_per_hour)
    return kind.manners._replace(
        requests=requests, per_seconds=SECONDS_PER_HOUR * requests / section.requests_per_hour
    )
