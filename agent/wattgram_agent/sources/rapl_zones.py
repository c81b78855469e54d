"""The zones of a powercap tree: directories to zones, duplicates and mirrors refused.

Zones are known by their `name` file, never by their index, which is hexadecimal and is not the
socket. The layout may be flat, as the class directory is, or nested.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from wattgram.readings import Component
from wattgram.units import MICROJOULES_PER_JOULE
from wattgram_agent.source import Point, Scope, Zone
from wattgram_agent.sysfs import read_text

NAME: Final = "rapl"

_ZONE_DIRECTORY: Final = re.compile(r"(intel-rapl(?:-mmio|-tpmi)?):([0-9a-f]+)(?::([0-9a-f]+))?")
_PACKAGE_NAME: Final = re.compile(r"package-(\d+(?:-die-\d+)?)")
_COMPONENTS: Final = {
    "package": Component.CPU,
    "core": Component.CPU,
    "uncore": Component.CPU,
    "dram": Component.DRAM,
}
_SCOPES: Final = {
    "package": Scope.CPU,
    "core": Scope.PART,
    "uncore": Scope.PART,
    "dram": Scope.DRAM,
    "psys": Scope.PLATFORM,
}
_DEPTH_MAX: Final = 4
_NAME_MAX: Final = 64
_DIGITS_MAX: Final = 20  # of 64 bits
_MIRRORING_VENDORS: Final = ("AuthenticAMD", "HygonGenuine")
# Registers that count the same agree to the energy of the microseconds between two reads. From
# this value on an agreement is no accident of a host that has just been started.
_TELLING_MICROJOULES: Final = 1_000 * MICROJOULES_PER_JOULE
# What one register may count between two reads, and from where on no two agree by chance.
_READS_APART_MICROJOULES: Final = 10 * MICROJOULES_PER_JOULE
_EQUAL_MICROJOULES: Final = 1 * MICROJOULES_PER_JOULE
_MILLION: Final = 1_000_000
_SAME_MILLIONTHS: Final = 10
_CLOSE_MILLIONTHS: Final = 10_000


class ZoneFiles(NamedTuple):
    """One zone directory as it was found. `package` is the parent's instance, if it has one."""

    identifier: str
    control_type: str
    directory: Path
    name: str | None
    package: str


class CountedZone(NamedTuple):
    """A zone that has a register, and what that register wraps at."""

    zone: Zone
    register: Path
    wraps_at: int | None


class Problem(NamedTuple):
    """A zone directory that cannot be sampled, and why."""

    location: str
    reason: str


class Discovery(NamedTuple):
    """Everything that the tree holds: what can be sampled, and what cannot.

    `away` are zones whose register is not there just now, where all else says what they are.
    """

    zones: tuple[CountedZone, ...]
    problems: tuple[Problem, ...]
    away: tuple[CountedZone, ...] = ()


def find_zone_directories(root: Path) -> list[ZoneFiles]:
    """Return the zone directories under `root`, flat or nested, each real one once."""
    found: dict[str, ZoneFiles] = {}
    _walk(root, "", found, _DEPTH_MAX)
    seen: set[str] = set()
    unique = []
    for _, zone in sorted(found.items(), key=lambda item: _order(item[1])):
        real = os.path.realpath(zone.directory)
        if real not in seen:
            seen.add(real)
            unique.append(zone)
    return unique


def describe(found: Iterable[ZoneFiles], vendor: str) -> Discovery:
    """Turn directories into zones: names to points, duplicates and mirrors refused."""
    zones: list[CountedZone] = []
    problems: list[Problem] = []
    away: list[ZoneFiles] = []
    taken: dict[Point, ZoneFiles] = {}
    for files in found:
        if not files.name:
            problems.append(Problem(files.identifier, "no readable name file, or an empty one"))
        elif not os.path.exists(files.directory / "energy_uj"):
            problems.append(Problem(files.identifier, f"zone {files.name} has no energy_uj file"))
            away.append(files)
        else:
            point = _point(files)
            refusal = _refusal(files, point, taken, vendor)
            if point in taken:
                point = point._replace(instance=f"{point.instance}@{files.identifier}")
            taken[point] = files
            zones.append(_counted_zone(files, point, refusal))
    gone = tuple(_counted_zone(f, _point(f), _refusal(f, _point(f), {}, "")) for f in away)
    # Which of the dies of a package shows the register of another is read from the registers.
    known = tuple(one for one in gone if one.zone.point not in taken and not _is_die(one.zone))
    return Discovery(tuple(zones), tuple(problems), known)


