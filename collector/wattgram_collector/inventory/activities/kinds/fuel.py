"""PURE. What the organisation burns or lets escape: scope 1, and the fuel's supply in 3.3a."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from wattgram_collector.inventory.activities.activity import (
    Activity,
    Column,
    FactorTable,
    Kind,
)
from wattgram_collector.inventory.activities.cells import choice, positive, ratio, text
from wattgram_collector.inventory.activities.pricing import (
    NOT_BURNT,
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
from wattgram_collector.inventory.factors import Factor
from wattgram_collector.inventory.places import SCOPE_1, GhgPlace, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Posting, Role, Stage
from wattgram_collector.inventory.register.assets import Party

FUEL_COLUMNS: Final = (
    Column("fuel", "which: diesel, petrol, natural_gas …", text),
    Column("litres", "how much of it", positive),
    Column("fuel_kwh", "how much of it, by gross calorific value (natural gas)", positive),
)


def burnt_factor(activity: Activity, factors: FactorTable, unit: str) -> Factor:
    """Return what burning `unit` of the row's fuel emits, the row's own factor first."""
    own = own_factor(activity, unit, NOT_BURNT)
    if own is not None:
        return own
    fuel = str(activity.values.get("fuel") or "")
    found = shipped(factors, f"fuel/{fuel}/ttw", "fuel", fuel)
    if unit_of(found) != unit:
        column = "litres" if unit_of(found) == "l" else "fuel_kwh"
        raise wrong("fuel", fuel, f"the shipped factor is per {unit_of(found)}: give {column}")
    return found


def supply_factor(activity: Activity, factors: FactorTable, unit: str) -> Factor | None:
    """Return what supplying `unit` of the fuel emits; None: not known."""
    factor_id = f"fuel/{activity.values.get('fuel') or ''}/wtt"
    if factor_id not in factors or unit_of(factors.one(factor_id)) != unit:
        return None
    return factors.one(factor_id)


def burnt(
    activity: Activity,
    factors: FactorTable,
    quantity: tuple[Fraction, str],
    spot: Spot,
    supply: GhgPlace | None,
) -> Iterator[Posting]:
    """Yield what burning a quantity emits at `spot`, and its supply, where that is known.

    `supply` None: the supply is stated as a memo.
    """
    amount, unit = quantity
    yield posting(activity, burnt_factor(activity, factors, unit), amount, spot)
    is_memo = supply is None
    at = Spot(Stage.FUEL_SUPPLY, supply or spot.place, rule=spot.rule,
              role=Role.MEMO if is_memo else Role.PRIMARY, tier=spot.tier,
              note="well to tank, not in this total" if is_memo else "")  # fmt: skip
    found = supply_factor(activity, factors, unit)
    if found is not None:
        yield posting(activity, found, amount, at)
    elif not is_memo:
        note = f"{at.note}; " if at.note else ""
        yield unpriced(activity, amount, unit, at._replace(
            note=f"{note}the supply of this fuel is not known"))  # fmt: skip


def _generated_litres(activity: Activity, factors: FactorTable) -> Fraction:
    """Return litres = kWh generated / (efficiency x kWh in a litre)."""
    generated, efficiency = needed(activity, "generated_kwh", "efficiency_ratio",
                                   why="to know litres from kWh generated")  # fmt: skip
    if not efficiency:
        raise wrong("efficiency_ratio", "0", "must be above 0")
    heat = activity.number("heat_kwh_per_litre")
    if heat is None:
        fuel = str(activity.values["fuel"])
        heat = constant(factors, f"heat/{fuel}", "fuel", fuel).value
    return generated / (efficiency * heat)


def _fuel(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    if activity.paid_by is not Party.ORG:
        raise wrong("paid_by", activity.paid_by, "scope 1 is what the organisation itself burns: "
                    "what others burn is transport, commute or leased_asset")  # fmt: skip
    require_own_fits(activity, "l", "kWh")
    how = one_of(activity, "litres", "fuel_kwh", "generated_kwh")
    if how == "generated_kwh":
        quantity = _generated_litres(activity, factors), "l"
    else:
        refuse(activity, "efficiency_ratio", "heat_kwh_per_litre",
               why="is read beside generated_kwh only")  # fmt: skip
        quantity = needed(activity, how, why="")[0], "l" if how == "litres" else "kWh"
    is_generator = activity.values["used_in"] == "generator"
    leaf = TcsLeaf.G_GENERATORS if is_generator else None
    yield from burnt(activity, factors, quantity, Spot(Stage.USE, SCOPE_1, leaf, "S1"),
                     scope_3(3, "3a"))  # fmt: skip


def refrigerant_factor(activity: Activity, factors: FactorTable) -> Factor:
    """Return kg CO2e per kg leaked, by the assessment report that is asked for; the own first."""
    own = own_factor(activity, "kg")
    if own is not None:
        return own
    name, report = str(activity.values.get("refrigerant") or ""), "AR5"
    return shipped(factors, f"refrigerant/{report}/{name}", "refrigerant", name)


def _refrigerant(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    require_own_fits(activity, "kg")
    (kilograms,) = needed(activity, "kg", why="")
    factor = refrigerant_factor(activity, factors)
    note = "without its HCFCs, which the table leaves out" if factor.flags else ""
    yield posting(activity, factor, kilograms, Spot(Stage.FUGITIVE, SCOPE_1, rule="S1", note=note))


FUEL: Final = Kind(
    name="fuel",
    meaning="fuel that the organisation burns: generators, own vehicles, heating",
    columns=(
        FUEL_COLUMNS[0]._replace(is_required=True),
        *FUEL_COLUMNS[1:],
        Column("generated_kwh", "electricity that a generator gave, instead of litres", positive),
        Column("efficiency_ratio", "of the generator, 0 to 1", ratio),
        Column("heat_kwh_per_litre", "net calorific value; empty: the shipped one", positive),
        Column("used_in", "generator, vehicle or heating; empty: generator",
               choice("generator", "vehicle", "heating"), default="generator"),
    ),
    reckon=_fuel,
    places="1 (G.generators for a generator), and 3.3a for the fuel's supply",
    formula="litres x kg/l; litres = kWh generated / (efficiency x kWh/l)",
    source="GHG Protocol Corporate Standard, stationary and mobile combustion",
    methods={"S1": "fuel burnt", "3a": "supply of the fuel"},
)  # fmt: skip

REFRIGERANT: Final = Kind(
    name="refrigerant",
    meaning="refrigerant that leaked, as far as it was refilled",
    columns=(
        Column("refrigerant", "which: R-410A, HFC-134a …", text, is_required=True),
        Column("kg", "kilograms that leaked", positive, is_required=True),
    ),
    reckon=_refrigerant,
    places="1; the Technology Carbon Standard has no leaf for it",
    formula="kg x warming potential (AR5; for another report give its factor)",
    source="GHG Protocol Corporate Standard, fugitive emissions",
    methods={"S1": "leak"},
)
