"""Emissions by fuel, PUE by class of site, energy of the network: single figures, by source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from figures import Row, Sources, TableError, read_text, rows

FUELS: Final = "derived/source_emission_factors.csv"
PUES: Final = "derived/pue_defaults.csv"
NETWORK: Final = "derived/network_coefficients.csv"

# The set and its source; sets that are not here are not shipped: what an AGPL file or a mixture
# of undated figures says.
FUEL_SETS: Final = {
    "ipcc_ar5_wg3_annex3_2014": ("ipcc", "ipcc_ar5", "busbar", "2014"),
    "unece_lca_2022": ("unece", "unece_lca", "busbar", "2022"),
    "neso_gb": ("neso", "neso", "delivered", ""),
}
NOT_SHIPPED: Final = {"electricitymaps_default", "codecarbon"}
# What a technology is called where only the fuel is known; the others keep their name.
FUEL_OF: Final = {
    "biomass_dedicated": "biomass",
    "coal_no_ccs": "coal",
    "gas_cc_no_ccs": "gas",
    "gas_ccgt": "gas",
    "gas_combined_cycle": "gas",
    "pumped_storage": "hydro_pumped",
    "solar_pv": "solar",
    "solar_utility": "solar",
    "wind_onshore": "wind",
}
NOTHING_BURNS: Final = ("hydro", "nuclear", "ocean", "solar", "wind", "wind_offshore")
OIL_MEDIAN: Final = "840"
"""Lifecycle, IPCC SRREN 2011, Table A.II.4; AR5 has no oil."""
UNKNOWN_FUEL: Final = {"grams_per_kilowatt_hour": "655", "low": "230", "high": "840"}
"""Our judgement, for waste and "other": half coal, half gas; from biomass to oil."""

SITE_CLASSES: Final = {
    ("unknown_datacenter", "2024"): (("unknown_datacenter",), "uptime", ("own_range",)),
    ("laptop_desktop_edge_iot", ""): (("laptop", "desktop", "edge", "iot"), "wattgram", ()),
    ("hyperscale_unknown", "2024"): (("hyperscale",), "wattgram", ("own_judgement",)),
    ("gcp", "2022"): (("gcp",), "ccf", ("fleet",)),
    ("aws", "2023"): (("aws",), "ccf", ("fleet",)),
    ("azure", "2023"): (("azure",), "ccf", ("fleet",)),
}
OLDER_SITE_FIGURES: Final = {("unknown_datacenter", "2023")}

NETWORK_SOURCES: Final = {
    "SWDM v4": "swdm",
    "Aslan et al. 2018": "aslan_2018",
    "Carbon Trust 2021": "carbon_trust_2021",
    "EU ICT impact study 2020": "eu_ict_2020",
    "Malmodin 2020": "malmodin_2020",
    "Mytton video notebook 2021": "malmodin_2020",
    "CCF": "ccf",
    "own derivation": "wattgram",
}
NETWORK_NOT_SHIPPED: Final = {"Green Metrics Tool", "no redistributable source found"}


def fuel_rows(text: str, file: str, sources: Sources) -> Iterator[Row]:
    for where, row in rows(text, file, "fuel set scope g_per_kwh low high"):
        if row["set"] in NOT_SHIPPED:
            continue
        if row["set"] not in FUEL_SETS:
            raise TableError(f"{where}: a set that nothing is known of: {row['set']!r}")
        name, source, losses, year = FUEL_SETS[row["set"]]
        yield {
            "factor_set": name,
            "fuel": FUEL_OF.get(row["fuel"], row["fuel"]),
            "technology": row["fuel"],
            "scope": row["scope"],
            "losses": losses,
            "grams_per_kilowatt_hour": row["g_per_kwh"],
            "low": row["low"],
            "high": row["high"],
            "year": year,
            **sources.origin(source),
        }


def added_fuel_rows(sources: Sources) -> Iterator[Row]:
    """Yield what the set of the IPCC lacks: oil, other fuels, and stacks that there are not."""
    common = {"factor_set": "ipcc", "losses": "busbar"}
    yield {
        **common,
        "fuel": "oil",
        "technology": "oil",
        "scope": "lifecycle",
        "grams_per_kilowatt_hour": OIL_MEDIAN,
        "year": "2011",
        **sources.origin("ipcc_srren", ["older_report"]),
    }
    yield {
        **common,
        "fuel": "unknown",
        "technology": "unknown",
        "scope": "lifecycle",
        **UNKNOWN_FUEL,
        **sources.origin("wattgram", ["own_judgement"]),
    }
    for fuel in NOTHING_BURNS:
        yield {
            **common,
            "fuel": fuel,
            "technology": fuel,
            "scope": "direct",
            "grams_per_kilowatt_hour": "0",
            **sources.origin("wattgram", ["zero_by_definition"]),
        }


def pue_rows(text: str, file: str, sources: Sources) -> Iterator[Row]:
    for where, row in rows(text, file, "site pue low high year"):
        key = row["site"], row["year"]
        if key in OLDER_SITE_FIGURES:
            continue
        if key not in SITE_CLASSES:
            raise TableError(f"{where}: a class of sites that nothing is known of: {key}")
        classes, source, flags = SITE_CLASSES[key]
        for site_class in classes:
            figures = {name: row[name] for name in ("pue", "low", "high", "year")}
            yield {"site_class": site_class, **figures, **sources.origin(source, flags)}


def network_rows(text: str, file: str, sources: Sources) -> Iterator[Row]:
    for where, row in rows(text, file, "access model kwh_per_gb idle_w w_per_mbps source note"):
        if any(row["source"].startswith(name) for name in NETWORK_NOT_SHIPPED):
            continue
        known = [one for name, one in NETWORK_SOURCES.items() if row["source"].startswith(name)]
        if len(known) != 1:
            raise TableError(f"{where}: not one source that is known: {row['source']!r}")
        yield {
            "segment": row["access"],
            "model": row["model"],
            "kilowatt_hours_per_gigabyte": row["kwh_per_gb"],
            "idle_watts": row["idle_w"],
            "watts_per_megabit_per_second": row["w_per_mbps"],
            "low": row["low"],
            "high": row["high"],
            "year": row["year"],
            "confidence": row["confidence"],
            "note": row["note"],
            **sources.origin(known[0]),
        }


def read(directory: Path, sources: Sources) -> dict[str, list[Row]]:
    """Return the rows of three tables, by file."""

    def text(name: str) -> tuple[str, str]:
        return read_text(directory / name), str(directory / name)

    return {
        "fuel_factors.csv": sorted(
            [*fuel_rows(*text(FUELS), sources), *added_fuel_rows(sources)],
            key=lambda row: (row["factor_set"], row["scope"], row["fuel"]),
        ),
        "pue.csv": [*pue_rows(*text(PUES), sources)],
        "network.csv": [*network_rows(*text(NETWORK), sources)],
    }
