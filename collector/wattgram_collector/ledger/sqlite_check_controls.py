"""Adds up again what `controls` says of every row, and tells where it does not come out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from wattgram_collector.ledger import LedgerError, Trouble
from wattgram_collector.ledger import statements as sql
from wattgram_collector.ledger.controls import (
    HASHED,
    PRIME,
    RECEIPT_FIELDS,
    SESSION_FIELDS,
    WEIGHED_POSTINGS,
    WEIGHED_RECEIPTS,
    WEIGHED_USAGE,
    fields_control,
    tally_weight,
)
from wattgram_collector.ledger.sqlite_controls import SCHEMA, counted, schema
from wattgram_collector.ledger.sqlite_file import SqliteFile

SLOT_MAX: Final = (1 << 31) - 1
"""Some twenty thousand years."""
Fault = tuple[str, str]
"""In which table, and what is wrong."""


def control_faults(file: SqliteFile, saturated: Collection[int]) -> Iterator[Fault]:
    """Yield what does not add up; `saturated` agents have rows as great as can be.

    Raises LedgerError.
    """
    yield from _overwritten(file)
    yield from _weighed(file, saturated)
    yield from _receipts(file)


def hashed_faults(file: SqliteFile) -> Iterator[Fault]:
    """Yield which tables of rows that never change have others now; also of a file with damage.

    Raises LedgerError for what is no finding: a medium that fails, say.
    """
    try:
        said = {name: tuple(of) for name, *of in file.all("SELECT * FROM controls")}
    except LedgerError as error:
        _require_damage(error)
        yield "controls", str(error)
        return
    if said.pop(SCHEMA, None) != schema(file):
        yield SCHEMA, "a table or a trigger is not as it was made, or what controls says of it"
    for name in sorted(said.keys() - HASHED.keys()):
        yield "controls", f"has {name!r}, which is no table"
    for table, columns in HASHED.items():
        try:
            found = counted(file, table, columns)
        except LedgerError as error:
            _require_damage(error)
            yield table, str(error)
            continue
        if table not in said:
            yield table, "controls says nothing of it"
        elif said[table][0] != found[0]:
            yield table, f"has {found[0]} rows, not {said[table][0]} as controls says"
        elif said[table] != found:
            yield table, "a row was changed, or what controls says of it"


def _require_damage(error: LedgerError) -> None:
    if error.trouble not in {Trouble.DAMAGED, Trouble.OTHER}:
        raise error


def _overwritten(file: SqliteFile) -> Iterator[Fault]:
    for agent, session in file.all(
        "SELECT agent, session FROM sessions"  # noqa: S608
        f" WHERE row_control <> {fields_control(SESSION_FIELDS)} ORDER BY 1, 2"
    ):
        yield "sessions", f"the row of agent {agent}, session {session!r} was changed"
    for agent, slot in file.all(
        "SELECT agent, slot FROM receipts"  # noqa: S608
        f" WHERE row_control <> {fields_control(RECEIPT_FIELDS)} ORDER BY 1, 2"
    ):
        yield "receipts", f"the row of agent {agent}, slot {slot} was changed"


def _weighed(file: SqliteFile, saturated: Collection[int]) -> Iterator[Fault]:
    said = {
        agent: sums
        for agent, *sums in file.all(
            "SELECT agent, sum(usage_weighed), sum(postings_weighed), sum(tallies_weighed)"
            " FROM sessions GROUP BY agent"
        )
    }
    for at, (table, found) in enumerate(
        (("usage", _usage(file)), ("postings", _postings(file)), ("tallies", _tallies(file)))
    ):
        for agent in sorted((said.keys() | found.keys()) - set(saturated)):
            expected = said.get(agent, (0, 0, 0))[at] % PRIME
            total = found.get(agent, 0)
            if total is not None and total % PRIME != expected:
                yield table, f"a row of agent {agent} is of something else than it was"
    for table in ("usage", "postings", "receipts"):
        ((odd,),) = file.all(
            f"SELECT count(*) FROM {table}"  # noqa: S608
            f" WHERE typeof(slot) <> 'integer' OR slot NOT BETWEEN 0 AND {SLOT_MAX}"
        )
        if odd:
            yield table, f"{odd} rows are of a time that cannot be"


def _usage(file: SqliteFile) -> dict[int, int | None]:
    owner = dict(file.all("SELECT key, agent FROM series"))
    found: dict[int, int | None] = {}
    for series, weighed in file.each(
        f"SELECT series, {WEIGHED_USAGE} FROM usage GROUP BY series"  # noqa: S608
    ):
        agent = owner[series]
        found[agent] = (found.get(agent) or 0) + weighed
    return found


def _postings(file: SqliteFile) -> dict[int, int | None]:
    return dict(
        file.all(f"SELECT agent, {WEIGHED_POSTINGS} FROM postings GROUP BY agent")  # noqa: S608
    )


def _tallies(file: SqliteFile) -> dict[int, int | None]:
    """Return them by agent; None where one is as great as can be."""
    found: dict[int, int | None] = {}
    for agent, name, label, count in file.all("SELECT agent, name, label, count FROM tallies"):
        before = found.get(agent, 0)
        if before is None or count == sql.INTEGER_MAX:
            found[agent] = None
        else:
            found[agent] = before + count * tally_weight(agent, name, label)
    return found


def _receipts(file: SqliteFile) -> Iterator[Fault]:
    found = {
        (agent, session): weighed
        for agent, session, weighed in file.each(
            f"SELECT agent, session, {WEIGHED_RECEIPTS} FROM receipts"  # noqa: S608
            " GROUP BY agent, session"
        )
    }
    for agent, number, session, expected in file.all(
        "SELECT agent, number, session, receipts_weighed FROM sessions"
    ):
        if found.pop((agent, number), 0) != expected:
            yield "receipts", f"not all of agent {agent}, session {session!r} are there"
    for agent, number in sorted(found):
        yield "receipts", f"agent {agent} has no session number {number}"
