"""Peers that mean harm, and honest ones beside them: processes of their own, that print figures.

`python floods.py openings PORT RATE SECONDS CONNECTIONS`, `garbage PORT BYTES CONNECTIONS`,
`greedy PORT SECONDS`, `honest PORT AGENTS SECONDS`; each prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio

from builders import PACKAGE
from wattgram.handshake import Ack, Hello, HostFacts, Welcome
from wattgram.readings import Batch, SeriesTable
from wattgram.wire import (
    DELIVER_METHOD,
    decode_collector_message,
    encode_batch,
    encode_hello,
    encode_series,
)

SECOND_NANOSECONDS: Final = 1_000_000_000
PERIOD_SECONDS: Final = 0.25
GARBAGE_BYTES: Final = 200_000
_OWN_CONNECTION: Final = (("grpc.use_local_subchannel_pool", 1),)


class Flood:
    """One of these peers, running."""

    def __init__(self, *arguments: object, program: str = __file__) -> None:
        command = [sys.executable, program, *map(str, arguments)]
        paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths}
        )

    def figures(self, seconds: float) -> dict[str, Any]:
        """Wait until it is done; return what it printed."""
        try:
            output, _ = self._process.communicate(timeout=seconds)
        finally:
            self.stop()
        found: dict[str, Any] = json.loads(output)
        return found

    def tell(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def resident_bytes(pid: int, name: str = "VmHWM") -> int:
    """Return the resident memory of a process: the most that it ever was, or VmRSS, what it is."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def hello(agent_id: str) -> Hello:
    return Hello(
        agent_id=agent_id,
        session="flood",
        boot_id="boot",
        agent_version="flood",
        first_sequence=1,
        wall_unix_nanoseconds=time.time_ns(),
        boottime_nanoseconds=time.clock_gettime_ns(time.CLOCK_BOOTTIME),
        batch_interval_nanoseconds=SECOND_NANOSECONDS,
        facts=HostFacts(host=agent_id),
    )


TABLE: Final = SeriesTable(number=1, boot_id="boot", grid_zone="DE", series=(PACKAGE,))


def batch(sequence: int) -> Batch:
    """A millisecond that ended just now."""
    return Batch(
        sequence=sequence,
        series_number=1,
        start_unix_nanoseconds=time.time_ns() - 1_000_000,
        start_boottime_nanoseconds=time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 1_000_000,
        interval_microseconds=(1_000,),
        columns=([1_000],),
    )


# ── those that mean harm ─────────────────────────────────────────────────────────────────


async def openings(port: int, rate: float, seconds: float, connections: int) -> dict[str, Any]:
    """Open streams at a rate, each as another agent; count how they end."""
    codes: Counter[str] = Counter()
    waiting: set[asyncio.Task[None]] = set()
    async with contextlib.AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(
                grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=_OWN_CONNECTION)
            )
            for _ in range(connections)
        ]

        async def one(number: int) -> None:
            call: Any = channels[number % connections].stream_stream(DELIVER_METHOD)()
            try:
                await call.write(encode_hello(hello(f"stranger-{number}")))
                await call.read()
                codes["let in" if not call.done() else (await call.code()).name] += 1
            except grpc.aio.AioRpcError as error:
                codes[error.code().name] += 1
            finally:
                call.cancel()

        began = time.monotonic()
        opened = 0
        while (passed := time.monotonic() - began) < seconds:
            while opened < rate * passed and len(waiting) < rate:
                task = asyncio.ensure_future(one(opened))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
                opened += 1
            await asyncio.sleep(0.002)
        took = time.monotonic() - began
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return {"opened": opened, "a_second": opened / took, "ends": dict(codes)}


