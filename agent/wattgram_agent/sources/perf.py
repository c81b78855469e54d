"""CPU energy from the kernel's `power` performance events (`perf stat -e power/energy-pkg/`).

For hosts where the powercap files are root's alone and the agent may have CAP_PERFMON; the
registers are the same. All but the question whether the unit is there is imported where it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wattgram.readings import State
from wattgram_agent.source import HostPaths, Source, SourceUnavailableError
from wattgram_agent.sources.rapl_zones import cpu_vendor
from wattgram_agent.sysfs import read_text

if TYPE_CHECKING:
    from wattgram_agent.sources.perf_counters import OpenEvent


def discover(paths: HostPaths, opener: OpenEvent | None = None) -> Source:
    """Return the energy events of the `power` unit, opened; raises SourceUnavailableError."""
    directory = paths.sysfs / "bus" / "event_source" / "devices" / "power"
    if read_text(directory / "type") is None:
        raise SourceUnavailableError(
            State.ABSENT,
            f"{directory} has no type: no energy registers, a virtual machine, or the kernel "
            "module rapl is not loaded",
        )
    from wattgram_agent.sources import perf_counters, perf_event  # noqa: PLC0415 -- see above

    if opener is None:
        opener = perf_event.open_event
        if paths.sysfs != Path("/sys"):
            raise SourceUnavailableError(
                State.ABSENT,
                f"events are of the running kernel, which {paths.sysfs} may not describe",
            )
        denied = perf_event.why_denied(paths.procfs)
        if denied:
            raise SourceUnavailableError(
                State.PERMISSION_DENIED, denied, perf_event.PERMISSION_FIX
            )
    vendor = cpu_vendor(read_text(paths.procfs / "cpuinfo") or "")
    return perf_counters.find_source(directory, paths.sysfs, vendor, opener)
