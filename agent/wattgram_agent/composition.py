"""PURE. Which of the zones of this host are counted, so that each joule is counted once.

Everything is shown, one non-overlapping set is counted: every package and its dram, every
discrete GPU, and the model, which holds the memory, only where no meter covers the CPU. `core`
and `uncore` lie inside the package, `psys` holds package and more, a second view of a register
holds it twice. Network bytes are not energy and are all counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from wattgram.readings import Component, Kind, Series
from wattgram_agent.source import Zone


class Decision(NamedTuple):
    """Whether a zone is part of the host's sum, and why."""

    zone: Zone
    counted: bool
    why: str


_INSIDE: Final = {
    "core": "inside the package",
    "uncore": "inside the package",
    "psys": "holds the package and more, what more is not defined",
}


def compose(zones: Sequence[Zone]) -> list[Decision]:
    """Decide for every zone, in the order given."""
    metered = any(_covers_the_cpu(zone) for zone in zones)
    modelled = not metered and any(_models_the_host(zone) for zone in zones)
    return [_decide(zone, cpu_is_metered=metered, host_is_modelled=modelled) for zone in zones]


def series_of(decision: Decision) -> Series:
    """Return the column that carries this zone's readings."""
    zone = decision.zone
    return Series(
        kind=zone.kind,
        source=zone.point.source,
        domain=zone.point.domain,
        instance=zone.point.instance,
        quality=zone.quality,
        counted=decision.counted,
        component=zone.component,
    )


def _covers_the_cpu(zone: Zone) -> bool:
    return (
        zone.kind is Kind.ENERGY
        and zone.point.source != "model"
        and zone.point.domain == "package"
        and not zone.refusal
    )


def _models_the_host(zone: Zone) -> bool:
    return zone.kind is Kind.ENERGY and zone.point.source == "model" and not zone.refusal


def _decide(zone: Zone, *, cpu_is_metered: bool, host_is_modelled: bool) -> Decision:
    if zone.refusal:
        return Decision(zone, counted=False, why=zone.refusal)
    if zone.kind is not Kind.ENERGY:
        return Decision(zone, counted=True, why="bytes of a physical interface")
    domain = zone.point.domain
    if domain in _INSIDE:
        return Decision(zone, counted=False, why=_INSIDE[domain])
    if zone.point.source == "model":
        if cpu_is_metered:
            return Decision(zone, counted=False, why="a meter covers the CPU")
        return Decision(zone, counted=True, why="no meter covers the CPU")
    if zone.component is Component.DRAM and host_is_modelled:
        return Decision(zone, counted=False, why="the model holds the memory too")
    if zone.component in {Component.CPU, Component.DRAM, Component.GPU}:
        return Decision(zone, counted=True, why="overlaps no other counted zone")
    return Decision(zone, counted=False, why=f"what domain {domain} covers is not known")
