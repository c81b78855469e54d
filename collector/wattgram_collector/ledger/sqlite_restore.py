"""A backup of the ledger while it is written to, and a ledger out of a backup.

Both end with one rename of a file that was copied, checked and synced before: killed at any
instant there is the old or the new, never half of one. A restore has one step more, because the
journal of the former file must not be applied to the one that takes its place: the checked copy
gets the name `.restoring`, and from then on whoever opens the ledger ends the restore first.
"""

from __future__ import annotations

import contextlib
import os
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from wattgram_collector.ledger import LedgerError, Trouble
from wattgram_collector.ledger.sqlite_check import Report, check, damage
from wattgram_collector.ledger.sqlite_copy import copy_file, sync_directory
from wattgram_collector.ledger.sqlite_file import INDEX, JOURNAL, STAGED, SqliteFile, beside
from wattgram_collector.ledger.sqlite_migrations import migrate

PARTIAL: Final = ".partial"


def backup(path: Path, target: Path, *, force: bool = False) -> Report:
    """Copy a ledger as it is now into `target`, one file of mode 0600; return what it holds.

    Raises LedgerError when the ledger is damaged, or `target` exists and `force` is not given,
    OSError when it cannot be written. `target` is then as it was. One whose sums are wrong is
    copied: it is all that there is.
    """
    _require_free(path, target, force=force)
    partial = beside(target, PARTIAL)
    with closing(_to_read(path)) as file:
        copy_file(file, partial)
    try:
        report = _require_whole(partial, path)
        _require_free(path, target, force=force)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    sync_directory(target.parent)
    return report


def restore(path: Path, source: Path) -> tuple[Report, Path | None]:
    """Put a backup in the place of the ledger, of which the caller holds the lock.

    Returns what it holds and where the former ledger is kept. Raises LedgerError or OSError; then
    the ledger is as it was.
    """
    staged = beside(path, STAGED)
    if staged.exists():
        finish_restore(path)
    partial = beside(staged, PARTIAL)
    with closing(_to_read(source)) as file:
        copy_file(file, partial)
    try:
        _require_whole(partial, source)  # as it came, before anything is done to it
        _mark(partial)
        report = _require_whole(partial, source)
        _give_to_owner(partial, path)
        _sync(partial)
        os.replace(partial, staged)
    finally:
        for suffix in ("", JOURNAL, INDEX):
            beside(partial, suffix).unlink(missing_ok=True)
    sync_directory(path.parent)
    return report, finish_restore(path)


def finish_restore(path: Path) -> Path | None:
    """Let a staged copy take the ledger's place, if there is one; may be repeated at any point.

    Returns where the former ledger is kept, with its journal. Raises OSError.
    """
    staged = beside(path, STAGED)
    try:
        when = datetime.fromtimestamp(os.stat(staged).st_mtime, UTC)
    except FileNotFoundError:
        return None
    kept = beside(path, when.strftime(".before-restore-%Y%m%dT%H%M%S.%fZ"))
    for suffix in (JOURNAL, INDEX, ""):
        with contextlib.suppress(FileNotFoundError):
            os.replace(beside(path, suffix), beside(kept, suffix))
    os.replace(staged, path)
    sync_directory(path.parent)
    return kept if kept.exists() else None


def _to_read(path: Path) -> SqliteFile:
    try:
        return SqliteFile(path, read_only=True)
    except LedgerError as error:
        raise LedgerError(f"{path}: {error}", error.trouble) from error


def _require_free(path: Path, target: Path, *, force: bool) -> None:
    if target.exists() and path.exists() and target.samefile(path):
        raise LedgerError(f"{target}: is the ledger itself")
    if target.is_dir() or (target.exists() and not force):
        raise LedgerError(f"{target}: exists already; --force overwrites a file")


def _require_whole(copy: Path, of: Path) -> Report:
    report = check(copy, full=True)
    found = damage(report)
    if found is not None:
        raise LedgerError(f"{of}: {found}", found.trouble)
    return report


def _mark(copy: Path) -> None:
    """Bring a copy to this version, and note in it that it came back and how old it is."""
    with closing(SqliteFile(copy)) as file:
        migrate(file, keep_copy=False)
        with file.transaction():
            file.execute(
                "INSERT INTO restores SELECT ?, coalesce(max(newest_sample_unix_nanoseconds), 0)"
                " FROM sessions",
                time.time_ns(),
            )
        ((is_left, _, _),) = file.all("PRAGMA wal_checkpoint(TRUNCATE)")
    if is_left:  # what is in the journal of the copy does not go with it
        raise LedgerError(f"{copy.name}: is in use", Trouble.LOCKED)


def _give_to_owner(copy: Path, path: Path) -> None:
    """Let who owned the former ledger own the new one: root restores, the collector writes."""
    owner = path if path.exists() else path.parent
    status = os.stat(owner)
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        os.chown(copy, status.st_uid, status.st_gid)


def _sync(copy: Path) -> None:
    descriptor = os.open(copy, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
