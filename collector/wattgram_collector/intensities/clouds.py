"""PURE. The regions of cloud providers: in which zone of the grid they stand, and their PUE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from wattgram_collector.intensities.tables import (
    ORIGIN_COLUMNS,
    Origin,
    optional,
    optional_year,
    origin,
    parse,
    year,
)
from wattgram_collector.intensities.zones import Annual, ZoneTable, require_plausible
from wattgram_collector.intensity import Boundary, Losses, Scope, Signal

FILE: Final = "cloud_regions.csv"
COLUMNS: Final = (
    "provider",
    "region",
    "location",
    "country",
    "zone",
    "zone_basis",
    "annual_zone",
    "pue",
    "pue_basis",
    "pue_year",
    "pue_source",
    "grid_direct_grams_per_kilowatt_hour",
    "grid_year",
    "grid_source",
    "grid_dataset_version",
    "grid_licence_class",
    *ORIGIN_COLUMNS,
)
PUE_MAX: Final = "3"


class PueBasis(StrEnum):
    """What a PUE is the mean of."""

    CAMPUS = "campus"
    REGION = "region"
    GEOGRAPHY = "geography"
    """All regions of the provider on a continent or so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudRegion:
    """A place that a provider names. `pue` is None where none is published.

    `zone` is the grid whose hours are looked up; `annual_zone` is the one whose yearly direct
    average is nearer than the country's (an eGRID subregion), or nothing. `annual` is what the
    provider itself publishes for the region's grid.
    """

    provider: str
    region: str
    location: str
    country: str
    zone: str
    zone_basis: str
    annual_zone: str
    pue: Fraction | None
    pue_basis: PueBasis | None
    pue_year: int | None
    pue_source: str
    annual: Annual | None
    origin: Origin

    @property
    def alias(self) -> str:
        """The name that stands for a zone, such as `aws:eu-west-1`."""
        return f"{self.provider}:{self.region}"


def parse_clouds(text: str, zones: ZoneTable) -> dict[str, CloudRegion]:
    """PURE. Read the text of cloud_regions.csv, keyed by upper-case alias; no text, no regions.

    Raises ValueError naming the row that is wrong, or whose zone is not listed or elsewhere.
    """
    if not text:
        return {}
    made = parse(
        FILE,
        text,
        COLUMNS,
        lambda row: _region(row, zones),
        key=lambda one: one.alias.upper(),
    )
    return {one.alias.upper(): one for one in made}


def _region(row: Mapping[str, str], zones: ZoneTable) -> CloudRegion:
    if not all(row[name] for name in ("provider", "region", "country", "zone", "zone_basis")):
        raise ValueError("a cloud region has a provider, a name, a country, a zone and its reason")
    alias = f"{row['provider']}:{row['region']}"
    for zone in filter(None, (row["zone"], row["annual_zone"])):
        found = zones.find(zone)
        if found is None or found.zone_id != zone or found.iso2 != row["country"]:
            raise ValueError(f"{alias}: no zone {zone} in {row['country']}")
    if bool(row["pue"]) != bool(row["pue_basis"] and row["pue_source"]):
        raise ValueError(f"{alias}: a PUE has a basis and a source")
    return CloudRegion(
        provider=row["provider"],
        region=row["region"],
        location=row["location"],
        country=row["country"],
        zone=row["zone"],
        zone_basis=row["zone_basis"],
        annual_zone=row["annual_zone"],
        pue=optional(f"{alias}: pue", row["pue"], "1", PUE_MAX),
        pue_basis=PueBasis(row["pue_basis"]) if row["pue_basis"] else None,
        pue_year=optional_year(row["pue_year"]),
        pue_source=row["pue_source"],
        annual=_annual(alias, row),
        origin=origin(row),
    )


def _annual(alias: str, row: Mapping[str, str]) -> Annual | None:
    """Google's figure is operational (direct); of imports and losses it says nothing."""
    grams = row["grid_direct_grams_per_kilowatt_hour"]
    if not grams:
        return None
    require_plausible(alias, grams, Scope.DIRECT, ())
    stated = {
        **row,
        "source": row["grid_source"],
        "dataset_version": row["grid_dataset_version"],
        "licence_class": row["grid_licence_class"],
        "flags": "",
    }
    return Annual(
        grams_per_kilowatt_hour=grams,
        year=year(row["grid_year"]),
        signal=Signal.AVERAGE,
        scope=Scope.DIRECT,
        boundary=Boundary.UNSPECIFIED,
        losses=Losses.UNSPECIFIED,
        gases="CO2e",
        origin=origin(stated),
    )
