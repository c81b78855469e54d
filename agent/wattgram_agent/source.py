"""The seam: what a source of measurements must be.

A source finds its meters once, says which there are (`zones`), and then samples them each time
it is asked. It never asks the clock, never differences, never decides what is counted, and
never turns a failure into a number: a meter that cannot be read now is a `FailedSample`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

from wattgram.readings import Component, Kind, Quality, State


class Point(NamedTuple):
    """One register or gauge of this host."""

    source: str
    domain: str
    instance: str


class Scope(StrEnum):
    """What the energy of a zone covers; composition decides by it."""

    HOST = "host"  # all that the host draws
    PLATFORM = "platform"  # RAPL's psys: the package and more, what more is not defined
    CPU = "cpu"  # one package: cores, caches, the graphics inside
    DRAM = "dram"  # memory, outside the package
    GPU = "gpu"  # one board that no zone of the CPU holds
    REST = "rest"  # what the meters of the components leave out
    PART = "part"  # inside another zone, or nobody knows: shown, never counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A point that exists, and what it stands for.

    `location` is where it is read, for people. `refusal` says why it must not be counted
    whatever its scope (a mirrored die, a second view of the same register); a zone whose scope
    is PART needs one.
    """

    point: Point
    scope: Scope = Scope.PART
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


class IdleSample(NamedTuple):
    """A point that has nothing to say at present, which is no failure.

    A battery on mains power says nothing of the host; a card that sleeps is not woken to ask.
    """

    point: Point
    reason: str


Sample = CounterSample | GaugeSample | FailedSample | IdleSample


class Source(Protocol):
    """One kind of sensor that is present on this host. Sources derive from this class."""

    name: str

    period_seconds: float = 0.0
    """How often it can be asked; 0: at every beat. The last power holds in between."""

    may_block: bool = False
    """Whether a read may take long or hang: it is asked in a thread of its own."""

    is_spare: bool = False
    """Whether it is asked only while one of its zones is counted: else it would only cost."""

    def problems(self) -> Sequence[str]:
        """Return what was found and cannot be sampled, and why, for people."""
        return ()

    def fix(self) -> str:
        """Return the command that would solve `problems`, empty when none would."""
        return ""

    def expect(self, points: Collection[Point]) -> None:
        """Be told which points were read before a restart: one that is away now may be back."""
        del points  # most sources know nothing of what is away

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
