"""A part of a posting, by time: parts are the whole again, to the last digit."""

from __future__ import annotations

import itertools
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from inventory_parts import YEAR, posting
from wattgram_collector.inventory.metering.cutting import interval_of, merged, split, within
from wattgram_collector.inventory.periods import Interval, parse_period
from wattgram_collector.inventory.postings import Gas, Posting

START, END = YEAR.interval
TIMES = st.integers(START - 10, END + 10)
INTERVALS = st.lists(st.tuples(TIMES, TIMES).map(sorted).map(tuple).filter(
    lambda one: one[0] < one[1]).map(lambda one: Interval(*one)), max_size=6)  # fmt: skip
BILL = posting(gases={Gas.CH4: Fraction(7)})


def total(found: list[Posting]) -> tuple[Fraction, Fraction, Fraction]:
    return (
        sum((one.grams or Fraction(0) for one in found), Fraction(0)),
        sum((one.quantity or Fraction(0) for one in found), Fraction(0)),
        sum((one.gases[Gas.CH4] for one in found), Fraction(0)),
    )


def test_the_quarters_of_a_year_are_the_year() -> None:
    quarters = [parse_period(f"2025-Q{n}", "UTC").interval for n in (1, 2, 3, 4)]
    parts = [part for one in quarters if (part := within(BILL, one)) is not None]

    assert total(parts) == (Fraction(1_000), Fraction(100), Fraction(7))
    assert parts[0].grams == Fraction(1_000) * 90 / 365
    assert parts[0].note == "by time: 90 of 365 days"
    assert interval_of(parts[1]) == quarters[1]


def test_what_is_wholly_inside_is_the_same_and_what_is_outside_is_not_there() -> None:
    day = posting(start_unix_seconds=START, end_unix_seconds=START + 86_400)

    assert within(day, YEAR.interval) is day
    assert within(day, Interval(START + 86_400, END)) is None


@given(INTERVALS)
def test_what_is_covered_and_what_is_not_are_the_whole(covered: list[Interval]) -> None:
    """Law: the parts inside and outside of any intervals sum to the posting, and do not meet."""
    inside, outside = split(BILL, covered)

    assert total(inside + outside) == total([BILL])
    order = sorted(interval_of(one) for one in inside + outside)
    assert order[0].start_unix_seconds == START
    assert order[-1].end_unix_seconds == END
    assert all(one.end_unix_seconds == other.start_unix_seconds
               for one, other in itertools.pairwise(order))  # fmt: skip
    for one in inside:
        assert any(other.overlap(interval_of(one)) == interval_of(one)
                   for other in merged(covered))  # fmt: skip


@given(INTERVALS)
def test_merged_intervals_are_the_same_time(found: list[Interval]) -> None:
    once = merged(found)

    assert all(one.end_unix_seconds < other.start_unix_seconds
               for one, other in itertools.pairwise(once))  # fmt: skip
    points = {time for one in found for time in one}
    for at in points:
        assert any(s <= at < e for s, e in found) == any(s <= at < e for s, e in once)
