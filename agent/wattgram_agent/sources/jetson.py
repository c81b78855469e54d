"""The power rails of an NVIDIA Jetson, as the monitors on its board measure them.

A board is known by the names of its rails, whole names only. Where one rail feeds all the others
it is the host; where there is none, those that together are the host are counted, if none is
missing. All other rails lie inside them, or nobody knows, and are shown.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from wattgram.readings import Component, State
from wattgram.units import MICROWATTS_PER_MILLIWATT, MICROWATTS_PER_WATT
from wattgram_agent.hwmon_chips import (
    JETSON_RAILS,
    Chip,
    PowerFile,
    PowerProduct,
    PowerReader,
    clean,
    find_chips,
    list_directories,
    plausible_power,
    read_channels,
)
from wattgram_agent.source import (
    FailedSample,
    GaugeSample,
    HostPaths,
    Point,
    Sample,
    Scope,
    Source,
    SourceUnavailableError,
    Zone,
)
from wattgram_agent.sources.jetson_rails import (
    COMPONENTS,
    INPUTS,
    THOR_INPUT,
    THOR_RAIL,
    host_rails,
    refusal_of,
)
from wattgram_agent.sysfs import KeptFile, UnreadableError, read_text

NAME: Final = "jetson"

_NO_RAILS: Final = frozenset({"", "NC"})
_CURRENTS: Final = {"in1": "curr1_input", "in2": "curr2_input", "in3": "curr3_input"}

# No module draws more. A rail that is off reads some hundred milliwatts around nothing.
POWER_MAX_MICROWATTS: Final = 1_000 * MICROWATTS_PER_WATT
OFFSET_MAX_MICROWATTS: Final = 1 * MICROWATTS_PER_WATT


class MilliwattFile(PowerReader):
    """A power in milliwatts, as the driver of older releases gives it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._power = KeptFile(path, signed=True)

    def read(self) -> int:
        return plausible_power(self._power.read() * MICROWATTS_PER_MILLIWATT, self._path)

    def close(self) -> None:
        self._power.close()


class Rail(NamedTuple):
    """One rail. `files` are what it is computed from; `chip` tells rails of one name apart."""

    label: str
    chip: str
    reader: PowerReader
    files: tuple[Path, ...]


class JetsonSource(Source):
    """The rails of one board. Every value is a transfer over a slow bus."""

    name = NAME
    may_block = True

    def __init__(self, rails: Sequence[Rail], problems: Sequence[str]) -> None:
        self._rails = rails
        self._zones = describe(rails)
        self._problems = problems

    def zones(self) -> Sequence[Zone]:
        return self._zones

    def problems(self) -> Sequence[str]:
        return self._problems

    def sample(self) -> Sequence[Sample]:
        samples = [
            _sample(rail, zone) for rail, zone in zip(self._rails, self._zones, strict=True)
        ]
        hosts = {zone.point for zone in self._zones if zone.scope is Scope.HOST}
        if any(isinstance(sample, FailedSample) and sample.point in hosts for sample in samples):
            return [_without_another(sample, hosts) for sample in samples]
        return samples

    def close(self) -> None:
        for rail in self._rails:
            rail.reader.close()


def discover(paths: HostPaths) -> JetsonSource:
    """Return the rails of this board; raises SourceUnavailableError."""
    drivers = paths.sysfs / "bus" / "i2c" / "drivers"
    more = [directory for name in ("ina3221", "ina238") for directory in _hwmon(drivers / name)]
    chips = find_chips(paths.sysfs, more)
    problems: list[str] = []
    rails = [rail for chip in chips if chip.name == "ina3221" for rail in _rails(chip, problems)]
    rails += _old_rails(drivers / "ina3221x")
    rails += _thor_input(chips, rails)
    labels = {rail.label for rail in rails}
    if not (labels & JETSON_RAILS or host_rails(labels)):
        raise SourceUnavailableError(State.ABSENT, f"no rails of a Jetson in {drivers}")
    if not any(all(os.access(file, os.R_OK) for file in rail.files) for rail in rails):
        raise SourceUnavailableError(
            State.PERMISSION_DENIED,
            f"{rails[0].files[0]} may not be read",
            "chmod a+r " + " ".join(str(file) for rail in rails for file in rail.files),
        )
    return JetsonSource(rails, problems)


