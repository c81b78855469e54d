"""A meter on a bench, and the samples to put to it."""

from __future__ import annotations

from wattgram.readings import Kind, Reading, Series
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.meter import Meter, Register, Step
from wattgram_agent.source import CounterSample, FailedSample, GaugeSample, Point, Sample

SECOND = NANOSECONDS_PER_SECOND
WATT = 1_000_000
RANGE = 262_143_328_850
START = 500 * SECOND

PACKAGE = Point("rapl", "package", "0")
DRAM = Point("rapl", "dram", "0")
GPU = Point("nvml", "gpu", "GPU-a")
ETHERNET = Point("network", "receive", "eth0")
SERIES = {
    point: Series(
        kind=Kind.RECEIVE if point is ETHERNET else Kind.ENERGY,
        source=point.source,
        domain=point.domain,
        instance=point.instance,
        counted=True,
    )
    for point in (PACKAGE, DRAM, GPU, ETHERNET)
}


def count(value: int, point: Point = PACKAGE, wraps_at: int | None = RANGE) -> Sample:
    return CounterSample(point, value, wraps_at)


def power(watts: int, *, averaged: bool = False) -> Sample:
    return GaugeSample(GPU, watts * WATT, averaged)


def failed(point: Point = PACKAGE, reason: str = "unreadable") -> Sample:
    return FailedSample(point, reason, "why")


class Bench:
    """A meter and the seconds at which it is asked."""

    def __init__(self, registers: dict[Point, Register] | None = None) -> None:
        self.meter = Meter(SERIES, registers)

    def at(self, seconds: float, *samples: Sample) -> Step:
        return self.meter.advance(samples, START + int(seconds * SECOND))

    def spans(self, seconds: float, *samples: Sample) -> list[tuple[int, float, float]]:
        """Return (quantity, start, end) in seconds of the readings at `seconds`."""
        return [as_span(reading) for reading in self.at(seconds, *samples).readings]


def as_span(reading: Reading) -> tuple[int, float, float]:
    start, end = reading.start_nanoseconds - START, reading.end_nanoseconds - START
    return reading.quantity, start / SECOND, end / SECOND
