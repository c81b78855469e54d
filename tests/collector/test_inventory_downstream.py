"""Hardware at customers: fleets of which some report, and the lifetime of what was sold."""

from __future__ import annotations

import random
import statistics
from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metered_scenes import (
    FIRST,
    GATEWAY,
    HOST,
    KILOWATT_HOUR,
    SLOTS_PER_DAY,
    UK,
    Row,
    metering,
    whole,
)
from wattgram.readings import Quality
from wattgram_collector.inventory.invariants import require
from wattgram_collector.inventory.metering.fleet import half_width, root
from wattgram_collector.inventory.metering.metered import Metering
from wattgram_collector.inventory.places import SCOPE_2, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Method, Posting, Stage
from wattgram_collector.inventory.register.assets import Party, Register

LAST = FIRST + 31 * SLOTS_PER_DAY - 1
FLAT = replace(UK, pue="1")


def month(agent: int, kilowatt_hours: int) -> list[Row]:
    """Energy at both ends of July, so that all of it is expected."""
    whole_ = kilowatt_hours * KILOWATT_HOUR
    return [Row(agent, FIRST, whole_ - 1, terms=FLAT), Row(agent, LAST, 1, terms=FLAT)]


def fleet(units: int, **said: Any) -> Any:
    return replace(GATEWAY, units=units, agent_ids=(), hosts=("host-*",), **said)


def remainder(found: Metering) -> list[Posting]:
    return [one for one in found.postings if one.evidence.startswith("fleet ")]


def test_two_of_ten_report_and_eight_are_like_them() -> None:
    """E = (N / n) x sum; the interval has the correction for a finite population."""
    found = metering([*month(1, 10), *month(2, 14)], fleet(10))
    (row,) = found.fleets
    assert row[:5] == ("iot_gateway", "GB", 2, 10, Fraction(10, 2) * 24)
    assert row.half_width_kilowatt_hours is not None
    expected = 1.96 * statistics.stdev([10, 14]) * (1 / 2 * (1 - 2 / 10)) ** 0.5 * 10
    assert float(row.half_width_kilowatt_hours) == pytest.approx(expected, rel=1e-12)
    (one,) = remainder(found)
    assert (one.quantity, one.grams) == (96, 96 * 177)
    assert (one.leaf, one.place) == (TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE, scope_3(13))
    assert one.tier_activity is Quality.MODELLED
    assert one.note == "8 units do not report"
    assert "n 2 of N 10: agents agent-1, agent-2" in one.evidence
    assert one.uncertainty_ratio is not None
    assert float(one.uncertainty_ratio) == pytest.approx((0.6**2 + (expected / 96) ** 2) ** 0.5,
                                                         abs=1e-6)  # fmt: skip


