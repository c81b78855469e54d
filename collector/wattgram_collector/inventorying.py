"""Keeps the inventory of the year so far for /metrics, from the ledger and its journal.

It is worked out in a thread: at the start, when a day is over, and when the days that are over or
the journal have something else in them. It comes after everything else: between two agents the
thread rests for as long as it worked, and between two times at least `metrics_minutes`, and
twenty times as long as the last one took.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Final, NamedTuple

from wattgram.units import SECONDS_PER_MINUTE
from wattgram_collector.config import CollectorConfig
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.inventory.books import books_of
from wattgram_collector.inventory.engine import inventory_of
from wattgram_collector.inventory.making.hardware import shipped
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.metering.metered import metered_postings
from wattgram_collector.inventory.periods import ReportPeriod, day_of
from wattgram_collector.inventory.to_date import ToDate, embodied_rates, to_date, year_to_date
from wattgram_collector.ledger import LedgerError, storage

LOG: Final = logging.getLogger("wattgram.inventory")
TICK_SECONDS: Final = 10.0
REST_RATIO: Final = 20
WORK_SECONDS: Final = 0.02


class Read(NamedTuple):
    """What came of one reading, and how long the journal was."""

    to_date: ToDate
    journal_entries: int


class StoppedError(Exception):
    """The collector ends: nobody waits for what is being worked out."""


class Pace:
    """Told how far a reading is; makes it rest for as long as it worked, and end when it must."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._since = time.monotonic()

    def __call__(self, _done: int, _of: int) -> None:
        """Raise StoppedError when the collector ends."""
        worked = time.monotonic() - self._since
        if self._stopping.wait(worked if worked >= WORK_SECONDS else 0):
            raise StoppedError
        if worked >= WORK_SECONDS:
            self._since = time.monotonic()


class Inventorying:
    """One of it. Where nobody is named who reports it does nothing."""

    def __init__(
        self,
        config: CollectorConfig,
        committer: Committer,
        *,
        unix_seconds: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._settings = config.inventory
        self.is_on = bool(self._settings.organisation and self._settings.metrics_minutes)
        self._changed = committer.follow() if self.is_on else set()
        self._summing = storage.summing(config)
        """What it learnt of the ledger's factors is kept from one time to the next."""
        self._unix_seconds = unix_seconds
        self._monotonic = monotonic
        self._read: Read | None = None
        self._period: ReportPeriod | None = None
        self._is_due = True
        self._next = monotonic()
        self.reckoned_unix_seconds: float | None = None
        self.reckoning_seconds: float | None = None
        self.is_failing = False
        self._stopping = threading.Event()

    @property
    def to_date(self) -> ToDate | None:
        """Return the year so far as it was read last; None before that."""
        return self._read.to_date if self._read else None

    @contextlib.asynccontextmanager
    async def running(self, stop: Callable[[asyncio.Future[None]], None]) -> AsyncIterator[None]:
        """Keep the figures up to date; `stop` is told when that dies of a bug."""
        if not self.is_on:
            yield
            return
        thread = ThreadPoolExecutor(1, thread_name_prefix="inventory")
        task = asyncio.ensure_future(self._run(thread))
        task.add_done_callback(stop)
        try:
            yield
        finally:
            self._stopping.set()
            task.cancel()
            await asyncio.wait({task})
            thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, thread: ThreadPoolExecutor) -> None:
        while True:
            await self.keep_up(thread)
            await asyncio.sleep(TICK_SECONDS)

    async def keep_up(self, thread: ThreadPoolExecutor | None = None) -> None:
        """Work it out again if something is otherwise, and it is time for it."""
        now = self._unix_seconds()
        period = year_to_date(now, self._settings.timezone)
        self._note(period)
        began = self._monotonic()
        if began < self._next:
            return
        loop = asyncio.get_running_loop()
        try:
            if not self._is_due and self._read is not None:
                after = self._read.journal_entries
                self._is_due = await loop.run_in_executor(thread, self._has_grown, after)
            if self._is_due:
                found = await loop.run_in_executor(thread, self._reckon, period, now)
                self._keep(found, began)
        except StoppedError:
            return
        except (LedgerError, OSError, ValueError) as error:
            self._fail(error)
        took = self._monotonic() - began
        self._next = self._monotonic() + max(
            self._settings.metrics_minutes * SECONDS_PER_MINUTE, REST_RATIO * took
        )

    def _note(self, period: ReportPeriod) -> None:
        """Note whether days that are over have changed, or another one is over."""
        _, end_slot = period.interval.slots
        if period != self._period or any(slot < end_slot for slot in self._changed):
            self._is_due = True
            self._period = period
        self._changed.clear()

    def _has_grown(self, after: int) -> bool:
        with closing(storage.journalling(self._config)) as journal:
            return any(True for _ in journal.journal(after=after))

    def _reckon(self, period: ReportPeriod, now_unix_seconds: float) -> Read:
        self._is_due = False
        settings, pace = self._settings, Pace(self._stopping)
        with closing(self._summing()) as sums:
            books = books_of(sums.journal(), settings.timezone)
            metering = metered_postings(
                sums, sums.agents(), books.register, period, settings, pace
            )
        with closing(metering.hours):
            found = inventory_of(books, metering, settings, period, tell=pace)
        today = day_of(int(now_unix_seconds), settings.timezone)
        rates = embodied_rates(books.register, Resolver(shipped()), settings, today)
        return Read(to_date(found, rates), books.entries)

    def _keep(self, found: Read, began: float) -> None:
        self._read = found
        self.reckoned_unix_seconds = self._unix_seconds()
        self.reckoning_seconds = self._monotonic() - began
        if self.is_failing:
            LOG.info("inventory_reckoned_again")
        self.is_failing = False

    def _fail(self, error: Exception) -> None:
        self._is_due = True
        if not self.is_failing:
            LOG.warning("inventory_not_reckoned reason=%r", str(error))
        self.is_failing = True
