"""PURE. Goods in a warehouse, between two legs: 3.4 or 3.9 by who pays, as for transport."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from wattgram_collector.inventory.activities.cells import choice, number, positive, ratio, text
from wattgram_collector.inventory.activities.kinds.fuel import (
    FUEL_COLUMNS,
    burnt,
    refrigerant_factor,
)
from wattgram_collector.inventory.activities.kinds.leased import site_fuels
from wattgram_collector.inventory.activities.kinds.transport_methods import COMMODITIES, place_of
from wattgram_collector.inventory.activities.pricing import (
    GIVE_ONE,
    Spot,
    needed,
    own_factor,
    posting,
    refuse,
    require_own_fits,
    unit_of,
    wrong,
)
from wattgram_collector.inventory.activities.spending import (
    SPEND_COLUMNS,
    SPEND_NAMES,
    spend_units,
    spent,
)
from wattgram_collector.inventory.factors import Factor
from wattgram_collector.inventory.postings import Posting, Stage

METHODS: Final = {
    "T04": "site-specific: what the site uses x own volume / (capacity x occupancy)",
    "T05": "average: volume x days x kg per volume and day (the user's factor)",
    "T03": "spend: money x kg/USD of 2022",
}
PER_DAY: Final = {
    "m2.day": "m2",
    "m3.day": "m3",
    "pallet.day": "pallets",
    "TEU.day": "teu",
}
PER_ITEM: Final = "item"


def occupied_share(activity: Activity) -> Fraction:
    """Return own volume / (capacity x average occupancy); raises RowError above 1."""
    own, capacity, occupancy = needed(activity, "own_m3", "capacity_m3", "occupancy_ratio",
                                      why="for T04")  # fmt: skip
    if not occupancy:
        raise wrong("occupancy_ratio", "0", "must be above 0")
    share = own / (capacity * occupancy)
    if share > 1:
        raise wrong("own_m3", str(own), "is more than the capacity that is occupied")
    return share


def _site_specific(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """T04: (Σ fuel x kg/l + Σ kWh x kg/kWh + Σ kg leaked x warming potential) x share."""
    require_own_fits(activity, "kWh", "l", "kg")
    share, place = occupied_share(activity), place_of(activity)
    kwh, leaked = activity.number("kwh"), activity.number("refrigerant_kg")
    fuels = site_fuels(activity)
    if kwh is leaked is None and not fuels:
        raise wrong("kwh", "", "give kwh, litres, fuel_kwh or refrigerant_kg of the site")
    spot = Spot(Stage.TRANSPORT, place, rule="T04")
    if kwh:
        factor = grid.generation(activity, factors)
        note = grid.of_year(activity, factor)
        yield posting(activity, factor, kwh * share, spot._replace(note=note))
    for quantity, unit in fuels:
        yield from burnt(activity, factors, (quantity * share, unit),
                         spot._replace(stage=Stage.USE), None)  # fmt: skip
    if leaked:
        yield posting(activity, refrigerant_factor(activity, factors), leaked * share,
                      spot._replace(stage=Stage.FUGITIVE))  # fmt: skip


def _average(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """T05. A factor per thing stored leaves the days out; one per volume and day takes them."""
    del factors
    require_own_fits(activity, *PER_DAY, PER_ITEM)
    if activity.own_factor is None:
        raise wrong("factor_value", "", "no open factor per pallet, m3 or TEU and day is known: "
                    f"{GIVE_ONE}; or method T03")  # fmt: skip
    factor, quantity = _stored(activity, activity.own_factor)
    yield posting(activity, factor, quantity, Spot(
        Stage.TRANSPORT, place_of(activity), rule="T05", tier=Quality.MODELLED))  # fmt: skip


def _stored(activity: Activity, factor: Factor) -> tuple[Factor, Fraction]:
    unit = unit_of(factor)
    own_factor(activity, unit)
    if unit == PER_ITEM:
        refuse(activity, "days", why="is not read: the factor is per item stored")
        return factor, needed(activity, "items", why=f"beside a factor per {unit}")[0]
    stored, days = needed(activity, PER_DAY[unit], "days", why=f"beside a factor per {unit}")
    return factor, stored * days


def _by_spend(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    require_own_fits(activity, *spend_units(activity))
    factor, quantity = spent(activity, factors, COMMODITIES["warehousing"])
    yield posting(activity, factor, quantity, Spot(
        Stage.TRANSPORT, place_of(activity), rule="T03", tier=Quality.DEFAULT))  # fmt: skip


_READS: Final[Mapping[str, tuple[str, ...]]] = {
    "T04": ("kwh", "fuel", "litres", "fuel_kwh", "refrigerant", "refrigerant_kg", "own_m3",
            "capacity_m3", "occupancy_ratio", "grid_zone"),
    "T05": (*PER_DAY.values(), "items", "days"),
    "T03": SPEND_NAMES,
}  # fmt: skip
_FORMULAS: Final = {"T04": _site_specific, "T05": _average, "T03": _by_spend}


def _storage(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    method = str(activity.values["method"])
    reads = {*_READS[method], "method", "currency", "margins"}
    refuse(activity, *(one for one in activity.values if one not in reads),
           why=f"is not read by method {method}")  # fmt: skip
    yield from _FORMULAS[method](activity, factors)


STORAGE: Final = Kind(
    name="storage",
    meaning="goods stored or distributed by others; paid_by decides 3.4 or 3.9",
    columns=(
        Column("method", "T04, T05 or T03", choice(*METHODS), is_required=True),
        grid.kwh_column("electricity of the whole site"),
        *FUEL_COLUMNS,
        Column("refrigerant", "which leaked at the site", text),
        Column("refrigerant_kg", "how much of it", positive),
        Column("own_m3", "volume of the organisation's goods", positive),
        Column("capacity_m3", "volume that the site holds", positive),
        Column("occupancy_ratio", "of the capacity, on average", ratio),
        Column("m2", "area used (T05)", number),
        Column("m3", "volume stored (T05)", number),
        Column("pallets", "pallets stored (T05)", number),
        Column("teu", "containers stored (T05)", number),
        Column("items", "things stored, for a factor per item (T05)", number),
        Column("days", "for how long (T05)", positive),
        grid.GRID_COLUMNS[0],
        *SPEND_COLUMNS,
    ),
    reckon=_storage,
    places="3.4 (paid by org or provider) or 3.9 (customer)",
    formula="site x V / (capacity x occupancy), or V x days x factor, or USD of 2022 x kg/USD",
    source="GHG Protocol Scope 3 Technical Guidance, chapters 4 and 9",
    methods=METHODS,
)  # fmt: skip