@settings(max_examples=20)
@given(st.lists(st.integers(0, 50), min_size=2, max_size=5), st.integers(0, 20))
def test_the_total_is_n_of_n_and_nothing_where_all_report(used: list[int], more: int) -> None:
    rows = [row for at, one in enumerate(used, 1) for row in month(at, one + 1)]
    total = sum(used) + len(used)
    found = metering(rows, fleet(len(used) + more))
    rest = sum((one.quantity or Fraction(0) for one in remainder(found)), Fraction(0))
    assert rest == Fraction(more, len(used)) * total
    assert bool(found.fleets) == bool(more)
    require(found.postings, Register([fleet(len(used) + more)]), "UTC")


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Brute force: of all samples of a population, about 95 in 100 intervals have its total."""
    draws = random.Random(1)
    population = [Fraction(draws.gauss(100, 15)) for _ in range(12)]
    truth = sum(population)
    hits = count = 0
    for sample in combinations(population, 8):
        width = half_width(sample, len(population))
        assert width is not None
        hits += abs(sum(sample) / 8 * 12 - truth) <= width
        count += 1
    assert 0.90 <= hits / count <= 0.99
    assert half_width(population, 12) == 0
    assert half_width(population[:1], 12) is None


@settings(max_examples=20)
@given(st.fractions(0, 10**9), st.sampled_from((1, 10**30, 10**200)))
def test_a_root_is_one_however_small(square: Fraction, below: int) -> None:
    square /= below
    found = root(square)
    assert abs(found * found - square) <= square / 10**14


def test_countries_and_classes_are_strata_of_their_own_and_one_without_reports_is_said() -> None:
    german = fleet(3, asset_id="a2", country="DE")
    found = metering(month(1, 10), replace(GATEWAY, units=2),
                     replace(german, hosts=()))  # fmt: skip
    assert [(one.country, one.installed) for one in found.fleets] == [("GB", 2)]
    assert [(one.subject, one.why) for one in found.unknown] == [
        ("asset/a2", "3 x iot_gateway in DE, none of which reports: its use is not known"),
    ]  # fmt: skip


def test_servers_of_ones_own_are_extrapolated_within_their_asset_only() -> None:
    """By both methods, with 3.3b and 3.3c, as those that report."""
    found = metering(month(1, 10), replace(HOST, units=3), replace(HOST, asset_id="a2",
                     agent_ids=(), units=5))  # fmt: skip
    more = remainder(found)
    assert {one.subject for one in more} == {"asset/a1"}
    assert {(one.place, one.method): one.quantity for one in more} == {
        (SCOPE_2, Method.LOCATION): 20,
        (SCOPE_2, Method.MARKET): 20,
        (scope_3(3, "3b"), Method.NONE): 20,
        (scope_3(3, "3c"), Method.NONE): 20,
    }


def test_a_unit_is_there_from_its_purchase_on_and_where_its_payer_has_it() -> None:
    first = fleet(2, acquired_on=date(2025, 7, 1))
    later = replace(first, valid_from=date(2025, 7, 16), electricity_payer=Party.ORG)
    found = metering(month(1, 31), first, later)
    by_leaf = {one.leaf: one.quantity for one in remainder(found) if one.in_tcs}
    assert by_leaf == {
        TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE: 15, TcsLeaf.O_NETWORKING: 16,
    }  # fmt: skip


def test_a_unit_that_was_bought_late_uses_nothing_before() -> None:
    late = replace(GATEWAY, asset_id="a2", agent_ids=(), acquired_on=date(2025, 7, 22))
    gone = replace(late, asset_id="a3", acquired_on=None, disposed_on=date(2025, 7, 3))
    sold = replace(late, asset_id="a4", acquired_on=None, is_sold_by_org=True,
                   owner=Party.CUSTOMER, controller=Party.CUSTOMER,
                   sold_on=date(2025, 7, 31))  # fmt: skip
    found = metering(month(1, 31), GATEWAY, late, gone, sold)
    by_asset = {one.subject: one.quantity for one in remainder(found)}
    assert by_asset == {"asset/a2": 10, "asset/a3": 2, "asset/a4": 1}


SOLD = replace(GATEWAY, is_sold_by_org=True, owner=Party.CUSTOMER, controller=Party.CUSTOMER,
               sold_on=date(2025, 7, 1), units=100, life_years=Fraction(5))  # fmt: skip


def test_what_was_sold_counts_for_its_life_in_ghg_and_for_the_year_in_the_tcs() -> None:
    """Invariant 13: units x kWh a year x life x I; a unit draws 12 W here."""
    watts = 12
    found = metering(whole(quantity=watts * 300 * 10**6, terms=FLAT), SOLD)
    (lifetime,) = [one for one in found.postings if one.place == scope_3(11, "lifetime")]
    kwh = 100 * Fraction(watts * 8760, 1000) * 5
    assert lifetime.quantity == kwh
    assert lifetime.grams == kwh * 177
    assert (lifetime.in_ghg, lifetime.in_tcs, lifetime.leaf) == (True, False, None)
    assert (lifetime.start_unix_seconds, lifetime.rule) == (FIRST * 300, "12")
    assert found.factors[lifetime.factor].value == Fraction(177, 1000)
    year = [one for one in found.postings if one is not lifetime and one.stage is Stage.USE]
    assert all(one.in_tcs and not one.in_ghg for one in year)
    assert {one.leaf for one in year} == {TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE}
    require(found.postings, Register([SOLD]), "UTC")


def test_what_is_on_for_half_of_its_life_uses_half() -> None:
    draws = whole(quantity=300 * 10**6, terms=FLAT)
    half = metering(draws, replace(SOLD, duty_ratio=Fraction(1, 2)))
    (lifetime,) = [one for one in half.postings if one.place == scope_3(11, "lifetime")]
    assert lifetime.quantity == 100 * Fraction(8760, 1000) * 5 / 2


def test_what_was_sold_in_another_year_has_no_lifetime_now() -> None:
    found = metering(whole(days=1), replace(SOLD, sold_on=date(2024, 7, 1)))
    assert not [one for one in found.postings if one.place == scope_3(11, "lifetime")]


def test_a_class_that_reports_in_another_country_tells_what_it_uses_but_not_its_grid() -> None:
    german = replace(SOLD, asset_id="a2", agent_ids=(), country="DE")
    found = metering(whole(quantity=300 * 10**6, terms=FLAT), GATEWAY, german)
    (lifetime,) = [one for one in found.postings if one.place == scope_3(11, "lifetime")]
    assert lifetime.quantity == 100 * Fraction(8760, 1000) * 5
    factor = found.factors.get(lifetime.factor)
    assert factor is None or factor.region == "DE"
    assert "in any country" in lifetime.evidence


def test_a_class_that_nobody_measures_is_said() -> None:
    found = metering(whole(days=1), HOST, replace(SOLD, asset_id="a2", agent_ids=()))
    whys = [one.why for one in found.unknown if one.subject == "asset/a2"]
    assert any("what it uses in its life is not known" in one for one in whys)
