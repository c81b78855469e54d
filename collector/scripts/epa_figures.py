"""Factors of the hub of the US EPA: vehicles, natural gas, waste, refrigerants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final

from factor_rows import COMBUSTION, SUPPLIED, YEAR_2025, factor, number, slug, written
from figures import Row, Sources, TableError, rows

from wattgram.units import (
    GRAMS_PER_KILOGRAM,
    KILOGRAMS_PER_SHORT_TON,
    KILOGRAMS_PER_TONNE,
    KILOMETRES_PER_MILE,
    KILOWATT_HOURS_PER_MILLION_BTU,
    LITRES_PER_US_GALLON,
)

EPA_FREIGHT: Final = "epa_hub2024_cat4_cat9_transport.csv"
EPA_WASTE: Final = "epa_hub2024_cat5_cat12_waste.csv"
EPA_TRAVEL: Final = "epa_hub2024_cat6_cat7_travel.csv"
EPA_STATIONARY: Final = "epa_hub2024_stationary.csv"
GWPS: Final = "epa_hub2024_gwp.csv"
BLENDS: Final = "epa_hub2024_gwp_blends.csv"

EPA_FREIGHT_OF: Final = {
    "Medium- and Heavy-Duty Truck": "truck",
    "Passenger Car A": "passenger_car",
    "Light-Duty Truck B": "light_duty_truck",
    "Medium- and Heavy-Duty TruckC": "truck",
    "Rail": "rail",
    "Waterborne Craft": "waterborne",
    "Aircraft": "aircraft",
}
EPA_TRAVEL_OF: Final = {
    "Passenger Car": "car",
    "Light-Duty Truck": "light_duty_truck",
    "Motorcycle": "motorcycle",
    "Intercity Rail - Northeast Corridor": "intercity_rail_northeast_corridor",
    "Intercity Rail - Other Routes": "intercity_rail_other_routes",
    "Intercity Rail - National Average": "intercity_rail",
    "Commuter Rail": "commuter_rail",
    "Transit Rail (i.e. Subway, Tram)": "transit_rail",
    "Bus": "bus",
    "Air Travel - Short Haul (< 300 miles)": "air_short_haul",
    "Air Travel - Medium Haul (>= 300 miles, < 2300 miles)": "air_medium_haul",
    "Air Travel - Long Haul (>= 2300 miles)": "air_long_haul",
}
PER_UNIT: Final = {
    "vehicle-mile": ("km", KILOMETRES_PER_MILE),
    "passenger-mile": ("p.km", KILOMETRES_PER_MILE),
    "ton-mile": ("t.km", KILOMETRES_PER_MILE * KILOGRAMS_PER_SHORT_TON / KILOGRAMS_PER_TONNE),
}
LIQUIDS: Final = {
    "Distillate Fuel Oil No. 2": "heating_oil",
    "Kerosene": "kerosene",
    "Propane": "propane",
    "Biodiesel (100%)": "biodiesel",
    "Ethanol (100%)": "ethanol",
    "Vegetable Oil": "vegetable_oil",
}
TREATMENTS: Final = {
    "Recycled": "recycled",
    "Landfilled": "landfilled",
    "Combusted": "combusted",
    "Composted": "composted",
    "Anaerobically Digested (Dry": "digested_dry",
    "Anaerobically Digested (Wet": "digested_wet",
}
LEFT_OUT: Final = ("HCFC-",)
"""Gases of the Montreal Protocol: the hub counts them as nothing in a blend."""


def gases(where: str, row: Mapping[str, str], divisor: Fraction) -> Row:
    """Return CO2, CH4 and N2O of a row of the hub as kg CO2e per unit, and their sum.

    CO2 stands in kilograms, CH4 and N2O in grams; the warming potentials are the hub's own, AR5.
    """
    found = {
        "co2_fossil_kg": number(where, "CO2", row["CO2 Factor (kg CO2 / unit)"]),
        "ch4_kg": 28 * number(where, "CH4", row["CH4 Factor (g CH4 / unit)"]) / GRAMS_PER_KILOGRAM,
        "n2o_kg": 265 * number(where, "N2O", row["N2O Factor (g N2O / unit)"])
        / GRAMS_PER_KILOGRAM,
    }  # fmt: skip
    return summed({name: written(value / divisor) for name, value in found.items()})


def summed(parts: Mapping[str, str]) -> Row:
    total = sum((Decimal(one) for one in parts.values()), Decimal(0))
    return {"value_kg": f"{total:f}", **parts}


def epa_rows(
    text: str, file: str, names: Mapping[str, str], prefix: str, sources: Sources
) -> Iterator[Row]:
    """Yield rows of the hub's tables of vehicles, in metric units."""
    columns = ["Vehicle Type", "CO2 Factor (kg CO2 / unit)", "CH4 Factor (g CH4 / unit)",
               "N2O Factor (g N2O / unit)", "Units"]  # fmt: skip
    for where, row in rows(text, file, "Units"):
        if missing := set(columns) - row.keys():
            raise TableError(f"{where}: missing columns: {', '.join(sorted(missing))}")
        title = row["Vehicle Type"].strip()
        if title not in names or row["Units"] not in PER_UNIT:
            raise TableError(f"{where}: nothing is known of {title!r} by {row['Units']!r}")
        unit, divisor = PER_UNIT[row["Units"]]
        name = names[title]
        if prefix == "freight/epa" and unit == "km":
            name += "_by_vehicle"
        yield factor(
            f"{prefix}/{name}/ttw",
            unit=f"kg/{unit}",
            boundary=COMBUSTION,
            gwp_set="AR5",
            region="US",
            reference=title,
            value="",
            **sources.origin("epa_hub"),
        ) | gases(where, row, Fraction(divisor))


