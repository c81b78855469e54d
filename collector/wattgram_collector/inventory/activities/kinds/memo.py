"""PURE. What is stated beside the inventory and in none of its totals: water, and instruments.

Offsets, removals and certificates never lessen a total: ISO/IEC 21031 and the Technology Carbon
Standard leave them out, and the Scope 3 Standard wants totals independent of any trade. A contract
for electricity counts in the market-based scope 2 by `market_kg_per_kwh` of its row, nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from wattgram.readings import Quality
from wattgram_collector.inventory.activities import grid
from wattgram_collector.inventory.activities.activity import (
    Activity,
    Column,
    FactorTable,
    Kind,
)
from wattgram_collector.inventory.activities.cells import choice, day, number, positive, text
from wattgram_collector.inventory.activities.pricing import (
    Spot,
    needed,
    one_of,
    refuse,
    require_own_fits,
    unpriced,
    wrong,
)
from wattgram_collector.inventory.activities.spending import year
from wattgram_collector.inventory.postings import Posting, Role, Stage


def _water(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """Litres as metered, or IT energy x (WUE of the site + PUE x WUE of its electricity)."""
    del factors
    require_own_fits(activity)
    spot = Spot(Stage.OTHER, None, rule="P10", role=Role.MEMO, note="water, in no carbon total")
    if one_of(activity, "litres", "it_kwh") == "litres":
        refuse(activity, "site_litres_per_kwh", "source_litres_per_kwh",
               why="is read beside it_kwh only")  # fmt: skip
        yield unpriced(activity, needed(activity, "litres", why="")[0], "l", spot)
        return
    it_kwh, site = needed(activity, "it_kwh", "site_litres_per_kwh", why="beside it_kwh")
    source = activity.number("source_litres_per_kwh") or Fraction(0)
    litres = it_kwh * (site + activity.values["pue"] * source)
    yield unpriced(activity, litres, "l", spot._replace(tier=Quality.MODELLED))


TYPES: Final = ("avoidance", "removal", "certificate")
DURABLE: Final = ("biochar", "dac", "mineralisation", "forest", "soil", "other")


def _instrument(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    del factors
    require_own_fits(activity)
    is_certificate = activity.values["type"] == "certificate"
    how = one_of(activity, "kg", "mwh")
    if is_certificate != (how == "mwh"):
        raise wrong(how, "", "a certificate is in mwh, a credit in kg")
    if is_certificate and activity.values["method"] is not None:
        raise wrong("method", str(activity.values["method"]), "is read for a removal only")
    said = activity.values
    note = f"{said['type']}, {said['registry']} {said['serial']}; never netted"
    yield unpriced(activity, needed(activity, how, why="")[0], "kg" if how == "kg" else "MWh",
                   Spot(Stage.OTHER, None, rule="P17", role=Role.MEMO, note=note))  # fmt: skip


WATER: Final = Kind(
    name="water",
    meaning="water of data centres",
    columns=(
        Column("litres", "as metered", positive),
        Column("it_kwh", "energy of the IT, instead of litres", positive),
        Column("site_litres_per_kwh", "WUE of the site", number),
        Column("source_litres_per_kwh", "WUE of its electricity", number),
        grid.PUE_COLUMN,
    ),
    reckon=_water,
    places="memo, in no total",
    formula="litres, or IT kWh x (WUE of the site + PUE x WUE of the source)",
    source="The Green Grid, water usage effectiveness",
    methods={"P10": "water"},
)

INSTRUMENT: Final = Kind(
    name="instrument",
    meaning="offsets, removals and certificates of electricity",
    columns=(
        Column("type", ", ".join(TYPES), choice(*TYPES), is_required=True),
        Column("kg", "kg CO2e avoided or removed", positive),
        Column("mwh", "of a certificate", positive),
        Column("registry", "where it is registered", text, is_required=True),
        Column("serial", "its numbers there", text, is_required=True),
        Column("vintage", "year it is of", year),
        Column("retired_on", "day it was cancelled", day),
        Column("method", f"of a removal: {', '.join(DURABLE)}", choice(*DURABLE)),
        Column("durability_years", "of a removal", positive),
        Column("used_in", "market_based or none (empty)", choice("market_based", "none"),
               default="none"),
    ),
    reckon=_instrument,
    places="listed beside the totals, never netted",
    formula="-",
    source="GHG Protocol Scope 3 Standard, chapter 11; Scope 2 Guidance, chapter 7",
    methods={"P17": "instrument"},
)  # fmt: skip
KINDS: Final = (WATER, INSTRUMENT)
