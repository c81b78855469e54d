"""Readings to protobuf messages and back: the only module that reads or builds them.

`encode_*` and `decode_*` are inverse (a property test says so). Decoding is total: whatever
the bytes are, it returns a value or raises WireError; nothing else escapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final, cast

from google.protobuf.message import DecodeError

from wattgram.handshake import Ack, Hello, HostFacts, Limits, Refusal, Welcome
from wattgram.readings import (
    AgentStatus,
    Batch,
    Component,
    Gap,
    Kind,
    Quality,
    Reach,
    Series,
    SeriesTable,
    SourceState,
    State,
)
from wattgram.v1 import telemetry_pb2 as pb

# A number changes when the other side must know of a change; a field that may be left unread is
# only added. The oldest is what this program still speaks.
PROTOCOL_VERSION: Final = 1
OLDEST_PROTOCOL_VERSION: Final = 1
CELLS_MAX: Final = 4_000_000
DELIVER_METHOD: Final = "/wattgram.v1.Telemetry/Deliver"
SERVICE: Final = "wattgram.v1.Telemetry"

_KINDS: Final = {
    Kind.ENERGY: pb.KIND_ENERGY_MICROJOULES,
    Kind.RECEIVE: pb.KIND_RECEIVE_BYTES,
    Kind.TRANSMIT: pb.KIND_TRANSMIT_BYTES,
}
_QUALITIES: Final = {
    Quality.MEASURED: pb.QUALITY_MEASURED,
    Quality.DECLARED: pb.QUALITY_DECLARED,
    Quality.MODELLED: pb.QUALITY_MODELLED,
    Quality.DEFAULT: pb.QUALITY_DEFAULT,
}
_COMPONENTS: Final = {
    Component.CPU: pb.COMPONENT_CPU,
    Component.DRAM: pb.COMPONENT_DRAM,
    Component.GPU: pb.COMPONENT_GPU,
    Component.OTHER: pb.COMPONENT_OTHER,
}
_STATES: Final = {
    State.AVAILABLE: pb.STATE_AVAILABLE,
    State.ACTIVE: pb.STATE_ACTIVE,
    State.ABSENT: pb.STATE_ABSENT,
    State.PERMISSION_DENIED: pb.STATE_PERMISSION_DENIED,
    State.ERROR: pb.STATE_ERROR,
}
_KIND_OF: Final = {number: kind for kind, number in _KINDS.items()}
_QUALITY_OF: Final = {number: quality for quality, number in _QUALITIES.items()}
_COMPONENT_OF: Final = {number: component for component, number in _COMPONENTS.items()}
_STATE_OF: Final = {number: state for state, number in _STATES.items()}


class WireError(ValueError):
    """A message that cannot be read. `sequence` is set when it was a batch that said its own."""

    def __init__(self, reason: str, sequence: int = 0) -> None:
        super().__init__(reason)
        self.sequence = sequence


class TooLargeError(WireError):
    """A batch that was not unpacked, because it holds more than the reader wants."""


def common_version(newest: int, oldest: int) -> int | None:
    """PURE. Return the newest version that a peer and this program both speak, None for none.

    `newest` and `oldest` are the peer's; an oldest of 0 means that it speaks one only.
    """
    common = min(newest, PROTOCOL_VERSION)
    return common if common >= max(oldest or newest, OLDEST_PROTOCOL_VERSION) else None


_COUNTS: Final = ("processors", "memory_bytes", "hdds", "ssds", "gpus")
"""Facts of a host that are numbers, and absent where they are not known."""


# ── agent to collector ───────────────────────────────────────────────────────────────────


def encode_hello(hello: Hello) -> bytes:
    facts = hello.facts
    message = pb.Hello(
        protocol_version=hello.protocol_version,
        agent_id=hello.agent_id,
        session=hello.session,
        boot_id=hello.boot_id,
        agent_version=hello.agent_version,
        first_sequence=hello.first_sequence,
        wall_unix_nanoseconds=hello.wall_unix_nanoseconds,
        boottime_nanoseconds=hello.boottime_nanoseconds,
        batch_interval_nanoseconds=hello.batch_interval_nanoseconds,
        config_digest=hello.config_digest,
        oldest_protocol_version=hello.oldest_protocol_version,
        facts=pb.HostFacts(
            host=facts.host,
            os=facts.os,
            arch=facts.arch,
            device_class=facts.device_class,
            site=facts.site,
            virtualization=facts.virtualization,
            cpu_model=facts.cpu_model,
            manufacturer=facts.manufacturer,
            product_model=facts.product_model,
            chassis=facts.chassis,
            **{name: count for name in _COUNTS if (count := getattr(facts, name)) is not None},
        ),
    )
    return pb.AgentMessage(hello=message).SerializeToString()


def encode_series(table: SeriesTable) -> bytes:
    message = pb.Series(
        number=table.number,
        boot_id=table.boot_id,
        grid_zone=table.grid_zone,
        descriptors=[
            pb.Descriptor(
                kind=_KINDS[series.kind],
                source=series.source,
                domain=series.domain,
                instance=series.instance,
                quality=_QUALITIES[series.quality],
                counted=series.counted,
                component=_COMPONENTS[series.component],
            )
            for series in table.series
        ],
        sources=[
            pb.SourceState(
                source=state.source,
                state=_STATES[state.state],
                reason=state.reason,
                fix=state.fix,
            )
            for state in table.sources
        ],
    )
    return pb.AgentMessage(series=message).SerializeToString()


def encode_batch(batch: Batch) -> bytes:
    message = pb.Batch(
        sequence=batch.sequence,
        series=batch.series_number,
        start_unix_nanoseconds=batch.start_unix_nanoseconds,
        start_boottime_nanoseconds=batch.start_boottime_nanoseconds,
        interval_microseconds_deltas=_deltas(batch.interval_microseconds),
        value_deltas=_deltas([value for column in batch.columns for value in column]),
        absent=_encode_absent(batch.columns),
        reaches=[
            pb.Reach(cell=reach.cell, nanoseconds=reach.nanoseconds) for reach in batch.reaches
        ],
        gaps=[
            pb.Gap(
                source=gap.source,
                reason=gap.reason,
                duration_nanoseconds=gap.duration_nanoseconds,
                detail=gap.detail,
                count=gap.count,
            )
            for gap in batch.gaps
        ],
        status=pb.AgentStatus(
            cpu_microseconds=batch.status.cpu_microseconds,
            resident_memory_bytes=batch.status.resident_memory_bytes,
            spooled_batches=batch.status.spooled_batches,
            sent_wall_unix_nanoseconds=batch.status.sent_wall_unix_nanoseconds,
            sent_boottime_nanoseconds=batch.status.sent_boottime_nanoseconds,
        ),
    )
    return pb.AgentMessage(batch=message).SerializeToString()


def decode_agent_message(
    data: bytes, tables: dict[int, SeriesTable], max_cells: int = CELLS_MAX
) -> Hello | SeriesTable | Batch:
    """Return what the agent says. `tables` are the series tables heard on this stream so far.

    Raises WireError when the bytes are no message, break an invariant, or refer to a table
    that was not sent; TooLargeError for a batch of more than `max_cells`, before it is unpacked:
    a quarter of a megabyte can hold two million of them.
    """
    message = pb.AgentMessage()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise WireError(f"not a message of wattgram.v1: {error}") from error
    which = message.WhichOneof("message")
    batch = message.batch
    sequence = batch.sequence if which == "batch" else 0
    try:
        match which:
            case "hello":
                return _decode_hello(message.hello)
            case "series":
                return _decode_series(message.series)
            case "batch":
                return _decode_batch(batch, tables, max_cells)
            case None:
                raise WireError("an agent message of no known kind")
    except KeyError as error:
        raise WireError(f"{which}: unknown enumeration value {error}", sequence) from error
    except WireError:
        raise
    except ValueError as error:
        raise WireError(f"{which}: {error}", sequence) from error


def _decode_hello(message: pb.Hello) -> Hello:
    facts = message.facts
    return Hello(
        protocol_version=message.protocol_version,
        agent_id=message.agent_id,
        session=message.session,
        boot_id=message.boot_id,
        agent_version=message.agent_version,
        first_sequence=message.first_sequence,
        wall_unix_nanoseconds=message.wall_unix_nanoseconds,
        boottime_nanoseconds=message.boottime_nanoseconds,
        batch_interval_nanoseconds=message.batch_interval_nanoseconds,
        config_digest=message.config_digest,
        oldest_protocol_version=message.oldest_protocol_version,
        facts=HostFacts(
            host=facts.host,
            os=facts.os,
            arch=facts.arch,
            device_class=facts.device_class,
            site=facts.site,
            virtualization=facts.virtualization,
            cpu_model=facts.cpu_model,
            manufacturer=facts.manufacturer,
            product_model=facts.product_model,
            chassis=facts.chassis,
            **{name: getattr(facts, name) for name in _COUNTS if facts.HasField(name)},
        ),
    )


def _decode_series(message: pb.Series) -> SeriesTable:
    return SeriesTable(
        number=message.number,
        boot_id=message.boot_id,
        grid_zone=message.grid_zone,
        series=tuple(
            Series(
                kind=_KIND_OF[descriptor.kind],
                source=descriptor.source,
                domain=descriptor.domain,
                instance=descriptor.instance,
                quality=_QUALITY_OF[descriptor.quality],
                counted=descriptor.counted,
                component=_COMPONENT_OF[descriptor.component],
            )
            for descriptor in message.descriptors
        ),
        sources=tuple(
            SourceState(
                source=state.source,
                state=_STATE_OF[state.state],
                reason=state.reason,
                fix=state.fix,
            )
            for state in message.sources
        ),
    )


def _decode_batch(message: pb.Batch, tables: dict[int, SeriesTable], max_cells: int) -> Batch:
    sequence = message.sequence
    table = tables.get(message.series)
    if table is None:
        raise WireError(f"batch refers to series table {message.series}, never sent", sequence)
    height = len(message.interval_microseconds_deltas)
    cells = max(height * max(1, len(table.series)), len(message.value_deltas))
    if cells > max_cells:
        raise TooLargeError(f"{cells} cells, at most {max_cells}", sequence)
    rows = max(len(message.reaches), len(message.gaps))
    if rows > max_cells:
        raise TooLargeError(f"{rows} reaches or gaps, at most {max_cells}", sequence)
    intervals = tuple(accumulate(message.interval_microseconds_deltas[:]))
    status = message.status
    columns = _decode_columns(message, len(table.series), len(intervals))
    return Batch(
        sequence=sequence,
        series_number=message.series,
        start_unix_nanoseconds=message.start_unix_nanoseconds,
        start_boottime_nanoseconds=message.start_boottime_nanoseconds,
        interval_microseconds=intervals,
        columns=columns,
        reaches=_decode_reaches(message) if rows else (),
        gaps=_decode_gaps(message) if rows else (),
        status=AgentStatus(
            cpu_microseconds=status.cpu_microseconds,
            resident_memory_bytes=status.resident_memory_bytes,
            spooled_batches=status.spooled_batches,
            sent_wall_unix_nanoseconds=status.sent_wall_unix_nanoseconds,
            sent_boottime_nanoseconds=status.sent_boottime_nanoseconds,
        ),
    )


def _decode_reaches(message: pb.Batch) -> tuple[Reach, ...]:
    return tuple(Reach(cell=one.cell, nanoseconds=one.nanoseconds) for one in message.reaches)


def _decode_gaps(message: pb.Batch) -> tuple[Gap, ...]:
    return tuple(
        Gap(
            source=gap.source,
            reason=gap.reason,
            duration_nanoseconds=gap.duration_nanoseconds,
            detail=gap.detail,
            count=gap.count,
        )
        for gap in message.gaps
    )


def sent_at(message: bytes, wall_unix_nanoseconds: int, boottime_nanoseconds: int) -> bytes:
    """Return an encoded batch that also says when it was sent, in whatever words it was kept.

    Messages that follow each other are read as one whose fields were merged.
    """
    status = pb.AgentStatus(
        sent_wall_unix_nanoseconds=wall_unix_nanoseconds,
        sent_boottime_nanoseconds=boottime_nanoseconds,
    )
    return message + pb.AgentMessage(batch=pb.Batch(status=status)).SerializeToString()


# ── columns ──────────────────────────────────────────────────────────────────────────────


def _deltas(values: Sequence[int | None]) -> list[int]:
    present = cast("list[int]", [value for value in values if value is not None])
    return present[:1] + [after - before for before, after in pairwise(present)]


def _encode_absent(columns: Sequence[Sequence[int | None]]) -> bytes:
    marks = "".join("1" if value is None else "0" for column in columns for value in column)
    if "1" not in marks:
        return b""
    return int(marks[::-1], 2).to_bytes((len(marks) + 7) // 8, "little")


def _decode_columns(message: pb.Batch, width: int, height: int) -> tuple[list[int | None], ...]:
    # A copy first: to go through the message's own sequence costs more than to make a list of it.
    values: list[int | None] = list(accumulate(message.value_deltas[:]))
    cells = width * height
    bits = int.from_bytes(message.absent, "little")
    if len(values) + bits.bit_count() != cells or bits >> cells:
        raise WireError(
            f"{len(values)} values and {bits.bit_count()} absent for {cells} cells",
            message.sequence,
        )
    if bits:
        # One mark per cell, first cell first: shifting the whole mask for each cell would make
        # one small message cost minutes.
        remaining = iter(values)
        marks = f"{bits:0{cells}b}"[::-1]
        values = [None if mark == "1" else next(remaining) for mark in marks]
    return tuple([values[column * height : (column + 1) * height] for column in range(width)])


# ── collector to agent ───────────────────────────────────────────────────────────────────


def encode_welcome(welcome: Welcome) -> bytes:
    limits = welcome.limits
    message = pb.Welcome(
        applied_sequence=welcome.applied_sequence,
        wall_unix_nanoseconds=welcome.wall_unix_nanoseconds,
        protocol_version=welcome.protocol_version,
        applied_starts_unix_nanoseconds=welcome.applied_starts_unix_nanoseconds,
        limits=pb.Limits(
            max_batch_bytes=limits.max_batch_bytes,
            max_series=limits.max_series,
            max_intervals=limits.max_intervals,
            max_unacknowledged_batches=limits.max_unacknowledged_batches,
        ),
    )
    return pb.CollectorMessage(welcome=message).SerializeToString()


def encode_ack(ack: Ack) -> bytes:
    message = pb.Ack(
        applied_sequence=ack.applied_sequence,
        wall_unix_nanoseconds=ack.wall_unix_nanoseconds,
        refused=[
            pb.Refusal(
                sequence=refusal.sequence,
                reason=refusal.reason,
                needs_new_session=refusal.needs_new_session,
            )
            for refusal in ack.refused
        ],
        pause_milliseconds=ack.pause_milliseconds,
    )
    return pb.CollectorMessage(ack=message).SerializeToString()


def decode_collector_message(data: bytes) -> Welcome | Ack:
    """Return what the collector answers; raises WireError when it cannot be read."""
    message = pb.CollectorMessage()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise WireError(f"not a message of wattgram.v1: {error}") from error
    match message.WhichOneof("message"):
        case "welcome":
            welcome = message.welcome
            return Welcome(
                applied_sequence=welcome.applied_sequence,
                wall_unix_nanoseconds=welcome.wall_unix_nanoseconds,
                protocol_version=welcome.protocol_version,
                applied_starts_unix_nanoseconds=tuple(welcome.applied_starts_unix_nanoseconds),
                limits=Limits(
                    max_batch_bytes=welcome.limits.max_batch_bytes,
                    max_series=welcome.limits.max_series,
                    max_intervals=welcome.limits.max_intervals,
                    max_unacknowledged_batches=welcome.limits.max_unacknowledged_batches,
                ),
            )
        case "ack":
            ack = message.ack
            return Ack(
                applied_sequence=ack.applied_sequence,
                wall_unix_nanoseconds=ack.wall_unix_nanoseconds,
                refused=tuple(
                    Refusal(
                        sequence=refusal.sequence,
                        reason=refusal.reason,
                        needs_new_session=refusal.needs_new_session,
                    )
                    for refusal in ack.refused
                ),
                pause_milliseconds=ack.pause_milliseconds,
            )
        case None:
            raise WireError("a collector message of no known kind")
