"""`wattgram-collector ledger check | verify | seal | backup | restore`: words, and what to say."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TextIO

from wattgram.lock import only_one
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_collector.config import CollectorConfig
from wattgram_collector.ledger.sqlite_check import Report, check
from wattgram_collector.ledger.sqlite_restore import backup, restore
from wattgram_collector.ledger.sqlite_seals import seal
from wattgram_collector.ledger.sqlite_verify import Faults, Verified, verify

FILE_NAME: Final = "ledger.sqlite"


def ledger_path(config: CollectorConfig) -> Path:
    return config.state_directory / FILE_NAME


def add_to(commands: Any, common: argparse.ArgumentParser, faults: Faults) -> None:
    """Add the commands to the parser; `faults` looks at the closings of the journal."""
    about = "Check, verify, seal, back up or restore the ledger."
    ledger = commands.add_parser("ledger", help=about, description=about)
    actions = ledger.add_subparsers(required=True, metavar="ACTION")

    def action(name: str, function: Any, help_text: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = actions.add_parser(
            name, parents=[common], help=help_text, description=help_text
        )
        added.set_defaults(command=function)
        return added

    checked = action("check", _check, "Say whether a ledger is sound; changes nothing.")
    checked.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="a backup; without it the ledger"
    )
    checked.add_argument("--json", action="store_true", help="as JSON")
    verified = action(
        "verify", partial(_verify, faults), "Say whether all of a ledger is as it was written."
    )
    verified.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="a copy; without it the ledger"
    )
    verified.add_argument("--json", action="store_true", help="as JSON")
    sealed = action("seal", _seal, "Write down what each day that is over holds.")
    sealed.add_argument(
        "--until", type=date.fromisoformat, metavar="DATE", help="days before it; default: today"
    )
    sealed.add_argument("--json", action="store_true", help="as JSON")
    backed = action("backup", _backup, "Copy the ledger, while it is in use, into one file.")
    backed.add_argument("file", type=Path, metavar="FILE")
    backed.add_argument("--force", action="store_true", help="overwrite FILE")
    restored = action("restore", _restore, "Put a backup in the ledger's place; it is kept aside.")
    restored.add_argument("file", type=Path, metavar="FILE")


def _check(config: CollectorConfig, options: argparse.Namespace) -> int:
    report = check(options.file or ledger_path(config), full=True)
    if options.json:
        _say(json.dumps(as_json(report)))
    else:
        _say(f"{_about(report)}, checked in {report.seconds:.1f} s: {_verdict(report)}")
    return 0 if report.is_sound else 1


def _verify(faults: Faults, config: CollectorConfig, options: argparse.Namespace) -> int:
    path = options.file or ledger_path(config)
    found = verify(path, _tell(sys.stderr), faults)
    report = found.report
    if options.json:
        _say(json.dumps({**as_json(report), **_audit_json(found)}))
    else:
        _say(f"{_about(report)}, verified in {report.seconds:.1f} s: {_verdict(report)}")
        if report.is_sound:
            _say(
                f"{found.rows} rows of quantities; the journal has {found.journal_entries}"
                f" entries, the last is {found.journal_head}"
            )
            _say(f"{found.closings} closings of periods")
            _say(f"{found.seals} seals, {len(found.changed)} days changed after they were sealed")
        for day, entry, what in found.changed:
            _say(f"  {day} (entry {entry}): {'; '.join(what)}")
    return 0 if report.is_sound else 1


def _seal(config: CollectorConfig, options: argparse.Namespace) -> int:
    now = time.time_ns()
    today = datetime.fromtimestamp(now / NANOSECONDS_PER_SECOND, UTC).date()
    days = seal(ledger_path(config), min(options.until or today, today), now)
    if options.json:
        _say(json.dumps({"sealed": [day.isoformat() for day in days]}))
        return 0
    for day in days:
        _say(f"sealed {day}")
    if not days:
        _say("no day to seal")
    return 0


def _audit_json(found: Verified) -> dict[str, Any]:
    """Return what `verify` says beyond the check; null where the check found something."""
    is_sound = found.report.is_sound
    return {
        "rows": found.rows if is_sound else None,
        "journal_entries": found.journal_entries if is_sound else None,
        "journal_head": found.journal_head if is_sound else None,
        "seals": found.seals if is_sound else None,
        "closings": found.closings if is_sound else None,
        "changed_after_sealing": [
            {"day": day.isoformat(), "journal_entry": entry, "what": list(what)}
            for day, entry, what in found.changed
        ],
    }


def _tell(screen: TextIO) -> Callable[[str], None]:
    """Return what says on a terminal what is looked at, one line each."""

    def tell(looked_at: str) -> None:
        if screen.isatty():
            screen.write(f"verifying {looked_at} ...\n")
            screen.flush()

    return tell


def _backup(config: CollectorConfig, options: argparse.Namespace) -> int:
    report = backup(ledger_path(config), options.file, force=options.force)
    _say(f"{options.file}: {_about(report)}: {_verdict(report)}")
    return 0 if report.is_sound else 1


def _restore(config: CollectorConfig, options: argparse.Namespace) -> int:
    with only_one(config.state_directory):
        report, kept = restore(ledger_path(config), options.file)
    _say(f"restored {options.file}: {_about(report)}: {_verdict(report)}")
    if kept is not None:
        _say(f"the former ledger is kept as {kept}")
    _say("what agents delivered since is not in it: it will be counted as missing batches")
    return 0


def as_json(report: Report) -> dict[str, Any]:
    """Return a report as `check --json` prints it."""
    return {
        "path": str(report.path),
        "sound": report.is_sound,
        "schema_version": report.schema_version,
        "size_bytes": report.size_bytes,
        "agents": report.agents,
        "newest_sample_unix_nanoseconds": report.newest_sample_unix_nanoseconds or None,
        "seconds": round(report.seconds, 3),
        "findings": [
            {"kind": one.kind, "detail": one.detail, "damage": one.is_damage}
            for one in report.findings
        ],
    }


def _verdict(report: Report) -> str:
    """Return one word, or a line for each fault."""
    faults = "".join(f"\n  {finding}" for finding in report.findings)
    return f"{len(report.findings)} faults{faults}" if faults else "sound"


def _about(report: Report) -> str:
    newest = report.newest_sample_unix_nanoseconds
    when = "nothing yet"
    if newest:
        local = time.localtime(newest / NANOSECONDS_PER_SECOND)
        when = f"data up to {time.strftime('%Y-%m-%d %H:%M:%S %z', local)}"
    return (
        f"schema version {report.schema_version}, {report.agents} agents, {when},"
        f" {report.size_bytes} bytes"
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
