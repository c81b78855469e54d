"""EIA: answers as version 2 of its API gives them, and every way in which they are odd.

Shapes: https://www.eia.gov/opendata/documentation.php (v2.1.x), form EIA-930 reference tables,
and gridstatus pull requests 475 and 559 (storage and unknown sources).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_client import (
    DIRECT,
    KEY,
    LIFECYCLE,
    Asked,
    TableClient,
    at,
    replayed,
    summary,
    window,
)
from wattgram_collector.intensities.providers import eia
from wattgram_collector.intensities.providers.eia import PATH, Eia
from wattgram_collector.intensities.providers.eia_areas import respondent_of
from wattgram_collector.intensities.providers.mix import Factors
from wattgram_collector.intensities.providers.provider import (
    Answer,
    Outcome,
    ProviderError,
    Window,
)
from wattgram_collector.intensity import (
    Boundary,
    Intensity,
    Losses,
    Scope,
    Signal,
    Status,
    Tier,
)

NIGHT = window("2026-03-27T00:00Z", "2026-03-27T03:00Z")
ZONE = "US-CAL-CISO"


def row(period: str, source: str, value: object, **changes: object) -> dict[str, Any]:
    return {
        "period": period,
        "respondent": "CISO",
        "respondent-name": "California Independent System Operator",
        "fueltype": source,
        "type-name": source,
        "value": value,
        "value-units": "megawatthours",
        **changes,
    }


def body(*rows: dict[str, Any], total: object = None) -> bytes:
    """The answer repeats the request, key and all."""
    return json.dumps(
        {
            "response": {
                "total": str(len(rows)) if total is None else total,
                "dateFormat": 'YYYY-MM-DD"T"HH24',
                "frequency": "hourly",
                "data": rows,
                "description": "Hourly net generation by balancing authority and energy source.",
            },
            "request": {"command": PATH, "params": {"api_key": KEY}},
            "apiVersion": "2.1.12",
        }
    ).encode()


def parsed(
    *rows: dict[str, Any], over: Window = NIGHT, factors: Factors = LIFECYCLE
) -> list[Intensity]:
    return eia.parse(body(*rows), "CISO", ZONE, over, factors)


def refusal(*rows: dict[str, Any], factors: Factors = LIFECYCLE) -> ProviderError:
    with pytest.raises(ProviderError) as refused:
        parsed(*rows, factors=factors)
    return refused.value


# ── what rows say ────────────────────────────────────────────────────────────────────────


def test_a_period_is_named_by_its_end() -> None:
    found = parsed(row("2026-03-27T01", "NG", "30"), row("2026-03-27T01", "NUC", "10"))

    assert found == [
        Intensity(
            zone=ZONE,
            grams_per_kilowatt_hour="370.5",
            tier=Tier.LIVE,
            provider="eia",
            version="ipcc_ar5",
            valid_from_unix_seconds=at("2026-03-27T00:00:00Z"),
            valid_until_unix_seconds=at("2026-03-27T01:00:00Z"),
            signal=Signal.AVERAGE,
            scope=Scope.LIFECYCLE,
            boundary=Boundary.PRODUCTION,
            losses=Losses.BUSBAR,
            status=Status.MEASURED,
        )
    ]


def test_midnight_belongs_to_the_day_before() -> None:
    found = parsed(
        row("2026-03-27T00", "NG", "30"), over=window("2026-03-26T23:30Z", "2026-03-27T00:00Z")
    )

    assert summary(found) == [("26T23:00", 60, "490")]


@pytest.mark.parametrize("value", ["456.7", 456.7, 457, "457", "1e2"])
def test_numbers_may_be_strings(value: object) -> None:
    assert summary(parsed(row("2026-03-27T01", "COL", value))) == [("27T00:00", 60, "820")]


def test_numbers_are_exact() -> None:
    found = parsed(row("2026-03-27T01", "NG", "0.1"), row("2026-03-27T01", "NUC", 0.2))

    assert summary(found) == [("27T00:00", 60, "171.333")]


def test_charging_and_pumping_are_not_generation_and_discharge_is_not_carbon_free() -> None:
    both = [row("2026-03-27T01", "NG", "30"), row("2026-03-27T01", "NUC", "10")]
    for source in ("BAT", "PS", "OES", "UES"):
        for value in ("-500", "500"):
            assert parsed(*both, row("2026-03-27T01", source, value)) == parsed(*both)
    assert parsed(*both, row("2026-03-27T01", "SUN", "-7")) == parsed(*both)


def test_solar_with_a_battery_is_solar_beside_solar_without() -> None:
    sun = row("2026-03-27T01", "SUN", "10"), row("2026-03-27T01", "SNB", "20")

    assert summary(parsed(*sun, row("2026-03-27T01", "COL", "30"))) == [("27T00:00", 60, "434")]


def test_the_axis_is_that_of_the_factors() -> None:
    (found,) = parsed(row("2026-03-27T01", "COL", "1"), factors=DIRECT)

    assert (found.scope, found.grams_per_kilowatt_hour) == (Scope.DIRECT, "760")


@pytest.mark.parametrize("source", ["OTH", "UNK", "XYZ"])
def test_other_sources_need_a_factor_for_unknown_ones(source: str) -> None:
    rows = row("2026-03-27T01", source, "1"), row("2026-03-27T01", "NUC", "1")
    table = {**LIFECYCLE.grams_per_kilowatt_hour, "unknown": 700}
    factors = LIFECYCLE._replace(grams_per_kilowatt_hour=table)  # type: ignore[arg-type]

    assert refusal(*rows).outcome is Outcome.PARTIAL
    assert summary(parsed(*rows, factors=factors)) == [("27T00:00", 60, "356")]


def hours(*gas: object) -> list[dict[str, Any]]:
    """Hours with nuclear, and with gas where a value is given."""
    return [
        one
        for hour, value in enumerate(gas, start=1)
        for one in (
            row(f"2026-03-27T0{hour}", "NUC", "1"),
            row(f"2026-03-27T0{hour}", "NG", value),
        )
    ]


def test_null_is_a_missing_plant_and_not_zero() -> None:
    error = refusal(*hours("1", None, "1"))

    assert error.outcome is Outcome.PARTIAL
    assert [start for start, _, _ in summary(error.values)] == ["27T00:00", "27T02:00"]
    assert len(parsed(*hours("1", "0", "1"))) == 3


def test_the_newest_hour_waits_for_its_last_plant() -> None:
    assert [start for start, _, _ in summary(parsed(*hours("1", "1", None)))] == [
        "27T00:00",
        "27T01:00",
    ]


def test_the_day_before_tells_which_plants_there_are() -> None:
    earlier = [row("2026-03-26T02", source, "1") for source in ("NUC", "NG")]

    assert refusal(*earlier, row("2026-03-27T01", "NUC", "1")).outcome is Outcome.PARTIAL


def test_an_hour_that_is_said_twice_and_differently_is_left_out() -> None:
    doubled = row("2026-03-27T01", "NG", "1"), row("2026-03-27T01", "NG", "2")

    assert summary(parsed(*doubled, row("2026-03-27T02", "NG", "2"))) == [("27T01:00", 60, "490")]
    assert len(parsed(row("2026-03-27T01", "NG", "1"), row("2026-03-27T01", "NG", "1.0"))) == 1


def test_no_rows_are_no_value_yet() -> None:
    assert refusal().outcome is Outcome.EMPTY


# ── answers that are something else ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"respondent": "PJM"}, Outcome.ZONE_MISMATCH),
        ({"respondent": None}, Outcome.ZONE_MISMATCH),
        ({"value-units": "gigawatthours"}, Outcome.INVALID),
        ({"period": "2026-03-27T01-07"}, Outcome.INVALID),
        ({"period": "2026-03-27"}, Outcome.INVALID),
        ({"period": "2026-13-27T01"}, Outcome.INVALID),
        ({"period": "2026-03-27T24"}, Outcome.INVALID),
        ({"period": 5}, Outcome.INVALID),
        ({"fueltype": None}, Outcome.INVALID),
        ({"value": "n/a"}, Outcome.INVALID),
        ({"value": "NaN"}, Outcome.INVALID),
        ({"value": float("nan")}, Outcome.INVALID),
        ({"value": "1e999999999"}, Outcome.INVALID),
        ({"value": True}, Outcome.INVALID),
    ],
)
def test_a_row_that_is_not_as_documented_is_refused(
    change: dict[str, object], outcome: Outcome
) -> None:
    assert refusal({**row("2026-03-27T01", "NG", "1"), **change}).outcome is outcome


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (b"{}", Outcome.EMPTY),
        (b"", Outcome.INVALID),
        (b"[]", Outcome.INVALID),
        (b"<html>502</html>", Outcome.INVALID),
        (b'{"error": "invalid", "code": 400}', Outcome.INVALID),
        (b'{"response": {"data": []}}', Outcome.INVALID),
        (b'{"response": {"total": "-1", "data": []}}', Outcome.INVALID),
        (b'{"response": {"total": "1.5", "data": []}}', Outcome.INVALID),
        (b'{"response": {"total": "0", "data": {}}}', Outcome.INVALID),
        (
            b'{"response": {"total": "0", "data": [], "frequency": "local-hourly"}}',
            Outcome.INVALID,
        ),
        (body(row("2026-03-27T01", "NG", "1"), total="2"), Outcome.PARTIAL),
    ],
)
def test_an_answer_that_is_not_as_documented_is_refused(text: bytes, outcome: Outcome) -> None:
    with pytest.raises(ProviderError) as refused:
        eia.parse(text, "CISO", ZONE, NIGHT, LIFECYCLE)

    assert refused.value.outcome is outcome


# ── asking ───────────────────────────────────────────────────────────────────────────────


def provider() -> Eia:
    return Eia(lambda: KEY, LIFECYCLE)


async def test_what_is_asked_is_as_documented() -> None:
    client = TableClient((PATH, {}, body(row("2026-03-27T01", "NG", "1"))))

    await provider().fetch(client, ZONE, window("2026-03-27T00:10Z", "2026-03-27T01:10Z"), 0)

    assert [asked.parameters for asked in client.asked] == [
        {
            "api_key": KEY,
            "frequency": "hourly",
            "data[0]": "value",
            "facets[respondent][]": "CISO",
            "start": "2026-03-26T01",
            "end": "2026-03-27T02",
            "sort[0][column]": "period",
            "sort[0][direction]": "asc",
            "sort[1][column]": "fueltype",
            "sort[1][direction]": "asc",
            "length": "5000",
            "offset": "0",
        }
    ]


async def test_rows_that_are_held_back_silently_are_asked_for() -> None:
    rows = hours("1", "2", "3")

    def page(asked: Asked) -> bytes:
        offset = int(asked.parameters["offset"])
        return body(*rows[offset : offset + 4], total=str(len(rows)))

    client = TableClient((PATH, {}, page))

    assert len(await provider().fetch(client, ZONE, NIGHT, 0)) == 3
    assert [asked.parameters["offset"] for asked in client.asked] == ["0", "4"]


async def test_rows_that_never_come_are_not_waited_for() -> None:
    client = TableClient(
        (PATH, {"offset": "0"}, body(*hours("1"), total="9")), (PATH, {}, body(total="9"))
    )

    with pytest.raises(ProviderError) as partial:
        await provider().fetch(client, ZONE, NIGHT, 0)

    assert partial.value.outcome is Outcome.PARTIAL


async def test_a_total_without_end_is_given_up() -> None:
    client = TableClient((PATH, {}, body(*hours("1"), total="999999999")))

    with pytest.raises(ProviderError) as partial:
        await provider().fetch(client, ZONE, NIGHT, 0)

    assert partial.value.outcome is Outcome.PARTIAL
    assert len(client.asked) == eia.PAGES_MAX


@pytest.mark.parametrize(
    "answer",
    [
        Answer(
            403, {}, json.dumps({"error": {"code": "API_KEY_INVALID", "message": KEY}}).encode()
        ),
        Answer(400, {}, json.dumps({"error": KEY, "code": 400}).encode()),
        Answer(200, {}, body(row("2026-03-27T01", KEY, KEY))),
        Answer(200, {}, body(row(KEY, "NG", "1"))),
        Answer(200, {}, KEY.encode()),
    ],
)
async def test_the_key_is_in_no_text(answer: Answer) -> None:
    async with replayed(TableClient((PATH, {}, answer))) as client:
        with pytest.raises(ProviderError) as refused:
            await provider().fetch(client, ZONE, NIGHT, 0)

    assert KEY not in f"{refused.value!r} {refused.value} {provider()!r}"


async def test_over_a_socket_as_documented() -> None:
    wanted = {"api_key": KEY, "facets[respondent][]": "CISO", "data[0]": "value"}

    async with replayed(TableClient((PATH, wanted, body(*hours("1", "1"))))) as client:
        found = await provider().fetch(client, ZONE, NIGHT, 0)

    assert summary(found) == [("27T00:00", 60, "251"), ("27T01:00", 60, "251")]


# ── zones ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("zone", "respondent"),
    [
        ("US-MIDA-PJM", "PJM"),
        ("US-CAL-CISO", "CISO"),
        ("US-TEX-ERCO", "ERCO"),
        ("us-nw-pacw", "PACW"),
        ("US-PJM", "PJM"),
        ("US-ERCT", "ERCO"),
        ("US-NEWE", "ISNE"),
        ("US-CAR-SC", "SC"),
        ("US-SC", None),
        ("US-CAMX", None),
        ("US-CAL-PJM", None),
        ("US", None),
        ("PJM", None),
        ("DE", None),
    ],
)
def test_zones_are_balancing_areas_and_nothing_that_is_only_like_one(
    zone: str, respondent: str | None
) -> None:
    assert respondent_of(zone) == respondent
    assert provider().serves(zone) is (respondent is not None)


def test_no_authority_has_the_name_of_an_egrid_subregion_that_is_another_place() -> None:
    subregions = (
        "AKGD AKMS AZNM CAMX FRCC HIMS HIOA MROE MROW NWPP NYCW NYLI NYUP PRMS RFCE RFCM RFCW "
        "RMPA SPNO SPSO SRMV SRMW SRSO SRTV SRVC"
    )

    assert not [code for code in subregions.split() if respondent_of(f"US-{code}")]


# ── whatever comes ───────────────────────────────────────────────────────────────────────

JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just([])
ROWS = st.fixed_dictionaries(
    {},
    optional={
        "period": st.sampled_from(["2026-03-27T01", "2026-03-27T02"]) | JSON,
        "respondent": st.just("CISO") | JSON,
        "fueltype": st.sampled_from(["NG", "COL", "BAT", "XYZ"]) | JSON,
        "value": st.integers(-9, 99).map(str) | JSON,
    },
)
ANSWERS = st.binary(max_size=99) | st.builds(
    lambda total, rows: json.dumps({"response": {"total": total, "data": rows}}).encode(),
    st.integers(0, 3).map(str) | JSON,
    st.lists(ROWS | JSON, max_size=4) | JSON,
)


@given(ANSWERS, st.sampled_from([LIFECYCLE, DIRECT]))
def test_whatever_comes_is_values_on_the_axis_asked_for_or_an_error(
    text: bytes, factors: Factors
) -> None:
    try:
        found = eia.parse(text, "CISO", ZONE, NIGHT, factors)
    except ProviderError as error:
        found = list(error.values)

    assert {(one.scope, one.signal) for one in found} <= {(factors.scope, Signal.AVERAGE)}
