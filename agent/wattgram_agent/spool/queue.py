"""Batches on disk until they are acknowledged: the queue. How they lie there is `shelf`'s.

The last record is kept even when all are acknowledged: it carries the sequence, and the registers
against which the next reading is differenced, across a restart. What the spool loses it tells
itself, as a gap in the next batch.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from wattgram.readings import Batch, SeriesTable
from wattgram_agent.batches import counted_energy
from wattgram_agent.meter import Register
from wattgram_agent.source import Point
from wattgram_agent.spool import checkpoints, sessions
from wattgram_agent.spool.ageing import too_old
from wattgram_agent.spool.agreement import Agreement
from wattgram_agent.spool.checkpoints import Checkpoint
from wattgram_agent.spool.entries import Entry
from wattgram_agent.spool.letters import DeadLetters
from wattgram_agent.spool.lock import SpoolLock
from wattgram_agent.spool.losses import CORRUPT, DEAD, FULL
from wattgram_agent.spool.recovery import recover
from wattgram_agent.spool.segments import Medium, Segments
from wattgram_agent.spool.shelf import Shelf
from wattgram_agent.spool.store import Store

LOG: Final = logging.getLogger("wattgram.spool")


class Spool:
    """Append at one end, forget at the other; safe from any thread."""

    def __init__(
        self,
        directory: Path,
        *,
        max_bytes: int,
        sync: str = "always",
        boot_id: str = "",
        letters: DeadLetters | None = None,
        medium: Medium | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open or create `directory`; raises OSError when it cannot be used.

        `boot_id` is that of now: in another than theirs, registers are void.
        """
        segments = Segments(directory, sync=sync, medium=medium, clock=clock)
        self._spool_lock = SpoolLock(directory)
        self._lock = threading.RLock()
        self._boot_id = boot_id
        self._letters = letters
        kept = sessions.read_session(directory)
        certain = kept.name if kept.is_certain else ""
        found = recover(segments.scan(), segments.read, certain, kept.name)
        is_new = found.next_sequence == 1
        session, is_lost = sessions.choose(
            kept, found.session, is_new=is_new, has_strangers=found.has_strangers
        )
        if is_lost or is_new:
            found.give_up()
        found.owe_what_no_register_remembers(boot_id)
        newest = (found.newest, found.tables[found.newest.table_number]) if found.newest else None
        self._shelf = Shelf(segments, session, newest)
        self._store = Store(self._shelf, found, max_bytes)
        self._agreement = Agreement(self._store, self._shelf, found)
        self._checkpoint = found.checkpoint
        self.last_table_number = found.last_table_number
        self.corrupt_records = found.corrupt_records
        if not kept.is_certain or kept.name != session:
            if kept.is_certain:
                self._shelf.go_on_as(session)
            with contextlib.suppress(OSError):  # the segments say it too
                if found.losses.owed:
                    self._store.require_state()  # of another session none would be read
                self._shelf.put_session()

    def __len__(self) -> int:
        return len(self._store.waiting)

    @property
    def next_sequence(self) -> int:
        return self._store.next_sequence

    @property
    def session(self) -> str:
        return self._shelf.session

    @property
    def first_sequence(self) -> int:
        """The oldest number that waits, or may have been lost before it arrived, or the next."""
        with self._lock:
            return self._store.first_sequence

    @property
    def checkpoint_is_stale(self) -> bool:
        """Whether the registers that this run went on from are older than what was delivered."""
        return self._agreement.stale is not None

    def table(self, number: int) -> SeriesTable | None:
        """Return a table that a batch refers to; None when both are gone by now."""
        return self._store.waiting.tables.get(number)

    def after(self, sequence: int, limit: int | None = None) -> list[Entry]:
        """Return the batches that wait with a higher sequence, oldest first, up to a limit."""
        with self._lock:
            after = (entry for entry in self._store.waiting if entry.sequence > sequence)
            return list(islice(after, limit))

    def read(self, entry: Entry) -> bytes | None:
        """Return the encoded batch; None when the medium no longer gives it back.

        Raises OSError where another try may help.
        """
        with self._lock:
            return self._store.read(entry)

    def checkpoint(self) -> Checkpoint | None:
        """Return the registers of the last batch, if there was one."""
        return self._checkpoint

    def append(
        self, batch: Batch, table: SeriesTable, registers: Mapping[Point, Register]
    ) -> None:
        """Keep `batch` under `next_sequence`, with what the spool has lost as gaps in it.

        A medium that refuses costs durability, not the batch: it is held in memory, within a
        bound, and the OSError raised for the caller to say.
        """
        with self._lock:
            packed = checkpoints.pack(table, registers)
            batch = self._agreement.cut(batch, table)
            self._store.make_room(batch, table, len(packed))
            sequence = self.next_sequence
            gaps = (*batch.gaps, *self._store.losses.tell(sequence))
            self._boot_id = table.boot_id
            self._checkpoint = checkpoints.unpack(table, packed)
            self.last_table_number = max(self.last_table_number, table.number)
            self._store.add(replace(batch, sequence=sequence, gaps=gaps), table, packed)

    def forget(self, through_sequence: int, keep: Collection[int] = ()) -> None:
        """Drop what was acknowledged, but for `keep`, and segments that hold nothing else."""
        with self._lock:
            self._agreement.kept.update(keep)
            self._store.arrived(through_sequence, keep)

    def discard(self, entry: Entry) -> None:
        """Drop one batch that cannot be read."""
        with self._lock:
            if self._store.waiting.find(entry.sequence) is entry:
                self.corrupt_records += 1
                self._store.lose([entry], CORRUPT)  # after a kill it is found once more

    def set_aside(self, sequence: int, reason: str) -> int | None:
        """Make a dead letter of one batch; return the microjoules that it counted.

        None when it does not wait, or cannot be read. A medium that takes no letter costs the
        letter: what it held is told all the same.
        """
        with self._lock:
            entry = self._store.waiting.find(sequence)
            if entry is None:
                return None
            batch = self._store.decode(entry)
            if batch is None:
                self.discard(entry)
                return None
            table = self._store.waiting.tables[entry.table_number]
            energy = counted_energy(batch, table)[0]
            if self._letters is not None:
                with contextlib.suppress(OSError):
                    self._letters.add(batch, table, self.session, reason, energy)
            self._store.lose([entry], DEAD, energy)
            self._store.save_state()
            return energy

    def drop_older_than(
        self, unix_nanoseconds: int, boottime_nanoseconds: int | None = None
    ) -> None:
        """Drop batches that ended before: by the time since boot where that is known."""
        with self._lock:
            old = too_old(
                self._store.waiting,
                unix_nanoseconds,
                boottime_nanoseconds,
                self._store.waiting.newest_unix_nanoseconds,
                lambda entry: self._store.end_boottime(entry, self._boot_id),
            )
            self._store.lose(old, FULL)
            if self._letters is not None:
                self._letters.drop_old()

    def purge(self) -> int:
        """Drop all that waits, to be told as such; return how many. Raises OSError."""
        with self._lock:
            return self._store.purge()

    def continue_after(self, applied_sequence: int, starts: Sequence[int] = ()) -> bool:
        """Compare with what the collector has of this session, and forget that.

        `starts` are when the batches began that it has, from `applied_sequence` down.

        It may have more than this spool knows of: the spool lost its tail or was put back from a
        copy, or somebody else delivers under the same name, as a cloned machine does. Then what
        waits goes on in a new session, and True is returned: greet again. And the registers that
        this run went on from are older than what was delivered: what its first interval spans
        was delivered before.

        Raises OSError when that cannot be kept: nothing may be delivered before.
        """
        with self._lock:
            return self._agreement.find(applied_sequence, starts, self._boot_id)

    def begin_session(self) -> None:
        """Go on under a new name with all that waits: nothing of it is in the ledger.

        Raises OSError when that cannot be kept: after a restart it would be delivered again under
        the old name. What is in memory only, with nothing of it left on disk, is not there then,
        and needs no keeping.
        """
        with self._lock:
            self._agreement.begin_session()

    def close(self) -> None:
        with self._lock:
            self._shelf.close()
            if self._letters is not None:
                self._letters.close()
            self._spool_lock.close()
