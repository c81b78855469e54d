"""The power meters that a server's firmware tells of through ACPI (hwmon chips `power_meter`).

One meter without a name of its own meters the whole host. Of several it is not known which does,
and a superchip's (NVIDIA Grace) are those of its sockets: only the socket's own is counted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from wattgram.readings import Component, State
from wattgram.units import MILLISECONDS_PER_SECOND
from wattgram_agent.composition import zone_name
from wattgram_agent.hwmon_chips import Chip, PowerFile, find_chips
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
from wattgram_agent.sources.hwmon_meters import require_one_readable
from wattgram_agent.sysfs import UnreadableError, read_text

NAME: Final = "acpi_meter"
CHIP_NAME: Final = "power_meter"
# Firmware is not asked more often; a slower one than a minute would be taken for a dead one.
PERIOD_SECONDS_MIN: Final = 1.0
PERIOD_SECONDS_MAX: Final = 60.0

_FILE: Final = re.compile(r"power(\d{1,4})_(average|input)")
_RAIL: Final = re.compile(r"(\w+) power socket (\d{1,4})", re.IGNORECASE)
_RAIL_REFUSALS: Final = {
    "module": "holds the CPU, its memory and the GPU",
    "cpu": "inside the socket's power",
    "sysio": "inside the socket's power",
}


class MeterFiles(NamedTuple):
    """One meter as it was found: its file, and what the firmware says of it.

    `interval_milliseconds` is over what it averages, 0 where it does not say.
    """

    identity: str
    path: Path
    oem_info: str
    is_battery: bool
    interval_milliseconds: int

    @property
    def rail(self) -> re.Match[str] | None:
        """The part of a superchip that it meters, if it names one."""
        return _RAIL.fullmatch(self.oem_info)

    @property
    def is_plain(self) -> bool:
        """Whether nothing says that it meters less than the host."""
        return self.rail is None and not self.is_battery


class AcpiMeterSource(Source):
    """The meters of one host, asked no more often than the slowest of them has news."""

    name = NAME
    may_block = True

    def __init__(self, meters: Sequence[MeterFiles]) -> None:
        self.period_seconds = period_seconds(meters)
        mean_from = self.period_seconds * MILLISECONDS_PER_SECOND
        self._zones = describe(meters)
        self._gauges = [
            (zone.point, PowerFile(meter.path), meter.interval_milliseconds >= mean_from)
            for zone, meter in zip(self._zones, meters, strict=True)
        ]

    def zones(self) -> Sequence[Zone]:
        return self._zones

    def sample(self) -> Sequence[Sample]:
        return [_sample(*gauge) for gauge in self._gauges]

    def close(self) -> None:
        for _, reader, _ in self._gauges:
            reader.close()


def discover(paths: HostPaths) -> AcpiMeterSource:
    """Return the meters under `paths.sysfs`; raises SourceUnavailableError. Reads no power."""
    chips = [chip for chip in find_chips(paths.sysfs) if chip.name == CHIP_NAME]
    meters = [meter for chip in chips for meter in find_meters(chip)]
    if not chips:
        raise SourceUnavailableError(
            State.ABSENT,
            f"no ACPI power meter under {paths.sysfs / 'class' / 'hwmon'}",
            "modprobe acpi_power_meter" if _has_firmware_meter(paths.sysfs) else "",
        )
    if not meters:
        raise SourceUnavailableError(State.ERROR, f"{chips[0].directory} tells no power")
    require_one_readable([meter.path for meter in meters])
    return AcpiMeterSource(meters)


def find_meters(chip: Chip) -> list[MeterFiles]:
    """Return the meters of a chip, which is one; each has its mean or, without, its instant."""
    attributes: dict[int, str] = {}
    for match in filter(None, map(_FILE.fullmatch, sorted(chip.files))):
        attributes.setdefault(int(match[1]), match[2])
    return [
        MeterFiles(
            identity=chip.identity if number == 1 else f"{chip.identity}/power{number}",
            path=chip.directory / f"power{number}_{attribute}",
            oem_info=_said(chip, f"power{number}_oem_info"),
            is_battery=_said(chip, f"power{number}_is_battery") == "1",
            interval_milliseconds=_count(_said(chip, f"power{number}_average_interval")),
        )
        for number, attribute in sorted(attributes.items())
    ]


def describe(meters: Sequence[MeterFiles]) -> list[Zone]:
    """Return a zone for each meter: what it holds, and why it is not counted."""
    is_alone = sum(meter.is_plain for meter in meters) == 1
    zones: list[Zone] = []
    taken: set[Point] = set()
    for meter in meters:
        zone = (
            _rail_zone(meter, meter.rail) if meter.rail else _plain_zone(meter, is_alone=is_alone)
        )
        if zone.point in taken:
            zone = _second_view(zone, meter)
        taken.add(zone.point)
        zones.append(zone)
    return zones


def period_seconds(meters: Iterable[MeterFiles]) -> float:
    """Return how often to ask: as often as the slowest averages, within bounds."""
    slowest = max((meter.interval_milliseconds for meter in meters), default=0)
    seconds = slowest / MILLISECONDS_PER_SECOND
    return min(max(seconds, PERIOD_SECONDS_MIN), PERIOD_SECONDS_MAX)


def _plain_zone(meter: MeterFiles, *, is_alone: bool) -> Zone:
    point = Point(NAME, "power", meter.identity)
    location = str(meter.path) + f" ({meter.oem_info})" * bool(meter.oem_info)
    if meter.is_battery:
        refusal = "meters a battery, not what feeds the host"
        return Zone(point=point, scope=Scope.HOST, location=location, refusal=refusal)
    if is_alone:
        return Zone(point=point, scope=Scope.HOST, location=location)
    refusal = (
        "one of several meters, which may hold one another: name those that together meter the "
        f"whole host in sources.host_meters: {zone_name(point)}"
    )
    return Zone(point=point, location=location, refusal=refusal)


def _rail_zone(meter: MeterFiles, rail: re.Match[str]) -> Zone:
    part, socket = rail[1].lower(), str(int(rail[2]))
    point = Point(NAME, part, socket)
    location = f"{meter.path} ({meter.oem_info})"
    if part == "grace":
        return Zone(point=point, scope=Scope.CPU, component=Component.CPU, location=location)
    refusal = _RAIL_REFUSALS.get(part, "what it holds is not known")
    return Zone(point=point, location=location, refusal=refusal)


def _second_view(zone: Zone, meter: MeterFiles) -> Zone:
    """Return the zone of a meter that says it is what another already is."""
    point = zone.point._replace(instance=f"{zone.point.instance}@{meter.identity}")
    return Zone(
        point=point,
        location=zone.location,
        refusal=zone.refusal or f"a second view of {zone.point.domain} {zone.point.instance}",
    )


def _sample(point: Point, reader: PowerFile, averaged: bool) -> Sample:  # noqa: FBT001
    try:
        power = reader.read()
    except UnreadableError as error:
        return FailedSample(point, error.reason, error.detail)
    if power <= 0:
        return FailedSample(point, "implausible", f"{power} uW of a meter that something runs on")
    return GaugeSample(point, power, averaged)


def _said(chip: Chip, name: str) -> str:
    """Return the text of a file; drivers have it beside the power or in `device/`."""
    text = read_text(chip.directory / name) or ""
    if not text and chip.device is not None:
        text = read_text(chip.device / name) or ""
    return " ".join("".join(filter(str.isprintable, text)).split())[:64]


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def _has_firmware_meter(sysfs: Path) -> bool:
    """Say whether the firmware has a meter for which no driver is loaded."""
    try:
        names = os.listdir(sysfs / "bus" / "acpi" / "devices")
    except OSError:
        return False
    return any(name.startswith("ACPI000D") for name in names)
