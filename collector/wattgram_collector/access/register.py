"""What the authority has given out: one-time tokens and certificates, in one small database.

A token is kept as the SHA-256 of its secret. Redeeming one is a single transaction, on the medium
before it returns: whoever comes second, at the same time or after a power cut, finds it used.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

FILE_NAME: Final = "enrolment.sqlite"
TOKENS_MAX: Final = 10_000
_KEPT_SECONDS: Final = 90 * 86_400
_WAIT_SECONDS: Final = 5.0
# EXTRA: without it a power cut can bring back the journal of a transaction, and its token.
_SCHEMA: Final = """
PRAGMA synchronous = EXTRA;
CREATE TABLE IF NOT EXISTS tokens (
    identifier TEXT PRIMARY KEY,
    secret_sha256 BLOB NOT NULL,
    agent_id TEXT NOT NULL,
    expires_unix_seconds INTEGER NOT NULL,
    used_unix_seconds INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS certificates (
    serial TEXT PRIMARY KEY,
    agent_id TEXT NOT NULL,
    issued_unix_seconds INTEGER NOT NULL,
    expires_unix_seconds INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS certificates_by_agent ON certificates (agent_id);
"""


class RegisterError(Exception):
    """The database cannot be used; the text names it and what is wrong."""


class TokenRecord(NamedTuple):
    """A token that was made; `agent_id` is '' where it is for any id that is new."""

    identifier: str
    secret_sha256: bytes
    agent_id: str
    expires_unix_seconds: int
    used_unix_seconds: int | None = None

    def is_open(self, now_unix_seconds: int) -> bool:
        return self.used_unix_seconds is None and now_unix_seconds < self.expires_unix_seconds


class CertificateRecord(NamedTuple):
    serial: int
    agent_id: str
    issued_unix_seconds: int
    expires_unix_seconds: int


class Register:
    """One database file; opened for each operation, since there are few. Safe from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add_token(self, token: TokenRecord, now_unix_seconds: int) -> None:
        """Keep a new token, and forget what is long over; raises RegisterError."""
        with self._transaction() as database:
            long_ago = now_unix_seconds - _KEPT_SECONDS
            for table in ("tokens", "certificates"):
                database.execute(
                    f"DELETE FROM {table} WHERE expires_unix_seconds < ?",  # noqa: S608
                    (long_ago,),
                )
            ((count,),) = database.execute(
                "SELECT count(*) FROM tokens WHERE used_unix_seconds IS NULL"
                " AND expires_unix_seconds > ?",
                (now_unix_seconds,),
            ).fetchall()
            if count >= TOKENS_MAX:
                raise RegisterError(f"{count} tokens are open already")
            database.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?)", token)

    def token(self, identifier: str) -> TokenRecord | None:
        """Return a token by its name; raises RegisterError."""
        with self._transaction() as database:
            row = database.execute(
                "SELECT * FROM tokens WHERE identifier = ?", (identifier,)
            ).fetchone()
        return TokenRecord(*row) if row else None

    def redeem(
        self, token: TokenRecord, certificate: CertificateRecord, now_unix_seconds: int
    ) -> bool:
        """Use a token up for a certificate: durable when this returns.

        Return False, and nothing is changed, if the token is not open any more, or if it is for a
        new id and this one has a certificate by now. Raises RegisterError.
        """
        with self._transaction() as database:
            if not token.agent_id and _has_certificate(database, certificate.agent_id):
                return False
            used = database.execute(
                "UPDATE tokens SET used_unix_seconds = ? WHERE identifier = ?"
                " AND used_unix_seconds IS NULL AND expires_unix_seconds > ?",
                (now_unix_seconds, token.identifier, now_unix_seconds),
            )
            if used.rowcount != 1:
                return False
            _insert(database, certificate)
        return True

    def record(self, certificate: CertificateRecord) -> None:
        """Keep what a renewal gave out; raises RegisterError."""
        with self._transaction() as database:
            _insert(database, certificate)

    def has_certificate(self, agent_id: str) -> bool:
        """Return whether an id was ever given a certificate; raises RegisterError."""
        with self._transaction() as database:
            return _has_certificate(database, agent_id)

    def withdraw(self, *, identifier: str = "", agent_id: str = "") -> int:
        """Forget a token, or all of an agent; return how many open ones that ended.

        Raises RegisterError.
        """
        with self._transaction() as database:
            ended = database.execute(
                "DELETE FROM tokens WHERE used_unix_seconds IS NULL"
                " AND (identifier = ? OR (agent_id = ? AND agent_id != ''))",
                (identifier, agent_id),
            )
            return ended.rowcount

    def tokens(self) -> list[TokenRecord]:
        """Raises RegisterError."""
        with self._transaction() as database:
            rows = database.execute("SELECT * FROM tokens ORDER BY expires_unix_seconds")
            return [TokenRecord(*row) for row in rows]

    def certificates(self) -> list[CertificateRecord]:
        """Raises RegisterError."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT * FROM certificates ORDER BY agent_id, issued_unix_seconds"
            )
            return [CertificateRecord(int(row[0], 16), *row[1:]) for row in rows]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            with contextlib.closing(
                sqlite3.connect(self._path, timeout=_WAIT_SECONDS, isolation_level=None)
            ) as database:
                database.executescript(_SCHEMA)
                database.execute("BEGIN IMMEDIATE")
                yield database
                database.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise RegisterError(f"{self._path}: {error}") from error


def _has_certificate(database: sqlite3.Connection, agent_id: str) -> bool:
    found = database.execute(
        "SELECT 1 FROM certificates WHERE agent_id = ? LIMIT 1", (agent_id,)
    ).fetchone()
    return found is not None


def _insert(database: sqlite3.Connection, certificate: CertificateRecord) -> None:
    database.execute(
        "INSERT INTO certificates VALUES (?, ?, ?, ?)",
        (f"{certificate.serial:x}", *certificate[1:]),
    )
