"""Factors of transport, fuels, travel, waste, refrigerants and spend, from published tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final

import epa_figures
from factor_rows import COMBUSTION, SUPPLIED, YEAR_2025, factor, number, slug, written
from figures import Row, Sources, TableError, read_text, rows

from wattgram.units import KILOGRAMS_PER_TONNE

FREIGHT: Final = "defra2025_freight_tkm.csv"
FUELS: Final = "fuel_factors.csv"
SUPPLY: Final = "defra2025_wtt_fuels.csv"
MATERIALS: Final = "defra2025_weee_waste_and_electrical_material.csv"
HOMEWORKING: Final = "defra2025_homeworking.csv"
SPEND: Final = "useeio_v1.3.0_naics_co2e_usd2022.csv"

FUEL_NAMES: Final = {
    "petrol_gasoline": "petrol",
    "diesel_avg_biofuel_blend_UK": "diesel_blend_uk",
    "diesel_mineral_UK": "diesel_mineral_uk",
    "marine_gas_oil_UK": "marine_gas_oil",
    "marine_fuel_oil_UK": "marine_fuel_oil",
}
SUPPLY_OF: Final = {
    "diesel": "Diesel (100% mineral diesel)",
    "diesel_mineral_uk": "Diesel (100% mineral diesel)",
    "diesel_blend_uk": "Diesel (average biofuel blend)",
    "petrol": "Petrol (100% mineral petrol)",
    "jet_kerosene": "Aviation turbine fuel",
    "aviation_gasoline": "Aviation spirit",
    "residual_fuel_oil": "Fuel oil",
    "lpg": "LPG",
    "lng": "LNG",
    "marine_gas_oil": "Marine gas oil",
    "marine_fuel_oil": "Marine fuel oil",
    "heating_oil": "Gas oil",
    "kerosene": "Burning oil",
    "propane": "Propane",
}
"""Whose quotient of well-to-tank per litre and per kWh says the heat in a litre."""
SUPPLY_ALONE: Final = ("heating_oil", "kerosene", "propane")
"""Whose combustion is the hub's."""

HOMEWORKING_OF: Final = {
    "Office Equipment": "equipment",
    "Heating": "heating",
    "Homeworking (office equipment + heating)": "",  # the sum of the two
}
UK_TREATMENTS: Final = {
    "Open-loop": "recycled",
    "Incineration with Energy Recovery": "combusted",
    "Landfill": "landfilled",
}


def freight_rows(text: str, file: str, sources: Sources) -> Iterator[Row]:
    """Yield combustion and well-to-tank of every class of vehicle, per tonne-kilometre."""
    origin = sources.origin("desnz_2025")
    for where, row in rows(text, file, "mode vehicle size subsize variant unit ttw wtt wtw"):
        if row["unit"] != "kgCO2e/tonne.km":
            raise TableError(f"{where}: unit is {row['unit']!r}")
        parts = (row["mode"], row["vehicle"], row["size"], row["subsize"], row["variant"])
        name = "/".join(slug(part) for part in parts if part)
        ttw, wtt, wtw = (number(where, one, row[one]) for one in ("ttw", "wtt", "wtw"))
        if abs(ttw + wtt - wtw) > Fraction("0.00002"):
            raise TableError(f"{where}: ttw and wtt do not come to wtw")
        common = {"gwp_set": "AR5", "region": "GB", **YEAR_2025, "reference": row["defra_id"]}
        yield factor(f"freight/{name}/ttw", row["ttw"], "kg/t.km", COMBUSTION, **common, **origin)
        yield factor(f"freight/{name}/wtt", row["wtt"], "kg/t.km", SUPPLIED, **common, **origin)


def fuel_rows(text: str, file: str, sources: Sources) -> Iterator[Row]:
    """Yield combustion and well-to-tank per litre."""
    for where, row in rows(text, file, "fuel unit ttw_kgco2_or_co2e ttw_source wtt_kgco2e"):
        name = FUEL_NAMES.get(row["fuel"], row["fuel"])
        if row["unit"] != "litre":
            raise TableError(f"{where}: unit is {row['unit']!r}")
        ttw = row["ttw_kgco2_or_co2e"]
        number(where, "ttw", ttw)
        number(where, "wtt", row["wtt_kgco2e"])
        if row["ttw_source"].startswith("EPA"):
            more = {"region": "US", "co2_fossil_kg": ttw,
                    **sources.origin("epa_hub", ["co2_only"])}  # fmt: skip
        else:
            more = {"gwp_set": "AR5", "region": "GB", **YEAR_2025,
                    **sources.origin("desnz_2025", ["read_in_mirrors"])}  # fmt: skip
        yield factor(f"fuel/{name}/ttw", ttw, "kg/l", COMBUSTION, reference=row["fuel"], **more)
        yield factor(f"fuel/{name}/wtt", row["wtt_kgco2e"], "kg/l", SUPPLIED, gwp_set="AR5",
                     region="GB", **YEAR_2025, reference=SUPPLY_OF[name],
                     **sources.origin("desnz_2025"))  # fmt: skip


