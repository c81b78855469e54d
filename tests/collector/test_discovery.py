"""/sd and the page of each host: together they are /metrics, and none is shown twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from yarl import URL

from builders import NOW, SECOND, record, small_fleet
from collector_fakes import configured
from wattgram.handshake import HostFacts
from wattgram.settings import SettingsError, load
from wattgram_collector.access.credentials import Role
from wattgram_collector.access.http import Guard
from wattgram_collector.config import ENVIRONMENT_PREFIX, CollectorConfig, ExpositionSettings
from wattgram_collector.daemon import serving
from wattgram_collector.exposition.discovery import (
    HOSTS_PER_SLICE,
    discovery_routes,
    host_of_path,
    path_of,
)
from wattgram_collector.exposition.metrics import collect
from wattgram_collector.exposition.text import render
from wattgram_collector.exposition.web import OPENMETRICS, TEXT
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.ledger import AgentTotals
from wattgram_collector.ledger.sqlite import SqliteLedger

Lines = list[tuple[str, frozenset[tuple[str, str]], float]]


@asynccontextmanager
async def serving_fleet(
    fleet: Iterable[Agent], now: int = NOW, **settings: object
) -> AsyncIterator[TestClient]:
    registry = CollectorRegistry()
    Gauge("own", "The collector's own.", registry=registry).set(1)
    app = web.Application()
    Guard(None).stand_before(app)
    chosen = ExpositionSettings(zero_seconds=0, **settings)  # type: ignore[arg-type]
    app.add_routes(discovery_routes(fleet, registry, chosen, lambda: now))
    async with TestClient(TestServer(app)) as client:
        yield client


def samples(text: str) -> Lines:
    return sorted(
        (one.name, frozenset(one.labels.items()), one.value)
        for family in text_string_to_metric_families(text)
        for one in family.samples
    )


async def test_targets_are_as_prometheus_reads_them() -> None:
    fleet = small_fleet()
    async with serving_fleet(fleet) as client:
        answer = await client.get("/sd")
        assert answer.content_type == "application/json"
        found = await answer.json()
        address = f"{client.server.host}:{client.server.port}"
    assert all(set(one) == {"targets", "labels"} for one in found)
    assert {target for one in found for target in one["targets"]} == {address}
    assert [one["labels"] for one in found] == [
        {
            "__scheme__": "http",
            "__metrics_path__": "/metrics/collector",
            "instance": "wattgram-collector",
        },
        {
            "__scheme__": "http",
            "__metrics_path__": "/hosts/alpha/metrics",
            "instance": "alpha",
            "site": 'rack "7"',
            "device_class": "server",
        },
        {"__scheme__": "http", "__metrics_path__": "/hosts/beta/metrics", "instance": "beta"},
        {"__scheme__": "http", "__metrics_path__": "/hosts/gamma/metrics", "instance": "gamma"},
    ]


async def test_many_targets_are_all_there_and_others_have_their_turn_between() -> None:
    hosts = [f"h{number:05}" for number in range(3 * HOSTS_PER_SLICE + 1)]
    fleet = [Agent(record(number, host), AgentTotals()) for number, host in enumerate(hosts)]
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    handler = discovery_routes(fleet, CollectorRegistry(), ExpositionSettings())[0].handler
    task = asyncio.ensure_future(other())
    try:
        await asyncio.sleep(0)
        before = turns
        answer = await handler(make_mocked_request("GET", "/sd", headers={"Host": "here:1"}))
        assert turns - before >= 4
    finally:
        task.cancel()
    found = json.loads(answer.text)
    assert [one["labels"]["instance"] for one in found] == ["wattgram-collector", *hosts]


async def test_all_pages_together_are_metrics() -> None:
    """One way or the other, a store gets the same series; the grids' are there once."""
    fleet = small_fleet()
    for now in (NOW, NOW + 100 * SECOND, NOW + 500 * SECOND):
        async with serving_fleet(fleet, now) as client:
            every = await (await client.get("/sd")).json()
            pages = [
                await (await client.get(one["labels"]["__metrics_path__"])).text() for one in every
            ]
        found = sorted(line for page in pages for line in samples(page))
        own = [line for line in found if line[0] == "own"]
        expected = samples(render(collect(fleet, now), openmetrics=False))
        assert [line for line in found if line not in own] == expected
        assert len(own) == 1
        for host, page in zip(("alpha", "beta", "gamma"), pages[1:], strict=True):
            assert {dict(labels)["host"] for _, labels, _ in samples(page)} == {host}


async def test_a_grid_is_known_as_long_as_one_of_its_hosts_reports() -> None:
    alpha = small_fleet()[0]
    late = Agent(record(9, "late"), AgentTotals(), intensity=alpha.intensity)
    name = "wattgram_grid_carbon_intensity_grams_per_kilowatt_hour"
    for fleet in ([alpha, late], [late, alpha]):
        async with serving_fleet(fleet) as client:
            page = await (await client.get("/metrics/collector")).text()
        assert [one for one, _, _ in samples(page)].count(name) == 1


