"""PURE. Postings that are alike as one: what several factors of one evidence have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.inventory.postings import Posting

_ORDER: Final = (Quality.MEASURED, Quality.DECLARED, Quality.MODELLED, Quality.DEFAULT)


def alike_once(found: Iterable[Posting]) -> Iterator[Posting]:
    """Yield the postings, those of one factor, place and evidence as one.

    Hours of several kinds of factors share the same fuel supply: that is one posting of it.
    """
    same: dict[tuple[object, ...], Posting] = {}
    for one in found:
        key = (one.subject, one.start_unix_seconds, one.end_unix_seconds, one.stage, one.place,
               one.leaf, one.method, one.role, one.factor, one.in_ghg, one.evidence)  # fmt: skip
        other = same.get(key)
        same[key] = one if other is None else _both(other, one)
    yield from same.values()


def worse(one: Quality, other: Quality) -> Quality:
    return max(one, other, key=_ORDER.index)


def _both(one: Posting, other: Posting) -> Posting:
    """Return two postings as one; of two PUEs none, since the quantity is the facility's."""
    quantity = (one.quantity or Fraction(0)) + (other.quantity or Fraction(0))
    grams = value = None
    if one.grams is not None and other.grams is not None:
        grams = one.grams + other.grams
        weight = quantity * one.alpha
        value = grams / weight / GRAMS_PER_KILOGRAM if weight else one.factor_value
    return replace(
        one,
        quantity=quantity,
        grams=grams,
        factor_value=value,
        pue=one.pue if one.pue == other.pue else Fraction(1),
        tier_activity=worse(one.tier_activity, other.tier_activity),
        tier_factor=worse(one.tier_factor, other.tier_factor),
    )
