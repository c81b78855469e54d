"""Cloud regions: the zone of the grid that each stands in, and its PUE.

A map of regions to zones is mended by cloud_picks.csv: a line there replaces a region, adds one,
or, without a zone, removes one; a line that changes nothing is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from figures import HERE, Row, Sources, TableError, plain_grams, read_text, rows

PICKS: Final = HERE / "cloud_picks.csv"
REGIONS: Final = "derived/cloud_regions.csv"
AWS: Final = "spruce/aws-pue-wue.csv"
AZURE: Final = "spruce/azure-pue-wue.csv"
GOOGLE: Final = "gcp/region-carbon-2024.csv"
GOOGLE_YEAR: Final = "2024"

UNCHALLENGED: Final = "greenkube, unchallenged"
LOW_CONFIDENCE: Final = {
    ("aws", "us-gov-east-1"),
    ("aws", "us-gov-west-1"),
    ("azure", "usgovarizona"),
    ("azure", "usgovvirginia"),
    ("azure", "westcentralus"),
    ("gcp", "us-central2"),
    ("gcp", "us-east2"),
}
"""Regions whose place is not published, or whose utility is a guess."""

# Google, datacenters.google/efficiency, trailing twelve months, as of October 2025; of two
# facilities on a campus the higher. Regions without a campus of that list have none.
GOOGLE_PUE_YEAR: Final = "2025"
GOOGLE_PUE: Final = {
    "asia-east1": "1.12",  # Changhua County
    "asia-southeast1": "1.15",  # Singapore, 2nd facility
    "europe-north1": "1.10",  # Hamina
    "europe-west1": "1.08",  # St. Ghislain
    "europe-west4": "1.08",  # Eemshaven
    "southamerica-west1": "1.09",  # Quilicura
    "us-central1": "1.11",  # Council Bluffs
    "us-central2": "1.11",  # Mayes County
    "us-east1": "1.10",  # Berkeley County
    "us-east2": "1.09",  # Douglas County
    "us-east4": "1.09",  # Loudoun County
    "us-east5": "1.05",  # Columbus
    "us-south1": "1.10",  # Midlothian
    "us-west1": "1.10",  # The Dalles
    "us-west4": "1.09",  # Henderson
}


class Pue(NamedTuple):
    value: str
    basis: str
    source: str
    year: str = ""

    def cells(self) -> Row:
        return {
            "pue": self.value,
            "pue_basis": self.basis,
            "pue_source": self.source,
            "pue_year": self.year,
        }


def region_rows(text: str, file: str) -> dict[tuple[str, str], Row]:
    """Read the map. Two spellings of one name that differ in case only are one region."""
    found: dict[tuple[str, str], Row] = {}
    for where, row in rows(text, file, "provider region iso2 location zone zone_basis"):
        key = row["provider"], row["region"].lower()
        made = {
            "provider": row["provider"],
            "region": key[1],
            "location": row["location"],
            "country": row["iso2"],
            "zone": row["zone"],
            "egrid_subregion": row["egrid_subregion"],
            "zone_basis": row["zone_basis"],
        }
        if found.setdefault(key, made) != made:
            raise TableError(f"{where}: {key} stands in two places")
    return found


def mended(found: dict[tuple[str, str], Row], picks: str, file: str) -> list[Row]:
    """Return the regions with our picks; a pick without a reason or an effect is an error."""
    for where, row in rows(picks, file, "provider region location country zone reason"):
        key = row["provider"], row["region"]
        pick = {**row, "zone_basis": row["reason"]}
        del pick["reason"]
        old = found.pop(key, None)
        if not row["reason"] or (old is None and not row["zone"]):
            raise TableError(f"{where} ({key}): no reason, or nothing to remove")
        if old and {**old, "zone_basis": ""} == {**pick, "zone_basis": ""}:
            raise TableError(f"{where} ({key}): the map has it so; remove the line")
        if row["zone"]:
            found[key] = pick
    return [found[key] for key in sorted(found)]


def aws_pue(text: str, file: str) -> list[tuple[str, str]]:
    """Return patterns of region names with their PUE, in order: geographies first.

    A region whose own cell is empty has that of its geography.
    """
    lines = text.splitlines()
    found = []
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split(",")
        if len(cells) != len(lines[0].split(",")):
            raise TableError(f"{file}, line {number}: not as many cells as the header")
        if cells[2]:
            plain_grams(f"{file}, line {number}", "PUE", cells[2])
            found.append((cells[1], cells[2]))
    return found


def pue_of(row: Mapping[str, str], aws: Iterable[tuple[str, str]], azure: Row) -> Pue | None:
    region = row["region"]
    if row["provider"] == "aws":
        values = {name == region: value for name, value in aws if re.fullmatch(name, region)}
        if not values:
            return None
        own = values.get(True)
        return Pue(own or values[False], "region" if own else "geography", "aws_pue")
    if row["provider"] == "azure" and region in azure:
        return Pue(azure[region], "geography", "microsoft_pue")
    if row["provider"] == "gcp" and region in GOOGLE_PUE:
        return Pue(GOOGLE_PUE[region], "campus", "google_pue", GOOGLE_PUE_YEAR)
    return None


def azure_pue(text: str, file: str) -> Row:
    """Return the PUE by region; the header is the last of the comments."""
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith("#"):
            *_, region, value, _ = line.split(",")
            plain_grams(f"{file}, line {number}", "PUE", value)
            found[region] = value
    return found


def google_grams(text: str, file: str) -> Row:
    """Return g/kWh by region: average operational emissions of the region's grid."""
    column = "Grid carbon intensity (gCO2eq / kWh)"
    found = {}
    for where, row in _named_rows(text, file, ("Google Cloud Region", column)):
        plain_grams(where, column, row[column])
        found[row["Google Cloud Region"]] = row[column]
    return found


