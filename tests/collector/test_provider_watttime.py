"""WattTime: tokens, regions and marginal values, and every way in which they are odd.

Shapes: https://docs.watttime.org (openapi.json, version V3) and the examples in it.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_client import KEY, Asked, Reply, TableClient, at, replayed, summary, window
from wattgram_collector.intensities.providers import watttime_answers
from wattgram_collector.intensities.providers.provider import (
    Answer,
    Outcome,
    ProviderError,
    Window,
)
from wattgram_collector.intensities.providers.watttime import TOKEN_SECONDS, WattTime
from wattgram_collector.intensities.providers.watttime_answers import Place, region_or_place
from wattgram_collector.intensity import (
    Axes,
    Boundary,
    Intensity,
    Losses,
    Scope,
    Signal,
    Status,
    Tier,
)

ZONE = "US-CAL-CISO"
REGION = "CAISO_NORTH"
NOW = at("2026-03-27T12:00Z")
MODEL = "2023-03-01"
PAST = window("2026-03-27T11:00Z", "2026-03-27T12:00Z")
AHEAD = window("2026-03-27T12:00Z", "2026-03-27T13:00Z")
MINUTE = 60


def point(time: str, value: object = 870, **more: object) -> dict[str, Any]:
    return {"point_time": time, "value": value, **more}


def body(*points: dict[str, Any], **changes: object) -> bytes:
    meta = {
        "data_point_period_seconds": 300,
        "model": {"date": MODEL, "type": "binned_regression"},
        "region": REGION,
        "signal_type": "co2_moer",
        "units": "lbs_co2_per_mwh",
        "warnings": [{"type": "EXAMPLE_WARNING", "message": "This is just an example"}],
        **changes,
    }
    return json.dumps({"data": points, "meta": meta}).encode()


def parsed(
    *points: dict[str, Any], over: Window = PAST, forecast: bool = False
) -> list[Intensity]:
    return watttime_answers.parse(body(*points), ZONE, REGION, over, forecast=forecast)


def refusal(text: bytes) -> ProviderError:
    with pytest.raises(ProviderError) as refused:
        watttime_answers.parse(text, ZONE, REGION, PAST, forecast=False)
    return refused.value


# ── values ───────────────────────────────────────────────────────────────────────────────


def test_history_is_marginal_and_its_version_is_the_date_of_the_model() -> None:
    found = parsed(point("2026-03-27T11:00:00+00:00", 770.884, imputed_data_used=False))

    assert found == [
        Intensity(
            zone=ZONE,
            grams_per_kilowatt_hour="349.667",
            tier=Tier.LIVE,
            provider="watttime",
            version=MODEL,
            valid_from_unix_seconds=at("2026-03-27T11:00Z"),
            valid_until_unix_seconds=at("2026-03-27T11:05Z"),
            signal=Signal.MARGINAL,
            scope=Scope.DIRECT,
            boundary=Boundary.UNSPECIFIED,
            losses=Losses.UNSPECIFIED,
            status=Status.MEASURED,
        )
    ]


@pytest.mark.parametrize("scope", Scope)
def test_no_account_of_emissions_is_ever_priced_with_it(scope: Scope) -> None:
    (found,) = parsed(point("2026-03-27T11:00:00Z"))

    assert not Axes(scope=scope).fit(found)


def test_imputed_history_is_estimated_and_a_forecast_is_a_forecast() -> None:
    imputed = point("2026-03-27T11:00:00Z", imputed_data_used=True)
    (estimated,), (expected,) = parsed(imputed), parsed(imputed, forecast=True)

    assert (estimated.status, estimated.tier) == (Status.ESTIMATED, Tier.ESTIMATED)
    assert (expected.status, expected.tier) == (Status.FORECAST, Tier.FORECAST)


def test_the_included_end_is_the_next_slot_and_not_part_of_the_window() -> None:
    found = parsed(point("2026-03-27T11:55:00Z"), point("2026-03-27T12:00:00Z"))

    assert [start for start, _, _ in summary(found)] == ["27T11:55"]


def test_null_is_no_value_and_zero_is_one() -> None:
    found = parsed(point("2026-03-27T11:00:00Z", None), point("2026-03-27T11:05:00Z", 0))

    assert summary(found) == [("27T11:05", 5, "0")]


@pytest.mark.parametrize("points", [[], [point("2026-03-27T11:00:00Z", None)]])
def test_no_values_are_empty(points: list[dict[str, Any]]) -> None:
    assert refusal(body(*points)).outcome is Outcome.EMPTY
    assert refusal(b"{}").outcome is Outcome.EMPTY


@pytest.mark.parametrize("value", [-0.0001, -40, 4_410, "NaN", float("nan"), True, {}])
def test_a_value_that_cannot_be_is_refused_and_the_others_are_kept(value: object) -> None:
    error = refusal(body(point("2026-03-27T11:00:00Z", value), point("2026-03-27T11:05:00Z", 0)))

    assert error.outcome is Outcome.INVALID
    assert summary(error.values) == [("27T11:05", 5, "0")]


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"units": "percentile"}, Outcome.INVALID),
        ({"signal_type": "co2_aoer"}, Outcome.INVALID),
        ({"signal_type": "health_damage"}, Outcome.INVALID),
        ({"region": "PSCO"}, Outcome.ZONE_MISMATCH),
        ({"data_point_period_seconds": 0}, Outcome.INVALID),
        ({"data_point_period_seconds": 7_200}, Outcome.INVALID),
        ({"data_point_period_seconds": None}, Outcome.INVALID),
        ({"model": {}}, Outcome.INVALID),
        ({"model": None}, Outcome.INVALID),
        ({"model": {"date": "latest\n"}}, Outcome.INVALID),
    ],
)
def test_what_was_not_asked_for_is_refused(change: dict[str, object], outcome: Outcome) -> None:
    assert refusal(body(point("2026-03-27T11:00:00Z"), **change)).outcome is outcome


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html><head><title>403 Forbidden</title></head></html>",
        b'{"error": "Invalid scope"}',
        b'{"data": [], "meta": []}',
        body(point("2026-03-27T11:00:00")),
        body(point("yesterday")),
        body(point("2026-03-27T11:00:00Z"), point("2026-03-27T11:04:59Z")),
        body(point("2026-03-27T11:00:00Z"), point("2026-03-27T11:00:00Z", 1)),
        body().replace(b"[]", b"{}"),
        body().replace(b"[]", b"[1]"),
    ],
)
def test_an_answer_that_is_not_as_documented_is_refused(text: bytes) -> None:
    assert refusal(text).outcome is Outcome.INVALID


JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just([])
POINTS = st.fixed_dictionaries(
    {},
    optional={
        "point_time": st.sampled_from(["2026-03-27T11:00:00Z", "2026-03-27T11:05:00Z"]) | JSON,
        "value": st.floats(-9, 5_000) | JSON,
        "imputed_data_used": JSON,
    },
)
ANSWERS = st.binary(max_size=99) | st.builds(
    lambda points, changes: body(*points, **changes),
    st.lists(POINTS, max_size=3),
    st.dictionaries(
        st.sampled_from(["region", "units", "model", "data_point_period_seconds"]),
        JSON,
        max_size=1,
    ),
)


@given(ANSWERS, st.booleans())
def test_whatever_comes_is_marginal_values_or_an_error(text: bytes, forecast: bool) -> None:  # noqa: FBT001
    try:
        found = watttime_answers.parse(text, ZONE, REGION, PAST, forecast=forecast)
    except ProviderError as error:
        found = list(error.values)

    assert {one.signal for one in found} <= {Signal.MARGINAL}
    assert {one.status is Status.FORECAST for one in found} <= {forecast}


@given(st.binary(max_size=99) | JSON.map(lambda token: json.dumps({"token": token}).encode()))
def test_whatever_a_login_answers_is_a_token_fit_for_a_header_or_an_error(text: bytes) -> None:
    try:
        token = watttime_answers.parse_token(text)
    except ProviderError:
        return

    assert token
    assert token.isascii()
    assert token.isprintable()
    assert " " not in token


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "é", "x" * 8193, None, True, ["x"]])
def test_a_token_that_no_header_could_hold_is_none(token: object) -> None:
    with pytest.raises(ProviderError) as refused:
        watttime_answers.parse_token(json.dumps({"token": token}).encode())

    assert refused.value.outcome is Outcome.INVALID


# ── the token ────────────────────────────────────────────────────────────────────────────

HISTORY, FORECAST = "/v3/historical", "/v3/forecast"


class Service:
    """WattTime as documented: who is logged in, and until when."""

    def __init__(self) -> None:
        self.logins = 0
        self.valid: set[str] = set()
        self.locked_out = False
        self.forbidden = False
        self.table = TableClient(
            ("/login", {}, self.login),
            (HISTORY, {}, lambda asked: self.answer(asked, point("2026-03-27T11:00:00Z"))),
            (FORECAST, {}, lambda asked: self.answer(asked, point("2026-03-27T12:00:00Z"))),
            ("/v3/region-from-loc", {}, self.region),
        )
        self.regions = {"region": REGION, "signal_type": "co2_moer", "region_full_name": "x"}

    def login(self, asked: Asked) -> Reply:
        self.logins += 1
        kind, _, account = asked.headers["Authorization"].partition(" ")
        if self.locked_out or (kind, b64decode(account)) != ("Basic", KEY.encode()):
            return Answer(401, {}, b'{"error": "wrong"}')
        self.valid = {f"token-{self.logins}"}
        return json.dumps({"token": f"token-{self.logins}"}).encode()

    def is_known(self, asked: Asked) -> bool:
        return asked.headers["Authorization"].removeprefix("Bearer ") in self.valid

    def answer(self, asked: Asked, *points: dict[str, Any]) -> Reply:
        if not self.is_known(asked):
            return Answer(401, {}, b'{"error": "token expired"}')
        if self.forbidden:
            return Answer(403, {}, b"<html><title>403 Forbidden</title>nginx</html>")
        return body(*points)

    def region(self, asked: Asked) -> Reply:
        if not self.is_known(asked):
            return Answer(403, {}, b'{"error": "Invalid scope"}')
        return json.dumps(self.regions).encode()


def provider(region: str | Place = REGION) -> WattTime:
    return WattTime(lambda: KEY, {ZONE: region})


async def test_one_login_serves_for_25_minutes() -> None:
    service, watttime = Service(), provider()
    for minutes in (0, 5, 24):
        await watttime.fetch(service.table, ZONE, PAST, NOW + minutes * MINUTE)
    assert service.logins == 1

    await watttime.fetch(service.table, ZONE, PAST, NOW + 25 * MINUTE)

    assert service.logins == 2


async def test_a_clock_that_was_set_back_does_not_keep_a_token() -> None:
    service, watttime = Service(), provider()
    await watttime.fetch(service.table, ZONE, PAST, NOW)

    await watttime.fetch(service.table, ZONE, PAST, NOW - MINUTE)

    assert service.logins == 2


async def test_a_refused_token_is_renewed_once() -> None:
    service, watttime = Service(), provider()
    await watttime.fetch(service.table, ZONE, PAST, NOW)
    service.valid = set()

    found = await watttime.fetch(service.table, ZONE, PAST, NOW + 10 * MINUTE)

    assert len(found) == 1
    assert service.logins == 2
    assert service.table.paths()[-3:] == [HISTORY, "/login", HISTORY]


async def test_what_stays_forbidden_is_asked_for_twice_and_no_more() -> None:
    service, watttime = Service(), provider()
    await watttime.fetch(service.table, ZONE, PAST, NOW)
    service.forbidden = True

    with pytest.raises(ProviderError) as refused:
        await watttime.fetch(service.table, ZONE, PAST, NOW + 10 * MINUTE)

    assert refused.value.outcome is Outcome.UNAUTHORIZED
    assert service.table.paths()[-3:] == [HISTORY, "/login", HISTORY]


async def test_a_new_token_that_is_refused_is_no_reason_for_another() -> None:
    service, watttime = Service(), provider()
    service.forbidden = True

    with pytest.raises(ProviderError) as refused:
        await watttime.fetch(service.table, ZONE, PAST, NOW)

    assert refused.value.outcome is Outcome.UNAUTHORIZED
    assert service.table.paths() == ["/login", HISTORY]


async def test_many_that_need_a_token_at_once_log_in_once() -> None:
    service, watttime = Service(), provider()
    for now in (NOW, NOW + TOKEN_SECONDS):
        await asyncio.gather(*(watttime.fetch(service.table, ZONE, PAST, now) for _ in range(20)))
    assert service.logins == 2

    service.valid = set()
    later = NOW + TOKEN_SECONDS + 10 * MINUTE
    found = await asyncio.gather(
        *(watttime.fetch(service.table, ZONE, PAST, later) for _ in range(20))
    )

    assert service.logins == 3
    assert [len(one) for one in found] == [1] * 20


async def test_a_login_that_fails_is_not_tried_again_at_once_by_those_who_wait() -> None:
    service, watttime = Service(), provider()
    service.locked_out = True

    failed = await asyncio.gather(
        *(watttime.fetch(service.table, ZONE, PAST, NOW) for _ in range(20)),
        return_exceptions=True,
    )
    assert {getattr(one, "outcome", None) for one in failed} == {Outcome.UNAUTHORIZED}
    assert service.logins == 1

    service.locked_out = False
    assert len(await watttime.fetch(service.table, ZONE, PAST, NOW + MINUTE)) == 1
    assert service.logins == 2


# ── regions ──────────────────────────────────────────────────────────────────────────────


async def test_the_region_of_a_place_is_asked_for_monthly() -> None:
    service, watttime = Service(), provider(Place("0", "-0.5"))
    days = 86_400
    for now in (NOW, NOW + 29 * days, NOW + 30 * days):
        await watttime.fetch(service.table, ZONE, PAST, now)

    asked = [one for one in service.table.asked if one.path == "/v3/region-from-loc"]
    assert [one.parameters for one in asked] == [
        {"latitude": "0", "longitude": "-0.5", "signal_type": "co2_moer"}
    ] * 2


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"error": "No coverage available for these coordinates"}, Outcome.NOT_FOUND),
        ({"region": "../login"}, Outcome.INVALID),
        ({"region": None}, Outcome.INVALID),
    ],
)
async def test_a_place_without_a_region_has_no_values(
    answer: dict[str, Any], outcome: Outcome
) -> None:
    service = Service()
    service.regions = answer

    with pytest.raises(ProviderError) as refused:
        await provider(Place("10", "10")).fetch(service.table, ZONE, PAST, NOW)

    assert refused.value.outcome is outcome


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("CAISO_NORTH", "CAISO_NORTH"),
        ("38.58,-121.49", Place("38.58", "-121.49")),
        (" 0 , 0 ", Place("0", "0")),
        ("-90,180", Place("-90", "180")),
    ],
)
def test_an_operator_names_a_region_or_a_place(text: str, meant: str | Place) -> None:
    assert region_or_place(text) == meant


@pytest.mark.parametrize(
    "text", ["", "caiso", "1", "1,", "91,0", "0,180.1", "1,2,3", "a,b", "nan,0"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a region of WattTime's nor latitude,longitude"):
        region_or_place(text)


def test_only_zones_with_a_region_are_served() -> None:
    assert provider().serves("us-cal-ciso")
    assert not provider().serves("US-PJM")


# ── asking ───────────────────────────────────────────────────────────────────────────────


async def test_the_past_is_history_and_what_lies_ahead_a_forecast() -> None:
    service = Service()
    over = Window(NOW - 3_600 - 7, NOW + 3_601)

    found = await provider().fetch(service.table, ZONE, over, NOW)

    assert [
        (one.status, start) for one, (start, _, _) in zip(found, summary(found), strict=True)
    ] == [
        (Status.MEASURED, "27T11:00"),
        (Status.FORECAST, "27T12:00"),
    ]
    signal = {"region": REGION, "signal_type": "co2_moer"}
    assert [asked.parameters for asked in service.table.asked[1:]] == [
        {**signal, "start": "2026-03-27T10:55:00Z", "end": "2026-03-27T11:59:59Z"},
        {**signal, "horizon_hours": "2"},
    ]


async def test_a_slot_that_is_measured_is_not_expected_too() -> None:
    service = Service()
    service.table.rules[:0] = [
        (
            FORECAST,
            {},
            lambda _: body(
                point("2026-03-27T11:40:00Z"),
                point("2026-03-27T11:58:00Z"),
                point("2026-03-27T12:03:00Z"),
            ),
        ),
        (HISTORY, {}, lambda _: body(point("2026-03-27T11:55:00Z"))),
    ]

    found = await provider().fetch(service.table, ZONE, Window(NOW - 3_600, NOW + 3_600), NOW)

    assert [start for start, _, _ in summary(found)] == ["27T11:55", "27T12:03"]


async def test_history_is_asked_for_in_parts_of_30_days_that_do_not_overlap() -> None:
    service = Service()

    await provider().fetch(service.table, ZONE, Window(NOW - 70 * 86_400, NOW), NOW)

    spans = [(one.parameters["start"], one.parameters["end"]) for one in service.table.asked[1:]]
    assert spans == [
        ("2026-01-16T12:00:00Z", "2026-02-15T11:59:59Z"),
        ("2026-02-15T12:00:00Z", "2026-03-17T11:59:59Z"),
        ("2026-03-17T12:00:00Z", "2026-03-27T11:59:59Z"),
    ]


async def test_a_forecast_is_asked_for_no_further_than_there_is_one() -> None:
    service = Service()

    await provider().fetch(service.table, ZONE, Window(NOW, NOW + 10 * 86_400), NOW)

    assert service.table.asked[-1].parameters["horizon_hours"] == "72"


async def test_nothing_known_is_empty() -> None:
    service = Service()

    with pytest.raises(ProviderError) as empty:
        await provider().fetch(service.table, ZONE, Window(NOW - 600, NOW), NOW)

    assert empty.value.outcome is Outcome.EMPTY


async def test_over_a_socket_as_documented_and_no_text_holds_the_account() -> None:
    service, watttime = Service(), provider()

    async with replayed(service.table) as client:
        found = await watttime.fetch(client, ZONE, PAST, NOW)
        service.forbidden = True
        with pytest.raises(ProviderError) as refused:
            await watttime.fetch(client, ZONE, PAST, NOW)
        service.locked_out = True
        with pytest.raises(ProviderError) as locked_out:
            await watttime.fetch(client, ZONE, PAST, NOW + TOKEN_SECONDS)

    assert summary(found) == [("27T11:00", 5, "394.625")]
    texts = f"{refused.value!r}{locked_out.value!r}{watttime!r}"
    assert not [secret for secret in (KEY, "token-", "Basic") if secret in texts]
