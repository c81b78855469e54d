"""PURE. What one provider says of one zone on the same axes: slots apart, in order of time.

Weeks of five-minute slots of many zones are held at once, so a slot is a row of columns here; it
is an Intensity only while somebody looks at it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from wattgram.units import SECONDS_PER_HOUR
from wattgram_collector.intensity import Intensity, Status, Tier

LAST_KNOWN_SECONDS: Final = 6 * SECONDS_PER_HOUR
RANK: Final = {Status.STATIC: 0, Status.FORECAST: 1, Status.ESTIMATED: 2, Status.MEASURED: 3}
SEEN: Final = frozenset({Status.MEASURED, Status.ESTIMATED})
"""Somebody saw the slot, and did not only expect it."""


class Line:
    """The first value says what all of them have in common: zone, provider and axes."""

    __slots__ = ("_ends", "_grams", "_like", "_said", "_starts", "_version", "_versions")

    def __init__(self, like: Intensity) -> None:
        self._like = like
        self._starts = array("q")
        self._ends = array("q")
        self._grams: list[str] = []
        self._versions: list[str] = []
        self._version = like.version
        self._said: list[tuple[Status, Tier]] = []

    def _value(self, index: int) -> Intensity:
        status, tier = self._said[index]
        return replace(
            self._like,
            grams_per_kilowatt_hour=self._grams[index],
            tier=tier,
            version=self._versions[index],
            valid_from_unix_seconds=self._starts[index],
            valid_until_unix_seconds=self._ends[index],
            status=status,
        )

    def at(self, unix_seconds: int) -> Intensity | None:
        """Return the value that holds then."""
        index = bisect_right(self._starts, unix_seconds) - 1
        if index < 0 or unix_seconds >= self._ends[index]:
            return None
        return self._value(index)

    def before(self, unix_seconds: int) -> Intensity | None:
        """Return the newest value that somebody saw, of a slot that ended by then."""
        for index in range(bisect_right(self._ends, unix_seconds) - 1, -1, -1):
            if unix_seconds - self._ends[index] > LAST_KNOWN_SECONDS:
                return None
            if self._said[index][0] in SEEN:
                return self._value(index)
        return None

    def after(self, unix_seconds: int) -> Intensity | None:
        """Return the value of the first slot that begins after then."""
        index = bisect_right(self._starts, unix_seconds)
        return self._value(index) if index < len(self._starts) else None

    def newest(self) -> Intensity | None:
        """Return the value of the latest slot that somebody saw."""
        for index in range(len(self._said) - 1, -1, -1):
            if self._said[index][0] in SEEN:
                return self._value(index)
        return None

    def overlapping(self, start: int, end: int) -> list[Intensity]:
        """Return the values of the slots that touch `[start, end)`."""
        return [self._value(index) for index in self._touching(start, end)]

    def _touching(self, start: int, end: int) -> range:
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, end)
        return range(first, max(first, last))

    def wants(self, value: Intensity) -> bool:
        """Return whether a value says more than what is there."""
        known = self._touching(value.valid_from_unix_seconds, value.valid_until_unix_seconds)
        if any(RANK[self._said[index][0]] > RANK[value.status] for index in known):
            return False
        return not (len(known) == 1 and _says_the_same(self._value(known[0]), value))

    def put(self, value: Intensity) -> bool:
        """Take a value if it is wanted; return whether it was.

        Of a longer slot that it lies in, what is beside it goes on to hold.
        """
        if not self.wants(value):
            return False
        start, end = value.valid_from_unix_seconds, value.valid_until_unix_seconds
        known = self._touching(start, end)
        rows = [value, *_beside([self._value(index) for index in known], start, end)]
        rows.sort(key=lambda one: one.valid_from_unix_seconds)
        here = slice(known.start, known.stop)
        self._starts[here] = array("q", [one.valid_from_unix_seconds for one in rows])
        self._ends[here] = array("q", [one.valid_until_unix_seconds for one in rows])
        self._grams[here] = [one.grams_per_kilowatt_hour for one in rows]
        self._versions[here] = [self._shared(one.version) for one in rows]
        self._said[here] = [_SAID.setdefault((one.status, one.tier), (one.status, one.tier))
                            for one in rows]  # fmt: skip
        return True

    def _shared(self, version: str) -> str:
        """Return a text that slots which were fetched together have in common."""
        if version != self._version:
            self._version = version
        return self._version

    def forget_before(self, unix_seconds: int) -> None:
        """Let go of slots that began before then, but for the newest of them."""
        old = slice(0, max(0, bisect_right(self._starts, unix_seconds) - 1))
        for column in (self._starts, self._ends, self._grams, self._versions, self._said):
            del column[old]


_SAID: Final[dict[tuple[Status, Tier], tuple[Status, Tier]]] = {}
"""One pair for all slots of which it is said: few."""


def _beside(known: list[Intensity], start: int, end: int) -> Iterator[Intensity]:
    """Yield what of `known` lies before `start` and from `end` on."""
    for one in known:
        if one.valid_from_unix_seconds < start:
            yield replace(one, valid_until_unix_seconds=start)
        if one.valid_until_unix_seconds > end:
            yield replace(one, valid_from_unix_seconds=end)


def _says_the_same(known: Intensity, value: Intensity) -> bool:
    return (
        known.valid_from_unix_seconds == value.valid_from_unix_seconds
        and known.valid_until_unix_seconds == value.valid_until_unix_seconds
        and known.status is value.status
        and known.value == value.value
    )
