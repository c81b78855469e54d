"""Agents' energy to the postings of a period: each joule in one place, or said to be in none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import intensity
from metered_scenes import (
    DIRECT,
    FIRST,
    GATEWAY,
    HOST,
    KILOWATT_HOUR,
    LIFECYCLE,
    SLOTS_PER_DAY,
    UK,
    Row,
    metering,
    whole,
)
from wattgram.readings import Quality
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Accounting, Losses, Scope, Tier
from wattgram_collector.inventory.factors import FactorBoundary
from wattgram_collector.inventory.invariants import require
from wattgram_collector.inventory.metering.energy import (
    FUEL_NOTE,
    NO_CONTRACT,
    NOT_DIRECT_NOTE,
    ON_SITE,
    OTHERS_GENERATOR_NOTE,
)
from wattgram_collector.inventory.metering.metered import Metering
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.places import SCOPE_1, SCOPE_2, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Method, Posting, Role, Stage
from wattgram_collector.inventory.register.assets import (
    Asset,
    AssetRole,
    MeteringPoint,
    Party,
    Register,
    SiteKind,
    Supply,
)
from wattgram_collector.inventory.report.ledger_file import ordered

LIVE = [
    intensity("GB", f"{100 + at}.{at}{at}", scope=Scope.DIRECT, tier=Tier.LIVE,
              version=f"v{at % 4}",
              valid_from_unix_seconds=(FIRST + at) * 300,
              valid_until_unix_seconds=(FIRST + at + 1) * 300)
    for at in range(6)
]  # fmt: skip
BOUGHT = intensity("GB", "20", scope=Scope.DIRECT, tier=Tier.OPERATOR,
                   accounting=Accounting.MARKET, provider="contract")  # fmt: skip


def few(*quantities: int, agent: int = 1, **said: Any) -> list[Row]:
    return [Row(agent, FIRST + at, one * KILOWATT_HOUR, **said)
            for at, one in enumerate(quantities)]  # fmt: skip


def of(found: Metering, **said: Any) -> list[Posting]:
    return [one for one in found.postings
            if all(getattr(one, name) == value for name, value in said.items())]  # fmt: skip


def total(postings: Iterable[Posting]) -> Fraction:
    return sum((one.grams or Fraction(0) for one in postings), Fraction(0))


def energy(postings: Iterable[Posting]) -> Fraction:
    return sum((one.quantity or Fraction(0) for one in postings), Fraction(0))


def test_a_thousand_kilowatt_hours_of_the_united_kingdom() -> None:
    """Golden G11, with a PUE of 1.5, by location and, with no contract, by market."""
    found = metering(few(400, 600), HOST)

    location, supply, losses, market = found.postings
    assert (location.place, location.method) == (SCOPE_2, Method.LOCATION)
    assert (location.quantity, location.grams) == (1_500, 265_500)
    assert (supply.place, supply.grams) == (scope_3(3, "3b"), 68_850)
    assert losses.place == scope_3(3, "3c")
    assert losses.grams == 1_500 * (177 * Fraction(6, 94) + Fraction("3.97"))
    assert (market.method, market.grams, market.note) == (Method.MARKET, 265_500, NO_CONTRACT)
    assert found.unknown == []
    assert location.evidence.endswith(
        ": wattgram-collector explain --host host-1 --from 2025-07-01T00:00:00Z"
        " --to 2025-07-01T00:10:00Z"
    )
    assert found.metered == {"a1": [Interval(FIRST * 300, (FIRST + 2) * 300)]}


def test_an_interval_is_of_the_time_in_which_the_agent_was_alive() -> None:
    """An activity of the months before is then no second posting of the same time."""
    rows = [Row(1, FIRST + at, KILOWATT_HOUR) for at in (-9, 100, 200, 31 * SLOTS_PER_DAY + 3)]
    later = [Row(2, FIRST + at, KILOWATT_HOUR) for at in (100, 200)]
    found = metering([*rows, *later], HOST, replace(HOST, asset_id="a2", agent_ids=("agent-2",)))
    month = (FIRST * 300, (FIRST + 31 * SLOTS_PER_DAY) * 300)
    alive = ((FIRST + 100) * 300, (FIRST + 201) * 300)
    assert {(one.subject, one.start_unix_seconds, one.end_unix_seconds)
            for one in found.postings} == {("asset/a1", *month), ("asset/a2", *alive)}  # fmt: skip
    assert found.metered == {"a1": [Interval(*month)], "a2": [Interval(*alive)]}


def test_every_posting_has_its_factor_and_grams_are_quantity_times_it() -> None:
    asset = replace(HOST, alpha=Fraction(2, 7), alpha_basis="shared")
    rows = [Row(1, FIRST + at, (at + 1) * 7, factor=one) for at, one in enumerate(LIVE)]
    rows += [Row(1, FIRST + 6, 5, factor=DIRECT)]
    found = metering(rows, asset)

    for one in found.postings:
        factor = found.factors[one.factor]
        assert one.priced_by is factor
        assert one.quantity is not None
        assert one.factor_value is not None
        assert one.grams == one.quantity * one.alpha * one.factor_value * 1000
    (live,) = [one for one in found.factors.values()
               if one.factor_id.startswith("grid/GB/test/live/")]  # fmt: skip
    weighed = sum(one.value * (at + 1) for at, one in enumerate(LIVE)) / 21 / 1000
    assert live.value == weighed
    assert live.source_version == "v0 to v3 (4 versions)"
    assert live.reference == "mean of 6 factors, weighed by energy"
    assert live.boundary is FactorBoundary.COMBUSTION
    (annual,) = [one for one in found.factors.values()
                 if one.factor_id.startswith("grid/GB/test/annual/")]  # fmt: skip
    assert annual.value == Fraction(177, 1000)
    assert (annual.source, annual.source_version) == ("test", "1")
    assert len(of(found, stage=Stage.ELECTRICITY_SUPPLY)) == 1, "one fuel supply, two families"
    assert ordered(found.postings)


def test_two_grids_whose_factors_differ_in_one_axis_are_two_rows() -> None:
    delivered = intensity("GB", "177", scope=Scope.DIRECT, losses=Losses.DELIVERED)
    found = metering([*few(1), Row(1, FIRST + 1, 5, factor=delivered)], HOST)
    grids = [one for one in found.factors.values() if one.factor_id.startswith("grid/")]
    assert sorted(one.includes_losses for one in grids) == [False, True]
    assert len(of(found, stage=Stage.LOSSES)) == 2, "supply of what is lost is known for both"


def test_what_was_bought_is_taken_by_market_and_the_rest_by_location() -> None:
    rows = few(3) + few(2, account=Account.MARKET, factor=BOUGHT)
    found = metering(rows, HOST)
    market = of(found, method=Method.MARKET)
    assert energy(market) == energy(of(found, method=Method.LOCATION)) == Fraction(9, 2)
    assert total(market) == 3 * 20 + Fraction(3, 2) * 177
    assert [one.note for one in market] == ["", NO_CONTRACT]


def test_a_lifecycle_intensity_is_refused_by_both_methods_and_told_once() -> None:
    rows = [*few(1, factor=LIFECYCLE), *few(1, agent=2, factor=LIFECYCLE)]
    found = metering(rows, replace(HOST, agent_ids=("agent-1", "agent-2"), units=2))
    assert {one.method for one in found.postings} == {Method.LOCATION, Method.MARKET}
    assert not any(one.in_ghg for one in found.postings)
    assert total(of(found, in_tcs=True)) == 2 * Fraction(3, 2) * 230
    (unknown,) = found.unknown
    assert unknown.subject.startswith("factor/grid/GB/test/annual/lifecycle/")
    assert (unknown.kilowatt_hours, unknown.grams) == (3, 690)
    assert unknown.why.startswith(NOT_DIRECT_NOTE)


def test_energy_that_nobody_can_place_or_price_is_said_with_its_joules() -> None:
    undecided = replace(HOST, asset_id="a2", agent_ids=("agent-2",), controller=Party.CUSTOMER,
                        owner=Party.CUSTOMER, electricity_payer=Party.EMPLOYEE)  # fmt: skip
    rows = [
        *few(1),
        *few(2, agent=2),
        *few(3, agent=3, factor=None),
        *few(4, agent=4, factor=None, terms=Terms()),
    ]
    others = [replace(HOST, asset_id=f"a{at}", agent_ids=(f"agent-{at}",)) for at in (3, 4)]
    found = metering(rows, undecided, *others)

    by_subject = {one.subject: one for one in found.unknown}
    assert sorted(by_subject) == ["agent/host-1", "asset/a2", "asset/a3", "asset/a4"]
    assert by_subject["agent/host-1"][2:] == (Fraction(3, 2), Fraction(3, 2) * 177)
    assert by_subject["agent/host-1"].why.endswith("(wattgram-collector assets suggest)")
    assert "no rule says where it belongs" in by_subject["asset/a2"].why
    assert by_subject["asset/a3"][1:] == (
        "no factor of grid GB is known for its time", Fraction(9, 2), None,
    )  # fmt: skip
    assert "which grid it draws from" in by_subject["asset/a4"].why
    assert total(of(found, in_ghg=True)) == total(of(found, in_tcs=True)) == 0
    assert {one.role for one in of(found, subject="agent/host-1")} == {Role.MEMO}


def test_the_sun_on_the_roof_is_zero_and_its_kilowatt_hours_are_there() -> None:
    found = metering(few(2), replace(HOST, supply=Supply.ONSITE_RENEWABLE))
    assert [(one.method, one.quantity, one.grams, one.factor) for one in found.postings] == [
        (Method.LOCATION, 3, 0, ON_SITE),
        (Method.MARKET, 3, 0, ON_SITE),
    ]
    assert found.postings[0].leaf is TcsLeaf.O_SERVERS
    assert found.factors[ON_SITE].value == 0


def test_what_a_generator_supplies_is_its_fuel_and_no_grid_prices_it() -> None:
    generator = replace(HOST, asset_id="g1", role=AssetRole.GENERATOR, agent_ids=("agent-2",))
    behind = replace(HOST, supply=Supply.GENERATOR, generator="g1")
    alone = replace(HOST, asset_id="a3", supply=Supply.GENERATOR, agent_ids=("agent-3",))
    found = metering([*few(1), *few(2, agent=2), *few(3, agent=3)], generator, behind, alone)

    (allocated,) = of(found, subject="asset/a1")
    assert (allocated.role, allocated.place, allocated.leaf) == (
        Role.ALLOCATION, SCOPE_1, TcsLeaf.G_GENERATORS,
    )  # fmt: skip
    assert allocated.note == "from generator g1: its fuel is booked there"
    assert [one.grams for one in found.postings] == [None, None, None]
    assert [(one.subject, one.why) for one in found.unknown] == [
        ("asset/a3", FUEL_NOTE), ("asset/g1", FUEL_NOTE),
    ]  # fmt: skip


def test_a_generator_of_somebody_else_has_no_factor() -> None:
    theirs = replace(GATEWAY, supply=Supply.GENERATOR, controller=Party.CUSTOMER)
    (found,) = metering(few(1), theirs).postings
    assert (found.leaf, found.grams, found.note) == (
        TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE, None, OTHERS_GENERATOR_NOTE,
    )  # fmt: skip


def test_a_host_inside_the_facilitys_meter_is_an_allocation_while_that_meter_reports() -> None:
    """Invariant 10."""
    hall = replace(HOST, asset_id="hall", agent_ids=("agent-9",),
                   metering_point=MeteringPoint.FACILITY)  # fmt: skip
    inside = replace(HOST, parent="hall")
    rows = [*few(*[1] * 10), *(Row(9, FIRST + at, KILOWATT_HOUR) for at in range(2, 6))]
    found = metering(rows, hall, inside)

    mine = of(found, subject="asset/a1", stage=Stage.USE)
    shown = {one.role: energy(one2 for one2 in mine if one2.role is one.role
                              and one2.method is not Method.MARKET) for one in mine}  # fmt: skip
    assert shown == {Role.PRIMARY: Fraction(3, 2) * 6, Role.ALLOCATION: Fraction(3, 2) * 4}
    allocated = of(found, role=Role.ALLOCATION)
    assert {one.note for one in allocated} == {"inside what the meter of hall has: counted there"}
    hours = list(found.site_hours())
    # six of the host's own at its PUE, four at the facility's meter, which has the rest inside
    assert sum(one.facility_kilowatt_hours for one in hours) == Fraction(3, 2) * 6 + 4


def test_a_facilitys_own_meter_has_its_overhead_inside() -> None:
    """Invariant 10, trap 8: PUE is 1 there, whatever is stated of the site."""
    hall = replace(HOST, metering_point=MeteringPoint.FACILITY)
    found = metering(few(3), hall)
    outlet = metering(few(3), HOST)

    for stage in (Stage.USE, Stage.ELECTRICITY_SUPPLY, Stage.LOSSES):
        (one, *_), (other, *_) = of(found, stage=stage), of(outlet, stage=stage)
        assert (one.quantity, one.pue) == (Fraction(3), Fraction(1))
        assert (other.quantity, other.pue) == (Fraction(9, 2), Fraction(3, 2))
        assert one.grams is not None
        assert one.grams * Fraction(3, 2) == other.grams
    (hour,) = found.site_hours()
    assert (hour.it_kilowatt_hours, hour.facility_kilowatt_hours) == (2, 3)


@pytest.mark.parametrize("is_included", [False, True])
def test_a_machine_inside_another_is_one_only_where_it_says_so(is_included: bool) -> None:  # noqa: FBT001
    machine = replace(HOST, asset_id="machine", agent_ids=("agent-9",))
    guest = replace(HOST, parent="machine", is_included_in_parent=is_included)
    found = metering([*few(1), *few(1, agent=9)], machine, guest)
    roles = {one.role for one in of(found, subject="asset/a1")}
    assert roles == {Role.ALLOCATION if is_included else Role.PRIMARY}


def test_a_parent_that_nobody_meters_has_nothing_inside() -> None:
    hall = replace(HOST, asset_id="hall", agent_ids=(), metering_point=MeteringPoint.FACILITY)
    found = metering(few(1), hall, replace(HOST, parent="hall"))
    assert {one.role for one in found.postings} == {Role.PRIMARY}


def test_the_direct_current_side_is_divided_by_the_efficiency_of_the_supply() -> None:
    asset = replace(HOST, metering_point=MeteringPoint.COMPONENT, psu_efficiency=Fraction(4, 5))
    found = metering(few(4), asset)
    assert found.postings[0].quantity == 4 / Fraction(4, 5) * Fraction(3, 2)
    (hour,) = found.site_hours()
    assert (hour.it_kilowatt_hours, hour.facility_kilowatt_hours) == (5, Fraction(15, 2))


@pytest.mark.parametrize(
    ("said", "place", "leaf"),
    [
        ({"role": AssetRole.EMPLOYEE_DEVICE, "site_kind": SiteKind.OFFSITE}, scope_3(7),
         TcsLeaf.C_EMPLOYEE_HARDWARE),
        ({"owner": Party.LESSOR, "controller": Party.LESSOR, "site_kind": SiteKind.OFFSITE},
         scope_3(8), TcsLeaf.C_MANAGED_SERVICES),
        ({"site_kind": SiteKind.CLOUD}, scope_3(1, "cloud"), TcsLeaf.C_CLOUD_SERVICES),
        ({"role": AssetRole.CUSTOMER_INFRA, "site_kind": SiteKind.CUSTOMER_SITE,
          "electricity_payer": Party.CUSTOMER, "is_leased_out": True}, scope_3(13),
         TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE),
    ],
)  # fmt: skip
def test_other_places_have_the_energy_once_and_no_scope_2(
    said: dict[str, Any], place: object, leaf: TcsLeaf
) -> None:
    asset = replace(HOST, alpha=Fraction(1, 4), alpha_basis="days", **said)
    (one,) = metering(few(8), asset).postings
    assert (one.place, one.leaf, one.in_ghg, one.in_tcs) == (place, leaf, True, True)
    assert (one.quantity, one.grams) == (12, 12 * 177 / 4)


def test_the_worst_meter_and_missing_time_decide_the_tier() -> None:
    def tier(rows: list[Row], asset: Asset, read: Quality) -> Quality:
        rows = [*rows, Row(2, FIRST + 31 * SLOTS_PER_DAY - 1, 1)]
        found = metering(rows, asset, qualities={1: read})
        return of(found, subject="asset/a1")[0].tier_activity

    laptop = replace(HOST, role=AssetRole.EMPLOYEE_DEVICE, device_class="laptop")
    assert tier(whole(), HOST, Quality.MEASURED) is Quality.MEASURED
    assert tier(whole(), HOST, Quality.MODELLED) is Quality.MODELLED
    assert tier(whole(days=29), HOST, Quality.MEASURED) is Quality.MODELLED
    assert tier(whole(days=29), HOST, Quality.DEFAULT) is Quality.DEFAULT
    assert tier(whole(days=29), laptop, Quality.MEASURED) is Quality.MEASURED


def test_terms_that_changed_are_postings_of_their_own() -> None:
    rows = [*few(1), Row(1, FIRST + 1, KILOWATT_HOUR, terms=replace(UK, site="other"))]
    found = metering(rows, HOST)
    ends = {one.evidence.partition(":")[0][-12:] for one in of(found, stage=Stage.LOSSES)}
    assert ends == {"terms 1 of 2", "terms 2 of 2"}
    assert ordered(found.postings)


MIDJULY = date(2025, 7, 16)
PAYERS = st.sampled_from((Party.ORG, Party.CUSTOMER))


@given(st.lists(st.integers(1, 9), min_size=2, max_size=12), PAYERS, PAYERS,
       st.sampled_from((DIRECT, LIVE[0])), st.booleans())  # fmt: skip
@settings(max_examples=20)
def test_the_payer_of_a_gateway_moves_its_later_joules_and_nothing_else(
    quantities: list[int],
    payer: Party,
    later: Party,
    factor: Any,
    is_moving: bool,  # noqa: FBT001
) -> None:
    """Must show 3, and invariant 8: never D for what the organisation pays, else never O."""
    day = SLOTS_PER_DAY * 31 // len(quantities)
    rows = [Row(1, FIRST + at * day, one * KILOWATT_HOUR, factor=factor)
            for at, one in enumerate(quantities)]  # fmt: skip
    if is_moving:
        rows += [one._replace(account=Account.TRANSMIT) for one in rows]
    before = replace(GATEWAY, electricity_payer=payer)
    after = replace(before, valid_from=MIDJULY, electricity_payer=later)
    old, new = metering(rows, before), metering(rows, before, after)
    border = FIRST + 15 * SLOTS_PER_DAY

    def leaf_energy(found: Metering, which: Party, *, is_late: bool) -> Fraction:
        leaf = (TcsLeaf.O_NETWORKING if which is Party.ORG
                else TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE)  # fmt: skip
        return energy(one for one in of(found, leaf=leaf, stage=Stage.USE)
                      if (one.start_unix_seconds >= border * 300) is is_late)  # fmt: skip

    late = sum(one.quantity for one in rows
               if one.slot >= border and one.account is Account.HOST)  # fmt: skip
    early = sum(one.quantity for one in rows
                if one.slot < border and one.account is Account.HOST)  # fmt: skip
    ratio = Fraction(3, 2 * KILOWATT_HOUR)
    if payer is not later:
        assert leaf_energy(new, later, is_late=True) == late * ratio
        assert leaf_energy(new, payer, is_late=True) == 0
        assert leaf_energy(new, payer, is_late=False) == early * ratio
        assert leaf_energy(new, later, is_late=False) == 0
    assert total(of(old, in_tcs=True)) == total(of(new, in_tcs=True))
    for leaf in TcsLeaf:
        if leaf.letter not in "OD" or leaf is TcsLeaf.D_NETWORK_DATA_TRANSFER:
            assert energy(of(old, leaf=leaf)) == energy(of(new, leaf=leaf))
    places = Counter((one.place, one.leaf) for one in of(new, stage=Stage.NETWORK))
    assert len(places) <= 1
    require(new.postings, Register([before, after]), "UTC")


ROLES = st.sampled_from(AssetRole)
PARTIES = st.sampled_from(Party)


@st.composite
def assets(draw: st.DrawFn, number: int) -> list[Asset]:
    """An asset of anything anywhere, perhaps another from midmonth on, perhaps in a hall."""
    found = []
    for at in (None, MIDJULY):
        if at is not None and draw(st.booleans()):
            break
        supply = draw(st.sampled_from(Supply))
        found.append(Asset(
            asset_id=f"a{number}",
            valid_from=at,
            device_class=draw(st.sampled_from(("server", "iot_gateway", "laptop"))),
            role=draw(ROLES),
            site_kind=draw(st.sampled_from(SiteKind)),
            country=draw(st.sampled_from(("GB", ""))),
            owner=draw(PARTIES),
            controller=draw(PARTIES),
            electricity_payer=draw(PARTIES),
            supply=supply,
            parent="hall" if draw(st.booleans()) else "",
            is_sold_by_org=draw(st.booleans()),
            alpha=draw(st.sampled_from((Fraction(1), Fraction(1, 3)))),
            alpha_basis="share",
            agent_ids=(f"agent-{number}",),
        ))  # fmt: skip
    return found


ROWS = st.lists(
    st.builds(
        Row,
        st.integers(1, 3),
        st.integers(FIRST, FIRST + 31 * SLOTS_PER_DAY - 1),
        st.integers(0, 10 * KILOWATT_HOUR),
        st.sampled_from((Account.HOST, Account.HOST, Account.MARKET, Account.TRANSMIT)),
        st.sampled_from((UK, replace(UK, pue="1"), Terms())),
        st.sampled_from((DIRECT, LIFECYCLE, *LIVE[:2], None)),
    ),
    max_size=12,
)


@given(ROWS, assets(1), assets(2), st.booleans())
@settings(max_examples=60)
def test_every_joule_is_in_one_place_or_said(
    rows: list[Row],
    one: list[Asset],
    two: list[Asset],
    is_metered: bool,  # noqa: FBT001
) -> None:
    """Invariants 1 to 4, 8, 10, 13 and 14, and that nothing is lost between the parts."""
    hall = replace(HOST, asset_id="hall", agent_ids=("agent-3",) if is_metered else (),
                   metering_point=MeteringPoint.FACILITY)  # fmt: skip
    found = metering(rows, hall, *one, *two)
    metered = sum(
        (
            row.quantity
            * Fraction(1 if is_metered and row.agent == 3 else row.terms.pue)
            / KILOWATT_HOUR
            for row in rows
            if row.account is Account.HOST
        ),
        Fraction(0),
    )

    use = [each for each in of(found, stage=Stage.USE)
           if each.method is not Method.MARKET and "fleet " not in each.evidence]  # fmt: skip
    assert energy(use) == metered
    hours = sum((hour.facility_kilowatt_hours for hour in found.site_hours()), Fraction(0))
    assert hours == energy(each for each in use if "inside what" not in each.note)
    for each in found.postings:
        assert each.grams is None or each.grams >= 0
        if each.role is not Role.PRIMARY:
            assert not (each.in_ghg)
            assert not (each.in_tcs)
        if each.grams is not None:
            assert each.factor in found.factors
        elif each.role is Role.PRIMARY:
            assert each.subject in {unknown.subject for unknown in found.unknown}
    location = energy(of(found, place=SCOPE_2, method=Method.LOCATION))
    market = energy(of(found, place=SCOPE_2, method=Method.MARKET))
    bought = {row.account for row in rows} >= {Account.MARKET}
    assert bought or location == market
    require(found.postings, Register([hall, *one, *two]), "UTC")
    assert len(ordered(found.postings)) == len(found.postings)


def test_the_same_ledger_gives_the_same_postings_in_any_order_of_its_agents() -> None:
    rows = [*few(1), *few(2, agent=2), *few(3, agent=3)]
    assets = [replace(HOST, asset_id=f"a{at}", site=f"s{4 - at}", agent_ids=(f"agent-{at}",))
              for at in (1, 2, 3)]  # fmt: skip
    first, again = metering(rows, *assets), metering(rows[::-1], *assets[::-1])
    assert ordered(first.postings) == ordered(again.postings)
    assert first.factors == again.factors
    assert list(first.site_hours()) == list(again.site_hours())
