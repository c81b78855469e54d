"""One host's seconds through a spool into a ledger, over lives of the agent: each booked once.

A second is one unit of energy, and its own name: a batch says which seconds it holds, so that the
ledger can tell a second that came twice from one that never came.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable
from itertools import count, pairwise
from pathlib import Path

from spooling import EPOCH, PACKAGE, SECOND, HastyMedium, open_spool
from wattgram.readings import Batch, Gap, Kind, Series, SeriesTable
from wattgram.wire import decode_agent_message
from wattgram_agent.meter import Register
from wattgram_agent.spool.queue import Spool

_LIVES = count(1)


class Ledger:
    """What a collector books: a sequence of a session once, and what it remembers of it."""

    def __init__(self) -> None:
        self.applied: dict[str, int] = {}
        self.starts: dict[tuple[str, int], int] = {}
        self.seconds: Counter[int] = Counter()
        self.gaps: list[Gap] = []

    def greet(self, spool: Spool) -> None:
        """Shake hands until both agree on the session."""
        for _ in range(3):
            session = spool.session
            applied = self.applied.setdefault(session, spool.first_sequence - 1)
            starts = [self.starts.get((session, n), 0) for n in range(applied, 0, -1)]
            if not spool.continue_after(applied, starts):
                return
        raise AssertionError("no agreement")

    def take(self, spool: Spool, limit: int | None = None, *, acknowledge: bool = True) -> None:
        """Take the batches that wait, oldest first."""
        for entry in spool.after(0, limit):
            message, table = spool.read(entry), spool.table(entry.table_number)
            if message is None or table is None:
                spool.discard(entry)
                continue
            batch = decode_agent_message(message, {table.number: table})
            assert isinstance(batch, Batch)
            self.book(spool.session, batch)
        if acknowledge:
            spool.forget(self.applied[spool.session])

    def book(self, session: str, batch: Batch) -> None:
        if batch.sequence <= self.applied[session]:
            return
        self.applied[session] = batch.sequence
        self.starts[session, batch.sequence] = batch.start_unix_nanoseconds
        self.gaps += batch.gaps
        for _, quantity, start, end in batch.spans():
            first = (batch.start_boottime_nanoseconds + start) // SECOND
            last = (batch.start_boottime_nanoseconds + end) // SECOND
            assert quantity == last - first
            self.seconds.update(range(first, last))


class Life:
    """One run of an agent that was killed, or will be. `now` is the second of the host."""

    def __init__(
        self, directory: Path, now: int, boot_id: str = "boot", **options: object
    ) -> None:
        self.spool: Spool = open_spool(directory, boot_id=boot_id, **options)
        self.now = now
        # Two reads of two clocks: no two lives agree to the nanosecond on when the host booted.
        self._booted = EPOCH + next(_LIVES)
        self._boot_id = boot_id
        self._table_number = self.spool.last_table_number + 1
        checkpoint = self.spool.checkpoint()
        is_good = checkpoint is not None and checkpoint.boot_id == boot_id
        register = checkpoint.registers[PACKAGE] if checkpoint and is_good else None
        self.since = register.value if register else now

    def measure(self, seconds: int) -> bool:
        """Close a batch of so many seconds; return whether a disk took it."""
        edges = [self.since, *range(self.now + 1, self.now + seconds + 1)]
        self.now += seconds
        self.since = self.now
        lengths = [after - before for before, after in pairwise(edges)]
        batch = Batch(
            sequence=self.spool.next_sequence,
            series_number=self._table_number,
            start_unix_nanoseconds=self._booted + edges[0] * SECOND,
            start_boottime_nanoseconds=edges[0] * SECOND,
            interval_microseconds=tuple(length * 1_000_000 for length in lengths),
            columns=(lengths,),
        )
        table = SeriesTable(
            number=self._table_number,
            boot_id=self._boot_id,
            grid_zone="",
            series=(Series(kind=Kind.ENERGY, source="rapl", domain="package", instance="0"),),
        )
        registers = {PACKAGE: Register(self.now, self.now * SECOND)}
        try:
            self.spool.append(batch, table, registers)
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End without a word: what the kernel was not told is gone."""
        segments = self.spool._shelf._segments
        if segments._descriptor >= 0:
            os.close(segments._descriptor)
            segments._descriptor = -1
        self.spool._spool_lock.close()


class FailingMedium(HastyMedium):
    """A disk of which any call may fail, a write after a part of it. `fails` decides, per call."""

    def __init__(self, fails: Callable[[str], bool], number: int = errno.EIO) -> None:
        self._fails = fails
        self._number = number

    def create(self, path: Path) -> int:
        self._may_fail("create")
        return super().create(path)

    def write(self, descriptor: int, data: bytes, offset: int) -> None:
        if self._fails("write"):
            os.pwrite(descriptor, data[: len(data) // 2], offset)
            raise OSError(self._number, os.strerror(self._number))
        super().write(descriptor, data, offset)

    def force(self, descriptor: int) -> None:
        self._may_fail("force")

    def cut(self, descriptor: int, length: int) -> None:
        self._may_fail("cut")
        super().cut(descriptor, length)

    def remove(self, path: Path) -> None:
        self._may_fail("remove")
        super().remove(path)

    def replace(self, path: Path, text: str) -> None:
        self._may_fail("replace")
        super().replace(path, text)

    def _may_fail(self, call: str) -> None:
        if self._fails(call):
            raise OSError(self._number, os.strerror(self._number))
