"""Restatements in the SQLite file: which factor holds instead of the one that was posted.

A pass adds rows and changes none. The sums of what all passes changed are made again for each day
that one touches, from the postings themselves: whatever came late is in them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

from wattgram.units import ACCOUNTING_SLOT_SECONDS, SECONDS_PER_DAY
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.intensity import Intensity, Signal, Tier
from wattgram_collector.ledger import statements as sql
from wattgram_collector.ledger.restatement import Restated, Restatement
from wattgram_collector.ledger.sqlite_file import SqliteFile

SLOTS_PER_DAY: Final = SECONDS_PER_DAY // ACCOUNTING_SLOT_SECONDS

FactorKey = Callable[[Intensity], int]

# Which factor a zone has in a slot by the newest pass: the first column of `held` is the slot.
_HELD: Final = """
INSERT OR REPLACE INTO temp.held
SELECT slot, factor FROM repricings
WHERE signal = ? AND zone = ? AND slot BETWEEN ? AND ? AND (is_prior_period = 0 OR ?)
ORDER BY pass
"""
# By agent, so that most slots are decided by the first one and not looked at again.
_CHANGED: Final = """
SELECT DISTINCT p.slot FROM postings p
JOIN temp.news n ON n.slot = p.slot
LEFT JOIN temp.held h ON h.slot = p.slot
WHERE p.agent = ? AND p.slot BETWEEN ? AND ? AND p.account IN (SELECT value FROM json_each(?))
  AND coalesce(h.factor, p.factor) <> n.factor
  AND p.factor NOT IN (SELECT value FROM json_each(?)) AND EXISTS (
    SELECT 1 FROM terms t WHERE t.key = p.terms
    AND CASE WHEN p.account IN (SELECT value FROM json_each(?))
        THEN t.network_zone ELSE t.zone END = ?)
"""
_ADJUSTED: Final = """
SELECT p.slot / ?, p.factor, h.factor, sum(p.quantity >> 32), sum(p.quantity & 4294967295)
FROM postings p JOIN temp.held h ON h.slot = p.slot
WHERE p.agent = ? AND p.slot BETWEEN ? AND ? AND p.account = ? AND p.factor <> h.factor
  AND p.terms IN (SELECT key FROM terms WHERE zone = ?)
  AND p.factor NOT IN (SELECT value FROM json_each(?))
