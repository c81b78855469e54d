"""Full implementations of the seams, for tests to turn by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.source import Sample, Zone


class ManualClock:
    """Three clocks that stand until they are moved."""

    def __init__(self, unix_seconds: int = 1_750_000_000) -> None:
        self.boottime = 1_000 * NANOSECONDS_PER_SECOND
        self.monotonic = 1_000 * NANOSECONDS_PER_SECOND
        self.unix = unix_seconds * NANOSECONDS_PER_SECOND

    def boottime_nanoseconds(self) -> int:
        return self.boottime

    def monotonic_nanoseconds(self) -> int:
        return self.monotonic

    def unix_nanoseconds(self) -> int:
        return self.unix

    def advance(self, seconds: float, *, suspended: bool = False) -> None:
        """Let time pass; while suspended the monotonic clock stands."""
        step = int(seconds * NANOSECONDS_PER_SECOND)
        self.boottime += step
        self.unix += step
        if not suspended:
            self.monotonic += step


class FakeSource:
    """A source whose zones and samples are given."""

    def __init__(
        self, name: str, zones: Sequence[Zone], sample: Callable[[], Sequence[Sample]]
    ) -> None:
        self.name = name
        self._zones = zones
        self._sample = sample
        self.closed = False

    def zones(self) -> Sequence[Zone]:
        return self._zones

    def sample(self) -> Sequence[Sample]:
        return self._sample()

    def close(self) -> None:
        self.closed = True


class RaplTree:
    """A powercap tree in a directory, with registers that wrap and a truth that does not."""

    def __init__(self, root: Path) -> None:
        self.sysfs = root / "sys"
        self.procfs = root / "proc"
        self.truth: dict[str, int] = {}
        self._ranges: dict[str, int] = {}
        self._starts: dict[str, int] = {}
        (self.sysfs / "class" / "powercap").mkdir(parents=True)
        self.procfs.mkdir()

    def directory(self, zone: str) -> Path:
        return self.sysfs / "class" / "powercap" / zone

    def add(self, zone: str, name: str, *, start: int = 0, wraps_at: int = 262_143_328_850) -> None:
        """Add a zone such as `intel-rapl:0` or `intel-rapl:0:1`."""
        directory = self.directory(zone)
        directory.mkdir(parents=True)
        (directory / "name").write_text(f"{name}\n")
        (directory / "max_energy_range_uj").write_text(f"{wraps_at}\n")
        self._starts[zone], self._ranges[zone], self.truth[zone] = start, wraps_at, 0
        self._write(zone)

    def use(self, zone: str, microjoules: int) -> None:
        """Let a zone use energy: its truth grows, its register may wrap."""
        self.truth[zone] += microjoules
        self._write(zone)

    def register(self, zone: str) -> int:
        return (self._starts[zone] + self.truth[zone]) % self._ranges[zone]

    def _write(self, zone: str) -> None:
        (self.directory(zone) / "energy_uj").write_text(f"{self.register(zone)}\n")


def two_socket_tree(root: Path) -> RaplTree:
    """Two packages with core and dram each, and psys: seven zones, four of them counted."""
    tree = RaplTree(root)
    for socket in (0, 1):
        tree.add(f"intel-rapl:{socket}", f"package-{socket}")
        tree.add(f"intel-rapl:{socket}:0", "core")
        tree.add(f"intel-rapl:{socket}:1", "dram", wraps_at=65_712_999_613)
    tree.add("intel-rapl:2", "psys")
    return tree
