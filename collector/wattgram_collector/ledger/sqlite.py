"""The ledger in one SQLite file: WAL, synchronous FULL, one writer.

Many rows go into one statement as JSON. A statement for each row would hand the interpreter's
lock back and forth with the event loop, which costs more than the rows.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple
from importlib import resources
from pathlib import Path
from typing import Any, Final

from wattgram.handshake import HostFacts
from wattgram.readings import Series
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.intensity import Intensity
from wattgram_collector.ledger import (
    AgentRecord,
    AgentTotals,
    Entry,
    LedgerError,
    Outcome,
    Tally,
)
from wattgram_collector.ledger import statements as sql

SCHEMA_VERSION: Final = 1
UNPRICED: Final = 0
HOST_SUFFIX_LENGTH: Final = 8


class SqliteLedger:
    """See `wattgram_collector.ledger.Ledger`."""

    def __init__(self, path: Path, *, busy_seconds: float = 10) -> None:
        """Open or create the file; raises LedgerError naming it when that cannot be done."""
        self._applied: dict[tuple[int, str], int] = {}
        self._series: dict[tuple[int, Series], int] = {}
        self._factors: dict[Intensity | None, int] = {None: UNPRICED}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=busy_seconds
            )
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(f"{path}: {error}") from error
        try:
            self._prepare()
            self._load()
        except (ValueError, sqlite3.Error) as error:
            self._database.close()
            raise LedgerError(f"{path}: {error}") from error

    def close(self) -> None:
        self._database.close()

    # ── agents ───────────────────────────────────────────────────────────────────────────

    def enrol(self, agent_id: str, facts: HostFacts) -> AgentRecord:
        """See Ledger. A host name that another agent has gets a piece of the id appended."""
        text = json.dumps(asdict(facts), sort_keys=True)
        try:
            known = self._all("SELECT key, host FROM agents WHERE agent_id = ?", agent_id)
            if known:
                ((key, host),) = known
                self._database.execute("UPDATE agents SET facts = ? WHERE key = ?", (text, key))
            else:
                host = next(name for name in _names(facts.host, agent_id) if self._is_free(name))
                key = self._database.execute(
                    "INSERT INTO agents (agent_id, host, facts) VALUES (?, ?, ?)",
                    (agent_id, host, text),
                ).lastrowid
        except sqlite3.Error as error:
            raise LedgerError(str(error)) from error
        return AgentRecord(key=int(key), agent_id=agent_id, host=host, facts=facts)

    def _is_free(self, host: str) -> bool:
        return not self._all("SELECT 1 FROM agents WHERE host = ?", host)

    def open_session(self, agent_key: int, session: str, first_sequence: int) -> int:
        """See Ledger."""
        known = self._applied.get((agent_key, session))
        if known is not None:
            return known
        applied = max(0, first_sequence - 1)
        try:
            self._database.execute(
                "INSERT INTO sessions (agent, session, applied) VALUES (?, ?, ?)",
                (agent_key, session, applied),
            )
        except sqlite3.Error as error:
            raise LedgerError(str(error)) from error
        self._applied[agent_key, session] = applied
        return applied

    def agents(self) -> list[AgentRecord]:
        """See Ledger."""
        rows = self._all(
            "SELECT a.key, a.agent_id, a.host, a.facts,"
            " coalesce(max(s.last_seen_unix_nanoseconds), 0),"
            " coalesce(max(s.newest_sample_unix_nanoseconds), 0)"
            " FROM agents a LEFT JOIN sessions s ON s.agent = a.key GROUP BY a.key"
        )
        return [
            AgentRecord(
                key=key,
                agent_id=agent_id,
                host=host,
                facts=HostFacts(**json.loads(facts)),
                last_seen_unix_nanoseconds=seen,
                newest_sample_unix_nanoseconds=newest,
            )
            for key, agent_id, host, facts, seen, newest in rows
        ]

    # ── entries ──────────────────────────────────────────────────────────────────────────

    def series_keys(self, agent_key: int, series: Sequence[Series]) -> tuple[int, ...]:
        """See Ledger."""
        new = [one for one in series if (agent_key, one) not in self._series]
        if new:
            found: dict[tuple[int, Series], int] = {}
            with self._transaction():
                for one in new:
                    values = (getattr(one, column) for column in sql.SERIES_COLUMNS)
                    key = self._database.execute(sql.INSERT_SERIES, (agent_key, *values)).lastrowid
                    found[agent_key, one] = int(key or 0)
            self._series.update(found)
        return tuple(self._series[agent_key, one] for one in series)

    def apply(self, entries: Sequence[Entry]) -> list[Outcome]:
        """See Ledger."""
        applied: dict[tuple[int, str], int] = {}
        outcomes = []
        for entry in entries:
            session = (entry.agent_key, entry.session)
            known = applied.get(session, self._applied.get(session, 0))
            is_new = entry.sequence > known
            outcomes.append(Outcome(entry, is_new, entry.sequence - known - 1 if is_new else 0))
            if is_new:
                applied[session] = entry.sequence
        news = [outcome for outcome in outcomes if outcome.is_new]
        if news:
            self._write(news, applied)
            self._applied.update(applied)
        return outcomes

    def _write(self, news: Sequence[Outcome], applied: Mapping[tuple[int, str], int]) -> None:
        new_factors: dict[Intensity | None, int] = {}
        with self._transaction():
            usage, postings, tallies = self._rows(news, new_factors)
            self._add(sql.ADD_USAGE, usage)
            self._add(sql.ADD_POSTINGS, postings)
            self._add(sql.ADD_TALLIES, tallies)
            self._add(sql.MOVE_SESSIONS, sql.session_rows(news, applied))
        self._factors.update(new_factors)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it or none; raises LedgerError for none."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
            yield
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise LedgerError(str(error)) from error

    def _rows(
        self, news: Sequence[Outcome], new_factors: dict[Intensity | None, int]
    ) -> tuple[list[list[Any]], list[list[Any]], list[list[Any]]]:
        """Add up what the entries say of the same row, so that each row is written once."""
        usage: dict[tuple[int, int], int] = {}
        postings: dict[tuple[int, str, int, int], int] = {}
        tallies: dict[tuple[int, str, str], int] = {}
        for entry, _, missing in news:
            agent = entry.agent_key
            for row, quantity in entry.usage.items():
                usage[row] = usage.get(row, 0) + quantity
            for (account, slot, factor), quantity in entry.postings.items():
                posting = (agent, account.value, slot, self._factor_key(factor, new_factors))
                postings[posting] = postings.get(posting, 0) + quantity
            for (name, label), count in entry.tallies.items():
                tally = (agent, name.value, label)
                tallies[tally] = tallies.get(tally, 0) + count
            if missing:
                tally = (agent, Tally.MISSING_BATCHES.value, "")
                tallies[tally] = tallies.get(tally, 0) + missing
        return sql.rows_of(usage), sql.rows_of(postings), sql.rows_of(tallies)

    def _add(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            self._database.execute(statement, (json.dumps(rows),))

    def _factor_key(self, factor: Intensity | None, new: dict[Intensity | None, int]) -> int:
        key = self._factors.get(factor)
        key = new.get(factor) if key is None else key
        if key is None and factor is not None:
            key = self._database.execute(sql.INSERT_FACTOR, astuple(factor)).lastrowid
            new[factor] = int(key or 0)
        return int(key or 0)

    # ── reading back ─────────────────────────────────────────────────────────────────────

    def totals(self) -> dict[int, AgentTotals]:
        """See Ledger."""
        totals = {key: AgentTotals() for (key,) in self._all("SELECT key FROM agents")}
        factor_of = {key: factor for factor, key in self._factors.items()}
        series_of = {key: pair for pair, key in self._series.items()}
        for key, *halves in self._all(sql.SUM_USAGE):
            agent, series = series_of[key]
            totals[agent].series[key] = series
            totals[agent].usage[key] = sql.whole(*halves)
        for agent, account, factor, *halves in self._all(sql.SUM_POSTINGS):
            totals[agent].postings[Account(account), factor_of[factor]] = sql.whole(*halves)
        for agent, name, label, count in self._all(
            "SELECT agent, name, label, count FROM tallies"
        ):
            totals[agent].tallies[Tally(name), label] = count
        return totals

    def counted_slots(self, agent_key: int) -> list[tuple[int, int]]:
        """See Ledger."""
        return self._all(sql.COUNTED_SLOTS, agent_key, Account.HOST.value)

    def _all(self, query: str, *parameters: Any) -> list[Any]:
        return self._database.execute(query, parameters).fetchall()

    def _prepare(self) -> None:
        database = self._database
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA foreign_keys = ON")
        if not self._all("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'"):
            schema = resources.files(__package__) / "schema.sql"
            database.executescript(f"BEGIN; {schema.read_text(encoding='utf-8')} COMMIT;")
        ((version,),) = self._all("SELECT version FROM schema_version")
        if version != SCHEMA_VERSION:
            raise sqlite3.DatabaseError(
                f"schema version {version}, this program writes version {SCHEMA_VERSION}"
            )

    def _load(self) -> None:
        for agent, session, applied in self._all("SELECT agent, session, applied FROM sessions"):
            self._applied[agent, session] = applied
        for key, agent, *values in self._all(sql.SELECT_SERIES):
            self._series[agent, sql.series_of(values)] = key
        for key, *values in self._all(sql.SELECT_FACTORS):
            self._factors[sql.factor_of(values)] = key


def _names(host: str, agent_id: str) -> Iterator[str]:
    """Yield the host's own name, then ever longer ones until one is free."""
    yield host
    yield f"{host}-{agent_id[:HOST_SUFFIX_LENGTH]}"
    yield f"{host}-{agent_id}"
    yield from (f"{host}-{agent_id}-{number}" for number in itertools.count(1))
