"""PURE. Under which terms the energy of a host is accounted for."""

from __future__ import annotations

from collections.abc import Callable

from wattgram.handshake import HostFacts
from wattgram_collector.accounting.network import SWDM_V4_BOTH
from wattgram_collector.accounting.terms import Terms


class Sites:
    """The terms of every host; the same object for the same terms, so that they are cheap."""

    def __init__(self, zone_of: Callable[[str, str], str]) -> None:
        """`zone_of(host, said)` returns the grid zone to price with, '' when nobody knows."""
        self._zone_of = zone_of
        self._known: dict[Terms, Terms] = {}

    def terms(self, host: str, facts: HostFacts, said_zone: str) -> Terms:
        """Return the terms of a host that says to draw from `said_zone`."""
        zone = self._zone_of(host, said_zone)
        terms = Terms(zone=zone, network_zone=zone, segments=(SWDM_V4_BOTH,))
        return self._known.setdefault(terms, terms)
