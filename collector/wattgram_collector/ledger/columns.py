"""PURE. What one agent posted, as columns: slots, what prices each, quantities.

Agents that were seen in the same slots and priced alike share the first two, and so everything
that follows from them. What is left to do for each of them is to add up integers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import compress
from math import lcm
from operator import mul
from typing import Final, NamedTuple

from wattgram_collector.accounting.emissions import Account, Amount
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Intensity
from wattgram_collector.ledger.sums import Family

_PARTS_KEPT: Final = 8


class Priced(NamedTuple):
    """A factor, taken apart once; one object for one factor, so that it is told by identity."""

    factor: Intensity | None
    """None: nothing prices it, and the number is 0."""
    family: Family | None
    """The same object for the same family."""
    numerator: int
    denominator: int


class Pricer:
    """Takes factors apart, each once."""

    def __init__(self) -> None:
        self._families: dict[Family, Family] = {}
        self._priced: dict[int, Priced] = {}

    def of(self, factor: Intensity | None) -> Priced:
        found = self._priced.get(id(factor))  # kept in what it leads to
        if found is None:
            found = self._priced[id(factor)] = self._made(factor)
        return found

    def _made(self, factor: Intensity | None) -> Priced:
        if factor is None:
            return Priced(None, None, 0, 1)
        family = Family.of(factor)
        value = factor.value
        return Priced(
            factor, self._families.setdefault(family, family), value.numerator, value.denominator
        )


class Rates:
    """The factors of one family in a pattern: which rows they price, and at how much."""

    __slots__ = ("distinct", "family", "mask", "numbers", "scale")

    def __init__(
        self, family: Family | None, factors: Sequence[Priced], mask: Sequence[bool] | None
    ) -> None:
        self.family = family
        self.mask = mask
        """Rows that are of the family; None: all are."""
        own = factors if mask is None else list(compress(factors, mask))
        by_identity = {id(one): one for one in own}
        self.distinct = {
            key: one.factor for key, one in by_identity.items() if one.factor is not None
        }
        """What prices it, by the identity of what was taken apart: once for each factor."""
        self.scale = lcm(1, *{one.denominator for one in by_identity.values()})
        """A number is the value in g/kWh times this."""
        scale = self.scale
        self.numbers = [one.numerator * (scale // one.denominator) for one in own]

    @property
    def factor(self) -> Intensity | None:
        """The one that prices all of it; None where there are more, or none."""
        return next(iter(self.distinct.values())) if len(self.distinct) == 1 else None

    def weigh(self, quantities: Sequence[int]) -> Amount:
        """Return the sum of the rows of the family, and what it weighs; exactly."""
        own = quantities if self.mask is None else list(compress(quantities, self.mask))
        weighted = sum(map(mul, own, self.numbers))
        return Amount(sum(own), Fraction(weighted, self.scale))


class Weighed(NamedTuple):
    """What the rows of one family come to."""

    rates: Rates
    amount: Amount


class Pattern:
    """Slots in order, and the factor of each; a slot may be there with several factors.

    The same object for all agents that are alike. Raises ValueError for slots out of order.
    """

    def __init__(self, slots: Sequence[int], factors: Sequence[Priced]) -> None:
        if sorted(slots) != list(slots):  # in C, of what is sorted already
            raise ValueError("slots are out of order")
        self.slots = slots
        self.factors = factors
        self._parts: dict[tuple[int, int], Pattern] = {}

    @cached_property
    def seen(self) -> Sequence[int]:
        """The slots, each once."""
        if len(set(self.slots)) == len(self.slots):
            return self.slots
        return list(dict.fromkeys(self.slots))

    @cached_property
    def rates(self) -> list[Rates]:
        """The rows by family, in the order in which the families appear."""
        families = [one.family for one in self.factors]
        distinct = list({id(one): one for one in families}.values())
        if len(distinct) == 1:
            return [Rates(distinct[0], self.factors, None)]
        return [
            Rates(family, self.factors, [one is family for one in families]) for family in distinct
        ]

    def between(self, first_slot: int, end_slot: int) -> tuple[int, int]:
        """Return the rows of `[first_slot, end_slot)`: the first, and the one after the last."""
        return bisect_left(self.slots, first_slot), bisect_left(self.slots, end_slot)

    def part(self, start: int, stop: int) -> Pattern:
        """Return rows as a pattern of their own, the same object again while it is asked for."""
        if (start, stop) == (0, len(self.slots)):
            return self
        found = self._parts.get((start, stop))
        if found is None:
            if len(self._parts) >= _PARTS_KEPT:
                self._parts.clear()
            found = Pattern(self.slots[start:stop], self.factors[start:stop])
            self._parts[start, stop] = found
        return found

    def weigh(self, quantities: Sequence[int]) -> Iterator[Weighed]:
        """Yield what the quantities of its rows come to, by family."""
        for rates in self.rates:
            yield Weighed(rates, rates.weigh(quantities))


class Column(NamedTuple):
    """What an agent posted to one account under the same terms."""

    account: Account
    terms: Terms
    pattern: Pattern
    quantities: Sequence[int]
    """In the unit of the account, one for each row of the pattern."""

    def between(self, first_slot: int, end_slot: int) -> Column | None:
        """Return the rows of `[first_slot, end_slot)`; None where there are none."""
        start, stop = self.pattern.between(first_slot, end_slot)
        if start == stop:
            return None
        part = self.pattern.part(start, stop)
        return self._replace(
            pattern=part,
            quantities=self.quantities if part is self.pattern else self.quantities[start:stop],
        )


class Posted(NamedTuple):
    """All that one agent posted in the slots that were asked for."""

    agent_key: int
    columns: Sequence[Column]
