"""Durable batches per second and core, beside a bare echo of the same messages."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import grpc
import grpc.aio
import wire_cost

from daemons import Collector, free_port, wait_until
from wattgram.handshake import Hello, HostFacts
from wattgram.wire import (
    DELIVER_METHOD,
    decode_collector_message,
    encode_batch,
    encode_hello,
    encode_series,
)

STREAMS = 100
IN_FLIGHT = 32
ROUNDS = 3
AGE_NANOSECONDS = 600_000_000_000
RATIO_BUDGET = 0.5
BATCHES_PER_CORE_BUDGET = 4_000


class Figure(NamedTuple):
    """One run: batches, wall and the server's CPU time."""

    batches: int
    wall_seconds: float
    server_cpu_seconds: float

    @property
    def per_core(self) -> float:
        return self.batches / self.server_cpu_seconds


def run(directory: Path, seconds: float) -> None:
    """Alternate echo and ledger, so that a machine that drifts harms both."""
    directory.mkdir(parents=True)
    print(f"\ningest: {STREAMS} streams, 12 series x 10 samples, acknowledged after the commit")
    echoes, ledgers = [], []
    for turn in range(ROUNDS):
        echoes.append(_echo(seconds))
        ledgers.append(_ledger(directory / str(turn), seconds))
        echo, ledger = echoes[-1], ledgers[-1]
        print(f"  run {turn + 1}: echo {echo.per_core:8.0f}/s a core ({_wall(echo)}), "
              f"ledger {ledger.per_core:8.0f}/s a core ({_wall(ledger)}), "
              f"ratio {ledger.per_core / echo.per_core:.2f}")  # fmt: skip
    ratios = sorted(one.per_core / other.per_core
                    for one, other in zip(ledgers, echoes, strict=True))  # fmt: skip
    rates = sorted(one.per_core for one in ledgers)
    print(f"  median ratio to a bare echo {ratios[ROUNDS // 2]:8.2f}   budget {RATIO_BUDGET}")
    print(f"  median batches/s a core     {rates[ROUNDS // 2]:8.0f}   "
          f"budget {BATCHES_PER_CORE_BUDGET}")  # fmt: skip


def _wall(figure: Figure) -> str:
    return f"{figure.batches / figure.wall_seconds:.0f}/s of wall time"


def _echo(seconds: float) -> Figure:
    port = free_port()
    server = subprocess.Popen([sys.executable, __file__, str(port)])
    try:
        return asyncio.run(_load(port, server.pid, seconds, echo=True))
    finally:
        server.kill()
        server.wait()


def _ledger(directory: Path, seconds: float) -> Figure:
    collector = Collector(directory, WATTGRAM_COLLECTOR__GRID_ZONE="DE")
    collector.start()
    try:
        figure = asyncio.run(_load(collector.grpc_port, collector.pid, seconds, echo=False))
        wait_until(
            lambda: collector.total("wattgram_readings_total") == figure.batches * 120,
            10,
            "the ledger holds exactly what was acknowledged",
        )
        return figure
    finally:
        collector.kill()


async def _load(port: int, pid: int, seconds: float, *, echo: bool) -> Figure:
    chance = random.Random(7)
    now = time.time_ns() - AGE_NANOSECONDS
    rate = [encode_batch(wire_cost.batch(n, chance, now)) for n in range(1, 4001)]
    before, began = _cpu_seconds(pid), time.monotonic()
    done = await asyncio.gather(
        *(_stream(port, index, rate, began + seconds, echo=echo) for index in range(STREAMS))
    )
    return Figure(sum(done), time.monotonic() - began, _cpu_seconds(pid) - before)


async def _stream(
    port: int, index: int, batches: list[bytes], deadline: float, *, echo: bool
) -> int:
    """Send with a window until the time is up; return what was answered for."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=_OWN_CHANNEL) as channel:
        call: Any = channel.stream_stream(DELIVER_METHOD)()
        if not echo:
            await call.write(encode_hello(_hello(index)))
            await call.read()
            await call.write(encode_series(wire_cost.table()))
        sent = answered = 0
        while True:
            while (
                sent - answered < IN_FLIGHT and sent < len(batches) and time.monotonic() < deadline
            ):
                await call.write(batches[sent])
                sent += 1
            if answered == sent:
                return answered
            data = await call.read()
            answered = answered + 1 if echo else decode_collector_message(data).applied_sequence


_OWN_CHANNEL = (("grpc.use_local_subchannel_pool", 1),)


def _hello(index: int) -> Hello:
    return Hello(
        agent_id=f"load-{index}",
        session="load",
        boot_id="boot",
        agent_version="bench",
        first_sequence=1,
        wall_unix_nanoseconds=time.time_ns(),
        boottime_nanoseconds=wire_cost.BOOTTIME_NANOSECONDS + AGE_NANOSECONDS,
        batch_interval_nanoseconds=10_000_000_000,
        facts=HostFacts(host=f"load-{index}"),
    )


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _serve_echo(port: int) -> None:
    async def echo(_: object, context: Any) -> None:
        while (data := await context.read()) is not grpc.aio.EOF:
            await context.write(data)

    server = grpc.aio.server()
    service, method = DELIVER_METHOD.strip("/").split("/")
    handler = grpc.stream_stream_rpc_method_handler(echo)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(_serve_echo(int(sys.argv[1])))
