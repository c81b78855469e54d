"""What an intensity is, and which one holds."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import Book, intensity
from wattgram_collector.intensities import annual
from wattgram_collector.intensities.operator import OperatorTable
from wattgram_collector.intensity import Chain, Intensity, Tier

NOON = 1_750_000_000


@pytest.mark.parametrize("grams", ["0", "0.0", "44.18", "2000", "2e3"])
def test_an_intensity_of_zero_to_two_thousand_is_legal(grams: str) -> None:
    assert intensity(grams=grams).value == Fraction(grams)


@pytest.mark.parametrize("grams", ["nan", "-0.001", "2000.001", "inf", "-inf", "", "n/a", "1,5"])
def test_what_is_no_intensity_is_refused_naming_zone_and_value(grams: str) -> None:
    with pytest.raises(ValueError, match="zone FR: intensity must be 0 to 2000 g/kWh") as refused:
        intensity(grams=grams)
    assert grams in str(refused.value)


@given(st.decimals(0, 2000, allow_nan=False, places=6))
def test_the_value_is_the_published_decimal_exactly(grams: object) -> None:
    assert intensity(grams=str(grams)).value == Fraction(str(grams))


@pytest.mark.parametrize("until", [NOON, NOON - 1])
def test_an_intensity_that_is_valid_for_no_time_is_refused(until: int) -> None:
    with pytest.raises(ValueError, match="valid for no time"):
        intensity(valid_from_unix_seconds=NOON, valid_until_unix_seconds=until)


@pytest.mark.parametrize("change", [{"zone": ""}, {"provider": ""}, {"zone": "F\nR"}])
def test_a_name_that_cannot_be_a_label_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        intensity(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"grams_per_kilowatt_hour": "250.0"},
        {"tier": Tier.WORLD},
        {"version": "2"},
        {"signal": "marginal"},
        {"scope": "direct"},
        {"boundary": "consumption"},
        {"losses": "delivered"},
        {"accounting": "market"},
        {"status": "forecast"},
        {"valid_until_unix_seconds": 1 << 39},
    ],
)
def test_intensities_that_differ_on_any_axis_are_two(change: dict[str, object]) -> None:
    assert len({intensity(), intensity(), intensity(**change)}) == 2


# ── the operator's word, and who wins ────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [0, 0.0, 320.5, 2000])
def test_what_the_operator_states_is_taken_as_stated(value: float) -> None:
    found = OperatorTable({"DE": value}).at("DE", NOON)
    assert found is not None
    assert (found.value, found.tier, found.zone) == (Fraction(value), Tier.OPERATOR, "DE")
    assert repr(value) in found.version


@pytest.mark.parametrize("value", [-1, 2000.5, float("nan"), float("inf")])
def test_an_override_that_is_no_intensity_is_refused_naming_its_zone(value: float) -> None:
    with pytest.raises(ValueError, match="zone DE"):
        OperatorTable({"FR": 50.0, "DE": value})


def test_an_override_of_nothing_prices_nothing() -> None:
    assert OperatorTable({"DE": 1.0}).at("FR", NOON) is None


@pytest.mark.parametrize(("stated", "asked"), [("DE", "de"), ("de", "DE")])
def test_an_override_holds_however_the_host_spells_its_zone(stated: str, asked: str) -> None:
    """The table understands both; the override, which is to win, must not be passed by."""
    chain = Chain(OperatorTable({stated: 320.5}), annual.load())
    found = chain.at(asked, NOON)
    assert found is not None
    assert (found.tier, found.value) == (Tier.OPERATOR, Fraction("320.5"))


def test_the_override_wins_over_the_table_for_its_own_zone_only() -> None:
    chain = Chain(OperatorTable({"DE": 1.5}), annual.load())
    tiers = {zone: found and found.tier for zone in ("DE", "FR", "XX")
             for found in [chain.at(zone, NOON)]}  # fmt: skip
    assert tiers == {"DE": Tier.OPERATOR, "FR": Tier.ANNUAL, "XX": None}


def test_the_first_book_that_knows_wins_and_zero_is_knowing() -> None:
    first, second = Book([intensity("FR", "0")]), Book([intensity("FR"), intensity("DE")])
    chain = Chain(first, second)
    assert values(chain, "FR", "DE", "XX") == [Fraction(0), Fraction(250), None]
    assert values(Chain(second, first), "FR") == [Fraction(250)]
    assert values(Chain(), "FR") == [None]


def values(chain: Chain, *zones: str) -> list[Fraction | None]:
    found: list[Intensity | None] = [chain.at(zone, NOON) for zone in zones]
    return [one and one.value for one in found]
