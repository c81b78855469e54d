"""PURE. What people say, kept for an auditor: entries in order, each bound to the one before.

The ledger's postings come from agents; what an asset is, what was shipped, how many e-mails were
sent and when a period was closed comes from people. It is written down once and never changed: a
correction is another entry. The hash of an entry has the hash of the one before it inside, so that
whoever changes one breaks all that follow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, Protocol


class JournalKind(StrEnum):
    """What an entry is about."""

    ASSET = "asset"
    """A version of an asset; the newest entry of one asset and day holds."""
    ACTIVITY = "activity"
    WITHDRAWAL = "withdrawal"
    """Of what an earlier entry says: its number is in the text."""
    FUNCTIONAL_UNITS = "functional_units"
    INSTRUMENT = "instrument"
    STATEMENT = "statement"
    """An assumption, an exclusion, the relevance of a category."""
    CLOSING = "closing"
    SEAL = "seal"


class JournalRecord(NamedTuple):
    """What is to be written down. `text` is canonical JSON, see `canonical`."""

    kind: JournalKind
    subject: str
    """Of what: an asset's id, an activity's id."""
    text: str


class JournalEntry(NamedTuple):
    """What was written down. Numbers run from 1 without a gap."""

    number: int
    recorded_unix_nanoseconds: int
    kind: JournalKind
    subject: str
    text: str
    previous_hash: str
    """Hexadecimal; that of the first entry is 64 zeros."""
    hash: str


GENESIS: Final = "0" * 64


class Journal(Protocol):
    """Where it is kept; everything raises LedgerError."""

    def append(
        self,
        records: Sequence[JournalRecord],
        recorded_unix_nanoseconds: int,
        *,
        seen: int | None = None,
    ) -> tuple[int, int]:
        """Write records down, all or none; return the first number and the last.

        Without records the first is one more than the last. Who decided by what the journal says
        gives the last entry that was seen: raises JournalMovedError where another of the kinds of
        these records, or a withdrawal, follows it.
        """

    def journal(
        self, kinds: Collection[JournalKind] | None = None, after: int = 0
    ) -> Iterator[JournalEntry]:
        """Yield the entries of some kinds, or of all, that follow the entry `after`."""

    def close(self) -> None:
        """Finish; what was appended is durable before."""


class JournalError(ValueError):
    """An entry is not what was written down; the text names its number."""


def canonical(said: object) -> str:
    """Return JSON that is the same text for the same values."""
    return _CANONICAL.encode(said)


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def entry_hash(
    number: int,
    recorded_unix_nanoseconds: int,
    record: JournalRecord,
    previous_hash: str,
) -> str:
    """Return the SHA-256 of the JSON array of all that an entry says, in UTF-8."""
    kind, subject, text = record
    said = [number, recorded_unix_nanoseconds, kind.value, subject, text, previous_hash]
    return hashlib.sha256(canonical(said).encode()).hexdigest()


def chained(
    records: Iterable[JournalRecord],
    recorded_unix_nanoseconds: int,
    number: int = 0,
    previous_hash: str = GENESIS,
) -> Iterator[JournalEntry]:
    """Yield the entries of records that follow the entry `number`."""
    for record in records:
        number += 1
        found = entry_hash(number, recorded_unix_nanoseconds, record, previous_hash)
        yield JournalEntry(number, recorded_unix_nanoseconds, *record, previous_hash, found)
        previous_hash = found


def verified(entries: Iterable[JournalEntry]) -> Iterator[JournalEntry]:
    """Yield the entries as they are read; raises JournalError at the first that was changed."""
    previous = GENESIS
    for number, entry in enumerate(entries, start=1):
        if entry.number != number:
            raise JournalError(f"journal: entry {number} is missing, {entry.number} follows")
        if entry.previous_hash != previous:
            raise JournalError(f"journal: entry {number} does not follow the one before it")
        record = JournalRecord(entry.kind, entry.subject, entry.text)
        made = entry_hash(number, entry.recorded_unix_nanoseconds, record, previous)
        if entry.hash != made:
            raise JournalError(f"journal: entry {number} ({entry.kind} {entry.subject}) changed")
        previous = entry.hash
        yield entry
