"""CPU and memory energy on Windows 11, from its Energy Meter Interface.

Windows gives a meter for the registers that Linux calls RAPL, readable by every user. All but
the question whether this is Windows is imported where the answer is yes.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from wattgram.readings import State
from wattgram_agent.source import HostPaths, Source, SourceUnavailableError

if TYPE_CHECKING:
    from wattgram_agent.sources.emi_meters import Meters


def discover(
    _paths: HostPaths,
    meters: Meters | None = None,
    platform: str = sys.platform,
    vendor: str | None = None,
) -> Source:
    """Return the meters of this host; raises SourceUnavailableError."""
    if platform != "win32":
        raise SourceUnavailableError(State.ABSENT, "not Windows")
    from wattgram_agent.sources import emi_meters, emi_windows  # noqa: PLC0415 -- see above

    return emi_meters.find_source(
        emi_windows.WindowsMeters(emi_windows.WindowsApi()) if meters is None else meters,
        os.environ.get("PROCESSOR_IDENTIFIER", "") if vendor is None else vendor,
    )
