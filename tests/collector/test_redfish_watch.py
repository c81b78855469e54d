"""One BMC on its way into the ledger: the beat, failures, backoff, delivery, restarts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from builders import hello
from collector_fakes import TroubledLedger
from fakes import ManualClock
from redfish_road import (
    HOST,
    SECOND,
    WATT,
    GivenBmc,
    Road,
    power,
    road,
    stopped_clock,
)
from wattgram.readings import State
from wattgram_collector.ingest.local import LocalStream, LocalStreamError
from wattgram_collector.ledger import Tally
from wattgram_collector.redfish.courier import WAITING_MAX
from wattgram_collector.redfish.meter import Span
from wattgram_collector.redfish.parcels import pieces
from wattgram_collector.redfish.resources import EnergyReading, RedfishError, Sample

DENIED = RedfishError("HTTP 401", "permission_denied", State.PERMISSION_DENIED)
AWAY = RedfishError("no answer", "timeout")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    return stopped_clock(monkeypatch)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[TroubledLedger]:
    with closing(TroubledLedger(tmp_path / "ledger.sqlite")) as opened:
        yield opened


@pytest.fixture
async def way(clock: ManualClock, ledger: TroubledLedger) -> AsyncIterator[Road]:
    async with road(clock, ledger) as opened:
        yield opened


def gaps(way: Road) -> dict[str, float]:
    return {
        label: count / SECOND
        for (tally, label), count in way.agent().totals.tallies.items()
        if tally is Tally.GAP_NANOSECONDS
    }


def states(way: Road) -> dict[str, str]:
    return {state: source for _, source, state in way.shown("power_source_state")}


# ── a beat ───────────────────────────────────────────────────────────────────────────────


async def test_a_power_becomes_energy_grams_and_a_gauge_like_an_agents(way: Road) -> None:
    """At 360 g/kWh a joule is a ten-thousandth of a gram."""
    bmc = GivenBmc()
    watch = way.watch(bmc)
    await watch.tick()
    assert way.joules() == {True: 0, False: 0}
    assert way.shown("host_power_watts") == {}
    for watts in (100, 200, 300):
        bmc.next = power(watts)
        way.clock.advance(60)
        await watch.tick()
    assert way.joules() == {True: (100 + 150 + 250) * 60, False: 0}
    assert way.shown("host_energy_joules") == {(HOST, "measured"): 30_000}
    assert way.shown("component_energy_joules") == {(HOST, "other", "redfish"): 30_000}
    assert way.shown("host_power_watts") == {(HOST,): 250}
    assert way.shown("emissions_co2e_grams") == {(HOST, "FR", "annual"): 3}
    assert way.shown("agent_up") == {(HOST,): 1}
    assert states(way) == {"active": "redfish"}


async def test_a_beat_without_energy_says_that_the_meter_lives(way: Road) -> None:
    watch = way.watch(GivenBmc())
    await watch.tick()
    assert way.shown("agent_up") == {(HOST,): 1}
    assert states(way) == {"active": "redfish"}
    way.clock.advance(200)
    assert way.shown("agent_up") == {(HOST,): 0}


async def test_energy_over_a_border_of_slots_is_shared_out_and_adds_up(way: Road) -> None:
    watch = way.watch(GivenBmc())
    way.clock.advance(290)
    await watch.tick()
    way.clock.advance(60)
    await watch.tick()
    assert way.joules()[True] == 6_000
    assert way.slots() == {0, 1}


def test_pieces_add_up_and_lie_each_in_one_slot() -> None:
    span = Span(7 * SECOND + 123, 907 * SECOND + 456, 1_000_003)
    found = list(pieces(span, 1_750_000_200 * SECOND + 999))
    assert sum(piece.microjoules for piece in found) == 1_000_003
    assert found[0].start_microseconds == 1_750_000_207_000_001
    assert found[-1].end_microseconds == 1_750_001_107_000_001
    for piece, following in pairwise(found):
        assert piece.end_microseconds == following.start_microseconds
    for piece in found:
        assert piece.slot * 300_000_000 <= piece.start_microseconds < piece.end_microseconds
        assert piece.end_microseconds <= (piece.slot + 1) * 300_000_000
    assert len(found) == 4


async def test_a_register_that_moves_after_days_is_delivered_whole(way: Road) -> None:
    bmc = GivenBmc()
    bmc.next = EnergyReading("/e", 0)
    watch = way.watch(bmc)
    await watch.tick()
    bmc.next = AWAY
    way.clock.advance(60)
    await watch.tick()
    bmc.next = EnergyReading("/e", 90_000_000 * WATT)
    way.clock.advance(3 * 86_400)
    await watch.tick()
    assert way.joules()[True] == 90_000_000
    assert len(way.slots()) == 3 * 288 + 1


async def test_a_register_that_stands_still_is_not_zero_and_is_given_up(way: Road) -> None:
    bmc = GivenBmc()
    bmc.next = EnergyReading("/e", 5 * WATT)
    watch = way.watch(bmc)
    for _ in range(3):
        await watch.tick()
        way.clock.advance(60)
    assert bmc.distrusted == 0
    await watch.tick()
    assert bmc.distrusted == 1
    assert gaps(way) == {"stuck": 180}


# ── failures ─────────────────────────────────────────────────────────────────────────────


async def test_a_failure_is_a_state_with_its_reason_and_a_gap_and_it_recovers_alone(
    way: Road, caplog: pytest.LogCaptureFixture
) -> None:
    bmc = GivenBmc()
    watch = way.watch(bmc)
    caplog.set_level(logging.INFO, "wattgram.redfish")
    await watch.tick()
    bmc.next = AWAY
    for _ in range(3):
        way.clock.advance(60)
        await watch.tick()
    assert states(way) == {"error": "redfish"}
    assert way.agent().sources[0].reason == "no answer"
    assert gaps(way) == {"timeout": 180}
    assert way.shown("host_power_watts") == {}
    assert way.shown("agent_up") == {(HOST,): 1}
    bmc.next = power(100)
    for _ in range(2):
        way.clock.advance(60)
        await watch.tick()
    assert states(way) == {"active": "redfish"}
    assert gaps(way) == {"timeout": 180, "late_sample": 60}
    assert way.joules()[True] == 6_000
    said = [record.getMessage().partition(" ")[0] for record in caplog.records]
    assert said == ["redfish_failed", "redfish_works_again"]


async def test_a_change_from_one_trouble_to_another_is_said(
    way: Road, caplog: pytest.LogCaptureFixture
) -> None:
    bmc = GivenBmc()
    watch = way.watch(bmc)
    for bmc.next in (AWAY, AWAY, DENIED, DENIED):
        way.clock.advance(1_000)
        await watch.tick()
    assert [record.getMessage().count("401") for record in caplog.records] == [0, 1]
    assert states(way) == {"permission_denied": "redfish"}


async def test_a_bmc_that_fails_is_asked_ever_less_often_and_its_gap_still_grows(
    way: Road,
) -> None:
    bmc = GivenBmc()
    bmc.next = AWAY
    watch = way.watch(bmc, dice=lambda: 0.999)
    asked = []
    for minute in range(60):
        before = bmc.reads
        await watch.tick()
        if bmc.reads > before:
            asked.append(minute)
        way.clock.advance(60)
    waits = [after - before for before, after in pairwise(asked)]
    assert waits == [2, 4, 8, 15, 15, 15]
    assert gaps(way) == {"timeout": 59 * 60}
    assert way.shown("agent_up") == {(HOST,): 1}


async def test_a_success_makes_it_asked_soon_again_after_the_next_failure(way: Road) -> None:
    bmc = GivenBmc()
    watch = way.watch(bmc, dice=lambda: 0.999)
    for bmc.next in (AWAY, AWAY, AWAY, AWAY, power(1), AWAY):
        way.clock.advance(1_000)
        await watch.tick()
    way.clock.advance(120)
    await watch.tick()
    assert bmc.reads == 7


async def test_a_refused_password_is_not_tried_again_at_once(way: Road) -> None:
    """BMCs lock an account after a few."""
    bmc = GivenBmc()
    bmc.next = DENIED
    watch = way.watch(bmc, dice=lambda: 0.0)
    for _ in range(10):
        await watch.tick()
        way.clock.advance(60)
    assert bmc.reads == 2
    assert gaps(way) == {"permission_denied": 9 * 60}


class HangingBmc(GivenBmc):
    def __init__(self) -> None:
        super().__init__()
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()

    async def read(self) -> Sample:
        self.entered.set()
        await self.go_on.wait()
        return await super().read()


async def test_bmcs_that_failed_queue_apart_and_delay_none_that_works(way: Road) -> None:
    watches = []
    for _ in range(3):
        bad = HangingBmc()
        bad.next = AWAY
        bad.go_on.set()
        watches.append((bad, way.watch(bad)))
    good, lanes = way.watch(GivenBmc()), watches[0][1]._lanes
    for bad, watch in watches:
        watch._lanes = lanes
        await watch.tick()
        bad.go_on.clear()
        bad.entered.clear()
    good._lanes = lanes
    hanging = [asyncio.ensure_future(watch.tick()) for _, watch in watches]
    await watches[0][0].entered.wait()
    await good.tick()
    assert states(way)["active"] == "redfish"
    assert not watches[1][0].entered.is_set()  # one at a time in their lane
    for bad, _ in watches:
        bad.go_on.set()
    await asyncio.gather(*hanging)


async def test_beats_come_each_period_and_missed_ones_are_left_out(way: Road) -> None:
    bmc = GivenBmc()
    slept: list[float] = []

    class EnoughError(Exception):
        pass

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 5:
            raise EnoughError
        way.clock.advance(seconds + (130 if len(slept) == 3 else 1))

    with pytest.raises(EnoughError):
        await way.watch(bmc, dice=lambda: 0.5).run(sleep)
    assert slept == [30, 59, 59, 50, 59]
    assert bmc.reads == 4


# ── delivery ─────────────────────────────────────────────────────────────────────────────


async def test_what_a_failing_ledger_did_not_take_is_delivered_once(
    way: Road, ledger: TroubledLedger, caplog: pytest.LogCaptureFixture
) -> None:
    watch = way.watch(GivenBmc())
    await watch.tick()
    ledger.fails()
    for _ in range(3):
        way.clock.advance(60)
        await watch.tick()
    assert sum("redfish_undelivered" in record.message for record in caplog.records) == 1
    ledger.works()
    way.clock.advance(60)
    await watch.tick()
    assert way.joules() == {True: 4 * 6_000, False: 0}
    assert (Tally.MISSING_BATCHES, "") not in way.agent().totals.tallies


async def test_a_ledger_that_works_only_later_gets_all_of_it(
    way: Road, ledger: TroubledLedger
) -> None:
    ledger.fails()
    watch = way.watch(GivenBmc())
    for _ in range(3):
        await watch.tick()
        way.clock.advance(60)
    ledger.works()
    await watch.tick()
    assert way.joules()[True] == 3 * 6_000


async def test_what_waits_has_a_limit_and_what_it_costs_is_counted(
    way: Road, ledger: TroubledLedger
) -> None:
    watch = way.watch(GivenBmc())
    await watch.tick()
    ledger.fails()
    for _ in range(WAITING_MAX + 10):
        way.clock.advance(1)
        await watch.tick()
    assert len(watch._courier._waiting) == WAITING_MAX
    ledger.works()
    way.clock.advance(1)
    await watch.tick()
    assert way.agent().totals.tallies[Tally.MISSING_BATCHES, ""] == 11
    assert way.joules()[True] == WAITING_MAX * 100


async def test_after_a_restart_the_sequence_goes_on_and_the_time_between_is_a_gap(
    clock: ManualClock, ledger: TroubledLedger
) -> None:
    async with road(clock, ledger) as way:
        watch = way.watch(GivenBmc())
        for _ in range(2):
            await watch.tick()
            clock.advance(60)
    async with road(clock, ledger) as way:
        watch = way.watch(GivenBmc(), stopped_nanoseconds=60 * SECOND)
        for _ in range(2):
            await watch.tick()
            clock.advance(60)
        assert way.joules()[True] == 2 * 6_000
        assert gaps(way) == {"collector_stopped": 60}
        assert (Tally.MISSING_BATCHES, "") not in way.agent().totals.tallies
        assert way.agent().totals.tallies[Tally.READINGS, ""] == 2


async def test_a_stream_that_is_refused_says_why(way: Road) -> None:
    stream = LocalStream(way.service, "agent-1")
    with pytest.raises(LocalStreamError, match="PERMISSION_DENIED"):
        await stream.open(hello("agent-2"))
    await stream.close()


async def test_a_bug_in_the_service_is_not_hidden(way: Road) -> None:
    watch = way.watch(GivenBmc())
    way.intake.turns = None  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        await watch.tick()
