"""Where HTTP connections come in: so many at once, so many a second, none that only sits, none
that asks for more than it reads.

The library would keep a connection for ever that sends nothing, and as many as come, until the
process has no descriptor left for its ledger, and would spend the loop that serves the agents on
handshakes.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from wattgram_collector.access.pieces import PIECE_BYTES, Pieces
from wattgram_collector.access.places import ASK_SECONDS, Places
from wattgram_collector.ingest.buckets import Bucket

LOG: Final = logging.getLogger("wattgram.access")
OPENINGS_PER_SECOND: Final = 100.0
OPENINGS_BURST: Final = 200.0
BACKLOG: Final = 1024
SWEEP_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 0.1

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Porch:
    """The listening sockets of the HTTP side, and everybody who came in through them."""

    def __init__(
        self,
        most: int,
        tls: ssl.SSLContext | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        openings_per_second: float = OPENINGS_PER_SECOND,
        openings_burst: float = OPENINGS_BURST,
    ) -> None:
        self.places = Places(most)
        self.slowed_seconds = 0.0
        self._tls = tls
        self._clock = clock
        self._openings = Bucket(openings_per_second, openings_burst, clock())
        self._arriving: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._listeners: list[socket.socket] = []

    def stand_before(self, app: web.Application) -> None:
        """See who asks and how he is answered: before all other middlewares."""
        app.middlewares.insert(0, self._middleware)

    async def open(
        self,
        server: Callable[[], asyncio.Protocol],
        host: str,
        port: int,
        ended: Callable[[asyncio.Future[None]], None] = lambda _: None,
    ) -> int:
        """Listen on an address, every one of a name; return the port. Raises OSError.

        `ended` is called when what takes connections dies of a bug.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, _, _, _, address in dict.fromkeys(found):
            try:
                listener = _listening(family, (address[0], port, *address[2:]))
            except OSError as error:
                # A name such as localhost may have an address that this host has not.
                if error.errno != errno.EADDRNOTAVAIL or len(found) == 1:
                    raise
                continue
            self._listeners.append(listener)
            port = port or int(listener.getsockname()[1])
        if not self._listeners:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        self._tasks = [
            asyncio.ensure_future(one)
            for one in (self._sweep(), *(self._accept(server, one) for one in self._listeners))
        ]
        for task in self._tasks:
            task.add_done_callback(ended)
        return port

    async def close(self) -> None:
        """Let nobody in; who is in stays until `leave`."""
        for task in (*self._tasks, *self._arriving):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._arriving, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        self._tasks, self._listeners = [], []

    async def _accept(
        self, server: Callable[[], asyncio.Protocol], listener: socket.socket
    ) -> None:
        loop = asyncio.get_running_loop()
        has_failed = False
        while True:
            try:
                accepted, _ = await loop.sock_accept(listener)
            except OSError as error:  # no descriptor is left, or who knocked has gone again
                if not has_failed:
                    LOG.warning("http_accept_failed reason=%r", error.strerror)
                has_failed = True
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            has_failed = False
            self._arrive(server(), accepted)
            await self._pace()

    async def _pace(self) -> None:
        """Wait before the next one when they come too fast: the kernel keeps those who wait."""
        wait_seconds = self._openings.spend(self._clock(), 1.0)
        if wait_seconds:
            self.slowed_seconds += wait_seconds
            await asyncio.sleep(wait_seconds)

    def _arrive(self, protocol: asyncio.Protocol, accepted: socket.socket) -> None:
        accepted.settimeout(0)
        task = asyncio.ensure_future(self._shake_hands(protocol, accepted))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)
        # One that was sent away before its first step has closed nothing itself.
        task.add_done_callback(lambda done: accepted.close() if done.cancelled() else None)
        if not self.places.take(protocol, _Arriving(task), self._clock()):
            task.cancel()

    async def _shake_hands(self, protocol: asyncio.Protocol, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=ASK_SECONDS if self._tls else None,
            )
        except OSError:  # no TLS, none that we speak, none in time, or it went away
            accepted.close()
            return
        transport.set_write_buffer_limits(high=PIECE_BYTES)
        self.places.become(protocol, transport)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.places.sweep(self._clock())

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        was_let_in = False
        self.places.ask(request.protocol)
        try:
            response = await handler(request)
            was_let_in = response.status < web.HTTPBadRequest.status_code
            body = response.body if isinstance(response, web.Response) else None
            if (
                isinstance(response, web.Response)
                and isinstance(body, bytes)
                and len(body) > PIECE_BYTES
            ):
                response.body = Pieces(body, self.places, request.protocol)
            return response
        finally:
            self.places.answered(request.protocol, self._clock(), was_let_in=was_let_in)


class _Arriving:
    """A handshake, as something that can be ended."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def abort(self) -> None:
        self._task.cancel()

    def is_closing(self) -> bool:
        return self._task.done()


def _listening(family: int, address: tuple[object, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.settimeout(0)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
