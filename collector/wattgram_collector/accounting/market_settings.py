"""What an operator may set of electricity that was bought: `[market.<name>]`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from wattgram.readings import require_label
from wattgram.settings import setting

GRAMS_PER_KILOWATT_HOUR_MAX: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSettings:
    """A contract, a supplier's factor or a residual mix; see docs/market.md."""

    kind: str = setting(
        "contract",
        "contract: a contract or energy attribute certificates, for a share of the load; supplier "
        "and residual_mix: for what no contract covers, in this order.",
        choices=("contract", "supplier", "residual_mix"),
    )
    grams_per_kilowatt_hour: float | None = setting(
        None, "Its factor; 0 is a value. Of a residual mix that is computed: that of the grid."
    )
    scope: str = setting(
        "direct",
        "Which emissions it has; it must be what intensity.scope asks for.",
        choices=("direct", "lifecycle"),
    )
    share: float = setting(1.0, "contract: part of the load that it covers, 0 to 1.")
    profile_file: Path | None = setting(
        None, "contract: CSV of start,share: the part of the load that it covers in each hour."
    )
    deliveries_file: Path | None = setting(
        None,
        "contract: CSV of start,kilowatt_hours delivered in each hour. Counts for the carbon-free "
        "score only: how much of a load that is, is not known when energy is priced.",
    )
    carbon_free: bool = setting(
        default=False, help_text="contract: it counts for the carbon-free (24/7) score."
    )
    generation_megawatt_hours: float | None = setting(
        None, "residual_mix: what the grid generated; with voluntary_megawatt_hours."
    )
    voluntary_megawatt_hours: float | None = setting(
        None,
        "residual_mix: what was claimed of that by others; the factor is then "
        "grid x generation / (generation - voluntary).",
    )
    zones: tuple[str, ...] = setting((), "Grid zones that it is for; empty: all.")
    sites: tuple[str, ...] = setting((), "Sites that it is for; empty: all.")
    valid_from: str = setting("", "First day (UTC), as 2026-01-01; empty: always.")
    valid_until: str = setting("", "First day (UTC) on which it is over; empty: never.")
    source: str = setting("", "The contract or the publication, so that it can be found.")

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError("source is missing")
        require_label("source", self.source)
        for zone in self.zones:
            require_label("zones", zone)
        if self.until_unix_seconds <= self.from_unix_seconds:
            raise ValueError(f"valid from {self.valid_from} until {self.valid_until} is no time")
        if self.kind == "contract":
            self._require_contract()
        else:
            self._require_mix()
        if self.deliveries_file is None:
            grams = self.grams_per_kilowatt_hour
            if grams is None or not 0 <= grams <= GRAMS_PER_KILOWATT_HOUR_MAX:
                raise ValueError(
                    f"grams_per_kilowatt_hour must be 0 to {GRAMS_PER_KILOWATT_HOUR_MAX}: {grams}"
                )

    @property
    def from_unix_seconds(self) -> int:
        return _unix_seconds("valid_from", self.valid_from, 0)

    @property
    def until_unix_seconds(self) -> int:
        return _unix_seconds("valid_until", self.valid_until, 1 << 40)

    def _require_contract(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be above 0, to 1: {self.share}")
        if (self.share != 1) + (self.profile_file is not None) + self._has_deliveries > 1:
            raise ValueError("share, profile_file and deliveries_file exclude each other")
        if self._has_deliveries and self.grams_per_kilowatt_hour is not None:
            raise ValueError("deliveries_file prices nothing: leave grams_per_kilowatt_hour out")
        if self._has_deliveries and not self.carbon_free:
            raise ValueError("deliveries_file is for carbon_free = true only")
        if self.generation_megawatt_hours is not None or self.voluntary_megawatt_hours is not None:
            raise ValueError("generation and voluntary_megawatt_hours are a residual mix's")

    def _require_mix(self) -> None:
        if self.share != 1 or self.profile_file or self._has_deliveries or self.carbon_free:
            raise ValueError(
                "share, profile_file, deliveries_file and carbon_free are a contract's"
            )
        generation, voluntary = self.generation_megawatt_hours, self.voluntary_megawatt_hours
        if generation is None and voluntary is None:
            return
        if self.kind != "residual_mix" or generation is None or voluntary is None:
            raise ValueError(
                "generation_megawatt_hours and voluntary_megawatt_hours go together, with "
                'kind = "residual_mix"'
            )
        if not 0 <= voluntary < generation:
            raise ValueError(
                f"voluntary_megawatt_hours must be 0 to less than {generation}: {voluntary}"
            )

    @property
    def _has_deliveries(self) -> bool:
        return self.deliveries_file is not None


def require_sites_of(sections: Mapping[str, MarketSettings], sites: Collection[str]) -> None:
    """Raise ValueError naming a section that is for a site which is none."""
    for name, one in sections.items():
        for site in one.sites:
            if site not in sites:
                raise ValueError(f"market.{name}: there is no site {site!r}")


def _unix_seconds(name: str, text: str, otherwise: int) -> int:
    if not text:
        return otherwise
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"{name} must be a day, as 2026-01-01: {text!r}") from error
    return int(day.timestamp())
