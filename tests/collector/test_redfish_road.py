"""A server that is metered by its BMC and by its agent, from HTTPS to /metrics."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from builders import BOOTTIME, CORE, PACKAGE, apply, batch, entry, hello, table, used
from collector_fakes import configured, connected, page
from fake_bmc import FakeBmc, fake_bmc
from fakes import ManualClock
from redfish_road import (
    AGENT_ID,
    HOST,
    IDENTITY,
    SECOND,
    SLOT_START_UNIX_SECONDS,
    GivenBmc,
    OtherAgent,
    Road,
    road,
    stopped_clock,
)
from wattgram.handshake import HostFacts
from wattgram.wire import encode_batch, encode_hello
from wattgram_collector.accounting.slots import slot_of
from wattgram_collector.daemon import serving
from wattgram_collector.exposition.web import application
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.redfish.bmc import Bmc, client
from wattgram_collector.redfish.watch import Watch

EVERY_TEN_SECONDS = IDENTITY._replace(period_nanoseconds=10 * SECOND)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    return stopped_clock(monkeypatch)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as opened:
        yield opened


@pytest.fixture
async def way(clock: ManualClock, ledger: SqliteLedger) -> AsyncIterator[Road]:
    async with road(clock, ledger) as opened:
        yield opened


@pytest.fixture
async def bmc(tmp_path: Path) -> AsyncIterator[FakeBmc]:
    async with fake_bmc(tmp_path) as served:
        yield served


# ── the whole road ───────────────────────────────────────────────────────────────────────


async def test_what_a_bmc_says_over_https_is_on_the_page_of_metrics(
    way: Road, bmc: FakeBmc
) -> None:
    """Three samples, a refusal, and back: joules, grams, states, gaps and the ledger agree."""
    bmc.has_environment(374)
    async with client() as session:
        watch = way.watch(Bmc(bmc.settings(), session))
        for watts in (374, 400, 386.5):
            bmc.has_environment(watts)
            await watch.tick()
            way.clock.advance(60)
        bmc.password += "!"
        await watch.tick()
    app = application(list(way.intake.fleet), CollectorRegistry(), lambda: True, 0)
    async with TestClient(TestServer(app)) as browser:
        text = await (await browser.get("/metrics")).text()
    joules = 387 * 60 + 393.25 * 60
    for line in (
        f'host_energy_joules_total{{host="alpha",quality="measured"}} {joules:.0f}',
        f'joules_total{{host="alpha",component="other",source="redfish"}} {joules:.0f}',
        f'co2e_grams_total{{host="alpha",grid_zone="FR",tier="annual"}} {joules / 10_000}',
        'source="redfish",wattgram_power_source_state="permission_denied"} 1',
        'gap_seconds_total{host="alpha",reason="permission_denied"} 60',
        'agent_up{host="alpha"} 1',
    ):
        assert line in text
    assert "wattgram_host_power_watts{" not in text
    assert way.joules()[True] == joules


async def test_a_collector_that_runs_reads_what_it_is_configured_to(
    tmp_path: Path, ledger: SqliteLedger, bmc: FakeBmc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows what an earlier run did, and nobody may say on the wire that it is the BMC."""
    monkeypatch.setattr(random, "random", lambda: 0.0)
    bmc.has_environment(374)
    now = time.time_ns()
    for agent_id in ("agent-1", AGENT_ID):  # the agent has the name
        key = ledger.enrol(agent_id, HostFacts(host=HOST)).key
    usage = {(PACKAGE, slot_of(now) + near): 5 for near in (-1, 0, 1)}
    before = replace(
        entry(1, usage, agent_key=key), newest_sample_unix_nanoseconds=now - 90 * SECOND
    )
    apply(ledger, [before])
    config = configured(
        tmp_path, redfish={"r1": bmc.settings(host=HOST)}, grid_zone_of_host={HOST: "DE"}
    )
    async with serving(config, ledger) as (grpc_port, http_port):
        text = ""
        while 'wattgram_power_source_state="active"} 1' not in text:
            text = await page(http_port, "/metrics")
        async with connected(grpc_port) as caller:
            await caller.send(encode_hello(hello(AGENT_ID, HOST)))
            code, _ = await caller.end()
        async with connected(grpc_port) as caller:
            await caller.greet(
                hello(host=HOST, wall_unix_nanoseconds=now),
                table(PACKAGE, replace(PACKAGE, counted=False)),
            )
            began = {
                "start_unix_nanoseconds": now - SECOND,
                "start_boottime_nanoseconds": BOOTTIME - SECOND,
            }
            await caller.send(encode_batch(batch([5], [7], **began)))
            await caller.until(1)
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert re.search(r'agent_id="redfish:r1",[^\n]*grid_zone="DE"', text)
    found = re.search(r'gap_seconds_total{[^}]*reason="collector_stopped"} (\d+)', text)
    assert found is not None
    assert 90 <= int(found[1]) < 100
    shown = used(ledger.totals()[1])
    assert shown == {replace(PACKAGE, counted=False): 12}  # the slot is the BMC's
    assert not [one for one in asyncio.all_tasks() if "redfish/" in repr(one)]


