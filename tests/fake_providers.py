"""A provider's server that misbehaves as real ones do; a clock and a store for feeds."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from wattgram_collector.intensities.providers.client import HttpClient, Limits, session
from wattgram_collector.intensities.providers.counts import ProviderCounts
from wattgram_collector.intensities.providers.feed import Feed
from wattgram_collector.intensities.providers.provider import (
    TIER_OF,
    Client,
    Outcome,
    Provider,
    ProviderError,
    Window,
)
from wattgram_collector.intensities.providers.schedule import Manners
from wattgram_collector.intensities.providers.surroundings import Kept, Source, Surroundings
from wattgram_collector.intensity import Intensity, Status

Handler = Callable[[web.Request], web.StreamResponse | None]
NEVER = web.AppKey("never", asyncio.Event)


class Server:
    """On loopback; `answer` is what it says. None: nothing at all, for ever."""

    def __init__(self, answer: Handler) -> None:
        self.answer = answer
        self.asked: list[web.Request] = []
        self.port = 0
        self.never = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        answer = self.answer(request)
        if answer is None:
            await self.never.wait()
        assert answer is not None
        return answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(answer: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(answer)
    application = web.Application()
    application[NEVER] = server.never
    application.router.add_get("/{path:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        server.port = runner.addresses[0][1]
        yield server
    finally:
        server.never.set()
        await runner.cleanup()


def says(status: int = 200, body: bytes = b"{}", **headers: str) -> Handler:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: web.Response(status=status, body=body, headers=names)


class Bodies(web.StreamResponse):
    """Bytes as they are, whatever the headers promise; then the connection is closed, or not."""

    def __init__(
        self, chunks: Iterable[bytes], *, length: int | None = None, hangs: bool = False
    ) -> None:
        super().__init__()
        self._chunks = chunks
        self._hangs = hangs
        if length is not None:
            self.content_length = length
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> object:  # type: ignore[override]
        writer = await super().prepare(request)
        for chunk in self._chunks:
            await self.write(chunk)
        if self._hangs and isinstance(request, web.Request):
            await request.app[NEVER].wait()
        if request.transport is not None:
            request.transport.close()
        return writer


@asynccontextmanager
async def asking(
    url: str, limits: Limits | None = None, now: float = 0.0, proxy: str | None = None
) -> AsyncIterator[HttpClient]:
    async with session() as shared:
        yield HttpClient(shared, url, limits=limits, unix_seconds=lambda: now, proxy=proxy)


# ── feeds ────────────────────────────────────────────────────────────────────────────────────


class Clock:
    """Time that passes only while somebody sleeps; `boot` is what the steady clock is behind."""

    def __init__(self, unix_seconds: float, boot: float = 1_000.0) -> None:
        self.now = unix_seconds
        self.boot = boot

    def unix_seconds(self) -> float:
        return self.now

    def steady_seconds(self) -> float:
        return self.now - self.boot

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds
        await asyncio.sleep(0)


class Store:
    """What a history keeps, as far as a feed asks: by provider, zone and slot, the newest."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str, int], Intensity] = {}
        self.taken: list[list[Intensity]] = []
        self.is_full = False

    async def take(self, values: Sequence[Intensity]) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.taken.append(list(values))
        for one in values:
            self.values[one.provider, one.zone, one.valid_from_unix_seconds] = one

    def kept(self, provider: str, zone: str, span: Window) -> list[Kept]:
        return [
            Kept(Window(one.valid_from_unix_seconds, one.valid_until_unix_seconds), one.status)
            for (name, place, _), one in self.values.items()
            if (name, place) == (provider, zone)
            and one.valid_from_unix_seconds < span.end_unix_seconds
            and one.valid_until_unix_seconds > span.start_unix_seconds
        ]

    def starts(self, zone: str, status: Status) -> list[int]:
        return sorted(
            start
            for (_, place, start), one in self.values.items()
            if place == zone and one.status is status
        )


class Grid:
    """A provider of half hours that knows what was, up to its lag, and two days ahead.

    `fails` is raised instead of an answer, in all zones or in those that `failing` names.
    """

    name = "grid"
    slot_seconds = 1_800
    lag_seconds = 600

    def __init__(self, *zones: str) -> None:
        self.zones = zones
        self.asked: list[tuple[str, Window, int]] = []
        self.fails: Exception | None = None
        self.failing: Sequence[str] = ()
        self.gives: Sequence[Intensity] | None = None
        self.status = Status.MEASURED

    def serves(self, zone: str) -> bool:
        return zone in self.zones

    async def fetch(
        self, client: Client, zone: str, window: Window, now_unix_seconds: int
    ) -> list[Intensity]:
        self.asked.append((zone, window, now_unix_seconds))
        await client.get(f"/{zone}")
        if self.fails is not None and zone in (self.failing or self.zones):
            raise self.fails
        if self.gives is not None:
            return list(self.gives)
        slot = self.slot_seconds
        published = (now_unix_seconds - self.lag_seconds) // slot * slot
        first = window.start_unix_seconds // slot * slot
        return [
            self.value(zone, start, self.status if start < published else Status.FORECAST)
            for start in range(first, window.end_unix_seconds, slot)
        ]

    def value(self, zone: str, start: int, status: Status = Status.MEASURED) -> Intensity:
        return Intensity(
            zone=zone,
            grams_per_kilowatt_hour="123.4",
            tier=TIER_OF[status],
            provider=self.name,
            version="",
            valid_from_unix_seconds=start,
            valid_until_unix_seconds=start + self.slot_seconds,
            status=status,
        )


MANNERS = Manners(1_000, 3_600.0, forecast_seconds=2 * 86_400)


class Road:
    """One feed from a provider to a store, on a clock of its own."""

    def __init__(
        self,
        provider: Provider,
        client: Client,
        now: float,
        *,
        zones: Sequence[str] = ("DE",),
        configured: tuple[str, ...] = (),
        manners: Manners = MANNERS,
        dice: float = 0.5,
    ) -> None:
        self.zones = list(zones)
        self.clock = Clock(now)
        self.store = Store()
        self.counts = ProviderCounts([provider.name])
        self.feed = Feed(
            Source(provider, client, manners, configured),
            Surroundings(
                zones=lambda: self.zones,
                kept=self.store.kept,
                sink=self.store.take,
                counts=self.counts,
                unix_seconds=self.clock.unix_seconds,
                steady_seconds=self.clock.steady_seconds,
                dice=lambda: dice,
                sleep=self.clock.sleep,
            ),
        )

    async def goes_on(self, seconds: float) -> None:
        end = self.clock.now + seconds
        while self.clock.now < end:
            wait = await self.feed.tick()
            await self.clock.sleep(min(wait, end - self.clock.now))

    @property
    def outcomes(self) -> Counter[str]:
        counted = Counter[str]()
        for (_, outcome), count in self.counts.requests.items():
            counted[outcome.value] += count
        return +counted


def failure(outcome: Outcome, wait: float | None = None) -> ProviderError:
    return ProviderError(outcome, "as the test has it", retry_after_seconds=wait)
