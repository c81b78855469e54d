"""POST /api/v1/activities: rows into the journal, checked as `activities import` checks them.

For admins only.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Final

from aiohttp import web

from wattgram.units import BYTES_PER_MEBIBYTE
from wattgram_collector.access.credentials import Role
from wattgram_collector.access.http import needs
from wattgram_collector.exposition.api.activity_answers import report
from wattgram_collector.exposition.api.activity_table import (
    PARAMETERS,
    PATH,
    REFUSED,
    ROWS_MAX,
)
from wattgram_collector.exposition.api.asked import ApiError, Values, read
from wattgram_collector.exposition.api.posts import Turns, body_of, form_of, refused
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
_TRUE: Final = "true"


class ActivitiesDesk:
    """Takes what is posted; one request after the other."""

    def __init__(self, opened: Callable[[], ActivityLedger], timezone: str) -> None:
        """`opened` opens the journal to be written to, from any thread; raises LedgerError."""
        self._opened = opened
        self._timezone = timezone
        self._rules: Rules | None = None
        self._turns = Turns()

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self.answer)]

    @needs(Role.ADMIN)
    async def answer(self, request: web.Request) -> web.Response:
        try:
            asked = _asked(request)
            form = form_of(request)
            given = Given(asked["file"], await body_of(request, BODY_BYTES_MAX), form, ROWS_MAX)
            found = await self._taken(given, asked)
        except ApiError as error:
            return refused(error.problem)
        is_done = found.is_whole or (found.is_readable and asked["keep_good"] == _TRUE)
        return web.json_response(plain(report(found)), status=200 if is_done else REFUSED)

    async def _taken(self, given: Given, asked: Values) -> Outcome:
        try:
            return await self._turns.take(partial(self._take, given, asked))
        except (LedgerError, KeptError) as error:
            LOG.warning("activities_not_taken reason=%r", str(error))
            raise ApiError(503, f"the ledger cannot be written to: {error}") from error

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
