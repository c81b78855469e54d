"""CPU time of the whole host, from the first line of `<procfs>/stat`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.attribution import HostTime

NANOSECONDS_PER_TICK: Final = NANOSECONDS_PER_SECOND // os.sysconf("SC_CLK_TCK")
_READ_BYTES: Final = 512


class CpuTicks(NamedTuple):
    """Ticks of all threads since boot. What guests used is inside `user`."""

    user: int
    nice: int
    system: int
    idle: int
    iowait: int
    irq: int
    softirq: int
    steal: int


def parse_stat(text: bytes) -> CpuTicks | None:
    """Return the ticks of a line `cpu  1 2 3 …`; None when it is no such line.

    Fields that an old kernel does not have are 0.
    """
    first = text.split(b"\n", 1)[0].split()
    if not first or first[0] != b"cpu":
        return None
    fields = first[1 : 1 + len(CpuTicks._fields)]
    if len(fields) <= CpuTicks._fields.index("idle") or not all(map(bytes.isdigit, fields)):
        return None
    ticks = [int(field) for field in fields]
    return CpuTicks(*ticks, *[0] * (len(CpuTicks._fields) - len(ticks)))


def host_time(previous: CpuTicks, current: CpuTicks) -> HostTime | None:
    """Return what passed between two counts; None when nothing did.

    A field that went backwards (iowait does) counts as unmoved. Stolen time is time in which
    others worked.
    """
    passed = CpuTicks(
        *(max(after - before, 0) for before, after in zip(previous, current, strict=True))
    )
    total = sum(passed)
    if not total:
        return None
    busy = total - passed.idle - passed.iowait - passed.steal
    return HostTime(busy * NANOSECONDS_PER_TICK, total * NANOSECONDS_PER_TICK)


class HostCpu:
    """Differences of the host's CPU time."""

    def __init__(self, procfs: Path) -> None:
        self._path = procfs / "stat"
        self._previous: CpuTicks | None = None

    def read(self) -> HostTime | None:
        """Return the CPU time since the last pass; None at the first, or when unreadable."""
        previous, self._previous = self._previous, parse_stat(read_bytes(self._path, _READ_BYTES))
        if previous is None or self._previous is None:
            return None
        return host_time(previous, self._previous)

    def forget(self) -> None:
        """Begin anew: the next pass is the first."""
        self._previous = None


def read_bytes(path: Path | str, limit: int) -> bytes:
    """Return the first bytes of a file, none when it cannot be read. Never waits."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return os.read(descriptor, limit)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
