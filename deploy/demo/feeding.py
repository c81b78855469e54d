"""Agents that catch up: each delivers its month to a collector, by the protocol of the real ones.

A stream for each: Hello, what the columns mean, batch after batch, and it is done when the
collector says that the last one is in its ledger.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import grpc.aio
from fleet import Group, batches, table

from wattgram.handshake import Ack, Hello, HostFacts, Welcome
from wattgram.units import NANOSECONDS_PER_SECOND, SECONDS_PER_DAY
from wattgram.wire import (
    DELIVER_METHOD,
    decode_collector_message,
    encode_batch,
    encode_hello,
    encode_series,
)

AT_ONCE: Final = 16
SESSION: Final = "november"
_OWN_CHANNEL: Final = (("grpc.use_local_subchannel_pool", 1),)


class RefusedError(Exception):
    """The collector did not take what an agent measured; the text says why."""


def feed(address: str, groups: Iterable[Group], tell: Callable[[int], object]) -> None:
    """Deliver the month of every host; `tell` hears how many are done. Raises RefusedError."""
    hosts = [(group, host) for group in groups for host in group.hosts]
    try:
        asyncio.run(_feed(address, hosts, tell))
    except BaseExceptionGroup as errors:
        raise RefusedError(f"{errors.exceptions[0]}") from errors


async def _feed(
    address: str, hosts: list[tuple[Group, str]], tell: Callable[[int], object]
) -> None:
    waiting = iter(hosts)
    done = 0

    async def work() -> None:
        nonlocal done
        for group, host in waiting:
            await _deliver(address, group, host)
            done += 1
            tell(done)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(work())


async def _deliver(address: str, group: Group, host: str) -> None:
    async with grpc.aio.insecure_channel(address, options=_OWN_CHANNEL) as channel:
        call: Any = channel.stream_stream(DELIVER_METHOD)()
        await call.write(encode_hello(_hello(group, host)))
        welcome = decode_collector_message(await call.read())
        if not isinstance(welcome, Welcome):
            raise RefusedError(f"{host}: not let in")
        await call.write(encode_series(table(group)))
        ahead = welcome.limits.max_unacknowledged_batches
        sent = applied = welcome.applied_sequence
        for batch in batches(group, host):
            if batch.sequence <= sent:
                continue
            while sent - applied >= ahead:
                applied = await _applied(call, host)
            await call.write(encode_batch(batch))
            sent = batch.sequence
        while applied < sent:
            applied = await _applied(call, host)
        await call.done_writing()


async def _applied(call: Any, host: str) -> int:
    """Return the last sequence that is in the ledger; raises RefusedError."""
    ack = decode_collector_message(await call.read())
    if not isinstance(ack, Ack):
        raise RefusedError(f"{host}: no acknowledgement")
    for one in ack.refused:
        raise RefusedError(f"{host}: batch {one.sequence}: {one.reason}")
    return ack.applied_sequence


def _hello(group: Group, host: str) -> Hello:
    return Hello(
        agent_id=f"agent-of-{host}",
        session=SESSION,
        boot_id="boot-of-today",
        agent_version="example",
        first_sequence=1,
        wall_unix_nanoseconds=time.time_ns(),
        boottime_nanoseconds=NANOSECONDS_PER_SECOND,
        batch_interval_nanoseconds=SECONDS_PER_DAY * NANOSECONDS_PER_SECOND,
        facts=HostFacts(host=host, device_class=group.device_class),
    )
