"""The power of a Mac's chip, from the `powermetrics` that comes with macOS.

All but the question whether this is a Mac that may be asked is imported where it is.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from wattgram.readings import State
from wattgram_agent.source import HostPaths, Source, SourceUnavailableError

PROGRAM: Final = "/usr/bin/powermetrics"
# No `-n`: endless is the default, but was -1 in some releases and is 0 in others. `-b 1` makes it
# write each line as it is made, also into a pipe.
ARGUMENTS: Final = ("--samplers", "cpu_power,gpu_power", "-i", "1000", "-b", "1", "-f", "text")


class Mac(NamedTuple):
    """What decides whether this host can be asked, and which powers it will name."""

    platform: str
    machine: str
    darwin: int
    is_root: bool


def discover(
    _paths: HostPaths,
    mac: Mac | None = None,
    command: Sequence[str] = (PROGRAM, *ARGUMENTS),
    monotonic_nanoseconds: Callable[[], int] = time.monotonic_ns,
) -> Source:
    """Return the powers that this Mac names, none asked yet; raises SourceUnavailableError."""
    if (sys.platform if mac is None else mac.platform) != "darwin":
        raise SourceUnavailableError(State.ABSENT, "not macOS")
    mac = mac or this_mac()
    if not os.access(command[0], os.X_OK):
        raise SourceUnavailableError(State.ABSENT, f"{command[0]} cannot be run")
    if not mac.is_root:
        raise SourceUnavailableError(
            State.PERMISSION_DENIED,
            "powermetrics must be invoked as the superuser",
            "sudo wattgram-agent run",
        )
    from wattgram_agent.sources import powermetrics_child as child  # noqa: PLC0415 -- see above

    zones = child.zones_of(mac.machine, mac.darwin)
    return child.PowermetricsSource(zones, command, monotonic_nanoseconds)


def this_mac() -> Mac:
    """Return what this host says of itself; to be asked on macOS only."""
    system = os.uname()
    major = system.release.partition(".")[0]
    return Mac(
        sys.platform, system.machine, int(major) if major.isdigit() else 0, os.geteuid() == 0
    )
