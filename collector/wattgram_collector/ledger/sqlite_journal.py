"""The journal in the SQLite file: what is said is added at its end, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from wattgram_collector.ledger import JournalMovedError, LedgerError, Trouble
from wattgram_collector.ledger.journal import (
    GENESIS,
    JournalEntry,
    JournalKind,
    JournalRecord,
    chained,
)
from wattgram_collector.ledger.sqlite_file import SqliteFile
from wattgram_collector.ledger.sqlite_migrations import make, require_current, version_of

_COLUMNS: Final = ", ".join(JournalEntry._fields)
_ADD: Final = (
    f"INSERT INTO journal ({_COLUMNS}) VALUES (?{', ?' * (len(JournalEntry._fields) - 1)})"  # noqa: S608
)
_AT_ONCE: Final = 2_000
"""So many entries are held when they are read."""
_PATIENCE_SECONDS: Final = 30


def append(
    file: SqliteFile,
    records: Sequence[JournalRecord],
    recorded_unix_nanoseconds: int,
    *,
    seen: int | None = None,
) -> tuple[int, int]:
    """Add entries within the transaction that is open; see Journal. Raises LedgerError."""
    if seen is not None:
        _require_unmoved(file, seen, {JournalKind.WITHDRAWAL, *(one.kind for one in records)})
    last, head = _head(file)
    try:
        file.execute_many(_ADD, chained(records, recorded_unix_nanoseconds, last, head))
    except UnicodeEncodeError as error:
        raise LedgerError(f"journal: text that is no Unicode: {error.object!r:.80}") from error
    return last + 1, last + len(records)


def _require_unmoved(file: SqliteFile, seen: int, kinds: Collection[JournalKind]) -> None:
    found = file.all(
        "SELECT number FROM journal WHERE number > ?"
        " AND kind IN (SELECT value FROM json_each(?)) LIMIT 1",
        seen, json.dumps(sorted(kinds)),
    )  # fmt: skip
    if found:
        raise JournalMovedError(f"journal: entry {found[0][0]} was added meanwhile")


def _head(file: SqliteFile) -> tuple[int, str]:
    found = file.all("SELECT number, hash FROM journal ORDER BY number DESC LIMIT 1")
    if not found:
        return 0, GENESIS
    ((number, digest),) = found
    return number, digest


def journal(
    file: SqliteFile, kinds: Collection[JournalKind] | None = None, after: int = 0
) -> Iterator[JournalEntry]:
    """Yield the entries of some kinds that follow the entry `after`; raises LedgerError."""
    chosen = json.dumps(sorted(kinds if kinds is not None else JournalKind))
    while True:
        rows = file.all(
            f"SELECT {_COLUMNS} FROM journal WHERE number > ?"  # noqa: S608
            " AND (? OR kind IN (SELECT value FROM json_each(?))) ORDER BY number LIMIT ?",
            after, kinds is None, chosen, _AT_ONCE,
        )  # fmt: skip
        if not rows:
            return
        yield from map(_entry, rows)
        after = rows[-1][0]


def _entry(row: Sequence[Any]) -> JournalEntry:
    number, recorded, kind, *texts = row
    try:
        return JournalEntry(number, recorded, JournalKind(kind), *texts)
    except ValueError as error:
        raise LedgerError(f"journal entry {number}: {error}", Trouble.DAMAGED) from error


class SqliteJournal:
    """The journal alone, for a command beside a collector that runs. See `Journal`."""

    def __init__(self, path: Path, *, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        """Open the ledger, made where there is none; raises LedgerError naming it."""
        file = None
        try:
            file = SqliteFile(path, busy_seconds=patience_seconds, create=True)
            if not version_of(file):
                make(file)
            require_current(file)
        except LedgerError as error:
            if file is not None:
                file.close()
            raise type(error)(f"{path}: {error}", error.trouble) from error
        self._file = file

    def append(
        self,
        records: Sequence[JournalRecord],
        recorded_unix_nanoseconds: int,
        *,
        seen: int | None = None,
    ) -> tuple[int, int]:
        """See Journal."""
        with self._file.transaction():
            return append(self._file, records, recorded_unix_nanoseconds, seen=seen)

    def journal(
        self, kinds: Collection[JournalKind] | None = None, after: int = 0
    ) -> Iterator[JournalEntry]:
        """See Journal."""
        return journal(self._file, kinds, after)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
