"""The HTTP side: /metrics, /healthz, /readyz, and what else is served beside them."""

from __future__ import annotations

import asyncio
import gzip
import re
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from wattgram_collector.access.credentials import Role
from wattgram_collector.access.http import Guard, needs
from wattgram_collector.exposition import text
from wattgram_collector.exposition.encoder import Encoder
from wattgram_collector.exposition.families import Family
from wattgram_collector.exposition.together import Together
from wattgram_collector.ingest.agents import Fleet

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
END: Final = "# EOF\n"
GZIP_LEVEL: Final = 1
_OPENMETRICS_VERSION: Final = re.compile(r"version\s*=\s*\"?(\d+)\.")


def application(
    fleet: Fleet,
    registry: CollectorRegistry,
    is_ready: Callable[[], bool],
    zero_nanoseconds: int,
    *,
    sensors: bool = False,
    trouble: Callable[[], str] = lambda: "",
    guard: Guard | None = None,
    others: Sequence[web.RouteDef] = (),
) -> web.Application:
    """Return the routes over what they show, behind `guard`; without it everybody may read."""
    pages = _Pages(fleet, registry, Encoder(sensors=sensors), zero_nanoseconds)

    @needs(Role.READ)
    async def metrics(request: web.Request) -> web.Response:
        is_openmetrics = wants_openmetrics(request.headers.get("Accept", ""))
        is_packed = "gzip" in request.headers.get("Accept-Encoding", "")
        headers = {
            "Content-Type": OPENMETRICS if is_openmetrics else TEXT,
            "Vary": "Accept, Accept-Encoding",
        }
        if is_packed:
            headers["Content-Encoding"] = "gzip"
        body = await pages.made(is_openmetrics=is_openmetrics, is_packed=is_packed)
        return web.Response(body=body, headers=headers)

    @needs(Role.READ, is_health=True)
    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    @needs(Role.READ, is_health=True)
    async def readyz(_: web.Request) -> web.Response:
        if is_ready():
            return web.Response(text="ready\n")
        why = f": {trouble()}" if trouble() else ""
        return web.Response(status=503, text=f"the ledger does not accept batches{why}\n")

    app = web.Application()
    (guard or Guard(None)).stand_before(app)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.add_routes(others)
    return app


class _Pages:
    """The page of metrics in each form, made once for all who ask for it meanwhile."""

    def __init__(
        self, fleet: Fleet, registry: CollectorRegistry, encoder: Encoder, zero_nanoseconds: int
    ) -> None:
        self._fleet = fleet
        self._registry = registry
        self._encoder = encoder
        self._zero_nanoseconds = zero_nanoseconds
        one_at_a_time = asyncio.Lock()
        self._forms = {
            (is_openmetrics, is_packed): Together(
                partial(self._make, is_openmetrics=is_openmetrics, is_packed=is_packed),
                one_at_a_time,
            )
            for is_openmetrics in (False, True)
            for is_packed in (False, True)
        }

    async def made(self, *, is_openmetrics: bool, is_packed: bool) -> bytes:
        """Return a page that was begun after this was called."""
        return await self._forms[is_openmetrics, is_packed].made()

    async def _make(self, *, is_openmetrics: bool, is_packed: bool) -> bytes:
        shown_if_before = time.monotonic_ns() - self._zero_nanoseconds
        hosts = await self._encoder.encode(
            self._fleet, time.time_ns(), shown_if_before, openmetrics=is_openmetrics
        )
        data = (hosts + _own(self._registry, openmetrics_format=is_openmetrics)).encode()
        return await asyncio.to_thread(gzip.compress, data, GZIP_LEVEL) if is_packed else data


def exposition(
    families: Iterable[tuple[Family, text.Samples]],
    registry: CollectorRegistry,
    *,
    openmetrics_format: bool,
) -> str:
    """Return the whole page of metrics: the fleet's, then the collector's own."""
    hosts = text.render(families, openmetrics=openmetrics_format)
    return hosts + _own(registry, openmetrics_format=openmetrics_format)


def _own(registry: CollectorRegistry, *, openmetrics_format: bool) -> str:
    """Return the collector's own metrics, which end a page."""
    if openmetrics_format:
        own: str = openmetrics.generate_latest(registry).decode()  # type: ignore[no-untyped-call]
        return own.removesuffix(END) + END
    return generate_latest(registry).decode()


def wants_openmetrics(accept: str) -> bool:
    """PURE. Return whether the client asks for OpenMetrics in a version that is 1 or unsaid."""
    for choice in accept.split(","):
        media, _, parameters = choice.partition(";")
        if media.strip() == "application/openmetrics-text":
            version = _OPENMETRICS_VERSION.search(parameters)
            if version is None or int(version[1]) == 1:
                return True
    return False
