"""Group commit: what arrives within one tick goes to the ledger in one transaction.

The acknowledgement leaves after the commit, one per stream and commit. A ledger that fails
loses nothing: the entries were never acknowledged, so their agents send them again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from wattgram_collector.ledger import Entry, Ledger, LedgerError, Outcome

LOG: Final = logging.getLogger("wattgram.committer")

Result = TypeVar("Result")
Done = Callable[[Outcome | None], None]
"""Called on the event loop with what became of an entry; None when the ledger failed."""


class Committer:
    """The only writer of the ledger."""

    def __init__(self, ledger: Ledger, *, tick_seconds: float) -> None:
        self._ledger = ledger
        self._tick_seconds = tick_seconds
        self._waiting: list[tuple[Entry, Done]] = []
        self._news = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self.is_healthy = True
        self.commits = 0
        self.failures = 0

    def submit(self, entry: Entry, done: Done) -> None:
        """Add an entry to the next commit."""
        self._waiting.append((entry, done))
        self._news.set()

    async def call(self, work: Callable[[], Result]) -> Result:
        """Run work on the ledger in its turn, and note whether the ledger works."""
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except LedgerError as error:
            self.failures += 1
            if self.is_healthy:
                LOG.error("ledger_failed reason=%r", str(error))  # noqa: TRY400
            self.is_healthy = False
            raise
        if not self.is_healthy:
            LOG.info("ledger_works_again")
        self.is_healthy = True
        return result

    async def run(self) -> None:
        """Commit until cancelled."""
        while True:
            await self._news.wait()
            await asyncio.sleep(self._tick_seconds)
            await self.flush()

    async def flush(self) -> None:
        """Commit what waits, now."""
        self._news.clear()
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            outcomes = await self._apply([entry for entry, _ in waiting])
        except asyncio.CancelledError:
            self._waiting.clear()  # nothing may go past what may not have been added
            raise
        if outcomes is None:
            # What came meanwhile goes down too: added alone it would skip over what failed.
            waiting += self._waiting
            self._waiting = []
            outcomes = [None] * len(waiting)
        for (_, done), outcome in zip(waiting, outcomes, strict=True):
            done(outcome)

    async def close(self) -> None:
        """Commit what waits and let the thread go."""
        await self.flush()
        self._thread.shutdown()

    async def _apply(self, entries: Sequence[Entry]) -> Sequence[Outcome | None] | None:
        try:
            outcomes = await self.call(lambda: self._ledger.apply(entries))
        except LedgerError:
            return None
        self.commits += 1
        return outcomes
