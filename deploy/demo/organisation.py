"""The worked organisation: a month of 372 hosts through a real collector, and its report.

`make example` calls this. What the organisation says is in `deploy/examples`. Simulated agents
deliver November 2025 to a collector on loopback, by the protocol of the real ones; the rest is
imported; the inventory is reported, and compared with /metrics, with `explain` and with what the
simulator used. Everything is in one directory. Done again it says the same again: what the ledger
has already is not delivered twice.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from feeding import RefusedError, feed
from fleet import GROUPS
from loopback import NotWithinError, free_port, get, wait_until
from reconciling import DifferenceError, reconcile

SHIPPED = Path(__file__).parents[1] / "examples"
PERIOD = "2025-11"
CONFIGURATION = "collector.toml"
REGISTER, UNITS, INSTRUMENTS, STATEMENTS = (
    "register.toml", "units.csv", "instruments.csv", "statements.toml",
)  # fmt: skip
INPUTS = (CONFIGURATION, REGISTER, UNITS, INSTRUMENTS, STATEMENTS, "wind.csv")
ACTIVITIES = tuple(f"activities/{file.name}" for file in sorted(SHIPPED.glob("activities/*.csv")))
IMPORTS = (
    ("assets", REGISTER),
    *(("activities", name) for name in ACTIVITIES),
    ("units", UNITS),
    ("instruments", INSTRUMENTS),
    ("statements", STATEMENTS),
)
"""What is said, in this order."""
READY_SECONDS = 60
STOP_SECONDS = 60


class FailedError(Exception):
    """A command did not do what it was to do; the text has what it said."""


class Organisation:
    """A context: the collector of the example runs inside of it, and not after."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.grpc, self._http = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def page(self) -> str:
        return f"http://{self._http}"

    def __enter__(self) -> Self:
        self._lay_out()
        ports = {
            "WATTGRAM_COLLECTOR__GRPC__ADDRESS": self.grpc,
            "WATTGRAM_COLLECTOR__HTTP__ADDRESS": self._http,
        }
        with (self.directory / "collector.log").open("ab") as log:
            self._process = subprocess.Popen(
                _command("run"),
                cwd=self.directory, env={**os.environ, **ports}, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            wait_until(lambda: get(f"{self.page}/readyz"), READY_SECONDS, "the collector is ready")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def metrics(self) -> str:
        return get(f"{self.page}/metrics")

    def command(self, *words: str) -> str:
        """Run a command of the collector beside it; return what it printed. Raises FailedError."""
        done = subprocess.run(
            _command(*words), cwd=self.directory, check=False, capture_output=True, text=True
        )
        if done.returncode:
            said = f"{done.stdout}{done.stderr}".strip()
            raise FailedError(f"wattgram-collector {' '.join(words)}\n{said}")
        return done.stdout

    def _lay_out(self) -> None:
        """Copy what is said into the directory; what stands there already may be changed."""
        (self.directory / "activities").mkdir(parents=True, exist_ok=True)
        for name in (*INPUTS, *ACTIVITIES):
            if not (self.directory / name).exists():
                shutil.copyfile(SHIPPED / name, self.directory / name)

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "wattgram_collector", *words, "--config", CONFIGURATION]


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    try:
        with Organisation(options.directory.resolve()) as organisation:
            show(organisation)
            if options.stay:
                print(f"\n  page     {organisation.page}/\n  Ctrl-C ends it.", flush=True)
                while True:
                    time.sleep(1)
    except KeyboardInterrupt:
        print()
    except (FailedError, NotWithinError, RefusedError, DifferenceError) as error:
        print(f"example: {error}", file=sys.stderr)
        return 1
    return 0


def show(organisation: Organisation) -> None:
    """Feed, import, report and compare; say what is done and how long it took."""
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"  {time.monotonic() - began:5.1f} s  {text}", flush=True)

    hosts = sum(group.size for group in GROUPS)
    feed(organisation.grpc, GROUPS, _every_hundredth(say, hosts))
    for noun, name in IMPORTS:
        organisation.command(noun, "import", name)
    say(f"imported: {', '.join(name for _, name in IMPORTS)}")
    told = organisation.command("report", "--period", PERIOD)
    say("reported")
    print(told)
    folder = next((organisation.directory / "report").glob(f"*/{PERIOD}"))
    for line in reconcile(folder, organisation.metrics(), organisation.command):
        say(line)
    organisation.command("report", "--verify", str(folder))
    organisation.command("ledger", "verify")
    say("report --verify and ledger verify find nothing that was changed")
    print(f"\n  report   {folder / 'report.html'}")


def _every_hundredth(say: Callable[[str], None], hosts: int) -> Callable[[int], None]:
    def tell(done: int) -> None:
        if not done % 100 or done == hosts:
            say(f"{done} of {hosts} agents delivered their month")

    return tell


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--directory", type=Path, default=Path("var/example"), help="where everything is kept"
    )
    parser.add_argument("--stay", action="store_true", help="leave the collector running")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
