"""When a load that can wait emits least: against every other start, and where nobody knows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advice_scenes import EIGHT, HALF_HOUR, history, slot, slots
from wattgram_collector.accounting.advice import (
    Advice,
    AdviceError,
    Curve,
    HorizonError,
    NoForecastError,
    advise,
    covered_until,
    forecast_of,
)
from wattgram_collector.advising import fetched_unix_seconds
from wattgram_collector.config import AdviceSettings
from wattgram_collector.intensities.history import History
from wattgram_collector.intensity import Axes, Boundary, Intensity, Scope, Signal, Status

HOUR = 3600
TENTH = Fraction(1, 10)
MORNING = ["300", "300", "200", "100", "100", "300"]


def advised(values: list[Intensity], start: int, duration: int, end: int | None = None) -> Advice:
    return advise(values, start, duration, end, TENTH)


# ── the best window ──────────────────────────────────────────────────────────────────────


def test_the_best_window_the_saving_and_the_one_that_begins_now() -> None:
    found = advised(slots(MORNING), EIGHT, HOUR)
    assert found.best.start_unix_seconds == EIGHT + 3 * HALF_HOUR
    assert found.best.end_unix_seconds == EIGHT + 5 * HALF_HOUR
    assert found.best.grams_per_kilowatt_hour == 100
    assert found.now.start_unix_seconds == EIGHT
    assert found.now.grams_per_kilowatt_hour == 300
    assert found.saving_grams_per_kilowatt_hour == 200
    assert found.saving_ratio == Fraction(2, 3)
    assert found.is_clear
    assert (found.curve.start, found.curve.end) == (EIGHT, EIGHT + 6 * HALF_HOUR)


def test_a_window_that_begins_inside_a_slot_counts_a_part_of_it() -> None:
    """From 08:20 for 30 min: 10 min of the first slot, 20 of the second."""
    found = advised(slots(["300", "150", "400"]), EIGHT + 1200, HALF_HOUR)
    assert found.now.grams_per_kilowatt_hour == Fraction(10 * 300 + 20 * 150, 30)
    assert found.best.start_unix_seconds == EIGHT + HALF_HOUR


def test_a_window_may_end_at_a_border_and_begin_at_none() -> None:
    """40 min before 09:00 are better than 40 min from any border."""
    found = advised(slots(["200", "100", "300"]), EIGHT, 2400)
    assert found.best.start_unix_seconds == EIGHT + 1200
    assert found.best.grams_per_kilowatt_hour == Fraction(10 * 200 + 30 * 100, 40)


def test_of_windows_that_are_as_good_the_earliest_is_the_best() -> None:
    found = advised(slots(["300", "100", "100", "100", "300", "100", "100"]), EIGHT, HOUR)
    assert found.best.start_unix_seconds == EIGHT + HALF_HOUR


def test_zero_is_a_value() -> None:
    found = advised(slots(["10", "0", "10"]), EIGHT, HALF_HOUR)
    assert found.best.start_unix_seconds == EIGHT + HALF_HOUR
    assert found.best.grams_per_kilowatt_hour == 0
    assert found.saving_ratio == 1


def test_where_starting_now_emits_nothing_nothing_is_saved() -> None:
    found = advised(slots(["0", "0"]), EIGHT, HALF_HOUR)
    assert (found.saving_ratio, found.is_clear) == (0, False)


def test_numbers_are_exact() -> None:
    found = advised(slots(["0.1", "0.2", "0.3"]), EIGHT, 3 * HALF_HOUR)
    assert found.best.grams_per_kilowatt_hour == Fraction(2, 10)


@pytest.mark.parametrize(
    ("later", "is_clear"), [("89.9", True), ("90", False), ("95", False), ("100", False)]
)
def test_a_saving_within_the_error_of_the_forecast_is_no_clear_benefit(
    later: str, *, is_clear: bool
) -> None:
    assert advised(slots(["100", later]), EIGHT, HALF_HOUR).is_clear == is_clear


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[Intensity], int, int, int]:
    """Slots of one to four minutes, and a window of whole minutes somewhere in them."""
    lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=12))
    grams = draw(st.lists(st.sampled_from(["0", "7", "7.5", "100", "33.3"]),
                          min_size=len(lengths), max_size=len(lengths)))  # fmt: skip
    values, at = [], EIGHT
    for length, one in zip(lengths, grams, strict=True):
        values.append(slot(at, one, seconds=60 * length))
        at += 60 * length
    minutes = (at - EIGHT) // 60
    start = draw(st.integers(0, minutes - 1))
    end = draw(st.integers(start + 1, minutes))
    duration = draw(st.integers(1, end - start))
    return values, EIGHT + 60 * start, EIGHT + 60 * end, 60 * duration


@given(questions())
def test_it_is_the_best_of_all_starts(
    question: tuple[list[Intensity], int, int, int],
) -> None:
    """Brute force, minute by minute: no other start is better, and no earlier one as good."""
    values, start, end, duration = question
    minute = {
        at: one.value
        for one in values
        for at in range(one.valid_from_unix_seconds, one.valid_until_unix_seconds, 60)
    }
    means = {
        at: sum(minute[one] for one in range(at, at + duration, 60)) * 60 / duration
        for at in range(start, end - duration + 1, 60)
    }
    found = advised(values, start, duration, end)
    assert found.best.start_unix_seconds == min(means, key=lambda at: (means[at], at))
    assert found.best.grams_per_kilowatt_hour == min(means.values())
    assert found.now.grams_per_kilowatt_hour == means[start]
    levels = [minute[at] for at in range(start, end, 60)]
    assert min(found.curve.levels) == min(levels)
    assert max(found.curve.levels) == max(levels)
    assert found.curve.mean(start, end) == sum(levels) / len(levels)
    for window in found.curve.windows(duration):
        assert window.grams_per_kilowatt_hour == means[window.start_unix_seconds]


# ── no answer ────────────────────────────────────────────────────────────────────────────


def test_a_deadline_beyond_what_is_forecast_is_refused_and_how_far_it_reaches_is_said() -> None:
    with pytest.raises(HorizonError, match="reach to 2026-01-02T11:00:00Z only") as caught:
        advised(slots(MORNING), EIGHT, HOUR, EIGHT + 4 * HOUR)
    assert caught.value.reach_unix_seconds == EIGHT + 3 * HOUR


def test_a_missing_slot_is_not_zero_but_the_end_of_what_is_known() -> None:
    values = slots(["300", "200", None, "250", "260"])
    with pytest.raises(HorizonError, match="reach to 2026-01-02T09:00:00Z only"):
        advised(values, EIGHT, HALF_HOUR, EIGHT + 5 * HALF_HOUR)
    found = advised(values, EIGHT, HALF_HOUR)
    assert found.curve.end == EIGHT + HOUR
    assert found.best.grams_per_kilowatt_hour == 200


def test_a_forecast_that_does_not_cover_now_says_when_it_begins() -> None:
    with pytest.raises(HorizonError, match="the next begins at 2026-01-02T08:00:00Z") as caught:
        advised(slots(MORNING), EIGHT - 1, HOUR)
    assert caught.value.reach_unix_seconds == EIGHT - 1


def test_a_forecast_that_is_over_is_none() -> None:
    with pytest.raises(HorizonError, match="no value of 2026-01-02T11:00:00Z or later"):
        advised(slots(MORNING), EIGHT + 3 * HOUR, HOUR)


@pytest.mark.parametrize(
    ("duration", "end", "kind", "text"),
    [
        (0, None, AdviceError, "takes some time"),
        (-60, None, AdviceError, "takes some time"),
        (4 * HOUR, None, HorizonError, "reach to 2026-01-02T11:00:00Z only"),
        (2 * HOUR, EIGHT + HOUR, AdviceError, "do not fit between 2026-01-02T08:00:00Z and"),
        (HOUR, EIGHT, AdviceError, "is not after"),
        (HOUR, EIGHT - HOUR, AdviceError, "is not after"),
    ],
)
def test_what_cannot_be_asked(
    duration: int, end: int | None, kind: type[AdviceError], text: str
) -> None:
    with pytest.raises(AdviceError, match=text) as caught:
        advised(slots(MORNING), EIGHT, duration, end)
    assert caught.type is kind


def test_a_window_of_all_that_is_left_fits() -> None:
    found = advised(slots(MORNING), EIGHT, 3 * HOUR)
    assert found.best == found.now


def test_time_that_two_values_claim_is_counted_once() -> None:
    values = [slot(EIGHT, "100"), slot(EIGHT + 900, "300"), slot(EIGHT + 900, "500", seconds=60)]
    curve = Curve(values, EIGHT, EIGHT + 2700)
    assert curve.mean(EIGHT, EIGHT + 2700) == Fraction(1800 * 100 + 900 * 300, 2700)
    assert covered_until(values, EIGHT) == EIGHT + 2700


# ── whose forecast ───────────────────────────────────────────────────────────────────────


def lines(*values: list[Intensity], **axes: Any) -> list[list[Intensity]]:
    return history(*values).lines("DE", EIGHT, EIGHT + 31 * HOUR, Axes(**axes))


def test_two_providers_are_never_compared_with_each_other() -> None:
    """One knows the first hour only, another says less of the second: that is no saving."""
    near = slots(["300", "300"], provider="a")
    far = slots(["100", "100", "100", "100"], provider="b")
    values = forecast_of(lines(near, far), EIGHT, EIGHT + 2 * HOUR)
    assert {one.provider for one in values} == {"b"}
    assert advised(list(values), EIGHT, HALF_HOUR).saving_grams_per_kilowatt_hour == 0


def test_the_preferred_provider_is_asked_if_it_reaches_the_deadline() -> None:
    near, far = slots(["300"] * 4, provider="a"), slots(["100"] * 6, provider="b")
    assert forecast_of(lines(near, far), EIGHT, EIGHT + 2 * HOUR)[0].provider == "a"
    assert forecast_of(lines(near, far), EIGHT, EIGHT + 2 * HOUR + 1)[0].provider == "b"
    assert forecast_of(lines(near, far), EIGHT, EIGHT + 9 * HOUR)[0].provider == "b"
    assert forecast_of(lines(near, far), EIGHT, None)[0].provider == "b"


def test_a_line_that_only_measured_forecasts_nothing() -> None:
    seen = slots(["300"] * 4, status=Status.MEASURED, provider="a")
    expected = slots(["100"] * 2, provider="b")
    assert forecast_of(lines(seen, expected), EIGHT, None)[0].provider == "b"
    with pytest.raises(NoForecastError):
        forecast_of(lines(seen), EIGHT, None)
    with pytest.raises(NoForecastError):
        forecast_of([], EIGHT, None)


def test_what_was_measured_of_the_slot_that_runs_stands_before_the_forecast() -> None:
    values = [slot(EIGHT, "280", Status.ESTIMATED), *slots(MORNING[1:], EIGHT + HALF_HOUR)]
    found = advised(list(forecast_of(lines(values), EIGHT, None)), EIGHT, HALF_HOUR)
    assert found.now.grams_per_kilowatt_hour == 280


def test_a_value_on_another_axis_is_none() -> None:
    some = [
        slots(["1"], signal=Signal.MARGINAL),
        slots(["2"], scope=Scope.DIRECT),
        slots(["3"], boundary=Boundary.CONSUMPTION),
        slots(["4"]),
    ]
    assert [line[0].grams_per_kilowatt_hour for line in lines(*some)] == ["3", "4"]
    found = lines(*some, boundary=Boundary.PRODUCTION)
    assert [line[0].grams_per_kilowatt_hour for line in found] == ["4"]
    assert history(*some).lines("FR", EIGHT, EIGHT + HOUR, Axes()) == []


def test_only_slots_that_touch_the_time_are_there() -> None:
    known = history(slots(["1", "2", "3", "4"]))
    found = known.lines("DE", EIGHT + HALF_HOUR, EIGHT + 3 * HALF_HOUR, Axes())
    assert [[one.grams_per_kilowatt_hour for one in line] for line in found] == [["2", "3"]]
    assert known.lines("DE", EIGHT + 4 * HALF_HOUR, EIGHT + 9 * HALF_HOUR, Axes()) == []


def test_providers_come_in_the_order_of_preference() -> None:
    known = History(("z", "b"))
    for provider in ("a", "b", "z"):
        known.add(slots(["1"], provider=provider), EIGHT)
    found = known.lines("DE", EIGHT, EIGHT + HOUR, Axes())
    assert [line[0].provider for line in found] == ["z", "b", "a"]


def test_when_a_forecast_was_fetched_is_that_of_its_newest_value() -> None:
    known = history(slots(["100", "200"]), fetched=EIGHT - 3600)
    known.add(slots(["100", "150"]), EIGHT - 60)
    (line,) = known.lines("DE", EIGHT, EIGHT + HOUR, Axes())
    assert fetched_unix_seconds(line) == EIGHT - 60
    assert fetched_unix_seconds(line[:1]) == EIGHT - 3600
    assert fetched_unix_seconds(slots(["1"])) is None


# ── configuration ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ratio", [-0.01, 1.0, float("nan")])
def test_an_error_is_a_share(ratio: float) -> None:
    with pytest.raises(ValueError, match="forecast_error_ratio must be at least 0 and below 1"):
        AdviceSettings(forecast_error_ratio=ratio)
