"""What holds in a slot when providers have holes, change their steps, or fill the memory."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import intensity
from wattgram_collector.intensities.history import History, HistoryBook
from wattgram_collector.intensity import Axes, Intensity, Recorded, Status, Tier

BEGIN = 1_750_032_000
HOUR = 3_600
BYTES_PER_SLOT_MAX = 150_000_000 // (45 * 50 * 288)


def said(start: int, seconds: int, grams: str = "100", **changes: Any) -> Intensity:
    values = {
        "tier": Tier.LIVE,
        "status": Status.MEASURED,
        "version": "",
        "valid_from_unix_seconds": BEGIN + start,
        "valid_until_unix_seconds": BEGIN + start + seconds,
    }
    return intensity("FR", grams, **{**values, **changes})


def known(*values: Intensity) -> History:
    history = History()
    history.load(Recorded(value, number) for number, value in enumerate(values))
    return history


def looked_up(history: History, at: int) -> tuple[str, str] | None:
    found = HistoryBook(history, Axes()).at("FR", BEGIN + at)
    return found and (found.tier.value, found.grams_per_kilowatt_hour)


@pytest.mark.parametrize(
    ("hours_after_end", "seconds", "found"),
    [(0, 0, "last_known"), (6, 0, "last_known"), (6, 1, None), (6, -1, "last_known")],
)
def test_the_last_known_value_is_good_for_six_hours_from_the_end_of_its_slot(
    hours_after_end: int, seconds: int, found: str | None
) -> None:
    at = 2 * HOUR + hours_after_end * HOUR + seconds
    tier = looked_up(known(said(0, 2 * HOUR)), at)
    assert (tier and tier[0]) == found


def test_a_hole_ends_the_six_hours_of_nobody_else() -> None:
    history = known(
        said(0, HOUR, "1"), said(2 * HOUR, HOUR, "2"), said(8 * HOUR + 1800, 1800, "3")
    )
    assert looked_up(history, HOUR) == ("last_known", "1")
    assert looked_up(history, 3 * HOUR) == ("last_known", "2")
    assert looked_up(history, 8 * HOUR) == ("last_known", "2")
    assert looked_up(history, 8 * HOUR + 1800) == ("live", "3")
    assert looked_up(history, 15 * HOUR) == ("last_known", "3")
    assert looked_up(history, 15 * HOUR + 1) is None


def test_a_forecast_is_nobody_s_last_known_value() -> None:
    forecast = {"status": Status.FORECAST, "tier": Tier.FORECAST}
    history = known(said(0, HOUR, "1"), said(HOUR, HOUR, "2", **forecast))
    assert looked_up(history, HOUR) == ("forecast", "2")
    assert looked_up(history, 2 * HOUR) == ("last_known", "1")


def test_a_provider_that_goes_from_hours_to_quarters_leaves_no_hole() -> None:
    history = known(said(0, HOUR, "60"), said(900, 900, "15"))
    assert [looked_up(history, at) for at in (0, 899, 900, 1799, 1800, 3599)] == [
        ("live", "60"), ("live", "60"), ("live", "15"), ("live", "15"), ("live", "60"),
        ("live", "60"),
    ]  # fmt: skip
    found = history.within("FR", BEGIN, BEGIN + HOUR, Axes())
    assert [one.valid_from_unix_seconds - BEGIN for one in found] == [0, 900, 1800]


def test_and_back_from_quarters_to_hours() -> None:
    history = known(
        *(said(start, 900, "15") for start in range(0, HOUR, 900)), said(0, HOUR, "60")
    )
    assert {looked_up(history, at) for at in range(0, HOUR, 300)} == {("live", "60")}
    assert len(history.of("FR", "test", 0, 1 << 40)) == 1


@given(
    st.lists(
        st.tuples(
            st.integers(0, 40), st.sampled_from([1, 2, 4, 12]), st.integers(0, 9),
            st.sampled_from([Status.FORECAST, Status.ESTIMATED, Status.MEASURED]),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_in_each_slot_holds_the_newest_that_could_be_taken(
    taken: list[tuple[int, int, int, Status]],
) -> None:
    """A row of boxes instead of slots: slow, and nothing to get wrong."""
    rank = [Status.FORECAST, Status.ESTIMATED, Status.MEASURED].index
    boxes: dict[int, tuple[str, Status]] = {}
    history = History()
    for number, (first, length, grams, status) in enumerate(taken):
        history.load(
            [Recorded(said(first * 300, length * 300, str(grams), status=status), number)]
        )
        inside = range(first, first + length)
        if all(rank(boxes[one][1]) <= rank(status) for one in inside if one in boxes):
            boxes |= dict.fromkeys(inside, (str(grams), status))
    for box in range(60):
        found = history.at("FR", BEGIN + box * 300, Axes())
        assert (found and (found.grams_per_kilowatt_hour, found.status)) == boxes.get(box)
    values = history.of("FR", "test", 0, 1 << 40)
    for one, other in pairwise(values):
        assert one.valid_until_unix_seconds <= other.valid_from_unix_seconds


def test_what_is_forgotten_is_gone_but_for_the_newest_of_it() -> None:
    history = known(*(said(hour * HOUR, HOUR, str(hour)) for hour in range(5)))
    history.forget_before(BEGIN + 3 * HOUR)
    assert looked_up(history, 2 * HOUR) is None
    assert looked_up(history, 3 * HOUR) == ("live", "3")
    newest = history.newest("FR", "test")
    assert newest is not None
    assert newest.grams_per_kilowatt_hour == "4"


def test_six_weeks_of_fifty_zones_at_five_minutes_are_less_than_150_megabytes() -> None:
    slots = 1_440

    def records() -> Iterable[Recorded]:
        for number in range(slots):
            # The worst that there is: each slot has a text and a fetch of its own.
            version = f"fetched 2025-06-16T12:00:00Z {number}"
            grams = f"{100 + number / 7:.10f}"
            yield Recorded(said(number * 300, 300, grams, version=version), number)

    tracemalloc.start()
    try:
        history = History()
        history.load(records())
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(history.of("FR", "test", 0, 1 << 40)) == slots
    assert size / slots < BYTES_PER_SLOT_MAX