def _counted_zone(files: ZoneFiles, point: Point, refusal: str) -> CountedZone:
    return CountedZone(
        Zone(
            point=point,
            scope=_SCOPES.get(point.domain, Scope.PART),
            component=_COMPONENTS.get(point.domain, Component.OTHER),
            location=str(files.directory),
            refusal=refusal,
        ),
        files.directory / "energy_uj",
        parse_range(read_text(files.directory / "max_energy_range_uj")),
    )


def _is_die(zone: Zone) -> bool:
    return "-die-" in zone.point.instance


def parse_range(text: str | None) -> int | None:
    """Return the value at which a register wraps, None where the file does not say."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > _DIGITS_MAX:
        return None
    return int(text) or None


def cpu_vendor(cpuinfo: str) -> str:
    """Return the `vendor_id` of /proc/cpuinfo, empty on CPUs that do not have one."""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "vendor_id":
            return value.strip()
    return ""


def _walk(directory: Path, package: str, found: dict[str, ZoneFiles], depth: int) -> None:
    try:
        names = sorted(os.listdir(directory)) if depth else []
    except OSError:
        return
    for entry in (directory / name for name in names if name.startswith("intel-rapl")):
        match = _ZONE_DIRECTORY.fullmatch(entry.name)
        if match is None:
            _walk(entry, package, found, depth - 1)
            continue
        if not os.path.isdir(entry) or entry.name in found:
            continue
        parent = package
        if match[3] is not None and not parent:
            parent = _package_of(read_text(entry.parent / f"{match[1]}:{match[2]}" / "name"))
        name = read_text(entry / "name")
        found[entry.name] = ZoneFiles(entry.name, match[1], entry, name, parent)
        _walk(entry, _package_of(name) or parent, found, depth - 1)


def _order(zone: ZoneFiles) -> tuple[int, tuple[int, ...]]:
    """MSR before its twins, so that a second view never wins; then by index."""
    control = ("intel-rapl", "intel-rapl-tpmi", "intel-rapl-mmio").index(zone.control_type)
    return control, tuple(int(part, 16) for part in zone.identifier.split(":")[1:])


def _package_of(name: str | None) -> str:
    match = _PACKAGE_NAME.fullmatch(name or "")
    return match[1] if match else ""


def _point(files: ZoneFiles) -> Point:
    name = files.name or ""
    package = _package_of(name)
    if package:
        return Point(NAME, "package", package)
    if name == "psys":
        return Point(NAME, "psys", "0")
    domain = name if name in _SCOPES else re.sub(r"[^A-Za-z0-9_-]", "_", name[:_NAME_MAX])
    return Point(NAME, domain, files.package or files.identifier)


def _refusal(files: ZoneFiles, point: Point, taken: Mapping[Point, ZoneFiles], vendor: str) -> str:
    if point in taken:
        first = taken[point].identifier
        return f"a second view of {point.domain} {point.instance}, already at {first}"
    package, die, _ = point.instance.partition("-die-")
    if point.domain == "package" and die:
        for other, its_files in taken.items():
            is_peer = other.domain == "package" and other.instance.startswith(f"{package}-die-")
            if is_peer and _mirrors(files.directory, its_files.directory, vendor):
                return f"every die shows the socket's register, as {other.instance}"
    if point.domain in {"core", "uncore"}:
        return "inside the package"
    if point.domain not in _SCOPES:
        return f"a zone named {(files.name or '')[:_NAME_MAX]!r} is not known"
    if point.domain == "dram" and not files.package:
        return "belongs to no package"
    return ""


def _mirrors(die: Path, other: Path, vendor: str) -> bool:
    """Say whether two dies of a package show one register, as those of AMD do.

    Where the registers hold enough to tell, they decide: what a kernel or a hypervisor says of
    the vendor is not always of the machine that the tree is from.
    """
    is_likely = vendor in _MIRRORING_VENDORS
    values = [parse_range(read_text(directory / "energy_uj")) or 0 for directory in (die, other)]
    least, most = sorted(values)
    if least >= _TELLING_MICROJOULES:
        tolerance = _CLOSE_MILLIONTHS if is_likely else _SAME_MILLIONTHS
        return (most - least) * _MILLION <= most * tolerance
    if is_likely:
        return most - least <= _READS_APART_MICROJOULES
    return least == most >= _EQUAL_MICROJOULES
