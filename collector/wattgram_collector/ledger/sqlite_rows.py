"""Single rows of the SQLite file: intensities that providers said, postings, usage."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from wattgram.readings import Series
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Intensity, Recorded, Signal
from wattgram_collector.ledger import statements as sql
from wattgram_collector.ledger.restatement import Posted, Used
from wattgram_collector.ledger.sqlite_file import SqliteFile
from wattgram_collector.ledger.sqlite_restating import NETWORK, held

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


def intensities(file: SqliteFile, since_unix_seconds: int) -> list[Recorded]:
    """Return every version of the slots that end after then; raises LedgerError."""
    found = file.all(
        f"SELECT fetched_unix_seconds, {', '.join(_INTENSITY)} FROM intensities"  # noqa: S608
        " WHERE valid_until_unix_seconds > ?",
        since_unix_seconds,
    )
    return [
        Recorded(sql.intensity_of(dict(zip(_INTENSITY, values, strict=True))), fetched)
        for fetched, *values in found
    ]


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
    for agent in agents:
        for account_name, slot, terms_key, factor_key, quantity in file.all(
            "SELECT account, slot, terms, factor, quantity FROM postings"
            " WHERE agent = ? AND slot >= ? AND slot < ?",
            agent, first, end,
        ):  # fmt: skip
            account, terms = Account(account_name), terms_of[terms_key]
            signal = _SIGNAL.get(account)
            zone = terms.network_zone if account in NETWORK else terms.zone
            restated, number = factor_key, 0
            if signal is not None:
                restated, number = instead.get((signal, zone, slot), (factor_key, 0))
            yield Posted(
                agent, account, slot, terms, factor_of[factor_key], factor_of[restated], number,
                quantity,
            )  # fmt: skip


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
