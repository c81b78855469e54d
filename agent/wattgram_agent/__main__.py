"""The command `wattgram-agent`: arguments to configuration to work. The only exit."""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any, Final

from wattgram import logs
from wattgram.lock import only_one
from wattgram.manual import illustrate
from wattgram.settings import SettingsError, as_data, dump
from wattgram_agent import __version__, doctor, readout
from wattgram_agent.config import AgentConfig, load_config, require_directories
from wattgram_agent.examples import EXAMPLES
from wattgram_agent.host import SystemClock
from wattgram_agent.observer import Observer
from wattgram_agent.roster import find_sources
from wattgram_agent.whereabouts import Said, in_words, zone_now

EXIT_FAILURE: Final = 1
EXIT_BAD_CONFIG: Final = 2
EXIT_TOO_LITTLE: Final = 3
EXIT_CODES: Final = {"doctor": {EXIT_TOO_LITTLE: "less can be known here than --require wants"}}
TOP_SECONDS: Final = 2.0


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 1 failed, 2 bad configuration or usage."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may not know every character
    try:
        config = _config(options)
    except SettingsError as error:
        if options.command is _check_config and options.json:
            print(json.dumps({"good": False, "problems": [str(error)]}))
        print(f"wattgram-agent: {error}", file=sys.stderr)
        return EXIT_BAD_CONFIG
    logs.configure(config.log.level, config.log.format)
    try:
        return int(options.command(config, options))
    except SettingsError as error:
        print(f"wattgram-agent: {error}", file=sys.stderr)
        return EXIT_BAD_CONFIG
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"wattgram-agent: {error}", file=sys.stderr)
        return EXIT_FAILURE


def _run(config: AgentConfig, _: argparse.Namespace) -> int:
    # The agent's TLS is gRPC's own. asyncio does without Python's where it is not there, and
    # the agent is 4 MiB smaller: a tenth of what it may cost.
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]
    import asyncio

    from wattgram_agent.daemon import run

    require_directories(config)
    with only_one(config.state_directory):
        asyncio.run(run(config))
    return 0


def _enroll(config: AgentConfig, options: argparse.Namespace) -> int:
    from wattgram_agent import enrolment

    return enrolment.command(config, options)


def _renew(config: AgentConfig, options: argparse.Namespace) -> int:
    from wattgram_agent import renewal

    return renewal.command(config, options)


def _spool_list(config: AgentConfig, options: argparse.Namespace) -> int:
    from wattgram_agent.spool import command

    command.show(config, as_json=options.json)
    return 0


def _spool_purge(config: AgentConfig, options: argparse.Namespace) -> int:
    from wattgram.owner import as_owner_of
    from wattgram_agent.spool import command

    with as_owner_of(config.state_directory):
        command.purge(config, everything=options.all)
    return 0


def _sample(config: AgentConfig, options: argparse.Namespace) -> int:
    observer = _observer(config)
    try:
        readout.print_intervals(
            readout.intervals(
                observer,
                SystemClock(),
                config.sampling.interval_seconds,
                options.count,
                grid_zone=lambda: _where(config).zone,
            ),
            as_json=options.json,
        )
    finally:
        observer.close()
    return 0


def _doctor(config: AgentConfig, options: argparse.Namespace) -> int:
    observer = _observer(config)
    try:
        roster = doctor.as_read(observer.roster, observer.beat().lost)
        where = _where(config)
        doctor.print_diagnosis(
            roster, where, in_words(where, config.grid_zone_file), as_json=options.json
        )
    finally:
        observer.close()
    return 0 if doctor.is_enough(roster, options.require) else EXIT_TOO_LITTLE


def _top(config: AgentConfig, options: argparse.Namespace) -> int:
    from wattgram_agent import today, top
    from wattgram_agent.apportioner import Apportioner

    observer, clock = _observer(config), SystemClock()
    view = top.Top(
        observer,
        clock,
        config.host or platform.node() or "unknown",
        lambda level: Apportioner(config.host_paths, level, config.attribution.max_workloads),
        lambda: today.load(config.state_directory),
        lambda: _where(config).zone,
    )
    try:
        top.run(
            view,
            options.interval or TOP_SECONDS,
            options.count,
            clock=clock,
            level=options.by,
            as_json=options.json,
        )
    finally:
        observer.close()
    return 0


def _where(config: AgentConfig) -> Said:
    return zone_now(config.grid_zone_file, config.grid_zone)


def _observer(config: AgentConfig) -> Observer:
    require_directories(config)
    return Observer(
        find_sources(config), SystemClock(), supply_efficiency=config.rest.supply_efficiency
    )


def _check_config(_: AgentConfig, options: argparse.Namespace) -> int:
    good = f"{options.config or 'the defaults'}: good"
    print(json.dumps({"good": True, "problems": []}) if options.json else good)
    return 0


