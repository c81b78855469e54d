"""Bytes of the network interfaces of this host, each byte once.

Physical interfaces only: what passes a bridge, a bond, a VLAN, a tunnel or a container's pair
of ends has passed a physical interface too. Of an interface and the one that it backs (Azure's
accelerated networking) the upper one counts. A container that sees no hardware counts the
interface of its default route.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from wattgram.readings import Kind, State
from wattgram_agent.procfs import psutil_reading
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
from wattgram_agent.sysfs import read_text

NAME: Final = "network"

# Only where neither sysfs nor the routing table can tell: names that are never hardware.
_VIRTUAL_NAME: Final = re.compile(
    r"lo|veth.*|docker\d*|br-?.*|virbr.*|bond.*|team.*|tun.*|tap.*|wg.*|dummy.*|ifb.*|vmnet.*|"
    r"cni.*|flannel.*|cali.*|cilium.*|vxlan.*|geneve.*|gre.*|sit.*|ip6tnl.*|ip_vti.*|lxc.*|"
    r"lxdbr.*|macvtap.*|kube.*|nodelocaldns|tailscale.*|zt.*|.*[.@].*"
)

_INTERFACE: Final = re.compile(r"^INTERFACE=(\S+)$", re.MULTILINE)

# psutil asserts that the lines of net/dev have their colon.
_MALFORMED: Final = (OSError, ValueError, AssertionError)


class Interface(NamedTuple):
    """One interface as the kernel describes it. None: sysfs does not know the interface."""

    name: str
    is_hardware: bool | None
    master: str


class NetworkSource(Source):
    """Received and transmitted bytes per interface; the set follows what is plugged in."""

    name = NAME

    def __init__(self, paths: HostPaths) -> None:
        self._paths = paths
        self._names: frozenset[str] = frozenset()
        self._chosen: dict[str, str] = {}
        self._refresh(self._counters())

    def zones(self) -> Sequence[Zone]:
        return [
            Zone(point=Point(NAME, domain, device), kind=kind, location=why)
            for device, why in self._chosen.items()
            for domain, kind in (("receive", Kind.RECEIVE), ("transmit", Kind.TRANSMIT))
        ]

    def sample(self) -> Sequence[Sample]:
        try:
            counters = self._counters()
        except _MALFORMED as error:
            return [
                FailedSample(zone.point, "unreadable", f"net/dev: {error}")
                for zone in self.zones()
            ]
        self._refresh(counters)
        return [
            CounterSample(Point(NAME, domain, device), value, None)
            for device in self._chosen
            if (seen := counters.get(device)) is not None
            for domain, value in (("receive", seen.bytes_recv), ("transmit", seen.bytes_sent))
        ]

    def close(self) -> None:
        """Nothing is kept open."""

    def _counters(self) -> Mapping[str, psutil._ntuples.snetio]:
        procfs = network_procfs(self._paths.procfs)
        with psutil_reading(procfs, "net/dev"):
            # nowrap=True would hide resets in state that is global to the process.
            return psutil.net_io_counters(pernic=True, nowrap=False)

    def _refresh(self, counters: Mapping[str, object]) -> None:
        names = frozenset(name for name in counters if name.isprintable())
        if names == self._names:
            return
        self._names = names
        interfaces = [describe(name, self._paths.sysfs) for name in sorted(names)]
        route = default_route(read_text(network_procfs(self._paths.procfs) / "net/route") or "")
        self._chosen = choose(interfaces, route)


def discover(paths: HostPaths) -> NetworkSource:
    """Return the interfaces in `paths.procfs`; raises SourceUnavailableError."""
    try:
        source = NetworkSource(paths)
    except _MALFORMED as error:
        raise SourceUnavailableError(State.ERROR, f"net/dev cannot be read: {error}") from error
    if not source.zones():
        raise SourceUnavailableError(State.ABSENT, "no physical interface and no default route")
    return source


def network_procfs(procfs: Path) -> Path:
    """Return the procfs whose `net` is the host's own, also when it is mounted elsewhere.

    `net` is a link into the reader's own process; behind a mount only process 1's is the host's.
    """
    process_one = procfs / "1"
    if procfs != Path("/proc") and (process_one / "net" / "dev").is_file():
        return process_one
    return procfs


def describe(name: str, sysfs: Path) -> Interface:
    """Read what sysfs says of one interface."""
    directory = sysfs / "class" / "net" / name
    if not directory.is_dir():
        return Interface(name, None, "")
    resolved = str(directory.resolve())
    is_hardware = (directory / "device").exists() and "/devices/virtual/net/" not in resolved
    return Interface(name, is_hardware, _master(directory / "master"))


def _master(link: Path) -> str:
    """Return the interface that a link leads to, or what a copy of a sysfs has in its place."""
    if not link.exists():
        return ""
    if link.is_symlink():
        return link.resolve().name
    if link.is_dir():
        told = _INTERFACE.search(read_text(link / "uevent") or "")
        return told[1] if told else ""
    return Path(read_text(link) or "").name


def choose(interfaces: Sequence[Interface], default_route_name: str) -> dict[str, str]:
    """PURE. Return the interfaces to count, in order, each with the reason."""
    hardware = {interface.name for interface in interfaces if interface.is_hardware}
    physical = {
        interface.name: "physical"
        for interface in interfaces
        if interface.name in hardware and interface.master not in hardware
    }
    if physical:
        return physical
    names = {interface.name for interface in interfaces}
    if default_route_name in names:
        return {default_route_name: "virtual, of the default route"}
    return {
        interface.name: "physical by its name"
        for interface in interfaces
        if _VIRTUAL_NAME.fullmatch(interface.name) is None
    }


def default_route(route_table: str) -> str:
    """PURE. Return the interface of the first default route of /proc/net/route, or ''."""
    for line in route_table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 1 and fields[1] == "00000000":
            return fields[0]
    return ""
