"""The way to a collector, turned by hand: what waits, what cannot be read, how long to wait."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import grpc.aio
import pytest

from spooling import fill, open_spool, segments, sequences
from wattgram.handshake import Ack, Hello, HostFacts, Limits, Welcome
from wattgram.readings import Batch, SeriesTable
from wattgram.wire import (
    DELIVER_METHOD,
    decode_agent_message,
    encode_ack,
    encode_welcome,
)
from wattgram_agent.config import AgentConfig, CollectorSettings
from wattgram_agent.spool import Spool
from wattgram_agent.uplink import (
    BACKOFF_SECONDS_MAX,
    DeliveryError,
    Uplink,
    backoff_seconds,
)


class FakeCollector:
    """Acknowledges what it gets; `applied` is what it has from before."""

    def __init__(self, applied: int = 0, window: int = 64) -> None:
        self.applied = applied
        self.window = window
        self.sequences: list[int] = []
        self.tables: list[int] = []

    async def deliver(self, _: object, context: grpc.aio.ServicerContext) -> None:
        tables: dict[int, SeriesTable] = {}
        while (data := await context.read()) is not grpc.aio.EOF:
            match decode_agent_message(data, tables):
                case Hello():
                    limits = Limits(max_unacknowledged_batches=self.window)
                    answer = Welcome(
                        applied_sequence=self.applied, wall_unix_nanoseconds=1, limits=limits
                    )
                    await context.write(encode_welcome(answer))
                case SeriesTable() as table:
                    tables[table.number] = table
                    self.tables.append(table.number)
                case Batch(sequence=sequence):
                    self.sequences.append(sequence)
                    self.applied = max(self.applied, sequence)
                    ack = Ack(applied_sequence=self.applied, wall_unix_nanoseconds=1)
                    await context.write(encode_ack(ack))


async def deliver(spool: Spool, collector: FakeCollector) -> None:
    server = grpc.aio.server()
    service, method = DELIVER_METHOD.strip("/").split("/")
    handler = grpc.stream_stream_rpc_method_handler(collector.deliver)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        await uplink(spool, port).deliver(keep=False)
    finally:
        await server.stop(0)


def uplink(spool: Spool, port: int) -> Uplink:
    config = AgentConfig(collector=CollectorSettings(address=f"127.0.0.1:{port}"))
    hello = Hello(
        agent_id="a",
        session=spool.session,
        boot_id="b",
        agent_version="0",
        first_sequence=spool.first_sequence,
        wall_unix_nanoseconds=1,
        boottime_nanoseconds=1,
        batch_interval_nanoseconds=1,
        facts=HostFacts(host="h"),
    )
    return Uplink(config, spool, lambda: hello)


async def test_what_waits_is_delivered_in_order_and_forgotten(tmp_path: Path) -> None:
    spool, collector = open_spool(tmp_path), FakeCollector()
    fill(spool, 5)
    await deliver(spool, collector)

    assert collector.sequences == [1, 2, 3, 4, 5]
    assert collector.tables == [1]
    assert len(spool) == 0


async def test_more_than_a_window_is_delivered_window_by_window(tmp_path: Path) -> None:
    spool, collector = open_spool(tmp_path), FakeCollector(window=3)
    fill(spool, 10)
    await deliver(spool, collector)

    assert collector.sequences == list(range(1, 11))


async def test_what_the_collector_has_is_not_sent_again(tmp_path: Path) -> None:
    fill(open_spool(tmp_path), 5)
    collector = FakeCollector(applied=3)
    await deliver(open_spool(tmp_path), collector)

    assert collector.sequences == [4, 5]


async def test_a_batch_that_rotted_costs_itself_only(tmp_path: Path) -> None:
    """Also when it is the last one: nobody waits for an acknowledgement that cannot come."""
    spool, collector = open_spool(tmp_path), FakeCollector()
    fill(spool, 3)
    (segment,) = segments(tmp_path)
    data = bytearray(segment.read_bytes())
    data[-1] ^= 0xFF
    segment.write_bytes(data)
    async with asyncio.timeout(5):
        await deliver(spool, collector)

    assert collector.sequences == [1, 2]
    assert sequences(spool) == []


async def test_a_collector_that_is_away_is_a_delivery_error_and_keeps_the_batches(
    tmp_path: Path,
) -> None:
    spool = open_spool(tmp_path)
    fill(spool, 2)
    with pytest.raises(DeliveryError, match="UNAVAILABLE"):
        await uplink(spool, 1).deliver(keep=False)

    assert sequences(spool) == [1, 2]


def test_the_wait_grows_is_capped_and_may_be_anything_below() -> None:
    ceilings = [backoff_seconds(failures, 1.0) for failures in range(1, 12)]

    assert ceilings == sorted(ceilings)
    assert ceilings[0] == 2
    assert ceilings[-1] == backoff_seconds(10_000, 1.0) == BACKOFF_SECONDS_MAX
    assert backoff_seconds(5, 0.0) == 0
    assert backoff_seconds(5, 0.5) == ceilings[4] / 2
