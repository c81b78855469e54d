"""Which book says the location-based factor of a place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import PACKAGE, SLOT, TRANSMIT, Book, intensity
from wattgram_collector.accounting.emissions import Account, Books, Columns, postings
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.config import IntensitySettings
from wattgram_collector.intensities import annual
from wattgram_collector.intensities.located import LocatedBook
from wattgram_collector.intensities.places import Places
from wattgram_collector.intensity import Axes, Intensity, Scope, Tier
from wattgram_collector.pricing import operator_table

PLACES = Places()
DIRECT = Axes(scope=Scope.DIRECT)
OHIO = "aws:us-east-2"
LIVE = intensity("US-MIDA-PJM", "400", tier=Tier.LIVE, scope=Scope.DIRECT)


def located(
    *said: Intensity, overrides: dict[str, float] | None = None, axes: Axes = DIRECT
) -> LocatedBook:
    settings = IntensitySettings(
        scope=axes.scope.value, override_grams_per_kilowatt_hour=overrides or {}
    )
    return LocatedBook(
        operator_table(settings, PLACES), Book(said), annual.load(axes), PLACES.zone
    )


def found(book: LocatedBook, place: str) -> tuple[str, Tier, str]:
    factor = book.at(place, 0)
    assert factor is not None
    return factor.zone, factor.tier, factor.grams_per_kilowatt_hour


def test_a_region_has_the_hours_of_its_zone_and_the_year_of_its_own() -> None:
    subregion = annual.load(DIRECT).at("US-RFCW", 0)
    assert subregion is not None
    grams = subregion.grams_per_kilowatt_hour
    assert found(located(), OHIO) == ("US-MIDA-PJM", Tier.ANNUAL, grams)
    assert found(located(), "US-MIDA-PJM")[1] is Tier.COUNTRY
    assert found(located(LIVE), OHIO) == ("US-MIDA-PJM", Tier.LIVE, "400")


def test_energy_of_a_region_is_priced_as_the_region_and_its_traffic_as_the_zone() -> None:
    agreed = Terms(zone="US-MIDA-PJM", place=OHIO, network_zone="US-MIDA-PJM")
    rows = {SLOT: [5, 7]}
    posted = postings(rows, Columns([PACKAGE, TRANSMIT]), agreed, Books(located()))
    by_account = {key.account: key.factor and key.factor.tier for key in posted}
    assert by_account == {Account.HOST: Tier.ANNUAL, Account.TRANSMIT: Tier.COUNTRY}


def test_google_says_itself_what_the_grid_of_its_regions_emits() -> None:
    assert found(located(), "gcp:europe-west2") == ("GB", Tier.ANNUAL, "105.94")
    assert found(located(), "GB")[2] == "177"


@pytest.mark.parametrize("name", [OHIO, OHIO.upper(), "US-MIDA-PJM", "us-mida-pjm"])
def test_the_operators_word_wins_for_the_region_or_its_zone(name: str) -> None:
    assert found(located(LIVE, overrides={name: 7.0}), OHIO)[1:] == (Tier.OPERATOR, "7.0")


def test_the_operators_word_on_the_region_is_nearer_than_on_its_zone() -> None:
    book = located(overrides={OHIO: 7.0, "US-MIDA-PJM": 8.0})
    assert found(book, OHIO)[2] == "7.0"
    assert found(book, "US-MIDA-PJM")[2] == "8.0"


def test_a_name_of_a_zone_is_any_name_of_it() -> None:
    book = located(replace(LIVE, zone="DE"), overrides={"FRA": 9.0})
    assert found(book, "FR") == found(book, "fra") == ("FR", Tier.OPERATOR, "9.0")
    assert found(book, "deu") == ("DE", Tier.LIVE, "400")


def test_a_zone_that_is_stated_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="FR and FRA are the same zone"):
        located(overrides={"FR": 1.0, "FRA": 2.0})


def test_what_nobody_knows_has_none() -> None:
    assert located().at("aws:mars-1", 0) is None
    assert located().at("FR", 0) is None  # no direct value of France is shipped
