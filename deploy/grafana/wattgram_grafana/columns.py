"""PURE. Columns and states that more than one dashboard shows."""

from __future__ import annotations

from typing import Final

from wattgram_grafana.promql import HOSTS, metric
from wattgram_grafana.spec import BAD, GOOD, POOR, ROW_LINK, Column

HOST: Final = Column("host", "Host", link=ROW_LINK)
SITE: Final = Column("site", "Site")
DEVICE_CLASS: Final = Column("device_class", "Device class")
GRID_ZONE: Final = Column("grid_zone", "Grid zone")

REPORTING: Final = {1: ("reporting", GOOD), 0: ("late", BAD)}
SOURCE_STATES: Final = {
    1: ("active", GOOD),
    2: ("available", "blue"),
    3: ("absent", "text"),
    4: ("permission denied", BAD),
    5: ("error", POOR),
}


def _in_state(state: str, of: str) -> str:
    label = "wattgram_power_source_state"
    return metric("power_source_state", f'{label}="{state.replace(" ", "_")}"', of)


def source_state(by: str, of: str = HOSTS) -> str:
    """Return the state of each power source as a number of SOURCE_STATES."""
    each = [f"{_in_state(words, of)} * {number}" for number, (words, _) in SOURCE_STATES.items()]
    return f"max by ({by}) ({' or '.join(each)}) > 0"


def sources_in(state: str, of: str = HOSTS) -> str:
    """Return 1 for each power source that is in this state now."""
    return f"{_in_state(state, of)} == 1"
