"""The lines of an inventory: all of them, nothing twice, and no zero that nobody posted."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Quality
from wattgram_collector.inventory.lines import (
    Relevance,
    Statement,
    Status,
    ghg_total,
    inventory_lines,
    leaf_sums,
    require_invariants,
    summed,
)
from wattgram_collector.inventory.places import SCOPE_1, SCOPE_2, GhgPlace, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Book, Gas, Method, Posting, Role, Stage


def posting(**said: Any) -> Posting:
    place = said.get("place", SCOPE_1)
    facts = {
        "start_unix_seconds": 0,
        "end_unix_seconds": 300,
        "subject": "asset/a",
        "stage": Stage.USE,
        "place": place,
        "leaf": TcsLeaf.O_SERVERS,
        "grams": Fraction(1_000),
        "factor": "f",
    }
    return Posting(**{**facts, **said})


def test_every_category_is_there_when_nothing_is_known() -> None:
    found = inventory_lines([], {})

    assert [(str(line.place), line.method) for line in found] == [
        ("1", Method.NONE), ("2", Method.LOCATION), ("2", Method.MARKET),
        *((f"3.{category}", Method.NONE) for category in range(1, 16)),
    ]  # fmt: skip
    assert {line.status for line in found} == {Status.NOT_EVALUATED}
    assert {line.total.grams for line in found} == {None}


def test_a_category_is_calculated_excluded_zero_or_not_evaluated() -> None:
    said = {scope_3(14): Statement(relevance=Relevance.NOT_RELEVANT, is_excluded=True,
                                   justification="no franchises")}  # fmt: skip
    posted = [
        posting(place=scope_3(6)),
        posting(place=scope_3(5), grams=Fraction(0)),
        posting(place=scope_3(4), grams=None),
        posting(place=scope_3(9)),
        posting(place=scope_3(9), grams=None, factor=""),
    ]

    status = {line.place.category: line.status for line in inventory_lines(posted, said)}

    assert status[6] is Status.CALCULATED
    assert status[5] is Status.ZERO
    assert status[4] is Status.NOT_EVALUATED
    assert status[9] is Status.INCOMPLETE
    assert status[14] is Status.EXCLUDED
    assert status[15] is Status.NOT_EVALUATED


def test_subcategories_have_lines_of_their_own() -> None:
    posted = [posting(place=scope_3(3, "3b")), posting(place=scope_3(3, "3c"))]

    found = [line for line in inventory_lines(posted, {}) if line.place.category == 3]

    assert [line.place.subcategory for line in found] == ["3b", "3c"]


def test_the_two_totals_never_have_both_methods_of_scope_2() -> None:
    posted = [
        posting(),
        posting(place=SCOPE_2, method=Method.LOCATION, grams=Fraction(7)),
        posting(place=SCOPE_2, method=Method.MARKET, grams=Fraction(3), in_tcs=False),
        posting(place=scope_3(1), grams=Fraction(10)),
    ]
    lines = inventory_lines(posted, {})

    assert ghg_total(lines, Method.LOCATION) == 1_017
    assert ghg_total(lines, Method.MARKET) == 1_013
    with pytest.raises(ValueError, match="location or by market"):
        ghg_total(lines, Method.NONE)


def test_memos_allocations_and_book_b_are_in_no_line() -> None:
    posted = [
        posting(role=Role.MEMO, in_ghg=False, in_tcs=False),
        posting(role=Role.ALLOCATION, in_ghg=False, in_tcs=False),
        posting(book=Book.AMORTISED, in_ghg=False),
    ]

    assert inventory_lines(posted, {})[0].total.postings == 0


def test_what_is_refused_is_said_and_not_summed() -> None:
    (_, line, *_) = inventory_lines(
        [posting(place=SCOPE_2, method=Method.LOCATION),
         posting(place=SCOPE_2, method=Method.LOCATION, in_ghg=False)], {}
    )  # fmt: skip

    assert line.total.grams == 1_000
    assert line.total.refused == 1
    assert line.status is Status.INCOMPLETE


def test_quality_gases_and_suppliers_shares() -> None:
    found = summed(
        [
            posting(tier_activity=Quality.MEASURED, tier_factor=Quality.DECLARED,
                    is_supplier_data=True, gases={Gas.CH4: Fraction(100)}),
            posting(grams=Fraction(3_000), tier_activity=Quality.MODELLED,
                    tier_factor=Quality.DEFAULT, gases={Gas.CH4: Fraction(20)}),
        ]
    )  # fmt: skip

    assert found.share_by_tier == {Quality.DECLARED: Fraction(1, 4),
                                   Quality.DEFAULT: Fraction(3, 4)}  # fmt: skip
    assert found.gases == {Gas.CH4: 120}
    assert found.supplier_ratio == Fraction(1, 4)


def test_one_factor_is_off_together_and_two_are_independent() -> None:
    one = {"tier_activity": Quality.MEASURED, "tier_factor": Quality.MEASURED}

    together = summed([posting(**one), posting(**one)]).uncertainty_ratio
    apart = summed([posting(**one), posting(**one, factor="g")]).uncertainty_ratio

    assert together == Fraction(5, 100)
    assert round(float(apart or 0), 6) == 0.035355


def test_an_exclusion_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="justification"):
        Statement(is_excluded=True)


def test_the_same_thing_posted_twice_stops_the_report() -> None:
    said = "asset/a: two primary postings of use in the GHG total, at 1 and 1"
    with pytest.raises(ValueError, match=said):
        require_invariants([posting(), posting(grams=Fraction(5))])
    require_invariants([posting(), posting(method=Method.LOCATION), posting(subject="asset/b")])


places = st.one_of(
    st.just(SCOPE_1),
    st.just(SCOPE_2),
    st.integers(1, 15).map(scope_3),
)


@st.composite
def postings(draw: st.DrawFn) -> Posting:
    place: GhgPlace = draw(places)
    method = Method.NONE
    if place == SCOPE_2:
        method = draw(st.sampled_from([Method.LOCATION, Method.MARKET]))
    return posting(
        place=place,
        method=method,
        leaf=draw(st.sampled_from(TcsLeaf)),
        grams=draw(st.none() | st.fractions(0, 1_000)),
        in_ghg=draw(st.booleans()),
        in_tcs=method is not Method.MARKET and draw(st.booleans()),
    )


@given(st.lists(postings(), max_size=30))
def test_the_totals_are_the_postings(posted: list[Posting]) -> None:
    """Law: GHG total = sum of in_ghg by one method; TCS total = sum of in_tcs."""
    lines = inventory_lines(posted, {})

    for method in (Method.LOCATION, Method.MARKET):
        known = [one.grams for one in posted if one.grams is not None
                 and one.in_ghg and one.method in (Method.NONE, method)]  # fmt: skip
        assert ghg_total(lines, method) == (sum(known) if known else None)
    assert {line.place.category for line in lines} == set(range(16))
    leaves = leaf_sums(posted)
    assert sum(one.grams or 0 for one in leaves.values()) == sum(
        one.grams or 0 for one in posted if one.in_tcs
    )
    assert sum(line.total.postings for line in lines) == sum(one.in_ghg for one in posted)
