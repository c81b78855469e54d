"""What is counted changes while the host is watched, and each joule is still counted once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import FakeSource, ManualClock
from wattgram.readings import Quality, Reading, State
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.config import RestSettings
from wattgram_agent.meter import Register, Step
from wattgram_agent.observer import Observer
from wattgram_agent.roster import Roster, build_roster, settle
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    GaugeSample,
    HostPaths,
    IdleSample,
    Point,
    Sample,
    Scope,
    Source,
    Zone,
)
from wattgram_agent.sources import rest

WATT = 1_000_000
RANGE = 262_143_328_850
BATTERY = Point("battery", "battery", "BAT0")
PACKAGE = Point("rapl", "package", "0")
MODEL = Point("model", "host", "mid")
GPU = Point("nvml", "gpu", "GPU-a")


@dataclass
class Laptop:
    """A battery (a power), a package (a register) and a model, each in a mood of its own."""

    battery: str = "idle"
    package: str = "reads"
    used: int = 0
    power: int = 9 * WATT
    model_power: int = 30 * WATT

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        self.present = ["battery", "rapl", "model"]
        self.observer = Observer(self.look, self.clock)
        self.steps: list[Step] = []

    def look(self) -> Roster:
        sources: dict[str, tuple[Zone, Callable[[], Sample]]] = {
            "battery": (Zone(point=BATTERY, scope=Scope.HOST), self._battery),
            "rapl": (Zone(point=PACKAGE, scope=Scope.CPU), self._package),
            "model": (
                Zone(point=MODEL, scope=Scope.HOST, quality=Quality.MODELLED),
                lambda: GaugeSample(MODEL, self.model_power, averaged=True),
            ),
        }

        def one(name: str) -> Callable[[HostPaths], Source]:
            zone, sample = sources[name]
            return lambda _: FakeSource(name, [zone], lambda: [sample()])

        return build_roster({name: one(name) for name in self.present}, HostPaths())

    def beat(self, seconds: float = 1, use: int = 5 * WATT) -> Step:
        self.clock.advance(seconds)
        self.used += use
        self.steps.append(self.observer.beat())
        return self.steps[-1]

    def counted(self) -> list[str]:
        return sorted(
            point.source for point, series in self.observer.series.items() if series.counted
        )

    def state(self, name: str) -> tuple[State, str]:
        for finding in self.observer.roster.findings:
            if finding.name == name:
                return finding.state, finding.reason
        raise KeyError(name)

    def _battery(self) -> Sample:
        match self.battery:
            case "idle":
                return IdleSample(BATTERY, "on mains power")
            case "fails":
                return FailedSample(BATTERY, "unreadable", "told to")
            case _:
                return GaugeSample(BATTERY, self.power, averaged=False)

    def _package(self) -> Sample:
        if self.package == "fails":
            return FailedSample(PACKAGE, "unreadable", "told to")
        return CounterSample(PACKAGE, self.used % RANGE, RANGE)


def energies(readings: Sequence[Reading]) -> list[tuple[str, int]]:
    return [(one.series.source, one.quantity) for one in readings if one.series.counted]


def test_a_battery_counts_only_while_it_discharges() -> None:
    laptop = Laptop()
    laptop.beat()
    assert laptop.counted() == ["rapl"]
    assert laptop.state("battery") == (State.AVAILABLE, "on mains power")
    assert energies(laptop.beat().readings) == [("rapl", 5 * WATT)]

    laptop.battery = "discharges"
    assert energies(laptop.beat().readings) == [("rapl", 5 * WATT)]  # a first power is no energy
    assert energies(laptop.beat().readings) == [("battery", 9 * WATT)]
    assert laptop.counted() == ["battery"]
    assert laptop.state("rapl") == (State.AVAILABLE, "battery meters the whole host")
    assert laptop.state("battery")[0] is State.ACTIVE

    laptop.battery = "idle"
    assert energies(laptop.beat().readings) == [("rapl", 5 * WATT)]
    assert [step.gaps for step in laptop.steps] == [[]] * 5


def test_no_power_is_drawn_over_the_time_on_mains() -> None:
    laptop = Laptop(battery="discharges")
    laptop.beat()
    laptop.beat()
    laptop.battery = "idle"
    laptop.beat()
    laptop.battery = "discharges"

    assert energies(laptop.beat().readings) == [("rapl", 5 * WATT)]
    assert energies(laptop.beat().readings) == [("battery", 9 * WATT)]


def test_a_power_that_fails_for_a_moment_keeps_its_place() -> None:
    laptop = Laptop(battery="discharges")
    laptop.beat()
    laptop.beat()
    laptop.battery = "fails"
    for _ in range(10):
        assert energies(laptop.beat().readings) == []
    laptop.battery = "discharges"

    assert energies(laptop.beat().readings) == [("battery", 11 * 9 * WATT)]


def test_a_power_that_fails_for_long_loses_its_place_and_is_an_error() -> None:
    laptop = Laptop(battery="discharges")
    laptop.beat()
    laptop.beat()
    laptop.battery = "fails"
    for _ in range(15):
        assert energies(laptop.beat().readings) == []
    assert energies(laptop.beat().readings) == [("rapl", 5 * WATT)]
    assert laptop.state("battery") == (State.ERROR, "cannot be read: unreadable")
    assert sum(
        gap.duration_nanoseconds for step in laptop.steps for gap in step.gaps
    ) == 16 * NANOSECONDS_PER_SECOND  # fmt: skip
    laptop.battery = "discharges"
    laptop.beat()

    assert energies(laptop.beat().readings) == [("battery", 9 * WATT)]


def test_the_model_stands_in_for_a_register_that_is_gone_for_good() -> None:
    laptop = Laptop()
    laptop.beat()
    laptop.beat()
    laptop.package = "fails"
    for _ in range(12):
        assert energies(laptop.beat(10).readings) == []
    laptop.beat(10)
    assert laptop.counted() == ["model"]
    assert energies(laptop.beat(10).readings) == [("model", 300 * WATT)]

    laptop.package = "reads"
    laptop.beat(1)
    assert energies(laptop.beat(1).readings) == [("rapl", 5 * WATT)]
    assert laptop.counted() == ["rapl"]


def test_a_register_that_is_back_in_time_covers_its_absence() -> None:
    laptop = Laptop()
    laptop.beat()
    laptop.package = "fails"
    for _ in range(10):
        laptop.beat(10)
    laptop.package = "reads"

    assert energies(laptop.beat(10).readings) == [("rapl", 55 * WATT)]


def test_a_suspend_makes_nobody_silent() -> None:
    laptop = Laptop()
    laptop.beat()
    laptop.beat()
    laptop.clock.advance(3600, suspended=True)
    assert laptop.beat().gaps[0].reason == "suspend"

    assert laptop.counted() == ["rapl"]
    assert energies(laptop.beat().readings) == [("rapl", 5 * WATT)]


def test_a_count_that_reaches_back_into_another_s_time_is_handed_over_with_a_gap() -> None:
    """A wall meter of 10 s periods that comes to count: its first reading is partly RAPL's."""
    clock = ManualClock()
    meter = Point("external", "energy", "plug")
    said: list[list[Sample]] = [
        [IdleSample(meter, "not yet")], [CounterSample(meter, 10, None)], [], [],
        [CounterSample(meter, 40, None)], [], [CounterSample(meter, 60, None)],
    ]  # fmt: skip
    package = iter(range(0, 700, 100))
    table = {
        "external": lambda _: FakeSource(
            "external", [Zone(point=meter, scope=Scope.HOST)], lambda: said.pop(0)
        ),
        "rapl": lambda _: FakeSource(
            "rapl",
            [Zone(point=PACKAGE, scope=Scope.CPU)],
            lambda: [CounterSample(PACKAGE, next(package), None)],
        ),
    }
    observer = Observer(lambda: build_roster(table, HostPaths()), clock)
    steps = []
    for _ in range(7):
        clock.advance(1)
        steps.append(observer.beat())

    assert [energies(step.readings) for step in steps] == [
        [], [("rapl", 100)], [("rapl", 100)], [("rapl", 100)], [], [], [("external", 20)],
    ]  # fmt: skip
    assert [(g.source, g.reason, g.duration_nanoseconds) for g in steps[4].gaps] == [
        ("external", "handover", NANOSECONDS_PER_SECOND)
    ]


