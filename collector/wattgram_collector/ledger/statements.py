"""PURE. What the SQLite ledger says: its statements, and the rows that go into them as JSON.

A sum that is past SQLite's integers stays at the greatest one. SQLite itself would make it a
float, and every sum after it inexact; an error would be one that no later commit gets past.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from wattgram.readings import Component, Kind, Quality, Series
from wattgram_collector.intensities.providers.provider import TIER_OF
from wattgram_collector.intensity import (
    Accounting,
    Boundary,
    Intensity,
    Losses,
    Scope,
    Signal,
    Status,
    Tier,
)
from wattgram_collector.ledger.controls import (
    PRIME,
    RECEIPT_FIELDS,
    SESSION_FIELDS,
    fields_control,
)

HOST_SUFFIX_LENGTH: Final = 8
INTEGER_MAX: Final = (1 << 63) - 1
CONTROL_MASK: Final = (1 << 62) - 1
"""Control totals are kept modulo 2^62: the sum of two still is an integer to SQLite."""

FACTOR_COLUMNS: Final = tuple(field.name for field in fields(Intensity))
SERIES_COLUMNS: Final = tuple(field.name for field in fields(Series) if field.init)

_WORDS: Final[Mapping[str, Mapping[str, Any]]] = {
    name: {one.value: one for one in kind}
    for name, kind in {
        "tier": Tier,
        "signal": Signal,
        "scope": Scope,
        "boundary": Boundary,
        "losses": Losses,
        "accounting": Accounting,
        "status": Status,
    }.items()
}
"""The columns that have words of a list; looked up, since a year has a million factors."""


def _overwritten(columns: Sequence[str], news: Mapping[str, str]) -> str:
    """Return what a conflict sets: each new value, and the control of them all."""
    now = [news.get(column, column) for column in columns]
    changes = [f"{column} = {value}" for column, value in news.items()]
    return ",\n  ".join((*changes, f"row_control = {fields_control(now)}"))


_RECEIPT_NEWS: Final[Mapping[str, str]] = {
    "first": "min(first, excluded.first)",
    "last": "max(last, excluded.last)",
    "batches": "batches + excluded.batches",
}
_SESSION_NEWS: Final[Mapping[str, str]] = {
    "applied": "excluded.applied",
    "last_seen_unix_nanoseconds": "excluded.last_seen_unix_nanoseconds",
    "newest_sample_unix_nanoseconds": (
        "max(newest_sample_unix_nanoseconds, excluded.newest_sample_unix_nanoseconds)"
    ),
    "batches": "batches + excluded.batches",
    **{
        name: f"({name} + excluded.{name}) & {CONTROL_MASK}"
        for name in ("usage_control", "postings_control")
    },
    **{name: f"({name} + excluded.{name}) % {PRIME}" for name in SESSION_FIELDS[6:]},
}

INSERT_SERIES: Final = (
    f"INSERT INTO series (agent, {', '.join(SERIES_COLUMNS)})"  # noqa: S608
    f" VALUES (?{', ?' * len(SERIES_COLUMNS)})"
)
INSERT_TERMS: Final = "INSERT INTO terms (zone, network_zone, text) VALUES (?, ?, ?)"
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
INSERT INTO postings (agent, account, slot, terms, factor, quantity)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
FROM json_each(?) WHERE true
ON CONFLICT DO UPDATE SET
  quantity = min(quantity + excluded.quantity, 9223372036854775807)
"""
ADD_TALLIES: Final = """
INSERT INTO tallies (agent, name, label, count)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) WHERE true
ON CONFLICT DO UPDATE SET
  count = min(count + excluded.count, 9223372036854775807)
"""
ADD_RECEIPTS: Final = f"""
INSERT INTO receipts (agent, slot, session, first, last, batches, row_control)
SELECT agent, slot, session, first, last, batches, {fields_control(RECEIPT_FIELDS)} FROM (
  SELECT value ->> 0 AS agent, value ->> 1 AS slot, s.number AS session,
         value ->> 3 AS first, value ->> 4 AS last, value ->> 5 AS batches
  FROM json_each(?) CROSS JOIN sessions s
  ON s.agent = value ->> 0 AND s.session = value ->> 2)
WHERE true
ON CONFLICT DO UPDATE SET
  {_overwritten(RECEIPT_FIELDS, _RECEIPT_NEWS)}
"""  # noqa: S608
BEGIN_SESSION: Final = f"""
INSERT INTO sessions (agent, session, applied, base, number, row_control)
SELECT agent, session, base, base,
  (SELECT coalesce(max(number), 0) + 1 FROM sessions o WHERE o.agent = new.agent),
  {fields_control(["base", *["0"] * (len(SESSION_FIELDS) - 1)])}
FROM (SELECT ? AS agent, ? AS session, ? AS base) AS new
"""  # noqa: S608
MOVE_SESSIONS: Final = f"""
INSERT INTO sessions (agent, session, {", ".join(SESSION_FIELDS)})
SELECT {", ".join(f"value ->> {at}" for at in range(len(SESSION_FIELDS) + 2))}
FROM json_each(?) WHERE true
ON CONFLICT DO UPDATE SET
  {_overwritten(SESSION_FIELDS, _SESSION_NEWS)}
"""  # noqa: S608

# Writes a page and changes nothing: a row that stays as it is would not be written.
TOUCH: Final = "PRAGMA user_version = 0"

# In two halves: years of a large host are more than sum() can hold.
SUM_USAGE: Final = """
SELECT series, sum(quantity >> 32), sum(quantity & 4294967295) FROM usage GROUP BY series
"""
SUM_ACCOUNTS: Final = """
SELECT agent, account, sum(quantity >> 32), sum(quantity & 4294967295)
FROM postings GROUP BY agent, account
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
    return intensity_of(dict(zip(FACTOR_COLUMNS, values, strict=True)))


def intensity_of(found: Mapping[str, Any]) -> Intensity:
    """Return the intensity of a row by its columns; raises ValueError for a word that is none.

    One that is not a factor yet has no tier: its status says it.
    """
    said = dict(found)
    if not said.get("tier"):
        said["tier"] = TIER_OF[Status(said["status"])].value
    try:
        for name, words in _WORDS.items():
            said[name] = words[said[name]]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{error} is no word of a factor") from error
    return Intensity(**said)


def host_names(host: str, agent_id: str) -> Iterator[str]:
    """Yield the host's own name, then ever longer ones until one is free."""
    yield host
    yield f"{host}-{agent_id[:HOST_SUFFIX_LENGTH]}"
    yield f"{host}-{agent_id}"
    yield from (f"{host}-{agent_id}-{number}" for number in itertools.count(1))
