"""The yearly averages that are shipped: what holds when nothing nearer to the hour is known.

`data/zones.csv` and `data/cloud_regions.csv` are built by `collector/scripts/build_tables.py`;
`docs/data.md` says from what. Nothing is converted between axes: where no value of a zone or of
what it lies in is what was asked for, there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from wattgram_collector.intensities.clouds import FILE as CLOUDS
from wattgram_collector.intensities.clouds import CloudRegion, parse_clouds
from wattgram_collector.intensities.tables import text_of
from wattgram_collector.intensities.zones import (
    FILE,
    WORLD,
    Annual,
    Level,
    Zone,
    ZoneTable,
    parse_zones,
)
from wattgram_collector.intensity import Axes, Intensity, Tier

LIFECYCLE: Final = Axes()

# A yearly average holds until a newer table says otherwise: its version names its year, and its
# tier says what it is.
_FOR_EVER: Final = (0, 1 << 40)
_REMEMBERED_MAX: Final = 4_096


class _Candidate(NamedTuple):
    """A value that may stand for the zone asked for, how near it is, and whose it is."""

    annual: Annual
    tier: Tier
    owner: str


class Shipped:
    """The two tables: zones, and the cloud regions that stand in them."""

    def __init__(self, zones: ZoneTable, clouds: Mapping[str, CloudRegion]) -> None:
        self.zones = zones
        self.clouds = clouds

    def candidates(self, place: str) -> tuple[str, list[_Candidate]]:
        """Return the zone that is meant, and what may stand for it, the nearest first."""
        if ":" not in place:
            found = self.zones.find(place)
            return (found.zone_id if found else place.upper()), [*self._of_zone(place)]
        region = self.clouds.get(place.upper())
        if region is None:
            return place.upper(), []
        own = [_Candidate(region.annual, Tier.ANNUAL, region.alias)] if region.annual else []
        for name in filter(None, (region.zone, region.annual_zone)):
            own += [one for one in self._of_zone(name) if one.tier is Tier.ANNUAL]
        rest = [one for one in self._of_zone(region.zone) if one.tier is not Tier.ANNUAL]
        return region.zone, own + rest

    def _of_zone(self, zone: str) -> Iterator[_Candidate]:
        itself, country = self.zones.find(zone), self.zones.country(zone)
        for one in self.zones.chain(zone):
            tier = _tier(one, itself, country)
            yield from (_Candidate(annual, tier, one.zone_id) for annual in one.annuals)


def _tier(owner: Zone, itself: Zone | None, country: Zone | None) -> Tier:
    if owner.level is Level.WORLD:
        return Tier.WORLD
    if owner is itself:
        return Tier.ANNUAL
    return Tier.COUNTRY if owner is country else Tier.PARENT


class AnnualTable:
    """Yearly averages on the axes asked for: of the zone, its country, what stands in, the world.

    A zone is an identifier of zones.csv, or a cloud region such as `aws:eu-west-1`, in any case.
    """

    def __init__(self, shipped: Shipped, axes: Axes = LIFECYCLE) -> None:
        self._shipped = shipped
        self._axes = axes
        self._remembered: dict[str, Intensity | None] = {}

    def at(self, zone: str, unix_seconds: int) -> Intensity | None:  # noqa: ARG002 -- the seam's
        try:
            return self._remembered[zone]
        except KeyError:
            found = self._look_up(zone)
        if len(self._remembered) < _REMEMBERED_MAX:
            self._remembered[zone] = found
        return found

    def _look_up(self, place: str) -> Intensity | None:
        zone, candidates = self._shipped.candidates(place)
        found = (_intensity(zone, one) for one in candidates)
        return next((one for one in found if self._axes.fit(one)), None)

    def asking(self, axes: Axes) -> AnnualTable:
        """Return the same tables, asked for other axes."""
        return AnnualTable(self._shipped, axes)

    @property
    def zones(self) -> ZoneTable:
        return self._shipped.zones


def load(axes: Axes = LIFECYCLE) -> AnnualTable:
    """Return the shipped tables; raises ValueError naming the row that is wrong."""
    return parse(text_of(FILE), text_of(CLOUDS), axes)


def parse(zones: str, clouds: str = "", axes: Axes = LIFECYCLE) -> AnnualTable:
    """PURE. Read the texts of the two tables; raises ValueError naming the row that is wrong."""
    listed = parse_zones(zones)
    return AnnualTable(Shipped(listed, parse_clouds(clouds, listed)), axes)


def _intensity(zone: str, found: _Candidate) -> Intensity:
    annual, tier, owner = found
    valid_from, valid_until = _FOR_EVER
    return Intensity(
        zone=zone,
        grams_per_kilowatt_hour=annual.grams_per_kilowatt_hour,
        tier=tier,
        provider=annual.origin.source,
        version=annual.version + ("" if owner == zone else f" of {owner}"),
        valid_from_unix_seconds=valid_from,
        valid_until_unix_seconds=valid_until,
        signal=annual.signal,
        scope=annual.scope,
        boundary=annual.boundary,
        losses=annual.losses,
    )


__all__ = ["WORLD", "AnnualTable", "Shipped", "load", "parse"]
