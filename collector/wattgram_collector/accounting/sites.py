"""PURE. Under which terms the energy of a host is accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Final, NamedTuple, Protocol

from wattgram.handshake import HostFacts
from wattgram_collector.accounting import network as networks
from wattgram_collector.accounting.network_settings import NetworkSettings
from wattgram_collector.accounting.site_settings import NO_FACILITY, SiteSettings
from wattgram_collector.accounting.terms import Terms, exact_text, stated
from wattgram_collector.intensities.clouds import CloudRegion
from wattgram_collector.intensities.places import Places
from wattgram_collector.intensity import Scope

EVERY_HOST: Final = "*"
_WILD: Final = frozenset("*?[")
_REMEMBERED_MAX: Final = 100_000
_NOWHERE: Final = SiteSettings()


class Said(Protocol):
    """What the operator says of hosts and sites: the configuration, or as much of it."""

    @property
    def grid_zone(self) -> str: ...
    @property
    def grid_zone_of_host(self) -> Mapping[str, str]: ...
    @property
    def sites(self) -> Mapping[str, SiteSettings]: ...
    @property
    def site_of_host(self) -> Mapping[str, str]: ...
    @property
    def networks(self) -> Mapping[str, NetworkSettings]: ...
    @property
    def network(self) -> str: ...


class _Stated(NamedTuple):
    """A number as text, and who says so; both empty when nobody knows."""

    text: str = ""
    source: str = ""


class Sites:
    """The terms of every host; the same object for the same terms, so that they are cheap."""

    def __init__(self, said: Said, places: Places) -> None:
        """Raise ValueError naming a site that the shipped tables do not know."""
        self._said = said
        self._places = places
        self._networks = {**networks.BUILT_IN, **said.networks}
        self._segments = {name: networks.segments(one) for name, one in self._networks.items()}
        self._known: dict[tuple[str, str, str, str], Terms] = {}
        self._same: dict[Terms, Terms] = {}
        self._patterns = sorted(
            ((pattern, name) for name, site in said.sites.items() for pattern in site.hosts),
            key=lambda one: (not _WILD.isdisjoint(one[0]), -len(one[0]), one),
        )
        for name, site in said.sites.items():
            self._require_known(name, site)

    def facts(self, host: str, facts: HostFacts) -> HostFacts:
        """Return what a host is: of the class that its site has, or else as it says."""
        site = self._said.sites.get(self._site_of(host, facts.site), _NOWHERE)
        return replace(facts, device_class=site.device_class or facts.device_class)

    def terms(self, host: str, facts: HostFacts, said_zone: str) -> Terms:
        """Return the terms of a host that says to draw from `said_zone`."""
        key = (host, facts.site, facts.device_class, said_zone)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _REMEMBERED_MAX:
                self._known.clear()
                self._same.clear()
            made = self._made(*key)
            found = self._known[key] = self._same.setdefault(made, made)
        return found

    def _made(self, host: str, said_site: str, said_class: str, said_zone: str) -> Terms:
        name = self._site_of(host, said_site)
        site = self._said.sites.get(name, _NOWHERE)
        place = (
            self._said.grid_zone_of_host.get(host)
            or site.cloud
            or site.grid_zone
            or said_zone
            or self._said.grid_zone
        )
        region = self._places.cloud(place) if ":" in place else None
        zone = self._places.zone(place)
        network = site.network or self._said.network
        pue = self._pue(site, site.device_class or said_class, region)
        loss = self._loss(site, place)
        upstream, upstream_loss = self._upstream(site, zone)
        beyond = self._networks[network]
        return Terms(
            zone=zone,
            place=region.alias if region else "",
            network_zone=self._places.zone(beyond.grid_zone) if beyond.grid_zone else zone,
            site=name,
            pue=pue.text or "1",
            pue_source=pue.source,
            loss_share=loss.text,
            loss_source=loss.source,
            upstream_grams_per_kilowatt_hour=upstream.text,
            upstream_loss_grams_per_kilowatt_hour=upstream_loss,
            upstream_source=upstream.source,
            segments=self._segments[network],
            internal_interfaces=beyond.internal_interfaces,
        )

    def _site_of(self, host: str, said_site: str) -> str:
        """Return the site: by its host's name, by a pattern, as the host says, the one for all."""
        if host in self._said.site_of_host:
            return self._said.site_of_host[host]
        last = ""
        for pattern, name in self._patterns:
            if pattern == EVERY_HOST:
                last = name
            elif fnmatchcase(host, pattern):
                return name
        return said_site if said_site in self._said.sites else last

    def _pue(self, site: SiteSettings, device_class: str, region: CloudRegion | None) -> _Stated:
        """Return the PUE; 1 where the meter has it all or there is no facility."""
        if site.meter_boundary == "facility":
            return _Stated("1", "the meter has the whole facility")
        if device_class.lower() in NO_FACILITY:
            return _Stated("1", f"{device_class.lower()}: no facility around it")
        if site.pue is not None:
            return _Stated(stated(site.pue), site.pue_source)
        found = self._places.pue(site.site_class) if site.site_class else None
        if found is None and region is not None:
            found = self._places.cloud_pue(region)
        if found is None:
            return _Stated()
        words = (found.origin.dataset_version, found.site_class, str(found.year or ""))
        return _Stated(exact_text(found.pue), " ".join(filter(None, words)))

    def _loss(self, site: SiteSettings, place: str) -> _Stated:
        if site.loss_share is not None:
            return _Stated(stated(site.loss_share), site.loss_source)
        loss = self._places.loss(place)
        if loss is None:
            return _Stated()
        source = f"{loss.origin.dataset_version} {loss.zone_id} {loss.year}"
        return _Stated(exact_text(loss.fraction), source)

    def _upstream(self, site: SiteSettings, zone: str) -> tuple[_Stated, str]:
        """Return fuel supply in g/kWh: of what is used, and of what is lost where it is apart."""
        if site.upstream_grams_per_kilowatt_hour is not None:
            said = _Stated(stated(site.upstream_grams_per_kilowatt_hour), site.upstream_source)
            return said, ""
        country = self._places.zones.country(zone)
        annuals = country.annuals if country else ()
        found = next((one for one in annuals if one.scope is Scope.UPSTREAM), None)
        if found is None or country is None:
            return _Stated(), ""
        source = f"{found.version} {country.zone_id}"
        loss = self._places.losses.get(country.zone_id)
        lost: Fraction | None = None
        if loss is not None and site.loss_share is None:
            lost = loss.upstream_grams_per_kilowatt_hour
        return _Stated(found.grams_per_kilowatt_hour, source), exact_text(lost) if lost else ""

    def _require_known(self, name: str, site: SiteSettings) -> None:
        for key, place in (("cloud", site.cloud), ("grid_zone", site.grid_zone)):
            if ":" in place and self._places.cloud(place) is None:
                raise ValueError(
                    f"sites.{name}: {key} {place!r} is no cloud region that is listed"
                )
        if site.site_class and self._places.pue(site.site_class) is None:
            known = ", ".join(sorted(self._places.pues))
            raise ValueError(
                f"sites.{name}: there is no site_class {site.site_class!r}; there are {known}"
            )
