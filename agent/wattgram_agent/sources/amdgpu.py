"""The power of AMD graphics, as their driver tells it: no library, no privilege.

A card of its own is a GPU. What sits beside the cores in one package (an APU) tells the power of
the whole package, cores included, and is a meter of the CPU. A card that sleeps is not woken.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from wattgram.readings import Component, State
from wattgram.units import MICROWATTS_PER_WATT, MILLISECONDS_PER_SECOND
from wattgram_agent.hwmon_chips import (
    Chip,
    PowerFile,
    find_chips,
    is_suspended,
    read_channels,
)
from wattgram_agent.source import (
    FailedSample,
    GaugeSample,
    HostPaths,
    IdleSample,
    Point,
    Sample,
    Scope,
    Source,
    SourceUnavailableError,
    Zone,
)
from wattgram_agent.sysfs import UnreadableError, read_text

NAME: Final = "amdgpu"

# No board draws more: what says so has all bits of its 16 set.
POWER_MAX_MICROWATTS: Final = 3_000 * MICROWATTS_PER_WATT

# The driver names the voltage of the northbridge on APUs only, and hides it on the one of its
# data-centre line; it shows a limit of the power, or a clock of the memory, on cards.
_APU_LABEL: Final = "vddnb"
_APU_DEVICES: Final = frozenset({"74A0"})
_CARD_FILES: Final = frozenset({"power1_cap", "freq2_input"})
# Boards of two dies that are two devices: one tells the power of both, the other 0.
_TWIN_DEVICES: Final = frozenset({"7408", "740C"})

_PCI_ID: Final = re.compile(r"PCI_ID=[0-9A-Fa-f]+:([0-9A-Fa-f]+)")

# Every read puts off the sleep of a card that has nothing to do. Asked later than it would fall
# asleep, and sooner than a power is too old to be held.
_AFTER_SLEEP_SECONDS: Final = 3.0
_PERIOD_MAX_SECONDS: Final = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One device: where its power is, whether that is a mean, and what it is a meter of."""

    zone: Zone
    file: Path
    power: PowerFile
    averaged: bool
    device: Path | None
    pci_device: str

    def sample(self) -> Sample:
        if is_suspended(self.device):
            return IdleSample(self.zone.point, "asleep, and not woken to ask")
        try:
            power = self.power.read()
        except UnreadableError as error:
            return self._failed(error)
        if not 0 <= power <= POWER_MAX_MICROWATTS:
            return FailedSample(self.zone.point, "implausible", f"a device of {power} uW")
        return GaugeSample(self.zone.point, power, self.averaged)

    def _failed(self, error: UnreadableError) -> Sample:
        """Tell why: the driver says "not permitted" of a card that falls asleep or is reset."""
        if error.reason != "permission_denied" or not os.access(self.file, os.R_OK):
            return FailedSample(self.zone.point, error.reason, error.detail)
        if is_suspended(self.device):
            return IdleSample(self.zone.point, "fell asleep")
        return FailedSample(self.zone.point, "unreadable", f"{error.detail}: being reset")


class AmdGpuSource(Source):
    """The devices of the amdgpu driver. A card that is reset may keep a read waiting."""

    name = NAME
    may_block = True

    def __init__(self, gpus: Sequence[Gpu], problems: Sequence[str]) -> None:
        self._gpus = gpus
        self._problems = problems
        self.period_seconds = max((_period_seconds(gpu.device) for gpu in gpus), default=0.0)

    def zones(self) -> Sequence[Zone]:
        return [gpu.zone for gpu in self._gpus]

    def problems(self) -> Sequence[str]:
        return self._problems

    def sample(self) -> Sequence[Sample]:
        samples = [gpu.sample() for gpu in self._gpus]
        twins = any(
            gpu.pci_device in _TWIN_DEVICES and _power(sample) > 0
            for gpu, sample in zip(self._gpus, samples, strict=True)
        )
        return [
            _explain_zero(gpu, sample, twins=twins)
            for gpu, sample in zip(self._gpus, samples, strict=True)
        ]

    def close(self) -> None:
        for gpu in self._gpus:
            gpu.power.close()


