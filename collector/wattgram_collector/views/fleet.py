"""PURE. Rows and what surrounds them to the view of the fleet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from wattgram.readings import Quality
from wattgram_collector.intensity import Tier
from wattgram_collector.views.day import DayView
from wattgram_collector.views.model import (
    Budget,
    EmissionLimit,
    FleetView,
    Group,
    HostRow,
    Presence,
    Problem,
    Total,
    Zone,
)
from wattgram_collector.views.problems import in_order


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is known beside the hosts."""

    day: DayView | None = None
    zones: tuple[Zone, ...] = ()
    budgets: tuple[Budget, ...] = ()
    limits: tuple[EmissionLimit, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Of the collector, its grids and budgets."""


def fleet_view(
    rows: Sequence[HostRow],
    host_problems: Iterable[Problem],
    around: Around,
    now_unix_seconds: float,
) -> FleetView:
    """Return the fleet at an instant. Sums are of what is known; what is not is None."""
    day = around.day
    known = [row for row in rows if row.power_watts is not None]
    by_quality: dict[Quality, float] = {}
    by_tier: dict[Tier, float] = {}
    unpriced_watts = 0.0
    for row in known:
        watts = row.power_watts or 0.0
        if row.power_quality is not None:
            by_quality[row.power_quality] = by_quality.get(row.power_quality, 0.0) + watts
        if row.grams_per_hour is None or row.tier is None:
            unpriced_watts += watts
        else:
            by_tier[row.tier] = by_tier.get(row.tier, 0.0) + row.grams_per_hour
    return FleetView(
        at_unix_seconds=now_unix_seconds,
        hosts={one: sum(1 for row in rows if row.presence is one) for one in Presence},
        power_watts=_sum(row.power_watts for row in known),
        power_known_hosts=len(known),
        power_watts_by_quality={one: by_quality[one] for one in Quality if one in by_quality},
        grams_per_hour=_sum(by_tier.values()),
        grams_per_hour_by_tier={one: by_tier[one] for one in Tier if one in by_tier},
        unpriced_watts=unpriced_watts,
        last_day=day.total if day else None,
        history=day.steps if day else (),
        history_at_unix_seconds=day.read_unix_seconds if day else None,
        by_site=groups(rows, lambda row: row.site, day.by_site if day else {}),
        by_device_class=groups(
            rows, lambda row: row.device_class, day.by_device_class if day else {}
        ),
        by_zone=groups(rows, lambda row: row.zone, day.by_zone if day else {}),
        rows=tuple(rows),
        zones=around.zones,
        budgets=around.budgets,
        limits=around.limits,
        problems=in_order(iter((*around.problems, *host_problems))),
        by_workload=day.workloads if day else (),
        is_history_whole=day.is_whole if day else True,
    )


def groups(
    rows: Iterable[HostRow], label: Callable[[HostRow], str], totals: Mapping[str, Total]
) -> tuple[Group, ...]:
    """Return hosts that share a label, those that used most over the last day first."""
    members: dict[str, list[HostRow]] = {name: [] for name in totals}
    for row in rows:
        members.setdefault(label(row), []).append(row)
    found = [
        Group(
            label=name,
            hosts=len(some),
            power_watts=_sum(row.power_watts for row in some if row.power_watts is not None),
            total=totals.get(name),
        )
        for name, some in members.items()
    ]
    return tuple(sorted(found, key=lambda one: (-_weight(one), one.label)))


def _weight(group: Group) -> float:
    return group.total.energy_joules if group.total else 0.0


def _sum(values: Iterable[float | None]) -> float | None:
    """Return the sum of what is there; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
