"""Agents and collectors of different ages: what version 1 sends is read, and what it can read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

import strategies
from wattgram import wire
from wattgram.handshake import Ack, Hello, HostFacts, Refusal, Welcome
from wattgram.readings import Batch, SeriesTable
from wattgram.v1 import telemetry_pb2 as pb
from wattgram.wire import common_version, decode_agent_message, decode_collector_message

# Made from telemetry.proto of the first release. It is never made again.
FROZEN = Path(__file__).parent / "descriptors" / "v1.descriptor"


def frozen() -> descriptor_pb2.FileDescriptorProto:
    (file,) = descriptor_pb2.FileDescriptorSet.FromString(FROZEN.read_bytes()).file
    return file


def messages_of(file: descriptor_pb2.FileDescriptorProto) -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)  # type: ignore[no-untyped-call]
    found = message_factory.GetMessageClassesForFiles([file.name], pool)
    return {name.rpartition(".")[2]: kind for name, kind in found.items()}


OLD = messages_of(frozen())


def newer() -> Any:
    """Version 1 with a field more in every message, as a later one might have."""
    file = frozen()
    for message in file.message_type:
        message.field.add(
            name="of_the_future",
            number=1_000,
            type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
            label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
        )
    return messages_of(file)


NEW = newer()


def test_the_fields_of_version_one_are_all_there_and_mean_the_same() -> None:
    """Fields are only ever added; a number is never used twice."""
    now = {one.name: one for one in pb.DESCRIPTOR.message_types_by_name.values()}
    for message in frozen().message_type:
        for field in message.field:
            kept = now[message.name].fields_by_name[field.name]
            assert (kept.number, kept.type) == (field.number, field.type), field.name
    for enumeration in frozen().enum_type:
        values = pb.DESCRIPTOR.enum_types_by_name[enumeration.name].values_by_name
        assert {(one.name, one.number) for one in enumeration.value} <= {
            (name, value.number) for name, value in values.items()
        }


def aged(hello_or: Hello | SeriesTable | Batch) -> bytes:
    """Encode a value as this program does, and drop what version 1 does not know."""
    encode: Any = {
        Hello: wire.encode_hello,
        SeriesTable: wire.encode_series,
        Batch: wire.encode_batch,
    }[type(hello_or)]
    old = OLD["AgentMessage"].FromString(encode(hello_or))
    old.DiscardUnknownFields()
    return bytes(old.SerializeToString())


@given(strategies.hellos)
def test_an_old_agents_hello_is_read(hello: Hello) -> None:
    known = ("host", "os", "arch", "device_class", "site", "virtualization", "cpu_model")
    facts = HostFacts(**{name: getattr(hello.facts, name) for name in known})
    assert decode_agent_message(aged(hello), {}) == replace(
        hello, oldest_protocol_version=0, facts=facts
    )


@given(strategies.tables_and_batches())
def test_an_old_agents_tables_and_batches_are_read(sent: tuple[SeriesTable, Batch]) -> None:
    table, batch = sent
    status = replace(batch.status, sent_wall_unix_nanoseconds=0, sent_boottime_nanoseconds=0)
    sources = tuple(replace(one, fix="") for one in table.sources)
    assert decode_agent_message(aged(table), {}) == replace(table, sources=sources)
    assert decode_agent_message(aged(batch), {table.number: table}) == replace(
        batch, status=status
    )


@given(strategies.welcomes | strategies.acks)
def test_an_old_agent_reads_what_is_answered(answer: Welcome | Ack) -> None:
    if isinstance(answer, Welcome):
        read = OLD["CollectorMessage"].FromString(wire.encode_welcome(answer)).welcome
        limits = answer.limits
        assert (read.applied_sequence, read.wall_unix_nanoseconds, read.protocol_version) == (
            answer.applied_sequence, answer.wall_unix_nanoseconds, answer.protocol_version,
        )  # fmt: skip
        assert {name: getattr(read.limits, name) for name in type(limits).__slots__} == {
            name: getattr(limits, name) for name in type(limits).__slots__
        }
    else:
        read = OLD["CollectorMessage"].FromString(wire.encode_ack(answer)).ack
        assert (read.applied_sequence, read.pause_milliseconds) == (
            answer.applied_sequence, answer.pause_milliseconds,
        )  # fmt: skip
        assert [(one.sequence, one.reason) for one in read.refused] == [
            (one.sequence, one.reason) for one in answer.refused
        ]


def futured(message: Any) -> Any:
    """Set the field of the future in a message and in all that it holds."""
    for descriptor, value in message.ListFields():
        if descriptor.message_type is not None:
            for one in value if descriptor.is_repeated else [value]:
                futured(one)
    message.of_the_future = "words that nobody knows yet"
    return message


@given(strategies.messages)
def test_what_a_newer_agent_adds_is_not_in_the_way(
    sent: tuple[bytes, dict[int, SeriesTable]],
) -> None:
    message, tables = sent
    newest = futured(NEW["AgentMessage"].FromString(message)).SerializeToString()
    assert b"nobody knows yet" in newest
    assert decode_agent_message(newest, tables) == decode_agent_message(message, tables)


@given(strategies.welcomes | strategies.acks)
def test_what_a_newer_collector_adds_is_not_in_the_way(answer: Welcome | Ack) -> None:
    encode: Any = wire.encode_welcome if isinstance(answer, Welcome) else wire.encode_ack
    newest = futured(NEW["CollectorMessage"].FromString(encode(answer))).SerializeToString()
    assert decode_collector_message(newest) == answer


@pytest.mark.parametrize(
    ("newest", "oldest", "common"),
    [
        (1, 1, 1),
        (1, 0, 1),  # an agent of version 1 does not say
        (3, 1, 1),
        (3, 0, None),
        (3, 2, None),
        (0, 0, None),
        (0, 1, None),
        ((1 << 32) - 1, 1, 1),
    ],
)
def test_the_newest_version_that_both_speak_is_spoken(
    newest: int, oldest: int, common: int | None
) -> None:
    assert common_version(newest, oldest) == common


@given(
    strategies.tables_and_batches(),
    st.integers(0, strategies.UINT64_MAX),
    st.integers(0, strategies.UINT64_MAX),
)
def test_a_batch_that_was_kept_is_sent_with_the_time_of_its_sending(
    sent: tuple[SeriesTable, Batch], wall: int, boottime: int
) -> None:
    """Whoever kept it, this program or version 1, and nothing else of it changes."""
    table, batch = sent
    plain = replace(
        batch,
        status=replace(batch.status, sent_wall_unix_nanoseconds=0, sent_boottime_nanoseconds=0),
    )
    stamped = wire.sent_at(wire.encode_batch(plain), wall, boottime)
    assert decode_agent_message(stamped, {table.number: table}) == replace(
        plain,
        status=replace(
            plain.status, sent_wall_unix_nanoseconds=wall, sent_boottime_nanoseconds=boottime
        ),
    )
    assert OLD["AgentMessage"].FromString(stamped).batch.sequence == batch.sequence


def test_a_refusal_says_whether_the_batch_is_good_under_another_session() -> None:
    refusal = Refusal(sequence=7, reason="sequence_reused", needs_new_session=True)
    ack = Ack(applied_sequence=9, wall_unix_nanoseconds=1, refused=(refusal,))
    assert decode_collector_message(wire.encode_ack(ack)) == ack


@pytest.mark.parametrize("cells", [59, 60])
def test_a_batch_of_more_cells_than_are_wanted_is_not_unpacked(cells: int) -> None:
    series = tuple(replace(one, instance=str(n)) for n, one in enumerate([SERIES] * 6))
    table = SeriesTable(number=1, boot_id="", grid_zone="", series=series)
    message = wire.encode_batch(
        Batch(
            sequence=5,
            series_number=1,
            start_unix_nanoseconds=1,
            start_boottime_nanoseconds=1,
            interval_microseconds=(1,) * 10,
            columns=([1] * 10,) * 6,
        )
    )
    if cells == 60:
        assert isinstance(decode_agent_message(message, {1: table}, cells), Batch)
        return
    with pytest.raises(wire.TooLargeError) as caught:
        decode_agent_message(message, {1: table}, cells)
    assert caught.value.sequence == 5


SERIES = strategies.Series(
    kind=strategies.Kind.ENERGY, source="rapl", domain="package", instance="0"
)
