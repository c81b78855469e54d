"""Postings of the SQLite file as columns: see `wattgram_collector.ledger.columns`.

To step through a row from Python costs more than all that is done with it. So SQLite makes one
text of each column of an agent; those that are the same as another agent's are not read again.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import compress
from typing import Any, Final

from wattgram.readings import Kind, Quality
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Accounting, Signal
from wattgram_collector.ledger import LedgerError, Trouble
from wattgram_collector.ledger.columns import Column, Pattern, Posted, Priced, Pricer
from wattgram_collector.ledger.sqlite_file import ODD, SqliteFile
from wattgram_collector.ledger.sqlite_meanings import Meanings
from wattgram_collector.ledger.sqlite_restating import FINAL, NETWORK

_SERIALIZED: Final = 3
_LAYOUTS_KEPT: Final = 64
_FACTORS_KEPT: Final = 1_000_000
"""A year of hours of a hundred grids; one that is forgotten is looked up again."""
_COLUMNS: Final = """
SELECT count(*), group_concat(slot), group_concat(account), group_concat(terms),
       group_concat(factor), group_concat(quantity)
FROM postings WHERE agent = ? AND slot >= ? AND slot < ?
"""
# Whose restatements a posting follows: the same rules as in `sqlite_rows.posted`.
_HELD: Final = """
SELECT slot, factor, max(pass) FROM repricings
WHERE signal = ? AND zone = ? AND slot >= ? AND slot < ? AND is_prior_period = 0 GROUP BY slot
"""
_RESTATED: Final = "SELECT DISTINCT signal, zone FROM repricings"
_QUALITIES: Final = f"""
SELECT DISTINCT s.quality FROM series s
WHERE s.agent = ? AND s.counted AND s.kind = '{Kind.ENERGY.value}' AND EXISTS (
  SELECT 1 FROM usage u WHERE u.series = s.key AND u.slot >= ? AND u.slot < ?)
"""  # noqa: S608
_SPAN: Final = """
SELECT (SELECT min(slot) FROM postings WHERE agent = ?1),
       (SELECT max(slot) FROM postings WHERE agent = ?1)
"""

Key = tuple[str, str, str, str]
Group = tuple[Account, Terms, Pattern, list[bool] | None]
"""The rows of one account and of the same terms; a mask of them unless it is all rows."""


def posted_columns(
    file: SqliteFile,
    period: tuple[int, int],
    accounts: Collection[Account],
    agents: Iterable[int],
    pool: Executor | None,
) -> Iterator[Posted]:
    """Yield what `Sums.posted_columns` says; raises LedgerError."""
    reader = _Reader(file, period, frozenset(accounts))
    try:
        for agent, row in _ahead(file, period, agents, pool):
            yield Posted(agent, list(reader.columns(agent, row)))
    except (KeyError, *ODD) as error:
        raise LedgerError(f"a row that leads nowhere: {error}", Trouble.DAMAGED) from error


def posted_spans(file: SqliteFile, agents: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Return the first and the last slot of what agents ever posted; raises LedgerError."""
    found = {}
    for agent in agents:
        ((first, last),) = file.all(_SPAN, agent)
        if first is not None:
            found[agent] = first, last
    return found


def counted_qualities(
    file: SqliteFile, agent: int, first_slot: int, end_slot: int
) -> frozenset[Quality]:
    """Return how well the counted energy of an agent is known; raises LedgerError."""
    try:
        found = file.all(_QUALITIES, agent, first_slot, end_slot)
        return frozenset(Quality(quality) for (quality,) in found)
    except ODD as error:
        raise LedgerError(str(error), Trouble.DAMAGED) from error


def pool_of_one() -> ThreadPoolExecutor | None:
    """Return where SQLite may work ahead; None if it is built for one thread at a time."""
    if sqlite3.threadsafety != _SERIALIZED:
        return None
    return ThreadPoolExecutor(1, "ledger-columns")


def _ahead(
    file: SqliteFile, period: tuple[int, int], agents: Iterable[int], pool: Executor | None
) -> Iterator[tuple[int, Sequence[Any]]]:
    """Yield the row of texts of each agent; that of the next is made meanwhile, in the pool.

    SQLite works on it without Python's lock, so that both have a core of their own.
    """
    if pool is None:
        for agent in agents:
            yield agent, file.all(_COLUMNS, agent, *period)[0]
        return
    before: tuple[int, Future[list[Any]]] | None = None
    for agent in agents:
        after = agent, pool.submit(file.all, _COLUMNS, agent, *period)
        if before is not None:
            yield before[0], before[1].result()[0]
        before = after
    if before is not None:
        yield before[0], before[1].result()[0]


