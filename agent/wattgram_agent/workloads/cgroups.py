"""CPU time of control groups, each nanosecond to exactly one workload.

The kernel counts a group with everything below it. What a workload used is what its group
counted since the last pass, less what the workloads inside it explain. So a group that ended
between two passes is not lost: its last time is in the group above, a slice. What no group
below the root explains belongs to nobody.

Counters begin again when a unit is started again: a group is its path and its inode. One that
was not there at the last pass has used all that it counts since then; one that could not be
read begins anew, and the group above has what it used.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Final

from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram.workloads import Workload
from wattgram_agent.workloads.hierarchy import (
    Hierarchy,
    find_hierarchy,
    open_file,
    read_usage,
)
from wattgram_agent.workloads.naming import ROOT, Place, place

DESCRIPTORS_MAX: Final = 1_000
_DESCRIPTORS_RESERVED: Final = 256
_GROUPS_MAX: Final = 5_000
_DEPTH_MAX: Final = 12
# Groups are not read at one instant: a parent may seem to have used less than its children.
_DEBT_NANOSECONDS_MAX: Final = NANOSECONDS_PER_SECOND


class _Group:
    """A control group that exists. `usage` is its last count, None if that is not known.

    `is_complete` says that at the last pass all its children were known.
    """

    __slots__ = ("children", "debt", "descriptor", "inode", "is_complete", "name", "path",
                 "place", "usage")  # fmt: skip

    def __init__(self, path: str, name: str, inode: int, what: Place, *, is_new: bool) -> None:
        self.path = path
        self.name = name
        self.inode = inode
        self.place = what
        self.usage: int | None = 0 if is_new else None
        self.debt = 0
        self.is_complete = is_new
        self.descriptor = -1
        self.children: dict[str, _Group] = {}


class CgroupTree:
    """The groups under `<sysfs>/fs/cgroup`, and what they had used at the last pass."""

    def __init__(self, sysfs: Path, descriptors_max: int | None = None) -> None:
        self._sysfs = sysfs
        self._hierarchy: Hierarchy | None = None
        self._root: _Group | None = None
        self._descriptors_left = (
            _descriptors_allowed() if descriptors_max is None else descriptors_max
        )
        self._groups_left = 0
        self._used: dict[Workload, int] = {}

    def read(self) -> dict[Workload, int]:
        """Return nanoseconds by workload since the last pass; none at the first."""
        if self._root is None:
            self._hierarchy = find_hierarchy(self._sysfs)
            if self._hierarchy is None:
                return {}
            self._root = _Group(self._hierarchy.root, "", 0, ROOT, is_new=False)
        self._groups_left = _GROUPS_MAX
        self._used = {}
        self._visit(self._root, 0)
        return self._used

    def close(self) -> None:
        """Give the descriptors back."""
        if self._root is not None:
            self._drop(self._root)

    def _visit(self, group: _Group, depth: int) -> int:
        """Book what a group and those in it used; return how much of it is booked.

        Children are read before their parent, which then has counted at least what they did.
        """
        booked = 0
        if group.place.is_open and depth < _DEPTH_MAX:
            self._look_into(group)
            for child in group.children.values():
                booked += self._visit(child, depth + 1)
        workload = group.place.workload
        if workload is None:
            return booked
        used = self._increase(group)
        if used is None:
            return booked
        own = used - booked - group.debt
        group.debt = 0
        if own < 0:
            group.debt = min(-own, _DEBT_NANOSECONDS_MAX)
            return booked
        self._used[workload] = self._used.get(workload, 0) + own
        return booked + own

    def _look_into(self, group: _Group) -> None:
        """Note which groups came and went."""
        try:
            with os.scandir(group.path) as entries:
                found = {
                    entry.name: entry.inode()
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False)
                }
        except OSError:
            found = None
        old, group.children = group.children, {}
        was_complete, group.is_complete = group.is_complete, found is not None
        for name, inode in (found or {}).items():
            if self._groups_left <= 0:
                group.is_complete = False
                break
            self._groups_left -= 1
            known = old.get(name)
            if known is not None and known.inode == inode:
                group.children[name] = old.pop(name)
            else:
                path = f"{group.path}/{name}"
                what = place(group.place, group.name, name)
                group.children[name] = _Group(path, name, inode, what, is_new=was_complete)
        for gone in old.values():
            self._drop(gone)

    def _increase(self, group: _Group) -> int | None:
        """Return what a group counted since the last pass, None when that is not known.

        A count that fell began again at zero: what it shows now is the least it can have been.
        """
        try:
            current = self._read(group)
        except (OSError, ValueError):
            self._close(group)
            group.usage = None
            return None
        previous, group.usage = group.usage, current
        if previous is None:
            return None
        return current - previous if current >= previous else current

    def _read(self, group: _Group) -> int:
        hierarchy = self._hierarchy
        if hierarchy is None:
            raise ValueError("no hierarchy")
        if group.descriptor >= 0:
            return read_usage(group.descriptor, hierarchy.parse)
        descriptor = open_file(f"{group.path}/{hierarchy.file}")
        if self._descriptors_left > 0:
            self._descriptors_left -= 1
            group.descriptor = descriptor
            return read_usage(descriptor, hierarchy.parse)
        try:
            return read_usage(descriptor, hierarchy.parse)
        finally:
            os.close(descriptor)

    def _drop(self, group: _Group) -> None:
        self._close(group)
        for child in group.children.values():
            self._drop(child)

    def _close(self, group: _Group) -> None:
        if group.descriptor >= 0:
            os.close(group.descriptor)
            group.descriptor = -1
            self._descriptors_left += 1


def _descriptors_allowed() -> int:
    """Return how many descriptors may be kept; the rest of the agent needs some too."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return DESCRIPTORS_MAX
    return max(0, min(DESCRIPTORS_MAX, soft - _DESCRIPTORS_RESERVED))
