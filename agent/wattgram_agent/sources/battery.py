"""What a laptop draws from its batteries, which is all it draws while nothing else feeds it.

A battery tells of the host only while it discharges and no other supply is online; on mains
power what flows is its own charging. The sign of a power depends on the driver: the direction is
taken from `status`, the amount from the value without its sign. A battery that tells no power is
read by the energy it has left.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from wattgram.readings import State
from wattgram_agent.source import (
    CounterSample,
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
from wattgram_agent.sources.battery_mains import Mains, Supplies, is_peripheral
from wattgram_agent.sources.battery_meters import Drawn, DrawnCharge, Power, Product
from wattgram_agent.sources.hwmon_meters import require_one_readable
from wattgram_agent.sysfs import UnreadableError, read_text, state_of

NAME: Final = "battery"

Meter = Power | Product | Drawn | DrawnCharge

# Of each way to be read, the file that says how much.
_AMOUNTS: Final = ("power_now", "current_now", "energy_now", "charge_now")
_NOT_DRAWN: Final = frozenset({"Charging", "Full", "Not charging"})
_STATUS_MAX: Final = 32
_NAME_MAX: Final = 200
# The controller of a battery looks every 1 to 60 s, and may say 0 for a while after the plug is
# pulled. One that says nothing else for a minute does not measure it.
_ZEROS_MAX: Final = 12


class Battery:
    """One battery, and the ways in which it tells what flows, the best first.

    What has answered is the only one from then on: a power and a count are not values of one
    meter.
    """

    def __init__(self, directory: Path, meters: Sequence[Meter]) -> None:
        self.zone = Zone(
            point=Point(NAME, "battery", directory.name),
            scope=Scope.HOST,
            location=str(directory),
        )
        self._directory = directory
        self._meters = list(meters)
        self._zeros = 0

    def sample(self, mains: Mains) -> Sample:
        sample = self._sample(mains)
        if isinstance(sample, IdleSample):
            for meter in self._meters:
                meter.rest()
        return sample

    def close(self) -> None:
        for meter in self._meters:
            meter.close()

    def _sample(self, mains: Mains) -> Sample:
        point = self.zone.point
        if not os.path.isdir(self._directory):
            return IdleSample(point, "is no longer there")
        if read_text(self._directory / "present") == "0":
            return IdleSample(point, "no battery in the bay")
        if mains.online:
            return IdleSample(
                point, f"on mains power ({mains.online}): what the battery takes is not use"
            )
        status = read_text(self._directory / "status")
        if status in _NOT_DRAWN:
            return IdleSample(point, f"not discharging: {status}")
        if status not in {"Discharging", "Unknown"}:
            return FailedSample(
                point, "unreadable", f"a status of {(status or '')[:_STATUS_MAX]!r}"
            )
        if mains.doubt is not None:
            return FailedSample(point, mains.doubt.reason, mains.doubt.detail)
        return self._measure() if status == "Discharging" else self._guess(mains)

    def _measure(self) -> Sample:
        failure = UnreadableError("unreadable", "tells no power")
        for position, meter in enumerate(self._meters):
            try:
                sample = meter.sample(self.zone.point)
            except UnreadableError as error:
                failure = error if position == 0 else failure
                continue
            if _is_zero(sample) and position + 1 < len(self._meters):
                self._zeros += 1
                if self._zeros <= _ZEROS_MAX:
                    return sample
                continue
            self._keep(meter)
            return sample
        return FailedSample(self.zone.point, failure.reason, failure.detail)

    def _guess(self, mains: Mains) -> Sample:
        """Take a power for what the host draws, where the driver does not know the direction.

        With every adapter offline nothing can charge: what flows, flows out. Energy that stands
        still says nothing.
        """
        if mains.listed and isinstance(self._meters[0], Power | Product):
            with contextlib.suppress(UnreadableError):
                sample = self._meters[0].sample(self.zone.point)
                if not _is_zero(sample):
                    return sample
        return IdleSample(self.zone.point, "the driver does not know whether it discharges")

    def _keep(self, kept: Meter) -> None:
        for meter in self._meters:
            if meter is not kept:
                meter.close()
        self._meters = [kept]


class BatterySource(Source):
    """The batteries of this host. Their controller answers over a slow bus."""

    name = NAME
    may_block = True
    period_seconds = 5.0

    def __init__(
        self, batteries: Sequence[Battery], supplies: Supplies, problems: Sequence[str]
    ) -> None:
        self._batteries = batteries
        self._supplies = supplies
        self._problems = problems

    def zones(self) -> Sequence[Zone]:
        return [battery.zone for battery in self._batteries]

    def problems(self) -> Sequence[str]:
        return self._problems

    def sample(self) -> Sequence[Sample]:
        mains = self._supplies.look()
        samples = [battery.sample(mains) for battery in self._batteries]
        if not any(_is_drawn_from(sample) for sample in samples):
            samples = [_doubt_zero(sample) for sample in samples]
        if any(isinstance(sample, FailedSample) for sample in samples):
            return [_without_another(sample) for sample in samples]
        return samples

    def close(self) -> None:
        self._supplies.close()
        for battery in self._batteries:
            battery.close()


def discover(paths: HostPaths) -> BatterySource:
    """Return the batteries of the host itself; raises SourceUnavailableError."""
    root = paths.sysfs / "class" / "power_supply"
    try:
        names = sorted(os.listdir(root))
    except OSError as error:
        fix = f"chmod a+rx {root}" if isinstance(error, PermissionError) else ""
        raise SourceUnavailableError(state_of(error), f"{root}: {error.strerror}", fix) from error
    batteries: list[Battery] = []
    problems: list[str] = []
    for name in names:
        if read_text(root / name / "type") != "Battery" or is_peripheral(root / name):
            continue
        found = _describe(root / name)
        if isinstance(found, Battery):
            batteries.append(found)
        else:
            problems.append(f"{name[:_NAME_MAX]!r}: {found}")
    if not batteries:
        if problems:
            raise SourceUnavailableError(State.ERROR, "; ".join(problems))
        raise SourceUnavailableError(State.ABSENT, f"no battery of the host in {root}")
    amounts = (Path(one.zone.location) / name for one in batteries for name in _AMOUNTS)
    require_one_readable(list(filter(os.path.exists, amounts)))
    return BatterySource(batteries, Supplies(root), problems)


def _describe(directory: Path) -> Battery | str:
    """Return a battery with every way in which it can be read, or why there is none."""
    if not directory.name.isprintable() or len(directory.name) > _NAME_MAX:
        return "has a name that cannot be shown"
    try:
        files = {name: directory / name for name in os.listdir(directory)}
    except OSError as error:
        return f"cannot be listed: {error.strerror}"
    if "status" not in files:
        return "does not say whether it discharges"
    meters = _meters(files)
    return Battery(directory, meters) if meters else "tells neither power nor energy"


def _meters(files: Mapping[str, Path]) -> list[Meter]:
    """Return the ways in which these files tell what flows, the best first."""
    meters: list[Meter] = []
    volts = [files[name] for name in ("voltage_now", "voltage_min_design") if name in files]
    if "power_now" in files:
        meters.append(Power(files["power_now"]))
    if "current_now" in files and "voltage_now" in files:
        meters.append(Product(files["current_now"], files["voltage_now"]))
    if "energy_now" in files:
        meters.append(Drawn(files["energy_now"]))
    if "charge_now" in files and volts:
        meters.append(DrawnCharge(files["charge_now"], volts))
    return meters


def _is_zero(sample: Sample) -> bool:
    return isinstance(sample, GaugeSample) and sample.power_microwatts == 0


def _is_drawn_from(sample: Sample) -> bool:
    return isinstance(sample, CounterSample | GaugeSample) and not _is_zero(sample)


def _doubt_zero(sample: Sample) -> Sample:
    """Refuse a power of 0 unless another battery feeds the host: a host that runs draws some."""
    if not _is_zero(sample):
        return sample
    return FailedSample(sample.point, "implausible", "0 W, and nothing else feeds the host")


def _without_another(sample: Sample) -> Sample:
    """Refuse what one battery gives while another fails: it is not all that the host draws."""
    if isinstance(sample, FailedSample | IdleSample):
        return sample
    return FailedSample(sample.point, "unreadable", "what another battery gives is not known")
