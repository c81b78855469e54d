"""The engine: every part in one order, by the share, the unit and the period asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activity_rows import EXAMPLES
from inventory_parts import (
    YEAR,
    activity,
    asset,
    books,
    gateway,
    inventory,
    kilograms,
    metering,
    posting,
    used,
)
from wattgram_collector.inventory.activities.kinds import KINDS
from wattgram_collector.inventory.decision import HardwareBasis
from wattgram_collector.inventory.engine import UnitError, inventory_of
from wattgram_collector.inventory.invariants import BrokenError
from wattgram_collector.inventory.lines import Status
from wattgram_collector.inventory.periods import parse_period
from wattgram_collector.inventory.places import SCOPE_2, TcsLeaf
from wattgram_collector.inventory.postings import Gas, Method, Posting, Stage
from wattgram_collector.inventory.reckoned import ReckonError
from wattgram_collector.inventory.register.assets import Asset, Embodied
from wattgram_collector.inventory.report.ledger_file import write
from wattgram_collector.inventory.result import Inventory, Seen

MADE = Embodied(total_kilograms=Fraction(1_000), manufacturing_share=Fraction("0.9"),
                transport_share=Fraction("0.06"), end_of_life_share=Fraction("0.04"))  # fmt: skip
BILL = {"kwh": "1000", "country": "GB", "used_by": "servers"}


def grams(found: Inventory, **said: Any) -> Fraction:
    """Return the grams of the postings of which something is so."""
    return sum(
        (one.grams or Fraction(0) for one in found.postings
         if all(getattr(one, name) == value for name, value in said.items())),
        Fraction(0),
    )  # fmt: skip


def test_without_anything_every_category_is_there_and_none_is_evaluated() -> None:
    found = inventory(books())

    assert {line.status for line in found.lines} == {Status.NOT_EVALUATED}
    assert {line.place.category for line in found.lines} == set(range(16))
    assert (found.rows, found.unknown, found.warnings, found.closed) == ([], [], [], None)


def test_energy_making_and_activities_are_in_one_ledger() -> None:
    srv = asset(acquired_on=date(2025, 2, 1), embodied=MADE)
    found = inventory(books(srv, activities=[activity("fuel", fuel="diesel", litres="1")]),
                      metering(*used(srv, 100)))  # fmt: skip

    assert kilograms(found, "2", "location") == 30
    assert kilograms(found, "3.2") == 900
    assert kilograms(found, "3.4") == 60
    assert kilograms(found, "1") == Fraction("2.6972")
    assert {row.posting.factor for row in found.rows} - {""} == found.factors.keys()
    assert [row.posting.start_unix_seconds for row in found.rows] == sorted(
        row.posting.start_unix_seconds for row in found.rows
    )


def test_the_order_of_what_is_said_does_not_matter() -> None:
    srv, gw = asset(), gateway()
    kept = [activity(kind, f"a{n}", **row) for n, (kind, row) in enumerate(EXAMPLES)]
    energy = [*used(srv, 10), *used(gw, 20)]

    one = inventory(books(srv, gw, activities=kept), metering(*energy))
    other = inventory(books(gw, srv, activities=kept[::-1]), metering(*energy[::-1]))

    assert write(one.rows) == write(other.rows)
    assert len(one.rows) > 80


def test_the_share_of_the_organisation_is_taken_of_everything() -> None:
    srv = asset(acquired_on=date(2025, 2, 1), embodied=MADE)
    said = books(srv, activities=[activity("fuel", fuel="diesel", litres="1")])
    meters = [*used(srv, 100), posting(gases={Gas.CH4: Fraction(80)})]
    whole = inventory(said, metering(*meters))

    share = inventory(said, metering(*meters), consolidation="equity_share",
                      equity_share_percent=12.5)  # fmt: skip
    none = inventory(said, metering(*meters), equity_share_percent=12.5)

    assert {one.alpha for one in share.postings} == {Fraction(1, 8)}
    for before, after in zip(whole.lines, share.lines, strict=True):
        if before.total.grams is not None:
            assert after.total.grams == before.total.grams / 8
            assert after.total.gases == {gas: one / 8 for gas, one in before.total.gases.items()}
    assert share.lines[0].total.gases[Gas.CH4] == 10
    assert grams(none) == grams(whole)


def test_one_unit_has_what_is_its_own() -> None:
    mine = asset("mine", org_unit="it", service="mail")
    others = asset("others", org_unit="hr", service="mail")
    said = books(mine, others, activities=[
        activity("fuel", "a", fuel="diesel", litres="1", org_unit="lab"),
        activity("fuel", "b", fuel="diesel", litres="1", org_unit="it"),
    ])  # fmt: skip
    meters = metering(*used(mine, 100), *used(others, 100))
    whose = inventory(said, meters).settings

    found = inventory_of(said, meters, whose, YEAR, "it")

    assert kilograms(found, "2", "location") == 30
    assert kilograms(found, "1") == Fraction("2.6972")
    assert [row["asset_id"] for row in found.assets] == ["mine"]
    assert [one.energy_kilowatt_hours for one in found.software] == [300]  # of all units
    assert {one.subject for one in found.unknown} == {"asset/mine"}
    with pytest.raises(UnitError, match="there are: hr, it, lab"):
        inventory_of(said, meters, whose, YEAR, "IT")


def test_what_has_no_factor_is_named_and_in_no_total() -> None:
    """Natural gas in kWh has no supply that is known: it is stated with its quantity."""
    found = inventory(books(activities=[
        activity("resold_electricity", kwh="10", country="US"),
    ]))  # fmt: skip

    (one,) = found.unknown
    assert one.subject == "activity/one"
    assert one.kilowatt_hours == 10
    assert "10 kWh of resold at 3.3 3d" in one.why
    (line,) = [line for line in found.lines if line.place.subcategory == "3d"]
    assert line.status is Status.INCOMPLETE


def test_an_activity_that_cannot_be_reckoned_any_more_is_named() -> None:
    kept = activity("fuel", fuel="diesel", litres="1")
    spoilt = kept._replace(activity=replace(
        kept.activity, values={**kept.activity.values, "fuel": "unicorn"}))  # fmt: skip

    with pytest.raises(ReckonError, match=r"'one' \(entry 7, rows\.csv line 3\): fuel 'unicorn'"):
        inventory(books(activities=[spoilt]))


def test_a_factor_that_means_two_things_stops_the_report() -> None:
    meters = metering(posting(place=SCOPE_2, method=Method.LOCATION))
    (factor,) = meters.factors.values()
    other = posting(subject="asset/b", priced_by=replace(factor, value=Fraction(9)))
    meters.postings.append(other)

    with pytest.raises(ValueError, match="factor 'f' means two things"):
        inventory(books(), meters)


def test_a_broken_invariant_stops_the_report() -> None:
    with pytest.raises(BrokenError, match="invariant 4"):
        inventory(books(), metering(posting(place=SCOPE_2._replace(scope=3, category=3,
                                    subcategory="3b"), leaf=None, in_tcs=False)))  # fmt: skip


def test_results_outside_of_what_is_usual_are_told_and_changed_in_nothing() -> None:
    heavy = asset("phone", device_class="smartphone", embodied=replace(
        MADE, total_kilograms=Fraction(5_000)), acquired_on=date(2025, 1, 1))  # fmt: skip

    found = inventory(books(heavy))

    assert [one for one in found.warnings if one.startswith("asset/phone: embodied/smartphone")]
    assert kilograms(found, "3.2") == 4_500


# ── invariants of whole runs ─────────────────────────────────────────────────────────────────

DAYS = st.dates(date(2022, 1, 1), date(2026, 12, 31))


@st.composite
def lives(draw: st.DrawFn) -> Asset:
    bought = draw(DAYS)
    gone = draw(st.none() | DAYS.filter(lambda day: day > bought))
    make = draw(st.sampled_from([asset, gateway]))
    sold = make is gateway and draw(st.booleans())
    one: Asset = make(
        "a", acquired_on=bought, disposed_on=gone, embodied=MADE, is_sold_by_org=sold,
        sold_on=bought if sold else None, is_capitalised=draw(st.booleans()),
        life_years=Fraction(draw(st.integers(1, 6))),
        alpha=Fraction(draw(st.integers(1, 4)), 4), alpha_basis="shared",
        units=draw(st.integers(1, 3)),
    )  # fmt: skip
    return one


@settings(max_examples=8)
@given(lives(), st.sampled_from(HardwareBasis))
def test_the_making_of_an_asset_is_booked_once_in_its_life(
    one: Asset, basis: HardwareBasis
) -> None:
    """Invariants 6 and 7: book A over all years is TE' once, book B is TE' at most."""
    years = [inventory(books(one), period=parse_period(str(year), "UTC"),
                       hardware_basis=basis.value) for year in range(2022, 2034)]  # fmt: skip
    whole = 1_000_000 * one.alpha * one.units

    acquired = [posting for found in years for posting in found.postings
                if posting.stage is Stage.EMBODIED_ACQUIRED]  # fmt: skip
    amortised = sum((grams(found, stage=Stage.EMBODIED_AMORTISED) for found in years), Fraction(0))
    in_ghg = sum((grams(found, stage=Stage.EMBODIED_ACQUIRED, in_ghg=True) for found in years),
                 Fraction(0))  # fmt: skip

    assert len(acquired) == 1
    assert acquired[0].grams == whole * Fraction("0.9")
    assert in_ghg in (0, acquired[0].grams)
    assert amortised <= whole
    if one.disposed_on is None:
        assert amortised == whole
    for found in years:
        for posted in found.postings:
            assert (posted.grams or 0) >= 0
            assert not (posted.in_tcs and posted.stage is Stage.EMBODIED_AMORTISED
                        and basis is HardwareBasis.PURCHASE_YEAR)  # fmt: skip


@settings(max_examples=8)
@given(st.lists(st.sampled_from(EXAMPLES), max_size=6), st.integers(1, 9_999))
def test_periods_of_a_year_are_the_year(
    rows: list[tuple[str, dict[str, str]]], kilowatt_hours: int
) -> None:
    """Law: each line of the year is the sum of its quarters' lines, exactly."""
    kept = [activity(kind, f"a{n}", **row) for n, (kind, row) in enumerate(rows)]
    srv = asset(acquired_on=date(2025, 5, 1), embodied=MADE)
    year = inventory(books(srv, activities=kept), metering(*used(srv, kilowatt_hours)))
    quarters = []
    for number in (1, 2, 3, 4):
        period = parse_period(f"2025-Q{number}", "UTC")
        share = Fraction((period.after - period.first).days, 365)
        energy = [scaled(one, share, period.interval) for one in used(srv, kilowatt_hours)]
        quarters.append(inventory(books(srv, activities=kept), metering(*energy), period))

    for line in year.lines:
        parts = [one.total.grams for found in quarters for one in found.lines
                 if (one.place, one.method) == (line.place, line.method)]  # fmt: skip
        assert sum((one or 0 for one in parts), Fraction(0)) == (line.total.grams or 0)


