"""Single rows of the SQLite file: intensities that providers said, postings, usage."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from wattgram.readings import Kind, Series
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Accounting, Intensity, Recorded, Signal
from wattgram_collector.ledger import Receipt, Receipts, Tally, TallyKey
from wattgram_collector.ledger import statements as sql
from wattgram_collector.ledger.restatement import Posted, Used
from wattgram_collector.ledger.sqlite_file import SqliteFile
from wattgram_collector.ledger.sqlite_restating import FINAL, NETWORK, held

_INTENSITY: Final = (
    "zone", "provider", "signal", "scope", "boundary", "losses", "accounting",
    "valid_from_unix_seconds", "valid_until_unix_seconds", "status", "grams_per_kilowatt_hour",
    "version",
)  # fmt: skip


def record_intensities(file: SqliteFile, records: Sequence[Recorded]) -> None:
    """Add versions; one that is there already changes nothing. Raises LedgerError."""
    columns = ", ".join((*_INTENSITY, "fetched_unix_seconds"))
    values = ", ".join(f"value ->> {number}" for number in range(len(_INTENSITY) + 1))
    rows = [
        [*(getattr(one.intensity, name) for name in _INTENSITY), one.fetched_unix_seconds]
        for one in records
    ]
    file.execute(
        f"INSERT OR IGNORE INTO intensities ({columns}) SELECT {values} FROM json_each(?)",  # noqa: S608
        json.dumps(rows),
    )


def intensities(
    file: SqliteFile, since_unix_seconds: int, zone: str | None = None
) -> list[Recorded]:
    """Return every version of the slots that end after then; raises LedgerError."""
    where, zones = ("", []) if zone is None else (" AND zone = ?", [zone])
    found = file.all(
        f"SELECT fetched_unix_seconds, {', '.join(_INTENSITY)} FROM intensities"  # noqa: S608
        f" WHERE valid_until_unix_seconds > ?{where}",
        since_unix_seconds,
        *zones,
    )
    return [
        Recorded(sql.intensity_of(dict(zip(_INTENSITY, values, strict=True))), fetched)
        for fetched, *values in found
    ]


def intensity_zones(file: SqliteFile) -> list[str]:
    """Return the zones of which intensities are kept, in order; raises LedgerError."""
    return [zone for (zone,) in file.all("SELECT DISTINCT zone FROM intensities ORDER BY zone")]


def posted(
    file: SqliteFile,
    agents: Sequence[int],
    first: int,
    end: int,
    terms_of: Mapping[int, Terms],
    factor_of: Mapping[int, Intensity | None],
) -> Iterator[Posted]:
    """Yield the postings of `[first, end)`, agent by agent and in order of time."""
    instead = {
        (Signal(signal), zone, slot): (factor, number)
        for signal, zone, slot, factor, number in held(file, first, end)
    }
    noted = {
        (Signal(signal), zone, slot): (factor, number)
        for signal, zone, slot, factor, number in held(file, first, end, noted=True)
    }
    for agent in agents:
        for account_name, slot, terms_key, factor_key, quantity in file.all(
            "SELECT account, slot, terms, factor, quantity FROM postings"
            " WHERE agent = ? AND slot >= ? AND slot < ?",
            agent, first, end,
        ):  # fmt: skip
            account, terms = Account(account_name), terms_of[terms_key]
            signal = _signal(account, factor_of[factor_key])
            zone = terms.network_zone if account in NETWORK else terms.zone
            restated, number, other = factor_key, 0, 0
            factor = factor_of[factor_key]
            is_final = factor is not None and factor.tier is FINAL
            if signal is not None and not is_final:
                restated, number = instead.get((signal, zone, slot), (factor_key, 0))
                later, noted_by = noted.get((signal, zone, slot), (0, 0))
                other = later if noted_by > number else 0
            yield Posted(
                agent, account, slot, terms, factor, factor_of[restated], number,
                quantity, factor_of[other],
            )  # fmt: skip


def _signal(account: Account, factor: Intensity | None) -> Signal | None:
    """Return whose restatements a posting follows; what was bought is not restated by the grid."""
    if account is not Account.MARKET:
        return _SIGNAL[account]
    is_fallback = factor is None or factor.accounting is Accounting.LOCATION
    return Signal.AVERAGE if is_fallback else None


_SIGNAL: Final[Mapping[Account, Signal]] = {
    Account.HOST: Signal.AVERAGE,
    **dict.fromkeys(NETWORK, Signal.AVERAGE),
    Account.MARGINAL: Signal.MARGINAL,
}


def used(
    file: SqliteFile, agent: int, first: int, end: int, series_of: Mapping[int, Series]
) -> list[Used]:
    """Return what each series of an agent used in `[first, end)`; raises LedgerError."""
    rows = file.all(
        "SELECT u.series, u.slot, u.quantity FROM series s"
        " CROSS JOIN usage u ON u.series = s.key AND u.slot >= ? AND u.slot < ?"
        " WHERE s.agent = ? ORDER BY u.slot, s.key",
        first, end, agent,
    )  # fmt: skip
    return [Used(series_of[series], slot, quantity) for series, slot, quantity in rows]


def counted_energy(
    file: SqliteFile, agent: int, first: int, end: int, series_of: Mapping[int, Series]
) -> dict[Series, int]:
    """Return the microjoules of each counted meter in `[first, end)`; raises LedgerError."""
    rows = file.all(
        "SELECT s.key, sum(u.quantity >> 32), sum(u.quantity & 4294967295) FROM series s"
        " CROSS JOIN usage u ON u.series = s.key AND u.slot >= ? AND u.slot < ?"
        " WHERE s.agent = ? AND s.counted AND s.kind = ? GROUP BY s.key",
        first, end, agent, Kind.ENERGY.value,
    )  # fmt: skip
    return {series_of[key]: sql.whole(*halves) for key, *halves in rows}


def posted_span(file: SqliteFile, agent: int | None) -> tuple[int, int] | None:
    """Return the first and the last slot of what is posted; raises LedgerError."""
    ((first, last),) = file.all(
        "SELECT min(first), max(last) FROM (SELECT"
        " (SELECT min(slot) FROM postings WHERE agent = a.key) AS first,"
        " (SELECT max(slot) FROM postings WHERE agent = a.key) AS last"
        " FROM agents a WHERE ? IS NULL OR a.key = ?)",
        agent, agent,
    )  # fmt: skip
    return None if first is None else (first, last)


def receipts(file: SqliteFile, agent: int, first: int, end: int) -> Receipts:
    """Return which batches are in what an agent used in `[first, end)`; raises LedgerError."""
    kept_from = file.all("SELECT receipts_from_slot FROM agents WHERE key = ?", agent)
    found = file.all(
        "SELECT r.slot, s.session, r.first, r.last, r.batches FROM receipts r"
        " LEFT JOIN sessions s ON s.agent = r.agent AND s.number = r.session"
        " WHERE r.agent = ? AND r.slot >= ? AND r.slot < ? ORDER BY r.slot, r.session",
        agent, first, end,
    )  # fmt: skip
    return Receipts(kept_from[0][0] if kept_from else 0, tuple(map(Receipt._make, found)))


def tallies(file: SqliteFile, agent: int) -> dict[TallyKey, int]:
    """Return what was ever counted beside the data; raises LedgerError."""
    rows = file.all("SELECT name, label, count FROM tallies WHERE agent = ?", agent)
    return {(Tally(name), label): count for name, label, count in rows}
