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
HEADER = (
    "zone_id,level,name,iso3,grams_per_kilowatt_hour,year,"
    "signal,scope,boundary,losses,basis,source,dataset_version,flags"
)
FRANCE = "FR,country,France,FRA,44.18,2024,average,lifecycle,production,busbar,own,ember,v1,"
GERMANY = FRANCE.replace("FR,country,France,FRA,44.18", "DE,country,Germany,DEU,341.50")


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


# ── the shipped table ────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def shipped() -> annual.AnnualTable:
    return annual.load()


@pytest.mark.parametrize("zone", ["FR", "fr", "FRA", "fra", "Fra"])
def test_a_country_is_found_by_either_code_in_any_case(
    shipped: annual.AnnualTable, zone: str
) -> None:
    found = shipped.at(zone, NOON)
    assert found is not None
    assert (found.zone, found.grams_per_kilowatt_hour, found.tier) == ("FR", "44.18", Tier.ANNUAL)
    assert (found.signal, found.scope, found.boundary, found.losses) == (
        "average",
        "lifecycle",
        "production",
        "busbar",
    )
    assert (found.accounting, found.status, found.provider) == (
        "location",
        "static",
        "ember_yearly",
    )


@pytest.mark.parametrize("zone", ["XX", "", "F", "FRANCE", "US-CAL-CISO", " FR"])
def test_a_zone_that_is_not_in_the_table_has_no_intensity(
    shipped: annual.AnnualTable, zone: str
) -> None:
    assert shipped.at(zone, NOON) is None


@pytest.mark.parametrize("unix_seconds", [0, NOON, 1 << 39])
def test_a_yearly_average_holds_at_any_time(
    shipped: annual.AnnualTable, unix_seconds: int
) -> None:
    assert shipped.at("DE", unix_seconds) == shipped.at("DE", NOON) is not None


def test_the_average_of_the_world_says_so(shipped: annual.AnnualTable) -> None:
    world = shipped.at("WORLD", NOON)
    assert world is not None
    assert world.tier is Tier.WORLD


def test_a_value_that_stands_in_for_a_country_says_whose_it_is(
    shipped: annual.AnnualTable,
) -> None:
    """Monaco draws from France; its factor must not read as if it were Monaco's own."""
    monaco, france = shipped.at("MC", NOON), shipped.at("FR", NOON)
    assert monaco is not None
    assert france is not None
    assert (monaco.zone, monaco.value) == ("MC", france.value)
    assert monaco.version == f"{france.version} parent:FR"


def test_a_country_that_gets_the_average_of_the_world_is_of_that_tier() -> None:
    row = FRANCE.replace(",own,", ",world,")
    found = annual.parse(f"{HEADER}\n{row}\n").at("FR", NOON)
    assert found is not None
    assert (found.tier, found.version) == (Tier.WORLD, "v1 2024 world")


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (GERMANY.replace("341.50", "2001"), "zone DE: intensity must be"),
        (GERMANY.replace("341.50", ""), "zone DE: intensity must be"),
        (GERMANY.replace("DE,", ",", 1), "zone must be"),
        ("DE,country,Germany,DEU,341.50,2024", "cells"),
        (GERMANY + ",more", "cells"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(row: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=rf"zones\.csv line 3: .*{complaint}"):
        annual.parse(f"{HEADER}\n{FRANCE}\n{row}\n")


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match=r"line 2: 'year'"):
        annual.parse(f"{HEADER.replace(',year', '')}\n{FRANCE.replace(',2024', '')}\n")


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
