"""PURE. Postings to the lines of an inventory: every category is there, whatever is known of it.

A line is a sum of primary postings of one place and one method. The GHG total has scope 2 by one
method at a time; the standard's tree is summed beside it from the same postings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from wattgram.readings import Quality
from wattgram_collector.inventory.places import CATEGORIES, GhgPlace, TcsLeaf
from wattgram_collector.inventory.postings import Book, Gas, Method, Posting, Role

TIER_UNCERTAINTY_RATIOS: Final = {
    Quality.MEASURED: Fraction(5, 100),
    Quality.DECLARED: Fraction(15, 100),
    Quality.MODELLED: Fraction(30, 100),
    Quality.DEFAULT: Fraction(60, 100),
}
"""Half width of the 95 % interval of a posting whose own is not known; choices of the project."""


class Status(StrEnum):
    """What a line is, so that a missing number is never taken for a zero."""

    CALCULATED = "calculated"
    INCOMPLETE = "incomplete"
    """Calculated, and a part of its activity has no factor: it is stated beside."""
    ZERO = "zero"
    EXCLUDED = "excluded"
    NOT_EVALUATED = "not_evaluated"


class Relevance(StrEnum):
    RELEVANT = "relevant"
    NOT_RELEVANT = "not_relevant"
    NOT_EVALUATED = "not_evaluated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What the organisation says of a category: whether it matters, and why it is left out."""

    relevance: Relevance = Relevance.NOT_EVALUATED
    is_excluded: bool = False
    justification: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for an exclusion without a reason."""
        if (self.is_excluded or self.relevance is Relevance.NOT_RELEVANT) and not (
            self.justification
        ):
            raise ValueError("what is excluded or not relevant needs a justification")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """What postings come to. `grams` is None where none of them is priced."""

    grams: Fraction | None
    gases: Mapping[Gas, Fraction]
    share_by_tier: Mapping[Quality, Fraction]
    """Of the grams; empty where there are none."""
    uncertainty_ratio: Fraction | None
    supplier_ratio: Fraction | None
    unpriced: int
    """Postings whose quantity has no factor."""
    refused: int
    """Postings whose factor does not fit the place: stated and not summed."""
    postings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the inventory."""

    place: GhgPlace
    method: Method
    total: Sum
    status: Status
    statement: Statement
    rules: tuple[str, ...]


def summed(postings: Iterable[Posting], refused: Iterable[Posting] = ()) -> Sum:
    """Return the sum of postings, with its quality.

    Uncertainty: grams of one factor are off together and add up, those of different factors are
    independent and add up in quadrature (GHG Protocol uncertainty guidance, first order).
    """
    found = list(postings)
    priced = [one for one in found if one.grams is not None]
    total = sum((one.grams or Fraction(0) for one in priced), Fraction(0))
    gases: dict[Gas, Fraction] = {}
    tiers: dict[Quality, Fraction] = {}
    supplied = Fraction(0)
    for one in priced:
        grams = one.grams or Fraction(0)
        tiers[one.tier] = tiers.get(one.tier, Fraction(0)) + grams
        supplied += grams if one.is_supplier_data else 0
        for gas, part in one.gases.items():
            gases[gas] = gases.get(gas, Fraction(0)) + part
    return Sum(
        grams=total if priced else None,
        gases=gases,
        share_by_tier={tier: part / total for tier, part in tiers.items()} if total else {},
        uncertainty_ratio=_uncertainty_ratio(priced, total),
        supplier_ratio=supplied / total if total else None,
        unpriced=len(found) - len(priced),
        refused=sum(1 for _ in refused),
        postings=len(found),
    )


def _uncertainty_ratio(priced: Iterable[Posting], total: Fraction) -> Fraction | None:
    if not total:
        return None
    by_factor: dict[str, Fraction] = {}
    for one in priced:
        ratio = one.uncertainty_ratio
        if ratio is None:
            ratio = TIER_UNCERTAINTY_RATIOS[one.tier]
        by_factor[one.factor] = by_factor.get(one.factor, Fraction(0)) + (one.grams or 0) * ratio
    squares = sum((half / total) ** 2 for half in by_factor.values())
    return Fraction(math.sqrt(squares)).limit_denominator(_RATIO_DENOMINATOR)


