"""Everything at once on loopback: collector, agents, Prometheus, Alertmanager, and who is told.

The rules and the configurations are the shipped ones. Only times and ports are changed: an alert
that waits for five minutes waits for two seconds here. What an agent measures is a file that says
the power of its host, so that the load can be chosen.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from loopback import MissingError, NotWithinError, Webhook, free_port, get, program, wait_until

__all__ = ["HOSTS", "Host", "MissingError", "NotWithinError", "Stack", "hastened", "wait_until"]

DEPLOY = Path(__file__).parents[1]
READY_SECONDS = 30
STOP_SECONDS = 15
METER_SECONDS = 0.5
IDLE_WATTS = 60.0

COLLECTOR = """\
grid_zone = "DE"

[exposition]
zero_seconds = 2.0

[sites.hall-1]
pue = 1.4
pue_source = "the demonstration"

[emission_limits.fleet]
grams_per_hour = 200.0
facility_overhead = false

[emission_limits.hall-1]
sites = ["hall-1"]
grams_per_hour = 400.0

[budgets.fleet]
kilograms = 250.0
period = "month"

[budgets.hall-1]
sites = ["hall-1"]
kilograms = 6.0
period = "day"
timezone = "Europe/Berlin"
"""


class Host(NamedTuple):
    """One agent: where it says that it stands, and what it says that it is."""

    name: str
    site: str
    device_class: str
    grid_zone: str = ""


HOSTS = (
    Host("alpha", "hall-1", "server"),
    Host("beta", "hall-1", "server"),
    Host("gamma", "office", "workstation", "FR"),
)


class Stack:
    """A context: everything runs inside of it, and nothing after."""

    def __init__(
        self,
        directory: Path,
        *,
        hosts: Sequence[Host] = HOSTS,
        collector: str = COLLECTOR,
        victoria_metrics: bool = False,
    ) -> None:
        """`collector`: its configuration (TOML). Raises MissingError.

        With `victoria_metrics` that scrapes too, and vmalert records by the same rules into it.
        """
        names = ["prometheus", "prometheus-alertmanager"]
        names += ["victoria-metrics", "vmalert"] if victoria_metrics else []
        self._programs = {name: program(name) for name in names}
        self.directory = directory
        self.hosts = tuple(hosts)
        self._collector = collector
        self._has_victoria = victoria_metrics
        self._grpc, self._http, prometheus, self._alerts, victoria = (
            free_port() for _ in range(5)
        )
        self.collector_url = f"http://127.0.0.1:{self._http}"
        self.prometheus_url = f"http://127.0.0.1:{prometheus}"
        self.alertmanager_url = f"http://127.0.0.1:{self._alerts}"
        self.victoria_metrics_url = f"http://127.0.0.1:{victoria}" if victoria_metrics else ""
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._watts: dict[str, float] = {}
        self._ended = threading.Event()
        self._meters = threading.Thread(target=self._meter, daemon=True)
        self.webhook = Webhook()

    # ── what is done to it, and asked of it ──────────────────────────────────────────────────

    def load(self, watts: float, *hosts: str) -> None:
        """Let hosts draw so much from now on; all of them unless some are named."""
        self._watts |= dict.fromkeys(hosts or [one.name for one in self.hosts], watts)

    def end_agent(self, name: str) -> None:
        """Stop the agent of a host; its last batch is delivered."""
        self._end(f"agent-{name}")

    def metrics(self) -> str:
        return get(f"{self.collector_url}/metrics")

    def query(self, expression: str, url: str = "") -> list[dict[str, Any]]:
        """Return the result of an instant query, by Prometheus unless `url` is another's."""
        words = urllib.parse.urlencode({"query": expression})
        page = get(f"{url or self.prometheus_url}/api/v1/query?{words}")
        return list(json.loads(page)["data"]["result"]) if page else []

    def value(self, expression: str, url: str = "") -> float | None:
        """Return the value of the first series of an instant query; None where there is none."""
        found = self.query(expression, url)
        return float(found[0]["value"][1]) if found else None

    def logs(self) -> str:
        """Return the end of what every process wrote."""
        return "\n".join(
            f"--- {file.stem}\n{file.read_text()[-2000:]}"
            for file in sorted(self.directory.glob("*.log"))
        )

    # ── starting and ending ──────────────────────────────────────────────────────────────────

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        for name in reversed(list(self._started)):
            self._end(name)
        self._ended.set()
        if self._meters.is_alive():
            self._meters.join()
        self.webhook.close()

    def _meter(self) -> None:
        """Say what every host draws, again and again: a meter that says nothing new is stale."""
        while not self._ended.is_set():
            for name, watts in list(self._watts.items()):
                file = self.directory / f"{name}.meter.json"
                beside = file.with_suffix(".new")
                beside.write_text(json.dumps({"power_watts": watts}))
                beside.replace(file)
            self._ended.wait(METER_SECONDS)

    def _start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.load(IDLE_WATTS)
        self._configure()
        self._meters.start()
        self._run("alertmanager", *self._alertmanager_command())
        self._run("prometheus", *self._prometheus_command())
        if self._has_victoria:
            self._run("victoria-metrics", *self._victoria_command())
        self._run(
            "collector", sys.executable, "-m", "wattgram_collector", "run",
            "--config", str(self.directory / "collector.toml"),
        )  # fmt: skip
        self._wait_for(f"{self.collector_url}/readyz", "the collector")
        for host in self.hosts:
            self._start_agent(host)
        self._wait_for(f"{self.prometheus_url}/-/ready", "Prometheus")
        self._wait_for(f"{self.alertmanager_url}/-/ready", "Alertmanager")
        if self._has_victoria:
            self._wait_for(f"{self.victoria_metrics_url}/health", "VictoriaMetrics")
            self._run("vmalert", *self._vmalert_command())

    def _start_agent(self, host: Host) -> None:
        settings = {
            "HOST": host.name,
            "SITE": host.site,
            "DEVICE_CLASS": host.device_class,
            "GRID_ZONE": host.grid_zone,
            "STATE_DIRECTORY": str(self.directory / f"agent-{host.name}"),
            "COLLECTOR__ADDRESS": f"127.0.0.1:{self._grpc}",
            "SAMPLING__INTERVAL_SECONDS": "0.5",
            "SAMPLING__BATCH_SECONDS": "1",
            "EXTERNAL__METERS": json.dumps([str(self.directory / f"{host.name}.meter.json")]),
            "EXTERNAL__PERIOD_SECONDS": "1",
        }
        self._run(
            f"agent-{host.name}", sys.executable, "-m", "wattgram_agent", "run",
            environment={f"WATTGRAM_AGENT__{key}": value for key, value in settings.items()},
        )  # fmt: skip

    def _configure(self) -> None:
        """Write the shipped configurations with the ports and the times of this stack."""
        own = {
            "127.0.0.1:9881": f"127.0.0.1:{self._http}",
            "127.0.0.1:9093": f"127.0.0.1:{self._alerts}",
            "127.0.0.1:9095": f"127.0.0.1:{self.webhook.port}",
        }
        for shipped in (
            *(DEPLOY / "prometheus").glob("*.yml"),
            DEPLOY / "alertmanager" / "alertmanager.yml",
        ):
            text = hastened(shipped.read_text(encoding="utf-8"))
            for before, now in own.items():
                text = text.replace(before, now)
            (self.directory / shipped.name).write_text(text)
        scraping = (self.directory / "prometheus.yml").read_text()
        victoria = scraping[scraping.index("scrape_configs:") :]
        (self.directory / "victoria-metrics.yml").write_text(victoria)
        (self.directory / "collector.toml").write_text(
            f'state_directory = "{self.directory / "collector"}"\n'
            f"{self._collector}\n"
            f'[grpc]\naddress = "127.0.0.1:{self._grpc}"\n'
            f'[http]\naddress = "127.0.0.1:{self._http}"\n'
        )

    def _prometheus_command(self) -> list[str]:
        return [
            self._programs["prometheus"],
            f"--config.file={self.directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.directory / 'prometheus'}",
            f"--web.listen-address={self.prometheus_url.removeprefix('http://')}",
            "--log.level=warn",
        ]

    def _alertmanager_command(self) -> list[str]:
        return [
            self._programs["prometheus-alertmanager"],
            f"--config.file={self.directory / 'alertmanager.yml'}",
            f"--storage.path={self.directory / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{self._alerts}",
            "--cluster.listen-address=",  # without it a port for other Alertmanagers is opened
            "--log.level=warn",
        ]

    def _victoria_command(self) -> list[str]:
        return [
            self._programs["victoria-metrics"],
            f"-promscrape.config={self.directory / 'victoria-metrics.yml'}",
            f"-storageDataPath={self.directory / 'victoria-metrics'}",
            f"-httpListenAddr={self.victoria_metrics_url.removeprefix('http://')}",
            "-search.latencyOffset=1s",
            "-loggerLevel=WARN",
        ]

    def _vmalert_command(self) -> list[str]:
        return [
            self._programs["vmalert"],
            f"-rule={self.directory / 'wattgram.rules.yml'}",
            f"-datasource.url={self.victoria_metrics_url}",
            f"-remoteWrite.url={self.victoria_metrics_url}",
            f"-remoteRead.url={self.victoria_metrics_url}",
            f"-notifier.url={self.alertmanager_url}",
            f"-httpListenAddr=127.0.0.1:{free_port()}",
            "-evaluationInterval=1s",
            "-loggerLevel=WARN",
        ]

    def _run(self, name: str, *command: str, environment: Mapping[str, str] | None = None) -> None:
        with (self.directory / f"{name}.log").open("ab") as log:
            self._started[name] = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **(environment or {})}
            )

    def _wait_for(self, url: str, what: str) -> None:
        try:
            wait_until(lambda: get(url), READY_SECONDS, f"{what} is ready")
        except NotWithinError as error:
            raise NotWithinError(f"{error}\n{self.logs()}") from error

    def _end(self, name: str) -> None:
        process = self._started.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def hastened(configuration: str) -> str:
    """PURE. Return a configuration whose times are seconds; no expression is touched."""
    for key, now in (
        (r"(?:scrape|evaluation)_interval", "1s"),
        ("for", "2s"),
        (r"group_(?:wait|interval)", "1s"),
    ):
        configuration = re.sub(
            rf"^(\s+(?:- )?{key}): \d+[smhd]$", rf"\1: {now}", configuration, flags=re.MULTILINE
        )
    return configuration
