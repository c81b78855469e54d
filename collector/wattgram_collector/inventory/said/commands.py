"""What the commands of all that people say have in common: take a file in, take something back."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from wattgram_collector.config import CollectorConfig
from wattgram_collector.inventory.activities.activity import Column
from wattgram_collector.inventory.activities.reading import FORM_OF_SUFFIX
from wattgram_collector.inventory.said.kept import (
    Changes,
    SaidLedger,
    Shelf,
    Sort,
    Sourced,
    changes,
    withdrawals,
    write,
)
from wattgram_collector.inventory.said.rows import Said, SaidError, read_rows, refused
from wattgram_collector.ledger.journal import JournalRecord

DONE: Final = 0
REFUSED: Final = 1
BAD_USAGE: Final = 2

Thing = TypeVar("Thing")
Work = Callable[[CollectorConfig, SaidLedger, argparse.Namespace], int]


class SaidLedgers(NamedTuple):
    """How the commands get at the ledger: to write to it, and to look at it."""

    opened: Callable[[CollectorConfig], SaidLedger]
    reading: Callable[[CollectorConfig], SaidLedger]


class UsageError(Exception):
    """What was asked for cannot be; the text says why."""


class Group:
    """A command with actions, such as `units add`."""

    def __init__(
        self,
        commands: Any,
        common: argparse.ArgumentParser,
        ledgers: SaidLedgers,
        name: str,
        text: str,
    ) -> None:
        group = commands.add_parser(name, help=text, description=text)
        self._actions = group.add_subparsers(required=True, metavar="ACTION")
        self._common = common
        self._ledgers = ledgers

    def looks(self, name: str, work: Work, about: str) -> argparse.ArgumentParser:
        """Add an action that looks at the ledger."""
        return self._added(name, work, about, is_writing=False)

    def writes(self, name: str, work: Work, about: str) -> argparse.ArgumentParser:
        """Add an action that writes to it, unless it is only tried."""
        added = self._added(name, work, about, is_writing=True)
        added.add_argument("--dry-run", action="store_true", help="say what would change")
        return added

    def imports(self, work: Work, about: str, file_help: str) -> argparse.ArgumentParser:
        added = self.writes("import", work, about)
        added.add_argument("file", type=Path, metavar="FILE", help=file_help)
        add_replace(added)
        return added

    def withdraws(self, work: Work, about: str, metavar: str) -> argparse.ArgumentParser:
        added = self.writes("withdraw", work, about)
        added.add_argument("keys", nargs="+", metavar=metavar, help="as list names it")
        added.add_argument("--reason", required=True, metavar="TEXT", help="why, for an auditor")
        return added

    def _added(
        self, name: str, work: Work, about: str, *, is_writing: bool
    ) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = self._actions.add_parser(
            name, parents=[self._common], help=about, description=about
        )
        added.set_defaults(command=_command(work, self._ledgers, is_writing=is_writing))
        added.add_argument("--json", action="store_true", help="as JSON")
        return added


def add_replace(added: argparse.ArgumentParser) -> None:
    added.add_argument(
        "--replace", action="store_true", help="take what is kept otherwise under the same id"
    )


def _command(
    work: Work, ledgers: SaidLedgers, *, is_writing: bool
) -> Callable[[CollectorConfig, argparse.Namespace], int]:
    def run(config: CollectorConfig, options: argparse.Namespace) -> int:
        writes = is_writing and not options.dry_run
        with closing((ledgers.opened if writes else ledgers.reading)(config)) as ledger:
            try:
                return work(config, ledger, options)
            except SaidError as error:
                _tell_problems(error, is_json=options.json)
                return REFUSED
            except UsageError as error:
                complain(str(error))
                return BAD_USAGE
            except ValueError as error:
                complain(str(error))
                return REFUSED

    return run


def _tell_problems(error: SaidError, *, is_json: bool) -> None:
    for one in error.problems:
        complain(str(one))
    if is_json:
        said = [{"where": one.where, **one.wrong._asdict()} for one in error.problems]
        print_json({"is_taken": False, "problems": said})


def content_of(file: Path) -> bytes:
    """Return what a file says; raises SaidError."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise refused(str(file), str(error.strerror)) from error


def sha256_of(file: Path) -> str:
    """Return the digest of a file, in hexadecimal; raises SaidError."""
    return hashlib.sha256(content_of(file)).hexdigest()


def rows_of_file(file: Path, columns: Sequence[Column]) -> list[Said]:
    """Return the rows of a file of CSV, JSON or JSON lines; raises SaidError."""
    form = FORM_OF_SUFFIX.get(file.suffix.lower())
    if form is None:
        raise refused(str(file), f"must end with {', '.join(FORM_OF_SUFFIX)}")
    return read_rows(content_of(file), form, str(file), columns)


def take(
    ledger: SaidLedger,
    sort: Sort[Thing],
    said: Sequence[Sourced[Thing]],
    options: argparse.Namespace,
    remarks: Iterable[str] = (),
    sha256: str = "",
) -> int:
    """Write down what is new, all or nothing, and tell it; raises SaidError."""
    shelf = Shelf(sort)
    found: Changes[Thing] = Changes([], [], 0)

    def decide() -> list[JournalRecord]:
        nonlocal found
        found = changes(shelf, said, is_replacing=options.replace)
        return [] if options.dry_run else found.records(sort, sha256)

    write(ledger, shelf, decide, time.time_ns())
    _tell(found, sort, list(remarks), options)
    return DONE


def _tell(
    found: Changes[Thing], sort: Sort[Thing], remarks: list[str], options: argparse.Namespace
) -> None:
    if options.json:
        print_json(
            {
                "is_taken": not options.dry_run,
                "new": [sort.key(one.value) for one in found.new],
                "replaced": [sort.key(one.value) for one in found.replaced],
                "same": found.same,
                "remarks": remarks,
            }
        )
        return
    would = "would be taken" if options.dry_run else "taken"
    counts = f"{len(found.new)} new and {len(found.replaced)} replaced"
    name = getattr(options, "file", sort.noun)
    print_lines([f"{name}: {counts} {would}, {found.same} as they were"])
    for one in remarks:
        complain(f"warning: {one}")


def withdraw(ledger: SaidLedger, sort: Sort[Thing], options: argparse.Namespace) -> int:
    """Take back what is kept under some keys, all or none; raises UsageError."""
    shelf = Shelf(sort)

    def decide() -> list[JournalRecord]:
        missing = [key for key in options.keys if key not in shelf.held]
        if missing:
            raise UsageError(f"no {sort.noun} {missing[0]!r} is kept: `list` says the ids")
        records = withdrawals(shelf, options.keys, options.reason)
        return [] if options.dry_run else records

    write(ledger, shelf, decide, time.time_ns())
    keys = list(dict.fromkeys(options.keys))
    if options.json:
        print_json({"is_taken": not options.dry_run, "withdrawn": keys})
    else:
        would = "would be withdrawn" if options.dry_run else "withdrawn"
        print_lines([f"{key}: {would}" for key in keys])
    return DONE


def print_json(said: object) -> None:
    print_lines([json.dumps(said, indent=2)])


def print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")


def complain(text: str) -> None:
    sys.stderr.write(f"wattgram-collector: {text}\n")
