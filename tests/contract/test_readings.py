"""Values that break an invariant cannot exist; edges, spans and units."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from wattgram.handshake import Hello, HostFacts
from wattgram.readings import (
    LABEL_LENGTH_MAX,
    QUANTITY_MAX,
    Batch,
    Gap,
    Kind,
    Quality,
    Reach,
    Reading,
    Series,
    SeriesTable,
    SourceState,
    State,
)
from wattgram.units import (
    NANOSECONDS_PER_MICROSECOND,
    NANOSECONDS_PER_SECOND,
    energy_microjoules,
    mean_power_microwatts,
)

SERIES = Series(kind=Kind.ENERGY, source="rapl", domain="package", instance="0")


def batch(**changes: Any) -> Batch:
    whole: dict[str, Any] = {
        "sequence": 1,
        "series_number": 1,
        "start_unix_nanoseconds": 0,
        "start_boottime_nanoseconds": 0,
        "interval_microseconds": (1_000, 2_000),
        "columns": ([5, None], [7, 11]),
    }
    return Batch(**whole | changes)


def hello(**changes: Any) -> Hello:
    whole: dict[str, Any] = {
        "agent_id": "a",
        "session": "s",
        "boot_id": "b",
        "agent_version": "1",
        "first_sequence": 1,
        "wall_unix_nanoseconds": 1,
        "boottime_nanoseconds": 1,
        "batch_interval_nanoseconds": 1,
        "facts": HostFacts(host="h"),
    }
    return Hello(**whole | changes)


def reading(**changes: Any) -> Reading:
    whole: dict[str, Any] = {
        "series": SERIES,
        "quantity": 1,
        "start_nanoseconds": 1,
        "end_nanoseconds": 2,
    }
    return Reading(**whole | changes)


def gap(**changes: Any) -> Gap:
    return Gap(**{"source": "rapl", "reason": "unreadable", "duration_nanoseconds": 0} | changes)


@pytest.mark.parametrize("label", ["", "x" * (LABEL_LENGTH_MAX + 1), "line\nbreak", "nul\0"])
@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("source", lambda label: dataclasses.replace(SERIES, source=label)),
        ("domain", lambda label: dataclasses.replace(SERIES, domain=label)),
        ("instance", lambda label: dataclasses.replace(SERIES, instance=label)),
        ("source", lambda label: SourceState(source=label, state=State.ACTIVE)),
        ("source", lambda label: gap(source=label)),
        ("reason", lambda label: gap(reason=label)),
        ("host", lambda label: HostFacts(host=label)),
        ("agent_id", lambda label: hello(agent_id=label)),
        ("session", lambda label: hello(session=label)),
        (
            "grid_zone",
            lambda label: SeriesTable(number=1, boot_id="", grid_zone=label or "\t", series=()),
        ),
    ],
)
def test_what_becomes_a_label_is_one_to_200_printable_characters(
    name: str, build: Callable[[str], object], label: str
) -> None:
    with pytest.raises(ValueError, match=f"{name} must be 1 to 200 printable characters"):
        build(label)
    build("x" * LABEL_LENGTH_MAX)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: reading(quantity=-1), "energy_microjoules must be 0 to"),
        (lambda: reading(quantity=QUANTITY_MAX + 1), "energy_microjoules must be 0 to"),
        (lambda: reading(end_nanoseconds=1), "needs a duration"),
        (lambda: gap(duration_nanoseconds=-1), "cannot last -1 ns"),
        (lambda: Reach(cell=-1, nanoseconds=1), "reach of cell -1"),
        (lambda: Reach(cell=0, nanoseconds=0), "by 0 ns"),
        (lambda: hello(batch_interval_nanoseconds=0), "batch interval of 0 ns"),
        (
            lambda: SeriesTable(number=0, boot_id="", grid_zone="", series=()),
            "number must be positive: 0",
        ),
        (
            lambda: SeriesTable(number=3, boot_id="", grid_zone="", series=(SERIES, SERIES)),
            "table 3 has the same series twice",
        ),
        (lambda: batch(sequence=0), "sequence must be positive"),
        (lambda: batch(interval_microseconds=(1, 0)), "an interval of 0 us"),
        (lambda: batch(columns=([1],)), "column 0 has 1 values for 2 intervals"),
        (lambda: batch(columns=([1, 1], [1, -1])), "column 1 holds -1 to 1"),
        (lambda: batch(columns=([None, QUANTITY_MAX + 1],)), "column 0 holds"),
        (lambda: batch(reaches=(Reach(cell=4, nanoseconds=1),)), "reach of cell 4 of 4"),
    ],
)
def test_a_value_that_breaks_an_invariant_cannot_exist(
    build: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_the_largest_values_may_exist() -> None:
    assert reading(quantity=QUANTITY_MAX).quantity == QUANTITY_MAX
    assert batch(columns=([0, QUANTITY_MAX],)).columns == ([0, QUANTITY_MAX],)
    assert batch(reaches=(Reach(cell=3, nanoseconds=1),)).reaches


def test_no_value_can_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        SERIES.counted = True  # type: ignore[misc]


def test_series_that_differ_in_what_they_mean_are_different_columns() -> None:
    """Whether a series is counted may change: then it is another one, and totals stay apart."""
    counted = dataclasses.replace(SERIES, counted=True)
    modelled = dataclasses.replace(SERIES, quality=Quality.MODELLED)

    assert len({SERIES, counted, modelled, dataclasses.replace(SERIES)}) == 3
    assert hash(SERIES) == hash(dataclasses.replace(SERIES))


def test_edges_begin_at_zero_and_end_at_the_duration() -> None:
    assert batch().edges_nanoseconds() == [0, 1_000_000, 3_000_000]
    assert batch().duration_nanoseconds == 3_000_000
    assert batch(interval_microseconds=(), columns=([], [])).edges_nanoseconds() == [0]


def test_a_span_is_the_interval_of_its_cell_and_an_absent_cell_has_none() -> None:
    assert list(batch().spans()) == [
        (0, 5, 0, 1_000_000),
        (1, 7, 0, 1_000_000),
        (1, 11, 1_000_000, 3_000_000),
    ]


def test_a_span_that_reaches_back_may_begin_before_its_batch() -> None:
    reaching = batch(reaches=(Reach(cell=0, nanoseconds=40), Reach(cell=3, nanoseconds=1_000_007)))

    assert list(reaching.spans()) == [
        (0, 5, -40, 1_000_000),
        (1, 7, 0, 1_000_000),
        (1, 11, -7, 3_000_000),
    ]


@given(strategies.tables_and_batches())
def test_spans_hold_every_present_quantity_once(sent: tuple[SeriesTable, Batch]) -> None:
    _, whole = sent
    edges = whole.edges_nanoseconds()
    spans = list(whole.spans())

    assert [quantity for _, quantity, _, _ in spans] == [
        quantity for column in whole.columns for quantity in column if quantity is not None
    ]
    assert all(end in edges[1:] and start < end for _, _, start, end in spans)
    assert edges[-1] == whole.duration_nanoseconds
    assert edges[-1] == sum(whole.interval_microseconds) * NANOSECONDS_PER_MICROSECOND


@given(st.integers(0, 10**13), st.integers(0, 10**12))
def test_energy_is_rounded_to_the_nearest_microjoule_half_up(
    power_microwatts: int, duration_nanoseconds: int
) -> None:
    exact = Decimal(power_microwatts * duration_nanoseconds) / NANOSECONDS_PER_SECOND

    assert energy_microjoules(power_microwatts, duration_nanoseconds) == int(
        exact.quantize(Decimal(1), ROUND_HALF_UP)
    )


def test_half_a_microjoule_is_one_and_less_is_none() -> None:
    half = NANOSECONDS_PER_SECOND // 2

    assert [energy_microjoules(1, half - 1), energy_microjoules(1, half)] == [0, 1]
    assert energy_microjoules(3, half) == 2


@given(st.integers(0, QUANTITY_MAX), st.integers(1, 10**15))
def test_a_mean_power_is_never_more_than_was_used(energy: int, duration: int) -> None:
    power = mean_power_microwatts(energy, duration)

    assert power * duration <= energy * NANOSECONDS_PER_SECOND < (power + 1) * duration
