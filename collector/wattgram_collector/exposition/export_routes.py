"""/api/v1/export/openmetrics: a bounded period of the ledger, streamed.

One at a time: it is read in a thread of its own, from a connection of its own, and no faster than
the client takes it. An answer that ends without `# EOF` broke off.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from itertools import islice
from typing import Final

from aiohttp import web

from wattgram.units import SECONDS_PER_DAY
from wattgram_collector.access.credentials import Role
from wattgram_collector.access.http import needs
from wattgram_collector.exposition.web import OPENMETRICS
from wattgram_collector.ledger import Ledger, LedgerError
from wattgram_collector.reports.commands import host_of
from wattgram_collector.reports.export_text import JOB, openmetrics_lines
from wattgram_collector.reports.reading import Period
from wattgram_collector.reports.times import unix_seconds

LOG: Final = logging.getLogger("wattgram.collector")
SPAN_DAYS_MAX: Final = 31
LINES_PER_CHUNK: Final = 500
CHUNKS_AHEAD: Final = 2
RETRY_SECONDS: Final = 30
STALL_SECONDS_MAX: Final = 30.0
TOTAL_SECONDS_MAX: Final = 3600.0
KNOWN: Final = ("from", "to", "host")


def export_routes(
    reading: Callable[[], Ledger], now_unix_seconds: Callable[[], float] = time.time
) -> list[web.RouteDef]:
    """Return the route; `reading` opens the ledger to be read, from any thread."""
    return Exports(reading, now_unix_seconds).routes()


class Exports:
    """The route, and how it is ended."""

    def __init__(
        self, reading: Callable[[], Ledger], now_unix_seconds: Callable[[], float] = time.time
    ) -> None:
        self._reading = reading
        self._now_unix_seconds = now_unix_seconds
        self._is_busy = False
        self._limit: asyncio.Timeout | None = None

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/api/v1/export/openmetrics", self.answer)]

    async def shut(self, _: object) -> None:
        """Break off, when the application that it is part of is shut down: nobody waits for one
        who reads slowly.
        """
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time())

    @needs(Role.READ)
    async def answer(self, request: web.Request) -> web.StreamResponse:
        try:
            period = self._period(request)
        except ValueError as error:
            return web.Response(status=400, text=f"{error}\n")
        if self._is_busy:
            headers = {"Retry-After": str(RETRY_SECONDS)}
            return web.Response(status=503, text="one export at a time\n", headers=headers)
        self._is_busy = True
        try:
            return await self._streamed(request, period, request.query.get("host", ""))
        finally:
            self._is_busy = False

    def _period(self, request: web.Request) -> Period:
        """Raises ValueError naming what cannot be answered."""
        for name in request.query:
            if name not in KNOWN:
                raise ValueError(f"{name!r} is no parameter: from, to and host are")
        now = int(self._now_unix_seconds())
        start, end = (
            unix_seconds(request.query.get(name, usual), now)
            for name, usual in (("from", "today"), ("to", "now"))
        )
        if end - start > SPAN_DAYS_MAX * SECONDS_PER_DAY:
            raise ValueError(
                f"from and to are more than {SPAN_DAYS_MAX} days apart: ask for less at a time, "
                "or use wattgram-collector export"
            )
        return Period(start, end)

    async def _streamed(
        self, request: web.Request, period: Period, host: str
    ) -> web.StreamResponse:
        async with _chunks(lambda: self._read(period, host)) as chunks:
            try:
                first = await anext(chunks)
            except LedgerError as error:
                status = 404 if host else 503
                return web.Response(status=status, text=f"{error}\n")
            response = web.StreamResponse(headers={"Content-Type": OPENMETRICS})
            await response.prepare(request)
            try:
                # Who stops reading would hold the instant that is read, and the journal grows.
                async with asyncio.timeout(TOTAL_SECONDS_MAX) as self._limit:
                    await _write(response, first, chunks)
            except (LedgerError, TimeoutError) as error:
                LOG.warning("export_broke_off reason=%r", str(error) or "read too slowly")
                if request.transport is not None:
                    request.transport.abort()  # else it would end as if it were whole
            finally:
                self._limit = None
            return response

    def _read(self, period: Period, name: str) -> Iterator[bytes]:
        """Yield the exposition in chunks; raises LedgerError."""
        with closing(self._reading()) as ledger:
            hosts = sorted(ledger.agents(), key=lambda one: one.host)
            if name:
                hosts = [host_of(ledger, name)]
            lines = openmetrics_lines(ledger, hosts, period, {"job": JOB})
            while few := list(islice(lines, LINES_PER_CHUNK)):
                yield ("\n".join(few) + "\n").encode()


async def _write(response: web.StreamResponse, first: bytes, others: AsyncIterator[bytes]) -> None:
    """Write all; raises TimeoutError where the client does not take it. That it is the end is
    said by the server, when there is room for the next: who then asks at once is not refused.
    """
    await response.write(first)
    async for chunk in others:
        async with asyncio.timeout(STALL_SECONDS_MAX):
            await response.write(chunk)


@contextlib.asynccontextmanager
async def _chunks(read: Callable[[], Iterator[bytes]]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Run a generator in a thread, never more than a few chunks ahead; it ends when this does."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(CHUNKS_AHEAD)
    is_over = threading.Event()

    def put(one: bytes | Exception | None) -> bool:
        """Return whether somebody still wants more."""
        waiting = asyncio.run_coroutine_threadsafe(queue.put(one), loop)
        while not is_over.is_set():
            with contextlib.suppress(TimeoutError):
                waiting.result(0.1)
                return True
        waiting.cancel()
        return False

    def work() -> None:
        try:
            with closing(read()) as chunks:  # type: ignore[type-var]
                for chunk in chunks:
                    if not put(chunk):
                        return
            put(None)
        except Exception as error:  # noqa: BLE001 it is raised where it is read
            put(error)

    async def taken() -> AsyncIterator[bytes]:
        while (one := await queue.get()) is not None:
            if isinstance(one, Exception):
                raise one
            yield one

    thread = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        yield taken()
    finally:
        is_over.set()
        await asyncio.shield(thread)
