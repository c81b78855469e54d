"""`wattgram-collector report --period` and `--verify`: an inventory, its files, their check."""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from wattgram.settings import as_data
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_collector.config import CollectorConfig
from wattgram_collector.inventory.engine import UnitError
from wattgram_collector.inventory.periods import (
    ReportPeriod,
    midnight_unix_seconds,
    parse_period,
)
from wattgram_collector.inventory.report.check import CheckError, check
from wattgram_collector.inventory.report.closing import closing_of, closing_record
from wattgram_collector.inventory.report.files import ALL, documents, folder_of, parse_formats
from wattgram_collector.inventory.report.summary import summary
from wattgram_collector.inventory.result import Closed, Inventory
from wattgram_collector.inventory.run import Run, run
from wattgram_collector.ledger import storage
from wattgram_collector.ledger.journal import canonical
from wattgram_collector.progress import Tell, shown
from wattgram_collector.reports.inventory_files import (
    Written,
    require_replaceable,
    write_files,
)
from wattgram_collector.reports.inventory_options import DEFAULT_FOLDER, UsageError

DONE: Final = 0
REFUSED: Final = 1
BAD_USAGE: Final = 2
_FILE_BYTES_MAX: Final = 1 << 30


def report(config: CollectorConfig, options: argparse.Namespace) -> int:
    """Make the report of a period, or check one that was made; return the exit code."""
    try:
        _require_alone(options)
        if options.verify is not None:
            return _verified(options.verify)
        return _reported(config, options)
    except (UsageError, UnitError) as error:
        sys.stderr.write(f"wattgram-collector: {error}\n")
        return BAD_USAGE
    except ValueError as error:
        sys.stderr.write(f"wattgram-collector: {error}\n")
        return REFUSED


def _require_alone(options: argparse.Namespace) -> None:
    what = "--verify" if options.verify is not None else "--period"
    others = {"--from": options.start, "--to": options.end, "--by": options.by}
    if options.verify is not None:
        others |= {"--period": options.period, "--org": options.org, "--out": options.out,
                   "--as-of": options.as_of, "--close": options.close, "--force": options.force,
                   "--format": options.format}  # fmt: skip
    for name, value in others.items():
        if value:
            raise UsageError(f"{name} does not go with {what}")


def _reported(config: CollectorConfig, options: argparse.Namespace) -> int:
    settings = config.inventory
    if not settings.organisation:
        raise UsageError("who reports? set [inventory] organisation in the configuration")
    try:
        period = parse_period(options.period, settings.timezone)
        formats = parse_formats(options.format or "csv,json,html")
    except ValueError as error:
        raise UsageError(str(error)) from error
    now = time.time_ns()
    if options.close and period.interval.end_unix_seconds > now // NANOSECONDS_PER_SECOND:
        raise ValueError(f"{period.name} is not over: it can be closed from {period.after} on")
    unit = options.org or ""
    created = _created(options.as_of, period)
    with ExitStack() as rooms, ExitStack() as bars:
        found = run(config, period, unit, created, lambda name: _bar(bars, name))
        rooms.enter_context(closing(found.metering.hours))
        place = Path(options.out or DEFAULT_FOLDER)
        folder = place.joinpath(*folder_of(settings.organisation, unit, period))
        require_replaceable(folder, found.inventory, is_forced=options.force)
        if options.close:
            if "json" in formats:  # one that cannot be said is said to be none before it is closed
                list(documents(found.inventory, found.footprints))
            found = _closed(config, found, now)
        _bar(bars, "files")(0, 1)
        try:
            written = write_files(folder, found.inventory, found.metering, formats,
                                  found.footprints, _hash_of(config))  # fmt: skip
        except (OSError, ValueError) as error:
            if not options.close:
                raise
            raise _unwritten(found.inventory, error) from error
    _say(found, written)
    return DONE


def _unwritten(inventory: Inventory, error: OSError | ValueError) -> ValueError:
    """Return the error of files that were not written, which a closing outlives."""
    entry = inventory.closed.entry if inventory.closed else 0
    return ValueError(
        f"{error}; {inventory.period.name} is closed (journal entry {entry}): to have its files,"
        " run again without --close"
    )


def _bar(bars: ExitStack, name: str) -> Tell:
    """Return who is told how far a part is, in the place of the part before."""
    bars.close()
    return bars.enter_context(shown(name, sys.stderr))


def _created(as_of: date | None, period: ReportPeriod) -> int:
    if as_of is None:
        return period.interval.end_unix_seconds
    return midnight_unix_seconds(as_of, period.timezone)


def _hash_of(config: CollectorConfig) -> str:
    """Return the SHA-256 of the sections that a report depends on: not of ports and folders."""
    whole = as_data(config)
    said = {name: whole.get(name) for name in ("inventory", "market")}
    return hashlib.sha256(canonical(said).encode()).hexdigest()


def _closed(config: CollectorConfig, found: Run, now_unix_nanoseconds: int) -> Run:
    """Write the closing down, unless the period stands closed as it is; return what is closed.

    Raises LedgerError, and ValueError where the journal has grown since it was read.
    """
    inventory = found.inventory
    if inventory.closed is not None and not inventory.closed.corrections:
        return found
    record = closing_record(
        inventory.period, inventory.org_unit, inventory.rows, inventory.factors.values()
    )
    with closing(storage.journalling(config)) as journal:
        entries = list(journal.journal(after=inventory.journal_entries))
        if entries:
            raise ValueError("the journal has grown while the report was made: close it again")
        number, _ = journal.append([record], now_unix_nanoseconds)
        (entry,) = list(journal.journal(after=number - 1))[:1]
    closed = Closed(
        entry=number,
        day=datetime.fromtimestamp(now_unix_nanoseconds // NANOSECONDS_PER_SECOND, UTC).date(),
        ledger_head=closing_of(entry).head,
        rows=len(inventory.rows),
        corrections=0,
    )
    return found._replace(
        inventory=replace(
            inventory, closed=closed, journal_entries=number, journal_head=entry.hash
        )
    )


def _say(found: Run, written: Written) -> None:
    inventory = found.inventory
    whole = replace(inventory, warnings=[*inventory.warnings, *found.footprints.missing])
    sys.stdout.writelines(f"{line}\n" for line in summary(whole))
    sys.stdout.write(
        f"{written.folder}: {len(written.names) + 1} files; {len(inventory.rows)} rows in the"
        f" ledger, the hash of the last is {written.ledger_head}\n"
    )


def _verified(folder: Path) -> int:
    """Look at the files of a folder; raises CheckError, OSError."""
    if not folder.is_dir():
        raise CheckError(f"{folder}: there is no such folder of a report")
    contents: dict[str, bytes] = {}
    for file in sorted(folder.iterdir()):
        if file.name not in ALL or not file.is_file():
            raise CheckError(f"{file.name}: is of no report")
        if file.stat().st_size > _FILE_BYTES_MAX:
            raise CheckError(f"{file.name}: is too large to be of a report")
        contents[file.name] = file.read_bytes()
    found = check(contents)
    sys.stdout.write(
        f"{folder}: sound: {found.files} files as their manifest says, {found.rows} rows in one"
        f" chain, {found.lines} lines of the inventory as their sums\n"
    )
    sys.stdout.write(f"the hash of the last row is {found.ledger_head}\n")
    return DONE