def alone_rows(supply: Mapping[tuple[str, str], Row], sources: Sources) -> Iterator[Row]:
    for name in SUPPLY_ALONE:
        found = supply[SUPPLY_OF[name], "litres"]
        yield factor(f"fuel/{name}/wtt", found["wtt_kgco2e_per_uom"], "kg/l", SUPPLIED,
                     gwp_set="AR5", region="GB", **YEAR_2025, reference=found["defra_id"],
                     **sources.origin("desnz_2025"))  # fmt: skip


def heat_rows(supply: Mapping[tuple[str, str], Row], sources: Sources) -> Iterator[Row]:
    """Yield the net calorific value of a litre, as the quotient of two published figures."""
    for name, title in sorted(SUPPLY_OF.items()):
        per_litre, per_kilowatt_hour = (
            Fraction(supply[title, unit]["wtt_kgco2e_per_uom"])
            for unit in ("litres", "kWh (Net CV)")
        )
        yield {
            "constant_id": f"heat/{name}",
            "value": f"{float(per_litre / per_kilowatt_hour):.3f}",
            "unit": "kWh/l",
            "year": "2025",
            "note": "net calorific value: well-to-tank per litre over well-to-tank per kWh",
            **sources.origin("desnz_2025", ["derived"]),
        }


def supply_rows(text: str, file: str) -> dict[tuple[str, str], Row]:
    return {(row["fuel"], row["uom"]): row
            for _, row in rows(text, file, "fuel uom wtt_kgco2e_per_uom defra_id")}  # fmt: skip


def material_rows(text: str, file: str, sources: Sources) -> Iterator[tuple[str, Row]]:
    """Yield the table that a row is for, and the row: what is thrown away, what is made."""
    origin = sources.origin("desnz_2025")
    for where, row in rows(text, file, "table material treatment_or_source kgco2e_per_tonne"):
        value = number(where, "kgco2e_per_tonne", row["kgco2e_per_tonne"]) / KILOGRAMS_PER_TONNE
        common = {"gwp_set": "AR5", "region": "GB", **YEAR_2025, "reference": row["defra_id"]}
        name = slug(row["material"])
        if row["table"].startswith("waste_disposal"):
            treatment = UK_TREATMENTS[row["treatment_or_source"]]
            yield "waste.csv", factor(f"waste/{name}/{treatment}", written(value), "kg/kg",
                                      COMBUSTION, **common, **origin)  # fmt: skip
        else:
            yield "materials.csv", factor(f"material/{name}", written(value), "kg/kg",
                                          "cradle_to_gate", **common, **origin)  # fmt: skip


def homeworking_rows(text: str, file: str, sources: Sources) -> Iterator[Row]:
    for where, row in rows(text, file, "element kgco2e_per_fte_working_hour defra_id"):
        name = HOMEWORKING_OF[row["element"]]
        number(where, "kg", row["kgco2e_per_fte_working_hour"])
        if name:
            yield factor(f"telework/{name}", row["kgco2e_per_fte_working_hour"], "kg/hour",
                         COMBUSTION, gwp_set="AR5", region="GB", **YEAR_2025,
                         reference=row["defra_id"], **sources.origin("desnz_2025"))  # fmt: skip


def spend_rows(text: str, file: str, sources: Sources) -> Iterator[Row]:
    names = {
        "without_margins_kg": "Supply Chain Emission Factors without Margins",
        "with_margins_kg": "Supply Chain Emission Factors with Margins",
    }
    for where, row in rows(text, file, "GHG Unit"):
        if row["Unit"] != "kg CO2e/2022 USD, purchaser price" or row["GHG"] != "All GHGs":
            raise TableError(f"{where}: not kg CO2e per USD of 2022, but {row['Unit']!r}")
        values = {name: row[column] for name, column in names.items()}
        for name, value in values.items():
            number(where, name, value)
        yield {"naics": row["2017 NAICS Code"], "title": row["2017 NAICS Title"], **values,
               "reference": row["Reference USEEIO Code"],
               **sources.origin("useeio")}  # fmt: skip


def ordered(made: Iterable[Row], key: str = "factor_id") -> list[Row]:
    return sorted(made, key=lambda row: row[key])


def read(directory: Path, sources: Sources) -> dict[str, list[Row]]:
    """Return the rows of every table, by file; raises TableError."""

    def text(name: str) -> tuple[str, str]:
        return read_text(directory / name), str(directory / name)

    supply = supply_rows(*text(SUPPLY))
    materials = list(material_rows(*text(MATERIALS), sources))
    british: dict[str, Iterable[Row]] = {
        "freight.csv": freight_rows(*text(FREIGHT), sources),
        "fuels.csv": [*fuel_rows(*text(FUELS), sources), *alone_rows(supply, sources)],
        "materials.csv": (row for table, row in materials if table == "materials.csv"),
        "travel.csv": homeworking_rows(*text(HOMEWORKING), sources),
        "waste.csv": (row for table, row in materials if table == "waste.csv"),
    }
    american = epa_figures.read(text, supply["Natural gas", "kWh (Gross CV)"], sources)
    return {
        **{
            file: ordered([*british.get(file, ()), *american.get(file, ())])
            for file in british.keys() | american.keys()
        },
        "spend.csv": ordered(spend_rows(*text(SPEND), sources), "naics"),
        "constants.csv": [*heat_rows(supply, sources)],
    }
