"""NVIDIA GPUs through their management library (NVML).

One zone per board: its energy counter where it has one, else its power. A GPU that partitions
itself (MIG) is its board, once. Handles die when the library is restarted, and the order of the
GPUs may change with it: a GPU is known by its UUID.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from wattgram.readings import Component, State
from wattgram.units import (
    MICROJOULES_PER_MILLIJOULE,
    MICROWATTS_PER_MILLIWATT,
    NANOSECONDS_PER_SECOND,
)
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    GaugeSample,
    HostPaths,
    Point,
    Sample,
    Scope,
    Source,
    SourceUnavailableError,
    Zone,
)
from wattgram_agent.sources.nvml_use import ProcessUse
from wattgram_agent.sources.nvml_verdicts import NOT_NOW, Verdict, verdict_on, why_none
from wattgram_agent.sysfs import read_text

NAME: Final = "nvml"
LIBRARY: Final = "libnvidia-ml.so.1"
RESTART_NANOSECONDS: Final = 60 * NANOSECONDS_PER_SECOND
# The driver has a new sample of each process every sixth of a second to second: asked sooner,
# it has none, as if nobody worked.
USE_NANOSECONDS: Final = 2 * NANOSECONDS_PER_SECOND


class Call(NamedTuple):
    """A function that answers with energy or power in thousandths, or with all bits set."""

    function: str
    is_counter: bool
    no_value: int


ENERGY: Final = Call("nvmlDeviceGetTotalEnergyConsumption", is_counter=True, no_value=2**64 - 1)
POWER: Final = Call("nvmlDeviceGetPowerUsage", is_counter=False, no_value=2**32 - 1)

_AMPERE: Final = 7
_HOPPER: Final = 9
_UNKNOWN_ARCHITECTURE: Final = 0xFFFFFFFF
_GA100_DEVICES: Final = 0x20


def is_averaged(architecture: int, pci_device_id: int) -> bool:
    """Say whether a GPU's power is a mean over 1 s: from Ampere on, but not on GA100."""
    return _AMPERE <= architecture < _UNKNOWN_ARCHITECTURE and not _is_ga100(pci_device_id)


def _is_ga100(pci_device_id: int) -> bool:
    return pci_device_id >> 24 == _GA100_DEVICES


@dataclass(slots=True)
class Gpu:
    """One board and how it is read. `failure` is why the last sample failed, None if it did not.

    Once a call has answered it stays the only one: a register and a power are not values of one
    meter.
    """

    zone: Zone
    averaged: bool
    calls: tuple[Call, ...]
    handle: Any
    failure: Verdict | None = None

    @property
    def lacks_call(self) -> bool:
        """Whether the last call is one that this GPU or this driver does not have."""
        return self.failure is not None and self.failure.remedy == "other_call"

    def sample(self, library: Any) -> Sample:
        if self.handle is None and self.failure is not None:
            return self.fail(self.failure)
        sample = self._ask(library, self.calls[0])
        while self.lacks_call and len(self.calls) > 1:
            self.calls = self.calls[1:]
            sample = self._ask(library, self.calls[0])
        return sample

    def fail(self, failure: Verdict) -> FailedSample:
        self.failure = failure
        return FailedSample(self.zone.point, failure.reason, failure.detail)

    def _ask(self, library: Any, call: Call) -> Sample:
        try:
            value = getattr(library, call.function)(self.handle)
        except library.NVMLError as error:
            return self.fail(_failure(error, call.function))
        if value == call.no_value or (value == 0 and not call.is_counter):
            return self.fail(NOT_NOW._replace(detail=f"{call.function}: {value} is no value"))
        self.calls, self.failure = (call,), None
        if call.is_counter:
            return CounterSample(self.zone.point, value * MICROJOULES_PER_MILLIJOULE, None)
        return GaugeSample(self.zone.point, value * MICROWATTS_PER_MILLIWATT, self.averaged)


