"""The command `greenest`: when to run what can wait, by the forecasts that the ledger keeps.

It reads the ledger beside a collector that may be running, and changes nothing. It ends with 0
where there is an answer ("no clear benefit" is one), with 1 where there is none.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from typing import Any, Final

from wattgram.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from wattgram_collector.accounting.advice import AdviceError
from wattgram_collector.advising import advisor
from wattgram_collector.config import CollectorConfig
from wattgram_collector.exposition.advice_queries import unix_seconds
from wattgram_collector.exposition.advice_text import as_json, render
from wattgram_collector.intensities.history import History
from wattgram_collector.intensities.places import Places
from wattgram_collector.intensities.providers.wiring import enabled
from wattgram_collector.intensity import Signal
from wattgram_collector.ledger import storage

EXIT_NO_ANSWER: Final = 1
DURATION_SECONDS_MAX: Final = 31 * SECONDS_PER_DAY
_SIZES: Final = {
    "d": SECONDS_PER_DAY,
    "h": SECONDS_PER_HOUR,
    "m": SECONDS_PER_MINUTE,
    "min": SECONDS_PER_MINUTE,
    "s": 1,
}
_PART: Final = re.compile(r"([0-9]{1,7})(d|h|min|m|s)", re.ASCII)


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add `greenest` to the subparsers `commands`; `common` holds what every one takes."""
    text = "Say when a load that can wait emits least, by the forecasts that are kept."
    added = commands.add_parser("greenest", parents=[common], help=text, description=text)
    added.set_defaults(command=_greenest)
    added.add_argument("--zone", required=True, help="grid zone or cloud region, such as DE")
    added.add_argument(
        "--duration", required=True, type=_duration, help="how long it runs: 90m, 2h, 1h30m, 1d"
    )
    added.add_argument(
        "--before",
        type=_time,
        metavar="TIME",
        help="when it is to be done, such as 2026-01-02T08:00Z; without it any time that is "
        "forecast",
    )
    added.add_argument(
        "--signal",
        type=Signal,
        choices=tuple(Signal),
        default=Signal.AVERAGE,
        help="what the grid emits (average, the default) or what more load would make it emit",
    )
    added.add_argument("--json", action="store_true", help="as JSON")


def duration_seconds(text: str) -> int:
    """PURE. Return the seconds of `1h30m` and the like; raises ValueError."""
    parts = _PART.findall(text)
    seconds = sum(int(count) * _SIZES[unit] for count, unit in parts)
    if "".join(count + unit for count, unit in parts) != text or not text:
        raise ValueError(f"no duration such as 90m, 2h or 1h30m: {text!r}")
    if not 0 < seconds <= DURATION_SECONDS_MAX:
        days = DURATION_SECONDS_MAX // SECONDS_PER_DAY
        raise ValueError(f"a duration is more than 0 and at most {days} days: {text!r}")
    return seconds


def _greenest(config: CollectorConfig, options: argparse.Namespace) -> int:
    now = int(time.time())
    ledger = storage.reading(config)
    history = History(enabled(config.providers))
    history.load(ledger.intensities(now))
    ledger.close()
    who = advisor(config, history, Places().zone)
    zone = who.zone_of(options.zone)
    try:
        found = who.advise(zone, now, options.duration, options.before, options.signal)
    except AdviceError as error:
        print(f"wattgram-collector: {zone}: {error}", file=sys.stderr)
        return EXIT_NO_ANSWER
    if options.json:
        print(json.dumps(as_json(found)))
        return 0
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print(render(found, colours=colours), end="")
    return 0


def _duration(text: str) -> int:
    try:
        return duration_seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _time(text: str) -> int:
    try:
        return unix_seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
