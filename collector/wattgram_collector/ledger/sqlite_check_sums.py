"""Rows that are well formed, and do not add up: to each other, or to their control totals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from wattgram.readings import Kind
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.ledger import Tally
from wattgram_collector.ledger import statements as sql
from wattgram_collector.ledger.findings import Finding
from wattgram_collector.ledger.journal import JournalError, verified
from wattgram_collector.ledger.sqlite_check_controls import control_faults
from wattgram_collector.ledger.sqlite_file import SqliteFile
from wattgram_collector.ledger.sqlite_journal import journal

CONTROLLED_VERSION: Final = 2
"""Control totals are kept from this version on."""
WEIGHED_VERSION: Final = 4
"""Control totals weigh what quantities are of, and text has some too, from this version on."""
ENERGY: Final = "microjoules"
TRAFFIC: Final = "bytes"
_MATTER: Final = {
    Account.HOST: ENERGY,
    Account.NETWORK: TRAFFIC,
    Account.RECEIVE: TRAFFIC,
    Account.TRANSMIT: TRAFFIC,
}
"""What is posted once. The other accounts have the same again, at another factor."""


# ── mismatches: rows that are well formed, and do not add up ─────────────────────────────────


def mismatches(file: SqliteFile, version: int) -> Iterator[Finding]:
    used, counted = _usage(file)
    posted, booked = _postings(file)
    saturated = _saturated(file)
    for agent in sorted((used.keys() | posted.keys()) - saturated):
        for matter, quantity in counted.get(agent, {}).items():
            found = booked.get(agent, {}).get(matter, 0)
            if quantity != found:
                yield Finding(
                    "entry", f"agent {agent} used {quantity} and posted {found} {matter}"
                )
        if version >= CONTROLLED_VERSION:
            yield from _control(file, agent, used.get(agent, 0), posted.get(agent, 0))
    yield from _sequences(file, version)
    if version >= WEIGHED_VERSION:
        for name, detail in control_faults(file, saturated):
            yield Finding("control", f"{name}: {detail}")
        yield from _chain(file)


def _chain(file: SqliteFile) -> Iterator[Finding]:
    try:
        for _ in verified(journal(file)):
            pass
    except JournalError as error:
        yield Finding("journal", str(error).removeprefix("journal: "))


def _usage(file: SqliteFile) -> tuple[dict[int, int], dict[int, dict[str, int]]]:
    """Return what each agent used: all of it, and what is counted, by matter."""
    owner = {
        key: (agent, ENERGY if kind == Kind.ENERGY else TRAFFIC, counted)
        for key, agent, kind, counted in file.all("SELECT key, agent, kind, counted FROM series")
    }
    used: dict[int, int] = {}
    by_matter: dict[int, dict[str, int]] = {}
    for series, *halves in file.all(sql.SUM_USAGE):
        agent, matter, is_counted = owner[series]
        quantity = sql.whole(*halves)
        used[agent] = used.get(agent, 0) + quantity
        if is_counted:
            sums = by_matter.setdefault(agent, {})
            sums[matter] = sums.get(matter, 0) + quantity
    return used, by_matter


def _postings(file: SqliteFile) -> tuple[dict[int, int], dict[int, dict[str, int]]]:
    """Return what was posted for each agent: all of it, and what its meters used, by matter."""
    posted: dict[int, int] = {}
    by_matter: dict[int, dict[str, int]] = {}
    for agent, account, *halves in file.all(sql.SUM_ACCOUNTS):
        quantity = sql.whole(*halves)
        posted[agent] = posted.get(agent, 0) + quantity
        matter = _MATTER.get(Account(account))
        if matter is not None:
            sums = by_matter.setdefault(agent, {})
            sums[matter] = sums.get(matter, 0) + quantity
    return posted, by_matter


def _saturated(file: SqliteFile) -> set[int]:
    """Return the agents with a row as great as can be: it is less than was added to it."""
    rows = file.all(
        "SELECT agent FROM postings WHERE quantity = ?1 UNION SELECT s.agent"
        " FROM usage u JOIN series s ON s.key = u.series WHERE u.quantity = ?1",
        sql.INTEGER_MAX,
    )
    return {agent for (agent,) in rows}


def _control(file: SqliteFile, agent: int, used: int, posted: int) -> Iterator[Finding]:
    rows = file.all("SELECT usage_control, postings_control FROM sessions WHERE agent = ?", agent)
    for name, found, controls in (
        ("usage", used, (row[0] for row in rows)),
        ("postings", posted, (row[1] for row in rows)),
    ):
        expected = sum(controls) & sql.CONTROL_MASK
        if found & sql.CONTROL_MASK != expected:
            yield Finding("control", f"{name} of agent {agent} is {found}, not {expected}")


def _sequences(file: SqliteFile, version: int) -> Iterator[Finding]:
    """Every number up to the applied sequence came, or is counted as missing."""
    is_exact = version >= CONTROLLED_VERSION
    columns = "applied, base + batches" if is_exact else "applied, 0"
    left: dict[int, int] = {}
    for agent, applied, came in file.all(f"SELECT agent, {columns} FROM sessions"):  # noqa: S608
        left[agent] = left.get(agent, 0) + applied - came
    missing = file.all(
        "SELECT agent, count FROM tallies WHERE name = ?", Tally.MISSING_BATCHES.value
    )
    said = {agent: count for agent, count in missing if count < sql.INTEGER_MAX}
    full = {agent for agent, _ in missing} - said.keys()
    for agent in sorted((left.keys() | said.keys()) - full):
        found, expected = said.get(agent, 0), left.get(agent, 0)
        if found != expected if is_exact else found > expected:
            yield Finding("sequence", f"agent {agent} lacks {expected} batches, says {found}")
