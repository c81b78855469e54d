"""Sums over the SQLite file, made by SQLite: see `wattgram_collector.ledger.sums`.

The rows of a slot are added up first and given the factor that holds now afterwards: a thousand
hosts on one grid are then one look-up and not a thousand.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from wattgram.readings import Kind, Quality
from wattgram.workloads import SOURCE as SHARES
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.intensity import Accounting, Signal
from wattgram_collector.ledger import AgentRecord, LedgerError, Trouble
from wattgram_collector.ledger import sqlite_columns as columns
from wattgram_collector.ledger import statements as sql
from wattgram_collector.ledger.columns import Posted
from wattgram_collector.ledger.journal import JournalEntry
from wattgram_collector.ledger.sqlite_file import ODD, SqliteFile
from wattgram_collector.ledger.sqlite_journal import journal
from wattgram_collector.ledger.sqlite_meanings import Meanings
from wattgram_collector.ledger.sqlite_migrations import require_current
from wattgram_collector.ledger.sqlite_reading import agents
from wattgram_collector.ledger.sqlite_restating import FINAL, NETWORK
from wattgram_collector.ledger.sqlite_weighing import weighed_sums
from wattgram_collector.ledger.sums import CountedSum, PostedSum, WeighedSum, WorkloadSum

_NETWORK: Final = ", ".join(f"'{one.value}'" for one in NETWORK)

# Whose restatements a posting follows: the same rules as in `sqlite_rows.posted`.
_POSTED: Final = f"""
WITH chosen AS MATERIALIZED (
  SELECT CAST(key AS INTEGER) AS agent, value AS label FROM json_each(?1)
), held AS MATERIALIZED (
  SELECT signal, zone, slot, factor, max(pass) FROM repricings
  WHERE slot >= ?2 AND slot < ?3 AND is_prior_period = 0 GROUP BY signal, zone, slot
), summed AS MATERIALIZED (
  SELECT c.label, p.slot, p.account, p.terms, p.factor,
         sum(p.quantity >> 32) AS high, sum(p.quantity & 4294967295) AS low
  FROM chosen c CROSS JOIN postings p
    ON p.agent = c.agent AND p.slot >= ?2 AND p.slot < ?3
  GROUP BY 1, 2, 3, 4, 5
)
SELECT s.label, CASE WHEN ?4 THEN s.slot END, s.account, s.terms,
       coalesce(h.factor, s.factor), sum(s.high), sum(s.low)
FROM summed s
JOIN terms t ON t.key = s.terms
LEFT JOIN factors f ON f.key = s.factor
LEFT JOIN held h ON h.slot = s.slot
  AND h.zone = CASE WHEN s.account IN ({_NETWORK}) THEN t.network_zone ELSE t.zone END
  AND h.signal = CASE s.account
    WHEN '{Account.MARKET.value}' THEN
      CASE WHEN coalesce(f.accounting, '{Accounting.LOCATION.value}')
        = '{Accounting.LOCATION.value}' THEN '{Signal.AVERAGE.value}' END
    WHEN '{Account.MARGINAL.value}' THEN '{Signal.MARGINAL.value}'
    ELSE '{Signal.AVERAGE.value}' END
  AND coalesce(f.tier, '') <> '{FINAL.value}'
GROUP BY 1, 2, 3, 4, 5
"""  # noqa: S608

_COUNTED: Final = f"""
WITH chosen AS MATERIALIZED (
  SELECT CAST(key AS INTEGER) AS agent, value AS label FROM json_each(?1)
)
SELECT c.label, CASE WHEN ?4 THEN u.slot END, s.quality,
       sum(u.quantity >> 32), sum(u.quantity & 4294967295)
FROM series s JOIN chosen c ON c.agent = s.agent
CROSS JOIN usage u ON u.series = s.key AND u.slot >= ?2 AND u.slot < ?3
WHERE s.counted AND s.kind = '{Kind.ENERGY.value}'
GROUP BY 1, 2, 3
"""  # noqa: S608

_WORKLOADS: Final = f"""
SELECT s.domain, s.instance, count(DISTINCT s.agent),
       sum(u.quantity >> 32) AS high, sum(u.quantity & 4294967295) AS low
