"""One ledger file to another, whole and durable."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from wattgram_collector.ledger.sqlite_file import SqliteFile, failure


def copy_file(file: SqliteFile, target: Path) -> None:
    """Copy a ledger as it is at one instant into one file of its own, mode 0600, on the medium.

    Whatever was at `target` is gone; so is the copy when it fails, with LedgerError or OSError.
    """
    target.unlink(missing_ok=True)
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as copy:
            file.copy_to(copy)
            copy.execute("PRAGMA journal_mode = DELETE").fetchall()
        os.fsync(descriptor)
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error):
            raise failure(error) from error
        raise
    finally:
        os.close(descriptor)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
