"""PURE. What providers said of every slot, and which of it holds.

The newest version of a slot holds, but no forecast ever takes the place of a measurement. Where a
slot has no value the newest one before it does, for six hours from its end.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from wattgram.units import SECONDS_PER_HOUR
from wattgram_collector.intensity import Axes, Intensity, Recorded, Status, Tier

LAST_KNOWN_SECONDS: Final = 6 * SECONDS_PER_HOUR
_CACHED_MAX: Final = 100_000
_RANK: Final = {Status.STATIC: 0, Status.FORECAST: 1, Status.ESTIMATED: 2, Status.MEASURED: 3}


@dataclass(slots=True)
class _Line:
    """What one provider says of one zone on the same axes. Slots are apart and in order."""

    starts: list[int] = field(default_factory=list)
    values: dict[int, Intensity] = field(default_factory=dict)

    def at(self, unix_seconds: int) -> Intensity | None:
        index = bisect_right(self.starts, unix_seconds) - 1
        if index < 0:
            return None
        found = self.values[self.starts[index]]
        return found if unix_seconds < found.valid_until_unix_seconds else None

    def before(self, unix_seconds: int) -> Intensity | None:
        """Return the newest value that somebody saw, of a slot that ended by then."""
        for index in range(bisect_right(self.starts, unix_seconds) - 1, -1, -1):
            found = self.values[self.starts[index]]
            if unix_seconds - found.valid_until_unix_seconds > LAST_KNOWN_SECONDS:
                return None
            if found.valid_until_unix_seconds <= unix_seconds and _was_seen(found):
                return found
        return None

    def overlapping(self, start: int, end: int) -> list[Intensity]:
        first = max(0, bisect_right(self.starts, start) - 1)
        last = bisect_left(self.starts, end)
        values = (self.values[one] for one in self.starts[first:last])
        return [one for one in values if one.valid_until_unix_seconds > start]

    def wants(self, value: Intensity) -> bool:
        """Return whether a value says more than what is there."""
        known = self.overlapping(value.valid_from_unix_seconds, value.valid_until_unix_seconds)
        if any(_RANK[one.status] > _RANK[value.status] for one in known):
            return False
        return not (len(known) == 1 and _says_the_same(known[0], value))

    def put(self, value: Intensity) -> bool:
        """Take a value if it is wanted; return whether it was."""
        if not self.wants(value):
            return False
        start, end = value.valid_from_unix_seconds, value.valid_until_unix_seconds
        for one in self.overlapping(start, end):
            self.starts.remove(one.valid_from_unix_seconds)
            del self.values[one.valid_from_unix_seconds]
        insort(self.starts, start)
        self.values[start] = value
        return True

    def forget_before(self, unix_seconds: int) -> None:
        for start in self.starts[: max(0, bisect_right(self.starts, unix_seconds) - 1)]:
            del self.values[start]
        self.starts = sorted(self.values)


_Key = tuple[str, str, str, str, str, str]
"""Provider and axes."""


class History:
    """Every zone's values of every provider, on every axis."""

    def __init__(self, providers: Sequence[str] = ()) -> None:
        """`providers` in the order of preference; others come after them."""
        self._order = {name: number for number, name in enumerate(providers)}
        self._zones: dict[str, dict[_Key, _Line]] = {}
        self.changes = 0
        """Rises with every change."""

    def add(self, values: Iterable[Intensity], fetched_unix_seconds: int) -> list[Recorded]:
        """Take what is new and return it, as `fresh` does."""
        news = self.fresh(values, fetched_unix_seconds)
        self.load(news)
        return news

    def fresh(self, values: Iterable[Intensity], fetched_unix_seconds: int) -> list[Recorded]:
        """Return what is new, each with a version that says when it was fetched; take nothing."""
        when = datetime.fromtimestamp(fetched_unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        news = []
        for value in values:
            lines = self._zones.get(value.zone, {})
            if _key(value) not in lines or lines[_key(value)].wants(value):
                version = f"{value.version} fetched {when}".strip()
                news.append(Recorded(replace(value, version=version), fetched_unix_seconds))
        return news

    def load(self, records: Iterable[Recorded]) -> None:
        """Take what was recorded before, in any order."""
        for recorded in sorted(records, key=lambda one: one.fetched_unix_seconds):
            self._put(recorded.intensity)

    def _put(self, value: Intensity) -> bool:
        lines = self._zones.setdefault(value.zone, {})
        is_new = lines.setdefault(_key(value), _Line()).put(value)
        self.changes += is_new
        return is_new

    def at(self, zone: str, unix_seconds: int, axes: Axes) -> Intensity | None:
        """Return what was said of that time: measured before estimated before forecast."""
        found = [one for line in self._lines(zone) if (one := line.at(unix_seconds)) is not None]
        return min((one for one in found if axes.fit(one)), key=self._preference, default=None)

    def last_known(self, zone: str, unix_seconds: int, axes: Axes) -> Intensity | None:
        """Return the newest value that somebody saw before then, while it is not too old."""
        found = [one for line in self._lines(zone) if (one := line.before(unix_seconds))]
        newest = max(
            (one for one in found if axes.fit(one)),
            key=lambda one: (one.valid_until_unix_seconds, -self._place(one)),
            default=None,
        )
        return newest and replace(newest, tier=Tier.LAST_KNOWN)

    def within(self, zone: str, start: int, end: int, axes: Axes) -> Iterator[Intensity]:
        """Yield the best value of each slot that touches `[start, end)`, in order of time."""
        at = start
        while at < end:
            found = self.at(zone, at, axes)
            if found is not None:
                yield found
                at = found.valid_until_unix_seconds
                continue
            later = [
                one.valid_from_unix_seconds
                for line in self._lines(zone)
                for one in line.overlapping(at, end)
                if axes.fit(one) and one.valid_from_unix_seconds > at
            ]
            at = min(later, default=end)

    def of(self, zone: str, provider: str, start: int, end: int) -> list[Intensity]:
        """Return what a provider said of the slots that touch `[start, end)`, on any axes."""
        return [
            value
            for key, line in self._zones.get(zone, {}).items()
            if key[0] == provider
            for value in line.overlapping(start, end)
        ]

    def newest(self, zone: str, provider: str) -> Intensity | None:
        """Return the value of the latest slot that somebody saw."""
        found = [
            line.values[start]
            for key, line in self._zones.get(zone, {}).items()
            if key[0] == provider
            for start in reversed(line.starts)
            if _was_seen(line.values[start])
        ]
        return max(found, key=lambda one: one.valid_until_unix_seconds, default=None)

    def forget_before(self, unix_seconds: int) -> None:
        """Let go of slots that ended before then, but for the newest of them."""
        for line in [line for lines in self._zones.values() for line in lines.values()]:
            line.forget_before(unix_seconds)
        self.changes += 1

    @property
    def zones(self) -> list[str]:
        return sorted(self._zones)

    def _lines(self, zone: str) -> Iterable[_Line]:
        return self._zones.get(zone, {}).values()

    def _preference(self, one: Intensity) -> tuple[int, int, str]:
        return -_RANK[one.status], self._place(one), one.provider

    def _place(self, one: Intensity) -> int:
        return self._order.get(one.provider, len(self._order))


class HistoryBook:
    """The history on the axes that are asked for, as a book of the accounting."""

    def __init__(self, history: History, axes: Axes) -> None:
        self._history = history
        self._axes = axes
        self._cached: dict[tuple[str, int], Intensity | None] = {}
        self._changes = -1

    def at(self, zone: str, unix_seconds: int) -> Intensity | None:
        """See IntensityBook."""
        if self._changes != self._history.changes or len(self._cached) > _CACHED_MAX:
            self._cached.clear()
            self._changes = self._history.changes
        key = (zone, unix_seconds)
        if key not in self._cached:
            said = self._history.at(zone, unix_seconds, self._axes)
            self._cached[key] = said or self._history.last_known(zone, unix_seconds, self._axes)
        return self._cached[key]


def _key(value: Intensity) -> _Key:
    axes = (value.signal, value.scope, value.boundary, value.losses, value.accounting)
    return (value.provider, *axes)


def _was_seen(value: Intensity) -> bool:
    return value.status in {Status.MEASURED, Status.ESTIMATED}


def _says_the_same(known: Intensity, value: Intensity) -> bool:
    return (
        known.valid_from_unix_seconds == value.valid_from_unix_seconds
        and known.valid_until_unix_seconds == value.valid_until_unix_seconds
        and known.status is value.status
        and known.value == value.value
    )
