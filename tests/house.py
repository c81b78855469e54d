"""A collector with an authority on real sockets, and callers of every kind."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import grpc
import grpc.aio

from builders import batch, hello
from collector_fakes import Caller, configured
from wattgram.certificates import RENEW_METHOD, Issued, encode_renewal
from wattgram.token import Token
from wattgram.wire import DELIVER_METHOD, encode_batch
from wattgram_agent.key_pair import KeyPair
from wattgram_collector.access import authority_files
from wattgram_collector.access.enrolment import make_token
from wattgram_collector.access.register import Register
from wattgram_collector.config import AccessSettings
from wattgram_collector.daemon import serving
from wattgram_collector.ledger.sqlite import SqliteLedger

DAY = 86_400


class Identity(NamedTuple):
    """What a caller shows: key and certificate, both empty for neither."""

    key: bytes = b""
    certificate: bytes = b""


class House:
    """One collector with an authority, and callers of every kind."""

    def __init__(self, directory: Path, grpc_port: int, http_port: int) -> None:
        self.directory = directory
        self.grpc_port = grpc_port
        self.http_port = http_port
        self.authority = authority_files.load(directory / "ca")
        self.register = Register(directory / "enrolment.sqlite")

    def identity(
        self, agent_id: str = "agent-1", now: float | None = None, lifetime_seconds: float = DAY
    ) -> Identity:
        key = KeyPair()
        began = int(time.time() if now is None else now)
        signed = self.authority.sign_agent(key.request_der, agent_id, began, lifetime_seconds)
        return Identity(key.pem, signed.issued.certificate_pem)

    def channel(self, shown: Identity | None, trusted: bytes = b"") -> grpc.aio.Channel:
        target = f"127.0.0.1:{self.grpc_port}"
        if shown is None:
            return grpc.aio.insecure_channel(target)
        credentials = grpc.ssl_channel_credentials(
            trusted or self.authority.certificate_pem,
            shown.key or None,
            shown.certificate or None,
        )
        return grpc.aio.secure_channel(target, credentials)

    async def renew(self, shown: Identity | None, request: bytes = b"", **more: Any) -> Any:
        """Return what a renewal gives, or the status with which it is refused."""
        asked = encode_renewal(request or KeyPair().request_der)
        async with self.channel(shown, **more) as channel:
            try:
                return Issued.decode(await channel.unary_unary(RENEW_METHOD)(asked, timeout=10))
            except grpc.aio.AioRpcError as error:
                return error.code()

    async def deliver(
        self, shown: Identity | None, agent_id: str = "agent-1", **more: Any
    ) -> grpc.StatusCode:
        """Return how a stream ends that greets, sends a batch, and closes."""
        async with self.channel(shown, **more) as channel:
            caller = Caller(channel.stream_stream(DELIVER_METHOD)(timeout=10))
            try:
                await caller.greet(hello(agent_id, f"host-of-{agent_id}"))
                await caller.send(encode_batch(batch([1], sequence=1)))
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                return await caller.call.code()
            return (await caller.end())[0]

    def token(self, agent_id: str = "agent-1") -> Token:
        now = int(time.time())
        token, record = make_token(self.authority.sha256, agent_id, now, 1)
        self.register.add_token(record, now)
        return token

    @property
    def tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.authority.certificate_pem.decode())
        return context

    async def http(self, method: str, path: str, data: Any = None) -> tuple[int, bytes]:
        url = f"https://127.0.0.1:{self.http_port}{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, data=data, ssl=self.tls) as answer,
        ):
            return answer.status, await answer.read()


@asynccontextmanager
async def housed(directory: Path, **access: Any) -> AsyncIterator[House]:
    if not (directory / "ca").exists():
        authority_files.init(directory / "ca", int(time.time()))
    settings = {"directory": directory / "ca", "enrolment": True, **access}
    config = configured(directory, access=AccessSettings(**settings))
    with closing(SqliteLedger(directory / "ledger.sqlite")) as ledger:
        async with serving(config, ledger) as (grpc_port, http_port):
            yield House(directory, grpc_port, http_port)
