"""Which storage a configuration asks for: the one place outside of it that knows."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date
from typing import Any

from wattgram_collector.config import CollectorConfig
from wattgram_collector.ledger import Ledger, sqlite_commands, sqlite_seals
from wattgram_collector.ledger.journal import Journal
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.sqlite_commands import ledger_path
from wattgram_collector.ledger.sqlite_journal import SqliteJournal
from wattgram_collector.ledger.sqlite_meanings import Meanings
from wattgram_collector.ledger.sqlite_opening import open_ledger
from wattgram_collector.ledger.sqlite_sums import SqliteSums
from wattgram_collector.ledger.sqlite_verify import Faults
from wattgram_collector.ledger.sums import Sums


def opened(config: CollectorConfig) -> Ledger:
    """Open the ledger for the collector to work with; raises LedgerError, OSError.

    One that cannot be written to, but read, says so to whoever writes.
    """
    return open_ledger(ledger_path(config), check_seconds=config.ledger.check_seconds)


def reading(config: CollectorConfig) -> Ledger:
    """Open a ledger that another process may have open, to look at; raises LedgerError."""
    return SqliteLedger.reading(ledger_path(config))


def journalling(config: CollectorConfig) -> Journal:
    """Open the journal beside a collector that may run, to be added to; raises LedgerError."""
    return SqliteJournal(ledger_path(config))


def seal(config: CollectorConfig, until: date, now_unix_nanoseconds: int) -> list[date]:
    """Seal the days of UTC before `until`, beside a collector that may run; return the new ones.

    Raises LedgerError.
    """
    return sqlite_seals.seal(ledger_path(config), until, now_unix_nanoseconds)


def summing(config: CollectorConfig) -> Callable[[], Sums]:
    """Return what opens the ledger to be summed, an instant each: close it soon.

    From any thread, while the collector writes; what it gives raises LedgerError. It is quick
    from the second time on.
    """
    meanings = Meanings()
    return lambda: SqliteSums(ledger_path(config), meanings)


def add_commands(commands: Any, common: argparse.ArgumentParser, faults: Faults) -> None:
    """Add what an operator does with this storage; `faults` looks at the journal's closings."""
    sqlite_commands.add_to(commands, common, faults)
