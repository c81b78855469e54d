"""The labelled model, against small procfs trees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Component, Kind, Quality, State
from wattgram_agent.coefficients import Bounds, CpuIdentity, coefficients_for, power_microwatts
from wattgram_agent.source import (
    FailedSample,
    GaugeSample,
    HostPaths,
    Point,
    Sample,
    SourceUnavailableError,
)
from wattgram_agent.sources import model
from wattgram_agent.sources.model import CpuTimes, ModelSource, busy_ratio

LOW, MID, HIGH = (Point("model", "host", bound) for bound in ("low", "mid", "high"))
EPYC = CpuIdentity(vendor_id="AuthenticAMD", family=25, model=1, model_name="AMD EPYC 7763")
ROW = coefficients_for(EPYC)
NOTHING = CpuTimes(*(0.0 for _ in CpuTimes._fields))

seconds = st.floats(0, 2.0**32)
times = st.builds(CpuTimes, *(seconds for _ in CpuTimes._fields))


class Host:
    """A procfs tree with `threads` threads; `run` lets time pass in clock ticks."""

    def __init__(self, procfs: Path, threads: int) -> None:
        self.procfs = procfs
        self.threads = threads
        self.ticks = dict.fromkeys(CpuTimes._fields, 100)
        procfs.mkdir(exist_ok=True)
        cpuinfo = (
            f"vendor_id : {EPYC.vendor_id}\ncpu family : 25\nmodel : 1\n"
            f"model name : {EPYC.model_name}\nflags : fpu\n"
        )
        self.write_cpuinfo("\n".join(f"processor : {n}\n{cpuinfo}" for n in range(threads)))
        self.run()

    @property
    def paths(self) -> HostPaths:
        return HostPaths(sysfs=self.procfs / "no-sysfs", procfs=self.procfs)

    def write_cpuinfo(self, text: str) -> None:
        (self.procfs / "cpuinfo").write_text(text)

    def write_stat(self, text: str) -> None:
        (self.procfs / "stat").write_text(text)

    def run(self, *, guest: int = 0, **ticks: int) -> None:
        for name, count in ticks.items():
            self.ticks[name] += count
        numbers = " ".join(str(count) for count in self.ticks.values())
        lines = [f"cpu  {numbers} {guest} 0"]
        lines += [f"cpu{n} {numbers} {guest} 0" for n in range(self.threads)]
        self.write_stat("\n".join([*lines, "intr 1 2 3", "ctxt 5", ""]))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(psutil, "PROCFS_PATH", "/proc", raising=False)
    return Host(tmp_path / "proc", threads=4)


def expected(threads: int, ratio: float) -> list[Sample]:
    return [
        GaugeSample(point, microwatts, averaged=True)
        for point, microwatts in zip(
            (LOW, MID, HIGH), power_microwatts(ROW, threads, ratio), strict=True
        )
    ]


def reasons(samples: Sequence[Sample]) -> list[str]:
    return [sample.reason for sample in samples if isinstance(sample, FailedSample)]


def test_there_are_three_zones_and_only_the_middle_may_be_counted(host: Host) -> None:
    zones = model.discover(host.paths).zones()

    assert [zone.point for zone in zones] == [LOW, MID, HIGH]
    assert [bool(zone.refusal) for zone in zones] == [True, False, True]
    for zone in zones:
        assert zone.quality is Quality.MODELLED
        assert zone.component is Component.OTHER
        assert zone.kind is Kind.ENERGY


def test_a_zone_says_what_the_guess_is_based_on(host: Host) -> None:
    location = model.discover(host.paths).zones()[0].location

    assert location == f"zen-3, 4 threads, {ROW.source}"
    assert "SPECpower_ssj2008" in location


def test_a_guest_says_that_it_is_one(host: Host) -> None:
    host.write_cpuinfo("processor : 0\nflags : fpu hypervisor\n")

    location = model.discover(host.paths).zones()[0].location
    assert location.startswith("unknown, 1 threads of a virtual machine, ")


def test_the_first_sample_is_a_baseline_and_not_a_power(host: Host) -> None:
    assert model.discover(host.paths).sample() == []


def test_power_follows_the_part_of_the_time_that_was_worked(host: Host) -> None:
    source = model.discover(host.paths)
    source.sample()
    host.run(user=100, nice=50, system=30, irq=10, softirq=10, idle=150, iowait=50)

    assert source.sample() == expected(4, 0.5)


def test_an_idle_host_draws_its_idle_power_and_not_nothing(host: Host) -> None:
    source = model.discover(host.paths)
    source.sample()
    host.run(idle=400)
    samples = source.sample()

    assert samples == expected(4, 0.0)
    assert all(isinstance(s, GaugeSample) and s.power_microwatts > 0 for s in samples)


def test_stolen_time_is_time_but_not_our_work(host: Host) -> None:
    source = model.discover(host.paths)
    source.sample()
    host.run(user=100, steal=300)

    assert source.sample() == expected(4, 0.25)


def test_the_time_of_guests_is_not_counted_twice(host: Host) -> None:
    source = model.discover(host.paths)
    source.sample()
    host.run(user=100, idle=100, guest=100)

    assert source.sample() == expected(4, 0.5)


def test_a_field_that_goes_backwards_counts_as_unmoved(host: Host) -> None:
    source = model.discover(host.paths)
    source.sample()
    host.run(user=100, idle=100, iowait=-90, steal=-50)

    assert source.sample() == expected(4, 0.5)


def test_every_sample_is_about_the_time_since_the_one_before(host: Host) -> None:
    source = model.discover(host.paths)
    source.sample()
    host.run(user=100)
    assert source.sample() == expected(4, 1.0)
    host.run(idle=100)

    assert source.sample() == expected(4, 0.0)


def test_no_cpu_time_is_a_gap_and_not_the_last_power_again(host: Host) -> None:
    source = model.discover(host.paths)
    source.sample()

    assert reasons(source.sample()) == ["no_cpu_time"] * 3


@pytest.mark.parametrize(
    "stat", [None, "", "cpu\n", "cpu  1 2 3\n", "cpu  1 2 3 four 5 6 7 8 9 10\n"]
)
def test_a_stat_that_cannot_be_read_now_is_a_gap(host: Host, stat: str | None) -> None:
    source = model.discover(host.paths)
    source.sample()
    if stat is None:
        (host.procfs / "stat").unlink()
    else:
        host.write_stat(stat)
    samples = source.sample()
    assert reasons(samples) == ["unreadable"] * 3
    assert [sample.point for sample in samples] == [LOW, MID, HIGH]

    host.run(user=100, idle=300)
    assert source.sample() == expected(4, 0.25)


def test_a_failure_before_the_baseline_is_no_baseline(host: Host) -> None:
    source = model.discover(host.paths)
    host.write_stat("")
    assert reasons(source.sample()) == ["unreadable"] * 3
    host.run()

    assert source.sample() == []


def test_the_running_kernels_fields_are_not_guessed(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where psutil could not read the kernel's own file it takes the third number for idle."""
    source = model.discover(host.paths)
    monkeypatch.setattr(psutil, "cpu_times", object)

    assert reasons(source.sample()) == ["unreadable"] * 3


