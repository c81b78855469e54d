"""What an operator may set of a site: `[sites.<name>]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wattgram.readings import require_label
from wattgram.settings import setting
from wattgram_collector.accounting.network import BUILT_IN
from wattgram_collector.accounting.network_settings import NetworkSettings

PUE_MAX: Final = 10
LOSS_SHARE_MAX: Final = 0.9
UPSTREAM_GRAMS_PER_KILOWATT_HOUR_MAX: Final = 2_000
NO_FACILITY: Final = frozenset(
    {"laptop", "desktop", "workstation", "edge", "gateway", "iot", "phone", "tablet"}
)
"""Classes of devices around which there is no facility: their PUE is 1 wherever they stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSettings:
    """One place where hosts stand; see docs/sites.md."""

    hosts: tuple[str, ...] = setting(
        (),
        'Hosts that stand there, such as "web1" or "web*"; the longest pattern wins, and "*" '
        "takes those that no site has.",
    )
    grid_zone: str = setting("", "Grid that it draws from; empty: as its hosts say.")
    cloud: str = setting(
        "", "Cloud region, such as aws:eu-west-1: gives grid zone, PUE and losses."
    )
    device_class: str = setting(
        "", "What its hosts are, such as server or gateway; empty: as they say."
    )
    site_class: str = setting(
        "", "Class of site whose PUE is shipped, such as unknown_datacenter or hyperscale."
    )
    pue: float | None = setting(None, "Energy of the facility over that of its IT, a year's mean.")
    pue_source: str = setting("", "Where the PUE comes from.")
    meter_boundary: str = setting(
        "it",
        "What the meters of its hosts have: the IT alone, or the whole facility with its cooling "
        "(then nothing is added).",
        choices=("it", "facility"),
    )
    loss_share: float | None = setting(
        None,
        "Part of the energy sent out that the grid loses on the way to the site; unset: the "
        "shipped one of its zone or country.",
    )
    loss_source: str = setting("", "Where that comes from.")
    upstream_grams_per_kilowatt_hour: float | None = setting(
        None,
        "Fuel supply per energy used, added where carbon intensities are direct; unset: the "
        "shipped one.",
    )
    upstream_source: str = setting("", "Where that comes from.")
    network: str = setting(
        "",
        "Model of the network: a section of networks or a name that needs none; empty: network.",
    )

    def __post_init__(self) -> None:
        for name in ("grid_zone", "cloud"):
            if getattr(self, name):
                require_label(name, getattr(self, name))
        if self.grid_zone and self.cloud:
            raise ValueError("grid_zone and cloud exclude each other: a cloud region has its zone")
        if self.cloud and ":" not in self.cloud:
            raise ValueError(f"cloud must be provider:region, as aws:eu-west-1: {self.cloud!r}")
        _require_stated("pue", self.pue, self.pue_source, 1, PUE_MAX)
        _require_stated("loss_share", self.loss_share, self.loss_source, 0, LOSS_SHARE_MAX)
        _require_stated(
            "upstream_grams_per_kilowatt_hour",
            self.upstream_grams_per_kilowatt_hour,
            self.upstream_source,
            0,
            UPSTREAM_GRAMS_PER_KILOWATT_HOUR_MAX,
        )
        self._require_overhead_once()

    def _require_overhead_once(self) -> None:
        """Raise ValueError where a facility's overhead would be counted twice, or is none."""
        if self.pue is not None and self.site_class:
            raise ValueError("pue and site_class exclude each other: both say the PUE")
        has_overhead = bool(self.site_class) or self.pue not in (None, 1)
        if has_overhead and self.meter_boundary == "facility":
            raise ValueError('meter_boundary = "facility" has the overhead inside: pue must be 1')
        if self.pue not in (None, 1) and self.device_class.lower() in NO_FACILITY:
            raise ValueError(f"a {self.device_class} has no facility around it: pue must be 1")


def _require_stated(
    name: str, value: float | None, source: str, least: float, most: float
) -> None:
    if value is None and source:
        raise ValueError(f"there is a source of {name}, but no {name}")
    if value is None:
        return
    if not least <= value <= most:
        raise ValueError(f"{name} must be {least} to {most}: {value}")
    if not source:
        raise ValueError(f"{name} needs a source")


def require_sites(
    sites: Mapping[str, SiteSettings],
    site_of_host: Mapping[str, str],
    networks: Mapping[str, NetworkSettings],
    network: str,
) -> None:
    """Raise ValueError naming a reference that leads nowhere."""
    for name in sites:
        require_label("the name of a site", name)
    for name in networks:
        if name in BUILT_IN:
            raise ValueError(
                f"networks.{name}: the name is taken by a model that needs no section"
            )
    used = {"network": network}
    used |= {f"sites.{name}.network": site.network for name, site in sites.items() if site.network}
    known = (*BUILT_IN, *sorted(networks))
    for key, name in used.items():
        if name not in known:
            raise ValueError(f"{key}: there is no network {name!r}; there are {', '.join(known)}")
    for host, name in site_of_host.items():
        if name not in sites:
            raise ValueError(f"site_of_host: {host} stands at {name!r}, which is no site")
    _require_hosts_once(sites)


def _require_hosts_once(sites: Mapping[str, SiteSettings]) -> None:
    patterns: dict[str, str] = {}
    for name, site in sites.items():
        for pattern in site.hosts:
            other = patterns.setdefault(pattern, name)
            if other != name:
                raise ValueError(f"sites.{other} and sites.{name} both have the hosts {pattern!r}")
