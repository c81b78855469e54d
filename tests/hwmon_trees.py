"""Trees of hwmon chips as the kernel lays them out, written by the tests that read them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wattgram_agent.source import HostPaths

I2C = "platform/soc/i2c-1/1-0040"
PCI = "pci0000:00/0000:00:01.0/0000:0b:00.0"


@dataclass(slots=True)
class HwmonTree:
    """One sysfs. Chips are numbered in the order in which they are added."""

    root: Path
    chips: int = field(default=0)

    @property
    def paths(self) -> HostPaths:
        return HostPaths(sysfs=self.root, procfs=self.root)

    def add(
        self, device: str, files: Mapping[str, str | int], *, old: bool = False, number: int = -1
    ) -> Path:
        """Write a chip of `device`, a path under `devices`; return the directory of its values.

        A driver of the `old` kind has them in the device itself.
        """
        number = self.chips if number < 0 else number
        self.chips += 1
        home = self.root / "devices" / device
        directory = home / "hwmon" / f"hwmon{number}"
        directory.mkdir(parents=True)
        (directory / "device").symlink_to("../..")
        entry = self.root / "class" / "hwmon" / f"hwmon{number}"
        entry.parent.mkdir(parents=True, exist_ok=True)
        entry.symlink_to(os.path.relpath(directory, entry.parent))
        values = home if old else directory
        write(values, files)
        return values


def write(directory: Path, files: Mapping[str, str | int]) -> None:
    """Write files as the kernel shows them, each with a newline."""
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(f"{text}\n", encoding="utf-8")
