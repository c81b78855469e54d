"""What a batch knows of itself when it is made: its duration, and what its columns come to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import batch
from wattgram.readings import QUANTITY_MAX, Reach

cells = st.none() | st.integers(0, QUANTITY_MAX)
columns = st.integers(1, 4).flatmap(
    lambda height: st.lists(
        st.lists(cells, min_size=height, max_size=height), min_size=1, max_size=3
    )
)


@given(columns)
def test_columns_come_to_their_sums_unless_a_cell_is_absent(said: list[list[int | None]]) -> None:
    one = batch(*said)
    is_complete = all(value is not None for column in said for value in column)
    assert one.sums == (tuple(map(sum, said)) if is_complete else None)  # type: ignore[arg-type]
    assert one.is_whole is is_complete
    assert one.duration_nanoseconds == sum(one.interval_microseconds) * 1_000


def test_a_batch_that_reaches_back_has_sums_but_is_not_whole() -> None:
    one = batch([1, 2], reaches=(Reach(cell=0, nanoseconds=5),))
    assert (one.sums, one.is_whole) == ((3,), False)


def test_columns_may_come_to_more_than_a_cell_may_hold() -> None:
    assert batch([QUANTITY_MAX] * 3).sums == (3 * QUANTITY_MAX,)


@pytest.mark.parametrize("wrong", [-1, QUANTITY_MAX + 1])
@pytest.mark.parametrize("beside", [None, 0, QUANTITY_MAX])
def test_a_cell_out_of_range_is_refused_whatever_is_beside_it(
    wrong: int, beside: int | None
) -> None:
    with pytest.raises(ValueError, match="column 1 holds"):
        batch([1, 1], [beside, wrong])
