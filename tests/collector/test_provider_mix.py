"""A generation mix to its intensity."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_client import DIRECT, LIFECYCLE
from wattgram_collector.intensities.providers import mix
from wattgram_collector.intensities.providers.mix import Factors
from wattgram_collector.intensity import Scope

HOUR = 3_600
AMOUNTS = st.integers(-9_999, 9_999).map(lambda tenths: Fraction(tenths, 10))
FUELS = st.sampled_from([*LIFECYCLE.grams_per_kilowatt_hour, "hydro_pumped", "storage"])
MIXES = st.dictionaries(FUELS, AMOUNTS)


def test_the_mean_is_weighted_by_generation() -> None:
    value = mix.intensity({"coal": Fraction(1), "nuclear": Fraction(3)}, LIFECYCLE)

    assert value == Fraction(820 + 3 * 12, 4) == 214


def test_pumping_and_charging_are_no_generation() -> None:
    fed = {"gas": Fraction(10), "solar": Fraction(-2), "storage": Fraction(-5)}

    assert mix.intensity(fed, LIFECYCLE) == 490


def test_discharge_without_a_factor_is_priced_at_the_mean_of_its_slot() -> None:
    fed = {"coal": Fraction(1), "wind": Fraction(1)}
    with_storage = {**fed, "hydro_pumped": Fraction(7)}

    table = {**LIFECYCLE.grams_per_kilowatt_hour, "unknown": Fraction(700)}
    factors = LIFECYCLE._replace(grams_per_kilowatt_hour=table)

    assert mix.intensity(with_storage, LIFECYCLE) == mix.intensity(fed, LIFECYCLE)
    assert mix.intensity(with_storage, factors) == mix.intensity(fed, LIFECYCLE)


def test_discharge_with_a_factor_has_it() -> None:
    table = {**LIFECYCLE.grams_per_kilowatt_hour, "storage": Fraction(358)}
    factors = LIFECYCLE._replace(grams_per_kilowatt_hour=table)

    assert mix.intensity({"storage": Fraction(2)}, factors) == 358


def test_a_fuel_without_a_factor_leaves_no_intensity() -> None:
    assert mix.intensity({"coal": Fraction(1), "waste": Fraction(1)}, LIFECYCLE) is None
    assert mix.intensity({"coal": Fraction(1), "waste": Fraction(0)}, LIFECYCLE) == 820


def test_the_sets_own_row_for_unknown_fuels_is_used() -> None:
    table = {**LIFECYCLE.grams_per_kilowatt_hour, "unknown": Fraction(700)}
    factors = LIFECYCLE._replace(grams_per_kilowatt_hour=table)

    assert mix.intensity({"waste": Fraction(1)}, factors) == 700
    assert mix.intensity({"Z99": Fraction(1)}, factors, {"A": "coal"}) == 700
    assert mix.intensity({"coal": Fraction(1)}, factors, {"A": "coal"}) == 700


@pytest.mark.parametrize("name", ["imports", "import_fr"])
def test_imports_have_their_own_factor_or_are_left_out_by_name(name: str) -> None:
    table = {**LIFECYCLE.grams_per_kilowatt_hour, "unknown": Fraction(700)}
    factors = LIFECYCLE._replace(grams_per_kilowatt_hour=table)
    fed = {"gas": Fraction(1), name: Fraction(1)}
    priced = factors._replace(grams_per_kilowatt_hour={**table, name: Fraction(10)})

    assert mix.intensity(fed, factors) is None
    assert mix.intensity(fed, factors, excluded=frozenset({name})) == 490
    assert mix.intensity(fed, priced) == 250


@pytest.mark.parametrize(
    ("fuel", "grams"),
    [
        ("lignite", 820),
        ("coal_gas", 490),
        ("hydro_reservoir", 24),
        ("wind_onshore", 11),
        ("peat", 820),
    ],
)
def test_a_set_that_does_not_tell_kinds_apart_has_their_common_factor(
    fuel: str, grams: int
) -> None:
    assert LIFECYCLE.of(fuel) == grams


def test_the_own_factor_wins_over_the_common_one() -> None:
    factors = Factors("own", Scope.DIRECT, {"coal": Fraction(900), "lignite": Fraction(1_100)})

    assert factors.of("lignite") == 1_100


def test_wind_at_sea_is_what_all_wind_is_where_it_is_not_told_apart() -> None:
    assert DIRECT.of("wind_offshore") == 0


def test_nothing_generated_is_no_intensity_and_zero_is_one() -> None:
    assert mix.intensity({"coal": Fraction(0)}, DIRECT) is None
    assert mix.intensity({}, DIRECT) is None
    assert mix.intensity({"nuclear": Fraction(5)}, DIRECT) == 0


@given(MIXES)
def test_an_intensity_lies_between_the_factors_of_its_fuels(fed: dict[str, Fraction]) -> None:
    value = mix.intensity(fed, LIFECYCLE)
    factors = [
        factor for fuel, amount in fed.items() if amount > 0 and (factor := LIFECYCLE.of(fuel))
    ]

    assert (value is None) == (not factors)
    if value is not None:
        assert min(factors) <= value <= max(factors)


@given(MIXES, st.integers(1, 9_999).map(lambda share: Fraction(share, 7)))
def test_the_unit_of_generation_does_not_matter(fed: dict[str, Fraction], scale: Fraction) -> None:
    scaled = {fuel: amount * scale for fuel, amount in fed.items()}

    assert mix.intensity(scaled, LIFECYCLE) == mix.intensity(fed, LIFECYCLE)


@given(st.builds(Fraction, st.integers(0, 2_000), st.integers(1, 9_999)))
def test_the_text_is_the_value_to_a_thousandth(value: Fraction) -> None:
    text = mix.decimal_text(value)

    assert abs(Fraction(text) - value) <= Fraction(1, 2_000)
    assert "e" not in text.lower()


@pytest.mark.parametrize(
    ("value", "text"),
    [("250", "250"), ("1/8", "0.125"), ("1/3", "0.333"), ("0.0005", "0"), ("0.0015", "0.002")],
)
def test_the_text_is_short_and_rounded_half_to_even(value: str, text: str) -> None:
    assert mix.decimal_text(Fraction(value)) == text


# ── what is missing ──────────────────────────────────────────────────────────────────────


def slots(*counts: int, hours_apart: int = 1) -> dict[int, dict[str, Fraction]]:
    """Slots with so many kinds of plant each."""
    return {
        index * hours_apart * HOUR: {f"kind {kind}": Fraction(1) for kind in range(count)}
        for index, count in enumerate(counts)
    }


def test_a_slot_with_fewer_kinds_than_lately_is_partial() -> None:
    assert mix.complete(slots(9, 9, 8, 9)) == {0, HOUR, 3 * HOUR}
    assert mix.complete(slots(9, 9, 8, 7), allowance=1) == {0, HOUR, 2 * HOUR}


def test_lately_is_a_day_either_way() -> None:
    assert mix.complete(slots(8, 9, hours_apart=24)) == {24 * HOUR}
    assert mix.complete(slots(9, 8, hours_apart=24)) == {0}
    assert mix.complete(slots(9, 8, 9, hours_apart=25)) == {0, 25 * HOUR, 50 * HOUR}


def test_no_kinds_at_all_are_no_mix() -> None:
    assert mix.complete({0: {}}, allowance=1) == set()


def fed(*kinds: str) -> dict[str, Fraction]:
    return {kind: Fraction(1) for kind in kinds}


def test_only_what_is_wanted_is_priced_and_the_rest_tells_what_there_is() -> None:
    found = mix.priced({0: fed("coal", "gas"), HOUR: fed("coal")}, [HOUR], LIFECYCLE)

    assert found == ({}, 1)


def test_the_newest_slots_that_are_not_all_there_yet_are_no_hole() -> None:
    both = fed("coal", "gas")
    series = {0: both, HOUR: fed("coal"), 2 * HOUR: both, 3 * HOUR: fed("gas")}

    assert mix.priced(series, sorted(series), LIFECYCLE) == ({0: "655", 2 * HOUR: "655"}, 1)
    assert mix.priced(series, [0, 3 * HOUR], LIFECYCLE) == ({0: "655"}, 0)


def test_a_whole_slot_without_a_factor_is_a_hole_wherever_it_is() -> None:
    series = {0: fed("coal"), HOUR: fed("waste")}

    assert mix.priced(series, sorted(series), LIFECYCLE) == ({0: "820"}, 1)
