"""The seam: what a source of measurements must be.

A source finds its meters once, says which there are (`zones`), and then samples them each time
it is asked. It never asks the clock, never differences, never decides what is counted, and
never turns a failure into a number: a meter that cannot be read now is a `FailedSample`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from wattgram.readings import Component, Kind, Quality, State


class Point(NamedTuple):
    """One register or gauge of this host."""

    source: str
    domain: str
    instance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A point that exists, and what it stands for.

    `location` is where it is read, for people. `refusal` says why it must not be counted
    even if its domain is (a mirrored die, a second view of the same register).
    """

    point: Point
    kind: Kind = Kind.ENERGY
    quality: Quality = Quality.MEASURED
    component: Component = Component.OTHER
    location: str = ""
    refusal: str = ""


class CounterSample(NamedTuple):
    """A register that only grows, in microjoules or bytes, at this instant.

    `wraps_at` is the value at which it starts again from zero; None when that is not known, so
    that a fall can only be a reset.
    """

    point: Point
    value: int
    wraps_at: int | None


class GaugeSample(NamedTuple):
    """A power in microwatts: at this instant, or (`averaged`) since the previous sample."""

    point: Point
    power_microwatts: int
    averaged: bool


class FailedSample(NamedTuple):
    """A point that could not be read now. `reason` is one of a few words, `detail` is free."""

    point: Point
    reason: str
    detail: str


Sample = CounterSample | GaugeSample | FailedSample


class Source(Protocol):
    """One kind of sensor that is present on this host."""

    @property
    def name(self) -> str: ...

    def zones(self) -> Sequence[Zone]:
        """Return what there is to sample, in a stable order."""

    def sample(self) -> Sequence[Sample]:
        """Return one sample per zone; never raises for a meter that cannot be read."""

    def close(self) -> None:
        """Give back descriptors and library handles."""


class SourceUnavailableError(Exception):
    """This host has no such source, or does not let us read it: expected, said once.

    `fix` is the exact command that would change it, or empty when nothing would.
    """

    def __init__(self, state: State, reason: str, fix: str = "") -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason
        self.fix = fix


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPaths:
    """Where this host's kernel speaks; a fixture tree or a container's mount in their place."""

    sysfs: Path = Path("/sys")
    procfs: Path = Path("/proc")
