"""Three agents on made machines, a provider, a collector: something for every dashboard to show.

`web1` is in Great Britain, which a provider forecasts, with control groups and a network; its
agent is started again after a while. `gw1` has no meter, so it is modelled, and nobody knows what
its grid emits.
`db1` falls silent. Everything is on loopback.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cgroup_trees import KernelTree
from daemons import Agent, Collector, Process, free_port, wait_until
from fakes import RaplTree

STEP_SECONDS = 0.1
EMISSIONS = "wattgram_emissions_co2e_grams_total"

CONFIGURATION = """
[intensity]
scope = "direct"
[exposition]
zero_seconds = 2
sensors = true
[providers.neso]
enabled = true
url = "{url}"
[sites.hall]
grid_zone = "GB"
pue = 1.4
pue_source = "meters of the hall"
[sites.street]
grid_zone = "DE"
[market.wind]
grams_per_kilowatt_hour = 4
share = 0.4
zones = ["GB"]
source = "a contract"
[budgets.fleet]
kilograms = 1
period = "day"
[budgets.hall]
kilograms = 500
period = "year"
sites = ["hall"]
[emission_limits.fleet]
grams_per_hour = 50
"""


class ConfiguredCollector(Collector):
    """The collector with a configuration file."""

    def __init__(self, directory: Path, configuration: str) -> None:
        super().__init__(directory)
        file = directory / "collector.toml"
        file.write_text(configuration)
        self._command = (*self._command, "--config", str(file))


class Machine(threading.Thread):
    """Two packages, two services, a container and a network card, used in real time."""

    def __init__(self, root: Path) -> None:
        super().__init__(daemon=True)
        self.tree = RaplTree(root)
        for zone, name in (("0", "package-0"), ("0:1", "dram"), ("1", "package-1")):
            self.tree.add(f"intel-rapl:{zone}", name)
        self._groups = KernelTree(self.tree.sysfs)
        self._ticks = 0
        self._asked = threading.Event()
        (self.tree.procfs / "net").mkdir()
        card = self.tree.sysfs / "class" / "net" / "eth0"
        (card / "device").mkdir(parents=True)
        self._step()

    def run(self) -> None:
        while not self._asked.wait(STEP_SECONDS):
            self._step()

    def stop(self) -> None:
        self._asked.set()
        self.join()

    def _step(self) -> None:
        self._ticks += 1
        self.tree.use("intel-rapl:0", 4_000_000)
        self.tree.use("intel-rapl:0:1", 500_000)
        self.tree.use("intel-rapl:1", 3_000_000)
        for group in ("system.slice/web.service", "system.slice/cron.service"):
            self._groups.run(group, 20_000)
        (self.tree.procfs / "stat").write_text(f"cpu  {self._ticks * 6} 0 0 {self._ticks * 4}\n")
        moved = self._ticks * 1_000_000
        (self.tree.procfs / "net" / "dev").write_text(
            "Inter-|   Receive   |  Transmit\n face |bytes    packets errs ...\n"
            f"  eth0: {moved} 5 0 0 0 0 0 0 {moved} 5 0 0 0 0 0 0\n"
        )


def agent(directory: Path, collector: Collector, host: str, sysfs: Path, procfs: Path) -> Agent:
    site, device_class = ("street", "gateway") if host == "gw1" else ("hall", "server")
    return Agent(
        directory / host,
        collector,
        sysfs,
        procfs,
        WATTGRAM_AGENT__HOST=host,
        WATTGRAM_AGENT__SITE=site,
        WATTGRAM_AGENT__DEVICE_CLASS=device_class,
        WATTGRAM_AGENT__SAMPLING__INTERVAL_SECONDS="0.2",
        WATTGRAM_AGENT__SAMPLING__BATCH_SECONDS="0.4",
    )


class Victoria(Process):
    """Debian's VictoriaMetrics, scraping one target; its query side is Prometheus' own."""

    def __init__(self, directory: Path, configuration: Path) -> None:
        binary = shutil.which("victoria-metrics")
        if binary is None:
            pytest.skip("needs Debian's victoria-metrics (apt-get install victoria-metrics)")
        directory.mkdir(parents=True)
        self.port = free_port()
        super().__init__(
            binary,
            f"-httpListenAddr=127.0.0.1:{self.port}",
            f"-storageDataPath={directory / 'data'}",
            f"-promscrape.config={configuration}",
            "-search.latencyOffset=1s",
            "-search.disableCache",
            "-loggerLevel=WARN",
            log=directory / "victoria.log",
        )


@contextmanager
def metered_fleet(directory: Path, *scrapers: Process, collector: Collector) -> Iterator[None]:
    """Run all of it until every kind of thing has happened that a dashboard shows."""
    machines = [Machine(directory / "one"), Machine(directory / "two")]
    bare = RaplTree(directory / "three")
    agents = [
        agent(directory, collector, "web1", machines[0].tree.sysfs, machines[0].tree.procfs),
        agent(directory, collector, "db1", machines[1].tree.sysfs, machines[1].tree.procfs),
        agent(directory, collector, "gw1", bare.sysfs, Path("/proc")),
    ]
    started: list[Process] = []
    try:
        for process in (collector, *scrapers, *agents):
            process.start()
            started.append(process)
        for machine in machines:
            machine.start()
        web, db, _ = agents
        wait_until(
            lambda: collector.total(EMISSIONS, tier="forecast", host="db1"),
            30,
            f"a price from the provider: {collector.log}",
        )
        db.kill()
        assert web.stop() == 0
        web.start()
        wait_until(
            lambda: collector.total("wattgram_agent_up", host="db1") == 0, 40, "a host is late"
        )
        yield
    finally:
        for machine in machines:
            if machine.is_alive():
                machine.stop()
        for process in reversed(started):
            process.kill()
