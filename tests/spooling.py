"""Batches to put into a spool, and what a spool holds."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fakes import spooled
from wattgram.readings import Batch, Gap, Kind, Series, SeriesTable
from wattgram_agent.meter import Register
from wattgram_agent.source import Point
from wattgram_agent.spool.queue import Spool
from wattgram_agent.spool.segments import Medium

SECOND = 1_000_000_000
EPOCH = 1_750_000_000 * SECOND
PACKAGE, GPU, ETHERNET = (
    Point("rapl", "package", "0"),
    Point("nvml", "gpu", "GPU-a"),
    Point("network", "receive", "eth0"),
)


def table(number: int = 1, *points: Point) -> SeriesTable:
    return SeriesTable(
        number=number,
        boot_id="boot",
        grid_zone="",
        series=tuple(
            Series(
                kind=Kind.ENERGY, source=point.source, domain=point.domain, instance=point.instance
            )
            for point in points or (PACKAGE,)
        ),
    )


TABLE = table()


class HastyMedium(Medium):
    """A disk that forgets what it was to force: no test cuts the power."""

    def force(self, descriptor: int) -> None:
        pass

    def force_directory(self, path: Path) -> None:
        pass

    def replace(self, path: Path, text: str) -> None:
        path.with_name("new").write_text(text)
        path.with_name("new").replace(path)


def open_spool(directory: Path, max_bytes: int = 1 << 30, **options: Any) -> Spool:
    defaults = {"sync": "never", "medium": HastyMedium()}
    return Spool(directory, max_bytes=max_bytes, **(defaults | options))


def batch(sequence: int, of: SeriesTable = TABLE, *, cells: int = 1) -> Batch:
    """Return a batch of one second that says its sequence; `cells` make it longer."""
    return Batch(
        sequence=sequence,
        series_number=of.number,
        start_unix_nanoseconds=EPOCH + sequence * SECOND,
        start_boottime_nanoseconds=sequence * SECOND,
        interval_microseconds=(1_000_000 // cells,) * cells,
        columns=tuple([sequence + (1 << 40) * (n % 2) for n in range(cells)] for _ in of.series),
    )


def append(spool: Spool, of: SeriesTable = TABLE, **options: Any) -> None:
    """Append the next batch; the register of the first series is its sequence."""
    sequence = spool.next_sequence
    registers = {PACKAGE: Register(sequence, sequence * SECOND)}
    spool.append(batch(sequence, of, **options), of, registers)


def fill(spool: Spool, count: int, of: SeriesTable = TABLE, **options: Any) -> None:
    for _ in range(count):
        append(spool, of, **options)


def told(spool: Spool) -> list[Gap]:
    """Return the gaps of the spool's own that wait in it."""
    gaps = [gap for _, one in spooled(spool) for gap in one.gaps]
    return [gap for gap in gaps if gap.source == "spool"]


def sequences(spool: Spool) -> list[int]:
    return [entry.sequence for entry in spool.after(0)]


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.segment"))


@contextmanager
def full_medium(at_bytes: int) -> Iterator[None]:
    """Let no file grow beyond `at_bytes`: the kernel then writes a part, and then refuses."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextmanager
def no_directory(directory: Path) -> Iterator[None]:
    """Put a file in the place of a directory."""
    directory.rename(directory.with_name("aside"))
    directory.write_text("")
    try:
        yield
    finally:
        directory.unlink()
        directory.with_name("aside").rename(directory)