def liquid_rows(stationary: str, sources: Sources) -> Iterator[Row]:
    """Yield liquids per litre, with CH4 and N2O; CO2 of biomass is apart and in no CO2e."""
    for where, row in rows(stationary, EPA_STATIONARY, "Year"):
        name = LIQUIDS.get(row["Fuel Type"])
        if name is None:
            continue
        if row["CO2 Factor Unit"] != "kg CO2 per gallon":
            raise TableError(f"{where}: {name} is not per gallon")
        parts = {
            "co2_fossil_kg": number(where, "CO2", row["CO2 Factor"]),
            "ch4_kg": 28 * number(where, "CH4", row["CH4 Factor"]) / GRAMS_PER_KILOGRAM,
            "n2o_kg": 265 * number(where, "N2O", row["N2O Factor"]) / GRAMS_PER_KILOGRAM,
        }
        made = {one: written(value / LITRES_PER_US_GALLON) for one, value in parts.items()}
        biogenic = {}
        if row["Fuel Category"].startswith("Biomass"):
            biogenic = {"co2_biogenic_kg": made.pop("co2_fossil_kg")}
        yield factor(f"fuel/{name}/ttw", "", "kg/l", COMBUSTION, gwp_set="AR5", region="US",
                     reference=row["Fuel Type"], **biogenic,
                     **sources.origin("epa_hub")) | summed(made)  # fmt: skip


def gas_rows(stationary: str, supply: Row, sources: Sources) -> Iterator[Row]:
    """Yield natural gas per kWh of gross calorific value; `supply` is its well-to-tank."""
    for where, row in rows(stationary, EPA_STATIONARY, "Year"):
        if row["Fuel Type"] != "Natural Gas" or row["CO2 Factor Energy Unit"] != (
            "kg CO2 per mmBtu"
        ):
            continue
        parts = {
            "co2_fossil_kg": number(where, "CO2", row["CO2 Factor Energy"]),
            "ch4_kg": 28 * number(where, "CH4", row["CH4 Factor Energy"]) / GRAMS_PER_KILOGRAM,
            "n2o_kg": 265 * number(where, "N2O", row["N2O Factor Energy"]) / GRAMS_PER_KILOGRAM,
        }
        made = {one: written(value / KILOWATT_HOURS_PER_MILLION_BTU)
                for one, value in parts.items()}  # fmt: skip
        yield factor("fuel/natural_gas/ttw", "", "kg/kWh", COMBUSTION, gwp_set="AR5", region="US",
                     reference="Natural Gas, gross calorific value",
                     **sources.origin("epa_hub")) | summed(made)  # fmt: skip
    yield factor("fuel/natural_gas/wtt", supply["wtt_kgco2e_per_uom"], "kg/kWh", SUPPLIED,
                 gwp_set="AR5", region="GB", **YEAR_2025, reference=supply["defra_id"],
                 **sources.origin("desnz_2025"))  # fmt: skip


