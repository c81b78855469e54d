"""The collector is told to stop while streams are open: all end at once, and nothing is said."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import grpc
import pytest

from builders import batch, hello
from collector_fakes import Caller, TroubledLedger, configured, connected
from wattgram.wire import encode_batch
from wattgram_collector.daemon import serving

STREAMS = 4


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[TroubledLedger]:
    with closing(TroubledLedger(tmp_path / "ledger.sqlite")) as opened:
        yield opened


async def pump(caller: Caller) -> None:
    """Send the same for ever and read nothing."""
    try:
        while True:
            await caller.send(encode_batch(batch()))
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        return


async def test_every_stream_ends_at_once_whatever_it_does(
    tmp_path: Path, ledger: TroubledLedger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with AsyncExitStack() as stack:
        served = AsyncExitStack()
        port, _ = await served.enter_async_context(serving(configured(tmp_path), ledger))
        callers = [await stack.enter_async_context(connected(port)) for _ in range(4 * STREAMS)]
        unheard, idle, busy, gone = (callers[n::4] for n in range(4))
        for number, caller in enumerate((*idle, *busy, *gone)):
            await caller.greet(hello(f"agent-{number}", f"host-{number}"))
        pumps = [asyncio.ensure_future(pump(caller)) for caller in busy]
        await asyncio.gather(*(caller.send(encode_batch(batch())) for caller in idle))
        await asyncio.gather(*(caller.until(1) for caller in idle))
        for caller in gone:
            caller.call.cancel()

        began = time.monotonic()
        await served.aclose()
        assert time.monotonic() - began < 2
        ends = [await caller.end() for caller in (*unheard, *idle)]
        await asyncio.gather(*pumps)

    assert set(ends) == {(grpc.StatusCode.UNAVAILABLE, "the collector is going down")}
    assert [record.getMessage() for record in caplog.records] == []
