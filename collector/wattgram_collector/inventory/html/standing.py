"""PURE. A run of the inventory with its digest, its totals and its words: what all parts show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Final

from wattgram_collector.inventory.html.beside import Beside
from wattgram_collector.inventory.html.digest import Digest, Key, Tally, digest
from wattgram_collector.inventory.html.figures import Basis, basis_of, basis_of_sum, methods_words
from wattgram_collector.inventory.lines import Line, Status, ghg_total, sum_of_known
from wattgram_collector.inventory.places import CATEGORIES, CATEGORY_NAMES, GhgPlace, TcsLeaf
from wattgram_collector.inventory.postings import Method
from wattgram_collector.inventory.result import Inventory

STATUS_WORDS: Final[Mapping[Status, str]] = {
    Status.CALCULATED: "calculated",
    Status.INCOMPLETE: "incomplete",
    Status.ZERO: "zero",
    Status.EXCLUDED: "excluded",
    Status.NOT_EVALUATED: "not evaluated",
}
METHOD_WORDS: Final[Mapping[Method, str]] = {
    Method.LOCATION: "location-based",
    Method.MARKET: "market-based",
    Method.NONE: "",
}
SCOPE_NAMES: Final = {
    1: "Direct emissions",
    2: "Purchased electricity",
    3: "Value chain",
}
LEAF_NAMES: Final[Mapping[TcsLeaf, str]] = {
    leaf: leaf.value.partition(".")[2].replace("_", " ") for leaf in TcsLeaf
}
LETTER_NAMES: Final = {
    "U": "Upstream",
    "O": "Operational",
    "G": "Generators",
    "C": "Indirect (cloud, SaaS, remote)",
    "D": "Downstream",
}
_SUBCATEGORIES: Final = {
    "3a": "supply of fuels",
    "3b": "supply of electricity",
    "3c": "losses of the grid",
    "3d": "electricity sold on",
}
_KNOWN: Final = frozenset({Status.CALCULATED, Status.INCOMPLETE, Status.ZERO})


@dataclass(frozen=True)
class Standing:
    """Everything that a part of the report is made of."""

    inventory: Inventory
    beside: Beside = field(default_factory=Beside)

    @cached_property
    def digest(self) -> Digest:
        sites = {one.get("asset_id", ""): one.get("site", "") for one in self.inventory.assets}
        return digest(self.inventory.rows, sites)

    @property
    def last_day(self) -> date:
        """Of the period, which has it inside."""
        return self.inventory.period.after - timedelta(days=1)

    def total_grams(self, method: Method) -> Fraction | None:
        return ghg_total(self.inventory.lines, method)

    @cached_property
    def tcs_grams(self) -> Fraction | None:
        return sum_of_known(one.grams for one in self.inventory.leaves.values())

    @property
    def publications(self) -> list[str]:
        """Return what the factors were taken from, each with the licence that asks to be named."""
        found = {
            (one.source, one.licence) for one in self.inventory.factors.values() if one.licence
        }
        return [f"{source}: {licence}" for source, licence in sorted(found)]

    def tally(self, line: Line) -> Tally:
        return self.digest.lines.get((line.place, line.method)) or Tally()

    def basis(self, line: Line) -> Basis:
        """Return how a line was made: the method of scope 2, then those of its postings."""
        words = [word for word in (METHOD_WORDS[line.method],) if word]
        words += self.tally(line).words
        return basis_of_sum(line.total, methods_words(words))

    def leaf_basis(self, leaf: TcsLeaf) -> Basis:
        return basis_of(self.digest.leaves.get(leaf) or Tally())

    @cached_property
    def categories(self) -> dict[Status, int]:
        """Return how many of the 15 categories are in which state; the best of its lines."""
        found: dict[Status, int] = {}
        for category in CATEGORIES:
            states = {line.status for line in self.inventory.lines
                      if line.place.scope == 3 and line.place.category == category}  # fmt: skip # noqa: PLR2004
            state = next(one for one in Status if one in states)
            found[state] = found.get(state, 0) + 1
        return found

    @property
    def evaluated(self) -> int:
        return sum(number for state, number in self.categories.items() if state in _KNOWN)


def line_name(line: Line) -> str:
    """Return 2 Purchased electricity, or 3.3 3b supply of electricity."""
    place = line.place
    if not place.category:
        way = METHOD_WORDS[line.method]
        name = f"Scope {place.scope} {SCOPE_NAMES[place.scope].lower()}"
        return f"{name}, {way}" if way else name
    name = CATEGORY_NAMES[place.category]
    if place.subcategory:
        name = f"{name}: {_SUBCATEGORIES.get(place.subcategory, place.subcategory)}"
    return f"3.{place.category} {name}"


def part_name(line: Line) -> str:
    """Return the name of a part of a category below it: 3b supply of electricity."""
    part = line.place.subcategory
    if not part:
        return "all else"
    known = _SUBCATEGORIES.get(part)
    return f"{part} {known}" if known else part


def line_id(key: Key) -> str:
    """Return the anchor of a line's postings."""
    place, method = key
    parts = [str(place.scope), str(place.category or ""), place.subcategory]
    if method is not Method.NONE:
        parts.append(method.value)
    return "line-" + "-".join(part for part in parts if part)


def leaf_id(leaf: TcsLeaf) -> str:
    return f"leaf-{leaf.code.replace('.', '-')}"


def key_of(line: Line) -> tuple[GhgPlace, Method]:
    return line.place, line.method
