"""What this host is: its names, its boot, its clocks. Read from files, no library."""

from __future__ import annotations

import os
import platform
import time
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Final, Protocol

from wattgram.handshake import HostFacts
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.hardware import made_of
from wattgram_agent.source import HostPaths
from wattgram_agent.sysfs import read_text

_AT_ONCE_NANOSECONDS: Final = NANOSECONDS_PER_SECOND // 100
_CLOCK_READS_MAX: Final = 3
# SMBIOS chassis types (DSP0134, 7.4.1) that are carried about.
_LAPTOP_CHASSIS: Final = {"8", "9", "10", "14", "30", "31", "32"}
_SERVER_CHASSIS: Final = {"17", "23", "28", "29"}
_VIRTUAL_VENDORS: Final = {
    "Amazon EC2": "amazon",
    "Google": "google",
    "Microsoft Corporation": "microsoft",
    "QEMU": "qemu",
    "OpenStack Foundation": "openstack",
    "VMware, Inc.": "vmware",
    "Xen": "xen",
    "innotek GmbH": "virtualbox",
    "DigitalOcean": "digitalocean",
    "Hetzner": "hetzner",
}


class Clock(Protocol):
    """The three clocks of a host; tests turn them by hand."""

    def boottime_nanoseconds(self) -> int:
        """Return time since boot, sleep included: how long."""

    def monotonic_nanoseconds(self) -> int:
        """Return time since boot, sleep excluded: the sampler's beat."""

    def unix_nanoseconds(self) -> int:
        """Return wall-clock time: when."""


def boot_clock() -> int:
    """Return the number of the clock that goes on while the host sleeps: on macOS, which has no
    other name for it, the monotonic one.
    """
    return getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The kernel's clocks."""

    def boottime_nanoseconds(self) -> int:
        return time.clock_gettime_ns(boot_clock())

    def monotonic_nanoseconds(self) -> int:
        return time.monotonic_ns()

    def unix_nanoseconds(self) -> int:
        return time.time_ns()


def unix_and_boottime_nanoseconds(clock: Clock) -> tuple[int, int]:
    """Return what both clocks show at one instant; read again if the process stood in between."""
    for _ in range(_CLOCK_READS_MAX):
        boottime, unix = clock.boottime_nanoseconds(), clock.unix_nanoseconds()
        if clock.boottime_nanoseconds() - boottime <= _AT_ONCE_NANOSECONDS:
            break
    return unix, boottime


def boot_id() -> str:
    """Return the identity of this boot; a fresh one where the kernel does not say.

    It belongs to the boot-time clock, which is this kernel's whatever procfs is configured.
    """
    return read_text(Path("/proc/sys/kernel/random/boot_id")) or f"unknown-{uuid.uuid4()}"


def facts(
    paths: HostPaths, *, host: str = "", site: str = "", device_class: str = ""
) -> HostFacts:
    """Return what this host says of itself; configured values win over what is found."""
    dmi = paths.sysfs / "class" / "dmi" / "id"
    cpuinfo = read_text(paths.procfs / "cpuinfo") or ""
    virtualization = virtualization_of(read_text(dmi / "sys_vendor") or "", cpuinfo)
    return HostFacts(
        host=host or platform.node() or "unknown",
        os=f"{platform.system()} {platform.release()}"[:100],
        arch=platform.machine(),
        device_class=device_class
        or device_class_of(read_text(dmi / "chassis_type") or "", virtualization),
        site=site,
        virtualization=virtualization,
        cpu_model=_cpuinfo_field(cpuinfo, "model name") or _cpuinfo_field(cpuinfo, "Model"),
        **asdict(made_of(paths, virtualization)),
    )


def virtualization_of(sys_vendor: str, cpuinfo: str) -> str:
    """PURE. Return who runs this virtual machine, '' on hardware."""
    if " hypervisor" not in _cpuinfo_field(cpuinfo, "flags"):
        return "amazon" if sys_vendor == "Amazon EC2" else ""
    return _VIRTUAL_VENDORS.get(sys_vendor, "unknown hypervisor")


def device_class_of(chassis_type: str, virtualization: str) -> str:
    """PURE. Return server, laptop, virtual_machine, or '' where nothing tells."""
    if virtualization:
        return "virtual_machine"
    if chassis_type in _LAPTOP_CHASSIS:
        return "laptop"
    return "server" if chassis_type in _SERVER_CHASSIS else ""


def resident_memory_bytes() -> int:
    """Return the resident set of this process, 0 where /proc does not say."""
    pages = (read_text(Path("/proc/self/statm")) or "0 0").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _cpuinfo_field(cpuinfo: str, name: str) -> str:
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return f" {value.strip()}" if name == "flags" else value.strip()
    return ""
