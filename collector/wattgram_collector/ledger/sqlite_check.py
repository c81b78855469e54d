"""Is what is in a ledger file what was put into it? Looks only; works beside a running collector.

SQLite's own check finds pages and rows that cannot be. It knows nothing of a number that became
another, so everything is added up again: the rows of an agent against its control totals, what its
counted series used against what was posted, and its applied sequences against the batches that
came and those that never did.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wattgram.readings import Kind
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.ledger import LedgerError, Tally, Trouble
from wattgram_collector.ledger import sqlite_reading as reading
from wattgram_collector.ledger import statements as sql
from wattgram_collector.ledger.sqlite_check_controls import control_faults, hashed_faults
from wattgram_collector.ledger.sqlite_file import SqliteFile, sizes_bytes
from wattgram_collector.ledger.sqlite_migrations import (
    SCHEMA_VERSION,
    SchemaVersionError,
    version_of,
)

FINDINGS_MAX: Final = 20
CONTROLLED_VERSION: Final = 2
"""Control totals are kept from this version on."""
TERMS_VERSION: Final = 3
"""Postings have terms from this version on."""
WEIGHED_VERSION: Final = 4
"""Control totals weigh what quantities are of, and text has some too, from this version on."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be."""

    kind: str
    """storage, value, orphan or unreadable; control, entry or sequence."""
    detail: str

    @property
    def is_damage(self) -> bool:
        """Whether the file cannot be trusted to be written to; else a sum is wrong."""
        return self.kind in {"storage", "value", "orphan", "unreadable"}

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


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


