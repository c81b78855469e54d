"""PURE. What one unit of a series, a posting or a tally shows: in which lines, and by how much.

A counter is so many units of what was added. `metrics` is asked once for each kind of thing, on
a host without a name; the lines of any host are those with its name put in.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

from wattgram.readings import Series
from wattgram_collector.accounting.emissions import Amount, Pricing
from wattgram_collector.exposition import families, metrics
from wattgram_collector.exposition.families import Family
from wattgram_collector.exposition.text import prefix
from wattgram_collector.ledger import TallyKey

_REMEMBERED: Final = 20_000
_NOBODY: Final = ""
PLACE: Final = {family: number for number, family in enumerate(families.HOST_FAMILIES)}
"""Where a family comes on the page."""


class Unit(NamedTuple):
    """One line: its family's place on the page, and what it has around the host's name: a line
    feed and what it begins with, and what is between the name and the number.
    """

    place: int
    before: str
    after: str
    by: Fraction
    """How much the line shows for one unit."""
    weighted_by: Fraction = Fraction(0)
    """How much it shows for one unit times g/kWh."""


def around(family: Family, labels: tuple[str, ...]) -> tuple[str, str]:
    """Return a line feed and what a line begins with, before and after the host, which is the
    first label.
    """
    text = f"\n{prefix(family, (_NOBODY, *labels))}"
    at = text.index('""') + 1
    return text[:at], text[at:]


def page() -> metrics.Page:
    """Return an empty page that takes every family."""
    return defaultdict(dict)


@lru_cache(maxsize=_REMEMBERED)
def of_series(series: Series, *, sensors: bool) -> tuple[Unit, ...]:
    """Return what a unit of a series shows: a microjoule, or a byte."""
    found = page()
    metrics.add_usage(found, _NOBODY, series, 1, sensors=sensors)
    return _units(found)


@lru_cache(maxsize=_REMEMBERED)
def of_pricing(pricing: Pricing) -> tuple[Unit, ...]:
    """Return what a unit of a posting shows, and a unit times g/kWh."""
    quantity, weighted = page(), page()
    metrics.add_posting(quantity, _NOBODY, pricing, Amount(1))
    metrics.add_posting(weighted, _NOBODY, pricing, Amount(0, Fraction(1)))
    return _units(quantity, weighted)


@lru_cache(maxsize=_REMEMBERED)
def of_tally(tally: TallyKey) -> tuple[Unit, ...]:
    """Return what one of a tally shows."""
    found = page()
    metrics.add_tally(found, _NOBODY, tally, 1)
    return _units(found)


def _units(found: metrics.Page, weighted: metrics.Page | None = None) -> tuple[Unit, ...]:
    return tuple(
        Unit(
            PLACE[family],
            *around(family, labels[1:]),
            Fraction(value),
            Fraction(weighted[family][labels]) if weighted else Fraction(0),
        )
        for family, samples in found.items()
        for labels, value in samples.items()
    )
