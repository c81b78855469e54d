"""Values to bytes and back, and bytes that are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import strategies
from wattgram import wire
from wattgram.handshake import Ack, Hello, Welcome
from wattgram.readings import QUANTITY_MAX, Batch, Kind, Reach, Series, SeriesTable, State
from wattgram.v1 import telemetry_pb2 as pb
from wattgram.wire import WireError, decode_agent_message, decode_collector_message

TABLE = SeriesTable(
    number=7,
    boot_id="boot",
    grid_zone="DE",
    series=tuple(
        Series(kind=Kind.ENERGY, source="rapl", domain="package", instance=str(n))
        for n in range(2)
    ),
)


def batch(sequence: int = 5, **changes: Any) -> Batch:
    whole: dict[str, Any] = {
        "series_number": TABLE.number,
        "start_unix_nanoseconds": 1,
        "start_boottime_nanoseconds": 2,
        "interval_microseconds": (10, 20, 30),
        "columns": ([1, None, 3], [None, None, 6]),
    }
    return Batch(sequence=sequence, **whole | changes)


def spoilt(spoil: Callable[[pb.AgentMessage], object], message: bytes | None = None) -> bytes:
    """Return the bytes of a good message after `spoil` changed it."""
    parsed = pb.AgentMessage.FromString(message or wire.encode_batch(batch()))
    spoil(parsed)
    return parsed.SerializeToString()


@given(strategies.hellos)
def test_a_hello_arrives_as_it_was_sent(hello: Hello) -> None:
    assert decode_agent_message(wire.encode_hello(hello), {}) == hello


@given(strategies.tables)
def test_a_series_table_arrives_as_it_was_sent(table: SeriesTable) -> None:
    arrived = decode_agent_message(wire.encode_series(table), {})

    assert arrived == table
    assert isinstance(arrived, SeriesTable)
    assert [hash(one) for one in arrived.series] == [hash(one) for one in table.series]


@given(strategies.tables_and_batches())
@example((TABLE, batch(columns=([None] * 3, [None] * 3))))
@example((TABLE, batch(columns=([0] * 3, [QUANTITY_MAX, 0, QUANTITY_MAX]))))
@example((TABLE, batch(interval_microseconds=(), columns=([], []))))
@example((TABLE, batch(reaches=(Reach(cell=5, nanoseconds=1),))))
def test_a_batch_arrives_as_it_was_sent(sent: tuple[SeriesTable, Batch]) -> None:
    table, whole = sent
    other = SeriesTable(number=table.number % 9 + 1, boot_id="", grid_zone="", series=())

    assert decode_agent_message(
        wire.encode_batch(whole), {other.number: other, table.number: table}
    ) == whole  # fmt: skip


@given(strategies.welcomes | strategies.acks)
def test_what_the_collector_answers_arrives_as_it_was_sent(answer: Welcome | Ack) -> None:
    encode = wire.encode_welcome if isinstance(answer, Welcome) else wire.encode_ack

    assert decode_collector_message(encode(answer)) == answer  # type: ignore[arg-type]


def test_an_absent_cell_costs_one_bit_and_a_whole_batch_none() -> None:
    absent = pb.AgentMessage.FromString(wire.encode_batch(batch())).batch
    whole = wire.encode_batch(batch(columns=([1, 2, 3], [4, 5, 6])))

    assert absent.absent == bytes([0b011010])
    assert list(absent.value_deltas) == [1, 2, 3]  # 1, 3, 6: one chain over all columns
    assert pb.AgentMessage.FromString(whole).batch.absent == b""


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_wire_error(data: bytes) -> None:
    """Decoding is total: nothing else escapes, whoever sends what."""
    for decode in (lambda: decode_agent_message(data, {7: TABLE}),
                   lambda: decode_collector_message(data)):  # fmt: skip
        try:
            value = decode()
        except WireError:
            continue
        assert isinstance(value, Hello | SeriesTable | Batch | Welcome | Ack)


@given(
    good=strategies.messages,
    changes=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 3),
)
def test_a_good_message_that_was_damaged_is_a_value_or_a_wire_error(
    good: tuple[bytes, dict[int, SeriesTable]], changes: list[tuple[int, int]], cut: int
) -> None:
    message = bytearray(good[0])
    for at, byte in changes:
        message[at % len(message)] = byte
    try:
        value = decode_agent_message(bytes(message[: len(message) - cut]), good[1])
    except WireError:
        return
    assert isinstance(value, Hello | SeriesTable | Batch)


@given(strategies.messages, st.data())
def test_a_good_message_that_was_cut_anywhere_is_a_value_or_a_wire_error(
    good: tuple[bytes, dict[int, SeriesTable]], data: st.DataObject
) -> None:
    message, tables = good
    cut = data.draw(st.integers(0, len(message) - 1))
    try:
        value = decode_agent_message(message[:cut], tables)
    except WireError:
        return
    assert isinstance(value, Hello | SeriesTable | Batch)


def test_a_batch_whose_table_was_not_sent_is_refused_by_its_sequence() -> None:
    with pytest.raises(WireError, match="series table 7, never sent") as caught:
        decode_agent_message(wire.encode_batch(batch(sequence=41)), {})
    assert caught.value.sequence == 41


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda m: m.batch.value_deltas.append(1), id="a value too many"),
        pytest.param(lambda m: m.batch.value_deltas.pop(), id="a value too few"),
        pytest.param(lambda m: m.batch.ClearField("absent"), id="absent cells not named"),
        pytest.param(
            lambda m: setattr(m.batch, "absent", bytes([0b1001010])), id="absent beyond the cells"
        ),
        pytest.param(
            lambda m: m.batch.interval_microseconds_deltas.append(1), id="an interval too many"
        ),
        pytest.param(
            lambda m: m.batch.interval_microseconds_deltas.append(-60), id="an interval backwards"
        ),
        pytest.param(lambda m: m.batch.value_deltas.__setitem__(0, -1), id="below zero"),
        pytest.param(lambda m: m.batch.value_deltas.__setitem__(0, 1 << 62), id="out of range"),
        pytest.param(lambda m: m.batch.reaches.add(cell=6, nanoseconds=1), id="reach outside"),
        pytest.param(lambda m: m.batch.reaches.add(cell=1), id="reach of nothing"),
        pytest.param(lambda m: m.batch.gaps.add(reason="x"), id="gap of no source"),
    ],
)
def test_a_batch_that_breaks_an_invariant_is_refused_by_its_sequence(
    spoil: Callable[[pb.AgentMessage], object],
) -> None:
    with pytest.raises(WireError) as caught:
        decode_agent_message(spoilt(spoil), {7: TABLE})
    assert caught.value.sequence == 5


@pytest.mark.parametrize("surplus", [[], [1] * 5, [1] * 7])
def test_a_batch_without_absent_cells_has_a_value_for_each(surplus: list[int]) -> None:
    def spoil(message: pb.AgentMessage) -> None:
        message.batch.absent = b""
        message.batch.value_deltas[:] = surplus

    with pytest.raises(WireError, match=f"{len(surplus)} values and 0 absent for 6 cells"):
        decode_agent_message(spoilt(spoil), {7: TABLE})


@pytest.mark.parametrize("number", [0, 99])
@pytest.mark.parametrize("name", ["kind", "quality", "component"])
def test_an_enumeration_that_is_unset_or_unknown_is_refused(name: str, number: int) -> None:
    """Zero is what an older or a careless peer leaves: it must not become the first meaning."""

    def spoil(message: pb.AgentMessage) -> None:
        setattr(message.series.descriptors[0], name, number)

    with pytest.raises(WireError, match=f"unknown enumeration value {number}"):
        decode_agent_message(spoilt(spoil, wire.encode_series(TABLE)), {})


def test_a_source_in_no_state_is_refused() -> None:
    def spoil(message: pb.AgentMessage) -> None:
        message.series.sources.add(source="rapl")

    with pytest.raises(WireError, match="unknown enumeration value 0"):
        decode_agent_message(spoilt(spoil, wire.encode_series(TABLE)), {})


def test_every_enumeration_of_the_wire_has_a_meaning() -> None:
    for known, enumeration in (
        (wire._KIND_OF, pb.Kind),
        (wire._QUALITY_OF, pb.Quality),
        (wire._COMPONENT_OF, pb.Component),
        (wire._STATE_OF, pb.State),
    ):
        assert {0, *known} == set(enumeration.values())
    assert set(wire._STATES) == set(State)


@pytest.mark.parametrize(
    "decode", [lambda b: decode_agent_message(b, {}), decode_collector_message]
)
def test_a_message_of_no_kind_is_refused(decode: Callable[[bytes], object]) -> None:
    with pytest.raises(WireError, match="of no known kind"):
        decode(b"")


@pytest.mark.timeout(20)
def test_two_million_absent_cells_cost_no_more_than_their_number() -> None:
    """They fit into 256 KiB: were the cost quadratic, one peer could stop a collector."""
    series = tuple(
        Series(kind=Kind.ENERGY, source="s", domain="d", instance=str(n)) for n in range(200)
    )
    table = SeriesTable(number=1, boot_id="", grid_zone="", series=series)
    height = 10_000
    whole = batch(
        series_number=1,
        interval_microseconds=(1,) * height,
        columns=tuple([None] * height for _ in series),
    )
    message = wire.encode_batch(whole)

    assert len(message) < 300_000
    assert decode_agent_message(message, {1: table}) == whole
