"""What an operator may set of a provider: `[providers.<name>]`, the name is the kind."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wattgram.readings import require_label
from wattgram.settings import is_loopback, setting
from wattgram_collector.intensities.providers.watttime_answers import region_or_place

KINDS: Final = (
    "neso",
    "energy_charts",
    "electricity_maps",
    "rte",
    "entsoe",
    "eia",
    "watttime",
)
NEEDS_TOKEN: Final = frozenset({"electricity_maps", "entsoe", "eia", "watttime"})
AS_PRICED: Final = "as_priced"
ZONES_MAX: Final = 200
REQUESTS_PER_HOUR_MAX: Final = 100_000.0

_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<authority>(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?)"
    r"(/[A-Za-z0-9._~/-]*)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """One provider of carbon intensities; see docs/providers.md."""

    enabled: bool = setting(default=False, help_text="Ask it: zones in use leave this host then.")
    zones: tuple[str, ...] = setting(
        (), "Grid zones that it is asked for; empty: those of your hosts that it serves."
    )
    token_file: Path | None = setting(
        None, "Holds the key that the provider gave you and nothing else; mode 0600."
    )
    scope: str = setting(
        AS_PRICED,
        "Which emissions its values are to contain. energy_charts does not say which are in its "
        "own: name them here, or they price nothing.",
        choices=(AS_PRICED, "direct", "lifecycle"),
    )
    version: str = setting("v3", "electricity_maps: version of its API.", choices=("v3", "v4"))
    regions: dict[str, str] = setting(
        {},
        "watttime: its region, or latitude,longitude, by grid zone, such as "
        '{ US-CAL-CISO = "CAISO_NORTH" }.',
    )
    url: str = setting("", "Another base URL, such as a mirror's; empty: the provider's own.")
    proxy_from_environment: bool = setting(
        default=False, help_text="Use the proxy of https_proxy, http_proxy and no_proxy."
    )
    requests_per_hour: float = setting(
        0.0,
        "What your plan allows, for each zone or in all as docs/providers.md says; 0: its usual "
        "limit.",
    )

    def __post_init__(self) -> None:
        for zone in self.zones:
            require_label("zones", zone)
        if len(self.zones) > ZONES_MAX:
            raise ValueError(f"zones: {len(self.zones)} are more than {ZONES_MAX}")
        for zone, region in self.regions.items():
            require_label("regions", zone)
            region_or_place(region)
        if self.url:
            _require_url(self.url)
        if not 0 <= self.requests_per_hour <= REQUESTS_PER_HOUR_MAX:
            raise ValueError(
                f"requests_per_hour must be 0 to {REQUESTS_PER_HOUR_MAX:.0f}: "
                f"{self.requests_per_hour}"
            )


def _require_url(url: str) -> None:
    """Raise ValueError unless a key could be sent there: https, or http to this host itself."""
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError(f"url must be https://host[:port][/path]: {url!r}")
    authority = found["authority"]
    with_port = authority if re.search(r":[0-9]+$", authority) else f"{authority}:80"
    if found["scheme"] == "http" and not is_loopback(with_port):
        raise ValueError(f"url must be https (plaintext is for loopback only): {url!r}")


def require_kinds(sections: Mapping[str, ProviderSettings]) -> None:
    """Raise ValueError naming a section that is no provider, or one without its key."""
    for name, section in sections.items():
        if name not in KINDS:
            close = difflib.get_close_matches(name, KINDS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(KINDS)}"
            raise ValueError(f"providers.{name} is no provider; {hint}")
        if section.enabled and name in NEEDS_TOKEN and section.token_file is None:
            raise ValueError(f"providers.{name} needs token_file")
        if section.enabled and name == "watttime" and not section.regions:
            raise ValueError("providers.watttime needs regions: it has zones of its own")
