"""A machine as pyRAPL wants it: it reads /sys and nothing else, so it is shown another."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import SimpleNamespace
from typing import TextIO

import pytest

from fakes import RaplTree
from wattgram_agent.sources import pyrapl

NEEDS_PYRAPL = pytest.mark.skipif(
    importlib.util.find_spec("pyRAPL") is None, reason="needs the extra wattgram[pyrapl]"
)


class PyRaplMachine(RaplTree):
    """A tree, and the real library made to find it in place of /sys."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(root, "nested")
        self.library = pyrapl.import_pyrapl()
        self._files: list[TextIO] = []
        exists = SimpleNamespace(exists=lambda path: os.path.exists(self._rooted(path)))
        api = self.library.device_api
        monkeypatch.setattr(api, "open", self._open, raising=False)
        monkeypatch.setattr(api, "os", SimpleNamespace(path=exists))
        monkeypatch.setattr(self.library, "_sensor", None)

    def sockets(self, *cpus: int) -> None:
        """Say to which socket each CPU belongs."""
        directory = self.sysfs / "devices" / "system" / "cpu"
        directory.mkdir(parents=True)
        (directory / "present").write_text(f"0-{len(cpus) - 1}\n")
        for cpu, socket in enumerate(cpus):
            topology = directory / f"cpu{cpu}" / "topology"
            topology.mkdir(parents=True)
            (topology / "physical_package_id").write_text(f"{socket}\n")

    def source(self) -> pyrapl.PyRaplSource:
        return pyrapl.open_sensor(self.library, pyrapl.ranges(self.sysfs))

    def _rooted(self, path: str) -> str:
        return str(self.sysfs) + path.removeprefix("/sys")

    def _open(self, path: str, mode: str = "r") -> TextIO:
        self._files.append(open(self._rooted(path), mode))  # noqa: SIM115 -- as the library does
        return self._files[-1]

    def close(self) -> None:
        """Close what pyRAPL leaves to the garbage collector."""
        for file in self._files:
            file.close()
