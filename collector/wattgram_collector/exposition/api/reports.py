"""Explanations and reports for the API: in a thread, one at a time, and only for so long.

A long report is the command's business: here it would take CPU from the agents' batches.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, Final, TypeVar, cast

from wattgram.readings import Series
from wattgram.units import SECONDS_PER_DAY
from wattgram_collector.accounting.uncertainty import Uncertainty
from wattgram_collector.config import CollectorConfig
from wattgram_collector.exposition.api.asked import ApiError, Values
from wattgram_collector.ledger import AgentRecord, Ledger, LedgerError, Receipts, TallyKey, storage
from wattgram_collector.ledger.journal import JournalEntry, JournalKind
from wattgram_collector.ledger.restatement import Posted, Used
from wattgram_collector.reports import explain_json
from wattgram_collector.reports.commands import explained, named, reported
from wattgram_collector.reports.explain import Every
from wattgram_collector.reports.reading import Period
from wattgram_collector.reports.report import By

DAYS_MAX: Final = 31
SLOT_DAYS_MAX: Final = 2
"""Of an explanation slot by slot."""
SECONDS_MAX: Final = 10.0
WAITING_MAX: Final = 4
RETRY_SECONDS: Final = 5
_ROWS_BETWEEN_LOOKS: Final = 1_000

Result = TypeVar("Result")


class TooLongError(Exception):
    """The work was given up."""


class Desk:
    """Answers from the ledger; everything raises ApiError."""

    def __init__(self, config: CollectorConfig, *, seconds_max: float = SECONDS_MAX) -> None:
        self._config = config
        self._seconds_max = seconds_max
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reports")
        self._waiting = 0
        self._is_closed = False

    async def explain(self, host: str, asked: Values) -> Any:
        """Return how the grams of a host came about, as `explain --json` has it."""
        period = _period(asked)
        every = Every(asked["every"]) if asked["every"] else Every.fitting(period)
        if every is Every.SLOT:
            _require_days(period, SLOT_DAYS_MAX, "slot by slot; every=hour or day takes more")

        def work(ledger: Ledger) -> Any:
            found = explained(ledger, _named(ledger, host), period, every)
            return explain_json.said_of(found, Uncertainty(self._config.uncertainty))

        return await self.answer(work)

    async def report(self, asked: Values) -> Any:
        """Return sums by group: as `report` prints them, text for CSV."""
        period = _period(asked)
        is_csv = asked["format"] == "csv"

        def work(ledger: Ledger) -> Any:
            form = "csv" if is_csv else "json"
            lines = "\n".join(reported(self._config, By(asked["by"]), form, ledger, period))
            return f"{lines}\n" if is_csv else json.loads(lines)

        return await self.answer(work)

    async def shut(self, _: object) -> None:
        """Close, when the application that it is part of is shut down."""
        self.close()

    def close(self) -> None:
        """Give up what is being made."""
        self._is_closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def answer(self, work: Callable[[Ledger], Result]) -> Result:
        """Do work on the ledger in the thread; raises ApiError."""
        if self._is_closed:
            raise ApiError(503, "the collector is stopping")
        if self._waiting >= WAITING_MAX:
            raise ApiError(503, f"{self._waiting} reports are being made: ask again soon")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._worked, work)
        except TooLongError as error:
            text = f"not within {self._seconds_max:g} s: ask for less, or use the command"
            text = "the collector is stopping" if self._is_closed else text
            raise ApiError(503, text) from error
        except LedgerError as error:
            raise ApiError(503, f"the ledger cannot be read: {error}") from error
        finally:
            self._waiting -= 1

    def _worked(self, work: Callable[[Ledger], Result]) -> Result:
        with closing(storage.reading(self._config)) as ledger:
            until = time.monotonic() + self._seconds_max
            hurried = Hurried(ledger, lambda: self._is_closed or time.monotonic() > until)
            return work(cast("Ledger", hurried))


class Hurried:
    """What of a ledger explanations and reports read, until it is over: then TooLongError."""

    def __init__(self, ledger: Ledger, is_over: Callable[[], bool]) -> None:
        self._ledger = ledger
        self._is_over = is_over

    def _look(self) -> None:
        if self._is_over():
            raise TooLongError

    def agents(self) -> list[AgentRecord]:
        return self._ledger.agents()

    def posted(
        self, first_slot: int, end_slot: int, agent_key: int | None = None
    ) -> Iterator[Posted]:
        self._look()
        for number, row in enumerate(self._ledger.posted(first_slot, end_slot, agent_key)):
            if number % _ROWS_BETWEEN_LOOKS == 0:
                self._look()
            yield row

    def journal(
        self, kinds: Collection[JournalKind] | None = None, after: int = 0
    ) -> Iterator[JournalEntry]:
        for number, entry in enumerate(self._ledger.journal(kinds, after)):
            if number % _ROWS_BETWEEN_LOOKS == 0:
                self._look()
            yield entry

    def receipts(self, agent_key: int, first_slot: int, end_slot: int) -> Receipts:
        self._look()
        return self._ledger.receipts(agent_key, first_slot, end_slot)

    def used(self, first_slot: int, end_slot: int, agent_key: int) -> list[Used]:
        self._look()
        return self._ledger.used(first_slot, end_slot, agent_key)

    def counted_energy(
        self, first_slot: int, end_slot: int, agent_key: int
    ) -> Mapping[Series, int]:
        self._look()
        return self._ledger.counted_energy(first_slot, end_slot, agent_key)

    def posted_span(self, agent_key: int | None = None) -> tuple[int, int] | None:
        return self._ledger.posted_span(agent_key)

    def tallies(self, agent_key: int) -> Mapping[TallyKey, int]:
        return self._ledger.tallies(agent_key)


def _period(asked: Values) -> Period:
    try:
        period = Period(asked["from"], asked["to"])
    except ValueError:
        raise ApiError(400, "the period ends before it begins", "from") from None
    _require_days(period, DAYS_MAX, "here; the command takes any time")
    return period


def _require_days(period: Period, most: int, where: str) -> None:
    if period.to_unix_seconds - period.from_unix_seconds > most * SECONDS_PER_DAY:
        raise ApiError(
            400, f"from and to are more than {most} days apart, the most {where}", "from"
        )


def _named(ledger: Ledger, name: str) -> AgentRecord:
    found = named(ledger.agents(), name)
    if found is None:
        raise ApiError(404, f"there is no host {name!r:.210}")
    return found
