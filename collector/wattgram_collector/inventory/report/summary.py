"""PURE. What the command says of a run when it is done: the totals, and what is in none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Final

from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.inventory.lines import Line, Status, Sum, ghg_total
from wattgram_collector.inventory.places import CATEGORIES, GhgPlace
from wattgram_collector.inventory.postings import Method
from wattgram_collector.inventory.result import Inventory, Unknown

_SHOWN_MAX: Final = 5
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
        known = [one.total.grams for one in mine if one.total.grams is not None]
        grams = sum(known, Fraction(0)) if known else None
        is_part = any(one.status is Status.INCOMPLETE for one in mine)
        words = "a part has no factor, or one that does not fit" if is_part else ""
        yield _row(name, grams, words if known else "not evaluated")
    for method in (Method.LOCATION, Method.MARKET):
        yield _row(f"total, {method}-based", ghg_total(lines, method), "")


def _tcs(inventory: Inventory) -> Iterator[str]:
    yield "Technology Carbon Standard"
    sums: dict[str, list[Sum]] = {letter: [] for letter in _LETTERS}
    for leaf, one in inventory.leaves.items():
        sums[leaf.letter].append(one)
    total = Fraction(0)
    for letter, name in _LETTERS.items():
        known = [one.grams for one in sums[letter] if one.grams is not None]
        total += sum(known, Fraction(0))
        grams = sum(known, Fraction(0)) if known else None
        yield _row(f"{letter}  {name}", grams, "" if known else "not evaluated")
    yield _row("total", total, "")


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
    energy = sum((one.kilowatt_hours or Fraction(0) for one in unknown), Fraction(0))
    kwh = f", {float(energy):,.1f} kWh" if energy else ""
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


def _row(name: str, grams: Fraction | None, words: str) -> str:
    text = "-" if grams is None else f"{float(grams / GRAMS_PER_KILOGRAM):,.3f} kg"
    return _ROW.format(name, text, words).rstrip()


def as_lines(found: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in found)
