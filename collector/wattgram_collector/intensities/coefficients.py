"""PURE. Energy of the network by traffic, and emissions by fuel.

Numbers are exact fractions of the published decimals; what a source does not say is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from wattgram_collector.intensities.tables import (
    ORIGIN_COLUMNS,
    Origin,
    named,
    optional,
    optional_year,
    origin,
    parse,
    require_order,
)
from wattgram_collector.intensity import Losses, Scope

NETWORK: Final = "network.csv"
FUELS: Final = "fuel_factors.csv"

NETWORK_COLUMNS: Final = (
    "segment",
    "model",
    "kilowatt_hours_per_gigabyte",
    "idle_watts",
    "watts_per_megabit_per_second",
    "low",
    "high",
    "year",
    "confidence",
    "note",
    *ORIGIN_COLUMNS,
)
FUEL_COLUMNS: Final = (
    "factor_set",
    "fuel",
    "technology",
    "scope",
    "losses",
    "grams_per_kilowatt_hour",
    "low",
    "high",
    "year",
    *ORIGIN_COLUMNS,
)

# The widest that any source has; what lies outside is in other units, or no such thing.
_KILOWATT_HOURS_PER_GIGABYTE: Final = ("0.0001", "5")
_IDLE_WATTS: Final = ("0", "200")
_WATTS_PER_MEGABIT_PER_SECOND: Final = ("0", "5")
_FUEL_GRAMS: Final = ("0", "1300")
_FUEL_RANGE_GRAMS: Final = ("0", "2500")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkCoefficient:
    """Energy per traffic (`average`), or a power that is there anyway plus one with it (`power`).

    1 GB is 10^9 bytes. `low` and `high` are of the coefficient that is given: kWh/GB or idle W.
    """

    segment: str
    model: str
    kilowatt_hours_per_gigabyte: Fraction | None
    idle_watts: Fraction | None
    watts_per_megabit_per_second: Fraction | None
    low: Fraction | None
    high: Fraction | None
    year: int | None
    confidence: str
    note: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class FuelFactor:
    """Emissions per kWh generated, of one fuel, in one set of factors that belong together.

    A set may have a range and no value. `losses` says whether the grid's losses are inside.
    """

    factor_set: str
    fuel: str
    technology: str
    scope: Scope
    losses: Losses
    grams_per_kilowatt_hour: Fraction | None
    low: Fraction | None
    high: Fraction | None
    year: int | None
    origin: Origin


def parse_network(text: str) -> list[NetworkCoefficient]:
    """PURE. Read network.csv; the first row of a segment and model is the default.

    Raises ValueError naming the row that is wrong.
    """
    return parse(
        NETWORK,
        text,
        NETWORK_COLUMNS,
        _network,
        key=lambda one: f"{one.segment} {one.model} {one.origin.source}",
    )


def parse_fuels(text: str) -> dict[tuple[str, str, Scope], FuelFactor]:
    """PURE. Read fuel_factors.csv, by set, fuel and scope; raises ValueError naming the row."""
    rows = parse(
        FUELS,
        text,
        FUEL_COLUMNS,
        _fuel,
        key=lambda one: f"{one.factor_set} {one.fuel} {one.scope}",
    )
    return {(one.factor_set, one.fuel, one.scope): one for one in rows}


def _network(row: Mapping[str, str]) -> NetworkCoefficient:
    per_gigabyte = optional(
        "kWh/GB", row["kilowatt_hours_per_gigabyte"], *_KILOWATT_HOURS_PER_GIGABYTE
    )
    idle = optional("idle W", row["idle_watts"], *_IDLE_WATTS)
    per_rate = optional(
        "W per Mbit/s", row["watts_per_megabit_per_second"], *_WATTS_PER_MEGABIT_PER_SECOND
    )
    if row["model"] not in {"average", "power"}:
        raise ValueError(f"model must be average or power: {row['model']!r}")
    is_power = idle is not None and per_rate is not None
    if (per_gigabyte is not None, is_power) != (
        row["model"] == "average",
        row["model"] == "power",
    ):
        raise ValueError("average has kWh/GB, power has idle W and W per Mbit/s")
    bounds = _KILOWATT_HOURS_PER_GIGABYTE if per_gigabyte is not None else _IDLE_WATTS
    low, high = optional("low", row["low"], *bounds), optional("high", row["high"], *bounds)
    require_order(low, idle if per_gigabyte is None else per_gigabyte, high)
    return NetworkCoefficient(
        segment=named(row, "segment"),
        model=row["model"],
        kilowatt_hours_per_gigabyte=per_gigabyte,
        idle_watts=idle,
        watts_per_megabit_per_second=per_rate,
        low=low,
        high=high,
        year=optional_year(row["year"]),
        confidence=named(row, "confidence"),
        note=row["note"],
        origin=origin(row),
    )


def _fuel(row: Mapping[str, str]) -> FuelFactor:
    value = optional("g/kWh", row["grams_per_kilowatt_hour"], *_FUEL_GRAMS)
    low = optional("low", row["low"], *_FUEL_RANGE_GRAMS)
    high = optional("high", row["high"], *_FUEL_RANGE_GRAMS)
    if value is None and (low is None or high is None):
        raise ValueError("neither a value nor a range")
    require_order(low, value, high)
    return FuelFactor(
        factor_set=named(row, "factor_set"),
        fuel=named(row, "fuel"),
        technology=row["technology"],
        scope=Scope(row["scope"]),
        losses=Losses(row["losses"]),
        grams_per_kilowatt_hour=value,
        low=low,
        high=high,
        year=optional_year(row["year"]),
        origin=origin(row),
    )
