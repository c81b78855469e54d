"""PURE. Electricity of bills and of nameplates, where no agent meters it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.readings import Quality
from wattgram.units import WATT_HOURS_PER_KILOWATT_HOUR
from wattgram_collector.inventory.activities import grid
from wattgram_collector.inventory.activities.activity import (
    Activity,
    Column,
    FactorTable,
    Kind,
)
from wattgram_collector.inventory.activities.cells import choice, number, positive, ratio, text
from wattgram_collector.inventory.activities.pricing import (
    ONE,
    Spot,
    constant,
    needed,
    one_of,
    posting,
    refuse,
    require_own_fits,
    unpriced,
    wrong,
)
from wattgram_collector.inventory.places import SCOPE_2, GhgPlace, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Posting, Stage
from wattgram_collector.inventory.register.assets import Party

_O_LEAVES: Final = {
    "servers": TcsLeaf.O_SERVERS,
    "networking": TcsLeaf.O_NETWORKING,
    "employee_devices": TcsLeaf.O_EMPLOYEE_HARDWARE,
    "building": None,
}
_USED_BY: Final = Column(
    "used_by", "servers, networking, employee_devices or building (no leaf); empty: building",
    choice(*_O_LEAVES), default="building",
)  # fmt: skip
_PAYERS: Final = {
    Party.EMPLOYEE: "use telework",
    Party.CUSTOMER: "use device_energy with its `where`, or sold_product_use",
    Party.LESSOR: "use leased_asset",
}


def _electricity(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """Scope 2 is what the organisation itself uses: what it sells on is 3.3d and not scope 2."""
    if activity.paid_by in _PAYERS:
        raise wrong("paid_by", activity.paid_by,
                    f"is not scope 2: {_PAYERS[activity.paid_by]}")  # fmt: skip
    require_own_fits(activity, "kWh")
    (kwh,) = needed(activity, "kwh", why="")
    pue, resold = activity.values["pue"], activity.number("resold_kwh") or Fraction(0)
    if resold > kwh * pue:
        raise wrong("resold_kwh", str(resold), "is more than what was bought")
    kept = kwh * pue - resold
    if kept:
        leaf = _O_LEAVES[activity.values["used_by"]]
        yield from grid.scope_2(activity, factors, kept, leaf, "S2", pue)
    if resold:
        yield from _sold_on(activity, factors, resold)


def _sold_on(activity: Activity, factors: FactorTable, kwh: Fraction) -> Iterator[Posting]:
    """Yield 3.3d: kWh x (I + W), and what the grid lost on the way to them, by factor."""
    spot = Spot(Stage.RESOLD, scope_3(3, "3d"), rule="3d")
    burnt = grid.generation(activity, factors, is_scope_2=True)
    supply = grid.upstream(activity, factors)
    lost = [] if burnt.includes_losses else grid.lost(activity, factors, kwh, burnt)
    parts = [grid.Lost(one, kwh) for one in (burnt, supply) if one is not None] + lost
    by_factor = {one.factor.factor_id: one.factor for one in parts}
    for factor_id, factor in by_factor.items():
        same = [one.kilowatt_hours for one in parts if one.factor.factor_id == factor_id]
        yield posting(activity, factor, sum(same, Fraction(0)), spot)
    parts_known = ((grid.NO_SUPPLY, supply), (grid.NO_LOSSES, lost or burnt.includes_losses))
    unknown = [note for note, known in parts_known if not known]
    if unknown:
        yield unpriced(activity, kwh, "kWh", spot._replace(note="; ".join(unknown)))


def _resold(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    require_own_fits(activity, "kWh")
    (kwh,) = needed(activity, "kwh", why="")
    yield from _sold_on(activity, factors, kwh)


class _Where(NamedTuple):
    """Where a device stands, to its place and leaf. `place` None: in no GHG category."""

    place: GhgPlace | None
    leaf: TcsLeaf | None
    rule: str
    payer: Party


_INFRASTRUCTURE: Final = TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE
WHERE: Final = {
    "onsite": _Where(SCOPE_2, None, "4", Party.ORG),
    "home": _Where(scope_3(7), TcsLeaf.C_EMPLOYEE_HARDWARE, "8", Party.EMPLOYEE),
    "cloud": _Where(scope_3(1, "cloud"), TcsLeaf.C_CLOUD_SERVICES, "2", Party.PROVIDER),
    "managed": _Where(scope_3(1, "managed"), TcsLeaf.C_MANAGED_SERVICES, "9", Party.PROVIDER),
    "customer_device": _Where(scope_3(11), TcsLeaf.D_CUSTOMER_DEVICES, "10", Party.CUSTOMER),
    "leased_to_customer": _Where(scope_3(13), _INFRASTRUCTURE, "11", Party.CUSTOMER),
    "sold_to_customer": _Where(None, _INFRASTRUCTURE, "12", Party.CUSTOMER),
    "customer_infrastructure": _Where(scope_3(11), _INFRASTRUCTURE, "13", Party.CUSTOMER),
    "customer_network": _Where(
        scope_3(11), TcsLeaf.D_NETWORK_DATA_TRANSFER, "D10", Party.CUSTOMER
    ),
}
"""Rows of the decision table. What was sold has its use in 3.11 for its whole life, with the sale
(`sold_product_use`); its year is in the TCS only."""


def _watts(activity: Activity, factors: FactorTable) -> Fraction:
    if one_of(activity, "watts", "device_class") == "watts":
        return needed(activity, "watts", why="")[0]
    name = str(activity.values["device_class"])
    return constant(factors, f"device/{name}", "device_class", name).value


def _device_energy(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """KWh = units x watts x hours a day x days / 1000, x PUE."""
    require_own_fits(activity, "kWh")
    watts = _watts(activity, factors)
    hours, days, units = needed(activity, "hours_per_day", "days", "units", why="")
    pue = activity.values["pue"]
    kwh = units * watts * hours * days / WATT_HOURS_PER_KILOWATT_HOUR * pue
    where = WHERE[activity.values["where"]]
    leaf = where.leaf
    if where.place == SCOPE_2:
        if activity.paid_by in _PAYERS:
            raise wrong("paid_by", activity.paid_by, "onsite is what the organisation pays")
        leaf = _O_LEAVES[activity.values["used_by"]]
        yield from grid.scope_2(activity, factors, kwh, leaf, where.rule, pue,
                                Quality.MODELLED)  # fmt: skip
        return
    _require_payer(activity, where)
    factor = grid.generation(activity, factors)
    yield posting(activity, factor, kwh, Spot(
        Stage.USE, where.place, leaf, where.rule, tier=Quality.MODELLED, pue=pue,
        note=grid.of_year(activity, factor)))  # fmt: skip


def _require_payer(activity: Activity, where: _Where) -> None:
    """Raise RowError where the organisation pays what a customer's place would hold.

    Row 7: who pays for the electricity decides between O and D.
    """
    refuse(activity, "market_kg_per_kwh", why="is of scope 2")
    if where.payer is Party.CUSTOMER and activity.paid_by is not Party.CUSTOMER:
        raise wrong("paid_by", activity.paid_by, "what the organisation pays at a customer's is "
                    "its own: where = onsite; else say paid_by = customer")  # fmt: skip


def _hours(cell: str) -> Fraction:
    found = positive(cell)
    if found > _HOURS_PER_DAY:
        raise ValueError("must be at most 24")
    return found


_HOURS_PER_DAY: Final = 24

ELECTRICITY: Final = Kind(
    name="electricity",
    meaning="electricity bought and used, as on a bill, of what no agent meters",
    columns=(
        grid.kwh_column("bought, as metered", is_required=True),
        Column("resold_kwh", "of it sold on to tenants: 3.3d, and not in scope 2", number),
        _USED_BY,
        grid.PUE_COLUMN,
        *grid.MARKET_COLUMNS,
        *grid.GRID_COLUMNS,
    ),
    reckon=_electricity,
    places="2 by location and by market (O by used_by), 3.3b, 3.3c; 3.3d for what is sold on",
    formula="kWh x I; 3.3b kWh x W; 3.3c kWh x L / (1 - L) x (I + W)",
    source="GHG Protocol Scope 2 Guidance; Scope 3 Standard, category 3",
    methods={"S2": "purchased electricity", "3b": "supply of its fuel", "3c": "losses",
             "3d": "sold on"},
)  # fmt: skip

RESOLD_ELECTRICITY: Final = Kind(
    name="resold_electricity",
    meaning="electricity bought only to be sold on, in no other row",
    columns=(grid.kwh_column("sold on", is_required=True), *grid.GRID_COLUMNS),
    reckon=_resold,
    places="3.3d, never scope 2",
    formula="kWh x (I + W), and kWh x L / (1 - L) x (I + W)",
    source="GHG Protocol Scope 3 Standard, category 3 activity d",
    methods={"3d": "sold on"},
)

DEVICE_ENERGY: Final = Kind(
    name="device_energy",
    meaning="energy of devices by their power and their hours",
    columns=(
        Column("where", "where they stand, and so whose they are", choice(*WHERE),
               is_required=True),
        Column("watts", "power of one in use", positive),
        Column("device_class", "instead of watts: desktop, laptop …", text),
        Column("hours_per_day", "in use", _hours, is_required=True),
        Column("days", "in use", positive, is_required=True),
        Column("units", "how many devices; empty: 1", positive, default=ONE),
        _USED_BY,
        grid.PUE_COLUMN,
        *grid.MARKET_COLUMNS,
        *grid.GRID_COLUMNS,
    ),
    reckon=_device_energy,
    places="by where: 2, 3.1, 3.7, 3.11 or 3.13, and its leaf of the TCS",
    formula="units x W x hours x days / 1000 x PUE x I",
    source="Technology Carbon Standard, employee hardware and servers",
    methods={one.rule: name for name, one in WHERE.items()},
)  # fmt: skip


def _charging(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """Wall energy at the time of charging: kWh from the battery / efficiency."""
    require_own_fits(activity, "kWh")
    (battery,) = needed(activity, "battery_kwh", why="")
    efficiency = activity.number("efficiency_ratio")
    if efficiency is None:
        efficiency = constant(factors, "charging/efficiency", "efficiency_ratio", "").value
    if not efficiency:
        raise wrong("efficiency_ratio", "0", "must be above 0")
    where = WHERE["home" if activity.paid_by is Party.EMPLOYEE else "customer_device"]
    if activity.paid_by not in (Party.EMPLOYEE, Party.CUSTOMER):
        raise wrong("paid_by", activity.paid_by, "must be customer or employee: what the "
                    "organisation charges is on its meter")  # fmt: skip
    factor = grid.generation(activity, factors)
    yield posting(activity, factor, battery / efficiency, Spot(
        Stage.USE, where.place, where.leaf, "D02", tier=Quality.MODELLED,
        note=grid.of_year(activity, factor)))  # fmt: skip


CHARGING: Final = Kind(
    name="charging",
    meaning="batteries of customers or employees, by what they gave; where and when they charge",
    columns=(
        Column("battery_kwh", "taken out of the battery", positive, is_required=True),
        Column("efficiency_ratio", "battery over wall; empty: the shipped one", ratio),
        *grid.GRID_COLUMNS[:1],
    ),
    reckon=_charging,
    places="3.11 (D.customer_devices) or 3.7 (C.offsite_employee_hardware), by paid_by",
    formula="battery kWh / efficiency x I of the place and time of charging",
    source="Technology Carbon Standard, customer devices",
    methods={"D02": "charging"},
)
KINDS: Final = (ELECTRICITY, RESOLD_ELECTRICITY, DEVICE_ENERGY, CHARGING)
