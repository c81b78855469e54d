"""From the configuration over a real connection to the sink: each answer and its outcome."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from fake_providers import Bodies, Handler, Store, says, serving
from provider_client import KEY, LIFECYCLE
from wattgram_collector.intensities.providers.answers import iso_minutes
from wattgram_collector.intensities.providers.counts import ProviderCounts
from wattgram_collector.intensities.providers.kinds import Axis
from wattgram_collector.intensities.providers.settings import ProviderSettings
from wattgram_collector.intensities.providers.surroundings import Surroundings
from wattgram_collector.intensities.providers.wiring import feeding
from wattgram_collector.intensity import Scope, Status

NOW = 1_750_000_000
HERE = NOW // 1_800 * 1_800
BOMB = gzip.compress(b" " * 4_000_000, mtime=0)
AXIS = Axis(Scope.DIRECT, lambda _: LIFECYCLE)


def neso(*actual: Any) -> bytes:
    return json.dumps({"data": [
        {"from": iso_minutes(HERE - 1_800 * number),
         "to": iso_minutes(HERE - 1_800 * (number - 1)),
         "intensity": {"forecast": 200, "actual": one, "index": "moderate"}}
        for number, one in enumerate(actual, start=1)
    ]}).encode()  # fmt: skip


def maps(**said: Any) -> bytes:
    hour = {"zone": "NL", "carbonIntensity": 124, "datetime": iso_minutes(NOW // 3_600 * 3_600),
            "emissionFactorType": "direct", "isEstimated": True, **said}  # fmt: skip
    return json.dumps({"zone": hour["zone"], "history": [hour]}).encode()


async def outcomes(
    name: str,
    zone: str,
    handler: Handler,
    tmp_path: Path,
    store: Store | None = None,
    steady_seconds: Callable[[], float] = lambda: NOW,
) -> set[str]:
    """Ask once, over a real connection; return what was counted."""
    key = tmp_path / "key"
    key.write_text(KEY)
    key.chmod(0o600)
    counts = ProviderCounts()
    asked = asyncio.Event()
    store = store or Store()

    async def sleep(seconds: float) -> None:
        if counts.requests:
            asked.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)

    around = Surroundings(
        zones=lambda: [zone], kept=store.kept, sink=store.take, counts=counts,
        unix_seconds=lambda: NOW, steady_seconds=steady_seconds, dice=lambda: 0.0, sleep=sleep,
    )  # fmt: skip
    async with serving(handler) as server:
        sections = {name: ProviderSettings(enabled=True, url=server.url, token_file=key)}
        async with feeding(sections, AXIS, around):
            await asyncio.wait_for(asked.wait(), 10)
    return {outcome.value for (_, outcome), count in counts.requests.items() if count}


def elsewhere(_: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "https://login.example/"})


@pytest.mark.parametrize(
    ("handler", "outcome"),
    [
        (says(body=neso(150, 160)), "ok"),
        (says(body=gzip.compress(neso(150), mtime=0), Content_Encoding="gzip"), "ok"),
        (says(body=b"{}"), "empty"),
        (says(body=b'{"data": []}'), "empty"),
        (says(body=neso(-1)), "invalid"),
        (says(body=neso("NaN")), "invalid"),
        (says(body=neso(150)[:-9]), "invalid"),
        (says(500, b'{"error": {"code": "500 Internal Server Error", '
                   b'"message": "Requested resource not found."}}'), "server_error"),
        (says(503), "server_error"),
        (says(400, b'{"error": {"code": "400 Bad Request"}}'), "client_error"),
        (says(404), "not_found"),
        (says(429, Retry_After="60"), "rate_limited"),
        (says(403, b"<html>nginx</html>", Content_Type="text/html"), "unauthorized"),
        (lambda _: Bodies([b'{"data"'], length=99), "unreachable"),
        (lambda _: Bodies([b"x" * 65_536] * 40), "oversized"),
        (says(body=BOMB, Content_Encoding="gzip"), "oversized"),
        (elsewhere, "invalid"),
    ],
)  # fmt: skip
async def test_every_answer_of_neso_has_its_outcome(
    handler: Handler, outcome: str, tmp_path: Path
) -> None:
    assert await outcomes("neso", "GB", handler, tmp_path) == {outcome}


@pytest.mark.parametrize(
    ("handler", "found"),
    [
        (says(401, b'{"error": "Invalid auth-token"}'), {"unauthorized"}),
        (says(body=b'{"status": "no-data", "zone": "NL"}'), {"empty"}),
        (says(body=maps(zone="US-NY-NYIS")), {"zone_mismatch"}),
        (says(body=maps(estimationMethod="SANDBOX_MODE_DATA")), {"synthetic"}),
        (says(body=maps(emissionFactorType="lifecycle")), {"invalid"}),
        (says(body=maps(carbonIntensity=None)), {"empty"}),
    ],
)
async def test_every_answer_of_electricity_maps_has_its_outcome(
    handler: Handler, found: set[str], tmp_path: Path
) -> None:
    assert await outcomes("electricity_maps", "NL", handler, tmp_path) == found


async def test_what_was_asked_over_the_road_is_in_the_sink(tmp_path: Path) -> None:
    store = Store()
    await outcomes("neso", "GB", says(body=neso(150, 160)), tmp_path, store)
    (taken,) = store.taken

    assert [one.grams_per_kilowatt_hour for one in taken] == ["160", "150"]
    assert {(one.status, one.scope) for one in taken} == {(Status.MEASURED, Scope.DIRECT)}


async def test_it_is_asked_by_a_clock_that_goes_on_between_two_looks(tmp_path: Path) -> None:
    looked: list[float] = []

    def steady_seconds() -> float:
        looked.append(NOW + len(looked) / 1_000_000)
        assert len(looked) < 10_000, "it only looks at the clock"
        return looked[-1]

    found = await outcomes(
        "neso", "GB", says(body=neso(150)), tmp_path, steady_seconds=steady_seconds
    )
    assert found == {"ok"}


async def test_nothing_is_begun_when_nobody_is_enabled() -> None:
    before = asyncio.all_tasks()
    around = Surroundings(
        zones=lambda: ["GB"], kept=Store().kept, sink=Store().take, counts=ProviderCounts()
    )
    async with feeding({"neso": ProviderSettings()}, AXIS, around):
        assert asyncio.all_tasks() == before
