"""A labelled guess of the host and of its CPU packages, for one whose CPU no meter covers.

How busy the threads are comes from the kernel; what that draws is the business of `estimate`.
The middle of the host may be counted. The bounds around it, and the packages inside it, are
shown, so that they can be compared with a meter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from wattgram.readings import Component, Quality, State
from wattgram_agent.cloud import Cloud, read_cloud
from wattgram_agent.coefficients import Bounds, coefficients_for
from wattgram_agent.estimate import Estimate, Machine, envelope, estimate
from wattgram_agent.processors import CpuIdentity, parse_cpuinfo
from wattgram_agent.procfs import psutil_reading
from wattgram_agent.source import (
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
from wattgram_agent.sysfs import read_text, require_regular, state_of
from wattgram_agent.tdp import SOURCE as TDP_SOURCE
from wattgram_agent.tdp import tdp_watts

NAME: Final = "model"

HOST_POINTS: Final = tuple(Point(NAME, "host", bound) for bound in Bounds._fields)
PACKAGE_POINTS: Final = tuple(Point(NAME, "package", bound) for bound in Bounds._fields)
_COUNTED: Final = "mid"
_BOUND_REFUSAL: Final = "bound of the model, not a second estimate"
_PACKAGE_REFUSAL: Final = "inside the modelled host"

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


class ModelSource(Source):
    """The power of a machine between idle and busy, since the previous sample."""

    name = NAME
    is_spare = True

    def __init__(self, paths: HostPaths, machine: Machine, cloud: str = "") -> None:
        self._procfs = paths.procfs
        self._machine = machine
        self._cloud = cloud
        self._envelope = envelope(machine)
        self._points = HOST_POINTS
        if self._envelope.package_full is not None:
            self._points += PACKAGE_POINTS
        self._previous: CpuTimes | None = None

    def zones(self) -> Sequence[Zone]:
        location = describe(self._machine, self._cloud)
        return [_zone(point, location) for point in self._points]

    def sample(self) -> Sequence[Sample]:
        try:
            current = read_cpu_times(self._procfs)
        except _MALFORMED as error:
            return self._failed("unreadable", f"{self._procfs / 'stat'}: {error}")
        previous, self._previous = self._previous, current
        if previous is None:
            return []
        ratio = busy_ratio(previous, current)
        if ratio is None:
            return self._failed(
                "no_cpu_time", "the kernel counted no CPU time since the last sample"
            )
        powers = _in_order(estimate(self._envelope, ratio))
        return [
            GaugeSample(point, microwatts, averaged=True)
            for point, microwatts in zip(self._points, powers, strict=True)
        ]

    def close(self) -> None:
        """Nothing is held open."""

    def _failed(self, reason: str, detail: str) -> list[Sample]:
        return [FailedSample(point, reason, detail) for point in self._points]


def discover(paths: HostPaths) -> ModelSource:
    """Return the model of the host under `paths.procfs`; raises SourceUnavailableError."""
    stat = paths.procfs / "stat"
    try:
        require_regular(stat)
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
    cloud = read_cloud(paths.sysfs)
    return ModelSource(paths, machine_of(cpu, cloud), cloud.label)


def machine_of(cpu: CpuIdentity, cloud: Cloud) -> Machine:
    """Return what the estimate is made from: a guest's own CPU decides, then what was sold."""
    return Machine(
        coefficients=coefficients_for(cpu, cloud.microarchitecture),
        threads=cpu.threads,
        sockets=cpu.sockets,
        tdp_watts=None if cpu.hypervisor else tdp_watts(cpu.model_name),
        is_single_threaded=cpu.is_single_threaded,
        is_guest=cpu.hypervisor,
    )


def describe(machine: Machine, cloud: str) -> str:
    """PURE. Return what the estimate is based on, for people."""
    row = machine.coefficients
    threads = f"{machine.threads} threads"
    parts = [
        row.microarchitecture,
        f"{threads} of a virtual machine" if machine.is_guest else threads,
    ]
    if cloud:
        parts.append(cloud)
    if machine.tdp_watts:
        parts.append(f"{machine.sockets} x {machine.tdp_watts:g} W ({TDP_SOURCE})")
    return ", ".join([*parts, row.source, f"confidence {row.confidence}"])


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
    with psutil_reading(procfs, "stat"):
        times = psutil.cpu_times()
    # No default: psutil names the fields after the running kernel, and without them it guesses.
    current = CpuTimes(*(float(getattr(times, name)) for name in CpuTimes._fields))
    if not all(map(math.isfinite, current)):
        raise ValueError(f"no times: {current}")
    return current


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


def _zone(point: Point, location: str) -> Zone:
    if point.domain == "package":
        return Zone(
            point=point,
            scope=Scope.PART,
            quality=Quality.MODELLED,
            component=Component.CPU,
            location=location,
            refusal=_PACKAGE_REFUSAL,
        )
    return Zone(
        point=point,
        scope=Scope.HOST,
        quality=Quality.MODELLED,
        location=location,
        refusal="" if point.instance == _COUNTED else _BOUND_REFUSAL,
    )


def _in_order(power: Estimate) -> tuple[int, ...]:
    """Return the powers in the order of the points."""
    return (*power.host, *(power.package or ()))
