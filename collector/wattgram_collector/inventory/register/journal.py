"""PURE. The asset register as the ledger's journal keeps it: nothing is ever taken back.

An entry is one version of one asset. The newest entry of an asset and day holds; what it
supersedes stays in the journal for whoever asks what was said before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import NamedTuple, Protocol

from wattgram_collector.inventory.register.assets import Asset, Register
from wattgram_collector.inventory.register.writing import from_journal, journal_text
from wattgram_collector.ledger import AgentRecord
from wattgram_collector.ledger.journal import JournalEntry, JournalKind, JournalRecord


class RegisterJournal(Protocol):
    """What taking a register needs of a ledger; everything raises LedgerError."""

    def append(self, records: Sequence[JournalRecord], recorded_unix_nanoseconds: int) -> object:
        """Write the records down in one transaction, all or none; raises LedgerError."""

    def journal(
        self, kinds: Collection[JournalKind] | None = None, after: int = 0
    ) -> Iterable[JournalEntry]:
        """Return the entries after a number, of some kinds or of all, in order."""

    def close(self) -> None:
        """Finish."""


class RegisterLedger(RegisterJournal, Protocol):
    """What looking at it needs beside that."""

    def agents(self) -> list[AgentRecord]:
        """Return every agent that was ever enrolled."""


class Key(NamedTuple):
    """What there is one version of."""

    asset_id: str
    valid_from: date | None


class Kept(NamedTuple):
    """A version that holds, and the number of its entry."""

    asset: Asset
    number: int


class Changes(NamedTuple):
    """What a file says beside what is kept."""

    new: list[Asset]
    superseding: list[Asset]
    same: int

    @property
    def records(self) -> list[JournalRecord]:
        return [
            JournalRecord(JournalKind.ASSET, one.asset_id, journal_text(one))
            for one in (*self.new, *self.superseding)
        ]


def key_of(asset: Asset) -> Key:
    return Key(asset.asset_id, asset.valid_from)


def kept_versions(entries: Iterable[JournalEntry]) -> dict[Key, Kept]:
    """Return the versions that hold; raises ValueError naming an entry that is no asset."""
    found: dict[Key, Kept] = {}
    for entry in entries:
        if entry.kind is not JournalKind.ASSET:
            continue
        try:
            asset = from_journal(entry.text)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise ValueError(f"journal: entry {entry.number} is no asset: {error}") from error
        found[key_of(asset)] = Kept(asset, entry.number)
    return found


def register_of(kept: Iterable[Kept]) -> Register:
    """Return the register of what holds; raises ValueError."""
    return Register(one.asset for one in kept)


def changes(kept: dict[Key, Kept], said: Iterable[Asset]) -> Changes:
    """Return what is new; the same version again changes nothing.

    Raises ValueError where what holds afterwards is no register, as where a parent is missing.
    """
    found = Changes([], [], 0)
    after = {key: one.asset for key, one in kept.items()}
    same = 0
    for one in said:
        key = key_of(one)
        if key not in kept:
            found.new.append(one)
        elif kept[key].asset != one:
            found.superseding.append(one)
        else:
            same += 1
        after[key] = one
    Register(after.values())
    return found._replace(same=same)
