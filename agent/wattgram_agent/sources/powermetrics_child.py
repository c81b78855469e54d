"""The child that is `powermetrics`, and its output as samples.

It runs for as long as it is sampled, and prints every second what it estimates was drawn since
the sample before. Nothing waits for it: what has arrived is read, the rest is next.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from typing import IO, Final, cast

from wattgram.readings import Component, Quality
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.source import (
    FailedSample,
    GaugeSample,
    IdleSample,
    Point,
    Sample,
    Scope,
    Source,
    Zone,
)
from wattgram_agent.sources.powermetrics_text import Powers, SampleReader, mean_powers

NAME: Final = "powermetrics"
HOLD_NANOSECONDS: Final = 5 * NANOSECONDS_PER_SECOND
RESTART_NANOSECONDS: Final = 10 * NANOSECONDS_PER_SECOND

_READ_BYTES: Final = 1 << 16
_READS_MAX: Final = 64
_KILL_SECONDS: Final = 2.0
_LAST_DARWIN_WITH_DRAM: Final = 21  # macOS 12
_ZONES: Final = {
    "package": (Scope.CPU, Component.CPU),
    "dram": (Scope.DRAM, Component.DRAM),
    "cpu": (Scope.PART, Component.CPU),
    "gpu": (Scope.PART, Component.GPU),
    "ane": (Scope.PART, Component.OTHER),
}


class Child:
    """One run of the program, whose output is read without waiting."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it; raises OSError."""
        import subprocess  # noqa: PLC0415 -- only where there is a Mac to ask

        self._no_end = subprocess.TimeoutExpired
        self._process = subprocess.Popen(  # noqa: S603 -- a fixed path, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )
        self._output = cast("IO[bytes]", self._process.stdout)
        os.set_blocking(self._output.fileno(), False)

    def read(self) -> bytes | None:
        """Return what has arrived, None when there will be no more."""
        arrived: list[bytes] = []
        for _ in range(_READS_MAX):
            try:
                data = os.read(self._output.fileno(), _READ_BYTES)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                return b"".join(arrived) or None
            arrived.append(data)
        return b"".join(arrived)

    def close(self) -> None:
        """End it and take its place in the process table away."""
        self._process.kill()
        self._output.close()
        with contextlib.suppress(self._no_end):
            self._process.wait(_KILL_SECONDS)


class PowermetricsSource(Source):
    """The powers of a chip; the child is started by the first sample, and again if it ends."""

    name = NAME
    may_block = True  # starting a program takes some milliseconds

    def __init__(
        self,
        zones: Sequence[Zone],
        command: Sequence[str],
        monotonic_nanoseconds: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._zones = zones
        self._command = command
        self._now = monotonic_nanoseconds
        self._child: Child | None = None
        self._reader = SampleReader()
        self._started_at: int | None = None
        self._powers: Powers = {}
        self._heard_at = 0

    def zones(self) -> Sequence[Zone]:
        return self._zones

    def sample(self) -> Sequence[Sample]:
        failure = self._listen()
        if self._powers and self._now() - self._heard_at <= HOLD_NANOSECONDS:
            return [self._sample_of(zone.point) for zone in self._zones]
        if failure:
            return [FailedSample(zone.point, "unreadable", failure) for zone in self._zones]
        if self._powers or self._now() - self._heard_at > HOLD_NANOSECONDS:
            detail = f"powermetrics has said nothing: {self._reader.last_line}"
            return [FailedSample(zone.point, "timeout", detail) for zone in self._zones]
        return [IdleSample(zone.point, "powermetrics has just started") for zone in self._zones]

    def close(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def _sample_of(self, point: Point) -> Sample:
        power = self._powers.get(point.domain)
        if power is None:
            return IdleSample(point, f"powermetrics does not give {point.domain} here")
        return GaugeSample(point, power, averaged=True)

    def _listen(self) -> str:
        """Take in what has arrived; return why nothing more will, empty if more will."""
        if self._child is None:
            return self._start()
        data = self._child.read()
        if data is None:
            self.close()
            return f"powermetrics ended: {self._reader.last_line}"
        samples = list(self._reader.feed(data))
        if samples:
            self._powers, self._heard_at = mean_powers(samples), self._now()
        return ""

    def _start(self) -> str:
        now = self._now()
        if self._started_at is not None and now - self._started_at < RESTART_NANOSECONDS:
            return f"powermetrics ended: {self._reader.last_line}"
        self._started_at = self._heard_at = now
        self._powers, self._reader = {}, SampleReader()
        try:
            self._child = Child(self._command)
        except OSError as error:
            self._reader.last_line = f"{self._command[0]}: {error.strerror}"
            return self._reader.last_line
        return ""


def zones_of(machine: str, darwin: int) -> list[Zone]:
    """Return the zones of a Mac; an Intel's is not split, memory is shown up to macOS 12."""
    domains = ["package"]
    if machine == "arm64":
        domains += ["dram"] if darwin <= _LAST_DARWIN_WITH_DRAM else []
        domains += ["cpu", "gpu", "ane"]
    return [
        Zone(
            point=Point(NAME, domain, "0"),
            scope=_ZONES[domain][0],
            component=_ZONES[domain][1],
            quality=Quality.MODELLED,  # its manual says: estimated, and may be inaccurate
            location="powermetrics, cpu_power and gpu_power",
            refusal="inside the package" if _ZONES[domain][0] is Scope.PART else "",
        )
        for domain in domains
    ]
