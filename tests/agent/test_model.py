"""The labelled model, against small procfs trees."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram.readings import Component, Kind, Quality, State
from wattgram_agent.coefficients import Bounds, coefficients_for
from wattgram_agent.estimate import Machine, envelope, estimate
from wattgram_agent.processors import CpuIdentity
from wattgram_agent.source import (
    FailedSample,
    GaugeSample,
    HostPaths,
    Point,
    Sample,
    Scope,
    SourceUnavailableError,
)
from wattgram_agent.sources import model
from wattgram_agent.sources.model import CpuTimes, busy_ratio
from wattgram_agent.sysfs import state_of

LOW, MID, HIGH = HOST = tuple(Point("model", "host", bound) for bound in Bounds._fields)
PACKAGE = tuple(Point("model", "package", bound) for bound in Bounds._fields)
EPYC = CpuIdentity(vendor_id="AuthenticAMD", family=25, model=1, model_name="AMD EPYC 7763")
ROW = coefficients_for(EPYC)
MACHINE = Machine(coefficients=ROW, threads=4, tdp_watts=280)
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


def expected(ratio: float) -> list[Sample]:
    power = estimate(envelope(MACHINE), ratio)
    assert power.package
    return [
        GaugeSample(point, microwatts, averaged=True)
        for point, microwatts in zip((*HOST, *PACKAGE), (*power.host, *power.package), strict=True)
    ]


def reasons(samples: Sequence[Sample]) -> list[str]:
    return [sample.reason for sample in samples if isinstance(sample, FailedSample)]


def test_only_the_middle_of_the_host_may_be_counted(host: Host) -> None:
    zones = model.discover(host.paths).zones()

    assert [zone.point for zone in zones] == [*HOST, *PACKAGE]
    assert [zone.point for zone in zones if not zone.refusal] == [MID]
    for zone in zones:
        assert zone.quality is Quality.MODELLED
        assert zone.kind is Kind.ENERGY
    assert {zone.component for zone in zones[:3]} == {Component.OTHER}
    assert {zone.scope for zone in zones[:3]} == {Scope.HOST}


def test_the_packages_are_shown_as_a_part_of_the_host(host: Host) -> None:
    for zone in model.discover(host.paths).zones()[3:]:
        assert zone.scope is Scope.PART
        assert zone.component is Component.CPU
        assert zone.refusal == "inside the modelled host"


def test_a_zone_says_what_the_guess_is_based_on(host: Host) -> None:
    location = model.discover(host.paths).zones()[0].location

    assert location == (
        f"zen-3, 4 threads, 1 x 280 W (vendor's TDP via CodeCarbon), {ROW.source}, "
        "confidence medium"
    )
    assert "SPECpower_ssj2008" in location


def test_a_guest_says_that_it_is_one(host: Host) -> None:
    host.write_cpuinfo("processor : 0\nflags : fpu hypervisor\n")

    location = model.discover(host.paths).zones()[0].location
    assert location.startswith("unknown, 1 threads of a virtual machine, ")
    assert location.endswith("confidence low")


def sell(host: Host, **names: str) -> HostPaths:
    dmi = host.procfs / "sys" / "class" / "dmi" / "id"
    dmi.mkdir(parents=True)
    for name, text in names.items():
        (dmi / name).write_text(f"{text}\n")
    return HostPaths(sysfs=host.procfs / "sys", procfs=host.procfs)


def test_a_masked_guest_is_known_by_what_was_sold(host: Host) -> None:
    host.write_cpuinfo("processor : 0\nmodel name : Intel Xeon\nflags : fpu hypervisor\n")
    paths = sell(host, sys_vendor="Amazon EC2", product_name="m6i.large")

    location = model.discover(paths).zones()[0].location
    assert location.startswith(
        "ice-lake, 1 threads of a virtual machine, Amazon EC2 m6i.large, SPECpower"
    )


def test_the_processor_of_a_guest_says_nothing_of_its_share(host: Host) -> None:
    text = f"processor : 0\nmodel name : {EPYC.model_name}\nflags : fpu hypervisor\n"
    host.write_cpuinfo(text)

    location = model.discover(sell(host, sys_vendor="Google")).zones()[0].location
    assert location.startswith("zen-3, 1 threads of a virtual machine, Google Compute Engine, ")
    assert "TDP" not in location


def test_two_sockets_have_twice_the_power_of_one(host: Host) -> None:
    cpu = f"vendor_id : AuthenticAMD\nmodel name : {EPYC.model_name}\n"
    host.write_cpuinfo(
        "\n".join(f"processor : {n}\nphysical id : {n % 2}\n{cpu}" for n in range(8))
    )

    assert "8 threads, 2 x 280 W (" in model.discover(host.paths).zones()[0].location


def test_cores_of_one_thread_are_whole_ones(host: Host) -> None:
    lonely = "processor : 0\nsiblings : 1\ncpu cores : 1\n"
    host.write_cpuinfo(lonely)
    alone = model.discover(host.paths)
    host.write_cpuinfo("processor : 0\nsiblings : 2\ncpu cores : 1\n")
    shared = model.discover(host.paths)

    assert alone._envelope.host_full.mid == 2 * shared._envelope.host_full.mid


def test_the_first_sample_is_a_baseline_and_not_a_power(host: Host) -> None:
    assert model.discover(host.paths).sample() == []


def test_power_follows_the_part_of_the_time_that_was_worked(host: Host) -> None:
    source = model.discover(host.paths)
    source.sample()
    host.run(user=100, nice=50, system=30, irq=10, softirq=10, idle=150, iowait=50)

    assert source.sample() == expected(0.5)


def test_an_idle_host_draws_its_idle_power_and_not_nothing(host: Host) -> None:
    source = model.discover(host.paths)
    source.sample()
    host.run(idle=400)
    samples = source.sample()

    assert samples == expected(0.0)
    assert all(isinstance(s, GaugeSample) and s.power_microwatts > 0 for s in samples)


def test_stolen_time_is_time_but_not_our_work(host: Host) -> None:
    source = model.discover(host.paths)
    source.sample()
    host.run(user=100, steal=300)

    assert source.sample() == expected(0.25)


def test_the_time_of_guests_is_not_counted_twice(host: Host) -> None:
    source = model.discover(host.paths)
    source.sample()
    host.run(user=100, idle=100, guest=100)

    assert source.sample() == expected(0.5)


def test_a_field_that_goes_backwards_counts_as_unmoved(host: Host) -> None:
    source = model.discover(host.paths)
    source.sample()
    host.run(user=100, idle=100, iowait=-90, steal=-50)

    assert source.sample() == expected(0.5)


def test_every_sample_is_about_the_time_since_the_one_before(host: Host) -> None:
    source = model.discover(host.paths)
    source.sample()
    host.run(user=100)
    assert source.sample() == expected(1.0)
    host.run(idle=100)

    assert source.sample() == expected(0.0)


def test_no_cpu_time_is_a_gap_and_not_the_last_power_again(host: Host) -> None:
    source = model.discover(host.paths)
    source.sample()

    assert reasons(source.sample()) == ["no_cpu_time"] * 6


@pytest.mark.parametrize(
    "stat",
    [
        *(None, "", "cpu\n", "cpu  1 2 3\n", "cpu  1 2 3 four 5 6 7 8 9 10\n"),
        "cpu  1 2 3 nan 5 6 7 8 9 10\n",
        f"cpu  1 2 3 {'9' * 400} 5 6 7 8 9 10\n",
    ],
)
def test_a_stat_that_cannot_be_read_now_is_a_gap(host: Host, stat: str | None) -> None:
    source = model.discover(host.paths)
    source.sample()
    if stat is None:
        (host.procfs / "stat").unlink()
    else:
        host.write_stat(stat)
    samples = source.sample()
    assert reasons(samples) == ["unreadable"] * 6
    assert [sample.point for sample in samples] == [*HOST, *PACKAGE]

    host.run(user=100, idle=300)
    assert source.sample() == expected(0.25)


def test_a_failure_before_the_baseline_is_no_baseline(host: Host) -> None:
    source = model.discover(host.paths)
    host.write_stat("")
    assert reasons(source.sample()) == ["unreadable"] * 6
    host.run()

    assert source.sample() == []


def test_the_running_kernels_fields_are_not_guessed(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where psutil could not read the kernel's own file it takes the third number for idle."""
    source = model.discover(host.paths)
    monkeypatch.setattr(psutil, "cpu_times", object)

    assert reasons(source.sample()) == ["unreadable"] * 6


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

    zones = model.discover(host.paths).zones()
    assert zones[0].location.startswith("raspberry-pi-4, 1 threads")
    assert [zone.point for zone in zones] == [*HOST]


