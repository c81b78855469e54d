"""Powers to energy: trapezoids, rectangles, and how long a power is believed."""

from __future__ import annotations

import pytest

from metering import GPU, SECOND, START, WATT, Bench, count, power
from wattgram_agent.counters import POWER_CEILING_MICROWATTS
from wattgram_agent.meter import Step
from wattgram_agent.source import GaugeSample


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_two_powers_enclose_a_trapezoid(bench: Bench) -> None:
    assert bench.at(0, power(10)) == Step([], [])
    assert bench.spans(2, power(30)) == [(40 * WATT, 0, 2)]
    assert bench.spans(3, power(30)) == [(30 * WATT, 2, 3)]


def test_an_average_stands_for_the_time_since_the_sample_before(bench: Bench) -> None:
    assert bench.at(0, power(10, averaged=True)) == Step([], [])
    assert bench.spans(2, power(30, averaged=True)) == [(60 * WATT, 0, 2)]


def test_the_first_average_stands_for_the_time_since_the_beat_before(bench: Bench) -> None:
    """A model says nothing at its first beat: it has no time between two looks yet."""
    bench.at(0)

    assert bench.spans(1, power(30, averaged=True)) == [(30 * WATT, 0, 1)]


def test_a_power_is_held_for_fifteen_seconds_and_no_longer(bench: Bench) -> None:
    bench.at(0, power(10))

    assert bench.spans(15, power(10)) == [(150 * WATT, 0, 15)]
    step = bench.at(30.001, power(10))
    assert step.readings == []
    assert [(gap.reason, gap.duration_nanoseconds) for gap in step.gaps] == [
        ("late_sample", 15_001_000_000)
    ]
    assert bench.spans(31, power(10)) == [(9_990_000, 30.001, 31)]


@pytest.mark.parametrize("microwatts", [-1, POWER_CEILING_MICROWATTS + 1, 4_290_000 * WATT])
def test_a_power_that_none_can_be_is_as_good_as_no_sample(bench: Bench, microwatts: int) -> None:
    bench.at(0, power(10))
    step = bench.at(1, GaugeSample(GPU, microwatts, averaged=False))

    assert (step.readings, step.gaps[0].reason) == ([], "implausible")
    assert bench.spans(2, power(30)) == [(40 * WATT, 0, 2)]


def test_after_a_suspend_an_average_has_no_beat_to_begin_at(bench: Bench) -> None:
    bench.at(0, power(10, averaged=True))
    bench.meter.forget("suspend", START + 5 * SECOND)

    assert bench.at(5, power(10, averaged=True)) == Step([], [])


@pytest.mark.parametrize("averaged", [False, True])
def test_a_power_is_never_differenced_against_a_count(bench: Bench, *, averaged: bool) -> None:
    """A driver that lost its counter answers with a power at the same point, and back again."""
    bench.at(0, count(5_000 * WATT, GPU, None))
    step = bench.at(1, power(70, averaged=averaged))

    assert step.readings == []
    assert [(gap.reason, gap.duration_nanoseconds) for gap in step.gaps] == [
        ("sample_changed", SECOND)
    ]
    assert bench.spans(2, power(70, averaged=averaged)) == [(70 * WATT, 1, 2)]
    step = bench.at(3, count(5_000 * WATT, GPU, None))
    assert (step.readings, step.gaps[0].reason) == ([], "sample_changed")
    assert bench.spans(4, count(5_001 * WATT, GPU, None)) == [(1 * WATT, 3, 4)]


def test_a_power_is_never_differenced_against_a_count_from_before_a_restart() -> None:
    counted = Bench()
    counted.at(0, count(5_000 * WATT, GPU, None))

    assert Bench(dict(counted.meter.registers)).at(1, power(70)).readings == []