def epa_waste_rows(text: str, file: str, sources: Sources) -> Iterator[Row]:
    """Yield tonnes per short ton as kg/kg; a treatment without a figure has no row."""
    for where, row in rows(text, file, "Material"):
        for column, cell in row.items():
            treatment = next((to for begin, to in TREATMENTS.items() if column.startswith(begin)),
                             None)  # fmt: skip
            if treatment is None or not cell:
                continue
            value = number(where, column, cell) * KILOGRAMS_PER_TONNE / KILOGRAMS_PER_SHORT_TON
            yield factor(f"waste/{slug(row['Material'])}/{treatment}", written(value), "kg/kg",
                         COMBUSTION, region="US", reference=row["Material"],
                         **sources.origin("epa_hub"))  # fmt: skip


def gas_name(title: str) -> str:
    formulas = {
        "Carbon dioxide": "CO2",
        "Methane": "CH4",
        "Nitrous oxide": "N2O",
        "Sulfur hexafluoride": "SF6",
        "Nitrogen trifluoride": "NF3",
    }
    return formulas.get(title, title)


def refrigerant_rows(gwps: str, blends: str, sources: Sources) -> Iterator[Row]:
    """Yield kg CO2e per kg leaked. A blend of which the hub counts nothing has no row."""
    for where, row in rows(gwps, GWPS, "Year"):
        title = row["Industrial Designation or Common Name"].strip()
        value = row["100-Year GWP"]
        number(where, "GWP", value)
        column = {"Carbon dioxide": "co2_fossil_kg", "Methane": "ch4_kg",
                  "Nitrous oxide": "n2o_kg"}.get(title, "other_kg")  # fmt: skip
        yield factor(f"refrigerant/AR5/{gas_name(title)}", value, "kg/kg", COMBUSTION,
                     gwp_set="AR5", reference=row["Chemical Formula"].strip(),
                     **{column: value}, **sources.origin("epa_hub"))  # fmt: skip
    for where, row in rows(blends, BLENDS, "ASHRAE"):
        value = row["100-year GWP"]
        if not number(where, "GWP", value):
            continue
        partly = any(name in row["Blend Composition"] for name in LEFT_OUT)
        flags = ["hcfc_left_out"] if partly else []
        yield factor(f"refrigerant/AR5/{row['ASHRAE']}", value, "kg/kg", COMBUSTION,
                     gwp_set="AR5", reference=row["Blend Composition"], other_kg=value,
                     **sources.origin("epa_hub", flags))  # fmt: skip


def read(
    text: Callable[[str], tuple[str, str]], gas_supply: Row, sources: Sources
) -> dict[str, Iterable[Row]]:
    """Return the rows of the hub by file of ours; `text` reads a table and says where it is."""
    return {
        "freight.csv": epa_rows(*text(EPA_FREIGHT), EPA_FREIGHT_OF, "freight/epa", sources),
        "fuels.csv": [
            *gas_rows(text(EPA_STATIONARY)[0], gas_supply, sources),
            *liquid_rows(text(EPA_STATIONARY)[0], sources),
        ],
        "refrigerants.csv": refrigerant_rows(text(GWPS)[0], text(BLENDS)[0], sources),
        "travel.csv": epa_rows(*text(EPA_TRAVEL), EPA_TRAVEL_OF, "travel", sources),
        "waste.csv": epa_waste_rows(*text(EPA_WASTE), sources),
    }
