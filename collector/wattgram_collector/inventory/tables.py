"""The factors and single figures that are shipped for the inventory, by their ids.

`data/*.csv` are built by `collector/scripts/build_inventory_tables.py`; docs/inventory-factors.md
says from what. Electricity is not among them: its factors are those of `intensities/`, so that an
electricity bill and a metered host are priced with the same table. Every parse is PURE and total:
a wrong row is a ValueError naming the file and the line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib import resources
from typing import Final

from wattgram.readings import Quality
from wattgram_collector.intensities import tables
from wattgram_collector.intensities.tables import ORIGIN_COLUMNS, Source, named, number, optional
from wattgram_collector.inventory.factors import Factor, FactorBoundary, GwpSet
from wattgram_collector.inventory.grid_table import (
    Constant,
    grid_factors,
    loss_constants,
    named_source,
)
from wattgram_collector.inventory.postings import Gas

SOURCES: Final = "sources.json"
SPEND: Final = "spend.csv"
CONSTANTS: Final = "constants.csv"
FACTOR_FILES: Final = ("freight.csv", "fuels.csv", "materials.csv", "refrigerants.csv",
                       "travel.csv", "waste.csv")  # fmt: skip

_GAS_COLUMNS: Final = {
    "co2_fossil_kg": Gas.CO2_FOSSIL,
    "ch4_kg": Gas.CH4,
    "n2o_kg": Gas.N2O,
    "other_kg": Gas.OTHER,
    "co2_biogenic_kg": Gas.CO2_BIOGENIC,
}
FACTOR_COLUMNS: Final = (
    "factor_id",
    "value_kg",
    "unit",
    "boundary",
    "gwp_set",
    "region",
    "valid_from",
    "valid_to",
    *_GAS_COLUMNS,
    "reference",
    *ORIGIN_COLUMNS,
)
SPEND_COLUMNS: Final = (
    "naics",
    "title",
    "without_margins_kg",
    "with_margins_kg",
    "reference",
    *ORIGIN_COLUMNS,
)
CONSTANT_COLUMNS: Final = (
    "constant_id",
    "value",
    "unit",
    "low",
    "high",
    "year",
    "note",
    *ORIGIN_COLUMNS,
)
SPEND_UNIT: Final = "kg/USD2022"
_KILOGRAMS: Final = ("0", "25000")
"""Per unit; the highest is the warming potential of sulfur hexafluoride."""
_CONSTANT: Final = ("0", "10000")


def text_of(file: str) -> str:
    """Read a shipped table."""
    return (resources.files(__package__) / "data" / file).read_text(encoding="utf-8")


def parse_factors(file: str, text: str, sources: Mapping[str, Source]) -> list[Factor]:
    """PURE. Read a table of factors; raises ValueError naming file and line."""
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return tables.parse(
        file,
        text,
        FACTOR_COLUMNS,
        lambda row: _factor(row, sources, sha256),
        key=lambda one: one.factor_id,
    )


def parse_spend(text: str, sources: Mapping[str, Source]) -> list[Factor]:
    """PURE. Read spend.csv: of every commodity a factor with margins and one without.

    Raises ValueError naming the line.
    """
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    pairs = tables.parse(
        SPEND,
        text,
        SPEND_COLUMNS,
        lambda row: _spend(row, sources, sha256),
        key=lambda pair: pair[0].factor_id,
    )
    return [one for pair in pairs for one in pair]


def parse_constants(text: str, sources: Mapping[str, Source]) -> dict[str, Constant]:
    """PURE. Read constants.csv; raises ValueError naming the line."""
    found = tables.parse(
        CONSTANTS,
        text,
        CONSTANT_COLUMNS,
        lambda row: _constant(row, sources),
        key=lambda one: one.constant_id,
    )
    return {one.constant_id: one for one in found}


@cache
def shipped_factors() -> Mapping[str, Factor]:
    """Return every shipped factor by its id; raises ValueError naming the row that is wrong."""
    sources = tables.parse_sources(text_of(SOURCES))
    found = [one for file in FACTOR_FILES for one in parse_factors(file, text_of(file), sources)]
    found += parse_spend(text_of(SPEND), sources)
    found += grid_factors()
    return _by_id(found)


@cache
def shipped_constants() -> Mapping[str, Constant]:
    """Return every shipped figure by its id; raises ValueError naming the row that is wrong."""
    sources = tables.parse_sources(text_of(SOURCES))
    found = parse_constants(text_of(CONSTANTS), sources)
    return found | {one.constant_id: one for one in loss_constants()}


def _by_id(found: list[Factor]) -> dict[str, Factor]:
    by_id: dict[str, Factor] = {}
    for one in found:
        if by_id.setdefault(one.factor_id, one) is not one:
            raise ValueError(f"factor {one.factor_id} is in two tables")
    return by_id


def _source(row: Mapping[str, str], sources: Mapping[str, Source]) -> Source:
    found = tables.origin(row)
    try:
        source = sources[found.source]
    except KeyError:
        raise ValueError(f"{SOURCES} has no {found.source}") from None
    if (found.dataset_version, found.licence) != (source.dataset_version, source.licence_class):
        raise ValueError(f"version or licence is not that of {found.source} in {SOURCES}")
    return source


def _factor(row: Mapping[str, str], sources: Mapping[str, Source], sha256: str) -> Factor:
    source = _source(row, sources)
    value = number("value_kg", row["value_kg"], *_KILOGRAMS)
    gases = {gas: number(column, row[column], *_KILOGRAMS)
             for column, gas in _GAS_COLUMNS.items() if row[column]}  # fmt: skip
    summed = [part for gas, part in gases.items() if gas is not Gas.CO2_BIOGENIC]
    if summed and sum(summed) != value:
        raise ValueError("the gases do not add up to value_kg")
    return Factor(
        factor_id=named(row, "factor_id"),
        value=value,
        unit=named(row, "unit"),
        source=named_source(source),
        source_version=source.dataset_version,
        boundary=FactorBoundary(row["boundary"]),
        valid_from=_day(row["valid_from"]),
        valid_to=_day(row["valid_to"]),
        region=row["region"],
        gwp_set=GwpSet(row["gwp_set"]),
        licence=source.licence,
        sha256=sha256,
        tier=Quality.DEFAULT,
        gases=gases,
        reference=row["reference"],
        flags=tuple(row["flags"].split(";")) if row["flags"] else (),
    )


def _spend(
    row: Mapping[str, str], sources: Mapping[str, Source], sha256: str
) -> tuple[Factor, Factor]:
    source = _source(row, sources)
    if len(row["naics"]) != _NAICS_DIGITS or not row["naics"].isdecimal():
        raise ValueError(f"naics is not six digits: {row['naics']!r}")
    without, with_margins = (
        Factor(
            factor_id=f"spend/{row['naics']}/{margins}",
            value=number(f"{margins}_kg", row[f"{margins}_kg"], *_KILOGRAMS),
            unit=SPEND_UNIT,
            source=named_source(source),
            source_version=source.dataset_version,
            boundary=FactorBoundary.CRADLE_TO_GATE,
            region="US",
            licence=source.licence,
            sha256=sha256,
            reference=f"NAICS {row['naics']} {named(row, 'title')}",
        )
        for margins in ("without_margins", "with_margins")
    )
    if without.value > with_margins.value:
        raise ValueError("a price with its margins has less inside than without")
    return without, with_margins


_NAICS_DIGITS: Final = 6


def _constant(row: Mapping[str, str], sources: Mapping[str, Source]) -> Constant:
    source = _source(row, sources)
    value = number("value", row["value"], *_CONSTANT)
    low, high = (optional(name, row[name], *_CONSTANT) for name in ("low", "high"))
    tables.require_order(low, value, high)
    tables.optional_year(row["year"])
    return Constant(
        constant_id=named(row, "constant_id"),
        value=value,
        unit=named(row, "unit"),
        low=low,
        high=high,
        note=row["note"],
        source=named_source(source),
        source_version=source.dataset_version,
        flags=tuple(row["flags"].split(";")) if row["flags"] else (),
    )


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
