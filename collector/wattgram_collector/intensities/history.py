"""PURE. What providers said of every slot, and which of it holds.

The newest version of a slot holds, but no forecast ever takes the place of a measurement. Where a
slot has no value the newest one before it does, for six hours from its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from wattgram_collector.intensities.line import RANK, Line
from wattgram_collector.intensity import Axes, Intensity, Recorded, Tier

_CACHED_MAX: Final = 100_000

_Key = tuple[str, str, str, str, str, str]
"""Provider and axes."""


class History:
    """Every zone's values of every provider, on every axis."""

    def __init__(self, providers: Sequence[str] = ()) -> None:
        """`providers` in the order of preference; others come after them."""
        self._order = {name: number for number, name in enumerate(providers)}
        self._zones: dict[str, dict[_Key, Line]] = {}
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
        key = _key(value)
        if key not in lines:
            lines[key] = Line(value)
        is_new = lines[key].put(value)
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
                if (one := line.after(at)) is not None and axes.fit(one)
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

    def lines(self, zone: str, start: int, end: int, axes: Axes) -> list[list[Intensity]]:
        """Return the slots that touch `[start, end)`: a list for each provider and its axes.

        Each is in order of time, the preferred provider's first; none is empty.
        """
        said = [line.overlapping(start, end) for line in self._lines(zone)]
        fitting = [values for values in said if values and axes.fit(values[0])]
        return sorted(fitting, key=lambda values: (self._place(values[0]), values[0].provider))

    def newest(self, zone: str, provider: str) -> Intensity | None:
        """Return the value of the latest slot that somebody saw."""
        found = [
            one
            for key, line in self._zones.get(zone, {}).items()
            if key[0] == provider and (one := line.newest()) is not None
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

    def _lines(self, zone: str) -> Iterable[Line]:
        return self._zones.get(zone, {}).values()

    def _preference(self, one: Intensity) -> tuple[int, int, str]:
        return -RANK[one.status], self._place(one), one.provider

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
