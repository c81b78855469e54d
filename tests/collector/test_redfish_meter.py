"""Samples of a BMC to energy: nothing invented, nothing twice, what is unknown is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_collector.redfish.meter import Lack, Meter, Span
from wattgram_collector.redfish.resources import EnergyReading, PowerReading

SECOND = 1_000_000_000
PERIOD = 60 * SECOND
WATT = 1_000_000


def power(watts: float, origin: str = "power") -> PowerReading:
    return PowerReading(origin, int(watts * WATT))


def energy(joules: int, origin: str = "energy") -> EnergyReading:
    return EnergyReading(origin, joules * WATT)


def test_the_first_sample_yields_nothing() -> None:
    assert Meter(PERIOD, 0).advance(power(300), PERIOD) is None
    assert Meter(PERIOD, 0).advance(energy(300), PERIOD) is None


def test_a_power_is_integrated_as_a_trapezoid() -> None:
    meter = Meter(PERIOD, 0)
    meter.advance(power(300), PERIOD)
    assert meter.advance(power(400), 2 * PERIOD) == Span(PERIOD, 2 * PERIOD, 350 * 60 * WATT)
    assert meter.advance(power(400), 3 * PERIOD) == Span(2 * PERIOD, 3 * PERIOD, 400 * 60 * WATT)


def test_a_power_is_held_for_two_and_a_half_periods_and_not_longer() -> None:
    limit = PERIOD * 5 // 2
    for elapsed, held in ((limit, True), (limit + 1, False)):
        meter = Meter(PERIOD, 0)
        meter.advance(power(300), 0)
        outcome = meter.advance(power(300), elapsed)
        assert isinstance(outcome, Span) is held
        if not held:
            assert outcome == Lack("late_sample", elapsed, "a power is not held for so long")
            following = meter.advance(power(100), elapsed + PERIOD)
            assert following == Span(elapsed, elapsed + PERIOD, 200 * 60 * WATT)


def test_a_register_spans_any_time() -> None:
    meter = Meter(PERIOD, 0)
    meter.advance(energy(1_000), 0)
    assert meter.advance(energy(91_000), 100 * PERIOD) == Span(0, 100 * PERIOD, 90_000 * WATT)


def test_a_register_that_fell_was_reset_and_what_it_lost_is_not_guessed() -> None:
    meter = Meter(PERIOD, 0)
    meter.advance(energy(90_000), 0)
    assert meter.advance(energy(500), PERIOD) == Lack("counter_reset", PERIOD, "energy")
    assert meter.advance(energy(1_000), 2 * PERIOD) == Span(PERIOD, 2 * PERIOD, 500 * WATT)


def test_a_register_that_leaps_is_not_believed() -> None:
    meter = Meter(PERIOD, 0)
    meter.advance(energy(0), 0)
    outcome = meter.advance(energy(60_000_001), PERIOD)
    assert isinstance(outcome, Lack)
    assert (outcome.reason, outcome.duration_nanoseconds) == ("implausible", PERIOD)


def test_a_register_that_stands_is_no_zero_and_spans_more_when_it_moves() -> None:
    meter = Meter(PERIOD, 0)
    meter.advance(energy(7), 0)
    assert meter.advance(energy(7), PERIOD) is None
    assert meter.advance(energy(7), 2 * PERIOD) is None
    assert not meter.is_stuck(2 * PERIOD)
    assert meter.is_stuck(3 * PERIOD)
    assert meter.advance(energy(367), 3 * PERIOD) == Span(0, 3 * PERIOD, 360 * WATT)
    assert not meter.is_stuck(3 * PERIOD)


def test_a_power_is_never_stuck() -> None:
    meter = Meter(PERIOD, 0)
    meter.advance(power(7), 0)
    assert not meter.is_stuck(100 * PERIOD)


@pytest.mark.parametrize("other", [power(300, "elsewhere"), energy(300), energy(300, "power")])
def test_two_values_of_a_bmc_are_never_mixed(other: PowerReading | EnergyReading) -> None:
    meter = Meter(PERIOD, 0)
    meter.advance(power(300), 0)
    assert meter.advance(other, PERIOD) == Lack("sample_changed", PERIOD, other.origin)


def test_a_failure_is_a_lack_since_the_last_moment_that_is_accounted_for() -> None:
    meter = Meter(PERIOD, PERIOD)
    assert meter.fail("timeout", "no answer", 3 * PERIOD) == Lack(
        "timeout", 2 * PERIOD, "no answer"
    )
    meter.advance(power(300), 4 * PERIOD)
    assert meter.fail("timeout", "", 5 * PERIOD).duration_nanoseconds == PERIOD
    assert meter.fail("timeout", "", 5 * PERIOD).duration_nanoseconds == 0


def test_time_that_does_not_pass_yields_nothing() -> None:
    meter = Meter(PERIOD, 0)
    meter.advance(power(300), PERIOD)
    assert meter.advance(power(900), PERIOD) is None
    assert meter.advance(power(900), PERIOD - 1) is None
    assert meter.advance(power(300), 2 * PERIOD) == Span(PERIOD, 2 * PERIOD, 300 * 60 * WATT)


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 500)), min_size=1, max_size=30))
def test_a_register_is_conserved_and_spans_never_overlap(steps: list[tuple[int, int]]) -> None:
    """Over any pauses and failures: what it moved is booked once."""
    meter = Meter(PERIOD, 0)
    meter.advance(energy(0), 0)
    now = register = booked = until = 0
    for seconds, joules in steps:
        now += seconds * SECOND
        if joules == 13:
            meter.fail("timeout", "", now)
            continue
        register += joules
        outcome = meter.advance(energy(register), now)
        if isinstance(outcome, Span):
            assert outcome.start_nanoseconds == until
            booked += outcome.microjoules
            until = outcome.end_nanoseconds
    assert booked == register * WATT
