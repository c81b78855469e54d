"""The API answers what it describes, says what is wrong, and holds nobody up."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from api_scene import FIRST, NOW, SLOT, TERMS, Asked, asking
from wattgram_collector.exposition.api import reports
from wattgram_collector.exposition.api.asked import ApiError
from wattgram_collector.exposition.api.openapi import document
from wattgram_collector.exposition.api.table import BASE, ROUTES
from wattgram_collector.ledger import Ledger
from wattgram_collector.ledger.restatement import Posted
from wattgram_collector.ledger.sqlite_commands import ledger_path
from wattgram_collector.views.model import FleetView

DOCUMENT = document()
MEAN = "/emissions/average-carbon-intensity"
ANSWERED = [
    *(f"{BASE}{route.path}".replace("{host}", "alpha").replace("{zone}", "DE")
      for route in ROUTES),
    f"{BASE}/hosts/gamma",
    f"{BASE}/hosts/agent-of-beta/history",
    f"{BASE}/hosts/beta/explain?from=-1d&every=day",
    f"{BASE}/report?from=-1d&by=host",
    f"{BASE}/zones/FR",
    "/locations",
    "/emissions/bylocation?location=DE",
    "/emissions/bylocations?location=DE&location=DE",
    "/emissions/bylocations/best?location=DE",
    "/emissions/forecasts/current?location=DE&windowSize=60&advice=true",
    f"{MEAN}?location=DE&startTime=2026-01-02T07:00Z&endTime=2026-01-02T07:05Z",
]  # fmt: skip
TABLES = [
    f"{BASE}{route.path}".replace("{host}", "alpha").replace("{zone}", "DE")
    for route in ROUTES
    if route.table
]


@pytest_asyncio.fixture
async def on(tmp_path: Path) -> AsyncIterator[Asked]:
    async with asking(tmp_path) as found:
        yield found


def schema_of(path: str, status: int, content_type: str) -> Any:
    """Return what the description says of an answer."""
    plain = path.partition("?")[0]
    for described, item in DOCUMENT["paths"].items():
        parts = zip(described.split("/"), plain.split("/"), strict=False)
        same_length = described.count("/") == plain.count("/")
        if same_length and all(one == two or one.startswith("{") for one, two in parts):
            content = item["get"]["responses"][str(status)]["content"][content_type]
            return {**content["schema"], "components": DOCUMENT["components"]}
    raise AssertionError(f"{path} is not described")


def test_the_description_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    row = DOCUMENT["components"]["schemas"]["HostRow"]
    assert row["required"] == [*row["properties"]]
    assert not row["additionalProperties"]


async def test_every_answer_is_as_it_is_described(on: Asked) -> None:
    described = set()
    for path in ANSWERED:
        status, kind, text = await on.get(path)
        assert (status, kind) == (200, "application/json"), (path, text)
        found = json.loads(text)
        schema = schema_of(path, 200, kind)
        Draft202012Validator(schema).validate(found)
        described.add(json.dumps(schema, sort_keys=True))
    assert len(described) > len(ROUTES)


def test_everything_that_the_pages_show_is_in_the_api() -> None:
    """What is added to the view of the fleet is added to an answer too."""
    schemas = DOCUMENT["components"]["schemas"]
    own = {"rows": "Hosts", "history": "History", "by_site": "Groups", "by_zone": "Groups",
           "by_device_class": "Groups", "by_workload": "Workloads", "zones": "Zones",
           "budgets": "Budgets", "limits": "Limits", "problems": "Problems"}  # fmt: skip
    for name in FleetView.__dataclass_fields__:
        assert name in schemas["Fleet"]["properties"] or own[name] in schemas, name


async def test_the_description_is_served_and_may_be_kept(on: Asked) -> None:
    async with on.client.get("/api/openapi.json") as answer:
        assert await answer.json() == DOCUMENT
        etag = answer.headers["ETag"]
        assert answer.headers["Cache-Control"] == "no-cache"
    async with on.client.get("/api/openapi.json", headers={"If-None-Match": etag}) as again:
        assert again.status == 304
    async with on.client.get("/api/openapi.json", headers={"If-None-Match": '"x"'}) as other:
        assert other.status == 200
    async with on.client.get(f"{BASE}/fleet") as answer:
        assert answer.headers["Cache-Control"] == "no-store"


WRONG = [
    ("/fleet?x=1", "x", "'x' is no parameter here; there are none"),
    ("/hosts?limt=1", "limt", "is limit meant?"),
    ("/hosts?limit=0", "limit", "'0' is no whole number, 1 to 500"),
    ("/hosts?limit=501", "limit", "501"),
    ("/hosts?limit=%EF%BC%91", "limit", "no whole number"),
    ("/hosts?limit=", "limit", "limit is empty"),
    ("/hosts?limit=1&limit=2", "limit", "limit is there twice"),
    ("/hosts?offset=-1", "offset", "no whole number"),
    ("/hosts?sort=-power", "sort", "'-power' is none of host, -host"),
    ("/hosts?sort=", "sort", "empty"),
    ("/hosts?presence=away", "presence", "reports, late, gone"),
    ("/hosts?format=xml", "format", "json, csv"),
    (f"/hosts?search={'x' * 201}", "search", "more than 200 characters"),
    ("/fleet?format=csv", "format", "no parameter here"),
    ("/groups?by=host", "by", "site, device_class, zone"),
    ("/problems?severity=bad", "severity", "critical, warning, info"),
    ("/report?from=soon", "from", "not a time: 'soon'"),
    ("/report?from=now&to=-1d", "from", "ends before it begins"),
    ("/report?from=-32d", "from", "more than 31 days apart"),
    ("/report?from=", "from", "from is empty"),
    ("/hosts/alpha/explain?from=-3d&every=slot", "from", "more than 2 days apart"),
    ("/hosts/alpha/explain?from=-99d", "from", "more than 31 days apart"),
    ("/hosts/alpha/explain?to=2300-01-01T00:00:00Z", "to", "not a time of this ledger"),
]


async def test_what_is_asked_wrongly_is_said(on: Asked) -> None:
    for path, parameter, text in WRONG:
        status, kind, body = await on.get(f"{BASE}{path}")
        found = json.loads(body)
        assert (status, kind) == (400, "application/problem+json"), path
        assert text in found["detail"], path
        assert found["errors"] == {parameter: [found["detail"]]}, path
        Draft202012Validator(schema_of(f"{BASE}{path}", 400, kind)).validate(found)


async def test_what_is_too_long_to_be_read_is_answered_as_it_is_described(on: Asked) -> None:
    """A parameter of 200 characters may be 2,400 bytes as a URL writes it."""
    for path in (f"{BASE}/hosts", f"{BASE}/fleet", f"{BASE}/export/openmetrics", "/locations"):
        status, kind, text = await on.get(f"{path}?search={'%F0%9F%8C%B1' * 800}")
        assert (status, "8190 bytes" in text) == (400, True)
        Draft202012Validator(schema_of(path, status, kind)).validate(text)


async def test_what_is_not_there_is_not_found(on: Asked) -> None:
    for path in ("/hosts/delta", "/hosts/delta/history", "/hosts/delta/explain", "/zones/XX"):
        status, kind, body = await on.get(f"{BASE}{path}")
        assert (status, kind) == (404, "application/problem+json")
        Draft202012Validator(schema_of(f"{BASE}{path}", 404, kind)).validate(json.loads(body))
    for path in ("/api/", "/api/v2/fleet", "/api/v1/hosts/a/b"):
        status, kind, body = await on.get(path)
        assert (status, kind) == (404, "application/problem+json")
        assert "/api/openapi.json" in json.loads(body)["detail"]


# ── hosts ────────────────────────────────────────────────────────────────────────────────


FOUND: list[tuple[str, list[str], int]] = [
    ("", ["alpha", "beta", "gamma"], 3),
    ("?search=ALPH", ["alpha"], 1),
    ("?search=lap", ["beta"], 1),
    ("?search=hall", ["alpha"], 1),
    ("?search=fr", ["beta"], 1),
    ("?search=nothing", [], 0),
    ("?presence=reports&device_class=server", ["alpha"], 1),
    ("?presence=gone", [], 0),
    ("?site=home", ["beta"], 1),
    ("?zone=DE", ["alpha"], 1),
    ("?zone=D", [], 0),
    ("?sort=-host", ["gamma", "beta", "alpha"], 3),
    ("?sort=grams_per_hour", ["beta", "alpha", "gamma"], 3),
    ("?sort=-grams_per_hour", ["alpha", "beta", "gamma"], 3),
    ("?sort=zone", ["alpha", "beta", "gamma"], 3),
    ("?sort=-zone", ["beta", "alpha", "gamma"], 3),
    ("?sort=-problems", ["gamma", "alpha", "beta"], 3),
    ("?limit=1&offset=1", ["beta"], 3),
    ("?offset=7", [], 3),
]


async def test_hosts_are_searched_filtered_sorted_and_paged(on: Asked) -> None:
    for query, names, total in FOUND:
        found = await on.json(f"/hosts{query}")
        assert ([row["host"] for row in found["hosts"]], found["total"]) == (names, total), query


async def test_problems_are_filtered(on: Asked) -> None:
    everything = await on.json("/problems")
    assert everything["total"] == len(everything["problems"]) == 5
    of_gamma = await on.json("/problems?about=gamma&limit=1")
    assert (of_gamma["total"], len(of_gamma["problems"])) == (2, 1)
    assert (await on.json("/problems?severity=critical"))["total"] == 0
    assert (await on.json("/fleet"))["problems"] == {"critical": 0, "warning": 5, "info": 0}


async def test_the_history_of_a_host_is_its_own(on: Asked) -> None:
    mine = await on.json("/hosts/alpha/history")
    fleet = await on.json("/history")
    assert len(mine["steps"]) == len(fleet["steps"]) == 288
    assert mine["steps"][-1]["total"]["energy_joules"] == 330
    assert fleet["steps"][-1]["total"]["energy_joules"] == 990
    assert fleet["read_unix_seconds"] == NOW


# ── CSV ──────────────────────────────────────────────────────────────────────────────────


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


async def test_every_table_is_there_as_csv(on: Asked) -> None:
    asked: list[tuple[str, dict[str, str]]] = [(f"{path}?format=csv", {}) for path in TABLES]
    asked += [(path, {"Accept": "text/csv"}) for path in TABLES]
    for wanted, headers in asked:
        status, kind, text = await on.get(wanted, **headers)
        assert (status, kind) == (200, "text/csv")
        assert rows(text), wanted
        assert all(None not in row and None not in row.values() for row in rows(text))


async def test_json_is_given_to_whoever_takes_both(on: Asked) -> None:
    for accept in ("text/csv, application/json", "text/csv, */*", "application/json", ""):
        _, kind, _ = await on.get(f"{BASE}/hosts", Accept=accept)
        assert kind == "application/json", accept


async def test_csv_says_the_same_as_json(on: Asked) -> None:
    _, _, text = await on.get(f"{BASE}/history?format=csv")
    told = (await on.json("/history"))["steps"]
    for row, step in zip(rows(text), told, strict=True):
        assert int(row["start_unix_seconds"]) == step["start_unix_seconds"]
        grams = step["total"] and step["total"]["grams_by_tier"].get("live")
        assert row["total.grams_by_tier.live"] == ("" if grams is None else str(grams))
        energy = step["total"] and step["total"]["energy_joules"]
        assert row["total.energy_joules"] == ("" if energy is None else str(energy))


async def test_a_spreadsheet_runs_nothing(on: Asked) -> None:
    agent = on.scene.agent("alpha")
    agent.record = replace(
        agent.record, facts=replace(agent.record.facts, device_class="=cmd|' /C calc'!A0")
    )
    on.scene.clock += 2
    _, _, text = await on.get(f"{BASE}/hosts?format=csv")
    assert rows(text)[0]["device_class"] == "'=cmd|' /C calc'!A0"


# ── names that are chosen to mislead ─────────────────────────────────────────────────────────

Rename = Callable[[str, str], None]


@pytest.fixture
def rename(on: Asked, monkeypatch: pytest.MonkeyPatch) -> Rename:
    """Let a host be called otherwise, in memory and in the ledger."""

    def change(host: str, name: str) -> None:
        monkeypatch.setitem(TERMS, name, TERMS[host])
        agent = on.scene.agent(host)
        agent.record = replace(agent.record, host=name)
        with closing(sqlite3.connect(ledger_path(on.scene.config))) as opened, opened:
            opened.execute("UPDATE agents SET host = ? WHERE host = ?", (name, host))

    return change


async def test_what_a_host_is_called_is_no_formula_in_a_report(on: Asked, rename: Rename) -> None:
    rename("alpha", "=cmd|' /C calc'!A0")
    period = f"from={_when(FIRST - SLOT)}&to={_when(FIRST)}"
    _, _, text = await on.get(f"{BASE}/report?{period}&by=host&format=csv")
    assert {one["host"] for one in rows(text)} == {"'=cmd|' /C calc'!A0", "beta", "gamma"}


@pytest.mark.parametrize("name", ["{a}", "a/b", "a%2Fb", "%00", "'\"<>&;"])
async def test_every_name_of_a_host_can_be_asked_for(on: Asked, rename: Rename, name: str) -> None:
    rename("alpha", name)
    path = f"/hosts/{quote(name, safe='')}"
    assert (await on.json(path))["row"]["host"] == name
    assert len((await on.json(f"{path}/history"))["steps"]) == 288
    assert (await on.json(f"{path}/explain?from=-1h"))["host"] == name


@pytest.mark.parametrize("liar", ["alpha", "gamma"])
async def test_who_is_called_as_the_id_of_another_is_found_under_it_and_the_other_by_name(
    on: Asked, rename: Rename, liar: str
) -> None:
    rename(liar, "agent-of-beta")
    assert (await on.json("/hosts/agent-of-beta"))["agent_id"] == f"agent-of-{liar}"
    found = await on.json("/hosts/agent-of-beta/explain?from=-1h")
    assert found["host"] == "agent-of-beta"
    assert (await on.json("/hosts/beta"))["agent_id"] == "agent-of-beta"


# ── explanations and reports ─────────────────────────────────────────────────────────────


async def test_explanations_and_reports_are_those_of_the_commands(on: Asked) -> None:
    start, end = FIRST - SLOT, FIRST
    found = await on.json(f"/hosts/alpha/explain?from={_when(start)}&to={_when(end)}")
    assert (found["host"], found["every"], len(found["times"])) == ("alpha", "slot", 1)
    report = await on.json(f"/report?from={_when(start)}&to={_when(end)}&by=host")
    assert [one["group"] for one in report["groups"]] == ["alpha", "beta", "gamma"]
    _, _, text = await on.get(
        f"{BASE}/report?from={_when(start)}&to={_when(end)}&by=zone&format=csv"
    )
    energy = {one["zone"]: one["value"] for one in rows(text) if one["measure"] == "energy_joules"}
    assert energy == {"DE": "330", "FR": "330", "unknown": "330"}


def _when(unix_seconds: int) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_what_takes_too_long_is_given_up(tmp_path: Path) -> None:
    async with asking(tmp_path) as on:
        desk = reports.Desk(on.scene.config, seconds_max=-1)
        asked = {"from": FIRST - 600, "to": FIRST, "by": "all", "every": "", "format": "json"}
        for work in (desk.report(asked), desk.explain("alpha", asked)):
            with pytest.raises(ApiError, match="not within -1 s") as refused:
                await work
            assert refused.value.status == 503
        desk.close()


async def test_when_the_collector_stops_no_report_is_waited_for(tmp_path: Path) -> None:
    """Neither one that is being made nor one that is asked for then."""
    async with asking(tmp_path) as on:
        has_begun, go_on = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def slow(ledger: Ledger) -> list[Posted]:
            loop.call_soon_threadsafe(has_begun.set)
            go_on.wait(10)
            return list(ledger.posted(0, 1 << 40))

        working = asyncio.ensure_future(on.desk.answer(slow))
        await has_begun.wait()
        await on.desk.shut(None)
        go_on.set()
        for one in (working, on.desk.answer(slow)):
            with pytest.raises(ApiError, match="stopping"):
                await one


async def test_reports_wait_for_each_other_and_not_without_end(on: Asked) -> None:
    asked = [on.get(f"{BASE}/report") for _ in range(reports.WAITING_MAX + 2)]
    statuses = sorted(status for status, _, _ in await asyncio.gather(*asked))
    assert statuses[-1] == 503
    assert statuses[0] == 200
    async with on.client.get(f"{BASE}/report") as answer:
        assert answer.status == 200


async def test_without_a_ledger_that_is_said(on: Asked) -> None:
    (on.scene.desk.directory / "ledger.sqlite").rename(on.scene.desk.directory / "away")
    async with on.client.get(f"{BASE}/report") as answer:
        assert answer.status == 503
        assert answer.headers["Retry-After"]
        assert "ledger" in (await answer.json())["detail"]
