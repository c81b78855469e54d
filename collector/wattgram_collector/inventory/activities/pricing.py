"""PURE. What every kind's formula is made of: which factor holds, and a posting at its place.

A row's own factor goes before every table, for the quantity whose unit it is per; one that is per
nothing of the row is refused, and so is one whose boundary would count something twice.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, NamedTuple

from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.inventory.activities.activity import (
    Activity,
    FactorTable,
    RowError,
    Wrong,
)
from wattgram_collector.inventory.factors import Factor, FactorBoundary
from wattgram_collector.inventory.grid_table import Constant
from wattgram_collector.inventory.lines import TIER_UNCERTAINTY_RATIOS
from wattgram_collector.inventory.places import GhgPlace, TcsLeaf
from wattgram_collector.inventory.postings import Book, Method, Posting, Role, Stage

ONE: Final = Fraction(1)
GIVE_ONE: Final = (
    "give one in the columns factor_value, factor_unit, factor_source, factor_version"
)
_KILOGRAM_WORDS: Final = frozenset({"kg", "kgco2e", "kg co2e", "kgco2", "kg co2"})
_UNITS: Final = {
    "kwh": "kWh",
    "l": "l",
    "litre": "l",
    "litres": "l",
    "liter": "l",
    "kg": "kg",
    "t": "t",
    "tonne": "t",
    "t.km": "t.km",
    "tkm": "t.km",
    "t·km": "t.km",
    "tonne.km": "t.km",
    "tonne-km": "t.km",
    "teu.km": "TEU.km",
    "teu-km": "TEU.km",
    "p.km": "p.km",
    "pkm": "p.km",
    "passenger-km": "p.km",
    "km": "km",
    "usd2022": "USD2022",
    "m2": "m2",
    "m3": "m3",
    "gb": "GB",
    "wh": "Wh",
}
_CURRENCY: Final = re.compile("[A-Z]{3}", re.ASCII)
_SHOWN: Final = 4
_CACHED: Final = 1_024


class Spot(NamedTuple):
    """Where a posting goes, and by which rule or method."""

    stage: Stage
    place: GhgPlace | None
    leaf: TcsLeaf | None = None
    rule: str = ""
    method: Method = Method.NONE
    role: Role = Role.PRIMARY
    note: str = ""
    tier: Quality | None = None
    """Of the quantity, where the formula knows it less well than the row says."""
    pue: Fraction = ONE
    """Which is in the quantity already."""


def posting(activity: Activity, factor: Factor, quantity: Fraction, spot: Spot) -> Posting:
    """Return quantity x factor x alpha of an activity, in the totals of its places."""
    alpha = activity.alpha
    return _posting(
        activity,
        spot,
        quantity=quantity,
        unit=unit_of(factor),
        factor=factor.factor_id,
        factor_value=factor.value,
        grams=_grams(quantity, alpha, factor.value),
        gases={gas: _grams(quantity, alpha, value) for gas, value in factor.gases.items()},
        tier_factor=factor.tier,
        priced_by=factor,
        uncertainty_ratio=_uncertainty(activity, factor),
    )


def _grams(quantity: Fraction, alpha: Fraction, kilograms: Fraction) -> Fraction:
    """Return quantity x alpha x kilograms, as one fraction that is brought to its terms once."""
    above = quantity.numerator * alpha.numerator * kilograms.numerator * GRAMS_PER_KILOGRAM
    return Fraction(above, quantity.denominator * alpha.denominator * kilograms.denominator)


def unpriced(activity: Activity, quantity: Fraction, unit: str, spot: Spot) -> Posting:
    """Return a quantity that no factor prices: stated, and never taken for zero."""
    return _posting(activity, spot, quantity=quantity, unit=unit)


def _posting(activity: Activity, spot: Spot, **values: Any) -> Posting:
    is_primary = spot.role is Role.PRIMARY
    return Posting(
        start_unix_seconds=activity.interval.start_unix_seconds,
        end_unix_seconds=activity.interval.end_unix_seconds,
        subject=f"activity/{activity.activity_id}",
        stage=spot.stage,
        place=spot.place,
        leaf=spot.leaf,
        method=spot.method,
        book=Book.INVENTORY,
        role=spot.role,
        alpha=activity.alpha,
        pue=spot.pue,
        in_ghg=is_primary and spot.place is not None,
        in_tcs=is_primary and spot.leaf is not None,
        tier_activity=worse(activity.tier, spot.tier),
        is_supplier_data=activity.is_supplier_data,
        org_unit=activity.org_unit,
        service=activity.service,
        rule=spot.rule,
        evidence=activity.evidence,
        note="; ".join(one for one in (activity.note, spot.note) if one),
        **values,
    )


def _uncertainty(activity: Activity, factor: Factor) -> Fraction | None:
    """Return that of quantity and factor together, in quadrature; None: that of the tier.

    Where one of the two is said, the other has that of its tier.
    """
    said = activity.uncertainty_ratio, factor.uncertainty_ratio
    if said == (None, None):
        return None
    tiers = activity.tier, factor.tier
    squares = (
        float(TIER_UNCERTAINTY_RATIOS[tier] if ratio is None else ratio) ** 2
        for ratio, tier in zip(said, tiers, strict=True)
    )
    return Fraction(math.sqrt(sum(squares))).limit_denominator(_RATIO_DENOMINATOR)


_RATIO_DENOMINATOR: Final = 1_000_000


def worse(one: Quality, other: Quality | None) -> Quality:
    order = (Quality.MEASURED, Quality.DECLARED, Quality.MODELLED, Quality.DEFAULT)
    return one if other is None else max(one, other, key=order.index)


def wrong(column: str, value: str, reason: str) -> RowError:
    return RowError([Wrong(column, str(value), reason)])


# ── factors ──────────────────────────────────────────────────────────────────────────────


def unit_of(factor: Factor) -> str:
    """Return what a factor is per, in this package's spelling: `kg CO2e/litre` is per `l`."""
    return _per(factor.unit)


