"""POST /api/v1/functional-units: all of a request or none, durable when it is answered."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from jsonschema import Draft202012Validator
from prometheus_client import CollectorRegistry

from api_scene import asking
from collector_fakes import configured
from letting_in import ADMIN_TOKEN, READ_TOKEN, bearing, live
from wattgram_collector.access.http import Guard
from wattgram_collector.exposition.api import posts as limits
from wattgram_collector.exposition.api.openapi import document
from wattgram_collector.exposition.api.units_posts import BODY_BYTES_MAX, UnitsDesk
from wattgram_collector.exposition.api.units_table import PATH, ROWS_MAX
from wattgram_collector.exposition.web import application
from wattgram_collector.inventory.said.kept import SaidLedger
from wattgram_collector.inventory.said.units import kept_units
from wattgram_collector.ledger import LedgerError, storage

ADMIN = bearing(ADMIN_TOKEN)
ROW = {"service": "mail", "unit": "email", "count": 12.5, "from": "2025-11-01", "source": "a"}
DOCUMENT = document()


class Side:
    """The route behind its door."""

    def __init__(self, client: TestClient[Any, Any], reading: Callable[[], Any]) -> None:
        self._client = client
        self._reading = reading

    async def post(
        self, body: object, kind: str = "application/json", query: str = "", **headers: str
    ) -> tuple[int, Any]:
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        data = io.BytesIO(text.encode() if isinstance(text, str) else text)
        sent = {"Content-Type": kind, **(headers or ADMIN)}
        async with self._client.post(f"{PATH}{query}", data=data, headers=sent) as answer:
            text = await answer.text()
            is_json = answer.content_type.endswith("json")
            found = json.loads(text) if is_json else text
            said = DOCUMENT["paths"][PATH]["post"]["responses"][str(answer.status)]
            schema = said["content"][answer.content_type]["schema"]
            Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(found)
            return answer.status, found

    @property
    def kept(self) -> list[str]:
        with closing(self._reading()) as ledger:
            return sorted(one.value.entry_id for one in kept_units(ledger.journal()))


@asynccontextmanager
async def side_of(
    directory: Path, opened: Callable[[], SaidLedger] | None = None
) -> AsyncIterator[Side]:
    config = configured(directory)
    storage.journalling(config).close()
    desk = UnitsDesk(opened or (lambda: storage.journalling(config)), "Europe/Berlin")
    app = application(
        [], CollectorRegistry(), lambda: True, 0, guard=Guard(live(directory)),
        others=desk.routes(),
    )  # fmt: skip
    async with TestClient(TestServer(app)) as client:
        yield Side(client, lambda: storage.reading(config))


@pytest.fixture
async def side(tmp_path: Path) -> AsyncIterator[Side]:
    async with side_of(tmp_path) as opened:
        yield opened


async def test_what_is_posted_is_kept_once(side: Side) -> None:
    other = {**ROW, "id": "x", "from": "2025-11-02T00:00:00+01:00", "to": "2025-11-02T01:00:00Z"}
    status, found = await side.post([ROW, other])

    key = "mail/email/a/2025-10-31T23:00:00Z"
    assert (status, found) == (200, {"new": [key, "x"], "replaced": [], "same": 0})
    assert (await side.post([ROW, other]))[1]["same"] == 2
    assert side.kept == [key, "x"]

    status, found = await side.post({**ROW, "count": "13"})
    assert status == 400
    assert "is kept otherwise" in json.dumps(found["errors"])
    assert (await side.post({**ROW, "count": "13"}, query="?replace=true"))[1]["replaced"] == [key]


async def test_of_a_request_that_is_wrong_nothing_is_kept(side: Side) -> None:
    rows = [ROW, {**ROW, "count": -1}, {**ROW, "from": "2025-11-05", "colour": "red"}]
    status, found = await side.post("[\n" + ",\n".join(map(json.dumps, rows)) + "]")

    assert status == 400
    assert "4 colour" in found["errors"]
    assert side.kept == []
    status, found = await side.post([ROW, {**ROW, "count": -1, "from": "2025-11-05"}])
    assert list(found["errors"]) == ["1 count"]
    assert "must be a plain decimal number" in found["errors"]["1 count"][0]
    status, found = await side.post([ROW, {**ROW, "id": "x"}])
    assert "overlaps" in json.dumps(found)
    assert side.kept == []


async def test_many_problems_are_told_in_part(side: Side) -> None:
    status, found = await side.post("".join(f'{{"id": {at}}}\n' for at in range(500)),
                                    "application/x-ndjson")  # fmt: skip

    assert status == 400
    assert "more are not told" in found["detail"]
    assert sum(map(len, found["errors"].values())) == 100


async def test_it_takes_csv_and_lines_of_json(side: Side) -> None:
    csv = "service,unit,count,from,source\nmail,email,5,2025-11-01,a\n"

    assert (await side.post(csv, "text/csv"))[0] == 200
    assert (await side.post(json.dumps({**ROW, "source": "b"}), "application/x-ndjson"))[0] == 200
    assert len(side.kept) == 2


@pytest.mark.parametrize(
    ("body", "kind", "query", "status"),
    [
        ("", "application/json", "", 400),
        ("[]", "application/json", "", 400),
        ("[1]", "application/json", "", 400),
        ("{", "application/json", "", 400),
        ("[[[[" * 10_000, "application/json", "", 400),
        ('[{"count": NaN}]', "application/json", "", 400),
        (b"\xff", "text/csv", "", 400),
        ("x", "text/plain", "", 415),
        ("[]", "application/json", "?replace=perhaps", 400),
        ("[]", "application/json", "?colour=red", 400),
        ("x" * (BODY_BYTES_MAX + 1), "text/csv", "", 413),
        ([ROW] * (ROWS_MAX + 1), "application/json", "", 413),
    ],
)
async def test_what_is_no_request_is_refused(
    side: Side, body: object, kind: str, query: str, status: int
) -> None:
    found, said = await side.post(body, kind, query)

    assert found == status, said
    assert said["status"] == status
    assert side.kept == []


async def test_only_admins_post(side: Side) -> None:
    assert (await side.post([ROW], **bearing(READ_TOKEN)))[0] == 403
    assert (await side.post([ROW], Authorization="Bearer x"))[0] == 401
    assert side.kept == []


async def test_posts_at_once_are_taken_one_after_the_other_and_too_many_are_sent_away(
    tmp_path: Path,
) -> None:
    may_open, config = threading.Event(), configured(tmp_path)

    def opened() -> SaidLedger:
        assert may_open.wait(20)
        return storage.journalling(config)

    rows = [{**ROW, "source": f"s{at}"} for at in range(limits.WAITING_MAX + 3)]
    async with side_of(tmp_path, opened) as side:
        posts = [asyncio.ensure_future(side.post([row])) for row in rows]
        sent_away = [await next_one for next_one in islice(asyncio.as_completed(posts), 3)]
        may_open.set()
        answers = await asyncio.gather(*posts)

        assert [status for status, _ in sent_away] == [503] * 3
        assert [status for status, _ in answers].count(200) == limits.WAITING_MAX
        assert len(side.kept) == limits.WAITING_MAX


async def test_what_is_kept_is_read_over_http(tmp_path: Path) -> None:
    async with asking(tmp_path) as on:
        found = await on.json("/functional-units?service=mail&unit=email")
        assert found["total"] == 1
        (entry,) = found["entries"]
        assert (entry["id"], entry["count"], entry["count_exact"]) == (
            "mail/january",
            12.5,
            "12.5",
        )
        assert entry["to_unix_seconds"] - entry["from_unix_seconds"] == 3_600
        assert entry["journal_entry"] == 1
        assert (await on.json("/functional-units?service=shop"))["total"] == 0
        assert (await on.json("/functional-units?unit=prompt"))["entries"] == []
        assert (await on.json("/functional-units?offset=1"))["entries"] == []


async def test_a_ledger_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    def broken() -> SaidLedger:
        raise LedgerError("the disk is full")

    async with side_of(tmp_path, broken) as side:
        status, found = await side.post([ROW])

    assert status == 503
    assert "the disk is full" in found["detail"]


async def test_what_another_wrote_meanwhile_is_seen(tmp_path: Path) -> None:
    """The shelf that is held between requests is read on."""
    async with side_of(tmp_path) as side:
        await side.post([ROW])
        async with side_of(tmp_path) as other:
            await other.post({**ROW, "from": "2025-11-02"})
        status, found = await side.post({**ROW, "from": "2025-11-02", "to": "2025-11-03"})

    assert status == 400
    assert "is kept otherwise" in json.dumps(found)
