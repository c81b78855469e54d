"""PURE. The tables of a report as text: the same run gives the same bytes.

Comma-separated, one header, UTF-8, line feeds; what is not known is an empty cell, never 0.
Kilograms are rounded half-even to micrograms, shares to a millionth, on output only.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Final

from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.inventory.factors import Factor, FactorBoundary, GwpSet
from wattgram_collector.inventory.lines import Line
from wattgram_collector.inventory.postings import Gas
from wattgram_collector.inventory.report import esrs
from wattgram_collector.inventory.report.cells import plain, safe
from wattgram_collector.inventory.report.ledger_file import decimal
from wattgram_collector.inventory.sci import Sci
from wattgram_collector.ledger.journal import canonical

INVENTORY_COLUMNS: Final = (
    "period_from", "period_to", "org_unit", "scope", "category", "subcategory", "method",
    "kgco2e", "kg_co2_fossil", "kg_ch4_co2e", "kg_n2o_co2e", "kg_other_co2e", "kg_biogenic_co2",
    "share_measured", "share_declared", "share_modelled", "share_default", "uncertainty_pct",
    "supplier_data_pct", "relevance", "status", "justification", "methodology_ref",
)  # fmt: skip
FACTOR_COLUMNS: Final = (
    "factor_id", "value", "unit", "source", "source_version", "valid_from", "valid_to", "region",
    "boundary", "includes_td", "gwp_set", "basis", "licence", "sha256", "tier", "uncertainty_pct",
    "technology", "time", "geography", "completeness", "reliability", "reference", "flags",
)  # fmt: skip
SCI_COLUMNS: Final = (
    "service", "unit", "R", "E_kwh", "I_g_kwh", "O_g", "M_g", "sci_g_per_unit",
    "boundary_components", "method",
)  # fmt: skip
ENERGY_COLUMNS: Final = (
    "site", "hour", "kwh_it", "kwh_facility", "pue", "zone", "i_lb", "i_mb", "cfe_ratio",
)  # fmt: skip
COMPLETENESS_COLUMNS: Final = (
    "agent_id", "host", "month", "expected_s", "observed_s", "gap_filled_s", "coverage",
    "first_seen", "last_seen", "clock_skew_max_s",
)  # fmt: skip
STATEMENT_COLUMNS: Final = ("id", "scope_ref", "text", "owner", "date", "effect_kg")
INSTRUMENT_COLUMNS: Final = (
    "id", "type", "quantity", "unit", "registry", "serial", "vintage", "retired_on",
    "claimed_for", "used_in", "market", "removal_kind", "durability_years", "evidence", "note",
    "journal_entry",
)  # fmt: skip
_PERCENT: Final = 100
_INDICATORS: Final = ("technology", "time", "geography", "completeness", "reliability")
_RATIO_DIGITS: Final = 6


def table(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """Return a table; raises ValueError for a cell that no column has."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows({name: safe(text) for name, text in row.items()} for row in rows)
    return out.getvalue()


def inventory(lines: Iterable[Line], first: date, last: date, org_unit: str = "") -> str:
    """Return `inventory.csv`: every scope and category; both days are in the period."""
    return table(INVENTORY_COLUMNS, (_line(one, first, last, org_unit) for one in lines))


def _line(line: Line, first: date, last: date, org_unit: str) -> dict[str, str]:
    total, place = line.total, line.place
    return {
        "period_from": first.isoformat(),
        "period_to": last.isoformat(),
        "org_unit": org_unit,
        "scope": str(place.scope),
        "category": str(place.category or "-"),
        "subcategory": place.subcategory,
        "method": line.method,
        "kgco2e": _kilograms(total.grams),
        "kg_co2_fossil": _kilograms(total.gases.get(Gas.CO2_FOSSIL)),
        "kg_ch4_co2e": _kilograms(total.gases.get(Gas.CH4)),
        "kg_n2o_co2e": _kilograms(total.gases.get(Gas.N2O)),
        "kg_other_co2e": _kilograms(total.gases.get(Gas.OTHER)),
        "kg_biogenic_co2": _kilograms(total.gases.get(Gas.CO2_BIOGENIC)),
        **{
            f"share_{tier}": _ratio(total.share_by_tier.get(tier, Fraction(0)))
            for tier in Quality
            if total.share_by_tier
        },
        "uncertainty_pct": _percent(total.uncertainty_ratio),
        "supplier_data_pct": _percent(total.supplier_ratio),
        "relevance": line.statement.relevance,
        "status": line.status,
        "justification": "; ".join(_reasons(line)),
        "methodology_ref": " ".join(line.rules),
    }


def _reasons(line: Line) -> Iterator[str]:
    if line.statement.justification:
        yield line.statement.justification
    if line.total.unpriced:
        yield f"{line.total.unpriced} postings have no factor and are not in the sum"
    if line.total.refused:
        yield f"{line.total.refused} postings have a factor that does not fit and are not in it"


