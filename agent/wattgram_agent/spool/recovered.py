"""PURE. What is known of a spool that an earlier run left."""

from __future__ import annotations

from dataclasses import dataclass, field

from wattgram.readings import SeriesTable
from wattgram_agent.spool.checkpoints import Checkpoint
from wattgram_agent.spool.entries import Entry
from wattgram_agent.spool.losses import CORRUPT, STALE, Loss, Losses


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Numbers that nothing can be read of, and for how long nothing is known."""

    first: int
    last: int
    duration_nanoseconds: int | None

    def as_loss(self, applied_sequence: int) -> Loss | None:
        """Return what of it the collector does not have, None when it has all."""
        count = self.last - max(self.first - 1, applied_sequence)
        if count <= 0:
            return None
        if self.duration_nanoseconds is None or applied_sequence >= self.first:
            return Loss(CORRUPT, count, unknown=count)
        return Loss(CORRUPT, count, self.duration_nanoseconds)


@dataclass(slots=True)
class Recovered:
    """What is good, and what is known of the rest."""

    entries: list[Entry] = field(default_factory=list)
    """In the order of their numbers; some may have been delivered."""
    tables: dict[int, SeriesTable] = field(default_factory=dict)
    losses: Losses = field(default_factory=Losses)
    session: str = ""
    """As the newest state says; empty where none can be read."""
    next_sequence: int = 1
    last_table_number: int = 0
    checkpoint: Checkpoint | None = None
    newest: Entry | None = None
    """The last batch: its registers and its number are those to go on from."""
    gaps: list[tuple[Entry | None, Entry]] = field(default_factory=list)
    """Batches between which numbers are missing."""
    holes: list[Hole] = field(default_factory=list)
    tail: Hole | None = None
    """What cannot be read after the checkpoint; its registers remember it, in the same boot."""
    corrupt_records: int = 0
    has_strangers: bool = False
    """Whether there are batches of another session."""

    def use_again(self) -> None:
        """Forget what was noted of numbers that come again: it holds of what cannot be read.

        What those batches were to tell is owed again, be it told twice.
        """
        losses, first = self.losses, self.next_sequence
        losses.gone = {number for number in losses.gone if number < first}
        losses.settled = min(losses.settled, first - 1)
        losses.floor = min(losses.floor, first)
        losses.owe_again([number for number in losses.told if number >= first])

    def owe_what_no_register_remembers(self, boot_id: str) -> None:
        """Take the time since the newest batch for lost where it has no registers, in its boot."""
        if self.newest is None or self.checkpoint is not None:
            return
        if self.tables[self.newest.table_number].boot_id == boot_id:
            self.losses.owed.setdefault(STALE, Loss(STALE, 1, unknown=1))

    def give_up(self) -> None:
        """Take all that waits for lost: nobody knows under which session it was numbered.

        Nor whether the registers are older than what was delivered.
        """
        self.corrupt_records += len(self.entries)
        known = self.losses.owed.get(CORRUPT)
        if self.entries:
            spans = sum(max(0, entry.duration_nanoseconds) for entry in self.entries)
            self.losses.add(Loss(CORRUPT, len(self.entries), spans))
        tail = self.tail.as_loss(self.next_sequence - 1) if self.tail else None
        if tail is not None and not (known and known.unknown):
            self.losses.add(tail)  # at the next start the same bytes are found again
        self.losses.owe_again(list(self.losses.told))
        self.entries, self.holes, self.tail = [], [], None
        self.checkpoint, self.newest = None, None
