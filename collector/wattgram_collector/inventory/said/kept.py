"""PURE. What the journal holds of one sort of thing that people say.

The newest entry of a key holds, unless it was withdrawn. An entry says its cells and where they
came from; what was said before stays in the journal for whoever asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from wattgram_collector.inventory.activities.kept import withdrawal_of, withdrawn_by
from wattgram_collector.inventory.said.rows import Problem, Said, SaidError, located, problem
from wattgram_collector.ledger import JournalMovedError
from wattgram_collector.ledger.journal import (
    JournalEntry,
    JournalKind,
    JournalRecord,
    canonical,
)

Thing = TypeVar("Thing")


class SaidReader(Protocol):
    """What is needed of a ledger to look at; raises LedgerError."""

    def journal(
        self, kinds: Collection[JournalKind] | None = None, after: int = 0
    ) -> Iterable[JournalEntry]:
        """Return the entries after a number, of some kinds or of all, in order."""


class SaidLedger(SaidReader, Protocol):
    """What is needed of a ledger; everything raises LedgerError."""

    def append(
        self,
        records: Sequence[JournalRecord],
        recorded_unix_nanoseconds: int,
        *,
        seen: int | None = None,
    ) -> object:
        """Write the records down in one transaction, all or none; see Journal."""

    def close(self) -> None:
        """Finish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort(Generic[Thing]):
    """A sort of thing: how it is read, written and told apart."""

    kind: JournalKind
    noun: str
    """For messages: `instrument`."""
    take: Callable[[Said], Thing]
    """Raises SaidError."""
    cells: Callable[[Thing], dict[str, str]]
    """What `take` makes the same thing of."""
    key: Callable[[Thing], str]
    conflicts: Callable[[Mapping[str, Thing], Collection[str]], Iterator[tuple[str, str]]]
    """Yields key and reason where some keys of all that would hold cannot stand beside others."""


class Kept(NamedTuple, Generic[Thing]):
    """A thing that holds, the number of its entry, and where it came from."""

    value: Thing
    number: int
    origin: str


class Shelf(Generic[Thing]):
    """What holds of one sort, as far as the journal was read."""

    def __init__(self, sort: Sort[Thing], entries: Iterable[JournalEntry] = ()) -> None:
        """Raise ValueError naming an entry that says no such thing."""
        self.sort = sort
        self.held: dict[str, Kept[Thing]] = {}
        self.last = 0
        """Number of the last entry that was read."""
        self._keys: dict[int, str] = {}
        self.update(entries)

    def update(self, entries: Iterable[JournalEntry]) -> None:
        """Take more of the journal in, and leave other kinds alone; raises ValueError."""
        for entry in entries:
            if entry.kind is JournalKind.WITHDRAWAL:
                self._withdraw(entry)
            elif entry.kind is self.sort.kind:
                self._take(entry)
            self.last = entry.number

    def read(self, ledger: SaidReader) -> Shelf[Thing]:
        """Take in what a ledger has more of; return itself."""
        self.update(ledger.journal([self.sort.kind, JournalKind.WITHDRAWAL], self.last))
        return self

    def values(self) -> dict[str, Thing]:
        return {key: one.value for key, one in self.held.items()}

    def _take(self, entry: JournalEntry) -> None:
        where = f"journal: entry {entry.number}"
        try:
            said = json.loads(entry.text)
            cells, origin = said["said"], str(said["origin"])
            thing = self.sort.take(Said(where, cells))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{where} is no {self.sort.noun}: {error}") from error
        key = self.sort.key(thing)
        self.held[key] = Kept(thing, entry.number, origin)
        self._keys[entry.number] = key

    def _withdraw(self, entry: JournalEntry) -> None:
        for run in withdrawn_by(entry):
            for number in run:
                key = self._keys.get(number)
                if key is not None and key in self.held and self.held[key].number == number:
                    del self.held[key]


class Sourced(NamedTuple, Generic[Thing]):
    """A thing that somebody says, and where."""

    value: Thing
    where: str


class Changes(NamedTuple, Generic[Thing]):
    """What is said beside what holds."""

    new: list[Sourced[Thing]]
    replaced: list[Sourced[Thing]]
    same: int

    def records(self, sort: Sort[Thing], sha256: str = "") -> list[JournalRecord]:
        """Return what is written down; `sha256` is that of the file that says it."""
        return [record_of(sort, one, sha256) for one in (*self.new, *self.replaced)]


def record_of(sort: Sort[Thing], one: Sourced[Thing], sha256: str) -> JournalRecord:
    said: dict[str, Any] = {"said": sort.cells(one.value), "origin": one.where}
    if sha256:
        said["sha256"] = sha256
    return JournalRecord(sort.kind, sort.key(one.value), canonical(said))


def taken(sort: Sort[Thing], rows: Iterable[Said]) -> list[Sourced[Thing]]:
    """Return the things of rows; raises SaidError with everything that is wrong."""
    found: list[Sourced[Thing]] = []
    problems: list[Problem] = []
    for row in rows:
        try:
            found.append(Sourced(sort.take(row), row.where))
        except ValueError as error:
            problems += located(row.where, error).problems
    if problems:
        raise SaidError(problems)
    return found


def changes(
    shelf: Shelf[Thing], said: Iterable[Sourced[Thing]], *, is_replacing: bool
) -> Changes[Thing]:
    """Return what is new; the same thing again changes nothing.

    Raises SaidError for another thing under a key that is there, unless it is to be replaced, and
    for what cannot stand beside the rest.
    """
    sort = shelf.sort
    found: Changes[Thing] = Changes([], [], 0)
    problems: list[Problem] = []
    seen: dict[str, Sourced[Thing]] = {}
    same = 0
    for one in said:
        key = sort.key(one.value)
        first = seen.setdefault(key, one)
        kept = shelf.held.get(key)
        if first is not one:
            same += 1
            if first.value != one.value:
                reason = f"{sort.noun} {key!r} is said otherwise at {first.where}"
                problems.append(problem(one.where, reason))
        elif kept is None:
            found.new.append(one)
        elif kept.value == one.value:
            same += 1
        elif is_replacing:
            found.replaced.append(one)
        else:
            reason = f"{sort.noun} {key!r} is kept otherwise, from {kept.origin}: --replace it"
            problems.append(problem(one.where, reason))
    after = shelf.values() | {key: one.value for key, one in seen.items()}
    problems += [problem(seen[key].where, why) for key, why in sort.conflicts(after, seen)]
    if problems:
        raise SaidError(problems)
    return found._replace(same=same)


def withdrawals(shelf: Shelf[Any], keys: Iterable[str], reason: str) -> list[JournalRecord]:
    """Return the records that take things back; raises KeyError for a key that is not kept."""
    return [withdrawal_of([shelf.held[key].number], key, reason) for key in dict.fromkeys(keys)]


def write(
    ledger: SaidLedger,
    shelf: Shelf[Thing],
    decide: Callable[[], list[JournalRecord]],
    now_unix_nanoseconds: int,
) -> None:
    """Write down what `decide` makes of all that the shelf holds, and nobody else in between."""
    while True:
        shelf.read(ledger)
        records = decide()
        if not records:
            return
        try:
            ledger.append(records, now_unix_nanoseconds, seen=shelf.last)
        except JournalMovedError:
            continue
        return
