"""What is known of a place beside the intensity of its grid, and what things outside it take.

Losses between power station and socket, PUE, energy of the network, emissions by fuel. Each table
is read once, when it is first asked for. What is not known is None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from wattgram_collector.intensities.clouds import FILE as CLOUDS
from wattgram_collector.intensities.clouds import CloudRegion, parse_clouds
from wattgram_collector.intensities.coefficients import (
    FUELS,
    NETWORK,
    FuelFactor,
    NetworkCoefficient,
    parse_fuels,
    parse_network,
)
from wattgram_collector.intensities.overheads import (
    LOSSES,
    PUES,
    Loss,
    Pue,
    parse_losses,
    parse_pues,
)
from wattgram_collector.intensities.tables import Origin, Source, parse_sources, text_of
from wattgram_collector.intensities.zones import FILE as ZONES
from wattgram_collector.intensities.zones import Zone, ZoneTable, parse_zones
from wattgram_collector.intensity import Scope

UNKNOWN_DATACENTER = "unknown_datacenter"
DEFAULT_FUEL_SET = "ipcc"


class Places:
    """The shipped tables; every question raises ValueError if its table has a wrong row."""

    def __init__(self, read: Callable[[str], str] = text_of) -> None:
        self._read = read

    # ── where a place is ─────────────────────────────────────────────────────────────────

    def cloud(self, place: str) -> CloudRegion | None:
        """Return the region that `aws:eu-west-1` and the like name, in any case."""
        return self.clouds.get(place.upper())

    def zone(self, place: str) -> str:
        """Return the zone whose grid supplies the place; a zone is its own place.

        An unknown cloud region is returned as it came: it has no intensity.
        """
        if region := self.cloud(place):
            return region.zone
        found = self.zones.find(place)
        return found.zone_id if found else place

    def parents(self, zone: str) -> tuple[Zone, ...]:
        """Return the zone and what it lies in, up to the world; nothing for an unknown zone."""
        return self.zones.chain(zone)

    # ── what energy is lost or added on its way ──────────────────────────────────────────

    def loss(self, place: str) -> Loss | None:
        """Return what is lost between power station and socket: of the zone, else its country."""
        region = self.cloud(place) if ":" in place else None
        names = (region.annual_zone, region.zone, region.country) if region else self._own(place)
        return next((self.losses[name] for name in names if name in self.losses), None)

    def _own(self, zone: str) -> tuple[str, ...]:
        found, country = self.zones.find(zone), self.zones.country(zone)
        return tuple(one.zone_id for one in (found, country) if one)

    def pue(self, site_class: str) -> Pue | None:
        """Return the PUE of a class of sites, such as `laptop` or `unknown_datacenter`."""
        return self.pues.get(site_class)

    def cloud_pue(self, region: CloudRegion) -> Pue:
        """Return the region's own PUE, else its provider's, else that of any data centre."""
        if region.pue is None:
            return self.pues.get(region.provider) or self.pues[UNKNOWN_DATACENTER]
        source = self.sources[region.pue_source]
        return Pue(
            site_class=region.alias,
            pue=region.pue,
            low=None,
            high=None,
            year=region.pue_year,
            origin=Origin(
                source=source.source_id,
                dataset_version=source.dataset_version,
                licence=source.licence_class,
                flags=(region.pue_basis.value,) if region.pue_basis else (),
            ),
        )

    # ── emissions by fuel, energy of the network ─────────────────────────────────────────

    def fuel(
        self, fuel: str, scope: Scope, factor_set: str = DEFAULT_FUEL_SET
    ) -> FuelFactor | None:
        """Return the factor of a fuel on one axis and of one set; sets are never mixed."""
        return self.fuels.get((factor_set, fuel, scope))

    def fuel_set(
        self, scope: Scope, factor_set: str = DEFAULT_FUEL_SET
    ) -> Mapping[str, FuelFactor]:
        """Return the factors of a set by fuel."""
        return {
            fuel: factor
            for (name, fuel, axis), factor in self.fuels.items()
            if (name, axis) == (factor_set, scope)
        }

    # ── the tables ───────────────────────────────────────────────────────────────────────

    @cached_property
    def zones(self) -> ZoneTable:
        return parse_zones(self._read(ZONES))

    @cached_property
    def clouds(self) -> Mapping[str, CloudRegion]:
        return parse_clouds(self._read(CLOUDS), self.zones)

    @cached_property
    def losses(self) -> Mapping[str, Loss]:
        return parse_losses(self._read(LOSSES))

    @cached_property
    def pues(self) -> Mapping[str, Pue]:
        return parse_pues(self._read(PUES))

    @cached_property
    def network(self) -> Sequence[NetworkCoefficient]:
        return parse_network(self._read(NETWORK))

    @cached_property
    def fuels(self) -> Mapping[tuple[str, str, Scope], FuelFactor]:
        return parse_fuels(self._read(FUELS))

    @cached_property
    def sources(self) -> Mapping[str, Source]:
        return parse_sources(self._read("sources.json"))


__all__ = ["FuelFactor", "Loss", "NetworkCoefficient", "Places", "Pue"]
