"""Where the kernel counts the CPU time of control groups: version 2, version 1, or both."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from wattgram.units import NANOSECONDS_PER_MICROSECOND

_READ_BYTES: Final = 64
_V2_KEY: Final = b"usage_usec "
_V1_MOUNTS: Final = ("cpuacct", "cpu,cpuacct", "cpuacct,cpu")


class Hierarchy(NamedTuple):
    """A tree of groups, the file in each that counts, and how its first bytes are read."""

    root: str
    file: str
    parse: Callable[[bytes], int]


def find_hierarchy(sysfs: Path) -> Hierarchy | None:
    """Return the tree that knows of CPU time; None if there is none, or no group in any.

    On a host with both versions the groups may be in either: the one whose groups used most is
    it, version 2 where they are equal.
    """
    base = os.path.join(sysfs, "fs", "cgroup")
    if os.path.exists(os.path.join(base, "cgroup.controllers")):
        return _version_2(base)
    found = [_version_2(os.path.join(base, "unified"))]
    found += [Hierarchy(os.path.join(base, name), "cpuacct.usage", int) for name in _V1_MOUNTS]
    used, _, best = max(
        ((_top_usage(one), -index, one) for index, one in enumerate(found)),
        key=lambda candidate: candidate[:2],
    )
    return best if used >= 0 else None


def open_file(path: str) -> int:
    """Return a descriptor. What stands in place of a file never makes anybody wait."""
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)


def read_usage(descriptor: int, parse: Callable[[bytes], int]) -> int:
    """Return nanoseconds of CPU time; raises OSError, or ValueError for what is no count."""
    usage = parse(os.pread(descriptor, _READ_BYTES, 0))
    if usage < 0:
        raise ValueError(usage)
    return usage


def _version_2(root: str) -> Hierarchy:
    return Hierarchy(root, "cpu.stat", _parse_cpu_stat)


def _parse_cpu_stat(text: bytes) -> int:
    if not text.startswith(_V2_KEY):
        raise ValueError(text)
    digits = text[len(_V2_KEY) :].split(b"\n", 1)[0]
    return int(digits) * NANOSECONDS_PER_MICROSECOND


def _top_usage(hierarchy: Hierarchy) -> int:
    """Return what the groups below the root used since they began; -1 without a group."""
    used = -1
    with suppress(OSError), os.scandir(hierarchy.root) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                with suppress(OSError, ValueError):
                    used = max(used, 0) + _read_once(hierarchy, entry.path)
    return used


def _read_once(hierarchy: Hierarchy, group: str) -> int:
    descriptor = open_file(os.path.join(group, hierarchy.file))
    try:
        return read_usage(descriptor, hierarchy.parse)
    finally:
        os.close(descriptor)
