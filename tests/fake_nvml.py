# ruff: noqa: N802, N815 -- the names are those of the real library
"""A whole NVIDIA management library in memory, with the names and numbers of the real one.

A handle is good until the library is shut down; afterwards it is void, as real ones are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

UNINITIALIZED = 1
INVALID_ARGUMENT = 2
NOT_SUPPORTED = 3
NO_PERMISSION = 4
NOT_FOUND = 6
DRIVER_NOT_LOADED = 9
TIMEOUT = 10
LIBRARY_NOT_FOUND = 12
GPU_IS_LOST = 15
RESET_REQUIRED = 16
LIB_RM_VERSION_MISMATCH = 18
UNKNOWN = 999

ERROR_CODES = (*range(1, 31), UNKNOWN)

VOLTA = 5
AMPERE = 7
ADA = 8
HOPPER = 9
UNKNOWN_ARCHITECTURE = 0xFFFFFFFF

NVIDIA_VENDOR = 0x10DE

ENERGY = "nvmlDeviceGetTotalEnergyConsumption"
POWER = "nvmlDeviceGetPowerUsage"
USE = "nvmlDeviceGetProcessUtilization"
COMPUTE = "nvmlDeviceGetComputeRunningProcesses"
GRAPHICS = "nvmlDeviceGetGraphicsRunningProcesses"


@dataclass(frozen=True, slots=True)
class FakeUse:
    """A sample of one process: when, in microseconds, and per cent of the multiprocessors."""

    pid: int
    timeStamp: int
    smUtil: int


@dataclass(slots=True)
class FakeGpu:
    """One board. `errors` maps the name of a function to the error that it answers with."""

    uuid: str = "GPU-aaaa"
    name: str = "NVIDIA L40S"
    bus_id: str = "00000000:01:00.0"
    architecture: int = ADA
    device_id: int = 0x26B9
    millijoules: int = 5_000
    milliwatts: int = 70_000
    c2c: bool = False
    use: list[FakeUse] = field(default_factory=list)
    compute: list[int] = field(default_factory=list)
    graphics: list[int] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FakeHandle:
    gpu: FakeGpu
    generation: int


@dataclass(frozen=True, slots=True)
class FakePciInfo:
    busId: str
    pciDeviceId: int


@dataclass(frozen=True, slots=True)
class FakeC2cModeInfo:
    isC2cEnabled: int


class NVMLError(Exception):
    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return f"error {self.value}"


class FakeNvml:
    """`errors` maps the name of a function of the library itself to its error."""

    NVMLError = NVMLError

    def __init__(self, gpus: Iterable[FakeGpu] = (), errors: dict[str, int] | None = None) -> None:
        self.gpus = list(gpus)
        self.errors = errors or {}
        self.is_started = False
        self.generation = 0
        self.calls: Counter[str] = Counter()

    def nvmlInit(self) -> None:
        self._answer("nvmlInit", needs_start=False)
        self.is_started = True
        self.generation += 1

    def nvmlShutdown(self) -> None:
        self._answer("nvmlShutdown")
        self.is_started = False

    def nvmlDeviceGetCount(self) -> int:
        self._answer("nvmlDeviceGetCount")
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> FakeHandle:
        self._answer("nvmlDeviceGetHandleByIndex", self.gpus[index])
        return FakeHandle(self.gpus[index], self.generation)

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> FakeHandle:
        for gpu in self.gpus:
            if gpu.uuid == uuid:
                self._answer("nvmlDeviceGetHandleByUUID", gpu)
                return FakeHandle(gpu, self.generation)
        raise NVMLError(NOT_FOUND)

    def nvmlDeviceGetUUID(self, handle: FakeHandle) -> str:
        return self._ask("nvmlDeviceGetUUID", handle).uuid

    def nvmlDeviceGetName(self, handle: FakeHandle) -> str:
        return self._ask("nvmlDeviceGetName", handle).name

    def nvmlDeviceGetPciInfo(self, handle: FakeHandle) -> FakePciInfo:
        gpu = self._ask("nvmlDeviceGetPciInfo", handle)
        return FakePciInfo(gpu.bus_id, gpu.device_id << 16 | NVIDIA_VENDOR)

    def nvmlDeviceGetArchitecture(self, handle: FakeHandle) -> int:
        return self._ask("nvmlDeviceGetArchitecture", handle).architecture

    def nvmlDeviceGetC2cModeInfoV(self, handle: FakeHandle) -> FakeC2cModeInfo:
        gpu = self._ask("nvmlDeviceGetC2cModeInfoV", handle)
        if not gpu.c2c:
            raise NVMLError(NOT_SUPPORTED)
        return FakeC2cModeInfo(1)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: FakeHandle) -> int:
        return self._ask(ENERGY, handle).millijoules

    def nvmlDeviceGetPowerUsage(self, handle: FakeHandle) -> int:
        return self._ask(POWER, handle).milliwatts

    def nvmlDeviceGetProcessUtilization(
        self,
        handle: FakeHandle,
        timeStamp: int,  # noqa: N803
    ) -> list[FakeUse]:
        gpu = self._ask(USE, handle)
        newer = [use for use in gpu.use if use.timeStamp > timeStamp]
        if not newer:
            raise NVMLError(NOT_FOUND)
        return newer

    def nvmlDeviceGetComputeRunningProcesses(self, handle: FakeHandle) -> list[int]:
        return self._ask(COMPUTE, handle).compute

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: FakeHandle) -> list[int]:
        return self._ask(GRAPHICS, handle).graphics

    def _ask(self, function: str, handle: FakeHandle) -> FakeGpu:
        if not isinstance(handle, FakeHandle):
            raise TypeError(f"{function} was called with {handle!r}")
        self._answer(function, handle.gpu)
        if handle.generation != self.generation:
            raise NVMLError(INVALID_ARGUMENT)
        return handle.gpu

    def _answer(
        self, function: str, gpu: FakeGpu | None = None, *, needs_start: bool = True
    ) -> None:
        """Count the call, and raise what it is to raise."""
        self.calls[function] += 1
        if needs_start and not self.is_started:
            raise NVMLError(UNINITIALIZED)
        code = self.errors.get(function) or (gpu.errors.get(function) if gpu else None)
        if code:
            raise NVMLError(code)
