"""PURE. What the SQLite ledger says: its statements, and the rows that go into them as JSON.

A sum that is past SQLite's integers stays at the greatest one. SQLite itself would make it a
float, and every sum after it inexact; an error would be one that no later commit gets past.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from wattgram.readings import Component, Kind, Quality, Series
from wattgram_collector.intensity import Intensity, Tier
from wattgram_collector.ledger import Outcome

INTEGER_MAX: Final = (1 << 63) - 1

FACTOR_COLUMNS: Final = tuple(field.name for field in fields(Intensity))
SERIES_COLUMNS: Final = tuple(field.name for field in fields(Series) if field.init)

INSERT_SERIES: Final = (
    f"INSERT INTO series (agent, {', '.join(SERIES_COLUMNS)})"  # noqa: S608
    f" VALUES (?{', ?' * len(SERIES_COLUMNS)})"
)
INSERT_FACTOR: Final = (
    f"INSERT INTO factors ({', '.join(FACTOR_COLUMNS)})"  # noqa: S608
    f" VALUES (?{', ?' * (len(FACTOR_COLUMNS) - 1)})"
)
SELECT_SERIES: Final = f"SELECT key, agent, {', '.join(SERIES_COLUMNS)} FROM series"  # noqa: S608
SELECT_FACTORS: Final = f"SELECT key, {', '.join(FACTOR_COLUMNS)} FROM factors"  # noqa: S608

ADD_USAGE: Final = """
INSERT INTO usage (series, slot, quantity)
SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) WHERE true
ON CONFLICT DO UPDATE SET
  quantity = min(quantity + excluded.quantity, 9223372036854775807)
"""
ADD_POSTINGS: Final = """
INSERT INTO postings (agent, account, slot, factor, quantity)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?) WHERE true
ON CONFLICT DO UPDATE SET
  quantity = min(quantity + excluded.quantity, 9223372036854775807)
"""
ADD_TALLIES: Final = """
INSERT INTO tallies (agent, name, label, count)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) WHERE true
ON CONFLICT DO UPDATE SET
  count = min(count + excluded.count, 9223372036854775807)
"""
MOVE_SESSIONS: Final = """
INSERT INTO sessions (agent, session, applied, last_seen_unix_nanoseconds,
                      newest_sample_unix_nanoseconds)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?) WHERE true
ON CONFLICT DO UPDATE SET
  applied = excluded.applied,
  last_seen_unix_nanoseconds = excluded.last_seen_unix_nanoseconds,
  newest_sample_unix_nanoseconds =
    max(newest_sample_unix_nanoseconds, excluded.newest_sample_unix_nanoseconds)
"""

# In two halves: years of a large host are more than sum() can hold.
SUM_USAGE: Final = """
SELECT series, sum(quantity >> 32), sum(quantity & 4294967295) FROM usage GROUP BY series
"""
SUM_POSTINGS: Final = """
SELECT agent, account, factor, sum(quantity >> 32), sum(quantity & 4294967295)
FROM postings GROUP BY agent, account, factor
"""

# Slots without a slot between them have the same number less their place.
COUNTED_SLOTS: Final = """
SELECT min(slot), max(slot) FROM (
  SELECT slot, slot - row_number() OVER (ORDER BY slot) AS run
  FROM (SELECT DISTINCT slot FROM postings WHERE agent = ? AND account = ?)
) GROUP BY run ORDER BY run
"""


def whole(high: int, low: int) -> int:
    """Return a sum that was made in two halves."""
    return (high << 32) + low


def rows_of(sums: Mapping[Any, int]) -> list[list[Any]]:
    return [[*key, min(quantity, INTEGER_MAX)] for key, quantity in sums.items()]


def session_rows(
    news: Iterable[Outcome], applied: Mapping[tuple[int, str], int]
) -> list[list[Any]]:
    seen: dict[tuple[int, str], tuple[int, int]] = {}
    for entry, _, _ in news:
        key = (entry.agent_key, entry.session)
        received, newest = seen.get(key, (0, 0))
        seen[key] = (
            max(received, entry.received_unix_nanoseconds),
            max(newest, entry.newest_sample_unix_nanoseconds),
        )
    return [[*key, applied[key], *times] for key, times in seen.items()]


def series_of(values: Sequence[Any]) -> Series:
    found = dict(zip(SERIES_COLUMNS, values, strict=True))
    return Series(
        kind=Kind(found["kind"]),
        source=found["source"],
        domain=found["domain"],
        instance=found["instance"],
        quality=Quality(found["quality"]),
        counted=bool(found["counted"]),
        component=Component(found["component"]),
    )


def factor_of(values: Sequence[Any]) -> Intensity:
    found = dict(zip(FACTOR_COLUMNS, values, strict=True))
    found["tier"] = Tier(found["tier"])
    return Intensity(**found)
