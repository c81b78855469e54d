"""Before every HTTP route: who is let in, who is not, and what those who are not learn."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from builders import small_fleet
from letting_in import (
    ADMIN_TOKEN,
    AGENT_TOKEN,
    PASSWORD,
    READ_TOKEN,
    basic,
    bearing,
    everybody,
    live,
    written,
)
from page_scenes import Told, empty
from wattgram_collector.access import http, passwords
from wattgram_collector.access.budget import BURST, REFILL_SECONDS, FailureBudget, peer_of
from wattgram_collector.access.credentials import Role, bearer
from wattgram_collector.access.http import Guard, Refused, asks_itself, needs
from wattgram_collector.access.passwords import WAITING_MAX
from wattgram_collector.advising import advisor
from wattgram_collector.config import CollectorConfig
from wattgram_collector.exposition.advice_routes import advice_routes
from wattgram_collector.exposition.pages.routes import page_routes
from wattgram_collector.exposition.web import application
from wattgram_collector.intensities.history import History

OPEN = {"/enroll", "/enroll/ca"}  # they ask for a token of their own


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def say_hello(_: web.Request) -> web.Response:
    return web.Response(text="hello")


@asks_itself
async def ask_for_a_token(_: web.Request) -> web.Response:
    return web.Response(text="and yours?")


def closed_app(guard: Guard) -> web.Application:
    """The routes that are there, and some as they may be added later."""
    advice = advice_routes(advisor(CollectorConfig(), History(), lambda zone: zone))
    others = [*advice, *page_routes(Told(empty()))]
    app = application(
        list(small_fleet()), CollectorRegistry(), lambda: True, 0, guard=guard, others=others
    )
    app.router.add_route("*", "/undeclared", say_hello)
    app.router.add_post("/for-admins", needs(Role.ADMIN)(_another()))
    app.router.add_get("/for-readers", needs(Role.READ)(_another()))
    app.router.add_get("/enroll", ask_for_a_token)
    below = web.Application()
    below.router.add_get("/undeclared", say_hello)
    app.add_subapp("/api", below)
    return app


def _another() -> Any:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    return handler


@asynccontextmanager
async def served(guard: Guard) -> AsyncIterator[TestClient]:
    async with TestClient(TestServer(closed_app(guard))) as client:
        yield client


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(tmp_path: Path, clock: Clock) -> Guard:
    return Guard(live(tmp_path), clock=clock)


@pytest.fixture
def scrypts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that computed a password's hash, one for each time."""
    done: list[str] = []
    compute = hashlib.scrypt

    def counted(*arguments: Any, **named: Any) -> bytes:
        done.append(threading.current_thread().name)
        return compute(*arguments, **named)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    return done


WRONG = [
    {},
    {"Authorization": ""},
    {"Authorization": "Basic"},
    {"Authorization": "Basic !!!"},
    {"Authorization": "Basic cmVhZGVy"},
    {"Authorization": "Negotiate abc"},
    {"Authorization": basic("reader")["Authorization"] + "!"},
    {"Authorization": READ_TOKEN},
    basic("reader", "wrong horse battery"),
    basic("reader", ""),
    basic("nobody"),
    basic("reader ", PASSWORD),
    basic("scraper", READ_TOKEN),
    bearing(READ_TOKEN[:-1]),
    bearing(READ_TOKEN.upper()),
    bearing(PASSWORD),
    bearing(f"{READ_TOKEN} {READ_TOKEN}"),
]


@pytest.mark.parametrize("headers", WRONG, ids=str)
async def test_no_route_answers_without_the_right_credentials(
    guard: Guard, headers: dict[str, str]
) -> None:
    """Every route that the router has, one that it has not, and every method."""
    app = closed_app(guard)
    paths = {route.resource.canonical for route in app.router.routes() if route.resource}
    assert {"/", "/metrics", "/healthz", "/readyz", "/api/undeclared"} <= paths
    assert {"/locations", "/emissions/bylocation", "/emissions/forecasts/current"} <= paths
    async with TestClient(TestServer(app)) as client:
        for path in (paths - OPEN) | {"/nowhere", "/metrics/", "/%2e%2e/metrics"}:
            for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "TRACE", "PATCH"):
                answer = await client.request(method, path, headers=headers, allow_redirects=False)
                body = await answer.text()

                assert answer.status in {401, 429}, (method, path)
                assert "wattgram_host" not in body
                if answer.status == 401:
                    asked = answer.headers.getall("WWW-Authenticate")
                    assert [one.split()[0] for one in asked] == ["Basic", "Bearer"]


