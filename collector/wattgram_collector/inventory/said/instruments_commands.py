"""`wattgram-collector instruments`: certificates, contracts, credits and removals."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from wattgram_collector.config import CollectorConfig
from wattgram_collector.inventory.periods import Interval, parse_period
from wattgram_collector.inventory.said.commands import (
    DONE,
    Group,
    SaidLedgers,
    complain,
    print_json,
    print_lines,
    rows_of_file,
    sha256_of,
    take,
    withdraw,
)
from wattgram_collector.inventory.said.instruments import (
    COLUMNS,
    INSTRUMENTS,
    Instrument,
    instruments_of_period,
    rows,
)
from wattgram_collector.inventory.said.instruments_market import Contract, problems_of, unlinked
from wattgram_collector.inventory.said.kept import Kept, SaidLedger, Shelf, taken
from wattgram_collector.inventory.said.rows import SaidError
from wattgram_collector.reports.numbers import exact


def add_to(commands: Any, common: argparse.ArgumentParser, ledgers: SaidLedgers) -> None:
    """Add `instruments` to the subparsers `commands`."""
    text = "List certificates, contracts, carbon credits and removals; nothing is netted."
    group = Group(commands, common, ledgers, "instruments", text)
    group.imports(_import, "Take a file of instruments, whole or not at all.",
                  "CSV or JSON (docs/instruments.md)")  # fmt: skip
    listed = group.looks("list", _list, "List instruments, and what does not fit the market.")
    listed.add_argument("--period", help="claimed for 2025, 2025-Q3, 2025-11 or FROM/TO only")
    group.withdraws(_withdraw, "Take instruments back; they stay in the journal.", "ID")


def contracts(config: CollectorConfig) -> list[Contract]:
    """Return the sections of the configuration that instruments may back."""
    return [
        Contract(name, Interval(one.from_unix_seconds, one.until_unix_seconds))
        for name, one in config.market.items()
        if one.kind == "contract"
    ]


def _import(config: CollectorConfig, ledger: SaidLedger, options: argparse.Namespace) -> int:
    said = taken(INSTRUMENTS, rows_of_file(options.file, COLUMNS))
    names = [one.name for one in contracts(config)]
    problems = list(problems_of(((one.where, one.value) for one in said), names))
    if problems:
        raise SaidError(problems)
    return take(ledger, INSTRUMENTS, said, options, sha256=sha256_of(options.file))


def _list(config: CollectorConfig, ledger: SaidLedger, options: argparse.Namespace) -> int:
    kept = sorted(Shelf(INSTRUMENTS).read(ledger).held.values(), key=lambda one: one.number)
    interval = Interval(0, 1 << 40)
    if options.period is not None:
        period = parse_period(options.period, config.inventory.timezone)
        kept, interval = instruments_of_period(kept, period), period.interval
    remarks = list(unlinked([one.value for one in kept], contracts(config), interval))
    if options.json:
        print_json({"instruments": list(rows(kept)), "remarks": remarks})
        return DONE
    print_lines(line for one in kept for line in _lines(one))
    for one in remarks:
        complain(f"warning: {one}")
    return DONE


def _lines(one: Kept[Instrument]) -> Iterator[str]:
    it = one.value
    used = f"market.{it.market}" if it.market else "nothing: listed, not netted"
    yield (
        f"{it.instrument_id}  {it.type}  {exact(it.quantity)} {it.type.unit}  "
        f"vintage {it.vintage}  claimed for {it.claim}  used in {used}  entry {one.number}"
    )


def _withdraw(_: CollectorConfig, ledger: SaidLedger, options: argparse.Namespace) -> int:
    return withdraw(ledger, INSTRUMENTS, options)
