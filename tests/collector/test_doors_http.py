"""Every HTTP route of the running collector, with an attacker's eyes.

The routes are asked of the application that serves, so that one that is added anywhere, and has
no door, fails here.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from certificates import Certificates, issue
from collector_fakes import configured
from letting_in import ADMIN_TOKEN, AGENT_TOKEN, READ_TOKEN, basic, bearing, written
from wattgram_collector import daemon
from wattgram_collector.access import authority_files, http
from wattgram_collector.access.credentials import Role
from wattgram_collector.access.http import is_own_name
from wattgram_collector.config import AccessSettings, HttpSettings
from wattgram_collector.daemon import serving
from wattgram_collector.ledger.sqlite import SqliteLedger

OPEN = {("GET", "/enroll/ca"), ("HEAD", "/enroll/ca"), ("POST", "/enroll")}
"""What may be asked without a user or token: the second asks for a token of its own."""
ODD_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
               "PROPFIND", "PURGE", "get", "QUERY")  # fmt: skip
SECRET = (b"wattgram_build", b"wattgram_http", b"# HELP", b"<html", b"ready\n")
"""Something of each page that is behind a door."""

GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


class Answer(NamedTuple):
    status: int
    body: bytes


class Side:
    """The HTTP side of one running collector."""

    def __init__(self, port: int, app: web.Application, tls: ssl.SSLContext | None) -> None:
        self.app = app
        self.port = port
        self._tls = tls

    @property
    def routes(self) -> list[tuple[str, str, object]]:
        return [
            (route.method, route.resource.canonical, route.handler)
            for route in self.app.router.routes()
            if route.resource is not None
        ]

    async def raw(self, data: bytes) -> Answer:
        """Send bytes as they are; return what comes until the end, status 0 for nothing."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self._tls)
        try:
            writer.write(data)
            came = await asyncio.wait_for(reader.read(), 10)
        except ConnectionError:
            came = b""
        finally:
            writer.close()
        head, _, body = came.removeprefix(GO_ON).partition(b"\r\n\r\n")
        parts = head.split(None, 2)
        return Answer(int(parts[1]) if len(parts) > 1 else 0, body)

    async def ask(self, method: str, target: str, *lines: str, version: str = "1.1") -> Answer:
        head = [f"{method} {target} HTTP/{version}", "Host: localhost", "Connection: close"]
        return await self.raw("\r\n".join((*head, *lines, "", "")).encode("latin-1"))

    async def asked_by(self, method: str, target: str, headers: dict[str, str]) -> Answer:
        return await self.ask(method, target, *(f"{k}: {v}" for k, v in headers.items()))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue(tmp_path_factory.mktemp("certificates"), "agent-1")


@pytest.fixture
def apps(monkeypatch: pytest.MonkeyPatch) -> list[web.Application]:
    """The applications that a collector has put up."""
    seen: list[web.Application] = []

    class Runner(web.AppRunner):
        def __init__(self, app: web.Application, **more: object) -> None:
            seen.append(app)
            super().__init__(app, **more)

    monkeypatch.setattr(daemon.web, "AppRunner", Runner)
    return seen


@asynccontextmanager
async def side_of(
    directory: Path, files: Certificates | None, apps: list[web.Application], **http: object
) -> AsyncIterator[Side]:
    """With an authority and everything that can be offered."""
    authority_files.init(directory / "ca", 1_700_000_000)
    settings = HttpSettings(
        address="127.0.0.1:0",
        **({"certificate_file": files.server_certificate, "key_file": files.server_key,
            "authentication": "required"} if files else {}),
        **http,
    )  # fmt: skip
    config = configured(
        directory,
        http=settings,
        access=AccessSettings(directory=directory / "ca", enrolment=files is not None),
    )
    written(config.credentials_path)
    tls = ssl.create_default_context(cafile=files.authority) if files else None
    with closing(SqliteLedger(directory / "ledger.sqlite")) as ledger:
        async with serving(config, ledger) as (_, port):
            yield Side(port, apps[-1], tls)


@pytest.fixture
async def side(
    tmp_path: Path,
    files: Certificates,
    apps: list[web.Application],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Side]:
    monkeypatch.setattr(http, "FailureBudget", _Endless)
    async with side_of(tmp_path, files, apps) as opened:
        yield opened


class _Endless(http.FailureBudget):
    """Nobody is slowed: what is asked here is who is let in."""

    def take(self, peer: str, now_seconds: float) -> bool:
        return True


def reveals(answer: Answer) -> bool:
    return any(secret in answer.body for secret in SECRET)


# ── the routes that there are ────────────────────────────────────────────────────────────


