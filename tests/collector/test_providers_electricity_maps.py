"""Electricity Maps: v3 and v4 as documented, and every answer that is none.

Shapes: https://portal.electricitymaps.com/developer-hub/api/reference (v3: past, past-range,
history, latest, forecast), https://app.electricitymaps.com/docs (v4: `flowTraced`,
`temporalGranularity`). Errors: `{"error": "Invalid auth-token"}` and 401 for too many requests:
electricitymaps-contrib #7752 and #8047; "no-data" at 200: home-assistant co2signal.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_client import KEY, TableClient, at, replayed, summary, window
from wattgram_collector.intensities.providers.electricity_maps import (
    ALONE_SECONDS,
    ElectricityMaps,
    horizon,
)
from wattgram_collector.intensities.providers.electricity_maps_answers import Question, parse
from wattgram_collector.intensities.providers.provider import (
    Answer,
    Outcome,
    ProviderError,
    Window,
)
from wattgram_collector.intensity import Boundary, Losses, Scope, Status, Tier

NOW = at("2024-05-17T10:20Z")
DAY = window("2024-05-17T08:00Z", "2024-05-17T11:00Z")
ASKED = Question("NL", Scope.LIFECYCLE, DAY)
PATH = "/v3/carbon-intensity"


def hour(
    start: str = "2024-05-17T10:00:00.000Z", value: Any = 124, **others: Any
) -> dict[str, Any]:
    said = {
        "zone": "NL", "carbonIntensity": value, "datetime": start,
        "updatedAt": "2024-05-17T10:14:51.123Z", "createdAt": "2024-05-14T10:14:51.123Z",
        "emissionFactorType": "lifecycle", "isEstimated": True,
        "estimationMethod": "TIME_SLICER_AVERAGE",
    }  # fmt: skip
    return {**said, **others}


def measured(start: str, value: Any = 131, **others: Any) -> dict[str, Any]:
    return hour(start, value, isEstimated=False, estimationMethod=None, **others)


def history(*hours: Any, name: str = "history", **others: Any) -> bytes:
    return json.dumps({"zone": "NL", name: list(hours), **others}).encode()


def forecast(*starts: str) -> bytes:
    hours = [{"carbonIntensity": 99, "datetime": start} for start in starts]
    return history(*hours, name="forecast", updatedAt="2024-05-17T10:05:00.000Z")


def outcome(answer: Any, question: Question = ASKED) -> Outcome:
    data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    with pytest.raises(ProviderError) as caught:
        parse(data, question)
    return caught.value.outcome


def maps(version: str = "v3", scope: Scope = Scope.LIFECYCLE) -> ElectricityMaps:
    return ElectricityMaps(lambda: KEY, scope, version)


PAST = history(measured("2024-05-17T08:00:00.000Z"), hour("2024-05-17T09:00:00.000Z", 0), hour())
DENIED = Answer(401, {}, b'{"error": "Invalid auth-token"}')


# ── what an answer holds ─────────────────────────────────────────────────────────────────────


def test_what_was_measured_is_live_and_what_was_estimated_is_estimated() -> None:
    found = parse(PAST, ASKED)

    assert summary(found) == [
        ("17T08:00", 60, "131"),
        ("17T09:00", 60, "0"),
        ("17T10:00", 60, "124"),
    ]
    assert [one.tier for one in found] == [Tier.LIVE, Tier.ESTIMATED, Tier.ESTIMATED]
    assert {one.version for one in found} == {"2024-05-17T10:14:51.123Z"}


def test_a_value_that_does_not_say_how_it_came_is_estimated() -> None:
    (found,) = parse(history({"carbonIntensity": 1, "datetime": "2024-05-17T10:00:00Z"}), ASKED)

    assert found.status is Status.ESTIMATED


def test_it_is_traced_and_at_the_busbar_and_on_the_axis_asked_for() -> None:
    direct = ASKED._replace(scope=Scope.DIRECT)
    (found,) = parse(json.dumps(hour(emissionFactorType="direct")).encode(), direct)

    assert (found.zone, found.provider, found.scope) == ("NL", "electricity_maps", Scope.DIRECT)
    assert (found.boundary, found.losses) == (Boundary.CONSUMPTION, Losses.BUSBAR)


def test_what_is_not_traced_says_so() -> None:
    answer = hour(flowTraced=False, temporalGranularity="hourly")
    (found,) = parse(json.dumps(answer).encode(), ASKED)

    assert found.boundary is Boundary.PRODUCTION


@pytest.mark.parametrize(("granularity", "minutes"), [("5_minutes", 5), ("15_minutes", 15)])
def test_finer_slots_are_understood(granularity: str, minutes: int) -> None:
    answer = history(hour(), name="data", temporalGranularity=granularity)

    assert summary(parse(answer, ASKED)) == [("17T10:00", minutes, "124")]


def test_a_forecast_is_never_live() -> None:
    (found,) = parse(forecast("2024-05-17T10:00:00.000Z"), ASKED, is_forecast=True)

    assert (found.tier, found.version) == (Tier.FORECAST, "2024-05-17T10:05:00.000Z")


def test_null_is_not_zero() -> None:
    answer = history(hour(value=None), measured("2024-05-17T09:00:00.000Z", 0))

    assert summary(parse(answer, ASKED)) == [("17T09:00", 60, "0")]


@pytest.mark.parametrize(
    "answer",
    [{}, {"status": "no-data", "zone": "NL"}, {"zone": "NL", "history": []}, hour(value=None)],
)
def test_an_answer_without_a_value_is_empty(answer: Any) -> None:
    assert outcome(answer) is Outcome.EMPTY


@pytest.mark.parametrize(
    "answer",
    [
        hour(estimationMethod="SANDBOX_MODE_DATA"),
        hour(_disclaimer="Data is from SANDBOX MODE and is intentionally inaccurate."),
        {"zone": "NL", "history": [hour(), hour(estimationMethod="SANDBOX_MODE_DATA")]},
        {"zone": "NL", "_disclaimer": "sandbox mode", "forecast": []},
        {**hour(estimationMethod="SANDBOX_MODE_DATA"), "zone": "DE"},
    ],
)  # fmt: skip
def test_the_data_of_a_sandbox_is_synthetic(answer: Any) -> None:
    assert outcome(answer) is Outcome.SYNTHETIC


def test_another_disclaimer_is_none_of_ours() -> None:
    assert len(parse(json.dumps(hour(_disclaimer="academic use only")).encode(), ASKED)) == 1


@pytest.mark.parametrize(
    "answer",
    [hour(zone="DE"), hour(zone=None), hour(zone="nl"), {"history": [hour()]},
     {"zone": "NL", "history": [hour(zone="BE")]}],
)  # fmt: skip
def test_the_place_of_the_caller_is_a_zone_mismatch(answer: Any) -> None:
    assert outcome(answer) is Outcome.ZONE_MISMATCH


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"[]", b"nginx", b'"x"', {"error": "Invalid auth-token"}, {"message": "x"},
        {"zone": "NL", "history": {}}, {"zone": "NL", "history": [1]},
        hour(emissionFactorType="direct"), hour("2024-05-17"), hour("2024-05-17T10:00:00"),
        hour(1715940000), hour(temporalGranularity="monthly"), hour(temporalGranularity=1),
        hour(value="n/a"), hour(value=True), hour(value=-1), hour(value=2001),
        hour(value=float("nan")), hour(value=float("inf")), hour(value=[1]),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_invalid(answer: Any) -> None:
    assert outcome(answer) is Outcome.INVALID


def test_one_bad_value_costs_no_others() -> None:
    with pytest.raises(ProviderError) as caught:
        parse(history(hour(value=-5), measured("2024-05-17T09:00:00Z", "131.5")), ASKED)

    assert summary(caught.value.values) == [("17T09:00", 60, "131.5")]


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_provider_error(answer: bytes) -> None:
    with pytest.raises(ProviderError):
        parse(answer, ASKED)


@given(
    st.dictionaries(
        st.sampled_from([*hour(), "_disclaimer", "flowTraced", "temporalGranularity"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    )
)
def test_any_hour_is_a_value_or_a_provider_error(said: dict[str, Any]) -> None:
    try:
        found = parse(history(hour(**said), hour()), ASKED)
    except ProviderError as error:
        found = list(error.values)
    assert all(0 <= one.value <= 2_000 and one.scope is Scope.LIFECYCLE for one in found)


# ── what is asked ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", ["v3", "v4"])
async def test_the_last_day_is_asked_over_a_real_connection(version: str) -> None:
    table = TableClient((f"/{version}/carbon-intensity/history", {"zone": "NL"}, PAST))
    async with replayed(table) as client:
        found = await maps(version).fetch(client, "NL", DAY, NOW)

    assert len(found) == 3
    (asked,) = table.asked
    assert asked.parameters == {
        "zone": "NL", "emissionFactorType": "lifecycle", "temporalGranularity": "hourly",
        "disableCallerLookup": "true",
    }  # fmt: skip
    assert asked.headers["auth-token"] == KEY
    assert KEY not in str(asked.parameters) + asked.path


async def test_what_was_wins_over_what_was_expected() -> None:
    table = TableClient(
        (f"{PATH}/history", {}, PAST),
        (f"{PATH}/forecast", {"horizonHours": "48"},
         forecast("2024-05-17T10:00:00.000Z", "2024-05-17T11:00:00.000Z")),
    )  # fmt: skip
    ahead = Window(DAY.start_unix_seconds, NOW + 30 * 3_600)
    found = await maps().fetch(table, "NL", ahead, NOW)

    assert [one.grams_per_kilowatt_hour for one in found] == ["131", "0", "124", "99"]
    assert found[-1].status is Status.FORECAST


async def test_the_hour_itself_is_asked_as_latest() -> None:
    table = TableClient((f"{PATH}/latest", {}, json.dumps(hour()).encode()))
    found = await maps().fetch(table, "NL", window("2024-05-17T10:00Z", "2024-05-17T11:00Z"), NOW)

    assert summary(found) == [("17T10:00", 60, "124")]


async def test_more_than_a_day_is_asked_as_a_range() -> None:
    table = TableClient(
        (f"{PATH}/past-range", {}, history(measured("2024-05-15T00:00:00Z"), name="data"))
    )
    week = window("2024-05-12T00:00Z", "2024-05-17T11:00Z")
    found = await maps().fetch(table, "NL", week, NOW)

    assert summary(found) == [("15T00:00", 60, "131")]
    asked = table.asked[0].parameters
    assert (asked["start"], asked["end"]) == ("2024-05-12T00:00Z", "2024-05-17T10:20Z")


async def test_a_plan_without_range_and_forecast_gets_the_last_day_and_asks_no_more() -> None:
    """401 says that the plan has it not, or that it was too much; history tells which."""
    table = TableClient(
        (f"{PATH}/past-range", {}, DENIED), (f"{PATH}/forecast", {}, DENIED),
        (f"{PATH}/history", {}, PAST),
    )  # fmt: skip
    week = window("2024-05-12T00:00Z", "2024-05-19T11:00Z")
    provider = maps()

    assert len(await provider.fetch(table, "NL", week, NOW)) == 3
    assert table.paths() == [f"{PATH}/past-range", f"{PATH}/history", f"{PATH}/forecast"]
    await provider.fetch(table, "NL", week, NOW + ALONE_SECONDS - 1)
    assert table.paths()[3:] == [f"{PATH}/history"]
    await provider.fetch(table, "NL", week, NOW + ALONE_SECONDS)
    assert len(table.paths()) == 7


async def test_a_401_for_everything_is_unauthorized_and_says_nothing_of_the_plan() -> None:
    table = TableClient((f"{PATH}/past-range", {}, DENIED), (f"{PATH}/history", {}, DENIED))
    provider = maps()
    for _ in range(2):
        with pytest.raises(ProviderError) as caught:
            await provider.fetch(
                table, "NL", window("2024-05-12T00:00Z", "2024-05-17T10:00Z"), NOW
            )
        assert caught.value.outcome is Outcome.UNAUTHORIZED

    assert table.paths() == [f"{PATH}/past-range", f"{PATH}/history"] * 2


async def test_a_range_that_fails_otherwise_is_a_failure() -> None:
    table = TableClient(
        (f"{PATH}/past-range", {}, Answer(503, {}, b"")), (f"{PATH}/history", {}, PAST)
    )
    with pytest.raises(ProviderError) as caught:
        await maps().fetch(table, "NL", window("2024-05-12T00:00Z", "2024-05-17T10:00Z"), NOW)

    assert caught.value.outcome is Outcome.SERVER_ERROR


async def test_what_is_older_than_the_history_of_the_plan_is_empty() -> None:
    table = TableClient((f"{PATH}/past-range", {}, DENIED))
    with pytest.raises(ProviderError) as caught:
        await maps().fetch(table, "NL", window("2024-05-12T00:00Z", "2024-05-13T00:00Z"), NOW)

    assert caught.value.outcome is Outcome.EMPTY


@pytest.mark.parametrize("answer", [Answer(500, {}, b""), b"{}", b"nginx", Answer(404, {}, b"")])
async def test_what_was_is_had_without_a_forecast(answer: Any) -> None:
    table = TableClient((f"{PATH}/history", {}, PAST), (f"{PATH}/forecast", {}, answer))

    assert (
        len(await maps().fetch(table, "NL", Window(DAY.start_unix_seconds, NOW + 90_000), NOW))
        == 3
    )


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (forecast().replace(b"NL", b"DK"), Outcome.ZONE_MISMATCH),
        (history(name="forecast", _disclaimer="SANDBOX MODE"), Outcome.SYNTHETIC),
    ],
)
async def test_a_forecast_of_another_place_or_world_spoils_all(
    answer: bytes, found: Outcome
) -> None:
    table = TableClient((f"{PATH}/history", {}, PAST), (f"{PATH}/forecast", {}, answer))
    with pytest.raises(ProviderError) as caught:
        await maps().fetch(table, "NL", Window(DAY.start_unix_seconds, NOW + 90_000), NOW)

    assert caught.value.outcome is found


@pytest.mark.parametrize(
    ("hours", "found"), [(1, "24"), (24, "24"), (24.1, "48"), (48, "48"), (60, "72"), (200, "72")]
)
def test_the_horizon_is_the_shortest_that_reaches(hours: float, found: str) -> None:
    assert horizon(int(hours * 3_600)) == found


@pytest.mark.parametrize(("scope", "version"), [(Scope.UNSPECIFIED, "v3"), (Scope.DIRECT, "v2")])
def test_there_is_no_other_axis_or_version(scope: Scope, version: str) -> None:
    with pytest.raises(ValueError, match="electricity_maps: no scope"):
        maps(version, scope)


@pytest.mark.parametrize(
    "zone", ["NL", "US-CAL-CISO", "JP-TK", "US-HI", "GB", "GB-NIR", "US-NE-ISNE"]
)
def test_it_serves_its_zones(zone: str) -> None:
    assert maps().serves(zone)


@pytest.mark.parametrize(
    "zone", ["", "nl", "GB-1", "GB-17", "US-CAMX", "US-NYUP", "WORLD", "NL&zone=DE", "NL\n", "A"]
)
def test_it_does_not_serve_zones_of_others(zone: str) -> None:
    assert not maps().serves(zone)