# ── two sides ────────────────────────────────────────────────────────────────────────────


async def minutes(way: Road, watch: Watch, count: int, agent: OtherAgent | None = None) -> None:
    """Let minutes pass; the agent, if there is one, delivers each as it ends."""
    for _ in range(count):
        way.clock.advance(60)
        if agent is not None:
            second = (way.clock.unix // SECOND) - SLOT_START_UNIX_SECONDS
            await agent.deliver(second - 60, second)
        await watch.tick()


async def test_an_agent_that_counts_leaves_the_bmc_shown_only(
    way: Road, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wattgram.redfish")
    agent, watch = OtherAgent(way), way.watch(GivenBmc())
    await agent.connect()
    await watch.tick()
    await minutes(way, watch, 12, agent)
    assert way.joules() == {True: 0, False: 12 * 6_000}
    assert way.joules("agent-1") == {True: 12 * 3_000, False: 0}
    assert way.shown("host_energy_joules") == {(HOST, "measured"): 36_000}
    assert way.shown("host_power_watts") == {(HOST,): 50}
    assert way.shown("agent_up") == {(HOST,): 1, (f"{HOST}-redfish",): 1}
    shown = [record.getMessage() for record in caplog.records if "shown_only" in record.msg]
    assert shown == ["redfish_shown_only host=alpha: an agent of this host counts"]
    await agent.go()


async def test_an_agent_that_goes_is_followed_from_the_next_slot_and_back(
    way: Road, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wattgram.redfish")
    agent, watch = OtherAgent(way), way.watch(GivenBmc())
    await agent.connect()
    await watch.tick()
    await minutes(way, watch, 7, agent)  # it goes in slot 1
    await minutes(way, watch, 11)  # slots 2 and 3 without it, to minute 18
    await minutes(way, watch, 7, agent)  # it is back in slot 3
    assert way.slots("agent-1") == {0, 1, 4}
    assert way.slots() == {2, 3}
    assert way.joules()[True] == 10 * 6_000
    assert way.joules("agent-1") == {True: (7 + 5) * 3_000, False: 2 * 3_000}
    said = [record.getMessage().partition(" ")[0] for record in caplog.records]
    assert said == ["redfish_shown_only", "redfish_counts", "redfish_shown_only"]
    await agent.go()


async def test_what_an_agent_brings_late_is_not_counted_where_the_bmc_was(way: Road) -> None:
    """It could not deliver, and its spool comes after an hour."""
    agent, watch = OtherAgent(way), way.watch(GivenBmc())
    await agent.connect()
    await watch.tick()
    await minutes(way, watch, 5, agent)
    await minutes(way, watch, 55)
    for minute in range(5, 60):
        await agent.deliver(minute * 60, minute * 60 + 60)
    assert way.slots("agent-1") == {0}
    assert way.slots() == set(range(1, 12))
    assert way.joules("agent-1") == {True: 5 * 3_000, False: 55 * 3_000}
    await agent.go()


async def test_not_even_after_the_collector_was_restarted(
    clock: ManualClock, ledger: SqliteLedger
) -> None:
    async with road(clock, ledger) as way:
        watch = way.watch(GivenBmc())
        await watch.tick()
        await minutes(way, watch, 10)
    async with road(clock, ledger) as way:
        agent, watch = OtherAgent(way), way.watch(GivenBmc())
        await agent.connect()
        await agent.deliver(0, 600)
        clock.advance(1)
        await agent.deliver(600, 601)
        await watch.tick()
        clock.advance(60)
        await watch.tick()
        assert way.joules("agent-1") == {True: 50, False: 30_000}
        assert way.slots() == {0, 1}
        assert way.joules() == {True: 10 * 6_000, False: 6_000}
        await agent.go()


async def test_a_new_slot_waits_for_an_agent_that_is_up_and_counts(way: Road) -> None:
    """It delivers less often than the BMC is read."""
    agent = OtherAgent(way)
    watch = way.watch(GivenBmc(), EVERY_TEN_SECONDS)
    await agent.connect()
    await watch.tick()
    await agent.deliver(-10, 0)
    for _ in range(2):
        way.clock.advance(10)
        await watch.tick()
    assert way.joules() == {True: 0, False: 0}  # nobody knows yet
    await agent.deliver(0, 20)
    way.clock.advance(10)
    await watch.tick()
    assert way.joules() == {True: 0, False: 3_000}
    await agent.go()


async def test_what_waited_for_an_hour_is_counted(way: Road) -> None:
    """An agent that says that it delivers once a day is never late."""
    agent, watch = OtherAgent(way), way.watch(GivenBmc())
    await agent.connect(batch_interval_nanoseconds=86_400 * SECOND)
    await watch.tick()
    await agent.deliver(-10, 0)
    await minutes(way, watch, 61)
    assert way.joules() == {True: 0, False: 0}
    await minutes(way, watch, 1)
    assert way.joules() == {True: 6_000, False: 0}
    await agent.go()


async def test_what_waited_is_counted_when_the_agent_does_not_come(way: Road) -> None:
    agent = OtherAgent(way)
    watch = way.watch(GivenBmc(), EVERY_TEN_SECONDS)
    await agent.connect()
    await watch.tick()
    await agent.deliver(-10, 0)
    for _ in range(6):
        way.clock.advance(10)
        await watch.tick()
    assert way.joules() == {True: 6_000, False: 0}
    await agent.go()


async def test_an_agent_that_measures_nothing_leaves_the_bmc_counted(way: Road) -> None:
    agent, watch = OtherAgent(way), way.watch(GivenBmc())
    await agent.connect(CORE)
    await watch.tick()
    await minutes(way, watch, 5, agent)
    assert way.joules() == {True: 5 * 6_000, False: 0}
    await agent.go()


async def test_an_agent_of_another_host_is_nothing_to_it(way: Road) -> None:
    agent, watch = OtherAgent(way, host="beta"), way.watch(GivenBmc())
    await agent.connect()
    await watch.tick()
    await minutes(way, watch, 5, agent)
    assert way.joules()[True] == 5 * 6_000
    assert way.joules("agent-1")[True] == 5 * 3_000
    await agent.go()


async def test_a_bmc_that_came_first_keeps_its_name(way: Road) -> None:
    agent, watch = OtherAgent(way), way.watch(GivenBmc())
    await watch.tick()
    await agent.connect()
    await minutes(way, watch, 1, agent)
    names = {one.record.agent_id: one.record.host for one in way.intake.fleet}
    assert names == {AGENT_ID: HOST, "agent-1": "alpha-agent-1"}
    await agent.go()


events = st.lists(st.sampled_from(["live", "away", "spool", "restart"]), min_size=1, max_size=25)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events)
def test_no_slot_is_ever_counted_from_both_sides_and_the_agent_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory, happenings: list[str]
) -> None:
    """An agent comes, goes, and brings what it kept; the collector restarts now and then."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    with pytest.MonkeyPatch.context() as patch, closing(SqliteLedger(path)) as ledger:
        clock = stopped_clock(patch)
        asyncio.run(_happen(clock, ledger, happenings))


async def _happen(clock: ManualClock, ledger: SqliteLedger, happenings: list[str]) -> None:
    kept: list[tuple[int, int]] = []
    delivered = 0
    for run in " ".join(happenings).split("restart"):
        async with road(clock, ledger) as way:
            agent, watch = OtherAgent(way), way.watch(GivenBmc())
            await agent.connect()
            await watch.tick()
            for happening in run.split():
                clock.advance(90)
                second = clock.unix // SECOND - SLOT_START_UNIX_SECONDS
                kept.append((second - 90, second))
                bringing = {"away": 0, "live": 1, "spool": len(kept)}[happening]
                for span in kept[len(kept) - bringing :]:
                    await agent.deliver(*span)
                    delivered += 90
                del kept[len(kept) - bringing :]
                await watch.tick()
            await agent.go()
            assert not way.slots("agent-1") & way.slots()
            assert sum(way.joules("agent-1").values()) == 50 * delivered
