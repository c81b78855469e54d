"""Beats of readings into batches: every interval, every gap, and what reaches back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import AgentStatus, Batch, Gap, Kind, Reach, Reading, Series, SeriesTable
from wattgram_agent.batches import BatchBuilder, whole_microseconds, without_first_interval
from wattgram_agent.meter import Step

MILLISECOND = 1_000_000
PACKAGES = tuple(
    Series(kind=Kind.ENERGY, source="rapl", domain="package", instance=str(n)) for n in range(2)
)
TABLE = SeriesTable(number=3, boot_id="boot", grid_zone="DE", series=PACKAGES)
OFFSET = 1_750_000_000_000_000_000


def step(*readings: tuple[int, int, int, int], gaps: list[Gap] | None = None) -> Step:
    """Return a step of (package, quantity, start, end) in milliseconds."""
    return Step(
        [
            Reading(
                series=PACKAGES[package],
                quantity=quantity,
                start_nanoseconds=start * MILLISECOND,
                end_nanoseconds=end * MILLISECOND,
            )
            for package, quantity, start, end in readings
        ],
        gaps or [],
    )


def gap(reason: str = "unreadable", milliseconds: int = 5, detail: str = "") -> Gap:
    return Gap(
        source="rapl",
        reason=reason,
        duration_nanoseconds=milliseconds * MILLISECOND,
        detail=detail,
    )


def take(builder: BatchBuilder, sequence: int = 1) -> Batch:
    return builder.take(sequence, OFFSET, AgentStatus(spooled_batches=9))


@pytest.fixture
def builder() -> BatchBuilder:
    return BatchBuilder(TABLE, 100 * MILLISECOND)


def test_beats_become_columns_and_what_was_not_read_is_absent(builder: BatchBuilder) -> None:
    builder.add(step((0, 7, 100, 110), (1, 8, 100, 110)), 110 * MILLISECOND)
    builder.add(step((1, 9, 110, 130)), 130 * MILLISECOND)
    batch = take(builder, 41)

    assert batch.columns == ([7, None], [8, 9])
    assert batch.interval_microseconds == (10_000, 20_000)
    assert (batch.sequence, batch.series_number) == (41, 3)
    assert batch.start_boottime_nanoseconds == 100 * MILLISECOND
    assert batch.start_unix_nanoseconds == OFFSET + 100 * MILLISECOND
    assert (batch.reaches, batch.gaps, batch.status.spooled_batches) == ((), (), 9)


def test_a_reading_that_began_before_its_interval_keeps_its_true_length(
    builder: BatchBuilder,
) -> None:
    builder.add(step((0, 1, 100, 110)), 110 * MILLISECOND)
    builder.add(step((0, 2, 110, 120), (1, 8, 60, 120)), 120 * MILLISECOND)
    batch = take(builder)

    assert batch.reaches == (Reach(cell=3, nanoseconds=50 * MILLISECOND),)
    assert list(batch.spans())[-1] == (1, 8, -40 * MILLISECOND, 20 * MILLISECOND)


def test_the_next_batch_begins_where_the_last_one_ended(builder: BatchBuilder) -> None:
    builder.add(step((0, 1, 100, 110), (1, 1, 90, 110)), 110 * MILLISECOND)
    builder.add_gaps([gap()])
    first = take(builder)
    assert builder.is_empty
    builder.add(step((0, 2, 110, 117)), 117 * MILLISECOND)
    second = take(builder, 2)

    assert (
        second.start_boottime_nanoseconds
        == first.start_boottime_nanoseconds + first.duration_nanoseconds
    )
    assert (second.columns, second.reaches, second.gaps) == (([2], [None]), (), ())


def test_gaps_of_one_source_and_reason_add_up(builder: BatchBuilder) -> None:
    builder.add(step(gaps=[gap(detail="first"), gap("suspend", 70)]), 110 * MILLISECOND)
    builder.add(step(gaps=[gap(milliseconds=3, detail="last")]), 120 * MILLISECOND)
    builder.add_gaps([gap("suspend", 30)])

    assert take(builder).gaps == (
        Gap(
            source="rapl",
            reason="unreadable",
            duration_nanoseconds=8 * MILLISECOND,
            detail="last",
            count=2,
        ),
        Gap(source="rapl", reason="suspend", duration_nanoseconds=100 * MILLISECOND, count=2),
    )


def test_a_builder_of_gaps_alone_is_not_empty(builder: BatchBuilder) -> None:
    assert builder.is_empty
    builder.add_gaps([gap()])
    assert not builder.is_empty

    batch = take(builder)
    assert (batch.columns, batch.interval_microseconds, len(batch.gaps)) == (([], []), (), 1)


@pytest.mark.parametrize("end", [100, 99])
def test_an_interval_takes_time(builder: BatchBuilder, end: int) -> None:
    with pytest.raises(ValueError, match="an interval from"):
        builder.add(step(), end * MILLISECOND)
    builder.add(step((0, 7, 100, 110)), 110 * MILLISECOND)

    assert take(builder).columns == ([7], [None])


def test_instants_are_cut_to_the_grid_of_the_wire() -> None:
    assert [whole_microseconds(n) for n in (0, 999, 1_000, 1_999)] == [0, 0, 1_000, 1_000]


@given(
    st.integers(0, 10**15),
    st.lists(
        st.tuples(st.integers(1_000, 10**12), st.booleans(), st.booleans()),
        min_size=1,
        max_size=20,
    ),
)
def test_batches_are_contiguous_and_hold_every_quantity_over_its_time(
    start: int, beats: list[tuple[int, bool, bool]]
) -> None:
    """Whatever is cut where: no quantity, and not a microsecond of it, is lost or moved."""
    builder = BatchBuilder(TABLE, start)
    now = last_read = start
    sent: list[tuple[int, int, int]] = []
    batches: list[Batch] = []
    for elapsed, is_read, is_cut in beats:
        now += elapsed
        readings = []
        if is_read:
            readings = [
                Reading(
                    series=PACKAGES[1],
                    quantity=elapsed,
                    start_nanoseconds=last_read,
                    end_nanoseconds=now,
                )
            ]
            sent.append((elapsed, whole_microseconds(last_read), whole_microseconds(now)))
            last_read = now
        builder.add(Step(readings, []), now)
        if is_cut:
            batches.append(take(builder, len(batches) + 1))
    batches.append(take(builder, len(batches) + 1))

    ends = [b.start_boottime_nanoseconds + b.duration_nanoseconds for b in batches]
    assert [b.start_boottime_nanoseconds for b in batches] == [
        whole_microseconds(start), *ends[:-1]
    ]  # fmt: skip
    assert ends[-1] == whole_microseconds(now)
    assert sent == [
        (
            quantity,
            batch.start_boottime_nanoseconds + first,
            batch.start_boottime_nanoseconds + end,
        )
        for batch in batches
        for column, quantity, first, end in batch.spans()
        if column == 1
    ]


def test_a_batch_of_gaps_only_has_no_first_interval_to_lose() -> None:
    gaps = (Gap(source="spool", reason="spool_full", duration_nanoseconds=1),)
    batch = Batch(
        sequence=1,
        series_number=1,
        start_unix_nanoseconds=0,
        start_boottime_nanoseconds=0,
        interval_microseconds=(),
        columns=([],),
        gaps=gaps,
    )

    assert without_first_interval(batch) == batch


def test_a_batch_without_its_first_interval_loses_what_began_in_it_and_says_so() -> None:
    batch = Batch(
        sequence=1,
        series_number=1,
        start_unix_nanoseconds=0,
        start_boottime_nanoseconds=0,
        interval_microseconds=(5, 5, 5),
        columns=([1, 2, 3], [4, None, 6]),
        reaches=(Reach(cell=0, nanoseconds=9), Reach(cell=5, nanoseconds=6_000)),
    )
    left = without_first_interval(batch)

    assert [list(column) for column in left.columns] == [[None, 2, 3], [None, None, None]]
    assert left.reaches == ()
    assert [(gap.reason, gap.duration_nanoseconds) for gap in left.gaps] == [
        ("checkpoint_stale", 5_000)
    ]
