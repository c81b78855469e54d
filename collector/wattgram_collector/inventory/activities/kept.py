"""PURE. Activities as the ledger's journal keeps them: each row as it was written, for ever.

An entry is one row with the file and the line that it is from. The first entry of an activity
holds until a later entry withdraws it. Nothing is kept as it was understood: the rows are read
anew, by the kinds and in the time zone of whoever reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from wattgram_collector.inventory.activities.activity import Activity, Kind, RowError, taken
from wattgram_collector.inventory.activities.checking import Good, names_of
from wattgram_collector.inventory.activities.kinds import KINDS
from wattgram_collector.ledger.journal import (
    JournalEntry,
    JournalKind,
    JournalRecord,
    canonical,
)

JOURNAL_KINDS: Final = (JournalKind.ACTIVITY, JournalKind.WITHDRAWAL)


class KeptError(ValueError):
    """An entry that this version does not understand; the text names it, and what it has."""


class Source(NamedTuple):
    """Which file a row is from."""

    file: str
    sha256: str
    """Of the whole file."""


class Row(NamedTuple):
    """A row that holds, as it was written."""

    number: int
    """Of its entry."""
    recorded_unix_nanoseconds: int
    activity_id: str
    kind: str
    cells: Mapping[str, str]
    source: Source
    line: int


class Kept(NamedTuple):
    """An activity that holds, and where it is from."""

    activity: Activity
    number: int
    """Of its entry."""
    source: Source
    line: int


def record_of(row: Good, source: Source) -> JournalRecord:
    """Return what is written down of a row."""
    before = {"file": source.file, "id": row.activity_id, "kind": row.kind, "line": row.line}
    after = {"sha256": source.sha256}
    text = f'{canonical(before)[:-1]},"row":{row.row},{canonical(after)[1:]}'
    return JournalRecord(JournalKind.ACTIVITY, row.activity_id, text)


def withdrawal_of(numbers: Iterable[int], subject: str, reason: str) -> JournalRecord:
    """Return what takes entries back, as runs of their numbers."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    text = canonical({"entries": runs, "reason": reason})
    return JournalRecord(JournalKind.WITHDRAWAL, subject, text)


def withdrawn_by(entry: JournalEntry) -> Iterator[range]:
    """Yield the numbers that a withdrawal takes back; raises KeptError naming the entry.

    One entry by itself is a run as well.
    """
    said = _read(entry)
    try:
        runs = [[said["entry"]] * 2] if "entry" in said else said["entries"]
        for first, last in runs:
            if not 0 < first <= last < entry.number:
                raise KeptError(f"journal: entry {entry.number} withdraws what was not before it")
            yield range(first, last + 1)
    except KeptError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise KeptError(f"journal: entry {entry.number} is no withdrawal: {error}") from error


def holding(entries: Iterable[JournalEntry]) -> list[tuple[int, int, str]]:
    """Return number, time and text of each entry of an activity that holds, in order.

    Entries of other kinds are passed over. Raises KeptError.
    """
    held: dict[int, tuple[int, str, str]] = {}
    numbers: dict[str, int] = {}
    for entry in entries:
        if entry.kind is JournalKind.ACTIVITY and entry.subject not in numbers:
            numbers[entry.subject] = entry.number
            held[entry.number] = entry.recorded_unix_nanoseconds, entry.subject, entry.text
        elif entry.kind is JournalKind.WITHDRAWAL:
            for run in withdrawn_by(entry):
                for number in run:
                    if number in held:
                        _, subject, _ = held.pop(number)
                        del numbers[subject]
    return [(number, recorded, text) for number, (recorded, _, text) in held.items()]


def row_of(number: int, recorded_unix_nanoseconds: int, text: str) -> Row:
    """Return the row of an entry; raises KeptError."""
    try:
        said = json.loads(text)
        return Row(
            number=number,
            recorded_unix_nanoseconds=recorded_unix_nanoseconds,
            activity_id=said["id"],
            kind=said["kind"],
            cells=said["row"],
            source=Source(said["file"], said["sha256"]),
            line=said["line"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise KeptError(f"journal: entry {number} is no activity: {error}") from error


def rows_held(entries: Iterable[JournalEntry]) -> Iterator[Row]:
    """Yield the rows that hold, in the order in which they were taken; raises KeptError."""
    for number, recorded, text in holding(entries):
        yield row_of(number, recorded, text)


def activity_of(row: Row, timezone: str, kinds: Mapping[str, Kind] = KINDS) -> Activity:
    """Return what a row says; raises KeptError where this version does not understand it."""
    kind = kinds.get(row.kind)
    where = f"journal: entry {row.number}, activity {row.activity_id!r}"
    if kind is None:
        raise KeptError(f"{where}: this version knows no kind {row.kind!r}")
    unknown = sorted(row.cells.keys() - names_of(kind))
    if unknown:
        names = ", ".join(unknown)
        raise KeptError(f"{where}: in this version the kind {row.kind} has no column {names}")
    try:
        return taken(row.cells, kind, row.activity_id, timezone)
    except RowError as error:
        raise KeptError(f"{where}: this version does not take it: {error}") from error


def kept_activities(
    entries: Iterable[JournalEntry], timezone: str, kinds: Mapping[str, Kind] = KINDS
) -> Iterator[Kept]:
    """Yield every activity that holds, one at a time, in the order of their entries.

    Entries of other kinds are passed over; the texts of those that hold are kept meanwhile.
    Raises KeptError naming the first entry that this version does not understand.
    """
    for row in rows_held(entries):
        yield Kept(activity_of(row, timezone, kinds), row.number, row.source, row.line)


def history_of(entries: Iterable[JournalEntry], activity_id: str) -> list[dict[str, Any]]:
    """Return all that was ever said of an activity, in order, with what took it back.

    Raises KeptError.
    """
    found: list[dict[str, Any]] = []
    open_numbers: dict[int, dict[str, Any]] = {}
    for entry in entries:
        if entry.kind is JournalKind.ACTIVITY and entry.subject == activity_id:
            row = row_of(entry.number, entry.recorded_unix_nanoseconds, entry.text)
            said = _history(row)
            found.append(said)
            open_numbers[entry.number] = said
        elif entry.kind is JournalKind.WITHDRAWAL:
            runs = list(withdrawn_by(entry))
            for number in [one for one in open_numbers if _in_one(one, runs)]:
                reason = str(_read(entry).get("reason", ""))
                open_numbers.pop(number)["withdrawn"] = {"entry": entry.number, "reason": reason}
    return found


def _in_one(number: int, runs: Sequence[range]) -> bool:
    return any(number in run for run in runs)


def _history(row: Row) -> dict[str, Any]:
    return {
        "entry": row.number,
        "recorded_unix_nanoseconds": row.recorded_unix_nanoseconds,
        "kind": row.kind,
        **row.source._asdict(),
        "line": row.line,
        "row": dict(row.cells),
        "withdrawn": None,
    }


def _read(entry: JournalEntry) -> Mapping[str, Any]:
    try:
        said = json.loads(entry.text)
    except ValueError as error:
        raise KeptError(f"journal: entry {entry.number} is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise KeptError(f"journal: entry {entry.number} is no object")
    return said
