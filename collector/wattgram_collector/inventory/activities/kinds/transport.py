"""PURE. Goods on their way: scope 3.4 if the organisation pays, 3.9 if the customer does.

One row is one leg, by one method. Source: Scope 3 Technical Guidance, chapters 4 and 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Final

from wattgram_collector.inventory.activities import grid
from wattgram_collector.inventory.activities.activity import (
    Activity,
    Column,
    FactorTable,
    Kind,
)
from wattgram_collector.inventory.activities.cells import choice, number, positive, text
from wattgram_collector.inventory.activities.kinds.fuel import FUEL_COLUMNS
from wattgram_collector.inventory.activities.kinds.transport_methods import (
    COORDINATES,
    METHODS,
    VEHICLES,
    by_distance,
    by_fuel,
    by_spend,
    by_trips,
)
from wattgram_collector.inventory.activities.pricing import refuse
from wattgram_collector.inventory.activities.spending import SPEND_COLUMNS, SPEND_NAMES
from wattgram_collector.inventory.postings import Posting


def _degrees(limit: int) -> Callable[[str], Fraction]:
    def parse(cell: str) -> Fraction:
        found = number(cell.removeprefix("-"))
        if found > limit:
            raise ValueError(f"must be -{limit} to {limit} degrees")
        return -found if cell.startswith("-") else found

    return parse


_FUEL_READS: Final = ("fuel", "litres", "backhaul_litres", "kwh", "refrigerant", "refrigerant_kg",
                      "own_load_km", "total_load_km", "grid_zone")  # fmt: skip
_READS: Final[Mapping[str, tuple[str, ...]]] = {
    "T01": _FUEL_READS,
    "T01a": (*_FUEL_READS, "amount", "price_per_litre"),
    "T01b": (*_FUEL_READS, "km", "backhaul_km", "litres_per_100_km"),
    "T02": ("vehicle", "tonnes", "teu", "km", "great_circle_km", "detour", "mode", *COORDINATES),
    "T03": (*SPEND_NAMES, "mode"),
    "T07": ("trips", "km", "items_per_trip", "vehicle"),
}
_FORMULAS: Final = {
    "T01": by_fuel,
    "T01a": by_fuel,
    "T01b": by_fuel,
    "T02": by_distance,
    "T03": by_spend,
    "T07": by_trips,
}
_ALWAYS: Final = ("method", "vehicles", "boundary", "currency", "margins")


def _transport(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """Refuse what the method does not read, so that nothing of a row is silently left out."""
    method = str(activity.values["method"])
    reads = {*_READS[method], *_ALWAYS}
    refuse(activity, *(one for one in activity.values if one not in reads),
           why=f"is not read by method {method}")  # fmt: skip
    yield from _FORMULAS[method](activity, factors)


TRANSPORT: Final = Kind(
    name="transport",
    meaning="goods on their way, a leg a row; paid_by decides 3.4 or 3.9",
    columns=(
        Column("method", "T01, T01a, T01b, T02, T03 or T07", choice(*METHODS), is_required=True),
        Column("vehicles", "third_party (empty) or own: scope 1 and 2",
               choice("third_party", "own"), default="third_party"),
        Column("boundary", "wtw (empty): with the supply of the fuel; ttw: that is a memo",
               choice("wtw", "ttw"), default="wtw"),
        FUEL_COLUMNS[0],
        FUEL_COLUMNS[1],
        Column("backhaul_litres", "burnt on the empty way back", number),
        Column("kwh", "electricity that the vehicle charged", positive),
        Column("refrigerant", "which leaked on the way", text),
        Column("refrigerant_kg", "how much of it", positive),
        Column("own_load_km", "of a shared vehicle: the organisation's t.km (or m3.km)", positive),
        Column("total_load_km", "of a shared vehicle: everybody's, in the same unit", positive),
        Column("price_per_litre", "in the currency of the amount (T01a)", positive),
        Column("km", "length of the leg", positive),
        Column("backhaul_km", "empty on the way back (T01b)", number),
        Column("litres_per_100_km", "what the vehicle burns (T01b)", positive),
        Column("vehicle", f"class: {', '.join(VEHICLES)}, or an id of freight.csv", text),
        Column("mode", "road, rail, sea, air, courier, arrangement, warehousing", text),
        Column("tonnes", "mass of the goods", positive),
        Column("teu", "containers of twenty feet, instead of tonnes", positive),
        Column("great_circle_km", "as the crow flies, where km is not known", positive),
        *(Column(name, "degrees, where km is not known", _degrees(limit))
          for name, limit in zip(COORDINATES, (90, 180, 90, 180), strict=True)),
        Column("detour", "way over great circle; empty: the shipped one of road or rail",
               positive),
        Column("trips", "of customers to the shop (T07)", positive),
        Column("items_per_trip", "things bought on one (T07)", positive),
        grid.GRID_COLUMNS[0],
        *SPEND_COLUMNS,
    ),
    reckon=_transport,
    places="3.4 (paid by org or provider) or 3.9 (customer); own vehicles 1, 2 and 3.3",
    formula="Σ litres x kg/l, or t x km x kg/(t.km), or USD of 2022 x kg/USD",
    source="GHG Protocol Scope 3 Technical Guidance, chapters 4 and 9",
    methods={
        **METHODS,
        "T01c": "a shared vehicle: fuel x own load / all loads",
        "T02a": "distance by great circle x detour",
    },
)  # fmt: skip
