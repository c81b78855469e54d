"""The gRPC service: one stream per agent, read as fast as it comes, acknowledged per commit.

A stream never waits for the ledger and never holds more than its window: past that it stops
reading, and gRPC's flow control stops the agent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

import grpc
import grpc.aio

from wattgram.readings import Ack, Batch, Hello, Limits, Refusal, Series, SeriesTable, Welcome
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram.wire import (
    DELIVER_METHOD,
    PROTOCOL_VERSION,
    SERVICE,
    WireError,
    decode_agent_message,
    encode_ack,
    encode_welcome,
)
from wattgram_collector.ingest.agents import Agent, Fleet
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.ingest.identity import may_speak_for
from wattgram_collector.ingest.reckoning import AgentClock, RefusalError, reckon, refused
from wattgram_collector.intensity import Intensity, IntensityBook
from wattgram_collector.ledger import AgentRecord, Entry, Ledger, LedgerError, Outcome

LOG: Final = logging.getLogger("wattgram.ingest")
_TABLES_MAX: Final = 64

Context = Any  # grpc.aio.ServicerContext over bytes


class IngestService:
    """Everything that the streams share."""

    def __init__(
        self,
        ledger: Ledger,
        committer: Committer,
        fleet: Fleet,
        book: IntensityBook,
        zone_of: Callable[[str, str], str],
        limits: Limits,
    ) -> None:
        """`zone_of(host, said)` returns the grid zone to price with, '' when nobody knows."""
        self.ledger = ledger
        self.committer = committer
        self.fleet = fleet
        self.book = book
        self.zone_of = zone_of
        self.limits = limits
        self.streams = 0
        self.batches = 0
        self.duplicates = 0
        self.undecodable = 0
        self._interned: dict[Series, Series] = {}
        self._zones_said: set[str] = set()

    def add_to(self, server: grpc.aio.Server) -> None:
        handler: Any = grpc.stream_stream_rpc_method_handler(self.deliver)
        name = DELIVER_METHOD.rsplit("/", 1)[1]
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, {name: handler}),)
        )

    async def deliver(self, _: object, context: Context) -> None:
        """Serve one agent until it ends its stream."""
        self.streams += 1
        try:
            stream = await self._welcome(context)
            await stream.serve()
        finally:
            self.streams -= 1

    def intern(self, table: SeriesTable) -> SeriesTable:
        """Return the table with series that are the same objects as everywhere else."""
        series = tuple(self._interned.setdefault(one, one) for one in table.series)
        return SeriesTable(
            number=table.number,
            boot_id=table.boot_id,
            grid_zone=table.grid_zone,
            series=series,
            sources=table.sources,
        )

    def resolve_zone(self, host: str, said: str) -> str:
        """Return the zone to price with; one that no table knows is said once."""
        zone = self.zone_of(host, said)
        if zone not in self._zones_said:
            self._zones_said.add(zone)
            if not zone:
                LOG.warning("grid_zone_unset host=%s: its energy is unpriced", host)
            elif self.book.at(zone, int(time.time())) is None:
                LOG.warning("grid_zone_unknown host=%s zone=%s: its energy is unpriced",
                            host, zone)  # fmt: skip
        return zone

    async def _welcome(self, context: Context) -> _Stream:
        data = await context.read()
        now = time.time_ns()
        try:
            hello = decode_agent_message(data, {}) if isinstance(data, bytes) else None
        except WireError as error:
            await _abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        if not isinstance(hello, Hello):
            await _abort(context, grpc.StatusCode.INVALID_ARGUMENT, "the first message is Hello")
        if not may_speak_for(hello.agent_id, context.auth_context()):
            await _abort(
                context,
                grpc.StatusCode.PERMISSION_DENIED,
                f"the certificate does not name agent {hello.agent_id}",
            )
        try:
            record, applied = await self.committer.call(lambda: self._enrol(hello))
        except LedgerError as error:
            await _abort(context, grpc.StatusCode.UNAVAILABLE, f"ledger: {error}")
        clock = AgentClock.of(hello, now)
        agent = self.fleet.agent(record)
        agent.greet(hello, record, now, clock.offset_nanoseconds)
        welcome = Welcome(
            applied_sequence=applied,
            wall_unix_nanoseconds=now,
            limits=self.limits,
            protocol_version=PROTOCOL_VERSION,
        )
        await context.write(encode_welcome(welcome))
        return _Stream(self, context, agent, hello, clock, applied)

    def _enrol(self, hello: Hello) -> tuple[AgentRecord, int]:
        record = self.ledger.enrol(hello.agent_id, hello.facts)
        return record, self.ledger.open_session(record.key, hello.session, hello.first_sequence)


class _Stream:
    """One agent's connection."""

    def __init__(
        self,
        service: IngestService,
        context: Context,
        agent: Agent,
        hello: Hello,
        clock: AgentClock,
        applied: int,
    ) -> None:
        self._service = service
        self._context = context
        self._agent = agent
        self._session = hello.session
        self._clock = clock
        self._applied = applied
        self._tables: dict[int, SeriesTable] = {}
        self._in_flight = 0
        self._room = asyncio.Event()
        self._refused: list[Refusal] = []
        self._failed = False
        self._task: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._owes_ack = False

    async def serve(self) -> None:
        """Read until the agent ends its stream and all that it sent is in the ledger."""
        self._task = asyncio.current_task()
        try:
            await self._read_all()
        except asyncio.CancelledError:
            if not self._failed:
                raise
            await _abort(self._context, grpc.StatusCode.UNAVAILABLE, "the ledger failed")

    async def _read_all(self) -> None:
        window = self._service.limits.max_unacknowledged_batches
        while (data := await self._context.read()) is not grpc.aio.EOF:
            self._take(data)
            while self._in_flight >= window:
                self._room.clear()
                await self._room.wait()
        while self._in_flight:
            self._room.clear()
            await self._room.wait()
        if self._writing is not None:
            await self._writing

    def _take(self, data: bytes) -> None:
        try:
            message = decode_agent_message(data, self._tables)
        except WireError as error:
            self._refuse(error.sequence, "undecodable", str(error))
            return
        match message:
            case SeriesTable():
                self._tables[message.number] = self._service.intern(message)
                while len(self._tables) > _TABLES_MAX:
                    del self._tables[next(iter(self._tables))]
            case Batch():
                self._take_batch(message, len(data))
            case Hello():
                self._refuse(0, "unexpected", "a second Hello")

    def _take_batch(self, batch: Batch, size: int) -> None:
        service, limits = self._service, self._service.limits
        service.batches += 1
        if (
            size > limits.max_batch_bytes
            or len(batch.interval_microseconds) > limits.max_intervals
        ):
            self._refuse(batch.sequence, "too_large", f"{size} bytes")
            return
        table = self._tables[batch.series_number]
        if len(table.series) > limits.max_series:
            self._refuse(batch.sequence, "too_many_series", f"{len(table.series)} series")
            return
        host = self._agent.record.host
        zone = service.resolve_zone(host, table.grid_zone)
        try:
            entry = reckon(
                batch,
                table,
                agent_key=self._agent.record.key,
                session=self._session,
                zone=zone,
                clock=self._clock,
                book=service.book,
                now_unix_nanoseconds=time.time_ns(),
            )
        except RefusalError as error:
            self._refuse(batch.sequence, error.reason, str(error))
            return
        self._submit(entry, batch, table, zone)

    def _refuse(self, sequence: int, reason: str, detail: str) -> None:
        """Answer for good that a batch is not wanted; without a sequence only count it."""
        host = self._agent.record.host
        LOG.warning("batch_refused host=%s sequence=%d reason=%r", host, sequence, detail)
        self._refused.append(Refusal(sequence=sequence, reason=reason))
        if not sequence:
            self._service.undecodable += 1
            return
        entry = refused(
            sequence,
            reason,
            agent_key=self._agent.record.key,
            session=self._session,
            now_unix_nanoseconds=time.time_ns(),
        )
        self._submit(entry, None, None, "")

    def _submit(
        self, entry: Entry, batch: Batch | None, table: SeriesTable | None, zone: str
    ) -> None:
        self._in_flight += 1

        def done(outcome: Outcome | None) -> None:
            self._in_flight -= 1
            self._room.set()
            if outcome is None:
                self._failed = True
                if self._task is not None:
                    self._task.cancel()
                return
            self._applied = max(self._applied, entry.sequence)
            if not outcome.is_new:
                self._service.duplicates += 1
            elif batch is not None and table is not None:
                self._agent.zone = zone
                self._agent.note(batch, table, outcome, self._intensity(zone, entry))
            else:
                self._agent.totals.add(outcome)
            self._acknowledge()

        self._service.committer.submit(entry, done)

    def _intensity(self, zone: str, entry: Entry) -> Intensity | None:
        newest = entry.newest_sample_unix_nanoseconds // NANOSECONDS_PER_SECOND
        return self._service.book.at(zone, newest) if zone else None

    def _acknowledge(self) -> None:
        """Owe an Ack; several that are owed while one is being written become one."""
        self._owes_ack = True
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write_acks())

    async def _write_acks(self) -> None:
        while self._owes_ack:
            self._owes_ack = False
            refused_now, self._refused = self._refused, []
            ack = Ack(
                applied_sequence=self._applied,
                wall_unix_nanoseconds=time.time_ns(),
                refused=tuple(refused_now),
            )
            try:
                await self._context.write(encode_ack(ack))
            except (grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError):
                return


async def _abort(context: Context, code: grpc.StatusCode, reason: str) -> NoReturn:
    await context.abort(code, reason)
    raise AssertionError("abort does not return")