class NvmlSource(Source):
    """The boards of an initialised library, which is restarted at most once a minute."""

    name = NAME
    may_block = True

    def __init__(
        self,
        library: Any,
        gpus: Sequence[Gpu],
        monotonic_nanoseconds: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._library = library
        self._gpus = gpus
        self._now = monotonic_nanoseconds
        self._started_at = monotonic_nanoseconds()
        self._use: ProcessUse | None = None
        self._asked_at = 0

    def zones(self) -> Sequence[Zone]:
        return [gpu.zone for gpu in self._gpus]

    def sample(self) -> Sequence[Sample]:
        if self._needs_restart() and self._now() - self._started_at >= RESTART_NANOSECONDS:
            self._started_at = self._now()
            self._restart()
        samples = [gpu.sample(self._library) for gpu in self._gpus]
        use, now = self._use, self._now()
        if use is not None and now - self._asked_at >= USE_NANOSECONDS:
            self._asked_at = now
            for gpu in self._gpus:
                if gpu.failure is None:
                    use.ask(self._library, gpu.zone.point.instance, gpu.handle)
        return samples

    def process_use(self) -> Mapping[str, Mapping[int, int]]:
        """Return millionths of each board by process since the last call, by UUID.

        From the first call on `sample` asks for it. May be called from another thread; never
        waits for the library.
        """
        if self._use is None:
            self._asked_at = self._now() - USE_NANOSECONDS
            self._use = ProcessUse()
        return self._use.take()

    def close(self) -> None:
        _shut_down(self._library)

    def _needs_restart(self) -> bool:
        failures = [gpu.failure for gpu in self._gpus if gpu.failure is not None]
        return (
            len(failures) == len(self._gpus)
            or any(failure.remedy == "restart" for failure in failures)
            or any(gpu.handle is None for gpu in self._gpus)
        )

    def _restart(self) -> None:
        """Begin anew: every handle is void, and a GPU that is back has another."""
        _shut_down(self._library)
        started = _start(self._library)
        for gpu in self._gpus:
            gpu.handle = None
            if isinstance(started, Verdict):
                gpu.fail(started)
                continue
            try:
                gpu.handle = self._library.nvmlDeviceGetHandleByUUID(gpu.zone.point.instance)
            except self._library.NVMLError as error:
                gpu.fail(_failure(error, "nvmlDeviceGetHandleByUUID"))


def discover(
    paths: HostPaths,
    library: Any | None = None,
    monotonic_nanoseconds: Callable[[], int] = time.monotonic_ns,
) -> NvmlSource:
    """Return the boards that tell their power; raises SourceUnavailableError."""
    library = _load(paths) if library is None else library
    gpus, failures = find_gpus(library)
    if all(gpu.failure is not None for gpu in gpus):
        _shut_down(library)
        why = why_none(failures)
        raise SourceUnavailableError(why.state, why.detail + _loaded_driver(paths), why.fix)
    return NvmlSource(library, [gpu for gpu in gpus if not gpu.lacks_call], monotonic_nanoseconds)


def find_gpus(library: Any) -> tuple[list[Gpu], list[Verdict]]:
    """Start the library; return the boards, each asked once, and every failure on the way."""
    gpus: dict[str, Gpu] = {}
    failures: list[Verdict] = []
    started = _start(library)
    if isinstance(started, Verdict):
        return [], [started]
    for index in range(started):
        try:
            handle = library.nvmlDeviceGetHandleByIndex(index)
            uuid = library.nvmlDeviceGetUUID(handle)
        except library.NVMLError as error:
            failures.append(_failure(error, f"GPU {index}"))
            continue
        # A partition (MIG) has no power of its own: its board is in the list.
        if uuid in gpus or uuid.startswith("MIG-"):
            continue
        gpu = gpus[uuid] = _describe(library, handle, uuid)
        gpu.sample(library)
        if gpu.failure is not None:
            failures.append(gpu.failure)
    return list(gpus.values()), failures


def _describe(library: Any, handle: Any, uuid: str) -> Gpu:
    name = _optional(library, "nvmlDeviceGetName", handle) or "GPU"
    pci = _optional(library, "nvmlDeviceGetPciInfo", handle)
    architecture = _optional(library, "nvmlDeviceGetArchitecture", handle) or 0
    link = _optional(library, "nvmlDeviceGetC2cModeInfoV", handle)
    # On a superchip (Grace Hopper) the counter is the whole module's, CPU and memory included,
    # and so is power of scope MODULE: neither is the GPU's. If it has no other, it is left out.
    is_superchip = link is not None and bool(link.isC2cEnabled)
    pci_device_id = pci.pciDeviceId if pci is not None else 0
    location = f"{name}, PCI {pci.busId if pci is not None else 'address unknown'}"
    if architecture == _HOPPER or _is_ga100(pci_device_id):
        location += ", sensor looks 25 of every 100 ms"
    return Gpu(
        zone=Zone(
            point=Point(NAME, "gpu", uuid),
            scope=Scope.GPU,
            component=Component.GPU,
            location=location,
        ),
        averaged=is_averaged(architecture, pci_device_id),
        calls=(POWER,) if is_superchip else (ENERGY, POWER),
        handle=handle,
    )


def _optional(library: Any, function: str, handle: Any) -> Any | None:
    """Return what a function says that old drivers and old bindings do not have."""
    call = getattr(library, function, None)
    try:
        return call and call(handle)
    except library.NVMLError:
        return None


def _loaded_driver(paths: HostPaths) -> str:
    """Return a remark on the kernel module's version, if there is one."""
    text = read_text(paths.procfs / "driver" / "nvidia" / "version") or ""
    version = re.search(r"\d+\.\d+(?:\.\d+)?", text)
    return f" (driver {version[0]} is loaded)" if version else ""


def _load(paths: HostPaths) -> Any:
    """Return the bindings, imported only where there is a library: they cost 6 MiB."""
    import ctypes

    try:
        ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise SourceUnavailableError(State.ABSENT, f"{error}{_loaded_driver(paths)}") from error
    try:
        import pynvml
    except ImportError as error:
        raise SourceUnavailableError(
            State.ABSENT, "nvidia-ml-py is not installed", "pip install 'wattgram[agent]'"
        ) from error
    return pynvml


def _start(library: Any) -> int | Verdict:
    """Return how many GPUs there are, or why the library does not start."""
    try:
        library.nvmlInit()
        return int(library.nvmlDeviceGetCount())
    except library.NVMLError as error:
        return _failure(error, "nvmlInit")


def _shut_down(library: Any) -> None:
    with contextlib.suppress(library.NVMLError):
        library.nvmlShutdown()


def _failure(error: Any, where: str) -> Verdict:
    return verdict_on(error.value)._replace(detail=f"{where}: {error}")
