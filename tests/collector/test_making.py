"""The making of a whole register, over versions of its assets: two books, never added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register_scenes import asset
from wattgram.units import SECONDS_PER_YEAR
from wattgram_collector.inventory.making.embodied import rate_in_use, rate_while_on
from wattgram_collector.inventory.making.hardware import shipped
from wattgram_collector.inventory.making.lives import accrued_at, lifelong, rate_at, stretches
from wattgram_collector.inventory.making.period import (
    HardwareBasis,
    MakingOfPeriod,
    making_of_period,
)
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.periods import midnight_unix_seconds, parse_period
from wattgram_collector.inventory.places import TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Book, Posting, Role, Stage
from wattgram_collector.inventory.register.assets import (
    Asset,
    AssetRole,
    Build,
    Condition,
    Embodied,
    Party,
    Register,
    SiteKind,
)

RESOLVER = Resolver(shipped())
OWN = Embodied(
    total_kilograms=Fraction(1000),
    manufacturing_share=Fraction("0.92"),
    transport_share=Fraction("0.05"),
    end_of_life_share=Fraction("0.03"),
)
SERVER = asset("s1", embodied=OWN, life_years=Fraction(4))
AMORTISED = HardwareBasis.AMORTISED
PURCHASE_YEAR = HardwareBasis.PURCHASE_YEAR


def made(period: str, *versions: Asset, **said: Any) -> MakingOfPeriod:
    return making_of_period(Register(versions), RESOLVER, parse_period(period, "UTC"), **said)


def kilograms(found: Sequence[Posting], **said: Any) -> Fraction:
    grams = (one.grams or 0 for one in found
             if all(getattr(one, name) == value for name, value in said.items()))  # fmt: skip
    return sum(grams, Fraction(0)) / 1000


def at(year: int, month: int = 1, day: int = 1) -> int:
    return midnight_unix_seconds(date(year, month, day), "UTC")


# ── the two books ────────────────────────────────────────────────────────────────────────────


def test_the_year_of_purchase_has_the_making_and_the_year_of_disposal_its_end() -> None:
    gone = replace(SERVER, disposed_on=date(2028, 5, 1))

    bought, between, ended = (made(year, gone).postings for year in ("2025", "2026", "2028"))

    assert kilograms(bought, place=scope_3(2), in_ghg=True) == 920
    assert kilograms(bought, place=scope_3(4), in_ghg=True) == 50
    assert kilograms(bought, in_ghg=True) == 970
    assert kilograms(between, in_ghg=True) == 0
    assert kilograms(ended, place=scope_3(5), in_ghg=True) == 30
    assert kilograms(ended, in_ghg=True) == 30


def test_the_tcs_has_the_whole_making_in_the_year_of_purchase_once() -> None:
    """U04: U.* has the whole of TE; its end is not there a second time when it comes."""
    gone = replace(SERVER, disposed_on=date(2028, 5, 1))
    years = [made(str(year), gone).postings for year in range(2025, 2030)]

    per_year = [kilograms(one, in_tcs=True) for one in years]

    assert per_year == [1000, 0, 0, 0, 0]
    assert {one.leaf for one in years[0]} == {TcsLeaf.U_SERVER_HARDWARE}


def test_the_tcs_on_the_amortised_basis() -> None:
    years = [made(str(year), SERVER, basis=AMORTISED).postings for year in range(2024, 2031)]

    per_year = [kilograms(one, in_tcs=True) for one in years]

    assert sum(per_year) == 1000
    assert per_year[0] == per_year[-1] == 0
    assert per_year[2] == 250
    assert {one.book for posted in years for one in posted if one.in_tcs} == {Book.AMORTISED}


def test_an_asset_of_two_bases_is_never_in_a_total_twice() -> None:
    for basis in HardwareBasis:
        books = {one.book for one in made("2025", SERVER, basis=basis).postings if one.in_tcs}
        assert len(books) == 1


def test_what_is_required_at_customers_is_at_its_leaf_only() -> None:
    gateway = replace(
        SERVER, role=AssetRole.CUSTOMER_INFRA, site_kind=SiteKind.CUSTOMER_SITE,
        owner=Party.CUSTOMER, controller=Party.CUSTOMER, electricity_payer=Party.CUSTOMER,
        disposed_on=date(2028, 1, 1),
    )  # fmt: skip

    whole = [one for year in range(2025, 2030) for one in made(str(year), gateway).postings]

    assert kilograms(whole, in_tcs=True) == 1000
    assert kilograms(whole, in_tcs=True, leaf=TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE) == 1000
    assert kilograms(whole, in_ghg=True) == 0


def test_an_employees_own_device_is_a_memo() -> None:
    byod = replace(SERVER, role=AssetRole.EMPLOYEE_DEVICE, device_class="laptop",
                   site_kind=SiteKind.OFFSITE, owner=Party.EMPLOYEE, controller=Party.EMPLOYEE,
                   electricity_payer=Party.EMPLOYEE)  # fmt: skip

    found = made("2025", byod).postings

    assert {one.role for one in found} == {Role.MEMO}
    assert not any(one.in_ghg or one.in_tcs for one in found)


def test_a_part_of_its_parent_is_in_no_posting() -> None:
    card = replace(SERVER, asset_id="card", parent="s1", is_included_in_parent=True)

    odd = replace(card, asset_id="odd", device_class="unheard_of", embodied=Embodied())

    found = made("2025", SERVER, card, odd)

    assert {one.subject for one in found.postings} == {"asset/s1"}
    assert found.unknown == {}


def test_a_rented_machine_goes_on_beyond_the_life_of_one() -> None:
    rented = replace(SERVER, site_kind=SiteKind.CLOUD, owner=Party.PROVIDER,
                     controller=Party.PROVIDER, electricity_payer=Party.PROVIDER)  # fmt: skip

    years = [made(str(year), rented).postings for year in (2025, 2026, 2033)]

    assert kilograms(years[1], place=scope_3(1, "cloud"), in_ghg=True) == 250
    assert kilograms(years[2], in_ghg=True) == 250
    assert kilograms(years[2], in_tcs=True) == 250
    assert not [one for one in years[0] if one.stage is Stage.EMBODIED_ACQUIRED]
    renamed = replace(rented, valid_from=date(2029, 2, 28), note="after 4 x 365 days")
    found = stretches([rented, renamed], RESOLVER, "UTC")
    assert rate_at(found, at(2033)) == rate_at(found, at(2026)) > 0


# ── what is unknown ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (replace(SERVER, acquired_on=None), "acquired_on is not said"),
        (asset("s1", device_class="vm"), "nothing tells what the making of a vm emitted"),
        (replace(SERVER, controller=Party.LESSOR), "no rule says where it belongs"),
    ],
)
def test_what_is_unknown_is_named_and_not_nought(one: Asset, why: str) -> None:
    found = made("2025", one)

    assert found.postings == []
    assert why in found.unknown["s1"]


def test_a_year_before_the_purchase_or_after_the_end_asks_nothing() -> None:
    unknown = asset("s1", device_class="vm", disposed_on=date(2026, 1, 1))

    assert made("2024", unknown).unknown == {}
    assert made("2027", unknown).unknown == {}


def test_each_factor_that_prices_a_posting_is_told() -> None:
    found = made("2025", SERVER, asset("s2"))

    assert {one.factor for one in found.postings} == set(found.factors)
    assert all(one.priced_by == found.factors[one.factor] for one in found.postings)
    assert set(found.factors) == {"asset/s1", "class/server"}


# ── versions ─────────────────────────────────────────────────────────────────────────────────


def test_what_a_later_version_leaves_unsaid_of_its_making_is_as_before() -> None:
    first = replace(SERVER, condition=Condition.REFURBISHED, build=Build(model="R740", gpus=2))
    bare = asset("s1", valid_from=date(2026, 1, 1), acquired_on=None, build=Build(gpus=3))

    _, later = lifelong([first, bare])

    assert later.acquired_on == first.acquired_on
    assert later.embodied == OWN
    assert later.life_years == 4
    assert later.condition is Condition.REFURBISHED
    assert later.build == Build(model="R740", gpus=3)


def test_what_was_bought_before_it_was_written_down_is_booked_when_it_was_bought() -> None:
    late = replace(SERVER, valid_from=date(2025, 10, 1))

    assert kilograms(made("2025", late).postings, in_ghg=True) == 970
    assert kilograms(made("2025-03", late).postings, in_ghg=True) == 970


def test_a_purchase_that_is_told_later_is_booked_when_it_was() -> None:
    unsaid = replace(SERVER, acquired_on=None)
    told = replace(SERVER, valid_from=date(2026, 1, 1))

    found = made("2025", unsaid, told)

    assert found.unknown == {}
    assert kilograms(found.postings, in_ghg=True) == 970


def test_the_end_of_what_is_sold_is_booked_when_it_is_sold() -> None:
    """Category 12 is of what is sold in the year, whenever its life ends."""
    sold = replace(SERVER, role=AssetRole.CUSTOMER_INFRA, site_kind=SiteKind.CUSTOMER_SITE,
                   owner=Party.CUSTOMER, controller=Party.CUSTOMER, is_sold_by_org=True,
                   electricity_payer=Party.CUSTOMER, sold_on=date(2026, 2, 1),
                   disposed_on=date(2030, 1, 1))  # fmt: skip

    ends = [kilograms(made(str(year), sold).postings, place=scope_3(12), in_ghg=True)
            for year in (2025, 2026, 2030)]  # fmt: skip
    waste = [kilograms(made(str(year), sold).postings, place=scope_3(5)) for year in (2026, 2030)]

    assert ends == [0, 30, 0]
    assert waste == [0, 0]
    assert kilograms(made("2025", sold).postings, place=scope_3(1), in_ghg=True) == 920


def test_a_payer_that_changes_moves_what_is_amortised_later_and_nothing_else() -> None:
    """Must show 3, of the making: each day is at one leaf."""
    leased = replace(SERVER, role=AssetRole.CUSTOMER_INFRA, site_kind=SiteKind.CUSTOMER_SITE)
    theirs = replace(leased, valid_from=date(2026, 7, 1), electricity_payer=Party.CUSTOMER,
                     is_sold_by_org=True, owner=Party.CUSTOMER)  # fmt: skip

    whole = made("2026", leased, theirs, basis=AMORTISED).postings
    plain = made("2026", leased, basis=AMORTISED).postings

    assert kilograms(whole, in_tcs=True) == kilograms(plain, in_tcs=True) == 250
    later = Fraction(at(2027) - at(2026, 7), SECONDS_PER_YEAR) * 250
    assert kilograms(whole, leaf=TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE, in_tcs=True) == later


def test_a_life_that_is_extended_spreads_the_rest_over_the_rest() -> None:
    """Prospective: (TE - accrued) / (L' - age); 1000 kg over 4 years, after 2 years 6."""
    longer = replace(SERVER, valid_from=date(2027, 3, 1), life_years=Fraction(6))
    found = stretches([SERVER, longer], RESOLVER, "UTC")
    year = SECONDS_PER_YEAR

    assert rate_at(found, at(2026)) * year == 250_000
    assert rate_at(found, at(2028)) * year == Fraction(500_000, 4)
    assert accrued_at(found, at(2027, 3)) == 500_000
    assert accrued_at(found, 1 << 40) == 1_000_000


def test_rates_for_sci() -> None:
    """r_on counts only while it is on; r_use is a tenant's part."""
    half = replace(SERVER, duty_ratio=Fraction(1, 2))
    own = rate_at(stretches([half], RESOLVER, "UTC"), at(2026))

    assert rate_while_on(own, half) == 2 * own
    assert rate_in_use(own, Fraction(2), Fraction(8)) == own / 4
    with pytest.raises(ValueError, match="9 reserved of 8"):
        rate_in_use(own, Fraction(9), Fraction(8))


@st.composite
def lives(draw: st.DrawFn) -> list[Asset]:
    """One asset in one to four versions, whose life, units and figure may change."""
    days = sorted(draw(st.sets(st.dates(date(2025, 4, 1), date(2033, 1, 1)), max_size=3)))
    first = replace(
        SERVER, alpha=draw(st.sampled_from([Fraction(1), Fraction(2, 7)])), alpha_basis="said",
        disposed_on=draw(st.none() | st.dates(date(2025, 4, 1), date(2036, 1, 1))),
        life_years=Fraction(draw(st.integers(1, 9))),
    )  # fmt: skip
    return [first] + [
        replace(
            first,
            valid_from=day,
            electricity_payer=draw(st.sampled_from([Party.ORG, Party.LANDLORD])),
            life_years=draw(st.none() | st.integers(1, 9).map(Fraction)),
            acquired_on=draw(st.sampled_from([None, first.acquired_on, date(2025, 5, 2)])),
            disposed_on=draw(st.none() | st.just(date(2036, 1, 1))),
        )
        for day in days
    ]


@given(lives(), st.sampled_from(HardwareBasis))
def test_either_book_has_the_making_once_and_no_more(
    versions: list[Asset], basis: HardwareBasis
) -> None:
    """Invariants 2, 6 and 7: over all years A is TE' (without an end that never came) and B at
    most that; no total has both; 3.2 or 3.1 and not both."""
    years = range(2024, 2046)
    posted = [one for year in years
              for one in made(str(year), *versions, basis=basis).postings]  # fmt: skip
    whole = versions[0].alpha * 1000
    is_gone = any(one.disposed_on for one in versions)
    amortised = [one for one in posted if one.book is Book.AMORTISED]

    assert kilograms(posted, in_ghg=True) == whole * (1 if is_gone else Fraction("0.97"))
    assert kilograms(amortised) <= whole
    assert kilograms(amortised) * 1000 == accrued_at(stretches(versions, RESOLVER, "UTC"), 1 << 40)
    if basis is PURCHASE_YEAR:
        assert kilograms(posted, in_tcs=True) == whole
    else:
        assert kilograms(posted, in_tcs=True) == kilograms(amortised)
    assert {one.book for one in posted if one.in_tcs} <= {
        Book.AMORTISED if basis is AMORTISED else Book.INVENTORY
    }
    assert not {scope_3(1), scope_3(2)} <= {one.place for one in posted}
    assert not [one for one in posted if one.stage is Stage.END_OF_LIFE
                and not (one.in_ghg or one.in_tcs)]  # fmt: skip
    keys = [(one.start_unix_seconds, one.stage, one.in_ghg) for one in posted]
    assert len(set(keys)) == len(keys)
    for one in posted:
        assert one.factor_value is not None
        assert one.quantity is not None
        assert one.grams == one.quantity * one.alpha * one.factor_value * 1000
