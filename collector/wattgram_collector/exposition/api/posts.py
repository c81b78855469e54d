"""What is posted into the journal: read within limits, taken one request after the other.

What is taken is durable when the answer leaves; the same again changes nothing, so that a client
may post until it is answered.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Final, TypeVar

from aiohttp import web

from wattgram_collector.exposition.api.asked import ApiError, Json
from wattgram_collector.inventory.activities.reading import Form

Taken = TypeVar("Taken")

FORMS: Final = {
    "application/json": Form.JSON,
    "application/x-ndjson": Form.JSON_LINES,
    "text/csv": Form.CSV,
}
BODY_SECONDS_MAX: Final = 60.0
WAITING_MAX: Final = 4
RETRY_SECONDS: Final = 5
_PROBLEM: Final = "application/problem+json"
_BUSY: Final = 503


class Turns:
    """At most so many requests wait while one is taken."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    async def take(self, work: Callable[[], Taken]) -> Taken:
        """Do the work in a thread when it is its turn; raises ApiError where too many wait."""
        if self._waiting >= WAITING_MAX:
            raise ApiError(_BUSY, f"{self._waiting} requests are being taken: post again soon")
        self._waiting += 1
        try:
            # Shielded: what is being written is written, whether or not anybody waits for it.
            return await asyncio.shield(self._in_turn(work))
        finally:
            self._waiting -= 1

    async def _in_turn(self, work: Callable[[], Taken]) -> Taken:
        async with self._one_at_a_time:
            return await asyncio.to_thread(work)


def form_of(request: web.Request) -> Form:
    """Return how the body is written; raises ApiError."""
    form = FORMS.get(request.content_type)
    if form is None:
        raise ApiError(415, f"Content-Type must be one of {', '.join(FORMS)}")
    return form


async def body_of(request: web.Request, bytes_max: int) -> bytes:
    """Return the body; raises ApiError for one that is too long, or too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > bytes_max:
                    raise ApiError(413, f"more than {bytes_max} bytes: post less at once")
    except TimeoutError:
        raise ApiError(400, f"the body took more than {BODY_SECONDS_MAX:g} s") from None
    return bytes(body)


def refused(problem: Json) -> web.Response:
    """Return the answer to what was not taken."""
    headers = {"Retry-After": str(RETRY_SECONDS)} if problem["status"] == _BUSY else {}
    text = json.dumps(problem)
    return web.Response(
        status=problem["status"], text=text, content_type=_PROBLEM, headers=headers
    )