FROM series s
CROSS JOIN usage u ON u.series = s.key AND u.slot >= ?1 AND u.slot < ?2
WHERE s.source = '{SHARES}' AND NOT s.counted AND s.kind = '{Kind.ENERGY.value}'
GROUP BY 1, 2 ORDER BY high * 4294967296.0 + low DESC, 1, 2 LIMIT ?3
"""  # noqa: S608


class SqliteSums:
    """See `Sums`. Opened for one look; `meanings` may be kept from look to look."""

    def __init__(self, path: Path, meanings: Meanings | None = None) -> None:
        """Raises LedgerError."""
        self._file = SqliteFile(path, read_only=True)
        self._meanings = meanings or Meanings()
        self._pool: ThreadPoolExecutor | None = None
        try:
            self._file.execute("BEGIN")
            require_current(self._file)  # the instant is that of a first read
        except LedgerError as error:
            self._file.close()
            raise type(error)(f"{path}: {error}", error.trouble) from error

    def close(self) -> None:
        """See Sums. What SQLite works on in another thread is waited for."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._file.close()

    def posted_sums(
        self,
        first_slot: int,
        end_slot: int,
        *,
        by_slot: bool,
        groups: Mapping[int, int] | None = None,
    ) -> Iterator[PostedSum]:
        """See Sums."""
        period = first_slot, end_slot
        return posted_sums(self._file, self._meanings, period, groups, by_slot=by_slot)

    def weighed_sums(
        self,
        first_slot: int,
        end_slot: int,
        *,
        accounts: Collection[Account],
        agents: Iterable[int] | None = None,
    ) -> Iterator[WeighedSum]:
        """See Sums."""
        period = first_slot, end_slot
        return weighed_sums(self._file, self._meanings, period, accounts, agents)

    def posted_columns(
        self,
        first_slot: int,
        end_slot: int,
        *,
        accounts: Collection[Account],
        agents: Iterable[int],
    ) -> Iterator[Posted]:
        """See Sums."""
        if self._pool is None:
            self._pool = columns.pool_of_one()
        period = first_slot, end_slot
        return columns.posted_columns(self._file, period, accounts, agents, self._pool)

    def posted_spans(self, agents: Iterable[int]) -> dict[int, tuple[int, int]]:
        """See Sums."""
        return columns.posted_spans(self._file, agents)

    def agents(self) -> list[AgentRecord]:
        """See Sums."""
        return agents(self._file)

    def journal(self) -> Iterator[JournalEntry]:
        """See Sums."""
        return journal(self._file)

    def counted_qualities(self, agent: int, first_slot: int, end_slot: int) -> frozenset[Quality]:
        """See Sums."""
        return columns.counted_qualities(self._file, agent, first_slot, end_slot)

    def counted_sums(
        self,
        first_slot: int,
        end_slot: int,
        *,
        by_slot: bool,
        groups: Mapping[int, int] | None = None,
    ) -> Iterator[CountedSum]:
        """See Sums."""
        try:
            for group, slot, quality, *halves in self._file.all(
                _COUNTED, *_asked(self._file, (first_slot, end_slot), groups, by_slot=by_slot)
            ):
                yield CountedSum(group, slot, Quality(quality), sql.whole(*halves))
        except ODD as error:
            raise LedgerError(str(error), Trouble.DAMAGED) from error

    def workload_sums(self, first_slot: int, end_slot: int, most: int) -> list[WorkloadSum]:
        """See Sums."""
        return [
            WorkloadSum(kind, name, hosts, sql.whole(*halves))
            for kind, name, hosts, *halves in self._file.all(
                _WORKLOADS, first_slot, end_slot, most
            )
        ]


def posted_sums(
    file: SqliteFile,
    meanings: Meanings,
    period: tuple[int, int],
    groups: Mapping[int, int] | None,
    *,
    by_slot: bool,
) -> Iterator[PostedSum]:
    """Yield the postings of a period as `Sums.posted_sums` says; raises LedgerError."""
    found = file.all(_POSTED, *_asked(file, period, groups, by_slot=by_slot))
    try:
        meanings.learn(file, {row[3] for row in found}, {row[4] for row in found})
        for group, slot, account, terms, factor, *halves in found:
            yield PostedSum(
                group,
                slot,
                Account(account),
                meanings.terms(terms),
                meanings.factor(factor),
                sql.whole(*halves),
            )
    except (KeyError, *ODD) as error:
        raise LedgerError(f"a row that leads nowhere: {error}", Trouble.DAMAGED) from error


def _asked(
    file: SqliteFile,
    period: tuple[int, int],
    groups: Mapping[int, int] | None,
    *,
    by_slot: bool,
) -> tuple[str, int, int, bool]:
    if groups is None:
        keys = [key for (key,) in file.all("SELECT key FROM agents")]
        groups = {key: 0 if by_slot else key for key in keys}
    return json.dumps(groups), *period, by_slot
