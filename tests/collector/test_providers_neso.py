"""NESO: answers as the API gives them, every error that it is known for, and DST days.

Shapes: https://carbon-intensity.github.io/api-definitions/ v2.0.0 (`/intensity/{from}/{to}`,
`/regional/intensity/{from}/{to}/regionid/{id}`, `/generation/{from}/{to}`). Errors: issues #19
(500 "Requested resource not found."), #20 (`{}` at 200), #18 of carbon-intensity/api-definitions.
"""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_client import LIFECYCLE, TableClient, at, replayed, summary, window
from wattgram_collector.intensities.providers.answers import iso_minutes
from wattgram_collector.intensities.providers.mix import Factors
from wattgram_collector.intensities.providers.neso import Neso, parse, path
from wattgram_collector.intensities.providers.provider import Outcome, ProviderError, Window
from wattgram_collector.intensity import Boundary, Losses, Scope, Status, Tier

NOON = window("2018-01-20T12:00Z", "2018-01-20T13:30Z")
NOW = at("2018-01-20T13:10Z")
MIX = {
    "biomass": 5.2, "coal": 0.8, "imports": 9.1, "gas": 44.5, "nuclear": 18.3, "other": 0.0,
    "hydro": 1.1, "solar": 2.0, "wind": 19.0,
}  # fmt: skip


def half_hour(start: str, **said: Any) -> dict[str, Any]:
    return {"from": start, "to": iso_minutes(at(start) + 1_800), **said}


def national(start: str, forecast: Any = 266, actual: Any = 263) -> dict[str, Any]:
    values = {"forecast": forecast, "actual": actual, "index": "moderate"}
    return half_hour(start, intensity=values)


def regional(start: str, forecast: Any = 180, **shares: float) -> dict[str, Any]:
    values = {"forecast": forecast, "index": "moderate"}
    return half_hour(start, intensity=values, generationmix=mix(**shares))


def mix(**shares: Any) -> list[dict[str, Any]]:
    return [{"fuel": fuel, "perc": share} for fuel, share in {**MIX, **shares}.items()]


def body(*data: Any) -> bytes:
    return json.dumps({"data": list(data)}).encode()


def region(number: Any, *data: Any) -> bytes:
    wrapped = {"regionid": number, "dnoregion": "UKPN London", "shortname": "London"}
    return json.dumps({"data": {**wrapped, "data": list(data)}}).encode()


def outcome(answer: bytes, zone: str = "GB", factors: Factors | None = None) -> Outcome:
    with pytest.raises(ProviderError) as caught:
        parse(answer, zone, NOON, NOW, factors)
    return caught.value.outcome


def test_an_actual_is_measured_and_what_has_none_yet_is_forecast() -> None:
    found = parse(
        body(
            national("2018-01-20T12:00Z"),
            national("2018-01-20T12:30Z", 255, 0),
            national("2018-01-20T13:00Z", 249, None),
        ),
        "GB",
        NOON,
        NOW,
    )

    assert summary(found) == [
        ("20T12:00", 30, "263"),
        ("20T12:30", 30, "0"),
        ("20T13:00", 30, "249"),
    ]
    assert [one.status for one in found] == [Status.MEASURED, Status.MEASURED, Status.FORECAST]
    assert [one.tier for one in found] == [Tier.LIVE, Tier.LIVE, Tier.FORECAST]


def test_its_own_values_are_direct_delivered_and_with_imports() -> None:
    (found,) = parse(body(national("2018-01-20T12:00Z")), "GB", NOON, NOW)

    assert (found.zone, found.provider) == ("GB", "neso")
    assert (found.scope, found.losses) == (Scope.DIRECT, Losses.DELIVERED)
    assert found.boundary is Boundary.CONSUMPTION


def test_null_is_not_zero() -> None:
    half_hours = [
        national("2018-01-20T12:00Z", None, None),
        national("2018-01-20T12:30Z", 0, None),
    ]

    assert summary(parse(body(*half_hours), "GB", NOON, NOW)) == [("20T12:30", 30, "0")]


def test_the_half_hour_before_which_the_api_adds_is_left_out() -> None:
    half_hours = [national("2018-01-20T11:30Z"), national("2018-01-20T12:00Z", 1, 2)]

    assert summary(parse(body(*half_hours), "GB", NOON, NOW)) == [("20T12:00", 30, "2")]


def test_a_region_has_forecasts_only_for_ever() -> None:
    past = regional("2018-01-20T12:00Z", 180)
    past["intensity"]["actual"] = 170
    (found,) = parse(region(13, past), "GB-13", NOON, NOW)

    assert (found.zone, found.grams_per_kilowatt_hour) == ("GB-13", "180")
    assert (found.status, found.tier) == (Status.FORECAST, Tier.FORECAST)


