"""Full implementations of the seams, for tests to turn by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from wattgram.readings import Batch, SeriesTable
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram.wire import decode_agent_message
from wattgram_agent.source import HostPaths, Sample, Source, Zone
from wattgram_agent.spool.queue import Spool


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


class FakeSource(Source):
    """A source whose zones and samples are given."""

    def __init__(
        self, name: str, zones: Sequence[Zone], sample: Callable[[], Sequence[Sample]]
    ) -> None:
        self.name = name
        self.is_spare = name == "model"
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
    """A powercap tree in a directory, with registers that wrap and a truth that does not.

    `flat` as fixtures often have it; `nested` as pyRAPL reads it; `kernel` as it really is:
    nested under devices, and a flat class directory of links to it.
    """

    def __init__(self, root: Path, layout: str = "flat") -> None:
        self.sysfs = root / "sys"
        self.procfs = root / "proc"
        self.truth: dict[str, int] = {}
        self._layout = layout
        self._ranges: dict[str, int] = {}
        self._starts: dict[str, int] = {}
        (self.sysfs / "class" / "powercap").mkdir(parents=True)
        self.procfs.mkdir()

    @property
    def paths(self) -> HostPaths:
        return HostPaths(sysfs=self.sysfs, procfs=self.procfs)

    def directory(self, zone: str) -> Path:
        powercap = self.sysfs / "class" / "powercap"
        if self._layout == "flat":
            return powercap / zone
        if self._layout == "kernel":
            powercap = self.sysfs / "devices" / "virtual" / "powercap"
        parts = zone.split(":")
        return powercap.joinpath(*(":".join(parts[:n]) for n in range(1, len(parts) + 1)))

    def add(
        self, zone: str, name: str, *, start: int = 0, wraps_at: int = 262_143_328_850
    ) -> None:
        """Add a zone such as `intel-rapl:0` or `intel-rapl:0:1`."""
        directory = self.directory(zone)
        directory.mkdir(parents=True)
        (directory / "name").write_text(f"{name}\n")
        (directory / "max_energy_range_uj").write_text(f"{wraps_at}\n")
        self._starts[zone], self._ranges[zone], self.truth[zone] = start, wraps_at, 0
        self._write(zone)
        if self._layout == "kernel":
            for entry in (zone.partition(":")[0], zone):
                link = self.sysfs / "class" / "powercap" / entry
                if not link.is_symlink():
                    link.symlink_to(self.directory(entry))

    def vendor(self, vendor_id: str) -> None:
        (self.procfs / "cpuinfo").write_text(f"processor\t: 0\nvendor_id\t: {vendor_id}\n")

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


def spooled(spool: Spool) -> list[tuple[SeriesTable, Batch]]:
    """Return every batch that waits in a spool, with the table that it refers to."""
    found = []
    for entry in spool.after(0):
        table, message = spool.table(entry.table_number), spool.read(entry)
        assert message is not None
        batch = decode_agent_message(message, {table.number: table})
        assert isinstance(batch, Batch)
        found.append((table, batch))
    return found
