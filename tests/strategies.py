"""Values of the contract, any that may exist."""

from __future__ import annotations

from hypothesis import strategies as st

from wattgram.handshake import Ack, Hello, HostFacts, Limits, Refusal, Welcome
from wattgram.readings import (
    QUANTITY_MAX,
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
from wattgram.wire import encode_batch, encode_hello, encode_series

UINT32_MAX = (1 << 32) - 1
UINT64_MAX = (1 << 64) - 1
# A difference of two intervals must fit into a signed 64-bit integer.
INTERVAL_MICROSECONDS_MAX = (1 << 62) - 1

uint32s = st.integers(0, UINT32_MAX)
uint64s = st.integers(0, UINT64_MAX)
# No lone surrogates: they are no characters, and UTF-8 has no bytes for them.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
# What `str.isprintable` calls so: neither control characters nor separators, but the space.
labels = st.text(
    st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1, max_size=8
)
# Small ones often: edges and equal neighbours are where differences go wrong.
quantities = st.integers(0, 3) | st.integers(0, QUANTITY_MAX)

facts = st.builds(
    HostFacts,
    host=labels,
    os=texts,
    arch=texts,
    device_class=texts,
    site=texts,
    virtualization=texts,
    cpu_model=texts,
    manufacturer=texts,
    product_model=texts,
    chassis=texts,
    processors=st.none() | st.integers(0, (1 << 32) - 1),
    memory_bytes=st.none() | uint64s,
    hdds=st.none() | st.integers(0, (1 << 32) - 1),
    ssds=st.none() | st.integers(0, (1 << 32) - 1),
    gpus=st.none() | st.integers(0, (1 << 32) - 1),
)
hellos = st.builds(
    Hello,
    agent_id=labels,
    session=labels,
    boot_id=texts,
    agent_version=texts,
    first_sequence=uint64s,
    wall_unix_nanoseconds=uint64s,
    boottime_nanoseconds=uint64s,
    batch_interval_nanoseconds=st.integers(1, UINT64_MAX),
    facts=facts,
    config_digest=texts,
    protocol_version=uint32s,
    oldest_protocol_version=uint32s,
)
series = st.builds(
    Series,
    kind=st.sampled_from(Kind),
    source=labels,
    domain=labels,
    instance=labels,
    quality=st.sampled_from(Quality),
    counted=st.booleans(),
    component=st.sampled_from(Component),
)
source_states = st.builds(
    SourceState, source=labels, state=st.sampled_from(State), reason=texts, fix=texts
)
tables = st.builds(
    SeriesTable,
    number=st.integers(1, UINT32_MAX),
    boot_id=texts,
    grid_zone=st.just("") | labels,
    series=st.lists(series, max_size=4, unique=True).map(tuple),
    sources=st.lists(source_states, max_size=3).map(tuple),
)
gaps = st.builds(
    Gap,
    source=labels,
    reason=labels,
    duration_nanoseconds=uint64s,
    detail=texts,
    count=uint32s,
)
statuses = st.builds(
    AgentStatus,
    cpu_microseconds=uint64s,
    resident_memory_bytes=uint64s,
    spooled_batches=uint32s,
    sent_wall_unix_nanoseconds=uint64s,
    sent_boottime_nanoseconds=uint64s,
)
limits = st.builds(
    Limits,
    max_batch_bytes=uint32s,
    max_series=uint32s,
    max_intervals=uint32s,
    max_unacknowledged_batches=uint32s,
)
welcomes = st.builds(
    Welcome,
    applied_sequence=uint64s,
    wall_unix_nanoseconds=uint64s,
    limits=limits,
    protocol_version=uint32s,
    applied_starts_unix_nanoseconds=st.lists(uint64s, max_size=3).map(tuple),
)
acks = st.builds(
    Ack,
    applied_sequence=uint64s,
    wall_unix_nanoseconds=uint64s,
    refused=st.lists(
        st.builds(Refusal, sequence=uint64s, reason=texts, needs_new_session=st.booleans()),
        max_size=3,
    ).map(tuple),
    pause_milliseconds=uint32s,
)


@st.composite
def batches(draw: st.DrawFn, table: SeriesTable) -> Batch:
    """Return a batch of `table`: any shape, any cells absent, any of them reaching back."""
    intervals = draw(st.lists(st.integers(1, INTERVAL_MICROSECONDS_MAX), max_size=5))
    height = len(intervals)
    column = st.lists(st.none() | quantities, min_size=height, max_size=height)
    cells = len(table.series) * height
    reaches = st.builds(
        Reach, cell=st.integers(0, max(0, cells - 1)), nanoseconds=st.integers(1, UINT64_MAX)
    )
    return Batch(
        sequence=draw(st.integers(1, UINT64_MAX)),
        series_number=table.number,
        start_unix_nanoseconds=draw(uint64s),
        start_boottime_nanoseconds=draw(uint64s),
        interval_microseconds=tuple(intervals),
        columns=tuple(draw(column) for _ in table.series),
        reaches=tuple(draw(st.lists(reaches, max_size=3))) if cells else (),
        gaps=tuple(draw(st.lists(gaps, max_size=3))),
        status=draw(statuses),
    )


@st.composite
def tables_and_batches(draw: st.DrawFn) -> tuple[SeriesTable, Batch]:
    table = draw(tables)
    return table, draw(batches(table))


messages = st.one_of(
    hellos.map(lambda hello: (encode_hello(hello), {})),
    tables.map(lambda table: (encode_series(table), {})),
    tables_and_batches().map(lambda sent: (encode_batch(sent[1]), {sent[0].number: sent[0]})),
)
"""Good messages of an agent, each with the tables that were sent before it."""
