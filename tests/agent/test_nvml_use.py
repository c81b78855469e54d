"""Who keeps the boards busy, against a library in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import fake_nvml
from fake_nvml import COMPUTE, GRAPHICS, USE, FakeGpu, FakeNvml, FakeUse
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.source import HostPaths
from wattgram_agent.sources import nvml
from wattgram_agent.sources.nvml_use import NOBODY_KNOWN

HALF = 500_000
WHOLE = 1_000_000
OTHER_CODES = (fake_nvml.NO_PERMISSION, fake_nvml.TIMEOUT, fake_nvml.GPU_IS_LOST)


class Machine:
    """A source and its clock; `watch` lets time pass and samples."""

    def __init__(self, root: Path, library: FakeNvml) -> None:
        self.nanoseconds = 0
        self.library = library
        self.source = nvml.discover(HostPaths(procfs=root), library, lambda: self.nanoseconds)

    def watch(self, seconds: float = 2) -> None:
        self.nanoseconds += int(seconds * NANOSECONDS_PER_SECOND)
        self.source.sample()


Start = Callable[..., Machine]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """A machine whose first answer, which is of the past, is over."""

    def started(*gpus: FakeGpu) -> Machine:
        machine = Machine(tmp_path, FakeNvml(gpus))
        machine.source.process_use()
        machine.watch()
        machine.source.process_use()
        return machine

    return started


def test_nobody_is_asked_for_who_uses_a_board_until_somebody_wants_to_know(
    tmp_path: Path,
) -> None:
    machine = Machine(tmp_path, FakeNvml([FakeGpu()]))
    machine.watch()
    assert machine.library.calls[USE] == 0
    assert machine.source.process_use() == {}
    machine.watch()

    assert machine.library.calls[USE] == 1


def test_use_is_the_mean_over_the_times_that_the_board_was_asked(start: Start) -> None:
    gpu = FakeGpu()
    machine = start(gpu)
    gpu.use.append(FakeUse(7, 10, 80))
    machine.watch()
    gpu.use += [FakeUse(7, 20, 20), FakeUse(8, 20, 50)]
    machine.watch()

    assert machine.source.process_use() == {"GPU-aaaa": {7: HALF, 8: HALF // 2}}
    assert machine.source.process_use() == {}


def test_a_board_that_nobody_uses_is_known_to_be_idle(start: Start) -> None:
    machine = start(FakeGpu())
    machine.watch()

    assert machine.source.process_use() == {"GPU-aaaa": {}}


def test_idle_times_count_in_the_mean(start: Start) -> None:
    gpu = FakeGpu()
    machine = start(gpu)
    gpu.use.append(FakeUse(7, 10, 100))
    machine.watch()
    machine.watch()

    assert machine.source.process_use() == {"GPU-aaaa": {7: HALF}}


def test_what_the_driver_remembers_from_before_is_not_use(tmp_path: Path) -> None:
    machine = Machine(tmp_path, FakeNvml([FakeGpu(use=[FakeUse(7, 10, 80)])]))
    machine.source.process_use()
    machine.watch()

    assert machine.source.process_use() == {}


def test_the_newest_of_several_samples_of_a_process_is_taken(start: Start) -> None:
    gpu = FakeGpu()
    machine = start(gpu)
    gpu.use += [FakeUse(7, 30, 50), FakeUse(7, 20, 90)]
    machine.watch()

    assert machine.source.process_use() == {"GPU-aaaa": {7: HALF}}


def test_the_driver_is_not_asked_before_it_can_have_a_new_sample(start: Start) -> None:
    """An answer without a sample would say that the board was idle."""
    machine = start(FakeGpu())
    calls = machine.library.calls[USE]
    for _ in range(19):
        machine.watch(0.1)
    assert machine.library.calls[USE] == calls
    machine.watch(0.1)

    assert machine.library.calls[USE] == calls + 1


@pytest.mark.parametrize("percent", [101, 2**32 - 1])
def test_a_percentage_that_is_none_is_of_nobody_known(start: Start, percent: int) -> None:
    gpu = FakeGpu()
    machine = start(gpu)
    gpu.use += [FakeUse(7, 10, percent), FakeUse(8, 10, 20)]
    machine.watch()

    assert machine.source.process_use() == {"GPU-aaaa": {NOBODY_KNOWN: WHOLE}}


@pytest.mark.parametrize(
    ("changes", "use"),
    [
        ({}, {}),
        ({"compute": [7]}, {NOBODY_KNOWN: WHOLE}),
        ({"graphics": [7]}, {NOBODY_KNOWN: WHOLE}),
    ],
)
def test_a_board_that_tells_no_use_may_tell_that_there_is_none(
    start: Start, changes: dict[str, list[int]], use: dict[int, int]
) -> None:
    machine = start(FakeGpu(errors={USE: fake_nvml.NOT_SUPPORTED}, **changes))
    machine.watch()

    assert machine.source.process_use() == {"GPU-aaaa": use}


@pytest.mark.parametrize("code", OTHER_CODES)
def test_a_board_that_cannot_be_asked_is_not_known(start: Start, code: int) -> None:
    gpu = FakeGpu(errors={USE: code})
    machine = start(gpu, FakeGpu(uuid="GPU-bbbb"))
    machine.watch()
    assert machine.source.process_use() == {"GPU-bbbb": {}}
    gpu.errors = {USE: fake_nvml.NOT_SUPPORTED, COMPUTE: code, GRAPHICS: code}
    machine.watch()

    assert machine.source.process_use() == {"GPU-bbbb": {}}


def test_an_empty_answer_that_is_no_error_is_idle(start: Start) -> None:
    """The bindings raise "success" when there is nothing to return."""
    machine = start(FakeGpu(errors={}))
    machine.library.errors[USE] = 0

    class Empty(fake_nvml.NVMLError):
        pass

    def nothing(handle: object, since: int) -> None:
        raise Empty(0)

    machine.library.nvmlDeviceGetProcessUtilization = nothing  # type: ignore[method-assign,assignment]
    machine.watch()

    assert machine.source.process_use() == {"GPU-aaaa": {}}


def test_a_board_that_is_lost_is_not_asked(start: Start) -> None:
    gpu = FakeGpu()
    machine = start(gpu)
    gpu.errors = dict.fromkeys((fake_nvml.ENERGY, fake_nvml.POWER), fake_nvml.GPU_IS_LOST)
    calls = machine.library.calls[USE]
    machine.watch()

    assert machine.library.calls[USE] == calls
    assert machine.source.process_use() == {}


def test_bindings_without_the_function_are_good_enough(tmp_path: Path) -> None:
    class OldNvml(FakeNvml):
        nvmlDeviceGetProcessUtilization = None  # type: ignore[assignment]  # noqa: N815

    machine = Machine(tmp_path, OldNvml([FakeGpu()]))
    machine.source.process_use()
    machine.watch()

    assert machine.source.process_use() == {}
