"""Grids inside countries: eGRID subregions, Canadian provinces, Great Britain; their losses."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from figures import Row, Sources, TableError, plain_grams, read_text, require_year, rows

from wattgram.units import GRAMS_PER_KILOGRAM, GRAMS_PER_POUND, KILOWATT_HOURS_PER_MEGAWATT_HOUR

EGRID: Final = "epa/egrid2023_power-profiler_no-geometry.json"
CANADA: Final = "canada/eccc_electricity-grid-intensities-1.csv"
BRITAIN: Final = "transport/defra2025_electricity_uk.csv"
REGIONS: Final = "derived/neso_gb_regions.csv"

SUBREGIONS: Final = 27
NOT_BY_ITS_PREFIX: Final = {"US-PRMS": "PR"}
"""Puerto Rico is a country of ISO 3166-1, and its grid a subregion of eGRID."""

POUNDS_PER_MEGAWATT_HOUR: Final = "lb/MWh"
DIRECT_GRAMS_MAX: Final = 1200
"""No subregion is dirtier than lignite alone: pounds taken for grams are."""
THOUSANDTH: Final = Decimal("0.001")

PROVINCES: Final = {
    "Alberta": "CA-AB",
    "British Columbia": "CA-BC",
    "Manitoba": "CA-MB",
    "New Brunswick": "CA-NB",
    "Newfoundland and Labrador": "CA-NL",
    "Northwest Territory": "CA-NT",
    "Nova Scotia": "CA-NS",
    "Nunavut": "CA-NU",
    "Ontario": "CA-ON",
    "Prince Edward Island": "CA-PE",
    "Quebec": "CA-QC",
    "Saskatchewan": "CA-SK",
    "Yukon Territory": "CA-YT",
}
PROVINCE_YEAR: Final = "2025"
LAST_YEAR_NOT_PROJECTED: Final = 2020

GENERATION: Final = "generation (location-based scope 2)"
LOST: Final = "T&D losses, combustion"
WELL_TO_TANK: Final = "WTT of generation"
WELL_TO_TANK_OF_LOST: Final = "WTT of T&D losses"

DIRECT: Final = {"signal": "average", "scope": "direct", "gases": "CO2e"}


def grams_of_pounds(pounds_per_megawatt_hour: Decimal) -> Decimal:
    """Return g/kWh to a thousandth: lb/MWh x 0.45359237."""
    grams = Fraction(pounds_per_megawatt_hour) * GRAMS_PER_POUND / KILOWATT_HOURS_PER_MEGAWATT_HOUR
    return Decimal(round(grams / Fraction(THOUSANDTH))) * THOUSANDTH


def egrid_rows(text: str, file: str, sources: Sources) -> tuple[list[Row], list[Row]]:
    """Return the zones and the losses of the subregions and of the country."""
    entries = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    zones, losses = [], []
    for entry in entries:
        where = f"{file} ({entry.get('name')})"
        try:
            zone, loss = _egrid_entry(entry, where, sources)
        except (KeyError, TypeError) as error:
            raise TableError(f"{where}: {error!r}") from error
        zones.append(zone)
        losses.append(loss)
    if len({row["zone_id"] for row in zones}) != SUBREGIONS + 1:
        raise TableError(f"{file}: not {SUBREGIONS} subregions and the country")
    return zones, losses


def _egrid_entry(entry: Mapping[str, Any], where: str, sources: Sources) -> tuple[Row, Row]:
    rates = entry["emissionFactor"]
    rate, plain = rates["co2eEmissionRate"], rates["co2EmissionRate"]
    if {rate["units"], plain["units"]} != {POUNDS_PER_MEGAWATT_HOUR}:
        raise TableError(f"{where}: the rate is not in lb/MWh: {rate['units']!r}")
    if not plain["value"] <= rate["value"] <= plain["value"] * Decimal("1.05"):
        raise TableError(f"{where}: CO2e {rate['value']} does not go with CO2 {plain['value']}")
    grams = str(grams_of_pounds(rate["value"]))
    if not 0 < plain_grams(where, "g/kWh", grams) <= DIRECT_GRAMS_MAX:
        raise TableError(f"{where}: {grams} g/kWh is more than any grid's: not lb/MWh?")
    year = str(require_year(where, str(entry["dataYear"])))
    national = entry["type"] == "national"
    zone_id = "US" if national else f"US-{entry['name']}"
    country = NOT_BY_ITS_PREFIX.get(zone_id, "US")
    stated = sources.origin("epa_egrid")
    zone = {
        "zone_id": zone_id,
        "level": "country" if national else "grid",
        "parent_zone": "WORLD" if national else country,
        "name": entry["fullName"],
        "iso2": country,
        "grams_per_kilowatt_hour": grams,
        "year": year,
        **DIRECT,
        "boundary": "production",
        "losses": "busbar",
        **stated,
    }
    loss = {"zone_id": zone_id, "loss_fraction": str(entry["gridLoss"]["value"]), "year": year}
    return zone, loss | stated


def province_rows(text: str, file: str, sources: Sources) -> list[Row]:
    """Return the provinces. The table has the header in its second line, and notes below."""
    table = [*csv.reader(io.StringIO(text, newline=""))]
    header, made = table[1], []
    if PROVINCE_YEAR not in header:
        raise TableError(f"{file}, line 2: no year {PROVINCE_YEAR}")
    for number, cells in enumerate(table[2:], start=3):
        if len(cells) != len(header):
            continue  # the notes
        where, name, unit = f"{file}, line {number} ({cells[0]})", cells[0], cells[2]
        if name not in PROVINCES or unit != "t CO2e/GWh":  # which is g/kWh
            raise TableError(f"{where}: no province, or not in t CO2e/GWh: {unit!r}")
        grams = cells[header.index(PROVINCE_YEAR)]
        if plain_grams(where, PROVINCE_YEAR, grams) == 0:
            raise TableError(f"{where}: 0 is cut off by rounding, as the table's notes say")
        made.append(_province(name, grams, sources))
    if len({row["zone_id"] for row in made}) != len(PROVINCES) or len(made) != len(PROVINCES):
        raise TableError(f"{file}: not {len(PROVINCES)} provinces and territories")
    return made


def _province(name: str, grams: str, sources: Sources) -> Row:
    projected = ("projected",) if int(PROVINCE_YEAR) > LAST_YEAR_NOT_PROJECTED else ()
    return {
        "zone_id": PROVINCES[name],
        "level": "subdivision",
        "parent_zone": "CA",
        "name": name,
        "iso2": "CA",
        "grams_per_kilowatt_hour": grams,
        "year": PROVINCE_YEAR,
        **DIRECT,
        "boundary": "sales",
        "losses": "delivered",
        **sources.origin("eccc_projections", (*projected, "imports_counted_as_zero")),
    }


def britain_rows(text: str, file: str, sources: Sources) -> tuple[list[Row], list[Row]]:
    """Return the direct and the upstream value of Great Britain, and its losses.

    The share that is lost follows from the published emissions: T&D / (generation + T&D).
    """
    grams = {}
    for where, row in rows(text, file, "element unit kgco2e_per_kwh_consumed"):
        kilograms = plain_grams(where, "kgco2e_per_kwh_consumed", row["kgco2e_per_kwh_consumed"])
        if row["unit"] != "kWh" or not 0 < kilograms < 2:  # noqa: PLR2004 -- as MAX_GRAMS
            raise TableError(f"{where}: not in kg per kWh: {row['unit']!r}, {kilograms}")
        grams[row["element"]] = format((kilograms * GRAMS_PER_KILOGRAM).normalize(), "f")
    if set(grams) != {GENERATION, LOST, WELL_TO_TANK, WELL_TO_TANK_OF_LOST}:
        raise TableError(f"{file}: not the four elements of UK electricity")
    stated = sources.origin("desnz_factors")
    zone = {"zone_id": "GB", "level": "country", "parent_zone": "WORLD", "iso2": "GB"}
    axes = {"year": "2025", "boundary": "unspecified", "losses": "busbar", **DIRECT}
    direct = {**zone, **axes, "grams_per_kilowatt_hour": grams[GENERATION], **stated}
    upstream = direct | {
        "scope": "upstream",
        "grams_per_kilowatt_hour": grams[WELL_TO_TANK],
    }
    sent_out = Decimal(grams[GENERATION]) + Decimal(grams[LOST])
    loss = {
        "zone_id": "GB",
        "loss_fraction": f"{grams[LOST]}/{sent_out}",
        "year": "2025",
        "direct_grams_per_kilowatt_hour": grams[LOST],
        "upstream_grams_per_kilowatt_hour": grams[WELL_TO_TANK_OF_LOST],
        **sources.origin("desnz_factors", ["share_derived_from_emissions"]),
    }
    return [direct, upstream], [loss]


def british_regions(text: str, file: str, sources: Sources) -> Iterator[Row]:
    """Yield NESO's regions: no yearly value of their own, live only."""
    for where, row in rows(text, file, "regionid shortname"):
        if row["regionid"] not in map(str, range(1, 18)):
            raise TableError(f"{where}: not a region of NESO: {row['regionid']!r}")
        yield {
            "zone_id": f"GB-{row['regionid']}",
            "level": "grid",
            "parent_zone": "GB",
            "name": row["shortname"],
            "iso2": "GB",
            **sources.origin("neso", ["live_only"]),
        }


def read(directory: Path, sources: Sources) -> tuple[list[Row], list[Row]]:
    """Return the rows of zones.csv and of losses.csv."""

    def text(name: str, encoding: str = "utf-8-sig") -> tuple[str, str]:
        return read_text(directory / name, encoding), str(directory / name)

    american, american_losses = egrid_rows(*text(EGRID), sources)
    british, british_losses = britain_rows(*text(BRITAIN), sources)
    zones = [
        *american,
        *province_rows(*text(CANADA, "latin-1"), sources),
        *british,
        *british_regions(*text(REGIONS), sources),
    ]
    return zones, [*american_losses, *british_losses]
