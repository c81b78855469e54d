"""PURE. A period that was closed: what stood in its ledger.csv, and what is corrected since.

The journal keeps the closed rows themselves, compressed, with the hash of their chain. A later
report of the same period has them first, as they were, and then what has changed: a row that takes
back, and one that stands instead. So the file that was handed out is the beginning of every file
that follows, and nothing in it is below zero but what is taken back.
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_collector.inventory.factors import Factor
from wattgram_collector.inventory.periods import ReportPeriod
from wattgram_collector.inventory.report import ledger_file
from wattgram_collector.inventory.report import tables as files
from wattgram_collector.inventory.report.corrections import rows_of
from wattgram_collector.inventory.report.ledger_file import Row
from wattgram_collector.ledger.journal import (
    JournalEntry,
    JournalKind,
    JournalRecord,
    canonical,
)

ROWS_BYTES_MAX: Final = 1 << 30
"""Of ledger.csv, unpacked: whoever made a bigger one made a bomb."""
_LEVEL: Final = 6
_KEYS: Final = (
    "first", "after", "timezone", "org_unit", "head", "sha256", "rows", "packed", "factors",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """One closing as the journal has it; `packed` is ledger.csv, `factors` is factors.csv."""

    entry: int
    recorded_unix_nanoseconds: int
    first: date
    after: date
    timezone: str
    org_unit: str
    head: str
    sha256: str
    rows: int
    packed: str
    factors: str

    @property
    def day(self) -> date:
        seconds = self.recorded_unix_nanoseconds // NANOSECONDS_PER_SECOND
        return datetime.fromtimestamp(seconds, UTC).date()

    def is_of(self, period: ReportPeriod, org_unit: str) -> bool:
        mine = (self.first, self.after, self.timezone, self.org_unit)
        return mine == (period.first, period.after, period.timezone, org_unit)


def closed_elsewhere(
    closings: Iterable[Closing], period: ReportPeriod, org_unit: str
) -> Iterator[str]:
    """Yield warnings of a period that was closed with the days of another time zone only."""
    found = list(closings)
    if any(one.is_of(period, org_unit) for one in found):
        return
    for one in found:
        if one.is_of(period._replace(timezone=one.timezone), org_unit):
            yield (
                f"{period.name} was closed with the days of {one.timezone} (journal entry"
                f" {one.entry}): with those of {period.timezone} it is another period, not closed"
            )


def closing_record(
    period: ReportPeriod, org_unit: str, rows: Iterable[Row], factors: Iterable[Factor]
) -> JournalRecord:
    """Return what the journal is to keep of a period that is closed now.

    Raises ValueError for more than could be read again.
    """
    text, head = ledger_file.write(rows)
    if len(text.encode()) > ROWS_BYTES_MAX:
        raise ValueError(
            f"{period.name}: its ledger.csv has more than {ROWS_BYTES_MAX} bytes, and cannot be"
            " closed in one: close the units of the organisation, or shorter periods"
        )
    said = {
        "first": period.first.isoformat(),
        "after": period.after.isoformat(),
        "timezone": period.timezone,
        "org_unit": org_unit,
        "head": head,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "rows": ledger_file.verify(text),
        "packed": _packed(text),
        "factors": _packed(files.factors(factors)),
    }
    return JournalRecord(JournalKind.CLOSING, period.name, canonical(said))


def _packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode(), _LEVEL)).decode()


def closing_of(entry: JournalEntry) -> Closing:
    """Return the closing of an entry; raises ValueError naming it."""
    try:
        said = json.loads(entry.text)
        texts = {key: str(said[key]) for key in _KEYS}
        return Closing(
            entry=entry.number,
            recorded_unix_nanoseconds=entry.recorded_unix_nanoseconds,
            first=date.fromisoformat(texts.pop("first")),
            after=date.fromisoformat(texts.pop("after")),
            rows=int(texts.pop("rows")),
            **texts,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"journal: entry {entry.number} is no closing: {error}") from error


def closed_text(closing: Closing) -> str:
    """Return the ledger.csv that was closed; raises ValueError where it is not what was hashed."""
    text = _unpacked(closing, closing.packed)
    try:
        rows, head = ledger_file.verified(text)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{_name(closing)}: {error}") from error
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    if (sha256, rows, head) != (closing.sha256, closing.rows, closing.head):
        raise ValueError(f"{_name(closing)}: its rows are not those that were closed")
    return text


def closed_rows(closing: Closing) -> list[Row]:
    """Return the rows that were closed; raises ValueError."""
    return rows_of(closed_text(closing))


def closed_factors(closing: Closing) -> dict[str, Factor]:
    """Return the factors of the rows that were closed, by their ids; raises ValueError."""
    rows = csv.DictReader(io.StringIO(_unpacked(closing, closing.factors), newline=""))
    try:
        found = [files.factor_of(row) for row in rows]
        return {one.factor_id: one for one in found}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{_name(closing)}: its factors cannot be read: {error}") from error


def _unpacked(closing: Closing, packed: str) -> str:
    try:
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(base64.b64decode(packed, validate=True), ROWS_BYTES_MAX)
        text = content.decode()
    except (zlib.error, binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{_name(closing)}: cannot be read: {error}") from error
    if not unpacker.eof:
        raise ValueError(f"{_name(closing)}: cannot be read: it ends too soon, or never")
    return text


def _name(closing: Closing) -> str:
    return f"journal: entry {closing.entry}, the closing of {closing.first}/{closing.after}"


def faults(entries: Iterable[JournalEntry]) -> Iterator[str]:
    """Yield what is wrong with the closings of a journal: rows that are not what was closed.

    A later closing of a period begins with the rows of the earlier one.
    """
    last: dict[tuple[object, ...], tuple[int, str]] = {}
    for entry in entries:
        if entry.kind is not JournalKind.CLOSING:
            continue
        try:
            closing = closing_of(entry)
            text = closed_text(closing)
            closed_factors(closing)
        except ValueError as error:
            yield str(error).removeprefix("journal: ")
            continue
        key = (closing.first, closing.after, closing.timezone, closing.org_unit)
        number, before = last.get(key, (0, ""))
        if not text.startswith(before):
            yield f"entry {entry.number} has not the rows that entry {number} closed before it"
        last[key] = entry.number, text
