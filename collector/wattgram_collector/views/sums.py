"""PURE. Sums of the ledger to totals: what was used and emitted, in joules and grams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.readings import Quality
from wattgram.units import MICROJOULES_PER_JOULE
from wattgram_collector.accounting.emissions import Account, Amount, Part, Pricing, shares
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Intensity, Tier
from wattgram_collector.ledger.sums import CountedSum, PostedSum
from wattgram_collector.views.model import Total

_RATES_MAX: Final = 20_000
_ADDED: Final = {
    Part.OVERHEAD: "overhead_grams",
    Part.NETWORK: "network_grams",
    Part.LOSSES: "loss_grams",
    Part.UPSTREAM: "upstream_grams",
}


class Rate(NamedTuple):
    """What one unit of a posting comes to. All are None or 0 where they have no meaning."""

    tier: Tier | None
    grams: float
    unpriced_joules: float
    others: tuple[tuple[str, float], ...]
    """Grams of the parts that are beside the host's own, by the field of a total."""


class Rates:
    """The rates of postings, each worked out once: they are few, and postings are many."""

    def __init__(self) -> None:
        self._known: dict[tuple[Account, Terms, Intensity | None], Rate] = {}

    def of(self, account: Account, terms: Terms, factor: Intensity | None) -> Rate:
        """Return the rate of a posting."""
        key = (account, terms, factor)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _RATES_MAX:
                self._known.clear()
            found = self._known[key] = _rate(*key)
        return found


def _rate(account: Account, terms: Terms, factor: Intensity | None) -> Rate:
    pricing = Pricing.of(account, terms, factor)
    host, unpriced = Fraction(0), Fraction(0)
    others: dict[str, Fraction] = {}
    for share in shares(pricing, Amount(0).plus(1, factor)):
        if share.part is Part.HOST and share.grams is None:
            unpriced += share.energy_microjoules / MICROJOULES_PER_JOULE
        elif share.part is Part.HOST:
            host += share.grams or 0
        elif share.part in _ADDED and share.grams is not None:
            name = _ADDED[share.part]
            others[name] = others.get(name, Fraction(0)) + share.grams
    tier = pricing.tier if account is Account.HOST else None
    named = tuple((name, float(grams)) for name, grams in others.items())
    return Rate(tier, float(host), float(unpriced), named)


class Sum:
    """A total that is being added up."""

    __slots__ = ("grams", "microjoules", "others", "unpriced_joules")

    def __init__(self) -> None:
        self.microjoules: dict[Quality, int] = {}
        self.grams: dict[Tier, float] = {}
        self.unpriced_joules = 0.0
        self.others: dict[str, float] = {}

    def post(self, rate: Rate, quantity: int) -> None:
        """Add a posting."""
        if rate.tier is not None:
            self.grams[rate.tier] = self.grams.get(rate.tier, 0.0) + rate.grams * quantity
        self.unpriced_joules += rate.unpriced_joules * quantity
        for name, grams in rate.others:
            self.others[name] = self.others.get(name, 0.0) + grams * quantity

    def count(self, quality: Quality, microjoules: int) -> None:
        """Add energy of a counted meter."""
        self.microjoules[quality] = self.microjoules.get(quality, 0) + microjoules

    def add(self, other: Sum) -> None:
        """Add another one."""
        for quality, microjoules in other.microjoules.items():
            self.count(quality, microjoules)
        for tier, grams in other.grams.items():
            self.grams[tier] = self.grams.get(tier, 0.0) + grams
        self.unpriced_joules += other.unpriced_joules
        for name, grams in other.others.items():
            self.others[name] = self.others.get(name, 0.0) + grams

    def total(self) -> Total:
        """Return what it is now."""
        return Total(
            energy_joules_by_quality={
                quality: self.microjoules[quality] / MICROJOULES_PER_JOULE
                for quality in Quality
                if quality in self.microjoules
            },
            grams_by_tier={tier: self.grams[tier] for tier in Tier if tier in self.grams},
            unpriced_joules=self.unpriced_joules,
            **self.others,
        )


Cells = dict[tuple[int, int], Sum]
"""By group and slot."""


def cells_of(posted: Iterable[PostedSum], counted: Iterable[CountedSum], rates: Rates) -> Cells:
    """Return the sums by group and slot; both are by slot."""
    cells: Cells = {}
    for one in posted:
        rate = rates.of(one.account, one.terms, one.factor)
        _cell(cells, one.group, one.slot).post(rate, one.quantity)
    for energy in counted:
        _cell(cells, energy.group, energy.slot).count(energy.quality, energy.quantity)
    return cells


def _cell(cells: Cells, group: int, slot: int | None) -> Sum:
    key = (group, slot or 0)
    found = cells.get(key)
    if found is None:
        found = cells[key] = Sum()
    return found


def added(sums: Iterable[Sum]) -> Total | None:
    """Return the total of all; None where nobody measured or modelled any energy."""
    whole = Sum()
    for one in sums:
        whole.add(one)
    return whole.total() if whole.microjoules else None


def added_by(sums: Mapping[int, Sum], labels: Mapping[int, str]) -> dict[str, Total]:
    """Return the totals by the label of each group, of those that used energy."""
    found: dict[str, Sum] = {}
    for group, one in sums.items():
        found.setdefault(labels[group], Sum()).add(one)
    return {label: whole.total() for label, whole in found.items() if whole.microjoules}
