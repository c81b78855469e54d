"""When a provider is asked next: laws of the waits, the budget, the circuit and the windows."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_collector.intensities.providers import schedule
from wattgram_collector.intensities.providers.provider import Outcome, Window
from wattgram_collector.intensities.providers.schedule import (
    BACKOFF_SECONDS_MAX,
    Budget,
    Circuit,
    Manners,
    Turn,
    backoff_seconds,
    current_window,
    lacking,
    slot_wait_seconds,
    sweep_windows,
)

HOUR, DAY = 3_600, 86_400
NOW = 1_750_000_000 // DAY * DAY + 10 * HOUR + 1_000
DICE = st.floats(0, 1)
SLOTS = st.sampled_from([900, 1_800, HOUR])
MANNERS = st.builds(
    Manners,
    st.just(1),
    st.just(1.0),
    window_seconds_max=st.sampled_from([DAY, 2 * DAY, 7 * DAY, 30 * DAY]),
    forecast_seconds=st.sampled_from([0, DAY, 4 * DAY]),
)
MEASURED = st.lists(
    st.tuples(st.integers(-8 * 24, 0), st.integers(1, 60)).map(
        lambda one: Window(NOW // HOUR * HOUR + one[0] * HOUR,
                           NOW // HOUR * HOUR + (one[0] + one[1]) * HOUR)
    ),
    max_size=6,
)  # fmt: skip


@given(st.floats(0, 4e9), SLOTS, st.integers(0, 7_200), DICE)
def test_a_zone_is_asked_after_a_slot_and_its_lag_within_a_tenth_of_it(
    now: float, slot: int, lag: int, dice: float
) -> None:
    late = (now + slot_wait_seconds(now, slot, lag, dice) - lag) % slot

    assert 0 < slot_wait_seconds(now, slot, lag, dice) <= slot * 1.1 + 1e-6
    assert min(late, slot - late) <= 0.1 * slot + 1e-3


def test_the_next_slot_is_the_next_one() -> None:
    assert slot_wait_seconds(10_000 * 900 + 1, 900, 300, 0.0) == 299
    assert slot_wait_seconds(10_000 * 900 + 300, 900, 300, 0.0) == 900
    assert slot_wait_seconds(10_000 * 900 + 300, 900, 300, 1.0) == 990


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.UNREACHABLE, Outcome.SERVER_ERROR])
def test_what_may_pass_soon_is_tried_again_ever_less_often(outcome: Outcome) -> None:
    waits = [backoff_seconds(outcome, failures, None, 0.0) for failures in range(1, 9)]

    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert backoff_seconds(outcome, 1, None, 1.0) == 15
    assert backoff_seconds(outcome, 10_000, None, 0.0) == BACKOFF_SECONDS_MAX


@pytest.mark.parametrize(
    "outcome", sorted(set(Outcome) - schedule._MAY_PASS_SOON - {Outcome.OK, Outcome.EMPTY})
)
def test_a_key_that_is_refused_is_no_loop(outcome: Outcome) -> None:
    """401 is a rate limit too, with some; what is wrong with an answer will be in a minute."""
    assert backoff_seconds(outcome, 1, None, 0.0) == 900
    assert backoff_seconds(outcome, 1, None, 1.0) == pytest.approx(990)


@given(st.sampled_from(list(Outcome)), st.integers(1, 10**6), st.floats(0, DAY), DICE)
def test_a_provider_is_never_asked_sooner_than_it_asks(
    outcome: Outcome, failures: int, asked: float, dice: float
) -> None:
    assert backoff_seconds(outcome, failures, asked, dice) >= asked


@given(
    st.integers(1, 8),
    st.floats(1, 1_000),
    st.lists(st.floats(0, 300), min_size=1, max_size=60),
)
def test_no_stretch_of_time_has_more_requests_than_the_budget(
    requests: int, per_seconds: float, steps: list[float]
) -> None:
    budget = Budget(requests, per_seconds)
    now, spent = 0.0, []
    for step in steps:
        now += step
        wait = budget.wait_seconds(now)
        if budget.spend(now):
            assert wait == 0
            spent.append(now)
        else:
            assert wait > 0
            assert budget.wait_seconds(now + wait) <= 1e-6
    for first, last in zip(spent, spent[requests:], strict=False):
        assert last - first >= per_seconds - 1e-6


def test_five_failures_of_the_server_open_the_circuit_and_a_success_closes_it() -> None:
    circuit = Circuit()
    for number in range(4):
        circuit = circuit.after(Outcome.TIMEOUT, None, float(number), 0.0)
    assert not circuit.is_open
    assert circuit.open_until <= 3
    circuit = circuit.after(Outcome.TIMEOUT, None, 4.0, 0.0)
    assert circuit.is_open
    assert circuit.open_until == 904
    circuit = circuit.after(Outcome.SERVER_ERROR, None, 910.0, 1.0)
    assert circuit.open_until == 910 + 990
    assert circuit.after(Outcome.OK, None, 2_000.0, 0.0) == Circuit()


@pytest.mark.parametrize(
    "outcome", [Outcome.NOT_FOUND, Outcome.ZONE_MISMATCH, Outcome.EMPTY, Outcome.CLIENT_ERROR,
                Outcome.PARTIAL],
)  # fmt: skip
def test_what_is_wrong_with_one_zone_does_not_open_it(outcome: Outcome) -> None:
    circuit = Circuit()
    for _ in range(20):
        circuit = circuit.after(outcome, None, 0.0, 0.5)

    assert not circuit.is_open


def test_a_retry_after_holds_for_every_zone() -> None:
    circuit = Circuit().after(Outcome.RATE_LIMITED, 120.0, 10.0, 0.5)

    assert not circuit.is_open
    assert circuit.open_until == 10 + 126
    assert circuit.after(Outcome.TIMEOUT, None, 20.0, 0.5).open_until == 136


@given(MEASURED, SLOTS)
def test_what_lacks_and_what_is_measured_are_all_there_is(
    measured: list[Window], slot: int
) -> None:
    here = NOW // HOUR * HOUR
    span = Window(here - 7 * DAY, here)
    parts = lacking(measured, span, slot)
    for start in range(span.start_unix_seconds, span.end_unix_seconds, slot):
        is_measured = any(
            one.start_unix_seconds <= start and start + slot <= one.end_unix_seconds
            for one in measured
        )
        is_missing = any(one.start_unix_seconds <= start < one.end_unix_seconds for one in parts)
        assert is_missing is not is_measured


def test_a_slot_of_which_a_part_is_measured_lacks() -> None:
    assert lacking([Window(0, 500)], Window(0, 1_800), 900) == [Window(0, 1_800)]
    assert lacking([Window(0, 900)], Window(0, 1_800), 900) == [Window(900, 1_800)]
    assert lacking([], Window(100, 1_000), 900) == [Window(0, 1_800)]


@given(MEASURED, SLOTS, MANNERS)
def test_the_current_window_has_the_slot_that_is_and_what_an_answer_holds(
    measured: list[Window], slot: int, manners: Manners
) -> None:
    start, end = current_window(measured, NOW, slot, manners)

    assert start % slot == 0
    assert start <= NOW < end
    assert end - start <= manners.window_seconds_max
    assert start >= NOW - DAY - slot
    assert end <= NOW + max(slot, manners.forecast_seconds)


def test_the_current_window_begins_with_the_oldest_slot_that_is_not_measured() -> None:
    here = NOW // 1_800 * 1_800
    manners = Manners(1, 1.0, forecast_seconds=DAY)

    assert current_window([], NOW, 1_800, manners) == (here - DAY, here + DAY)
    up_to = Window(here - 3 * DAY, here - HOUR)
    assert current_window([up_to], NOW, 1_800, manners) == (here - HOUR, here + DAY)
    hole = [Window(here - 3 * DAY, here - 7_200), Window(here - HOUR, here)]
    assert current_window(hole, NOW, 1_800, manners) == (here - 7_200, here + DAY)
    assert current_window([Window(0, here + HOUR)], NOW, 1_800, manners)[0] == here


@given(MEASURED, SLOTS, MANNERS)
def test_a_sweep_covers_what_lacks_and_what_may_be_revised_in_pieces(
    measured: list[Window], slot: int, manners: Manners
) -> None:
    here = NOW // slot * slot
    pieces = sweep_windows(measured, NOW, slot, manners)
    missing = lacking(measured, Window(here - 7 * DAY, here - 2 * DAY), slot)

    assert all(0 < end - start <= manners.window_seconds_max for start, end in pieces)
    assert all(late[0] >= early[1] for early, late in pairwise(pieces))
    assert pieces[-1].end_unix_seconds == here
    for part in (*missing, Window(here - 2 * DAY, here)):
        for start in range(part.start_unix_seconds, part.end_unix_seconds, slot):
            assert any(a <= start and start + slot <= b for a, b in pieces)


def test_a_sweep_of_what_is_whole_asks_for_two_days_only() -> None:
    here = NOW // 900 * 900
    whole = [Window(here - 8 * DAY, here)]

    assert sweep_windows(whole, NOW, 900, Manners(1, 1.0)) == (Window(here - 2 * DAY, here),)


def test_a_restart_makes_no_herd() -> None:
    fresh = schedule.first_turn(is_fresh=True, is_whole=True, now=5.0, wait_seconds=900, dice=0.5)
    new = schedule.first_turn(is_fresh=False, is_whole=False, now=5.0, wait_seconds=900, dice=0.5)

    assert fresh.due == 905
    assert fresh.sweep_due >= 5 + schedule.SWEEP_SECONDS / 2
    assert new.due <= 5 + schedule.START_SECONDS
    assert new.due < new.sweep_due <= 5 + 2 * schedule.START_SECONDS


def test_a_success_after_failures_sweeps_soon_and_others_leave_the_pace() -> None:
    turn = Turn(due=0.0, sweep_due=9_000.0)
    failed = schedule.after_failure(turn, 100.0, 30.0)

    assert (failed.due, failed.failures, failed.sweep_due) == (130, 1, 9_000)
    assert schedule.after_success(turn, 100.0, 900.0, 0.5).sweep_due == 9_000
    again = schedule.after_success(failed, 200.0, 900.0, 0.5)
    assert (again.due, again.failures, again.sweep_due) == (1_100, 0, 205)


def test_nothing_of_a_zone_is_asked_before_its_wait_is_over() -> None:
    turn = Turn(due=500.0, sweep_due=0.0)

    assert schedule.after_failure(turn, 100.0, 900.0).next_due == 1_000


def test_the_pieces_of_a_sweep_follow_soon_the_next_sweep_late() -> None:
    turn = Turn(due=0.0, sweep_due=0.0, sweep=(Window(0, 1), Window(1, 2)))
    one = schedule.after_piece(turn, 100.0, 0.0)
    two = schedule.after_piece(one, 200.0, 0.0)

    assert (one.sweep, one.sweep_due) == ((Window(1, 2),), 110)
    assert (two.sweep, two.sweep_due) == ((), 200 + schedule.SWEEP_SECONDS)
