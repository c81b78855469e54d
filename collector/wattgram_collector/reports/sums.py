"""PURE. Postings added up by how they were priced: integers until they are read.

A year of a fleet is billions of postings. Each costs a few additions of integers here and is let
go of; fractions are made of the sums, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from wattgram_collector.accounting.emissions import Account, Amount, Pricing
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Intensity


class Rate(NamedTuple):
    """What a posting is multiplied with: an intensity of `numerator / denominator` g/kWh."""

    cell: int
    """Of all rates that may be summed as they are."""
    numerator: int
    denominator: int
    pricing: Pricing


class Rates:
    """The rates of postings. One of it for all sums that are to be compared."""

    def __init__(self) -> None:
        self._of: dict[tuple[int, int, int], Rate] = {}
        self._kept: list[object] = []
        self._cells: dict[tuple[Pricing, int], int] = {}
        self._meaning: list[tuple[Pricing, int]] = []

    def of(self, account: Account, terms: Terms, factor: Intensity | None) -> Rate:
        """Return the rate of a posting."""
        # By identity: to hash what a ledger gives for every row costs more than to add it. They
        # are kept, so that nobody else gets the same identity.
        key = (id(account), id(terms), id(factor))
        found = self._of.get(key)
        if found is None:
            self._kept.append((account, terms, factor))
            found = self._of[key] = self._made(account, terms, factor)
        return found

    def _made(self, account: Account, terms: Terms, factor: Intensity | None) -> Rate:
        value = Fraction(0) if factor is None else factor.value
        pricing = Pricing.of(account, terms, factor)
        meaning = (pricing, value.denominator)
        cell = self._cells.setdefault(meaning, len(self._meaning))
        if cell == len(self._meaning):
            self._meaning.append(meaning)
        return Rate(cell, value.numerator, value.denominator, pricing)

    def meaning(self, cell: int) -> tuple[Pricing, int]:
        """Return how the quantities of a cell were priced, and over what they are weighted."""
        return self._meaning[cell]

    def forget(self) -> None:
        """Let go of the factors that were seen; the sums stay."""
        self._of.clear()
        self._kept.clear()


class Sums:
    """Quantities, and quantities times intensities, by the cell of their rate."""

    __slots__ = ("_cells", "_rates")

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._cells: dict[int, list[int]] = {}

    def add(self, rate: Rate, quantity: int) -> None:
        """Add a posting; a negative quantity takes one away."""
        cell = self._cells.get(rate.cell)
        if cell is None:
            cell = self._cells[rate.cell] = [0, 0]
        cell[0] += quantity
        cell[1] += quantity * rate.numerator

    def amounts(self) -> Iterator[tuple[Pricing, Amount]]:
        """Yield what was posted, by how it was priced."""
        found: dict[Pricing, Amount] = {}
        for cell, (quantity, weighted) in self._cells.items():
            pricing, denominator = self._rates.meaning(cell)
            before = found.get(pricing, Amount(0))
            found[pricing] = Amount(
                before.quantity + quantity, before.weighted + Fraction(weighted, denominator)
            )
        yield from found.items()