def test_what_the_supply_loses_follows_from_what_is_counted() -> None:
    clock = ManualClock()
    used = iter([0, 90, 180])
    table: dict[str, Callable[[HostPaths], Source]] = {
        "rapl": lambda _: FakeSource(
            "rapl",
            [Zone(point=PACKAGE, scope=Scope.CPU)],
            lambda: [CounterSample(PACKAGE, next(used), None)],
        ),
        "rest": lambda paths: rest.discover(
            paths, RestSettings(power_watts=10e-6, supply_efficiency=0.8)
        ),
    }
    observer = Observer(lambda: build_roster(table, HostPaths()), clock, supply_efficiency=0.8)
    for _ in range(2):
        clock.advance(1)
        step = observer.beat()

    assert energies(step.readings) == [("rapl", 90), ("rest", 10), ("rest", 25)]
    assert {one.series.quality for one in step.readings[1:]} == {Quality.MODELLED}


moods = st.lists(
    st.tuples(
        st.sampled_from(["idle", "discharges", "fails"]),
        st.sampled_from(["reads", "reads", "fails"]),
        st.integers(1, 30),
        st.sampled_from(["", "", "", "suspend", "look", "unplug"]),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(moods)
def test_no_time_is_counted_twice_and_none_is_lost_without_a_gap(
    script: list[tuple[str, str, int, str]],
) -> None:
    """Of every nanosecond at most one of battery, package and model is counted.

    All three tell the same truth here, so what is counted is that truth over the covered time.
    """
    laptop = Laptop(power=5 * WATT, model_power=5 * WATT)
    laptop.beat()
    began = laptop.clock.boottime
    energy = slept = 0
    spans: list[tuple[int, int, str]] = []
    for battery, package, seconds, then in script:
        laptop.battery, laptop.package = battery, package
        if then == "suspend":
            laptop.clock.advance(100, suspended=True)
            slept += 100 * NANOSECONDS_PER_SECOND
        if then == "look":
            laptop.observer.look_again()
            laptop.observer.wait_for_search()
        if then == "unplug":
            laptop.present = [name for name in laptop.present if name != "battery"]
        step = laptop.beat(seconds, 5 * WATT * seconds)
        energy += sum(quantity for _, quantity in energies(step.readings))
        spans += [
            (one.start_nanoseconds, one.end_nanoseconds, one.series.source)
            for one in step.readings
            if one.series.counted
        ]
        for reading in step.readings:
            assert reading.series == laptop.observer.series[_point(reading)]

    spans.sort()
    for (_, end, _), (start, _, _) in pairwise(spans):
        assert end <= start
    covered = sum(end - start for start, end, _ in spans)
    assert energy == 5 * WATT * covered // NANOSECONDS_PER_SECOND
    if not any(step.gaps or step.lost for step in laptop.steps):
        # Who was idle or new had another beside it, except for a first word.
        assert laptop.clock.boottime - began - slept - covered <= 30 * NANOSECONDS_PER_SECOND


def _point(reading: Reading) -> Point:
    return Point(reading.series.source, reading.series.domain, reading.series.instance)


@pytest.mark.parametrize("name", ["rapl", "battery"])
def test_a_source_that_is_gone_for_good_is_let_go(name: str) -> None:
    laptop = Laptop(battery="discharges" if name == "battery" else "idle")
    laptop.beat()
    laptop.beat()
    laptop.present.remove(name)
    laptop.package = laptop.battery = "fails"
    laptop.observer.look_again()
    laptop.observer.wait_for_search()
    laptop.beat()
    assert name in laptop.counted()
    for _ in range(13):
        laptop.beat(10)
    laptop.observer.look_again()
    laptop.observer.wait_for_search()
    laptop.beat()

    assert name not in {point.source for point in laptop.observer.series}
    with pytest.raises(KeyError):
        laptop.state(name)


def watched(
    clock: ManualClock,
    said: dict[str, tuple[Zone, Callable[[], Sequence[Sample]]]],
    registers: dict[Point, Register] | None = None,
) -> Observer:
    """Return an observer of sources of one zone each, which say what they are told to."""

    def one(name: str) -> Callable[[HostPaths], Source]:
        zone, sample = said[name]
        return lambda _: FakeSource(name, [zone], sample)

    return Observer(
        lambda: build_roster({name: one(name) for name in said}, HostPaths()), clock, registers
    )


def board(clock: ManualClock) -> tuple[Zone, Callable[[], Sequence[Sample]]]:
    return (
        Zone(point=GPU, scope=Scope.GPU),
        lambda: [CounterSample(GPU, clock.boottime, None)],
    )


def test_after_a_restart_a_spare_that_nobody_remembers_is_counted() -> None:
    """It is asked only while it is counted: in doubt it would stay silent for ever."""
    clock = ManualClock()
    model = Zone(point=MODEL, scope=Scope.HOST, quality=Quality.MODELLED)
    said = {
        "nvml": board(clock),
        "model": (model, lambda: [GaugeSample(MODEL, 9 * WATT, averaged=True)]),
    }
    observer = watched(clock, said, {GPU: Register(clock.boottime - 1, clock.boottime - 1)})
    for _ in range(3):
        clock.advance(1)
        step = observer.beat()

    assert [source for source, _ in energies(step.readings)] == ["nvml", "model"]


def test_after_a_restart_a_spare_may_fail_at_once() -> None:
    clock = ManualClock()
    model = Zone(point=MODEL, scope=Scope.HOST, quality=Quality.MODELLED)
    said: dict[str, tuple[Zone, Callable[[], Sequence[Sample]]]] = {
        "nvml": board(clock),
        "rapl": (
            Zone(point=PACKAGE, scope=Scope.CPU),
            lambda: [FailedSample(PACKAGE, "unreadable", "")],
        ),
        "model": (model, lambda: [FailedSample(MODEL, "unreadable", "")]),
    }
    observer = watched(clock, said, {GPU: Register(clock.boottime - 1, clock.boottime - 1)})
    clock.advance(1)

    assert set(observer.beat().lost) == {PACKAGE, MODEL}


def test_a_slow_meter_that_says_nothing_at_first_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, answers = ManualClock(), threading.Event()
    monkeypatch.setattr("wattgram_agent.observer.settle", partial(settle, seconds=0.0))

    def slow(_: HostPaths) -> Source:
        source = FakeSource(
            "battery",
            [Zone(point=BATTERY, scope=Scope.HOST)],
            lambda: [GaugeSample(BATTERY, 1, averaged=False)] if answers.wait(10) else [],
        )
        source.period_seconds = 15.0
        return source

    package = FakeSource(
        "rapl",
        [Zone(point=PACKAGE, scope=Scope.CPU)],
        lambda: [CounterSample(PACKAGE, clock.boottime, None)],
    )
    table = {"battery": slow, "rapl": lambda _: package}
    observer = Observer(lambda: build_roster(table, HostPaths()), clock)
    for _ in range(2):
        clock.advance(1)
        step = observer.beat()
    answers.set()

    assert energies(step.readings) == [("rapl", NANOSECONDS_PER_SECOND)]


def test_a_meter_that_is_found_later_is_counted_from_its_first_reading() -> None:
    laptop = Laptop(battery="discharges")
    laptop.present = ["rapl", "model"]
    laptop.observer = Observer(laptop.look, laptop.clock)
    laptop.beat()
    laptop.present = ["battery", "rapl", "model"]
    laptop.observer.look_again()
    laptop.observer.wait_for_search()

    assert energies(laptop.beat().readings) == [("rapl", 5 * WATT)]
    assert energies(laptop.beat().readings) == [("battery", 9 * WATT)]


METER = Point("ipmi", "dcmi", "0")


def test_a_slow_count_does_not_reach_back_into_the_time_of_another() -> None:
    """A BMC falls idle between two words of a battery, and is back before the next one."""
    clock = ManualClock()
    power, idle = GaugeSample(METER, 9 * WATT, averaged=True), IdleSample(METER, "idle")
    counts: list[list[Sample]] = [
        [CounterSample(BATTERY, 10, None)], [], [], [], [CounterSample(BATTERY, 50, None)],
        [], [], [CounterSample(BATTERY, 80, None)], [],
        [], [CounterSample(BATTERY, 110, None)],
    ]  # fmt: skip
    powers: list[Sample] = [power, power, power, idle, idle, idle, idle, idle, idle, power, power]
    observer = watched(
        clock,
        {
            "ipmi": (Zone(point=METER, scope=Scope.HOST), lambda: [powers.pop(0)]),
            "battery": (Zone(point=BATTERY, scope=Scope.HOST), lambda: counts.pop(0)),
        },
    )
    steps = []
    for _ in range(11):
        clock.advance(1)
        steps.append(observer.beat())

    assert [energies(step.readings) for step in steps] == [
        [], [("ipmi", 9 * WATT)], [("ipmi", 9 * WATT)], [], [], [], [], [("battery", 30)], [],
        [("ipmi", 9 * WATT)], [("ipmi", 9 * WATT)],
    ]  # fmt: skip
    assert [
        (second, gap.source, gap.reason, gap.duration_nanoseconds // NANOSECONDS_PER_SECOND)
        for second, step in enumerate(steps)
        for gap in step.gaps
    ] == [(4, "battery", "first_sample", 2), (9, "battery", "handover", 1)]


def test_a_meter_that_never_said_a_value_keeps_no_place() -> None:
    """An ACPI meter of 4.29 MW beside good registers: the sum is known from the first interval."""
    laptop = Laptop(battery="fails")
    laptop.beat()

    assert energies(laptop.beat().readings) == [("rapl", 5 * WATT)]
    assert laptop.state("battery") == (State.ERROR, "cannot be read: unreadable")


def test_a_source_that_breaks_its_promise_costs_nobody_else() -> None:
    clock = ManualClock()
    values = iter(range(10))

    def broken() -> Sequence[Sample]:
        raise ZeroDivisionError("a source must not")

    table = {
        "nvml": lambda _: FakeSource("nvml", [Zone(point=GPU, scope=Scope.GPU)], broken),
        "rapl": lambda _: FakeSource(
            "rapl",
            [Zone(point=PACKAGE, scope=Scope.CPU)],
            lambda: [CounterSample(PACKAGE, next(values), None)],
        ),
    }
    observer = Observer(lambda: build_roster(table, HostPaths()), clock)
    for _ in range(2):
        clock.advance(1)
        step = observer.beat()

    assert energies(step.readings) == [("rapl", 1)]
    assert step.lost[GPU].reason == "broken"
