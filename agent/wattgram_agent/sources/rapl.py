"""CPU energy from the Linux powercap tree (Intel RAPL, and AMD under the same names).

Zones are known by their `name` file, never by their index, which is hexadecimal and is not the
socket. Every zone wraps at its own `max_energy_range_uj`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

from wattgram.readings import State
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    HostPaths,
    Point,
    Sample,
    Source,
    SourceUnavailableError,
    Zone,
)
from wattgram_agent.sources.rapl_zones import (
    NAME,
    CountedZone,
    Discovery,
    Problem,
    cpu_vendor,
    describe,
    find_zone_directories,
)
from wattgram_agent.sysfs import KeptFile, UnreadableError, read_text

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


class RaplSource(Source):
    """The zones of one powercap tree, each behind a descriptor that stays open."""

    name = NAME

    def __init__(self, discovery: Discovery) -> None:
        self.discovery = discovery
        self._registers = [_kept(zone) for zone in discovery.zones]

    def zones(self) -> Sequence[Zone]:
        return [zone.zone for zone in self.discovery.zones]

    def expect(self, points: Collection[Point]) -> None:
        """Take zones that were read before, and are away just now, for zones that fail."""
        back = tuple(one for one in self.discovery.away if one.zone.point in points)
        away = tuple(one for one in self.discovery.away if one not in back)
        self.discovery = self.discovery._replace(zones=(*self.discovery.zones, *back), away=away)
        self._registers += [_kept(zone) for zone in back]

    def problems(self) -> Sequence[str]:
        return [f"{problem.location}: {problem.reason}" for problem in self.discovery.problems]

    def fix(self) -> str:
        denied = any("permission" in problem.reason for problem in self.discovery.problems)
        return UDEV_FIX if denied else ""

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
        state = State.PERMISSION_DENIED if _is_closed(root) else State.ABSENT
        raise SourceUnavailableError(state, _why_nothing(root), _fix_nothing(root, paths))
    vendor = cpu_vendor(read_text(paths.procfs / "cpuinfo") or "")
    discovery = describe(found, vendor)
    if not discovery.zones and not discovery.away:
        _require_readable_names(zone.directory / "name" for zone in found)
        raise SourceUnavailableError(
            State.ERROR, "; ".join(f"{p.location}: {p.reason}" for p in discovery.problems)
        )
    return RaplSource(_only_readable(discovery))


def _only_readable(discovery: Discovery) -> Discovery:
    """Return the zones whose registers may be read: said now, not at 3 a.m.

    Raises SourceUnavailableError when none may.
    """
    denied = [zone for zone in discovery.zones if _is_denied(zone.register)]
    if denied and len(denied) == len(discovery.zones):
        raise SourceUnavailableError(
            State.PERMISSION_DENIED, f"{denied[0].register} is readable by root only", UDEV_FIX
        )
    problems = (Problem(z.zone.location, "no permission to read energy_uj") for z in denied)
    return Discovery(
        tuple(zone for zone in discovery.zones if zone not in denied),
        (*discovery.problems, *problems),
        discovery.away,
    )


def _require_readable_names(names: Iterable[Path]) -> None:
    """Raise SourceUnavailableError if some are there and closed: some kernels close them too."""
    closed = [
        str(name)
        for name in names
        if os.path.exists(name) and not os.access(name, os.R_OK, effective_ids=True)
    ]
    if closed:
        raise SourceUnavailableError(
            State.PERMISSION_DENIED,
            f"{closed[0]} is readable by root only",
            f"chmod a+r {' '.join(closed)} && {UDEV_FIX}",
        )


def _kept(zone: CountedZone) -> tuple[Point, KeptFile, int | None]:
    return zone.zone.point, KeptFile(zone.register), zone.wraps_at


def _is_denied(path: Path) -> bool:
    register = KeptFile(path)
    try:
        register.read()
    except UnreadableError as error:
        return error.reason == "permission_denied"
    finally:
        register.close()
    return False


def _is_closed(root: Path) -> bool:
    return os.path.isdir(root) and not os.access(root, os.R_OK | os.X_OK, effective_ids=True)


def _why_nothing(root: Path) -> str:
    try:
        names = _visible_names(root)
    except FileNotFoundError:
        return f"{root} does not exist: no RAPL driver, a virtual machine, or not Linux"
    except OSError as error:
        return f"{root}: {error.strerror}"
    if not names:
        return f"{root} is empty: masked by a container runtime, or no driver is loaded"
    if not _lead_somewhere(root, names):
        return f"{root} holds links that lead nowhere: masked by a container runtime"
    return f"{root} holds no readable RAPL zone"


def _visible_names(root: Path) -> list[str]:
    return [name for name in os.listdir(root) if not name.startswith(".")]


def _lead_somewhere(root: Path, names: Iterable[str]) -> bool:
    """Say whether any is there: the class links into a directory that may have been masked."""
    return any(os.path.exists(root / name) for name in names)


def _fix_nothing(root: Path, paths: HostPaths) -> str:
    if _is_closed(root):
        return f"chmod a+rx {root}"
    with contextlib.suppress(OSError):
        if not _lead_somewhere(root, _visible_names(root)):
            return (
                "mount the host's /sys read-only at /host/sys and run with --path.sysfs /host/sys"
            )
    is_guest = " hypervisor" in (read_text(paths.procfs / "cpuinfo") or "")
    return "modprobe intel_rapl_msr" if paths.sysfs == Path("/sys") and not is_guest else ""
