"""The service when the ledger fails, when a port is taken, when an agent is suddenly gone."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import grpc
import pytest

from builders import PACKAGE, batch, hello, used
from collector_fakes import Caller, TroubledLedger, calling, configured, connected, page
from wattgram.wire import encode_batch, encode_hello
from wattgram_collector.config import CollectorConfig, GrpcSettings, HttpSettings, LimitSettings
from wattgram_collector.daemon import StartError, serving

WINDOW = 8


def encoded(sequence: int) -> bytes:
    return encode_batch(batch([1], sequence=sequence))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[TroubledLedger]:
    with closing(TroubledLedger(tmp_path / "ledger.sqlite")) as opened:
        yield opened


@pytest.fixture
def config(tmp_path: Path) -> CollectorConfig:
    return configured(tmp_path, limits=LimitSettings(max_unacknowledged_batches=WINDOW))


@pytest.fixture
async def ports(ledger: TroubledLedger, config: CollectorConfig) -> AsyncIterator[tuple[int, int]]:
    async with serving(config, ledger) as bound:
        yield bound


@pytest.fixture
def port(ports: tuple[int, int]) -> int:
    return ports[0]


@asynccontextmanager
async def held(ledger: TroubledLedger) -> AsyncIterator[None]:
    """Keep the next work on the ledger waiting until the end of the block."""
    ledger.entered.clear()
    ledger.go_on.clear()
    try:
        yield
    finally:
        ledger.go_on.set()


async def test_nothing_is_acknowledged_while_the_ledger_fails_and_all_of_it_afterwards(
    port: int, ledger: TroubledLedger
) -> None:
    async with calling(port) as caller:
        await caller.send(encoded(1))
        await caller.until(1)
        ledger.fails()
        await caller.send(encoded(2), encoded(3))
        code, reason = await ended(caller)
    assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "the ledger failed")
    assert used(ledger.totals()[1]) == {PACKAGE: 1}
    ledger.works()
    async with connected(port) as caller:
        welcome = await caller.greet(hello(host="host-of-agent-1"))
        assert welcome.applied_sequence == 1
        await caller.send(encoded(2), encoded(3))
        await caller.until(3)
    assert used(ledger.totals()[1]) == {PACKAGE: 3}
    assert ledger.totals()[1].tallies.keys() == {("readings", "")}


async def ended(caller: Caller) -> tuple[grpc.StatusCode, str]:
    """Return how the collector ended the stream; it must not have acknowledged more than one."""
    try:
        while True:
            assert (await caller.ack()).applied_sequence <= 1
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""


async def test_a_ledger_that_takes_no_new_series_makes_the_service_unavailable(
    port: int, ledger: TroubledLedger
) -> None:
    ledger.refuses_series = True
    async with calling(port) as caller:
        code, reason = await ended(caller)
    assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "ledger: disk full")
    ledger.refuses_series = False
    async with calling(port) as caller:
        await caller.send(encoded(1))
        await caller.until(1)


async def test_a_failure_of_one_commit_ends_every_stream_that_waits_for_it(
    port: int, ledger: TroubledLedger
) -> None:
    async with calling(port) as first, calling(port, "agent-2") as second:
        async with held(ledger):
            await first.send(encoded(1))
            await asyncio.to_thread(ledger.entered.wait)
            await first.send(encoded(2))
            await second.send(encoded(1))
            ledger.fails()
        for caller in (first, second):
            assert (await ended(caller))[0] is grpc.StatusCode.UNAVAILABLE
    ledger.works()
    async with calling(port) as first:
        await first.send(encoded(1), encoded(2))
        await first.until(2)
    assert used(ledger.totals()[1]) == {PACKAGE: 2}


async def test_a_ledger_that_cannot_enrol_makes_the_service_unavailable(
    port: int, ledger: TroubledLedger
) -> None:
    ledger.fails()
    async with connected(port) as caller:
        await caller.send(encode_hello(hello()))
        assert await caller.end() == (grpc.StatusCode.UNAVAILABLE, "ledger: disk full")


async def test_no_more_than_a_window_waits_for_the_ledger(
    port: int, ledger: TroubledLedger
) -> None:
    """Memory is bounded by what an agent may send ahead, however slow the disk is."""
    async with calling(port) as caller:
        async with held(ledger):
            await caller.send(encoded(1))
            await asyncio.to_thread(ledger.entered.wait)
            await caller.send(*(encoded(sequence) for sequence in range(2, 101)))
        await caller.until(100)
    assert max(ledger.groups) <= WINDOW
    assert sum(ledger.groups) == 100


async def test_a_refusal_is_said_only_when_the_ledger_has_it(
    ports: tuple[int, int], ledger: TroubledLedger
) -> None:
    """The agent puts a refused batch aside; said before, a failure would lose the count of it."""
    future = encode_batch(batch([1], sequence=2, start_boottime_nanoseconds=1 << 62))
    async with calling(ports[0]) as caller:
        async with held(ledger):
            await caller.send(encoded(1))
            await asyncio.to_thread(ledger.entered.wait)
            await caller.send(future)
            await shows(ports[1], "wattgram_ingest_batches_total 2.0")
        first = await caller.ack()
        last = first if first.applied_sequence == 2 else await caller.until(2)
    assert first.applied_sequence == 2 or first.refused == ()
    assert [refusal.sequence for refusal in last.refused] == [2]


async def shows(http_port: int, line: str) -> None:
    """Return once the collector's own metrics have a line."""
    while line not in await page(http_port, "/metrics"):
        pass


async def test_an_agent_that_is_suddenly_gone_loses_nothing_and_troubles_nobody(
    ports: tuple[int, int], ledger: TroubledLedger, caplog: pytest.LogCaptureFixture
) -> None:
    async with calling(ports[0], "agent-2") as other, calling(ports[0]) as caller:
        async with held(ledger):
            await caller.send(encoded(1))
            await asyncio.to_thread(ledger.entered.wait)
            caller.call.cancel()
            await shows(ports[1], "wattgram_ingest_streams 1.0")
        await other.send(encoded(1))
        await other.until(1)
    gc.collect()
    assert [used(ledger.totals()[key]) for key in (1, 2)] == [{PACKAGE: 1}, {PACKAGE: 1}]
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_bug_in_the_committer_ends_the_collector(
    ledger: TroubledLedger, config: CollectorConfig
) -> None:
    """It would go on for ever, acknowledge nothing, and say that it is well."""

    async def serve() -> None:
        async with serving(config, ledger) as (grpc_port, _), calling(grpc_port) as caller:
            ledger.error = RuntimeError("a bug")
            await caller.send(encoded(1))
            await caller.ack()

    with pytest.raises(RuntimeError, match="a bug"):
        await serve()


@pytest.mark.parametrize("side", ["grpc", "http"])
async def test_a_port_that_is_taken_is_named(
    ledger: TroubledLedger, tmp_path: Path, side: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = GrpcSettings if side == "grpc" else HttpSettings
        config = configured(tmp_path, **{side: settings(address=address)})
        with pytest.raises(StartError, match=rf"{side}\.address {address}"):
            async with serving(config, ledger):
                pass


async def test_a_certificate_that_is_not_there_is_named(
    ledger: TroubledLedger, tmp_path: Path
) -> None:
    absent = GrpcSettings(
        address="127.0.0.1:0", certificate_file=tmp_path / "c.pem", key_file=tmp_path / "k.pem"
    )
    with pytest.raises(StartError, match=r"k\.pem: No such file"):
        async with serving(configured(tmp_path, grpc=absent), ledger):
            pass
