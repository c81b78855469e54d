"""PURE. What is lost on the way to a site, and what a site takes beside its IT.

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
    number,
    optional,
    optional_year,
    origin,
    parse,
    ratio,
    require_order,
    year,
)

LOSSES: Final = "losses.csv"
PUES: Final = "pue.csv"

LOSS_COLUMNS: Final = (
    "zone_id",
    "loss_fraction",
    "year",
    "direct_grams_per_kilowatt_hour",
    "upstream_grams_per_kilowatt_hour",
    *ORIGIN_COLUMNS,
)
PUE_COLUMNS: Final = ("site_class", "pue", "low", "high", "year", *ORIGIN_COLUMNS)

# The widest that any source has; what lies outside is in other units, or no such thing.
_LOSS: Final = ("0.005", "0.6")
_PUE: Final = ("1", "3")
_LOSS_GRAMS: Final = ("0", "600")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What is lost in transmission and distribution, as a share of what is sent out.

    The two figures in g/kWh are published emissions of the losses per kWh consumed, where a
    source has them; otherwise E x I x L / (1 - L).
    """

    zone_id: str
    fraction: Fraction
    year: int
    direct_grams_per_kilowatt_hour: Fraction | None
    upstream_grams_per_kilowatt_hour: Fraction | None
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Pue:
    """Energy of a facility over the energy of its IT; 1 where there is no facility."""

    site_class: str
    pue: Fraction
    low: Fraction | None
    high: Fraction | None
    year: int | None
    origin: Origin


def parse_losses(text: str) -> dict[str, Loss]:
    """PURE. Read losses.csv; raises ValueError naming the row that is wrong."""
    rows = parse(LOSSES, text, LOSS_COLUMNS, _loss, key=lambda one: one.zone_id)
    return {one.zone_id: one for one in rows}


def parse_pues(text: str) -> dict[str, Pue]:
    """PURE. Read pue.csv; raises ValueError naming the row that is wrong."""
    rows = parse(PUES, text, PUE_COLUMNS, _pue, key=lambda one: one.site_class)
    return {one.site_class: one for one in rows}


def _loss(row: Mapping[str, str]) -> Loss:
    return Loss(
        zone_id=named(row, "zone_id"),
        fraction=ratio("loss_fraction", row["loss_fraction"], *_LOSS),
        year=year(row["year"]),
        direct_grams_per_kilowatt_hour=optional(
            "direct g/kWh", row["direct_grams_per_kilowatt_hour"], *_LOSS_GRAMS
        ),
        upstream_grams_per_kilowatt_hour=optional(
            "upstream g/kWh", row["upstream_grams_per_kilowatt_hour"], *_LOSS_GRAMS
        ),
        origin=origin(row),
    )


def _pue(row: Mapping[str, str]) -> Pue:
    value = number("pue", row["pue"], *_PUE)
    low, high = optional("low", row["low"], *_PUE), optional("high", row["high"], *_PUE)
    require_order(low, value, high)
    return Pue(
        site_class=named(row, "site_class"),
        pue=value,
        low=low,
        high=high,
        year=optional_year(row["year"]),
        origin=origin(row),
    )
