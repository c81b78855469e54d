"""A collector that enrols, a host with an agent, and the commands that are typed on both."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from daemons import Agent, Collector, Process, wait_until
from fakes import two_socket_tree


class SecureCollector(Collector):
    """A collector whose HTTP side speaks TLS, as it does where it enrols."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.authority = directory / "ca"
        self.bearer = ""
        self.settings = {
            "WATTGRAM_COLLECTOR__STATE_DIRECTORY": str(directory / "state"),
            "WATTGRAM_COLLECTOR__ACCESS__DIRECTORY": str(self.authority),
            "WATTGRAM_COLLECTOR__ACCESS__ENROLMENT": "true",
            **environment,
        }
        self.settings.pop("WATTGRAM_COLLECTOR__STATE_DIRECTORY")
        super().__init__(directory, **self.settings)
        self.settings["WATTGRAM_COLLECTOR__STATE_DIRECTORY"] = str(directory / "state")

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.http_port}"

    def start(self) -> None:
        Process.start(self)
        wait_until(lambda: self.page("/readyz"), 20, f"ready: {self.log}")

    def page(self, path: str) -> str:
        context = ssl.create_default_context(cafile=str(self.authority / "ca.pem"))
        shown = {"Authorization": f"Bearer {self.bearer}"} if self.bearer else {}
        request = urllib.request.Request(self.url + path, headers=shown)
        try:
            with urllib.request.urlopen(request, timeout=5, context=context) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return ""

    def metrics(self) -> str:
        return self.page("/metrics")

    def command(self, *arguments: str) -> str:
        return typed("wattgram_collector", *arguments, **self.settings).stdout

    def token(self, *arguments: str) -> str:
        return str(json.loads(self.command("enroll", *arguments, "--json"))["token"])


def typed(
    module: str, *arguments: str, code: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )
    assert done.returncode == code, done.stderr + done.stdout
    return done


class Host:
    """A machine with a tree of sensors, on which `wattgram-agent` is typed and run."""

    def __init__(self, directory: Path, collector: SecureCollector) -> None:
        self.state = directory / "state"
        self.tls = self.state / "tls"
        self.collector = collector
        tree = two_socket_tree(directory / "machine")
        self.agent = Agent(
            directory,
            collector,
            tree.sysfs,
            tree.procfs,
            WATTGRAM_AGENT__HOST=directory.name,
            WATTGRAM_AGENT__TLS__DIRECTORY=str(self.tls),
            WATTGRAM_AGENT__SAMPLING__INTERVAL_SECONDS="0.2",
            WATTGRAM_AGENT__SAMPLING__BATCH_SECONDS="0.4",
        )

    def enroll(self, token: str, code: int = 0, url: str = "") -> str:
        done = typed(
            "wattgram_agent",
            "enroll",
            "--collector",
            url or self.collector.url,
            "--token",
            token,
            code=code,
            WATTGRAM_AGENT__STATE_DIRECTORY=str(self.state),
        )
        return done.stdout + done.stderr

    def is_up(self) -> bool:
        return self.collector.total("wattgram_agent_up", host=self.state.parent.name) == 1
