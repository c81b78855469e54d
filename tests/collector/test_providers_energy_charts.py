"""Energy-Charts: `co2eq` as its API documents and gives it.

Shapes: https://api.energy-charts.info (OpenAPI v1.5): lists of equal length with nulls, HTTP 422
with `detail` for a bad request; `unix_seconds` and columns may be null.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_client import TableClient, at, replayed, summary, window
from wattgram_collector.intensities.providers.energy_charts import PATH, EnergyCharts, parse
from wattgram_collector.intensities.providers.provider import Answer, Outcome, ProviderError
from wattgram_collector.intensity import Boundary, Losses, Scope, Status

START = at("2026-07-12T22:00Z")
EVENING = window("2026-07-12T22:00Z", "2026-07-13T00:00Z")


def body(measured: Any, forecast: Any = None, step: int = 900, **others: Any) -> bytes:
    times = [START + step * number for number in range(len(measured or forecast))]
    said = {"unix_seconds": times, "co2eq": measured, "co2eq_forecast": forecast}
    return json.dumps({**said, "deprecated": False, **others}).encode()


def outcome(answer: bytes) -> Outcome:
    with pytest.raises(ProviderError) as caught:
        parse(answer, "DE", EVENING)
    return caught.value.outcome


def test_measured_wins_over_forecast_and_null_is_not_there() -> None:
    answer = body([491.5, 502.60, None, None], [480.0, None, 505.25, None])
    found = parse(answer, "DE", EVENING)

    assert summary(found) == [("12T22:00", 15, "491.5"), ("12T22:15", 15, "502.6"),
                              ("12T22:30", 15, "505.25")]  # fmt: skip
    assert [one.status for one in found] == [Status.MEASURED, Status.MEASURED, Status.FORECAST]


def test_the_number_is_kept_as_published() -> None:
    answer = body([412.1]).replace(b"412.1", b"412.10000000000002")

    assert parse(answer, "DE", EVENING)[0].grams_per_kilowatt_hour == "412.10000000000002"


def test_what_its_documentation_does_not_say_stays_unsaid() -> None:
    (found,) = parse(body([0]), "DE", EVENING)
    (told,) = parse(body([0]), "DE", EVENING, Scope.LIFECYCLE)

    assert (found.scope, found.boundary, found.losses) == (
        Scope.UNSPECIFIED, Boundary.UNSPECIFIED, Losses.UNSPECIFIED,
    )  # fmt: skip
    assert told.scope is Scope.LIFECYCLE
    assert found.value == 0


def test_a_country_may_have_hours() -> None:
    assert summary(parse(body([1, 2], step=3_600), "CH", EVENING)) == [
        ("12T22:00", 60, "1"), ("12T23:00", 60, "2"),
    ]  # fmt: skip


def test_a_gap_in_the_times_is_a_gap() -> None:
    answer = body([1, 2, 3], unix_seconds=[START, START + 900, START + 3_600])

    assert [one.valid_until_unix_seconds - START for one in parse(answer, "DE", EVENING)] == [
        900, 1_800, 4_500,
    ]  # fmt: skip


def test_what_is_before_or_after_the_window_is_left_out() -> None:
    """The end is part of its answers, and a day is a local one."""
    answer = body([1, 2, 3], unix_seconds=[START - 900, START, START + 7_200])

    assert summary(parse(answer, "DE", EVENING)) == [("12T22:00", 15, "2")]


@pytest.mark.parametrize(
    "answer",
    [b"{}", body([None, None], [None, None]), body([], []), b'{"unix_seconds": null}',
     b'{"unix_seconds": [], "deprecated": true}'],
)  # fmt: skip
def test_an_answer_without_a_value_is_empty(answer: bytes) -> None:
    assert outcome(answer) is Outcome.EMPTY


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"[]", b"<html>", b'{"detail": [{"loc": [], "msg": "x", "type": "y"}]',
        b'{"unix_seconds": {}}', b'{"unix_seconds": [1, "x"], "co2eq": [1, 2]}',
        body([1, 2], [1]), body([1, 2], unix_seconds=[START]),
        body([1, 2], unix_seconds=[START, START]),
        body([1, 2], unix_seconds=[START + 900, START]),
        body([1, 2], step=60), body([1, 2], unix_seconds=[-900, 0]),
        body("12"), body([True]), body([float("nan")]), body([[1]]), body([-0.1]), body([2000.1]),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_invalid(answer: bytes) -> None:
    assert outcome(answer) is Outcome.INVALID


def test_one_bad_value_costs_no_others() -> None:
    with pytest.raises(ProviderError) as caught:
        parse(body(["NaN", "12.5", 3e9]), "DE", EVENING)

    assert caught.value.outcome is Outcome.INVALID
    assert summary(caught.value.values) == [("12T22:15", 15, "12.5")]


VALUES = st.lists(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), max_size=6)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_provider_error(answer: bytes) -> None:
    with pytest.raises(ProviderError):
        parse(answer, "DE", EVENING)


@given(VALUES, VALUES, VALUES)
def test_any_columns_are_values_in_order_or_a_provider_error(
    times: list[Any], measured: list[Any], forecast: list[Any]
) -> None:
    said = {"unix_seconds": times, "co2eq": measured, "co2eq_forecast": forecast}
    try:
        found = parse(json.dumps(said).encode(), "DE", EVENING)
    except ProviderError:
        return
    starts = [one.valid_from_unix_seconds for one in found]
    assert starts == sorted(set(starts))


async def test_what_is_asked_over_a_real_connection() -> None:
    table = TableClient((PATH, {"country": "de"}, body([1, 2])))
    async with replayed(table) as client:
        found = await EnergyCharts().fetch(client, "DE", EVENING, START)

    assert len(found) == 2
    assert table.asked[0].parameters == {
        "country": "de", "start": "2026-07-12T22:00Z", "end": "2026-07-13T00:00Z",
    }  # fmt: skip


async def test_a_country_that_it_has_not_is_a_client_error() -> None:
    table = TableClient((PATH, {}, Answer(422, {}, b'{"detail": []}')))
    async with replayed(table) as client:
        with pytest.raises(ProviderError) as caught:
            await EnergyCharts().fetch(client, "DE", EVENING, START)

    assert caught.value.outcome is Outcome.CLIENT_ERROR


@pytest.mark.parametrize(
    ("zone", "is_served"),
    [("DE", True), ("FR", True), ("XK", True), ("GB", False), ("UK", False), ("US", False),
     ("EU", False), ("ALL", False), ("de", False), ("NO-NO1", False), ("", False)],
)  # fmt: skip
def test_it_serves_countries_of_europe(zone: str, is_served: bool) -> None:  # noqa: FBT001
    assert EnergyCharts().serves(zone) is is_served
