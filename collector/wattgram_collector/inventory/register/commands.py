"""`wattgram-collector assets`: the register into the journal, out of it, and what is wrong."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_collector.config import CollectorConfig
from wattgram_collector.inventory.making.hardware import shipped
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.periods import day_of, midnight_unix_seconds
from wattgram_collector.inventory.register.assets import Asset
from wattgram_collector.inventory.register.check import Checker, Grade
from wattgram_collector.inventory.register.file import RegisterError, read_csv, read_toml
from wattgram_collector.inventory.register.journal import (
    Changes,
    Kept,
    Key,
    RegisterJournal,
    RegisterLedger,
    changes,
    kept_versions,
    register_of,
)
from wattgram_collector.inventory.register.suggest import drafts
from wattgram_collector.inventory.register.view import described, described_lines, list_lines
from wattgram_collector.inventory.register.view import placed as place_of
from wattgram_collector.inventory.register.writing import row_of, write_csv, write_toml
from wattgram_collector.ledger.journal import JournalKind

DONE: Final = 0
REFUSED: Final = 1
BAD_USAGE: Final = 2
_TIMEZONE: Final = "UTC"
_WRITERS: Final = {"toml": write_toml, "csv": write_csv}


class Ledgers(NamedTuple):
    """How the commands get at the ledger: to write to it, and to look at it."""

    opened: Callable[[CollectorConfig], RegisterJournal]
    reading: Callable[[CollectorConfig], RegisterLedger]


class UsageError(Exception):
    """What was asked for cannot be; the text says why."""


def add_to(commands: Any, common: argparse.ArgumentParser, ledgers: Ledgers) -> None:
    """Add `assets` to the subparsers `commands`."""
    text = "Say what hosts and other things are to the organisation: the asset register."
    group = commands.add_parser("assets", help=text, description=text)
    actions = group.add_subparsers(required=True, metavar="ACTION")

    def action(name: str, work: Any, about: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = actions.add_parser(
            name, parents=[common], help=about, description=about
        )
        added.set_defaults(command=_command(work, ledgers))
        added.add_argument("--json", action="store_true", help="as JSON")
        return added

    taken = action("import", _import, "Take a register file into the ledger, whole or not at all.")
    taken.add_argument("file", type=Path, metavar="FILE", help="TOML or CSV (docs/assets.md)")
    taken.add_argument("--dry-run", action="store_true", help="say what would change")
    listed = action("list", _list, "List the assets and where they belong.")
    shown = action("show", _show, "Show all that is known of an asset.")
    shown.add_argument("asset_id", metavar="ASSET")
    checked = action("check", _check, "Say what is wrong with the register.")
    for one in (listed, shown, checked):
        one.add_argument("--at", type=_day, metavar="DAY", help="on that day; default: today")
    drafted = action("suggest", _suggest, "Draft a register of the agents that no asset is.")
    exported = action("export", _export, "Write every version that holds.")
    for one in (drafted, exported):
        one.add_argument("--format", choices=sorted(_WRITERS), default="toml")


def _command(work: Any, ledgers: Ledgers) -> Callable[[CollectorConfig, Any], int]:
    def run(config: CollectorConfig, options: argparse.Namespace) -> int:
        is_writing = work is _import and not options.dry_run
        reach = ledgers.opened if is_writing else ledgers.reading
        with closing(reach(config)) as ledger:
            try:
                return int(work(ledger, options))
            except RegisterError as error:
                for problem in error.problems:
                    _complain(problem)
                return REFUSED
            except (UsageError, ValueError, OSError) as error:
                _complain(str(error))
                return BAD_USAGE if isinstance(error, UsageError) else REFUSED

    return run


def _import(ledger: RegisterJournal, options: argparse.Namespace) -> int:
    said = read_register(options.file)
    found = changes(_kept(ledger), said)
    if found.records and not options.dry_run:
        ledger.append(found.records, time.time_ns())
    undecided = [text for one in said if (text := place_of(one).get("undecided"))]
    if options.json:
        _print([json.dumps(_changes_said(found, undecided, is_dry=options.dry_run), indent=2)])
        return DONE
    taken = "would be taken" if options.dry_run else "taken"
    counts = f"{len(found.new)} new and {len(found.superseding)} changed versions"
    _print([f"{options.file}: {counts} {taken}, {found.same} as they were"])
    for text in undecided:
        _complain(f"warning: {text}")
    return DONE


def read_register(file: Path) -> list[Asset]:
    """Return the assets of a file; raises RegisterError with everything that is wrong."""
    try:
        content = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise RegisterError([f"{file}: {reason}"]) from error
    if file.suffix.lower() == ".toml":
        return read_toml(content, str(file))
    if file.suffix.lower() == ".csv":
        return read_csv(content, str(file))
    raise RegisterError([f"{file}: a register ends with .toml or .csv"])


def _changes_said(found: Changes, undecided: list[str], *, is_dry: bool) -> dict[str, Any]:
    return {
        "is_taken": not is_dry,
        "new": [_key_said(one) for one in found.new],
        "changed": [_key_said(one) for one in found.superseding],
        "same": found.same,
        "undecided": undecided,
    }


def _key_said(asset: Asset) -> dict[str, str | None]:
    day = asset.valid_from
    return {"asset_id": asset.asset_id, "valid_from": day.isoformat() if day else None}


def _list(ledger: RegisterLedger, options: argparse.Namespace) -> int:
    register = register_of(_kept(ledger).values())
    day = options.at or _today()
    held = [one for asset_id in register if (one := register.at(asset_id, day)) is not None]
    if options.json:
        _print([json.dumps([{**row_of(one), "decision": place_of(one)} for one in held])])
    else:
        _print(list_lines(held))
    return DONE


def _show(ledger: RegisterLedger, options: argparse.Namespace) -> int:
    found = sorted(
        (one for key, one in _kept(ledger).items() if key.asset_id == options.asset_id),
        key=lambda one: one.asset.valid_from or date.min,
    )
    if not found:
        raise UsageError(f"no asset {options.asset_id!r}: see wattgram-collector assets list")
    at = midnight_unix_seconds(options.at, _TIMEZONE) if options.at else int(time.time())
    said = described(found, Resolver(shipped()), at, _TIMEZONE)
    _print([json.dumps(said, indent=2)] if options.json else described_lines(said))
    return DONE


def _check(ledger: RegisterLedger, options: argparse.Namespace) -> int:
    tables = shipped()
    agents = {one.agent_id: one.host for one in ledger.agents()}
    checker = Checker(register_of(_kept(ledger).values()), agents, Resolver(tables),
                      list(tables.classes))  # fmt: skip
    found = list(checker.problems(options.at or _today()))
    if options.json:
        _print([json.dumps([one._asdict() for one in found], indent=2)])
    else:
        _print(map(str, found) if found else ["good"])
    return REFUSED if any(one.grade is Grade.ERROR for one in found) else DONE


def _suggest(ledger: RegisterLedger, options: argparse.Namespace) -> int:
    register = register_of(_kept(ledger).values())
    agents = ledger.agents()
    bound = register.bound({one.agent_id: one.host for one in agents}, _today())
    found = drafts(agents, bound)
    assets = [one.asset for one in found]
    remarks = {one.asset.asset_id: one.remarks for one in found}
    if options.json:
        said = [{**row_of(one), "remarks": remarks[one.asset_id]} for one in assets]
        _print([json.dumps(said, indent=2)])
    elif options.format == "csv":
        _print(write_csv(assets).splitlines())
    else:
        _print(write_toml(assets, remarks).splitlines())
    return DONE


def _export(ledger: RegisterLedger, options: argparse.Namespace) -> int:
    kept = _kept(ledger)
    order = sorted(kept, key=lambda key: (key.asset_id, key.valid_from or date.min))
    assets = [kept[key].asset for key in order]
    if options.json:
        _print([json.dumps([row_of(one) for one in assets], indent=2)])
    else:
        _print(_WRITERS[options.format](assets).splitlines())
    return DONE


def _kept(ledger: RegisterJournal) -> dict[Key, Kept]:
    return kept_versions(ledger.journal([JournalKind.ASSET]))


def _today() -> date:
    return day_of(time.time_ns() // NANOSECONDS_PER_SECOND, _TIMEZONE)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2025-11-03") from error


def _print(lines: Iterable[str] | Iterator[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")


def _complain(text: str) -> None:
    sys.stderr.write(f"wattgram-collector: {text}\n")
