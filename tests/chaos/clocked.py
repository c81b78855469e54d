"""Run a daemon whose wall clock is the kernel's plus what a file says, in nanoseconds.

The system's clock is shared by every process, so that stepping it would step the judge's too.
What is stepped is the clock that the daemon asks; the rest of it is as it is.
"""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path

from wattgram.units import NANOSECONDS_PER_SECOND

_real = time.time_ns


def step_wall_clock(file: Path) -> None:
    """Let `time.time` and `time.time_ns` of this process follow the file."""

    def time_ns() -> int:
        try:
            return _real() + int(file.read_text())
        except (OSError, ValueError):
            return _real()

    time.time_ns = time_ns
    time.time = lambda: time_ns() / NANOSECONDS_PER_SECOND


if __name__ == "__main__":
    step_wall_clock(Path(sys.argv[1]))
    module = sys.argv[2]
    sys.argv = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
