"""PURE. Which channel of the energy meters is what, and which are one register seen twice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from wattgram.readings import Component
from wattgram_agent.source import Point, Scope, Zone

_RAPL: Final = re.compile(r"RAPL_Package(\d{1,4})_(PKG|DRAM|PP0|PP1)", re.ASCII | re.IGNORECASE)
_ONE_CORE: Final = re.compile(r"RAPL_Package\d+_Core\d+_CORE", re.ASCII | re.IGNORECASE)
_DOMAINS: Final = {"PKG": "package", "DRAM": "dram", "PP0": "core", "PP1": "uncore"}
_SCOPES: Final = {"package": Scope.CPU, "dram": Scope.DRAM}
_COMPONENTS: Final = {
    "package": Component.CPU,
    "core": Component.CPU,
    "uncore": Component.CPU,
    "dram": Component.DRAM,
}
_MIRROR_PARTS: Final = 10_000  # counts of one register, read one after the other, agree to this


class Register(NamedTuple):
    """A channel: its name, its count when it was found in microjoules, and whose it is."""

    name: str
    first: int
    path: str


def describe(
    meters: Sequence[Sequence[Register | None]], vendor: str
) -> list[tuple[Zone | None, ...]]:
    """Turn the channels of each meter into zones: each register once.

    None where nothing is sampled: no energy, or a single core, of which there is one per core
    and all inside the package.
    """
    taken: dict[Point, int] = {}
    return [
        tuple(
            None
            if register is None or _ONE_CORE.fullmatch(register.name)
            else _zone(register, f"{number}.{index}", taken, vendor)
            for index, register in enumerate(registers)
        )
        for number, registers in enumerate(meters)
    ]


def _zone(register: Register, position: str, taken: dict[Point, int], vendor: str) -> Zone:
    """Return one zone, and take its point. `position` is added where the point is taken."""
    match = _RAPL.fullmatch(register.name)
    if match is None:
        domain = f"unknown_{re.sub(r'[^A-Za-z0-9_-]', '_', register.name)[:64]}"
        point = Point("emi", domain, "0")
        refusal = f"what a channel named {register.name[:64]!r} covers is not known"
    else:
        domain = _DOMAINS[match[2].upper()]
        point = Point("emi", domain, str(int(match[1])))
        refusal = _refusal(point, register.first, taken, vendor)
    if point in taken:
        point = point._replace(instance=f"{point.instance}@{position}")
    taken[point] = register.first
    return Zone(
        point=point,
        scope=_SCOPES.get(domain, Scope.PART),
        component=_COMPONENTS.get(domain, Component.OTHER),
        location=f"channel {register.name} of {register.path}",
        refusal=refusal,
    )


def _refusal(point: Point, first: int, taken: dict[Point, int], vendor: str) -> str:
    if point in taken:
        return f"a second view of {point.domain} {point.instance}"
    if point.domain not in _SCOPES:
        return "inside the package"
    if point.domain == "package" and "AuthenticAMD" in vendor:
        for other, count in taken.items():
            if other.domain == "package" and _agree(first, count):
                return f"counts what package {other.instance} counts: a die that mirrors it"
    return ""


def _agree(first: int, second: int) -> bool:
    return abs(first - second) * _MIRROR_PARTS <= max(first, second)
