"""`wattgram-collector units`: counts of functional units into the journal, and out of it."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import aiohttp

from wattgram_collector.config import CollectorConfig
from wattgram_collector.inventory.periods import Interval, parse_period
from wattgram_collector.inventory.said.commands import (
    DONE,
    REFUSED,
    Group,
    SaidLedgers,
    UsageError,
    add_replace,
    complain,
    print_json,
    print_lines,
    rows_of_file,
    sha256_of,
    take,
    withdraw,
)
from wattgram_collector.inventory.said.kept import Kept, SaidLedger, Shelf, taken
from wattgram_collector.inventory.said.prometheus import (
    QueryError,
    ask,
    entry_id,
    row_of,
    source_of,
    steps,
)
from wattgram_collector.inventory.said.rows import Said
from wattgram_collector.inventory.said.units import (
    COLUMNS,
    Counted,
    UnitCount,
    iso,
    units_of_period,
    units_sort,
)
from wattgram_collector.inventory.said.units_settings import FunctionalUnitsSettings
from wattgram_collector.reports.numbers import exact


def add_to(commands: Any, common: argparse.ArgumentParser, ledgers: SaidLedgers) -> None:
    """Add `units` to the subparsers `commands`."""
    text = "Count functional units: e-mails, stream hours, prompts, whatever a service is for."
    group = Group(commands, common, ledgers, "units", text)
    added = group.writes("add", _add, "Take one count.")
    for column in COLUMNS:
        added.add_argument(f"--{column.name}", required=column.is_required, metavar="TEXT",
                           dest=f"said_{column.name}", help=column.meaning)  # fmt: skip
    add_replace(added)
    group.imports(_import, "Take a file of counts, whole or not at all.",
                  "CSV or JSON (docs/functional-units.md)")  # fmt: skip
    pulled = group.writes("pull", _pull, "Ask Prometheus for counts, as functional_units says.")
    pulled.add_argument("--period", required=True, help="2025, 2025-Q3, 2025-11, a day or FROM/TO")
    pulled.add_argument("names", nargs="*", metavar="NAME", help="sections; all unless given")
    add_replace(pulled)
    listed = group.looks("list", _list, "List counts, or what they come to in a period.")
    listed.add_argument("--period", help="what they come to in 2025, 2025-Q3, 2025-11 or FROM/TO")
    listed.add_argument("--service", help="of this service only")
    group.withdraws(_withdraw, "Take counts back; they stay in the journal.", "ID")


def _add(config: CollectorConfig, ledger: SaidLedger, options: argparse.Namespace) -> int:
    cells = {one.name: getattr(options, f"said_{one.name}") or "" for one in COLUMNS}
    sort = units_sort(config.inventory.timezone)
    said = taken(sort, [Said("units add", {name: cell for name, cell in cells.items() if cell})])
    return take(ledger, sort, said, options)


def _import(config: CollectorConfig, ledger: SaidLedger, options: argparse.Namespace) -> int:
    sort = units_sort(config.inventory.timezone)
    return take(
        ledger,
        sort,
        taken(sort, rows_of_file(options.file, COLUMNS)),
        options,
        sha256=sha256_of(options.file),
    )


def _withdraw(_: CollectorConfig, ledger: SaidLedger, options: argparse.Namespace) -> int:
    return withdraw(ledger, units_sort(), options)


# ── list ─────────────────────────────────────────────────────────────────────────────────────


def _list(config: CollectorConfig, ledger: SaidLedger, options: argparse.Namespace) -> int:
    held = Shelf(units_sort()).read(ledger).held.values()
    kept = [one for one in held if options.service in (None, one.value.service)]
    kept.sort(key=lambda one: (one.value.service, one.value.unit, one.value.interval))
    if options.period is None:
        if options.json:
            print_json([said_of(one) for one in kept])
        else:
            print_lines(map(_line, kept))
        return DONE
    period = parse_period(options.period, config.inventory.timezone).interval
    found = units_of_period(kept, period)
    if options.json:
        print_json([_counted_said(one) for one in found])
    else:
        print_lines(line for one in found for line in _counted_lines(one))
    return DONE


def said_of(one: Kept[UnitCount]) -> dict[str, Any]:
    """Return an entry as JSON has it."""
    value = one.value
    return {
        "id": value.entry_id,
        "service": value.service,
        "unit": value.unit,
        "count": exact(value.count),
        "from": iso(value.interval.start_unix_seconds),
        "to": iso(value.interval.end_unix_seconds),
        "source": value.source,
        "evidence": value.evidence,
        "note": value.note,
        "journal_entry": one.number,
        "origin": one.origin,
    }


def _line(one: Kept[UnitCount]) -> str:
    said = said_of(one)
    return (
        f"{said['service']}  {said['unit']}  {said['count']}  {said['from']} to {said['to']}  "
        f"by {said['source']}  id {said['id']!r}  entry {one.number}"
    )


def _counted_said(one: Counted) -> dict[str, Any]:
    return {
        "service": one.service,
        "unit": one.unit,
        "count": None if one.count is None else exact(one.count),
        "covered_ratio": float(one.covered_ratio),
        "entries": [said_of(kept)["id"] for kept in one.entries],
        "not_counted": [said_of(kept)["id"] for kept in one.partly],
        "remarks": list(one.remarks),
    }


def _counted_lines(one: Counted) -> Iterator[str]:
    count = "not known" if one.count is None else exact(one.count)
    yield f"{one.service}  {one.unit}  {count}  of {_entries(len(one.entries))}"
    yield from (f"  {_line(kept)}" for kept in one.entries)
    yield from (f"  {remark}" for remark in one.remarks)


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"


# ── pull ─────────────────────────────────────────────────────────────────────────────────────


class _Wanted(NamedTuple):
    name: str
    settings: FunctionalUnitsSettings
    step: Interval


def _pull(config: CollectorConfig, ledger: SaidLedger, options: argparse.Namespace) -> int:
    sections = _sections(config.functional_units, options.names)
    period = parse_period(options.period, config.inventory.timezone)
    sort = units_sort(config.inventory.timezone)
    held = Shelf(sort).read(ledger).held
    now = time.time()
    wanted: list[_Wanted] = []
    remarks: list[str] = []
    for name, settings in sections.items():
        for step in steps(period, settings.every):
            if step.end_unix_seconds > now:
                at = iso(step.start_unix_seconds)
                remarks.append(f"{source_of(name)}: {at} and later are not over yet")
                break
            if options.replace or entry_id(name, settings, step) not in held:
                wanted.append(_Wanted(name, settings, step))
    rows, failures = asyncio.run(_asked(wanted))
    for one in failures:
        complain(one)
    done = take(ledger, sort, taken(sort, rows), options, remarks)
    return REFUSED if failures else done


def _sections(
    known: Mapping[str, FunctionalUnitsSettings], names: list[str]
) -> dict[str, FunctionalUnitsSettings]:
    if not known:
        raise UsageError("the configuration has no section functional_units.<name>")
    for name in names:
        if name not in known:
            raise UsageError(f"no section functional_units.{name}: there are {', '.join(known)}")
    return {name: known[name] for name in names or known}


async def _asked(wanted: list[_Wanted]) -> tuple[list[Said], list[str]]:
    """Return the rows of what Prometheus knows, and what it does not."""
    rows, failures = [], []
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=jar, trust_env=False) as session:
        for name, settings, step in wanted:
            try:
                count = await ask(session, settings, step)
            except QueryError as error:
                at = iso(step.end_unix_seconds)
                failures.append(f"{source_of(name)} at {at}: {error}")
            else:
                rows.append(row_of(name, settings, step, count))
    return rows, failures
