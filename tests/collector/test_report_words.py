"""Times and numbers as text, and sums of postings: exact, whatever the order."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import intensity, terms
from wattgram_collector.accounting.emissions import Account, Amount, Pricing
from wattgram_collector.intensity import Intensity, Tier
from wattgram_collector.reports.explain import Every
from wattgram_collector.reports.numbers import exact, ratio, rounded
from wattgram_collector.reports.reading import Period
from wattgram_collector.reports.sums import Rates, Sums
from wattgram_collector.reports.times import text_of, unix_seconds

NOW = 1_750_000_000  # 2025-06-15T15:06:40Z
MIDNIGHT = 1_749_945_600


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("now", NOW),
        ("today", MIDNIGHT),
        ("yesterday", MIDNIGHT - 86_400),
        ("-2h", NOW - 7_200),
        ("-90m", NOW - 5_400),
        ("-7d", NOW - 604_800),
        ("-1s", NOW - 1),
        ("2025-06-15", MIDNIGHT),
        ("2025-06-15T00:00:00Z", MIDNIGHT),
        ("2025-06-15T02:00:00+02:00", MIDNIGHT),
        ("2025-06-15T00:00:00.9Z", MIDNIGHT),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_a_time_is_said_in_several_ways(text: str, found: int) -> None:
    assert unix_seconds(text, NOW) == found


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("tomorrow", "not a time: 'tomorrow'; give RFC 3339"),
        ("-2w", "not a time"),
        ("-२h", "not a time"),
        ("", "not a time"),
        ("20250615", "does not say in which zone"),
        ("2025-06-15T00:00:00", "does not say in which zone"),
        ("1969-12-31T00:00:00Z", "not a time of this ledger"),
        ("9999-01-01T00:00:00Z", "not a time of this ledger"),
        ("-999999999d", "not a time of this ledger"),
    ],
)
def test_what_names_no_time_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        unix_seconds(text, NOW)


def test_times_are_printed_in_utc() -> None:
    assert text_of(NOW) == "2025-06-15T15:06:40Z"
    assert text_of(1 << 40) == "for good"


@given(st.fractions())
def test_exact_text_is_the_number(value: Fraction) -> None:
    assert Fraction(exact(value)) == value


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9))
def test_a_number_whose_digits_end_is_a_decimal(value: Decimal) -> None:
    assert "/" not in exact(Fraction(value))


def test_numbers() -> None:
    assert exact(Fraction(-1, 8)) == "-0.125"
    assert exact(Fraction(1, 3)) == "1/3"
    assert exact(2300) == "2300"
    assert rounded(Fraction(1, 3)) == "0.333333333333"
    assert rounded(Fraction(120_000_000)) == "120000000"
    assert rounded(Fraction(2, 3_000_000), 4) == "0.0000006667"
    assert (ratio("0.042"), ratio("1853/19553")) == ("0.042", "(1853/19553)")


def test_a_period_is_of_whole_slots_and_its_days_of_utc() -> None:
    period = Period(MIDNIGHT - 301, MIDNIGHT + 1)
    first = MIDNIGHT // 300
    assert (period.first_slot, period.end_slot) == (first - 2, first + 1)
    assert list(period.days((0, 1 << 40))) == [(first - 2, first), (first, first + 1)]
    assert list(period.days((first - 1, first - 1))) == [(first - 1, first)]
    assert list(period.days(None)) == list(period.days((0, 5))) == []
    with pytest.raises(ValueError, match="ends before it begins"):
        Period(600, 600)


def test_what_fits_a_page() -> None:
    assert Every.fitting(Period(0, 3 * 3_600)) is Every.SLOT
    assert Every.fitting(Period(0, 3 * 3_600 + 1)) is Every.HOUR
    assert Every.fitting(Period(0, 3 * 86_400)) is Every.HOUR
    assert Every.fitting(Period(0, 3 * 86_400 + 1)) is Every.DAY


def test_rates_are_not_taken_for_those_of_objects_that_are_gone() -> None:
    """Identities of what nobody holds any more are given to others."""
    rates = Rates()
    sums = Sums(rates)
    agreed = terms("FR")
    for number in range(200):
        sums.add(rates.of(Account.HOST, agreed, intensity("FR", str(number))), 1)
    ((_, amount),) = sums.amounts()
    assert amount == Amount(200, Fraction(sum(range(200))))


FACTORS = (
    intensity("FR", "44.18"),
    intensity("FR", "50"),
    intensity("FR", "0.125", tier=Tier.LIVE),
    intensity("DE", "320"),
    None,
)


@given(st.lists(st.tuples(st.sampled_from(FACTORS), st.integers(0, 1 << 62)), max_size=30))
def test_sums_are_what_amounts_are(rows: list[tuple[Intensity | None, int]]) -> None:
    rates = Rates()
    sums = Sums(rates)
    expected: dict[Pricing, Amount] = {}
    for number, (factor, quantity) in enumerate(rows):
        agreed = terms(factor.zone if factor else "")
        pricing = Pricing.of(Account.HOST, agreed, factor)
        expected[pricing] = expected.get(pricing, Amount(0)).plus(quantity, factor)
        sums.add(rates.of(Account.HOST, agreed, factor), quantity)
        if number % 7 == 3:
            rates.forget()
    assert dict(sums.amounts()) == expected