@lru_cache(maxsize=_CACHED)
def _per(unit: str) -> str:
    per = unit.partition("/")[2].strip()
    return _UNITS.get(per.lower(), per)


def require_own_fits(activity: Activity, *units: str) -> None:
    """Raise RowError where the row's own factor is in no kilograms or per nothing of the row."""
    own = activity.own_factor
    if own is None:
        return
    kilograms, slash, _ = own.unit.partition("/")
    if not slash or kilograms.strip().lower() not in _KILOGRAM_WORDS:
        raise wrong("factor_unit", own.unit, "must be kilograms per something, as in kg/kWh")
    if unit_of(own) not in units:
        allowed = " or ".join(f"kg/{unit}" for unit in units) or "nothing: leave it out"
        raise wrong("factor_unit", own.unit, f"fits no quantity of this row: {allowed}")


def own_factor(
    activity: Activity, unit: str, refused: Collection[FactorBoundary] = ()
) -> Factor | None:
    """Return the row's own factor if it is per `unit`; raises RowError for a refused boundary."""
    own = activity.own_factor
    if own is None or unit_of(own) != unit:
        return None
    if own.boundary in refused:
        raise wrong("factor_boundary", own.boundary, _REFUSED[own.boundary])
    return own


def as_bought(factor: Factor) -> Factor:
    """Return a row's own factor of something bought: cradle to gate where it says nothing else."""
    if factor.boundary is not FactorBoundary.COMBUSTION:
        return factor
    return replace(factor, boundary=FactorBoundary.CRADLE_TO_GATE)


_REFUSED: Final = {
    FactorBoundary.LIFECYCLE: "has the supply of the fuel inside, which is posted by itself",
    FactorBoundary.WELL_TO_TANK: "is the supply only: give the factor of what is burnt",
    FactorBoundary.CRADLE_TO_GATE: "is of making something, not of using energy",
    FactorBoundary.CRADLE_TO_GRAVE: "has use and end of life inside: give cradle_to_gate",
    FactorBoundary.COMBUSTION: "is what is burnt only",
}
NOT_BURNT: Final = (
    FactorBoundary.LIFECYCLE,
    FactorBoundary.WELL_TO_TANK,
    FactorBoundary.CRADLE_TO_GATE,
    FactorBoundary.CRADLE_TO_GRAVE,
)
"""What scopes 1 and 2 refuse: 3.3 would count it twice."""


