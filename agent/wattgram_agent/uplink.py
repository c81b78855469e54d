"""The way to the collector: handshake, batches, acknowledgements, and trying again.

A batch leaves the spool only when the collector says that it is in the ledger. Nothing here
knows what a batch holds.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any, Final, cast

import grpc
import grpc.aio

from wattgram.handshake import Ack, Hello, Welcome
from wattgram.units import MILLISECONDS_PER_SECOND
from wattgram.wire import (
    DELIVER_METHOD,
    WireError,
    decode_collector_message,
    encode_hello,
    encode_series,
)
from wattgram_agent.config import AgentConfig
from wattgram_agent.spool import Entry, Spool

LOG: Final = logging.getLogger("wattgram.uplink")

ANSWER_SECONDS: Final = 20.0
BACKOFF_SECONDS_MIN: Final = 1.0
BACKOFF_SECONDS_MAX: Final = 60.0
CHANNEL_OPTIONS: Final = (
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", 1024 * 1024),
    # The backoff is ours; gRPC's own would sit on top of it.
    ("grpc.initial_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 10_000),
)

Stream = Any  # grpc.aio.StreamStreamCall over bytes; the stubs leave it untyped


class DeliveryError(Exception):
    """The collector could not be reached, or said something that is not the protocol."""


class Uplink:
    """Deliver one spool to one collector."""

    def __init__(self, config: AgentConfig, spool: Spool, hello: Callable[[], Hello]) -> None:
        self._config = config
        self._spool = spool
        self._hello = hello
        self._news = asyncio.Event()
        self._failures = 0

    def notify(self) -> None:
        """Say that a batch was added; call it on the event loop."""
        self._news.set()

    async def run(self) -> None:
        """Deliver until cancelled; a collector that is away costs waiting, nothing else."""
        address = self._config.collector.address
        while True:
            try:
                await self.deliver(keep=self._config.keeps_connection)
                await self._news.wait()
            except DeliveryError as error:
                if not self._failures:
                    LOG.warning("collector_unreachable address=%s reason=%r", address, str(error))
                self._failures += 1
                await asyncio.sleep(backoff_seconds(self._failures, random.random()))  # noqa: S311

    async def deliver(self, *, keep: bool) -> None:
        """Open a stream and deliver all that waits; with `keep`, go on until it breaks.

        Raises DeliveryError when the collector cannot be reached or talked to.
        """
        async with open_channel(self._config) as channel:
            call: Stream = channel.stream_stream(DELIVER_METHOD)()
            try:
                welcome = await self._shake_hands(call)
                await self._deliver_all(call, welcome, keep=keep)
            except grpc.aio.AioRpcError as error:
                raise DeliveryError(f"{error.code().name}: {error.details()}") from error
            except (WireError, asyncio.InvalidStateError) as error:
                raise DeliveryError(str(error)) from error
            finally:
                call.cancel()

    async def _shake_hands(self, call: Stream) -> Welcome:
        await call.write(encode_hello(self._hello()))
        welcome = await self._read(call)
        if not isinstance(welcome, Welcome):
            raise DeliveryError("the collector did not answer Hello with Welcome")
        self._spool.continue_after(welcome.applied_sequence)
        self._spool.forget(welcome.applied_sequence)
        if self._failures:
            LOG.info("collector_reachable_again address=%s", self._config.collector.address)
        self._failures = 0
        return welcome

    async def _deliver_all(self, call: Stream, welcome: Welcome, *, keep: bool) -> None:
        window = max(1, welcome.limits.max_unacknowledged_batches)
        sent = welcome.applied_sequence
        tables: set[int] = set()
        while True:
            self._news.clear()
            waiting = self._spool.after(sent)
            for entry in waiting[:window]:
                await self._send(call, entry, tables)
                sent = entry.sequence
            while self._spool.first_sequence <= sent:
                await self._acknowledged(call)
            if len(waiting) <= window:
                if not keep:
                    return
                await self._news.wait()

    async def _send(self, call: Stream, entry: Entry, tables: set[int]) -> None:
        message = self._spool.read(entry)
        if message is None:
            LOG.error("spool_unreadable sequence=%d", entry.sequence)
            self._spool.discard(entry)
            return
        if entry.table_number not in tables:
            table = self._spool.table(entry.table_number)
            if table is None:  # dropped meanwhile, for age or for room
                return
            tables.add(entry.table_number)
            await call.write(encode_series(table))
        await call.write(message)

    async def _acknowledged(self, call: Stream) -> None:
        ack = await self._read(call)
        if not isinstance(ack, Ack):
            raise DeliveryError("the collector answered a batch with something else than Ack")
        for refusal in ack.refused:
            LOG.error("batch_refused sequence=%d reason=%r", refusal.sequence, refusal.reason)
        self._spool.forget(ack.applied_sequence)
        if ack.pause_milliseconds:
            await asyncio.sleep(ack.pause_milliseconds / MILLISECONDS_PER_SECOND)

    async def _read(self, call: Stream) -> Welcome | Ack:
        try:
            data = await asyncio.wait_for(call.read(), ANSWER_SECONDS)
        except TimeoutError as error:
            raise DeliveryError(f"no answer within {ANSWER_SECONDS:.0f} s") from error
        if data is grpc.aio.EOF:
            raise DeliveryError(f"the collector closed the stream: {await call.details()}")
        return decode_collector_message(cast("bytes", data))


def backoff_seconds(failures: int, jitter: float) -> float:
    """PURE. Full jitter: anything up to an exponentially growing, capped time; `jitter` 0..1.

    Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    ceiling = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN * float(1 << min(failures, 16)))
    return ceiling * jitter


def open_channel(config: AgentConfig) -> grpc.aio.Channel:
    """Open a channel: TLS where a CA is configured, plaintext (loopback only) where not.

    Raises DeliveryError when a certificate file cannot be read.
    """
    tls, address = config.tls, config.collector.address
    if tls.ca_file is None:
        return grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
    try:
        credentials = grpc.ssl_channel_credentials(
            root_certificates=tls.ca_file.read_bytes(),
            private_key=tls.key_file.read_bytes() if tls.key_file else None,
            certificate_chain=tls.certificate_file.read_bytes() if tls.certificate_file else None,
        )
    except OSError as error:
        raise DeliveryError(f"{error.filename}: {error.strerror}") from error
    return grpc.aio.secure_channel(address, credentials, options=CHANNEL_OPTIONS)
