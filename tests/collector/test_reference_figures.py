"""Figures that people quote: bands to look with, never factors."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_collector.inventory import outliers
from wattgram_collector.inventory.making.hardware import shipped
from wattgram_collector.inventory.outliers import Result
from wattgram_collector.inventory.reference_figures import (
    COLUMNS,
    SOURCES,
    Use,
    band,
    bands,
    parse,
    shipped_figures,
)
from wattgram_collector.inventory.sci import Sci
from wattgram_collector.inventory.tables import shipped_factors

BANDS = bands()
HEAD = ",".join(COLUMNS) + "\n"
GOOD = "P1,embodied/x,2,1,3,kg,sanity_band,claim,zheleznova,why\n"


def software(unit: str, grams: str, count: str = "1") -> Sci:
    return Sci(
        service="mail", unit=unit, count=Fraction(count), energy_kilowatt_hours=Fraction(1),
        intensity_grams_per_kilowatt_hour=None, operational_grams=Fraction(grams),
        embodied_grams=Fraction(0), components=(), is_measured=True,
    )  # fmt: skip


def told(*results: Result) -> list[str]:
    return list(map(str, outliers.outliers(results, BANDS)))


def test_the_figures_of_the_articles_are_there() -> None:
    found = {one.figure_id: one for one in shipped_figures()}

    assert {"P01", "P02", "P03", "P04", "P05", "P06", "P07", "P08", "P10", "P12", "P14", "P16",
            "P17"} <= {name.partition("/")[0] for name in found}  # fmt: skip
    assert band(found["P03/smartphone"]) == "48 to 100 kg"
    assert band(found["P01/person"]) == "up to 850 kg per person and year"
    assert found["P07/stream_hour"].value == 36
    assert all(one.criticism for one in found.values())
    assert set(SOURCES) == {key for one in found.values() for key in one.source.split("; ")}


def test_a_figure_is_never_a_factor() -> None:
    assert not {one.figure_id for one in shipped_figures()} & set(shipped_factors())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("figure_id\n", "reference_figures.csv line 1: the columns must be"),
        (HEAD + GOOD.replace(",2,", ",9,"), "line 2: low, value and high must rise"),
        (HEAD + GOOD.replace("2,1,3", ",,"), "low, value and high must rise, and one be there"),
        (HEAD + GOOD.replace("zheleznova", "somebody"), "no source 'somebody'"),
        (HEAD + GOOD.replace("why", ""), "criticism is empty"),
        (HEAD + GOOD.replace("sanity_band", "narrative"), "a subject is of a sanity band"),
        (HEAD + GOOD + GOOD, "P1: more than one row"),
        (HEAD + GOOD + GOOD.replace("P1", "P2"), "embodied/x is there twice"),
        (HEAD + GOOD.replace("sanity_band", "factor"), "line 2: 'factor' is not a valid Use"),
    ],
)
def test_a_wrong_table_is_told(content: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse(content)

    assert reason in str(caught.value)


# ── outliers ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["smartphone", "laptop"])
def test_the_shipped_classes_are_within_the_bands(name: str) -> None:
    kilograms = shipped().classes[name].kilograms

    assert told(outliers.embodied("a1", name, kilograms)) == []


def test_what_is_outside_is_told_with_the_criticism() -> None:
    (low,) = told(outliers.embodied("phone", "smartphone", Fraction(12)))
    (high,) = told(outliers.embodied("book", "laptop", Fraction("350.01")))

    assert low.startswith(
        "asset/phone: embodied/smartphone 12 kg is below what is usual, 48 to 100 kg "
        "(P03/smartphone)."
    )
    assert "of 50 data sheets the median total is 69.5 kg" in low
    assert "is above what is usual, 195 to 350 kg" in high
    assert told(outliers.embodied("x", "laptop", Fraction(350))) == []
    assert told(outliers.embodied("x", "coffee_machine", Fraction(9999))) == []


@pytest.mark.parametrize(
    ("unit", "grams", "is_told"),
    [
        ("email", "0.02", True),
        ("email", "4", False),
        ("email", "51", True),
        ("stream_hour", "36", False),
        ("stream_hour", "89000", True),
        ("prompt", "0.3", False),
        ("prompt", "1.16", True),
        ("request", "1000", False),
    ],
)
def test_the_sci_is_looked_at(unit: str, grams: str, is_told: bool) -> None:  # noqa: FBT001
    assert bool(told(*outliers.software([software(unit, grams)]))) is is_told


def test_without_an_sci_there_is_nothing_to_look_at() -> None:
    assert told(*outliers.software([software("email", "500", count="0")])) == []


def test_meters_that_cannot_be_are_told() -> None:
    assert (
        "pue 0.9 ratio is below what is usual"
        in told(outliers.facility("hall", Fraction("0.9")))[0]
    )
    assert told(outliers.facility("hall", Fraction("1.6"))) == []
    assert (
        "agent/web1: power/server 3 W is below"
        in told(outliers.power("agent/web1", "server", Fraction(3)))[0]
    )
    assert told(outliers.power("agent/web1", "server", Fraction(237))) == []


@given(st.fractions(min_value=0, max_value=1000))
def test_every_value_is_within_its_band_or_told(value: Fraction) -> None:
    for subject, figure in BANDS.items():
        is_within = (figure.low or 0) <= value and (figure.high is None or value <= figure.high)
        assert bool(told(Result("x", subject, value))) is not is_within


def test_only_bands_are_compared() -> None:
    assert {one.role for one in BANDS.values()} == {Use.SANITY_BAND}
