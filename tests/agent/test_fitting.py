"""A batch that is made smaller: the same energy over the same time, less exactly when."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spooling import GPU, PACKAGE, SECOND, table
from wattgram.handshake import Limits
from wattgram.readings import QUANTITY_MAX, Batch, Reach
from wattgram.wire import decode_agent_message
from wattgram_agent.spool.fitting import UnfitError, fit, without_what_began_before

OF = table(1, PACKAGE, GPU)


def limits(**given_limits: int) -> Limits:
    nothing = {"max_batch_bytes": 0, "max_series": 0, "max_intervals": 0}
    return Limits(**(nothing | given_limits))


def fitted(one: Batch, **given_limits: int) -> Batch:
    found = decode_agent_message(fit(one, OF, limits(**given_limits)), {1: OF})
    assert isinstance(found, Batch)
    return found


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    lengths = draw(st.lists(st.integers(1, 5_000_000), min_size=1, max_size=40))
    height = len(lengths)
    cells = st.none() | st.integers(0, 1 << 40)
    columns = tuple(draw(st.lists(cells, min_size=height, max_size=height)) for _ in OF.series)
    reaches = draw(st.dictionaries(st.integers(0, 2 * height - 1), st.integers(1, 1 << 40)))
    present = {
        cell: back
        for cell, back in reaches.items()
        if columns[cell // height][cell % height] is not None
    }
    return Batch(
        sequence=7,
        series_number=1,
        start_unix_nanoseconds=1 << 50,
        start_boottime_nanoseconds=1 << 45,
        interval_microseconds=tuple(lengths),
        columns=columns,
        reaches=tuple(Reach(cell=cell, nanoseconds=back) for cell, back in present.items()),
    )


def extents(one: Batch) -> dict[int, tuple[int, int, int]]:
    """Return of each column its sum, and from when to when it was measured."""
    found: dict[int, tuple[int, int, int]] = {}
    for column, quantity, start, end in one.spans():
        before = found.get(column, (0, start, end))
        found[column] = (before[0] + quantity, min(before[1], start), max(before[2], end))
    return found


@given(batches(), st.integers(1, 41))
def test_joining_keeps_every_quantity_and_the_time_it_lies_in(one: Batch, most: int) -> None:
    coarse = fitted(one, max_intervals=most)

    assert len(coarse.interval_microseconds) <= most
    assert coarse.duration_nanoseconds == one.duration_nanoseconds
    assert (coarse.sequence, coarse.start_unix_nanoseconds) == (7, 1 << 50)
    before, after = extents(one), extents(coarse)
    assert before.keys() == after.keys()
    for column, (total, start, end) in before.items():
        assert after[column][0] == total
        assert after[column][1] <= start
        assert after[column][2] >= end
        assert min(0, after[column][1]) == min(0, start) or after[column][1] >= 0


@given(batches(), st.integers(120, 900))
def test_a_batch_is_within_the_bytes_or_said_to_be_too_large(one: Batch, most: int) -> None:
    coarsest = len(fit(one, OF, limits(max_intervals=1)))
    if coarsest <= most:
        assert len(fit(one, OF, limits(max_batch_bytes=most))) <= most
    else:
        with pytest.raises(UnfitError, match="too_large"):
            fit(one, OF, limits(max_batch_bytes=most))


def test_what_is_within_the_limits_is_left_alone() -> None:
    one = Batch(
        sequence=1,
        series_number=1,
        start_unix_nanoseconds=0,
        start_boottime_nanoseconds=0,
        interval_microseconds=(1, 2, 3),
        columns=([1, None, 3], [4, 5, 6]),
    )
    assert fitted(one, max_intervals=3, max_series=2, max_batch_bytes=10_000) == one
    assert fitted(one) == one
    assert fitted(one, max_intervals=2).columns == ([1, 3], [9, 6])


def test_more_series_than_are_taken_do_not_fit() -> None:
    one = Batch(
        sequence=1,
        series_number=1,
        start_unix_nanoseconds=0,
        start_boottime_nanoseconds=0,
        interval_microseconds=(),
        columns=([], []),
    )
    with pytest.raises(UnfitError, match="too_many_series"):
        fit(one, OF, limits(max_series=1))


def test_a_sum_that_no_cell_can_hold_does_not_fit() -> None:
    one = Batch(
        sequence=1,
        series_number=1,
        start_unix_nanoseconds=0,
        start_boottime_nanoseconds=0,
        interval_microseconds=(1, 1),
        columns=([QUANTITY_MAX, 1], [None, None]),
    )
    with pytest.raises(UnfitError, match="too_large"):
        fit(one, OF, limits(max_intervals=1))


@given(batches(), st.integers(-10, 50))
def test_what_began_before_is_left_out_and_nothing_else(one: Batch, seconds: int) -> None:
    border = seconds * SECOND
    kept = without_what_began_before(one, one.start_boottime_nanoseconds + border)

    assert list(kept.spans()) == [span for span in one.spans() if span[2] >= border]
    assert replace(kept, columns=one.columns, reaches=one.reaches) == one
