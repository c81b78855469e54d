"""What providers say goes to the book, to the ledger, and to what is already posted.

A value is in the ledger before anything is priced with it. What was posted with a worse factor is
restated soon after: by day, so that batches never wait long, and again if the ledger failed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

from wattgram.units import ACCOUNTING_SLOT_SECONDS, SECONDS_PER_DAY
from wattgram_collector.accounting.slots import slot_start_unix_seconds
from wattgram_collector.ingest.agents import Fleet
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.intensities.history import History
from wattgram_collector.intensity import Axes, Intensity, Recorded, Signal
from wattgram_collector.ledger import Ledger, LedgerError
from wattgram_collector.ledger.restatement import Restated, Restatement

LOG: Final = logging.getLogger("wattgram.restating")
SETTLE_SECONDS: Final = 2.0
"""Values that come one after the other are one pass."""
RETRY_SECONDS: Final = 30.0
SLOTS_PER_DAY: Final = SECONDS_PER_DAY // ACCOUNTING_SLOT_SECONDS


class Due(NamedTuple):
    """Slots of one zone that may have another factor now: one day of UTC at most."""

    signal: Signal
    zone: str
    day: int


class Restater:
    """One of it. `take` is the sink of every provider's feed."""

    def __init__(
        self,
        ledger: Ledger,
        committer: Committer,
        fleet: Fleet,
        history: History,
        axes: Mapping[Signal, Axes],
        *,
        freeze_days: float,
        unix_seconds: Callable[[], float],
    ) -> None:
        """`axes`: on which axes energy is priced; a value on others is kept and prices nothing."""
        self._ledger = ledger
        self._committer = committer
        self._fleet = fleet
        self._history = history
        self._axes = dict(axes)
        self._freeze_seconds = freeze_days * SECONDS_PER_DAY
        self._unix_seconds = unix_seconds
        self._due: dict[Due, set[int]] = defaultdict(set)
        self._news = asyncio.Event()
        self.passes = 0
        self.restated_slots = 0
        self.prior_period_slots = 0
        self.last_pass_unix_seconds = 0.0

    @property
    def waiting(self) -> int:
        """Days of zones that are to be looked at."""
        return len(self._due)

    async def take(self, values: Sequence[Intensity]) -> None:
        """Keep what is new of the values; raises LedgerError when they could not be kept."""
        now = int(self._unix_seconds())
        news = self._history.fresh(values, now)
        if not news:
            return
        await self._committer.call(lambda: self._ledger.record_intensities(news))
        self._history.load(news)
        for value, _ in news:
            self._mark(value, now)
        if self._due:
            self._news.set()

    def resume(self, records: Sequence[Recorded]) -> None:
        """Load what was kept of a zone, and look at what the last process may not have come to."""
        self._history.load(records)
        newest = max((fetched for _, fetched in records), default=0)
        for value, fetched in records:
            if fetched > newest - SECONDS_PER_DAY:
                self._mark(value, int(self._unix_seconds()))
        if self._due:
            self._news.set()

    def _mark(self, value: Intensity, now: int) -> None:
        axes = self._axes.get(value.signal)
        if axes is None or not axes.fit(value):
            return
        for slot in _slots(value, now):
            self._due[Due(axes.signal, value.zone, slot // SLOTS_PER_DAY)].add(slot)

    async def run(self) -> None:
        """Restate what is due, until cancelled."""
        failed = False
        while True:
            await self._news.wait()
            await asyncio.sleep(RETRY_SECONDS if failed else SETTLE_SECONDS)
            self._news.clear()
            failed = not await self.restate_due()
            if failed:
                self._news.set()

    async def restate_due(self) -> bool:
        """Restate what is due now; return whether the ledger took it."""
        while self._due:
            due = min(self._due, key=lambda one: (-one.day, one.zone))
            slots = self._due.pop(due)
            wanted = self._wanted(due, sorted(slots))
            # What was reckoned with the factors of before is to be in the ledger first.
            await self._committer.flush()
            try:
                restated = await self._committer.call(partial(self._ledger.restate, wanted))
            except LedgerError:
                self._due[due] |= slots
                return False
            self._note(due, restated)
        return True

    def _wanted(self, due: Due, slots: Sequence[int]) -> Restatement:
        now = self._unix_seconds()
        axes = self._axes[due.signal]
        factors = {
            slot: factor
            for slot in slots
            if (factor := self._history.at(due.zone, slot_start_unix_seconds(slot), axes))
        }
        return Restatement(
            signal=due.signal,
            zone=due.zone,
            factors=factors,
            begun_unix_seconds=int(now),
            reason=", ".join(sorted({factor.provider for factor in factors.values()})),
            first_open_slot=int(now - self._freeze_seconds) // ACCOUNTING_SLOT_SECONDS,
        )

    def _note(self, due: Due, restated: Restated) -> None:
        if not restated.number:
            return
        self.passes += 1
        self.restated_slots += restated.slots
        self.prior_period_slots += restated.prior_period_slots
        self.last_pass_unix_seconds = self._unix_seconds()
        for agent in self._fleet:
            change = restated.changes.get(agent.record.key)
            if change is not None:
                agent.totals.adjustment += change
        self._committer.tell(range(due.day * SLOTS_PER_DAY, (due.day + 1) * SLOTS_PER_DAY))
        LOG.debug("restated zone=%s day=%d slots=%d", due.zone, due.day, restated.slots)


def _slots(value: Intensity, now: int) -> Iterator[int]:
    """Yield the accounting slots that a value is about and that have begun."""
    first = value.valid_from_unix_seconds // ACCOUNTING_SLOT_SECONDS
    end = min(value.valid_until_unix_seconds, now)
    yield from range(first, -(-end // ACCOUNTING_SLOT_SECONDS))
