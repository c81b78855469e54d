"""PURE. Rows of the ledger to what each counter grew by in a slot, under the names of /metrics.

Emissions are as they stand now, with all restatements: the same figures that a report has. Numbers
stay exact; they become text, and so the nearest float, when they are written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.readings import Kind, Series
from wattgram.units import MICROJOULES_PER_JOULE
from wattgram.workloads import is_share
from wattgram_collector.accounting.emissions import (
    NETWORK_ACCOUNTS,
    Account,
    Amount,
    Part,
    Pricing,
    Share,
    shares,
)
from wattgram_collector.exposition import families as names
from wattgram_collector.exposition.families import Family
from wattgram_collector.ledger.restatement import Posted, Used

Labels = tuple[str, ...]
"""Values of the family's labels after `host`."""
Growth = tuple[int, Labels, Fraction]
"""In which slot, of which counter of the family, by how much."""


class OfUsage(NamedTuple):
    """A family that comes of what series used."""

    family: Family
    labels_of: Callable[[Series], Labels | None]
    """None: the series is none of the family's."""
    per: int
    """Quantities in the ledger for one of the family's unit."""


class OfPostings(NamedTuple):
    """A family that comes of what was posted."""

    family: Family
    part: Part
    is_energy: bool = False
    is_priced: bool = True
    """Grams, or any energy; else the energy that nothing prices."""


def _quality(series: Series) -> Labels | None:
    is_energy = series.kind is Kind.ENERGY and series.counted and not is_share(series)
    return (series.quality.value,) if is_energy else None


def _component(series: Series) -> Labels | None:
    return None if _quality(series) is None else (series.component.value, series.source)


def _workload(series: Series) -> Labels | None:
    return (series.domain, series.instance) if is_share(series) else None


def _moved(kind: Kind) -> Callable[[Series], Labels | None]:
    def device(series: Series) -> Labels | None:
        return (series.instance,) if series.kind is kind else None

    return device


USAGE: Final = (
    OfUsage(names.HOST_ENERGY, _quality, MICROJOULES_PER_JOULE),
    OfUsage(names.COMPONENT_ENERGY, _component, MICROJOULES_PER_JOULE),
    OfUsage(names.NETWORK_RECEIVE, _moved(Kind.RECEIVE), 1),
    OfUsage(names.NETWORK_TRANSMIT, _moved(Kind.TRANSMIT), 1),
)
WORKLOADS: Final = OfUsage(names.WORKLOAD_ENERGY, _workload, MICROJOULES_PER_JOULE)
"""Only where they are asked for: they are many."""
POSTINGS: Final = (
    OfPostings(names.EMISSIONS, Part.HOST),
    OfPostings(names.UNPRICED, Part.HOST, is_energy=True, is_priced=False),
    OfPostings(names.OVERHEAD_ENERGY, Part.OVERHEAD, is_energy=True),
    OfPostings(names.OVERHEAD_EMISSIONS, Part.OVERHEAD),
    OfPostings(names.LOSS_EMISSIONS, Part.LOSSES),
    OfPostings(names.UPSTREAM_EMISSIONS, Part.UPSTREAM),
    OfPostings(names.MARKET_EMISSIONS, Part.MARKET),
    OfPostings(names.MARGINAL_EMISSIONS, Part.MARGINAL),
    OfPostings(names.NETWORK_ENERGY, Part.NETWORK, is_energy=True),
    OfPostings(names.NETWORK_EMISSIONS, Part.NETWORK),
)


def growth_of_usage(wanted: OfUsage, rows: Iterable[Used]) -> Iterator[Growth]:
    """Yield what one family grew by, in the order of the rows."""
    known: dict[Series, Labels | None] = {}
    for series, slot, quantity in rows:
        if series not in known:
            known[series] = wanted.labels_of(series)
        labels = known[series]
        if labels is not None:
            yield slot, labels, Fraction(quantity, wanted.per)


class UnitShares:
    """What one unit of a posting comes to in a family. Made once: rows with the same are many."""

    def __init__(self, wanted: OfPostings) -> None:
        self._wanted = wanted
        self._accounts = _ACCOUNTS[wanted.part]
        self._known: dict[tuple[str, int, int], list[tuple[Labels, Fraction]]] = {}
        self._kept: list[object] = []

    def of(self, one: Posted) -> list[tuple[Labels, Fraction]]:
        """Return which counters a row adds to, and how much for each unit of its quantity."""
        if one.account not in self._accounts:
            return []
        # By identity, as in reports.sums: what is kept keeps its identity.
        key = (one.account, id(one.terms), id(one.restated))
        found = self._known.get(key)
        if found is None:
            self._kept.append((one.terms, one.restated))
            found = self._known[key] = list(self._made(one))
        return found

    def _made(self, one: Posted) -> Iterator[tuple[Labels, Fraction]]:
        pricing = Pricing.of(one.account, one.terms, one.restated)
        for share in shares(pricing, Amount(0).plus(1, one.restated)):
            value = _value(self._wanted, share)
            if share.part is self._wanted.part and value is not None:
                yield _labels(self._wanted, pricing, share), value


def growth_of_postings(units: UnitShares, rows: Iterable[Posted]) -> Iterator[Growth]:
    """Yield what one family grew by, in the order of the rows."""
    for one in rows:
        for labels, value in units.of(one):
            yield one.slot, labels, value * one.quantity


_ACCOUNTS: Final[Mapping[Part, Collection[Account]]] = {
    **{part: {Account.HOST} for part in (Part.HOST, Part.OVERHEAD, Part.LOSSES, Part.UPSTREAM)},
    Part.NETWORK: NETWORK_ACCOUNTS,
    Part.MARKET: {Account.MARKET},
    Part.MARGINAL: {Account.MARGINAL},
}


def _value(wanted: OfPostings, share: Share) -> Fraction | None:
    if not wanted.is_energy:
        return share.grams
    if not wanted.is_priced and share.grams is not None:
        return None
    return share.energy_microjoules / MICROJOULES_PER_JOULE


def _labels(wanted: OfPostings, pricing: Pricing, share: Share) -> Labels:
    if wanted.family is names.EMISSIONS:
        return (pricing.terms.zone, pricing.tier.value if pricing.tier else "")
    return (share.segment,) if wanted.part is Part.NETWORK else ()


def by_counter(growth: Iterable[Growth]) -> Mapping[Labels, Mapping[int, Fraction]]:
    """Return what each counter grew by in each slot."""
    found: dict[Labels, dict[int, Fraction]] = {}
    for slot, labels, quantity in growth:
        slots = found.setdefault(labels, {})
        slots[slot] = slots.get(slot, Fraction(0)) + quantity
    return found
