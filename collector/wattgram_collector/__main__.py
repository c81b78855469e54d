"""The command `wattgram-collector`: arguments to configuration to work. The only exit."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from wattgram import logs
from wattgram.lock import only_one
from wattgram.manual import illustrate
from wattgram.settings import SettingsError, as_data, dump
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_collector import __version__, greenest
from wattgram_collector.access import authority_commands
from wattgram_collector.access import commands as access
from wattgram_collector.config import CollectorConfig, load_config
from wattgram_collector.examples import EXAMPLES
from wattgram_collector.inventory.activities import commands as activities
from wattgram_collector.inventory.activities.commands import ActivityLedgers
from wattgram_collector.inventory.making import what_if_commands
from wattgram_collector.inventory.register import commands as register_commands
from wattgram_collector.inventory.register.commands import Ledgers
from wattgram_collector.inventory.report.closing import faults
from wattgram_collector.inventory.said import (
    instruments_commands,
    statements_commands,
    units_commands,
)
from wattgram_collector.inventory.said.commands import SaidLedgers
from wattgram_collector.ledger import LedgerError, storage
from wattgram_collector.reports import commands as reports
from wattgram_collector.reports import export_commands
from wattgram_collector.reports.times import joined

EXIT_FAILURE: Final = 1
EXIT_BAD_CONFIG: Final = 2


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 1 failed, 2 bad configuration or usage.

    A command that was interrupted has failed, unless it is the one that serves until it is.
    """
    options = _parser().parse_args(joined(sys.argv[1:] if arguments is None else arguments))
    try:
        config = load_config(options.config, os.environ)
        _check_intensities(config)
    except SettingsError as error:
        if options.command is _check_config and options.json:
            print(json.dumps({"good": False, "problems": [str(error)], "warnings": []}))
        print(f"wattgram-collector: {error}", file=sys.stderr)
        return EXIT_BAD_CONFIG
    logs.configure(config.log.level, config.log.format)
    if isinstance(sys.stdout, io.TextIOWrapper):  # names are of any script, terminals are not
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return int(options.command(config, options))
    except KeyboardInterrupt:
        if options.command is _run:
            return 0
        print("wattgram-collector: interrupted", file=sys.stderr)
        return EXIT_FAILURE
    except (LedgerError, OSError) as error:
        print(f"wattgram-collector: {error}", file=sys.stderr)
        return EXIT_FAILURE


def _run(config: CollectorConfig, _: argparse.Namespace) -> int:
    import asyncio

    from wattgram_collector.daemon import StartError, run

    try:
        with only_one(config.state_directory):
            asyncio.run(run(config))
    except StartError as error:
        print(f"wattgram-collector: {error}", file=sys.stderr)
        return EXIT_FAILURE
    return 0


def _agents(config: CollectorConfig, options: argparse.Namespace) -> int:
    ledger = storage.reading(config)
    records = sorted(ledger.agents(), key=lambda record: record.host)
    ledger.close()
    if options.json:
        print(
            json.dumps(
                [
                    {
                        "host": record.host,
                        "agent_id": record.agent_id,
                        "last_seen_unix_nanoseconds": record.last_seen_unix_nanoseconds or None,
                    }
                    for record in records
                ]
            )
        )
        return 0
    for record in records:
        seen = record.last_seen_unix_nanoseconds
        when = (
            time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(seen / NANOSECONDS_PER_SECOND))
            if seen
            else "never"
        )
        print(f"{record.host:<32} {record.agent_id:<38} last seen {when}")
    return 0


def _check_config(config: CollectorConfig, options: argparse.Namespace) -> int:
    from wattgram_collector.intensities.providers import wiring
    from wattgram_collector.pricing import unknown_zones
    from wattgram_collector.push import wiring as pushing

    found = wiring.problems(config.providers) + pushing.problems(config)
    unknown = list(unknown_zones(config))
    if options.json:
        print(json.dumps({"good": not found, "problems": list(found), "warnings": unknown}))
    for problem in found:
        print(f"wattgram-collector: {options.config}: {problem}", file=sys.stderr)
    if found:
        return EXIT_BAD_CONFIG
    for warning in unknown:
        print(f"wattgram-collector: warning: {warning}", file=sys.stderr)
    if not options.json:
        print(f"{options.config or 'the defaults'}: good")
    return 0


def _print_config(config: CollectorConfig, options: argparse.Namespace) -> int:
    print(json.dumps(as_data(config), indent=2) if options.json else dump(config).rstrip())
    return 0


def _check_intensities(config: CollectorConfig) -> None:
    from wattgram_collector.pricing import require_known

    try:
        require_known(config)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wattgram-collector", description="Account for what a fleet uses, and show it."
    )
    parser.add_argument("--version", action="version", version=__version__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, metavar="FILE", help="TOML file")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: Any, help_text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, parents=[common], help=help_text, description=help_text)
        added.set_defaults(command=function)
        return added

    command("run", _run, "Serve agents, /metrics and the page until stopped.")
    agents = command("agents", _agents, "List every agent that the ledger knows.")
    agents.add_argument("--json", action="store_true", help="as JSON")
    access.add_to(commands, common)
    authority_commands.add_to(commands, common)
    storage.add_commands(commands, common, faults)
    greenest.add_to(commands, common)
    reports.add_to(commands, common)
    export_commands.add_to(commands, common)
    register_commands.add_to(commands, common, Ledgers(storage.journalling, storage.reading))
    activities.add_to(commands, common, ActivityLedgers(storage.journalling, storage.reading))
    what_if_commands.add_to(commands, common)
    said = SaidLedgers(storage.journalling, storage.reading)
    for one in (units_commands, instruments_commands, statements_commands):
        one.add_to(commands, common, said)
    for added in (
        command("check-config", _check_config, "Read the configuration and say if it is good."),
        command("print-config", _print_config, "Print the effective configuration, commented."),
    ):
        added.add_argument("--json", action="store_true", help="as JSON")
    illustrate(parser, EXAMPLES, {})
    return parser


if __name__ == "__main__":
    sys.exit(main())
