"""SCI: energy and making of a service per unit of what it does."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from wattgram.readings import Quality
from wattgram.units import SECONDS_PER_HOUR, SECONDS_PER_YEAR
from wattgram_collector.inventory.places import SCOPE_2, TcsLeaf
from wattgram_collector.inventory.postings import Book, Method, Posting, Role, Stage
from wattgram_collector.inventory.sci import embodied_grams, sci


def posting(**said: Any) -> Posting:
    facts = {
        "start_unix_seconds": 0,
        "end_unix_seconds": 300,
        "subject": "asset/a",
        "service": "mail",
        "stage": Stage.USE,
        "place": SCOPE_2,
        "leaf": TcsLeaf.O_SERVERS,
        "method": Method.LOCATION,
        "quantity": Fraction(10),
        "unit": "kWh",
        "grams": Fraction(3_000),
        "tier_activity": Quality.MEASURED,
    }
    return Posting(**{**facts, **said})


MADE = {
    "stage": Stage.EMBODIED_AMORTISED,
    "book": Book.AMORTISED,
    "method": Method.NONE,
    "place": None,
    "in_ghg": False,
    "unit": "unit-year",
    "grams": Fraction(1_000),
}
ALL = [
    posting(),
    posting(subject="asset/b", grams=Fraction(500), quantity=Fraction(5)),
    posting(**MADE),
    posting(method=Method.MARKET, in_tcs=False, grams=Fraction(9)),
    posting(service="web", grams=Fraction(7)),
    posting(role=Role.MEMO, in_ghg=False, in_tcs=False),
    posting(stage=Stage.ELECTRICITY_SUPPLY, method=Method.NONE),
]


def test_energy_times_intensity_and_making_per_unit() -> None:
    found = sci("mail", "email", Fraction(1_500), ALL)

    assert found.operational_grams == 3_500
    assert found.embodied_grams == 1_000
    assert found.grams_per_unit == 3
    assert found.energy_kilowatt_hours == 15
    assert found.intensity_grams_per_kilowatt_hour == Fraction(3_500, 15)
    assert found.components == ("asset/a", "asset/b")
    assert found.is_measured


def test_no_unit_has_no_intensity() -> None:
    assert sci("mail", "email", Fraction(0), ALL).grams_per_unit is None


def test_energy_without_a_price_leaves_it_unknown() -> None:
    found = sci("mail", "email", Fraction(1), [*ALL, posting(grams=None)])

    assert found.operational_grams is None
    assert found.grams_per_unit is None


def test_modelled_energy_is_a_calculation() -> None:
    assert not sci("m", "x", Fraction(1), [posting(service="m", tier_activity=Quality.MODELLED)
                                           ]).is_measured  # fmt: skip
    assert not sci("none", "x", Fraction(1), ALL).is_measured


def test_the_example_of_the_specification() -> None:
    """Golden G10."""
    found = embodied_grams(Fraction(1_000), 4 * SECONDS_PER_YEAR, SECONDS_PER_HOUR)

    assert round(float(found), 2) == 28.54
    assert embodied_grams(Fraction(1_000), 4, 1, Fraction(1, 2)) == 125_000


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="below zero"):
        sci("mail", "email", Fraction(-1), ALL)
    with pytest.raises(ValueError, match="no time"):
        embodied_grams(Fraction(1), 0, 1)