def test_a_region_may_be_wrapped_in_a_list() -> None:
    wrapped = json.loads(region(13, regional("2018-01-20T12:00Z")))
    listed = json.dumps({"data": [wrapped["data"]]}).encode()

    assert len(parse(listed, "GB-13", NOON, NOW)) == 1
    assert outcome(b'{"data": []}', "GB-13") is Outcome.EMPTY


@pytest.mark.parametrize("number", [14, "14", None])
def test_another_region_is_a_zone_mismatch(number: Any) -> None:
    answer = region(number, regional("2018-01-20T12:00Z"))

    assert outcome(answer, "GB-13") is Outcome.ZONE_MISMATCH


@pytest.mark.parametrize(
    "answer", [b"{}", b'{"data": []}', body(national("2018-01-20T12:00Z", None, None))]
)
def test_an_answer_without_a_value_is_empty(answer: bytes) -> None:
    assert outcome(answer) is Outcome.EMPTY


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"null", b"[]", b"<html>502</html>", b'{"data": [', b'{"data": {}}', b'{"data": [1]}',
        b"[" * 100_000,
        b'{"error": {"code": "400 Bad Request", "message": "Please enter a valid date."}}',
        body({"from": "2018-01-20T12:00Z", "to": "2018-01-20T12:00Z", "intensity": {}}),
        body({"from": "2018-01-20T12:00", "to": "2018-01-20T12:30", "intensity": {}}),
        body({"from": "2018-01-20T12:00Z", "to": "2018-01-20T12:30Z"}),
        body(national("2018-01-20T12:00Z", actual=True)),
        body(national("2018-01-20T12:00Z", actual=float("nan"))),
        body(national("2018-01-20T12:00Z", actual="n/a")),
        body(national("2018-01-20T12:00Z", actual=-1)),
        body(national("2018-01-20T12:00Z", actual=2001)),
        body(national("2018-01-20T12:00Z", actual=1e300)),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_invalid(answer: bytes) -> None:
    assert outcome(answer) is Outcome.INVALID


def test_a_number_in_quotes_is_a_number() -> None:
    (found,) = parse(body(national("2018-01-20T12:00Z", actual="263.5")), "GB", NOON, NOW)

    assert found.value == Fraction("263.5")


def test_one_bad_value_costs_no_others() -> None:
    answer = body(national("2018-01-20T12:00Z", actual=-3), national("2018-01-20T12:30Z"))
    with pytest.raises(ProviderError, match="1 values refused") as caught:
        parse(answer, "GB", NOON, NOW)

    assert summary(caught.value.values) == [("20T12:30", 30, "263")]


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)]
)
def test_days_of_23_and_25_hours_are_like_others(day: str, hours: int) -> None:
    """All times are UTC: a local day is a window of its own length, midnight is a half hour."""
    begin = at(f"{day}T00:00Z") - (3_600 if day != "2026-03-29" else 0)
    span = Window(begin, begin + hours * 3_600)
    answer = body(
        *(national(iso_minutes(start)) for start in range(begin, span.end_unix_seconds, 1_800))
    )
    found = parse(answer, "GB", span, span.end_unix_seconds)

    assert len(found) == 2 * hours
    assert (found[0].valid_from_unix_seconds, found[-1].valid_until_unix_seconds) == span


def test_the_mix_is_priced_on_the_axis_of_the_factors_without_imports() -> None:
    """Production, when no factor of imports is known; the tenth of a per cent is what there is."""
    (found,) = parse(body(half_hour("2018-01-20T12:00Z", generationmix=mix())), "GB", NOON, NOW,
                     LIFECYCLE)  # fmt: skip
    grams = (
        Fraction("5.2") * 230 + Fraction("0.8") * 820 + Fraction("44.5") * 490
        + Fraction("18.3") * 12 + Fraction("1.1") * 24 + Fraction(2) * 48 + Fraction(19) * 11
    )  # fmt: skip
    domestic = 100 - Fraction("9.1")

    assert abs(found.value - grams / domestic) < Fraction(1, 1_000)
    assert (found.scope, found.boundary) == (Scope.LIFECYCLE, Boundary.PRODUCTION)
    assert (found.losses, found.status) == (Losses.BUSBAR, Status.ESTIMATED)
    assert found.version == "ipcc_ar5"


def test_the_mix_is_priced_with_imports_where_they_have_a_factor() -> None:
    table = {**LIFECYCLE.grams_per_kilowatt_hour, "imports": Fraction(300)}
    factors = LIFECYCLE._replace(grams_per_kilowatt_hour=table)
    shares = dict.fromkeys(MIX, 0.0)
    answer = half_hour(
        "2018-01-20T12:00Z", generationmix=mix(**{**shares, "imports": 50, "wind": 50})
    )
    (found,) = parse(body(answer), "GB", NOON, NOW, factors)

    assert found.grams_per_kilowatt_hour == "155.5"
    assert found.boundary is Boundary.CONSUMPTION


