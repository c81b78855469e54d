"""PURE. Methods of transport: scope 3.4 if the organisation pays, 3.9 if the customer does.

One row is one leg. Combustion (tank to wheel) and the supply of the fuel (well to tank) are both
reckoned; `boundary` says whether the supply is in the total (wtw) or stated beside it (ttw).
Source: Scope 3 Technical Guidance, chapters 4 and 9.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from wattgram.readings import Quality
from wattgram_collector.inventory.activities import grid
from wattgram_collector.inventory.activities.activity import (
    PERCENT,
    Activity,
    FactorTable,
)
from wattgram_collector.inventory.activities.kinds.fuel import (
    burnt,
    refrigerant_factor,
)
from wattgram_collector.inventory.activities.pricing import (
    NOT_BURNT,
    ONE,
    Spot,
    constant,
    needed,
    one_of,
    own_factor,
    posting,
    refuse,
    require_own_fits,
    shipped,
    unit_of,
    unpriced,
    wrong,
)
from wattgram_collector.inventory.activities.spending import (
    spend_units,
    spent,
)
from wattgram_collector.inventory.factors import Factor, FactorBoundary
from wattgram_collector.inventory.places import SCOPE_1, GhgPlace, scope_3
from wattgram_collector.inventory.postings import Posting, Role, Stage
from wattgram_collector.inventory.register.assets import Party

METHODS: Final = {
    "T01": "fuel, electricity and refrigerants of the vehicle",
    "T01a": "fuel from money: spend / price of a litre",
    "T01b": "fuel from distance: km x l/100 km",
    "T02": "distance: tonnes x km x kg/(t.km)",
    "T03": "spend: money x kg/USD of 2022",
    "T07": "customers' trips to shops: trips x km / things bought on one trip",
}
COMMODITIES: Final = {
    "road": "484121",
    "rail": "482111",
    "sea": "483111",
    "air": "481112",
    "courier": "492110",
    "arrangement": "488510",
    "warehousing": "493110",
}
VEHICLES: Final = {
    "hgv": "road/hgv_all_diesel/all_hgvs/average_laden",
    "hgv_refrigerated": "road/hgv_refrigerated_all_diesel/all_hgvs/average_laden",
    "van": "road/vans/average_up_to_3_5_tonnes/unknown",
    "van_diesel": "road/vans/average_up_to_3_5_tonnes/diesel",
    "van_electric": "road/vans/average_up_to_3_5_tonnes/battery_electric_vehicle",
    "rail": "rail/rail/freight_train",
    "container_ship": "sea/cargo_ship/container_ship/average",
    "air_long_haul_without_rf": "air/freight_flights/long_haul_to_from_uk/without_rf",
    "air_long_haul_with_rf": "air/freight_flights/long_haul_to_from_uk/with_rf",
    "air_short_haul_without_rf": "air/freight_flights/short_haul_to_from_uk/without_rf",
    "air_short_haul_with_rf": "air/freight_flights/short_haul_to_from_uk/with_rf",
    "truck_us": "epa/truck",
    "rail_us": "epa/rail",
    "waterborne_us": "epa/waterborne",
    "aircraft_us": "epa/aircraft",
}
"""Short names; of flights each says whether radiative forcing is inside: 0.67 or 1.03 kg."""
_EARTH_KILOMETRES: Final = 6371


def place_of(activity: Activity) -> GhgPlace:
    """Return 3.4 or 3.9, never both; raises RowError for a payer that is neither."""
    if activity.paid_by in (Party.ORG, Party.PROVIDER):
        return scope_3(4)
    if activity.paid_by is Party.CUSTOMER:
        return scope_3(9)
    raise wrong("paid_by", activity.paid_by, "must be org or provider (3.4) or customer (3.9)")


def share_of(activity: Activity) -> Fraction:
    """Return the organisation's part of a shared vehicle: own t.km / all t.km (T01c)."""
    own, total = activity.number("own_load_km"), activity.number("total_load_km")
    if own is None and total is None:
        return ONE
    own, total = needed(activity, "own_load_km", "total_load_km", why="to share a vehicle")
    if not total or own > total:
        raise wrong("own_load_km", str(own), f"is more than total_load_km {total}")
    return own / total


