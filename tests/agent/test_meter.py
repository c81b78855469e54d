"""Samples to readings and gaps: nothing lost, nothing invented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering import (
    DRAM,
    ETHERNET,
    GPU,
    PACKAGE,
    RANGE,
    SECOND,
    SERIES,
    START,
    WATT,
    Bench,
    as_span,
    count,
    failed,
    power,
)
from wattgram.readings import QUANTITY_MAX, Gap, Reading
from wattgram_agent.counters import Lost
from wattgram_agent.meter import Register, Step
from wattgram_agent.source import Point


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_first_sample_of_a_counter_yields_nothing(bench: Bench) -> None:
    assert bench.at(0, count(10**9)) == Step([], [])


def test_a_counter_yields_its_difference_over_the_time_between(bench: Bench) -> None:
    bench.at(0, count(100), count(7, ETHERNET, None))

    assert bench.spans(2, count(130), count(9, ETHERNET, None)) == [(30, 0, 2), (2, 0, 2)]
    assert bench.spans(3, count(130)) == [(0, 2, 3)]


def test_a_reading_names_the_series_of_its_point(bench: Bench) -> None:
    bench.at(0, count(100), count(1, DRAM))

    assert [r.series for r in bench.at(1, count(101), count(2, DRAM)).readings] == [
        SERIES[PACKAGE],
        SERIES[DRAM],
    ]


def test_each_counter_wraps_at_its_own_range(bench: Bench) -> None:
    bench.at(0, count(RANGE - 1), count(65_712_999_612, DRAM, 65_712_999_613))

    assert bench.spans(1, count(4), count(6, DRAM, 65_712_999_613)) == [(5, 0, 1), (7, 0, 1)]


def test_samples_of_points_without_a_series_are_nothing(bench: Bench) -> None:
    other = Point("rapl", "package", "1")

    assert bench.at(0, count(1, other), failed(other)) == Step([], [])
    assert other not in bench.meter.registers


def test_two_samples_at_one_instant_are_one(bench: Bench) -> None:
    bench.at(0, count(100))

    assert bench.at(0, count(130)) == Step([], [])
    assert bench.spans(1, count(150)) == [(50, 0, 1)]


def test_a_failed_sample_is_a_gap_and_the_next_good_one_spans_it(bench: Bench) -> None:
    bench.at(0, count(100))

    step = bench.at(1, failed())

    assert (step.readings, step.gaps) == ([], [Gap(
        source="rapl", reason="unreadable", duration_nanoseconds=SECOND, detail="why"
    )])  # fmt: skip
    assert step.lost == {PACKAGE: Lost("unreadable", "why")}
    assert bench.at(3, failed()).gaps[0].duration_nanoseconds == 2 * SECOND
    assert bench.spans(4, count(160)) == [(60, 0, 4)]


def test_points_of_one_source_that_fail_together_are_one_gap(bench: Bench) -> None:
    bench.at(0, count(100), count(100, DRAM))
    bench.at(1, count(100))

    gaps = bench.at(3, failed(), failed(DRAM), failed(GPU), failed(PACKAGE, "denied")).gaps
    assert [(gap.source, gap.reason, gap.duration_nanoseconds) for gap in gaps] == [
        ("rapl", "unreadable", 3 * SECOND),
        ("nvml", "unreadable", 0),
        ("rapl", "denied", 0),
    ]


def test_a_reset_books_nothing_and_is_the_next_baseline(bench: Bench) -> None:
    bench.at(0, count(10**9, wraps_at=None))
    step = bench.at(1, count(5, wraps_at=None))

    assert step.readings == []
    assert [(gap.reason, gap.duration_nanoseconds) for gap in step.gaps] == [
        ("counter_reset", SECOND)
    ]
    assert bench.spans(2, count(8, wraps_at=None)) == [(3, 1, 2)]


@pytest.mark.parametrize("value", [-1, QUANTITY_MAX + 1, 10**30])
def test_a_count_that_none_can_be_is_as_good_as_no_sample(bench: Bench, value: int) -> None:
    """A register of garbage must neither be booked nor be too large for the checkpoint."""
    bench.at(0, count(100))
    step = bench.at(1, count(value))

    assert (step.readings, step.gaps[0].reason) == ([], "implausible")
    assert bench.spans(2, count(130)) == [(30, 0, 2)]


good_or_failed = st.lists(
    st.tuples(st.integers(0, 900 * WATT), st.booleans(), st.booleans()), min_size=1, max_size=25
)


@given(good_or_failed, st.integers(0, RANGE - 1))
def test_whatever_fails_nothing_is_lost_and_nothing_invented(
    beats: list[tuple[int, bool, bool]], start: int
) -> None:
    """Σ readings = what was used up to the last good sample; readings meet without a hole.

    One second a beat: no more failures in a row than leave a register unambiguous.
    """
    bench = Bench()
    truth = dict.fromkeys((PACKAGE, DRAM), 0)
    read = dict.fromkeys((PACKAGE, DRAM), 0)
    bench.at(0, *(count(start, point) for point in truth))
    readings: list[Reading] = []
    for second, (energy, *goods) in enumerate(beats, start=1):
        samples = []
        for point, is_good in zip(truth, goods, strict=True):
            truth[point] += energy
            if is_good:
                read[point] = truth[point]
                samples.append(count((start + truth[point]) % RANGE, point))
            else:
                samples.append(failed(point))
        step = bench.at(second, *samples)
        readings += step.readings
        assert bool(step.gaps) is not all(goods)
        assert sum(gap.duration_nanoseconds for gap in step.gaps) in {0, SECOND}

    for point in truth:
        spans = [as_span(r) for r in readings if r.series is SERIES[point]]
        assert sum(quantity for quantity, _, _ in spans) == read[point]
        starts, ends = [start for _, start, _ in spans], [end for _, _, end in spans]
        assert starts == [0, *ends][: len(starts)]


def test_after_a_suspend_every_baseline_is_forgotten_and_the_time_is_a_gap(bench: Bench) -> None:
    bench.at(0, count(100), count(100, DRAM), power(10))
    gaps = bench.meter.forget("suspend", START + 100 * SECOND)

    assert [(gap.source, gap.reason, gap.duration_nanoseconds) for gap in gaps] == [
        ("rapl", "suspend", 100 * SECOND),
        ("nvml", "suspend", 100 * SECOND),
    ]
    assert bench.at(100, count(900), count(900, DRAM), power(10)) == Step([], [])
    assert bench.spans(101, count(907), count(900, DRAM), power(10)) == [
        (7, 100, 101),
        (0, 100, 101),
        (10 * WATT, 100, 101),
    ]


def test_a_failure_after_a_suspend_does_not_count_the_sleep_again(bench: Bench) -> None:
    bench.at(0, count(100))
    bench.meter.forget("suspend", START + 100 * SECOND)

    assert bench.at(101, failed()).gaps[0].duration_nanoseconds == SECOND


def test_registers_from_before_a_restart_are_good_baselines() -> None:
    before = Bench()
    before.at(0, count(100), count(RANGE - 1, DRAM), power(10))
    after = Bench(dict(before.meter.registers))

    assert after.spans(4, count(130), count(4, DRAM), power(30)) == [
        (30, 0, 4),
        (5, 0, 4),
        (80 * WATT, 0, 4),
    ]


def test_a_point_that_fails_after_a_restart_is_a_gap_since_its_register() -> None:
    after = Bench({PACKAGE: Register(100, START), DRAM: Register(100, START + SECOND)})

    assert after.at(3, failed(DRAM)).gaps[0].duration_nanoseconds == 2 * SECOND
    assert after.spans(4, count(130)) == [(30, 0, 4)]


def test_registers_of_points_that_are_gone_are_dropped() -> None:
    gone = Point("rapl", "package", "7")

    assert Bench({gone: Register(1, START)}).meter.registers == {}


def test_a_first_sample_says_what_it_cannot_account_for(bench: Bench) -> None:
    """A register that is asked now and then, after a suspend."""
    bench.at(0, count(100))
    bench.meter.forget("suspend", START + 100 * SECOND)
    assert bench.at(100) == Step([], [])
    (gap,) = bench.at(105, count(900)).gaps

    assert (gap.reason, gap.duration_nanoseconds) == ("first_sample", 5 * SECOND)
