"""A Mac's `powermetrics`: what it prints, and a program of that name that a test wrote."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Component, Quality, State
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.composition import compose
from wattgram_agent.source import (
    FailedSample,
    GaugeSample,
    HostPaths,
    IdleSample,
    Point,
    Sample,
    SourceUnavailableError,
)
from wattgram_agent.sources import powermetrics
from wattgram_agent.sources.powermetrics import Mac
from wattgram_agent.sources.powermetrics_child import Child, PowermetricsSource
from wattgram_agent.sources.powermetrics_text import SampleReader, mean_powers

ARM = Mac("darwin", "arm64", 23, is_root=True)
OLD_ARM = Mac("darwin", "arm64", 21, is_root=True)
INTEL = Mac("darwin", "x86_64", 23, is_root=True)

START = "*** Sampled system activity (Fri Nov 10 12:37:08 2023 +0100) (1004.51ms elapsed) ***"
COMBINED = "Combined Power (CPU + GPU + ANE)"
PACKAGE = Point("powermetrics", "package", "0")


def text_of(*powers: int, name: str = COMBINED) -> bytes:
    """Return samples of a new Mac, with the package at each of `powers` milliwatts."""
    return "".join(
        f"{START}\n\n**** Processor usage ****\n\nE-Cluster Power: 9 mW\n"
        f"CPU Power: {power - 2} mW\nGPU Power: 2 mW\nANE Power: 0 mW\n"
        f"{name}: {power} mW\n\n**** GPU usage ****\nGPU Power: 7777 mW\n"
        for power in powers
    ).encode()


def samples_of(*chunks: bytes) -> list[dict[str, int]]:
    reader = SampleReader()
    return [dict(sample) for chunk in chunks for sample in reader.feed(chunk)]


class FakeProgram:
    """A program that copies what the test gives it to its output."""

    def __init__(self, root: Path) -> None:
        self._pipe = root / "pipe"
        self.path = root / "powermetrics"
        self.starts = root / "starts"
        os.mkfifo(self._pipe)
        self.path.write_text(f'#!/bin/sh\necho "$@" >> {self.starts}\nexec cat {self._pipe}\n')
        self.path.chmod(0o755)
        self._input = -1

    def feed(self, data: bytes) -> None:
        """Wait until the program runs, and let it print `data`."""
        if self._input < 0:
            self._input = os.open(self._pipe, os.O_WRONLY)
        os.write(self._input, data)

    def end(self) -> None:
        """Let the program end by itself."""
        os.close(self._input)
        self._input = -1

    def arguments(self) -> list[str]:
        return self.starts.read_text().splitlines()


class Clock:
    def __init__(self) -> None:
        self.nanoseconds = 10**12

    def __call__(self) -> int:
        return self.nanoseconds

    def pass_seconds(self, seconds: int) -> None:
        self.nanoseconds += seconds * NANOSECONDS_PER_SECOND


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def program(tmp_path: Path) -> FakeProgram:
    return FakeProgram(tmp_path)


Start = Callable[[Mac], PowermetricsSource]


@pytest.fixture
def start(tmp_path: Path, program: FakeProgram, clock: Clock) -> Iterator[Start]:
    sources: list[PowermetricsSource] = []

    def begin(mac: Mac) -> PowermetricsSource:
        paths = HostPaths(sysfs=tmp_path, procfs=tmp_path)
        command = (str(program.path), *powermetrics.ARGUMENTS)
        source = powermetrics.discover(paths, mac, command, clock)
        assert isinstance(source, PowermetricsSource)
        sources.append(source)
        return sources[-1]

    yield begin
    for source in sources:
        source.close()


def until(
    source: PowermetricsSource, done: Callable[[Sequence[Sample]], bool]
) -> Sequence[Sample]:
    """Sample until the child's output has come through its pipe; the test's own limit ends it."""
    samples = source.sample()
    while not done(samples):
        os.sched_yield()
        samples = source.sample()
    return samples


def is_heard(samples: Sequence[Sample]) -> bool:
    return isinstance(samples[0], GaugeSample)


def is_failed(samples: Sequence[Sample]) -> bool:
    return isinstance(samples[0], FailedSample)


def test_a_sample_is_complete_with_the_power_of_the_package() -> None:
    assert samples_of(text_of(377)) == [
        {"cpu": 375_000, "gpu": 2_000, "ane": 0, "package": 377_000}
    ]


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_bytes_may_come_in_any_pieces(cut: int) -> None:
    data = text_of(377, 1_000)

    assert samples_of(data[:cut], data[cut:]) == samples_of(data)
    assert len(samples_of(data)) == 2


@pytest.mark.parametrize(
    ("line", "microwatts"),
    [
        ("Package Power: 1473 mW", 1_473_000),
        ("Combined Power (CPU + GPU + ANE): 0 mW", 0),
        ("Intel energy model derived package power (CPUs+GT+SA): 48.61W", 48_610_000),
        ("Intel energy model derived package power (CPUs+GT+SA): 0.58W\r", 580_000),
        ("Combined Power (CPU + GPU + ANE): 3248.07 mW", 3_248_070),
    ],
)
def test_the_package_has_had_several_names(line: str, microwatts: int) -> None:
    assert samples_of(f"{START}\n{line}\n".encode()) == [{"package": microwatts}]


@pytest.mark.parametrize(
    "line",
    [
        "Package Power: -5 mW",
        "Package Power: nan mW",
        "Package Power: 5",
        "Package Power: 99999999999999999999 mW",
        "E-Cluster Power: 105 mW",
        "Some Package Power: 5 mW",
        "Package Power: 5 mW 6 mW",
    ],
)
def test_other_lines_complete_nothing(line: str) -> None:
    assert samples_of(f"{START}\n{line}\n".encode()) == []


def test_a_package_before_any_sample_is_no_sample() -> None:
    assert samples_of(b"Package Power: 5 mW\n") == []


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    reader = SampleReader()
    for _ in range(64):
        list(reader.feed(b"x" * 8192))

    assert len(reader._rest) <= 1 << 16
    (sample,) = reader.feed(b"\n" + text_of(5))
    assert sample["package"] == 5_000


@given(st.binary(max_size=300) | st.text("*mW0123456789. :PowerCPU\n()", max_size=300))
def test_no_output_makes_parsing_raise(data: bytes | str) -> None:
    raw = data if isinstance(data, bytes) else data.encode()

    list(SampleReader().feed(START.encode() + b"\n" + raw + b"\n"))


@given(st.lists(st.integers(2, 10**6), min_size=1, max_size=5), st.data())
def test_any_cut_of_a_stream_gives_the_same_samples(
    powers: list[int], data: st.DataObject
) -> None:
    stream = text_of(*powers)
    cut = data.draw(st.integers(0, len(stream)))

    assert samples_of(stream[:cut], stream[cut:]) == samples_of(stream)
    assert [sample["package"] for sample in samples_of(stream)] == [p * 1000 for p in powers]


def test_a_mean_is_of_the_samples_that_have_the_domain() -> None:
    samples = [{"package": 10, "gpu": 4}, {"package": 21}]

    assert mean_powers(samples) == {"package": 15, "gpu": 4}


def test_the_captured_output_gives_every_sample(shared: Path) -> None:
    """A MacBookAir10,1 with macOS 12; the memory is not inside its package."""
    file = shared / "fixtures" / "codecarbon" / "mock_powermetrics_log.txt"
    samples = samples_of(file.read_bytes())

    assert len(samples) == 10
    assert samples[0] == {
        "ane": 0,
        "dram": 220_000,
        "cpu": 947_000,
        "gpu": 153_000,
        "package": 1_473_000,
    }
    assert [sample["package"] // 1000 for sample in samples[:5]] == [1473, 773, 396, 120, 284]
    assert all(sample["cpu"] + sample["gpu"] <= sample["package"] for sample in samples)
    assert any(
        sample["cpu"] + sample["gpu"] + sample["dram"] > sample["package"] for sample in samples
    )


@pytest.mark.parametrize(
    ("mac", "expected"),
    [
        (ARM, ["*package", "cpu", "gpu", "ane"]),
        (OLD_ARM, ["*package", "*dram", "cpu", "gpu", "ane"]),
        (INTEL, ["*package"]),
    ],
)
def test_the_zones_of_a_mac(start: Start, mac: Mac, expected: list[str]) -> None:
    decisions = compose(start(mac).zones())

    assert [f"{'*' * one.counted}{one.zone.point.domain}" for one in decisions] == expected
    assert {one.zone.quality for one in decisions} == {Quality.MODELLED}
    assert decisions[0].zone.component is Component.CPU
    assert all(one.zone.refusal == "inside the package" for one in decisions if not one.counted)


def test_finding_it_starts_nothing_and_the_first_sample_starts_it_once(
    start: Start, program: FakeProgram
) -> None:
    source = start(ARM)
    assert not program.starts.exists()

    assert source.sample()[0] == IdleSample(PACKAGE, "powermetrics has just started")
    program.feed(text_of(100))
    until(source, is_heard)

    assert program.arguments() == ["--samplers cpu_power,gpu_power -i 1000 -b 1 -f text"]


def test_a_beat_has_the_mean_of_what_came_since_the_last(
    start: Start, program: FakeProgram
) -> None:
    source = start(ARM)
    source.sample()
    program.feed(text_of(100, 300))

    assert until(source, is_heard) == [
        GaugeSample(PACKAGE, 200_000, averaged=True),
        GaugeSample(PACKAGE._replace(domain="cpu"), 198_000, averaged=True),
        GaugeSample(PACKAGE._replace(domain="gpu"), 2_000, averaged=True),
        GaugeSample(PACKAGE._replace(domain="ane"), 0, averaged=True),
    ]


def test_a_power_holds_for_a_while_and_then_is_unknown(
    start: Start, program: FakeProgram, clock: Clock
) -> None:
    source = start(INTEL)
    source.sample()
    program.feed(text_of(100))
    until(source, is_heard)

    clock.pass_seconds(5)
    assert source.sample() == [GaugeSample(PACKAGE, 100_000, averaged=True)]
    clock.pass_seconds(1)
    (sample,) = source.sample()
    assert isinstance(sample, FailedSample)
    assert sample.reason == "timeout"

    program.feed(text_of(70))
    assert until(source, is_heard) == [GaugeSample(PACKAGE, 70_000, averaged=True)]


def test_a_program_that_never_speaks_is_a_failure(start: Start, clock: Clock) -> None:
    source = start(INTEL)
    source.sample()
    clock.pass_seconds(6)

    (sample,) = source.sample()

    assert isinstance(sample, FailedSample)
    assert sample.reason == "timeout"


def test_a_power_that_this_release_does_not_give_is_not_zero(
    start: Start, program: FakeProgram
) -> None:
    source = start(OLD_ARM)
    source.sample()
    program.feed(text_of(100))

    assert until(source, is_heard)[1] == IdleSample(
        PACKAGE._replace(domain="dram"), "powermetrics does not give dram here"
    )


def test_a_program_that_ends_is_started_again_but_not_at_once(
    start: Start, program: FakeProgram, clock: Clock
) -> None:
    source = start(INTEL)
    source.sample()
    program.feed(b"Second underflow occurred\n")
    program.end()

    (sample,) = until(source, is_failed)
    assert sample == FailedSample(
        PACKAGE, "unreadable", "powermetrics ended: Second underflow occurred"
    )
    clock.pass_seconds(9)
    assert is_failed(source.sample())
    assert len(program.arguments()) == 1

    clock.pass_seconds(1)
    source.sample()
    program.feed(text_of(100))
    assert until(source, is_heard) == [GaugeSample(PACKAGE, 100_000, averaged=True)]
    assert len(program.arguments()) == 2


def test_a_program_that_was_started_again_has_not_yet_spoken(
    start: Start, program: FakeProgram, clock: Clock
) -> None:
    source = start(INTEL)
    source.sample()
    program.feed(text_of(100))
    until(source, is_heard)
    program.end()
    clock.pass_seconds(10)
    until(source, lambda _: source._child is None)

    assert source.sample() == [IdleSample(PACKAGE, "powermetrics has just started")]


def test_a_program_that_cannot_be_started_is_a_failure(
    start: Start, program: FakeProgram, clock: Clock
) -> None:
    source = start(INTEL)
    program.path.unlink()

    for _ in range(2):
        (sample,) = source.sample()
        assert isinstance(sample, FailedSample)
        assert "No such file" in sample.detail


def test_closing_ends_the_program_and_may_be_done_twice(
    start: Start, program: FakeProgram
) -> None:
    source = start(ARM)
    source.sample()
    child = source._child
    assert child is not None
    source.close()
    source.close()

    assert child._process.returncode is not None


def test_reading_never_waits_and_tells_the_end(tmp_path: Path) -> None:
    child = Child((sys.executable, "-c", "print('one'); print('two')"))
    data = b""
    arrived = child.read()
    while arrived is not None:
        data += arrived
        arrived = child.read()
    child.close()

    assert data.split() == [b"one", b"two"]


@pytest.mark.parametrize(
    ("mac", "state", "reason"),
    [
        (Mac("linux", "x86_64", 0, is_root=True), State.ABSENT, "not macOS"),
        (Mac("win32", "AMD64", 0, is_root=False), State.ABSENT, "not macOS"),
        (ARM._replace(is_root=False), State.PERMISSION_DENIED, "superuser"),
    ],
)
def test_why_it_cannot_be_asked_is_said(
    tmp_path: Path, program: FakeProgram, mac: Mac, state: State, reason: str
) -> None:
    with pytest.raises(SourceUnavailableError, match=reason) as caught:
        powermetrics.discover(
            HostPaths(sysfs=tmp_path, procfs=tmp_path), mac, (str(program.path),)
        )
    assert caught.value.state is state
    assert caught.value.fix == ("sudo wattgram-agent run" if "super" in reason else "")


def test_a_mac_without_the_program_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match="cannot be run") as caught:
        powermetrics.discover(HostPaths(), ARM, (str(tmp_path / "none"),))
    assert caught.value.state is State.ABSENT


@pytest.mark.skipif(sys.platform == "darwin", reason="this is about all other systems")
def test_other_systems_are_told_apart_before_anything_else() -> None:
    with pytest.raises(SourceUnavailableError, match="not macOS"):
        powermetrics.discover(HostPaths())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no uname")
def test_this_host_says_what_it_is() -> None:
    mac = powermetrics.this_mac()

    assert (mac.platform, mac.machine) == (sys.platform, os.uname().machine)
    assert str(mac.darwin) == os.uname().release.partition(".")[0]
    assert mac.is_root is (os.geteuid() == 0)
