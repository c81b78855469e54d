"""What is shown of the fleet and of a host is what the agents and the ledger have said."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from api_scene import BUDGET, NOW, Scene, deliver, restate, scene
from builders import IDLE_SHARE, WEB, record, small_fleet
from wattgram.handshake import HostFacts
from wattgram.readings import Quality, State
from wattgram.units import MICROJOULES_PER_KILOWATT_HOUR, NANOSECONDS_PER_SECOND
from wattgram_collector.exposition.metrics import collect
from wattgram_collector.ingest.agents import GONE_NANOSECONDS, Agent
from wattgram_collector.intensity import Tier
from wattgram_collector.ledger import AgentTotals, Tally
from wattgram_collector.views.fleet import Around, fleet_view
from wattgram_collector.views.model import Presence, Source, Used
from wattgram_collector.views.rows import counted


async def view(on: Scene) -> None:
    on.clock += 1.5
    await on.views.ready()


async def test_the_fleet_is_the_sum_of_what_is_known(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        await on.read()
        await on.views.ready()
        fleet = on.views.fleet()
    assert fleet.at_unix_seconds == NOW
    assert fleet.hosts == {Presence.REPORTS: 3, Presence.LATE: 0, Presence.GONE: 0}
    assert (fleet.power_watts, fleet.power_known_hosts) == (300, 3)
    assert fleet.power_watts_by_quality == {Quality.MEASURED: 200, Quality.MODELLED: 100}
    assert fleet.grams_per_hour == pytest.approx(39.6)
    assert fleet.grams_per_hour_by_tier == {Tier.ANNUAL: pytest.approx(39.6)}
    assert fleet.unpriced_watts == 100
    assert fleet.budgets == (BUDGET,)
    assert [row.host for row in fleet.rows] == ["alpha", "beta", "gamma"]
    assert [(one.label, one.hosts, one.power_watts) for one in fleet.by_site] == [
        ("", 1, 100), ("hall", 1, 100), ("home", 1, 100),
    ]  # fmt: skip
    assert fleet.last_day is not None
    assert fleet.last_day.energy_joules == 3 * 5 * 330
    assert fleet.is_history_whole
    assert [(one.name, one.hosts) for one in fleet.by_workload] == [
        (WEB.instance, 3), (IDLE_SHARE.instance, 3),
    ]  # fmt: skip


async def test_a_host_that_is_late_is_in_no_sum(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        on.agent("alpha").last_seen_unix_nanoseconds -= 60 * NANOSECONDS_PER_SECOND
        on.agent("beta").last_seen_unix_nanoseconds -= 2 * GONE_NANOSECONDS
        await on.views.ready()
        fleet = on.views.fleet()
    alpha, beta, gamma = fleet.rows
    assert [row.presence for row in fleet.rows] == [
        Presence.LATE, Presence.GONE, Presence.REPORTS,
    ]  # fmt: skip
    assert (alpha.power_watts, alpha.grams_per_hour, alpha.tier) == (None, None, None)
    assert (alpha.power_quality, alpha.intensity_grams_per_kilowatt_hour) == (None, None)
    assert alpha.energy_joules == beta.energy_joules == gamma.energy_joules == 1650
    assert (fleet.power_watts, fleet.power_known_hosts, fleet.grams_per_hour) == (100, 1, None)


def test_of_nobody_nothing_is_known_and_nothing_is_zero() -> None:
    fleet = fleet_view([], [], Around(), 7.0)
    assert (fleet.power_watts, fleet.grams_per_hour, fleet.last_day) == (None, None, None)
    assert (fleet.history, fleet.history_at_unix_seconds, fleet.by_site) == ((), None, ())


@pytest.mark.parametrize("number", [0, 1, 2])
def test_counters_are_those_of_the_metrics(number: int) -> None:
    agent = small_fleet()[number]
    agent.totals.adjustment += MICROJOULES_PER_KILOWATT_HOUR
    found = counted(agent)
    shown = {
        family.name: sum(float(value) for value in samples.values())
        for family, samples in collect([agent], agent.last_seen_unix_nanoseconds)
    }
    grams = shown["wattgram_emissions_co2e_grams"] + 1
    assert found.grams == pytest.approx(grams)
    assert found.energy_joules == pytest.approx(shown["wattgram_host_energy_joules"])
    assert found.unpriced_joules == pytest.approx(shown.get("wattgram_unpriced_energy_joules", 0))


def test_a_host_that_said_nothing_has_no_counters() -> None:
    found = counted(Agent(record(), AgentTotals()))
    assert (found.energy_joules, found.grams, found.unpriced_joules) == (None, None, 0)


async def test_a_restatement_is_in_the_row_and_in_the_day(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        await on.read()
        await on.views.ready()
        before = on.views.fleet()
        await restate(on.desk)
        await on.read()
        await view(on)
        after = on.views.fleet()
    assert before.rows[0].grams == pytest.approx(5 * 0.033)
    assert after.rows[0].grams == pytest.approx(6 * 0.033)
    assert before.last_day is not None
    assert after.last_day is not None
    assert after.last_day.grams == pytest.approx((before.last_day.grams or 0) + 0.033)


async def test_everything_of_a_host_is_shown(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        agent = on.agent("alpha")
        agent.totals.tallies = {(Tally.GAP_NANOSECONDS, "suspended"): 5 * NANOSECONDS_PER_SECOND,
                                (Tally.GAP_NANOSECONDS, "no_baseline"): NANOSECONDS_PER_SECOND,
                                (Tally.MISSING_BATCHES, ""): 4,
                                (Tally.REFUSED_BATCHES, "future"): 2}  # fmt: skip
        await on.views.ready("alpha")
        found = on.views.host("alpha")
        assert on.views.host("agent-of-alpha") == found
    assert found is not None
    assert found.row == replace(on.views.fleet().rows[0])
    assert found.facts == {"os": "Linux 6.1", "arch": "x86_64"}
    assert found.sources[1] == Source(
        name="nvml", state=State.PERMISSION_DENIED, reason="no node", fix="sudo chmod"
    )
    assert [(one.kind, one.name, one.energy_joules) for one in found.components] == [
        ("cpu", "rapl", 1500), ("dram", "rapl", 150),
    ]  # fmt: skip
    assert found.workloads[0] == Used(
        kind=WEB.domain, name=WEB.instance, quality=None, energy_joules=1000
    )
    assert found.interfaces == {"eth0": (20_000, 5_000)}
    assert list(found.gap_seconds.items()) == [("suspended", 5), ("no_baseline", 1)]
    assert (found.missing_batches, found.refused_batches) == (4, {"future": 2})
    assert (found.clock_offset_seconds, found.spooled_batches) == (0, 2)
    assert found.agent_resident_memory_bytes == 40_000_000
    assert sum(1 for step in found.history if step.total) == 5
    assert [one.about for one in found.problems] == ["alpha"] == ["alpha"] * found.row.problems
    priced = found.priced_by
    assert priced is not None
    assert (priced.zone, priced.grams_per_kilowatt_hour, priced.provider) == ("DE", 360, "test")
    assert (priced.pue, priced.pue_source) == (1.5, "meters of the hall")
    assert (priced.valid_from_unix_seconds, priced.valid_until_unix_seconds) == (None, None)


async def test_of_a_host_without_a_grid_it_is_said_that_nothing_prices_it(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as on:
        await on.views.ready("gamma")
        found = on.views.host("gamma")
        assert on.views.host("delta") is None
        await on.views.ready("delta")
    assert found is not None
    assert found.priced_by is None
    assert (found.row.grams, found.row.unpriced_joules) == (None, 1650)
    assert found.row.source == "rapl"


async def test_a_pue_that_nobody_knows_is_unknown(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        found = on.views.host("beta")
    assert found is not None
    assert found.priced_by is not None
    assert found.priced_by.pue is None


async def test_a_zone_shows_the_day_back_and_what_is_expected(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        await restate(on.desk)
        await on.views.ready()
        german, french = on.views.fleet().zones
    border = NOW // 300 * 300
    assert (german.zone, german.hosts, german.power_watts) == ("DE", 1, 100)
    assert (german.grams_per_kilowatt_hour, german.tier) == (400, Tier.FORECAST)
    assert german.valid_until_unix_seconds == border + 3600
    assert [(one.start_unix_seconds - border, one.grams_per_kilowatt_hour, one.is_forecast)
            for one in german.steps] == [
        (-3600, 720, False), (0, 400, True), (3600, 100, True), (7200, 300, True),
    ]  # fmt: skip
    assert german.greenest is not None
    assert german.greenest.start_unix_seconds == border + 3600
    assert german.greenest.is_robust
    assert (french.tier, french.steps, french.greenest) == (Tier.ANNUAL, (), None)
    assert french.valid_until_unix_seconds is None


async def test_views_are_made_anew_after_a_second_and_only_once_for_all(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        await asyncio.gather(*(on.views.ready() for _ in range(5)))
        first = on.views.fleet()
        await on.views.ready()
        assert on.views.fleet() is first
        on.clock += 1.1
        await asyncio.gather(on.views.ready(), on.views.ready())
        assert on.views.fleet() is not first


async def test_a_large_fleet_holds_nobody_up(tmp_path: Path) -> None:
    """Others have their turn between two rows that take long."""
    async with scene(tmp_path) as on:
        turns = []

        async def others() -> None:
            while True:
                turns.append(on.clock)
                await asyncio.sleep(0)

        task = asyncio.ensure_future(others())
        on.seconds_per_row = 0.003
        await on.views.ready()
        task.cancel()
        assert {0.003, 0.006, 0.009} <= {round(turn, 6) for turn in turns}


async def test_what_an_agent_is_called_and_where_it_stands_is_what_the_operator_says(
    tmp_path: Path,
) -> None:
    """And what no operator said, the agent says."""
    async with scene(tmp_path) as on:
        on.agent("gamma").record = replace(
            on.agent("gamma").record, facts=HostFacts(host="gamma", site="cellar")
        )
        on.agent("alpha").record = replace(
            on.agent("alpha").record, facts=HostFacts(host="alpha", site="cellar")
        )
        await on.views.ready()
        assert [row.site for row in on.views.fleet().rows] == ["hall", "home", "cellar"]


async def test_what_changed_of_a_host_is_counted_again(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        await on.views.ready()
        on.desk.now += 10
        deliver(on.desk, NOW // 300 * 300 - 900, ("alpha",))
        await view(on)
        assert on.views.fleet().rows[0].energy_joules == 1980
