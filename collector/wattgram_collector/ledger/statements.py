"""PURE. What the SQLite ledger says: its statements, and the rows that go into them as JSON.

A sum that is past SQLite's integers stays at the greatest one. SQLite itself would make it a
float, and every sum after it inexact; an error would be one that no later commit gets past.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from wattgram.readings import Component, Kind, Quality, Series
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.accounting.terms import Terms
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
from wattgram_collector.ledger import Entry, Outcome, Tally

HOST_SUFFIX_LENGTH: Final = 8
INTEGER_MAX: Final = (1 << 63) - 1
CONTROL_MASK: Final = (1 << 62) - 1
"""Control totals are kept modulo 2^62: the sum of two still is an integer to SQLite."""

FACTOR_COLUMNS: Final = tuple(field.name for field in fields(Intensity))
SERIES_COLUMNS: Final = tuple(field.name for field in fields(Series) if field.init)

_ENUMS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "tier": Tier,
    "signal": Signal,
    "scope": Scope,
    "boundary": Boundary,
    "losses": Losses,
    "accounting": Accounting,
    "status": Status,
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
MOVE_SESSIONS: Final = """
INSERT INTO sessions (agent, session, applied, last_seen_unix_nanoseconds,
                      newest_sample_unix_nanoseconds, batches, usage_control, postings_control)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4,
       value ->> 5, value ->> 6, value ->> 7 FROM json_each(?) WHERE true
ON CONFLICT DO UPDATE SET
  batches = batches + excluded.batches,
  usage_control = (usage_control + excluded.usage_control) & 4611686018427387903,
  postings_control = (postings_control + excluded.postings_control) & 4611686018427387903,
  applied = excluded.applied,
  last_seen_unix_nanoseconds = excluded.last_seen_unix_nanoseconds,
  newest_sample_unix_nanoseconds =
    max(newest_sample_unix_nanoseconds, excluded.newest_sample_unix_nanoseconds)
"""

# Writes a page and changes nothing: a row that stays as it is would not be written.
TOUCH: Final = "PRAGMA user_version = 0"

# In two halves: years of a large host are more than sum() can hold.
SUM_USAGE: Final = """
SELECT series, sum(quantity >> 32), sum(quantity & 4294967295) FROM usage GROUP BY series
"""
SUM_POSTINGS: Final = """
SELECT agent, account, terms, factor, sum(quantity >> 32), sum(quantity & 4294967295)
FROM postings GROUP BY agent, account, terms, factor
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


def rows_of(sums: Mapping[Any, int]) -> list[list[Any]]:
    return [[*key, min(quantity, INTEGER_MAX)] for key, quantity in sums.items()]


def outcomes(
    entries: Iterable[Entry], applied: Mapping[tuple[int, str], int]
) -> tuple[list[Outcome], dict[tuple[int, str], int]]:
    """Return what becomes of each entry, in order, and the sequences that move by it."""
    moved: dict[tuple[int, str], int] = {}
    found = []
    for entry in entries:
        session = (entry.agent_key, entry.session)
        known = moved.get(session, applied.get(session, 0))
        is_new = entry.sequence > known
        found.append(Outcome(entry, is_new, entry.sequence - known - 1 if is_new else 0))
        if is_new:
            moved[session] = entry.sequence
    return found, moved


def added_rows(
    news: Iterable[Outcome],
    terms_key: Callable[[Terms], int],
    factor_key: Callable[[Intensity | None], int],
) -> tuple[list[list[Any]], list[list[Any]], list[list[Any]]]:
    """Return usage, postings and tallies, added up so that each row is written once."""
    usage: dict[tuple[int, int], int] = {}
    loose: dict[tuple[int, Account, int, int, int], list[Any]] = {}
    tallies: dict[tuple[int, str, str], int] = {}
    for entry, _, missing in news:
        agent = entry.agent_key
        for row, quantity in entry.usage.items():
            usage[row] = usage.get(row, 0) + quantity
        for (account, slot, terms, factor), quantity in entry.postings.items():
            # By identity first: a commit has thousands of postings and few terms and factors.
            where = (agent, account, slot, id(terms), id(factor))
            if where in loose:
                loose[where][0] += quantity
            else:
                loose[where] = [quantity, terms, factor]
        for (name, label), count in entry.tallies.items():
            tally = (agent, name, label)
            tallies[tally] = tallies.get(tally, 0) + count
        if missing:
            tally = (agent, Tally.MISSING_BATCHES, "")
            tallies[tally] = tallies.get(tally, 0) + missing
    postings: dict[tuple[int, str, int, int, int], int] = {}
    for (agent, account, slot, _, _), (quantity, terms, factor) in loose.items():
        posting = (agent, account, slot, terms_key(terms), factor_key(factor))
        postings[posting] = postings.get(posting, 0) + quantity
    return rows_of(usage), rows_of(postings), rows_of(tallies)


def session_rows(
    news: Iterable[Outcome], applied: Mapping[tuple[int, str], int]
) -> list[list[Any]]:
    """Return what to move in each session: its marks, and its control totals by how much."""
    seen: dict[tuple[int, str], list[int]] = {}
    for entry, _, _ in news:
        row = seen.setdefault((entry.agent_key, entry.session), [0, 0, 0, 0, 0])
        row[0] = max(row[0], entry.received_unix_nanoseconds)
        row[1] = max(row[1], entry.newest_sample_unix_nanoseconds)
        row[2] += 1
        row[3] = (row[3] + sum(entry.usage.values())) & CONTROL_MASK
        row[4] = (row[4] + sum(entry.postings.values())) & CONTROL_MASK
    return [[*key, applied[key], *row] for key, row in seen.items()]


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
    tier = found.get("tier") or TIER_OF[Status(found["status"])]
    found = {**found, "tier": tier}
    return Intensity(**{name: _ENUMS.get(name, _same)(value) for name, value in found.items()})


def _same(value: Any) -> Any:
    return value


def host_names(host: str, agent_id: str) -> Iterator[str]:
    """Yield the host's own name, then ever longer ones until one is free."""
    yield host
    yield f"{host}-{agent_id[:HOST_SUFFIX_LENGTH]}"
    yield f"{host}-{agent_id}"
    yield from (f"{host}-{agent_id}-{number}" for number in itertools.count(1))
