"""One connection to the file of the SQLite ledger: opened, written to, or refused with a reason.

A transaction is durable when it is said to be: WAL with synchronous FULL, one fsync of the journal
for each. The file must still be the one that was opened, before and after: in a directory that
somebody removed SQLite goes on writing, without a word, to files that nobody will ever find.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from wattgram_collector.ledger import LedgerError, Trouble
from wattgram_collector.ledger.controls import row_hash

LOG: Final = logging.getLogger("wattgram.ledger")
IN_MEMORY: Final = ":memory:"
JOURNAL: Final = "-wal"
INDEX: Final = "-shm"
STAGED: Final = ".restoring"
"""A verified copy beside the ledger that is to take its place: see `sqlite_copies`."""
JOURNAL_BYTES_MAX: Final = 64 * 1024 * 1024
CHECKPOINT_PAGES: Final = 1_000
ROOM_BYTES_MIN: Final = 1024 * 1024
"""So much must be free before a ledger that failed is trusted again."""

_TROUBLES: Final = {
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_BUSY: Trouble.LOCKED,
    sqlite3.SQLITE_LOCKED: Trouble.LOCKED,
    sqlite3.SQLITE_READONLY: Trouble.READ_ONLY,
    sqlite3.SQLITE_IOERR: Trouble.IO,
    sqlite3.SQLITE_CANTOPEN: Trouble.ABSENT,
    sqlite3.SQLITE_CORRUPT: Trouble.DAMAGED,
    sqlite3.SQLITE_NOTADB: Trouble.DAMAGED,
}
_PRIMARY_CODE: Final = 0xFF
_FAILURES: Final = (sqlite3.Error, UnicodeDecodeError)
"""The second where SQLite quotes what is damaged in its complaint."""
ODD: Final = (AttributeError, TypeError, ValueError)
"""What comes of text, bytes or nothing where something else was."""


class SqliteFile:
    """For one thread at a time. Every failure is a LedgerError."""

    def __init__(
        self,
        path: Path,
        *,
        busy_seconds: float = 10,
        read_only: bool = False,
        create: bool = False,
        journal_bytes_max: int = JOURNAL_BYTES_MAX,
    ) -> None:
        """Open the file; `create` makes it, and its directory, where there is none."""
        self.path = path
        self._journal_bytes_max = journal_bytes_max
        self.is_doubtful = False
        """A transaction may or may not be in the file: open it anew and see."""
        self._is_journal_large = False
        try:
            if beside(path, STAGED).exists():
                raise LedgerError("a restore was interrupted: start the collector, which ends it")
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
            elif str(path) != IN_MEMORY and not path.exists():
                raise LedgerError("no ledger yet", Trouble.ABSENT)
            self._connection = (
                _connect_to_read(path)
                if read_only
                else _connect(path, busy_seconds, journal_bytes_max)
            )
        except (OSError, *_FAILURES) as error:
            raise failure(error, self.path) from error
        # What the triggers of the schema call; nothing but a program of ours can add a row.
        self._connection.create_function("row_hash", -1, row_hash, deterministic=True)
        self._identities = self._stat()[0]

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def execute(self, statement: str, *parameters: Any) -> int:
        """Run one statement; return the key of the row that it inserted, if it did."""
        try:
            return int(self._connection.execute(statement, parameters).lastrowid or 0)
        except _FAILURES as error:
            raise failure(error, self.path) from error

    def execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row: of text that may hold what JSON in SQLite may not."""
        try:
            self._connection.executemany(statement, rows)
        except _FAILURES as error:
            raise failure(error, self.path) from error

    def script(self, statements: str) -> None:
        """Run statements of a schema within the transaction."""
        statement = ""
        for line in statements.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                self.execute(statement)
                statement = ""

    def all(self, query: str, *parameters: Any) -> list[Any]:
        try:
            return self._connection.execute(query, parameters).fetchall()
        except _FAILURES as error:
            raise failure(error, self.path) from error

    def each(self, query: str, *parameters: Any) -> Iterator[Any]:
        """Yield rows as they are read: of a table that may be larger than memory."""
        try:
            yield from self._connection.execute(query, parameters)
        except _FAILURES as error:
            raise failure(error, self.path) from error

    def copy_to(self, target: sqlite3.Connection) -> None:
        """Copy the whole of it, as it is at one instant; raises sqlite3.Error of either."""
        self._connection.backup(target)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or none; raises LedgerError for none."""
        self._require_same_files()
        self.execute("BEGIN IMMEDIATE")
        is_ending = False
        try:
            yield
            is_ending = True
            self.execute("COMMIT")
            journal_bytes = self._require_same_files()
        except BaseException:
            self.is_doubtful |= is_ending
            self._roll_back()
            raise
        self._bound_journal(journal_bytes)

    def require_room(self) -> None:
        """Raise LedgerError while the medium has no room to speak of."""
        try:
            medium = os.statvfs(self.path.parent)
        except OSError as error:
            raise failure(error, self.path) from error
        free = medium.f_bavail * medium.f_frsize
        if free < ROOM_BYTES_MIN:
            raise LedgerError(f"disk full: {free} bytes are free", Trouble.FULL)

    def _roll_back(self) -> None:
        if not self._connection.in_transaction:
            return
        try:
            self._connection.execute("ROLLBACK")
        except _FAILURES:
            self.is_doubtful = True

    def _require_same_files(self) -> int:
        """Return the length of the journal; raise LedgerError if a file is not the one opened."""
        identities, journal_bytes = self._stat()
        if identities != self._identities:
            self.is_doubtful = True
            is_there = self.path.exists()
            what = "is another file than was opened" if is_there else "is no longer there"
            raise LedgerError(f"{self.path} {what}", Trouble.ABSENT)
        return journal_bytes

    def _stat(self) -> tuple[list[tuple[int, int]], int]:
        """Return which files the database and its journal are, and how long that is."""
        found, length = [], 0
        for path in (self.path, beside(self.path, JOURNAL)):
            with contextlib.suppress(OSError):
                status = os.stat(path)
                found.append((status.st_dev, status.st_ino))
                length = status.st_size
        return found, length

    def _bound_journal(self, journal_bytes: int) -> None:
        """Bring a journal that outgrew its bound back; somebody who reads for long forbids it."""
        if journal_bytes <= self._journal_bytes_max:
            if self._is_journal_large:
                LOG.info("ledger_journal_small_again")
            self._is_journal_large = False
            return
        ((milliseconds,),) = self.all("PRAGMA busy_timeout")
        with contextlib.suppress(LedgerError):
            self.all("PRAGMA busy_timeout = 0")
            self.all("PRAGMA wal_checkpoint(TRUNCATE)")
        self.all(f"PRAGMA busy_timeout = {milliseconds}")
        if not self._is_journal_large and self._stat()[1] > self._journal_bytes_max:
            LOG.warning("ledger_journal_large bytes=%d: another process reads the ledger",
                        journal_bytes)  # fmt: skip
            self._is_journal_large = True


def sizes_bytes(path: Path) -> dict[str, int]:
    """Return the lengths of the files; 0 for one that is not there."""
    sizes = {}
    for name, file in (("database", path), ("journal", beside(path, JOURNAL))):
        try:
            sizes[name] = os.stat(file).st_size
        except OSError:
            sizes[name] = 0
    return sizes


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def failure(
    error: OSError | sqlite3.Error | UnicodeError, path: Path | None = None
) -> LedgerError:
    """Return what the rest of the collector knows a failure of the storage at `path` as."""
    code = getattr(error, "sqlite_errorcode", None)
    trouble = Trouble.OTHER
    if code is not None:
        trouble = _TROUBLES.get(code & _PRIMARY_CODE, Trouble.OTHER)
    elif isinstance(error, UnicodeError):
        trouble = Trouble.DAMAGED
    elif isinstance(error, OSError):
        trouble = Trouble.ABSENT if isinstance(error, FileNotFoundError) else Trouble.IO
    if path is not None and trouble in {Trouble.ABSENT, Trouble.IO}:
        trouble = _of_medium(path) or trouble
    return LedgerError(str(error), trouble)


def _of_medium(path: Path) -> Trouble | None:
    """Return what a file system says is wrong with it: SQLite does not always know."""
    try:
        medium = os.statvfs(path.parent)
    except OSError:
        return Trouble.ABSENT
    if medium.f_flag & os.ST_RDONLY:
        return Trouble.READ_ONLY
    return None if medium.f_bavail else Trouble.FULL


def _connect(path: Path, busy_seconds: float, journal_bytes_max: int) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=busy_seconds
    )
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
            f"journal_size_limit = {journal_bytes_max}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()  # makes the journal
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_to_read(path: Path) -> sqlite3.Connection:
    """Open beside a running collector, or on a medium that nobody can write to."""
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    journal = beside(path, JOURNAL)
    try:
        return _read(address)
    except sqlite3.OperationalError:
        # It cannot make the files that readers share. Without a journal it needs none of them.
        if journal.exists() and journal.stat().st_size:
            raise
        return _read(f"{address}&immutable=1")


def _read(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection
