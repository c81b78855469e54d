"""The table of sources. One file each; a new one is a file, a line here and a fixture tree."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from wattgram_agent.config import AgentConfig
from wattgram_agent.source import HostPaths, Source
from wattgram_agent.sources import (
    acpi_meter,
    amdgpu,
    battery,
    emi,
    external,
    hwmon,
    ipmi,
    jetson,
    model,
    network,
    nvml,
    perf,
    powermetrics,
    pyrapl,
    rapl,
    raspberry_pi,
    rest,
)


def discoverers(config: AgentConfig) -> dict[str, Callable[[HostPaths], Source]]:
    """Return what looks for each source, in the order in which `doctor` shows them."""
    return {
        "rapl": rapl.discover,
        "pyrapl": pyrapl.discover,
        "perf": perf.discover,
        "ipmi": ipmi.discover,
        "acpi_meter": acpi_meter.discover,
        "battery": battery.discover,
        "jetson": jetson.discover,
        "raspberry_pi": raspberry_pi.discover,
        "hwmon": hwmon.discover,
        "amdgpu": amdgpu.discover,
        "nvml": nvml.discover,
        "external": partial(external.discover, settings=config.external),
        "rest": partial(rest.discover, settings=config.rest),
        "powermetrics": powermetrics.discover,
        "emi": emi.discover,
        "model": model.discover,
        "network": network.discover,
    }
