"""The stream of an agent that is part of the collector: the same service, without a socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

import grpc
import grpc.aio

from wattgram.handshake import Ack, Hello, Welcome
from wattgram.wire import decode_collector_message, encode_hello
from wattgram_collector.ingest.service import IngestService

ANSWER_SECONDS: Final = 30.0


class LocalStreamError(Exception):
    """The service ended the stream, or did not answer in time; what was sent may be sent again."""


class LocalStream:
    """Both ends of one stream: `context` methods for the service, the rest for the agent."""

    def __init__(self, service: IngestService, agent_id: str) -> None:
        self._agent_id = agent_id
        self._sent: asyncio.Queue[bytes] = asyncio.Queue()
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()
        self._served = asyncio.ensure_future(service.deliver(None, self))

    # ── the agent's end ──────────────────────────────────────────────────────────────────

    async def open(self, hello: Hello) -> Welcome:
        """Say Hello; raises LocalStreamError."""
        self.send(encode_hello(hello))
        welcome = await self._answer()
        if not isinstance(welcome, Welcome):
            raise LocalStreamError("Hello was not answered with Welcome")
        return welcome

    def send(self, message: bytes) -> None:
        self._sent.put_nowait(message)

    async def acknowledged(self) -> Ack:
        """Return the next acknowledgement; raises LocalStreamError."""
        ack = await self._answer()
        if not isinstance(ack, Ack):
            raise LocalStreamError("a second Welcome")
        return ack

    async def close(self) -> None:
        self._served.cancel()
        with contextlib.suppress(asyncio.CancelledError, LocalStreamError):
            await self._served

    async def _answer(self) -> Welcome | Ack:
        """Return what comes first: an answer, or the end of the service."""
        answer = asyncio.ensure_future(self._answers.get())
        waited_for: set[asyncio.Future[Any]] = {answer, self._served}
        try:
            done, _ = await asyncio.wait(
                waited_for, timeout=ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            answer.cancel()
        if answer in done:
            return decode_collector_message(answer.result())
        if self._served in done:
            self._served.result()  # what ended it, a bug in the service included
            raise LocalStreamError("the service ended the stream")
        raise LocalStreamError(f"no answer in {ANSWER_SECONDS:.0f} s")

    # ── the service's end ────────────────────────────────────────────────────────────────

    async def read(self) -> bytes:
        return await self._sent.get()

    async def write(self, message: bytes) -> None:
        self._answers.put_nowait(message)

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Vouch for the agent that this stream was made for, and for no other."""
        return {"x509_subject_alternative_name": [self._agent_id.encode()]}

    async def abort(self, code: grpc.StatusCode, reason: str) -> NoReturn:
        raise LocalStreamError(f"{code.name}: {reason}")
