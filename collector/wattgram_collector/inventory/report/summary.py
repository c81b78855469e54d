"""PURE. What the command says of a run when it is done: the totals, and what is in none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.inventory.lines import Line, Status, Sum, ghg_total, sum_of_known
from wattgram_collector.inventory.places import CATEGORIES, GhgPlace
from wattgram_collector.inventory.postings import Method
from wattgram_collector.inventory.result import Inventory, Unknown

_SHOWN_MAX: Final = 5
_TEN: Final = 10
_ROW: Final = "  {:<34} {:>16}  {}"
_LETTERS: Final = {
    "U": "upstream",
    "O": "operational",
    "G": "generators",
    "C": "indirect",
    "D": "downstream",
}
_KNOWN: Final = frozenset({Status.CALCULATED, Status.INCOMPLETE, Status.ZERO})


def summary(inventory: Inventory) -> Iterator[str]:
    """Yield a short table of a run."""
    period = inventory.period
    whose = inventory.settings.organisation
    unit = f", unit {inventory.org_unit}" if inventory.org_unit else ""
    yield (
        f"{whose}{unit}: {period.name}, {period.first} to before {period.after}"
        f" ({period.timezone}), {_state(inventory)}"
    )
    yield from _ghg(inventory.lines)
    yield from _tcs(inventory)
    yield from _categories(inventory.lines)
    yield from _beyond(inventory.unknown)
    yield from _some("warning", list(inventory.warnings))


def _state(inventory: Inventory) -> str:
    closed = inventory.closed
    if closed is None:
        return "a draft: not closed"
    since = f", {closed.corrections} rows of corrections since" if closed.corrections else ""
    return f"closed on {closed.day} (journal entry {closed.entry}){since}"


def _ghg(lines: Sequence[Line]) -> Iterator[str]:
    yield "GHG Protocol"
    for scope, method, name in (
        (1, Method.NONE, "scope 1"),
        (2, Method.LOCATION, "scope 2, location-based"),
        (2, Method.MARKET, "scope 2, market-based"),
        (3, Method.NONE, "scope 3"),
    ):
        mine = [one for one in lines if one.place.scope == scope and one.method is method]
        grams = sum_of_known(one.total.grams for one in mine)
        yield _row(name, grams, _missing(mine, grams))
    for method in (Method.LOCATION, Method.MARKET):
        yield _row(f"total, {method}-based", ghg_total(lines, method))


def _missing(mine: Sequence[Line], grams: Fraction | None) -> str:
    """Return in words what of some lines has no number."""
    is_part = any(one.total.unpriced or one.total.refused for one in mine)
    if grams is None:
        return "not priced: no factor, or none that fits" if is_part else "not evaluated"
    return "a part has no factor, or one that does not fit" if is_part else ""


def _tcs(inventory: Inventory) -> Iterator[str]:
    yield "Technology Carbon Standard"
    sums: dict[str, list[Sum]] = {letter: [] for letter in _LETTERS}
    for leaf, one in inventory.leaves.items():
        sums[leaf.letter].append(one)
    for letter, name in _LETTERS.items():
        yield _row(f"{letter}  {name}", sum_of_known(one.grams for one in sums[letter]))
    yield _row("total", sum_of_known(one.grams for one in inventory.leaves.values()))


def _categories(lines: Sequence[Line]) -> Iterator[str]:
    states: dict[int, set[Status]] = {category: set() for category in CATEGORIES}
    for one in lines:
        if one.place.category:
            states[one.place.category].add(one.status)
    known = [category for category, found in states.items() if found & _KNOWN]
    excluded = [category for category, found in states.items()
                if Status.EXCLUDED in found and category not in known]  # fmt: skip
    others = [category for category in CATEGORIES if category not in {*known, *excluded}]
    text = f"scope 3: {len(known)} of {len(CATEGORIES)} categories calculated"
    text += f", {len(excluded)} excluded" if excluded else ""
    names = ", ".join(str(GhgPlace(3, category)) for category in others)
    yield text + (f", {len(others)} not evaluated: {names}" if others else "")


def _beyond(unknown: Sequence[Unknown]) -> Iterator[str]:
    if not unknown:
        return
    energy = sum_of_known(one.kilowatt_hours for one in unknown)
    kwh = f", {_shown(energy, 1)} kWh" if energy else ""
    yield f"in no total: {len(unknown)}{kwh}"
    largest = sorted(unknown, key=lambda one: (-(one.kilowatt_hours or 0), one.subject))
    yield from _listed([f"{one.subject}: {one.why}" for one in largest])


def _some(word: str, found: Sequence[str]) -> Iterator[str]:
    if found:
        yield f"{len(found)} {word}{'s' if len(found) > 1 else ''}"
        yield from _listed(found)


def _listed(found: Sequence[str]) -> Iterator[str]:
    yield from (f"  {one}" for one in found[:_SHOWN_MAX])
    if len(found) > _SHOWN_MAX:
        yield f"  and {len(found) - _SHOWN_MAX} more"


def _row(name: str, grams: Fraction | None, words: str = "") -> str:
    if grams is None:
        return _ROW.format(name, "-", words or "not evaluated")
    return _ROW.format(name, f"{_shown(grams / GRAMS_PER_KILOGRAM, 3)} kg", words).rstrip()


def _shown(value: Fraction, places: int) -> str:
    """Return a number with so many digits behind the point; what is small is not shown as 0."""
    least = Fraction(1, _TEN**places)
    if 0 < value < least / 2:
        return f"< {float(least):.{places}f}"
    return f"{float(value):,.{places}f}"
