"""A labelled guess of the whole host, for one whose CPU no meter covers.

How busy the threads are comes from the kernel; what a busy and an idle thread draw comes from
`coefficients`. Three points go out: `mid`, which may be counted, and the bounds around it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from wattgram.readings import Quality, State
from wattgram_agent.coefficients import (
    Bounds,
    Coefficients,
    CpuIdentity,
    coefficients_for,
    parse_cpuinfo,
    power_microwatts,
)
from wattgram_agent.source import (
    FailedSample,
    GaugeSample,
    HostPaths,
    Point,
    Sample,
    SourceUnavailableError,
    Zone,
)
from wattgram_agent.sysfs import read_text

NAME: Final = "model"

POINTS: Final = tuple(Point(NAME, "host", bound) for bound in Bounds._fields)
_COUNTED: Final = "mid"
_BOUND_REFUSAL: Final = "bound of the model, not a second estimate"

# psutil turns a line that is cut short into one of these.
_MALFORMED: Final = (OSError, ValueError, TypeError, IndexError, AttributeError)

_CPU_LINE: Final = re.compile(r"^cpu\d+ ", re.MULTILINE)


class CpuTimes(NamedTuple):
    """Seconds of all threads together since boot. What guests used is inside `user`."""

    user: float
    nice: float
    system: float
    idle: float
    iowait: float
    irq: float
    softirq: float
    steal: float


class ModelSource:
    """The power of `threads` threads between idle and busy, since the previous sample."""

    name = NAME

    def __init__(
        self, paths: HostPaths, coefficients: Coefficients, threads: int, *, is_guest: bool = False
    ) -> None:
        self._procfs = paths.procfs
        self._coefficients = coefficients
        self._threads = threads
        self._is_guest = is_guest
        self._previous: CpuTimes | None = None

    def zones(self) -> Sequence[Zone]:
        where = "threads of a virtual machine" if self._is_guest else "threads"
        location = (
            f"{self._coefficients.microarchitecture}, {self._threads} {where}, "
            f"{self._coefficients.source}"
        )
        return [
            Zone(
                point=point,
                quality=Quality.MODELLED,
                location=location,
                refusal="" if point.instance == _COUNTED else _BOUND_REFUSAL,
            )
            for point in POINTS
        ]

    def sample(self) -> Sequence[Sample]:
        try:
            current = read_cpu_times(self._procfs)
        except _MALFORMED as error:
            return _failed("unreadable", f"{self._procfs / 'stat'}: {error}")
        previous, self._previous = self._previous, current
        if previous is None:
            return []
        ratio = busy_ratio(previous, current)
        if ratio is None:
            return _failed("no_cpu_time", "the kernel counted no CPU time since the last sample")
        power = power_microwatts(self._coefficients, self._threads, ratio)
        return [
            GaugeSample(point, microwatts, averaged=True)
            for point, microwatts in zip(POINTS, power, strict=True)
        ]

    def close(self) -> None:
        """Nothing is held open."""


def discover(paths: HostPaths) -> ModelSource:
    """Return the model of the host under `paths.procfs`; raises SourceUnavailableError."""
    stat = paths.procfs / "stat"
    try:
        text = stat.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SourceUnavailableError(state_of(error), f"{stat}: {error.strerror}") from error
    cpu = identify(paths, text)
    if not cpu.threads:
        raise SourceUnavailableError(State.ERROR, f"{stat} lists no processors")
    try:
        read_cpu_times(paths.procfs)
    except _MALFORMED as error:
        raise SourceUnavailableError(State.ERROR, f"{stat}: {error}") from error
    return ModelSource(paths, coefficients_for(cpu), cpu.threads, is_guest=cpu.hypervisor)


def identify(paths: HostPaths, stat: str) -> CpuIdentity:
    """Return what is known of the CPU: `cpuinfo`, the device tree's board, the lines of `stat`."""
    cpu = parse_cpuinfo(read_text(paths.procfs / "cpuinfo") or "")
    board = (read_text(paths.procfs / "device-tree" / "model") or "").rstrip("\0")
    return replace(
        cpu,
        model_name=cpu.model_name or board,
        threads=cpu.threads or len(_CPU_LINE.findall(stat)),
    )


def read_cpu_times(procfs: Path) -> CpuTimes:
    """Return the kernel's counts; raises OSError, or what psutil makes of a malformed file."""
    psutil.PROCFS_PATH = str(procfs)
    times = psutil.cpu_times()
    # No default: psutil names the fields after the running kernel, and without them it guesses.
    return CpuTimes(*(float(getattr(times, name)) for name in CpuTimes._fields))


def busy_ratio(previous: CpuTimes, current: CpuTimes) -> float | None:
    """Return the part of the time that the threads worked; None when no time passed.

    A field that went backwards counts as unmoved. Stolen time is time in which others worked.
    """
    delta = CpuTimes(
        *(max(after - before, 0.0) for before, after in zip(previous, current, strict=True))
    )
    total = sum(delta)
    if total <= 0:
        return None
    return (delta.user + delta.nice + delta.system + delta.irq + delta.softirq) / total


def state_of(error: OSError) -> State:
    """Return what it says of a source that its file cannot be opened."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return State.ABSENT
    return State.PERMISSION_DENIED if isinstance(error, PermissionError) else State.ERROR


def _failed(reason: str, detail: str) -> list[Sample]:
    return [FailedSample(point, reason, detail) for point in POINTS]