def _print_config(config: AgentConfig, options: argparse.Namespace) -> int:
    print(json.dumps(as_data(config), indent=2) if options.json else dump(config).rstrip())
    return 0


def _config(options: argparse.Namespace) -> AgentConfig:
    """Return the configuration: flags over environment over file over defaults."""
    config = load_config(options.config, os.environ)
    paths: dict[str, Any] = {
        name: getattr(options, name) for name in ("sysfs", "procfs") if getattr(options, name)
    }
    config = dataclasses.replace(config, path=dataclasses.replace(config.path, **paths))
    interval = getattr(options, "interval", None)
    if interval is None:
        return config
    try:
        sampling = dataclasses.replace(
            config.sampling,
            interval_seconds=interval,
            batch_seconds=max(interval, config.sampling.batch_seconds),
        )
    except ValueError as error:
        raise SettingsError(f"--interval: {error}") from error
    return dataclasses.replace(config, sampling=sampling)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wattgram-agent", description="Measure what this host uses, and deliver it."
    )
    parser.add_argument("--version", action="version", version=__version__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, metavar="FILE", help="TOML file")
    common.add_argument(
        "--path.sysfs", dest="sysfs", type=Path, metavar="DIR", help="sysfs in another place"
    )
    common.add_argument(
        "--path.procfs", dest="procfs", type=Path, metavar="DIR", help="procfs in another place"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: Any, help_text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, parents=[common], help=help_text, description=help_text)
        added.set_defaults(command=function)
        return added

    command("run", _run, "Sample and deliver until stopped.")
    sample = command("sample", _sample, "Print what this host uses; no collector needed.")
    sample.add_argument("--json", action="store_true", help="one JSON object per interval")
    sample.add_argument("--interval", type=float, metavar="SECONDS", help="length of an interval")
    sample.add_argument(
        "--count", type=_count, default=1, metavar="N", help="how many intervals; 0: until stopped"
    )
    top = command("top", _top, "Show live what uses energy here; q ends it, p changes the view.")
    top.add_argument("--json", action="store_true", help="one JSON object per interval")
    top.add_argument("--interval", type=float, metavar="SECONDS", help="time between two pages")
    top.add_argument(
        "--count", type=_count, default=0, metavar="N", help="how many pages; 0: until stopped"
    )
    top.add_argument(
        "--by", choices=("workloads", "processes"), default="workloads", help="who is listed"
    )
    diagnosis = command("doctor", _doctor, "Say what can be measured here, and what would help.")
    diagnosis.add_argument("--json", action="store_true", help="as JSON")
    diagnosis.add_argument(
        "--require", choices=("measured", "modelled"), help="fail where less than that is known"
    )
    enroll = command("enroll", _enroll, "Get this host's certificate with a one-time token.")
    enroll.add_argument("--collector", required=True, metavar="URL", help="https://host:port")
    enroll.add_argument(
        "--token", default="", help="what `wattgram-collector enroll` printed; default: from stdin"
    )
    enroll.add_argument("--directory", type=Path, metavar="DIR", help="default: tls.directory")
    enroll.add_argument(
        "--https-ca", type=Path, metavar="FILE", help="if another than its own vouches for HTTPS"
    )
    renew = command("renew", _renew, "Get the next certificate now; a running agent does it.")
    renew.add_argument("--collector", default="", metavar="ADDRESS", help="host:port, of gRPC")
    renew.add_argument("--directory", type=Path, metavar="DIR", help="default: tls.directory")
    _add_spool(commands, common)
    for added in (
        command("check-config", _check_config, "Read the configuration and say if it is good."),
        command("print-config", _print_config, "Print the effective configuration, commented."),
    ):
        added.add_argument("--json", action="store_true", help="as JSON")
    illustrate(parser, EXAMPLES, EXIT_CODES)
    return parser


def _add_spool(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands of a command: `spool list` and `spool purge`."""
    about = "Show or empty what waits for the collector."
    parts = commands.add_parser("spool", help=about, description=about).add_subparsers(
        required=True, metavar="COMMAND"
    )
    listing = "Show what waits, what was refused for good, and what was lost."
    shown = parts.add_parser("list", parents=[common], help=listing, description=listing)
    shown.add_argument("--json", action="store_true", help="as JSON")
    shown.set_defaults(command=_spool_list)
    purging = "Remove refused batches, the dead letters; with --all also what waits."
    purge = parts.add_parser("purge", parents=[common], help=purging, description=purging)
    which = purge.add_mutually_exclusive_group()
    which.add_argument("--dead", action="store_true", help="dead letters only, as without it")
    which.add_argument(
        "--all", action="store_true", help="also what waits: not while an agent runs"
    )
    purge.set_defaults(command=_spool_purge)


if __name__ == "__main__":
    sys.exit(main())