def test_the_mix_of_what_is_yet_to_be_and_of_a_region_is_forecast() -> None:
    later = half_hour("2018-01-20T13:30Z", generationmix=mix())
    span = window("2018-01-20T12:00Z", "2018-01-20T14:00Z")
    (found,) = parse(body(later), "GB", span, NOW, LIFECYCLE)
    (other,) = parse(region(1, regional("2018-01-20T12:00Z")), "GB-1", NOON, NOW, LIFECYCLE)

    assert found.status is Status.FORECAST
    assert (other.status, other.scope) == (Status.FORECAST, Scope.LIFECYCLE)


def test_little_of_what_has_no_factor_is_left_out_much_makes_the_mix_partial() -> None:
    little = body(half_hour("2018-01-20T12:00Z", generationmix=mix(other=2.0)))
    much = body(half_hour("2018-01-20T12:00Z", generationmix=mix(other=2.1)))

    assert len(parse(little, "GB", NOON, NOW, LIFECYCLE)) == 1
    assert outcome(much, factors=LIFECYCLE) is Outcome.PARTIAL


@pytest.mark.parametrize(
    ("shares", "found"),
    [
        ([], Outcome.EMPTY),
        ([{"fuel": "gas", "perc": None}], Outcome.EMPTY),
        ([{"fuel": "gas", "perc": "x"}], Outcome.INVALID),
        ([{"fuel": "gas", "perc": 1}, {"fuel": "gas", "perc": 2}], Outcome.INVALID),
        ([{"perc": 1}], Outcome.INVALID),
        ({"gas": 1}, Outcome.INVALID),
        (None, Outcome.INVALID),
    ],
)
def test_a_mix_that_is_none(shares: Any, found: Outcome) -> None:
    answer = body(half_hour("2018-01-20T12:00Z", generationmix=shares))

    assert outcome(answer, factors=LIFECYCLE) is found


@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_any_bytes_are_values_or_a_provider_error(answer: bytes) -> None:
    for zone, factors in (("GB", None), ("GB-3", None), ("GB", LIFECYCLE)):
        with pytest.raises(ProviderError):
            parse(answer, zone, NOON, NOW, factors)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["2018-01-20T12:00Z", "2018-01-20T12:30Z", "gas"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["data", "from", "to", "intensity", "actual", "forecast", "regionid",
                         "generationmix", "fuel", "perc", "error"]), inner, max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_any_json_is_values_of_the_window_or_a_provider_error(answer: Any) -> None:
    for data in (answer, {"data": answer}):
        try:
            found = parse(json.dumps(data).encode(), "GB", NOON, NOW)
        except ProviderError:
            continue
        assert all(one.zone == "GB" and 0 <= one.value <= 2_000 for one in found)


@pytest.mark.parametrize(
    ("zone", "with_mix", "found"),
    [
        ("GB", False, "/intensity/2018-01-20T12:00Z/2018-01-20T13:30Z"),
        ("GB", True, "/generation/2018-01-20T12:00Z/2018-01-20T13:30Z"),
        ("GB-13", False, "/regional/intensity/2018-01-20T12:00Z/2018-01-20T13:30Z/regionid/13"),
        ("GB-1", True, "/regional/intensity/2018-01-20T12:00Z/2018-01-20T13:30Z/regionid/1"),
    ],
)
async def test_what_is_asked_over_a_real_connection(zone: str, with_mix: bool, found: str) -> None:  # noqa: FBT001
    answer = (
        region(int(zone[3:]), regional("2018-01-20T12:00Z")) if "-" in zone
        else body(half_hour("2018-01-20T12:00Z", generationmix=mix())) if with_mix
        else body(national("2018-01-20T12:00Z"))
    )  # fmt: skip
    table = TableClient((found, {}, answer))
    async with replayed(table) as client:
        values = await Neso(LIFECYCLE if with_mix else None).fetch(client, zone, NOON, NOW)

    assert len(values) == 1
    assert values[0].scope is (Scope.LIFECYCLE if with_mix else Scope.DIRECT)
    assert table.paths() == [found]
    assert table.asked[0].parameters == {}


def test_a_window_within_a_half_hour_is_asked_from_its_start() -> None:
    inner = window("2018-01-20T12:10Z", "2018-01-20T12:20Z")

    assert path("GB", inner, with_mix=False) == "/intensity/2018-01-20T12:00Z/2018-01-20T12:20Z"


@pytest.mark.parametrize("zone", ["GB", "GB-1", "GB-9", "GB-10", "GB-17"])
def test_it_serves_the_nation_and_its_regions(zone: str) -> None:
    assert Neso().serves(zone)


@pytest.mark.parametrize(
    "zone", ["", "gb", "GB-0", "GB-18", "GB-01", "GB-NIR", "UK", "GB-1\n", "DE"]
)
def test_it_serves_nothing_else(zone: str) -> None:
    assert not Neso().serves(zone)
