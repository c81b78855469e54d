"""The gRPC service: who calls, whether it may, and where it left off."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NamedTuple

import grpc
import grpc.aio

from wattgram.handshake import Hello, Welcome
from wattgram.wire import (
    DELIVER_METHOD,
    SERVICE,
    encode_welcome,
)
from wattgram_collector.access.token_door import TokenDoor
from wattgram_collector.ingest.admission import (
    MEMORY_LOOK_SECONDS,
    give_memory_back,
    shed_count,
)
from wattgram_collector.ingest.greeting import GreetingError, hello_of, version_with
from wattgram_collector.ingest.identity import Doorman, may_speak_for
from wattgram_collector.ingest.intake import Intake
from wattgram_collector.ingest.reckoning import AgentClock
from wattgram_collector.ingest.stream import Context, Stream, abort
from wattgram_collector.ledger import LedgerError

HELLO_SECONDS: Final = 10.0
FIRST_WRITE_SECONDS: Final = 5.0
_EXHAUSTED: Final = grpc.StatusCode.RESOURCE_EXHAUSTED


class Rebuff(NamedTuple):
    """A GreetingError without what it was raised from, which holds the message."""

    code: grpc.StatusCode
    text: str
    reason: str


class IngestService:
    """Takes streams in; each then serves itself."""

    def __init__(
        self,
        intake: Intake,
        tokens: TokenDoor | None = None,
        doorman: Doorman | None = None,
    ) -> None:
        """`tokens` lets agents in that have no certificate; without it a certificate binds."""
        self._intake = intake
        self._tokens = tokens
        self._doorman = doorman or Doorman()
        self._open: set[Stream] = set()
        self._greeting: set[asyncio.Timeout] = set()
        """Until when each may wait that has not said Hello."""
        self._left = asyncio.Event()

    def add_to(self, server: grpc.aio.Server) -> None:
        handler: Any = grpc.stream_stream_rpc_method_handler(self._admit)
        name = DELIVER_METHOD.rsplit("/", 1)[1]
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, {name: handler}),)
        )

    async def drain(self, seconds: float) -> None:
        """Let nobody in, acknowledge what was read, end every stream; wait at most so long."""
        self._intake.gate.is_draining = True
        for stream in tuple(self._open):
            stream.drain()
        self._wait_no_longer()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._open:
                    self._left.clear()
                    await self._left.wait()

    @contextlib.asynccontextmanager
    async def letting_in(
        self, ended: Callable[[asyncio.Future[None]], None]
    ) -> AsyncIterator[None]:
        """Let agents in until the end of this: who comes later is told so, before all else ends.

        Meanwhile streams end while memory is short; `ended` is called when that dies of a bug.
        A message that is never ended, or an acknowledgement that is never taken, is held by gRPC,
        where nothing counts it. So those go first that said nothing whole for the longest time;
        whoever is honest comes again.
        """
        task = asyncio.ensure_future(self._watch_memory())
        task.add_done_callback(ended)
        try:
            yield
        finally:
            self._intake.gate.is_draining = True
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _watch_memory(self) -> None:
        while True:
            await asyncio.sleep(MEMORY_LOOK_SECONDS)
            if self._intake.gate.is_short_of_memory():
                self.shed()
                give_memory_back()

    def shed(self) -> None:
        """End whoever still owes a Hello, and some of the others: the most silent."""
        self._wait_no_longer()
        silent = sorted(self._open, key=lambda stream: stream.heard_seconds)
        for stream in silent[: shed_count(len(silent))]:
            stream.shed()

    def _wait_no_longer(self) -> None:
        """End whoever still owes a Hello."""
        for patience in self._greeting:
            if not patience.expired():
                patience.reschedule(0)
        self._greeting.clear()  # a timeout that is due cannot be changed again

    async def _admit(self, request: object, context: Context) -> None:
        """Let a stream in, or turn it away before anything else is done for it."""
        gate = self._intake.gate
        reason = gate.refusal(context.peer())
        if reason:
            code = grpc.StatusCode.UNAVAILABLE if gate.is_draining else _EXHAUSTED
            text = gate.turn_away(reason)
            await gate.hold(reason)
            await abort(context, code, text)
        gate.streams += 1
        try:
            await self.deliver(request, context)
        finally:
            gate.streams -= 1

    async def deliver(self, _: object, context: Context) -> None:
        """Serve one agent until it ends its stream."""
        self._intake.streams += 1
        try:
            async with self._doorman.inside(context), self._token_of(context) as subject:
                stream = await self._welcome(context, subject)
                self._open.add(stream)
                try:
                    await stream.serve()
                finally:
                    self._open.discard(stream)
                    self._left.set()
        finally:
            self._intake.streams -= 1

    def _token_of(self, context: Context) -> contextlib.AbstractAsyncContextManager[str | None]:
        """Give the agent that the call's token speaks for; None where no token is asked for."""
        if self._tokens is None:
            return contextlib.nullcontext()
        return self._tokens.inside(context)

    async def _welcome(self, context: Context, subject: str | None) -> Stream:
        hello, version, now = await self._greeted(context)
        if not may_speak_for(hello.agent_id, context.auth_context()):
            await abort(
                context,
                grpc.StatusCode.PERMISSION_DENIED,
                f"the certificate does not name agent {hello.agent_id}",
            )
        if subject is not None and subject != hello.agent_id:
            await abort(
                context,
                grpc.StatusCode.PERMISSION_DENIED,
                f"the token does not speak for agent {hello.agent_id}",
            )
        reason = self._intake.refusal(hello)
        if reason:
            await abort(context, _EXHAUSTED, self._intake.gate.turn_away(reason))
        try:
            record, applied = await self._intake.enrol(hello)
        except LedgerError as error:
            await abort(context, grpc.StatusCode.UNAVAILABLE, f"ledger: {error}")
        clock = AgentClock.of(hello, now, self._intake.bounds.max_age_nanoseconds)
        agent = self._intake.fleet.agent(record)
        agent.greet(hello, record, now, clock.offset_nanoseconds)
        welcome = Welcome(
            applied_sequence=applied,
            wall_unix_nanoseconds=now,
            limits=self._intake.limits,
            protocol_version=version,
            applied_starts_unix_nanoseconds=self._intake.visitor(agent)
            .sessions.of(hello.session)
            .starts_down_from(applied, hello.first_sequence),
        )
        await _whole(context.write(encode_welcome(welcome)))
        turn = self._intake.turns.of(agent, hello.facts.host)
        return Stream(self._intake, context, agent, hello, clock, applied, turn)

    async def _greeted(self, context: Context) -> tuple[Hello, int, int]:
        """Return the Hello, the protocol version to speak, and when it came (unix nanoseconds)."""
        patience = asyncio.timeout(HELLO_SECONDS)
        try:
            async with patience:
                self._greeting.add(patience)
                data = await context.read()
        except TimeoutError:
            if self._intake.gate.is_draining:
                text = self._intake.gate.turn_away("draining")
                await abort(context, grpc.StatusCode.UNAVAILABLE, text)
            self._intake.gate.turn_away("greeting")
            await abort(context, grpc.StatusCode.DEADLINE_EXCEEDED, "no Hello in time")
        finally:
            self._greeting.discard(patience)
        now = time.time_ns()
        found = _read(data)
        # An abort leaves frames behind until cycles are collected, and what they hold: a flood of
        # great messages would be kept by the hundred.
        del data
        if isinstance(found, Rebuff):
            self._intake.gate.turn_away(found.reason)
            await abort(context, found.code, found.text)
        hello, version = found
        return hello, version, now


def _read(data: object) -> tuple[Hello, int] | Rebuff:
    """Return the Hello and the protocol version to speak, or how it is turned away."""
    try:
        hello = hello_of(data)
        return hello, version_with(hello)
    except GreetingError as error:
        return Rebuff(error.code, str(error), error.reason)


async def _whole(first_write: Awaitable[None]) -> None:
    """Write the first message of an answer; one who is shown out meanwhile waits for that.

    gRPC cannot end a call whose first message is on its way: the call would hang.
    """
    writing = asyncio.ensure_future(first_write)
    # It fails when its agent is gone; nobody asks for it then, and asyncio would log each.
    writing.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait({writing}, timeout=FIRST_WRITE_SECONDS)
        raise
