"""What is in the file, read back: what a process keeps of it, and everything ever added."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Final

from wattgram.handshake import HostFacts
from wattgram.readings import Series
from wattgram_collector.accounting.emissions import Account, Pricing
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Intensity
from wattgram_collector.ledger import AgentRecord, AgentTotals, LedgerError, Tally, Trouble
from wattgram_collector.ledger import statements as sql
from wattgram_collector.ledger.sqlite_file import ODD, SqliteFile
from wattgram_collector.ledger.sqlite_meanings import Meanings
from wattgram_collector.ledger.sqlite_weighing import weighed_sums

UNPRICED: Final = 0

Applied = dict[tuple[int, str], int]
"""Agent and session to the highest applied sequence."""
SeriesKeys = dict[tuple[int, Series], int]
TermsKeys = dict[Terms, int]
FactorKeys = dict[Intensity | None, int]


def load(file: SqliteFile) -> tuple[Applied, SeriesKeys, TermsKeys, FactorKeys]:
    """Read what a process keeps of the file; raises LedgerError."""
    sessions = file.all("SELECT agent, session, applied FROM sessions")
    factors: FactorKeys = {None: UNPRICED}
    try:
        applied = {(agent, session): _whole(sequence) for agent, session, sequence in sessions}
        series = {
            (agent, sql.series_of(values)): key
            for key, agent, *values in file.all(sql.SELECT_SERIES)
        }
        terms = {
            Terms.from_text(text): key for key, text in file.all("SELECT key, text FROM terms")
        }
        for key, *values in file.all(sql.SELECT_FACTORS):
            factors[sql.factor_of(values)] = key
    except ODD as error:
        raise LedgerError(str(error), Trouble.DAMAGED) from error
    return applied, series, terms, factors


def _whole(value: object) -> int:
    """Return an integer; raises TypeError for what only damage can have put in its place."""
    if isinstance(value, int):
        return value
    raise TypeError(f"{value!r:.40} in place of a number")


def agents(file: SqliteFile) -> list[AgentRecord]:
    """Return every agent that was ever enrolled; raises LedgerError."""
    rows = file.all(
        "SELECT a.key, a.agent_id, a.host, a.facts,"
        " coalesce(max(s.last_seen_unix_nanoseconds), 0),"
        " coalesce(max(s.newest_sample_unix_nanoseconds), 0)"
        " FROM agents a LEFT JOIN sessions s ON s.agent = a.key GROUP BY a.key"
    )
    try:
        return [
            AgentRecord(
                key=key,
                agent_id=agent_id,
                host=host,
                facts=HostFacts(**json.loads(facts)),
                last_seen_unix_nanoseconds=_whole(seen),
                newest_sample_unix_nanoseconds=_whole(newest),
            )
            for key, agent_id, host, facts, seen, newest in rows
        ]
    except ODD as error:
        raise LedgerError(f"the facts of a host: {error}", Trouble.DAMAGED) from error


def totals(file: SqliteFile, series_keys: SeriesKeys) -> dict[int, AgentTotals]:
    """Return the totals of every agent; raises LedgerError."""
    found = {key: AgentTotals() for (key,) in file.all("SELECT key FROM agents")}
    series_of = {key: pair for pair, key in series_keys.items()}
    try:
        for key, *halves in file.all(sql.SUM_USAGE):
            agent, series = series_of[key]
            found[agent].series[key] = series
            found[agent].usage[key] = sql.whole(*halves)
        ever = (0, sql.INTEGER_MAX)
        for one in weighed_sums(file, Meanings(), ever, list(Account), None, is_restated=False):
            axes = one.family and (one.family.tier, one.family.scope, one.family.losses)
            pricing = Pricing(one.account, one.terms, *(axes or (None, None, None)))
            found[one.agent_key].restore(pricing, one.amount)
        for agent, change in file.all(
            "SELECT agent, microjoules_times_intensity FROM adjustments"
        ):
            found[agent].adjustment += Fraction(change)
        for agent, name, label, count in file.all("SELECT agent, name, label, count FROM tallies"):
            found[agent].tallies[Tally(name), label] = _whole(count)
    except (KeyError, *ODD) as error:
        raise LedgerError(f"a row that leads nowhere: {error}", Trouble.DAMAGED) from error
    return found
