"""Two values of a register to the increase between them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.counters import (
    WRAPPING_CEILING_MICROWATTS,
    Increase,
    Lost,
    energy_increase,
    traffic_increase,
)

SECOND = NANOSECONDS_PER_SECOND
WATT_SECOND = 1_000_000
PACKAGE = 262_143_328_850
DRAM = 65_712_999_613
RANGES = [DRAM, PACKAGE, 65_532_610_987, 4_294_967_295_000_000]


def reason(outcome: Increase | Lost) -> str:
    assert isinstance(outcome, Lost)
    return outcome.reason


@st.composite
def uses(draw: st.DrawFn) -> tuple[int, int, list[tuple[int, int]]]:
    """Return a range, a first value and (energy, elapsed) steps with one wrap each at most."""
    wraps_at = draw(st.sampled_from(RANGES))
    steps = []
    for elapsed in draw(st.lists(st.integers(1, 30 * SECOND), max_size=20)):
        most = min(wraps_at, WRAPPING_CEILING_MICROWATTS * elapsed // SECOND)
        steps.append((draw(st.integers(0, most)), elapsed))
    return wraps_at, draw(st.integers(0, wraps_at - 1)), steps


@given(uses())
@example(
    (DRAM, DRAM - 1, [(1, SECOND), (0, SECOND), (DRAM, 30 * SECOND), (DRAM - 1, 30 * SECOND)])
)
@example((PACKAGE, 0, [(PACKAGE - 1, 30 * SECOND), (1, 1 * SECOND)]))
def test_the_sum_of_increases_is_the_true_use(
    case: tuple[int, int, list[tuple[int, int]]],
) -> None:
    """Conservation, over any number of wraps, as long as no two fall between two reads.

    What fills the whole range exactly leaves the register where it was, and cannot be seen.
    """
    wraps_at, start, steps = case
    truth = booked = 0
    for energy, elapsed in steps:
        previous = (start + truth) % wraps_at
        truth += energy % wraps_at
        current = (start + truth) % wraps_at
        outcome = energy_increase(previous, current, wraps_at, elapsed)
        assert isinstance(outcome, Increase)
        assert outcome.wrapped is (current < previous)
        booked += outcome.quantity
    assert booked == truth


def test_a_register_that_wrapped_counts_on_from_zero() -> None:
    assert energy_increase(PACKAGE - 5, 7, PACKAGE, SECOND) == Increase(12, wrapped=True)
    assert energy_increase(PACKAGE, 0, PACKAGE, SECOND) == Increase(0, wrapped=True)


def test_a_register_that_stands_has_counted_nothing() -> None:
    assert energy_increase(7, 7, PACKAGE, SECOND) == Increase(0)


@pytest.mark.parametrize("unknown", [None, 0])
def test_a_fall_of_a_register_whose_range_is_unknown_is_a_reset(unknown: int | None) -> None:
    assert reason(energy_increase(1_000, 999, unknown, SECOND)) == "counter_reset"


@pytest.mark.parametrize("unknown", [None, 0])
def test_a_register_whose_range_is_unknown_is_never_late(unknown: int | None) -> None:
    """One that does not wrap, as NVML's, cannot have wrapped unseen."""
    assert energy_increase(0, WATT_SECOND, unknown, 10**6 * SECOND) == Increase(WATT_SECOND)


def test_a_value_outside_its_range_did_not_wrap() -> None:
    assert reason(energy_increase(DRAM + 1, 5, DRAM, SECOND)) == "counter_reset"


def test_a_reset_that_looks_like_a_wrap_is_known_by_its_power() -> None:
    """From the middle of the range to zero in a second would be 131 kW."""
    assert reason(energy_increase(PACKAGE // 2, 0, PACKAGE, SECOND)) == "counter_reset"


def test_a_rise_of_more_than_any_machine_draws_is_not_use() -> None:
    """Ten kilowatts for a register that wraps, a hundred for a meter of a whole host."""
    most = 10_000 * WATT_SECOND

    assert energy_increase(0, most, PACKAGE, SECOND) == Increase(most)
    assert reason(energy_increase(0, most + 1, PACKAGE, SECOND)) == "implausible"
    assert energy_increase(0, most + 1, PACKAGE, SECOND + SECOND // 1_000) == Increase(most + 1)
    assert energy_increase(0, 10 * most, None, SECOND) == Increase(10 * most)
    assert reason(energy_increase(0, 10 * most + 1, None, SECOND)) == "implausible"


def test_a_register_that_moves_in_steps_is_not_implausible_between_two_quick_reads() -> None:
    """After a stall two beats follow each other at once, and 9 J in 0.7 ms would be 13 kW."""
    assert energy_increase(5_275_302_818, 5_284_429_979, PACKAGE, 692_844) == Increase(9_127_161)
    assert energy_increase(PACKAGE - 5, 9_127_156, PACKAGE, 1) == Increase(9_127_161, wrapped=True)
    assert reason(energy_increase(0, 10_000 * WATT_SECOND + 1, PACKAGE, 1)) == "implausible"


@pytest.mark.parametrize(
    ("wraps_at", "seconds"),
    [(DRAM, 32), (PACKAGE, 131), (1_000 * WATT_SECOND, 30), (4_294_967_295_000_000, 2_147_483)],
)
def test_a_sample_after_half_a_range_at_a_kilowatt_may_hide_a_wrap(
    wraps_at: int, seconds: int
) -> None:
    """Two wraps cannot be told from one; a small range is believed for 30 s all the same."""
    assert energy_increase(0, 1, wraps_at, seconds * SECOND) == Increase(1)
    assert reason(energy_increase(0, 1, wraps_at, (seconds + 1) * SECOND)) == "late_sample"


@pytest.mark.parametrize("elapsed", [0, -1])
def test_no_time_is_no_interval(elapsed: int) -> None:
    with pytest.raises(ValueError, match="no time passed"):
        energy_increase(0, 1, PACKAGE, elapsed)


def test_what_is_lost_says_from_where_to_where() -> None:
    lost = energy_increase(1_000, 999, None, SECOND)

    assert isinstance(lost, Lost)
    assert "1000 fell to 999" in lost.detail


@given(st.lists(st.tuples(st.integers(0, 1 << 40), st.booleans()), max_size=20))
def test_the_sum_of_traffic_is_what_passed_less_what_a_new_interface_began_with(
    steps: list[tuple[int, bool]],
) -> None:
    register = truth = booked = 0
    for passed, is_new in steps:
        previous, register = register, passed if is_new else register + passed
        outcome = traffic_increase(previous, register)
        if register < previous:
            assert isinstance(outcome, Lost)
            continue
        assert isinstance(outcome, Increase)
        booked += outcome.quantity
        truth += register - previous
    assert booked == truth


def test_a_count_of_bytes_that_slipped_back_invents_none() -> None:
    """A driver that corrects itself by one byte has not moved a terabyte."""
    lost = traffic_increase(10**12, 10**12 - 1)

    assert isinstance(lost, Lost)
    assert lost.reason == "counter_reset"
    assert traffic_increase(200, 200) == Increase(0)
    assert traffic_increase(200, 260) == Increase(60)
