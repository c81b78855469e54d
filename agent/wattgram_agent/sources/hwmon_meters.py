"""What one zone of an hwmon chip is read by: a power, a register of energy, an Intel card."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from wattgram.readings import State
from wattgram.units import MICROJOULES_PER_JOULE
from wattgram_agent.hwmon_chips import PowerReader, is_suspended
from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    GaugeSample,
    IdleSample,
    Point,
    Sample,
    SourceUnavailableError,
    Zone,
)
from wattgram_agent.sysfs import KeptFile, UnreadableError

REGISTER_MAX: Final = 2**64 - 1
# What the package of a card draws while the card's own register is only late, not broken.
STUCK_MICROJOULES: Final = 1_000 * MICROJOULES_PER_JOULE


class Meter(Protocol):
    """One zone and what reads it."""

    zone: Zone

    def sample(self) -> Sample:
        """Return what it says now; never raises."""

    def close(self) -> None:
        """Give back the descriptors."""


class Found(NamedTuple):
    """A meter, and the file that must be readable for it."""

    meter: Meter
    file: Path


class Gauge(NamedTuple):
    """A power that can be read, and whether it is a mean."""

    reader: PowerReader
    averaged: bool


class GaugeMeter(Meter):
    """A power. Of several ways to read it the first that answers stays the only one."""

    def __init__(self, zone: Zone, gauges: Sequence[Gauge]) -> None:
        self.zone = zone
        self._gauges = gauges

    def sample(self) -> Sample:
        failure: UnreadableError | None = None
        for gauge in self._gauges:
            try:
                power = gauge.reader.read()
            except UnreadableError as error:
                failure = failure or error
                continue
            self._keep(gauge)
            if power < 0:
                return IdleSample(self.zone.point, "the current flows back")
            return GaugeSample(self.zone.point, power, gauge.averaged)
        return _failed(self.zone.point, failure or UnreadableError("unreadable", "no file"))

    def close(self) -> None:
        for gauge in self._gauges:
            gauge.reader.close()

    def _keep(self, chosen: Gauge) -> None:
        for gauge in self._gauges:
            if gauge is not chosen:
                gauge.reader.close()
        self._gauges = (chosen,)


class Register:
    """A file of microjoules that only grow."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = KeptFile(path)

    def read(self) -> int:
        """Return the energy so far; raises UnreadableError, also where all bits are set."""
        energy = self._file.read()
        if energy >= REGISTER_MAX or energy == 2**63 - 1:
            raise UnreadableError("implausible", f"{self._path}: {energy} uJ is no value")
        return energy

    def close(self) -> None:
        self._file.close()


class CounterMeter(Meter):
    """A register of energy. Drivers fold what wraps below into 64 bits, so that none wraps."""

    def __init__(self, zone: Zone, path: Path) -> None:
        self.zone = zone
        self._register = Register(path)

    def sample(self) -> Sample:
        try:
            return CounterSample(self.zone.point, self._register.read(), None)
        except UnreadableError as error:
            return _failed(self.zone.point, error)

    def close(self) -> None:
        self._register.close()


class IntelCardMeter(Meter):
    """A discrete Intel card: of its two registers one, chosen at the first sight of both.

    The card's register holds the package's energy and the memory's. On some (B580) it stays at
    zero, or lies below the package's, and so does not hold it: then the package's is the nearer.
    The choice stays: the difference between two registers is not an energy. A card that sleeps
    is not asked, which would wake it.
    """

    def __init__(
        self, zone: Zone, device: Path | None, card: Path | None, package: Path | None
    ) -> None:
        self.zone = zone
        self._device = device
        self._card = None if card is None else Register(card)
        self._package = None if package is None else Register(package)
        self._chosen: Register | None = None
        self._moved = (0, 0)

    def sample(self) -> Sample:
        if is_suspended(self._device):
            return IdleSample(self.zone.point, "asleep")
        try:
            energy = self._read()
        except UnreadableError as error:
            return _failed(self.zone.point, error)
        return CounterSample(self.zone.point, energy, None)

    def close(self) -> None:
        for register in (self._card, self._package):
            if register is not None:
                register.close()

    def _read(self) -> int:
        if self._card is None or self._package is None:
            only = self._card or self._package
            energy = 0 if only is None else only.read()
        elif self._chosen is self._package:
            energy = self._package.read()
        elif self._chosen is self._card:
            energy = self._read_beside(self._card, self._package)
        else:
            energy = self._choose(self._card, self._package)
        if energy == 0:
            raise UnreadableError("implausible", f"{self.zone.location}: no energy, which is none")
        return energy

    def _choose(self, card: Register, package: Register) -> int:
        energies = (_or_zero(card), _or_zero(package))
        if any(energies):
            self._chosen = card if energies[0] >= energies[1] else package
            self._moved = energies
        return max(energies)

    def _read_beside(self, card: Register, package: Register) -> int:
        """Return the card's energy; raises UnreadableError if only the package's grows."""
        energies = (card.read(), _or_zero(package))
        stands, at = self._moved
        if energies[0] != stands:
            self._moved = energies
        elif energies[1] - at > STUCK_MICROJOULES:
            raise UnreadableError(
                "implausible", f"{self.zone.location}: stands still while the package draws"
            )
        return energies[0]


def require_one_readable(files: Sequence[Path]) -> None:
    """Raise SourceUnavailableError when no file may be opened; reads none, which may be slow."""
    if all(map(_is_denied, files)):
        raise SourceUnavailableError(
            State.PERMISSION_DENIED,
            f"{files[0]} is not readable",
            f"chmod a+r {' '.join(map(str, files))}",
        )


def _is_denied(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _or_zero(register: Register) -> int:
    """Return the energy, zero of a register that cannot be read, which is then not chosen."""
    try:
        return register.read()
    except UnreadableError:
        return 0


def _failed(point: Point, error: UnreadableError) -> FailedSample:
    return FailedSample(point, error.reason, error.detail)
