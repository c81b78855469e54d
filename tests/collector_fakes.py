"""Both ends of a collector for tests to turn by hand: an agent on the wire, a failing ledger."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import grpc.aio

from builders import hello, table
from wattgram.handshake import Ack, Hello, HostFacts, Refusal, Welcome
from wattgram.readings import Series, SeriesTable
from wattgram.wire import (
    DELIVER_METHOD,
    decode_collector_message,
    encode_hello,
    encode_series,
)
from wattgram_collector.config import CollectorConfig, GrpcSettings, HttpSettings
from wattgram_collector.intensity import Recorded
from wattgram_collector.ledger import (
    AgentRecord,
    AgentTotals,
    Entry,
    LedgerError,
    Outcome,
    Receipts,
    TallyKey,
)
from wattgram_collector.ledger.journal import JournalEntry, JournalKind, JournalRecord
from wattgram_collector.ledger.restatement import Posted, Restated, Restatement, Used
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.sums import PostedSum


def configured(directory: Path, **changes: Any) -> CollectorConfig:
    """Free ports on loopback, a counter is shown at once."""
    values = {
        "state_directory": directory,
        "grpc": GrpcSettings(address="127.0.0.1:0"),
        "http": HttpSettings(address="127.0.0.1:0"),
    }
    return CollectorConfig(**{**values, **changes})


class Caller:
    """One stream to a collector, message by message."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.refused: list[Refusal] = []

    async def send(self, *messages: bytes) -> None:
        for message in messages:
            await self.call.write(message)

    async def greet(self, greeting: Hello, of: SeriesTable | None = None) -> Welcome:
        """Say Hello and what the columns mean."""
        await self.send(encode_hello(greeting))
        welcome = decode_collector_message(await self.call.read())
        assert isinstance(welcome, Welcome)
        await self.send(encode_series(of or table()))
        return welcome

    async def ack(self) -> Ack:
        ack = decode_collector_message(await self.call.read())
        assert isinstance(ack, Ack)
        self.refused += ack.refused
        return ack

    async def until(self, sequence: int) -> Ack:
        """Read acknowledgements until all up to `sequence` are applied."""
        ack = await self.ack()
        while ack.applied_sequence < sequence:
            ack = await self.ack()
        return ack

    async def end(self) -> tuple[grpc.StatusCode, str]:
        """Say that no more comes, read to the end, return how it ended."""
        if not self.call.done():
            await self.call.done_writing()
        while not self.call.done():
            try:
                message = await self.call.read()
            except grpc.aio.AioRpcError:
                break
            if message is grpc.aio.EOF:
                break
        return await self.call.code(), await self.call.details()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Caller]:
    """Open a stream; nothing is said yet."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.stream_stream(DELIVER_METHOD)()
        yield Caller(call)
        call.cancel()


@asynccontextmanager
async def calling(
    port: int, agent_id: str = "agent-1", of: SeriesTable | None = None, **changes: Any
) -> AsyncIterator[Caller]:
    """Open a stream and be welcomed."""
    async with connected(port) as caller:
        await caller.greet(hello(agent_id, f"host-of-{agent_id}", **changes), of)
        yield caller


async def page(http_port: int, path: str) -> str:
    url = f"http://127.0.0.1:{http_port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


class TroubledLedger:
    """A ledger that fails, or waits, for as long as it is told to."""

    def __init__(self, path: Path) -> None:
        self._inner = SqliteLedger(path)
        self.error: Exception | None = None
        self.go_on = threading.Event()
        self.go_on.set()
        self.entered = threading.Event()
        self.groups: list[int] = []
        self.refuses_series = False
        self.enrolments = 0

    def _work(self) -> SqliteLedger:
        self.entered.set()
        self.go_on.wait()
        if self.error is not None:
            raise self.error
        return self._inner

    def fails(self) -> None:
        self.error = LedgerError("disk full")

    def works(self) -> None:
        self.error = None

    def enrol(self, agent_id: str, facts: HostFacts) -> AgentRecord:
        self.enrolments += 1
        return self._work().enrol(agent_id, facts)

    def open_session(self, agent_key: int, session: str, first_sequence: int) -> int:
        return self._work().open_session(agent_key, session, first_sequence)

    def series_keys(self, agent_key: int, series: Sequence[Series]) -> tuple[int, ...]:
        if self.refuses_series:
            raise LedgerError("disk full")
        return self._inner.series_keys(agent_key, series)

    def apply(self, entries: Sequence[Entry]) -> list[Outcome]:
        self.groups.append(len(entries))
        return self._work().apply(entries)

    def record_intensities(self, records: Sequence[Recorded]) -> None:
        self._work().record_intensities(records)

    def intensities(self, since_unix_seconds: int, zone: str | None = None) -> list[Recorded]:
        return self._inner.intensities(since_unix_seconds, zone)

    def intensity_zones(self) -> list[str]:
        return self._inner.intensity_zones()

    def restate(self, wanted: Restatement) -> Restated:
        return self._work().restate(wanted)

    def posted(
        self, first_slot: int, end_slot: int, agent_key: int | None = None
    ) -> Iterator[Posted]:
        return self._inner.posted(first_slot, end_slot, agent_key)

    def posted_sums(self, first_slot: int, end_slot: int, *, by_slot: bool) -> Iterator[PostedSum]:
        return self._inner.posted_sums(first_slot, end_slot, by_slot=by_slot)

    def append(
        self,
        records: Sequence[JournalRecord],
        recorded_unix_nanoseconds: int,
        *,
        seen: int | None = None,
    ) -> tuple[int, int]:
        return self._work().append(records, recorded_unix_nanoseconds, seen=seen)

    def journal(
        self, kinds: Collection[JournalKind] | None = None, after: int = 0
    ) -> Iterator[JournalEntry]:
        return self._inner.journal(kinds, after)

    def receipts(self, agent_key: int, first_slot: int, end_slot: int) -> Receipts:
        return self._inner.receipts(agent_key, first_slot, end_slot)

    def used(self, first_slot: int, end_slot: int, agent_key: int) -> list[Used]:
        return self._inner.used(first_slot, end_slot, agent_key)

    def counted_energy(
        self, first_slot: int, end_slot: int, agent_key: int
    ) -> Mapping[Series, int]:
        return self._inner.counted_energy(first_slot, end_slot, agent_key)

    def posted_span(self, agent_key: int | None = None) -> tuple[int, int] | None:
        return self._inner.posted_span(agent_key)

    def tallies(self, agent_key: int) -> Mapping[TallyKey, int]:
        return self._inner.tallies(agent_key)

    def agents(self) -> list[AgentRecord]:
        return self._inner.agents()

    def totals(self) -> dict[int, AgentTotals]:
        return self._inner.totals()

    def counted_slots(self, agent_key: int) -> list[tuple[int, int]]:
        return self._inner.counted_slots(agent_key)

    def probe(self) -> None:
        if self.error is not None:
            raise self.error
        self._inner.probe()

    def sizes_bytes(self) -> Mapping[str, int]:
        return self._inner.sizes_bytes()

    def faults(self) -> int:
        return self._inner.faults()

    def close(self) -> None:
        self._inner.close()
