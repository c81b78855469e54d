"""The parts of what is accounted for: none overlaps, none is there twice, they add up."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from builders import intensity, terms
from wattgram.units import MICROJOULES_PER_KILOWATT_HOUR
from wattgram_collector.accounting.emissions import (
    Account,
    Amount,
    Part,
    Pricing,
    Share,
    shares,
)
from wattgram_collector.accounting.terms import Terms, exact_text, stated
from wattgram_collector.intensity import Intensity, Losses, Scope

energies = st.integers(0, 1 << 60)
ratios = st.integers(1_000, 3_000).map(lambda one: Fraction(one, 1_000))
lost = st.one_of(st.none(), st.integers(0, 499).map(lambda one: Fraction(one, 998)))
grams = st.one_of(st.just(""), st.integers(0, 1_000).map(lambda one: str(Fraction(one, 3))))
factors = st.one_of(
    st.none(),
    st.builds(
        lambda value, scope, losses: intensity("FR", str(value), scope=scope, losses=losses),
        st.integers(0, 1000),
        st.sampled_from(Scope),
        st.sampled_from(Losses),
    ),
)
agreements = st.builds(
    lambda pue, share, upstream: terms(
        "FR",
        pue=exact_text(pue),
        loss_share="" if share is None else exact_text(share),
        upstream_grams_per_kilowatt_hour=upstream,
    ),
    ratios,
    lost,
    grams,
)


def parts(
    energy: int, under: Terms, factor: Intensity | None, account: Account = Account.HOST
) -> dict[Part, Share]:
    found = list(shares(Pricing.of(account, under, factor), Amount(0).plus(energy, factor)))
    by_part = {one.part: one for one in found}
    assert len(by_part) == len(found)  # none is there twice
    return by_part


@given(energies, agreements, factors)
def test_the_facility_is_the_host_times_its_pue(
    energy: int, under: Terms, factor: Intensity | None
) -> None:
    found = parts(energy, under, factor)
    facility = [found[part] for part in (Part.HOST, Part.OVERHEAD) if part in found]
    assert sum(one.energy_microjoules for one in facility) == energy * Fraction(under.pue)
    if factor is None:
        assert {one.grams for one in found.values()} == {None}
        return
    kilowatt_hours = Fraction(energy, MICROJOULES_PER_KILOWATT_HOUR)
    assert sum(one.grams or 0 for one in facility) == (
        kilowatt_hours * Fraction(under.pue) * factor.value
    )


@given(energies, agreements, factors)
def test_losses_are_added_where_they_are_known_and_not_inside(
    energy: int, under: Terms, factor: Intensity | None
) -> None:
    found = parts(energy, under, factor)
    is_added = factor is not None and factor.losses is Losses.BUSBAR and under.loss_share != ""
    assert (Part.LOSSES in found) == is_added
    if is_added:
        used = energy * Fraction(under.pue)
        sent = used + found[Part.LOSSES].energy_microjoules
        # What is lost is its share of what is sent out.
        assert sent * Fraction(under.loss_share) == found[Part.LOSSES].energy_microjoules


@given(energies, agreements, factors)
def test_fuel_supply_is_added_to_direct_factors_only(
    energy: int, under: Terms, factor: Intensity | None
) -> None:
    found = parts(energy, under, factor)
    upstream = under.upstream_grams_per_kilowatt_hour
    is_added = factor is not None and factor.scope is Scope.DIRECT and upstream != ""
    assert (Part.UPSTREAM in found) == is_added
    if is_added:
        assert found[Part.UPSTREAM].grams == (
            energy * Fraction(under.pue) * Fraction(upstream) / MICROJOULES_PER_KILOWATT_HOUR
        )
        assert found[Part.UPSTREAM].energy_microjoules == 0  # no energy of its own


@given(energies, agreements, factors, st.sampled_from((Account.MARKET, Account.MARGINAL)))
def test_another_accounting_of_the_same_energy_is_one_part_of_its_own(
    energy: int, under: Terms, factor: Intensity | None, account: Account
) -> None:
    found = parts(energy, under, factor, account)
    part = Part.MARKET if account is Account.MARKET else Part.MARGINAL
    assert set(found) == {part}
    assert found[part].energy_microjoules == energy * Fraction(under.pue)


@given(energies, st.integers(0, 100), agreements, factors)
def test_the_parts_of_a_sum_are_the_sums_of_the_parts(
    energy: int, percent: int, under: Terms, factor: Intensity | None
) -> None:
    some = energy * percent // 100
    whole = parts(energy, under, factor)
    one, other = parts(some, under, factor), parts(energy - some, under, factor)
    for part, share in whole.items():
        assert share.energy_microjoules == (
            one[part].energy_microjoules + other[part].energy_microjoules
        )
        if share.grams is not None:
            assert share.grams == (one[part].grams or 0) + (other[part].grams or 0)


@given(st.fractions(max_denominator=10_000))
def test_a_number_is_read_back_from_its_text(number: Fraction) -> None:
    assert Fraction(exact_text(number)) == number


@given(st.floats(0, 1e6))
def test_what_the_operator_wrote_is_kept_as_he_wrote_it(number: float) -> None:
    assert float(Fraction(stated(number))) == number


def test_a_number_is_written_as_decimals_where_that_is_exact() -> None:
    assert exact_text(Fraction("0.0413")) == "0.0413"
    assert exact_text(Fraction(1, 3)) == "1/3"
    assert (stated(1.0), stated(1.2), stated(1e-05)) == ("1", "1.2", "0.00001")
