"""The beat when the disk fails, when the bounds are reached, and when it is late."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

import wattgram_agent.spool.store
from fakes import ManualClock, spooled
from sampling import Host
from spooling import no_directory
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.config import AgentConfig, SamplingSettings, SpoolSettings
from wattgram_agent.sampler import next_deadline


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "spool")


def test_a_disk_that_fails_is_said_once_and_costs_no_energy(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    host.beat()
    with no_directory(host.directory):
        for _ in range(3):
            host.beat(10, 10)
            host.sampler.close_batch()
        assert host.booked() == {"0": 30, "1": 30}
    for _ in range(2):
        host.beat(10, 10)
        host.sampler.close_batch()

    assert host.booked() == host.truth()
    assert [record.message.split()[0] for record in caplog.records] == [
        "spool_unwritable",
        "spool_writable_again",
    ]


def test_what_the_bounds_of_the_spool_cost_is_a_gap_in_the_next_batch(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wattgram_agent.spool.store, "MEMORY_BYTES_MAX", 200)
    host.beat()
    with no_directory(host.directory):
        for _ in range(30):
            host.beat(10, 10)
            host.sampler.close_batch()
    kept = len(host.spool)
    for _ in range(2):
        host.beat(10, 10)
        host.sampler.close_batch()

    lost = [gap for _, batch in spooled(host.spool) for gap in batch.gaps]
    assert {(gap.source, gap.reason) for gap in lost} == {("spool", "spool_full")}
    assert sum(gap.count for gap in lost) == 30 - kept > 20
    assert sum(gap.duration_nanoseconds for gap in lost) == (30 - kept) * 10**9


def test_batches_beyond_their_age_are_dropped_and_said(tmp_path: Path) -> None:
    host = Host(tmp_path, config=AgentConfig(spool=SpoolSettings(max_age_seconds=10.0)))
    host.beat()
    for _ in range(3):
        host.beat(10, 10, seconds=6)
        host.sampler.close_batch()
    host.beat(10, 10)
    host.sampler.close_batch()

    assert [batch.sequence for _, batch in spooled(host.spool)] == [2, 3, 4]
    assert host.gaps() == [("spool", "spool_full", 6.0)]


class Patience(threading.Event):
    """What the sampler waits on: time passes in it, and in nothing else."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock
        self.stalls: list[float] = []
        """By how many seconds each of the next waits takes longer."""

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.advance((timeout or 0) + (self.stalls.pop(0) if self.stalls else 0))
        return self.is_set()


def test_it_beats_on_its_deadlines_closes_batches_and_ends_with_one(tmp_path: Path) -> None:
    settings = SamplingSettings(interval_seconds=1.0, batch_seconds=3.0)
    host = Host(tmp_path, config=AgentConfig(sampling=settings))
    stop = Patience(host.clock)
    beats: list[int] = []
    told: list[int] = []

    def sampled() -> None:
        beats.append(host.clock.monotonic)
        for meter in host.meters:
            meter.truth += 1
        if len(beats) == 5:
            host.clock.advance(3.5)  # a sensor that took its time
        if len(beats) == 8:
            stop.set()

    host.on_sample = sampled
    host.sampler.run(stop, lambda: told.append(len(beats)))

    # What took its time is read again at once, what was missed is not made up for, and the beats
    # are whole seconds again afterwards.
    seconds = [(beat - beats[0]) / NANOSECONDS_PER_SECOND for beat in beats]
    assert seconds == [0, 1, 2, 3, 4, 7.5, 8, 9, 10]
    assert told == [4, 8]
    assert host.booked() == {"0": 8, "1": 8}
    assert [
        [microseconds / 1e6 for microseconds in batch.interval_microseconds]
        for _, batch in spooled(host.spool)
    ] == [[1, 1, 1], [4.5, 0.5, 1], [1]]


@pytest.mark.parametrize(
    ("began", "now", "due"),
    [
        (0, 0.001, 1),  # as ever
        (0.4, 0.5, 1),  # a little late
        (0, 0.9, 1),  # slow, as each time
        (0, 1, 2),
        (0, 3.2, 4),
        (0, 3.6, 5),  # 4 would follow at once
        (305.99, 305.991, 307),  # stopped while it waited
        (0.5, 0.51, 2),
        (0.999, 1.001, 2),
    ],
)
def test_after_a_stall_no_beat_follows_another_at_once(began: float, now: float, due: int) -> None:
    interval, seconds = NANOSECONDS_PER_SECOND, 7 * NANOSECONDS_PER_SECOND
    found = next_deadline(
        seconds, seconds + int(began * interval), seconds + int(now * interval), interval
    )

    assert found == seconds + due * interval


def test_a_beat_that_was_stopped_while_it_waited_is_the_only_one(tmp_path: Path) -> None:
    settings = SamplingSettings(interval_seconds=1.0, batch_seconds=10.0)
    host = Host(tmp_path, config=AgentConfig(sampling=settings))
    stop = Patience(host.clock)
    beats: list[float] = []

    def sampled() -> None:
        beats.append(host.clock.monotonic / NANOSECONDS_PER_SECOND)
        if len(beats) == 4:
            stop.set()

    stop.stalls = [0, 60.25]
    host.on_sample = sampled
    host.sampler.run(stop, lambda: None)

    assert [beat - beats[0] for beat in beats] == [0, 1, 62.25, 63, 64]
