"""PURE. The seam of what was bought: a load in parts, each with a factor of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Intensity


class Bought(NamedTuple):
    """A part of a load and what was bought for it. The parts of a load add up to 1."""

    factor: Intensity | None
    share: Fraction


class MarketBook(ABC):
    """A book that may have several factors for one load: what contracts cover, and the rest."""

    @abstractmethod
    def bought(self, terms: Terms, unix_seconds: int) -> Sequence[Bought]:
        """Return what was bought for a load at that time."""


def shared_out(quantity: int, shares_of_it: Sequence[Fraction]) -> list[int]:
    """Return integers that add up to the quantity, in the proportion of shares that add up to 1.

    They are differences of the rounded-down cumulative; the last has what is left.
    """
    borders, cumulative = [0], Fraction(0)
    for share in shares_of_it[:-1]:
        cumulative += share
        borders.append(quantity * cumulative.numerator // cumulative.denominator)
    borders.append(quantity)
    return [until - from_ for from_, until in pairwise(borders)]
