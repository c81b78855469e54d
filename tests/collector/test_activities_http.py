"""POST and GET /api/v1/activities: checked as the command checks, and answered as described."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from jsonschema import Draft202012Validator

from activity_scenes import FUEL
from collector_fakes import configured
from letting_in import ADMIN_TOKEN, READ_TOKEN, bearing, live
from wattgram_collector.access.http import Guard
from wattgram_collector.config import CollectorConfig
from wattgram_collector.exposition.api import activity_posts, posts
from wattgram_collector.exposition.api.activity_answers import activities
from wattgram_collector.exposition.api.activity_posts import ActivitiesDesk
from wattgram_collector.exposition.api.asked import ApiError
from wattgram_collector.exposition.api.openapi import document
from wattgram_collector.exposition.api.shapes import plain
from wattgram_collector.inventory.activities.importing import ActivityLedger
from wattgram_collector.ledger import LedgerError, Trouble, storage
from wattgram_collector.ledger.journal import JournalKind, JournalRecord

PATH = "/api/v1/activities"
DOCUMENT = document()
ROWS: list[dict[str, Any]] = [
    {"activity_id": "a", "kind": "fuel", "from": "2025-01-01", "fuel": "diesel", "litres": 100.5},
    {"activity_id": "b", "kind": "fuel", "from": "2025-02-01", "fuel": "diesel", "litres": "50"},
]
Opened = Callable[[], ActivityLedger]


class Road:
    """A server, who asks it, and the ledger behind."""

    def __init__(self, client: TestClient[Any, Any], config: CollectorConfig) -> None:
        self.client = client
        self.config = config

    async def post(
        self, body: Any, query: str = "", kind: str = "application/json", token: str = ADMIN_TOKEN
    ) -> tuple[int, Any]:
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        headers = {"Content-Type": kind, **bearing(token)}
        async with self.client.post(f"{PATH}{query}", data=data, headers=headers) as answer:
            text = await answer.text()
            described = DOCUMENT["paths"][PATH]["post"]["responses"][str(answer.status)]
            schema = described["content"][answer.content_type]["schema"]
            if answer.content_type.endswith("json"):
                found = json.loads(text)
                Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(
                    found
                )
                return answer.status, found
            return answer.status, text

    @property
    def held(self) -> list[str]:
        with closing(storage.reading(self.config)) as ledger:
            asked = {"kind": "", "file": "", "offset": 0, "limit": 100}
            return [one.activity_id for one in activities(ledger, asked).activities]


@asynccontextmanager
async def road_of(directory: Path, opened: Opened | None = None) -> AsyncIterator[Road]:
    config = configured(directory)
    app = web.Application()
    Guard(live(directory)).stand_before(app)
    reach = opened or (lambda: storage.journalling(config))
    app.add_routes(ActivitiesDesk(reach, "UTC").routes())
    async with TestClient(TestServer(app)) as client:
        yield Road(client, config)


@pytest_asyncio.fixture
async def road(tmp_path: Path) -> AsyncIterator[Road]:
    async with road_of(tmp_path) as found:
        yield found


async def test_what_is_posted_is_durable_and_the_same_again_changes_nothing(road: Road) -> None:
    status, found = await road.post(ROWS, "?file=may.json")
    assert (status, found["taken"], found["first_entry"], found["file"]) == (200, 2, 1, "may.json")
    assert road.held == ["a", "b"]

    status, found = await road.post(ROWS)
    assert (status, found["taken"], found["already_there"]) == (200, 0, 2)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (FUEL, "text/csv"),
        ("\n".join(map(json.dumps, ROWS)), "application/x-ndjson"),
        ({"activities": ROWS}, "application/json"),
        (FUEL, "text/csv; charset=utf-8"),
    ],
)
async def test_whatever_may_be_imported_may_be_posted(road: Road, body: Any, kind: str) -> None:
    assert (await road.post(body, kind=kind))[0] == 200
    assert road.held == ["a", "b"]


BAD = [*ROWS, {"kind": "fuel", "from": "soon", "fuel": "diesel", "litres": 1}]


async def test_one_bad_row_refuses_all_and_is_named(road: Road) -> None:
    status, found = await road.post(BAD)
    assert (status, found["taken"], found["refused"]) == (422, 0, 1)
    assert found["problems"][0]["column"] == "from"
    assert (await road.post(ROWS, "?dry_run=true"))[1]["taken"] == 2

    status, found = await road.post(BAD, "?keep_good=true")
    assert (status, found["taken"], found["refused"]) == (200, 2, 1)
    assert road.held == ["a", "b"]


async def test_another_content_replaces_only_when_asked(road: Road) -> None:
    await road.post(ROWS)
    other = [{**ROWS[0], "litres": 7}]
    assert (await road.post(other))[0] == 422
    status, found = await road.post(other, "?replace=true")
    assert (status, found["replaced"], found["first_entry"]) == (200, 1, 4)


async def test_what_is_no_file_of_rows_is_refused_even_where_good_rows_are_kept(
    road: Road,
) -> None:
    status, found = await road.post("[{}", "?keep_good=true")
    assert (status, found["problems"][-1]["reason"]) == (422, "is no JSON: , or ] is missing")


@pytest.mark.parametrize(
    ("query", "kind", "status", "problem"),
    [
        ("?knd=fuel", "application/json", 400, "is kind meant?"),
        ("?kind=fule", "application/json", 400, "unknown kind 'fule'; is fuel meant?"),
        ("?replace=1", "application/json", 400, "none of true, false"),
        ("?file=%00", "application/json", 400, "must be printable"),
        ("", "text/plain", 415, "Content-Type must be one of application/json"),
    ],
)
async def test_what_cannot_be_asked(
    road: Road, query: str, kind: str, status: int, problem: str
) -> None:
    found, said = await road.post(ROWS, query, kind)
    assert (found, problem in said["detail"]) == (status, True)


async def test_more_than_is_taken_at_once(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity_posts, "ROWS_MAX", 1)
    status, found = await road.post(ROWS)
    assert (status, found["problems"][0]["reason"]) == (422, "more than 1 rows: make two of it")
    monkeypatch.setattr(activity_posts, "BODY_BYTES_MAX", 10)
    assert (await road.post(ROWS))[0] == 413
    assert road.held == []


async def test_a_body_that_does_not_come(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posts, "BODY_SECONDS_MAX", 0)

    async def endless() -> AsyncIterator[bytes]:
        yield b"["
        await asyncio.Event().wait()

    headers = {"Content-Type": "application/json", **bearing(ADMIN_TOKEN)}
    async with road.client.post(PATH, data=endless(), headers=headers) as answer:
        assert answer.status == 400
        assert "the body took more than" in (await answer.json(content_type=None))["detail"]


async def test_only_an_admin_may(road: Road) -> None:
    assert (await road.post(ROWS, token=READ_TOKEN))[0] == 403
    assert (await road.post(ROWS, token=READ_TOKEN[:-1]))[0] == 401


class Held:
    """A ledger that opens when it may, and then is locked."""

    def __init__(self) -> None:
        self.may_open = threading.Event()

    def __call__(self) -> ActivityLedger:
        assert self.may_open.wait(10)
        raise LedgerError("database is locked", Trouble.LOCKED)


async def test_a_ledger_that_takes_nothing_and_a_crowd_before_it(tmp_path: Path) -> None:
    held = Held()
    async with road_of(tmp_path, held) as road:
        asking = {asyncio.ensure_future(road.post(ROWS))
                  for _ in range(posts.WAITING_MAX + 1)}  # fmt: skip
        (sent_away,), waiting = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        held.may_open.set()
        answers = await asyncio.gather(*waiting)
    assert sent_away.result()[0] == 503
    assert "4 requests are being taken" in sent_away.result()[1]["detail"]
    assert {status for status, _ in answers} == {503}
    assert all("database is locked" in said["detail"] for _, said in answers)


def test_a_page_of_what_holds(tmp_path: Path) -> None:
    config = configured(tmp_path)
    with closing(storage.journalling(config)) as ledger:
        said = {"file": "f.csv", "sha256": "0", "line": 2, "kind": "fuel", "row": {"litres": "1"}}
        ledger.append(
            [JournalRecord(JournalKind.ACTIVITY, one, json.dumps({**said, "id": one}))
             for one in "abc"], 7_000_000_000,
        )  # fmt: skip
        asked = {"kind": "", "file": "", "offset": 1, "limit": 1}
        found = activities(ledger, asked)
        assert (found.total, [one.activity_id for one in found.activities]) == (3, ["b"])
        assert plain(found)["activities"][0]["recorded_unix_seconds"] == 7
        for other in ({"kind": "waste"}, {"file": "g.csv"}):
            assert activities(ledger, {**asked, **other}).total == 0
        ledger.append([JournalRecord(JournalKind.WITHDRAWAL, "x", "{}")], 8)
        with pytest.raises(ApiError, match="entry 4 is no withdrawal"):
            activities(ledger, asked)
