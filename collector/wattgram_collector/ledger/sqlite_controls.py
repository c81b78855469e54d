"""Control totals in the SQLite file: begun, and moved where a trigger cannot. See `controls`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from wattgram_collector.ledger.controls import HASH_MASK, HASHED, as_arguments, row_hash, triggers
from wattgram_collector.ledger.sqlite_file import SqliteFile

SCHEMA: Final = "sqlite_master"
"""What SQLite calls the table of tables."""


def begin(file: SqliteFile, tables: Mapping[str, Sequence[str]]) -> None:
    """Count the rows that are there and have triggers count from now on; raises LedgerError."""
    for table, columns in tables.items():
        count, control = counted(file, table, columns)
        file.execute("INSERT INTO controls VALUES (?, ?, ?)", table, count, control)
    for statement in triggers(tables):
        file.execute(statement)
    note_schema(file)


def note_schema(file: SqliteFile) -> None:
    """Take the tables for right as they are made now; raises LedgerError."""
    file.execute("INSERT OR REPLACE INTO controls VALUES (?, ?, ?)", SCHEMA, *schema(file))


def schema(file: SqliteFile) -> tuple[int, int]:
    """Return how many tables and triggers there are, and what their texts come to."""
    texts = file.all(
        "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master ORDER BY 2, 1, 3"
    )
    return len(texts), row_hash(*map(tuple, texts))


def counted(file: SqliteFile, table: str, columns: Sequence[str]) -> tuple[int, int]:
    """Return how many rows a table has and what their hashes come to; raises LedgerError."""
    rows = file.each(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608
    count = control = 0
    for row in rows:
        count += 1
        control += row_hash(table, *row)
    return count, control & HASH_MASK


def change_facts(file: SqliteFile, agent: int, facts: str) -> None:
    """Overwrite the facts of an agent, and count it as it is now; raises LedgerError."""
    call = as_arguments("agents", HASHED["agents"])
    for sign in ("-", "+"):
        file.execute(
            f"UPDATE controls SET control = (control {sign}"  # noqa: S608
            f" (SELECT {call} FROM agents WHERE key = ?)) & {HASH_MASK} WHERE name = 'agents'",
            agent,
        )
        if sign == "-":
            file.execute("UPDATE agents SET facts = ? WHERE key = ?", facts, agent)