async def test_the_routes_are_these(side: Side) -> None:
    """A new one is to be written down here, and with it who may."""
    declared = {
        (method, path): getattr(handler, "wattgram_needs", None)
        for method, path, handler in side.routes
        if method != "HEAD"
    }
    assert declared == {
        ("GET", "/"): Role.READ,
        ("GET", "/hosts/{host}"): Role.READ,
        ("GET", "/zones"): Role.READ,
        ("GET", "/about"): Role.READ,
        ("GET", "/static/{name}"): Role.READ,
        ("GET", "/metrics"): Role.READ,
        ("GET", "/metrics/collector"): Role.READ,
        ("GET", "/hosts/{host}/metrics"): Role.READ,
        ("GET", "/sd"): Role.READ,
        ("GET", "/healthz"): Role.READ,
        ("GET", "/readyz"): Role.READ,
        ("GET", "/api/v1/fleet"): Role.READ,
        ("GET", "/api/v1/hosts"): Role.READ,
        ("GET", "/api/v1/hosts/{host}"): Role.READ,
        ("GET", "/api/v1/hosts/{host}/history"): Role.READ,
        ("GET", "/api/v1/hosts/{host}/explain"): Role.READ,
        ("GET", "/api/v1/history"): Role.READ,
        ("GET", "/api/v1/groups"): Role.READ,
        ("GET", "/api/v1/workloads"): Role.READ,
        ("GET", "/api/v1/zones"): Role.READ,
        ("GET", "/api/v1/zones/{zone}"): Role.READ,
        ("GET", "/api/v1/budgets"): Role.READ,
        ("GET", "/api/v1/limits"): Role.READ,
        ("GET", "/api/v1/problems"): Role.READ,
        ("GET", "/api/v1/activities"): Role.READ,
        ("POST", "/api/v1/activities"): Role.ADMIN,
        ("GET", "/api/v1/functional-units"): Role.READ,
        ("POST", "/api/v1/functional-units"): Role.ADMIN,
        ("GET", "/api/v1/report"): Role.READ,
        ("GET", "/api/openapi.json"): Role.READ,
        ("GET", "/api/{rest}"): Role.READ,
        ("GET", "/api/v1/export/openmetrics"): Role.READ,
        ("GET", "/locations"): Role.READ,
        ("GET", "/emissions/average-carbon-intensity"): Role.READ,
        ("GET", "/emissions/bylocation"): Role.READ,
        ("GET", "/emissions/bylocations"): Role.READ,
        ("GET", "/emissions/bylocations/best"): Role.READ,
        ("GET", "/emissions/forecasts/current"): Role.READ,
        ("GET", "/enroll/ca"): None,
        ("POST", "/enroll"): None,
    }


async def test_every_route_is_closed_to_whom_has_no_right_to_it(side: Side) -> None:
    """Every path of it with every method, for everybody who has not the role."""
    paths = {path for _, path, _ in side.routes}
    assert len(paths) >= 6
    nobody = (
        {},
        bearing(READ_TOKEN[:-1]),
        basic("reader", "wrong horse battery"),
        {"X-User": "boss"},
    )
    for path in sorted(paths):
        for method in ODD_METHODS:
            for headers in nobody if method in {"GET", "POST"} else nobody[:1]:
                answer = await side.asked_by(method, path, headers)
                if (method, path) in OPEN:
                    assert answer.status in {200, 400}
                else:
                    assert answer.status in {400, 401}, (method, path)
                assert not reveals(answer)
        for method in ("GET", "POST"):
            agent = await side.asked_by(method, path, bearing(AGENT_TOKEN))
            if (method, path) not in OPEN:
                assert agent.status == 403, (method, path)
            assert not reveals(agent)


async def test_what_changes_something_is_for_admins(side: Side) -> None:
    """No route with another method than GET is open to a reader; those that are not there are
    told from those that are only to who may read.
    """
    for method, path, handler in side.routes:
        if method in {"GET", "HEAD"} or (method, path) in OPEN:
            continue
        assert getattr(handler, "wattgram_needs", Role.ADMIN) is Role.ADMIN
    for method in ODD_METHODS:
        if method in {"GET", "HEAD"}:
            continue
        for token in (READ_TOKEN, ADMIN_TOKEN):
            answer = await side.asked_by(method, "/metrics", bearing(token))
            assert answer.status in {400, 404, 405}, method
            assert not reveals(answer)


async def test_a_reader_reads_and_is_told_what_is_not_there(side: Side) -> None:
    """So that the refusals here are not those of a side that refuses everybody."""
    for path in ("/", "/metrics", "/healthz", "/readyz"):
        answer = await side.asked_by("GET", path, bearing(READ_TOKEN))
        assert answer.status == 200
        head = await side.asked_by("HEAD", path, bearing(READ_TOKEN))
        assert (head.status, head.body) == (200, b"")
    assert (await side.asked_by("GET", "/nowhere", bearing(READ_TOKEN))).status == 404
    assert reveals(await side.asked_by("GET", "/metrics", bearing(READ_TOKEN)))


# ── tricks ───────────────────────────────────────────────────────────────────────────────

