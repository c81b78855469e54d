"""Version 3 becomes version 4: controls of everything, receipts, and a journal."""

from __future__ import annotations

from typing import Final

from wattgram_collector.ledger.controls import (
    HASHED_4,
    PRIME,
    SESSION_FIELDS,
    WEIGHED_POSTINGS,
    WEIGHED_USAGE,
    fields_control,
    tally_weight,
)
from wattgram_collector.ledger.sqlite_controls import begin
from wattgram_collector.ledger.sqlite_file import SqliteFile

_TABLES: Final = """
CREATE TABLE receipts (
  agent INTEGER NOT NULL REFERENCES agents,
  slot INTEGER NOT NULL,
  session INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  batches INTEGER NOT NULL,
  row_control INTEGER NOT NULL,
  PRIMARY KEY (agent, slot, session)
) WITHOUT ROWID;
CREATE TABLE journal (
  number INTEGER PRIMARY KEY,
  recorded_unix_nanoseconds INTEGER NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  text TEXT NOT NULL,
  previous_hash TEXT NOT NULL,
  hash TEXT NOT NULL
);
CREATE TABLE controls (
  name TEXT PRIMARY KEY,
  row_count INTEGER NOT NULL,
  control INTEGER NOT NULL
) WITHOUT ROWID;
"""
_NEW_COLUMNS: Final = (
    "number", "usage_weighed", "postings_weighed", "tallies_weighed", "receipts_weighed",
    "row_control",
)  # fmt: skip
_WEIGHED: Final = f"""
UPDATE sessions SET
  usage_weighed = coalesce((SELECT sum(weighed) % {PRIME} FROM (
    SELECT (SELECT {WEIGHED_USAGE} FROM usage WHERE series = s.key) AS weighed
    FROM series s WHERE s.agent = sessions.agent)), 0),
  postings_weighed = coalesce((SELECT {WEIGHED_POSTINGS} FROM postings p
    WHERE p.agent = sessions.agent), 0)
WHERE number = 1
"""  # noqa: S608


def to_4(file: SqliteFile) -> None:
    """What was kept before keeps its former controls too: a fault that it has is still found.

    What is weighed is put on one session of each agent: only the sum of all is checked.
    """
    file.script(_TABLES)
    file.execute("ALTER TABLE agents ADD COLUMN receipts_from_slot INTEGER NOT NULL DEFAULT 0")
    for column in _NEW_COLUMNS:
        file.execute(f"ALTER TABLE sessions ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
    file.execute(
        "UPDATE agents SET receipts_from_slot = 1 + max("
        " coalesce((SELECT max(slot) FROM postings WHERE agent = agents.key), -1),"
        " coalesce((SELECT max((SELECT max(slot) FROM usage WHERE series = s.key))"
        "  FROM series s WHERE s.agent = agents.key), -1))"
    )
    file.execute(
        "UPDATE sessions SET number = (SELECT count(*) FROM sessions o"
        " WHERE o.agent = sessions.agent AND o.session <= sessions.session)"
    )
    file.execute(_WEIGHED)
    weighed: dict[int, int] = {}
    for agent, name, label, count in file.all("SELECT agent, name, label, count FROM tallies"):
        weighed[agent] = weighed.get(agent, 0) + count * tally_weight(agent, name, label)
    for agent, control in weighed.items():
        file.execute(
            "UPDATE sessions SET tallies_weighed = ? WHERE agent = ? AND number = 1",
            control % PRIME, agent,
        )  # fmt: skip
    file.execute(f"UPDATE sessions SET row_control = {fields_control(SESSION_FIELDS)}")  # noqa: S608
    begin(file, HASHED_4)
