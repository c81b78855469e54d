"""What an operator may set of the network outside of the hosts: `[networks.<name>]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wattgram.readings import require_label
from wattgram.settings import setting

MODELS: Final = ("swdm_v4", "swdm_v4_all", "malmodin_power", "custom", "none")
SEGMENTS: Final = ("own_network", "backbone", "access_fixed", "access_mobile", "client")
KILOWATT_HOURS_PER_GIGABYTE_MAX: Final = 100
STANDBY_WATTS_MAX: Final = 100_000
HOSTS_PER_LINE_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """A model of the energy that traffic takes outside of the hosts; see docs/network.md."""

    model: str = setting("swdm_v4", "Which model: they are in docs/network.md.", choices=MODELS)
    counts: str = setting(
        "transmit",
        "Which bytes are asked for: transmit counts a byte between two hosts once, both is for a "
        "host whose other ends are not metered.",
        choices=("transmit", "both"),
    )
    access: str = setting(
        "fixed",
        "malmodin_power: the line, the line and the router at home, or a mobile subscription.",
        choices=("fixed", "home", "mobile"),
    )
    hosts_per_line: float = setting(
        1.0, "Hosts that share a line, subscription or router, and what it draws without traffic."
    )
    own_share: float = setting(
        0.0,
        "Part of the traffic that stays in your own network, 0 to 1, by your declaration: only "
        "own_network is asked for it.",
    )
    internal_interfaces: tuple[str, ...] = setting(
        (), 'Interfaces with no traffic to the outside, such as "eth1" or "ib*": left out.'
    )
    grid_zone: str = setting("", "Grid of the network; empty: that of the host.")
    kilowatt_hours_per_gigabyte: dict[str, float] = setting(
        {}, f"custom: energy per 10^9 bytes by segment: {', '.join(SEGMENTS)}."
    )
    standby_watts: dict[str, float] = setting(
        {}, "custom: what a segment draws for each line without traffic, by segment."
    )
    source: str = setting("", "custom: where these figures come from.")

    def __post_init__(self) -> None:
        if not 0 <= self.own_share <= 1:
            raise ValueError(f"own_share must be 0 to 1: {self.own_share}")
        if not 1 <= self.hosts_per_line <= HOSTS_PER_LINE_MAX:
            raise ValueError(
                f"hosts_per_line must be 1 to {HOSTS_PER_LINE_MAX}: {self.hosts_per_line}"
            )
        if self.grid_zone:
            require_label("grid_zone", self.grid_zone)
        for interface in self.internal_interfaces:
            require_label("internal_interfaces", interface)
        _require_segments(
            "kilowatt_hours_per_gigabyte",
            self.kilowatt_hours_per_gigabyte,
            KILOWATT_HOURS_PER_GIGABYTE_MAX,
        )
        _require_segments("standby_watts", self.standby_watts, STANDBY_WATTS_MAX)
        self._require_model_of_figures()

    def _require_model_of_figures(self) -> None:
        has_figures = bool(self.kilowatt_hours_per_gigabyte or self.standby_watts)
        if has_figures != (self.model == "custom"):
            raise ValueError(
                'model = "custom" goes with kilowatt_hours_per_gigabyte or standby_watts, and '
                "other models have figures of their own"
            )
        if has_figures and not self.source:
            raise ValueError("custom figures need a source")


def _require_segments(name: str, figures: Mapping[str, float], most: int) -> None:
    for segment, figure in figures.items():
        if segment not in SEGMENTS:
            raise ValueError(f"{name}: {segment} is no segment; there are {', '.join(SEGMENTS)}")
        if not 0 <= figure <= most:
            raise ValueError(f"{name}: {segment} must be 0 to {most}: {figure}")
