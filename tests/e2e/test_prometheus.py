"""A scripted machine, the agent, the collector and Debian's Prometheus, killed in between."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from daemons import Agent, Collector, Prometheus, running, wait_until
from fakes import RaplTree

pytestmark = pytest.mark.servers

SCRAPE_SECONDS = (1, 5, 15)
SMALL_RANGE = 1_500_000_000  # wraps every 30 s at 50 W
ENERGY = "wattgram_host_energy_joules_total"
EMISSIONS = "wattgram_emissions_co2e_grams_total"
COUNTED = ("intel-rapl:0", "intel-rapl:0:1", "intel-rapl:1")


class Machine(threading.Thread):
    """Two packages and a dram that use energy in real time, until told to stop."""

    def __init__(self, root: Path) -> None:
        super().__init__(daemon=True)
        self.tree = RaplTree(root)
        # Both packages wrap while the test runs, the first of them twice.
        self.tree.add(COUNTED[0], "package-0", start=SMALL_RANGE - 1, wraps_at=SMALL_RANGE)
        self.tree.add("intel-rapl:0:0", "core", wraps_at=SMALL_RANGE)
        self.tree.add(COUNTED[1], "dram", wraps_at=SMALL_RANGE)
        self.tree.add(COUNTED[2], "package-1", start=SMALL_RANGE - 9, wraps_at=SMALL_RANGE)
        self.tree.add("intel-rapl:2", "psys", wraps_at=SMALL_RANGE)
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.05):
            self.tree.use(COUNTED[0], 2_500_000)
            self.tree.use("intel-rapl:0:0", 1_900_000)
            self.tree.use(COUNTED[1], 210_001)
            self.tree.use(COUNTED[2], 1_700_003)
            self.tree.use("intel-rapl:2", 9_000_000)

    @property
    def truth_joules(self) -> float:
        return sum(self.tree.truth[zone] for zone in COUNTED) / 1e6


def test_increase_is_the_truth_over_wraps_kills_and_every_scrape_interval(tmp_path: Path) -> None:
    """Law 1, end to end: no wrap, restart or resend changes what Prometheus adds up."""
    machine = Machine(tmp_path / "machine")
    collector = Collector(tmp_path / "collector", WATTGRAM_COLLECTOR__GRID_ZONE="DE")
    agent = Agent(
        tmp_path / "agent",
        collector,
        machine.tree.sysfs,
        machine.tree.procfs,
        WATTGRAM_AGENT__HOST="scripted",
        WATTGRAM_AGENT__SAMPLING__INTERVAL_SECONDS="0.2",
        WATTGRAM_AGENT__SAMPLING__BATCH_SECONDS="1",
    )
    scrapers = [Prometheus(tmp_path / f"p{s}", collector.http_port, s) for s in SCRAPE_SECONDS]
    with running(collector, *scrapers, agent):
        wait_until(lambda: collector.total(ENERGY) is not None, 20, f"a batch: {agent.log}")
        machine.start()
        wait_until(lambda: machine.truth_joules > 1_500, 60, "the machine uses energy")
        agent.kill()
        wait_until(lambda: machine.truth_joules > 1_800, 60, "energy is used unseen")
        agent.start()
        wait_until(lambda: machine.truth_joules > 2_400, 60, "the agent is back")
        collector.kill()
        wait_until(lambda: machine.truth_joules > 2_700, 60, "energy is used undelivered")
        collector.start()
        wait_until(lambda: machine.truth_joules > 3_600, 60, "the machine uses energy")
        machine.done.set()
        machine.join()
        truth = machine.truth_joules

        total = wait_until(lambda: _settled(collector, truth), 60, "the last batch")
        assert total == pytest.approx(truth, abs=1e-6)
        for scraper in scrapers:
            at = wait_until(lambda s=scraper: _scraped(s, truth), 60, "the last value scraped")
            increase = scraper.value(f"sum(increase({ENERGY}[10m]))", at)
            grams = scraper.value(f"sum(increase({EMISSIONS}[10m]))", at)

            assert increase == pytest.approx(truth, rel=0.005)
            assert grams == pytest.approx(truth / 3.6e6 * 342.06, rel=0.005)
        assert agent.stop() == 0
        assert collector.stop() == 0


def _settled(collector: Collector, truth: float) -> float | None:
    total = collector.total(ENERGY, host="scripted", quality="measured")
    return total if total is not None and total >= truth - 1e-6 else None


def _scraped(scraper: Prometheus, truth: float) -> float | None:
    """Return when the scraper took the final value, None while it has not."""
    value = scraper.value(f"sum({ENERGY})")
    if value is None or value < truth - 1e-6:
        return None
    return scraper.value(f"max(timestamp({ENERGY}))")
