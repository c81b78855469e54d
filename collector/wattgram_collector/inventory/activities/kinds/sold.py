"""PURE. What was sold: its processing 3.10, its use for its whole life 3.11, its users' devices.

Hardware sold in the year counts all that it will use in its life, in the year of its sale; a
service counts what its users' devices use in the period. The two are different rows and different
columns of a report. Source: Scope 3 Technical Guidance, chapters 10 and 11.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

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
from wattgram_collector.inventory.activities.kinds.fuel import FUEL_COLUMNS, burnt
from wattgram_collector.inventory.activities.kinds.leased import SITE_COLUMNS, site_postings
from wattgram_collector.inventory.activities.kinds.network import (
    BYTES_COLUMNS,
    customer_flow,
    gigabytes,
    transfer,
)
from wattgram_collector.inventory.activities.pricing import (
    GIVE_ONE,
    ONE,
    Spot,
    constant,
    needed,
    one_of,
    own_factor,
    posting,
    refuse,
    require_own_fits,
    unit_of,
    wrong,
)
from wattgram_collector.inventory.places import TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Posting, Role, Stage
from wattgram_collector.inventory.register.assets import Party

_SITE_NAMES: Final = tuple(one.name for one in SITE_COLUMNS)


def _processing(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """Site-specific: energy of the customer's line x share; average: units x your factor."""
    place = scope_3(10)
    if activity.values["method"] == "site":
        require_own_fits(activity, "kWh", "l", "kg")
        refuse(activity, "units_sold", why="is not read by method site")
        share = activity.number("share_ratio")
        yield from site_postings(activity, factors, ONE if share is None else share,
                                 Spot(Stage.USE, place, rule="10 site"))  # fmt: skip
        return
    refuse(activity, *_SITE_NAMES, "share_ratio", why="is not read by method average")
    (units,) = needed(activity, "units_sold", why="for method average")
    own = activity.own_factor
    if own is None:
        raise wrong("factor_value", "", f"no open factor of processing is shipped: {GIVE_ONE}")
    require_own_fits(activity, unit_of(own))
    yield posting(activity, own, units, Spot(
        Stage.USE, place, rule="10 average", tier=Quality.MODELLED))  # fmt: skip


