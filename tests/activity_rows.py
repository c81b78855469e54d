"""Rows of activities, and what they come to: for the tests of the kinds."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Final

from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.inventory.activities.activity import Activity, RowError, taken
from wattgram_collector.inventory.activities.kinds import KINDS, shipped_table
from wattgram_collector.inventory.places import TcsLeaf
from wattgram_collector.inventory.postings import Method, Posting, Stage

TABLE: Final = shipped_table()
YEAR: Final = {"from": "2025-01-01", "to": "2025-12-31"}
OWN: Final = {"factor_source": "us", "factor_version": "1"}


def own(value: str, unit: str, **more: str) -> dict[str, str]:
    """Return the cells of a factor that a row brings along."""
    return {"factor_value": value, "factor_unit": unit, **OWN, **more}


def activity(kind: str, **row: str) -> Activity:
    return taken({**YEAR, **row}, KINDS[kind], "one", "UTC")


def postings(kind: str, **row: str) -> list[Posting]:
    """Return what a row of 2025 comes to."""
    return list(KINDS[kind].reckon(activity(kind, **row), TABLE))


def complaint(kind: str, **row: str) -> str:
    """Return what is wrong with a row, or nothing."""
    try:
        postings(kind, **row)
    except RowError as error:
        return str(error)
    return ""


def kilograms(
    found: Iterable[Posting],
    place: str = "",
    *,
    stage: Stage | None = None,
    method: Method | None = None,
    leaf: TcsLeaf | None = None,
) -> Fraction:
    """Return kg CO2e of what is in the GHG total at a place, or in the TCS total at a leaf."""
    chosen = [
        one
        for one in found
        if (one.in_tcs and one.leaf is leaf if leaf else one.in_ghg)
        and (not place or str(one.place) == place)
        and (stage is None or one.stage is stage)
        and (method is None or one.method is method)
    ]
    assert chosen, f"nothing at {place} {leaf}"
    assert all(one.grams is not None for one in chosen), "a part has no price"
    return sum((one.grams or Fraction(0) for one in chosen), Fraction(0)) / GRAMS_PER_KILOGRAM


def kwh(found: Iterable[Posting]) -> Fraction:
    return sum((one.quantity or Fraction(0) for one in found if one.unit == "kWh"), Fraction(0))


def exactly(text: str) -> Fraction:
    return Fraction(Decimal(text))


EXAMPLES: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("fuel", {"fuel": "diesel", "litres": "100"}),
    ("fuel", {"fuel": "natural_gas", "fuel_kwh": "1000", "used_in": "heating"}),
    ("fuel", {"fuel": "diesel", "generated_kwh": "50", "efficiency_ratio": "0.3"}),
    ("refrigerant", {"refrigerant": "R-410A", "kg": "2"}),
    ("electricity", {"kwh": "1000", "country": "GB", "resold_kwh": "200"}),
    ("electricity", {"kwh": "1000", "country": "US", "resold_kwh": "200"}),
    ("electricity", {"kwh": "1000", "country": "CA", "grid_zone": "CA-ON",
                     "market_kg_per_kwh": "0", "market_basis": "contract", "market_source": "P"}),
    ("resold_electricity", {"kwh": "10", "country": "US"}),
    ("device_energy", {"where": "onsite", "watts": "237", "hours_per_day": "24", "days": "365",
                       "country": "GB", "used_by": "servers", "pue": "1.6"}),
    ("device_energy", {"where": "customer_network", "watts": "10", "hours_per_day": "24",
                       "days": "365", "country": "GB", "paid_by": "customer", "alpha": "0.3"}),
    ("charging", {"battery_kwh": "85", "country": "GB", "paid_by": "customer"}),
    ("transport", {"method": "T01", "fuel": "diesel", "litres": "80", "backhaul_litres": "20",
                   "own_load_km": "25", "total_load_km": "100", "kwh": "10", "country": "GB",
                   "refrigerant": "HFC-134a", "refrigerant_kg": "0.1"}),
    ("transport", {"method": "T01a", "fuel": "petrol", "amount": "180", "price_per_litre": "1.8"}),
    ("transport", {"method": "T01b", "fuel": "diesel", "km": "100", "backhaul_km": "50",
                   "litres_per_100_km": "30", "paid_by": "customer"}),
    ("transport", {"method": "T02", "vehicle": "hgv", "tonnes": "10", "km": "500"}),
    ("transport", {"method": "T02", "vehicle": "rail", "tonnes": "10", "mode": "rail",
                   "great_circle_km": "100", "boundary": "ttw"}),
    ("transport", {"method": "T03", "mode": "road", "amount": "5000", "price_year": "2022"}),
    ("transport", {"method": "T07", "trips": "10", "km": "8", "items_per_trip": "4"}),
    ("transport", {"method": "T01", "fuel": "diesel", "litres": "100", "vehicles": "own",
                   "kwh": "5", "country": "GB"}),
    ("storage", {"method": "T04", "kwh": "1000", "country": "GB", "litres": "10",
                 "fuel": "diesel", "own_m3": "10", "capacity_m3": "100",
                 "occupancy_ratio": "0.5", "refrigerant": "R-410A", "refrigerant_kg": "1"}),
    ("storage", {"method": "T05", "pallets": "20", "days": "30", **own("0.4", "kg/pallet.day")}),
    ("storage", {"method": "T03", "amount": "100", "price_year": "2022"}),
    ("purchase", {"method": "supplier", "supplier": "Acme", "supplier_kg": "12"}),
    ("purchase", {"method": "hybrid", "supplier": "Acme", "supplier_kg": "12", "amount": "100",
                  "price_year": "2022", "naics": "334111"}),
    ("purchase", {"method": "average", "quantity": "10", "unit": "kg",
                  "material": "electrical_items_it"}),
    ("purchase", {"method": "spend", "amount": "100", "currency": "EUR",
                  "usd_per_currency": "1.1", "deflator_to_2022": "0.9", "naics": "334111"}),
    ("capital_goods", {"method": "spend", "amount": "100", "price_year": "2022",
                       "hardware": "server"}),
    ("software", {"method": "spend", "amount": "1000", "price_year": "2022"}),
    ("software_support", {"method": "spend", "amount": "1000", "price_year": "2022"}),
    ("content", {"method": "energy", "kwh": "100", "country": "GB"}),
    ("cloud", {"method": "energy", "kwh": "100", "country": "GB", "pue": "1.2"}),
    ("saas", {"method": "spend", "amount": "1000", "price_year": "2022"}),
    ("managed_service", {"method": "supplier", "supplier": "Acme", "quantity": "3",
                         "unit": "hour", **own("0.2", "kg/hour")}),
    ("data_transfer", {"gigabytes": "1000", "network": "aslan2015", "country": "GB",
                       "paid_by": "customer"}),
    ("data_transfer", {"purpose": "cdn", "bytes": "1000000000", "network": "swd4",
                       "path_km": "GB:300;US:5000;GB:10"}),
    ("data_storage", {"terabyte_hours": "8760", "medium": "ssd", "replicas": "3",
                      "country": "GB"}),
    ("foundation_model", {"training_kg": "500000", "tokens_used": "1000",
                          "tokens_lifetime": "1000000", "training_source": "vendor"}),
    ("foundation_model", {"requests": "1000", "latency_seconds": "2", "gpus": "8"}),
    ("llm_use", {"requests": "1000", "wh_per_request": "0.3", "energy_source": "vendor",
                 "country": "GB", "latency_seconds": "2", "gpus": "8"}),
    ("waste", {"material": "mixed_electronics", "treatment": "recycled", "kg": "10"}),
    ("end_of_life", {"units_sold": "10", "kg_per_unit": "2", "material": "mixed_electronics",
                     "treatment_mix": "recycled:0.6;landfilled:0.4"}),
    ("travel", {"km": "1000", "mode": "air_long_haul", "people": "2"}),
    ("travel", {"litres": "10", "fuel": "petrol"}),
    ("travel", {"amount": "100", "mode": "air_long_haul", "price_year": "2022"}),
    ("hotel", {"nights": "3", **own("10", "kg/night")}),
    ("hotel", {"amount": "100", "price_year": "2022"}),
    ("commute", {"km_per_day": "20", "days": "200", "employees": "5", "mode": "car"}),
    ("commute", {"litres": "20", "fuel": "petrol"}),
    ("telework", {"fte_hours": "1000", "heating": "true"}),
    ("telework", {"kwh": "10", "country": "GB"}),
    ("leased_asset", {"direction": "upstream", "method": "asset", "kwh": "10", "country": "GB"}),
    ("leased_asset", {"direction": "downstream", "method": "lessor", "kwh": "100",
                      "country": "GB", "own_m2": "10", "lessor_m2": "50"}),
    ("leased_asset", {"direction": "upstream", "method": "average", "own_m2": "10",
                      "is_technology": "false", **own("30", "kg/m2")}),
    ("franchise", {"scope_1_kg": "10", "scope_2_kg": "20", "supplier": "shop"}),
    ("franchise", {"kwh": "10", "country": "GB", "litres": "5", "fuel": "diesel"}),
    ("investment", {"scope_1_kg": "10", "scope_2_kg": "20", "supplier": "investee",
                    "share_percent": "30", "pcaf_score": "2"}),
    ("processing", {"method": "site", "kwh": "10", "country": "GB", "share_ratio": "0.5"}),
    ("processing", {"method": "average", "units_sold": "10", **own("2", "kg/board")}),
    ("sold_product_use", {"units_sold": "100", "life_years": "5", "kwh_per_year": "40",
                          "country": "GB", "fuel": "diesel", "litres_per_year": "1"}),
    ("customer_devices", {"device_class": "laptop", "hours": "1000", "country": "GB",
                          "gigabytes": "5", "network": "aslan2015"}),
    ("forced_upgrade", {"devices": "10", "remaining_life_ratio": "0.5", **own("56", "kg/device")}),
    ("water", {"it_kwh": "100", "site_litres_per_kwh": "1.8", "source_litres_per_kwh": "3",
               "pue": "1.5"}),
    ("instrument", {"type": "removal", "kg": "1000", "registry": "R", "serial": "1-1000"}),
    ("instrument", {"type": "certificate", "mwh": "10", "registry": "R", "serial": "9"}),
)  # fmt: skip
"""At least one good row of every kind."""
