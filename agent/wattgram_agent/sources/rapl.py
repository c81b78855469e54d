"""CPU energy from the Linux powercap tree (Intel RAPL, and AMD under the same names).

Zones are known by their `name` file, never by their index, which is hexadecimal and is not the
socket. Every zone wraps at its own `max_energy_range_uj`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from wattgram.readings import Component, State
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    HostPaths,
    Point,
    Sample,
    SourceUnavailableError,
    Zone,
)
from wattgram_agent.sysfs import KeptFile, UnreadableError, read_text

NAME: Final = "rapl"

_ZONE_DIRECTORY: Final = re.compile(r"(intel-rapl(?:-mmio|-tpmi)?):([0-9a-f]+)(?::([0-9a-f]+))?")
_PACKAGE_NAME: Final = re.compile(r"package-(\d+(?:-die-\d+)?)")
_COMPONENTS: Final = {
    "package": Component.CPU,
    "core": Component.CPU,
    "uncore": Component.CPU,
    "dram": Component.DRAM,
}
_DOMAINS: Final = ("package", "core", "uncore", "dram", "psys")
_DEPTH_MAX: Final = 4
_MIRRORING_VENDORS: Final = ("AuthenticAMD", "HygonGenuine")

# The rule of deploy/udev/60-wattgram-rapl.rules, so that the command works from a wheel too.
UDEV_RULE: Final = (
    'SUBSYSTEM=="powercap", ACTION=="add", KERNEL=="intel-rapl*:*", '
    'RUN+="/bin/chgrp wattgram /sys%p/energy_uj /sys%p/max_energy_range_uj", '
    'RUN+="/bin/chmod 0440 /sys%p/energy_uj /sys%p/max_energy_range_uj"'
)
UDEV_FIX: Final = (
    f"groupadd -rf wattgram && echo '{UDEV_RULE}' > /etc/udev/rules.d/60-wattgram-rapl.rules && "
    "udevadm control --reload && udevadm trigger --subsystem-match=powercap --action=add"
    "; then run the agent in the group wattgram"
)


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
    """Everything that the tree holds: what can be sampled, and what cannot."""

    zones: tuple[CountedZone, ...]
    problems: tuple[Problem, ...]


class RaplSource:
    """The zones of one powercap tree, each behind a descriptor that stays open."""

    name = NAME

    def __init__(self, discovery: Discovery) -> None:
        self.discovery = discovery
        self._registers = [
            (zone.zone.point, KeptFile(zone.register), zone.wraps_at) for zone in discovery.zones
        ]

    def zones(self) -> Sequence[Zone]:
        return [zone.zone for zone in self.discovery.zones]

    def sample(self) -> Sequence[Sample]:
        samples: list[Sample] = []
        for point, register, wraps_at in self._registers:
            try:
                value = register.read()
            except UnreadableError as error:
                samples.append(FailedSample(point, error.reason, error.detail))
                continue
            if wraps_at is not None and value > wraps_at:
                detail = f"{value} is above the range {wraps_at}"
                samples.append(FailedSample(point, "unreadable", detail))
            else:
                samples.append(CounterSample(point, value, wraps_at))
        return samples

    def close(self) -> None:
        for _, register, _ in self._registers:
            register.close()


def discover(paths: HostPaths) -> RaplSource:
    """Return the powercap zones under `paths.sysfs`; raises SourceUnavailableError."""
    root = paths.sysfs / "class" / "powercap"
    found = find_zone_directories(root) or find_zone_directories(
        paths.sysfs / "devices" / "virtual" / "powercap"
    )
    if not found:
        raise SourceUnavailableError(State.ABSENT, _why_nothing(root), _fix_nothing(root, paths))
    vendor = cpu_vendor(read_text(paths.procfs / "cpuinfo") or "")
    discovery = describe(found, vendor)
    if not discovery.zones:
        raise SourceUnavailableError(
            State.ERROR, "; ".join(f"{p.location}: {p.reason}" for p in discovery.problems)
        )
    _require_readable(discovery)
    return RaplSource(discovery)


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
    taken: dict[Point, str] = {}
    for files in found:
        register = files.directory / "energy_uj"
        if not files.name:
            problems.append(Problem(files.identifier, "no readable name file, or an empty one"))
        elif not os.path.exists(register):
            problems.append(Problem(files.identifier, f"zone {files.name} has no energy_uj file"))
        else:
            point = _point(files)
            refusal = _refusal(files, point, taken, vendor)
            if point in taken:
                point = point._replace(instance=f"{point.instance}@{files.identifier}")
            taken[point] = files.identifier
            zones.append(
                CountedZone(
                    Zone(
                        point=point,
                        component=_COMPONENTS.get(point.domain, Component.OTHER),
                        location=str(files.directory),
                        refusal=refusal,
                    ),
                    register,
                    parse_range(read_text(files.directory / "max_energy_range_uj")),
                )
            )
    return Discovery(tuple(zones), tuple(problems))


def parse_range(text: str | None) -> int | None:
    """Return the value at which a register wraps, None where the file does not say."""
    if text is None or not text.isascii() or not text.isdigit():
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
    domain = name if name in _DOMAINS else re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64]
    return Point(NAME, domain, files.package or files.identifier)


def _refusal(files: ZoneFiles, point: Point, taken: dict[Point, str], vendor: str) -> str:
    if point in taken:
        return f"a second view of {point.domain} {point.instance}, already at {taken[point]}"
    package, die, _ = point.instance.partition("-die-")
    if point.domain == "package" and die and vendor in _MIRRORING_VENDORS:
        for other in taken:
            if other.domain == "package" and other.instance.startswith(f"{package}-die-"):
                return f"on {vendor} every die shows the socket's register, as {other.instance}"
    if point.domain not in _DOMAINS:
        return f"a zone named {files.name!r} is not known"
    if point.domain == "dram" and not files.package:
        return "belongs to no package"
    return ""


def _require_readable(discovery: Discovery) -> None:
    """Raise SourceUnavailableError when no register may be read: said now, not at 3 a.m."""
    denied = []
    for zone in discovery.zones:
        register = KeptFile(zone.register)
        try:
            register.read()
        except UnreadableError as error:
            if error.reason == "permission_denied":
                denied.append(str(zone.register))
                continue
        finally:
            register.close()
        return
    raise SourceUnavailableError(
        State.PERMISSION_DENIED, f"{denied[0]} is readable by root only", UDEV_FIX
    )


def _why_nothing(root: Path) -> str:
    try:
        names = os.listdir(root)
    except FileNotFoundError:
        return f"{root} does not exist: no RAPL driver, a virtual machine, or not Linux"
    except OSError as error:
        return f"{root}: {error.strerror}"
    if not names:
        return f"{root} is empty: masked by a container runtime, or no driver is loaded"
    return f"{root} holds no readable RAPL zone"


def _fix_nothing(root: Path, paths: HostPaths) -> str:
    with contextlib.suppress(OSError):
        if not os.listdir(root):
            return (
                "mount the host's /sys read-only at /host/sys and run with --path.sysfs /host/sys"
            )
    return "modprobe intel_rapl_msr" if paths.sysfs == Path("/sys") else ""
