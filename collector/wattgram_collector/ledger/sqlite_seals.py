"""Seals over days of the SQLite file: made, and compared with what is there now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from wattgram_collector.ledger import LedgerError, Trouble
from wattgram_collector.ledger.journal import JournalEntry, JournalError, JournalKind
from wattgram_collector.ledger.seals import (
    Digest,
    Sealed,
    changes,
    day_of_slot,
    sealed_of,
    slots_of,
)
from wattgram_collector.ledger.sqlite_file import SqliteFile
from wattgram_collector.ledger.sqlite_journal import SqliteJournal, journal
from wattgram_collector.ledger.sqlite_migrations import require_current
from wattgram_collector.ledger.sqlite_rows import posted_span

_POSTED: Final = (
    "FROM agents a CROSS JOIN postings p ON p.agent = a.key AND p.slot >= ?1 AND p.slot < ?2"
)
_LINES: Final = {
    "postings": f"SELECT p.* {_POSTED} ORDER BY p.agent, p.slot, p.account, p.terms, p.factor",
    "usage": (
        "SELECT u.* FROM series s CROSS JOIN usage u"
        " ON u.series = s.key AND u.slot >= ?1 AND u.slot < ?2 ORDER BY u.series, u.slot"
    ),
    "receipts": (
        "SELECT r.* FROM agents a CROSS JOIN receipts r"
        " ON r.agent = a.key AND r.slot >= ?1 AND r.slot < ?2 ORDER BY r.agent, r.slot, r.session"
    ),
    "repricings": (
        "SELECT * FROM repricings WHERE slot >= ?1 AND slot < ?2 ORDER BY signal, zone, slot, pass"
    ),
    "factors": (
        f"SELECT * FROM factors WHERE key IN (SELECT p.factor {_POSTED}"  # noqa: S608
        " UNION SELECT factor FROM repricings WHERE slot >= ?1 AND slot < ?2) ORDER BY key"
    ),
    "terms": f"SELECT * FROM terms WHERE key IN (SELECT p.terms {_POSTED}) ORDER BY key",  # noqa: S608
}
"""What is sealed of each table: every column in its order, as `sqlite3 -tabs` prints it."""
_QUANTITIES: Final = (
    f"SELECT p.account, sum(p.quantity >> 32), sum(p.quantity & 4294967295) {_POSTED}"
    " GROUP BY 1 ORDER BY 1"
)


class Changed(NamedTuple):
    """A day that is not as it was when it was sealed: that is allowed, and said."""

    day: date
    entry: int
    """Number of the seal in the journal."""
    what: tuple[str, ...]


def seal(path: Path, until: date, now_unix_nanoseconds: int) -> list[date]:
    """Seal the days before `until` that are not sealed yet; return them. Raises LedgerError.

    The collector may run: each day is read by itself, and all are written down at once.
    """
    with closing(SqliteFile(path, read_only=True)) as file:
        require_current(file)
        done = {_sealed(one).day for one in journal(file, {JournalKind.SEAL})}
        span = posted_span(file, None)
        days = [day for day in _days(span, until) if day not in done]
        records = [held_by(file, day).as_record() for day in days]
    if records:
        with closing(SqliteJournal(path)) as book:
            book.append(records, now_unix_nanoseconds)
    return days


def _days(span: tuple[int, int] | None, until: date) -> Iterator[date]:
    if span is None:
        return
    first, last = span[0], min(span[1], slots_of(until)[0] - 1)
    day = day_of_slot(min(first, last))
    while slots_of(day)[0] <= last:
        if first < slots_of(day)[1]:
            yield day
        day += timedelta(days=1)


def _sealed(entry: JournalEntry) -> Sealed:
    try:
        return sealed_of(entry)
    except JournalError as error:
        raise LedgerError(str(error), Trouble.DAMAGED) from error


def held_by(file: SqliteFile, day: date) -> Sealed:
    """Return what a day holds now; raises LedgerError."""
    period = slots_of(day)
    tables = {name: _digest(file, query, period) for name, query in _LINES.items()}
    quantities = {
        account: (high << 32) + low for account, high, low in file.all(_QUANTITIES, *period)
    }
    return Sealed(day, tables, quantities)


def _digest(file: SqliteFile, query: str, period: tuple[int, int]) -> Digest:
    digest, rows = hashlib.sha256(), 0
    for row in file.each(query, *period):
        digest.update(("\t".join(map(str, row)) + "\n").encode())
        rows += 1
    return Digest(rows, digest.hexdigest())


def changed(file: SqliteFile) -> Iterator[Changed]:
    """Yield the sealed days that hold something else now; raises LedgerError."""
    newest = {}
    for entry in journal(file, {JournalKind.SEAL}):
        found = _sealed(entry)
        newest[found.day] = entry.number, found
    for day, (number, before) in sorted(newest.items()):
        what = tuple(changes(before, held_by(file, day)))
        if what:
            yield Changed(day, number, what)