PATHS = (
    "//metrics", "/metrics/", "///", "/./metrics", "/x/../metrics", "/%6detrics", "/%2fmetrics",
    "/metrics%00", "/metrics%2f", "/metrics;x=1", "/metrics?x=1", "/METRICS", "/%2e/metrics",
    "/enroll/../metrics", "/enroll/ca/../../metrics", "/enroll/ca/%2e%2e/%2e%2e/metrics",
    "/enroll%2fca", "/enroll/ca/", "/enroll//ca", "/enroll/ca;/../../metrics", "/enroll/",
    "/healthz/../metrics", "\\metrics", "/..\\metrics", "/%c0%ae%c0%ae/metrics", "*",
    "http://localhost/metrics", "https://evil.example/metrics", "http://localhost@evil/metrics",
    "localhost:443", "metrics", "/metrics#", "/static/../../etc/passwd", "/%ff", "/\xe9",
)  # fmt: skip


async def test_no_way_of_writing_a_path_leads_around_the_guard(side: Side) -> None:
    for path in PATHS:
        for method in ("GET", "POST", "OPTIONS"):
            answer = await side.ask(method, path)
            assert answer.status in {0, 400, 401}, (method, path)
            assert not reveals(answer)


HEADERS = (
    "X-Original-URL: /enroll/ca", "X-Rewrite-URL: /enroll/ca", "X-HTTP-Method-Override: GET",
    "X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1", "X-Real-IP: 127.0.0.1",
    "X-Forwarded-User: boss", "Remote-User: boss", "X-Remote-User: boss", "Cookie: user=boss",
    "Proxy-Authorization: Basic Ym9zczpjb3JyZWN0IGhvcnNlIGJhdHRlcnk=", "Origin: https://localhost",
    f"Authorization : Bearer {READ_TOKEN}", f"authorization:Bearer\t{READ_TOKEN[:-1]}",
    f"X-A: b\r\n Authorization: Bearer {READ_TOKEN}", "Upgrade: h2c\r\nConnection: Upgrade",
    "Upgrade: websocket\r\nConnection: Upgrade", "Expect: 100-continue", "Range: bytes=0-9",
)  # fmt: skip


async def test_no_header_stands_in_for_a_proof(side: Side) -> None:
    for header in HEADERS:
        answer = await side.ask("GET", "/metrics", header)
        assert answer.status in {400, 401}, header
        assert not reveals(answer)


async def test_a_request_within_another_is_not_answered_for_who_sent_the_first(
    side: Side,
) -> None:
    """What two servers could read in two ways is read in none."""
    inner = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for lines in (
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding: xchunked",),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: +5",),
        ("Content-Length: 0x5",),
        ("Content-Length: -1",),
    ):
        head = "\r\n".join(("POST /enroll HTTP/1.1", "Host: localhost", *lines, "", "")).encode()
        answer = await side.raw(head + b"0\r\n\r\n" + inner.encode() + b"\r\n")
        assert answer.status in {0, 400, 401}, lines
        assert not reveals(answer)


async def test_heads_without_measure_are_refused_and_cost_nothing_else(side: Side) -> None:
    for data in (
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        b"x" * 100_000 + b"\r\n\r\n",
        b"\x00" * 100_000 + b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 100,
    ):
        answer = await side.raw(data)
        assert answer.status in {0, 400, 414, 431}
        assert not reveals(answer)
    assert (await side.asked_by("GET", "/metrics", bearing(READ_TOKEN))).status == 200


# ── on loopback, without authentication ──────────────────────────────────────────────────


FOREIGN = ("evil.example", "evil.example:9881", "127.0.0.1.evil.example", "[::1].evil",
           "localhost.evil.example", "evil.localhost.example", "xlocalhost")  # fmt: skip


async def test_a_page_of_another_site_reads_nothing_by_way_of_a_browser_on_this_host(
    tmp_path: Path, apps: list[web.Application]
) -> None:
    """DNS rebinding: the browser asks loopback, and says under which name."""
    async with side_of(tmp_path, None, apps) as side:
        for host in FOREIGN:
            for _, path, _ in side.routes:
                head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
                answer = await side.raw(head.encode())
                assert answer.status == 403
                assert not reveals(answer)
        for host in ("localhost", f"127.0.0.1:{side.port}", "[::1]", "grafana.localhost:1"):
            head = f"GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            assert (await side.raw(head.encode())).status == 200
        assert (await side.raw(b"GET /metrics HTTP/1.0\r\n\r\n")).status == 200
        counted = (await side.ask("GET", "/metrics")).body
        assert b'wattgram_http_refused_total{reason="foreign_host"}' in counted


def test_a_name_that_the_operator_gave_is_ours() -> None:
    names = {"watts.example"}
    assert is_own_name("watts.example", names)
    assert is_own_name("Watts.Example:9881", names)
    assert not is_own_name("other.example", names)
    assert not is_own_name("watts.example.evil", names)
    assert is_own_name("", ())


@given(st.text(max_size=30))
def test_any_host_is_judged(host: str) -> None:
    assert is_own_name(host, ()) in {True, False}
