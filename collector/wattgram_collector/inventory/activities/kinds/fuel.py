"""PURE. Fuel that the organisation burns: scope 1, and its supply in 3.3a."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.inventory.activities.activity import Activity, Column, FactorTable, Kind
from wattgram_collector.inventory.activities.cells import positive, text
from wattgram_collector.inventory.factors import Factor
from wattgram_collector.inventory.places import SCOPE_1, GhgPlace, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Posting, Stage


def posting(
    activity: Activity,
    factor: Factor,
    quantity: Fraction,
    *,
    stage: Stage,
    place: GhgPlace | None,
    leaf: TcsLeaf | None = None,
    rule: str = "",
) -> Posting:
    """Return quantity x factor x alpha of an activity, in the totals of its places."""
    return Posting(
        start_unix_seconds=activity.interval.start_unix_seconds,
        end_unix_seconds=activity.interval.end_unix_seconds,
        subject=f"activity/{activity.activity_id}",
        stage=stage,
        place=place,
        leaf=leaf,
        quantity=quantity,
        unit=factor.unit.rpartition("/")[2],
        factor=factor.factor_id,
        factor_value=factor.value,
        alpha=activity.alpha,
        grams=quantity * factor.value * activity.alpha * GRAMS_PER_KILOGRAM,
        gases={
            gas: quantity * value * activity.alpha * GRAMS_PER_KILOGRAM
            for gas, value in factor.gases.items()
        },
        in_ghg=place is not None,
        in_tcs=leaf is not None,
        tier_activity=activity.tier,
        tier_factor=factor.tier,
        uncertainty_ratio=activity.uncertainty_ratio,
        is_supplier_data=activity.is_supplier_data,
        org_unit=activity.org_unit,
        service=activity.service,
        rule=rule,
        evidence=activity.evidence,
        note=activity.note,
    )


def _reckon(activity: Activity, factors: FactorTable) -> Iterator[Posting]:
    litres = activity.number("litres") or Fraction(0)
    fuel = activity.values["fuel"]
    burnt = activity.own_factor or factors.one(f"fuel/{fuel}/ttw")
    yield posting(activity, burnt, litres, stage=Stage.USE, place=SCOPE_1,
                  leaf=TcsLeaf.G_GENERATORS, rule="S1")  # fmt: skip
    if f"fuel/{fuel}/wtt" in factors:
        supplied = factors.one(f"fuel/{fuel}/wtt")
        yield posting(activity, supplied, litres, stage=Stage.FUEL_SUPPLY,
                      place=scope_3(3, "3a"), rule="3a")  # fmt: skip


FUEL = Kind(
    name="fuel",
    meaning="fuel burnt in generators of the organisation",
    columns=(
        Column("fuel", "which: diesel, petrol …", text, is_required=True),
        Column("litres", "how much", positive, is_required=True),
    ),
    reckon=_reckon,
    places="1 (G.generators), and 3.3a for the fuel's supply",
    formula="litres x kg/l",
    source="GHG Protocol Corporate Standard, stationary combustion",
)