def great_circle_kilometres(place: tuple[float, float], other: tuple[float, float]) -> Fraction:
    """Return the distance of two places in degrees, on a sphere, to the kilometre (haversine)."""
    (south, west), (north, east) = (tuple(map(math.radians, one)) for one in (place, other))
    half = (
        math.sin((north - south) / 2) ** 2
        + math.cos(south) * math.cos(north) * math.sin((east - west) / 2) ** 2
    )
    return Fraction(round(2 * _EARTH_KILOMETRES * math.asin(min(1.0, math.sqrt(half)))))


COORDINATES: Final = ("from_latitude", "from_longitude", "to_latitude", "to_longitude")


def _kilometres(activity: Activity, factors: FactorTable) -> tuple[Fraction, str, Quality | None]:
    """Return the distance, what to say of it, and its tier where it is reckoned (T02a)."""
    how = one_of(activity, "km", "great_circle_km", "from_latitude")
    if how == "km":
        refuse(activity, "detour", why="is read beside a great circle only")
        return needed(activity, "km", why="")[0], "", None
    if how == "from_latitude":
        at = [float(one) for one in needed(activity, *COORDINATES, why="for a great circle")]
        straight = great_circle_kilometres((at[0], at[1]), (at[2], at[3]))
    else:
        straight = needed(activity, how, why="")[0]
    detour = activity.number("detour")
    if detour is None:
        mode = str(activity.values.get("mode") or "")
        detour = constant(factors, f"detour/{mode}", "mode", mode).value
    note = f"great circle {straight} km x {float(detour)}"
    return straight * detour, note, Quality.MODELLED


def _litres(activity: Activity) -> tuple[Fraction, Quality | None]:
    """Return litres burnt for the row by T01, T01a or T01b: laden, and empty on the way back."""
    method = activity.values["method"]
    if method == "T01a":
        amount, price = needed(activity, "amount", "price_per_litre", why="for T01a")
        return amount / price, Quality.MODELLED
    if method == "T01b":
        km, per_hundred = needed(activity, "km", "litres_per_100_km", why="for T01b")
        empty = activity.number("backhaul_km") or Fraction(0)
        return (km + empty) * per_hundred / PERCENT, Quality.MODELLED
    litres = activity.number("litres") or Fraction(0)
    return litres + (activity.number("backhaul_litres") or Fraction(0)), None


