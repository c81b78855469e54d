"""What spool and collector agree on when they meet: what is in the ledger, under which name."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from wattgram.readings import Batch, SeriesTable
from wattgram.wire import encode_batch
from wattgram_agent.spool import sessions
from wattgram_agent.spool.entries import Entry
from wattgram_agent.spool.moving import Heir, move, with_good_registers
from wattgram_agent.spool.recovered import Recovered
from wattgram_agent.spool.shelf import Shelf
from wattgram_agent.spool.store import Store
from wattgram_agent.spool.welcome import StaleRegisters, not_in_ledger

LOG: Final = logging.getLogger("wattgram.spool")


class Agreement:
    """Of one run of the agent, called by one thread at a time."""

    def __init__(self, store: Store, shelf: Shelf, found: Recovered) -> None:
        self._store = store
        self._shelf = shelf
        self._holes, self._tail = found.holes, found.tail
        self._went_on_in_boot = found.checkpoint.boot_id if found.checkpoint else None
        self._first_own_sequence = found.next_sequence
        self._is_first = True
        self._cuts: dict[int, bytes] = {}
        """Batches on disk of which a part was delivered before, and what goes on of them."""
        self.kept: set[int] = set()
        """Batches that the collector has not, whatever it says: they need a new session."""
        self.stale: StaleRegisters | None = None
        """Set when the registers that this run went on from are older than what was delivered."""

    def cut(self, batch: Batch, table: SeriesTable) -> Batch:
        """Return a batch of this run without what was delivered before it began."""
        return self.stale.cut(batch, table) if self.stale is not None else batch

    def find(self, applied_sequence: int, starts: Sequence[int], boot_id: str) -> bool:
        """See `Spool.continue_after`."""
        is_first = self._is_first
        own_from = self._first_own_sequence if is_first else self._store.next_sequence
        is_behind = applied_sequence >= own_from
        went_on = is_first and self._went_on_in_boot is not None
        absent = not_in_ledger(
            self._store.waiting,
            applied_sequence,
            starts,
            never_sent_from=own_from,
            certainly_not={*self.kept, own_from} if went_on else self.kept,
        )
        if is_first and absent and absent[0].sequence < own_from:
            # An earlier run's, which never agreed: the same holds of its first interval.
            self._cut(absent[0], StaleRegisters(self._boot_of(absent[0])))
        elif went_on and is_behind and self._went_on_in_boot is not None:
            self._cut_own(self._went_on_in_boot)
        if is_first:
            self._settle(applied_sequence, boot_id)
        self._store.arrived(applied_sequence, {entry.sequence for entry in absent})
        if is_behind or absent:
            self.begin_session()  # should it fail, all of this is done again
            return True
        self._is_first = False
        return False

    def begin_session(self) -> None:
        """See `Spool.begin_session`."""
        session = sessions.new_session()
        waiting = list(self._store.waiting)
        heir = self._heir()
        if waiting or heir:
            try:
                self._move(waiting, session, heir)
            except OSError:
                # What the next start finds of these would be counted from, and delivered again.
                if self._shelf.has_remains or any(entry.message is None for entry in waiting):
                    raise
                self._shelf.go_on_as(session)
        else:
            self._shelf.go_on_as(session)
        self.kept = set()
        # Nothing was ever sent under this name.
        self._is_first = True
        self._first_own_sequence = self._store.first_sequence
        LOG.warning("session_new batches=%d", len(self._store.waiting))

    def _move(self, waiting: Sequence[Entry], session: str, heir: Heir | None) -> None:
        move(
            self._shelf,
            waiting,
            session,
            self._cuts,
            self._store.waiting.tables,
            self._store.losses,
            heir,
            with_good_registers(
                waiting, self._store.next_sequence - 1, is_stale=self._is_disk_stale()
            ),
        )

    def _is_disk_stale(self) -> bool:
        """Return whether all registers on disk are older than what was delivered."""
        newest = self._shelf.newest
        is_before = newest is not None and newest[0].sequence < self._first_own_sequence
        return self.stale is not None and is_before

    def _heir(self) -> Heir | None:
        """Return the newest batch on disk where nothing came after it, and was delivered."""
        newest = self._shelf.newest
        is_last = newest is not None and newest[0].sequence + 1 == self._store.next_sequence
        return newest if is_last and not self._is_disk_stale() else None

    def _settle(self, applied_sequence: int, boot_id: str) -> None:
        """Tell what rotted and never arrived; what arrived before it rotted is not lost."""
        losses, holes = self._store.losses, self._holes
        if self._tail is not None and self._went_on_in_boot != boot_id:
            holes.append(self._tail)  # in the same boot the registers remember it
        for hole in holes:
            if loss := hole.as_loss(applied_sequence):
                losses.add(loss)
        self._holes, self._tail = [], None
        self._store.oldest_hole = None
        waiting = {entry.sequence for entry in self._store.waiting}
        losses.owe_again([n for n in losses.told if n > applied_sequence and n not in waiting])
        losses.settled = max(losses.settled, self._first_own_sequence - 1)
        if losses.owed:
            self._store.save_state()

    def _cut_own(self, boot_id: str) -> None:
        """Cut from what this run has measured, and will, what was delivered before it."""
        self.stale = StaleRegisters(boot_id)
        for entry in self._store.waiting:
            if entry.sequence >= self._first_own_sequence:
                self._cut(entry, self.stale)

    def _cut(self, entry: Entry, stale: StaleRegisters) -> None:
        table = self._store.waiting.tables[entry.table_number]
        batch = self._store.decode(entry)
        if batch is None or (cut := stale.cut(batch, table)) is batch:
            return
        if entry.message is None:
            self._cuts[entry.sequence] = encode_batch(cut)
        else:
            entry.message = encode_batch(cut)

    def _boot_of(self, entry: Entry) -> str:
        return self._store.waiting.tables[entry.table_number].boot_id
