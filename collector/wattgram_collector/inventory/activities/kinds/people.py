"""PURE. People on their way and at home: business travel 3.6, commuting and teleworking 3.7.

Source: Scope 3 Technical Guidance, chapters 6 and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from wattgram_collector.inventory.activities.cells import flag, positive, text
from wattgram_collector.inventory.activities.kinds.fuel import FUEL_COLUMNS, burnt
from wattgram_collector.inventory.activities.pricing import (
    GIVE_ONE,
    ONE,
    Spot,
    needed,
    one_of,
    own_factor,
    posting,
    refuse,
    require_own_fits,
    shipped,
    unit_of,
    wrong,
)
from wattgram_collector.inventory.activities.spending import (
    SPEND_COLUMNS,
    SPEND_NAMES,
    spend_units,
    spent,
)
from wattgram_collector.inventory.places import GhgPlace, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Posting, Stage

TRAVEL, COMMUTE = scope_3(6), scope_3(7)
_COMMODITIES: Final = {"air": "481111", "rail": "482111", "hotel": "721110"}


def _by_distance(
    activity: Activity, factors: FactorTable, km: Fraction, place: GhgPlace, tier: Quality | None
) -> Iterator[Posting]:
    """Km x kg/(p.km) x people; a car is per km, however many people are in it."""
    mode = str(activity.values.get("mode") or "")
    factor = own_factor(activity, "p.km") or own_factor(activity, "km")
    factor = factor or shipped(factors, f"travel/{mode}/ttw", "mode", mode)
    people = activity.number("people") or ONE
    quantity = km * people if unit_of(factor) == "p.km" else km
    yield posting(activity, factor, quantity, Spot(
        Stage.TRANSPORT, place, rule=f"{place.category} distance", tier=tier))  # fmt: skip


def _by_litres(activity: Activity, factors: FactorTable, place: GhgPlace) -> Iterator[Posting]:
    (litres,) = needed(activity, "litres", why="")
    spot = Spot(Stage.TRANSPORT, place, rule=f"{place.category} fuel")
    yield from burnt(activity, factors, (litres, "l"), spot, None)


def _travel(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    how = one_of(activity, "km", "litres", "amount")
    if how != "amount":
        refuse(activity, *SPEND_NAMES, why="is read beside amount only")
    if how == "km":
        require_own_fits(activity, "p.km", "km")
        refuse(activity, "fuel", why="is read beside litres only")
        (km,) = needed(activity, "km", why="")
        yield from _by_distance(activity, factors, km, TRAVEL, None)
    elif how == "litres":
        require_own_fits(activity, "l")
        refuse(activity, "mode", "people", why="is read beside km only")
        yield from _by_litres(activity, factors, TRAVEL)
    else:
        require_own_fits(activity, *spend_units(activity))
        refuse(activity, "people", "fuel", why="is not read beside amount")
        mode = str(activity.values.get("mode") or "").partition("_")[0]
        factor, quantity = spent(activity, factors, _COMMODITIES.get(mode, ""))
        yield posting(activity, factor, quantity, Spot(
            Stage.PURCHASED, TRAVEL, rule="6 spend", tier=Quality.DEFAULT))  # fmt: skip


def _hotel(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    if one_of(activity, "nights", "amount") == "nights":
        refuse(activity, *SPEND_NAMES, why="is read beside amount only")
        require_own_fits(activity, "night")
        own = own_factor(activity, "night")
        if own is None:
            raise wrong("factor_value", "", "no open factor per night is shipped: "
                        f"{GIVE_ONE}; or amount")  # fmt: skip
        (nights,) = needed(activity, "nights", why="")
        yield posting(activity, own, nights, Spot(Stage.PURCHASED, TRAVEL, rule="6 nights"))
        return
    require_own_fits(activity, *spend_units(activity))
    factor, quantity = spent(activity, factors, _COMMODITIES["hotel"])
    yield posting(activity, factor, quantity, Spot(
        Stage.PURCHASED, TRAVEL, rule="6 spend", tier=Quality.DEFAULT))  # fmt: skip


def _commute(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """Employees x days x km a day, there and back, x kg/km."""
    if one_of(activity, "km_per_day", "litres") == "litres":
        require_own_fits(activity, "l")
        refuse(activity, "employees", "days", "mode", why="is read beside km_per_day only")
        yield from _by_litres(activity, factors, COMMUTE)
        return
    refuse(activity, "fuel", why="is read beside litres only")
    require_own_fits(activity, "p.km", "km")
    km, days, employees = needed(activity, "km_per_day", "days", "employees", why="")
    yield from _by_distance(activity, factors, km * days * employees, COMMUTE, Quality.MODELLED)


def _telework(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """Metered or said kWh x I, or full-time hours x kg/hour; heating is in GHG only."""
    leaf = TcsLeaf.C_EMPLOYEE_HARDWARE
    spot = Spot(Stage.USE, COMMUTE, leaf, "8")
    if one_of(activity, "kwh", "fte_hours") == "kwh":
        require_own_fits(activity, "kWh")
        if activity.values["heating"]:
            raise wrong("heating", "true", "is read beside fte_hours only")
        (kwh,) = needed(activity, "kwh", why="")
        factor = grid.generation(activity, factors)
        yield posting(activity, factor, kwh, spot._replace(note=grid.of_year(activity, factor)))
        return
    require_own_fits(activity, "hour")
    (hours,) = needed(activity, "fte_hours", why="")
    own = own_factor(activity, "hour")
    spot = spot._replace(tier=Quality.MODELLED)
    yield posting(activity, own or factors.one("telework/equipment"), hours, spot)
    if activity.values["heating"]:
        yield posting(activity, factors.one("telework/heating"), hours,
                      spot._replace(stage=Stage.OTHER, leaf=None, note="heating"))  # fmt: skip


_MODE: Final = Column("mode", "as in travel.csv: car, bus, air_long_haul, intercity_rail …", text)


def _kind(name: str, meaning: str, columns: tuple[Column, ...],
          reckon: Callable[[Activity, FactorTable], Iterator[Posting]], formula: str,
          methods: dict[str, str]) -> Kind:  # fmt: skip
    chapter = "6" if name in ("travel", "hotel") else "7"
    return Kind(
        name=name,
        meaning=meaning,
        columns=columns,
        reckon=reckon,
        places=f"3.{chapter}" + (" (C.offsite_employee_hardware)" if name == "telework" else ""),
        formula=formula,
        source=f"GHG Protocol Scope 3 Technical Guidance, chapter {chapter}",
        methods=methods,
    )


KINDS: Final = (
    _kind(
        "travel",
        "business travel in vehicles of others",
        (
            Column("km", "travelled", positive),
            _MODE,
            Column("people", "who travelled, for a factor per p.km; empty: 1", positive),
            *FUEL_COLUMNS[:2],
            *SPEND_COLUMNS,
        ),
        _travel,
        "people x km x kg/(p.km), or litres x kg/l, or USD of 2022 x kg/USD",
        {"6 distance": "distance", "6 fuel": "fuel", "6 spend": "money"},
    ),
    _kind(
        "hotel",
        "nights in hotels on business",
        (Column("nights", "rooms x nights", positive), *SPEND_COLUMNS),
        _hotel,
        "nights x kg/night (your factor), or USD of 2022 x kg/USD",
        {"6 nights": "nights", "6 spend": "money"},
    ),
    _kind(
        "commute",
        "employees between home and work",
        (
            Column("km_per_day", "of one employee, there and back", positive),
            Column("days", "at work in the period", positive),
            Column("employees", "who come this way", positive),
            _MODE,
            *FUEL_COLUMNS[:2],
        ),
        _commute,
        "employees x days x km x kg/km, or litres x kg/l",
        {"7 distance": "distance", "7 fuel": "fuel"},
    ),
    _kind(
        "telework",
        "work at home, of devices that no agent meters",
        (
            grid.kwh_column("of the devices used for work"),
            Column("fte_hours", "hours of a full-time employee", positive),
            Column("heating", "whether heating is counted beside fte_hours", flag, default=False),
            grid.GRID_COLUMNS[0],
        ),
        _telework,
        "kWh x I, or hours x 0.03144 kg (equipment) and 0.30234 kg (heating)",
        {"8": "work at home"},
    ),
)