GROUP BY 1, 2, 3
"""

NETWORK: Final = (Account.NETWORK, Account.RECEIVE, Account.TRANSMIT, Account.OBSERVED)
REPRICED: Final[Mapping[Signal, tuple[Account, ...]]] = {
    Signal.AVERAGE: (Account.HOST, *NETWORK),
    Signal.MARGINAL: (Account.MARGINAL,),
}
"""Which accounts a restatement of a signal is about."""
FINAL: Final = Tier.OPERATOR
"""What the operator stated wins over every provider, also over one that comes later."""


def restate(
    file: SqliteFile, wanted: Restatement, factor_key: FactorKey, factors: Mapping[int, Intensity]
) -> Restated:
    """Do a pass within the transaction that is open; `factors` by their keys, live.

    Raises LedgerError.
    """
    keys = {slot: factor_key(factor) for slot, factor in wanted.factors.items()}
    if not keys:
        return Restated(0, 0, 0, {})
    final = json.dumps([key for key, one in factors.items() if one.tier is FINAL])
    changed = _changed_slots(file, wanted, keys, final)
    if not changed:
        return Restated(0, 0, 0, {})
    number = file.execute(
        "INSERT INTO passes (begun_unix_seconds, reason) VALUES (?, ?)",
        wanted.begun_unix_seconds, wanted.reason,
    )  # fmt: skip
    rows = [
        [wanted.signal.value, wanted.zone, slot, number, keys[slot], slot < wanted.first_open_slot]
        for slot in changed
    ]
    file.execute(
        "INSERT INTO repricings SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3,"
        " value ->> 4, value ->> 5 FROM json_each(?)",
        json.dumps(rows),
    )
    open_slots = [slot for slot in changed if slot >= wanted.first_open_slot]
    changes: Mapping[int, Fraction] = {}
    if open_slots and wanted.signal is Signal.AVERAGE:
        changes = _adjust(file, wanted.zone, open_slots, factors, final)
    return Restated(number, len(open_slots), len(changed) - len(open_slots), changes)


def _changed_slots(
    file: SqliteFile, wanted: Restatement, keys: Mapping[int, int], final: str
) -> list[int]:
    """Return the slots in which something is posted that has another factor now.

    `final`: keys of the factors that stay, as JSON.
    """
    _fill(file, "news", keys.items())
    first, last = min(keys), max(keys)
    _fill(file, "held", ())
    file.execute(_HELD, wanted.signal.value, wanted.zone, first, last, 1)
    accounts, network = json.dumps(REPRICED[wanted.signal]), json.dumps(NETWORK)
    found: set[int] = set()
    for (agent,) in file.all("SELECT key FROM agents"):
        slots = {
            slot
            for (slot,) in file.all(
                _CHANGED, agent, first, last, accounts, final, network, wanted.zone
            )
        }
        if slots:
            found |= slots
            file.execute(
                "DELETE FROM temp.news WHERE slot IN (SELECT value FROM json_each(?))",
                json.dumps(sorted(slots)),
            )
            if len(found) == len(keys):
                break
    return sorted(found)


def _adjust(
    file: SqliteFile,
    zone: str,
    slots: list[int],
    factors: Mapping[int, Intensity],
    final: str,
) -> dict[int, Fraction]:
    """Make the sums of the days of `slots` again; return by how much each agent's changed."""
    days = sorted({slot // SLOTS_PER_DAY for slot in slots})
    first, last = days[0] * SLOTS_PER_DAY, (days[-1] + 1) * SLOTS_PER_DAY - 1
    _fill(file, "held", ())
    file.execute(_HELD, Signal.AVERAGE.value, zone, first, last, 0)
    file.execute(
        "DELETE FROM temp.held WHERE slot / ? NOT IN (SELECT value FROM json_each(?))",
        SLOTS_PER_DAY, json.dumps(days),
    )  # fmt: skip
    wanted = json.dumps(days)
    changes: defaultdict[int, Fraction] = defaultdict(Fraction)
    for agent, before in file.all(
        "SELECT agent, microjoules_times_intensity FROM adjustments"
        " WHERE zone = ? AND day IN (SELECT value FROM json_each(?))",
        zone, wanted,
    ):  # fmt: skip
        changes[agent] -= Fraction(before)
    file.execute(
        "DELETE FROM adjustments WHERE zone = ? AND day IN (SELECT value FROM json_each(?))",
        zone, wanted,
    )  # fmt: skip
    rows = []
    for (agent,) in file.all("SELECT key FROM agents"):
        for day, change in _of_agent(file, (agent, zone, first, last), factors, final).items():
            rows.append([zone, day, agent, str(change)])
            changes[agent] += change
    file.execute(
        "INSERT INTO adjustments SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3"
        " FROM json_each(?)",
        json.dumps(rows),
    )
    return {agent: change for agent, change in changes.items() if change}


def _of_agent(
    file: SqliteFile,
    where: tuple[int, str, int, int],
    factors: Mapping[int, Intensity],
    final: str,
) -> dict[int, Fraction]:
    agent, zone, first, last = where
    found: defaultdict[int, Fraction] = defaultdict(Fraction)
    for day, before, now, *halves in file.all(
        _ADJUSTED, SLOTS_PER_DAY, agent, first, last, Account.HOST.value, zone, final
    ):
        was = factors[before].value if before else Fraction(0)
        found[day] += sql.whole(*halves) * (factors[now].value - was)
    return found


def _fill(file: SqliteFile, table: str, rows: Any) -> None:
    """Make a table of this connection alone, of slots and factors."""
    file.execute(f"DROP TABLE IF EXISTS temp.{table}")
    file.execute(f"CREATE TEMP TABLE {table} (slot INTEGER PRIMARY KEY, factor INTEGER NOT NULL)")
    file.execute(
        f"INSERT INTO temp.{table} SELECT value ->> 0, value ->> 1 FROM json_each(?)",  # noqa: S608
        json.dumps([list(row) for row in rows]),
    )


def held(
    file: SqliteFile, first: int, end: int, *, noted: bool = False
) -> Iterator[tuple[str, str, int, int, int]]:
    """Yield signal, zone, slot, factor and pass of what holds in `[first, end)`.

    With `noted` of what was only noted instead, as it came when its period was frozen.
    """
    yield from file.all(
        "SELECT signal, zone, slot, factor, max(pass) FROM repricings"
        " WHERE slot >= ? AND slot < ? AND is_prior_period = ? GROUP BY signal, zone, slot",
        first, end, noted,
    )  # fmt: skip