READERS = [basic("reader"), bearing(READ_TOKEN), {"Authorization": f"bEARER   {READ_TOKEN}"}]
ADMINS = [basic("boss"), bearing(ADMIN_TOKEN)]


@pytest.mark.parametrize("headers", [*READERS, *ADMINS], ids=str)
async def test_whoever_may_read_sees_what_is_shown(guard: Guard, headers: dict[str, str]) -> None:
    async with served(guard) as client:
        for path in ("/", "/metrics", "/healthz", "/readyz", "/for-readers"):
            assert (await client.get(path, headers=headers)).status == 200
            assert (await client.head(path, headers=headers)).status == 200
        assert (await client.get("/nowhere", headers=headers)).status == 404
        assert (await client.post("/metrics", headers=headers)).status == 405


async def test_a_route_that_declares_no_role_is_for_admins(guard: Guard) -> None:
    async with served(guard) as client:
        for method, path in (
            ("GET", "/undeclared"), ("PUT", "/undeclared"), ("GET", "/api/undeclared"),
            ("POST", "/for-admins"),
        ):  # fmt: skip
            for headers in READERS:
                assert (await client.request(method, path, headers=headers)).status == 403
            for headers in ADMINS:
                assert (await client.request(method, path, headers=headers)).status == 200
    assert guard.refused[Refused.FORBIDDEN] == 4 * len(READERS)


async def test_the_token_of_an_agent_shows_nothing(guard: Guard) -> None:
    async with served(guard) as client:
        for path in ("/", "/metrics", "/healthz", "/undeclared", "/nowhere"):
            assert (await client.get(path, headers=bearing(AGENT_TOKEN))).status == 403


async def test_two_authorizations_are_none(guard: Guard) -> None:
    twice = [*bearing(READ_TOKEN).items(), *bearing(READ_TOKEN).items()]
    async with served(guard) as client:
        assert (await client.get("/metrics", headers=twice)).status == 401


async def test_health_is_open_only_where_that_is_asked_for(tmp_path: Path) -> None:
    async with served(Guard(live(tmp_path), open_health=True)) as client:
        assert (await client.get("/healthz")).status == 200
        assert (await client.get("/readyz")).status == 200
        for path in ("/", "/metrics", "/undeclared", "/nowhere"):
            assert (await client.get(path)).status == 401


async def test_a_route_that_asks_itself_is_reached_without_credentials(guard: Guard) -> None:
    async with served(guard) as client:
        assert await (await client.get("/enroll")).text() == "and yours?"
        assert (await client.post("/enroll")).status == 401


async def test_without_authentication_everybody_may_read_and_nobody_change() -> None:
    async with served(Guard(None)) as client:
        assert (await client.get("/metrics")).status == 200
        assert (await client.get("/undeclared")).status == 403
        assert (await client.post("/for-admins", headers=bearing(ADMIN_TOKEN))).status == 403


async def test_another_site_cannot_change_anything_with_the_password_of_a_browser(
    guard: Guard,
) -> None:
    """The browser sends it along; it also says whose page asked."""
    async with served(guard) as client:
        here = f"http://{client.host}:{client.port}"
        for origin, status in (
            (here, 200), ("http://evil.example", 403), ("null", 403), (here + "0", 403),
        ):  # fmt: skip
            headers = {**basic("boss"), "Origin": origin}
            assert (await client.post("/for-admins", headers=headers)).status == status
        reading = {**basic("boss"), "Origin": "http://evil.example"}
        assert (await client.get("/for-readers", headers=reading)).status == 200
    assert guard.refused[Refused.CROSS_ORIGIN] == 3


async def test_every_answer_carries_the_headers_that_bind_a_browser(guard: Guard) -> None:
    async with served(guard) as client:
        for path, headers in (
            ("/", basic("reader")), ("/metrics", {}), ("/nowhere", basic("reader")),
            ("/undeclared", basic("reader")), ("/", {"Expect": "nonsense"}),
        ):  # fmt: skip
            answer = await client.get(path, headers=headers)
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Server"] == "wattgram"


