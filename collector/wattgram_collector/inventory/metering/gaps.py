"""PURE. Time that an agent did not see, filled with the mean of the same hour of the week.

Between the first and the last slot that it saw as this asset, and only of what is always on. An
hour of the week that it never saw stays empty. What is filled is modelled energy and is priced as
what was seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final, NamedTuple

from wattgram.units import ACCOUNTING_SLOT_SECONDS, SECONDS_PER_DAY, SECONDS_PER_HOUR
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.ledger.columns import Column

_SLOTS_PER_HOUR: Final = SECONDS_PER_HOUR // ACCOUNTING_SLOT_SECONDS
_HOURS_PER_WEEK: Final = 7 * SECONDS_PER_DAY // SECONDS_PER_HOUR
_SLOTS_PER_WEEK: Final = _SLOTS_PER_HOUR * _HOURS_PER_WEEK


class Filled(NamedTuple):
    """What was filled, as a share of what was seen, and where."""

    ratio: Fraction
    gaps: Sequence[tuple[Interval, int]]
    """Times that were not seen, by month, with how many of their seconds were filled."""

    @property
    def seconds(self) -> int:
        return sum(seconds for _, seconds in self.gaps)


def filled(
    columns: Iterable[Column], slots: Sequence[int], months: Sequence[Interval]
) -> Filled | None:
    """Return what is filled between the first and the last of `slots`; None where nothing is.

    `columns` are of the host's energy, `slots` those that they have, in order and each once;
    `months` are intervals in order that cover them: filled seconds are told by each.
    """
    energies = [0] * _HOURS_PER_WEEK
    for column in columns:
        for slot, quantity in zip(column.pattern.slots, column.quantities, strict=True):
            energies[hour_of_week(slot)] += quantity
    counts = [0] * _HOURS_PER_WEEK
    for slot in slots:
        counts[hour_of_week(slot)] += 1
    gaps, added = [], Fraction(0)
    for gap in _gaps(slots, months):
        known = [at for slot in range(*gap.slots) if counts[at := hour_of_week(slot)]]
        added += sum(Fraction(energies[at], counts[at]) for at in known)
        if known:
            gaps.append((gap, len(known) * ACCOUNTING_SLOT_SECONDS))
    seen = sum(energies)
    return Filled(added / seen, gaps) if gaps and seen else None


def hour_of_week(slot: int) -> int:
    """Return the hour since Thursday, 00:00 UTC, at which the epoch began."""
    return slot % _SLOTS_PER_WEEK // _SLOTS_PER_HOUR


def _gaps(slots: Sequence[int], months: Sequence[Interval]) -> Iterator[Interval]:
    """Yield the times between slots that were seen, cut by months."""
    for before, after in pairwise(slots):
        if after == before + 1:
            continue
        gap = Interval((before + 1) * ACCOUNTING_SLOT_SECONDS, after * ACCOUNTING_SLOT_SECONDS)
        for month in months:
            during = gap.overlap(month)
            if during is not None:
                yield during
