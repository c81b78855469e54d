"""One agent's stream: read as fast as it comes, acknowledged per commit.

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

from wattgram.handshake import Ack, Hello, Refusal
from wattgram.readings import Batch, SeriesTable
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram.wire import WireError, decode_agent_message, encode_ack
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.ingest.intake import Intake
from wattgram_collector.ingest.reckoning import AgentClock, RefusalError, Told, reckon, refused
from wattgram_collector.ingest.turns import Turn
from wattgram_collector.ledger import SEQUENCE_MAX, Entry, LedgerError, Outcome

LOG: Final = logging.getLogger("wattgram.ingest")
_TABLES_MAX: Final = 64

Context = Any  # grpc.aio.ServicerContext over bytes


class Stream:
    """One agent's connection, after the Welcome."""

    def __init__(
        self,
        intake: Intake,
        context: Context,
        agent: Agent,
        hello: Hello,
        clock: AgentClock,
        applied: int,
        turn: Turn | None = None,
    ) -> None:
        """`turn` is this agent's side of a host that is metered from another side too."""
        self._intake = intake
        self._context = context
        self._agent = agent
        self._session = hello.session
        self._clock = clock
        self._applied = applied
        self._tables: dict[int, SeriesTable] = {}
        self._told: dict[int, Told] = {}
        self._turn = turn
        self._aside: dict[int, Told] = {}
        self._in_flight = 0
        self._room = asyncio.Event()
        self._refused: list[Refusal] = []
        self._reasons_said: set[str] = set()
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
            await abort(self._context, grpc.StatusCode.UNAVAILABLE, "the ledger failed")

    async def _read_all(self) -> None:
        window = self._intake.limits.max_unacknowledged_batches
        while (data := await self._context.read()) is not grpc.aio.EOF:
            table = self._take(data)
            if table is not None:
                await self._learn(table)
            while self._in_flight >= window:
                self._room.clear()
                await self._room.wait()
        while self._in_flight:
            self._room.clear()
            await self._room.wait()
        if self._writing is not None:
            await self._writing

    def _take(self, data: bytes) -> SeriesTable | None:
        """Take one message; a series table is returned, to be learned first."""
        try:
            message = decode_agent_message(data, self._tables)
        except WireError as error:
            self._refuse(error.sequence, "undecodable", str(error))
            return None
        match message:
            case SeriesTable():
                return message
            case Batch(sequence=sequence) if sequence > SEQUENCE_MAX:
                self._refuse(sequence, "undecodable", "a sequence that no ledger can keep")
            case Batch():
                self._take_batch(message, len(data))
            case Hello():
                self._refuse(0, "unexpected", "a second Hello")
        return None

    async def _learn(self, table: SeriesTable) -> None:
        self._tables[table.number] = table
        self._told.pop(table.number, None)
        if len(table.series) > self._intake.limits.max_series:
            self._refuse(0, "too_many_series", f"{len(table.series)} series")
        else:
            try:
                told = await self._intake.learn(self._agent, table)
                if self._turn is not None:
                    await self._learn_aside(told)
            except LedgerError as error:
                await abort(self._context, grpc.StatusCode.UNAVAILABLE, f"ledger: {error}")
            self._told[table.number] = told
            self._agent.totals.series.update(zip(told.series_keys, told.series, strict=True))
        while len(self._tables) > _TABLES_MAX:
            oldest = next(iter(self._tables))
            del self._tables[oldest]
            self._told.pop(oldest, None)
            self._aside.pop(oldest, None)

    async def _learn_aside(self, told: Told) -> None:
        """Learn how a table is shown where the other side counts; raises LedgerError."""
        aside = await self._intake.learn_aside(self._agent.record.key, told)
        self._aside[told.table.number] = aside
        self._agent.totals.series.update(zip(aside.series_keys, aside.series, strict=True))

    def _take_batch(self, batch: Batch, size: int) -> None:
        limits = self._intake.limits
        self._intake.batches += 1
        if (
            size > limits.max_batch_bytes
            or len(batch.interval_microseconds) > limits.max_intervals
        ):
            self._refuse(batch.sequence, "too_large", f"{size} bytes")
            return
        told = self._told.get(batch.series_number)
        if told is None:
            self._refuse(batch.sequence, "too_many_series", f"{len(batch.columns)} series")
            return
        zone = self._intake.resolve_zone(self._agent.record.host, told.table.grid_zone)
        try:
            entry = reckon(
                batch,
                told,
                agent_key=self._agent.record.key,
                session=self._session,
                zone=zone,
                clock=self._clock,
                book=self._intake.book,
                now_unix_nanoseconds=time.time_ns(),
            )
        except RefusalError as error:
            self._refuse(batch.sequence, error.reason, str(error))
            return
        shown = told
        if self._turn is not None:
            entry, shown = self._turn.take(entry, told, self._aside[batch.series_number])
        self._submit(entry, lambda outcome: self._note(batch, shown, zone, outcome))

    def _refuse(self, sequence: int, reason: str, detail: str) -> None:
        """Answer for good that a batch is not wanted; without a sequence only count it."""
        if reason not in self._reasons_said:
            self._reasons_said.add(reason)
            LOG.warning("batch_refused host=%s sequence=%d reason=%r",
                        self._agent.record.host, sequence, detail)  # fmt: skip
        if not 0 < sequence <= SEQUENCE_MAX:
            self._intake.undecodable += 1
            return
        entry = refused(
            sequence,
            reason,
            agent_key=self._agent.record.key,
            session=self._session,
            now_unix_nanoseconds=time.time_ns(),
        )

        def note(outcome: Outcome) -> None:
            self._agent.totals.add(outcome)
            self._refused.append(Refusal(sequence=sequence, reason=reason))

        self._submit(entry, note)

    def _submit(self, entry: Entry, note: Callable[[Outcome], None]) -> None:
        """Hand an entry to the next commit; `note` what became of it, and acknowledge."""
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
                self._intake.duplicates += 1
            note(outcome)
            self._acknowledge()

        self._intake.committer.submit(entry, done)

    def _note(self, batch: Batch, told: Told, zone: str, outcome: Outcome) -> None:
        if outcome.is_new:
            newest = outcome.entry.newest_sample_unix_nanoseconds // NANOSECONDS_PER_SECOND
            intensity = self._intake.book.at(zone, newest) if zone else None
            self._agent.zone = zone
            self._agent.note(batch, told, outcome, intensity)

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
            except (grpc.aio.BaseError, asyncio.InvalidStateError):  # the agent is gone
                return


async def abort(context: Context, code: grpc.StatusCode, reason: str) -> NoReturn:
    await context.abort(code, reason)
    raise AssertionError("abort does not return")