class _Reader:
    """Reads agent after agent and remembers what they have in common."""

    def __init__(
        self, file: SqliteFile, period: tuple[int, int], accounts: frozenset[Account]
    ) -> None:
        self._file = file
        self._period = period
        self._accounts = accounts
        self._meanings = Meanings(_FACTORS_KEPT)
        self._pricer = Pricer()
        self._priced: dict[int, Priced] = {}
        self._kept: dict[bool, dict[int, bool]] = {False: {}, True: {}}
        """Of postings by market, and of all others, by the key of a factor."""
        self._layouts: dict[Key, list[Group]] = {}
        self._restated = {(Signal(signal), zone) for signal, zone in file.all(_RESTATED)}
        self._held: dict[tuple[Signal, str], array[int]] = {}

    def columns(self, agent: int, row: Sequence[Any]) -> Iterator[Column]:
        rows, *texts, quantities_text = row
        if not rows:
            return
        if None in texts or quantities_text is None:
            raise ValueError(f"agent {agent} has postings of nothing")
        quantities: list[int] = json.loads(f"[{quantities_text}]")
        if not isinstance(sum(quantities), int):
            raise ValueError(f"agent {agent} has a quantity that is no integer")  # noqa: TRY004
        key = tuple(texts)
        groups = self._layouts.get(key)
        if groups is None:
            if len(self._layouts) >= _LAYOUTS_KEPT:
                del self._layouts[next(iter(self._layouts))]
            groups = self._layouts[key] = list(self._laid_out(key))
        for account, terms, pattern, mask in groups:
            own = quantities if mask is None else list(compress(quantities, mask))
            if len(own) != len(pattern.slots):
                raise ValueError(f"agent {agent} has postings without a quantity")
            yield Column(account, terms, pattern, own)

    def _laid_out(self, key: Key) -> Iterator[Group]:
        slots: list[int] = json.loads(f"[{key[0]}]")
        names = key[1].split(",")
        terms: list[int] = json.loads(f"[{key[2]}]")
        factors: list[int] = json.loads(f"[{key[3]}]")
        if not len(slots) == len(names) == len(terms) == len(factors):
            raise ValueError("postings have gaps")
        kinds, known_terms = set(names), set(terms)
        self._meanings.learn(self._file, known_terms, ())
        if len(kinds) == len(known_terms) == 1:
            account, meant = Account(names[0]), self._meanings.terms(terms[0])
            if account in self._accounts:
                yield account, meant, self._pattern(account, meant, slots, factors), None
            return
        keys = list(zip(names, terms, strict=True))
        for group in dict.fromkeys(keys):
            account, meant = Account(group[0]), self._meanings.terms(group[1])
            if account in self._accounts:
                mask = [one == group for one in keys]
                own = list(compress(slots, mask)), list(compress(factors, mask))
                yield account, meant, self._pattern(account, meant, *own), mask

    def _pattern(
        self, account: Account, terms: Terms, slots: list[int], factors: list[int]
    ) -> Pattern:
        self._price(set(factors))
        zone = terms.network_zone if account in NETWORK else terms.zone
        signal = Signal.MARGINAL if account is Account.MARGINAL else Signal.AVERAGE
        if (signal, zone) in self._restated:
            held, first = self._held_in(signal, zone), self._period[0]
            keeps = self._keeps(account, set(factors))
            factors = [
                before if keeps[before] else held[slot - first] or before
                for slot, before in zip(slots, factors, strict=True)
            ]
            self._price(set(factors))
        return Pattern(slots, [self._priced[key] for key in factors])

    def _price(self, keys: set[int]) -> None:
        """Look up the factors that are new, and take them apart."""
        new = keys - self._priced.keys()
        if new:
            self._meanings.learn(self._file, (), new)
            for key in new:
                self._priced[key] = self._pricer.of(self._meanings.factor(key))

    def _keeps(self, account: Account, keys: set[int]) -> dict[int, bool]:
        """Return whether postings keep their factors, whatever their grid has been restated to."""
        found = self._kept[account is Account.MARKET]
        for key in keys - found.keys():
            factor = self._priced[key].factor
            is_final = factor is not None and factor.tier is FINAL
            is_bought = factor is not None and factor.accounting is not Accounting.LOCATION
            found[key] = is_final or (is_bought and account is Account.MARKET)
        return found

    def _held_in(self, signal: Signal, zone: str) -> array[int]:
        """Return the keys of the factors that a grid was restated to, by slot; 0: it was not."""
        found = self._held.get((signal, zone))
        if found is None:
            first, end = self._period
            found = array("q", bytes(8 * (end - first)))
            for slot, factor, _ in self._file.each(_HELD, signal.value, zone, first, end):
                found[slot - first] = factor
            self._held[signal, zone] = found
        return found