# ── guessing ─────────────────────────────────────────────────────────────────────────────


async def test_an_unknown_user_is_answered_as_a_wrong_password_is(
    guard: Guard, scrypts: list[str]
) -> None:
    answers = []
    async with served(guard) as client:
        for headers in (basic("reader", "wrong horse battery"), basic("nobody", PASSWORD)):
            answer = await client.get("/metrics", headers=headers)
            kept = {key: value for key, value in answer.headers.items() if key != "Date"}
            answers.append((answer.status, kept, await answer.text()))
            assert len(scrypts) == len(answers)  # and each pays for one hash
    assert answers[0] == answers[1]


async def test_guessing_is_slowed_and_a_right_password_does_not_help_then(
    guard: Guard, clock: Clock, scrypts: list[str]
) -> None:
    """Were a right password let in at once, guesses would be free again: they are right or not."""
    async with served(guard) as client:

        async def status(headers: dict[str, str]) -> int:
            return (await client.get("/metrics", headers=headers)).status

        assert await status(basic("reader")) == 200
        for number in range(BURST):
            assert await status(basic("reader", f"wrong horse battery {number}")) == 401
        assert await status(basic("reader")) == 429
        assert await status(bearing("wgb_wrong")) == 429
        hashed = len(scrypts)
        answer = await client.get("/metrics", headers=basic("reader", "wrong again"))
        assert (answer.status, answer.headers["Retry-After"]) == (429, "10")
        assert len(scrypts) == hashed  # and costs nothing
        assert await status(bearing(READ_TOKEN)) == 200
        assert await status({}) == 401
        clock.now += REFILL_SECONDS
        assert await status(basic("reader")) == 200
        assert await status(basic("reader", "wrong horse battery")) == 401
        assert await status(basic("reader")) == 429
    assert guard.refused[Refused.SLOWED] == 4
    assert guard.refused[Refused.BAD_CREDENTIALS] == BURST + 1
    assert guard.refused[Refused.NO_CREDENTIALS] == 1


async def test_those_who_are_right_are_never_slowed(guard: Guard) -> None:
    async with served(guard) as client:
        for _ in range(3 * BURST):
            assert (await client.get("/healthz", headers=basic("reader"))).status == 200


def test_a_budget_is_a_peers_own_and_refills_to_its_burst() -> None:
    budget = FailureBudget(burst=2, refill_seconds=10)
    assert [budget.take("a", 0) for _ in range(3)] == [True, True, False]
    assert budget.take("b", 0)
    assert not budget.take("a", 9.9)
    assert budget.take("a", 10.1)
    assert [budget.take("a", 1_000) for _ in range(3)] == [True, True, False]
    assert not budget.take("a", 0)  # a clock that went back refills nothing


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans(), st.floats(0, 50)), max_size=80)
)
def test_the_memory_of_budgets_is_bounded_and_none_is_over_its_burst(
    steps: list[tuple[str, bool, float]],
) -> None:
    budget = FailureBudget(burst=3, refill_seconds=10, peers_max=4)
    now, taken = 0.0, 0
    for peer, gives, seconds in steps:
        now += seconds
        if gives:
            budget.give_back(peer, now)
        else:
            taken += budget.take(peer, now)
        assert len(budget) <= 4
    lone = FailureBudget(burst=3, refill_seconds=10)
    for _ in range(50):
        lone.give_back("a", now)
    assert [lone.take("a", now) for _ in range(4)] == [True, True, True, False]


def test_a_peer_of_ipv6_is_its_network() -> None:
    assert peer_of("2001:db8::1") == peer_of("2001:db8::ffff") == "2001:db8::/64"
    assert peer_of("2001:db8:0:1::1") != peer_of("2001:db8::1")
    assert peer_of("::ffff:192.0.2.1") == peer_of("192.0.2.1") == "192.0.2.1"
    assert peer_of("fe80::1%eth0") == "fe80::/64"
    assert peer_of(None) == peer_of("nonsense") == "unknown"


# ── what a password costs ────────────────────────────────────────────────────────────────


async def test_a_scrape_every_second_is_hashed_once_and_off_the_event_loop(
    guard: Guard, clock: Clock, scrypts: list[str]
) -> None:
    async with served(guard) as client:
        for _ in range(20):
            clock.now += 60
            assert (await client.get("/healthz", headers=basic("reader"))).status == 200
        assert len(scrypts) == 1
        clock.now += 301
        assert (await client.get("/healthz", headers=basic("reader"))).status == 200
    assert len(scrypts) == 2
    assert all(name.startswith("passwords") for name in scrypts)


