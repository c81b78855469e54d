"""PURE. A seal: what a day of UTC held when somebody wrote it down, as an entry of the journal.

Late data may still come, and is welcome: a seal lets anybody see that it came, and what changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from wattgram.units import ACCOUNTING_SLOT_SECONDS, SECONDS_PER_DAY
from wattgram_collector.ledger.journal import (
    JournalEntry,
    JournalError,
    JournalKind,
    JournalRecord,
    canonical,
)

SLOTS_PER_DAY: Final = SECONDS_PER_DAY // ACCOUNTING_SLOT_SECONDS


class Digest(NamedTuple):
    """Rows of one table: how many, and the SHA-256 of their lines, see docs/ledger.md."""

    rows: int
    sha256: str


class Sealed(NamedTuple):
    """What a day held. `quantities`: by account, in its unit."""

    day: date
    tables: Mapping[str, Digest]
    quantities: Mapping[str, int]

    def as_record(self) -> JournalRecord:
        said = {
            "day": self.day.isoformat(),
            "tables": {
                name: {"rows": one.rows, "sha256": one.sha256} for name, one in self.tables.items()
            },
            "quantities": self.quantities,
        }
        return JournalRecord(JournalKind.SEAL, self.day.isoformat(), canonical(said))


def sealed_of(entry: JournalEntry) -> Sealed:
    """Return what an entry sealed; raises JournalError for one that is no seal."""
    try:
        said = json.loads(entry.text)
        tables = {
            name: Digest(int(one["rows"]), str(one["sha256"]))
            for name, one in said["tables"].items()
        }
        quantities = {str(name): int(one) for name, one in said["quantities"].items()}
        return Sealed(date.fromisoformat(said["day"]), tables, quantities)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise JournalError(f"journal: entry {entry.number} is no seal: {error}") from error


def changes(before: Sealed, now: Sealed) -> Iterator[str]:
    """Yield what is not as it was, in words."""
    for name, was in before.tables.items():
        found = now.tables.get(name)
        if found is None or found == was:
            continue
        rows = f"{found.rows} rows, were {was.rows}" if found.rows != was.rows else "other values"
        yield f"{name}: {rows}"
    for account in sorted(before.quantities.keys() | now.quantities.keys()):
        was_, is_ = before.quantities.get(account, 0), now.quantities.get(account, 0)
        if was_ != is_:
            yield f"{account}: {is_}, were {was_}"


def slots_of(day: date) -> tuple[int, int]:
    """Return the first slot of a day, and the one after its last."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    first = int(start.timestamp()) // ACCOUNTING_SLOT_SECONDS
    return first, first + SLOTS_PER_DAY


def day_of_slot(slot: int) -> date:
    """Return the day of UTC that a slot is in."""
    return datetime.fromtimestamp(slot * ACCOUNTING_SLOT_SECONDS, UTC).date()
