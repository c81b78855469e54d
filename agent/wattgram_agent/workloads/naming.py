r"""PURE. A control group's path to the workload that it is.

Each group is one of three: a workload of its own, part of the one above it, or one in which
nothing further is looked for. So the workloads partition the tree:

* a pod, a container or a virtual machine is one, with everything inside it;
* a unit of the system manager (`cron.service`) is one, with everything inside it;
* a slice is one: of what is in it, what none of its units explains;
* a user's slice (`user-1000.slice`) is one: sessions and user services are not told apart, only
  containers are. So it is with a group that no rule knows (`/docker`, `/kubepods`, `/slurm`).

Groups are known by their own names where these say enough, so that a path that is told from
inside another namespace (`/../kubepods…`) is understood too.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from wattgram.workloads import Workload, WorkloadKind, workload


class Place(NamedTuple):
    """What a control group is.

    `workload` is None for one that is part of the workload above; `is_open` says that it may
    hold workloads of its own, `is_plain` that those can only be pods, containers or machines.
    """

    workload: Workload | None
    is_open: bool = False
    is_plain: bool = False


ROOT: Final = Place(None, is_open=True)

_PART: Final = Place(None)
_OPEN_PART: Final = Place(None, is_open=True, is_plain=True)

_UNIT: Final = re.compile(r".+\.(?:service|scope|mount|socket|swap)")
_SLICE: Final = re.compile(r".+\.slice")
_USER_SLICE: Final = re.compile(r"user-\d+\.slice")
_USER_MANAGER: Final = re.compile(r"user@\d+\.service")
_POD: Final = re.compile(
    r"(?:[\w-]*-)?pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})"
    r"(?:\.slice)?(?::.*)?"
)
_CONTAINER: Final = re.compile(r"(?:[a-z][a-z.-]*-)?([0-9a-f]{64})(?:\.scope)?")
_LXC: Final = re.compile(r"lxc\.(?:payload|monitor)\.(.+)")
_LXC_PARENTS: Final = ("lxc", "lxc.payload", "lxc.monitor")
_NSPAWN: Final = re.compile(r"systemd-nspawn@(.+)\.service")
_MACHINE_SCOPE: Final = re.compile(r"machine-(.+)\.scope")
_LIBVIRT_MACHINE: Final = re.compile(r"(qemu|lxc|ch|xen)-\d+-(.+)")
_LIBVIRT_GROUP: Final = re.compile(r"(?:qemu-\d+-)?(.+)\.libvirt-qemu")
_ESCAPED: Final = re.compile(rb"\\x([0-9a-f]{2})")


def place(above: Place, parent: str, name: str) -> Place:
    """Return what the group `name` is, whose parent has the name `parent` (of the root: '')."""
    inner = _closed_workload(parent, name)
    if inner is not None:
        return Place(inner)
    if above.is_plain:
        is_leaf = _UNIT.fullmatch(name) and not _USER_MANAGER.fullmatch(name)
        return _PART if is_leaf else _OPEN_PART
    unit = name.removeprefix("_")  # systemd's escape of names that look like the kernel's files
    if _UNIT.fullmatch(unit):
        return Place(workload(WorkloadKind.SYSTEMD, unit))
    is_plain = not _SLICE.fullmatch(unit) or _USER_SLICE.fullmatch(unit) is not None
    return Place(workload(WorkloadKind.SYSTEMD, unit), is_open=True, is_plain=is_plain)


def workload_of(path: str) -> Workload | None:
    """Return the workload of a process from its group's path; None for the root group."""
    found, at, parent = None, ROOT, ""
    for name in path.split("/"):
        if name in ("", ".."):
            continue
        at = place(at, parent, name)
        found = at.workload or found
        if not at.is_open:
            break
        parent = name
    return found


def _closed_workload(parent: str, name: str) -> Workload | None:
    """Return the pod, container or virtual machine that a group is; None if it is neither."""
    if match := _POD.fullmatch(name):
        return workload(WorkloadKind.POD, match[1].replace("_", "-"))
    if match := _CONTAINER.fullmatch(name):
        return workload(WorkloadKind.CONTAINER, match[1])
    if match := _LXC.fullmatch(name) or _NSPAWN.fullmatch(name):
        return workload(WorkloadKind.CONTAINER, match[1])
    if match := _MACHINE_SCOPE.fullmatch(name):
        return _machine(_unescaped(match[1]))
    if match := _LIBVIRT_GROUP.fullmatch(name):
        return workload(WorkloadKind.VM, match[1])
    if parent in _LXC_PARENTS:
        return workload(WorkloadKind.CONTAINER, name)
    if parent in ("qemu.slice", "firecracker"):
        return workload(WorkloadKind.VM, name.removesuffix(".scope"))
    return None


def _machine(name: str) -> Workload:
    """Return what systemd-machined calls `name`: libvirt's are `driver-number-name`."""
    match = _LIBVIRT_MACHINE.fullmatch(name)
    if match is None:
        return workload(WorkloadKind.CONTAINER, name)
    kind = WorkloadKind.CONTAINER if match[1] == "lxc" else WorkloadKind.VM
    return workload(kind, match[2])


def _unescaped(name: str) -> str:
    """Undo systemd's escapes: a byte is `\\x2d`."""
    raw = name.encode(errors="surrogateescape")
    plain = _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), raw)
    return plain.decode(errors="replace")
