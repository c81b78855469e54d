"""PURE. What others run: leased assets 3.8 and 3.13, franchises 3.14, investments 3.15.

Methods, best first: the asset's own energy; the lessor's figures by a share of area; an average
per area. Source: Scope 3 Technical Guidance, chapters 8, 13, 14 and 15.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from wattgram.readings import Quality
from wattgram_collector.inventory.activities import grid
from wattgram_collector.inventory.activities.activity import (
    PERCENT,
    Activity,
    Column,
    FactorTable,
    Kind,
)
from wattgram_collector.inventory.activities.cells import choice, flag, number, positive, text
from wattgram_collector.inventory.activities.kinds.fuel import (
    FUEL_COLUMNS,
    burnt,
    refrigerant_factor,
)
from wattgram_collector.inventory.activities.kinds.purchases import reported
from wattgram_collector.inventory.activities.pricing import (
    GIVE_ONE,
    ONE,
    Spot,
    needed,
    own_factor,
    posting,
    refuse,
    require_own_fits,
    unit_of,
    wrong,
)
from wattgram_collector.inventory.places import TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Posting, Stage

METHODS: Final = {
    "asset": "the energy and fuel of the asset itself",
    "lessor": "the lessor's energy and fuel x own area / its area",
    "average": "area x a factor per area (the user's)",
}
SITE_COLUMNS: Final = (
    grid.kwh_column("electricity"),
    *FUEL_COLUMNS,
    Column("refrigerant", "which leaked", text),
    Column("refrigerant_kg", "how much of it", positive),
    grid.GRID_COLUMNS[0],
)
_SITE_NAMES: Final = tuple(one.name for one in SITE_COLUMNS)


def site_fuels(activity: Activity) -> list[tuple[Fraction, str]]:
    """Return what a site burnt, litres and kilowatt-hours of fuel; raises RowError.

    One own factor per kWh cannot be that of electricity and of fuel.
    """
    own, fuel_kwh = activity.own_factor, activity.number("fuel_kwh")
    if own is not None and unit_of(own) == "kWh" and fuel_kwh and activity.number("kwh"):
        raise wrong("factor_unit", own.unit, "is it of kwh or of fuel_kwh? Give a row for each")
    quantities = ((activity.number("litres"), "l"), (fuel_kwh, "kWh"))
    return [(quantity, unit) for quantity, unit in quantities if quantity is not None]


def site_postings(
    activity: Activity, factors: FactorTable, share: Fraction, spot: Spot
) -> Iterator[Posting]:
    """Yield (Σ kWh x I + Σ fuel x factor + Σ kg leaked x warming potential) x share at `spot`.

    The supply of fuel and of electricity is the other's scope 3 and stays out.
    """
    kwh, leaked = activity.number("kwh"), activity.number("refrigerant_kg")
    fuels = site_fuels(activity)
    if kwh is leaked is None and not fuels:
        raise wrong("kwh", "", "give kwh, litres, fuel_kwh or refrigerant_kg")
    if kwh:
        factor = grid.generation(activity, factors)
        yield posting(activity, factor, kwh * share,
                      spot._replace(note=grid.of_year(activity, factor)))  # fmt: skip
    for quantity, unit in fuels:
        yield from burnt(activity, factors, (quantity * share, unit),
                         spot._replace(stage=Stage.OTHER), None)  # fmt: skip
    if leaked:
        yield posting(activity, refrigerant_factor(activity, factors), leaked * share,
                      spot._replace(stage=Stage.FUGITIVE))  # fmt: skip


def _area_share(activity: Activity) -> Fraction:
    own, total = needed(activity, "own_m2", "lessor_m2", why="for method lessor")
    if not total or own > total:
        raise wrong("own_m2", str(own), f"is more than lessor_m2 {total}")
    return own / total


def _leased_asset(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """3.8 what the organisation leases and does not control; 3.13 what it leases out."""
    is_up = activity.values["direction"] == "upstream"
    leaf = TcsLeaf.C_MANAGED_SERVICES if is_up else TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE
    method = str(activity.values["method"])
    spot = Spot(Stage.USE, scope_3(8 if is_up else 13),
                leaf if activity.values["is_technology"] else None,
                f"{'8' if is_up else '13'} {method}")  # fmt: skip
    if method == "average":
        refuse(activity, *_SITE_NAMES, "lessor_m2", why="is not read by method average")
        yield _by_area(activity, spot)
        return
    require_own_fits(activity, "kWh", "l", "kg")
    if method == "asset":
        refuse(activity, "own_m2", "lessor_m2", why="is not read by method asset")
        yield from site_postings(activity, factors, ONE, spot)
    else:
        share = _area_share(activity)
        yield from site_postings(activity, factors, share, spot._replace(tier=Quality.MODELLED))


def _by_area(activity: Activity, spot: Spot) -> Posting:
    require_own_fits(activity, "m2")
    own = own_factor(activity, "m2")
    if own is None:
        raise wrong("factor_value", "", f"no open factor per m2 is shipped: {GIVE_ONE}")
    (area,) = needed(activity, "own_m2", why="for method average")
    return posting(activity, own, area, spot._replace(tier=Quality.DEFAULT))


LEASED_ASSET: Final = Kind(
    name="leased_asset",
    meaning="leased from others without control of it, or leased out to others",
    columns=(
        Column("direction", "upstream (leased from) or downstream (leased out)",
               choice("upstream", "downstream"), is_required=True),
        Column("method", "asset, lessor or average", choice(*METHODS), is_required=True),
        Column("is_technology", "whether the TCS has it (empty: true); false for buildings", flag,
               default=True),
        *SITE_COLUMNS,
        Column("own_m2", "area used", positive),
        Column("lessor_m2", "area that the lessor's figures are of", positive),
    ),
    reckon=_leased_asset,
    places="3.8 (C.managed_services) or 3.13 (D.downstream_infrastructure)",
    formula="(Σ kWh x I + Σ fuel) x area share, or m2 x kg/m2",
    source="GHG Protocol Scope 3 Technical Guidance, chapters 8 and 13",
    methods=METHODS,
)  # fmt: skip

# ── franchises and investments ───────────────────────────────────────────────────────────────


def _franchise(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """Scopes 1 and 2 of the franchisee, as it reports them or by its energy and fuel."""
    spot = Spot(Stage.OTHER, scope_3(14), rule="14")
    says = [activity.number(name) is not None for name in ("scope_1_kg", "scope_2_kg")]
    if any(says):
        refuse(activity, *_SITE_NAMES, why="is not read beside scopes that are reported")
        require_own_fits(activity)
        one, two = needed(activity, "scope_1_kg", "scope_2_kg", why="for scopes 1 and 2")
        yield reported(activity, one + two, spot, "scopes")
        return
    require_own_fits(activity, "kWh", "l", "kg")
    yield from site_postings(activity, factors, ONE, spot._replace(stage=Stage.USE))


def held_share(activity: Activity) -> tuple[Fraction, str]:
    """Return the investor's share and how it is made.

    Equity at one date, or the mean of the beginning and the end of the year; for debt, what is
    outstanding over the enterprise value including cash (PCAF).
    """
    percent, begins, ends = (
        activity.number(name)
        for name in ("share_percent", "share_percent_at_start", "share_percent_at_end")
    )
    outstanding, value = activity.number("outstanding"), activity.number("enterprise_value")
    ways = [percent is not None, begins is not None or ends is not None,
            outstanding is not None or value is not None]  # fmt: skip
    if sum(ways) != 1:
        reason = (
            "give share_percent, or both of share_percent_at_start and share_percent_at_end, "
            "or both of outstanding and enterprise_value"
        )
        raise wrong("share_percent", "", reason)
    if percent is not None:
        return percent / PERCENT, "share at a date"
    if ways[1]:
        begins, ends = needed(activity, "share_percent_at_start", "share_percent_at_end",
                              why="for the mean of the year")  # fmt: skip
        return (begins + ends) / 2 / PERCENT, "mean share of the year"
    outstanding, value = needed(activity, "outstanding", "enterprise_value", why="for a loan")
    if not value or outstanding > value:
        raise wrong("outstanding", str(outstanding), "is more than enterprise_value")
    return outstanding / value, "outstanding over enterprise value"


_SCORES: Final = {
    "1": Quality.DECLARED,
    "2": Quality.DECLARED,
    "3": Quality.MODELLED,
    "4": Quality.DEFAULT,
    "5": Quality.DEFAULT,
}
"""PCAF: 1 verified and 2 unverified reports, 3 physical activity, 4 and 5 money."""


def _investment(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """Share x (scope 1 + scope 2) of the investee; its scope 3 beside it, where it is said."""
    del factors
    require_own_fits(activity)
    one, two = needed(activity, "scope_1_kg", "scope_2_kg", why="")
    three = activity.number("scope_3_kg") or Fraction(0)
    share, how = held_share(activity)
    score = str(activity.values["pcaf_score"])
    spot = Spot(Stage.OTHER, scope_3(15), rule="15", tier=_SCORES[score],
                note=f"{how} {float(share)}; PCAF score {score}")  # fmt: skip
    yield reported(activity, (one + two + three) * share, spot, "scopes")


def _percent(cell: str) -> Fraction:
    found = number(cell)
    if found > PERCENT:
        raise ValueError("must be 0 to 100")
    return found


_SCOPES: Final = (
    Column("scope_1_kg", "kg CO2e that it reports", number),
    Column("scope_2_kg", "kg CO2e that it reports", number),
)

FRANCHISE: Final = Kind(
    name="franchise",
    meaning="what franchisees run, as far as it is not in scopes 1 and 2",
    columns=(*_SCOPES, *SITE_COLUMNS),
    reckon=_franchise,
    places="3.14",
    formula="Σ (scope 1 + scope 2) of the franchisee",
    source="GHG Protocol Scope 3 Technical Guidance, chapter 14",
    methods={"14": "scopes 1 and 2"},
)

INVESTMENT: Final = Kind(
    name="investment",
    meaning="the share of what investees emit",
    columns=(
        *(one._replace(is_required=True) for one in _SCOPES),
        Column("scope_3_kg", "kg CO2e that it reports, if it is counted", number),
        Column("share_percent", "equity held, at a date", _percent),
        Column("share_percent_at_start", "equity held when the year begins", _percent),
        Column("share_percent_at_end", "equity held when the year ends", _percent),
        Column("outstanding", "lent or invested, in the currency of the next", positive),
        Column("enterprise_value", "including cash (EVIC)", positive),
        Column("pcaf_score", "1 (best) to 5", choice(*_SCORES), is_required=True),
    ),
    reckon=_investment,
    places="3.15",
    formula="share x (scope 1 + scope 2)",
    source="GHG Protocol Scope 3 Technical Guidance, chapter 15; PCAF",
    methods={"15": "share of scopes 1 and 2"},
)
KINDS: Final = (LEASED_ASSET, FRANCHISE, INVESTMENT)
