"""PURE. The inventory of the year so far, as the few numbers that /metrics shows of it.

The year so far is whole days that are over, in the organisation's time zone: it is what `report`
says of the same days, to the gram. On the first of January it is all of the year before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Final, TypeVar

from wattgram.units import JOULES_PER_KILOWATT_HOUR, SECONDS_PER_DAY
from wattgram_collector.inventory.decision import Consolidation
from wattgram_collector.inventory.html.digest import Digest, Tally, digest
from wattgram_collector.inventory.html.standing import Standing
from wattgram_collector.inventory.lines import Status, sum_of_known
from wattgram_collector.inventory.making.period import making_of_period
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.periods import ReportPeriod, day_of
from wattgram_collector.inventory.postings import Book, Method, Posting, Role, Stage
from wattgram_collector.inventory.register.assets import Register
from wattgram_collector.inventory.result import Inventory, Seen
from wattgram_collector.inventory.settings import InventorySettings

GROUPS_MAX: Final = 50
"""Of what people name: services, units, sites. What is beyond is in none of the series."""
OTHER: Final = "other"
Pair = tuple[str, str]
K = TypeVar("K")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToDate:
    """Grams of CO2e of one year, as far as it is over. What is None or not there is not known."""

    year: str
    end_unix_seconds: int
    """Of the last day that is in it."""
    total_location_grams: float | None
    total_market_grams: float | None
    scope_1_grams: float | None
    location_grams: float | None
    market_grams: float | None
    category_grams: Mapping[int, float]
    leaf_grams: Mapping[str, float]
    amortised_grams: float | None
    acquired_grams: float | None
    memo_grams: Mapping[str, float]
    quality_ratios: Mapping[str, float]
    """Of the grams of the location-based total, by tier."""
    uncertainty_ratio: float | None
    coverage_ratio: float | None
    categories: Mapping[Status, int]
    unknown: int
    unknown_joules: float
    units: Mapping[Pair, float]
    """By service and unit."""
    grams_per_unit: Mapping[Pair, float]
    embodied_grams_per_second: Mapping[Pair, float] = field(default_factory=dict)
    """Now, by site and device class."""


def year_to_date(now_unix_seconds: float, timezone: str) -> ReportPeriod:
    """Return the year of the last day that is over, from its first day to that one."""
    after = day_of(int(now_unix_seconds), timezone)
    first = (after - timedelta(days=1)).replace(month=1, day=1)
    return ReportPeriod(f"{first}/{after}", first, after, timezone)


def to_date(inventory: Inventory, rates: Mapping[Pair, float]) -> ToDate:
    """Return the numbers of an inventory; `rates` is of `embodied_rates`."""
    found = digest(inventory.rows, {})
    standing = Standing(inventory)
    counted = [one for one in inventory.software if one.count is not None][:GROUPS_MAX]
    return ToDate(
        year=str(inventory.period.first.year),
        end_unix_seconds=inventory.period.interval.end_unix_seconds,
        total_location_grams=_float(standing.total_grams(Method.LOCATION)),
        total_market_grams=_float(standing.total_grams(Method.MARKET)),
        scope_1_grams=_scope(inventory, 1, Method.NONE),
        location_grams=_scope(inventory, 2, Method.LOCATION),
        market_grams=_scope(inventory, 2, Method.MARKET),
        category_grams=_categories(inventory),
        leaf_grams={
            leaf.code: float(one.grams)
            for leaf, one in inventory.leaves.items()
            if one.grams is not None
        },
        amortised_grams=found.amortised.grams if found.amortised.is_known else None,
        acquired_grams=_acquired(found),
        memo_grams=_memos(found),
        quality_ratios={str(tier): part for tier, part in found.location.shares.items()},
        uncertainty_ratio=found.location.uncertainty_ratio,
        coverage_ratio=_coverage(inventory.seen),
        categories={state: standing.categories.get(state, 0) for state in Status},
        unknown=len(inventory.unknown),
        unknown_joules=float(
            sum(((one.kilowatt_hours or Fraction(0)) for one in inventory.unknown), Fraction(0))
            * JOULES_PER_KILOWATT_HOUR
        ),
        units={(one.service, one.unit): float(one.count or 0) for one in counted},
        grams_per_unit={
            (one.service, one.unit): float(rate)
            for one in counted
            if (rate := one.grams_per_unit) is not None
        },
        embodied_grams_per_second=rates,
    )


def embodied_rates(
    register: Register, resolver: Resolver, settings: InventorySettings, day: date
) -> dict[Pair, float]:
    """Return book B of one day in grams a second, by site and device class.

    At most GROUPS_MAX, the largest; the rest is together under `other`.
    """
    period = ReportPeriod(day.isoformat(), day, day + timedelta(days=1), settings.timezone)
    made = making_of_period(register, resolver, period,
                            consolidation=Consolidation(settings.consolidation))  # fmt: skip
    found: dict[Pair, float] = {}
    for one in made.postings:
        if one.book is not Book.AMORTISED or one.role is not Role.PRIMARY or one.grams is None:
            continue
        asset = register.at(one.subject.removeprefix("asset/"), day)
        if asset is not None:
            key = asset.site, asset.device_class
            found[key] = found.get(key, 0.0) + float(one.grams) / SECONDS_PER_DAY
    return _bounded(found)


def _bounded(found: Mapping[Pair, float]) -> dict[Pair, float]:
    ordered = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    kept = dict(ordered[:GROUPS_MAX])
    rest = sum(rate for _, rate in ordered[GROUPS_MAX:])
    if rest:
        kept[OTHER, OTHER] = kept.get((OTHER, OTHER), 0.0) + rest
    return kept


def _float(grams: Fraction | None) -> float | None:
    return None if grams is None else float(grams)


def _scope(inventory: Inventory, scope: int, method: Method) -> float | None:
    grams = [line.total.grams for line in inventory.lines
             if line.place.scope == scope and line.method is method]  # fmt: skip
    return _float(sum_of_known(grams))


def _categories(inventory: Inventory) -> dict[int, float]:
    found: dict[int, float] = {}
    for line in inventory.lines:
        if line.place.category and line.total.grams is not None:
            key = line.place.category
            found[key] = found.get(key, 0.0) + float(line.total.grams)
    return found


def _acquired(found: Digest) -> float | None:
    """Return book A's making of what was acquired, where there is any."""
    grams = [
        row.posting.grams
        for row in found.rows
        if row.posting.stage is Stage.EMBODIED_ACQUIRED and row.posting.in_ghg
    ]
    return _float(sum_of_known(grams))


def _memos(found: Digest) -> dict[str, float]:
    """Return what is beside the totals, by why: few words, none of them anybody's own."""
    told: dict[str, Tally] = {}
    for row in found.rows:
        why = _reason(row.posting)
        if why:
            if why not in told:
                told[why] = Tally()
            tally = told[why]
            tally.postings += 1
            tally.unpriced += row.posting.grams is None
            tally.grams += float(row.posting.grams or 0)
    return {why: tally.grams for why, tally in sorted(told.items()) if tally.is_known}


def _reason(one: Posting) -> str:
    if one.role is Role.ALLOCATION:
        return "allocation"
    if one.role is Role.MEMO:
        return str(one.stage)
    is_refused = one.place is not None and one.book is Book.INVENTORY and not one.in_ghg
    return "refused_factor" if is_refused else ""


def _coverage(seen: Iterable[Seen]) -> float | None:
    expected = observed = 0
    for one in seen:
        expected += one.expected_seconds
        observed += one.observed_seconds
    return min(1.0, observed / expected) if expected else None
