"""`wattgram-collector explain` and `report`: words to work. Both only read the ledger."""

from __future__ import annotations

import argparse
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, Final

from wattgram_collector.accounting.cfe import contracted_score
from wattgram_collector.accounting.uncertainty import Uncertainty
from wattgram_collector.buying import instruments
from wattgram_collector.config import CollectorConfig
from wattgram_collector.intensities.places import Places
from wattgram_collector.ledger import AgentRecord, Ledger, LedgerError, storage
from wattgram_collector.ledger.restatement import Posted
from wattgram_collector.progress import Tell, nobody, shown
from wattgram_collector.reports import (
    explain_json,
    explain_text,
    inventory_options,
    report_text,
)
from wattgram_collector.reports.explain import Every, Explanation
from wattgram_collector.reports.figures import Figure, score_figures
from wattgram_collector.reports.reading import Period, days_posted
from wattgram_collector.reports.report import By, Report
from wattgram_collector.reports.times import FORMS, unix_seconds

BAD_USAGE = 2
_FORMS: Final = ("table", "csv", "json")


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands to the parser."""
    about = "Say how a host's grams came about: energy, factors, terms and arithmetic."
    explain = commands.add_parser("explain", parents=[common], help=about, description=about)
    explain.set_defaults(command=_explain)
    explain.add_argument("--host", required=True, help="name on the metrics, or agent id")
    _add_period(explain)
    explain.add_argument("--every", choices=[one.value for one in Every], help="default: fitting")
    explain.add_argument("--json", action="store_true", help="as JSON")
    about = "Sum up energy and emissions, on each basis by itself, with their uncertainty."
    report = commands.add_parser("report", parents=[common], help=about, description=about)
    report.set_defaults(command=_report)
    _add_period(report)
    report.add_argument("--by", choices=[one.value for one in By], help=f"default: {By.ALL.value}")
    report.add_argument(
        "--format", metavar="FORMAT",
        help=f"{', '.join(_FORMS)}, default: {_FORMS[0]}; of a --period csv,json,html or some"
        " of them, default: all",
    )  # fmt: skip
    inventory_options.add_options(report)


def _add_period(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="start", metavar="TIME", help=f"{FORMS}; default: today")
    parser.add_argument("--to", dest="end", metavar="TIME", help="likewise; default: now")


def _explain(config: CollectorConfig, options: argparse.Namespace) -> int:
    return _answering(config, options, "explain", _explained)


def _report(config: CollectorConfig, options: argparse.Namespace) -> int:
    try:
        if inventory_options.is_asked(options):
            from wattgram_collector.reports import inventory_commands

            return inventory_commands.report(config, options)
        if options.format not in (None, *_FORMS):
            raise ValueError(f"--format must be {', '.join(_FORMS)}, not {options.format!r}")
    except ValueError as error:
        sys.stderr.write(f"wattgram-collector: {error}\n")
        return BAD_USAGE
    return _answering(config, options, "report", _reported)


def _answering(config: CollectorConfig, options: argparse.Namespace, name: str, work: Any) -> int:
    """Print what `work` says of the period; raises LedgerError."""
    try:
        period = _period(options)
        with closing(storage.reading(config)) as ledger:
            with shown(name, sys.stderr) as tell:
                lines = work(config, options, ledger, period, tell)
            sys.stdout.writelines(f"{line}\n" for line in lines)
    except ValueError as error:
        sys.stderr.write(f"wattgram-collector: {error}\n")
        return BAD_USAGE
    return 0


def _period(options: argparse.Namespace) -> Period:
    now = int(time.time())
    return Period(
        unix_seconds(options.start or "today", now), unix_seconds(options.end or "now", now)
    )


def _explained(
    config: CollectorConfig,
    options: argparse.Namespace,
    ledger: Ledger,
    period: Period,
    tell: Tell,
) -> Iterable[str]:
    every = Every(options.every) if options.every else Every.fitting(period)
    explanation = explained(ledger, host_of(ledger, options.host), period, every, tell)
    uncertainty = Uncertainty(config.uncertainty)
    if options.json:
        return [explain_json.as_json(explanation, uncertainty)]
    return explain_text.lines_of(explanation, uncertainty)


def host_of(ledger: Ledger, name: str) -> AgentRecord:
    """Return the host of a name or an agent id; raises LedgerError when there is none."""
    found = named(ledger.agents(), name)
    if found is None:
        raise LedgerError(f"no host {name!r} in the ledger: see wattgram-collector agents")
    return found


def named(agents: Iterable[AgentRecord], name: str) -> AgentRecord | None:
    """PURE. Return the host of a name, else that of an agent id: who calls himself by another's
    id is found under it, and the other under his name.
    """
    of_id = None
    for one in agents:
        if name == one.host:
            return one
        if name == one.agent_id:
            of_id = one
    return of_id


def explained(
    ledger: Ledger, host: AgentRecord, period: Period, every: Every, tell: Tell = nobody
) -> Explanation:
    """Read all of a host and period; raises LedgerError."""
    explanation = Explanation(host, period, every, ledger.tallies(host.key))
    for rows in days_posted(ledger, period, host.key, tell):
        explanation.add_posted(rows)
    explanation.add_used(ledger.used(period.first_slot, period.end_slot, host.key))
    explanation.add_receipts(ledger.receipts(host.key, period.first_slot, period.end_slot))
    return explanation


def _reported(
    config: CollectorConfig,
    options: argparse.Namespace,
    ledger: Ledger,
    period: Period,
    tell: Tell,
) -> Iterable[str]:
    return reported(
        config, By(options.by or By.ALL), options.format or _FORMS[0], ledger, period, tell
    )


def reported(
    config: CollectorConfig,
    by: By,
    form: str,
    ledger: Ledger,
    period: Period,
    tell: Tell = nobody,
) -> Iterable[str]:
    """Return the lines of a report as a table, `csv` or `json`; raises LedgerError."""
    agents = {one.key: one for one in ledger.agents()}
    report = Report(by, agents)
    rows_posted = _added(report, days_posted(ledger, period, tell=tell))
    fleet: tuple[Figure, ...] = ()
    if config.market and by is By.ALL:
        contracts = instruments(config.market, Places())
        fleet = tuple(score_figures(contracted_score(rows_posted, contracts)))
    else:
        deque(rows_posted, maxlen=0)
    uncertainty = Uncertainty(config.uncertainty)
    mixes = {
        key: uncertainty.mix(ledger.counted_energy(period.first_slot, period.end_slot, key))
        for key in agents
    }
    rows = (row._replace(figures=row.figures + fleet) for row in report.rows(mixes, uncertainty))
    if form == "csv":
        return [report_text.as_csv(rows, by).rstrip("\n")]
    if form == "json":
        return [report_text.as_json(rows, by, period)]
    return report_text.as_table(rows, by, period)


def _added(report: Report, days: Iterable[Iterable[Posted]]) -> Iterator[Posted]:
    """Add every row to the report, and pass it on."""
    for rows in days:
        for one in rows:
            report.add(one)
            yield one
        report.forget_factors()
