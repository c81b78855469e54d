"""A fleet whose collector restarts: each agent on a connection of its own, in its own time.

`python storm.py PORT FIRST AGENTS SECONDS COMPRESSION [CERTIFICATES]` connects AGENTS, and prints
when each had a batch acknowledged after SIGUSR1, which says that the collector was killed. What an
agent waits in between is its own schedule, divided by COMPRESSION: a tenth of a fleet that comes
ten times as fast is as dense as the whole one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc
import grpc.aio

from certificates import issue
from daemons import Collector, wait_until
from floods import Flood, delivered, greeted
from wattgram_agent.channel import CHANNEL_OPTIONS, ended_as
from wattgram_agent.delivery import ANSWER_SECONDS
from wattgram_agent.doors import LOST_SECONDS, Doors

PROCESSES: Final = 3
OPTIONS: Final = (*CHANNEL_OPTIONS, ("grpc.use_local_subchannel_pool", 1))


class Storm(NamedTuple):
    """Seconds from when the collector was ready again until each agent had an Ack; how tries
    ended that came to nothing.
    """

    seconds: list[float]
    failures: Counter[str]

    def at(self, part: float) -> float:
        """Return by when this part of the agents was back."""
        return self.seconds[min(len(self.seconds) - 1, int(len(self.seconds) * part))]


def storm(
    collector: Collector,
    agents: int,
    seconds: float,
    *,
    compression: float = 1,
    certificates: Path | None = None,
) -> Storm:
    """Let `agents` connect to a running collector, kill it, start it, and see them come back."""
    share = -(-agents // PROCESSES)
    peers = [
        Flood(collector.grpc_port, first, min(share, agents - first), int(2 * seconds),
              compression, *([certificates] if certificates else []), program=__file__)
        for first in range(0, agents, share)
    ]  # fmt: skip
    try:
        wait_until(
            lambda: collector.total("wattgram_ingest_streams") == agents, seconds, "all are in"
        )
        collector.kill()
        for peer in peers:
            peer.tell(signal.SIGUSR1)
        collector.start()
        ready = time.time()
        figures = [peer.figures(3 * seconds) for peer in peers]
    finally:
        for peer in peers:
            peer.stop()
    return Storm(
        sorted(max(0.0, at - ready) for one in figures for at in one["back"]),
        sum((Counter(one["failures"]) for one in figures), Counter()),
    )


def fleet_certificates(directory: Path, agents: int) -> Path:
    """Make a pair for each agent of a storm; return where they are."""
    issue(directory, "nobody", *(agent_id_of(number) for number in range(agents)))
    return directory


def agent_id_of(number: int) -> str:
    return f"storm-{number}"


class Fleet:
    """Those of the agents that are in this process."""

    def __init__(self, port: int, compression: float, directory: Path | None) -> None:
        self._address = f"127.0.0.1:{port}"
        self._compression = compression
        self._directory = directory
        self.back: dict[str, float] = {}
        """When each was acknowledged last after the restart (Unix seconds)."""
        self.failures: Counter[str] = Counter()
        self._came = asyncio.Event()
        self._is_counting = False

    def went(self) -> None:
        """The collector was killed: from now on it counts who is back."""
        self.back.clear()
        self.failures.clear()
        self._is_counting = True

    async def run(self, first: int, agents: int, seconds: float) -> None:
        """Come, and come again, until all are back or the time is up."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self.went)
        everybody = [
            asyncio.ensure_future(self._one(agent_id_of(number)))
            for number in range(first, first + agents)
        ]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._is_counting or len(self.back) < agents:
                    await self._came.wait()
                    self._came.clear()
        for one in everybody:
            one.cancel()
        await asyncio.wait(everybody)

    async def _one(self, agent_id: str) -> None:
        doors = Doors([self._address], random.random)
        await asyncio.sleep(LOST_SECONDS / self._compression * random.random())
        while True:
            end, patience = await self._visit(agent_id, doors)
            if agent_id not in self.back:
                self.failures[end] += 1
            await asyncio.sleep(doors.failed(patience) / self._compression)

    async def _visit(self, agent_id: str, doors: Doors) -> tuple[str, int]:
        """Deliver, and stay as long as the collector does; return how it ended, and the patience
        that this asks for.
        """
        try:
            async with self._channel(agent_id) as channel:
                async with asyncio.timeout(ANSWER_SECONDS):
                    call, sequence = await greeted(channel, agent_id)
                    await delivered(call, sequence + 1)
                doors.worked(time.monotonic())
                self.back[agent_id] = time.time()
                self._came.set()
                await call.read()
        except grpc.aio.AioRpcError as error:
            return error.code().name, ended_as(error.code(), error.details()).patience
        except (TimeoutError, asyncio.InvalidStateError) as error:
            return type(error).__name__, 0
        return "closed", 0

    def _channel(self, agent_id: str) -> grpc.aio.Channel:
        if self._directory is None:
            return grpc.aio.insecure_channel(self._address, options=OPTIONS)
        credentials = grpc.ssl_channel_credentials(
            root_certificates=(self._directory / "ca.pem").read_bytes(),
            private_key=(self._directory / f"{agent_id}.key").read_bytes(),
            certificate_chain=(self._directory / f"{agent_id}.pem").read_bytes(),
        )
        return grpc.aio.secure_channel(self._address, credentials, options=OPTIONS)


async def _main(port: str, first: str, agents: str, seconds: str, *rest: str) -> dict[str, Any]:
    compression, *directory = rest
    fleet = Fleet(int(port), float(compression), Path(directory[0]) if directory else None)
    await fleet.run(int(first), int(agents), float(seconds))
    return {"back": list(fleet.back.values()), "failures": fleet.failures}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_main(*sys.argv[1:]))))
