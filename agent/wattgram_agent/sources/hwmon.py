"""Power and energy that drivers tell through hwmon: Intel cards, AMD's old driver, any rail.

A discrete Intel card is counted, and a socket of `amd_energy`. What any other chip meters is on
no label that can be trusted: its rails are shown, and counted only if the operator declares that
they meter the whole host. Chips that have a source of their own are left to it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from wattgram.readings import Component, State
from wattgram_agent.hwmon_chips import (
    JETSON_RAILS,
    Chip,
    find_chips,
    read_channels,
)
from wattgram_agent.source import (
    HostPaths,
    Point,
    Sample,
    Scope,
    Source,
    SourceUnavailableError,
    Zone,
)
from wattgram_agent.sources import hwmon_rails
from wattgram_agent.sources.hwmon_meters import (
    Found,
    IntelCardMeter,
    Meter,
    require_one_readable,
)
from wattgram_agent.sources.jetson import thor_input_chip
from wattgram_agent.sources.jetson_rails import host_rails

NAME: Final = hwmon_rails.NAME
# More rails than a board has; a socket of `amd_energy` has as many cores again.
METERS_PER_CHIP_MAX: Final = 64

_ELSEWHERE: Final = {"amdgpu": "amdgpu", "power_meter": "acpi_meter"}
_SUPPLY_NAME: Final = re.compile(r"(BAT|ACAD|AC\d*$|ADP|CMB|ucsi).*")
_INTEL: Final = ("i915", "xe")


class HwmonSource(Source):
    """The meters of all chips, each behind descriptors that stay open."""

    name = NAME
    may_block = True

    def __init__(self, meters: Sequence[Meter], problems: Sequence[str]) -> None:
        self._meters = meters
        self._problems = problems

    def problems(self) -> Sequence[str]:
        return self._problems

    def zones(self) -> Sequence[Zone]:
        return [meter.zone for meter in self._meters]

    def sample(self) -> Sequence[Sample]:
        return [meter.sample() for meter in self._meters]

    def close(self) -> None:
        for meter in self._meters:
            meter.close()


def discover(paths: HostPaths) -> HwmonSource:
    """Return what the chips under `paths.sysfs` meter; raises SourceUnavailableError."""
    found: list[Found] = []
    problems: list[str] = []
    elsewhere: list[str] = []
    chips = find_chips(paths.sysfs)
    jetson = _chips_of_a_jetson(chips)
    for chip in chips:
        owner = "jetson" if chip in jetson else _other_source(chip)
        if owner:
            elsewhere.append(f"{chip.said} ({owner})")
            continue
        mine = _intel_card(chip) if chip.name in _INTEL else hwmon_rails.find_rails(chip, problems)
        if len(mine) > METERS_PER_CHIP_MAX:
            problems.append(f"{chip.said}: {len(mine) - METERS_PER_CHIP_MAX} more are left out")
        found += mine[:METERS_PER_CHIP_MAX]
    if not found:
        raise SourceUnavailableError(State.ABSENT, _why_none(paths.sysfs, problems, elsewhere))
    require_one_readable([one.file for one in found])
    meters = {one.meter.zone.point: one.meter for one in reversed(found)}
    return HwmonSource(list(reversed(meters.values())), problems)


def _other_source(chip: Chip) -> str:
    """Return which source reads this chip, empty for one that is read here."""
    if chip.name in _ELSEWHERE:
        return _ELSEWHERE[chip.name]
    if _SUPPLY_NAME.fullmatch(chip.name) or "power_supply" in Path(chip.real_path).parts:
        return "battery"
    return ""


def _chips_of_a_jetson(chips: Sequence[Chip]) -> list[Chip]:
    """Return the chips that `jetson` reads: all that have labels, if these are a Jetson's.

    On a Thor also the one at its input, which has none.
    """
    labels = {
        chip: {channel.label for channel in read_channels(chip, ("in",)) if channel.label}
        for chip in chips
        if chip.name == "ina3221"
    }
    rails = frozenset().union(*labels.values())
    thor = thor_input_chip(chips, rails)
    is_jetson = thor or rails & JETSON_RAILS or host_rails(rails)
    found = [chip for chip, mine in labels.items() if mine and is_jetson]
    return found if thor is None else [*found, thor]


def _intel_card(chip: Chip) -> list[Found]:
    """Return the one meter of a discrete card, which has a register or two."""
    registers = {
        channel.label or ("card" if channel.index == 1 else "pkg"): channel.value_file(chip)
        for channel in read_channels(chip, ("energy",))
        if channel.enabled
    }
    card, package = registers.get("card"), registers.get("pkg")
    first = card or package
    if first is None:
        return []
    location = f"{first} ({'card' if card else 'package'})"
    if card and package:
        location += f", or {package.name} (package) where the card's does not hold it"
    zone = Zone(
        point=Point(NAME, "gpu", chip.identity),
        scope=Scope.GPU,
        component=Component.GPU,
        location=location,
    )
    return [Found(IntelCardMeter(zone, chip.device, card, package), first)]


def _why_none(sysfs: Path, problems: Sequence[str], elsewhere: Sequence[str]) -> str:
    if not os.path.isdir(sysfs / "class" / "hwmon"):
        why = f"{sysfs / 'class' / 'hwmon'} does not exist"
    else:
        why = "no chip tells a power or an energy"
    if elsewhere:
        why += f"; read by other sources: {', '.join(elsewhere)}"
    return "; ".join((why, *problems))