def test_threads_are_those_of_the_host_and_not_of_this_process(host: Host, tmp_path: Path) -> None:
    big = Host(tmp_path / "big", threads=1_000)

    assert "1000 threads" in model.discover(big.paths).zones()[0].location


def test_without_cpuinfo_threads_are_counted_in_stat_and_the_cpu_is_unknown(host: Host) -> None:
    (host.procfs / "cpuinfo").unlink()

    assert model.discover(host.paths).zones()[0].location.startswith("unknown, 4 threads")


def test_a_board_that_only_the_device_tree_names_is_known(host: Host) -> None:
    host.write_cpuinfo("processor : 0\nCPU implementer : 0x41\nCPU part : 0xd08\n")
    (host.procfs / "device-tree").mkdir()
    (host.procfs / "device-tree" / "model").write_text("Raspberry Pi 4 Model B Rev 1.4\0")

    assert model.discover(host.paths).zones()[0].location.startswith("raspberry-pi-4, 1 threads")


def lose_stat(host: Host) -> None:
    (host.procfs / "stat").unlink()


def hide_stat(host: Host) -> None:
    lose_stat(host)
    (host.procfs / "stat").mkdir()


def empty_stat(host: Host) -> None:
    host.write_cpuinfo("")
    host.write_stat("")


def break_stat(host: Host) -> None:
    host.write_stat("cpu  one\n")


@pytest.mark.parametrize(
    ("spoil", "state"),
    [
        (lose_stat, State.ABSENT),
        (hide_stat, State.ERROR),
        (empty_stat, State.ERROR),
        (break_stat, State.ERROR),
    ],
)
def test_a_host_that_does_not_tell_its_cpu_time_has_no_model(
    host: Host, spoil: Callable[[Host], None], state: State
) -> None:
    spoil(host)

    with pytest.raises(SourceUnavailableError) as caught:
        model.discover(host.paths)
    assert caught.value.state is state
    assert "stat" in caught.value.reason


def test_a_stat_that_may_not_be_read_is_permission_denied() -> None:
    assert model.state_of(PermissionError()) is State.PERMISSION_DENIED


def test_closing_ends_nothing_that_another_needs(host: Host) -> None:
    source = model.discover(host.paths)
    source.close()
    source.close()

    assert source.sample() == []
    assert model.discover(host.paths).zones() == source.zones()


@given(previous=times, current=times)
def test_the_busy_part_is_between_nothing_and_everything(
    previous: CpuTimes, current: CpuTimes
) -> None:
    ratio = busy_ratio(previous, current)

    assert ratio is None or 0 <= ratio <= 1


@given(current=times)
def test_no_time_is_no_ratio(current: CpuTimes) -> None:
    assert busy_ratio(current, current) is None


@given(user=st.integers(1, 2**20), steal=st.integers(0, 2**20))
def test_more_stolen_time_never_makes_the_host_busier(user: int, steal: int) -> None:
    quiet = busy_ratio(NOTHING, NOTHING._replace(user=user, idle=user))
    robbed = busy_ratio(NOTHING, NOTHING._replace(user=user, idle=user, steal=steal))

    assert quiet is not None
    assert robbed is not None
    assert robbed <= quiet


@given(ratio=st.floats(0, 1), threads=st.integers(1, 512))
def test_the_bounds_are_around_the_middle(ratio: float, threads: int) -> None:
    source = ModelSource(HostPaths(), ROW, threads)
    power = power_microwatts(ROW, threads, ratio)

    assert [zone.point.instance for zone in source.zones()] == list(Bounds._fields)
    assert power.low <= power.mid <= power.high
