"""HTTP connections: so many at once, so many a second, and who loses his place."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from certificates import Certificates, issue
from wattgram_collector.access import porch as porch_module
from wattgram_collector.access.places import ASK_SECONDS, IDLE_SECONDS, UNREAD_BYTES_MAX, Places
from wattgram_collector.access.porch import OPENINGS_PER_SECOND, Porch
from wattgram_collector.open_files import allow_open_files, wanted_limit


class Chair:
    """What can be at a place."""

    def __init__(self) -> None:
        self.is_gone = False

    def abort(self) -> None:
        self.is_gone = True

    def is_closing(self) -> bool:
        return self.is_gone


def seated(places: Places, *names: str, at: float = 0.0) -> dict[str, Chair]:
    chairs = {name: Chair() for name in names}
    for number, (name, chair) in enumerate(chairs.items()):
        assert places.take(name, chair, at + number / 100)
    return chairs


# ── who goes ─────────────────────────────────────────────────────────────────────────────


def test_who_was_never_let_in_goes_first_and_then_who_sits_longest() -> None:
    places = Places(4)
    chairs = seated(places, "reader", "refused", "silent", "busy")
    places.answered("reader", 1, was_let_in=True)
    places.answered("refused", 2, was_let_in=False)
    places.ask("busy")
    order = []
    for number in range(4):
        places.take(f"new-{number}", Chair(), 3)
        places.ask(f"new-{number}")
        order += [name for name, chair in chairs.items() if chair.is_gone and name not in order]
    assert order == ["silent", "refused", "reader"]
    assert places.cut == {"full": 4, "silent": 0, "unread": 0}  # the last newcomer found no place
    assert len(places) == 4


def test_one_refusal_does_not_undo_that_somebody_was_let_in() -> None:
    places = Places(2)
    chairs = seated(places, "reader", "stranger")
    places.answered("reader", 1, was_let_in=True)
    places.answered("reader", 2, was_let_in=False)
    places.answered("stranger", 3, was_let_in=False)
    assert places.take("new", Chair(), 4)
    assert chairs["stranger"].is_gone


def test_who_says_nothing_goes_and_who_asks_stays() -> None:
    places = Places(9)
    chairs = seated(places, "mute", "slow", "scraper")
    places.ask("slow")
    places.answered("scraper", 1, was_let_in=True)
    places.sweep(ASK_SECONDS)
    assert not any(chair.is_gone for chair in chairs.values())
    places.sweep(ASK_SECONDS + 0.1)
    assert [name for name, chair in chairs.items() if chair.is_gone] == ["mute"]
    places.sweep(IDLE_SECONDS + 1)
    assert not chairs["scraper"].is_gone
    places.sweep(IDLE_SECONDS + 1.1)
    assert chairs["scraper"].is_gone
    assert not chairs["slow"].is_gone
    assert places.cut == {"full": 0, "silent": 2, "unread": 0}


def test_places_of_those_who_left_are_free() -> None:
    places = Places(2)
    chairs = seated(places, "gone", "here")
    chairs["gone"].abort()
    assert places.take("new", Chair(), 1)
    assert not chairs["here"].is_gone
    assert places.cut["full"] == 0
    places.clear()
    assert (len(places), chairs["here"].is_gone) == (0, True)


def test_a_handshake_becomes_a_connection_and_one_that_was_sent_away_does_not() -> None:
    places = Places(1)
    first, connection = seated(places, "first")["first"], Chair()
    places.become("first", connection)
    assert places.take("second", Chair(), 1)
    assert (first.is_gone, connection.is_gone) == (False, True)
    places.become("first", Chair())
    places.ask("first")
    places.answered("first", 2, was_let_in=True)
    assert len(places) == 1


@given(
    st.lists(st.tuples(st.sampled_from("abcdefghij"), st.sampled_from("tkasdl"))),
    st.integers(1, 4),
)
def test_there_are_never_more_than_may_be_and_who_is_being_answered_stays(
    steps: list[tuple[str, str]], most: int
) -> None:
    places, now = Places(most), 0.0
    chairs: dict[str, Chair] = {}
    asking: set[str] = set()
    for name, step in steps:
        now += 1
        if step in "tk" and name not in chairs:
            chairs[name] = Chair()
            if not places.take(name, chairs[name], now):
                assert len(asking) == most  # all are being answered
                del chairs[name]
        elif step == "a" and name in chairs:
            places.ask(name)
            asking.add(name)
        elif step == "d":
            places.answered(name, now, was_let_in=name < "e")
            asking.discard(name)
        elif step == "l" and name in chairs:
            chairs.pop(name).abort()  # it hung up
            asking.discard(name)
        elif step == "s":
            places.sweep(now)
        for gone in [key for key, chair in chairs.items() if chair.is_gone]:
            assert gone not in asking
            del chairs[gone]
        assert len(places) <= most


def test_who_reads_nothing_goes_before_there_is_too_much() -> None:
    places, size = Places(9), UNREAD_BYTES_MAX // 8
    chairs = seated(places, *"abcdefghi")
    shared = bytes(size)
    for number, name in enumerate(chairs):
        places.answered(name, number, was_let_in=True)
        places.send(name, shared if name < "c" else bytes(size))
    assert not any(chair.is_gone for chair in chairs.values())  # of a and b there is one
    places.sent("c")
    places.answered("c", 9, was_let_in=True)
    places.send("c", bytes(size))
    places.send("nobody", bytes(size))
    assert not any(chair.is_gone for chair in chairs.values())
    places.send("d", bytes(2 * size))
    assert [name for name, chair in chairs.items() if chair.is_gone] == ["a", "b"]
    assert places.cut["unread"] == 2


def test_a_few_of_the_largest_answers_fit_however_large_they_are() -> None:
    places = Places(9)
    chairs = seated(places, "first", "second", "third", "fourth", "fifth")
    for number, name in enumerate(chairs):
        places.answered(name, number, was_let_in=True)
        places.send(name, bytes(UNREAD_BYTES_MAX))
    assert [name for name, chair in chairs.items() if chair.is_gone] == ["first"]


# ── on real sockets ──────────────────────────────────────────────────────────────────────


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue(tmp_path_factory.mktemp("certificates"), "agent-1")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(porch_module, "SWEEP_SECONDS", 0.01)


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Door:
    """Connects, and hangs up at the end."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self, tls: ssl.SSLContext | None = None) -> Ends:
        ends = await asyncio.open_connection("127.0.0.1", self.port, ssl=tls)
        self._writers.append(ends[1])
        return ends

    async def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()
        for writer in self._writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def open_house(porch: Porch, host: str = "127.0.0.1") -> AsyncIterator[Door]:
    async def hello(request: web.Request) -> web.Response:
        if "large" in request.query:
            return web.Response(body=bytes(int(request.query["large"])))
        return web.Response(text="hello", status=int(request.query.get("status", "200")))

    app = web.Application()
    app.router.add_get("/", hello)
    porch.stand_before(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    assert runner.server is not None
    door = Door(await porch.open(runner.server, host, 0))
    try:
        yield door
    finally:
        await door.hang_up()
        await porch.close()
        await runner.cleanup()


async def asked(ends: Ends, path: str = "/") -> int:
    """Ask over an open connection; return the status, 0 where it is closed."""
    reader, writer = ends
    with contextlib.suppress(ConnectionError):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        await reader.readexactly(5)
        return int(head.split()[1])
    return 0


async def is_closed(ends: Ends) -> bool:
    try:
        return await asyncio.wait_for(ends[0].read(1), 10) == b""
    except ConnectionError:
        return True


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if holds():
                return
            await asyncio.sleep(0)


async def test_many_that_only_sit_do_not_keep_a_reader_out(clock: Clock) -> None:
    porch = Porch(5, clock=clock)
    async with open_house(porch) as door:
        reader = await door.connect()
        assert await asked(reader) == 200
        sitting = [await door.connect() for _ in range(12)]
        sitting[-1][1].write(b"GET / HTTP/1.1\r\nX-Slow:")  # a head that never ends
        assert await asked(await door.connect()) == 200
        assert await asked(reader) == 200
        assert all([await is_closed(one) for one in sitting[:8]])
        assert len(porch.places) == 5
    assert porch.places.cut["full"] >= 8


async def test_who_was_refused_goes_before_who_was_let_in(clock: Clock) -> None:
    porch = Porch(2, clock=clock)
    async with open_house(porch) as door:
        reader, refused = await door.connect(), await door.connect()
        assert await asked(reader) == 200
        clock.now += 1
        assert await asked(refused, "/?status=401") == 401
        newcomer = await door.connect()
        assert await asked(newcomer) == 200
        assert await is_closed(refused)
        assert await asked(reader) == 200


@pytest.mark.parametrize("is_encrypted", [False, True])
async def test_answers_that_nobody_reads_do_not_fill_the_memory(
    files: Certificates, clock: Clock, *, is_encrypted: bool
) -> None:
    tls = trusting = None
    if is_encrypted:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(files.server_certificate, files.server_key)
        trusting = ssl.create_default_context(cafile=files.authority)
    porch, size = Porch(50, tls, clock=clock), 40 << 20
    async with open_house(porch) as door:
        tracemalloc.start()
        try:
            for _ in range(8):
                clock.now += 0.1
                _, writer = await door.connect(trusting)
                ask = f"GET /?large={size} HTTP/1.1\r\nHost: localhost\r\n\r\n"
                writer.write(ask.encode())
                await asyncio.sleep(0.1)
            held_bytes, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert porch.places.cut["unread"] == 4
        assert held_bytes < 4 * size + (32 << 20)
        assert await asked(await door.connect(trusting)) == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_large_answer_arrives_whole_and_its_place_is_free_of_it(
    clock: Clock, method: str
) -> None:
    porch, size = Porch(5, clock=clock), 3_000_001
    async with open_house(porch) as door:
        reader, writer = await door.connect()
        for _ in range(2):
            writer.write(f"{method} /?large={size} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert f"Content-Length: {size}".encode() in head
            assert b"application/octet-stream" in head
            if method == "GET":
                assert await reader.readexactly(size) == bytes(size)
        assert await asked((reader, writer)) == 200
        assert not any(place.unread for place in porch.places._by_key.values())


async def test_a_head_that_never_ends_is_waited_for_ten_seconds(clock: Clock) -> None:
    porch = Porch(5, clock=clock)
    async with open_house(porch) as door:
        slow = await door.connect()
        slow[1].write(b"GET / HTTP/1.1\r\nX-Slow: 1\r\n")
        await eventually(lambda: len(porch.places) == 1)
        clock.now += ASK_SECONDS + 1
        assert await is_closed(slow)
    assert porch.places.cut == {"full": 0, "silent": 1, "unread": 0}


async def test_who_is_encrypting_has_a_place_too(files: Certificates, clock: Clock) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files.server_certificate, files.server_key)
    trusting = ssl.create_default_context(cafile=files.authority)
    porch = Porch(2, tls, clock=clock)
    async with open_house(porch) as door:
        sitting = [await door.connect() for _ in range(4)]
        await eventually(lambda: porch.places.cut["full"] == 2)
        assert await is_closed(sitting[0])
        noise = await door.connect()
        noise[1].write(b"GET / HTTP/1.1\r\n\r\n")  # no TLS
        await noise[0].read()
        reader = await door.connect(trusting)
        assert await asked(reader) == 200
        clock.now += ASK_SECONDS + 1
        assert await is_closed(sitting[-1])
        assert await asked(reader) == 200


async def test_one_that_is_sent_away_at_the_door_is_hung_up_on(clock: Clock) -> None:
    """Also before its handshake has begun: no descriptor is left to be found as garbage."""
    porch = Porch(1, clock=clock)
    async with open_house(porch) as door:
        reader = await door.connect()
        assert await asked(reader) == 200
        porch.places.ask(next(iter(porch.places._by_key)))
        refused = await door.connect()
        assert await is_closed(refused)
        assert len(porch.places) == 1
    assert porch.places.cut["full"] == 1


async def test_too_many_a_second_wait_and_that_is_counted(clock: Clock) -> None:
    porch = Porch(50, clock=clock, openings_per_second=1_000, openings_burst=2)
    async with open_house(porch) as door:
        for _ in range(10):
            assert await asked(await door.connect()) == 200
    assert porch.slowed_seconds == pytest.approx(sum(range(1, 9)) / 1_000)
    assert OPENINGS_PER_SECOND <= 200  # of handshakes of milliseconds


async def test_every_address_of_a_name_is_listened_on() -> None:
    async with open_house(Porch(9), "localhost") as door:
        assert await asked(await door.connect()) == 200


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with open_house(Porch(9)) as door:
        with pytest.raises(OSError, match="in use"):
            await Porch(9).open(asyncio.Protocol, "127.0.0.1", door.port)


# ── open files ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("soft", "hard", "needed", "wanted"),
    [
        (1_024, 524_288, 11_000, 11_000),
        (1_024, 4_096, 11_000, 4_096),
        (20_000, 20_000, 11_000, 20_000),
        (1_024, resource.RLIM_INFINITY, 11_000, 11_000),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 11_000, resource.RLIM_INFINITY),
    ],
)
def test_the_limit_of_open_files_is_raised_and_never_lowered(
    soft: int, hard: int, needed: int, wanted: int
) -> None:
    assert wanted_limit(soft, hard, needed) == wanted


def test_too_few_open_files_are_said(caplog: pytest.LogCaptureFixture) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    allow_open_files(before[1])
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == before[1]
    assert "open_files_limited" in caplog.text
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
