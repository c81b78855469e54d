"""A way to a provider without a network, a server that replays answers, and factors of fuels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from fractions import Fraction
from typing import NamedTuple

from aiohttp import web

from fake_providers import asking, serving
from wattgram_collector.intensities.providers.answers import outcome_of_status
from wattgram_collector.intensities.providers.client import HttpClient
from wattgram_collector.intensities.providers.mix import Factors
from wattgram_collector.intensities.providers.provider import (
    Answer,
    Outcome,
    ProviderError,
    Window,
)
from wattgram_collector.intensity import Intensity, Scope

KEY = "key-that-no-text-may-hold"

# IPCC AR5 WG3 annex III (2014), medians; oil is UK POST (2006). For tests: the shipped set is
# another file's.
LIFECYCLE = Factors(
    "ipcc_ar5",
    Scope.LIFECYCLE,
    {
        fuel: Fraction(grams)
        for fuel, grams in {
            "coal": 820,
            "gas": 490,
            "oil": 650,
            "biomass": 230,
            "solar": 48,
            "geothermal": 38,
            "hydro": 24,
            "nuclear": 12,
            "wind": 11,
            "wind_offshore": 12,
        }.items()
    },
)
DIRECT = Factors(
    "ipcc_ar5",
    Scope.DIRECT,
    {
        fuel: Fraction(grams)
        for fuel, grams in {"coal": 760, "gas": 370, "nuclear": 0, "hydro": 0, "wind": 0}.items()
    },
)


def at(text: str) -> int:
    """Unix seconds of an ISO time."""
    return int(datetime.fromisoformat(text).timestamp())


def window(start: str, end: str) -> Window:
    return Window(at(start), at(end))


def summary(found: Sequence[Intensity]) -> list[tuple[str, int, str]]:
    """Start (day, hour, minute of UTC), minutes, value: what most tests are about."""
    return [
        (
            f"{datetime.fromtimestamp(one.valid_from_unix_seconds, UTC):%dT%H:%M}",
            (one.valid_until_unix_seconds - one.valid_from_unix_seconds) // 60,
            one.grams_per_kilowatt_hour,
        )
        for one in found
    ]


class Asked(NamedTuple):
    path: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]


Reply = Answer | bytes
Rule = tuple[str, Mapping[str, str], Reply | Callable[[Asked], Reply]]


class TableClient:
    """Answers by path and parameters: the first rule that fits; what none fits is not found.

    Implements `Client` with all its outcomes. Each answer takes a turn of the
    loop, so that others can ask meanwhile.
    """

    def __init__(self, *rules: Rule) -> None:
        self.rules = list(rules)
        self.asked: list[Asked] = []

    async def get(
        self,
        path: str,
        *,
        parameters: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        asked = Asked(path, dict(parameters), dict(headers or {}))
        self.asked.append(asked)
        await asyncio.sleep(0)
        answer = self.answer(asked)
        outcome = outcome_of_status(answer.status)
        if outcome is not Outcome.OK:
            raise ProviderError(outcome, f"HTTP {answer.status}")
        return answer

    def answer(self, asked: Asked) -> Answer:
        for path, wanted, reply in self.rules:
            if path == asked.path and wanted.items() <= asked.parameters.items():
                found = reply(asked) if callable(reply) else reply
                return found if isinstance(found, Answer) else Answer(200, {}, found)
        return Answer(404, {}, b"")

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


@asynccontextmanager
async def replayed(table: TableClient) -> AsyncIterator[HttpClient]:
    """Yield the real client of a server on loopback that answers as the table does."""

    def handle(request: web.Request) -> web.Response:
        asked = Asked(request.path, dict(request.query), dict(request.headers))
        table.asked.append(asked)
        answer = table.answer(asked)
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async with serving(handle) as server, asking(server.url) as client:
        yield client