def describe(rails: Sequence[Rail]) -> list[Zone]:
    """Return one zone per rail: the host's, and those that are only shown."""
    host = host_rails([rail.label for rail in rails])
    taken: set[str] = set()
    zones = []
    for rail in rails:
        again = rail.label in taken
        instance = f"{rail.label}@{rail.chip}" if again else rail.label
        taken |= {rail.label, instance}
        is_host = rail.label in host and not again
        zones.append(
            Zone(
                point=Point(NAME, "rail", instance),
                scope=Scope.HOST if is_host else Scope.PART,
                component=COMPONENTS.get(rail.label, Component.OTHER),
                location=str(rail.files[0]),
                refusal="" if is_host else refusal_of(rail.label, host),
            )
        )
    return zones


def _rails(chip: Chip, problems: list[str]) -> Iterable[Rail]:
    """Return the rails of one INA3221: its fourth to seventh channels are no rails."""
    for channel in read_channels(chip, ("in",)):
        current = _CURRENTS.get(channel.name)
        if current is None or channel.label in _NO_RAILS:
            continue
        files = (chip.directory / f"{channel.name}_input", chip.directory / current)
        if not channel.enabled:
            problems.append(f"{channel.label}: switched off")
        elif not chip.files.issuperset(file.name for file in files):
            problems.append(f"{channel.label}: has no voltage or no current")
        else:
            yield Rail(channel.label, chip.identity, PowerProduct(*files), files)


def _old_rails(driver: Path) -> Iterable[Rail]:
    """Return the rails under the driver of releases up to JetPack 4."""
    for device in list_directories(driver):
        for directory in list_directories(device):
            if not directory.name.startswith("iio"):
                continue
            for number in range(len(_CURRENTS)):
                label = clean(read_text(directory / f"rail_name_{number}") or "")
                power = directory / f"in_power{number}_input"
                if label not in _NO_RAILS and os.path.exists(power):
                    yield Rail(label, clean(device.name), MilliwattFile(power), (power,))


def _thor_input(chips: Iterable[Chip], rails: Iterable[Rail]) -> list[Rail]:
    """Return the input of a Thor, which a chip of another kind measures, if it is the only one."""
    chip = thor_input_chip(chips, {rail.label for rail in rails})
    if chip is None:
        return []
    product = (chip.directory / "in1_input", chip.directory / "curr1_input")
    power = chip.directory / "power1_input"
    if power.name in chip.files:
        return [Rail(THOR_INPUT, chip.identity, PowerFile(power), (power,))]
    if chip.files.issuperset(file.name for file in product):
        return [Rail(THOR_INPUT, chip.identity, PowerProduct(*product), product)]
    return []


def thor_input_chip(chips: Iterable[Chip], labels: Collection[str]) -> Chip | None:
    """Return the chip at the input of a board with rails of these labels, if it is a Thor's."""
    if THOR_RAIL not in labels:
        return None
    inputs = [chip for chip in chips if chip.name == "ina238" and _is_input(chip)]
    return inputs[0] if len(inputs) == 1 else None


def _is_input(chip: Chip) -> bool:
    """Say whether a chip is labelled as the input, or not at all."""
    labels = {channel.label for channel in read_channels(chip)} - _NO_RAILS
    return labels <= {THOR_INPUT}


def _hwmon(driver: Path) -> list[Path]:
    return [
        directory
        for device in list_directories(driver)
        for directory in list_directories(device / "hwmon")
    ]


def _sample(rail: Rail, zone: Zone) -> Sample:
    try:
        power = rail.reader.read()
    except UnreadableError as error:
        return FailedSample(zone.point, error.reason, error.detail)
    if not -OFFSET_MAX_MICROWATTS <= power <= POWER_MAX_MICROWATTS:
        return FailedSample(zone.point, "implausible", f"a rail of {power} uW")
    if power <= 0 and zone.scope is Scope.HOST and rail.label in INPUTS:
        return FailedSample(zone.point, "implausible", f"an input of {power} uW")
    return GaugeSample(zone.point, max(0, power), averaged=False)


def _without_another(sample: Sample, hosts: Collection[Point]) -> Sample:
    """Refuse a rail of the host while another fails: it is not all that the host draws."""
    if isinstance(sample, FailedSample) or sample.point not in hosts:
        return sample
    return FailedSample(sample.point, "unreadable", "what another rail gives is not known")
