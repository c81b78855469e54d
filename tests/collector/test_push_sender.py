"""The way to the other side: what is tried again, what is given up, what is said and counted."""

from __future__ import annotations

import asyncio
import base64
import gzip
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from prometheus_client import CollectorRegistry, generate_latest

from builders import NOW, small_fleet
from wattgram_collector.config import CollectorConfig
from wattgram_collector.exposition.own_push import PushMetrics
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.push.otlp import Otlp
from wattgram_collector.push.outbox import Outbox, Parcel
from wattgram_collector.push.remote_write import RemoteWrite
from wattgram_collector.push.sender import (
    ANSWER_BYTES_MAX,
    BACKOFF_SECONDS_MAX,
    Counts,
    Encoding,
    Fate,
    Outcome,
    Sender,
    Target,
)
from wattgram_collector.push.settings import OtlpSettings, PushSettings, RemoteWriteSettings
from wattgram_collector.push.wiring import Pushing

Answer = tuple[int, Mapping[str, str], bytes]


@dataclass
class Server:
    """Answers as it is told, then 204; keeps what came."""

    answers: list[Answer] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.headers.append(dict(request.headers))
        status, headers, body = self.answers.pop(0) if self.answers else (204, {}, b"")
        return web.Response(status=status, headers=headers, body=body)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    found = Server()
    app = web.Application()
    app.router.add_post("/push", found.answer)
    async with TestServer(app) as running:
        found.url = str(running.make_url("/push"))
        yield found


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as found:
        yield found


