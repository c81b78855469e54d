"""PURE. What is bought: goods, services, capital goods, software, content, clouds (3.1 and 3.2).

Methods, best first: the supplier's own figure; a hybrid of it and of what it does not cover; an
average per physical unit; energy that the supplier uses for the organisation; money. Source:
Scope 3 Technical Guidance, chapters 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.readings import Quality
from wattgram_collector.inventory.activities import grid
from wattgram_collector.inventory.activities.activity import (
    Activity,
    Column,
    FactorTable,
    Kind,
)
from wattgram_collector.inventory.activities.cells import choice, number, positive, text
from wattgram_collector.inventory.activities.pricing import (
    GIVE_ONE,
    ONE,
    Spot,
    as_bought,
    given_factor,
    needed,
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
from wattgram_collector.inventory.factors import Factor, FactorBoundary
from wattgram_collector.inventory.places import GhgPlace, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Posting, Stage

METHODS: Final = {
    "supplier": "the supplier's figure: kilograms for the purchase, or quantity x its factor",
    "hybrid": "the supplier's scopes 1 and 2, and the rest by quantity or by money",
    "average": "quantity x an average factor, or kilograms of a shipped material",
    "energy": "electricity that the supplier used for the organisation x its grid",
    "spend": "money x kg/USD of 2022",
}
_GRAVE: Final = (FactorBoundary.CRADLE_TO_GRAVE, FactorBoundary.WELL_TO_TANK)
"""Bought is cradle to gate: transport and end of life have categories of their own."""


class Bought(NamedTuple):
    """Where a kind of purchase belongs, and what its commodity is if the row names none."""

    place: GhgPlace
    leaf: TcsLeaf | None
    commodity: str = ""
    rule: str = ""
    stage: Stage = Stage.PURCHASED


def reported(activity: Activity, kilograms: Fraction, spot: Spot, name: str) -> Posting:
    """Return kilograms that somebody reported for the row: kilograms x 1."""
    if not activity.supplier:
        raise wrong("supplier", "", "is required beside kilograms that it reported")
    factor = given_factor(activity, name, ONE, "kg/kgCO2e", f"reported by {activity.supplier}",
                          FactorBoundary.CRADLE_TO_GATE)  # fmt: skip
    return posting(replace(activity, is_supplier_data=True), factor, kilograms, spot)


def _by_quantity(activity: Activity, factors: FactorTable) -> tuple[Factor, Fraction]:
    """Return the factor of a physical quantity, the row's own or a shipped material's."""
    (quantity,) = needed(activity, "quantity", why="beside a factor per unit")
    unit = str(activity.values.get("unit") or "")
    material = str(activity.values.get("material") or "")
    own = own_factor(activity, unit, _GRAVE) if unit else None
    if own is not None:
        return as_bought(own), quantity
    if activity.own_factor is not None:
        raise wrong("unit", unit, f"must be {unit_of(activity.own_factor)}, as in factor_unit")
    if not material:
        raise wrong("factor_value", "", f"is required for a quantity, or a material; {GIVE_ONE}")
    if unit != "kg":
        raise wrong("unit", unit, "must be kg for a shipped material")
    return shipped(factors, f"material/{material}", "material", material), quantity


def _supplier(activity: Activity, factors: FactorTable, spot: Spot) -> Iterator[Posting]:
    kilograms = activity.number("supplier_kg")
    if kilograms is not None:
        refuse(activity, "quantity", "unit", "material", why="is not read beside supplier_kg")
        yield reported(activity, kilograms, spot, "supplier")
        return
    if activity.own_factor is None:
        raise wrong("supplier_kg", "", f"is required, or the supplier's factor; {GIVE_ONE}")
    factor, quantity = _by_quantity(activity, factors)
    yield posting(replace(activity, is_supplier_data=True), factor, quantity, spot)


def _hybrid(activity: Activity, factors: FactorTable, spot: Spot) -> Iterator[Posting]:
    """Supplier's scopes 1 and 2 of the good, and its own purchases by quantity or by money."""
    (kilograms,) = needed(activity, "supplier_kg", why="for method hybrid")
    yield reported(activity, kilograms, spot, "supplier")
    if activity.number("quantity") is not None:
        refuse(activity, "amount", why="is not read beside quantity")
        factor, quantity = _by_quantity(activity, factors)
    else:
        factor, quantity = spent(activity, factors)
    yield posting(activity, factor, quantity, spot._replace(note="what the supplier buys"))


def _average(activity: Activity, factors: FactorTable, spot: Spot) -> Iterator[Posting]:
    factor, quantity = _by_quantity(activity, factors)
    yield posting(activity, factor, quantity, spot._replace(tier=Quality.MODELLED))


def _energy(activity: Activity, factors: FactorTable, spot: Spot) -> Iterator[Posting]:
    """The supplier's kWh x PUE x I of its grid, both scope 2 of the supplier."""
    (kwh,) = needed(activity, "kwh", why="for method energy")
    factor, pue = grid.generation(activity, factors), activity.values["pue"]
    note = grid.of_year(activity, factor)
    yield posting(activity, factor, kwh * pue, spot._replace(note=note, pue=pue))


