"""The seam of storage. No code outside this package knows which storage it is.

A ledger adds entries, each once: the quantities of a batch and the sequence that says that
they were added move in one transaction. It never subtracts and never decides a factor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from wattgram.handshake import HostFacts
from wattgram.readings import Series
from wattgram_collector.intensity import Recorded
from wattgram_collector.ledger.entries import Entry, Outcome, Receipt, Receipts, Tally, TallyKey
from wattgram_collector.ledger.journal import Journal
from wattgram_collector.ledger.restatement import Posted, Restated, Restatement, Used
from wattgram_collector.ledger.sums import PostedSum
from wattgram_collector.ledger.totals import AgentTotals

SEQUENCE_MAX: Final = (1 << 63) - 1
"""The greatest sequence that every storage can keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRecord:
    """What the ledger knows of one agent beside its totals."""

    key: int
    agent_id: str
    host: str
    facts: HostFacts
    last_seen_unix_nanoseconds: int = 0
    newest_sample_unix_nanoseconds: int = 0


class Trouble(StrEnum):
    """What is wrong with a storage that takes nothing: few words, they are labels of a metric."""

    FULL = "full"
    LOCKED = "locked"
    READ_ONLY = "read_only"
    IO = "io"
    ABSENT = "absent"
    DAMAGED = "damaged"
    """It stays so until somebody mends it; every other trouble may pass by itself."""
    OTHER = "other"


class LedgerError(Exception):
    """The storage did not take the entries; none of them was added."""

    def __init__(self, text: str, trouble: Trouble = Trouble.OTHER) -> None:
        super().__init__(text)
        self.trouble = trouble


class LedgerChangedError(LedgerError):
    """After a failure the storage holds something else than this process believes.

    What it shows may be wrong, and only a new start reads everything again.
    """


class JournalMovedError(LedgerError):
    """Somebody else said something of the kind meanwhile: look again, and then append."""


class Ledger(Journal, Protocol):
    """Storage of everything that was ever accepted. Called from one thread at a time.

    `sizes_bytes` and `faults` may be called from any.
    """

    def enrol(self, agent_id: str, facts: HostFacts) -> AgentRecord:
        """Return the agent's record, made if it is new; its host name is unique."""

    def open_session(self, agent_key: int, session: str, first_sequence: int) -> int:
        """Return the applied sequence of a session; a new one begins before its first."""

    def series_keys(self, agent_key: int, series: Sequence[Series]) -> tuple[int, ...]:
        """Return a key for each series, made where it is new; entries refer to series by it."""

    def apply(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Add the entries that are new, in one transaction; raises LedgerError if it fails."""

    def agents(self) -> list[AgentRecord]:
        """Return every agent that was ever enrolled."""

    def totals(self) -> dict[int, AgentTotals]:
        """Return the totals of every agent, by agent key."""

    def counted_slots(self, agent_key: int) -> list[tuple[int, int]]:
        """Return the slots to which host energy of an agent was posted: runs, first and last."""

    def record_intensities(self, records: Sequence[Recorded]) -> None:
        """Keep versions of what providers said; one that is there already changes nothing."""

    def intensities(self, since_unix_seconds: int, zone: str | None = None) -> list[Recorded]:
        """Return every version of the slots that end after then, of one grid zone or of all."""

    def intensity_zones(self) -> list[str]:
        """Return the grid zones of which intensities are kept."""

    def restate(self, wanted: Restatement) -> Restated:
        """Give energy that is posted its new factors, in one transaction; again changes nothing.

        What was posted stays as it was: a pass says which factor holds instead.
        """

    def posted(
        self, first_slot: int, end_slot: int, agent_key: int | None = None
    ) -> Iterator[Posted]:
        """Yield what is posted in `[first_slot, end_slot)`, of one agent or of all."""

    def posted_sums(self, first_slot: int, end_slot: int, *, by_slot: bool) -> Iterator[PostedSum]:
        """Yield what is posted in `[first_slot, end_slot)`, summed: by agent, or by slot.

        For another thread, or for agents in groups, see `Sums`.
        """

    def receipts(self, agent_key: int, first_slot: int, end_slot: int) -> Receipts:
        """Return which batches are in what an agent used in `[first_slot, end_slot)`."""

    def used(self, first_slot: int, end_slot: int, agent_key: int) -> list[Used]:
        """Return what each series of an agent used in `[first_slot, end_slot)`."""

    def counted_energy(
        self, first_slot: int, end_slot: int, agent_key: int
    ) -> Mapping[Series, int]:
        """Return the microjoules of each counted meter of an agent in `[first_slot, end_slot)`."""

    def posted_span(self, agent_key: int | None = None) -> tuple[int, int] | None:
        """Return the first and the last slot of what is posted, of one agent or of all."""

    def tallies(self, agent_key: int) -> Mapping[TallyKey, int]:
        """Return what was ever counted of an agent's data beside the data."""

    def probe(self) -> None:
        """Raise LedgerError unless entries would be taken now; mends what mends by itself."""

    def sizes_bytes(self) -> Mapping[str, int]:
        """Return how large each part of the storage is, by a short name; no trouble is raised."""

    def faults(self) -> int:
        """Return how many faults the last check of what is stored has found."""

    def close(self) -> None:
        """Finish; nothing is lost if this is never reached."""


__all__ = [
    "SEQUENCE_MAX",
    "AgentRecord",
    "AgentTotals",
    "Entry",
    "Ledger",
    "LedgerChangedError",
    "LedgerError",
    "Outcome",
    "Receipt",
    "Receipts",
    "Tally",
    "TallyKey",
    "Trouble",
]
