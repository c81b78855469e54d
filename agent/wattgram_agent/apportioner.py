"""Reads who used the CPU and the GPUs since the last batch, and shares its energy out.

Called once for each batch, whatever that batch holds: what it reads are differences since the
last call. A call costs some milliseconds and never raises for what it cannot read; what is not
known is unattributed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from wattgram.workloads import UNATTRIBUTED, Workload
from wattgram_agent.attribution import GpuEnergy, apportion
from wattgram_agent.source import HostPaths
from wattgram_agent.workloads.cgroups import CgroupTree
from wattgram_agent.workloads.cpu import HostCpu, read_bytes
from wattgram_agent.workloads.names import Names
from wattgram_agent.workloads.naming import workload_of
from wattgram_agent.workloads.processes import ProcessTable
from wattgram_agent.workloads.seats import Seats

GpuUse = Callable[[], Mapping[str, Mapping[int, int]]]
"""By UUID and process: millionths of that GPU since the last call. Absent: not known."""

_CGROUP_BYTES: Final = 4_096
_V1_CONTROLLER: Final = "cpuacct"


class Apportioner:
    """Shares out one host's energy, batch by batch."""

    def __init__(
        self,
        paths: HostPaths,
        level: str,
        max_workloads: int,
        *,
        root: Path = Path("/"),
        gpu_use: GpuUse | None = None,
    ) -> None:
        """`level` is "workloads" or "processes"; `root` is where the runtimes' files are."""
        self.gpu_use = gpu_use
        self._procfs = paths.procfs
        self._cpu = HostCpu(paths.procfs)
        self._processes = ProcessTable(paths.procfs) if level == "processes" else None
        self._groups = CgroupTree(paths.sysfs)
        self._names = Names(root)
        self._seats = Seats(max_workloads)

    def share(
        self, counted_microjoules: int, gpu_microjoules: Mapping[str, int]
    ) -> list[tuple[Workload, int]]:
        """Return microjoules by workload, which add up to `counted_microjoules`.

        `gpu_microjoules` are by UUID, of GPUs whose energy is part of what is counted. Where
        nobody's use is known there is one row, UNATTRIBUTED. Otherwise every workload that has
        a series is there, and the buckets last.
        """
        host, usage = self._cpu.read(), self._usage()
        gpus = self._gpus(gpu_microjoules)
        shares = apportion(counted_microjoules, host, usage, gpus)
        if host is None and set(shares) <= {UNATTRIBUTED}:
            return [(UNATTRIBUTED, counted_microjoules)]
        return self._seats.assign(shares)

    def forget(self) -> None:
        """Drop the host's baseline, as after it slept: the next call attributes nothing.

        The workloads' are taken anew at that call, whatever they were.
        """
        self._cpu.forget()

    def close(self) -> None:
        """Give the descriptors back."""
        self._groups.close()

    def _usage(self) -> Mapping[Workload, int]:
        if self._processes is not None:
            return self._processes.read()
        named: dict[Workload, int] = {}
        for raw, used in self._groups.read().items():
            who = self._names.named(raw)
            named[who] = named.get(who, 0) + used
        return named

    def _gpus(self, energies: Mapping[str, int]) -> list[GpuEnergy]:
        # Taken each time, needed or not: what is left would be of another batch.
        use = self.gpu_use() if self.gpu_use is not None else {}
        return [
            GpuEnergy(energy, self._users(use[uuid]) if uuid in use else None)
            for uuid, energy in energies.items()
        ]

    def _users(self, use: Mapping[int, int]) -> dict[Workload, int]:
        users: dict[Workload, int] = {}
        for pid, part in use.items():
            who = self._workload_of(pid) or UNATTRIBUTED
            users[who] = users.get(who, 0) + part
        return users

    def _workload_of(self, pid: int) -> Workload | None:
        """Return whose a process is; None when it is gone or belongs to no group."""
        if self._processes is not None:
            return self._processes.workload_of(pid)
        text = read_bytes(self._procfs / str(pid) / "cgroup", _CGROUP_BYTES)
        found = None
        for line in text.decode(errors="replace").splitlines():
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if not controllers or _V1_CONTROLLER in controllers.split(","):
                found = workload_of(path) or found
        return found and self._names.named(found)
