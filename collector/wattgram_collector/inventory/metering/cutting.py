"""PURE. A part of a posting: what it comes to in a part of its time, spread evenly over it.

A bill of a year that is reported by quarters is in each by its seconds: so the four quarters are
the year, to the last digit. An instant (a purchase) is in one of them, whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from wattgram.units import SECONDS_PER_DAY
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.postings import Posting


def interval_of(posting: Posting) -> Interval:
    return Interval(posting.start_unix_seconds, posting.end_unix_seconds)


def within(posting: Posting, interval: Interval) -> Posting | None:
    """Return what of a posting is in an interval: None, all, or a share by time that says so."""
    mine = interval_of(posting)
    during = mine.overlap(interval)
    if during is None or during == mine:
        return None if during is None else posting
    share = Fraction(_seconds(during), _seconds(mine))
    days = f"{_days(during)} of {_days(mine)} days"
    return replace(
        posting,
        start_unix_seconds=during.start_unix_seconds,
        end_unix_seconds=during.end_unix_seconds,
        quantity=None if posting.quantity is None else posting.quantity * share,
        grams=None if posting.grams is None else posting.grams * share,
        gases={gas: grams * share for gas, grams in posting.gases.items()},
        note="; ".join(one for one in (posting.note, f"by time: {days}") if one),
    )


def _seconds(interval: Interval) -> int:
    return interval.end_unix_seconds - interval.start_unix_seconds


def _days(interval: Interval) -> str:
    return f"{_seconds(interval) / SECONDS_PER_DAY:.6g}"


def split(posting: Posting, covered: Iterable[Interval]) -> tuple[list[Posting], list[Posting]]:
    """Return the parts of a posting in the intervals, and those that are in none of them."""
    mine = interval_of(posting)
    inside = [during for one in merged(covered) if (during := mine.overlap(one)) is not None]
    ends = [
        mine.start_unix_seconds,
        *(end for one in inside for end in one),
        mine.end_unix_seconds,
    ]
    outside = [Interval(start, end) for start, end in list(pairwise(ends))[::2] if start < end]
    return list(_parts(posting, inside)), list(_parts(posting, outside))


def _parts(posting: Posting, intervals: Iterable[Interval]) -> Iterator[Posting]:
    for one in intervals:
        part = within(posting, one)
        if part is not None:
            yield part


def merged(intervals: Iterable[Interval]) -> Sequence[Interval]:
    """Return the same time in intervals that neither touch nor overlap, in order."""
    found: list[Interval] = []
    for one in sorted(intervals):
        if found and one.start_unix_seconds <= found[-1].end_unix_seconds:
            last = found.pop()
            end = max(last.end_unix_seconds, one.end_unix_seconds)
            found.append(Interval(last.start_unix_seconds, end))
        else:
            found.append(one)
    return found