def test_a_board_is_sampled_as_a_whole(host: Host) -> None:
    host.write_cpuinfo("processor : 0\nModel : Raspberry Pi 4 Model B Rev 1.4\n")
    source = model.discover(host.paths)
    source.sample()
    host.run(idle=100)

    assert [sample.point for sample in source.sample()] == [*HOST]
    host.write_stat("")
    assert reasons(source.sample()) == ["unreadable"] * 3


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
    assert state_of(PermissionError()) is State.PERMISSION_DENIED


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


garbage = st.binary(max_size=200) | st.sampled_from(
    [b"", b"\0", b"cpu", b"processor : 0\n" * 3, b"Amazon EC2\n", b"m5.large\n", b"\xff\xfe"]
)


@given(
    stat=garbage | st.just(b"cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n"),
    cpuinfo=garbage,
    dmi=garbage,
)
def test_any_garbage_is_a_model_or_a_reason(stat: bytes, cpuinfo: bytes, dmi: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "class" / "dmi" / "id").mkdir(parents=True)
        for file in ("sys_vendor", "product_name", "chassis_asset_tag"):
            (root / "class" / "dmi" / "id" / file).write_bytes(dmi)
        (root / "stat").write_bytes(stat)
        (root / "cpuinfo").write_bytes(cpuinfo)
        with contextlib.suppress(SourceUnavailableError):
            source = model.discover(HostPaths(sysfs=root, procfs=root))
            assert source.zones()
            assert source.sample() == []
        psutil.PROCFS_PATH = "/proc"
