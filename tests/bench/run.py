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
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import agent_cost
import exposition_cost
import flood_cost
import ingest_cost
import model_error
import pricing
import scrape_cost
import tick_cost
import wire_cost

PARTS = ("wire", "model", "tick", "agent", "ingest", "flood", "pricing", "exposition", "scrape")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="length of the agent's window")
    parser.add_argument("--ingest-seconds", type=float, default=8, help="length of an ingest run")
    parser.add_argument("only", nargs="*", help=f"{', '.join(PARTS)}; default: all")
    parser.add_argument("--curves", type=Path, default=model_error.CURVES, help="measured curves")
    options = parser.parse_args()
    wanted = options.only or PARTS
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    print(f"machine: {platform.machine()}, {os.cpu_count()} CPUs, {memory:.0f} GiB, "
          f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="wattgram-bench-") as name:
        directory = Path(name)
        if "wire" in wanted:
            wire_cost.run()
        if "model" in wanted:
            model_error.run(options.curves)
        if "tick" in wanted:
            tick_cost.run(directory / "tick")
        if "agent" in wanted:
            agent_cost.run(directory / "agent", options.seconds)
        if "ingest" in wanted:
            ingest_cost.run(directory / "ingest", options.ingest_seconds)
        if "flood" in wanted:
            flood_cost.run(directory / "flood")
        if "pricing" in wanted:
            pricing.run(directory / "pricing")
        if "exposition" in wanted:
            exposition_cost.run()
        if "scrape" in wanted:
            scrape_cost.run(directory / "scrape", options.ingest_seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