def check(path: Path, *, full: bool) -> Report:
    """Return what is wrong with a file; without `full` indexes are not compared with their rows.

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
            findings = tuple(findings_of(file, version, full=full))
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


def findings_of(file: SqliteFile, version: int, *, full: bool) -> list[Finding]:
    """Raises LedgerError for what is no finding: a medium that fails, say."""
    found: list[Finding] = []
    try:
        found.extend(_storage(file, full=full))
        found.extend(_rows(file, version))
        if version >= WEIGHED_VERSION:
            found.extend(
                Finding("control", f"{name}: {what}") for name, what in hashed_faults(file)
            )
        _read_all(file, version)
        if not any(one.is_damage for one in found):
            found.extend(_mismatches(file, version))
    except LedgerError as error:
        if error.trouble not in {Trouble.DAMAGED, Trouble.OTHER}:
            raise
        found.append(Finding("unreadable", str(error)))
    except (KeyError, *reading.ODD) as error:
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
    _, series, terms, factors = reading.load(file)
    reading.agents(file)
    reading.totals(file, series, terms, factors)


_OWNED_SINCE_TERMS: Final = (
    ("postings", "terms", "terms"),
    ("repricings", "factor", "factors"),
    ("repricings", "pass", "passes"),
)
_KEY: Final = {"passes": "pass"}
_NO_OWNER: Final = {
    "agents": -1,
    "series": -1,
    "factors": reading.UNPRICED,
    "terms": -1,
    "passes": -1,
}
"""A key that no row of a table has, and that another may name all the same."""


ENERGY: Final = "microjoules"
TRAFFIC: Final = "bytes"
_MATTER: Final = {
    Account.HOST: ENERGY,
    Account.NETWORK: TRAFFIC,
    Account.RECEIVE: TRAFFIC,
    Account.TRANSMIT: TRAFFIC,
}
"""What is posted once. The other accounts have the same again, at another factor."""


# ── mismatches: rows that are well formed, and do not add up ─────────────────────────────────


def _mismatches(file: SqliteFile, version: int) -> Iterator[Finding]:
    used, counted = _usage(file)
    posted, booked = _postings(file)
    saturated = _saturated(file)
    for agent in sorted((used.keys() | posted.keys()) - saturated):
        for matter, quantity in counted.get(agent, {}).items():
            found = booked.get(agent, {}).get(matter, 0)
            if quantity != found:
                yield Finding(
                    "entry", f"agent {agent} used {quantity} and posted {found} {matter}"
                )
        if version >= CONTROLLED_VERSION:
            yield from _control(file, agent, used.get(agent, 0), posted.get(agent, 0))
    yield from _sequences(file, version)
    if version >= WEIGHED_VERSION:
        for name, detail in control_faults(file, saturated):
            yield Finding("control", f"{name}: {detail}")


def _usage(file: SqliteFile) -> tuple[dict[int, int], dict[int, dict[str, int]]]:
    """Return what each agent used: all of it, and what is counted, by matter."""
    owner = {
        key: (agent, ENERGY if kind == Kind.ENERGY else TRAFFIC, counted)
        for key, agent, kind, counted in file.all("SELECT key, agent, kind, counted FROM series")
    }
    used: dict[int, int] = {}
    by_matter: dict[int, dict[str, int]] = {}
    for series, *halves in file.all(sql.SUM_USAGE):
        agent, matter, is_counted = owner[series]
        quantity = sql.whole(*halves)
        used[agent] = used.get(agent, 0) + quantity
        if is_counted:
            sums = by_matter.setdefault(agent, {})
            sums[matter] = sums.get(matter, 0) + quantity
    return used, by_matter


def _postings(file: SqliteFile) -> tuple[dict[int, int], dict[int, dict[str, int]]]:
    """Return what was posted for each agent: all of it, and what its meters used, by matter."""
    posted: dict[int, int] = {}
    by_matter: dict[int, dict[str, int]] = {}
    for agent, account, *halves in file.all(sql.SUM_ACCOUNTS):
        quantity = sql.whole(*halves)
        posted[agent] = posted.get(agent, 0) + quantity
        matter = _MATTER.get(Account(account))
        if matter is not None:
            sums = by_matter.setdefault(agent, {})
            sums[matter] = sums.get(matter, 0) + quantity
    return posted, by_matter


def _saturated(file: SqliteFile) -> set[int]:
    """Return the agents with a row as great as can be: it is less than was added to it."""
    rows = file.all(
        "SELECT agent FROM postings WHERE quantity = ?1 UNION SELECT s.agent"
        " FROM usage u JOIN series s ON s.key = u.series WHERE u.quantity = ?1",
        sql.INTEGER_MAX,
    )
    return {agent for (agent,) in rows}


def _control(file: SqliteFile, agent: int, used: int, posted: int) -> Iterator[Finding]:
    rows = file.all("SELECT usage_control, postings_control FROM sessions WHERE agent = ?", agent)
    for name, found, controls in (
        ("usage", used, (row[0] for row in rows)),
        ("postings", posted, (row[1] for row in rows)),
    ):
        expected = sum(controls) & sql.CONTROL_MASK
        if found & sql.CONTROL_MASK != expected:
            yield Finding("control", f"{name} of agent {agent} is {found}, not {expected}")


def _sequences(file: SqliteFile, version: int) -> Iterator[Finding]:
    """Every number up to the applied sequence came, or is counted as missing."""
    is_exact = version >= CONTROLLED_VERSION
    columns = "applied, base + batches" if is_exact else "applied, 0"
    left: dict[int, int] = {}
    for agent, applied, came in file.all(f"SELECT agent, {columns} FROM sessions"):  # noqa: S608
        left[agent] = left.get(agent, 0) + applied - came
    missing = file.all(
        "SELECT agent, count FROM tallies WHERE name = ?", Tally.MISSING_BATCHES.value
    )
    said = {agent: count for agent, count in missing if count < sql.INTEGER_MAX}
    full = {agent for agent, _ in missing} - said.keys()
    for agent in sorted((left.keys() | said.keys()) - full):
        found, expected = said.get(agent, 0), left.get(agent, 0)
        if found != expected if is_exact else found > expected:
            yield Finding("sequence", f"agent {agent} lacks {expected} batches, says {found}")


def damage(report: Report) -> LedgerError | None:
    """Return why nothing may be written to the file that was checked; None: it may."""
    found = [finding for finding in report.findings if finding.is_damage]
    if not found:
        return None
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return LedgerError(f"{found[0]}{more}", Trouble.DAMAGED)
