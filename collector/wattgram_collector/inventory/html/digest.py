"""PURE. One pass over the rows of a run: what is large, how it was made, how well it is known.

The totals of a report are those of its lines, exact. What is told here of parts of them is for
reading: in floats, in the order of the rows, so that the same rows give the same figures.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from wattgram.readings import Quality
from wattgram_collector.inventory.html.methods import How, how
from wattgram_collector.inventory.lines import TIER_UNCERTAINTY_RATIOS
from wattgram_collector.inventory.places import GhgPlace, TcsLeaf
from wattgram_collector.inventory.postings import Book, Method, Posting, Role
from wattgram_collector.inventory.report.ledger_file import Row

LARGEST: Final = 5
"""How many postings of a line are shown where all would be too many."""
K = TypeVar("K")
TIERS: Final = (Quality.MEASURED, Quality.DECLARED, Quality.MODELLED, Quality.DEFAULT)


@dataclass(slots=True)
class Tally:
    """What some postings come to. Grams are of those that a factor prices."""

    grams: float = 0.0
    postings: int = 0
    unpriced: int = 0
    tiers: dict[Quality, float] = field(default_factory=dict)
    factors: dict[str, float] = field(default_factory=dict)
    """Half width of the 95 % interval in grams, by factor."""
    methods: dict[How, float] = field(default_factory=dict)
    largest: list[tuple[float, int]] = field(default_factory=list)
    """A heap of grams and minus the row's number; empty where nobody asks for it."""

    def add(self, one: Posting, made: How) -> None:
        self.postings += 1
        if one.grams is None:
            self.unpriced += 1
            self.methods.setdefault(made, 0.0)
            return
        grams = float(one.grams)
        self.grams += grams
        self.tiers[one.tier] = self.tiers.get(one.tier, 0.0) + grams
        self.methods[made] = self.methods.get(made, 0.0) + grams
        ratio = one.uncertainty_ratio
        half = grams * float(TIER_UNCERTAINTY_RATIOS[one.tier] if ratio is None else ratio)
        self.factors[one.factor] = self.factors.get(one.factor, 0.0) + half

    def keep(self, grams: float, number: int) -> None:
        """Remember a row if it is one of the largest; of equal ones the first."""
        if len(self.largest) < LARGEST:
            heapq.heappush(self.largest, (grams, -number))
        else:
            heapq.heappushpop(self.largest, (grams, -number))

    def merge(self, other: Tally) -> None:
        """Add what another comes to; which rows are its largest is not taken over."""
        self.grams += other.grams
        self.postings += other.postings
        self.unpriced += other.unpriced
        for tier, grams in other.tiers.items():
            self.tiers[tier] = self.tiers.get(tier, 0.0) + grams
        for factor, half in other.factors.items():
            self.factors[factor] = self.factors.get(factor, 0.0) + half
        for made, grams in other.methods.items():
            self.methods[made] = self.methods.get(made, 0.0) + grams

    @property
    def is_known(self) -> bool:
        """Whether any of it has a price: else its grams are not zero, but unknown."""
        return self.postings > self.unpriced

    @property
    def shares(self) -> dict[Quality, float]:
        """Return the part of the grams by tier, best known first; empty where there are none."""
        if not self.grams:
            return {}
        return {tier: self.tiers[tier] / self.grams for tier in TIERS if tier in self.tiers}

    @property
    def uncertainty_ratio(self) -> float | None:
        """As the lines have it: one factor's grams are off together, factors independently."""
        if not self.grams:
            return None
        return math.sqrt(sum(half * half for half in self.factors.values())) / self.grams

    @property
    def numbers(self) -> list[int]:
        """Return the numbers of the largest rows, the largest first."""
        return [-number for _, number in sorted(self.largest, reverse=True)]

    @property
    def words(self) -> tuple[str, ...]:
        """Return the methods in words, what made most first, each once."""
        ordered = sorted(self.methods.items(), key=lambda one: (-one[1], one[0].words))
        return tuple(dict.fromkeys(made.words for made, _ in ordered))


Key = tuple[GhgPlace, Method]