def by_fuel(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """T01 with its kin: Σ litres x kg/l + Σ kWh x kg/kWh + Σ kg leaked x warming potential."""
    require_own_fits(activity, "l", "kWh", "kg")
    is_own = activity.values["vehicles"] == "own"
    place = SCOPE_1 if is_own else place_of(activity)
    share = share_of(activity)
    rule = f"{activity.values['method']}{'c' if share != 1 else ''}"
    litres, tier = _litres(activity)
    kwh, leaked = activity.number("kwh"), activity.number("refrigerant_kg")
    if not (litres or kwh or leaked):
        raise wrong("litres", "", "give litres, kwh or refrigerant_kg")
    stage = Stage.USE if is_own else Stage.TRANSPORT
    if litres:
        yield from burnt(activity, factors, (litres * share, "l"),
                         Spot(stage, place, rule=rule, tier=tier),
                         _supply_place(activity, place))  # fmt: skip
    if kwh:
        yield from _electric(activity, factors, kwh * share, rule)
    if leaked:
        yield posting(activity, refrigerant_factor(activity, factors), leaked * share,
                      Spot(Stage.FUGITIVE, place, rule=rule))  # fmt: skip


def _electric(
    activity: Activity, factors: FactorTable, kwh: Fraction, rule: str
) -> Iterator[Posting]:
    if activity.values["vehicles"] == "own":
        yield from grid.scope_2(activity, factors, kwh, None, rule)
        return
    factor, place = grid.generation(activity, factors), place_of(activity)
    note = grid.of_year(activity, factor)
    yield posting(activity, factor, kwh, Spot(Stage.TRANSPORT, place, rule=rule, note=note))
    if activity.values["boundary"] == "ttw" or factor.boundary is FactorBoundary.LIFECYCLE:
        return
    supply, at = grid.upstream(activity, factors), Spot(Stage.ELECTRICITY_SUPPLY, place, rule=rule)
    if supply is None:
        yield unpriced(activity, kwh, "kWh", at._replace(note=grid.NO_SUPPLY))
    else:
        yield posting(activity, supply, kwh, at)


def _supply_place(activity: Activity, place: GhgPlace) -> GhgPlace | None:
    """Return where the supply of the fuel is totalled; None: stated as a memo."""
    if place == SCOPE_1:
        return scope_3(3, "3a")
    return place if activity.values["boundary"] == "wtw" else None


def by_distance(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """T02: tonnes (or containers) x km x factor of the vehicle; T02a where km are reckoned."""
    require_own_fits(activity, "t.km", "TEU.km")
    km, note, tier = _kilometres(activity, factors)
    place = SCOPE_1 if activity.values["vehicles"] == "own" else place_of(activity)
    stage = Stage.USE if place == SCOPE_1 else Stage.TRANSPORT
    spot = Spot(stage, place, rule="T02a" if note else "T02", note=note, tier=tier)
    load = one_of(activity, "tonnes", "teu")
    quantity = needed(activity, load, why="")[0] * km
    unit = "t.km" if load == "tonnes" else "TEU.km"
    own = own_factor(activity, unit, NOT_BURNT[1:])
    if own is not None:
        yield posting(activity, own, quantity, spot)
        yield from _own_supply(activity, own, quantity, spot)
        return
    if unit == "TEU.km":
        raise wrong("teu", "", "no factor per TEU.km is shipped: give yours, or tonnes")
    vehicle = str(activity.values.get("vehicle") or "")
    name = VEHICLES.get(vehicle, vehicle)
    factor = shipped(factors, f"freight/{name}/ttw", "vehicle", vehicle, VEHICLES)
    yield posting(activity, factor, quantity, spot)
    yield from _freight_supply(activity, factors, f"freight/{name}/wtt", quantity, spot)


def _freight_supply(
    activity: Activity, factors: FactorTable, factor_id: str, quantity: Fraction, spot: Spot
) -> Iterator[Posting]:
    """Yield the well-to-tank of a leg: totalled for wtw, else a memo; unpriced if not known."""
    place = _supply_place(activity, spot.place or SCOPE_1)
    at = spot._replace(stage=Stage.FUEL_SUPPLY, place=place or spot.place,
                       role=Role.MEMO if place is None else Role.PRIMARY,
                       note="well to tank")  # fmt: skip
    if factor_id in factors:
        yield posting(activity, factors.one(factor_id), quantity, at)
    elif place is not None:
        note = "no well-to-tank factor of this vehicle is shipped"
        yield unpriced(activity, quantity, "t.km", at._replace(note=note))


def by_spend(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    require_own_fits(activity, *spend_units(activity))
    if activity.values["vehicles"] == "own":
        raise wrong("method", "T03", "money says nothing of scope 1: give litres or km")
    mode = str(activity.values.get("mode") or "")
    factor, quantity = spent(activity, factors, COMMODITIES.get(mode, ""))
    yield posting(activity, factor, quantity, Spot(
        Stage.TRANSPORT, place_of(activity), rule="T03", tier=Quality.DEFAULT))  # fmt: skip


def by_trips(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """T07, optional: trips x km x kg/km / things bought on one trip."""
    require_own_fits(activity, "km")
    trips, km, things = needed(activity, "trips", "km", "items_per_trip", why="for T07")
    if not things:
        raise wrong("items_per_trip", "0", "must be above 0")
    vehicle = str(activity.values.get("vehicle") or "car")
    own = own_factor(activity, "km")
    factor = own or shipped(factors, f"travel/{vehicle}/ttw", "vehicle", vehicle)
    yield posting(activity, factor, trips * km / things, Spot(
        Stage.TRANSPORT, scope_3(9), rule="T07", tier=Quality.MODELLED))  # fmt: skip


def _own_supply(
    activity: Activity, own: Factor, quantity: Fraction, spot: Spot
) -> Iterator[Posting]:
    """Yield what the row's own factor leaves unknown; raises RowError where it has too much."""
    place = _supply_place(activity, spot.place or SCOPE_1)
    if own.boundary is FactorBoundary.LIFECYCLE:
        if activity.values["vehicles"] == "own" or place is None:
            raise wrong("factor_boundary", own.boundary, "has the supply of the fuel inside: say "
                        "boundary = wtw, and third-party vehicles")  # fmt: skip
        return
    if place is not None:
        note = ("the supply of this factor's fuel is not known: give one with factor_boundary = "
                "lifecycle, or say boundary = ttw")  # fmt: skip
        yield unpriced(activity, quantity, unit_of(own), spot._replace(
            stage=Stage.FUEL_SUPPLY, place=place, note=note))  # fmt: skip
