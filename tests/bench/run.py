"""`make bench`: what Wattgram costs, beside what others cost, all from one run.

Prints figures and the machine they were taken on; judges only the budgets of the issue that
set them. Not a test: a busy machine makes every absolute figure worse, so quote the ratios.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import activities_cost
import agent_cost
import exposition_cost
import flood_cost
import ingest_cost
import inventory_cost
import model_error
import pricing
import scrape_cost
import tick_cost
import wire_cost

PARTS: dict[str, Callable[[Path, argparse.Namespace], object]] = {
    "wire": lambda _, __: wire_cost.run(),
    "model": lambda _, options: model_error.run(options.curves),
    "tick": lambda directory, _: tick_cost.run(directory),
    "agent": lambda directory, options: agent_cost.run(directory, options.seconds),
    "ingest": lambda directory, options: ingest_cost.run(directory, options.ingest_seconds),
    "flood": lambda directory, _: flood_cost.run(directory),
    "pricing": lambda directory, _: pricing.run(directory),
    "exposition": lambda _, __: exposition_cost.run(),
    "scrape": lambda directory, options: scrape_cost.run(directory, options.ingest_seconds),
    "activities": lambda directory, _: activities_cost.run(directory),
    "inventory": lambda directory, options: inventory_cost.run(directory, options.inventory_hosts),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="length of the agent's window")
    parser.add_argument("--ingest-seconds", type=float, default=8, help="length of an ingest run")
    parser.add_argument("--inventory-hosts", type=int, default=inventory_cost.HOSTS)
    parser.add_argument("only", nargs="*", help=f"{', '.join(PARTS)}; default: all")
    parser.add_argument("--curves", type=Path, default=model_error.CURVES, help="measured curves")
    options = parser.parse_args()
    wanted = options.only or PARTS
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    print(f"machine: {platform.machine()}, {os.cpu_count()} CPUs, {memory:.0f} GiB, "
          f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="wattgram-bench-") as name:
        for part, run in PARTS.items():
            if part in wanted:
                run(Path(name) / part, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