@dataclass(slots=True)
class Digest:
    """All that a report tells of its postings beside their lines."""

    rows: list[Row]
    """What holds: without what was reversed."""
    reversed_rows: int = 0
    location: Tally = field(default_factory=Tally)
    market: Tally = field(default_factory=Tally)
    tcs: Tally = field(default_factory=Tally)
    amortised: Tally = field(default_factory=Tally)
    """Book B of what is the organisation's: beside the totals, never in the GHG's."""
    lines: dict[Key, Tally] = field(default_factory=dict)
    leaves: dict[TcsLeaf, Tally] = field(default_factory=dict)
    assets: dict[str, Tally] = field(default_factory=dict)
    activities: dict[str, Tally] = field(default_factory=dict)
    sites: dict[str, Tally] = field(default_factory=dict)
    services: dict[str, Tally] = field(default_factory=dict)
    units: dict[str, Tally] = field(default_factory=dict)
    memos: dict[str, Tally] = field(default_factory=dict)
    """By why they are in no total."""
    factors: dict[str, float] = field(default_factory=dict)
    """Grams that each priced of what is in a total."""
    methods: dict[How, int] = field(default_factory=dict)
    """How many postings were made so."""


def digest(rows: Iterable[Row], site_of: Mapping[str, str]) -> Digest:
    """Return what the rows of a run come to."""
    kept = list(rows)
    gone = {row.reverses for row in kept if row.reverses}
    held = [row for row in kept if not row.reverses and row.posting_id not in gone]
    found = Digest(rows=held, reversed_rows=len(gone))
    for number, row in enumerate(held):
        _take(found, number, row.posting, site_of)
    return found


def _take(found: Digest, number: int, one: Posting, site_of: Mapping[str, str]) -> None:
    made = how(one)
    found.methods[made] = found.methods.get(made, 0) + 1
    is_counted = one.role is Role.PRIMARY and (one.in_ghg or one.in_tcs)
    if one.factor and one.grams is not None and is_counted:
        found.factors[one.factor] = found.factors.get(one.factor, 0.0) + float(one.grams)
    if one.role is not Role.PRIMARY:
        _of(found.memos, _why(one)).add(one, made)
        return
    if one.book is Book.AMORTISED:
        found.amortised.add(one, made)
    if one.in_tcs and one.leaf is not None:
        found.tcs.add(one, made)
        _kept(_of(found.leaves, one.leaf), one, made, number)
    if one.place is not None and one.book is Book.INVENTORY and not one.in_ghg:
        _of(found.memos, _why(one)).add(one, made)
    if one.in_ghg and one.place is not None:
        _in_ghg(found, number, (one.place, one.method), one, made)
        if one.method is not Method.MARKET:
            _by_origin(found, one, made, site_of)


def _in_ghg(found: Digest, number: int, key: Key, one: Posting, made: How) -> None:
    _kept(_of(found.lines, key), one, made, number)
    if one.method is not Method.LOCATION:
        found.market.add(one, made)
    if one.method is not Method.MARKET:
        found.location.add(one, made)


def _by_origin(found: Digest, one: Posting, made: How, site_of: Mapping[str, str]) -> None:
    kind, _, name = one.subject.partition("/")
    groups = [(found.services, one.service), (found.units, one.org_unit)]
    if kind == "asset":
        groups += [(found.assets, name), (found.sites, site_of.get(name, ""))]
    else:
        groups += [(found.activities, name)]
    for group, key in groups:
        if key:
            _of(group, key).add(one, made)


def _kept(tally: Tally, one: Posting, made: How, number: int) -> None:
    tally.add(one, made)
    tally.keep(-1.0 if one.grams is None else float(one.grams), number)


def _of(group: dict[K, Tally], key: K) -> Tally:
    found = group.get(key)
    if found is None:
        found = group[key] = Tally()
    return found


def _why(one: Posting) -> str:
    """Return why a posting is in no total; the same words for the same reason."""
    if one.role is Role.ALLOCATION:
        return "a share of what is posted elsewhere"
    return one.note.rpartition("; ")[2] or how(one).words
