"""Advice over HTTP: the shapes of the Carbon Aware SDK, and errors that say what is wrong."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from advice_scenes import EIGHT, HALF_HOUR, history, slots
from collector_fakes import TroubledLedger, configured
from wattgram_collector.advising import Advisor, advisor
from wattgram_collector.config import CollectorConfig
from wattgram_collector.daemon import serving
from wattgram_collector.exposition.advice_queries import time_span
from wattgram_collector.exposition.advice_routes import advice_routes
from wattgram_collector.exposition.web import application
from wattgram_collector.intensities.history import History
from wattgram_collector.intensities.places import Places
from wattgram_collector.intensity import Recorded, Scope, Signal, Status

HOUR = 3600
NOW = EIGHT + 600
FORECAST = ["300", "300", "200", "100", "100", "300"]
CURRENT = "/emissions/forecasts/current"
MEAN = "/emissions/average-carbon-intensity"


def scene() -> History:
    """DE was measured for two hours and is forecast for three; FR was measured only."""
    return history(
        slots([400, 380, 360, 340], EIGHT - 2 * HOUR, Status.MEASURED),
        slots(FORECAST),
        slots([50, 40, None, 60], EIGHT - 2 * HOUR, Status.ESTIMATED, zone="FR"),
        slots([900, 500, 700], zone="DE", provider="watttime", signal=Signal.MARGINAL,
              scope=Scope.DIRECT),
    )  # fmt: skip


def over(known: History) -> Advisor:
    return advisor(CollectorConfig(), known, Places().zone)


@asynccontextmanager
async def served(known: History | None = None) -> AsyncIterator[Callable[..., Any]]:
    """Give `ask(path)`: status and body."""
    routes = advice_routes(over(scene() if known is None else known), lambda: NOW + 0.5)
    app = application([], CollectorRegistry(), lambda: True, 0, others=routes)
    async with TestClient(TestServer(app)) as client:

        async def ask(path: str) -> tuple[int, Any]:
            answer = await client.get(path)
            if answer.status == 204:
                return 204, await answer.text()
            expected = "application/json" if answer.status == 200 else "application/problem+json"
            assert answer.content_type == expected
            return answer.status, await answer.json()

        yield ask


# ── what was observed ────────────────────────────────────────────────────────────────────


async def test_what_was_observed_is_an_array_of_emissions_data() -> None:
    async with served() as ask:
        status, found = await ask(
            "/emissions/bylocation?location=DE&time=2026-01-02T07:00:00Z&toTime=2026-01-02T08:00Z"
        )
    assert status == 200
    assert found == [
        {"location": "DE", "time": "2026-01-02T07:00:00+00:00", "rating": 360.0,
         "duration": "00:30:00"},
        {"location": "DE", "time": "2026-01-02T07:30:00+00:00", "rating": 340.0,
         "duration": "00:30:00"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("period", "ratings"),
    [
        ("", [400, 380, 360, 340]),  # the last day; forecasts were observed by nobody
        ("&time=2026-01-02T06:45:00Z&toTime=2026-01-02T07:15:00Z", [380, 360]),
        ("&startTime=2026-01-02T07:00:00Z&endTime=2026-01-02T07:30:00Z", [360]),
        ("&toTime=2026-01-02T06:30:00Z", [400]),
        ("&time=2026-01-02T07:30:00", [340]),
        ("&time=2026-01-02T08:30:00+01:00", [340]),
        ("&time=2026-01-02T08:30:00%2B01:00", [340]),
        ("&time=2026-01-02&toTime=2026-01-03", [400, 380, 360, 340]),
    ],
)
async def test_a_period_is_half_open_and_by_default_the_last_day(
    period: str, ratings: list[int]
) -> None:
    async with served() as ask:
        _, found = await ask(f"/emissions/bylocation?location=DE{period}")
    assert [one["rating"] for one in found] == ratings


async def test_a_slot_without_a_value_is_left_out_and_a_time_without_slots_is_no_content() -> None:
    async with served() as ask:
        _, found = await ask("/emissions/bylocation?location=FR")
        nothing = await ask("/emissions/bylocation?location=FR&toTime=2026-01-01T00:00Z")
    assert [one["rating"] for one in found] == [50, 40, 60]
    assert nothing == (204, "")


async def test_several_locations_and_the_best_of_them() -> None:
    both = "location=DE&location=FR&location=DE"
    async with served() as ask:
        _, found = await ask(f"/emissions/bylocations?{both}")
        _, best = await ask(f"/emissions/bylocations/best?{both}")
        empty = await ask("/emissions/bylocations/best?location=DE&toTime=2026-01-01T00:00Z")
    assert [one["location"] for one in found] == ["DE"] * 4 + ["FR"] * 3
    assert best == [
        {"location": "FR", "time": "2026-01-02T06:30:00+00:00", "rating": 40.0,
         "duration": "00:30:00"},
    ]  # fmt: skip
    assert empty == (204, "")


async def test_a_place_in_a_zone_is_a_location_and_keeps_its_name() -> None:
    async with served() as ask:
        _, found = await ask("/emissions/bylocation?location=aws:eu-central-1")
        _, other = await ask("/emissions/bylocation?location=DEU")
    assert {one["location"] for one in found} == {"aws:eu-central-1"}
    assert [one["rating"] for one in found] == [one["rating"] for one in other]


async def test_the_mean_of_a_period_counts_parts_of_slots() -> None:
    async with served() as ask:
        status, found = await ask(
            f"{MEAN}?location=DE&startTime=2026-01-02T06:20:00Z&endTime=2026-01-02T07:00:00Z"
        )
    assert status == 200
    assert found == {
        "location": "DE",
        "startTime": "2026-01-02T06:20:00+00:00",
        "endTime": "2026-01-02T07:00:00+00:00",
        "carbonIntensity": (10 * 400 + 30 * 380) / 40,
    }


@pytest.mark.parametrize(
    ("location", "start", "end", "parameter", "text"),
    [
        ("FR", "06:00", "07:45", "endTime", "reach to 2026-01-02T07:00:00Z only"),
        ("FR", "07:00", "07:45", "startTime", "the next begins at 2026-01-02T07:30:00Z"),
        ("DE", "07:00", "08:15", "endTime", "reach to 2026-01-02T08:00:00Z only"),
        ("DE", "07:00", "07:00", "startTime", "startTime must be before endTime."),
        ("DE", "08:00", "07:00", "startTime", "startTime must be before endTime."),
    ],
)
async def test_a_mean_of_what_is_not_known_is_none(
    location: str, start: str, end: str, parameter: str, text: str
) -> None:
    async with served() as ask:
        status, problem = await ask(
            f"{MEAN}?location={location}&startTime=2026-01-02T{start}Z&endTime=2026-01-02T{end}Z"
        )
    assert status == 400
    assert text in problem["errors"][parameter][0]


async def test_locations_are_the_zones_that_somebody_said_something_of() -> None:
    async with served() as ask:
        found = await ask("/locations")
    async with served(History()) as ask:
        none = await ask("/locations")
    assert found == (
        200,
        {zone: {"latitude": None, "longitude": None, "name": zone} for zone in ("DE", "FR")},
    )
    assert none == (204, "")


# ── what is expected ─────────────────────────────────────────────────────────────────────


async def test_a_forecast_has_its_windows_and_the_best_of_them() -> None:
    async with served() as ask:
        status, found = await ask(
            f"{CURRENT}?location=DE&dataStartAt=2026-01-02T08:30:00Z"
            "&dataEndAt=2026-01-02T11:00:00Z&windowSize=60"
        )

    def point(time: str, value: float) -> dict[str, Any]:
        stamp = f"2026-01-02T{time}:00+00:00"
        return {"location": "DE", "timestamp": stamp, "duration": 60, "value": value}

    assert status == 200
    assert found == [
        {
            "generatedAt": "2026-01-02T07:50:00+00:00",
            "requestedAt": "2026-01-02T08:10:00+00:00",
            "location": "DE",
            "dataStartAt": "2026-01-02T08:30:00+00:00",
            "dataEndAt": "2026-01-02T11:00:00+00:00",
            "windowSize": 60,
            "optimalDataPoints": [point("09:30", 100.0)],
            "forecastData": [
                point("08:30", 250.0),
                point("09:00", 150.0),
                point("09:30", 100.0),
                point("10:00", 200.0),
            ],
        }
    ]


async def test_without_times_it_is_all_from_now_on_and_a_window_is_a_slot() -> None:
    async with served() as ask:
        _, (found,) = await ask(f"{CURRENT}?location=DE")
    assert found["dataStartAt"] == "2026-01-02T08:10:00+00:00"
    assert found["dataEndAt"] == "2026-01-02T11:00:00+00:00"
    assert found["windowSize"] == 30
    assert found["forecastData"][0]["timestamp"] == "2026-01-02T08:10:00+00:00"
    best = [one["timestamp"][11:16] for one in found["optimalDataPoints"]]
    assert best == ["09:30", "10:00"]  # both as good, the earliest first


async def test_a_forecast_that_begins_later_is_shown_from_there() -> None:
    async with served(history(slots(FORECAST, EIGHT + HOUR))) as ask:
        _, (found,) = await ask(f"{CURRENT}?location=DE")
        status, problem = await ask(f"{CURRENT}?location=DE&dataStartAt=2026-01-02T08:30Z")
        early = await ask(f"{CURRENT}?location=DE&dataEndAt=2026-01-02T08:30Z")
    assert found["dataStartAt"] == "2026-01-02T09:00:00+00:00"
    assert status == 400
    assert "the next begins at 2026-01-02T09:00:00Z" in problem["errors"]["dataStartAt"][0]
    assert early[0] == 400
    assert "is not after 2026-01-02T09:00:00Z" in early[1]["errors"]["dataEndAt"][0]


async def test_a_window_that_is_longer_than_the_forecast_has_no_points() -> None:
    async with served() as ask:
        status, (found,) = await ask(f"{CURRENT}?location=DE&windowSize=171&advice=true")
    assert status == 200
    assert found["forecastData"] == []
    assert found["optimalDataPoints"] is None
    assert found["dataEndAt"] == "2026-01-02T11:00:00+00:00"
    assert found["advice"] is None


async def test_who_asks_is_told_what_the_advice_is_worth() -> None:
    async with served() as ask:
        _, (plain,) = await ask(f"{CURRENT}?location=DE&windowSize=60")
        _, (found,) = await ask(f"{CURRENT}?location=DE&windowSize=60&advice=true")
        _, (short,) = await ask(
            f"{CURRENT}?location=DE&windowSize=10&dataEndAt=2026-01-02T09:00Z&advice=true"
        )
        _, (marginal,) = await ask(
            f"{CURRENT}?location=DE&windowSize=30&signal=marginal&advice=true"
        )
    told = found.pop("advice")
    assert found == plain
    assert told["clear_benefit"] is True
    assert told["saving_grams_per_kilowatt_hour"] == 550 / 3
    assert (told["signal"], told["provider"]) == ("average", "energy_charts")
    assert short["advice"]["clear_benefit"] is False
    assert (marginal["advice"]["signal"], marginal["advice"]["scope"]) == ("marginal", "direct")
    assert marginal["optimalDataPoints"][0]["value"] == 500.0


@pytest.mark.parametrize("start", ["", "&dataStartAt=2026-01-02T09:00Z"])
async def test_a_zone_without_a_forecast_is_501(start: str) -> None:
    async with served() as ask:
        status, problem = await ask(f"{CURRENT}?location=FR{start}")
    assert status == problem["status"] == 501
    assert problem["title"] == "Not Implemented"
    assert problem["detail"].startswith("no forecast of FR is kept (average, lifecycle)")


# ── what is wrong ────────────────────────────────────────────────────────────────────────

LONDON = "2026-01-02T08:00Z"


@pytest.mark.parametrize(
    ("path", "parameter", "text"),
    [
        ("/emissions/bylocation", "location", "The location field is required."),
        ("/emissions/bylocation?location=", "location", "The location field is required."),
        ("/emissions/bylocations", "location", "The location field is required."),
        ("/emissions/bylocations/best", "location", "The location field is required."),
        (CURRENT, "location", "The location field is required."),
        (MEAN, "location", "The location field is required."),
        (f"{MEAN}?location=DE", "startTime",
         "The startTime field is required."),
        (f"{MEAN}?location=DE&startTime={LONDON}", "endTime",
         "The endTime field is required."),
        ("/emissions/bylocation?location=DE&location=FR", "location", "One location"),
        ("/emissions/bylocation?location=XX", "location",
         "Nothing is known of the location 'XX'."),
        ("/emissions/bylocations?location=DE&location=XX", "location", "'XX'"),
        (f"{CURRENT}?location=XX", "location", "'XX'"),
        (f"{MEAN}?location=XX&startTime=2026-01-01&endTime={LONDON}", "location", "'XX'"),
        ("/emissions/bylocations?" + "&".join(["location=DE"] * 21), "location",
         "21 locations are more than 20"),
        ("/emissions/bylocation?location=DE&time=yesterday", "time", "'yesterday' is no time"),
        ("/emissions/bylocation?location=DE&time=0001-01-01", "time", "outside of the years"),
        (f"/emissions/bylocation?location=DE&time={LONDON}&time={LONDON}", "time",
         "time is there 2 times"),
        (f"/emissions/bylocation?location=DE&time={LONDON}&toTime={LONDON}", "time",
         "time must be before toTime."),
        (f"/emissions/bylocation?location=DE&time=2025-12-01&toTime={LONDON}", "time",
         "more than 31 days"),
        (f"/emissions/bylocations?location=DE&location=FR&time=2025-12-15&toTime={LONDON}",
         "time", "more than 31 days over all locations"),
        (f"{CURRENT}?location=DE&dataEndAt=2026-01-02T12:00Z", "dataEndAt",
         "DE: from 2026-01-02T08:10:00Z on, values reach to 2026-01-02T11:00:00Z only"),
        (f"{CURRENT}?location=DE&dataStartAt=2026-01-02T11:00Z", "dataStartAt",
         "DE: the forecast is of 2026-01-02T08:00:00Z to 2026-01-02T11:00:00Z only"),
        (f"{CURRENT}?location=DE&dataStartAt=1970-01-01", "dataStartAt", "the forecast is of"),
        (f"{CURRENT}?location=DE&dataStartAt={LONDON}&dataEndAt={LONDON}", "dataStartAt",
         "dataStartAt must be before dataEndAt."),
        (f"{CURRENT}?location=DE&dataEndAt=2026-01-02T07:00Z", "dataStartAt", "must be before"),
        (f"{CURRENT}?location=DE&windowSize=0", "windowSize", "windowSize is whole minutes"),
        (f"{CURRENT}?location=DE&windowSize=-5", "windowSize", "'-5'"),
        (f"{CURRENT}?location=DE&windowSize=1.5", "windowSize", "'1.5'"),
        (f"{CURRENT}?location=DE&windowSize=99999999999", "windowSize", "1 to 44640"),
        (f"{CURRENT}?location=DE&windowSize=44641", "windowSize", "1 to 44640"),
        (f"{CURRENT}?location=DE&signal=green", "signal", "signal is average or marginal"),
        (f"{CURRENT}?location=DE&advice=please", "advice", "advice is true or false"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_named_with_its_parameter(
    path: str, parameter: str, text: str
) -> None:
    async with served() as ask:
        status, problem = await ask(path)
    assert status == problem["status"] == 400
    assert problem["title"] == "One or more validation errors occurred."
    assert problem["type"].startswith("https://")
    assert list(problem["errors"]) == [parameter]
    assert text in problem["errors"][parameter][0]


def test_durations_are_written_as_the_sdk_does() -> None:
    found = [time_span(seconds) for seconds in (300, HALF_HOUR, HOUR, 86_399, 86_400, 93_784)]
    assert found == [
        "00:05:00", "00:30:00", "01:00:00", "23:59:59", "1.00:00:00", "1.02:03:04",
    ]  # fmt: skip


def test_the_error_of_a_forecast_is_what_is_configured_exactly() -> None:
    assert over(History()).error_ratio == Fraction(1, 10)


async def test_a_running_collector_answers_with_what_its_ledger_has(tmp_path: Path) -> None:
    """The current slot and the next, by the clock of this machine: the next one is the best."""
    start = int(time.time()) // HALF_HOUR * HALF_HOUR
    expected = [Recorded(one, start) for one in slots(["300", "100"], start)]
    with closing(TroubledLedger(tmp_path / "ledger.sqlite")) as ledger:
        ledger.record_intensities(expected)
        async with (
            serving(configured(tmp_path), ledger) as (_, http_port),
            ClientSession(f"http://127.0.0.1:{http_port}") as session,
            session.get(f"{CURRENT}?location=DE") as answer,
        ):
            (found,) = await answer.json()
    assert [one["value"] for one in found["optimalDataPoints"]] == [100.0]
