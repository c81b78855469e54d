"""The gRPC service: who calls, whether it may, and where it left off."""

from __future__ import annotations

import time
from typing import Any

import grpc
import grpc.aio

from wattgram.handshake import Hello, Welcome
from wattgram.wire import (
    DELIVER_METHOD,
    PROTOCOL_VERSION,
    SERVICE,
    WireError,
    decode_agent_message,
    encode_welcome,
)
from wattgram_collector.ingest.identity import may_speak_for
from wattgram_collector.ingest.intake import Intake
from wattgram_collector.ingest.reckoning import AgentClock
from wattgram_collector.ingest.stream import Context, Stream, abort
from wattgram_collector.ledger import SEQUENCE_MAX, LedgerError


class IngestService:
    """Takes streams in; each then serves itself."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def add_to(self, server: grpc.aio.Server) -> None:
        handler: Any = grpc.stream_stream_rpc_method_handler(self.deliver)
        name = DELIVER_METHOD.rsplit("/", 1)[1]
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, {name: handler}),)
        )

    async def deliver(self, _: object, context: Context) -> None:
        """Serve one agent until it ends its stream."""
        self._intake.streams += 1
        try:
            stream = await self._welcome(context)
            await stream.serve()
        finally:
            self._intake.streams -= 1

    async def _welcome(self, context: Context) -> Stream:
        data = await context.read()
        now = time.time_ns()
        hello = await _hello(context, data)
        if not may_speak_for(hello.agent_id, context.auth_context()):
            await abort(
                context,
                grpc.StatusCode.PERMISSION_DENIED,
                f"the certificate does not name agent {hello.agent_id}",
            )
        try:
            record, applied = await self._intake.enrol(hello)
        except LedgerError as error:
            await abort(context, grpc.StatusCode.UNAVAILABLE, f"ledger: {error}")
        clock = AgentClock.of(hello, now)
        agent = self._intake.fleet.agent(record)
        agent.greet(hello, record, now, clock.offset_nanoseconds)
        welcome = Welcome(
            applied_sequence=applied,
            wall_unix_nanoseconds=now,
            limits=self._intake.limits,
            protocol_version=PROTOCOL_VERSION,
        )
        await context.write(encode_welcome(welcome))
        turn = self._intake.turns.of(agent, hello.facts.host)
        return Stream(self._intake, context, agent, hello, clock, applied, turn)


async def _hello(context: Context, data: object) -> Hello:
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    try:
        hello = decode_agent_message(data, {}) if isinstance(data, bytes) else None
    except WireError as error:
        await abort(context, invalid, str(error))
    if not isinstance(hello, Hello):
        await abort(context, invalid, "the first message is Hello")
    if hello.first_sequence > SEQUENCE_MAX:
        await abort(context, invalid, f"first sequence {hello.first_sequence}")
    return hello
