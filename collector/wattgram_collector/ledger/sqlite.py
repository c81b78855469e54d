"""The ledger in one SQLite file: one writer, a transaction for what comes together.

Many rows go into one statement as JSON. A statement for each row would hand the interpreter's
lock back and forth with the event loop, which costs more than the rows.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from wattgram.handshake import HostFacts
from wattgram.readings import Series
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Intensity, Recorded
from wattgram_collector.ledger import (
    AgentRecord,
    AgentTotals,
    Entry,
    LedgerChangedError,
    LedgerError,
    Outcome,
    Receipts,
    TallyKey,
    Trouble,
    adding,
    sqlite_controls,
    sqlite_journal,
)
from wattgram_collector.ledger import sqlite_reading as reading
from wattgram_collector.ledger import sqlite_rows as rows
from wattgram_collector.ledger import statements as sql
from wattgram_collector.ledger.journal import JournalEntry, JournalKind, JournalRecord
from wattgram_collector.ledger.restatement import Posted, Restated, Restatement, Used
from wattgram_collector.ledger.sqlite_file import (
    JOURNAL_BYTES_MAX,
    SqliteFile,
    failure,
    sizes_bytes,
)
from wattgram_collector.ledger.sqlite_meanings import Meanings
from wattgram_collector.ledger.sqlite_migrations import migrate, require_current
from wattgram_collector.ledger.sqlite_restating import restate
from wattgram_collector.ledger.sqlite_sums import posted_sums
from wattgram_collector.ledger.sums import PostedSum


class SqliteLedger:
    """See `wattgram_collector.ledger.Ledger`."""

    def __init__(
        self,
        path: Path,
        *,
        busy_seconds: float = 10,
        refusing: LedgerError | None = None,
        journal_bytes_max: int = JOURNAL_BYTES_MAX,
    ) -> None:
        """Open or create the file; raises LedgerError naming it when that cannot be done.

        With `refusing` it is opened to be read, and says that to whoever would write. Unless it
        is damage, `probe` then tries to open it for writing.
        """
        self._path = path
        self._busy_seconds = busy_seconds
        self._journal_bytes_max = journal_bytes_max
        self._refusal = refusing
        self._faults = 0
        self._file = self._opened(create=True)
        try:
            self._applied, self._series, self._terms, self._factors = reading.load(self._file)
        except LedgerError as error:
            self._file.close()
            raise _about(path, error) from error

    @classmethod
    def reading(cls, path: Path) -> SqliteLedger:
        """Open a ledger that may be another process's, to be read only; raises LedgerError.

        All that is read is of the instant at which it was opened.
        """
        ledger = cls(path, refusing=LedgerError("opened to be read", Trouble.READ_ONLY))
        try:
            ledger._file.execute("BEGIN")
            _, ledger._series, ledger._terms, ledger._factors = reading.load(ledger._file)
        except LedgerError as error:
            ledger.close()
            raise _about(path, error) from error
        return ledger

    def close(self) -> None:
        self._file.close()

    # ── trouble ──────────────────────────────────────────────────────────────────────────

    def probe(self) -> None:
        """See Ledger. What a failure left in doubt is opened anew and compared."""
        refusal = self._refusal
        if refusal is not None and refusal.trouble is Trouble.DAMAGED:
            raise LedgerError(str(refusal), refusal.trouble)
        self._file.require_room()
        if refusal is not None:
            self._refusal = None
            try:
                self._open_anew()
            except LedgerError:
                self._refusal = refusal
                raise
        with self._transaction():
            self._file.execute(sql.TOUCH)

    def refuse(self, reason: LedgerError) -> None:
        """Take nothing any more; for damage that was found while it is in use."""
        self._refusal = reason

    def note_faults(self, count: int) -> None:
        self._faults = count

    def faults(self) -> int:
        """See Ledger."""
        return self._faults

    def sizes_bytes(self) -> Mapping[str, int]:
        """See Ledger."""
        return sizes_bytes(self._path)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it or none; raises LedgerError for none."""
        if self._refusal is not None:
            raise LedgerError(str(self._refusal), self._refusal.trouble)
        if self._file.is_doubtful:
            self._open_anew()
        with self._file.transaction():
            yield

    def _opened(self, *, create: bool) -> SqliteFile:
        file = None
        try:
            if self._refusal is not None:
                file = SqliteFile(self._path, read_only=True)
                require_current(file)
            else:
                file = SqliteFile(
                    self._path,
                    busy_seconds=self._busy_seconds,
                    create=create,
                    journal_bytes_max=self._journal_bytes_max,
                )
                migrate(file)
        except (LedgerError, OSError) as error:
            if file is not None:
                file.close()
            raise _about(self._path, error) from error
        return file

    def _open_anew(self) -> None:
        """Open the file again and read what this process keeps of it.

        Raises LedgerChangedError when a transaction that was said to have failed has not, or the
        file is another: agents would repeat what is there, and nobody would see it until then.
        """
        self._file.is_doubtful = True  # until all of this is done
        file = self._opened(create=False)
        try:
            applied, series, terms, factors = reading.load(file)
        except LedgerError as error:
            file.close()
            raise _about(self._path, error) from error
        if applied != self._applied:
            file.close()
            raise LedgerChangedError(f"{self._path}: is not what it was before it failed")
        self._file.close()
        self._file, self._series, self._terms, self._factors = file, series, terms, factors

    # ── agents ───────────────────────────────────────────────────────────────────────────

    def enrol(self, agent_id: str, facts: HostFacts) -> AgentRecord:
        """See Ledger. A host name that another agent has gets a piece of the id appended."""
        text = json.dumps(asdict(facts), sort_keys=True)
        with self._transaction():
            known = self._file.all(
                "SELECT key, host, facts FROM agents WHERE agent_id = ?", agent_id
            )
            if known:
                ((key, host, said),) = known
                if said != text:
                    sqlite_controls.change_facts(self._file, key, text)
            else:
                host = next(
                    name for name in sql.host_names(facts.host, agent_id) if self._is_free(name)
                )
                key = self._file.execute(
                    "INSERT INTO agents (agent_id, host, facts) VALUES (?, ?, ?)",
                    agent_id, host, text,
                )  # fmt: skip
        return AgentRecord(key=int(key), agent_id=agent_id, host=host, facts=facts)

    def _is_free(self, host: str) -> bool:
        return not self._file.all("SELECT 1 FROM agents WHERE host = ?", host)

    def open_session(self, agent_key: int, session: str, first_sequence: int) -> int:
        """See Ledger. What a restored ledger does not know of may have been lost with it.

        There a session begins at its first sequence ever, and what does not come is missing.
        """
        known = self._applied.get((agent_key, session))
        if known is not None:
            return known
        applied = max(0, first_sequence - 1)
        with self._transaction():
            if self._file.all("SELECT 1 FROM restores LIMIT 1"):
                applied = 0
            self._file.execute(sql.BEGIN_SESSION, agent_key, session, applied)
        self._applied[agent_key, session] = applied
        return applied

    def agents(self) -> list[AgentRecord]:
        """See Ledger."""
        return reading.agents(self._file)

    # ── entries ──────────────────────────────────────────────────────────────────────────

    def series_keys(self, agent_key: int, series: Sequence[Series]) -> tuple[int, ...]:
        """See Ledger."""
        new = [one for one in series if (agent_key, one) not in self._series]
        if new:
            found: dict[tuple[int, Series], int] = {}
            with self._transaction():
                for one in new:
                    values = (getattr(one, column) for column in sql.SERIES_COLUMNS)
                    found[agent_key, one] = self._file.execute(
                        sql.INSERT_SERIES, agent_key, *values
                    )
            self._series.update(found)
        return tuple(self._series[agent_key, one] for one in series)

    def apply(self, entries: Sequence[Entry]) -> list[Outcome]:
        """See Ledger."""
        outcomes, applied = adding.outcomes(entries, self._applied)
        news = [outcome for outcome in outcomes if outcome.is_new]
        if news:
            self._write(news, applied)
            self._applied.update(applied)
        return outcomes

    def _write(self, news: Sequence[Outcome], applied: Mapping[tuple[int, str], int]) -> None:
        new_terms: reading.TermsKeys = {}
        new_factors: reading.FactorKeys = {}
        with self._transaction():
            added = adding.added_rows(
                news,
                lambda terms: self._terms_key(terms, new_terms),
                lambda factor: self._factor_key(factor, new_factors),
            )
            for agent, session in applied.keys() - self._applied.keys():
                self._file.execute(sql.BEGIN_SESSION, agent, session, 0)
            receipts, weighed = adding.receipt_rows(news)
            self._add(sql.ADD_USAGE, added.usage)
            self._add(sql.ADD_POSTINGS, added.postings)
            self._add(sql.ADD_TALLIES, added.tallies)
            self._add(sql.ADD_RECEIPTS, receipts)
            sessions = adding.session_rows(news, applied, added.weighed, weighed)
            self._add(sql.MOVE_SESSIONS, sessions)
        self._terms.update(new_terms)
        self._factors.update(new_factors)

    def _add(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            self._file.execute(statement, json.dumps(rows))

    def _terms_key(self, terms: Terms, new: dict[Terms, int]) -> int:
        key = self._terms.get(terms) or new.get(terms)
        if key is None:
            key = new[terms] = self._file.execute(
                sql.INSERT_TERMS, terms.zone, terms.network_zone, terms.as_text()
            )
        return key

    def _factor_key(self, factor: Intensity | None, new: dict[Intensity | None, int]) -> int:
        key = self._factors.get(factor)
        key = new.get(factor) if key is None else key
        if key is None and factor is not None:
            key = new[factor] = self._file.execute(sql.INSERT_FACTOR, *astuple(factor))
        return int(key or 0)

    def append(
        self,
        records: Sequence[JournalRecord],
        recorded_unix_nanoseconds: int,
        *,
        seen: int | None = None,
    ) -> tuple[int, int]:
        """See Ledger."""
        with self._transaction():
            return sqlite_journal.append(self._file, records, recorded_unix_nanoseconds, seen=seen)

    # ── reading back ─────────────────────────────────────────────────────────────────────

    def journal(
        self, kinds: Collection[JournalKind] | None = None, after: int = 0
    ) -> Iterator[JournalEntry]:
        """See Ledger."""
        return sqlite_journal.journal(self._file, kinds, after)

    def totals(self) -> dict[int, AgentTotals]:
        """See Ledger."""
        return reading.totals(self._file, self._series)

    def record_intensities(self, records: Sequence[Recorded]) -> None:
        """See Ledger."""
        with self._transaction():
            rows.record_intensities(self._file, records)

    def intensities(self, since_unix_seconds: int, zone: str | None = None) -> list[Recorded]:
        """See Ledger."""
        return rows.intensities(self._file, since_unix_seconds, zone)

    def intensity_zones(self) -> list[str]:
        """See Ledger."""
        return rows.intensity_zones(self._file)

    def restate(self, wanted: Restatement) -> Restated:
        """See Ledger."""
        new: reading.FactorKeys = {}

        def key(factor: Intensity) -> int:
            found = self._factor_key(factor, new)
            factors[found] = factor
            return found

        factors = {number: factor for factor, number in self._factors.items() if factor}
        try:
            with self._transaction():
                restated = restate(self._file, wanted, key, factors)
                if not restated.number:
                    raise _NothingToDoError
        except _NothingToDoError:
            return restated
        self._factors.update(new)
        return restated

    def posted(
        self, first_slot: int, end_slot: int, agent_key: int | None = None
    ) -> Iterator[Posted]:
        """See Ledger."""
        agents = [agent_key] if agent_key is not None else [one.key for one in self.agents()]
        return rows.posted(
            self._file, agents, first_slot, end_slot,
            {key: terms for terms, key in self._terms.items()},
            {key: factor for factor, key in self._factors.items()},
        )  # fmt: skip

    def receipts(self, agent_key: int, first_slot: int, end_slot: int) -> Receipts:
        """See Ledger."""
        return rows.receipts(self._file, agent_key, first_slot, end_slot)

    def posted_sums(self, first_slot: int, end_slot: int, *, by_slot: bool) -> Iterator[PostedSum]:
        """See Ledger."""
        period = first_slot, end_slot
        return posted_sums(self._file, Meanings(), period, None, by_slot=by_slot)

    def used(self, first_slot: int, end_slot: int, agent_key: int) -> list[Used]:
        """See Ledger."""
        series = {key: one for (_, one), key in self._series.items()}
        return rows.used(self._file, agent_key, first_slot, end_slot, series)

    def counted_energy(
        self, first_slot: int, end_slot: int, agent_key: int
    ) -> Mapping[Series, int]:
        """See Ledger."""
        series = {key: one for (_, one), key in self._series.items()}
        return rows.counted_energy(self._file, agent_key, first_slot, end_slot, series)

    def posted_span(self, agent_key: int | None = None) -> tuple[int, int] | None:
        """See Ledger."""
        return rows.posted_span(self._file, agent_key)

    def tallies(self, agent_key: int) -> Mapping[TallyKey, int]:
        """See Ledger."""
        return rows.tallies(self._file, agent_key)

    def counted_slots(self, agent_key: int) -> list[tuple[int, int]]:
        """See Ledger."""
        return self._file.all(sql.COUNTED_SLOTS, agent_key, Account.HOST.value)


class _NothingToDoError(Exception):
    """Rolls back what was only written to find that out."""


def _about(path: Path, error: LedgerError | OSError) -> LedgerError:
    """Return an error of the same kind that names the file."""
    if isinstance(error, OSError):
        return failure(error)
    return type(error)(f"{path}: {error}", error.trouble)
