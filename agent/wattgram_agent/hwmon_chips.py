"""Chips of the kernel's hardware monitoring (hwmon): which there are, and how one is read.

`hwmonN` is numbered anew at every boot: a chip is known by its name and by its device. Its
values are integers: microwatts (`power`), microjoules (`energy`), millivolts (`in`) and
milliamperes (`curr`). A file that exists may still hold nothing: a channel is switched off, a
driver says "unknown" with all bits set, a current flows back and is below zero.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from wattgram.units import MICROWATTS_PER_WATT
from wattgram_agent.sysfs import KeptFile, UnreadableError, read_text

VALUE_KINDS: Final = ("power", "energy", "in", "curr")

# Rails that only a Jetson has: its chips are read by a source of their own.
JETSON_RAILS: Final = frozenset(
    {"VDD_IN", "VDD_CPU_GPU_CV", "VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDD_SOC"}
)

# No rail of one host carries more: above it a value says "unknown" (4294967295000, all ones).
POWER_MICROWATTS_MAX: Final = 1_000_000 * MICROWATTS_PER_WATT
_ALL_ONES: Final = frozenset({2**32 - 1, 2**63 - 1, 2**64 - 1})

_ATTRIBUTE: Final = re.compile(r"(power|energy|in|curr)(\d{1,4})_([a-z_]{1,32})")
_CARD: Final = re.compile(r"card\d+")
_SLOT: Final = re.compile(r"PCI_SLOT_NAME=(\S+)")
_UNCLEAN: Final = re.compile(r"[^A-Za-z0-9_.:+-]+")
_TEXT_MAX: Final = 64


class Chip(NamedTuple):
    """One chip. `directory` holds its values, `device` is what it belongs to, if that is known.

    `identity` is unique among chips of the same `name` and outlives a reboot: a PCI address, an
    I2C bus and address, the name of a platform device. `files` are the names in `directory`.
    """

    name: str
    identity: str
    directory: Path
    device: Path | None
    files: frozenset[str]

    @property
    def said(self) -> str:
        """How it is called to people."""
        return f"{self.name or 'a chip without a name'} {self.identity}"

    @property
    def real_path(self) -> str:
        """Where the kernel has it, without links."""
        return os.path.realpath(self.directory)


@dataclass(frozen=True, slots=True)
class Channel:
    """One measured thing of a chip. `attributes` are what it has: input, average, label, …"""

    kind: str
    index: int
    label: str
    enabled: bool
    attributes: frozenset[str]

    @property
    def name(self) -> str:
        return f"{self.kind}{self.index}"

    def value_file(self, chip: Chip) -> Path | None:
        """Return the file of its value, the average before the instant; None: it has none."""
        for attribute in ("average", "input"):
            if attribute in self.attributes:
                return chip.directory / f"{self.name}_{attribute}"
        return None


class PowerReader(Protocol):
    """What tells a power in microwatts, below zero where the current flows back."""

    def read(self) -> int:
        """Return the power now; raises UnreadableError, also where the value is no value."""

    def close(self) -> None:
        """Give back the descriptors."""


class PowerFile(PowerReader):
    """A power that the chip computes. `current` gives the sign to a chip that drops it."""

    def __init__(self, path: Path, current: Path | None = None) -> None:
        self._path = path
        self._power = KeptFile(path, signed=True)
        self._current = None if current is None else KeptFile(current, signed=True)

    def read(self) -> int:
        power = plausible_power(self._power.read(), self._path)
        flows_back = self._current is not None and self._current.read() < 0
        return -abs(power) if flows_back else power

    def close(self) -> None:
        self._power.close()
        if self._current is not None:
            self._current.close()


class PowerProduct(PowerReader):
    """Millivolts times milliamperes, which is microwatts."""

    def __init__(self, voltage: Path, current: Path) -> None:
        self._path = current
        self._voltage = KeptFile(voltage, signed=True)
        self._current = KeptFile(current, signed=True)

    def read(self) -> int:
        voltage, current = self._voltage.read(), self._current.read()
        if voltage < 0 or _ALL_ONES & {voltage, current}:
            raise UnreadableError("implausible", f"{self._path}: {voltage} mV, {current} mA")
        return plausible_power(voltage * current, self._path)

    def close(self) -> None:
        self._voltage.close()
        self._current.close()


def plausible_power(power_microwatts: int, path: Path) -> int:
    """Return the power; raises UnreadableError where it is a word for "unknown"."""
    if power_microwatts in _ALL_ONES or abs(power_microwatts) > POWER_MICROWATTS_MAX:
        raise UnreadableError("implausible", f"{path}: {power_microwatts} uW is no value")
    return power_microwatts


def find_chips(sysfs: Path, more: Iterable[Path] = ()) -> list[Chip]:
    """Return the chips under `sysfs` and the directories `more`, each real one once.

    Also looks where a capture of graphics cards has them: `card*/device/hwmon/*`.
    """
    listed = sysfs / "class" / "hwmon"
    directories = list_directories(listed)
    for root in (sysfs / "class" / "drm", sysfs):
        for card in list_directories(root):
            if _CARD.fullmatch(card.name):
                directories += list_directories(card / "device" / "hwmon")
    chips: dict[str, Chip] = {}
    for directory in (*directories, *more):
        real = os.path.realpath(directory)
        if real in chips or _is_listed(directory, listed):
            continue
        if (chip := read_chip(directory)) is not None:
            chips[real] = chip
    return _with_unique_identities(chips.values())


def list_directories(root: Path) -> list[Path]:
    """Return the directories in `root` by number, without links that lead nowhere."""
    try:
        names = os.listdir(root)
    except OSError:
        return []
    names.sort(key=lambda name: (len(name), name))
    return [root / name for name in names if name.isascii() and os.path.isdir(root / name)]


def read_chip(directory: Path) -> Chip | None:
    """Return the chip of one hwmon directory, None when it cannot be listed.

    Drivers of the old kind have their name and values in `device/`, not beside it.
    """
    holder, files = directory, _list_names(directory)
    if files is None:
        return None
    if not _has_values(files):
        old = _list_names(directory / "device") or frozenset()
        if _has_values(old):
            holder, files = directory / "device", old
    name = read_text(directory / "name") or read_text(directory / "device" / "name") or ""
    device = _device_of(directory)
    return Chip(clean(name), _identify(device) or clean(name), holder, device, files)


def read_channels(chip: Chip, kinds: Collection[str] = VALUE_KINDS) -> list[Channel]:
    """Return the channels of `kinds` with their labels, by kind and number."""
    found = parse_channels(chip.files)
    return [
        Channel(
            kind,
            index,
            clean(_read_if(chip, f"{kind}{index}_label", chip.files)),
            _read_if(chip, f"{kind}{index}_enable", chip.files) != "0",
            attributes,
        )
        for (kind, index), attributes in sorted(found.items())
        if kind in kinds
    ]


def parse_channels(names: Iterable[str]) -> dict[tuple[str, int], frozenset[str]]:
    """Return which attributes each channel has, from the names of files."""
    found: dict[tuple[str, int], set[str]] = {}
    for name in names:
        if (match := _ATTRIBUTE.fullmatch(name)) and match[2].isascii():
            found.setdefault((match[1], int(match[2])), set()).add(match[3])
    return {key: frozenset(attributes) for key, attributes in found.items()}


def clean(text: str) -> str:
    """Return the text as a name can hold it: printable, without spaces, not long."""
    # A capture of a real card has a page of zero bytes before its name.
    printable = "".join(filter(str.isprintable, text)).strip()
    return _UNCLEAN.sub("_", printable)[:_TEXT_MAX]


def is_suspended(device: Path | None) -> bool:
    """Say whether the kernel has put the device to sleep, so that a read would wake it."""
    if device is None:
        return False
    return read_text(device / "power" / "runtime_status") == "suspended"


def _is_listed(directory: Path, listed: Path) -> bool:
    """Say whether the class has this chip too, as another file in a copy without links."""
    if directory.parent == listed:
        return False
    name = read_text(directory / "name")
    return name is not None and name == read_text(listed / directory.name / "name")


def _device_of(directory: Path) -> Path | None:
    link = directory / "device"
    if os.path.lexists(link):
        return Path(os.path.realpath(link))
    parent = Path(os.path.realpath(directory)).parent
    if parent.name == "hwmon":
        parent = parent.parent
    return None if parent.name in {"class", "virtual"} else parent


def _identify(device: Path | None) -> str:
    if device is None:
        return ""
    slot = _SLOT.search(read_text(device / "uevent") or "")
    if slot is not None:
        return clean(slot[1])
    # Cards are numbered anew at every boot, what they are cards of is not.
    if _CARD.fullmatch(device.name) and device.parent.name == "drm":
        device = device.parent.parent
    return "" if device.name == "device" else clean(device.name)


def _with_unique_identities(chips: Iterable[Chip]) -> list[Chip]:
    seen: dict[tuple[str, str], int] = {}
    unique = []
    for chip in chips:
        identity = chip.identity or clean(chip.directory.name)
        count = seen[chip.name, identity] = seen.get((chip.name, identity), 0) + 1
        unique.append(chip._replace(identity=f"{identity}#{count}" if count > 1 else identity))
    return unique


def _has_values(names: Iterable[str]) -> bool:
    return any(_ATTRIBUTE.fullmatch(name) for name in names)


def _list_names(directory: Path) -> frozenset[str] | None:
    try:
        return frozenset(os.listdir(directory))
    except OSError:
        return None


def _read_if(chip: Chip, name: str, present: Collection[str]) -> str:
    return (read_text(chip.directory / name) or "") if name in present else ""
