"""Group commit: what arrives within one tick goes to the ledger in one transaction.

The acknowledgement leaves after the commit, one per stream and commit. A ledger that fails
loses nothing: the entries were never acknowledged, so their agents send them again. Whether it
works again is tried before the next work on it, and every few seconds where nobody comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from wattgram_collector.ledger import Entry, Ledger, LedgerChangedError, LedgerError, Outcome

LOG: Final = logging.getLogger("wattgram.committer")
PROBE_SECONDS: Final = 5.0
CALLS_MAX: Final = 8
"""So much other work may be before a commit; enough of it that the thread is never idle."""

Result = TypeVar("Result")
Done = Callable[[Outcome | None], None]
"""Called on the event loop with what became of an entry; None when the ledger failed."""


class Committer:
    """The only writer of the ledger."""

    def __init__(
        self, ledger: Ledger, *, tick_seconds: float, probe_seconds: float = PROBE_SECONDS
    ) -> None:
        self._ledger = ledger
        self._tick_seconds = tick_seconds
        self._probe_seconds = probe_seconds
        self._waiting: list[tuple[Entry, Done]] = []
        self._news = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._callers = asyncio.Semaphore(CALLS_MAX)
        self.trouble: LedgerError | None = None
        """Why the ledger takes nothing; None while it does."""
        self._changed: LedgerChangedError | None = None
        self.commits = 0
        self.failures = 0
        self._followers: list[set[int]] = []

    def follow(self) -> set[int]:
        """Return a set to which every slot is added that is posted to, or restated, from now on.

        Whoever asked for it empties it.
        """
        self._followers.append(set())
        return self._followers[-1]

    def tell(self, slots: Iterable[int]) -> None:
        """Tell those who follow that the ledger has something else in these slots now."""
        changed = set(slots)
        for one in self._followers:
            one.update(changed)

    @property
    def is_healthy(self) -> bool:
        return self.trouble is None

    @property
    def sizes_bytes(self) -> Mapping[str, int]:
        """How large each part of the storage is, by a short name."""
        return self._ledger.sizes_bytes()

    @property
    def faults(self) -> int:
        """How many faults the last check of what is stored has found."""
        return self._ledger.faults()

    def submit(self, entry: Entry, done: Done) -> None:
        """Add an entry to the next commit."""
        self._waiting.append((entry, done))
        self._news.set()

    async def call(self, work: Callable[[], Result]) -> Result:
        """Run work on the ledger in its turn, and note whether the ledger works.

        A few at a time: newcomers cost a transaction each, and a commit that all the others wait
        for is to find few of them before it, not hundreds. Raises LedgerError when the ledger
        does not work; one that failed is probed before it gets work.
        """
        async with self._callers:
            return await self._counted(work)

    async def probe(self) -> None:
        """Find out whether the ledger works."""
        with contextlib.suppress(LedgerError):
            await self._turn(self._ledger.probe if self.trouble is None else _nothing)

    async def _counted(self, work: Callable[[], Result]) -> Result:
        try:
            return await self._turn(work)
        except LedgerError:
            self.failures += 1
            raise

    async def _turn(self, work: Callable[[], Result]) -> Result:
        def turn() -> Result:
            if self.trouble is not None:
                self._ledger.probe()
            return work()

        try:
            result = await asyncio.get_running_loop().run_in_executor(self._thread, turn)
        except LedgerError as error:
            if self.trouble is None:
                LOG.error("ledger_failed reason=%r", str(error))  # noqa: TRY400
            self.trouble = error
            if isinstance(error, LedgerChangedError):
                self._changed = error
            self._news.set()  # `run` is to probe from now on
            raise
        if self.trouble is not None:
            LOG.info("ledger_works_again")
        self.trouble = None
        return result

    async def run(self) -> None:
        """Commit until cancelled.

        Raises LedgerChangedError when what this process shows is not what is stored.
        """
        while True:
            try:
                async with asyncio.timeout(None if self.is_healthy else self._probe_seconds):
                    await self._news.wait()
            except TimeoutError:
                await self.probe()
                continue
            await asyncio.sleep(self._tick_seconds)
            await self.flush()
            if self._changed is not None:
                raise self._changed

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
        if self._followers:
            self.tell(key.slot for one in outcomes if one for key in one.entry.postings)

    async def close(self) -> None:
        """Commit what waits and let the thread go."""
        await self.flush()
        self._thread.shutdown()

    async def _apply(self, entries: Sequence[Entry]) -> Sequence[Outcome | None] | None:
        try:
            outcomes = await self._counted(lambda: self._ledger.apply(entries))
        except LedgerError:
            return None
        self.commits += 1
        return outcomes


def _nothing() -> None:
    """Leave it at the probe that comes before the work."""
