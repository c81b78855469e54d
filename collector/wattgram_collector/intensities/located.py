"""The location-based factor of a place: which book is asked, and under which name.

What hosts draw from is a zone of the grid. A cloud region stands in one, whose hours are its own;
but its yearly average may be nearer than the zone's, so that table is asked by the region's name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from wattgram_collector.intensity import Intensity, IntensityBook

_REMEMBERED_MAX: Final = 4_096


class LocatedBook:
    """What the operator states, what providers said of the hour, the shipped yearly averages."""

    def __init__(
        self,
        operator: IntensityBook,
        history: IntensityBook,
        annual: IntensityBook,
        zone_of: Callable[[str], str],
    ) -> None:
        """`zone_of(place)` returns the zone that a name means, or a cloud region stands in."""
        self._operator = operator
        self._history = history
        self._annual = annual
        self._zone_of = zone_of
        self._zones: dict[str, str] = {}

    def at(self, zone: str, unix_seconds: int) -> Intensity | None:
        """See IntensityBook; `zone` may be a cloud region."""
        place, zone = zone, self._zones.get(zone) or self._zone(zone)
        found = self._operator.at(place, unix_seconds)
        if found is None and zone != place:
            found = self._operator.at(zone, unix_seconds)
        if found is None:
            found = self._history.at(zone, unix_seconds)
        return self._annual.at(place, unix_seconds) if found is None else found

    def _zone(self, place: str) -> str:
        zone = self._zone_of(place)
        if len(self._zones) < _REMEMBERED_MAX:
            self._zones[place] = zone
        return zone
