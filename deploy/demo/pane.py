"""Put what `wattgram-agent top` shows of this machine into docs/top.md.

Three busy loops run in control groups named as systemd names its own: two in units, one in a
container. Needs root, to make the groups. `make pane` runs it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "top.md"
CONTAINER = "docker-" + "5f0c2e9ab41d" + "0" * 52 + ".scope"
# How much of a second each group is busy: 0 to 1.
GROUPS = {
    "system.slice/busy.service": 1.0,
    "system.slice/postgresql.service": 0.3,
    f"system.slice/{CONTAINER}": 0.1,
}
LOOP = """
import sys, time
part = float(sys.argv[1])
while True:
    end = time.perf_counter() + 0.1 * part
    while time.perf_counter() < end:
        pass
    time.sleep(0.1 * (1 - part))
"""


def hierarchy() -> Path:
    """Return the directory under which CPU time is counted: version 2, else version 1."""
    root = Path("/sys/fs/cgroup")
    return root if (root / "cgroup.controllers").exists() else root / "cpuacct"


@contextlib.contextmanager
def busy(group: str, part: float) -> Iterator[None]:
    """Keep a process busy in a group of its own for as long as this lasts."""
    directory = hierarchy() / group
    directory.mkdir(parents=True, exist_ok=True)

    def enter() -> None:
        (directory / "cgroup.procs").write_text(str(os.getpid()))

    loop = subprocess.Popen([sys.executable, "-c", LOOP, str(part)], preexec_fn=enter)  # noqa: PLW1509
    try:
        yield
    finally:
        loop.kill()
        loop.wait()
        for _ in range(50):
            with contextlib.suppress(OSError):
                directory.rmdir()
                break
            time.sleep(0.02)


def page(by: str) -> str:
    """Return the second page, of two, of a terminal of 80 columns and 24 lines."""
    command = [sys.executable, "-m", "wattgram_agent", "top", "--count", "2", "--by", by]
    size = {"COLUMNS": "80", "LINES": "24"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **size}
    )
    return done.stdout.strip("\n").split("\n\nwattgram ")[-1].rstrip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="only print the panes")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        for group, part in GROUPS.items():
            stack.enter_context(busy(group, part))
        panes = {by: "wattgram " + page(by) for by in ("workloads", "processes")}
    with contextlib.suppress(OSError):
        (hierarchy() / "system.slice").rmdir()  # only where it was ours
    if options.print:
        print("\n\n".join(panes.values()))
        return 0
    text = PAGE.read_text(encoding="utf-8")
    for by, pane in panes.items():
        begin, end = f"<!-- {by} -->\n", f"<!-- end of {by} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}```\n{pane}\n```\n{end}{rest.partition(end)[2]}"
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