_UNITS_READ: Final = ("quantity", "unit", "material")
_READS: Final[Mapping[str, tuple[str, ...]]] = {
    "supplier": ("supplier_kg", *_UNITS_READ),
    "hybrid": ("supplier_kg", *_UNITS_READ, *SPEND_NAMES),
    "average": _UNITS_READ,
    "energy": ("kwh", "grid_zone"),
    "spend": SPEND_NAMES,
}
_ALWAYS: Final = ("method", "currency", "margins", "pue", "hardware")
_FORMULAS: Final = {"supplier": _supplier, "hybrid": _hybrid, "average": _average,
                    "energy": _energy}  # fmt: skip


def bought_postings(activity: Activity, factors: FactorTable, bought: Bought) -> Iterator[Posting]:
    """Yield the postings of a purchase by the method of the row; raises RowError."""
    method = str(activity.values["method"])
    reads = {*_READS[method], *_ALWAYS}
    refuse(activity, *(one for one in activity.values if one not in reads),
           why=f"is not read by method {method}")  # fmt: skip
    unit = str(activity.values.get("unit") or "")
    units = {"energy": ("kWh",), "spend": spend_units(activity),
             "hybrid": (unit, *spend_units(activity))}.get(method, (unit,))  # fmt: skip
    require_own_fits(activity, *filter(None, units))
    rule = f"{bought.rule or bought.place.category} {method}"
    spot = Spot(bought.stage, bought.place, bought.leaf, rule)
    if method != "spend":
        yield from _FORMULAS[method](activity, factors, spot)
        return
    factor, quantity = spent(activity, factors, bought.commodity)
    yield posting(activity, factor, quantity, spot._replace(tier=Quality.DEFAULT))


COLUMNS: Final = (
    Column("method", "supplier, hybrid, average, energy or spend", choice(*METHODS),
           is_required=True),
    Column("supplier_kg", "kg CO2e that the supplier reported for the purchase", number),
    Column("quantity", "how many, in `unit`", positive),
    Column("unit", "what one of the quantity is, as in factor_unit: kg, item, install …", text),
    Column("material", "of a quantity in kg: electrical_items_it …", text),
    grid.kwh_column("electricity that the supplier used for it (energy)"),
    grid.PUE_COLUMN,
    grid.GRID_COLUMNS[0],
    *SPEND_COLUMNS,
)  # fmt: skip


def _reckoned(bought: Bought) -> Callable[[Activity, FactorTable], Iterator[Posting]]:
    def reckon(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
        yield from bought_postings(activity, factors, bought)

    return reckon


def _kind(name: str, meaning: str, bought: Bought) -> Kind:
    leaf = f" ({bought.leaf.code})" if bought.leaf else ""
    return Kind(
        name=name,
        meaning=meaning,
        columns=COLUMNS,
        reckon=_reckoned(bought),
        places=f"{bought.place}{leaf}",
        formula="Σ q x factor, or reported kg, or kWh x PUE x I, or USD of 2022 x kg/USD",
        source="GHG Protocol Scope 3 Technical Guidance, chapter 1",
        methods=METHODS,
    )


_HARDWARE: Final = {
    "server": TcsLeaf.U_SERVER_HARDWARE,
    "network": TcsLeaf.U_NETWORK_HARDWARE,
    "employee": TcsLeaf.U_EMPLOYEE_HARDWARE,
    "none": None,
}


def _capital_goods(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    """All of it in the year of acquisition. What the register has is not said here again."""
    if activity.asset_id:
        raise wrong("asset_id", activity.asset_id, "its making is posted by the asset register: "
                    "say it there or here, not in both")  # fmt: skip
    leaf = _HARDWARE[activity.values["hardware"]]
    yield from bought_postings(activity, factors, Bought(
        scope_3(2), leaf, "334111" if leaf else "", "2", Stage.EMBODIED_ACQUIRED))  # fmt: skip


CAPITAL_GOODS: Final = Kind(
    name="capital_goods",
    meaning="things that are capitalised and not in the asset register",
    columns=(
        *COLUMNS,
        Column("hardware", "server, network, employee or none (empty): its leaf of the TCS",
               choice(*_HARDWARE), default="none"),
    ),
    reckon=_capital_goods,
    places="3.2 (U by hardware), all in the year of the purchase",
    formula="as purchase: cradle to gate, never spread over years",
    source="GHG Protocol Scope 3 Technical Guidance, chapter 2",
    methods=METHODS,
)  # fmt: skip

KINDS: Final = (
    _kind("purchase", "goods and services of no other kind", Bought(scope_3(1), None)),
    CAPITAL_GOODS,
    _kind("software", "software that others made (U01)",
          Bought(scope_3(1, "software"), TcsLeaf.U_SOFTWARE, "511210", "U01")),
    _kind("software_support", "support and development of software (U03)",
          Bought(scope_3(1, "software"), TcsLeaf.U_SOFTWARE, "541512", "U03")),
    _kind("content", "content that others produce, process or archive (U11, U13, U14, U18)",
          Bought(scope_3(1, "content"), TcsLeaf.U_CONTENT_AND_DATA, "512110", "U13")),
    _kind("cloud", "computing of a cloud provider, with the making of its machines",
          Bought(scope_3(1, "cloud"), TcsLeaf.C_CLOUD_SERVICES, "518210", "2")),
    _kind("saas", "software as a service",
          Bought(scope_3(1, "saas"), TcsLeaf.C_SAAS, "518210", "3")),
    _kind("managed_service", "services that a provider runs for the organisation",
          Bought(scope_3(1, "managed"), TcsLeaf.C_MANAGED_SERVICES, "541512", "9")),
)  # fmt: skip
