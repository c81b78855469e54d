"""PURE. Each version of an asset to its decision, once; and which other meter has it inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from wattgram_collector.inventory.decision import Consolidation, UndecidedError, decide
from wattgram_collector.inventory.metering.energy import Bound
from wattgram_collector.inventory.periods import Interval, day_of, midnight_unix_seconds
from wattgram_collector.inventory.register.assets import Asset, MeteringPoint, Register


class Placing:
    """Where the energy of assets belongs.

    `metered`: when an agent meters each asset by itself. An asset within one whose meter has the
    whole facility, or that says to be included in its parent, is an allocation of that one for as
    long as that is metered; a parent that nobody meters has nothing inside.
    """

    def __init__(
        self,
        register: Register,
        metered: Mapping[str, Sequence[Interval]],
        consolidation: Consolidation,
        timezone: str,
    ) -> None:
        self._register = register
        self._metered = metered
        self._consolidation = consolidation
        self._timezone = timezone
        self._decided: dict[int, Bound] = {}

    def bound(self, asset: Asset) -> Bound:
        """Return the decision of a version, or why there is none."""
        found = self._decided.get(id(asset))  # the register keeps its versions
        if found is None:
            try:
                found = Bound(asset, decide(asset, self._consolidation))
            except UndecidedError as error:
                found = Bound(asset, None, why=str(error))
            self._decided[id(asset)] = found
        return found

    def pieces(self, asset: Asset, interval: Interval) -> Iterator[tuple[Interval, Bound]]:
        """Yield an interval, cut where another meter begins or ends to have the asset inside."""
        bound = self.bound(asset)
        if not asset.parent or bound.decision is None:
            yield interval, bound
            return
        start, before = interval.start_unix_seconds, ""
        ends = sorted({*self._changes(asset, interval), *interval})
        for at, until in pairwise(ends):
            inside = self._inside(asset, Interval(at, until))
            if at > start and inside != before:
                yield Interval(start, at), bound._replace(inside=before)
                start = at
            before = inside
        yield Interval(start, interval.end_unix_seconds), bound._replace(inside=before)

    def _changes(self, asset: Asset, interval: Interval) -> Iterator[int]:
        """Yield the instants within an interval at which its parents, or their meters, change."""
        start, end = interval
        for name in self._ancestors(asset):
            days = (one.valid_from for one in self._register.versions(name))
            changes = [midnight_unix_seconds(day, self._timezone) for day in days if day]
            edges = [at for one in self._metered.get(name, ()) for at in one]
            yield from (at for at in (*changes, *edges) if start < at < end)

    def _ancestors(self, asset: Asset) -> list[str]:
        """Return every asset that was ever above this one."""
        found: list[str] = []
        above = [asset.parent]
        while above:
            name = above.pop()
            if name and name not in found and name != asset.asset_id:
                found.append(name)
                above += [one.parent for one in self._register.versions(name)]
        return found

    def _inside(self, asset: Asset, interval: Interval) -> str:
        """Return the nearest asset above whose own meter has this one inside; empty: none has."""
        day = day_of(interval.start_unix_seconds, self._timezone)
        node, is_included, seen = asset, True, {asset.asset_id}
        while node.parent and node.parent not in seen:
            seen.add(node.parent)
            is_included = is_included and node.is_included_in_parent
            above = self._register.at(node.parent, day)
            if above is None:
                return ""
            has_it = is_included or above.metering_point is MeteringPoint.FACILITY
            times = self._metered.get(above.asset_id, ())
            if has_it and any(one.overlap(interval) for one in times):
                return above.asset_id
            node = above
        return ""
