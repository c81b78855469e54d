"""Deliver again what an agent delivered before, from a copy of its spool; print how many.

What a cloned machine does, or a backup that is started beside the original. Only what the
collector has already is sent, so that nothing new is said.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import grpc
import grpc.aio

from wattgram.handshake import Ack, Hello, Welcome
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram.wire import DELIVER_METHOD, decode_collector_message, encode_hello
from wattgram_agent.config import AgentConfig, load_config
from wattgram_agent.host import boot_id, facts
from wattgram_agent.spool.frames import BATCH, TABLE, Record, parse_all
from wattgram_agent.uplink import open_channel

_SECONDS_MAX = 20


def read_records(directory: Path) -> list[Record]:
    """Return everything that is in the segments of a spool, delivered or not."""
    return [
        record
        for segment in sorted(directory.glob("*.segment"))
        for _, _, record in parse_all(segment.read_bytes())
        if record is not None
    ]


async def replay(config: AgentConfig, session: str, records: list[Record]) -> int:
    """Send every batch that was applied before; return how many the collector answered for."""
    tables = {one.table_number: one.message for one in records if one.kind == TABLE}
    batches = {one.sequence: one for one in records if one.kind == BATCH}
    hello = Hello(
        agent_id=config.agent_id,
        session=session,
        boot_id=boot_id(),
        agent_version="chaos",
        first_sequence=min(batches, default=1),
        wall_unix_nanoseconds=time.time_ns(),
        boottime_nanoseconds=time.clock_gettime_ns(time.CLOCK_BOOTTIME),
        batch_interval_nanoseconds=NANOSECONDS_PER_SECOND,
        facts=facts(config.host_paths, host=config.host),
    )
    async with open_channel(config) as channel:
        call = channel.stream_stream(DELIVER_METHOD)()
        await call.write(encode_hello(hello))
        welcome = decode_collector_message(await call.read())
        assert isinstance(welcome, Welcome)
        known = [n for n in sorted(batches) if n <= welcome.applied_sequence]
        again = [batches[n] for n in known[-welcome.limits.max_unacknowledged_batches :]]
        for number in sorted({batch.table_number for batch in again}):
            await call.write(tables[number])
        for batch in again:
            await call.write(batch.message)
        await call.done_writing()
        while (data := await call.read()) is not grpc.aio.EOF:
            assert isinstance(decode_collector_message(data), Ack)
        code = await call.code()
        if code is not grpc.StatusCode.OK:
            raise ConnectionError(f"{code.name}: {await call.details()}")
        return len(again)


async def main() -> int:
    config = load_config(Path(sys.argv[1]), os.environ)
    directory = Path(sys.argv[2])
    session = (directory / "session").read_text().split("\n")[0]
    try:
        answered = replay(config, session, read_records(directory))
        print(await asyncio.wait_for(answered, _SECONDS_MAX))
    except grpc.aio.AioRpcError as error:
        print(f"not let in: {error.code().name}: {error.details()}", file=sys.stderr)
        return 1
    except (ConnectionError, asyncio.InvalidStateError, TimeoutError) as error:
        print(f"not answered: {error!r}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
