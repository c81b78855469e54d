"""POST /api/v1/activities: rows into the journal, checked as `activities import` checks them.

For admins only. What is taken is durable when the answer leaves; the same again changes nothing,
so that a client may post until it is answered.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final

from aiohttp import web

from wattgram.units import BYTES_PER_MEBIBYTE
from wattgram_collector.access.credentials import Role
from wattgram_collector.access.http import needs
from wattgram_collector.exposition.api.activity_answers import report
from wattgram_collector.exposition.api.activity_table import (
    FORMS,
    PARAMETERS,
    PATH,
    REFUSED,
    ROWS_MAX,
)
from wattgram_collector.exposition.api.asked import ApiError, Values, read
from wattgram_collector.exposition.api.shapes import plain
from wattgram_collector.inventory.activities.checking import Rules
from wattgram_collector.inventory.activities.importing import (
    ActivityLedger,
    Asked,
    Given,
    imported,
)
from wattgram_collector.inventory.activities.kept import KeptError
from wattgram_collector.inventory.activities.kinds import KINDS, shipped_table
from wattgram_collector.inventory.activities.outcome import Outcome
from wattgram_collector.inventory.activities.source_rows import nearest
from wattgram_collector.ledger import LedgerError

LOG: Final = logging.getLogger("wattgram.collector")
BODY_BYTES_MAX: Final = 4 * BYTES_PER_MEBIBYTE
BODY_SECONDS_MAX: Final = 60.0
WAITING_MAX: Final = 4
RETRY_SECONDS: Final = 5
PROBLEM: Final = "application/problem+json"
_BUSY: Final = 503
_TRUE: Final = "true"


class ActivitiesDesk:
    """Takes what is posted; one request after the other."""

    def __init__(self, opened: Callable[[], ActivityLedger], timezone: str) -> None:
        """`opened` opens the journal to be written to, from any thread; raises LedgerError."""
        self._opened = opened
        self._timezone = timezone
        self._rules: Rules | None = None
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self.answer)]

    @needs(Role.ADMIN)
    async def answer(self, request: web.Request) -> web.Response:
        try:
            asked = _asked(request)
            form = FORMS.get(request.content_type)
            if form is None:
                raise ApiError(415, f"Content-Type must be one of {', '.join(FORMS)}")
            body = await _body(request)
            given = Given(asked["file"], body, form, ROWS_MAX)
            found = await self._taken(given, asked)
        except ApiError as error:
            headers = {"Retry-After": str(RETRY_SECONDS)} if error.status == _BUSY else {}
            text = json.dumps(error.problem)
            return web.Response(
                status=error.status, text=text, content_type=PROBLEM, headers=headers
            )
        is_done = found.is_whole or (found.is_readable and asked["keep_good"] == _TRUE)
        return web.json_response(plain(report(found)), status=200 if is_done else REFUSED)

    async def _taken(self, given: Given, asked: Values) -> Outcome:
        if self._waiting >= WAITING_MAX:
            raise ApiError(503, f"{self._waiting} requests are being taken: post again soon")
        self._waiting += 1
        try:
            # Shielded: what is being written is written, whether or not anybody waits for it.
            return await asyncio.shield(self._in_turn(given, asked))
        except (LedgerError, KeptError) as error:
            LOG.warning("activities_not_taken reason=%r", str(error))
            raise ApiError(503, f"the ledger cannot be written to: {error}") from error
        finally:
            self._waiting -= 1

    async def _in_turn(self, given: Given, asked: Values) -> Outcome:
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._take, given, asked)

    def _take(self, given: Given, asked: Values) -> Outcome:
        """Raises LedgerError, KeptError."""
        if self._rules is None:  # the tables are read for the first one who posts
            self._rules = Rules(kinds=KINDS, factors=shipped_table(), timezone=self._timezone)
        rules = self._rules.with_kind(asked["kind"])
        how = Asked(*(asked[name] == _TRUE for name in ("keep_good", "replace", "dry_run")))
        with closing(self._opened()) as ledger:
            return imported(ledger, given, how, rules, time.time_ns())


def _asked(request: web.Request) -> Values:
    """Return what the query says; raises ApiError."""
    asked = read(PARAMETERS, request.query.items(), int(time.time()))
    if not asked["file"].isprintable():
        raise ApiError(400, "file: must be printable", "file")
    kind = asked["kind"]
    if kind and kind not in KINDS:
        raise ApiError(400, f"kind: unknown kind {kind!r:.60}{nearest(kind, KINDS)}", "kind")
    return asked


async def _body(request: web.Request) -> bytes:
    """Return the body; raises ApiError for one that is too long, or too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise ApiError(413, f"more than {BODY_BYTES_MAX} bytes: post less at once")
    except TimeoutError:
        raise ApiError(400, f"the body took more than {BODY_SECONDS_MAX:g} s") from None
    return bytes(body)
