"""A day as charts and stripes: what is unknown is a hole and no zero, and shares add up."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from page_scenes import START, STEP, history, total
from wattgram.readings import Quality
from wattgram_collector.exposition.pages.chart import chart, in_unit, scale
from wattgram_collector.exposition.pages.series import (
    Band,
    Mix,
    day_mix,
    power_bands,
    quality_mix,
    rate_bands,
    tier_mix,
)
from wattgram_collector.exposition.pages.stripe import STRIPE_PIXELS, bar, stripe
from wattgram_collector.exposition.pages.words import WATTS, Certainty
from wattgram_collector.intensity import Tier
from wattgram_collector.views.model import Step, Total

amounts = st.floats(0, 1e9, allow_nan=False)
totals = st.builds(
    Total,
    energy_joules_by_quality=st.dictionaries(st.sampled_from(Quality), amounts),
    grams_by_tier=st.dictionaries(st.sampled_from(Tier), amounts),
    unpriced_joules=amounts,
)


def steps(*told: Total | None) -> list[Step]:
    return [
        Step(start_unix_seconds=START + at * STEP, length_seconds=STEP, total=one)
        for at, one in enumerate(told)
    ]


def ratios(mix: Mix) -> dict[str, float]:
    return {part.name: part.ratio for part in mix}


def attributes(markup: str, name: str) -> list[str]:
    return re.findall(rf' {name}="([^"]*)"', markup)


# ── bands ────────────────────────────────────────────────────────────────────────────────


def test_energy_over_a_step_is_power_by_quality_and_grams_are_a_rate_by_tier() -> None:
    day = steps(total({Quality.MODELLED: 6_000.0, Quality.MEASURED: 30_000.0},
                      {Tier.WORLD: 1.0, Tier.LIVE: 2.0}), None)  # fmt: skip
    assert [(band.name, band.values) for band in power_bands(day)] == [
        ("measured", (100.0, None)), ("modelled", (20.0, None)),
    ]  # fmt: skip
    assert [(band.name, band.values) for band in rate_bands(day)] == [
        ("live", (24.0, None)), ("world", (12.0, None)),
    ]  # fmt: skip


def test_a_step_without_any_price_is_no_rate_of_zero() -> None:
    unpriced = total(grams={}, unpriced_joules=3_600.0)
    asleep = total({}, {})
    (band,) = rate_bands(steps(total(), unpriced, asleep))
    assert band.values == (pytest.approx(0.48), None, 0.0)


# ── how well it is known ─────────────────────────────────────────────────────────────────


def test_energy_is_split_by_quality() -> None:
    known = total({Quality.MODELLED: 1.0, Quality.MEASURED: 3.0, Quality.DEFAULT: 0.0})
    assert ratios(quality_mix(known)) == {"measured": 0.75, "modelled": 0.25}


def test_what_no_intensity_prices_is_a_share_of_its_own() -> None:
    part = total({Quality.MEASURED: 100.0}, {Tier.LIVE: 3.0, Tier.WORLD: 1.0}, 20.0)
    assert ratios(tier_mix(part)) == pytest.approx({"live": 0.6, "world": 0.2, "unpriced": 0.2})
    assert ratios(tier_mix(total(grams={}, unpriced_joules=3_600.0))) == {"unpriced": 1.0}
    assert ratios(tier_mix(total(grams={}))) == {"unpriced": 1.0}


def test_energy_of_a_grid_that_emits_nothing_is_priced() -> None:
    assert ratios(tier_mix(total(grams={Tier.LIVE: 0.0}))) == {"live": 1.0}


def test_a_step_of_which_nothing_is_known_is_unknown() -> None:
    assert ratios(quality_mix(None)) == ratios(tier_mix(None)) == {"unknown": 1.0}


@given(totals)
def test_shares_add_up_to_all(any_total: Total) -> None:
    for mix in (quality_mix(any_total), tier_mix(any_total)):
        if mix:
            assert sum(part.ratio for part in mix) == pytest.approx(1.0)
        assert all(0 <= part.ratio <= 1 for part in mix)
        assert bool(mix) == (any_total.energy_joules > 0)


def test_a_day_is_the_mean_over_the_time_with_what_is_unknown() -> None:
    day = steps(total(), total({Quality.MODELLED: 1e9}), None, None)
    assert ratios(day_mix(day, [quality_mix(step.total) for step in day])) == {
        "measured": 0.25, "modelled": 0.25, "unknown": 0.5,
    }  # fmt: skip
    assert day_mix([], []) == ()


def test_a_stripe_is_filled_in_its_ratios_and_read_aloud() -> None:
    mixed = total({Quality.MEASURED: 3.0, Quality.MODELLED: 1.0})
    mixes = [quality_mix(one) for one in (mixed, total(), None, None)]
    drawn = stripe("Power", mixes, mixes[0])
    assert drawn.count("<rect") == 4 + 2  # the two steps of nothing are one; two in the legend
    heights = [float(one) for one in attributes(drawn.partition("</svg>")[0], "height")[1:]]
    assert heights == [0.75 * STRIPE_PIXELS, 0.25 * STRIPE_PIXELS, STRIPE_PIXELS, STRIPE_PIXELS]
    widths = attributes(drawn.partition("</svg>")[0], "width")[1:]
    assert widths == ["25.000%", "25.000%", "25.000%", "50.000%"]
    assert 'aria-label="Power over the last 24 hours: measured 75 %, modelled 25 %"' in drawn


def test_what_is_known_worse_has_another_pattern_and_the_word_for_it() -> None:
    drawn = stripe("Power", [], quality_mix(total({Quality.MEASURED: 1.0, Quality.MODELLED: 1.0})))
    assert {"f1", "f3"} <= set(attributes(drawn, "class"))
    assert "measured" in drawn
    assert "modelled" in drawn


def test_a_bar_is_as_long_as_its_part_of_the_whole() -> None:
    drawn = bar(quality_mix(total({Quality.MEASURED: 3.0, Quality.MODELLED: 1.0})), 0.5)
    assert attributes(drawn, "width") == ["100%", "37.50%", "12.50%"]
    assert attributes(drawn, "x") == ["0.00%", "37.50%"]


# ── charts ───────────────────────────────────────────────────────────────────────────────


def band(*values: float | None) -> Band:
    return Band(name="measured", meaning="", certainty=Certainty.BEST, values=values)


@pytest.mark.parametrize(
    ("largest", "top", "line"),
    [(454.0, 600.0, 200.0), (70.0, 80.0, 20.0), (100.0, 100.0, 25.0), (0.9, 1.0, 0.25),
     (0.0, 1.0, 1.0), (1_000_000.0, 1_000_000.0, 250_000.0)],
)  # fmt: skip
def test_an_axis_ends_at_a_round_number(largest: float, top: float, line: float) -> None:
    assert scale([band(None, largest)]) == pytest.approx((top, line))


@given(st.lists(st.floats(1e-9, 1e12), min_size=1, max_size=5))
def test_an_axis_is_above_all_that_is_stacked(values: list[float]) -> None:
    top, line = scale([band(value) for value in values])
    assert top >= sum(values) * 0.999
    assert 1 <= round(top / line) <= 6


def test_a_large_fleet_is_drawn_in_a_larger_unit() -> None:
    unit, bands = in_unit([band(700.0, None), band(400.0, 0.0)], WATTS)
    assert unit == "kW"
    assert [one.values for one in bands] == [(0.7, None), (0.4, 0.0)]
    assert in_unit([band(None, 0.0)], WATTS)[0] == "W"
    assert in_unit([], WATTS) == ("W", ())


def test_a_chart_has_a_hole_where_nothing_is_known() -> None:
    drawn = chart(
        "Power", "W", [band(10.0, None, 20.0)], [(START + at * STEP, STEP) for at in range(3)]
    )
    (path,) = attributes(drawn, "d")
    assert path == "M0 50.0L1 50.0L1 100.0L0 100.0ZM2 0.0L3 0.0L3 100.0L2 100.0Z"


def test_a_day_that_begins_with_nothing_is_drawn_from_where_it_is_known() -> None:
    starts = [(START + at * STEP, STEP) for at in range(4)]
    (path,) = attributes(chart("Power", "W", [band(None, None, 20.0, 20.0)], starts), "d")
    assert path == "M2 0.0L4 0.0L4 100.0L2 100.0Z"


def test_bands_stand_on_each_other() -> None:
    lower, upper = attributes(
        chart(
            "Power",
            "W",
            [band(10.0, 10.0), band(10.0, 5.0)],
            [(START, STEP), (START + STEP, STEP)],
        ),
        "d",
    )
    assert lower == "M0 50.0L2 50.0L2 100.0L0 100.0Z"
    assert upper == "M0 0.0L1 0.0L1 25.0L2 25.0L2 50.0L0 50.0Z"


def test_the_script_gets_the_same_numbers() -> None:
    day = history()
    bands = power_bands(day)
    drawn = chart(
        "Power", "W", bands, [(step.start_unix_seconds, step.length_seconds) for step in day]
    )
    (packed,) = attributes(drawn, "data-chart")
    data = json.loads(unescape(packed))
    assert data["at"] == [step.start_unix_seconds for step in day]
    assert data["length"] == STEP
    assert data["unit"] == "W"
    for sent, known in zip(data["bands"], bands, strict=True):
        assert sent["name"] == known.name
        assert sent["level"] == known.certainty
        assert sent["values"] == pytest.approx(
            [value if value is None else pytest.approx(value, rel=1e-3) for value in known.values]
        )
    assert data["bands"][0]["values"][100] is None
    assert len(packed) < 12_000


def test_an_empty_day_is_drawn_too() -> None:
    assert "<path" not in chart("Power", "W", [], [])
    assert "<svg" in stripe("Power", [], ())