def _sold_product_use(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """Units sold x kWh (litres) a year x years of life x factor: all in the year of the sale."""
    require_own_fits(activity, "kWh", "l")
    units, life = needed(activity, "units_sold", "life_years", why="")
    kwh, litres = activity.number("kwh_per_year"), activity.number("litres_per_year")
    if kwh is litres is None:
        raise wrong("kwh_per_year", "", "give kwh_per_year or litres_per_year of one")
    place, lifetime = scope_3(11, "lifetime"), units * life
    spot = Spot(Stage.USE, place, None, "12", tier=Quality.MODELLED)
    if kwh:
        factor = grid.generation(activity, factors)
        note = "; ".join(one for one in (f"{float(life)} years of use",
                                         grid.of_year(activity, factor)) if one)  # fmt: skip
        yield posting(activity, factor, lifetime * kwh, spot._replace(note=note))
    if litres:
        yield from burnt(activity, factors, (lifetime * litres, "l"),
                         spot._replace(stage=Stage.OTHER), None)  # fmt: skip


def _hours(activity: Activity) -> Fraction:
    """Return hours of use: as they are, or sessions x minutes."""
    if one_of(activity, "hours", "sessions") == "hours":
        refuse(activity, "minutes_per_session", why="is read beside sessions only")
        return needed(activity, "hours", why="")[0]
    sessions, minutes = needed(activity, "sessions", "minutes_per_session", why="beside sessions")
    return sessions * minutes / _MINUTES_PER_HOUR


_MINUTES_PER_HOUR: Final = 60


def _customer_devices(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """Hours x W / 1000 x I of the country, and the bytes of the row over the network.

    Making of customers' devices is not required: forced_upgrade has it as a memo.
    """
    require_own_fits(activity, "kWh")
    name = str(activity.values["device_class"])
    watts = activity.number("watts") or constant(
        factors, f"device/{name}", "device_class", name).value  # fmt: skip
    kwh = _hours(activity) * watts / WATT_HOURS_PER_KILOWATT_HOUR
    factor = grid.generation(activity, factors)
    notes = (f"{name} of {float(watts)} W", grid.of_year(activity, factor))
    yield posting(activity, factor, kwh, Spot(
        Stage.USE, scope_3(11), TcsLeaf.D_CUSTOMER_DEVICES, "D01", tier=Quality.MODELLED,
        note="; ".join(one for one in notes if one)))  # fmt: skip
    if activity.number("bytes") is None and activity.number("gigabytes") is None:
        refuse(activity, "network", "kwh_per_gigabyte", "network_source", "category",
               why="is read beside bytes only")  # fmt: skip
        return
    payer = Party.ORG if activity.values["network_paid_by"] == "org" else Party.CUSTOMER
    flow = customer_flow(replace(activity, paid_by=payer))
    yield from transfer(activity, factors, gigabytes(activity), flow)


def _forced_upgrade(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """Devices x making x what is left of their life: a consequence, stated and in no total."""
    del factors
    require_own_fits(activity, "device")
    own = own_factor(activity, "device")
    if own is None:
        raise wrong("factor_value", "", f"say what making one device emitted; {GIVE_ONE}")
    devices, left = needed(activity, "devices", "remaining_life_ratio", why="")
    yield posting(activity, own, devices * left, Spot(
        Stage.OTHER, None, None, "D04", role=Role.MEMO, tier=Quality.MODELLED,
        note="consequential: life of customers' devices that was not used"))  # fmt: skip


PROCESSING: Final = Kind(
    name="processing",
    meaning="processing of intermediate products that were sold",
    columns=(
        Column("method", "site or average", choice("site", "average"), is_required=True),
        *SITE_COLUMNS,
        Column("share_ratio", "of the site's that is for them; empty: 1", ratio),
        Column("units_sold", "or kilograms, as in factor_unit (average)", positive),
    ),
    reckon=_processing,
    places="3.10",
    formula="Σ kWh x I x share, or units x your factor",
    source="GHG Protocol Scope 3 Technical Guidance, chapter 10",
    methods={"10 site": "site-specific", "10 average": "average"},
)

SOLD_PRODUCT_USE: Final = Kind(
    name="sold_product_use",
    meaning="hardware sold in the period: all that it will use in its life",
    columns=(
        Column("units_sold", "in the period", positive, is_required=True),
        Column("life_years", "how long one is used", positive, is_required=True),
        Column("kwh_per_year", "of one", number),
        FUEL_COLUMNS[0],
        Column("litres_per_year", "of one", number),
        grid.GRID_COLUMNS[0],
    ),
    reckon=_sold_product_use,
    places="3.11 lifetime, in GHG only: the year's use is in the TCS by agents or device_energy",
    formula="units x kWh a year x years x I of the country; one row for each country",
    source="GHG Protocol Scope 3 Technical Guidance, chapter 11",
    methods={"12": "lifetime of what was sold"},
)

CUSTOMER_DEVICES: Final = Kind(
    name="customer_devices",
    meaning="users of a service, from product analytics: class x country x hours x bytes",
    columns=(
        Column("device_class", "desktop, laptop, tablet, smartphone, monitor, television", text,
               is_required=True),
        Column("users", "how many, for the record", number),
        Column("hours", "of use, all users together", positive),
        Column("sessions", "instead of hours", positive),
        Column("minutes_per_session", "beside sessions", positive),
        Column("watts", "of the device; empty: the shipped figure of its class", positive),
        *BYTES_COLUMNS,
        Column("network_paid_by", "customer (empty) or org", choice("customer", "org"),
               default="customer"),
        Column("category", "9 or 11 (empty), where customers pay their network",
               choice("9", "11")),
        grid.GRID_COLUMNS[0],
    ),
    reckon=_customer_devices,
    places="3.11 (D.customer_devices); bytes 3.11 or 3.1 (D.network_data_transfer)",
    formula="hours x W / 1000 x I; GB x kWh/GB x I",
    source="Technology Carbon Standard, customer devices",
    methods={"D01": "analytics", "D08": "network"},
)  # fmt: skip

FORCED_UPGRADE: Final = Kind(
    name="forced_upgrade",
    meaning="customers' devices that the service made useless before their time",
    columns=(
        Column("devices", "how many", positive, is_required=True),
        Column("remaining_life_ratio", "of their life that was left, 0 to 1", ratio,
               is_required=True),
    ),
    reckon=_forced_upgrade,
    places="memo, in no total",
    formula="devices x kg/device x remaining life / life",
    source="Technology Carbon Standard, customer devices",
    methods={"D04": "consequential memo"},
)  # fmt: skip
KINDS: Final = (PROCESSING, SOLD_PRODUCT_USE, CUSTOMER_DEVICES, FORCED_UPGRADE)