_RATIO_DENOMINATOR: Final = 1_000_000


def inventory_lines(
    postings: Iterable[Posting], statements: Mapping[GhgPlace, Statement]
) -> list[Line]:
    """Return the lines in order: scopes 1 and 2 (both methods), then every category of scope 3.

    A category without postings is excluded with its reason, or it is not evaluated; it is zero
    only where somebody posted a zero.
    """
    groups: dict[tuple[GhgPlace, Method], list[Posting]] = {
        (GhgPlace(1), Method.NONE): [],
        (GhgPlace(2), Method.LOCATION): [],
        (GhgPlace(2), Method.MARKET): [],
    }
    refused: dict[tuple[GhgPlace, Method], list[Posting]] = {}
    for one in postings:
        if one.place is None or one.role is not Role.PRIMARY or one.book is not Book.INVENTORY:
            continue
        key = (one.place, one.method)
        (groups if one.in_ghg else refused).setdefault(key, []).append(one)
    for key in refused:
        groups.setdefault(key, [])
    present = {place.category for place, _ in groups}
    for category in CATEGORIES:
        if category not in present:
            groups[GhgPlace(3, category), Method.NONE] = []
    return [
        _line(key, groups[key], refused.get(key, []), statements)
        for key in sorted(groups, key=lambda key: (key[0], list(Method).index(key[1])))
    ]


def _line(
    key: tuple[GhgPlace, Method],
    found: list[Posting],
    refused: list[Posting],
    statements: Mapping[GhgPlace, Statement],
) -> Line:
    place, method = key
    said = statements.get(place) or statements.get(place._replace(subcategory=""))
    statement = said or Statement()
    total = summed(found, refused)
    return Line(
        place=place,
        method=method,
        total=total,
        status=_status(total, statement),
        statement=statement,
        rules=tuple(sorted({one.rule for one in found + refused if one.rule})),
    )


def _status(total: Sum, statement: Statement) -> Status:
    if total.grams is not None:
        if total.unpriced or total.refused:
            return Status.INCOMPLETE
        return Status.CALCULATED if total.grams else Status.ZERO
    return Status.EXCLUDED if statement.is_excluded else Status.NOT_EVALUATED


def ghg_total(lines: Iterable[Line], method: Method) -> Fraction | None:
    """Return grams of scopes 1 to 3 with scope 2 by `method`: location or market, never both.

    None where no line has a number. Raises ValueError for another method.
    """
    if method is Method.NONE:
        raise ValueError("scope 2 is summed by location or by market")
    return sum_of_known(line.total.grams for line in lines if line.method in (Method.NONE, method))


def sum_of_known(found: Iterable[Fraction | None]) -> Fraction | None:
    """Return the sum of what is known; None, and not 0, where nothing is."""
    known = [one for one in found if one is not None]
    return sum(known, Fraction(0)) if known else None


def leaf_sums(postings: Iterable[Posting]) -> dict[TcsLeaf, Sum]:
    """Return what is in the TCS total, by leaf; a leaf without postings is not evaluated."""
    found: dict[TcsLeaf, list[Posting]] = {}
    for one in postings:
        if one.in_tcs and one.leaf is not None:
            found.setdefault(one.leaf, []).append(one)
    return {leaf: summed(found[leaf]) for leaf in TcsLeaf if leaf in found}


def require_invariants(postings: Iterable[Posting]) -> None:
    """Raise ValueError naming two primary postings of one thing, stage, time and method.

    In one and the same total: what is sold has its end in the inventory, and in the TCS, by
    themselves. A bug, not a mistake of the operator's: a report that counts twice must not come
    out.
    """
    seen: dict[tuple[object, ...], Posting] = {}
    for one in postings:
        if one.role is not Role.PRIMARY:
            continue
        when = (one.start_unix_seconds, one.end_unix_seconds)
        key = (one.subject, one.stage, one.book, one.method, when, one.factor, one.evidence)
        for total, is_in in (("GHG", one.in_ghg), ("TCS", one.in_tcs)):
            other = seen.setdefault((*key, total), one) if is_in else one
            if other is not one:
                places = f"{other.place} and {one.place}"
                raise ValueError(
                    f"{one.subject}: two primary postings of {one.stage} in the {total} total, at "
                    f"{places}"
                )
