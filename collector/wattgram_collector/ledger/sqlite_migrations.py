"""Files of earlier versions become this one: forward, step by step, each in a transaction.

A step that is killed has not happened; the next start does it again. Before the first one the file
is copied beside itself if there is room. A newer file is refused: what this program does not know
of it, it would leave out.

Adding a version: change schema.sql and its number, append a step, and add the former schema to
tests/collector/schemas. Steps are never changed once released.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Final

from wattgram.notify import notify_systemd
from wattgram_collector.ledger import LedgerError, Trouble
from wattgram_collector.ledger.controls import HASHED
from wattgram_collector.ledger.sqlite_controls import begin, note_schema
from wattgram_collector.ledger.sqlite_copy import copy_file, sync_directory
from wattgram_collector.ledger.sqlite_file import IN_MEMORY, LOG, SqliteFile, beside, sizes_bytes
from wattgram_collector.ledger.sqlite_migration_4 import to_4

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


_TERMS_2: Final = """
CREATE TABLE terms (
  key INTEGER PRIMARY KEY,
  zone TEXT NOT NULL,
  network_zone TEXT NOT NULL,
  text TEXT NOT NULL UNIQUE
);
CREATE TABLE postings_3 (
  agent INTEGER NOT NULL REFERENCES agents,
  account TEXT NOT NULL,
  slot INTEGER NOT NULL,
  terms INTEGER NOT NULL REFERENCES terms,
  factor INTEGER NOT NULL,
  quantity INTEGER NOT NULL,
  PRIMARY KEY (agent, slot, account, terms, factor)
) WITHOUT ROWID;
CREATE TABLE intensities (
  zone TEXT NOT NULL,
  provider TEXT NOT NULL,
  signal TEXT NOT NULL,
  scope TEXT NOT NULL,
  boundary TEXT NOT NULL,
  losses TEXT NOT NULL,
  accounting TEXT NOT NULL,
  valid_from_unix_seconds INTEGER NOT NULL,
  valid_until_unix_seconds INTEGER NOT NULL,
  fetched_unix_seconds INTEGER NOT NULL,
  status TEXT NOT NULL,
  grams_per_kilowatt_hour TEXT NOT NULL,
  version TEXT NOT NULL,
  PRIMARY KEY (zone, valid_from_unix_seconds, provider, signal, scope, fetched_unix_seconds,
               boundary, losses, accounting, valid_until_unix_seconds)
) WITHOUT ROWID;
CREATE TABLE passes (
  pass INTEGER PRIMARY KEY,
  begun_unix_seconds INTEGER NOT NULL,
  reason TEXT NOT NULL
);
CREATE TABLE repricings (
  signal TEXT NOT NULL,
  zone TEXT NOT NULL,
  slot INTEGER NOT NULL,
  pass INTEGER NOT NULL REFERENCES passes,
  factor INTEGER NOT NULL REFERENCES factors,
  is_prior_period INTEGER NOT NULL,
  PRIMARY KEY (signal, zone, slot, pass)
) WITHOUT ROWID;
CREATE TABLE adjustments (
  zone TEXT NOT NULL,
  day INTEGER NOT NULL,
  agent INTEGER NOT NULL REFERENCES agents,
  microjoules_times_intensity TEXT NOT NULL,
  PRIMARY KEY (zone, day, agent)
) WITHOUT ROWID;
"""
_SEGMENT_2: Final = (
    '{"segments":[{"counts":"both","kilowatt_hours_per_gigabyte":"0.059",'
    '"name":"network_swdm_v4","source":"Sustainable Web Design Model v4, operational energy of the'
    ' network segment","standby_watts":"0"}]'
)


def _to_3(file: SqliteFile) -> None:
    """Terms beside every posting, and room for revisions.

    What was posted before had the zone of its factor and one model of the network. Where nothing
    priced it the zone was not kept.
    """
    file.script(_TERMS_2)
    zones = [zone for (zone,) in file.all("SELECT DISTINCT zone FROM factors ORDER BY zone")]
    for zone in ["", *zones]:
        named = f',"network_zone":{json.dumps(zone)},' if zone else ""
        text = _SEGMENT_2.replace('{"segments"', f'{{{named[1:]}"segments"')
        text += f',"zone":{json.dumps(zone)}}}' if zone else "}"
        file.execute(
            "INSERT INTO terms (zone, network_zone, text) VALUES (?, ?, ?)", zone, zone, text
        )
    file.execute(
        "INSERT INTO postings_3 SELECT p.agent, p.account, p.slot, t.key, p.factor, p.quantity"
        " FROM postings p LEFT JOIN factors f ON f.key = p.factor"
        " JOIN terms t ON t.zone = coalesce(f.zone, '')"
    )
    file.execute("DROP TABLE postings")
    file.execute("ALTER TABLE postings_3 RENAME TO postings")


STEPS: Final[Sequence[Step]] = (_to_2, _to_3, to_4)
"""The first leads from version 1 to version 2, and so on."""
SCHEMA_NOTED_VERSION: Final = 4
"""What tables look like is controlled from this version on."""
STEPS_BYTES: Final = 256 * 1024
"""What new tables of an empty file may take, beside as much again as it has."""
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


def make(file: SqliteFile) -> None:
    """Make the tables of a file that has none; whoever comes second finds them made."""
    schema = resources.files(__package__) / "schema.sql"
    with file.transaction():
        if not version_of(file):
            file.script(schema.read_text(encoding="utf-8"))
            begin(file, HASHED)


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
        make(file)
        return
    if found < newest:
        # A large file takes longer than a start may; killed for that, it would never be done.
        notify_systemd("EXTEND_TIMEOUT_USEC=3600000000")
        copy = _copy(file, found) if keep_copy else None
        for version, step in enumerate(steps[found - 1 :], found + 1):
            with file.transaction():
                step(file)
                file.execute("UPDATE schema_version SET version = ?", version)
                if version >= SCHEMA_NOTED_VERSION:
                    note_schema(file)
        LOG.info("ledger_migrated from=%d to=%d copy=%s", found, newest, copy or "none")


def _copy(file: SqliteFile, version: int) -> Path | None:
    """Keep the file as it is beside it; None where there is no room for that."""
    if str(file.path) == IN_MEMORY:
        return None
    target = beside(file.path, f".version-{version}")
    partial = beside(target, ".partial")
    medium = os.statvfs(file.path.parent)
    needed = 2 * sum(sizes_bytes(file.path).values()) + STEPS_BYTES
    if medium.f_bavail * medium.f_frsize < needed:
        LOG.warning("ledger_not_copied version=%d bytes=%d: no room", version, needed)
        return None
    copy_file(file, partial)
    os.replace(partial, target)
    sync_directory(target.parent)
    return target
