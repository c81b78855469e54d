"""The beat: everything that was used is in the spool once, whatever happens to the agent."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import FakeSource, ManualClock, spooled
from sampling import PACKAGE_RANGE, Host, Meter
from spooling import open_spool
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent import today
from wattgram_agent.config import AgentConfig
from wattgram_agent.roster import Roster, build_roster
from wattgram_agent.sampler import Sampler
from wattgram_agent.source import (
    CounterSample,
    GaugeSample,
    HostPaths,
    Point,
    Sample,
    Scope,
    Zone,
)
from wattgram_agent.spool.queue import Spool

WATT = 1_000_000


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "spool")


def edges(host: Host) -> list[tuple[int, int]]:
    """Return where each batch begins and ends, on the boot-time clock in nanoseconds."""
    return [
        (batch.start_boottime_nanoseconds, batch.start_boottime_nanoseconds
         + batch.duration_nanoseconds)
        for _, batch in spooled(host.spool)
    ]  # fmt: skip


def test_the_first_beat_is_a_baseline_and_the_next_ones_are_intervals(host: Host) -> None:
    host.beat(5, 5)
    host.sampler.close_batch()
    assert len(host.spool) == 0
    host.beat(7, 8)
    host.beat(9, 10, seconds=2)
    host.sampler.close_batch()
    ((table, batch),) = spooled(host.spool)

    assert batch.columns == ([7, 9], [8, 10])
    assert batch.interval_microseconds == (1_000_000, 2_000_000)
    assert (table.number, table.boot_id, len(table.series)) == (1, "boot", 2)
    assert batch.start_unix_nanoseconds == host.clock.unix - 3 * NANOSECONDS_PER_SECOND
    assert batch.status.resident_memory_bytes > 0


def test_batches_follow_each_other_without_a_hole(host: Host) -> None:
    for seconds in (1, 0.3, 5, 1):
        host.beat(1, 1, seconds=seconds)
        host.sampler.close_batch()

    assert len(edges(host)) == 3
    assert [start for start, _ in edges(host)][1:] == [end for _, end in edges(host)][:-1]


lives = st.lists(
    st.tuples(
        st.integers(0, 900 * WATT),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["", "close", "close", "kill", "look again"]),
    ),
    max_size=25,
)


@given(lives, st.integers(0, PACKAGE_RANGE - 1))
def test_whatever_fails_or_is_killed_every_joule_is_in_the_spool_once(
    steps: list[tuple[int, bool, bool, str]], start: int
) -> None:
    """Conservation over wraps, failures, restarts and rediscoveries of one boot."""
    with tempfile.TemporaryDirectory() as directory:
        host = Host(Path(directory), start=start)
        host.beat()
        host.beat(1, 1)
        host.sampler.close_batch()
        for energy, first_fails, second_fails, then in steps:
            host.meters[0].fails, host.meters[1].fails = first_fails, second_fails
            host.beat(energy, energy // 2)
            if then == "close":
                host.sampler.close_batch()
            elif then == "kill":
                host.restart()
            elif then == "look again":
                host.look_again()
        for meter in host.meters:
            meter.fails = False
        host.beat(1, 1)
        host.sampler.close_batch()

        assert host.booked() == host.truth()
        host.spool.close()


def test_over_a_restart_a_register_remembers_what_the_agent_missed(host: Host) -> None:
    host.beat()
    host.beat(10, 10)
    host.sampler.close_batch()
    before = edges(host)[-1]
    host.beat(100, 100)  # sampled, but never spooled
    host.restart()
    host.beat(1_000, 1_000, seconds=20)
    host.sampler.close_batch()

    assert host.booked() == {"0": 1_110, "1": 1_110}
    assert edges(host)[-1] == (before[1], host.clock.boottime)
    assert [table.number for table, _ in spooled(host.spool)] == [1, 2]
    assert [batch.sequence for _, batch in spooled(host.spool)] == [1, 2]


def test_a_new_boot_has_no_baseline_from_the_old_one(host: Host) -> None:
    """Its registers began anew: what was used in between is not known, and not invented.

    Neither clocks nor registers need tell: both may go on as if it were the same boot.
    """
    host.beat()
    host.beat(10, 10)
    host.sampler.close_batch()
    host.boot_id = "next"
    for meter in host.meters:
        meter.start = 5 * WATT
    host.clock.advance(10)
    host.restart()
    host.beat(1_000, 1_000)
    host.beat(7, 8)
    host.sampler.close_batch()

    assert host.booked() == {"0": 17, "1": 18}
    assert [table.boot_id for table, _ in spooled(host.spool)] == ["boot", "next"]
    assert host.gaps() == []


def test_a_suspend_is_a_gap_and_no_energy(host: Host) -> None:
    host.beat()
    host.beat(10, 10)
    host.clock.advance(3_600, suspended=True)
    host.beat(500, 500)
    host.beat(3, 4)
    host.sampler.close_batch()

    assert host.booked() == {"0": 13, "1": 14}
    assert host.gaps() == [("rapl", "suspend", 3_601.0)]
    ((_, batch),) = spooled(host.spool)
    assert batch.columns[0] == [10, None, 3]
    assert batch.interval_microseconds[1] == 3_601_000_000


def test_clocks_that_drift_a_little_are_no_suspend(host: Host) -> None:
    host.beat()
    host.clock.advance(0.5, suspended=True)
    host.beat(10, 10)
    host.sampler.close_batch()

    assert (host.booked(), host.gaps()) == ({"0": 10, "1": 10}, [])


def test_a_meter_that_fails_is_a_gap_with_its_reason(host: Host) -> None:
    host.beat()
    host.meters[1].fails = True
    host.beat(10, 10)
    host.beat(10, 10)
    host.sampler.close_batch()

    assert host.booked() == {"0": 20}
    assert host.gaps() == [("rapl", "unreadable", 2.0)]


def test_a_source_that_came_is_found_and_has_a_table_of_its_own(host: Host) -> None:
    host.beat()
    host.beat(10, 10)
    host.look_again()
    host.beat(1, 1)
    host.meters.append(Meter(Point("nvml", "package", "GPU-a"), truth=500))
    host.look_again()
    host.beat(2, 2, 2)
    host.beat(4, 4, 4)
    host.sampler.close_batch()

    assert host.booked() == {"0": 17, "1": 17, "GPU-a": 4}
    assert [(table.number, len(table.series)) for table, _ in spooled(host.spool)] == [
        (1, 2),
        (2, 3),
        (3, 3),
    ]
    assert [finding.name for finding in host.sampler.observer.roster.findings] == ["rapl", "nvml"]


def test_a_look_that_finds_nothing_new_changes_nothing(host: Host) -> None:
    host.beat()
    host.beat(10, 10)
    roster = host.sampler.observer.roster
    host.look_again()

    assert host.sampler.observer.roster is roster
    assert not roster.sources[0].closed  # type: ignore[attr-defined]
    assert len(host.spool) == 0


def test_a_look_that_finds_another_closes_what_was_there(host: Host) -> None:
    before = host.sampler.observer.roster.sources[0]
    host.meters.append(Meter(Point("rapl", "package", "2")))
    host.look_again()
    host.beat()

    assert before.closed  # type: ignore[attr-defined]


def test_a_meter_that_is_away_when_looked_for_is_a_gap_and_no_other_takes_its_place(
    host: Host,
) -> None:
    """Law 2: what it counted meanwhile is booked when it is back."""
    host.beat()
    host.beat(10, 10)
    away = host.meters.pop()
    host.look_again()
    host.meters.append(away)
    away.fails = True
    host.beat(10, 10)
    away.fails = False
    host.beat(10, 10)
    host.sampler.close_batch()

    assert host.booked() == host.truth() == {"0": 30, "1": 30}
    assert [reason for _, reason, _ in host.gaps()] == ["unreadable"]


def test_what_was_delivered_from_memory_is_not_measured_again_after_a_restart(host: Host) -> None:
    """The disk took no batch, the collector did: the registers on disk are older than it."""
    host.beat()
    host.beat(10, 10)
    host.sampler.close_batch()
    delivered = host.spool.next_sequence
    for meter in host.meters:
        meter.truth += 1_000
    host.clock.advance(3)
    host.restart()
    host.beat(5, 5)
    host.spool.continue_after(delivered)
    host.beat(7, 7)
    host.sampler.close_batch()

    newest = spooled(host.spool)[-1][1]
    assert [list(column) for column in newest.columns] == [[None, 7], [None, 7]]
    assert [gap.reason for gap in newest.gaps] == ["checkpoint_stale"]


def test_a_table_that_rotted_costs_no_batch(host: Host) -> None:
    """It is there twice, and it is written again."""
    host.beat()
    host.beat(10, 10)
    host.sampler.close_batch()
    (segment,) = host.directory.glob("*.segment")
    data = bytearray(segment.read_bytes())
    data[data.index(b"package")] ^= 0xFF  # in the record of the table, which comes first
    segment.write_bytes(data)
    host.clock.advance(1)
    host.restart()
    host.beat(1, 1)
    host.beat(1, 1)
    host.sampler.close_batch()

    assert host.booked() == host.truth() == {"0": 12, "1": 12}
    assert host.gaps() == []


def test_what_was_spooled_before_the_clock_was_set_is_kept_when_it_is(host: Host) -> None:
    """A gateway without a clock of its own boots in 1970; its batches are minutes old."""
    right = host.clock.unix
    host.clock.unix = 60 * NANOSECONDS_PER_SECOND
    host.beat()
    host.beat(10, 10)
    host.sampler.close_batch()
    host.clock.unix = right
    host.beat(10, 10)
    host.sampler.close_batch()

    assert host.booked() == host.truth() == {"0": 20, "1": 20}
    assert host.gaps() == []


def test_over_a_restart_nothing_reaches_back_beyond_what_was_counted(tmp_path: Path) -> None:
    """A slow count stood aside for a BMC, which is gone when the agent is back."""
    clock = ManualClock()
    slow, best = Point("battery", "battery", "BAT0"), Point("ipmi", "dcmi", "0")
    counts: list[list[Sample]] = [[CounterSample(slow, 0, None)], [], [], []]
    said = {"ipmi": [GaugeSample(best, WATT, averaged=True)], "battery": []}

    def look() -> Roster:
        ask: dict[str, Callable[[], Sequence[Sample]]] = {
            "ipmi": lambda: said["ipmi"],
            "battery": lambda: counts.pop(0),
        }
        zones = {"ipmi": best, "battery": slow}
        return build_roster(
            {
                name: lambda _, name=name: FakeSource(
                    name, [Zone(point=zones[name], scope=Scope.HOST)], ask[name]
                )
                for name in said
            },
            HostPaths(),
        )

    def live(beats: int) -> Spool:
        spool = open_spool(tmp_path)
        sampler = Sampler(AgentConfig(state_directory=tmp_path), clock, "boot", spool, look)
        for _ in range(beats):
            clock.advance(1)
            sampler.beat()
        sampler.close_batch()
        return spool

    live(4).close()
    del said["ipmi"]
    counts += [[CounterSample(slow, 60, None)], [CounterSample(slow, 70, None)]]
    spool = live(2)

    counted = [
        (table.series[index].source, quantity)
        for table, batch in spooled(spool)
        for index, quantity, _, _ in batch.spans()
        if table.series[index].counted
    ]
    assert counted == [*[("ipmi", WATT)] * 3, ("battery", 10)]


def test_what_is_kept_of_today_survives_a_clock_that_was_ahead(host: Host) -> None:
    right = host.clock.unix
    host.clock.unix += 10**9 * NANOSECONDS_PER_SECOND
    host.beat()
    host.beat(10, 10)
    host.sampler.close_batch()
    host.clock.unix = right
    host.beat(5, 5)
    host.sampler.close_batch()
    kept = today.load(host.directory)

    assert kept is not None
    assert kept.energy_microjoules == 10
