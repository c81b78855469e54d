"""Control groups as a test writes them: what the kernel would count, in files."""

from __future__ import annotations

import shutil
from pathlib import Path

from wattgram.units import MICROSECONDS_PER_SECOND, NANOSECONDS_PER_MICROSECOND

SECOND_NANOSECONDS = MICROSECONDS_PER_SECOND * NANOSECONDS_PER_MICROSECOND


class KernelTree:
    """A tree whose groups count what runs in them and below them, as the kernel does."""

    def __init__(self, sysfs: Path, version: int = 2, mount: str = "") -> None:
        self.root = sysfs / "fs" / "cgroup" / mount
        self._version = version
        self.root.mkdir(parents=True)
        if version == 2:
            (self.root / "cgroup.controllers").write_text("cpu memory\n")
        self.usage: dict[str, int] = {}

    def make(self, path: str) -> None:
        """Make a group and those above it."""
        for depth in range(1, path.count("/") + 2):
            part = "/".join(path.split("/")[:depth])
            if part not in self.usage:
                (self.root / part).mkdir()
                self.usage[part] = 0
                self._write(part)

    def run(self, path: str, microseconds: int) -> None:
        """Let something run in a group, which is made if it is not there."""
        self.make(path)
        while path:
            self.usage[path] += microseconds
            self._write(path)
            path = path.rpartition("/")[0]

    def remove(self, path: str) -> None:
        """Remove a group and those in it."""
        shutil.rmtree(self.root / path)
        for gone in [one for one in self.usage if one == path or one.startswith(path + "/")]:
            del self.usage[gone]

    def file(self, path: str) -> Path:
        return self.root / path / ("cpu.stat" if self._version == 2 else "cpuacct.usage")

    def _write(self, path: str) -> None:
        microseconds = self.usage[path]
        if self._version == 2:
            text = f"usage_usec {microseconds}\nuser_usec {microseconds}\nsystem_usec 0\n"
        else:
            text = f"{microseconds * NANOSECONDS_PER_MICROSECOND}\n"
        # In place: a reader keeps its descriptor.
        with self.file(path).open("w", encoding="ascii") as file:
            file.write(text)
