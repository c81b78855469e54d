"""CPU time of processes, summed by name, from `<procfs>/<pid>/stat`.

A process that ends between two passes takes its last time with it, and one that lives for less
is never seen: that time is nobody's. Threads of the kernel are nobody's either.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from wattgram.workloads import Workload, WorkloadKind, workload
from wattgram_agent.workloads.cpu import NANOSECONDS_PER_TICK, read_bytes

PROCESSES_MAX: Final = 5_000
_READ_BYTES: Final = 512
_PF_KTHREAD: Final = 0x0020_0000
# Fields after the name, counted from the state: proc_pid_stat(5), less three.
_FLAGS, _USER, _SYSTEM, _START = 6, 11, 12, 19


class ProcessStat(NamedTuple):
    """One process: its name, when it began, and what it used, in ticks."""

    name: str
    start_ticks: int
    cpu_ticks: int
    is_kernel: bool


def parse_stat(text: bytes) -> ProcessStat | None:
    """Return what a line of `stat` says; None when it is none.

    The name is in brackets and may hold anything, brackets and spaces too.
    """
    head, closing, tail = text.rpartition(b")")
    _, opening, name = head.partition(b"(")
    fields = tail.split()
    if not opening or not closing or len(fields) <= _START:
        return None
    numbers = (fields[_FLAGS], fields[_USER], fields[_SYSTEM], fields[_START])
    if not all(map(bytes.isdigit, numbers)):
        return None
    flags, user, system, start = map(int, numbers)
    return ProcessStat(
        name.decode(errors="replace"), start, user + system, bool(flags & _PF_KTHREAD)
    )


class ProcessTable:
    """The processes under a procfs, and what they had used at the last pass."""

    def __init__(self, procfs: Path) -> None:
        self._procfs = procfs
        self._previous: dict[tuple[int, int], int] | None = None
        self._newest_start = 0
        self._was_cut = False
        self._named: dict[int, Workload] = {}

    def read(self) -> dict[Workload, int]:
        """Return nanoseconds by name since the last pass; none at the first."""
        current: dict[tuple[int, int], int] = {}
        used: dict[Workload, int] = {}
        previous, self._named = self._previous, {}
        newest = 0
        pids = _pids(self._procfs)
        for pid in pids[:PROCESSES_MAX]:
            stat = parse_stat(read_bytes(f"{self._procfs}/{pid}/stat", _READ_BYTES))
            if stat is None or stat.is_kernel:
                continue
            key = (pid, stat.start_ticks)
            current[key] = stat.cpu_ticks
            newest = max(newest, stat.start_ticks)
            who = self._named[pid] = workload(WorkloadKind.PROCESS, stat.name)
            before = (previous or {}).get(key, self._unseen(stat))
            if previous is not None and stat.cpu_ticks > before:
                ticks = stat.cpu_ticks - before
                used[who] = used.get(who, 0) + ticks * NANOSECONDS_PER_TICK
        self._previous, self._newest_start = current, max(newest, self._newest_start)
        self._was_cut = len(pids) > PROCESSES_MAX
        return used

    def workload_of(self, pid: int) -> Workload | None:
        """Return what a process was called at the last pass."""
        return self._named.get(pid)

    def _unseen(self, stat: ProcessStat) -> int:
        """Return the baseline of a process that was not in the last pass.

        One that began since then used all that it counts. An older one was passed over, and
        nobody knows what it used since.
        """
        is_new = stat.start_ticks >= self._newest_start and not self._was_cut
        return 0 if is_new else stat.cpu_ticks


def _pids(procfs: Path) -> list[int]:
    try:
        names = os.listdir(procfs)
    except OSError:
        return []
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())
