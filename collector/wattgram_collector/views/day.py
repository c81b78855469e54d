"""PURE. The last day of a fleet, in accounting slots: kept, renewed piece by piece, and shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from wattgram.units import ACCOUNTING_SLOT_SECONDS, MICROJOULES_PER_JOULE, SECONDS_PER_DAY
from wattgram_collector.ledger.sums import WorkloadSum
from wattgram_collector.views.model import Step, Total, WorkloadShare
from wattgram_collector.views.sums import Cells, Sum, added, added_by

SLOTS: Final = SECONDS_PER_DAY // ACCOUNTING_SLOT_SECONDS
GROUPS_MAX: Final = 400
"""A sum is kept for each in every slot; hosts beyond are one group."""


class Labels(NamedTuple):
    """What a host has in common with others; each is empty where nobody said."""

    site: str
    device_class: str
    zone: str


OTHERS: Final = Labels("(others)", "(others)", "(others)")


class Grouping(NamedTuple):
    """Which group each agent is in, by its key, and what the groups are."""

    group_of: Mapping[int, int]
    labels: Mapping[int, Labels]

    @property
    def is_whole(self) -> bool:
        """Whether no group holds hosts that have little in common."""
        return OTHERS not in self.labels.values()


def grouped(hosts: Mapping[int, Labels]) -> Grouping:
    """Group agents by their labels; those of the most hosts have groups of their own."""
    sizes: dict[Labels, int] = {}
    for labels in hosts.values():
        sizes[labels] = sizes.get(labels, 0) + 1
    kept = sorted(sizes, key=lambda one: (-sizes[one], one))[:GROUPS_MAX]
    numbers = {labels: number for number, labels in enumerate(sorted(kept))}
    rest = len(numbers)
    groups = {key: numbers.get(labels, rest) for key, labels in hosts.items()}
    names = {number: labels for labels, number in numbers.items()}
    if len(sizes) > len(kept):
        names[rest] = OTHERS
    return Grouping(groups, names)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayView:
    """The last day as it was when it was read."""

    read_unix_seconds: int
    total: Total | None
    """With the slot that is not over yet; so are those by label."""
    steps: tuple[Step, ...]
    """Oldest first; the last is the newest whole accounting slot."""
    by_site: Mapping[str, Total] = field(default_factory=dict)
    by_device_class: Mapping[str, Total] = field(default_factory=dict)
    by_zone: Mapping[str, Total] = field(default_factory=dict)
    workloads: tuple[WorkloadShare, ...] = ()
    is_whole: bool = True


def end_slot(unix_seconds: float) -> int:
    """Return the slot that is not over yet."""
    return int(unix_seconds // ACCOUNTING_SLOT_SECONDS)


class Day:
    """Sums of the last day by group and slot."""

    def __init__(self, grouping: Grouping) -> None:
        self.grouping = grouping
        self._slots: dict[int, dict[int, Sum]] = {}

    def put(self, first_slot: int, end: int, cells: Cells) -> None:
        """Put what was read of `[first_slot, end)` in the place of what was known of it."""
        for slot in range(first_slot, end):
            self._slots.pop(slot, None)
        for (group, slot), one in cells.items():
            self._slots.setdefault(slot, {})[group] = one
        for slot in [slot for slot in self._slots if slot < end - 1 - SLOTS]:
            del self._slots[slot]

    def view(self, end: int, read_unix_seconds: int, most: Iterable[WorkloadSum] = ()) -> DayView:
        """Return the day; `end` is the slot that is not over yet."""
        steps = tuple(
            Step(
                start_unix_seconds=slot * ACCOUNTING_SLOT_SECONDS,
                length_seconds=ACCOUNTING_SLOT_SECONDS,
                total=added(self._slots.get(slot, {}).values()),
            )
            for slot in range(end - SLOTS, end)
        )
        whole: dict[int, Sum] = {}
        for slot in range(end - SLOTS, end + 1):
            for group, one in self._slots.get(slot, {}).items():
                whole.setdefault(group, Sum()).add(one)
        labels = self.grouping.labels
        return DayView(
            read_unix_seconds=read_unix_seconds,
            total=added(whole.values()),
            steps=steps,
            by_site=added_by(whole, {key: one.site for key, one in labels.items()}),
            by_device_class=added_by(
                whole, {key: one.device_class for key, one in labels.items()}
            ),
            by_zone=added_by(whole, {key: one.zone for key, one in labels.items()}),
            workloads=tuple(_share(one) for one in most),
            is_whole=self.grouping.is_whole,
        )


def _share(one: WorkloadSum) -> WorkloadShare:
    return WorkloadShare(
        kind=one.kind,
        name=one.name,
        hosts=one.hosts,
        energy_joules=one.quantity / MICROJOULES_PER_JOULE,
    )
