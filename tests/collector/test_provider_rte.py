"""RTE eCO2mix: answers as the portal gives them, and every way in which they are odd.

Shapes: Opendatasoft Explore API v2.1, `records`; columns and figures: eco2mix-national-tr as of
21 September 2023 (RTE, Licence Ouverte 2.0).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_client import DIRECT, LIFECYCLE, TableClient, at, replayed, summary, window
from wattgram_collector.intensities.providers import reading, rte
from wattgram_collector.intensities.providers.mix import Factors
from wattgram_collector.intensities.providers.provider import (
    Answer,
    Outcome,
    ProviderError,
    Window,
)
from wattgram_collector.intensities.providers.rte import PATH, Rte
from wattgram_collector.intensity import (
    Accounting,
    Boundary,
    Intensity,
    Losses,
    Scope,
    Signal,
    Status,
    Tier,
)

REAL_TIME = "Données temps réel"
CONSOLIDATED = "Données consolidées"
MORNING = window("2023-09-21T00:00Z", "2023-09-21T02:00Z")
GENERATION = {
    "fioul": 114,
    "charbon": 7,
    "gaz": 446,
    "nucleaire": 34482,
    "eolien": 9077,
    "solaire": 0,
    "hydraulique": 3504,
    "bioenergies": 677,
}


def row(
    time: str, rate: object = 13, nature: str = REAL_TIME, **columns: object
) -> dict[str, Any]:
    return {
        "date_heure": time,
        "perimetre": "France",
        "nature": nature,
        "taux_co2": rate,
        **columns,
    }


def body(*rows: dict[str, Any], total: object = None) -> bytes:
    count = len(rows) if total is None else total
    return json.dumps({"total_count": count, "results": rows}).encode()


def parsed(
    *rows: dict[str, Any], over: Window = MORNING, factors: Factors | None = None
) -> list[Intensity]:
    return rte.parse(body(*rows), "FR", over, factors)


def refusal(*rows: dict[str, Any], factors: Factors | None = None) -> ProviderError:
    with pytest.raises(ProviderError) as refused:
        parsed(*rows, factors=factors)
    return refused.value


# ── RTE's own rate ───────────────────────────────────────────────────────────────────────


def test_the_rate_is_direct_of_what_is_produced_as_published() -> None:
    found = parsed(row("2023-09-21T00:45:00+00:00"))

    assert found == [
        Intensity(
            zone="FR",
            grams_per_kilowatt_hour="13",
            tier=Tier.LIVE,
            provider="rte",
            version="real_time",
            valid_from_unix_seconds=at("2023-09-21T00:45Z"),
            valid_until_unix_seconds=at("2023-09-21T01:00Z"),
            signal=Signal.AVERAGE,
            scope=Scope.DIRECT,
            boundary=Boundary.PRODUCTION,
            losses=Losses.BUSBAR,
            accounting=Accounting.LOCATION,
            status=Status.MEASURED,
        )
    ]


def test_a_row_of_the_future_is_empty_and_no_value() -> None:
    found = parsed(row("2023-09-21T00:00:00Z", 0), row("2023-09-21T00:15:00Z", None))

    assert summary(found) == [("21T00:00", 15, "0")]


@pytest.mark.parametrize("rows", [[], [row("2023-09-21T00:00:00Z", None)]])
def test_just_after_midnight_there_is_nothing_yet(rows: list[dict[str, Any]]) -> None:
    assert refusal(*rows).outcome is Outcome.EMPTY


def test_times_are_of_the_offset_that_they_say() -> None:
    found = parsed(row("2023-09-21T02:45:00+02:00", "13"))

    assert summary(found) == [("21T00:45", 15, "13")]


def test_a_byte_order_mark_is_no_part_of_an_answer() -> None:
    plain = body(row("2023-09-21T00:45:00Z"))

    assert rte.parse(b"\xef\xbb\xbf" + plain, "FR", MORNING) == rte.parse(plain, "FR", MORNING)


def test_numbers_are_taken_up_to_what_a_quantity_could_be() -> None:
    assert reading.number("9" * 18) == int("9" * 18)
    for text in ("9" * 19, "1e100", "", "-", "1.", ".5", "٣", " 1", "0x1", "1_0"):
        with pytest.raises(ValueError, match="not a number"):
            reading.number(text)


def test_a_day_of_25_hours_has_the_hour_twice() -> None:
    day = window("2026-10-24T22:00Z", "2026-10-25T23:00Z")
    paris = [f"2026-10-25T02:{m:02d}:00+{o:02d}:00" for o in (2, 1) for m in (0, 15, 30, 45)]

    found = parsed(*(row(time, rate) for rate, time in enumerate(paris)), over=day)

    assert [value for _, _, value in summary(found)] == [str(rate) for rate in range(8)]
    assert summary(found)[0][0] == "25T00:00"
    assert summary(found)[-1][0] == "25T01:45"


def test_the_hour_that_a_day_of_23_hours_lacks_is_not_counted_twice() -> None:
    day = window("2026-03-28T23:00Z", "2026-03-29T22:00Z")
    agreeing, contradicting = "2026-03-29T01:00:00+00:00", "2026-03-29T01:15:00+00:00"

    found = parsed(
        row(agreeing, 20), row(agreeing, 20), row(contradicting, 20), row(contradicting, 30),
        over=day,
    )  # fmt: skip

    assert summary(found) == [("29T01:00", 15, "20")]


def test_half_hours_of_consolidated_data_hold_for_half_an_hour() -> None:
    halves = [
        row(f"2023-09-21T0{h}:{m}:00Z", nature=CONSOLIDATED) for h in (0, 1) for m in ("00", "30")
    ]

    assert summary(parsed(*halves)) == [
        (f"21T0{h}:{m}", 30, "13") for h in (0, 1) for m in ("00", "30")
    ]
    assert {one.version for one in parsed(*halves)} == {"consolidated"}


@pytest.mark.parametrize(
    "rows",
    [
        [row("2023-09-21T00:00:00Z")],
        [row("2023-09-21T00:00:00Z", nature=CONSOLIDATED)],
        [row("2023-09-21T00:00:00Z"), row("2023-09-21T00:30:00Z")],
        [row(f"2023-09-21T00:{m}:00Z", nature=CONSOLIDATED) for m in ("00", "15")],
    ],
)
def test_a_gap_in_quarters_is_not_filled(rows: list[dict[str, Any]]) -> None:
    assert {minutes for _, minutes, _ in summary(parsed(*rows))} == {15}


@pytest.mark.parametrize("rate", [-1, 2001, "NaN", float("nan"), "n/a", True, {}, 1e99])
def test_a_rate_that_cannot_be_is_refused_and_the_others_are_kept(rate: object) -> None:
    error = refusal(row("2023-09-21T00:00:00Z", rate), row("2023-09-21T00:15:00Z", 21))

    assert error.outcome is Outcome.INVALID
    assert summary(error.values) == [("21T00:15", 15, "21")]


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"perimetre": "Bretagne"}, Outcome.ZONE_MISMATCH),
        ({"date_heure": "2023-09-21T00:45:00"}, Outcome.INVALID),
        ({"date_heure": None}, Outcome.INVALID),
        ({"date_heure": "2023-09-21T00:44:00Z"}, Outcome.INVALID),
    ],
)
def test_a_row_that_is_not_as_documented_is_refused(
    change: dict[str, object], outcome: Outcome
) -> None:
    assert refusal({**row("2023-09-21T00:45:00Z"), **change}).outcome is outcome


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (b"{}", Outcome.EMPTY),
        (b"", Outcome.INVALID),
        (b"<html>503</html>", Outcome.INVALID),
        (b'{"total_count": 1', Outcome.INVALID),
        (b'{"error_code":"InvalidRESTParameterError","message":"x"}', Outcome.INVALID),
        (b'{"total_count": null, "results": []}', Outcome.INVALID),
        (b'{"total_count": 0, "results": {}}', Outcome.INVALID),
        (b'{"total_count": 1, "results": [1]}', Outcome.INVALID),
        (b"[" * 100_000, Outcome.INVALID),
    ],
)
def test_an_answer_that_is_not_as_documented_is_refused(text: bytes, outcome: Outcome) -> None:
    with pytest.raises(ProviderError) as refused:
        rte.parse(text, "FR", MORNING)

    assert refused.value.outcome is outcome


# ── the mix ──────────────────────────────────────────────────────────────────────────────


def test_the_mix_is_priced_on_the_axis_of_the_factors() -> None:
    found = parsed(row("2023-09-21T00:45:00Z", **GENERATION), factors=LIFECYCLE)

    grams = 114 * 650 + 7 * 820 + 446 * 490 + 34482 * 12 + 9077 * 11 + 3504 * 24 + 677 * 230
    assert [one.grams_per_kilowatt_hour for one in found] == [f"{grams / 48307:.3f}"]
    assert (found[0].scope, found[0].version) == (Scope.LIFECYCLE, "ipcc_ar5 real_time")
    assert found[0].losses is LIFECYCLE.losses


def test_pumping_and_exchanges_are_no_generation() -> None:
    plain = row("2023-09-21T00:45:00Z", **GENERATION)
    busy = {**plain, "pompage": -1420, "ech_physiques": -11204, "stockage_batterie": "-6"}

    assert parsed(plain, factors=LIFECYCLE) == parsed(busy, factors=LIFECYCLE)


def test_an_empty_column_is_a_missing_plant_and_not_zero() -> None:
    times = [f"2023-09-21T00:{minute}:00Z" for minute in ("00", "15", "30")]
    rows = [row(time, **GENERATION) for time in times]
    rows[1]["gaz"] = None

    error = refusal(*rows, factors=LIFECYCLE)

    assert error.outcome is Outcome.PARTIAL
    assert [start for start, _, _ in summary(error.values)] == ["21T00:00", "21T00:30"]


def test_factors_that_lack_a_fuel_leave_the_mix_partial() -> None:
    error = refusal(row("2023-09-21T00:45:00Z", **GENERATION), factors=DIRECT)

    assert (error.outcome, list(error.values)) == (Outcome.PARTIAL, [])


# ── asking ───────────────────────────────────────────────────────────────────────────────


async def test_utc_and_whole_half_hours_are_asked_for() -> None:
    client = TableClient((PATH, {}, body(row("2023-09-21T00:45:00Z"))))

    await Rte().fetch(client, "FR", window("2023-09-21T00:50Z", "2023-09-21T01:05Z"), 0)

    (asked,) = client.asked
    assert asked.parameters == {
        "select": "date_heure,perimetre,nature,taux_co2",
        "where": "date_heure IN [date'2023-09-21T00:30:00Z' TO date'2023-09-21T01:04:59Z'] "
        "AND taux_co2 is not null",
        "order_by": "date_heure asc",
        "timezone": "UTC",
        "limit": "100",
        "offset": "0",
    }


async def test_for_a_mix_the_day_before_is_asked_for_to_compare_with() -> None:
    client = TableClient((PATH, {}, body(row("2023-09-21T00:45:00Z", **GENERATION))))

    found = await Rte(LIFECYCLE).fetch(client, "FR", MORNING, 0)

    assert "date'2023-09-20T00:00:00Z' TO" in client.asked[0].parameters["where"]
    assert set(GENERATION) <= set(client.asked[0].parameters["select"].split(","))
    assert [one.scope for one in found] == [Scope.LIFECYCLE]


async def test_all_pages_are_read() -> None:
    quarters = [
        f"2023-09-{21 + n // 96}T{n // 4 % 24:02d}:{n % 4 * 15:02d}:00Z" for n in range(150)
    ]
    first, second = quarters[:100], quarters[100:]
    client = TableClient(
        (PATH, {"offset": "0"}, body(*map(row, first), total=150)),
        (PATH, {"offset": "100"}, body(*map(row, second), total=150)),
    )

    found = await Rte().fetch(client, "FR", window("2023-09-21T00:00Z", "2023-09-23T00:00Z"), 0)

    assert len(found) == 150
    assert len(client.asked) == 2


async def test_rows_that_vanish_between_pages_do_not_end_in_a_loop() -> None:
    client = TableClient(
        (PATH, {"offset": "0"}, body(row("2023-09-21T00:45:00Z"), total=150)),
        (PATH, {}, body(total=150)),
    )

    assert len(await Rte().fetch(client, "FR", MORNING, 0)) == 1
    assert len(client.asked) == 2


async def test_over_a_socket_as_documented() -> None:
    table = TableClient(
        (PATH, {"timezone": "UTC", "offset": "0"}, body(row("2023-09-21T00:45:00+00:00"))),
    )

    async with replayed(table) as client:
        found = await Rte().fetch(client, "FR", MORNING, 0)
        table.rules[0] = (PATH, {}, Answer(429, {"retry-after": "30"}, b"{}"))
        with pytest.raises(ProviderError) as refused:
            await Rte().fetch(client, "FR", MORNING, 0)

    assert summary(found) == [("21T00:45", 15, "13")]
    assert refused.value.outcome is Outcome.RATE_LIMITED
    assert refused.value.retry_after_seconds == 30


def test_only_france_is_served() -> None:
    assert [Rte().serves(zone) for zone in ("FR", "fr", "FR-COR", "DE")] == [
        True,
        True,
        False,
        False,
    ]


# ── whatever comes ───────────────────────────────────────────────────────────────────────

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)
ROWS = st.fixed_dictionaries(
    {},
    optional={
        "date_heure": st.sampled_from(["2023-09-21T00:45:00Z", "2023-09-21T01:00:00+00:00"])
        | JSON,
        "perimetre": st.just("France") | JSON,
        "nature": st.sampled_from([REAL_TIME, CONSOLIDATED]) | JSON,
        "taux_co2": st.integers(-9, 3_000) | JSON,
        "nucleaire": st.integers(-9, 3_000) | JSON,
        "gaz": JSON,
    },
)
ANSWERS = st.binary(max_size=99) | st.builds(
    lambda total, rows: json.dumps({"total_count": total, "results": rows}).encode(),
    st.integers(0, 3) | JSON,
    st.lists(ROWS, max_size=3) | JSON,
)


@given(ANSWERS, st.sampled_from([None, LIFECYCLE, DIRECT]))
def test_whatever_comes_is_values_on_the_axis_asked_for_or_an_error(
    text: bytes, factors: Factors | None
) -> None:
    try:
        found = rte.parse(text, "FR", MORNING, factors)
    except ProviderError as error:
        found = list(error.values)

    scope = Scope.DIRECT if factors is None else factors.scope
    assert {one.scope for one in found} <= {scope}
    ends = [one.valid_until_unix_seconds for one in found]
    assert all(
        end <= later.valid_from_unix_seconds for end, later in zip(ends, found[1:], strict=False)
    )
