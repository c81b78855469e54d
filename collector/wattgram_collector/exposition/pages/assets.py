"""What the pages are dressed with: files of this package, each under an address of its content.

An address never has another content, so that a browser asks once.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from aiohttp import web

from wattgram_collector.access.credentials import Role
from wattgram_collector.access.http import needs

_PACKAGE: Final = "wattgram_collector.exposition"
_TYPES: Final[Mapping[str, str]] = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "uPlot.iife.min.js": "text/javascript",
    "uPlot.min.css": "text/css",
    "uPlot.LICENSE": "text/plain",
    "mark.svg": "image/svg+xml",
}
_HASH_DIGITS: Final = 12
_FOREVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file, as it is sent."""

    path: str
    content_type: str
    plain: bytes
    packed: bytes

    def answer(self, accepted_encodings: str) -> web.Response:
        headers = {"Cache-Control": _FOREVER, "Vary": "Accept-Encoding"}
        body = self.plain
        if "gzip" in accepted_encodings:
            headers["Content-Encoding"], body = "gzip", self.packed
        return web.Response(
            body=body, content_type=self.content_type, charset="utf-8", headers=headers
        )


def assets() -> dict[str, Asset]:
    """Return every file by its name."""
    return {name: _asset(name, kind) for name, kind in _TYPES.items()}


def _asset(name: str, content_type: str) -> Asset:
    plain = files(_PACKAGE).joinpath("static", name).read_bytes()
    stem, _, ending = name.rpartition(".")
    digest = hashlib.sha256(plain).hexdigest()[:_HASH_DIGITS]
    path = f"static/{stem}.{digest}.{ending}"
    return Asset(path=path, content_type=content_type, plain=plain, packed=gzip.compress(plain))


def asset_route(found: Mapping[str, Asset]) -> web.RouteDef:
    """Return the route to all of them; an address of other content leads nowhere."""
    by_path = {asset.path: asset for asset in found.values()}

    @needs(Role.READ)
    async def handle(request: web.Request) -> web.Response:
        asset = by_path.get(f"static/{request.match_info['name']}")
        if asset is None:
            raise web.HTTPNotFound
        return asset.answer(request.headers.get("Accept-Encoding", ""))

    return web.get("/static/{name}", handle)