class Bench:
    """A sender whose waits are noted, and not waited."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        encoding: Encoding | None = None,
        dice: float = 1.0,
        **settings: Any,
    ) -> None:
        self.outbox = Outbox(1 << 20)
        self.counts = Counts()
        self.waits: list[float] = []
        chosen = RemoteWriteSettings(url=url, **settings)
        self.sender = Sender(
            Target("there", chosen, True, self.outbox, self.counts),  # noqa: FBT003
            encoding or RemoteWrite({}),
            session,
            sleep=self._sleep,
            dice=lambda: dice,
            unix_seconds=lambda: 1_000.0,
        )

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def send(self, *parcels: Parcel, tries: int = 1) -> None:
        for parcel in parcels:
            self.outbox.put(parcel)
        for _ in range(tries):
            await self.sender.send_first()

    @property
    def requests(self) -> dict[str, int]:
        return {one.value: n for one, n in self.counts.requests.items() if n}

    @property
    def samples(self) -> dict[str, int]:
        return {one.value: n for one, n in self.counts.samples.items() if n}


ONE = Parcel(b"one", 5)
TWO = Parcel(b"two", 7)
ONE_PACKED = Parcel(gzip.compress(b"one"), 5)
TWO_PACKED = Parcel(gzip.compress(b"two"), 7)


async def test_parcels_go_in_order_with_the_protocols_headers(
    server: Server, session: aiohttp.ClientSession
) -> None:
    bench = Bench(session, server.url, headers={"X-Scope-OrgID": "fleet"})
    await bench.send(ONE, TWO, tries=2)
    assert server.bodies == [b"one", b"two"]
    sent = server.headers[0]
    assert sent["Content-Encoding"] == "snappy"
    assert sent["Content-Type"] == "application/x-protobuf"
    assert sent["X-Prometheus-Remote-Write-Version"] == "0.1.0"
    assert sent["X-Scope-OrgID"] == "fleet"
    assert sent["User-Agent"].startswith("wattgram-collector/")
    assert "Authorization" not in sent
    assert (bench.requests, bench.samples) == ({"ok": 2}, {"sent": 12})
    assert bench.counts.last_success_unix_seconds == 1_000
    assert not len(bench.outbox)


@pytest.mark.parametrize(("status", "outcome"), [(429, "throttled"), (500, "server_error"),
                                                 (503, "server_error")])  # fmt: skip
async def test_what_may_pass_is_tried_again(
    server: Server, session: aiohttp.ClientSession, status: int, outcome: str
) -> None:
    server.answers = [(status, {}, b"later")]
    bench = Bench(session, server.url)
    await bench.send(ONE, TWO, tries=3)
    assert server.bodies == [b"one", b"one", b"two"]
    assert (bench.requests, bench.samples) == ({outcome: 1, "ok": 2}, {"sent": 12})
    assert len(bench.waits) == 1


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 413, 422])
async def test_what_will_not_be_taken_is_dropped(
    server: Server, session: aiohttp.ClientSession, status: int
) -> None:
    server.answers = [(status, {"Location": server.url}, b"no")]
    bench = Bench(session, server.url)
    await bench.send(ONE, TWO, tries=2)
    assert server.bodies == [b"one", b"two"]
    assert bench.requests == {"rejected": 1, "ok": 1}
    assert bench.samples == {"rejected": 5, "sent": 7}
    assert bench.waits == []


async def test_it_waits_longer_each_time_and_as_long_as_it_is_asked_to(
    server: Server, session: aiohttp.ClientSession
) -> None:
    server.answers = [(503, {}, b"")] * 9 + [(429, {"Retry-After": "300"}, b"")]
    server.answers += [(503, {"Retry-After": "Thu, 01 Jan 1970 00:18:20 GMT"}, b"")]
    server.answers += [(503, {"Retry-After": "999999"}, b""), (204, {}, b""), (503, {}, b"")]
    bench = Bench(session, server.url)
    await bench.send(ONE, TWO, tries=14)
    assert bench.waits[:4] == [2.5, 4.5, 8.5, 16.5]
    assert bench.waits[4:9] == [32.5] + [BACKOFF_SECONDS_MAX + 0.5] * 4
    assert bench.waits[9:12] == [300, 100, 600]
    assert bench.waits[12:] == [2.5]  # it worked in between
    never = Bench(session, server.url, dice=0.0)
    server.answers = [(503, {}, b"")]
    await never.send(ONE)
    assert never.waits == [0.5]


async def test_nobody_there_and_nobody_who_answers(session: aiohttp.ClientSession) -> None:
    bench = Bench(session, "http://127.0.0.1:9/")
    await bench.send(ONE)
    assert bench.requests == {"unreachable": 1}

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        bench = Bench(session, f"http://127.0.0.1:{port}/", timeout_seconds=0.05)
        await bench.send(ONE)
        assert bench.requests == {"timeout": 1}
        assert len(bench.outbox) == 1


async def test_a_parcel_that_went_while_it_was_sent_is_counted_once(
    server: Server, session: aiohttp.ClientSession
) -> None:
    bench = Bench(session, server.url)
    big = Parcel(b"x" * ((1 << 20) - 1), 9)

    class Dropping(RemoteWrite):
        def answered(self, body: bytes) -> int:
            bench.counts.samples[Fate.OVERFLOW] += bench.outbox.put(big)
            return 0

    bench.sender._encoding = Dropping({})
    await bench.send(ONE)
    assert bench.samples == {"overflow": 5}
    assert await bench.outbox.first() is big


async def test_who_is_asked_is_told_who_asks(
    server: Server, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush\n")
    secret.chmod(0o600)
    await Bench(session, server.url, bearer_token_file=secret).send(ONE)
    assert server.headers[-1]["Authorization"] == "Bearer hush"
    await Bench(session, server.url, username="me", password_file=secret).send(ONE)
    pair = base64.b64encode(b"me:hush").decode()
    assert server.headers[-1]["Authorization"] == f"Basic {pair}"
    secret.chmod(0o644)
    bench = Bench(session, server.url, bearer_token_file=secret)
    await bench.send(ONE)
    assert bench.requests == {"credentials": 1}
    assert len(bench.outbox) == 1
    assert len(server.bodies) == 2
    secret.chmod(0o600)  # no restart is needed
    await bench.send()
    assert bench.requests == {"credentials": 1, "ok": 1}


async def test_a_change_is_said_once(
    server: Server, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wattgram.push")
    server.answers = [(503, {}, b"busy \x1b[31m now\nmore")] * 3 + [(204, {}, b"")] * 2
    server.answers += [(400, {}, b"x" * 999)]
    await Bench(session, server.url).send(ONE, TWO, ONE, tries=6)
    lines = [one.getMessage() for one in caplog.records if one.name == "wattgram.push"]
    assert lines[:2] == [
        "push_failed target=there outcome=server_error reason='HTTP 503 busy [31m now'",
        "push_works_again target=there",
    ]
    assert lines[2].startswith("push_failed target=there outcome=rejected reason='HTTP 400 xxx")
    assert len(lines) == 3
    assert len(lines[2]) < 300


# ── OTLP's own rules ─────────────────────────────────────────────────────────────────────


def otlp() -> Otlp:
    return Otlp(instance="one", fleet_since_unix_nanoseconds=NOW, own_since_unix_nanoseconds=NOW)


@pytest.mark.parametrize(
    ("status", "tries"), [(429, 2), (502, 2), (503, 2), (504, 2), (500, 1), (501, 1), (400, 1)]
)
async def test_otlp_says_itself_what_may_be_sent_again(
    server: Server, session: aiohttp.ClientSession, status: int, tries: int
) -> None:
    server.answers = [(status, {}, b""), (200, {}, b"")]
    bench = Bench(session, server.url, otlp())
    await bench.send(ONE_PACKED, TWO_PACKED, tries=2)
    assert server.bodies == ([b"one", b"one"] if tries == 2 else [b"one", b"two"])
    assert server.headers[0]["Content-Encoding"] == "gzip"


async def test_a_partial_success_is_counted_and_not_sent_again(
    server: Server, session: aiohttp.ClientSession
) -> None:
    answer = ExportMetricsServiceResponse()
    answer.partial_success.rejected_data_points = 3
    answer.partial_success.error_message = "too old"
    server.answers = [(200, {}, answer.SerializeToString()), (200, {}, b"<html>"), (200, {}, b"")]
    bench = Bench(session, server.url, otlp())
    await bench.send(ONE_PACKED, TWO_PACKED, ONE_PACKED, tries=3)
    assert server.bodies == [b"one", b"two", b"one"]
    assert bench.requests == {"partial": 1, "rejected": 1, "ok": 1}
    assert bench.samples == {"rejected": 3 + 7, "sent": 2 + 5}


async def test_an_answer_without_end_is_not_read_without_end(
    session: aiohttp.ClientSession,
) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        await request.read()
        response = web.StreamResponse(status=400)
        await response.prepare(request)
        try:
            while sent < 400 * ANSWER_BYTES_MAX:
                await response.write(b"x" * ANSWER_BYTES_MAX)
                sent += ANSWER_BYTES_MAX
        except (ConnectionError, asyncio.CancelledError):
            pass
        return response

    app = web.Application()
    app.router.add_post("/", endless)
    async with TestServer(app) as running:
        bench = Bench(session, str(running.make_url("/")))
        await bench.send(ONE)
    assert bench.requests == {"rejected": 1}
    assert sent < 200 * ANSWER_BYTES_MAX


# ── all of it ────────────────────────────────────────────────────────────────────────────


def numbers(pushing: Pushing) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(PushMetrics(pushing))
    lines = generate_latest(registry).decode().splitlines()
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in lines
        if not line.startswith("#")
    }


async def test_both_targets_run_beside_each_other_and_are_counted(
    server: Server, tmp_path: Path
) -> None:
    config = CollectorConfig(
        state_directory=tmp_path,
        push=PushSettings(
            remote_write=RemoteWriteSettings(url=server.url),
            otlp=OtlpSettings(url="http://127.0.0.1:9/v1/metrics"),
        ),
    )
    pushing = Pushing(config)
    assert not [name for name in numbers(pushing) if name.startswith("wattgram_push_up")]
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    async with pushing.running(small_fleet(), CollectorRegistry(), ledger):
        async with asyncio.timeout(5):
            other = pushing.targets[1].counts
            while not server.bodies or other.is_working is not False:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    ledger.close()
    found = numbers(pushing)
    assert found['wattgram_push_up{target="remote_write"}'] == 1
    assert found['wattgram_push_up{target="otlp"}'] == 0
    assert found['wattgram_push_requests_total{outcome="ok",target="remote_write"}'] >= 1
    assert found['wattgram_push_requests_total{outcome="unreachable",target="otlp"}'] >= 1
    assert found['wattgram_push_samples_total{outcome="sent",target="remote_write"}'] >= 9
    assert found['wattgram_push_waiting_bytes{target="otlp"}'] > 100
    assert 'wattgram_push_last_success_timestamp_seconds{target="otlp"}' not in found
    assert {one.value for one in Outcome} == {
        name.partition('outcome="')[2].partition('"')[0]
        for name in found
        if name.startswith("wattgram_push_requests_total")
    }


async def test_a_push_that_dies_of_a_bug_ends_nothing_else(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def __iter__(self) -> Any:
            raise ZeroDivisionError

    config = CollectorConfig(
        state_directory=tmp_path,
        push=PushSettings(remote_write=RemoteWriteSettings(url=server.url)),
    )
    pushing = Pushing(config)
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    async with pushing.running(Broken(), CollectorRegistry(), ledger):
        async with asyncio.timeout(5):
            while pushing.targets[0].counts.is_working is not False:  # noqa: ASYNC110
                await asyncio.sleep(0)
    ledger.close()
    assert "push_ended target=remote_write" in caplog.text
