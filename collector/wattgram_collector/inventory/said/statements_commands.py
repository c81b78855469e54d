"""`wattgram-collector statements`: what matters, what is left out, what is assumed."""

from __future__ import annotations

import argparse
from typing import Any

from wattgram_collector.config import CollectorConfig
from wattgram_collector.inventory.periods import parse_period
from wattgram_collector.inventory.said.commands import (
    DONE,
    Group,
    SaidLedgers,
    content_of,
    print_json,
    print_lines,
    sha256_of,
    take,
    withdraw,
)
from wattgram_collector.inventory.said.kept import Kept, SaidLedger, Shelf, taken
from wattgram_collector.inventory.said.rows import read_toml
from wattgram_collector.inventory.said.statements import (
    STATEMENTS,
    TABLES,
    Remark,
    cells_of,
    holds,
)


def add_to(commands: Any, common: argparse.ArgumentParser, ledgers: SaidLedgers) -> None:
    """Add `statements` to the subparsers `commands`."""
    text = "Say what is relevant, what is left out and why, and what is assumed."
    group = Group(commands, common, ledgers, "statements", text)
    group.imports(_import, "Take a file of statements, whole or not at all.",
                  "TOML (docs/statements.md)")  # fmt: skip
    listed = group.looks("list", _list, "List statements.")
    listed.add_argument("--period", help="that hold in 2025, 2025-Q3, 2025-11 or FROM/TO only")
    group.withdraws(_withdraw, "Take statements back; they stay in the journal.", "ID")


def _import(_: CollectorConfig, ledger: SaidLedger, options: argparse.Namespace) -> int:
    rows = read_toml(content_of(options.file), str(options.file), TABLES)
    return take(
        ledger, STATEMENTS, taken(STATEMENTS, rows), options, sha256=sha256_of(options.file)
    )


def _list(config: CollectorConfig, ledger: SaidLedger, options: argparse.Namespace) -> int:
    kept = list(Shelf(STATEMENTS).read(ledger).held.values())
    if options.period is not None:
        period = parse_period(options.period, config.inventory.timezone)
        kept = [one for one in kept if holds(one.value, period)]
    kept.sort(key=lambda one: (one.value.scope_ref, one.value.remark_id))
    if options.json:
        print_json([{**cells_of(one.value), "journal_entry": one.number} for one in kept])
    else:
        print_lines(map(_line, kept))
    return DONE


def _line(one: Kept[Remark]) -> str:
    said = cells_of(one.value)
    what = said.get("relevance", said["table"].removesuffix("s"))
    text = f": {said['text']}" if "text" in said else ""
    return (
        f"{said['scope_ref']}  {what}{text}  ({said['owner']}, {said['date']})  "
        f"id {said['id']!r}  entry {one.number}"
    )


def _withdraw(_: CollectorConfig, ledger: SaidLedger, options: argparse.Namespace) -> int:
    return withdraw(ledger, STATEMENTS, options)
