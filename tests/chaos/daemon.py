"""One daemon that is started, killed, stopped and started again, as an init system would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

RESTART_SECONDS: Final = 1.0
_TESTS: Final = str(Path(__file__).parents[1])
_PATH: Final = os.pathsep.join(filter(None, (_TESTS, os.environ.get("PYTHONPATH"))))
ENVIRONMENT: Final = {**os.environ, "PYTHONPATH": _PATH}
"""Of every program that is started: the modules of the tests are found."""
_EXIT_SECONDS_MAX: Final = 20.0


class Daemon:
    """`command` under a wall clock of its own. `namespace` is a network, -1 this one."""

    def __init__(self, name: str, directory: Path, command: Sequence[str], namespace: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.clock_file = directory / "clock"
        self.log_file = directory / "log"
        self.exits: list[int] = []
        """How it ended each time that nobody had asked for it."""
        self._namespace = namespace
        enter = ["nsenter", f"--net=/proc/self/fd/{namespace}"] if namespace >= 0 else []
        launcher = [sys.executable, "-m", "chaos.clocked", str(self.clock_file)]
        self._enter = enter
        self._command = [*enter, *launcher, *command]
        self.hung = 0
        """How often it did not end when it was told to."""
        self._process: subprocess.Popen[bytes] | None = None
        self._is_wanted = False
        self._look_at = 0.0

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def start(self) -> None:
        self._is_wanted = True
        with self.log_file.open("ab") as log:
            self._process = self._run(self._command, stdout=log, stderr=log)

    def beside(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Run another program where this one runs; what it prints is in a pipe."""
        with self.log_file.with_name("beside.log").open("ab") as log:
            command = [*self._enter, sys.executable, "-m", module, *arguments]
            return self._run(command, stdout=subprocess.PIPE, stderr=log)

    def _run(self, command: Sequence[str], **streams: Any) -> subprocess.Popen[bytes]:
        passed = (self._namespace,) if self._namespace >= 0 else ()
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, env=ENVIRONMENT, pass_fds=passed, **streams
        )

    def send(self, number: signal.Signals) -> None:
        """Send a signal; one that ends it is asked for."""
        if number in {signal.SIGKILL, signal.SIGTERM}:
            self._is_wanted = False
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def step_clock(self, seconds: float) -> None:
        """Let its wall clock be off by so much from now on."""
        file = self.clock_file.with_suffix(".new")
        file.write_text(str(int(seconds * 1e9)))
        file.replace(self.clock_file)

    def wait(self) -> int | None:
        """Return its exit code once it has ended; kill it and return None if it will not."""
        if self._process is None:
            return 0
        try:
            return self._process.wait(_EXIT_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            self.hung += 1
            return None

    def tend(self, *, may_fail: bool) -> None:
        """Start it again when it has ended and nobody had asked for that."""
        if not self._is_wanted or self._process is None or self._process.poll() is None:
            self._look_at = time.monotonic() + RESTART_SECONDS
            return
        if time.monotonic() >= self._look_at:
            if not may_fail:
                self.exits.append(self._process.returncode)
            self.start()
            self._look_at = time.monotonic() + RESTART_SECONDS
