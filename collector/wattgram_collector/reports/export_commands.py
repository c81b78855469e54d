"""`wattgram-collector export`: a period of the ledger for other stores. Only reads the ledger."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from wattgram_collector.config import CollectorConfig
from wattgram_collector.ledger import Ledger, storage
from wattgram_collector.progress import Tell, shown
from wattgram_collector.reports.commands import BAD_USAGE, host_of
from wattgram_collector.reports.export_text import (
    JOB,
    csv_lines,
    openmetrics_lines,
)
from wattgram_collector.reports.reading import Period
from wattgram_collector.reports.times import FORMS, unix_seconds

_LABEL: Final = re.compile(r"(?!__|host=)[a-zA-Z_][a-zA-Z0-9_]*=.*", re.DOTALL)
_EXAMPLE: Final = (
    "example: wattgram-collector export --openmetrics --from 2026-01-01T00:00:00Z --out y.om && "
    "promtool tsdb create-blocks-from openmetrics y.om DATA"
)


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    about = "Write what the ledger has of a period, five minutes a row: to backfill other stores."
    export = commands.add_parser(
        "export", parents=[common], help=about, description=about, epilog=_EXAMPLE
    )
    export.set_defaults(command=_export)
    form = export.add_mutually_exclusive_group(required=True)
    form.add_argument(
        "--openmetrics", action="store_true", help="cumulative counters with timestamps"
    )
    form.add_argument("--csv", action="store_true", help="what was added in each slot")
    export.add_argument(
        "--from", dest="start", default="today", metavar="TIME", help=f"{FORMS}; default: today"
    )
    export.add_argument(
        "--to", dest="end", default="now", metavar="TIME", help="likewise; default: now"
    )
    export.add_argument("--host", help="name on the metrics, or agent id; default: all")
    export.add_argument("--workloads", action="store_true", help="workloads too: they are many")
    export.add_argument(
        "--label", action="append", default=[], metavar="NAME=VALUE",
        help=f"put on every sample of --openmetrics; default: job={JOB}",
    )  # fmt: skip
    export.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")


def _export(config: CollectorConfig, options: argparse.Namespace) -> int:
    try:
        now = int(time.time())
        period = Period(unix_seconds(options.start, now), unix_seconds(options.end, now))
        extra = labels_of(options.label)
    except ValueError as error:
        sys.stderr.write(f"wattgram-collector: {error}\n")
        return BAD_USAGE
    with closing(storage.reading(config)) as ledger, shown("export", sys.stderr) as tell:
        _write(options.out, _lines(ledger, options, period, extra, tell))
    return 0


def labels_of(words: Iterable[str]) -> dict[str, str]:
    """Return the labels that are put on every sample; raises ValueError for what is none."""
    found = {"job": JOB}
    for word in words:
        if not _LABEL.fullmatch(word):
            raise ValueError(f"--label must be NAME=VALUE, not of host: {word!r}")
        name, _, value = word.partition("=")
        found[name] = value
    return found


def _lines(
    ledger: Ledger,
    options: argparse.Namespace,
    period: Period,
    extra: dict[str, str],
    tell: Tell,
) -> Iterator[str]:
    hosts = sorted(ledger.agents(), key=lambda one: one.host)
    if options.host:
        hosts = [host_of(ledger, options.host)]
    if options.csv:
        return csv_lines(ledger, hosts, period, workloads=options.workloads, tell=tell)
    return openmetrics_lines(ledger, hosts, period, extra, workloads=options.workloads, tell=tell)


def _write(target: Path | None, lines: Iterator[str]) -> None:
    """Write the lines; a file is there when it is whole, and not before. Raises OSError."""
    if target is None:
        try:
            sys.stdout.writelines(f"{line}\n" for line in lines)
            sys.stdout.flush()
        except BrokenPipeError:  # who reads has read enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    partial = target.with_name(f"{target.name}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        os.replace(partial, target)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
