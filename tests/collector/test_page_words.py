"""Numbers, words and markup as a reader meets them: nothing unknown looks like a number."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Quality
from wattgram_collector.exposition.pages import words
from wattgram_collector.exposition.pages.html import Html, join, tag
from wattgram_collector.intensity import Tier


def read(markup: Html) -> str:
    """Return what a person reads."""
    return re.sub(r"<[^>]*>", "", markup).replace("\N{NARROW NO-BREAK SPACE}", " ").replace(
        "&lt;", "<").replace("&gt;", ">")  # fmt: skip


# ── markup ───────────────────────────────────────────────────────────────────────────────


@given(st.text())
def test_text_is_escaped_wherever_it_stands(hostile: str) -> None:
    made = tag("p", hostile, title=hostile)
    inside = made.removeprefix("<p").removesuffix("</p>")
    assert made.startswith("<p title=")
    assert inside.count("<") == 0
    assert inside.count(">") == 1
    assert inside.count('"') == 2
    assert "'" not in inside


def test_markup_is_not_escaped_twice() -> None:
    assert tag("p", tag("b", "<"), "&") == "<p><b>&lt;</b>&amp;</p>"
    assert join(["<", Html("<br>"), None], ", ") == "&lt;, <br>, "


def test_attributes_are_named_as_in_html() -> None:
    assert tag("a", class_="x", data_live=True, aria_hidden="true", hidden=False, href=None) == (
        '<a class="x" data-live aria-hidden="true"></a>'
    )
    assert tag("input", name="q", value="") == '<input name="q" value="">'


# ── numbers ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"), (0.0001, "<0.001"), (-0.0001, ">\N{MINUS SIGN}0.001"), (0.0005, "0.001"),
        (0.215, "0.215"), (0.9996, "1.00"), (1.0, "1.00"), (9.994, "9.99"), (9.996, "10.0"),
        (99.94, "99.9"), (99.96, "100"), (412.4, "412"), (12_345.0, "12,345"),
    ],
)  # fmt: skip
def test_a_number_has_three_figures_and_never_falls_to_zero(value: float, shown: str) -> None:
    assert words.figures(value) == shown


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (words.watts(0.0), "0 W"), (words.watts(0.45), "0.450 W"), (words.watts(85.0), "85.0 W"),
        (words.watts(12_400.0), "12.4 kW"), (words.watts(3_100_000.0), "3.10 MW"),
        (words.grams(0.0), "0 g"), (words.grams(1_030.0), "1.03 kg"),
        (words.grams(2.5e6), "2.50 t"), (words.grams_per_hour(8_620.0), "8.62 kg/h"),
        (words.energy(3_600_000.0), "1.00 kWh"), (words.energy(580_000.0), "161 Wh"),
        (words.energy(0.0), "0 kWh"), (words.energy(7.2e9), "2.00 MWh"),
        (words.energy(0.1), "<0.001 Wh"), (words.intensity(40.25), "40.2 g/kWh"),
        (words.data(812_000_000_000), "812 GB"), (words.data(0), "0 B"),
        (words.percent(0.0), "0 %"), (words.percent(0.001), "<1 %"), (words.percent(0.5), "50 %"),
        (words.percent(0.999), ">99 %"), (words.percent(1.0), "100 %"),
        (words.percent(1.3), "130 %"),
    ],
)  # fmt: skip
def test_a_quantity_has_its_unit_beside_it(made: Html, shown: str) -> None:
    assert read(made) == shown


@pytest.mark.parametrize(
    "made",
    [
        words.watts(None), words.grams(None), words.grams_per_hour(None), words.energy(None),
        words.intensity(None), words.percent(None),
    ],
)  # fmt: skip
def test_what_is_unknown_is_said_and_looks_otherwise(made: Html) -> None:
    assert made == '<span class="unknown">unknown</span>'


def test_a_column_has_as_many_decimals_as_its_largest_number_needs() -> None:
    assert words.decimals_of([None, 3.2, 1_000.0]) == 0
    assert words.decimals_of([None, 3.2, 214.2]) == 1
    assert words.decimals_of([3.2]) == 2
    assert words.decimals_of([0.2, None]) == 3
    assert words.decimals_of([None]) == 3


# ── times and words ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.2, "now"), (-5.0, "now"), (4.0, "4 s ago"), (240.0, "4 min ago"), (7_200.0, "2 h ago"),
     (200_000.0, "2 d ago")],
)  # fmt: skip
def test_a_silence_is_told_in_its_largest_unit(seconds: float, shown: str) -> None:
    assert words.ago(1_000_000.0 - seconds, 1_000_000.0) == shown


def test_a_host_that_was_never_heard_is_told_so() -> None:
    assert words.ago(0.0, 1_000_000.0) == "never"


def test_a_moment_is_told_in_utc_to_people_and_machines() -> None:
    assert words.moment(1_780_000_500) == (
        '<time datetime="2026-05-28T20:35:00Z">20:35</time>'
    )  # fmt: skip


def test_every_quality_and_tier_has_a_certainty_and_words() -> None:
    """Also one that is added later."""
    assert set(words.CERTAINTY_OF_QUALITY) == set(words.QUALITY_WORDS) == set(Quality)
    assert set(words.CERTAINTY_OF_TIER) == set(words.TIER_WORDS) == set(Tier)
    for certainties in (words.CERTAINTY_OF_QUALITY, words.CERTAINTY_OF_TIER):
        assert list(certainties.values()) == sorted(certainties.values())  # best first
    assert read(words.tier_chip(Tier.LAST_KNOWN)) == "last known"
    assert read(words.tier_chip(None)) == "unpriced"
    assert read(words.quality_chip(None)) == "unknown"
