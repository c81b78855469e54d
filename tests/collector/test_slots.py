"""A quantity and the accounting slots that it is shared over."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given

from builders import NOW, SECOND, SLOT, batch
from collector_strategies import batches, intervals_of_time, quantities
from wattgram.readings import Batch, Reach
from wattgram.units import ACCOUNTING_SLOT_NANOSECONDS as SLOT_NANOSECONDS
from wattgram_collector.accounting import slots
from wattgram_collector.accounting.slots import slot_of, split

BORDER = (SLOT + 1) * SLOT_NANOSECONDS


@given(quantities, intervals_of_time())
def test_shares_add_up_to_the_quantity(quantity: int, interval: tuple[int, int]) -> None:
    assert sum(share for _, share in split(quantity, *interval)) == quantity


@given(quantities, intervals_of_time())
def test_every_slot_of_the_interval_has_one_share_and_no_other_has(
    quantity: int, interval: tuple[int, int]
) -> None:
    start, end = interval
    assert [slot for slot, _ in split(quantity, start, end)] == list(
        range(slot_of(start), slot_of(end - 1) + 1)
    )


@given(quantities, intervals_of_time())
def test_a_share_is_what_constant_power_would_have_used(
    quantity: int, interval: tuple[int, int]
) -> None:
    """Power is taken as constant inside one interval; rounding moves less than one unit."""
    start, end = interval
    for slot, share in split(quantity, start, end):
        overlap = min(end, (slot + 1) * SLOT_NANOSECONDS) - max(start, slot * SLOT_NANOSECONDS)
        assert share >= 0
        assert abs(share - Fraction(quantity * overlap, end - start)) < 1


def test_an_interval_that_ends_on_a_border_is_not_in_the_next_slot() -> None:
    assert list(split(10, BORDER - SECOND, BORDER)) == [(SLOT, 10)]
    assert list(split(10, BORDER, BORDER + SECOND)) == [(SLOT + 1, 10)]


def test_a_quantity_over_a_border_is_shared_by_time() -> None:
    assert list(split(100, BORDER - 3 * SECOND, BORDER + SECOND)) == [(SLOT, 75), (SLOT + 1, 25)]


def test_slots_are_five_minutes_of_utc() -> None:
    assert slot_of(0) == 0
    assert slot_of(300 * SECOND - 1) == 0
    assert slot_of(300 * SECOND) == 1
    assert slots.slot_start_unix_seconds(7) == 2_100


def cells_of(some: Batch, start: int) -> dict[tuple[int, int], int]:
    """What each column used in each slot, without the cells that have no value."""
    return {
        (index, slot): quantity
        for slot, row in slots.quantities(some, start).items()
        for index, quantity in enumerate(row)
        if quantity is not None
    }


def slowly(some: Batch, start: int) -> dict[tuple[int, int], int]:
    """The definition: every present cell is split."""
    found: dict[tuple[int, int], int] = {}
    for index, quantity, begin, end in some.spans():
        for slot, share in split(quantity, start + begin, start + end):
            found[index, slot] = found.get((index, slot), 0) + share
    return found


@given(batches())
def test_a_batch_is_the_sum_of_its_cells(some: Batch) -> None:
    """Within one slot there is a shorter way; it must say the same as the definition."""
    start = some.start_unix_nanoseconds
    assert cells_of(some, start) == slowly(some, start)


@given(batches())
def test_what_a_column_used_is_in_the_slots_whole(some: Batch) -> None:
    found = cells_of(some, some.start_unix_nanoseconds)
    for index, column in enumerate(some.columns):
        shares = [share for (of, _), share in found.items() if of == index]
        assert sum(shares) == sum(value for value in column if value is not None)


def test_a_batch_within_one_slot_is_summed() -> None:
    one = batch([1, 2, 3], [10, None, 30])
    assert cells_of(one, NOW) == {(0, SLOT): 6, (1, SLOT): 40}


def test_a_batch_whose_last_interval_ends_on_the_border_stays_in_its_slot() -> None:
    assert cells_of(batch([1, 2]), BORDER - 2 * SECOND) == {(0, SLOT): 3}


def test_a_column_that_was_not_measured_is_absent_and_not_zero() -> None:
    one = batch([None, None], [0, 0])
    assert cells_of(one, NOW) == {(1, SLOT): 0}
    assert set(cells_of(one, BORDER - SECOND)) == {(1, SLOT), (1, SLOT + 1)}


def test_a_batch_of_no_intervals_is_in_no_slot() -> None:
    assert cells_of(batch([], []), NOW) == {}
    assert cells_of(batch([]), BORDER) == {}


@pytest.mark.parametrize("position", [0, 1])
def test_a_cell_that_reaches_back_is_shared_over_the_time_that_it_covers(position: int) -> None:
    """The meter was unreadable before: the increment is of all that time, not of one interval."""
    column = [None, None]
    column[position] = 400
    one = batch(column, reaches=(Reach(cell=position, nanoseconds=3 * SECOND),))
    start = BORDER - position * SECOND
    assert cells_of(one, start) == {(0, SLOT): 300, (0, SLOT + 1): 100}


def test_a_reach_concerns_its_own_cell_only() -> None:
    one = batch([5, 5], [7, 9], reaches=(Reach(cell=2, nanoseconds=SECOND),))
    assert cells_of(one, BORDER) == {
        (0, SLOT + 1): 10,
        (1, SLOT): 3,
        (1, SLOT + 1): 4 + 9,
    }
