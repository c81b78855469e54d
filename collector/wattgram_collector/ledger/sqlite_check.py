"""Is what is in a ledger file what was put into it? Looks only; works beside a running collector.

SQLite's own check finds pages and rows that cannot be. It knows nothing of a number that became
another, so everything is added up again: the rows of an agent against its control totals, what its
counted series used against what was posted, and its applied sequences against the batches that
came and those that never did.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wattgram_collector.accounting.emissions import Account
from wattgram_collector.ledger import LedgerError, Tally, Trouble
from wattgram_collector.ledger import sqlite_reading as reading
from wattgram_collector.ledger.findings import Finding
from wattgram_collector.ledger.sqlite_check_controls import hashed_faults
from wattgram_collector.ledger.sqlite_check_sums import WEIGHED_VERSION, mismatches
from wattgram_collector.ledger.sqlite_file import ODD, SqliteFile, sizes_bytes
from wattgram_collector.ledger.sqlite_migrations import (
    SCHEMA_VERSION,
    SchemaVersionError,
    version_of,
)

FINDINGS_MAX: Final = 20
TERMS_VERSION: Final = 3
"""Postings have terms from this version on."""


def _unheard(looked_at: str) -> None:
    """Say nothing of what is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a check found; at most FINDINGS_MAX of each kind of look."""

    path: Path
    schema_version: int
    size_bytes: int
    agents: int
    newest_sample_unix_nanoseconds: int
    seconds: float
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        return not self.findings


def check(path: Path, *, full: bool, say: Callable[[str], None] = _unheard) -> Report:
    """Return what is wrong with a file; without `full` indexes are not compared with their rows.

    `say` is told what is looked at, each time before that.
    Raises LedgerError when it is no ledger, of a newer version, or cannot be read for now. Reads
    the whole file.
    """
    began = time.monotonic()
    version = agents = newest = 0
    try:
        with closing(SqliteFile(path, read_only=True)) as file:
            file.execute("BEGIN")  # one instant of it, whoever writes meanwhile
            version = version_of(file)
            if not 0 < version <= SCHEMA_VERSION:
                raise SchemaVersionError(
                    f"schema version {version}, this program knows 1 to {SCHEMA_VERSION}"
                )
            findings = tuple(findings_of(file, version, full=full, say=say))
            agents, newest = _fleet(file)
    except LedgerError as error:
        if error.trouble is not Trouble.DAMAGED:
            raise type(error)(f"{path}: {error}", error.trouble) from error
        findings = (Finding("unreadable", str(error)),)
    return Report(
        path=path,
        schema_version=version,
        size_bytes=sum(sizes_bytes(path).values()),
        agents=agents,
        newest_sample_unix_nanoseconds=newest,
        seconds=time.monotonic() - began,
        findings=findings,
    )


def _fleet(file: SqliteFile) -> tuple[int, int]:
    """Return the number of agents and when the newest sample was taken; 0 where none can say."""
    try:
        ((agents,),) = file.all("SELECT count(*) FROM agents")
        ((newest,),) = file.all(
            "SELECT coalesce(max(newest_sample_unix_nanoseconds), 0) FROM sessions"
        )
    except LedgerError:
        return 0, 0
    return agents, newest if isinstance(newest, int) else 0


def findings_of(
    file: SqliteFile, version: int, *, full: bool, say: Callable[[str], None] = _unheard
) -> list[Finding]:
    """Raises LedgerError for what is no finding: a medium that fails, say."""
    found: list[Finding] = []
    try:
        say("storage")
        found.extend(_storage(file, full=full))
        say("references")
        found.extend(_rows(file, version))
        say("texts")
        if version >= WEIGHED_VERSION:
            found.extend(
                Finding("control", f"{name}: {what}") for name, what in hashed_faults(file)
            )
        _read_all(file, version)
        if not any(one.is_damage for one in found):
            say("sums")
            found.extend(mismatches(file, version))
    except LedgerError as error:
        if error.trouble not in {Trouble.DAMAGED, Trouble.OTHER}:
            raise
        found.append(Finding("unreadable", str(error)))
    except (KeyError, *ODD) as error:
        found.append(Finding("value", f"a row that makes no sense: {error}"))
    return found


# ── damage: the file is not what SQLite or this program wrote ────────────────────────────────


def _storage(file: SqliteFile, *, full: bool) -> Iterator[Finding]:
    pragma = "integrity_check" if full else "quick_check"
    for (line,) in file.all(f"PRAGMA {pragma}({FINDINGS_MAX})"):
        if line != "ok":
            yield Finding("storage", line)


def _rows(file: SqliteFile, version: int) -> Iterator[Finding]:
    for table, column in (("usage", "quantity"), ("postings", "quantity"), ("tallies", "count")):
        ((count,),) = file.all(
            f"SELECT count(*) FROM {table}"  # noqa: S608
            f" WHERE typeof({column}) <> 'integer' OR {column} < 0"
        )
        if count:
            yield Finding("value", f"{count} rows of {table} have no {column}")
    for table, column, words in (("postings", "account", Account), ("tallies", "name", Tally)):
        ((count,),) = file.all(
            f"SELECT count(*) FROM {table}"  # noqa: S608
            f" WHERE {column} NOT IN (SELECT value FROM json_each(?))",
            json.dumps(list(words)),
        )
        if count:
            yield Finding("value", f"{count} rows of {table} have no {column} that is known")
    for table, column, owner in (
        ("sessions", "agent", "agents"),
        ("series", "agent", "agents"),
        ("postings", "agent", "agents"),
        ("tallies", "agent", "agents"),
        ("usage", "series", "series"),
        ("postings", "factor", "factors"),
        *(_OWNED_SINCE_TERMS if version >= TERMS_VERSION else ()),
        *(_OWNED_SINCE_RECEIPTS if version >= WEIGHED_VERSION else ()),
    ):
        ((count,),) = file.all(
            f"SELECT count(*) FROM {table}"  # noqa: S608
            f" WHERE {column} NOT IN (SELECT {_KEY.get(owner, 'key')} FROM {owner}"
            f" UNION ALL SELECT {_NO_OWNER[owner]})"
        )
        if count:
            yield Finding("orphan", f"{count} rows of {table} belong to none of {owner}")


def _read_all(file: SqliteFile, version: int) -> None:
    """Read it as a start does; raises LedgerError for a word that this program does not know."""
    if version < TERMS_VERSION:  # a start brings it up first
        return
    _, series, _, _ = reading.load(file)
    reading.agents(file)
    reading.totals(file, series)


_OWNED_SINCE_TERMS: Final = (
    ("postings", "terms", "terms"),
    ("repricings", "factor", "factors"),
    ("repricings", "pass", "passes"),
    ("adjustments", "agent", "agents"),
)
_OWNED_SINCE_RECEIPTS: Final = (("receipts", "agent", "agents"),)
_KEY: Final = {"passes": "pass"}
_NO_OWNER: Final = {
    "agents": -1,
    "series": -1,
    "factors": reading.UNPRICED,
    "terms": -1,
    "passes": -1,
}
"""A key that no row of a table has, and that another may name all the same."""


def damage(report: Report) -> LedgerError | None:
    """Return why nothing may be written to the file that was checked; None: it may."""
    found = [finding for finding in report.findings if finding.is_damage]
    if not found:
        return None
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return LedgerError(f"{found[0]}{more}", Trouble.DAMAGED)
