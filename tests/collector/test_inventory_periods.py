"""Which time a report is of: years that end where the organisation says."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.units import ACCOUNTING_SLOT_SECONDS, SECONDS_PER_HOUR
from wattgram_collector.inventory.periods import Interval, day_of, parse_period

ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Pacific/Chatham"]


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2025", date(2025, 1, 1), date(2026, 1, 1)),
        ("2025-Q3", date(2025, 7, 1), date(2025, 10, 1)),
        ("2025-Q4", date(2025, 10, 1), date(2026, 1, 1)),
        ("2025-02", date(2025, 2, 1), date(2025, 3, 1)),
        ("2025-12", date(2025, 12, 1), date(2026, 1, 1)),
        ("2024-02-29", date(2024, 2, 29), date(2024, 3, 1)),
        ("2025-04-06/2026-04-06", date(2025, 4, 6), date(2026, 4, 6)),
    ],
)
def test_a_period_by_its_name(text: str, first: date, after: date) -> None:
    found = parse_period(text, "UTC")

    assert (found.name, found.first, found.after) == (text, first, after)


@pytest.mark.parametrize(
    "text", ["", "25", "2025-13", "2025-Q5", "2025-02-30", "2025-01-02/2025-01-02", "2025/2026"]
)
def test_what_is_no_period_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"period|no day"):
        parse_period(text, "UTC")


def test_a_time_zone_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="Mars/Olympus"):
        parse_period("2025", "Mars/Olympus")


def test_a_year_in_berlin_begins_an_hour_before_that_of_greenwich() -> None:
    berlin = parse_period("2025", "Europe/Berlin").interval
    greenwich = parse_period("2025", "UTC").interval

    assert greenwich.start_unix_seconds - berlin.start_unix_seconds == SECONDS_PER_HOUR


def test_months_are_cut_again_where_an_asset_changes() -> None:
    quarter = parse_period("2025-Q1", "UTC")

    found = quarter.months([date(2025, 2, 10), date(2024, 1, 1), date(2025, 4, 1)])

    days = [day_of(one.start_unix_seconds, "UTC") for one in found]
    assert days == [date(2025, 1, 1), date(2025, 2, 1), date(2025, 2, 10), date(2025, 3, 1)]


@given(
    st.dates(date(1990, 1, 1), date(2060, 1, 1)),
    st.integers(1, 800),
    st.sampled_from(ZONES),
    st.lists(st.dates(date(1990, 1, 1), date(2062, 1, 1)), max_size=5),
)
def test_the_pieces_of_a_period_are_the_period(
    first: date, days: int, zone: str, also: list[date]
) -> None:
    """Law: cut anywhere, nothing is left out, nothing is twice, and no slot is in two pieces."""
    after = date.fromordinal(first.toordinal() + days)
    period = parse_period(f"{first}/{after}", zone)

    found = period.months(also)

    assert found[0].start_unix_seconds == period.interval.start_unix_seconds
    assert found[-1].end_unix_seconds == period.interval.end_unix_seconds
    assert all(a.end_unix_seconds == b.start_unix_seconds for a, b in pairwise(found))
    assert all(one.start_unix_seconds % ACCOUNTING_SLOT_SECONDS == 0 for one in found)


def test_what_two_intervals_share() -> None:
    assert Interval(0, 10).overlap(Interval(5, 20)) == Interval(5, 10)
    assert Interval(0, 10).overlap(Interval(10, 20)) is None
