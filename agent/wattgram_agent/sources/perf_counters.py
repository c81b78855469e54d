"""The open events of the `power` unit, as zones and samples.

The kernel follows the wraps of the registers itself and counts in 64 bits, in units of 2^-32 J,
since the event was opened: the count of a new source starts at 0.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from wattgram.readings import Component, State
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    Point,
    Sample,
    Scope,
    Source,
    SourceUnavailableError,
    Zone,
)
from wattgram_agent.sources.perf_event import PERMISSION_FIX
from wattgram_agent.sources.perf_pmu import EnergyEvent, Place, Scale, Unit, places, read_unit

NAME: Final = "perf"
COUNT_WRAPS_AT: Final = 1 << 64
_COMPONENTS: Final = {
    "package": Component.CPU,
    "core": Component.CPU,
    "uncore": Component.CPU,
    "dram": Component.DRAM,
}
_SCOPES: Final = {"package": Scope.CPU, "dram": Scope.DRAM, "psys": Scope.PLATFORM}
_ABSENT: Final = (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP, errno.ENOSYS)


class Event(Protocol):
    """An open counter of the kernel."""

    def read(self) -> int:
        """Return the count since it was opened; raises OSError."""

    def close(self) -> None:
        """Give it back."""


OpenEvent = Callable[[int, int, int], Event]
"""From the unit's type, the event's number and a CPU; raises OSError."""


class Counter(NamedTuple):
    """A zone, its open event, and what a count of it is."""

    zone: Zone
    event: Event
    scale: Scale

    def sample(self) -> Sample:
        point = self.zone.point
        try:
            count = self.event.read()
        except OSError as error:
            denied = isinstance(error, PermissionError)
            reason = "permission_denied" if denied else "unreadable"
            return FailedSample(point, reason, f"{self.zone.location}: {error.strerror}")
        return CounterSample(
            point, self.scale.microjoules(count), self.scale.microjoules(COUNT_WRAPS_AT)
        )


class PerfSource(Source):
    """The open events of the `power` unit."""

    name = NAME
    is_spare = True

    def __init__(self, counters: Sequence[Counter], problems: Sequence[str]) -> None:
        self._counters = counters
        self._problems = problems

    def zones(self) -> Sequence[Zone]:
        return [counter.zone for counter in self._counters]

    def problems(self) -> Sequence[str]:
        return self._problems

    def sample(self) -> Sequence[Sample]:
        return [counter.sample() for counter in self._counters]

    def close(self) -> None:
        for counter in self._counters:
            counter.event.close()


def find_source(directory: Path, sysfs: Path, vendor: str, opener: OpenEvent) -> PerfSource:
    """Return the energy events of the unit in `directory`, opened; raises as `discover`."""
    unit = read_unit(directory)
    if isinstance(unit, str):
        raise SourceUnavailableError(State.ERROR, unit)
    counters, failures = open_counters(unit, places(sysfs, unit.cpus, vendor), opener)
    if not counters:
        raise why_none(unit, failures)
    return PerfSource(counters, [*unit.problems, *(_text(*failure) for failure in failures)])


def open_counters(
    unit: Unit, where: Sequence[Place], opener: OpenEvent
) -> tuple[list[Counter], list[tuple[str, OSError]]]:
    """Open every event in every place; return what is open, and what failed and where."""
    counters: list[Counter] = []
    failures: list[tuple[str, OSError]] = []
    for event in unit.events:
        # psys is one register of the board: a second socket shows it again, or nothing.
        for place in where[:1] if event.domain == "psys" else where:
            zone = _zone(event, place)
            try:
                opened = opener(unit.kind, event.config, place.cpu)
            except OSError as error:
                failures.append((zone.location, error))
            else:
                counters.append(Counter(zone, opened, event.scale))
    return counters, failures


def why_none(unit: Unit, failures: Iterable[tuple[str, OSError]]) -> SourceUnavailableError:
    """Return what to say of a unit none of whose events is open."""
    reasons = [*unit.problems, *(_text(*failure) for failure in failures)]
    errors = [error for _, error in failures]
    reason = reasons[0] if reasons else "the unit has no energy event"
    if any(isinstance(error, PermissionError) for error in errors):
        return SourceUnavailableError(
            State.PERMISSION_DENIED,
            f"{reason} (needs CAP_PERFMON; a container's seccomp profile refuses it too)",
            PERMISSION_FIX,
        )
    absent = all(error.errno in _ABSENT for error in errors) and not unit.problems
    return SourceUnavailableError(State.ABSENT if absent else State.ERROR, reason)


def _zone(event: EnergyEvent, place: Place) -> Zone:
    scope = _SCOPES.get(event.domain, Scope.PART)
    is_board = event.domain == "psys"
    return Zone(
        point=Point(NAME, event.domain, "0" if is_board else place.instance),
        scope=scope,
        component=_COMPONENTS.get(event.domain, Component.OTHER),
        location=f"power/{event.name}/ on CPU {place.cpu}",
        refusal="inside the package" if scope is Scope.PART else "" if is_board else place.refusal,
    )


def _text(location: str, error: OSError) -> str:
    return f"{location}: {error.strerror}"
