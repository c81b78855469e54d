"""The pages over HTTP. Drawing is pure; here is who asks, for what, and with which headers."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import web

from wattgram_collector import __version__
from wattgram_collector.access.credentials import Role
from wattgram_collector.access.http import Handler, needs
from wattgram_collector.exposition.pages.about import about_page
from wattgram_collector.exposition.pages.asked import read
from wattgram_collector.exposition.pages.assets import asset_route, assets
from wattgram_collector.exposition.pages.fleet import fleet_page
from wattgram_collector.exposition.pages.frame import Surroundings
from wattgram_collector.exposition.pages.host import host_page, missing_page
from wattgram_collector.exposition.pages.zones import zones_page
from wattgram_collector.intensities.tables import Source as DataSource
from wattgram_collector.views.source import Views

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_GZIP_LEVEL: Final = 1


def page_routes(
    views: Views,
    *,
    runbook_url: str = "",
    sources: Sequence[DataSource] = (),
    unix_seconds: Callable[[], float] = time.time,
) -> list[web.RouteDef]:
    """Return the routes of the pages and of what they are dressed with.

    `runbook_url` is where docs/runbooks.md is published, `sources` what the tables are made of.
    """
    dress = assets()
    around = Surroundings(
        version=__version__,
        assets={name: asset.path for name, asset in dress.items()},
        runbook_url=runbook_url,
    )

    @needs(Role.READ)
    async def fleet(request: web.Request) -> web.Response:
        await views.ready()
        return _page(request, fleet_page(views.fleet(), read(request.query), around))

    @needs(Role.READ)
    async def host(request: web.Request) -> web.Response:
        name = request.match_info["host"]
        await views.ready(name)
        detail = views.host(name)
        if detail is None:
            return _page(request, missing_page(name, around, unix_seconds()), status=404)
        return _page(request, host_page(detail, around, views.fleet().at_unix_seconds))

    @needs(Role.READ)
    async def zones(request: web.Request) -> web.Response:
        await views.ready()
        return _page(request, zones_page(views.fleet(), around))

    @needs(Role.READ)
    async def about(request: web.Request) -> web.Response:
        return _page(request, about_page(around, unix_seconds(), sources))

    pages: dict[str, Handler] = {
        "/": fleet,
        "/hosts/{host:[^/]+}": host,  # braces too
        "/zones": zones,
        "/about": about,
    }
    return [*(web.get(path, handler) for path, handler in pages.items()), asset_route(dress)]


def _page(request: web.Request, html: str, status: int = 200) -> web.Response:
    body = html.encode("utf-8", "replace")
    headers = {"Content-Security-Policy": POLICY, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, _GZIP_LEVEL)
    return web.Response(
        status=status, body=body, content_type="text/html", charset="utf-8", headers=headers
    )