async def test_what_is_remembered_ends_with_the_user(tmp_path: Path, scrypts: list[str]) -> None:
    credentials = live(tmp_path)
    async with served(Guard(credentials)) as client:
        assert (await client.get("/healthz", headers=basic("reader"))).status == 200
        written(credentials.path, everybody().without_user("reader"))
        credentials.refresh()
        assert (await client.get("/healthz", headers=basic("reader"))).status == 401
        written(credentials.path)  # the same name and password, hashed anew
        credentials.refresh()
        scrypts.clear()
        assert (await client.get("/healthz", headers=basic("reader"))).status == 200
    assert len(scrypts) == 1


async def test_only_so_many_are_remembered(
    guard: Guard, scrypts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "REMEMBERED_MAX", 1)
    async with served(guard) as client:
        for name in ("reader", "boss", "boss", "reader"):
            assert (await client.get("/healthz", headers=basic(name))).status == 200
    assert len(scrypts) == 3


async def test_a_user_who_is_removed_while_the_password_is_checked_is_not_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = live(tmp_path)
    others = everybody().without_user("reader")
    compute = hashlib.scrypt

    def slow(*arguments: Any, **named: Any) -> bytes:
        written(credentials.path, others)
        credentials.refresh()
        return compute(*arguments, **named)

    async with served(Guard(credentials)) as client:
        monkeypatch.setattr(hashlib, "scrypt", slow)
        assert (await client.get("/healthz", headers=basic("reader"))).status == 401


async def test_only_so_many_passwords_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More are told to come again, which costs them nothing; who is remembered does not wait."""
    go_on = threading.Event()
    compute = hashlib.scrypt

    def slow(*arguments: Any, **named: Any) -> bytes:
        go_on.wait()
        return compute(*arguments, **named)

    credentials = live(tmp_path)
    guard = Guard(credentials, budget=FailureBudget(burst=1_000))
    async with served(guard) as client:
        assert (await client.get("/healthz", headers=basic("boss"))).status == 200
        monkeypatch.setattr(hashlib, "scrypt", slow)
        waiting = [
            asyncio.ensure_future(client.get("/healthz", headers=basic("reader", f"wrong {n}")))
            for n in range(WAITING_MAX + 3)
        ]
        first = asyncio.as_completed(waiting)
        assert [(await next(first)).status for _ in range(3)] == [503] * 3
        assert (await client.get("/healthz", headers=basic("boss"))).status == 200
        go_on.set()
        assert [(await one).status for one in first] == [401] * WAITING_MAX
    assert guard.refused[Refused.BUSY] == 3


# ── anything at all ──────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A closed collector in a thread, for tests that are not asynchronous."""
    loop = asyncio.new_event_loop()
    guard = Guard(
        live(tmp_path_factory.mktemp("access")),
        budget=FailureBudget(burst=1_000_000),
    )
    runner = web.AppRunner(closed_app(guard), access_log=None)

    async def start() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return int(runner.addresses[0][1])

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def status_of(port: int, authorization: bytes) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: "
            + authorization
            + b"\r\n\r\n"
        )
        with connection.makefile("rb") as answer:
            return int(answer.readline().split()[1])


ANYTHING = st.binary(max_size=80) | st.builds(
    bytes.__add__,
    st.sampled_from([b"Basic ", b"basic\t", b"Bearer ", b"Bearer wgb_", b"Basic cmVhZGVyOg"]),
    st.binary(max_size=60) | st.text("abcdefXYZ019+/=-_.~: ", max_size=60).map(str.encode),
)


@given(ANYTHING)
def test_no_random_header_gets_in_or_breaks_anything(port: int, authorization: bytes) -> None:
    """What is no HTTP at all is 400."""
    assert status_of(port, authorization) in {400, 401}


@given(st.text(max_size=100))
def test_reading_a_header_never_raises(text: str) -> None:
    for authorization in (text, f"Basic {text}", f"Bearer {text}"):
        found = http.basic(authorization)
        assert found is None or all(isinstance(part, str) for part in found)
        token = bearer(authorization)
        assert token is None or token.isascii()
