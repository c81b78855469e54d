"""A collector and an agent on this machine, and one line that says what it uses.

`make run` calls this. Everything that they keep is in the state directory. Ctrl-C ends both:
the agent first, so that its last batch is delivered.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

READY_SECONDS = 30
STOP_SECONDS = 15
SECONDS_PER_HOUR = 3600
PR_SET_PDEATHSIG = 1

Samples = dict[str, list[tuple[dict[str, str], float]]]


class Stop(Exception):  # noqa: N818 -- it is no error
    """Somebody asked us to end."""


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, _raise_stop)
    signal.signal(signal.SIGINT, _raise_stop)
    for address in (options.grpc, options.http):
        _must_be_free(address)
    state = options.state.resolve()
    page = f"http://{options.http}"
    started: list[subprocess.Popen[bytes]] = []
    try:
        started.append(
            _start(
                "wattgram_collector",
                WATTGRAM_COLLECTOR__STATE_DIRECTORY=str(state / "collector"),
                WATTGRAM_COLLECTOR__GRID_ZONE=options.grid_zone,
                WATTGRAM_COLLECTOR__GRPC__ADDRESS=options.grpc,
                WATTGRAM_COLLECTOR__HTTP__ADDRESS=options.http,
            )
        )
        _wait_until_ready(page, started[0])
        started.append(
            _start(
                "wattgram_agent",
                WATTGRAM_AGENT__STATE_DIRECTORY=str(state / "agent"),
                WATTGRAM_AGENT__COLLECTOR__ADDRESS=options.grpc,
            )
        )
        print(f"\n  page     {page}/\n  metrics  {page}/metrics\n  state    {state}")
        if options.grid_zone == "WORLD":
            print("  grid     the world's average; for a country's: make run GRID_ZONE=DE")
        print("  Ctrl-C ends it. The first figures come after ten seconds.\n", flush=True)
        _watch(page, started)
    except Stop:
        print(flush=True)
    finally:
        for process in reversed(started):
            _end(process)
    return int(not started or any(process.returncode for process in started))


def describe(samples: Samples) -> str:
    """PURE. Return the line: watts, grams an hour, and how well they are known."""

    def only(name: str) -> float | None:
        found = samples.get(name, [])
        return sum(value for _, value in found) if found else None

    power = only("wattgram_host_power_watts")
    if power is None:
        return "waiting for the first batch"
    rate = only("wattgram_host_emission_rate_grams_per_second")
    qualities = {labels["quality"] for labels, _ in samples["wattgram_host_energy_joules_total"]}
    tiers = {
        labels["tier"] for labels, _ in samples.get("wattgram_emissions_co2e_grams_total", [])
    }
    grams = "unpriced" if rate is None else f"{rate * SECONDS_PER_HOUR:.3f} g CO2e/h"
    priced = f", priced at tier {'/'.join(sorted(tiers))}" if tiers else ""
    return f"{power:8.2f} W  {grams}  ({'/'.join(sorted(qualities))}{priced})"


def _watch(page: str, started: list[subprocess.Popen[bytes]]) -> None:
    on_terminal = sys.stdout.isatty()
    last = ""
    while all(process.poll() is None for process in started):
        line = describe(_scrape(page))
        if on_terminal:
            print(f"\r\033[K  {line}", end="", flush=True)
        elif line != last:
            print(f"  {line}", flush=True)
        last = line
        time.sleep(1)
    print("\none of the two has ended; see above", file=sys.stderr)


def _scrape(page: str) -> Samples:
    found: Samples = {}
    try:
        text = urllib.request.urlopen(f"{page}/metrics", timeout=5).read().decode()
    except (urllib.error.URLError, TimeoutError):
        return found
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def _wait_until_ready(page: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{page}/readyz", timeout=5)
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the collector did not start; see above")


def _must_be_free(address: str) -> None:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            raise SystemExit(
                f"{address}: {error.strerror}. Does a collector run on this machine already?"
            ) from error


def _start(module: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", module, "run"],
        env={**os.environ, **environment},
        start_new_session=True,  # Ctrl-C is ours to pass on, in order
        preexec_fn=_die_with_parent(),  # noqa: PLW1509 -- this process has no threads
    )


def _die_with_parent() -> Callable[[], None] | None:
    """Return what makes the kernel end a child with us, however we end."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return lambda: library.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _raise_stop(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise Stop


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, default=Path("var"), help="where all state is kept")
    parser.add_argument("--grid-zone", default="WORLD", help="grid that prices this host")
    parser.add_argument("--grpc", default="127.0.0.1:9880", help="where the agent connects")
    parser.add_argument("--http", default="127.0.0.1:9881", help="where the page is")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
