"""A scripted host: meters that wrap, work that comes and goes, and a truth that is known.

What the host of an agent uses in real time, whatever happens to the agent.
"""

from __future__ import annotations

import heapq
import os
import random
import threading
import time
from pathlib import Path
from typing import Final

from cgroup_trees import KernelTree
from fakes import RaplTree
from wattgram.units import MICROJOULES_PER_JOULE, MICROWATTS_PER_WATT, NANOSECONDS_PER_SECOND

COUNTED: Final = {
    "intel-rapl:0": ("package", "0"),
    "intel-rapl:0:1": ("dram", "0"),
    "intel-rapl:1": ("package", "1"),
}
"""The zones that the composition counts, as (domain, instance)."""

STEP_SECONDS: Final = 0.02
_SURGE_MICROJOULES_MAX: Final = 20 * MICROJOULES_PER_JOULE
_STEPS_PER_SCHEDULE: Final = 10
# Every meter wraps once, and most do so while things break.
_WRAPS_WITHIN_MICROJOULES: Final = 4_000 * MICROJOULES_PER_JOULE
_GROUPS: Final = ("system.slice/web.service", "system.slice/db.service", "user.slice", "job.slice")
_STEADY_WATTS: Final = {"intel-rapl:0": 90, "intel-rapl:0:1": 20, "intel-rapl:1": 60}


class ScriptedTree(RaplTree):
    """A powercap tree of which a zone may be away for a while; its register counts on."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._lock = threading.Lock()
        self._away: set[str] = set()

    def take_away(self, zone: str, *, leave_fifo: bool) -> None:
        file = self.directory(zone) / "energy_uj"
        with self._lock:
            self._away.add(zone)
            file.unlink()
            if leave_fifo:
                os.mkfifo(file)

    def bring_back(self, zone: str) -> None:
        file = self.directory(zone) / "energy_uj"
        with self._lock:
            file.unlink(missing_ok=True)
            self._away.discard(zone)
            self._write(zone)

    def use(self, zone: str, microjoules: int) -> None:
        with self._lock:
            super().use(zone, microjoules)

    def _write(self, zone: str) -> None:
        """Write in place and in one piece, as a register is: never empty, never half."""
        if zone not in self._away:
            file = os.open(self.directory(zone) / "energy_uj", os.O_WRONLY | os.O_CREAT, 0o644)
            try:
                os.pwrite(file, f"{self.register(zone):020d}\n".encode(), 0)
            finally:
                os.close(file)


class Machine:
    """One host. A steady one draws the same power always, so that time lost is energy lost.

    `idle_zones` are meters that stand still: they make batches large.
    """

    def __init__(
        self, root: Path, seed: int, range_joules: int, *, steady: bool, idle_zones: int = 0
    ) -> None:
        root.mkdir(parents=True)
        self.tree = ScriptedTree(root)
        self.steady = steady
        self._chance = random.Random(seed)
        wraps_at = range_joules * MICROJOULES_PER_JOULE
        for zone, (domain, instance) in COUNTED.items():
            name = f"package-{instance}" if domain == "package" else domain
            start = wraps_at - self._chance.randrange(_WRAPS_WITHIN_MICROJOULES)
            self.tree.add(zone, name, start=start, wraps_at=wraps_at)
        self.tree.add("intel-rapl:0:0", "core", wraps_at=wraps_at)
        self.tree.add("intel-rapl:2", "psys", wraps_at=wraps_at)
        for number in range(idle_zones):
            self.tree.add(f"intel-rapl:1:{number:x}", f"idle-{number}", wraps_at=wraps_at)
        self._groups = KernelTree(self.tree.sysfs)
        self._ticks = [0] * 8
        self._steps = 0
        self._power = dict.fromkeys(COUNTED, 0)
        self._began: float | None = None
        self._last = 0.0
        self._lags: list[float] = []
        self._schedule()

    @property
    def truth_microjoules(self) -> dict[tuple[str, str], int]:
        """What each counted zone has used, by (domain, instance)."""
        return {point: self.tree.truth[zone] for zone, point in COUNTED.items()}

    @property
    def steady_microwatts(self) -> int:
        return sum(_STEADY_WATTS.values()) * MICROWATTS_PER_WATT if self.steady else 0

    def lag_seconds(self, edges: int) -> float:
        """Return how much later than the truth the registers may have been at so many reads."""
        return sum(heapq.nlargest(edges, self._lags))

    def step(self, now: float) -> None:
        """Use what this host uses up to `now`, in seconds of the monotonic clock."""
        if self._began is None:
            self._began = self._last = now
        self._steps += 1
        if self.steady:
            self._lags.append(now - self._last)
        self._last = now
        for zone in COUNTED:
            self.tree.use(zone, self._used(zone, now))
        self.tree.use("intel-rapl:0:0", 700_001)
        self.tree.use("intel-rapl:2", 3_000_001)
        if self._steps % _STEPS_PER_SCHEDULE == 0:
            self._schedule()

    def _used(self, zone: str, now: float) -> int:
        if self.steady:
            elapsed = int((now - (self._began or now)) * NANOSECONDS_PER_SECOND)
            power = _STEADY_WATTS[zone] * MICROWATTS_PER_WATT
            return power * elapsed // NANOSECONDS_PER_SECOND - self.tree.truth[zone]
        if self._chance.random() < 0.02:
            self._power[zone] = self._chance.randrange(_SURGE_MICROJOULES_MAX // 2)
        return self._power[zone] + self._chance.randrange(1_000)

    def _schedule(self) -> None:
        """Let groups run, come and go; the host's own count of CPU time is written too."""
        busy = 0
        for group in _GROUPS:
            if self._chance.random() < 0.02 and group in self._groups.usage:
                self._groups.remove(group)
            elif self._chance.random() < 0.8:
                ticks = self._chance.randrange(20)
                self._groups.run(group, ticks * 10_000)
                busy += ticks
        self._ticks[0] += busy
        self._ticks[3] += 80 - min(busy, 80)
        text = " ".join(map(str, self._ticks))
        (self.tree.procfs / "stat").write_text(f"cpu  {text}\n")


class Metronome(threading.Thread):
    """Steps every machine in real time, until told to stop."""

    def __init__(self, machines: list[Machine]) -> None:
        super().__init__(name="machines", daemon=True)
        self._machines = machines
        self._asked = threading.Event()

    def run(self) -> None:
        while not self._asked.wait(STEP_SECONDS):
            for machine in self._machines:
                machine.step(time.monotonic())

    def stop(self) -> None:
        """Let every host draw nothing from now on."""
        self._asked.set()
        self.join()
