"""`wattgram-collector activities`: rows into the journal, what is there, and taking them back."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from wattgram_collector.config import CollectorConfig
from wattgram_collector.inventory.activities.checking import Rules
from wattgram_collector.inventory.activities.importing import (
    ActivityLedger,
    Asked,
    Given,
    Seen,
    imported,
    withdrawn,
)
from wattgram_collector.inventory.activities.kept import (
    JOURNAL_KINDS,
    KeptError,
    Row,
    history_of,
    rows_held,
)
from wattgram_collector.inventory.activities.kinds import KINDS, shipped_table
from wattgram_collector.inventory.activities.outcome import Outcome, problems_csv
from wattgram_collector.inventory.activities.reading import FILE_BYTES_MAX, FORM_OF_SUFFIX
from wattgram_collector.inventory.activities.source_rows import nearest
from wattgram_collector.inventory.activities.views import (
    kind_lines,
    kind_said,
    kinds_lines,
    list_lines,
    outcome_lines,
    postings_said,
    row_said,
    shown_lines,
)
from wattgram_collector.progress import shown

DONE: Final = 0
REFUSED: Final = 1
BAD_USAGE: Final = 2


class ActivityLedgers(NamedTuple):
    """How the commands get at the ledger: to write to it, and to look at it."""

    opened: Callable[[CollectorConfig], ActivityLedger]
    reading: Callable[[CollectorConfig], ActivityLedger]


class UsageError(Exception):
    """What was asked for cannot be; the text says why."""


def add_to(commands: Any, common: argparse.ArgumentParser, ledgers: ActivityLedgers) -> None:
    """Add `activities` to the subparsers `commands`."""
    text = "Say what no agent meters: fuel, shipments, purchases, travel and more, in rows."
    group = commands.add_parser("activities", help=text, description=text)
    actions = group.add_subparsers(required=True, metavar="ACTION")

    def action(name: str, work: Any, about: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = actions.add_parser(
            name, parents=[common], help=about, description=about
        )
        added.set_defaults(command=_command(work, ledgers))
        added.add_argument("--json", action="store_true", help="as JSON")
        return added

    _add_import(action)
    listed = action("list", _list, "List the activities that hold.")
    listed.add_argument("--kind", choices=sorted(KINDS), metavar="KIND", help="of this kind only")
    listed.add_argument("--file", metavar="NAME", help="from this file only")
    one = action("show", _show, "Show an activity: its row, where it is from, what it comes to.")
    one.add_argument("activity_id", metavar="ACTIVITY")
    gone = action("withdraw", _withdraw, "Take activities back; they stay in the journal.")
    gone.add_argument("activity_ids", nargs="*", metavar="ACTIVITY")
    gone.add_argument("--file", metavar="NAME", help="all that hold of a file")
    gone.add_argument("--sha256", metavar="START", default="", help="which, of files of one name")
    gone.add_argument("--reason", required=True, help="why; it is kept")
    gone.add_argument("--dry-run", action="store_true", help="say what would be taken back")
    kinds = action("kinds", _kinds, "List the kinds of activities, or the columns of one.")
    kinds.add_argument("kind", nargs="?", metavar="KIND")


def _add_import(action: Callable[[str, Any, str], argparse.ArgumentParser]) -> None:
    taken = action("import", _import, "Take rows into the ledger; every bad row is named.")
    taken.add_argument("file", type=Path, metavar="FILE",
                       help=f"a {', '.join(FORM_OF_SUFFIX)} (docs/activities.md)")  # fmt: skip
    taken.add_argument("--kind", metavar="KIND", default="", help="of rows that do not say theirs")
    choice = taken.add_mutually_exclusive_group()
    choice.add_argument("--all-or-nothing", action="store_true",
                        help="refuse the file for one bad row; the default")  # fmt: skip
    choice.add_argument("--keep-good", action="store_true", help="take the rows that are good")
    taken.add_argument("--replace", action="store_true",
                       help="withdraw what says something else under the same name")  # fmt: skip
    taken.add_argument("--errors", type=Path, metavar="FILE", help="write what is wrong, as CSV")
    taken.add_argument("--dry-run", action="store_true", help="say what would be taken")


def _command(work: Any, ledgers: ActivityLedgers) -> Callable[[CollectorConfig, Any], int]:
    def run(config: CollectorConfig, options: argparse.Namespace) -> int:
        try:
            return int(work(config, ledgers, options))
        except UsageError as error:
            _complain(str(error))
            return BAD_USAGE
        except KeptError as error:
            _complain(str(error))
            return REFUSED

    return run


def rules_of(config: CollectorConfig, default_kind: str = "") -> Rules:
    """Return what rows are checked by; raises UsageError for a kind that there is not."""
    _require_kind(default_kind)
    return Rules(kinds=KINDS, factors=shipped_table(), timezone=config.inventory.timezone,
                 default_kind=default_kind)  # fmt: skip


def _require_kind(name: str) -> None:
    if name and name not in KINDS:
        see = "see wattgram-collector activities kinds"
        raise UsageError(f"unknown kind {name!r}{nearest(name, KINDS)}; {see}")


def _import(config: CollectorConfig, ledgers: ActivityLedgers, options: argparse.Namespace) -> int:
    rules = rules_of(config, options.kind)
    given = _given(options.file)
    asked = Asked(options.keep_good, options.replace, options.dry_run)
    reach = ledgers.reading if options.dry_run else ledgers.opened
    with closing(reach(config)) as ledger, shown(f"check {given.name}", sys.stderr) as tell:
        found = imported(ledger, given, asked, rules, time.time_ns(), tell)
    _tell(found, options.file, is_json=options.json)
    if options.errors:
        try:
            options.errors.write_text(problems_csv(found.problems), encoding="utf-8", newline="")
        except OSError as error:
            raise UsageError(f"{options.errors}: {error.strerror}") from error
    return DONE if found.is_whole else REFUSED


def _given(file: Path) -> Given:
    form = FORM_OF_SUFFIX.get(file.suffix.lower())
    if form is None:
        raise UsageError(f"{file}: activities end with {', '.join(FORM_OF_SUFFIX)}")
    try:
        with file.open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    return Given(file.name, content, form)


def _tell(found: Outcome, file: Path, *, is_json: bool) -> None:
    if is_json:
        _print([json.dumps(found.as_json(), ensure_ascii=False, indent=2)])
        return
    sys.stderr.writelines(f"{file}:{one}\n" for one in found.problems)
    for text in found.warnings:
        _complain(f"warning: {text}")
    _print(outcome_lines(found))


def _list(config: CollectorConfig, ledgers: ActivityLedgers, options: argparse.Namespace) -> int:
    with closing(ledgers.reading(config)) as ledger:
        rows = (
            one
            for one in rows_held(ledger.journal(JOURNAL_KINDS))
            if options.kind in (None, one.kind) and options.file in (None, one.source.file)
        )
        if options.json:
            _print([json.dumps([row_said(one) for one in rows], ensure_ascii=False)])
        else:
            _print(list_lines(rows))
    return DONE


def _show(config: CollectorConfig, ledgers: ActivityLedgers, options: argparse.Namespace) -> int:
    name = options.activity_id
    with closing(ledgers.reading(config)) as ledger:
        history = history_of(ledger.journal(JOURNAL_KINDS), name)
        held = [one for one in rows_held(ledger.journal(JOURNAL_KINDS)) if one.activity_id == name]
    if not history:
        raise UsageError(f"no activity {name!r}: see wattgram-collector activities list")
    factors, timezone = shipped_table(), config.inventory.timezone
    postings = [said for one in held for said in postings_said(one, timezone, KINDS, factors)]
    said = {"activity_id": name, "history": history, "postings": postings}
    if options.json:
        _print([json.dumps(said, ensure_ascii=False, indent=2)])
    else:
        _print(shown_lines(said))
    return DONE


def _withdraw(
    config: CollectorConfig, ledgers: ActivityLedgers, options: argparse.Namespace
) -> int:
    if bool(options.activity_ids) == bool(options.file):
        raise UsageError("give either activities or --file")
    if not options.reason.strip() or not options.reason.isprintable():
        raise UsageError("--reason must say why, on one line")
    reach = ledgers.reading if options.dry_run else ledgers.opened
    with closing(reach(config)) as ledger:
        seen = Seen()
        rows = _chosen(rows_held(seen.of(ledger.journal(JOURNAL_KINDS))), options)
        entry = None
        if not options.dry_run:
            entry = withdrawn(ledger, rows, options.reason, time.time_ns(), seen.number)
    if options.json:
        said = {"is_dry": options.dry_run, "entry": entry, "withdrawn": list(map(row_said, rows))}
        _print([json.dumps(said, ensure_ascii=False, indent=2)])
    else:
        how = "would be withdrawn" if options.dry_run else f"withdrawn by entry {entry}"
        things = "activity" if len(rows) == 1 else "activities"
        _print([*list_lines(rows), f"{len(rows)} {things} {how}"])
    return DONE


def _chosen(held: Iterator[Row], options: argparse.Namespace) -> list[Row]:
    """Return the rows that are to be taken back; raises UsageError for one that is not there."""
    if options.file:
        rows = [one for one in held if one.source.file == options.file
                and one.source.sha256.startswith(options.sha256)]  # fmt: skip
        if not rows:
            raise UsageError(f"nothing holds of a file {options.file!r} {options.sha256}".rstrip())
        _require_one_file(rows, options.file)
        return rows
    wanted = dict.fromkeys(options.activity_ids)
    rows = [one for one in held if one.activity_id in wanted]
    missing = list(wanted.keys() - {one.activity_id for one in rows})
    if missing:
        raise UsageError(f"no activity {', '.join(map(repr, sorted(missing)))} holds")
    return rows


def _require_one_file(rows: Sequence[Row], name: str) -> None:
    files = sorted({one.source.sha256 for one in rows})
    if len(files) > 1:
        raise UsageError(f"there are {len(files)} files {name!r}: say which with --sha256 "
                         f"{' or '.join(files)}")  # fmt: skip


def _kinds(_: CollectorConfig, __: ActivityLedgers, options: argparse.Namespace) -> int:
    _require_kind(options.kind or "")
    chosen = [KINDS[options.kind]] if options.kind else list(KINDS.values())
    if options.json:
        _print([json.dumps(list(map(kind_said, chosen)), ensure_ascii=False, indent=2)])
    else:
        _print(kind_lines(chosen[0]) if options.kind else kinds_lines(chosen))
    return DONE


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")


def _complain(text: str) -> None:
    sys.stderr.write(f"wattgram-collector: {text}\n")
