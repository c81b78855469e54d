"""The rails of one hwmon chip: which can be read, how each is named, and why it is not counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from wattgram.readings import Component
from wattgram_agent.composition import zone_name
from wattgram_agent.hwmon_chips import Channel, Chip, PowerFile, PowerProduct, read_channels
from wattgram_agent.hwmon_pairs import voltage_index, voltage_label
from wattgram_agent.source import Point, Scope, Zone
from wattgram_agent.sources.hwmon_meters import CounterMeter, Found, Gauge, GaugeMeter

NAME: Final = "hwmon"

_ESOCKET: Final = re.compile(r"Esocket(\d+)")
_CHANNEL_NAME: Final = re.compile(r"(energy|power|curr)\d+")
# How boards name the rail by which everything comes in, and PMBus and platforms the same.
_INPUT_LABEL: Final = re.compile(
    r"VDD_IN|VIN|VIN_SYS_5V0|POM_5V_IN|SYS_5V\w*|5V_INPUT|12V_INPUT|DC_IN|PIN|SYSTEM"
    r"|TOTAL_SYSTEM_POWER|AC_INPUT_POWER|(POWER_)?TOTAL",
    re.IGNORECASE,
)


def find_rails(chip: Chip, problems: list[str]) -> list[Found]:
    """Return the meters of a chip; what it has and cannot be read goes to `problems`."""
    channels = read_channels(chip, ("energy", "power", "curr"))
    metered = [one for one in channels if _tells(one)]
    problems += [f"{chip.said} {one.name}: switched off" for one in metered if not one.enabled]
    if not metered:
        return _products(chip, channels, problems)
    labels = Counter(channel.label for channel in metered)
    found = [_rail(chip, one, labels) for one in metered if one.enabled]
    # The sockets of `amd_energy` come after its cores, of which there may be too many.
    return sorted(found, key=lambda one: one.meter.zone.scope is not Scope.CPU)


def _tells(channel: Channel) -> bool:
    """Say whether it has a value that is a power or an energy: some have a label alone."""
    wanted = {"energy": {"input"}, "power": {"average", "input"}}
    return bool(wanted.get(channel.kind, set()) & channel.attributes)


def _rail(chip: Chip, channel: Channel, labels: Mapping[str, int]) -> Found:
    """Return the meter of an energy or a power that the chip itself computes."""
    zone = _zone(chip, channel, channel.label if labels[channel.label] == 1 else "")
    file = chip.directory / f"{channel.name}_input"
    if channel.kind == "energy":
        return Found(CounterMeter(zone, file), file)
    current = f"curr{channel.index}_input"
    # Chips of this family compute a magnitude: only the current says where it flows.
    sign = chip.directory / current if chip.name[:3] == "ina" and current in chip.files else None
    gauges = [
        Gauge(PowerFile(chip.directory / f"{channel.name}_{attribute}", sign), averaged)
        for attribute, averaged in (("average", True), ("input", False))
        if attribute in channel.attributes
    ]
    return Found(GaugeMeter(zone, gauges), channel.value_file(chip) or file)


def _products(chip: Chip, channels: Sequence[Channel], problems: list[str]) -> list[Found]:
    """Return the meters of a chip that tells volts and amperes and no power."""
    currents = [one for one in channels if one.kind == "curr" and one.value_file(chip)]
    voltages = read_channels(chip, ("in",)) if currents else []
    pairs: list[tuple[Channel, Channel]] = []
    for current in currents if voltages else ():
        voltage = _voltage_of(chip, current, voltages)
        if voltage is None:
            problems.append(f"{chip.said} {current.name}: its voltage is not known")
        elif not (current.enabled and voltage.enabled):
            problems.append(f"{chip.said} {current.name}: switched off")
        else:
            label = current.label or voltage.label
            pairs.append((replace(current, label=label), voltage))
    labels = Counter(current.label for current, _ in pairs)
    return [
        Found(GaugeMeter(zone, gauges), current.value_file(chip) or chip.directory)
        for current, voltage in pairs
        if (gauges := _product_gauges(chip, current, voltage))
        and (zone := _zone(chip, current, current.label if labels[current.label] == 1 else ""))
    ]


def _voltage_of(chip: Chip, current: Channel, voltages: Sequence[Channel]) -> Channel | None:
    label = voltage_label(chip.name, current.label)
    if label:
        return next((one for one in voltages if one.label == label), None)
    index = voltage_index(chip.name, current.index)
    return next((one for one in voltages if one.index == index), None)


def _product_gauges(chip: Chip, current: Channel, voltage: Channel) -> list[Gauge]:
    """Return a product of two means, and one of two instants: never of one and one."""
    return [
        Gauge(
            PowerProduct(
                chip.directory / f"{voltage.name}_{attribute}",
                chip.directory / f"{current.name}_{attribute}",
            ),
            averaged,
        )
        for attribute, averaged in (("average", True), ("input", False))
        if attribute in current.attributes & voltage.attributes
    ]


def _zone(chip: Chip, channel: Channel, label: str) -> Zone:
    """Return the zone of a rail, named by a label that no other has, else by its number."""
    location = f"{chip.directory}/{channel.name}" + f" ({channel.label})" * bool(channel.label)
    socket = _ESOCKET.fullmatch(channel.label) if chip.name == "amd_energy" else None
    if socket is not None:
        return Zone(
            point=Point(NAME, "package", socket[1]),
            scope=Scope.CPU,
            component=Component.CPU,
            location=location,
        )
    name = channel.name if not label or _CHANNEL_NAME.fullmatch(label) else label
    point = Point(NAME, chip.name or "unnamed", f"{chip.identity}/{name}")
    return Zone(point=point, location=location, refusal=_refusal(chip, channel, point))


def _refusal(chip: Chip, channel: Channel, point: Point) -> str:
    if chip.name == "amd_energy":
        return "inside the package"
    if chip.name.startswith("i915_gt"):
        return "inside the card"
    why = "what it feeds is not known"
    if _INPUT_LABEL.fullmatch(channel.label):
        why = f"{channel.label} sounds like the input of a board, which is not certain"
    return (
        f"{why}: if it meters the whole host, name it in sources.host_meters: {zone_name(point)}"
    )
