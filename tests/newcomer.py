"""Do only what the README and the tutorial say, in a fresh clone, and say how long it took.

Every block of `sh` in docs/tutorial.md is run as it is written. A command that says that it stays
runs on while the others are run, as in a second terminal, and is ended with Ctrl-C after them.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
STAYS = "# stays"
LIVE_LINE = " g CO2e/h "
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALLED_SECONDS = 600
DONE_SECONDS = 300


class StuckError(Exception):
    """What the documents say does not work; the text is what was printed."""


def blocks(page: str) -> list[str]:
    """PURE. Return the blocks of shell of a page of Markdown."""
    return BLOCK.findall(page)


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wattgram-newcomer-") as directory:
        clone = Path(directory) / "wattgram"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)  # noqa: S607
        try:
            printed = walk(clone, blocks((clone / "docs" / "tutorial.md").read_text()))
        except StuckError as error:
            print(error, file=sys.stderr)
            return 1
    if "FIRING" not in printed or "RESOLVED" not in printed:
        print(f"no alert fired and resolved:\n{printed}", file=sys.stderr)
        return 1
    print(f"{printed}\nfrom a clone to an alert: {time.monotonic() - began:.0f} s")
    return 0


def walk(clone: Path, found: list[str]) -> str:
    """Run the blocks in order; return what was printed. Raises StuckError."""
    printed = ""
    environment = dict(os.environ)
    staying = [block for block in found if STAYS in block]
    with running(clone, staying[0]) if staying else _nothing():
        for block in found:
            if block in staying:
                continue
            if "demo-alert" in block:
                break
            printed += _done(clone, block, environment)
    for block in found:
        if "demo-alert" in block:
            printed += _done(clone, block, environment)
    return printed


def _done(clone: Path, block: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],  # noqa: S607
        cwd=clone,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DONE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise StuckError(f"{block}\nended with {done.returncode}:\n{done.stdout}")
    return done.stdout


@contextmanager
def running(clone: Path, block: str) -> Iterator[None]:
    """Run what stays in the background, from its first live line on."""
    log = clone / "var.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["bash", "-c", block],  # noqa: S607
            cwd=clone,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            _until_it_is_live(process, log)
            yield
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(DONE_SECONDS)


def _until_it_is_live(process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + INSTALLED_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if LIVE_LINE in log.read_text(errors="replace"):
            return
        time.sleep(0.5)
    raise StuckError(f"there is no live line:\n{log.read_text(errors='replace')}")


@contextmanager
def _nothing() -> Iterator[None]:
    yield


if __name__ == "__main__":
    sys.exit(main())
