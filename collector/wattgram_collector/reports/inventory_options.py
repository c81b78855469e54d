"""What `wattgram-collector report` takes for the inventory of a period. Imports nothing heavy."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import Final

DEFAULT_FOLDER: Final = "report"


class UsageError(ValueError):
    """What was asked for cannot be; the text says why."""


def add_options(report: argparse.ArgumentParser) -> None:
    """Add what a report of an inventory takes to the parser of `report`."""
    group = report.add_argument_group(
        "inventory", "scopes 1 to 3 and the Technology Carbon Standard of a period (inventory.md)"
    )
    group.add_argument(
        "--period", metavar="PERIOD",
        help="2025, 2025-Q3, 2025-11, 2025-11-03 or FROM/TO as days, the second exclusive",
    )  # fmt: skip
    group.add_argument("--org", metavar="UNIT", help="one unit of the organisation; default: all")
    group.add_argument(
        "--out", type=Path, metavar="DIR",
        help=f"where the folder ORGANISATION/PERIOD is made; default: {DEFAULT_FOLDER}",
    )  # fmt: skip
    group.add_argument(
        "--as-of", type=_day, metavar="DAY",
        help="day that documents say they are of; default: the end of the period",
    )  # fmt: skip
    group.add_argument("--close", action="store_true", help="from now on it is corrected only")
    group.add_argument("--force", action="store_true", help="write over a newer report")
    group.add_argument(
        "--verify", type=Path, metavar="DIR", help="check the files of a report; needs no ledger"
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2025-11-03") from error


def is_asked(options: argparse.Namespace) -> bool:
    """Whether a command line is about an inventory; raises UsageError for half of one."""
    if options.period is not None or options.verify is not None:
        return True
    alone = [name for name in ("org", "out", "as_of", "close", "force") if getattr(options, name)]
    if alone:
        raise UsageError(f"--{alone[0].replace('_', '-')} needs a --period")
    return False
