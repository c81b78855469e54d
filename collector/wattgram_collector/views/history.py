"""Reads the last day from the ledger beside the work: a thread, a connection, a piece at a time.

The newest hour is read every few seconds, all of the day every five minutes: what comes late and
what is restated is shown within minutes. Where that takes long it is done less often, so that
neither takes more than a hundredth of a core.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Final, NamedTuple, TypeVar

from wattgram.units import ACCOUNTING_SLOT_SECONDS, SECONDS_PER_HOUR
from wattgram_collector.ledger import LedgerError
from wattgram_collector.ledger.sums import Sums, WorkloadSum
from wattgram_collector.views.day import (
    SLOTS,
    Day,
    DayView,
    Grouping,
    Labels,
    end_slot,
    grouped,
)
from wattgram_collector.views.model import Step
from wattgram_collector.views.sums import Rates, cells_of

LOG: Final = logging.getLogger("wattgram.views")
NEWEST_SLOTS: Final = SECONDS_PER_HOUR // ACCOUNTING_SLOT_SECONDS
PIECE_SLOTS: Final = 24
"""Read at once: nobody waits for more when the collector stops, and the journal stays short."""
NEWEST_SECONDS: Final = 5.0
WHOLE_SECONDS: Final = 300.0
COST_RATIO_MAX: Final = 0.01
WORKLOADS_MAX: Final = 50
HOSTS_KEPT: Final = 64
HOST_SECONDS: Final = 20.0

Result = TypeVar("Result")


class HostDay(NamedTuple):
    """The last day of one host, and when it was read on the monotonic clock."""

    steps: tuple[Step, ...]
    read_seconds: float


class History:
    """The last day of the fleet, kept up to date by `run`, and of a host when somebody asks."""

    def __init__(
        self,
        opened: Callable[[], Sums],
        labels: Callable[[], Mapping[int, Labels]],
        *,
        unix_seconds: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`opened` gives an instant of the ledger; `labels` what hosts have in common, by key."""
        self.day: DayView | None = None
        """None until it was read for the first time."""
        self.trouble: LedgerError | None = None
        """Why it could not be read last."""
        self.whole_seconds = 0.0
        """How long the last reading of all the day took."""
        self._opened = opened
        self._labels = labels
        self._unix_seconds = unix_seconds
        self._monotonic = monotonic
        self._kept: Day | None = None
        self._end = 0
        self._whole_due = 0.0
        self._hosts: OrderedDict[int, HostDay] = OrderedDict()
        self._rates = Rates()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="views")

    async def run(self) -> None:
        """Read until cancelled."""
        try:
            while True:
                took_seconds = await self.read()
                await asyncio.sleep(max(NEWEST_SECONDS, took_seconds / COST_RATIO_MAX))
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def read(self) -> float:
        """Read what is due; return how many seconds of work that was."""
        began = self._monotonic()
        grouping = grouped(self._labels())
        end = end_slot(self._unix_seconds())
        is_whole = (
            self._kept is None
            or began >= self._whole_due
            or not 0 <= end - self._end < NEWEST_SLOTS
            or grouping != self._kept.grouping
        )
        day = Day(grouping) if is_whole or self._kept is None else self._kept
        try:
            for first, until in _pieces(end + 1, SLOTS if is_whole else NEWEST_SLOTS):
                await self._in_thread(_read_piece, self._opened, day, self._rates, first, until)
            most = await self._in_thread(_read_workloads, self._opened, end)
            now = int(self._unix_seconds())
            self.day = await self._in_thread(day.view, end, now, most)
        except LedgerError as error:
            if self.trouble is None:
                LOG.warning("history_not_read reason=%r", str(error))
            self.trouble = error
            return self._monotonic() - began
        if self.trouble is not None:
            LOG.info("history_read_again")
        self._kept, self._end, self.trouble = day, end, None
        took = self._monotonic() - began
        if is_whole:
            self.whole_seconds = took
            self._whole_due = began + max(WHOLE_SECONDS, took / COST_RATIO_MAX)
            return 0.0  # the next one of these is not due for long
        return took

    async def read_host(self, agent_key: int) -> None:
        """Read the last day of a host, unless that was done just now; raises LedgerError."""
        known = self._hosts.get(agent_key)
        if known is not None and self._monotonic() - known.read_seconds < HOST_SECONDS:
            return
        end = end_slot(self._unix_seconds())
        day = Day(Grouping({agent_key: 0}, {0: Labels("", "", "")}))
        await self._in_thread(_read_piece, self._opened, day, self._rates, end - SLOTS, end)
        self._hosts[agent_key] = HostDay(day.view(end, 0).steps, self._monotonic())
        self._hosts.move_to_end(agent_key)
        while len(self._hosts) > HOSTS_KEPT:
            self._hosts.popitem(last=False)

    def host(self, agent_key: int) -> tuple[Step, ...]:
        """Return the last day of a host as it was read last; empty where it never was."""
        known = self._hosts.get(agent_key)
        return known.steps if known is not None else ()

    async def _in_thread(self, work: Callable[..., Result], *arguments: object) -> Result:
        loop = asyncio.get_running_loop()
        try:
            working = loop.run_in_executor(self._thread, work, *arguments)
        except RuntimeError as error:  # the thread is gone: pages are asked to the very end
            raise LedgerError("the collector is stopping") from error
        return await working


def _pieces(end: int, slots: int) -> Iterator[tuple[int, int]]:
    """Yield `[first, until)` of so many slots before the one that ends it, the newest first."""
    until, last = end, end - 1 - slots
    while until > last:
        first = max(last, until - PIECE_SLOTS)
        yield first, until
        until = first


def _read_piece(
    opened: Callable[[], Sums], day: Day, rates: Rates, first: int, until: int
) -> None:
    groups = day.grouping.group_of
    with closing(opened()) as sums:
        cells = cells_of(
            sums.posted_sums(first, until, by_slot=True, groups=groups),
            sums.counted_sums(first, until, by_slot=True, groups=groups),
            rates,
        )
    day.put(first, until, cells)


def _read_workloads(opened: Callable[[], Sums], end: int) -> list[WorkloadSum]:
    with closing(opened()) as sums:
        return sums.workload_sums(end + 1 - NEWEST_SLOTS, end + 1, WORKLOADS_MAX)
