"""SCI: energy and making of a service per unit of what it does."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from wattgram.readings import Quality
from wattgram.units import SECONDS_PER_HOUR, SECONDS_PER_YEAR
from wattgram_collector.inventory.metering.energy import GENERATED_NOTE, INSIDE_NOTE
from wattgram_collector.inventory.places import SCOPE_2, TcsLeaf, scope_3
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


def test_the_making_of_what_others_own_is_of_the_service_as_well() -> None:
    """M is of what the service runs on, whoever owns it: a leased server has its making."""
    leased = posting(**{**MADE, "subject": "asset/b", "leaf": None, "role": Role.MEMO,
                        "in_tcs": False, "grams": Fraction(250)})  # fmt: skip

    assert sci("mail", "email", Fraction(1_500), [*ALL, leased]).embodied_grams == 1_250


def test_making_that_is_not_known_is_not_zero() -> None:
    """Of an asset it leaves M unknown; of what has no asset it is named, as M is without it."""
    whole = sci("mail", "email", Fraction(1_500), ALL)
    lacking = sci("mail", "email", Fraction(1_500), ALL, unmade=["asset/b", "asset/z"])
    bill = posting(subject="activity/bill")
    beside = sci("mail", "email", Fraction(1_500), [*ALL, bill])
    alone = sci("mail", "email", Fraction(1_500), [bill])

    assert (whole.grams_per_unit, whole.without_making) == (3, ())
    assert (lacking.embodied_grams, lacking.grams_per_unit) == (None, None)
    assert lacking.without_making == ("asset/b",)
    assert (beside.embodied_grams, beside.without_making) == (1_000, ("activity/bill",))
    assert (alone.operational_grams, alone.embodied_grams, alone.grams_per_unit) == (
        3_000, None, None,
    )  # fmt: skip


def test_what_is_past_its_life_has_no_making_left() -> None:
    assert sci("web", "hit", Fraction(1), ALL).embodied_grams == 0
    assert sci("web", "hit", Fraction(1), ALL).grams_per_unit == 7


def test_energy_inside_the_meter_of_a_hall_is_of_the_service() -> None:
    """It is an allocation there; the service uses it, once."""
    inside = posting(subject="asset/c", role=Role.ALLOCATION, in_ghg=False, in_tcs=False,
                     method=Method.NONE, grams=Fraction(600), quantity=Fraction(2),
                     note=INSIDE_NOTE.format("hall"))  # fmt: skip
    hall = posting(subject="asset/hall", grams=Fraction(9_000))
    behind = replace(inside, grams=None, note=GENERATED_NOTE.format("gen"))
    bill = replace(inside, subject="activity/bill")

    found = sci("mail", "email", Fraction(1), [*ALL, inside, bill])
    whole = sci("mail", "email", Fraction(1), [*ALL, inside, hall])
    unknown = sci("mail", "email", Fraction(1), [*ALL, behind])

    assert (found.operational_grams, found.energy_kilowatt_hours) == (4_100, 17)
    assert "asset/c" in found.components
    assert whole.operational_grams == 12_500
    assert (unknown.operational_grams, unknown.grams_per_unit) == (None, None)


def test_the_machines_of_a_models_provider_are_of_the_service() -> None:
    asked = posting(subject="activity/chat", service="chat", place=scope_3(1, "saas"),
                    leaf=TcsLeaf.C_SAAS, method=Method.NONE)  # fmt: skip
    machines = posting(subject="activity/chat", service="chat", stage=Stage.PURCHASED,
                       place=scope_3(1, "models"), leaf=TcsLeaf.U_FOUNDATION_MODELS, unit="s",
                       method=Method.NONE, grams=Fraction(12))  # fmt: skip

    found = sci("chat", "prompt", Fraction(2), [asked, machines])

    assert (found.embodied_grams, found.grams_per_unit) == (12, 1_506)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="below zero"):
        sci("mail", "email", Fraction(-1), ALL)
    with pytest.raises(ValueError, match="no time"):
        embodied_grams(Fraction(1), 0, 1)
