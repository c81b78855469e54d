"""PURE. The hosts of the worked organisation, and what each used in every hour of November 2025.

Everything is made of the names: asked again it is the same again, to the microjoule.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from wattgram.readings import Batch, Component, Kind, Quality, Series, SeriesTable
from wattgram.units import (
    BYTES_PER_GIGABYTE,
    MICROJOULES_PER_JOULE,
    MICROSECONDS_PER_SECOND,
    NANOSECONDS_PER_SECOND,
    SECONDS_PER_HOUR,
)

FIRST: Final = datetime(2025, 11, 1, tzinfo=UTC)
DAYS: Final = 30
ALWAYS: Final = range(24)
OFFICE_HOURS: Final = range(9, 17)
BOOT_ID: Final = "boot-of-november"
"""The hosts were started again since: what they measured then is taken at its word."""
_BOOT: Final = FIRST - timedelta(hours=1)
_SATURDAY: Final = 5


class Group(NamedTuple):
    """Hosts of one kind. Names are the prefix and a number."""

    prefix: str
    size: int
    device_class: str
    source: str
    low_watts: int
    high_watts: int
    quality: Quality = Quality.MEASURED
    hours: range = ALWAYS
    """Of the day, on which they are on."""
    is_on_weekends: bool = True
    first_day: int = 1
    """Of the month: before, they were not there."""
    gigabytes_per_hour: float = 0
    """Sent; received is a quarter of it. 0: no network is seen."""

    @property
    def hosts(self) -> list[str]:
        digits = 3 if self.size > 99 else 2  # noqa: PLR2004 -- what they have
        return [f"{self.prefix}{number:0{digits}}" for number in range(1, self.size + 1)]


GROUPS: Final = (
    Group("leeds-srv-", 10, "server", "ipmi", 180, 290),
    Group("colo-srv-", 8, "server", "ipmi", 220, 340, gigabytes_per_hour=1.4),
    Group("colo-gpu-", 2, "server", "ipmi", 600, 1_500, first_day=3),
    Group("lap-o-", 170, "laptop", "battery", 9, 27, hours=OFFICE_HOURS, is_on_weekends=False),
    Group("lap-h-", 100, "laptop", "battery", 8, 25, hours=OFFICE_HOURS, is_on_weekends=False),
    Group("lap-b-", 5, "laptop", "battery", 12, 34, hours=OFFICE_HOURS, is_on_weekends=False),
    Group("lap-n-", 25, "laptop", "battery", 7, 19, hours=OFFICE_HOURS, is_on_weekends=False,
          first_day=10),
    Group("gw-gb-", 20, "gateway", "external", 5, 8),
    Group("gw-tx-", 12, "gateway", "external", 5, 8),
    Group("gw-ca-", 8, "gateway", "external", 5, 8),
    Group("gw-de-", 6, "gateway", "external", 5, 8),
    Group("gw-move-", 1, "gateway", "external", 5, 8),
    Group("vm-", 4, "server", "model", 30, 75, quality=Quality.MODELLED),
    Group("lab-bench-", 1, "server", "ipmi", 60, 140),
)  # fmt: skip
"""The last one is in no register: the report says so, and has it in no total."""
SILENT: Final = {"leeds-srv-03": range(8, 11)}
"""Days of the month on which an agent was down; nobody knows what its host used."""


def table(group: Group) -> SeriesTable:
    """Return what the columns of its batches mean."""
    meters = [
        Series(kind=Kind.ENERGY, source=group.source, domain="host", instance="0",
               quality=group.quality, counted=True, component=Component.OTHER)
    ]  # fmt: skip
    if group.gigabytes_per_hour:
        meters += [
            Series(kind=kind, source="network", domain="interface", instance="eth0", counted=True)
            for kind in (Kind.TRANSMIT, Kind.RECEIVE)
        ]
    return SeriesTable(number=1, boot_id=BOOT_ID, grid_zone="", series=tuple(meters))


def batches(group: Group, host: str) -> Iterator[Batch]:
    """Yield a host's month: a batch for each day on which it was on, an interval for each hour."""
    chance = random.Random(f"harrow lane {host}")  # noqa: S311 -- made up, and the same each time
    sequence = 0
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        hours = [_hour(group, chance) for _ in group.hours]
        is_off = day.weekday() >= _SATURDAY and not group.is_on_weekends
        if is_off or day.day < group.first_day or day.day in SILENT.get(host, ()):
            continue
        sequence += 1
        start = day + timedelta(hours=group.hours.start)
        yield Batch(
            sequence=sequence,
            series_number=1,
            start_unix_nanoseconds=int(start.timestamp()) * NANOSECONDS_PER_SECOND,
            start_boottime_nanoseconds=int((start - _BOOT).total_seconds())
            * NANOSECONDS_PER_SECOND,
            interval_microseconds=(SECONDS_PER_HOUR * MICROSECONDS_PER_SECOND,) * len(hours),
            columns=tuple(zip(*hours, strict=True)),
        )


def _hour(group: Group, chance: random.Random) -> tuple[int, ...]:
    """Return what is in every column of one hour: microjoules, and bytes where a network is."""
    watts = group.low_watts + (group.high_watts - group.low_watts) * chance.random()
    energy = int(watts * SECONDS_PER_HOUR * MICROJOULES_PER_JOULE)
    if not group.gigabytes_per_hour:
        return (energy,)
    sent = int(group.gigabytes_per_hour * (0.5 + chance.random()) * BYTES_PER_GIGABYTE)
    return energy, sent, sent // 4


def microjoules(group: Group, host: str) -> int:
    """Return what a host used in the month: what every report must come to."""
    return sum(batch.sums[0] for batch in batches(group, host) if batch.sums)
