"""The table of sources. One file each; a new one is a file, a line here and a fixture tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from wattgram_agent.source import HostPaths, Source
from wattgram_agent.sources import model, network, nvml, pyrapl, rapl

# In the order in which `doctor` shows them.
DISCOVERERS: Final[dict[str, Callable[[HostPaths], Source]]] = {
    "rapl": rapl.discover,
    "pyrapl": pyrapl.discover,
    "nvml": nvml.discover,
    "model": model.discover,
    "network": network.discover,
}
