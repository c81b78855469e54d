"""The process is stopped, or a read is slow, anywhere in a beat: no time is made up or lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import FakeSource, ManualClock, spooled
from sampling import PACKAGE_RANGE, Host
from wattgram.readings import Reading
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.host import unix_and_boottime_nanoseconds
from wattgram_agent.meter import Register, Step
from wattgram_agent.observer import Observer
from wattgram_agent.roster import build_roster
from wattgram_agent.rounds import ROUND_NANOSECONDS_MAX, ask_all, renewed
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    GaugeSample,
    HostPaths,
    Point,
    Sample,
    Scope,
    Zone,
)

WATTS = 100
BOARD_WATTS = 200
PACKAGE, DRAM = Point("rapl", "package", "0"), Point("nvml", "gpu", "GPU-a")
SECOND = NANOSECONDS_PER_SECOND


class Stoppable(ManualClock):
    """A clock that passes over a stop after so many looks at it or at a meter."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.stops: dict[int, float] = {}
        self.is_asleep = False

    def look(self) -> None:
        self.looks += 1
        self.advance(self.stops.pop(self.looks, 0.0), suspended=self.is_asleep)

    def boottime_nanoseconds(self) -> int:
        self.look()
        return self.boottime

    def monotonic_nanoseconds(self) -> int:
        self.look()
        return self.monotonic

    def unix_nanoseconds(self) -> int:
        self.look()
        return self.unix


class Board:
    """Two meters that draw a steady power and are read one after the other."""

    def __init__(self) -> None:
        self.clock = Stoppable()
        self.origin = self.clock.boottime
        self.steps: list[Step] = []
        self.observer = Observer(
            lambda: build_roster(
                {
                    "rapl": lambda _: self._source(PACKAGE, Scope.CPU, WATTS),
                    "nvml": lambda _: self._source(DRAM, Scope.GPU, BOARD_WATTS),
                },
                HostPaths(),
            ),
            self.clock,
        )

    def beat(self) -> Step:
        self.clock.advance(1)
        self.steps.append(self.observer.beat())
        return self.steps[-1]

    def stop_at(self, look: int, seconds: float) -> None:
        """Be stopped for so long at this look of the next beat, counted from 1."""
        self.clock.stops[self.clock.looks + look] = seconds

    def readings(self, point: Point) -> list[Reading]:
        return [
            reading
            for step in self.steps
            for reading in step.readings
            if reading.series.source == point.source
        ]

    def _source(self, point: Point, scope: Scope, watts: int) -> FakeSource:
        def sample() -> list[Sample]:
            self.clock.look()
            used = (self.clock.boottime - self.origin) * watts // 1000
            return [CounterSample(point, used % PACKAGE_RANGE, PACKAGE_RANGE)]

        return FakeSource(point.source, [Zone(point=point, scope=scope)], sample)


# The clocks before, two meters, the clock after; and after the beat.
@pytest.mark.parametrize("look", range(1, 8))
@pytest.mark.parametrize("seconds", [2, 30, 90, 600])
def test_a_stop_anywhere_in_a_beat_is_in_the_time_of_its_energy(look: int, seconds: int) -> None:
    board = Board()
    for _ in range(3):
        board.beat()
    board.stop_at(look, seconds)
    for _ in range(3):
        board.beat()

    for point, watts in ((PACKAGE, WATTS), (DRAM, BOARD_WATTS)):
        readings = board.readings(point)
        for reading in readings:
            duration = reading.end_nanoseconds - reading.start_nanoseconds
            assert reading.quantity == watts * duration // 1000
        covered = sum(one.end_nanoseconds - one.start_nanoseconds for one in readings)
        gaps = [gap for step in board.steps for gap in step.gaps if gap.source == point.source]
        lost = sum(gap.duration_nanoseconds for gap in gaps)
        assert covered + lost == board.observer.last_beat_nanoseconds - board.origin - SECOND
        assert {gap.reason for gap in gaps} <= {"late_sample"}
        assert bool(gaps) == (seconds == 600)


