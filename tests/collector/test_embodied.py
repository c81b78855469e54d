"""The making of an asset: two books, each with all of it and no more."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Quality
from wattgram.units import SECONDS_PER_HOUR, SECONDS_PER_YEAR
from wattgram_collector.inventory.decision import Decision, Making, decide
from wattgram_collector.inventory.making.books import acquired_postings, amortised_postings
from wattgram_collector.inventory.making.embodied import (
    Figure,
    accrued_grams,
    rate_grams_per_second,
    total_grams,
)
from wattgram_collector.inventory.periods import Interval, midnight_unix_seconds, parse_period
from wattgram_collector.inventory.places import TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Book, Role, Stage
from wattgram_collector.inventory.register.assets import (
    Asset,
    AssetRole,
    Condition,
    Party,
    SiteKind,
)

ALL_TIME = Interval(0, 1 << 40)
BOUGHT = date(2025, 3, 1)
AT = midnight_unix_seconds(BOUGHT, "UTC")


def figure(kilograms: Any, years: Any = 4, **said: Any) -> Figure:
    return Figure(total_kilograms=Fraction(kilograms), life_years=Fraction(years), factor="f",
                  tier=Quality.DEFAULT, **said)  # fmt: skip


SPLIT = {
    "manufacturing_share": Fraction("0.92"),
    "transport_share": Fraction("0.05"),
    "end_of_life_share": Fraction("0.03"),
}
SERVER = Asset(
    asset_id="s1",
    device_class="server",
    role=AssetRole.SERVER,
    site_kind=SiteKind.ONSITE,
    owner=Party.ORG,
    controller=Party.ORG,
    electricity_payer=Party.ORG,
    acquired_on=BOUGHT,
)
OURS = decide(SERVER)


def test_a_server_of_1278_kg_over_four_years() -> None:
    """Golden G17: 0.010131 g/s, 36.47 g/h, whether it is on or off."""
    rate = rate_grams_per_second(SERVER, figure(1278), AT, "UTC")

    assert rate is not None
    assert round(float(rate), 6) == 0.010131
    assert round(float(rate * SECONDS_PER_HOUR), 2) == 36.47


def test_a_laptop_of_277_kg_is_69_25_a_year() -> None:
    """Golden G2."""
    year = Interval(AT, AT + SECONDS_PER_YEAR)

    (found,) = amortised_postings(SERVER, figure(277), OURS, year, "UTC")

    assert found.grams == 69_250
    assert found.book is Book.AMORTISED
    assert not found.in_ghg


def test_a_thousand_kilograms_for_an_hour() -> None:
    """Golden G10: 28.54 g."""
    hour = Interval(AT, AT + SECONDS_PER_HOUR)

    (found,) = amortised_postings(SERVER, figure(1000), OURS, hour, "UTC")

    assert round(float(found.grams or 0), 2) == 28.54


def test_capital_goods_are_booked_whole_when_they_are_bought_and_when_they_end() -> None:
    gone = replace(SERVER, disposed_on=date(2028, 1, 1))
    bought = list(
        acquired_postings(gone, figure(1000, **SPLIT), OURS, parse_period("2025", "UTC").interval,
                          "UTC")
    )  # fmt: skip
    ended = list(
        acquired_postings(gone, figure(1000, **SPLIT), OURS, parse_period("2028", "UTC").interval,
                          "UTC")
    )  # fmt: skip

    assert [(one.stage, one.place, one.grams) for one in bought] == [
        (Stage.EMBODIED_ACQUIRED, scope_3(2), 920_000),
        (Stage.TRANSPORT, scope_3(4), 50_000),
    ]
    assert [(one.stage, one.place, one.grams) for one in ended] == [
        (Stage.END_OF_LIFE, scope_3(5), 30_000)
    ]
    assert {one.leaf for one in bought + ended} == {TcsLeaf.U_SERVER_HARDWARE}
    assert all(one.in_ghg for one in bought + ended)


def test_a_supplier_that_pays_its_carrier_has_the_transport_in_3_9() -> None:
    theirs = replace(SERVER, is_transport_paid_by_org=False)

    found = list(acquired_postings(theirs, figure(1000, **SPLIT), OURS, ALL_TIME, "UTC"))

    assert found[1].place == scope_3(9)


@pytest.mark.parametrize(
    ("condition", "grams"),
    [
        (Condition.NEW, 100_000),
        (Condition.REMANUFACTURED, 40_000),
        (Condition.REFURBISHED, 15_000),
        (Condition.REUSED, 0),
    ],
)
def test_what_was_used_before_is_in_part_somebody_elses(condition: Condition, grams: int) -> None:
    assert total_grams(replace(SERVER, condition=condition), figure(100)) == grams


def test_a_part_that_its_parent_includes_posts_nothing() -> None:
    card = replace(SERVER, parent="s0", is_included_in_parent=True)

    assert total_grams(card, figure(164)) == 0


def test_somebody_elses_hardware_is_a_memo() -> None:
    byod = Decision(rule="8", energy=scope_3(7), energy_leaf=TcsLeaf.C_EMPLOYEE_HARDWARE,
                    making=Making.MEMO, made=scope_3(2),
                    made_leaf=TcsLeaf.U_EMPLOYEE_HARDWARE)  # fmt: skip

    (bought,) = acquired_postings(SERVER, figure(241), byod, ALL_TIME, "UTC")
    (spread,) = amortised_postings(SERVER, figure(241), byod, ALL_TIME, "UTC")

    assert (bought.role, spread.role) == (Role.MEMO, Role.MEMO)
    assert not bought.in_ghg


def test_a_cloud_machine_is_booked_for_as_long_as_it_is_used() -> None:
    rented = replace(SERVER, site_kind=SiteKind.CLOUD, owner=Party.PROVIDER,
                     controller=Party.PROVIDER, electricity_payer=Party.PROVIDER)  # fmt: skip
    decision = decide(rented)

    (found,) = amortised_postings(
        rented, figure(1460, 4), decision, Interval(AT, AT + SECONDS_PER_YEAR // 365), "UTC"
    )

    assert not list(acquired_postings(rented, figure(1460), decision, ALL_TIME, "UTC"))
    assert (found.place, found.leaf) == (scope_3(1, "cloud"), TcsLeaf.C_CLOUD_SERVICES)
    assert found.in_ghg
    assert found.in_tcs
    assert found.grams == 1_000


def test_without_a_day_of_acquisition_nothing_is_booked_and_the_rate_is_unknown() -> None:
    unsaid = replace(SERVER, acquired_on=None)

    assert rate_grams_per_second(unsaid, figure(1), AT, "UTC") is None
    assert accrued_grams(unsaid, figure(1), AT, "UTC") is None
    assert not list(acquired_postings(unsaid, figure(1), OURS, ALL_TIME, "UTC"))
    assert not list(amortised_postings(unsaid, figure(1), OURS, ALL_TIME, "UTC"))


def test_shares_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        figure(1, transport_share=Fraction("0.1"))


assets = st.builds(
    replace,
    st.just(SERVER),
    units=st.integers(1, 500),
    condition=st.sampled_from(Condition),
    acquired_on=st.dates(date(2015, 1, 1), date(2030, 1, 1)),
    is_capitalised=st.booleans(),
)
figures = st.builds(
    figure,
    st.fractions(0, 5_000),
    st.fractions(Fraction(1, 10), 12),
    **{name: st.just(value) for name, value in SPLIT.items()},
)
cuts = st.lists(st.dates(date(2010, 1, 1), date(2050, 1, 1)), min_size=1, max_size=5)


@given(assets, figures, cuts, st.integers(0, 5_000))
def test_both_books_have_all_of_it_once(
    asset: Asset, found: Figure, days: list[date], kept_days: int
) -> None:
    """Law: however a life is cut into periods, A sums to TE' and B never to more than TE'."""
    bought = asset.acquired_on
    assert bought is not None
    asset = replace(asset, disposed_on=bought + timedelta(days=kept_days))
    edges = [0, *sorted({midnight_unix_seconds(day, "UTC") for day in days}), 1 << 40]
    pieces = [Interval(a, b) for a, b in pairwise(edges)]
    decision = decide(asset)

    books = {
        "A": [p for i in pieces for p in acquired_postings(asset, found, decision, i, "UTC")],
        "B": [p for i in pieces for p in amortised_postings(asset, found, decision, i, "UTC")],
    }

    sums = {name: sum(one.grams or 0 for one in posted) for name, posted in books.items()}
    whole = total_grams(asset, found)
    assert sums["A"] == whole
    assert sums["B"] == min(whole, accrued_grams(asset, found, 1 << 40, "UTC") or 0)
    kept_seconds = kept_days * SECONDS_PER_YEAR // 365
    if kept_seconds >= found.life_seconds:
        assert sums["B"] == whole
    assert not any(one.in_ghg for one in books["B"])
    for one in [*books["A"], *books["B"]]:
        assert one.factor_value is not None
        assert one.quantity is not None
        assert one.grams == one.quantity * one.alpha * one.factor_value * 1_000