async def garbage(port: int, size_bytes: int, connections: int) -> dict[str, Any]:
    """Send noise until all is sent: after a Hello, and instead of one."""
    sent = 0
    noise = random.Random(1).randbytes(GARBAGE_BYTES)
    ends: Counter[str] = Counter()

    async def one(number: int) -> None:
        nonlocal sent
        options = _OWN_CONNECTION
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            while sent < size_bytes:
                call: Any = channel.stream_stream(DELIVER_METHOD)()
                try:
                    if number % 2:
                        await call.write(encode_hello(hello(f"garbler-{number}")))
                        await call.read()
                    while sent < size_bytes:
                        await call.write(noise)
                        sent += len(noise)
                except grpc.aio.AioRpcError as error:
                    ends[error.code().name] += 1
                except asyncio.InvalidStateError:
                    ends["ended"] += 1
                finally:
                    call.cancel()

    began = time.monotonic()
    await asyncio.gather(*(one(number) for number in range(connections)))
    return {"bytes": sent, "seconds": time.monotonic() - began, "ends": dict(ends)}


async def greedy(port: int, seconds: float) -> dict[str, Any]:
    """Deliver good batches of a hundred series as fast as they are taken, and more."""
    table = SeriesTable(
        number=1,
        boot_id="boot",
        grid_zone="DE",
        series=tuple(replace(PACKAGE, instance=str(n), counted=not n) for n in range(100)),
    )
    until = time.monotonic() + seconds
    acknowledged = 0
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=_OWN_CONNECTION) as channel:
        call, _ = await greeted(channel, "greedy", table)

        async def write() -> None:
            one = replace(batch(1), interval_microseconds=(1_000,) * 100,
                          columns=([1_000] * 100,) * 100)  # fmt: skip
            sequence = 0
            while True:
                sequence += 1
                await call.write(encode_batch(replace(one, sequence=sequence)))

        writing = asyncio.ensure_future(write())
        while time.monotonic() < until:
            ack = decode_collector_message(await call.read())
            acknowledged = max(acknowledged, ack.applied_sequence)
        writing.cancel()
        call.cancel()
    return {"batches": acknowledged}


# ── those that do not ────────────────────────────────────────────────────────────────────


async def greeted(
    channel: grpc.aio.Channel, agent_id: str, table: SeriesTable | None = None
) -> tuple[Any, int]:
    call: Any = channel.stream_stream(DELIVER_METHOD)()
    await call.write(encode_hello(hello(agent_id)))
    welcome = decode_collector_message(await call.read())
    assert isinstance(welcome, Welcome)
    await call.write(encode_series(table or TABLE))
    return call, welcome.applied_sequence


async def delivered(call: Any, sequence: int) -> float:
    """Deliver one batch; return after how many seconds it was acknowledged."""
    began = time.monotonic()
    await call.write(encode_batch(batch(sequence)))
    while True:
        ack = decode_collector_message(await call.read())
        assert isinstance(ack, Ack)
        if ack.applied_sequence >= sequence:
            return time.monotonic() - began


async def honest(port: int, agents: int, seconds: float) -> dict[str, Any]:
    """Deliver on kept streams, a batch each quarter of a second; say how long the Acks took."""
    took: list[float] = []
    until = time.monotonic() + seconds
    ended = 0

    async def one(number: int) -> None:
        nonlocal ended
        while time.monotonic() < until:
            try:
                await visit(f"honest-{number}")
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                ended += 1
                await asyncio.sleep(random.random())

    async def visit(agent_id: str) -> None:
        options = _OWN_CONNECTION
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            call, sequence = await greeted(channel, agent_id)
            await asyncio.sleep(random.random() * PERIOD_SECONDS)
            while time.monotonic() < until:
                sequence += 1
                took.append(await delivered(call, sequence))
                await asyncio.sleep(PERIOD_SECONDS)
            call.cancel()

    await asyncio.gather(*(one(number) for number in range(agents)))
    took.sort()
    return {
        "batches": len(took),
        "mean": sum(took) / len(took),
        "p50": took[len(took) // 2],
        "p99": took[len(took) * 99 // 100],
        "most": took[-1],
        "ended": ended,
    }


PEERS: Final[dict[str, Any]] = {
    "openings": openings,
    "garbage": garbage,
    "greedy": greedy,
    "honest": honest,
}

if __name__ == "__main__":
    name, port, *numbers = sys.argv[1:]
    if name in ("openings", "garbage", "greedy"):
        os.nice(10)  # they stand for other machines: what they need is not to be ours
    print(json.dumps(asyncio.run(PEERS[name](int(port), *map(int, numbers)))))