async def test_a_silent_host_stays_so_that_its_alert_does_not_resolve() -> None:
    fleet = small_fleet()
    async with serving_fleet(fleet, NOW + 3_600 * SECOND) as client:
        assert len(await (await client.get("/sd")).json()) == 4
        page = await (await client.get("/hosts/alpha/metrics")).text()
    assert {name: value for name, _, value in samples(page)} == {
        "wattgram_agent_up": 0,
        "wattgram_agent_last_seen_timestamp_seconds": NOW // SECOND,
        "wattgram_newest_sample_timestamp_seconds": NOW // SECOND,
    }


@pytest.mark.parametrize("name", ["a/b", "ä ö", "100%", "a?b#c", "..", "x&y", "~2e", "%2F"])
async def test_any_name_of_a_host_leads_to_its_page(name: str) -> None:
    facts = HostFacts(host=name)
    agents = [
        Agent(record(n, host, facts=facts), AgentTotals(), last_seen_unix_nanoseconds=NOW)
        for n, host in enumerate((name, "other"))
    ]
    async with serving_fleet(agents) as client:
        (_, *others) = await (await client.get("/sd")).json()
        path = next(
            one["labels"]["__metrics_path__"]
            for one in others
            if one["labels"]["instance"] == name
        )
        answer = await client.get(URL(path, encoded=True))
        assert answer.status == 200, path
        page = await answer.text()
    assert {dict(labels)["host"] for _, labels, _ in samples(page)} == {name}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("alpha-1.example_x", "/hosts/alpha-1.example_x/metrics"),
        ("a b", "/hosts/~612062/metrics"),
        ("..", "/hosts/~2e2e/metrics"),  # /hosts/../metrics is /metrics
        ("~2e", "/hosts/~7e3265/metrics"),
        ("%2F", "/hosts/~253246/metrics"),
    ],
)
def test_there_is_nothing_to_escape_in_a_path(name: str, path: str) -> None:
    """Prometheus escapes what it is given once more; others do not escape at all."""
    assert path_of(name) == path
    assert host_of_path(path.split("/")[2]) == name


@pytest.mark.parametrize("word", ["~", "~zz", "~ff", "beta gamma"])
def test_what_is_no_hex_of_a_name_is_a_name(word: str) -> None:
    assert host_of_path(word) == (word if word != "~" else "")


async def test_an_unknown_host_is_not_found() -> None:
    async with serving_fleet(small_fleet()) as client:
        answer = await client.get("/hosts/nobody/metrics")
        assert (answer.status, await answer.text()) == (404, "no host of this name: see /sd\n")


@pytest.mark.parametrize("path", ["/hosts/alpha/metrics", "/metrics/collector"])
async def test_both_formats_and_compression(path: str) -> None:
    async with serving_fleet(small_fleet()) as client:
        wanted = {"Accept": "application/openmetrics-text; version=1.0.0"}
        strict = await client.get(path, headers=wanted)
        text = await client.get(path, headers={"Accept-Encoding": "identity"})
        assert strict.headers["Content-Type"] == OPENMETRICS
        assert strict.headers["Content-Encoding"] == "gzip"
        assert list(read_openmetrics(await strict.text()))
        assert text.headers["Content-Type"] == TEXT
        assert "Content-Encoding" not in text.headers
        assert not (await text.text()).endswith("# EOF\n")


async def test_sensors_are_shown_where_they_are_asked_for() -> None:
    name = "wattgram_sensor_energy_joules_total"
    for sensors in (False, True):
        async with serving_fleet(small_fleet(), sensors=sensors) as client:
            page = await (await client.get("/hosts/alpha/metrics")).text()
        assert (name in page) is sensors


async def test_the_operator_may_say_the_address() -> None:
    async with serving_fleet(small_fleet(), sd_address="collector.example:443") as client:
        found = await (await client.get("/sd")).json()
    assert {target for one in found for target in one["targets"]} == {"collector.example:443"}


def test_an_address_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[exposition]\nsd_address = "collector"\n')
    with pytest.raises(SettingsError, match="exposition: sd_address must be host:port"):
        load(CollectorConfig, file, {}, ENVIRONMENT_PREFIX)


async def test_every_route_needs_somebody_who_may_read(tmp_path: Path) -> None:
    routes = discovery_routes([], CollectorRegistry(), ExpositionSettings())
    assert {getattr(route.handler, "wattgram_needs", None) for route in routes} == {Role.READ}
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    async with (
        serving(configured(tmp_path), ledger) as (_, port),
        TestClient(TestServer(web.Application())) as client,
    ):
        for path in ("/sd", "/metrics/collector", "/hosts/x/metrics"):
            url = f"http://127.0.0.1:{port}{path}"
            refused = await client.session.get(url, headers={"Host": "evil.example"})
            assert refused.status == 403
            assert (await client.session.get(url)).status == (404 if "hosts" in path else 200)
        export = f"http://127.0.0.1:{port}/api/v1/export/openmetrics"
        assert await (await client.session.get(export)).text() == "# EOF\n"
    ledger.close()
