"""A file of activities into the journal: all of it, its good rows, or nothing.

What is there already is not taken again: the same file twice is the same activities. An activity
that says something else than before is refused, unless it is to replace it, which withdraws the
earlier entry. Whatever is taken is one transaction.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, Protocol

from wattgram_collector.inventory.activities.activity import Wrong
from wattgram_collector.inventory.activities.checking import (
    Checker,
    Good,
    Refused,
    Rules,
    content_of,
    digest_of,
    matter_of,
)
from wattgram_collector.inventory.activities.kept import (
    JOURNAL_KINDS,
    Row,
    Source,
    record_of,
    rows_held,
    withdrawal_of,
)
from wattgram_collector.inventory.activities.outcome import Outcome, Problem
from wattgram_collector.inventory.activities.overlaps import Overlaps, span_of
from wattgram_collector.inventory.activities.reading import ROWS_MAX, Form, rows_of
from wattgram_collector.inventory.activities.source_rows import SourceError
from wattgram_collector.ledger import JournalMovedError
from wattgram_collector.ledger.journal import JournalEntry, JournalKind, JournalRecord
from wattgram_collector.progress import Tell, nobody

_ATTEMPTS: Final = 5


class ActivityReader(Protocol):
    """What is needed of a ledger to look at activities; raises LedgerError."""

    def journal(
        self, kinds: Collection[JournalKind] | None = None, after: int = 0
    ) -> Iterable[JournalEntry]:
        """See Journal."""


class ActivityLedger(ActivityReader, Protocol):
    """What is needed to take them as well."""

    def append(
        self,
        records: Sequence[JournalRecord],
        recorded_unix_nanoseconds: int,
        *,
        seen: int | None = None,
    ) -> tuple[int, int]:
        """See Journal."""

    def close(self) -> None:
        """Finish."""


class Given(NamedTuple):
    """A file, as it came."""

    name: str
    content: bytes
    form: Form
    rows_max: int = ROWS_MAX


class Asked(NamedTuple):
    """How it is to be taken."""

    keep_good: bool = False
    """Take the good rows although others are refused."""
    is_replacing: bool = False
    is_dry: bool = False


class _There(NamedTuple):
    """An activity that holds."""

    number: int
    digest: bytes


class _Sorted(NamedTuple):
    """Good rows, by what the journal has of them."""

    new: list[Good]
    replacing: list[Good]
    same: int
    other: list[tuple[Good, _There]]


def imported(
    ledger: ActivityLedger,
    given: Given,
    asked: Asked,
    rules: Rules,
    now_unix_nanoseconds: int,
    tell: Tell = nobody,
) -> Outcome:
    """Check a file and take it; raises LedgerError and KeptError, and then nothing is taken."""
    source = Source(given.name, hashlib.sha256(given.content).hexdigest())
    outcome = Outcome(file=source.file, sha256=source.sha256, is_dry=asked.is_dry)
    try:
        good = list(_checked(given, rules, outcome, tell))
    except SourceError as error:
        # Where a row ends, or what a column is, is open: none of it can be relied on.
        outcome.problems.append(Problem(error.line, *error.wrong))
        outcome.is_readable = False
        return outcome
    _count_unpriced(good, outcome)
    attempt = 1
    while True:
        try:
            return _taken(ledger, good, source, asked, rules, now_unix_nanoseconds, outcome)
        except JournalMovedError:  # somebody else said something meanwhile: look again
            attempt += 1
            if attempt > _ATTEMPTS:
                raise


def _checked(given: Given, rules: Rules, outcome: Outcome, tell: Tell) -> Iterator[Good]:
    """Yield the good rows; those that are refused go to the outcome. Raises SourceError."""
    checker = Checker(rules)
    lines = given.content.count(b"\n") + 1
    for row in rows_of(given.content, given.form, rules.columns, given.rows_max):
        tell(row.line, lines)
        outcome.rows += 1
        found = checker.check(row)
        if isinstance(found, Refused):
            _refuse(outcome, found.line, found.wrongs)
        else:
            yield found


def _refuse(outcome: Outcome, line: int, wrongs: Iterable[Wrong]) -> None:
    outcome.refused += 1
    outcome.problems += [Problem(line, *one) for one in wrongs]


def _count_unpriced(good: Iterable[Good], outcome: Outcome) -> None:
    times: Counter[tuple[str, str]] = Counter()
    for one in good:
        outcome.unpriced += bool(one.unpriced)
        times.update({(one.kind, why) for why in one.unpriced})
    for (kind, why), rows in sorted(times.items()):
        outcome.warnings.append(f"{kind}: {rows} rows are in no total with a part: {why}")


def _taken(
    ledger: ActivityLedger,
    good: Sequence[Good],
    source: Source,
    asked: Asked,
    rules: Rules,
    now_unix_nanoseconds: int,
    outcome: Outcome,
) -> Outcome:
    """Write down what is new, unless a row is refused and all are wanted.

    Returns the outcome with that; the one that is given stays as it is.
    """
    outcome = replace(outcome, problems=list(outcome.problems), warnings=list(outcome.warnings))
    seen, there, overlaps = _look(ledger, good, rules.timezone)
    found = _sorted(good, there, is_replacing=asked.is_replacing)
    for row, other in found.other:
        reason = (
            f"is there already and says something else (entry {other.number}): another name, "
            "or --replace"
        )
        _refuse(outcome, row.line, [Wrong("activity_id", row.activity_id, reason)])
    outcome.problems.sort(key=lambda one: one.line)
    outcome.already_there = found.same
    fresh = sorted([*found.new, *found.replacing], key=lambda one: one.line)
    for one in fresh:
        overlaps.add(one.matter, one.interval, f"line {one.line}")
    outcome.warnings += overlaps.told()
    if outcome.problems and not asked.keep_good:
        return outcome
    outcome.taken, outcome.replaced = len(fresh), len(found.replacing)
    if fresh and not asked.is_dry:
        records = [record_of(one, source) for one in fresh]
        if found.replacing:
            numbers = [there[one.activity_id].number for one in found.replacing]
            records.insert(0, withdrawal_of(numbers, source.file, "replaced"))
        _, last = ledger.append(records, now_unix_nanoseconds, seen=seen)
        outcome.first_entry, outcome.last_entry = last - len(fresh) + 1, last
    return outcome


def _look(
    ledger: ActivityLedger, good: Sequence[Good], timezone: str
) -> tuple[int, dict[str, _There], Overlaps]:
    """Return the last entry that was seen, what is there, and what that is about.

    Raises KeptError.
    """
    wanted = {one.matter for one in good} - {b""}
    names = {one.activity_id for one in good}
    last = Seen()
    there: dict[str, _There] = {}
    overlaps = Overlaps()
    for row in rows_held(last.of(ledger.journal(JOURNAL_KINDS))):
        is_named = row.activity_id in names
        if is_named:
            there[row.activity_id] = _There(row.number, digest_of(content_of(row.cells, row.kind)))
        matter = matter_of(row.cells, row.kind)
        if matter in wanted and not is_named:
            span = span_of(row.cells, timezone)
            overlaps.add(matter, span, f"{row.activity_id} (entry {row.number})", is_kept=True)
    return last.number, there, overlaps


class Seen:
    """Remembers the number of the last entry that went by."""

    def __init__(self) -> None:
        self.number = 0

    def of(self, entries: Iterable[JournalEntry]) -> Iterator[JournalEntry]:
        for entry in entries:
            self.number = entry.number
            yield entry


def _sorted(good: Iterable[Good], there: Mapping[str, _There], *, is_replacing: bool) -> _Sorted:
    found = _Sorted([], [], 0, [])
    same = 0
    for one in good:
        other = there.get(one.activity_id)
        if other is None:
            found.new.append(one)
        elif other.digest == one.digest:
            same += 1
        elif is_replacing:
            found.replacing.append(one)
        else:
            found.other.append((one, other))
    return found._replace(same=same)


def withdrawn(
    ledger: ActivityLedger, rows: Sequence[Row], reason: str, now_unix_nanoseconds: int, seen: int
) -> int:
    """Take rows back, in one entry; return its number. Raises LedgerError."""
    subject = rows[0].activity_id if len(rows) == 1 else rows[0].source.file
    record = withdrawal_of([one.number for one in rows], subject, reason)
    number, _ = ledger.append([record], now_unix_nanoseconds, seen=seen)
    return number
