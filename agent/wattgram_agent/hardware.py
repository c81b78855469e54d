"""What this host is made of, for its embodied carbon: maker, model, and how many of what.

Read from files, without privilege. Nothing is read that tells one host from another of its kind:
no serial number, no UUID, no asset tag. A virtual machine is made of nothing of its own.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wattgram.units import BYTES_PER_KIBIBYTE
from wattgram_agent.processors import parse_cpuinfo
from wattgram_agent.source import HostPaths
from wattgram_agent.sysfs import read_text

_TEXT_MAX: Final = 100
_MEMORY_MAX_BYTES: Final = 1 << 60

# SMBIOS chassis types (DSP0134, 7.4.1).
_CHASSIS: Final = {
    "3": "desktop", "4": "desktop", "5": "desktop", "6": "tower", "7": "tower", "8": "laptop",
    "9": "laptop", "10": "laptop", "11": "handheld", "13": "all_in_one", "14": "laptop",
    "15": "desktop", "16": "desktop", "17": "rack", "23": "rack", "24": "desktop", "25": "rack",
    "28": "blade", "29": "blade_enclosure", "30": "tablet", "31": "laptop", "32": "laptop",
    "33": "iot_gateway", "34": "embedded", "35": "mini", "36": "stick",
}  # fmt: skip
# What firmware says where its maker filled nothing in.
_FILLER: Final = re.compile(
    r"(?i)to be filled|default string|system (product|manufacturer|version|name)|not (specified|"
    r"applicable|available)|^(none|n/?a|unknown|invalid|o\.?e\.?m\.?|empty|x+|0*|1\.0|\W*)$|"
    r"0123456789"
)
_MACHINE_TYPE: Final = re.compile(r"[0-9A-Z]{8,10}", re.ASCII)
"""What Lenovo gives as the product; the name is the version."""

# Disks that are none: what is made of others, of memory, of files, or is reached over a network.
_NO_DISK: Final = re.compile(
    r"(loop|ram|zram|dm-|md|sr|fd|nbd|rbd|drbd|zd|mtdblock|mmcblk|nvme\d+c\d+n)"
)
_NVIDIA: Final = "0x10de"
_AMD: Final = "0x1002"
_DISPLAYS: Final = ("0x0300", "0x0302", "0x0380")
_ACCELERATORS: Final = "0x1200"
# The AMD driver shows these on cards and not on graphics that sit beside the cores.
_CARD_FILES: Final = ("power1_cap", "freq2_input")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """None and "" are not known."""

    manufacturer: str = ""
    product_model: str = ""
    chassis: str = ""
    processors: int | None = None
    memory_bytes: int | None = None
    hdds: int | None = None
    ssds: int | None = None
    gpus: int | None = None


def made_of(paths: HostPaths, virtualization: str) -> Made:
    """Return what a host is made of, as far as its files say; a virtual machine: nothing."""
    if virtualization:
        return Made()
    manufacturer, model = _names(paths.sysfs)
    hdds, ssds = _disks(paths.sysfs / "block")
    return Made(
        manufacturer=manufacturer,
        product_model=model,
        chassis=_CHASSIS.get(_read(paths.sysfs / "class" / "dmi" / "id" / "chassis_type"), ""),
        processors=_processors(paths),
        memory_bytes=_memory_bytes(_read(paths.procfs / "meminfo")),
        hdds=hdds,
        ssds=ssds,
        gpus=_cards(paths.sysfs / "bus" / "pci" / "devices"),
    )


def _names(sysfs: Path) -> tuple[str, str]:
    """Return who made the host and what it is called: from DMI, else from the device tree."""
    dmi = sysfs / "class" / "dmi" / "id"
    manufacturer, model = (_named(_read(dmi / name)) for name in ("sys_vendor", "product_name"))
    if manufacturer.upper() == "LENOVO" and _MACHINE_TYPE.fullmatch(model):
        model = _named(_read(dmi / "product_version")) or model
    if manufacturer or model:
        return manufacturer, model
    tree = sysfs / "firmware" / "devicetree" / "base"
    maker = _read(tree / "compatible").partition("\0")[0].partition(",")[0]
    return _named(maker), _named(_read(tree / "model"))


def _named(text: str) -> str:
    """Return a name that is one; what firmware says in place of a name is none."""
    return "" if _FILLER.search(text.strip()) else " ".join(text.split())[:_TEXT_MAX]


def _processors(paths: HostPaths) -> int | None:
    packages = {
        _read(one / "topology" / "physical_package_id")
        for one in _entries(paths.sysfs / "devices" / "system" / "cpu")
        if re.fullmatch(r"cpu\d+", one.name)
    }
    known = sum(one.isascii() and one.isdigit() for one in packages)
    if known:
        return known
    cpuinfo = _read(paths.procfs / "cpuinfo")
    return parse_cpuinfo(cpuinfo).sockets if cpuinfo else None


def _memory_bytes(meminfo: str) -> int | None:
    found = re.search(r"^MemTotal:\s+([0-9]{1,18}) kB$", meminfo, re.MULTILINE | re.ASCII)
    size = int(found[1]) * BYTES_PER_KIBIBYTE if found else 0
    return size if 0 < size <= _MEMORY_MAX_BYTES else None


def _disks(block: Path) -> tuple[int | None, int | None]:
    """Return how many disks turn and how many do not; what hangs on USB is not built in."""
    entries = _entries(block)
    if not entries:
        return None, None
    turning = [
        _read(one / "queue" / "rotational")
        for one in entries
        if not _NO_DISK.match(one.name)
        and "/usb" not in os.path.realpath(one)
        and _read(one / "removable") != "1"
        and _read(one / "size") not in ("", "0")
    ]
    return turning.count("1"), turning.count("0")


def _cards(devices: Path) -> int | None:
    """Return how many GPU and accelerator cards there are, asleep or without a driver too."""
    entries = _entries(devices)
    return sum(map(_is_card, entries)) if entries else None


def _is_card(device: Path) -> bool:
    kind, vendor = _read(device / "class")[:6], _read(device / "vendor")
    if os.path.lexists(device / "physfn"):
        return False  # a part of a card that is counted
    if kind == _ACCELERATORS or (vendor == _NVIDIA and kind in _DISPLAYS):
        return True
    if vendor != _AMD or kind not in _DISPLAYS:
        return False
    hwmon = _entries(device / "hwmon")
    return kind != _DISPLAYS[0] or any(
        os.path.exists(one / name) for one in hwmon for name in _CARD_FILES
    )


def _read(path: Path) -> str:
    return read_text(path) or ""


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except OSError:
        return []
