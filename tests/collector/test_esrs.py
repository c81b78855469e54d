"""ESRS E1-6: the table that a sustainability statement takes over."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from wattgram_collector.inventory.lines import Statement, inventory_lines
from wattgram_collector.inventory.places import SCOPE_1, SCOPE_2, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Method, Posting, Stage
from wattgram_collector.inventory.report.esrs import Row, table


def posting(place: Any, tonnes: Any, **said: Any) -> Posting:
    facts = {
        "start_unix_seconds": 0,
        "end_unix_seconds": 300,
        "subject": "asset/a",
        "stage": Stage.USE,
        "place": place,
        "leaf": TcsLeaf.O_SERVERS,
        "grams": None if tonnes is None else Fraction(tonnes) * 1_000_000,
    }
    return Posting(**{**facts, **said})


LINES = inventory_lines(
    [
        posting(SCOPE_1, 1),
        posting(SCOPE_2, 20, method=Method.LOCATION),
        posting(SCOPE_2, 5, method=Method.MARKET, in_tcs=False),
        posting(scope_3(1, "cloud"), 30),
        posting(scope_3(1), 10),
        posting(scope_3(3, "3b"), 2),
        posting(scope_3(3, "3c"), 1),
        posting(scope_3(4), None),
        posting(scope_3(6), 0),
    ],
    {scope_3(14): Statement(is_excluded=True, justification="no franchises")},
)


def rows(**said: Any) -> dict[str, Row]:
    return {row.line: row for row in table(LINES, **said)}


def test_scopes_categories_and_both_totals_in_tonnes() -> None:
    found = {line: row.value for line, row in rows().items() if row.value is not None}

    assert found == {
        "gross_scope_1": 1,
        "gross_scope_2_location": 20,
        "gross_scope_2_market": 5,
        "scope_3_1": 40,
        "scope_3_1_cloud": 30,
        "scope_3_3": 3,
        "scope_3_6": 0,
        "total_location": 64,
        "total_market": 49,
    }


def test_every_category_is_there_and_says_what_it_is() -> None:
    status = {line: row.status for line, row in rows().items()}

    assert {f"scope_3_{category}" for category in range(1, 16)} <= set(status)
    assert status["scope_3_6"] == "zero"
    assert status["scope_3_14"] == "excluded"
    assert status["scope_3_4"] == status["scope_3_15"] == "not_evaluated"


def test_a_total_of_which_a_part_has_no_factor_says_so() -> None:
    whole = inventory_lines([posting(SCOPE_1, 1)], {})
    found = table(whole, net_revenue=Fraction(1))

    assert {row.status for row in found if row.line.startswith(("total", "int"))} == {"calculated"}
    assert rows()["total_market"].status == "incomplete"
    assert rows(net_revenue=Fraction(1))["intensity_location"].status == "incomplete"
    assert rows()["scope_3_1"].status == "calculated"


def test_intensity_per_net_revenue_by_both_methods() -> None:
    found = rows(net_revenue=Fraction(1_000), currency="NOK")

    assert found["intensity_location"].value == Fraction(64, 1_000)
    assert found["intensity_market"].value == Fraction(49, 1_000)
    assert found["intensity_market"].unit == "tCO2e/NOK"
    assert rows()["intensity_market"].value is None
    with pytest.raises(ValueError, match="above zero"):
        rows(net_revenue=Fraction(0))


def test_change_against_the_previous_period() -> None:
    found = rows(previous={"gross_scope_1": Fraction(2), "scope_3_6": Fraction(0)},
                 base_year={"gross_scope_1": Fraction(4)})  # fmt: skip

    assert found["gross_scope_1"].change_percent == -50
    assert found["gross_scope_1"].base_year == 4
    assert found["scope_3_6"].change_percent is None
    assert found["total_market"].change_percent is None
