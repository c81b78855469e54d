"""Files of earlier versions become this one: forward, step by step, each in a transaction.

A step that is killed has not happened; the next start does it again. Before the first one the file
is copied beside itself if there is room. A newer file is refused: what this program does not know
of it, it would leave out.

Adding a version: change schema.sql and its number, append a step, and add the former schema to
tests/collector/schemas. Steps are never changed once released.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Final

from wattgram.notify import notify_systemd
from wattgram_collector.ledger import LedgerError, Trouble
from wattgram_collector.ledger.sqlite_copy import copy_file, sync_directory
from wattgram_collector.ledger.sqlite_file import IN_MEMORY, LOG, SqliteFile, beside, sizes_bytes

Step = Callable[[SqliteFile], None]

_SUM: Final = (
    "((((sum({0} >> 31) << 31) & 4611686018427387903) + sum({0} & 2147483647))"
    " & 4611686018427387903)"
)


class SchemaVersionError(LedgerError):
    """The file is of a version that this program does not know, or may not change."""


def _to_2(file: SqliteFile) -> None:
    """Control totals of the sessions, and a note of restores.

    What was booked before is put on one session of each agent: only the sum of all is checked.
    """
    for column in ("base", "batches", "usage_control", "postings_control"):
        file.execute(f"ALTER TABLE sessions ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
    file.execute(
        "CREATE TABLE restores (restored_unix_nanoseconds INTEGER NOT NULL,"
        " newest_sample_unix_nanoseconds INTEGER NOT NULL)"
    )
    file.execute("UPDATE sessions SET batches = applied")
    chosen = "(SELECT min(o.session) FROM sessions o WHERE o.agent = sessions.agent)"
    usage = (
        f"SELECT {_SUM.format('u.quantity')} FROM usage u JOIN series s ON s.key = u.series"  # noqa: S608
        " WHERE s.agent = sessions.agent"
    )
    posted = f"SELECT {_SUM.format('quantity')} FROM postings WHERE agent = sessions.agent"  # noqa: S608
    missing = (
        "SELECT count FROM tallies"
        " WHERE agent = sessions.agent AND name = 'missing_batches' AND label = ''"
    )
    file.execute(
        f"UPDATE sessions SET batches = applied - coalesce(({missing}), 0),"  # noqa: S608
        f" usage_control = coalesce(({usage}), 0), postings_control = coalesce(({posted}), 0)"
        f" WHERE session = {chosen}"
    )


STEPS: Final[Sequence[Step]] = (_to_2,)
"""The first leads from version 1 to version 2, and so on."""
SCHEMA_VERSION: Final = 1 + len(STEPS)


def version_of(file: SqliteFile) -> int:
    """Return the version of a file, 0 for one that is empty."""
    if not file.all("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'"):
        return 0
    rows = file.all("SELECT version FROM schema_version")
    if len(rows) != 1 or not isinstance(rows[0][0], int):
        raise LedgerError("schema_version does not hold one version", Trouble.DAMAGED)
    return rows[0][0]


def require_current(file: SqliteFile) -> None:
    """Raise SchemaVersionError unless the file is of this program's version."""
    version = version_of(file)
    if version != SCHEMA_VERSION:
        raise SchemaVersionError(
            f"schema version {version}, this program reads version {SCHEMA_VERSION};"
            " `wattgram-collector run` brings an older one up to it"
        )


def migrate(file: SqliteFile, steps: Sequence[Step] = STEPS, *, keep_copy: bool = True) -> None:
    """Bring a file to the version after the last of `steps`; an empty one gets the schema.

    Raises SchemaVersionError for a newer one, LedgerError when the storage fails; then the file
    is of the version that it was, or of one in between.
    """
    found, newest = version_of(file), 1 + len(steps)
    if found > newest:
        raise SchemaVersionError(
            f"schema version {found}, this program writes version {newest}: run the newer"
            " program again, or restore a backup of an earlier one"
        )
    if not found:
        schema = resources.files(__package__) / "schema.sql"
        with file.transaction():
            file.script(schema.read_text(encoding="utf-8"))
        return
    if found < newest:
        # A large file takes longer than a start may; killed for that, it would never be done.
        notify_systemd("EXTEND_TIMEOUT_USEC=3600000000")
        copy = _copy(file, found) if keep_copy else None
        for version, step in enumerate(steps[found - 1 :], found + 1):
            with file.transaction():
                step(file)
                file.execute("UPDATE schema_version SET version = ?", version)
        LOG.info("ledger_migrated from=%d to=%d copy=%s", found, newest, copy or "none")


def _copy(file: SqliteFile, version: int) -> Path | None:
    """Keep the file as it is beside it; None where there is no room for that."""
    if str(file.path) == IN_MEMORY:
        return None
    target = beside(file.path, f".version-{version}")
    partial = beside(target, ".partial")
    medium = os.statvfs(file.path.parent)
    needed = 2 * sum(sizes_bytes(file.path).values())  # the steps need room too
    if medium.f_bavail * medium.f_frsize < needed:
        LOG.warning("ledger_not_copied version=%d bytes=%d: no room", version, needed)
        return None
    copy_file(file, partial)
    os.replace(partial, target)
    sync_directory(target.parent)
    return target
