"""PURE. What the routes answer: parts of the views, each by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from wattgram.readings import Quality
from wattgram_collector.exposition.api.asked import ApiError, Values
from wattgram_collector.intensity import Tier
from wattgram_collector.views.model import (
    Budget,
    EmissionLimit,
    FleetView,
    Group,
    HostRow,
    Presence,
    Problem,
    Severity,
    Step,
    Total,
    WorkloadShare,
    Zone,
)

Key = str | float | None
SORTS: Final[Mapping[str, Callable[[HostRow], Key]]] = {
    "host": lambda row: row.host.casefold(),
    "presence": lambda row: list(Presence).index(row.presence),
    "site": lambda row: row.site.casefold() or None,
    "device_class": lambda row: row.device_class.casefold() or None,
    "zone": lambda row: row.zone.casefold() or None,
    "power_watts": lambda row: row.power_watts,
    "grams_per_hour": lambda row: row.grams_per_hour,
    "energy_joules": lambda row: row.energy_joules,
    "grams": lambda row: row.grams,
    "problems": lambda row: row.problems,
    "last_seen_unix_seconds": lambda row: row.last_seen_unix_seconds,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The whole fleet now, and over the last day."""

    at_unix_seconds: float
    hosts: Mapping[Presence, int]
    power_watts: float | None
    """Of hosts that report and whose power is known."""
    power_known_hosts: int
    power_watts_by_quality: Mapping[Quality, float]
    grams_per_hour: float | None
    grams_per_hour_by_tier: Mapping[Tier, float]
    unpriced_watts: float
    """Known power for which no intensity is known."""
    last_day: Total | None
    history_at_unix_seconds: int | None
    """When the last day was read from the ledger; null while it was not yet."""
    is_history_whole: bool
    problems: Mapping[Severity, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Those hosts that were asked for, a page of them."""

    at_unix_seconds: float
    total: int
    """How many were found, on all pages."""
    offset: int
    limit: int
    hosts: tuple[HostRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The last day in accounting slots of five minutes, oldest first."""

    read_unix_seconds: int | None
    """When it was read from the ledger; null while it was not yet."""
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Hosts that have something in common, over the last day; what used most comes first."""

    by: str
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workloads:
    """What used most in the last hour, on all hosts together."""

    workloads: tuple[WorkloadShare, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Zones:
    """The grid zones in use."""

    zones: tuple[Zone, ...]
    """Without their steps, which /zones/{zone} has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """Every carbon budget in its present period."""

    budgets: tuple[Budget, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every limit on the rate of emission."""

    limits: tuple[EmissionLimit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problems:
    """What somebody can mend, the worst first."""

    total: int
    problems: tuple[Problem, ...]


def fleet(view: FleetView) -> Fleet:
    """Return the fleet without its parts."""
    counts = dict.fromkeys(Severity, 0)
    for problem in view.problems:
        counts[problem.severity] += 1
    shared = Fleet.__dataclass_fields__.keys() - {"problems"}
    return Fleet(**{name: getattr(view, name) for name in shared}, problems=counts)


def hosts(view: FleetView, asked: Values) -> Hosts:
    """Return the page of hosts that is asked for; what is unknown comes last in any order."""
    found = [row for row in view.rows if _is_wanted(row, asked)]
    name = asked["sort"].removeprefix("-")
    key = SORTS[name]
    known = [row for row in found if key(row) is not None]
    known.sort(key=lambda row: _comparable(key(row)), reverse=asked["sort"].startswith("-"))
    ordered = known + [row for row in found if key(row) is None]
    offset, limit = asked["offset"], asked["limit"]
    return Hosts(
        at_unix_seconds=view.at_unix_seconds,
        total=len(ordered),
        offset=offset,
        limit=limit,
        hosts=tuple(ordered[offset : offset + limit]),
    )


def _comparable(value: Key) -> tuple[str, float]:
    return (value, 0.0) if isinstance(value, str) else ("", value or 0.0)


def _is_wanted(row: HostRow, asked: Values) -> bool:
    if asked["presence"] and row.presence.value != asked["presence"]:
        return False
    if any(asked[one] and getattr(row, one) != asked[one] for one in _EXACT):
        return False
    sought = asked["search"].casefold()
    texts = (row.host, row.site, row.device_class, row.zone, row.source)
    return not sought or any(sought in text.casefold() for text in texts)


_EXACT: Final = ("site", "device_class", "zone")


def history(view: FleetView) -> History:
    return History(read_unix_seconds=view.history_at_unix_seconds, steps=view.history)


def groups(view: FleetView, asked: Values) -> Groups:
    found: Mapping[str, Sequence[Group]] = {
        "site": view.by_site,
        "device_class": view.by_device_class,
        "zone": view.by_zone,
    }
    return Groups(by=asked["by"], groups=tuple(found[asked["by"]]))


def zones(view: FleetView) -> Zones:
    return Zones(zones=tuple(replace(one, steps=()) for one in view.zones))


def zone(view: FleetView, name: str) -> Zone:
    """Return one grid zone; raises ApiError."""
    for one in view.zones:
        if one.zone == name:
            return one
    raise ApiError(404, f"no host is on the grid zone {name!r:.60}")


def problems(view: FleetView, asked: Values) -> Problems:
    """Return a page of the problems that are asked for."""
    found = [
        one
        for one in view.problems
        if asked["severity"] in ("", one.severity.value) and asked["about"] in ("", one.about)
    ]
    offset = asked["offset"]
    return Problems(total=len(found), problems=tuple(found[offset : offset + asked["limit"]]))
