"""PURE. Everything ever added for one agent, as integers: exact, and cheap for every batch.

What a sum of postings comes to is a fraction of grams; it is made of the integers when somebody
looks, not with every batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from typing import Final, NamedTuple

from wattgram.readings import Series
from wattgram_collector.accounting.emissions import Account, Amount, Pricing
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Intensity
from wattgram_collector.ledger.entries import Outcome, Tally, TallyKey

_PLACES_REMEMBERED: Final = 32
"""Of one agent: three accounts, and a factor that is another in every slot."""


class Sum:
    """Postings added up: the quantity, and quantities times intensities as `weighted / scale`."""

    __slots__ = ("quantity", "scale", "weighted")

    def __init__(self) -> None:
        self.quantity = 0
        self.weighted = 0
        self.scale = 1

    def add(self, quantity: int, numerator: int, denominator: int) -> None:
        """Add a quantity whose intensity is `numerator / denominator` g/kWh."""
        self.quantity += quantity
        if self.scale == denominator:
            self.weighted += quantity * numerator
            return
        scale = lcm(self.scale, denominator)
        self.weighted = self.weighted * (scale // self.scale) + quantity * numerator * (
            scale // denominator
        )
        self.scale = scale

    def join(self, amount: Amount) -> None:
        """Add a sum that was made elsewhere."""
        self.quantity += amount.quantity
        self.weighted, self.scale = (
            Fraction(self.weighted, self.scale) + amount.weighted
        ).as_integer_ratio()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sum) and self.amount == other.amount

    __hash__ = None  # type: ignore[assignment]  # it grows

    @property
    def amount(self) -> Amount:
        """The same as exact numbers."""
        return Amount(self.quantity, Fraction(self.weighted, self.scale))


class _Place(NamedTuple):
    """Where what has these very terms and this very factor is added, and by what it is weighed.

    Holds both, so that no others can come to be known by their identities.
    """

    sum: Sum
    numerator: int
    denominator: int
    terms: Terms
    factor: Intensity | None


@dataclass(slots=True)
class AgentTotals:
    """Everything ever added for one agent; exact integers."""

    series: dict[int, Series] = field(default_factory=dict)
    usage: dict[int, int] = field(default_factory=dict)
    """By key of `series`."""
    sums: dict[Pricing, Sum] = field(default_factory=dict)
    adjustment: Fraction = Fraction(0)
    """By how much restatements changed the host's emissions: microjoules times g/kWh."""
    tallies: dict[TallyKey, int] = field(default_factory=dict)
    additions: int = field(default=0, compare=False)
    """How often something was added: what is made of the totals is as old as that."""
    # When a key was first added to, by this process; keys that were read back are older.
    first_added_nanoseconds: dict[object, int] = field(default_factory=dict)
    _places: dict[tuple[str, int, int], _Place] = field(
        default_factory=dict, repr=False, compare=False
    )
    """By account and the identities of terms and factor: to compare them would cost more."""

    @property
    def postings(self) -> Mapping[Pricing, Amount]:
        """What the postings come to, as it is now."""
        return {pricing: one.amount for pricing, one in self.sums.items()}

    def add(self, outcome: Outcome, now_nanoseconds: int) -> None:
        """Add what the ledger has added, now on the monotonic clock: nobody sets that one."""
        if not outcome.is_new:
            return
        self.additions += 1
        entry = outcome.entry
        usage, places, tallies = self.usage, self._places, self.tallies
        for (series, _), quantity in entry.usage.items():
            if series not in usage:
                usage[series] = 0
                self.first_added_nanoseconds[series] = now_nanoseconds
            usage[series] += quantity
        for (account, _, terms, factor), quantity in entry.postings.items():
            place = places.get((account, id(terms), id(factor)))
            if place is None:
                place = self._new_place(account, terms, factor, now_nanoseconds)
            place[0].add(quantity, place[1], place[2])
        for tally, count in entry.tallies.items():
            tallies[tally] = tallies.get(tally, 0) + count
        if outcome.missing:
            missing = (Tally.MISSING_BATCHES, "")
            tallies[missing] = tallies.get(missing, 0) + outcome.missing

    def restore(self, pricing: Pricing, amount: Amount) -> None:
        """Add what was posted before this process began."""
        self.additions += 1
        self.sums.setdefault(pricing, Sum()).join(amount)

    def _new_place(
        self, account: Account, terms: Terms, factor: Intensity | None, now_nanoseconds: int
    ) -> _Place:
        pricing = Pricing.of(account, terms, factor)
        if pricing not in self.sums:
            self.sums[pricing] = Sum()
            self.first_added_nanoseconds[pricing] = now_nanoseconds
        numerator, denominator = (0, 1) if factor is None else factor.value.as_integer_ratio()
        place = _Place(self.sums[pricing], numerator, denominator, terms, factor)
        if len(self._places) >= _PLACES_REMEMBERED:
            self._places.clear()
        self._places[account, id(terms), id(factor)] = place
        return place
