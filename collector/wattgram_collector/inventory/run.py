"""One run: the journal and the ledger as they are now, to an inventory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple

from wattgram_collector.config import CollectorConfig
from wattgram_collector.inventory.books import Books, books_of
from wattgram_collector.inventory.engine import inventory_of
from wattgram_collector.inventory.metering.metered import Metering, metered_postings
from wattgram_collector.inventory.periods import ReportPeriod
from wattgram_collector.inventory.report.partners import Footprints, footprints
from wattgram_collector.inventory.result import Inventory
from wattgram_collector.inventory.said.instruments import instruments_of_period
from wattgram_collector.inventory.said.instruments_commands import contracts
from wattgram_collector.inventory.said.instruments_market import unlinked
from wattgram_collector.ledger import storage
from wattgram_collector.progress import Tell


class Run(NamedTuple):
    """All that a run found, and what it was made of."""

    books: Books
    metering: Metering
    inventory: Inventory
    footprints: Footprints


def run(
    config: CollectorConfig,
    period: ReportPeriod,
    org_unit: str,
    created_unix_seconds: int,
    shown: Callable[[str], Tell],
) -> Run:
    """Return the inventory of a period, read beside a collector that may run.

    `shown` gives who is told how far a part is, by its name. Raises LedgerError, and ValueError
    for what the journal has and this version does not understand, or for a broken invariant. The
    hours of its metering are to be closed.
    """
    settings = config.inventory
    with closing(storage.summing(config)()) as sums:
        books = books_of(sums.journal(), settings.timezone)
        metering = metered_postings(
            sums, sums.agents(), books.register, period, settings, shown("metered")
        )
    try:
        inventory = inventory_of(
            books, metering, settings, period, org_unit, tell=shown("activities")
        )
    except BaseException:
        metering.hours.close()
        raise
    odd = unlinked(
        [one.value for one in instruments_of_period(books.instruments, period)],
        contracts(config),
        period.interval,
    )
    inventory = replace(inventory, warnings=[*inventory.warnings, *odd])
    return Run(books, metering, inventory, footprints(inventory, created_unix_seconds))
