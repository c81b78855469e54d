"""GPUs through NVML, against a library in memory."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import fake_nvml
from fake_nvml import ENERGY, POWER, FakeGpu, FakeNvml
from wattgram.readings import Component, Quality, State
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    GaugeSample,
    HostPaths,
    Point,
    SourceUnavailableError,
)
from wattgram_agent.sources import nvml, nvml_verdicts

REASONS = {"unreadable", "gpu_lost", "permission_denied", "driver_mismatch"}
POINT = Point("nvml", "gpu", "GPU-aaaa")
OTHER = Point("nvml", "gpu", "GPU-bbbb")
DEVICE_CALLS = (
    "nvmlDeviceGetHandleByIndex",
    "nvmlDeviceGetUUID",
    "nvmlDeviceGetName",
    "nvmlDeviceGetPciInfo",
    "nvmlDeviceGetArchitecture",
    "nvmlDeviceGetC2cModeInfoV",
    ENERGY,
    POWER,
)


class Clock:
    def __init__(self) -> None:
        self.nanoseconds = 0

    def __call__(self) -> int:
        return self.nanoseconds

    def pass_seconds(self, seconds: int) -> None:
        self.nanoseconds += seconds * NANOSECONDS_PER_SECOND


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def start(tmp_path: Path, clock: Clock) -> Callable[[FakeNvml], nvml.NvmlSource]:
    paths = HostPaths(sysfs=tmp_path / "sys", procfs=tmp_path / "proc")
    return lambda library: nvml.discover(paths, library, clock)


Start = Callable[[FakeNvml], nvml.NvmlSource]


def two_gpus() -> tuple[FakeGpu, FakeGpu]:
    return FakeGpu(), FakeGpu(uuid="GPU-bbbb", bus_id="00000000:02:00.0", millijoules=9_000)


def test_a_gpu_is_one_zone_named_by_its_uuid(start: Start) -> None:
    (zone,) = start(FakeNvml([FakeGpu()])).zones()

    assert zone.point == POINT
    assert zone.component is Component.GPU
    assert zone.quality is Quality.MEASURED
    assert zone.location == "NVIDIA L40S, PCI 00000000:01:00.0"
    assert not zone.refusal


def test_the_energy_counter_is_read_in_microjoules_and_its_range_is_unknown(start: Start) -> None:
    source = start(FakeNvml([FakeGpu(millijoules=5_000)]))

    assert source.sample() == [CounterSample(POINT, 5_000_000, None)]


def test_a_counter_that_was_reset_is_passed_on_as_it_is(start: Start) -> None:
    gpu = FakeGpu(millijoules=5_000)
    source = start(FakeNvml([gpu]))
    source.sample()
    gpu.millijoules = 3

    assert source.sample() == [CounterSample(POINT, 3_000, None)]


def test_a_gpu_without_a_counter_is_read_by_its_power(start: Start) -> None:
    library = FakeNvml([FakeGpu(milliwatts=70_123, errors={ENERGY: fake_nvml.NOT_SUPPORTED})])
    source = start(library)
    source.sample()

    assert source.sample() == [GaugeSample(POINT, 70_123_000, averaged=True)]
    assert library.calls[ENERGY] == 1


def test_a_gpu_without_a_power_is_read_by_its_counter(start: Start) -> None:
    source = start(FakeNvml([FakeGpu(errors={POWER: fake_nvml.NOT_SUPPORTED})]))

    assert isinstance(source.sample()[0], CounterSample)


def test_a_counter_that_fails_for_a_while_is_not_replaced_by_the_power(start: Start) -> None:
    """A register and a power are not values of one meter: their difference means nothing."""
    gpu = FakeGpu()
    source = start(FakeNvml([gpu]))
    gpu.errors[ENERGY] = fake_nvml.NOT_SUPPORTED

    assert isinstance(source.sample()[0], FailedSample)
    gpu.errors.clear()
    assert isinstance(source.sample()[0], CounterSample)


def test_a_counter_that_is_slow_at_first_is_waited_for(start: Start) -> None:
    first, second = two_gpus()
    first.errors[ENERGY] = fake_nvml.TIMEOUT
    source = start(FakeNvml([first, second]))
    assert [type(sample) for sample in source.sample()] == [FailedSample, CounterSample]
    first.errors.clear()

    assert source.sample()[0] == CounterSample(POINT, 5_000_000, None)


@pytest.mark.parametrize(
    ("architecture", "device_id", "averaged"),
    [
        (fake_nvml.VOLTA, 0x1DB1, False),
        (fake_nvml.AMPERE, 0x2204, True),
        (fake_nvml.AMPERE, 0x20B0, False),
        (fake_nvml.HOPPER, 0x2330, True),
        (fake_nvml.UNKNOWN_ARCHITECTURE, 0x2330, False),
    ],
)
def test_power_is_a_mean_from_ampere_on_but_not_on_ga100(
    start: Start, architecture: int, device_id: int, *, averaged: bool
) -> None:
    gpu = FakeGpu(
        architecture=architecture,
        device_id=device_id,
        errors={ENERGY: fake_nvml.NOT_SUPPORTED},
    )

    assert start(FakeNvml([gpu])).sample() == [GaugeSample(POINT, 70_000_000, averaged)]


def test_the_zone_says_that_the_sensor_does_not_look_all_the_time(start: Start) -> None:
    gpu = FakeGpu(name="NVIDIA H200", architecture=fake_nvml.HOPPER, device_id=0x2335)

    assert "25 of every 100 ms" in start(FakeNvml([gpu])).zones()[0].location


def test_the_module_counter_of_a_superchip_is_not_the_gpus(start: Start) -> None:
    library = FakeNvml([FakeGpu(name="NVIDIA GH200", architecture=fake_nvml.HOPPER, c2c=True)])

    assert start(library).sample() == [GaugeSample(POINT, 70_000_000, averaged=True)]
    assert library.calls[ENERGY] == 0


def test_a_superchip_that_tells_only_its_module_is_absent(start: Start) -> None:
    gpu = FakeGpu(c2c=True, errors={POWER: fake_nvml.NOT_SUPPORTED})

    with pytest.raises(SourceUnavailableError) as caught:
        start(FakeNvml([gpu]))
    assert caught.value.state is State.ABSENT


@pytest.mark.parametrize("milliwatts", [0, 2**32 - 1])
def test_a_power_that_no_gpu_draws_is_no_power(start: Start, milliwatts: int) -> None:
    gpu = FakeGpu(errors={ENERGY: fake_nvml.NOT_SUPPORTED})
    source = start(FakeNvml([gpu]))
    gpu.milliwatts = milliwatts

    (sample,) = source.sample()
    assert isinstance(sample, FailedSample)
    assert sample.reason == "unreadable"


def test_a_counter_with_all_bits_set_is_no_energy(start: Start) -> None:
    gpu = FakeGpu()
    source = start(FakeNvml([gpu]))
    gpu.millijoules = 2**64 - 1

    assert isinstance(source.sample()[0], FailedSample)


def test_a_partition_is_not_a_zone_and_its_board_is_one_once(start: Start) -> None:
    partition = FakeGpu(uuid="MIG-aaaa", errors={POWER: fake_nvml.NOT_SUPPORTED})
    source = start(FakeNvml([FakeGpu(), partition, FakeGpu()]))

    assert [zone.point for zone in source.zones()] == [POINT]
    assert len(source.sample()) == 1


def test_one_lost_gpu_does_not_stop_the_other(start: Start) -> None:
    first, second = two_gpus()
    source = start(FakeNvml([first, second]))
    first.errors[ENERGY] = fake_nvml.GPU_IS_LOST

    lost, other = source.sample()
    assert isinstance(lost, FailedSample)
    assert lost.point == POINT
    assert lost.reason == "gpu_lost"
    assert ENERGY in lost.detail
    assert other == CounterSample(OTHER, 9_000_000, None)


def test_a_lost_gpu_is_found_again_by_its_uuid_after_a_minute(start: Start, clock: Clock) -> None:
    first, second = two_gpus()
    library = FakeNvml([first, second])
    source = start(library)
    first.errors[ENERGY] = fake_nvml.GPU_IS_LOST
    source.sample()
    library.gpus = [second]
    clock.pass_seconds(60)
    lost, other = source.sample()
    assert isinstance(lost, FailedSample)
    assert lost.reason == "gpu_lost"
    assert other == CounterSample(OTHER, 9_000_000, None)

    first.errors.clear()
    library.gpus = [second, first]
    clock.pass_seconds(60)

    assert source.sample() == [
        CounterSample(POINT, 5_000_000, None),
        CounterSample(OTHER, 9_000_000, None),
    ]
    assert library.calls["nvmlInit"] == 3


def test_the_library_is_restarted_at_most_once_a_minute(start: Start, clock: Clock) -> None:
    first, second = two_gpus()
    library = FakeNvml([first, second])
    source = start(library)
    first.errors[ENERGY] = fake_nvml.RESET_REQUIRED
    for _ in range(150):
        source.sample()
        clock.pass_seconds(1)

    assert library.calls["nvmlInit"] == 3


def test_a_healthy_library_is_never_restarted(start: Start, clock: Clock) -> None:
    library = FakeNvml(two_gpus())
    source = start(library)
    for _ in range(5):
        source.sample()
        clock.pass_seconds(100)

    assert library.calls["nvmlInit"] == 1
    assert library.calls["nvmlShutdown"] == 0


def test_a_library_that_was_shut_down_by_others_is_started_again(
    start: Start, clock: Clock
) -> None:
    library = FakeNvml([FakeGpu()])
    source = start(library)
    library.nvmlShutdown()
    clock.pass_seconds(60)
    assert isinstance(source.sample()[0], FailedSample)

    assert source.sample() == [CounterSample(POINT, 5_000_000, None)]


def test_a_gpu_whose_lookup_failed_for_a_while_is_looked_up_again(
    start: Start, clock: Clock
) -> None:
    first, second = two_gpus()
    source = start(FakeNvml([first, second]))
    first.errors = {ENERGY: fake_nvml.GPU_IS_LOST, "nvmlDeviceGetHandleByUUID": fake_nvml.TIMEOUT}
    source.sample()
    clock.pass_seconds(60)
    assert isinstance(source.sample()[0], FailedSample)
    first.errors.clear()
    clock.pass_seconds(60)

    assert isinstance(source.sample()[0], CounterSample)


def test_a_driver_that_was_upgraded_under_the_agent_fails_every_gpu(
    start: Start, clock: Clock
) -> None:
    library = FakeNvml(two_gpus())
    source = start(library)
    library.errors = dict.fromkeys(("nvmlInit", ENERGY, POWER), fake_nvml.LIB_RM_VERSION_MISMATCH)

    for seconds in (0, 60, 1):
        clock.pass_seconds(seconds)
        samples = source.sample()
        assert [sample.point for sample in samples] == [POINT, OTHER]
        assert all(isinstance(sample, FailedSample) for sample in samples)
        assert {getattr(sample, "reason", "") for sample in samples} == {"driver_mismatch"}


@pytest.mark.parametrize("code", fake_nvml.ERROR_CODES)
@pytest.mark.parametrize("when", ["reading", "restarting", "looking up", "shutting down"])
def test_no_error_of_the_library_leaves_sample(
    start: Start, clock: Clock, when: str, code: int
) -> None:
    first, second = two_gpus()
    library = FakeNvml([first, second])
    source = start(library)
    first.errors = {ENERGY: code, POWER: code}
    if when == "restarting":
        library.errors = {"nvmlInit": code, "nvmlDeviceGetCount": code}
    if when == "looking up":
        first.errors["nvmlDeviceGetHandleByUUID"] = code
    if when == "shutting down":
        library.errors = {"nvmlShutdown": code}

    for seconds in (0, 60, 1, 60):
        clock.pass_seconds(seconds)
        samples = source.sample()
        assert [sample.point for sample in samples] == [POINT, OTHER]
        assert isinstance(samples[0], FailedSample)
        assert samples[0].reason in REASONS
        assert samples[0].detail
    source.close()


@pytest.mark.parametrize("code", fake_nvml.ERROR_CODES)
@pytest.mark.parametrize("function", ["nvmlInit", "nvmlDeviceGetCount", "nvmlShutdown"])
def test_no_error_of_the_library_leaves_discover_but_the_one_that_is_expected(
    start: Start, function: str, code: int
) -> None:
    library = FakeNvml([], {function: code})

    with pytest.raises(SourceUnavailableError) as caught:
        start(library)
    assert caught.value.reason


@pytest.mark.parametrize("code", fake_nvml.ERROR_CODES)
@pytest.mark.parametrize("function", DEVICE_CALLS)
def test_a_gpu_that_does_not_answer_does_not_hide_the_other(
    start: Start, function: str, code: int
) -> None:
    first, second = two_gpus()
    first.errors[function] = code
    source = start(FakeNvml([first, second]))

    assert source.sample()[-1] == CounterSample(OTHER, 9_000_000, None)
    assert [zone.point for zone in source.zones()][-1] == OTHER


@pytest.mark.parametrize(
    ("code", "state", "fix"),
    [
        (fake_nvml.LIBRARY_NOT_FOUND, State.ABSENT, ""),
        (fake_nvml.DRIVER_NOT_LOADED, State.ABSENT, "sudo modprobe nvidia"),
        (
            fake_nvml.NO_PERMISSION,
            State.PERMISSION_DENIED,
            "sudo chmod a+rw /dev/nvidiactl /dev/nvidia[0-9]*",
        ),
        (fake_nvml.LIB_RM_VERSION_MISMATCH, State.ERROR, "sudo reboot"),
        (fake_nvml.UNKNOWN, State.ERROR, ""),
    ],
)
def test_a_library_that_does_not_start_says_why_and_what_helps(
    start: Start, code: int, state: State, fix: str
) -> None:
    with pytest.raises(SourceUnavailableError) as caught:
        start(FakeNvml([FakeGpu()], {"nvmlInit": code}))

    assert (caught.value.state, caught.value.fix) == (state, fix)
    assert "nvmlInit" in caught.value.reason


def test_a_version_mismatch_names_the_driver_that_is_loaded(tmp_path: Path) -> None:
    version = tmp_path / "driver" / "nvidia" / "version"
    version.parent.mkdir(parents=True)
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19\n")
    library = FakeNvml([], {"nvmlInit": fake_nvml.LIB_RM_VERSION_MISMATCH})

    with pytest.raises(SourceUnavailableError, match=r"driver 535\.104\.05 is loaded"):
        nvml.discover(HostPaths(procfs=tmp_path), library)


def test_a_driver_without_gpus_is_absent_and_the_library_is_given_back(start: Start) -> None:
    library = FakeNvml()

    with pytest.raises(SourceUnavailableError) as caught:
        start(library)
    assert caught.value.state is State.ABSENT
    assert not library.is_started


def test_a_jetson_that_answers_no_power_call_is_absent(start: Start) -> None:
    gpu = FakeGpu(
        name="Thor", errors={ENERGY: fake_nvml.NOT_SUPPORTED, POWER: fake_nvml.NOT_SUPPORTED}
    )
    library = FakeNvml([gpu])

    with pytest.raises(SourceUnavailableError, match="Jetson") as caught:
        start(library)
    assert caught.value.state is State.ABSENT
    assert not library.is_started


def test_a_gpu_that_answers_no_power_call_is_not_a_zone_beside_one_that_does(
    start: Start,
) -> None:
    first, second = two_gpus()
    first.errors = {ENERGY: fake_nvml.NOT_SUPPORTED, POWER: fake_nvml.NOT_SUPPORTED}

    assert [zone.point for zone in start(FakeNvml([first, second])).zones()] == [OTHER]


def test_gpus_that_may_not_be_read_are_permission_denied(start: Start) -> None:
    gpus = two_gpus()
    gpus[0].errors = {ENERGY: fake_nvml.NOT_SUPPORTED, POWER: fake_nvml.NOT_SUPPORTED}
    gpus[1].errors = {ENERGY: fake_nvml.NO_PERMISSION, POWER: fake_nvml.NO_PERMISSION}

    with pytest.raises(SourceUnavailableError) as caught:
        start(FakeNvml(gpus))
    assert caught.value.state is State.PERMISSION_DENIED
    assert caught.value.fix


def test_closing_gives_the_library_back_and_may_be_repeated(start: Start) -> None:
    library = FakeNvml([FakeGpu()])
    source = start(library)
    source.close()
    source.close()

    assert not library.is_started


def test_bindings_without_the_newer_functions_are_good_enough(start: Start) -> None:
    class OldNvml(FakeNvml):
        nvmlDeviceGetC2cModeInfoV = None  # type: ignore[assignment]  # noqa: N815
        nvmlDeviceGetArchitecture = None  # type: ignore[assignment]  # noqa: N815

    assert start(OldNvml([FakeGpu()])).sample() == [CounterSample(POINT, 5_000_000, None)]


def test_a_host_without_the_library_is_absent_and_does_not_pay_for_the_bindings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_library(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)

    with pytest.raises(SourceUnavailableError, match=r"libnvidia-ml\.so\.1") as caught:
        nvml.discover(HostPaths(procfs=tmp_path))
    assert caught.value.state is State.ABSENT
    assert "pynvml" not in sys.modules


def test_a_host_with_the_library_but_not_the_bindings_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: name)
    monkeypatch.setitem(sys.modules, "pynvml", None)

    with pytest.raises(SourceUnavailableError) as caught:
        nvml.discover(HostPaths(procfs=tmp_path))
    assert caught.value.fix == "pip install 'wattgram[agent]'"


def test_the_fake_has_the_names_and_numbers_of_the_real_library() -> None:
    pynvml = pytest.importorskip("pynvml")
    real = {name: value for name, value in vars(pynvml).items() if name.startswith("NVML_ERROR_")}

    assert set(real.values()) <= set(fake_nvml.ERROR_CODES)
    assert set(nvml_verdicts.VERDICTS) <= set(real.values())
    for name in ("NO_PERMISSION", "GPU_IS_LOST", "LIB_RM_VERSION_MISMATCH", "RESET_REQUIRED"):
        assert getattr(fake_nvml, name) == real[f"NVML_ERROR_{name}"]
    assert pynvml.NVML_DEVICE_ARCH_AMPERE == fake_nvml.AMPERE
    assert pynvml.NVML_DEVICE_ARCH_HOPPER == fake_nvml.HOPPER
    for name in vars(FakeNvml):
        if name.startswith("nvml"):
            assert callable(getattr(pynvml, name))
