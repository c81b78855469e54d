"""PURE. Which of the zones of this host are counted, so that each joule is counted once.

Everything is shown, one non-overlapping set is counted, the best that can be read now:

1. the meters of the whole host of one source, alone: all else lies inside what they measure. Where
   one of them fails the others are not the whole, and none is counted;
2. `psys`, where the operator asked for it, and the boards that it does not hold;
3. packages with their memory, discrete GPUs, and what the operator declared for the rest;
4. the model of the host, which holds the memory, and the discrete GPUs, which it does not.

Zones that have nothing to say now are passed over. Network bytes are not energy and are all
counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from wattgram.readings import Kind, Series
from wattgram_agent.source import Point, Scope, Zone


class Decision(NamedTuple):
    """Whether a zone is part of the host's sum, and why."""

    zone: Zone
    counted: bool
    why: str


class Silence(NamedTuple):
    """Why a zone has nothing to say at present, and whether that is a failure."""

    why: str
    is_failure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What the operator decided: which zones meter the host, and whether psys is believed.

    `host_meters` are names of zones as `zone_name` gives them.
    """

    host_meters: tuple[str, ...] = ()
    psys: bool = False


# Who is believed first where several measure the same; others come after, in their own order.
_HOST_RANK: Final = (
    "external", "ipmi", "acpi_meter", "battery", "jetson", "hwmon", "raspberry_pi",
)  # fmt: skip
_HEARD: Final = Silence("")
_DECLARED: Final = "declared"
_CPU_RANK: Final = (
    "rapl", "pyrapl", "perf", "emi", "powermetrics", "hwmon", "acpi_meter", "amdgpu",
)  # fmt: skip


class _Chosen(NamedTuple):
    """The counted set, as the one who covers each scope. Empty: nobody."""

    host: str
    psys: bool
    cpu: str
    dram: str
    model: bool


def compose(
    zones: Sequence[Zone],
    silent: Mapping[Point, Silence] | None = None,
    preferences: Preferences | None = None,
) -> list[Decision]:
    """Decide for every zone, in the order given. `silent` zones have a reason not to count."""
    silent = silent or {}
    preferences = preferences or Preferences()
    declared = frozenset(preferences.host_meters)
    heard = [zone for zone in zones if _is_eligible(zone, declared) and zone.point not in silent]
    failing = [zone for zone in zones if silent.get(zone.point, _HEARD).is_failure]
    partial = {zone.point.source for zone in failing if zone.scope is Scope.HOST}
    whole = [
        one for one in heard if one.scope is not Scope.HOST or one.point.source not in partial
    ]
    if any(zone_name(zone.point) in declared for zone in failing):
        whole = [one for one in whole if zone_name(one.point) not in declared]
    chosen = _choose(whole, declared, believes_psys=preferences.psys)
    return [_decide(zone, chosen, silent, declared) for zone in zones]


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


def zone_name(point: Point) -> str:
    """Return how an operator names a zone: source/domain/instance."""
    return "/".join(point)


def _is_eligible(zone: Zone, declared: Collection[str]) -> bool:
    if zone.kind is not Kind.ENERGY:
        return False
    return zone_name(zone.point) in declared or not zone.refusal


def _choose(heard: Sequence[Zone], declared: Collection[str], *, believes_psys: bool) -> _Chosen:
    if any(zone_name(zone.point) in declared for zone in heard):
        return _Chosen(_DECLARED, psys=False, cpu="", dram="", model=False)
    hosts = [zone for zone in heard if zone.scope is Scope.HOST and not _is_model(zone)]
    host = _first(hosts, _HOST_RANK)
    psys = believes_psys and any(zone.scope is Scope.PLATFORM for zone in heard)
    cpu = _first([zone for zone in heard if zone.scope is Scope.CPU], _CPU_RANK)
    dram = _first([zone for zone in heard if zone.scope is Scope.DRAM], _CPU_RANK)
    model = not (host or psys or cpu) and any(_is_model(zone) for zone in heard)
    return _Chosen(host, psys, cpu, dram, model)


def _first(zones: Sequence[Zone], rank: Sequence[str]) -> str:
    """Return the source that is believed first, empty without zones."""
    names = list(dict.fromkeys(zone.point.source for zone in zones))
    return min(names, key=lambda name: (*rank, name).index(name), default="")


def _is_model(zone: Zone) -> bool:
    return zone.point.source == "model"


def _decide(
    zone: Zone, chosen: _Chosen, silent: Mapping[Point, Silence], declared: Collection[str]
) -> Decision:
    if zone.kind is not Kind.ENERGY:
        return Decision(zone, counted=True, why="bytes of a physical interface")
    if zone.point in silent:
        return Decision(zone, counted=False, why=silent[zone.point].why)
    if chosen.host == _DECLARED:
        is_declared = zone_name(zone.point) in declared
        why = "declared to meter the whole host" if is_declared else "inside the declared meter"
        return Decision(zone, counted=is_declared, why=why)
    why_not = zone.refusal or _held_elsewhere(zone, chosen)
    if why_not:
        return Decision(zone, counted=False, why=why_not)
    if zone.scope is Scope.HOST:
        why = "no meter covers the CPU" if _is_model(zone) else "meters the whole host"
    else:
        why = "overlaps no other counted zone"
    return Decision(zone, counted=True, why=why)


def _held_elsewhere(zone: Zone, chosen: _Chosen) -> str:
    """Say what it is that holds the zone's energy already; empty if nothing does."""
    if chosen.host:
        is_it = zone.scope is Scope.HOST and zone.point.source == chosen.host
        return "" if is_it else f"{chosen.host} meters the whole host"
    if zone.scope is Scope.HOST and not _is_model(zone):
        return "another meter of the host cannot be read: this one is a part"
    reasons = {
        Scope.HOST: "" if chosen.model else "a meter covers the CPU",
        Scope.PLATFORM: ""
        if chosen.psys
        else "holds the package and more, what more is not defined",
        Scope.CPU: "inside psys" if chosen.psys else _second(zone, chosen.cpu),
        Scope.DRAM: "inside psys" if chosen.psys else _second(zone, chosen.dram),
        Scope.GPU: "",
        Scope.REST: "" if chosen.cpu and not chosen.psys else "no meter of a CPU is counted",
        Scope.PART: f"what {zone.point.domain} covers is not known",
    }
    if zone.scope is Scope.DRAM and chosen.model:
        return "the model holds the memory too"
    return reasons[zone.scope]


def _second(zone: Zone, first: str) -> str:
    return "" if zone.point.source == first else f"{first} meters it already"
