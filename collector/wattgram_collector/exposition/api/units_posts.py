"""POST /api/v1/functional-units: counts into the journal, all of a request or none.

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
from wattgram_collector.exposition.api.asked import ApiError, Json, read
from wattgram_collector.exposition.api.posts import Turns, body_of, form_of, refused
from wattgram_collector.exposition.api.shapes import plain
from wattgram_collector.exposition.api.units_answers import Taken
from wattgram_collector.exposition.api.units_table import PARAMETERS, PATH, ROWS_MAX
from wattgram_collector.inventory.activities.reading import Form
from wattgram_collector.inventory.said.kept import (
    Changes,
    SaidLedger,
    Shelf,
    Sourced,
    changes,
    taken,
    write,
)
from wattgram_collector.inventory.said.rows import SaidError, read_rows
from wattgram_collector.inventory.said.units import COLUMNS, UnitCount, units_sort
from wattgram_collector.ledger import LedgerError
from wattgram_collector.ledger.journal import JournalRecord

LOG: Final = logging.getLogger("wattgram.collector")
BODY_BYTES_MAX: Final = BYTES_PER_MEBIBYTE
PROBLEMS_MAX: Final = 100
"""So many are told of one request."""
ORIGIN: Final = "posted"


class UnitsDesk:
    """Takes what is posted; one request after the other."""

    def __init__(self, opened: Callable[[], SaidLedger], timezone: str) -> None:
        """`opened` opens the journal to be written to, from any thread; raises LedgerError."""
        self._opened = opened
        self._shelf = Shelf(units_sort(timezone))
        self._turns = Turns()

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self.answer)]

    @needs(Role.ADMIN)
    async def answer(self, request: web.Request) -> web.Response:
        try:
            asked = read(PARAMETERS, request.query.items(), int(time.time()))
            form = form_of(request)
            body = await body_of(request, BODY_BYTES_MAX)
            found = await self._taken(body, form, is_replacing=asked["replace"] == "true")
        except ApiError as error:
            return refused(error.problem)
        except SaidError as error:
            return refused(_problem(error))
        return web.json_response(plain(found))

    async def _taken(self, body: bytes, form: Form, *, is_replacing: bool) -> Taken:
        try:
            return await self._turns.take(
                partial(self._take, body, form, is_replacing=is_replacing)
            )
        except SaidError:
            raise
        except (LedgerError, ValueError) as error:
            LOG.warning("units_not_taken reason=%r", str(error))
            raise ApiError(503, f"the ledger cannot be written to: {error}") from error

    def _take(self, body: bytes, form: Form, *, is_replacing: bool) -> Taken:
        """Raises SaidError, LedgerError."""
        rows = read_rows(body, form, ORIGIN, COLUMNS)
        if len(rows) > ROWS_MAX:
            raise ApiError(413, f"{len(rows)} entries, and {ROWS_MAX} are taken at once")
        said = taken(self._shelf.sort, rows)
        found: Changes[UnitCount] = Changes([], [], 0)

        def decide() -> list[JournalRecord]:
            nonlocal found
            found = changes(self._shelf, said, is_replacing=is_replacing)
            return found.records(self._shelf.sort)

        with closing(self._opened()) as ledger:
            write(ledger, self._shelf, decide, time.time_ns())
        return Taken(new=_ids(found.new), replaced=_ids(found.replaced), same=found.same)


def _ids(found: list[Sourced[UnitCount]]) -> tuple[str, ...]:
    return tuple(one.value.entry_id for one in found)


def _problem(error: SaidError) -> Json:
    """Return the problem details; `errors` has what is wrong by line and column."""
    errors: dict[str, list[str]] = {}
    for one in error.problems[:PROBLEMS_MAX]:
        at = f"{one.where.removeprefix(f'{ORIGIN}:')} {one.wrong.column}".strip()
        errors.setdefault(at, []).append(str(one.wrong))
    left_out = len(error.problems) - PROBLEMS_MAX
    more = f"; {left_out} more are not told" if left_out > 0 else ""
    detail = f"nothing is taken: {len(error.problems)} things are wrong{more}"
    return ApiError(400, detail).problem | {"errors": errors}