def discover(paths: HostPaths) -> AmdGpuSource:
    """Return the AMD devices that tell their power; raises SourceUnavailableError."""
    chips = [chip for chip in find_chips(paths.sysfs) if chip.name == NAME]
    if not chips:
        raise SourceUnavailableError(State.ABSENT, f"no device of amdgpu in {paths.sysfs}")
    found = [(chip, _describe(chip)) for chip in chips]
    gpus = [gpu for _, gpu in found if gpu is not None]
    problems = [f"{chip.identity}: tells no power" for chip, gpu in found if gpu is None]
    if not gpus:
        raise SourceUnavailableError(State.ABSENT, "; ".join(problems))
    if not any(os.access(gpu.file, os.R_OK) for gpu in gpus):
        raise SourceUnavailableError(
            State.PERMISSION_DENIED,
            f"{gpus[0].file} may not be read",
            "chmod a+r " + " ".join(str(gpu.file) for gpu in gpus),
        )
    return AmdGpuSource(gpus, problems)


def _describe(chip: Chip) -> Gpu | None:
    """Return the device of a chip, None for an old one that has a label and no value."""
    channels = {channel.name: channel for channel in read_channels(chip, ("power",))}
    file = channels["power1"].value_file(chip) if "power1" in channels else None
    if file is None:
        return None
    pci_device = _pci_device(chip.device)
    return Gpu(
        zone=_zone(chip, pci_device),
        file=file,
        power=PowerFile(file),
        averaged=file.name.endswith("_average"),
        device=chip.device,
        pci_device=pci_device,
    )


def _zone(chip: Chip, pci_device: str) -> Zone:
    card = Zone(
        point=Point(NAME, "gpu", chip.identity),
        scope=Scope.GPU,
        component=Component.GPU,
        location=str(chip.directory),
    )
    labels = {channel.label for channel in read_channels(chip, ("in",))}
    if _APU_LABEL in labels or pci_device in _APU_DEVICES:
        return replace(
            card,
            point=Point(NAME, "apu", chip.identity),
            scope=Scope.CPU,
            component=Component.CPU,
        )
    if chip.files & _CARD_FILES:
        return card
    return replace(
        card, scope=Scope.PART, refusal="not known whether it holds the cores of the CPU"
    )


def _pci_device(device: Path | None) -> str:
    """Return the PCI device number in capitals, empty where it is not told."""
    if device is None:
        return ""
    match = _PCI_ID.search(read_text(device / "uevent") or "")
    text = match[1] if match else (read_text(device / "device") or "").removeprefix("0x")
    return text.upper()


def _period_seconds(device: Path | None) -> float:
    """Return how often a device may be asked and still falls asleep; 0: at every beat."""
    if device is None or read_text(device / "power" / "control") != "auto":
        return 0.0
    delay = read_text(device / "power" / "autosuspend_delay_ms") or ""
    if not delay.isascii() or not delay.isdigit():
        return 0.0
    # The digits of a delay that is too long to wait for need not be believed.
    seconds = int(delay[:9]) / MILLISECONDS_PER_SECOND + _AFTER_SLEEP_SECONDS
    return min(seconds, _PERIOD_MAX_SECONDS)


def _power(sample: Sample) -> int:
    return sample.power_microwatts if isinstance(sample, GaugeSample) else -1


def _explain_zero(gpu: Gpu, sample: Sample, *, twins: bool) -> Sample:
    """Refuse a power of 0: what is awake draws some."""
    if _power(sample) != 0:
        return sample
    if twins and gpu.pci_device in _TWIN_DEVICES:
        return IdleSample(gpu.zone.point, "told by the other die of its board")
    return FailedSample(gpu.zone.point, "implausible", "0 W of a device that is awake")
