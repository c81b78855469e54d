"""An emission alert that fires and resolves, on this machine, within a minute.

`make demo-alert` calls this: the shipped rules in a real Prometheus, a real Alertmanager, a
collector and three agents. The load goes up, the alert comes; it goes down, the alert ends.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from whole import MissingError, NotWithinError, Stack, wait_until

ALERT = "WattgramEmissionRateHigh"
LOADED_WATTS = 400.0
FIRING_SECONDS = 40
SECONDS_PER_HOUR = 3600


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    directory = options.state or Path(tempfile.mkdtemp(prefix="wattgram-alert-"))
    try:
        with Stack(directory.resolve()) as stack:
            show(stack)
            if options.stay:
                print(f"  Prometheus    {stack.prometheus_url}")
                print(f"  Alertmanager  {stack.alertmanager_url}\n  Ctrl-C ends it.", flush=True)
                while True:
                    time.sleep(1)
    except KeyboardInterrupt:
        print()
    except (MissingError, NotWithinError) as error:
        print(f"demo-alert: {error}", file=sys.stderr)
        return 1
    finally:
        if options.state is None:
            shutil.rmtree(directory, ignore_errors=True)
    return 0


def show(stack: Stack) -> None:
    """Let the alert fire and resolve; say when each came. Raises NotWithinError."""
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"  {time.monotonic() - began:5.1f} s  {text}", flush=True)

    before = wait_until(lambda: _rate(stack), FIRING_SECONDS, f"a first rate\n{stack.logs()}")
    say(f"three hosts emit {before:.0f} g CO2e/h: page {stack.collector_url}/")
    stack.load(LOADED_WATTS)
    fired = _told(stack, "firing")
    say(f"FIRING    {fired['annotations']['summary']}")
    say(f"          {fired['annotations']['description']}")
    say(f"          what to do: {fired['annotations']['runbook_url']}")
    stack.load(20)
    _told(stack, "resolved")
    say("RESOLVED  the load has gone")


def _told(stack: Stack, status: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = wait_until(
        lambda: stack.webhook.told(ALERT, status, limit="fleet"),
        FIRING_SECONDS,
        f"{ALERT} {status}\n{stack.logs()}",
    )
    return found[0]


def _rate(stack: Stack) -> float | None:
    """Return what all three hosts emit together, once Prometheus knows of all of them."""
    if stack.value("count(wattgram_host_emission_rate_grams_per_second)") != len(stack.hosts):
        return None
    rate = stack.value('wattgram_emission_limit_present_rate_grams_per_second{limit="fleet"}')
    return rate and rate * SECONDS_PER_HOUR


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo-alert", description=__doc__)
    parser.add_argument("--state", type=Path, help="where all is kept; default: nowhere, after")
    parser.add_argument("--stay", action="store_true", help="go on until Ctrl-C")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