def _named_rows(text: str, file: str, columns: Iterable[str]) -> Iterator[tuple[str, Row]]:
    for where, row in rows(text, file, ""):
        if missing := [name for name in columns if name not in row]:
            raise TableError(f"{file}, line 1: missing columns: {', '.join(missing)}")
        yield where, row


def finished(
    row: Row, pue: Pue | None, grams: str | None, zones: Mapping[str, Row], sources: Sources
) -> Row:
    """Return the row of cloud_regions.csv; raises TableError where its zone is elsewhere."""
    key = row["provider"], row["region"]
    subregion = row["egrid_subregion"]
    annual_zone = f"US-{subregion}" if subregion else ""
    for zone in filter(None, (row["zone"], annual_zone)):
        if zone in zones and zones[zone]["iso2"] != row["country"]:
            raise TableError(f"{key}: zone {zone} is not in {row['country']}")
    if annual_zone and annual_zone not in zones:
        raise TableError(f"{key}: no subregion {annual_zone}")
    mapped = row["zone_basis"] == UNCHALLENGED
    flags = ["low_confidence"] if key in LOW_CONFIDENCE else []
    made = {name: cell for name, cell in row.items() if name != "egrid_subregion"}
    if grams:
        stated = sources.origin("google_region_carbon")
        made |= {
            "grid_direct_grams_per_kilowatt_hour": grams,
            "grid_year": GOOGLE_YEAR,
            "grid_source": stated["source"],
            "grid_dataset_version": stated["dataset_version"],
            "grid_licence_class": stated["licence_class"],
        }
    return {
        **made,
        "annual_zone": annual_zone,
        **(pue.cells() if pue else {}),
        **sources.origin("greenkube" if mapped else "wattgram", flags),
    }


def cloud_zones(clouds: Iterable[Row], zones: Mapping[str, Row], sources: Sources) -> list[Row]:
    """Return the zones that cloud regions stand in and no other source has: live only."""
    names = {row["zone"]: row["country"] for row in clouds if row["zone"] not in zones}
    for zone, country in names.items():
        if not zone.startswith(f"{country}-"):
            raise TableError(f"{zone}: not in {country} by its name")
    return [
        {
            "zone_id": zone,
            "level": "grid",
            "parent_zone": country,
            "name": f"{zones[country]['name']}: {zone.partition('-')[2]}",
            "iso2": country,
            **sources.origin("wattgram", ["live_only"]),
        }
        for zone, country in sorted(names.items())
    ]


def read(directory: Path, zones: Mapping[str, Row], sources: Sources) -> tuple[list[Row], ...]:
    """Return the rows of cloud_regions.csv, and the zones that they need besides `zones`."""

    def text(name: str) -> tuple[str, str]:
        return read_text(directory / name), str(directory / name)

    regions = mended(region_rows(*text(REGIONS)), read_text(PICKS), str(PICKS))
    aws, azure, google = aws_pue(*text(AWS)), azure_pue(*text(AZURE)), google_grams(*text(GOOGLE))
    if unknown := set(google) - {row["region"] for row in regions if row["provider"] == "gcp"}:
        raise TableError(f"{GOOGLE}: no zone for {', '.join(sorted(unknown))}")
    clouds = [
        finished(
            row,
            pue_of(row, aws, azure),
            google.get(row["region"]) if row["provider"] == "gcp" else None,
            zones,
            sources,
        )
        for row in regions
    ]
    return clouds, cloud_zones(clouds, zones, sources)