def scaled(one: Posting, share: Fraction, interval: tuple[int, int]) -> Posting:
    return replace(
        one, start_unix_seconds=interval[0], end_unix_seconds=interval[1],
        quantity=(one.quantity or 0) * share, grams=(one.grams or 0) * share,
    )  # fmt: skip


@settings(max_examples=30)
@given(st.sampled_from(EXAMPLES))
def test_each_thing_has_one_primary_posting(example: tuple[str, dict[str, str]]) -> None:
    """Invariants 2, 3 and 14 of every kind: `require` stops no run, the two totals are apart."""
    kind, row = example
    found = inventory(books(activities=[activity(kind, **row)]))

    assert KINDS[kind]
    for one in found.postings:
        assert (one.grams or 0) >= 0
        assert not (one.in_tcs and one.method is Method.MARKET)
    lifetimes = [
        one for one in found.postings if one.place and one.place.subcategory == "lifetime"
    ]
    assert not any(one.in_tcs for one in lifetimes)


def test_the_year_of_what_was_sold_is_in_the_tcs_and_its_life_in_the_inventory() -> None:
    """Invariant 13: both stand, neither in the other's total."""
    gw = gateway(is_sold_by_org=True, sold_on=date(2025, 3, 1))
    life = activity("sold_product_use", units_sold="1", life_years="5", kwh_per_year="10",
                    country="GB")  # fmt: skip

    found = inventory(books(gw, activities=[life]), metering(*used(gw, 10)))

    assert found.leaves[TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE].grams == 3_000
    assert kilograms(found, "3.11 lifetime") == 50 * Fraction("0.177")
    assert all(line.total.grams is None for line in found.lines
               if line.place.category == 11 and line.place.subcategory != "lifetime")  # fmt: skip


def test_a_power_that_is_not_usual_is_told_of_what_one_agent_saw() -> None:
    """876 kWh in 100 hours of a server are 8,760 W; in a year of hours 100 W."""
    srv = asset()
    meters = metering(*used(srv, 876))
    seen = Seen("id-srv", "srv", "2025-01", 360_000, 360_000, 0, None, None, None)

    told = inventory(books(srv), replace(meters, seen=[seen])).warnings
    usual = inventory(books(srv), replace(metering(*used(srv, 876)), seen=[
        seen._replace(observed_seconds=365 * 86_400)])).warnings  # fmt: skip

    assert [one for one in told if "power/server 8,760" in one or "power/server 8760" in one]
    assert not usual