def given_factor(
    activity: Activity,
    name: str,
    value: Fraction,
    unit: str,
    source: str,
    boundary: FactorBoundary = FactorBoundary.COMBUSTION,
) -> Factor:
    """Return a second factor that a row brings along in a column of its kind."""
    return Factor(
        factor_id=f"activity/{activity.activity_id}/{name}",
        value=value,
        unit=unit,
        source=source,
        source_version=str(year_of(activity)),
        boundary=boundary,
        tier=Quality.DECLARED,
    )


def shipped(
    factors: FactorTable, factor_id: str, column: str, value: str, also: Iterable[str] = ()
) -> Factor:
    """Return a shipped factor; raises RowError naming the cell, and what there is like it.

    `also`: other names that the column takes.
    """
    if factor_id in factors:
        return factors.one(factor_id)
    if not value:
        raise wrong(column, value, f"is required, or a factor of your own: {GIVE_ONE}")
    prefix = factor_id.partition(value)[0]
    near = _like([*factors.names(prefix), *also], value)
    raise wrong(column, value, f"no shipped factor{near}; {GIVE_ONE}")


def constant(factors: FactorTable, constant_id: str, column: str, value: str) -> Constant:
    """Return a shipped figure; raises RowError naming the cell, and which there are."""
    found = factors.constant(constant_id)
    if found is None:
        prefix = constant_id[: constant_id.index("/") + 1]
        known = ", ".join(factors.names(prefix))
        raise wrong(column, value, f"must be one of {known}")
    return found


def _like(names: Iterable[str], value: str) -> str:
    known = {_ENDING.sub("", one) for one in names}
    near = get_close_matches(value, sorted(known), _SHOWN, 0.5)
    return f" (there is {', '.join(near)})" if near else ""


_ENDING: Final = re.compile("/(ttw|wtt|with_margins|without_margins)$")


# ── what rows say ────────────────────────────────────────────────────────────────────────


def year_of(activity: Activity) -> int:
    """Return the year of the middle of the activity, in UTC."""
    start, end = activity.interval
    return _year((start + end) // 2)


@lru_cache(maxsize=_CACHED)
def _year(unix_seconds: int) -> int:
    return datetime.fromtimestamp(unix_seconds, UTC).year


def needed(activity: Activity, *columns: str, why: str) -> list[Fraction]:
    """Return numbers that a method needs; raises RowError naming every one that is missing."""
    found = [activity.number(column) for column in columns]
    missing = [Wrong(column, "", f"is required {why}")
               for column, value in zip(columns, found, strict=True) if value is None]  # fmt: skip
    if missing:
        raise RowError(missing)
    return [value for value in found if value is not None]


def said(activity: Activity, column: str, why: str) -> str:
    """Return a text that a method needs; raises RowError."""
    value = activity.values.get(column)
    if not value:
        raise wrong(column, "", f"is required {why}")
    return str(value)


def one_of(activity: Activity, *columns: str) -> str:
    """Return the one column of several that is said; raises RowError for none or for two."""
    given = [column for column in columns if activity.values.get(column) is not None]
    if len(given) != 1:
        names = ", ".join(columns)
        raise wrong(given[1] if given else columns[0], "", f"give exactly one of {names}")
    return given[0]


def refuse(activity: Activity, *columns: str, why: str) -> None:
    """Raise RowError for columns that a method does not read: nothing is silently left out."""
    wrongs = [Wrong(column, str(activity.values[column]), why)
              for column in columns if activity.values.get(column) is not None]  # fmt: skip
    if wrongs:
        raise RowError(wrongs)


def is_currency(code: str) -> bool:
    return bool(_CURRENCY.fullmatch(code))
