"""Prometheus finds every host by itself: /sd names them, and each has a page of its metrics.

A host stays in /sd after it fell silent, as its `wattgram_agent_up` stays on /metrics at 0: an
alert on it must not resolve because the host is gone for long. `/metrics/collector` has what is no
host's: the grids' intensities and the collector's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from aiohttp import web
from prometheus_client import CollectorRegistry

from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_collector.access.credentials import Role
from wattgram_collector.access.http import needs
from wattgram_collector.config import ExpositionSettings
from wattgram_collector.exposition import text
from wattgram_collector.exposition.families import Family
from wattgram_collector.exposition.metrics import collect
from wattgram_collector.exposition.text import Samples
from wattgram_collector.exposition.web import (
    END,
    GZIP_LEVEL,
    OPENMETRICS,
    TEXT,
    exposition,
    wants_openmetrics,
)
from wattgram_collector.ingest.agents import Agent

COLLECTOR_PATH: Final = "/metrics/collector"
COLLECTOR: Final = "wattgram-collector"
"""The instance of the collector's own target."""
HOSTS_PER_SLICE: Final = 200
"""Of /sd; others have their turn between two."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]+")

Json = dict[str, Any]


def discovery_routes(
    fleet: Iterable[Agent],
    registry: CollectorRegistry,
    settings: ExpositionSettings,
    unix_nanoseconds: Callable[[], int] = time.time_ns,
) -> list[web.RouteDef]:
    """Return the routes over the fleet; all need a reader."""
    desk = _Desk(fleet, registry, settings, unix_nanoseconds)
    return [
        web.get("/sd", desk.targets),
        web.get(COLLECTOR_PATH, desk.collector),
        web.get("/hosts/{host}/metrics", desk.host),
    ]


def _targets(fleet: Iterable[Agent], address: str, scheme: str) -> Iterator[list[Json]]:
    """PURE. Yield what Prometheus' http_sd reads, a few at a time: hosts by name."""
    hosts = sorted(fleet, key=lambda one: one.record.host)
    yield [_target(address, scheme, COLLECTOR_PATH, {"instance": COLLECTOR})]
    for at in range(0, len(hosts), HOSTS_PER_SLICE):
        yield [_of_agent(agent, address, scheme) for agent in hosts[at : at + HOSTS_PER_SLICE]]


def _of_agent(agent: Agent, address: str, scheme: str) -> Json:
    host, facts = agent.record.host, agent.record.facts
    labels = {"instance": host, "site": agent.said_site, "device_class": facts.device_class}
    return _target(address, scheme, path_of(host), labels)


def path_of(host: str) -> str:
    """PURE. Return where a host's metrics are.

    Prometheus escapes a path that it is given, and others do not: a name in which there is
    anything to escape, or that is a path's own word, stands there as `~` and its bytes in hex.
    """
    is_plain = _PLAIN.fullmatch(host) and host not in {".", ".."}
    return f"/hosts/{host if is_plain else '~' + host.encode().hex()}/metrics"


def host_of_path(word: str) -> str:
    """PURE. Return the name that a path says."""
    if word.startswith("~"):
        with contextlib.suppress(ValueError):
            return bytes.fromhex(word[1:]).decode()
    return word


def _target(address: str, scheme: str, path: str, labels: dict[str, str]) -> Json:
    said = {name: value for name, value in labels.items() if value}
    return {
        "targets": [address],
        "labels": {"__scheme__": scheme, "__metrics_path__": path, **said},
    }


def of_host(agent: Agent, now: int, before: int, *, sensors: bool) -> list[tuple[Family, Samples]]:
    """PURE. Return the families that are about the host itself."""
    found = collect([agent], now, before, sensors=sensors)
    return [(family, samples) for family, samples in found if "host" in family.labels]


def of_grids(fleet: Iterable[Agent], now: int) -> list[tuple[Family, Samples]]:
    """PURE. Return the families that are about no host; any of a grid's hosts knows them."""
    knowing = {
        (one.zone, one.provider, one.signal): agent
        for agent in fleet
        if (one := agent.intensity) is not None and not agent.is_late(now)
    }
    found = collect(knowing.values(), now)
    return [(family, samples) for family, samples in found if "host" not in family.labels]


class _Desk:
    def __init__(
        self,
        fleet: Iterable[Agent],
        registry: CollectorRegistry,
        settings: ExpositionSettings,
        unix_nanoseconds: Callable[[], int],
    ) -> None:
        self._fleet = fleet
        self._registry = registry
        self._settings = settings
        self._unix_nanoseconds = unix_nanoseconds
        self._zero_nanoseconds = int(settings.zero_seconds * NANOSECONDS_PER_SECOND)

    @needs(Role.READ)
    async def targets(self, request: web.Request) -> web.Response:
        address = self._settings.sd_address or request.host
        said: list[str] = []
        for few in _targets(self._fleet, address, request.scheme):
            said += map(json.dumps, few)
            await asyncio.sleep(0)
        return web.Response(text=f"[{', '.join(said)}]", content_type="application/json")

    @needs(Role.READ)
    async def collector(self, request: web.Request) -> web.Response:
        is_openmetrics = wants_openmetrics(request.headers.get("Accept", ""))
        families = of_grids(self._fleet, self._unix_nanoseconds())
        body = exposition(families, self._registry, openmetrics_format=is_openmetrics)
        return _answer(request, body, is_openmetrics=is_openmetrics)

    @needs(Role.READ)
    async def host(self, request: web.Request) -> web.Response:
        name = host_of_path(request.match_info["host"])
        agent = next((one for one in self._fleet if one.record.host == name), None)
        if agent is None:
            raise web.HTTPNotFound(text="no host of this name: see /sd\n")
        is_openmetrics = wants_openmetrics(request.headers.get("Accept", ""))
        before = time.monotonic_ns() - self._zero_nanoseconds
        families = of_host(agent, self._unix_nanoseconds(), before, sensors=self._settings.sensors)
        body = text.render(families, openmetrics=is_openmetrics)
        return _answer(request, body + END * is_openmetrics, is_openmetrics=is_openmetrics)


def _answer(request: web.Request, body: str, *, is_openmetrics: bool) -> web.Response:
    headers = {
        "Content-Type": OPENMETRICS if is_openmetrics else TEXT,
        "Vary": "Accept, Accept-Encoding",
    }
    data = body.encode()
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        data = gzip.compress(data, GZIP_LEVEL)
    return web.Response(body=data, headers=headers)
