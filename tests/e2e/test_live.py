"""A provider's server, the real collector that asks it, the real agent whose energy it prices."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemons import Agent, Collector, running, wait_until
from fake_grid import FORECAST, grid
from fakes import two_socket_tree

pytestmark = pytest.mark.servers

EMISSIONS = "wattgram_emissions_co2e_grams_total"


def test_what_a_provider_says_prices_what_is_used_and_what_was_used_before(tmp_path: Path) -> None:
    with grid() as url:
        collector = Collector(
            tmp_path / "collector",
            WATTGRAM_COLLECTOR__GRID_ZONE="GB",
            WATTGRAM_COLLECTOR__INTENSITY__SCOPE="direct",
            WATTGRAM_COLLECTOR__PROVIDERS__NESO__ENABLED="true",
            WATTGRAM_COLLECTOR__PROVIDERS__NESO__URL=url,
        )
        tree = two_socket_tree(tmp_path / "machine")
        agent = Agent(
            tmp_path / "agent",
            collector,
            tree.sysfs,
            tree.procfs,
            WATTGRAM_AGENT__SAMPLING__INTERVAL_SECONDS="0.2",
            WATTGRAM_AGENT__SAMPLING__BATCH_SECONDS="0.4",
        )
        with running(collector, agent):

            def forecast() -> float | None:
                tree.use("intel-rapl:0", 500_000)
                return collector.total(EMISSIONS, tier="forecast")

            wait_until(forecast, 60, f"priced by the provider: {collector.log}")
            assert agent.stop() == 0

            def restated() -> bool:
                """Nothing is at the yearly average any more that came before the first answer."""
                grams = collector.total(EMISSIONS) or 0.0
                grams += collector.total("wattgram_emissions_adjustment_co2e_grams") or 0.0
                joules = collector.total("wattgram_host_energy_joules_total") or 0.0
                return joules > 0 and grams == pytest.approx(joules / 3_600_000 * FORECAST)

            wait_until(restated, 60, f"all of it at {FORECAST} g/kWh: {collector.log}")
            assert collector.total("wattgram_provider_requests_total", outcome="ok")
            assert collector.total(EMISSIONS, tier="annual")
