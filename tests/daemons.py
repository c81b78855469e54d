"""Real processes on loopback, for the end-to-end tests: started, killed, asked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

_PAUSE = threading.Event()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until(holds: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return what `holds` returns once it is true; fail saying `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        _PAUSE.wait(0.05)


def get(url: str) -> str:
    """Return a page, '' while nobody answers."""
    try:
        return str(urllib.request.urlopen(url, timeout=5).read().decode())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return ""


class Process:
    """One program that can be ended in every way."""

    def __init__(self, *command: str, log: Path, **environment: str) -> None:
        self._command = command
        self._environment = {**os.environ, **environment}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._environment
            )

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nothing is said."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, and wait for the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None or self._process.poll() is not None:
            return 0
        self._process.send_signal(number)
        return self._process.wait(20)


class Collector(Process):
    """`wattgram-collector run` on free ports."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.grpc_port, self.http_port = free_port(), free_port()
        directory.mkdir(parents=True, exist_ok=True)
        super().__init__(
            sys.executable,
            "-m",
            "wattgram_collector",
            "run",
            log=directory / "collector.log",
            WATTGRAM_COLLECTOR__STATE_DIRECTORY=str(directory / "state"),
            WATTGRAM_COLLECTOR__GRPC__ADDRESS=f"127.0.0.1:{self.grpc_port}",
            WATTGRAM_COLLECTOR__HTTP__ADDRESS=f"127.0.0.1:{self.http_port}",
            **environment,
        )

    def start(self) -> None:
        super().start()
        wait_until(
            lambda: get(f"http://127.0.0.1:{self.http_port}/readyz"), 20, f"ready: {self.log}"
        )

    def metrics(self) -> str:
        return get(f"http://127.0.0.1:{self.http_port}/metrics")

    def total(self, name: str, **labels: str) -> float | None:
        """Return the sum of the samples that have these labels, None where there is none."""
        found = [
            sample.value
            for family in text_string_to_metric_families(self.metrics())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(found) if found else None


class Agent(Process):
    """`wattgram-agent run` over a fixture tree."""

    def __init__(
        self, directory: Path, collector: Collector, sysfs: Path, procfs: Path, **environment: str
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        super().__init__(
            sys.executable,
            "-m",
            "wattgram_agent",
            "run",
            "--path.sysfs",
            str(sysfs),
            "--path.procfs",
            str(procfs),
            log=directory / "agent.log",
            WATTGRAM_AGENT__STATE_DIRECTORY=str(directory / "state"),
            WATTGRAM_AGENT__COLLECTOR__ADDRESS=f"127.0.0.1:{collector.grpc_port}",
            **environment,
        )


class Prometheus(Process):
    """Debian's Prometheus, scraping one target."""

    def __init__(self, directory: Path, target_port: int, scrape_seconds: int) -> None:
        binary = shutil.which("prometheus")
        if binary is None:
            pytest.skip("needs Debian's prometheus (apt-get install prometheus)")
        directory.mkdir(parents=True)
        self.port = free_port()
        configuration = directory / "prometheus.yml"
        configuration.write_text(
            "scrape_configs:\n"
            "  - job_name: wattgram\n"
            "    honor_labels: true\n"
            f"    scrape_interval: {scrape_seconds}s\n"
            f"    scrape_timeout: {scrape_seconds}s\n"
            f"    static_configs: [{{targets: ['127.0.0.1:{target_port}']}}]\n"
        )
        super().__init__(
            binary,
            f"--config.file={configuration}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
            log=directory / "prometheus.log",
        )

    def query(self, expression: str, unix_seconds: float | None = None) -> list[dict[str, Any]]:
        """Return the result of an instant query, [] while Prometheus is not ready."""
        parameters = {"query": expression}
        if unix_seconds is not None:
            parameters["time"] = f"{unix_seconds:.3f}"
        page = get(
            f"http://127.0.0.1:{self.port}/api/v1/query?{urllib.parse.urlencode(parameters)}"
        )
        return json.loads(page)["data"]["result"] if page else []

    def value(self, expression: str, unix_seconds: float | None = None) -> float | None:
        found = self.query(expression, unix_seconds)
        return float(found[0]["value"][1]) if found else None


@contextmanager
def running(*processes: Process) -> Iterator[None]:
    """Start all in order; end all in the reverse order, whatever happens."""
    try:
        for process in processes:
            process.start()
        yield
    finally:
        for process in reversed(processes):
            process.kill()
