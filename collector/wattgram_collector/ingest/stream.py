"""One agent's stream: read as fast as it may come, acknowledged per commit.

A stream never waits for the ledger and never holds more than its window: past that it stops
reading, and gRPC's flow control stops the agent. So it does for an agent that costs too much.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final, NoReturn

import grpc
import grpc.aio

from wattgram.handshake import Hello, Refusal
from wattgram.readings import Batch, SeriesTable
from wattgram.wire import TooLargeError, WireError, decode_agent_message
from wattgram_collector.ingest.admission import WHY
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.ingest.answers import STUCK_SECONDS, Answers
from wattgram_collector.ingest.intake import Intake
from wattgram_collector.ingest.judging import Claim, Judge
from wattgram_collector.ingest.pressure import pause_milliseconds
from wattgram_collector.ingest.reckoning import AgentClock, RefusalError
from wattgram_collector.ingest.turns import Turn
from wattgram_collector.ledger import SEQUENCE_MAX, LedgerError, Outcome

LOG: Final = logging.getLogger("wattgram.ingest")
SEQUENCE_JUMP_MAX: Final = 1 << 28
"""No more batches than this can have been missed: eight years of one a second."""

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
        self._host = agent.record.host
        self._visitor = intake.visitor(agent)
        self._judge = Judge(intake, agent, hello, clock, turn)
        self._answers = Answers(context, applied, self._pause_milliseconds, intake.seconds)
        self.heard_seconds = intake.seconds()
        """When the last whole message came."""
        self._in_flight = 0
        self._garbage = 0
        self._room = asyncio.Event()
        self._ending: tuple[grpc.StatusCode, str] | None = None
        self._is_draining = False
        self._task: asyncio.Task[None] | None = None

    # ── beginning and end ────────────────────────────────────────────────────────────────

    async def serve(self) -> None:
        """Read until the agent ends its stream and all that it sent is in the ledger."""
        self._task = asyncio.current_task()
        self._visitor.streams.append(self)
        while len(self._visitor.streams) > self._intake.bounds.max_streams_per_agent:
            self._visitor.streams.pop(0).supersede()
        try:
            await self._read_all()
        except asyncio.CancelledError:
            if self._ending is None or self._task is None:
                raise
            self._task.uncancel()
            await self._say_goodbye()
            await abort(self._context, *self._ending)
        finally:
            if self in self._visitor.streams:
                self._visitor.streams.remove(self)

    def supersede(self) -> None:
        """End: the same agent has opened too many since."""
        self._cut("superseded", grpc.StatusCode.ABORTED, "newer streams of this agent are open")

    def shed(self) -> None:
        """End: memory is short. That is said elsewhere, once for all."""
        if self._ending is None:
            self._intake.cut["memory"] += 1
        self._end(grpc.StatusCode.RESOURCE_EXHAUSTED, WHY["memory"])

    def drain(self) -> None:
        """Read no more; acknowledge what was read, then end."""
        self._is_draining = self._ending is None
        self._end(grpc.StatusCode.UNAVAILABLE, "the collector is going down")

    def _cut(self, reason: str, code: grpc.StatusCode, text: str) -> None:
        if self._ending is None:
            self._intake.cut[reason] += 1
            if self._visitor.is_news(reason):
                LOG.warning("stream_cut host=%s reason=%s: more are counted only",
                            self._host, reason)  # fmt: skip
        self._end(code, text)

    def _end(self, code: grpc.StatusCode, text: str) -> None:
        if self._ending is None and self._task is not None:
            self._ending = code, text
            self._task.cancel()

    async def _say_goodbye(self) -> None:
        while self._is_draining and self._in_flight:
            await self._more_room()
        if self._is_draining:
            await self._answers.settle()

    # ── reading ──────────────────────────────────────────────────────────────────────────

    async def _read_all(self) -> None:
        while (data := await self._context.read()) is not grpc.aio.EOF:
            await self._wait_for_room()
            began = time.thread_time()
            taken = self._take(data)
            del data  # an abort would keep it for a while
            cost = time.thread_time() - began
            rows = taken.rows if isinstance(taken, Claim) else 0
            if isinstance(taken, SeriesTable):
                rows = await self._learn(taken)
            self.heard_seconds = self._intake.seconds()
            delay = self._visitor.pace.spend(self.heard_seconds, cost, rows)
            if delay > 0:
                self._intake.pressure.slowed_seconds += delay
                await asyncio.sleep(delay)
            if self._ending is not None:
                await asyncio.sleep(0)  # where the cancellation comes in
        while self._in_flight:
            await self._more_room()
        await self._answers.settle()

    async def _wait_for_room(self) -> None:
        """Wait while this stream, its agent, or all together have too much on the way."""
        window = self._intake.limits.max_unacknowledged_batches
        share = self._intake.pressure.agent_bytes_max
        while self._in_flight >= window or (
            self._in_flight and self._visitor.pace.bytes_in_flight >= share
        ):
            await self._more_room()
        try:
            if self._intake.pressure.is_full:
                await asyncio.wait_for(self._intake.pressure.room(), STUCK_SECONDS)
            if self._answers.is_clogged:
                await asyncio.wait_for(self._answers.room(), STUCK_SECONDS)
        except TimeoutError:
            reason = "slow_reader" if self._answers.is_clogged else "busy"
            self._cut(reason, grpc.StatusCode.RESOURCE_EXHAUSTED, "nothing is taken: try again")

    async def _more_room(self) -> None:
        self._room.clear()
        await self._room.wait()

    def _take(self, data: bytes) -> SeriesTable | Claim | None:
        """Take one message; a series table is returned, to be learned first."""
        cells = self._intake.bounds.max_cells
        try:
            message = decode_agent_message(data, self._judge.tables.heard, cells)
        except TooLargeError as error:
            return self._refuse(error.sequence, RefusalError("too_large", str(error)))
        except WireError as error:
            return self._refuse(error.sequence, RefusalError("undecodable", str(error)))
        match message:
            case SeriesTable():
                return message
            case Batch():
                return self._take_batch(message, len(data))
            case Hello():
                return self._refuse(0, RefusalError("unexpected", "a second Hello"))

    async def _learn(self, table: SeriesTable) -> int:
        """Return how many rows that wrote."""
        try:
            return await self._judge.tables.learn(table)
        except RefusalError as error:
            self._say(0, error)
            return 0
        except LedgerError as error:
            await abort(self._context, grpc.StatusCode.UNAVAILABLE, f"ledger: {error}")

    def _take_batch(self, batch: Batch, size_bytes: int) -> Claim | None:
        if not self._is_plausible(batch.sequence):
            return self._refuse(0, RefusalError("undecodable", f"sequence {batch.sequence}"))
        self._intake.batches += 1
        try:
            claim = self._judge.claim(batch, size_bytes)
        except RefusalError as error:
            return self._refuse(batch.sequence, error, batch.start_unix_nanoseconds)
        self._submit(claim)
        return claim

    def _is_plausible(self, sequence: int) -> bool:
        """Return whether a sequence can be answered: one that is absurd would end the session."""
        return 0 < sequence <= min(self._answers.applied + SEQUENCE_JUMP_MAX, SEQUENCE_MAX)

    def _refuse(
        self, sequence: int, error: RefusalError, start_unix_nanoseconds: int = 0
    ) -> Claim | None:
        """Answer for good that a batch is not wanted; without a sequence only count it."""
        self._say(sequence, error)
        if self._is_plausible(sequence):
            claim = self._judge.refuse(sequence, error, start_unix_nanoseconds)
            self._submit(claim)
            return claim
        self._intake.undecodable += 1
        self._garbage += 1
        if self._garbage > self._intake.bounds.max_garbage_messages:
            self._cut("garbage", grpc.StatusCode.INVALID_ARGUMENT, f"nothing but: {error}")
        return None

    def _say(self, sequence: int, error: RefusalError) -> None:
        if self._visitor.is_news(error.reason):
            LOG.warning("batch_refused host=%s sequence=%d reason=%r: more are counted only",
                        self._host, sequence, str(error))  # fmt: skip

    # ── answering ────────────────────────────────────────────────────────────────────────

    def _submit(self, claim: Claim) -> None:
        """Hand a claim to the next commit; note what became of it, and acknowledge."""
        began, size = self._intake.seconds(), claim.size_bytes
        self._in_flight += 1
        self._visitor.pace.bytes_in_flight += size
        self._intake.pressure.took(size)

        def done(outcome: Outcome | None) -> None:
            waited = None if outcome is None else self._intake.seconds() - began
            self._in_flight -= 1
            self._visitor.pace.bytes_in_flight -= size
            self._intake.pressure.gave(size, waited)
            self._room.set()
            if outcome is None:
                self._is_draining = False
                self._end(grpc.StatusCode.UNAVAILABLE, "the ledger failed")
                return
            refusal = self._judge.note(claim, outcome)
            self._answers.applied = max(self._answers.applied, claim.entry.sequence)
            if refusal is not None:
                self._answers.refuse(
                    Refusal(
                        sequence=claim.entry.sequence,
                        reason=refusal.reason,
                        needs_new_session=refusal.needs_new_session,
                    )
                )
            self._answers.owe()
            if self._answers.is_stuck:
                self._cut("slow_reader", grpc.StatusCode.ABORTED, "no Ack is taken")

        self._intake.committer.submit(claim.entry, done)

    def _pause_milliseconds(self) -> int:
        own = self._visitor.pace.delay_seconds(self._intake.seconds())
        return pause_milliseconds(own, self._intake.pressure.pause_seconds)


async def abort(context: Context, code: grpc.StatusCode, reason: str) -> NoReturn:
    await context.abort(code, reason)
    raise AssertionError("abort does not return")