@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from([0.1, 0.4, 1.5, 20.0])), max_size=8),
)
def test_what_is_stopped_again_and_again_loses_no_energy(stops: list[tuple[int, float]]) -> None:
    """Also where a beat gives up: no more is off than the time of one round, and none is lost."""
    board = Board()
    board.beat()
    for look, seconds in stops:
        board.stop_at(look, seconds)
        board.beat()
    board.clock.stops.clear()
    board.beat()

    for point, watts in ((PACKAGE, WATTS), (DRAM, BOARD_WATTS)):
        energy = sum(reading.quantity for reading in board.readings(point))
        length = board.clock.boottime - board.origin - SECOND
        assert abs(energy - watts * length // 1000) <= watts * ROUND_NANOSECONDS_MAX // 1000
    assert not any(step.gaps for step in board.steps)


def test_a_short_round_asks_once_and_one_that_hangs_a_little_too() -> None:
    board = Board()
    board.beat()
    looks = board.clock.looks
    board.beat()
    assert board.clock.looks - looks == 5
    board.stop_at(3, 0.4)
    board.beat()
    assert board.clock.looks - looks == 10


def test_meters_that_are_always_slow_are_not_asked_for_ever() -> None:
    board = Board()
    board.clock.stops = dict.fromkeys(range(1, 1_000, 2), 1.0)
    asked = ask_all(board.observer.roster, board.clock)

    assert {sample.point for sample in asked.samples} == {PACKAGE, DRAM}
    assert board.clock.looks < 40


@pytest.mark.parametrize("look", range(1, 6))
def test_a_sleep_in_the_middle_of_a_beat_is_a_gap_and_no_energy(look: int) -> None:
    board = Board()
    for _ in range(3):
        board.beat()
    board.clock.is_asleep = True
    board.stop_at(look, 3600)
    for _ in range(3):
        board.beat()

    gaps = [gap for step in board.steps for gap in step.gaps if gap.reason == "suspend"]
    assert {gap.source for gap in gaps} == {"rapl", "nvml"}
    assert all(3600 <= gap.duration_nanoseconds / SECOND <= 3602 for gap in gaps)
    assert sum(one.quantity for one in board.readings(PACKAGE)) <= 5 * WATTS * SECOND // 1000


@pytest.mark.parametrize("look", range(1, 12))
def test_a_stop_is_no_sleep(look: int) -> None:
    """Between two looks at two clocks it would look like one: nothing may be dropped for it."""
    board = Board()
    board.stop_at(look, 60)
    for _ in range(3):
        board.beat()

    assert [gap.reason for step in board.steps for gap in step.gaps] == []


def test_a_stop_while_the_agent_starts_is_no_sleep() -> None:
    for look in range(1, 6):
        clock = Stoppable()
        clock.stops[look] = 60.0
        source = FakeSource("rapl", [Zone(point=PACKAGE, scope=Scope.CPU)],
                            lambda: [CounterSample(PACKAGE, 9, None)])  # fmt: skip
        observer = Observer(
            lambda source=source: build_roster({"rapl": lambda _: source}, HostPaths()),
            clock,
            {PACKAGE: Register(2, clock.boottime - 1)},
        )
        clock.advance(1)
        assert [one.quantity for one in observer.beat().readings] == [7], look


def test_the_newest_of_each_point_is_taken_and_no_mean_over_a_moment() -> None:
    def gauge(name: str, power: int, *, averaged: bool) -> Sample:
        return GaugeSample(Point(name, "", ""), power, averaged)

    seldom, failed = CounterSample(Point("a", "", ""), 1, None), FailedSample(PACKAGE, "x", "")
    first = [seldom, failed, gauge("model", 7, averaged=True), gauge("hwmon", 1, averaged=False)]
    new, late = CounterSample(PACKAGE, 5, None), CounterSample(Point("late", "", ""), 1, None)
    second = [new, gauge("model", 0, averaged=True), gauge("hwmon", 2, averaged=False), late]

    assert renewed([], first) == first
    assert renewed(first, second) == [
        seldom, new, gauge("model", 7, averaged=True), gauge("hwmon", 2, averaged=False), late,
    ]  # fmt: skip


def test_both_clocks_are_of_one_instant() -> None:
    for look in range(1, 4):
        clock = Stoppable()
        clock.stops[look] = 300.0
        apart = clock.unix - clock.boottime
        unix, boottime = unix_and_boottime_nanoseconds(clock)
        assert unix - boottime == apart, look


def test_a_batch_says_when_it_was_whenever_the_process_was_stopped(tmp_path: Path) -> None:
    for look in range(1, 8):
        host = Host(tmp_path / str(look))
        host.clock = clock = Stoppable()
        host.restart()
        host.beat()
        host.beat(1, 1)
        apart = clock.unix - clock.boottime
        clock.stops[clock.looks + look] = 300.0
        host.sampler.close_batch()
        ((_, batch),) = spooled(host.spool)
        assert batch.start_unix_nanoseconds - batch.start_boottime_nanoseconds == apart, look
