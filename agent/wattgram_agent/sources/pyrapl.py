"""CPU energy through pyRAPL, for those who ask for it (`sources.cpu_backend = "pyrapl"`).

Only pyRAPL's `Sensor` is used, as a reader of registers. Its own arithmetic loses an interval
at every wrap, so differences, wraps and resets are ours, as for every other source; the range
comes from the zone's own file, which pyRAPL does not read.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from wattgram.readings import Component, State
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    HostPaths,
    Point,
    Sample,
    Scope,
    Source,
    SourceUnavailableError,
    Zone,
)
from wattgram_agent.sources import rapl, rapl_zones

NAME: Final = "pyrapl"
_DOMAINS: Final = ("package", "dram")  # pyRAPL's order within a socket
_COMPONENTS: Final = {"package": Component.CPU, "dram": Component.DRAM}
_SCOPES: Final = {"package": Scope.CPU, "dram": Scope.DRAM}
_UNREADABLE: Final = (OSError, ValueError, IndexError)


class PyRaplSource(Source):
    """The packages and memories that pyRAPL finds, each with the range that it wraps at."""

    name = NAME

    def __init__(self, library: Any, ranges: Mapping[Point, int | None]) -> None:
        self._library = library
        self._sensor = library.Sensor()
        self._ranges = ranges
        self._indices = {
            _point(index): index for index, value in enumerate(self._sensor.energy()) if value >= 0
        }

    def zones(self) -> Sequence[Zone]:
        return [
            Zone(
                point=point,
                scope=_SCOPES[point.domain],
                component=_COMPONENTS[point.domain],
                location="pyRAPL",
            )
            for point in self._indices
        ]

    def sample(self) -> Sequence[Sample]:
        try:
            # Its files are opened once: where one was removed, only a new sensor finds another.
            self._sensor = self._sensor or self._library.Sensor()
            values = self._sensor.energy()
            return [
                CounterSample(point, int(values[index]), self._ranges.get(point))
                for point, index in self._indices.items()
            ]
        except (self._library.PyRAPLException, *_UNREADABLE) as error:
            self.close()
            return [FailedSample(p, "unreadable", f"pyRAPL: {error!r}") for p in self._indices]

    def close(self) -> None:
        sensor, self._sensor = self._sensor, None
        for api in sensor._device_api.values() if sensor else ():  # noqa: SLF001 -- no close there
            for file in api._sys_files:  # noqa: SLF001
                file.close()


def discover(paths: HostPaths) -> PyRaplSource:
    """Return what pyRAPL finds; raises SourceUnavailableError."""
    if paths.sysfs != Path("/sys"):
        raise SourceUnavailableError(State.ABSENT, f"pyRAPL reads /sys only, not {paths.sysfs}")
    return open_sensor(import_pyrapl(), ranges(paths.sysfs))


def import_pyrapl() -> Any:
    """Import pyRAPL; raises SourceUnavailableError where it is not installed.

    Its import warns of an invalid escape, and logs that optional libraries are missing, on the
    root logger: which would set that up if nobody had.
    """
    try:
        with warnings.catch_warnings(), _silent_root_logger():
            warnings.simplefilter("ignore")
            import pyRAPL
    except ImportError as error:
        raise SourceUnavailableError(
            State.ABSENT, "pyRAPL is not installed", "pip install 'wattgram[pyrapl]'"
        ) from error
    return pyRAPL


@contextlib.contextmanager
def _silent_root_logger() -> Iterator[None]:
    """Drop what is logged on the root logger itself, and leave it as it was."""
    root = logging.getLogger()
    handler = logging.NullHandler()
    root.addHandler(handler)
    root.addFilter(_drop)
    try:
        yield
    finally:
        root.removeFilter(_drop)
        root.removeHandler(handler)


def _drop(_: logging.LogRecord) -> bool:
    return False


def open_sensor(library: Any, wraps: Mapping[Point, int | None]) -> PyRaplSource:
    """Open pyRAPL's sensor; whatever it raises becomes SourceUnavailableError."""
    try:
        return PyRaplSource(library, wraps)
    except PermissionError as error:
        raise SourceUnavailableError(
            State.PERMISSION_DENIED, f"{error.filename} is readable by root only", rapl.UDEV_FIX
        ) from error
    except (library.PyRAPLException, *_UNREADABLE) as error:
        raise SourceUnavailableError(
            State.ERROR,
            f"pyRAPL cannot use this host: {error!r}",
            'set sources.cpu_backend = "rapl"',
        ) from error


def ranges(sysfs: Path) -> dict[Point, int | None]:
    """Return what each register wraps at, from the zones that the own reader finds."""
    found = rapl_zones.find_zone_directories(sysfs / "class" / "powercap")
    return {
        zone.zone.point._replace(source=NAME): zone.wraps_at
        for zone in rapl_zones.describe(found, "").zones
    }


def _point(index: int) -> Point:
    socket, domain = divmod(index, len(_DOMAINS))
    return Point(NAME, _DOMAINS[domain], str(socket))