def factors(found: Iterable[Factor]) -> str:
    """Return `factors.csv`: every factor that priced something, by its id."""
    return table(FACTOR_COLUMNS, map(_factor, sorted(found, key=lambda one: one.factor_id)))


def _factor(one: Factor) -> dict[str, str]:
    return {
        "factor_id": one.factor_id,
        "value": decimal(one.value),
        "unit": one.unit,
        "source": one.source,
        "source_version": one.source_version,
        "valid_from": one.valid_from.isoformat() if one.valid_from else "",
        "valid_to": one.valid_to.isoformat() if one.valid_to else "",
        "region": one.region,
        "boundary": one.boundary,
        "includes_td": "true" if one.includes_losses else "false",
        "gwp_set": one.gwp_set,
        "basis": "marginal" if one.is_marginal else "average",
        "licence": one.licence,
        "sha256": one.sha256,
        "tier": one.tier,
        "uncertainty_pct": _percent(one.uncertainty_ratio),
        "reference": one.reference,
        "flags": " ".join(one.flags),
        **dict(zip(_INDICATORS, map(str, one.indicators or ()), strict=False)),
    }


def factor_of(cells: Mapping[str, str]) -> Factor:
    """Return the factor of a row of `factors.csv`, without its gases; raises ValueError."""
    row = {name: plain(cell) for name, cell in cells.items()}
    indicators = [row[name] for name in _INDICATORS if row[name]]
    return Factor(
        factor_id=row["factor_id"],
        value=Fraction(row["value"]),
        unit=row["unit"],
        source=row["source"],
        source_version=row["source_version"],
        boundary=FactorBoundary(row["boundary"]),
        valid_from=date.fromisoformat(row["valid_from"]) if row["valid_from"] else None,
        valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
        region=row["region"],
        includes_losses=row["includes_td"] == "true",
        gwp_set=GwpSet(row["gwp_set"]),
        is_marginal=row["basis"] == "marginal",
        licence=row["licence"],
        sha256=row["sha256"],
        tier=Quality(row["tier"]),
        uncertainty_ratio=_of_percent(row["uncertainty_pct"]),
        indicators=_five(*map(int, indicators)) if indicators else None,
        reference=row["reference"],
        flags=tuple(row["flags"].split()),
    )


def _five(one: int, two: int, three: int, four: int, five: int) -> tuple[int, int, int, int, int]:
    return one, two, three, four, five


def _of_percent(cell: str) -> Fraction | None:
    return Fraction(cell) / _PERCENT if cell else None


def software(found: Iterable[Sci]) -> str:
    """Return `sci.csv`."""
    return table(SCI_COLUMNS, map(_sci, sorted(found, key=lambda one: (one.service, one.unit))))


def _sci(one: Sci) -> dict[str, str]:
    return {
        "service": one.service,
        "unit": one.unit,
        "R": decimal(one.count),
        "E_kwh": decimal(one.energy_kilowatt_hours),
        "I_g_kwh": decimal(one.intensity_grams_per_kilowatt_hour),
        "O_g": decimal(one.operational_grams),
        "M_g": decimal(one.embodied_grams),
        "sci_g_per_unit": decimal(one.grams_per_unit),
        "boundary_components": " ".join(one.components),
        "method": "measurement" if one.is_measured else "calculation",
    }


def esrs_e1_6(rows: Iterable[esrs.Row]) -> str:
    """Return `esrs_e1_6.csv`."""
    return table(
        esrs.COLUMNS,
        (
            {
                "line": row.line,
                "label": row.label,
                "paragraph": row.paragraph,
                "unit": row.unit,
                "base_year": decimal(row.base_year),
                "previous": decimal(row.previous),
                "value": decimal(row.value),
                "change_percent": decimal(row.change_percent),
                "status": row.status,
            }
            for row in rows
        ),
    )


def as_json(said: object) -> str:
    """Return JSON for people and programs, the same for the same values."""
    return json.dumps(said, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def manifest(checksums: Mapping[str, str], said: Mapping[str, object]) -> str:
    """Return `manifest.json`: what the run was of, and the SHA-256 of every file of it by name.

    And its own: of its canonical JSON without that.
    """
    found: dict[str, object] = {"tool": "wattgram", **said, "files": dict(checksums)}
    return as_json(found | {"sha256": manifest_sha256(found)})


def manifest_sha256(said: Mapping[str, object]) -> str:
    """Return the SHA-256 of what a manifest says, but for its own."""
    others = {name: value for name, value in said.items() if name != "sha256"}
    return hashlib.sha256(canonical(others).encode()).hexdigest()


def _kilograms(grams: Fraction | None) -> str:
    return "" if grams is None else decimal(grams / GRAMS_PER_KILOGRAM)


def _ratio(value: Fraction) -> str:
    return decimal(round(value, _RATIO_DIGITS))


def _percent(ratio: Fraction | None) -> str:
    return "" if ratio is None else decimal(round(ratio * _PERCENT, _RATIO_DIGITS))
