"""How long an acknowledgement takes with and without a scrape each second, in one run.

A thousand agents on a real collector, each with a batch every other second. The phases take
turns, so that a machine that drifts harms both.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import exposition_cost
import grpc
import grpc.aio
import wire_cost
from ingest_cost import _hello

from daemons import Collector
from wattgram.readings import AgentStatus, Batch
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram.wire import (
    DELIVER_METHOD,
    decode_collector_message,
    encode_batch,
    encode_hello,
    encode_series,
)

AGENTS: Final = 1_000
CHANNELS: Final = 20
BATCH_SECONDS: Final = 2.0
PHASES: Final = 3
BATCHES: Final = 200
QUANTILES: Final = (0.5, 0.99, 1.0)


def run(directory: Path, seconds: float) -> None:
    """Print the quantiles of both, in milliseconds."""
    collector = Collector(
        directory,
        WATTGRAM_COLLECTOR__GRID_ZONE="DE",
        WATTGRAM_COLLECTOR__LIMITS__MAX_STREAM_OPENINGS_PER_SECOND="100000",
    )
    collector.start()
    try:
        found = asyncio.run(_measure(collector, seconds))
    finally:
        collector.kill()
    print(f"\nscrape: {AGENTS} agents, a batch each {BATCH_SECONDS:.0f} s, "
          "from sending to the acknowledgement")  # fmt: skip
    for name, waits in found.items():
        waits.sort()
        said = ", ".join(
            f"p{quantile * 100:.0f} {waits[int(quantile * (len(waits) - 1))] * 1e3:.0f} ms"
            for quantile in QUANTILES
        )
        print(f"  {name:24}    {said}   ({len(waits)} batches)")


async def _measure(collector: Collector, seconds: float) -> dict[str, list[float]]:
    batches = _encoded()
    waits: list[float] = []
    ready = [asyncio.Event() for _ in range(AGENTS)]
    channels = [
        grpc.aio.insecure_channel(
            f"127.0.0.1:{collector.grpc_port}",
            options=(("grpc.use_local_subchannel_pool", 1), ("bench", number)),
        )
        for number in range(CHANNELS)
    ]
    streams = [
        asyncio.ensure_future(_stream(channels[number % CHANNELS], number, batches, waits, event))
        for number, event in enumerate(ready)
    ]
    for event in ready:
        await event.wait()
    await asyncio.sleep(2 * BATCH_SECONDS)
    found: dict[str, list[float]] = {"no scrape": [], "a scrape each second": []}
    for _ in range(PHASES):
        for name in found:
            waits.clear()
            await _phase(collector, seconds, scraped=name != "no scrape")
            found[name] += waits
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    for channel in channels:
        await channel.close()
    return found


async def _phase(collector: Collector, seconds: float, *, scraped: bool) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if scraped:
            await asyncio.to_thread(_scrape, collector)
        await asyncio.sleep(1)


def _scrape(collector: Collector) -> None:
    asked = urllib.request.Request(
        f"http://127.0.0.1:{collector.http_port}/metrics", headers={"Accept-Encoding": "gzip"}
    )
    with urllib.request.urlopen(asked, timeout=20) as answer:
        answer.read()


async def _stream(
    channel: grpc.aio.Channel,
    number: int,
    batches: list[bytes],
    waits: list[float],
    ready: asyncio.Event,
) -> None:
    call: Any = channel.stream_stream(DELIVER_METHOD)()
    await call.write(encode_hello(_hello(number)))
    await call.read()
    await call.write(encode_series(exposition_cost.table()))
    ready.set()
    await asyncio.sleep(BATCH_SECONDS * number / AGENTS)
    for sequence, batch in enumerate(batches, 1):
        began = time.monotonic()
        await call.write(batch)
        while decode_collector_message(await call.read()).applied_sequence < sequence:
            pass
        took = time.monotonic() - began
        waits.append(took)
        await asyncio.sleep(max(0.0, BATCH_SECONDS - took))


def _encoded() -> list[bytes]:
    chance = random.Random(7)
    width = len(exposition_cost.table().series)
    start = time.time_ns() - 600 * NANOSECONDS_PER_SECOND
    return [
        encode_batch(
            Batch(
                sequence=sequence,
                series_number=1,
                start_unix_nanoseconds=start,
                start_boottime_nanoseconds=wire_cost.BOOTTIME_NANOSECONDS,
                interval_microseconds=(1_000_000,) * 2,
                columns=tuple([chance.randrange(10**8) for _ in range(2)] for _ in range(width)),
                status=AgentStatus(cpu_microseconds=sequence, resident_memory_bytes=40_000_000),
            )
        )
        for sequence in range(1, BATCHES + 1)
    ]
