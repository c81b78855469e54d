"""PURE. Activities in the API: the rows that hold, and what became of those posted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_collector.exposition.api.asked import ApiError, Values
from wattgram_collector.inventory.activities.importing import ActivityReader
from wattgram_collector.inventory.activities.kept import JOURNAL_KINDS, KeptError, Row, rows_held
from wattgram_collector.inventory.activities.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityRow:
    """A row that holds, as it was written."""

    activity_id: str
    kind: str
    row: Mapping[str, str]
    """Its cells that are not empty, by column."""
    file: str
    sha256: str
    """Of the whole file."""
    line: int
    recorded_unix_seconds: int
    journal_entry: int
    """Number of the entry of the journal that says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activities:
    """The activities that were asked for, a page of them, in the order they were taken."""

    total: int
    """How many were found, on all pages."""
    offset: int
    limit: int
    activities: tuple[ActivityRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityProblem:
    """One thing that is wrong with what was posted."""

    line: int
    """On which its row begins, from 1."""
    column: str
    """Empty where it is the row, or all of it."""
    value: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivitiesReport:
    """What became of what was posted; what was taken is durable. Counts are of rows."""

    file: str
    sha256: str
    """Of the body."""
    is_dry: bool
    rows: int
    taken: int
    replaced: int
    """Of those taken."""
    already_there: int
    refused: int
    unpriced: int
    """Of those that are good: some part has no price, and is in no total."""
    first_entry: int | None
    """Of the journal; null where nothing was taken."""
    last_entry: int | None
    problems: tuple[ActivityProblem, ...]
    """Each thing that is wrong, by line."""
    warnings: tuple[str, ...]


def activities(ledger: ActivityReader, asked: Values) -> Activities:
    """Return a page of the rows that hold; raises ApiError."""
    offset, limit = asked["offset"], asked["limit"]
    total = 0
    found: list[Row] = []
    try:
        for row in rows_held(ledger.journal(JOURNAL_KINDS)):
            if asked["kind"] in ("", row.kind) and asked["file"] in ("", row.source.file):
                if offset <= total < offset + limit:
                    found.append(row)
                total += 1
    except KeptError as error:
        raise ApiError(503, f"the ledger cannot be read: {error}") from error
    rows = tuple(map(_row, found))
    return Activities(total=total, offset=offset, limit=limit, activities=rows)


def _row(one: Row) -> ActivityRow:
    return ActivityRow(
        activity_id=one.activity_id,
        kind=one.kind,
        row=one.cells,
        file=one.source.file,
        sha256=one.source.sha256,
        line=one.line,
        recorded_unix_seconds=one.recorded_unix_nanoseconds // NANOSECONDS_PER_SECOND,
        journal_entry=one.number,
    )


def report(found: Outcome) -> ActivitiesReport:
    """Return what became of a file, as it is answered."""
    return ActivitiesReport(
        file=found.file,
        sha256=found.sha256,
        is_dry=found.is_dry,
        rows=found.rows,
        taken=found.taken,
        replaced=found.replaced,
        already_there=found.already_there,
        refused=found.refused,
        unpriced=found.unpriced,
        first_entry=found.first_entry,
        last_entry=found.last_entry,
        problems=tuple(ActivityProblem(**one._asdict()) for one in found.problems),
        warnings=tuple(found.warnings),
    )
