"""ENTSO-E: documents as the platform gives them, and every way in which they are odd.

Shapes: "Transparency Platform RESTful API user guide" (A75/A16, 4.4.8), and answers that users
quote: gist jstaffans/798360bd (A75), EnergieID/entsoe-py issues 487 and 500, BerriJ/entsoe-apy
issue 150 (acknowledgements), electricitymaps-contrib issue 3732 (partial mixes).
"""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider_client import (
    DIRECT,
    KEY,
    LIFECYCLE,
    TableClient,
    at,
    replayed,
    summary,
    window,
)
from wattgram_collector.intensities.providers import entsoe, xml_reading
from wattgram_collector.intensities.providers.entsoe import PATH, Entsoe
from wattgram_collector.intensities.providers.entsoe_areas import EIC_OF, FUEL_OF
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

NL = EIC_OF["NL"]
NOON = window("2026-03-01T12:00Z", "2026-03-01T14:00Z")


def period(
    quantities: dict[int, object] | list[object],
    *,
    start: str = "2026-03-01T12:00Z",
    end: str = "2026-03-01T14:00Z",
    resolution: str = "PT60M",
) -> str:
    if isinstance(quantities, list):
        quantities = dict(enumerate(quantities, start=1))
    points = "".join(
        f"<Point><position>{position}</position><quantity>{quantity}</quantity></Point>"
        for position, quantity in quantities.items()
    )
    return (
        f"<Period><timeInterval><start>{start}</start><end>{end}</end></timeInterval>"
        f"<resolution>{resolution}</resolution>{points}</Period>"
    )


def series(
    kind: str,
    *periods: str,
    curve: str = "<curveType>A01</curveType>",
    domain: str = "inBiddingZone_Domain",
    eic: str = NL,
    unit: str = "MAW",
) -> str:
    return (
        "<TimeSeries><mRID>1</mRID><businessType>A01</businessType>"
        "<objectAggregation>A08</objectAggregation>"
        f'<{domain}.mRID codingScheme="A01">{eic}</{domain}.mRID>'
        f"<quantity_Measure_Unit.name>{unit}</quantity_Measure_Unit.name>{curve}"
        f"<MktPSRType><psrType>{kind}</psrType></MktPSRType>{''.join(periods)}</TimeSeries>"
    )


A03 = "<curveType>A03</curveType>"


def document(*parts: str, kind: str = "A75", declaration: str = "utf-8") -> bytes:
    return (
        f'<?xml version="1.0" encoding="{declaration}"?>\n'
        '<GL_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0">'
        f"<mRID>731f</mRID><revisionNumber>1</revisionNumber><type>{kind}</type>"
        f"<process.processType>A16</process.processType>{''.join(parts)}</GL_MarketDocument>"
    ).encode()


def acknowledgement(reason: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Acknowledgement_MarketDocument '
        'xmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0"><mRID>e6ca</mRID>'
        f"<Reason><code>999</code><text>{reason}</text></Reason></Acknowledgement_MarketDocument>"
    ).encode()


NOTHING = acknowledgement("No matching data found for Data item AGGREGATED_GENERATION [16.1.B].")


def parsed(body: bytes, over: Window = NOON, factors: Factors = LIFECYCLE) -> list[Intensity]:
    return entsoe.parse(body, NL, "NL", over, factors)


def refusal(body: bytes, over: Window = NOON, factors: Factors = LIFECYCLE) -> ProviderError:
    with pytest.raises(ProviderError) as refused:
        parsed(body, over, factors)
    return refused.value


# ── what a document says ─────────────────────────────────────────────────────────────────


def test_the_mix_of_an_hour_is_priced_as_produced() -> None:
    found = parsed(document(series("B04", period([30, 10])), series("B14", period([10, 30]))))

    assert found[0] == Intensity(
        zone="NL",
        grams_per_kilowatt_hour="370.5",
        tier=Tier.LIVE,
        provider="entsoe",
        version="ipcc_ar5",
        valid_from_unix_seconds=at("2026-03-01T12:00Z"),
        valid_until_unix_seconds=at("2026-03-01T13:00Z"),
        signal=Signal.AVERAGE,
        scope=Scope.LIFECYCLE,
        boundary=Boundary.PRODUCTION,
        losses=Losses.BUSBAR,
        status=Status.MEASURED,
    )
    assert summary(found) == [("01T12:00", 60, "370.5"), ("01T13:00", 60, "131.5")]


def test_the_axis_is_that_of_the_factors() -> None:
    (found, _) = parsed(document(series("B04", period([30, 10]))), factors=DIRECT)

    assert (found.scope, found.grams_per_kilowatt_hour) == (Scope.DIRECT, "370")


def test_what_storage_takes_is_not_generation() -> None:
    generation = series("B05", period([10, 10])), series("B14", period([10, 10]))
    for kind in ("B10", "B05", "B25", "B04"):
        taken = series(kind, period([50, 50]), domain="outBiddingZone_Domain")

        assert parsed(document(*generation, taken)) == parsed(document(*generation))


def test_a_curve_that_omits_repeats_is_filled_within_its_period_and_its_tail() -> None:
    quarters = {"end": "2026-03-01T13:30Z", "resolution": "PT15M"}
    gas = series("B04", period({1: 10, 3: 30}, **quarters), curve=A03)
    nuclear = series("B14", period({1: 10}, **quarters), curve=A03)

    assert summary(parsed(document(gas, nuclear))) == [
        ("01T12:00", 15, "251"),
        ("01T12:15", 15, "251"),
        *((f"01T{start}", 15, "370.5") for start in ("12:30", "12:45", "13:00", "13:15")),
    ]


def test_a_curve_is_not_filled_before_its_first_point() -> None:
    gas = series("B04", period({2: 10}), curve=A03)

    assert summary(parsed(document(gas))) == [("01T13:00", 60, "490")]


@pytest.mark.parametrize("curve", ["", "<curveType>A01</curveType>"])
def test_other_curves_have_gaps(curve: str) -> None:
    gas = series("B04", period({1: 10, 3: 30}, end="2026-03-01T15:00Z"), curve=curve)
    over = window("2026-03-01T12:00Z", "2026-03-01T15:00Z")

    assert [start for start, _, _ in summary(parsed(document(gas), over))] == [
        "01T12:00",
        "01T14:00",
    ]


def test_resolutions_may_differ_between_series() -> None:
    hourly = series("B14", period([10, 10]))
    quarterly = series("B04", period([10, 30, 10, 30] * 2, resolution="PT15M"))

    assert summary(parsed(document(hourly, quarterly)))[:3] == [
        ("01T12:00", 15, "251"),
        ("01T12:15", 15, "370.5"),
        ("01T12:30", 15, "251"),
    ]


def test_half_hours_are_half_hours() -> None:
    gas = series("B04", period([1, 2, 3, 4], resolution="PT30M"))

    assert [minutes for _, minutes, _ in summary(parsed(document(gas)))] == [30] * 4


def test_a_series_may_have_several_periods() -> None:
    first = period([10], end="2026-03-01T13:00Z")
    second = period([20], start="2026-03-01T13:00Z")

    assert len(parsed(document(series("B04", first, second)))) == 2


def test_an_hour_that_is_said_twice_and_differently_is_left_out() -> None:
    doubled = document(series("B04", period([10, 10])), series("B04", period([10, 20])))

    assert summary(parsed(doubled)) == [("01T12:00", 60, "490")]


def test_only_the_window_is_answered_however_long_the_period() -> None:
    ages = period({1: 10}, start="1970-01-01T00:00Z", end="9999-12-31T00:00Z", resolution="PT15M")
    began = time.process_time()

    found = parsed(document(series("B04", ages, curve=A03)))

    assert len(found) == 8
    assert time.process_time() - began < 1


# ── partial mixes ────────────────────────────────────────────────────────────────────────


def hours(*amounts: int | None) -> dict[int, object]:
    return {n: amount for n, amount in enumerate(amounts, start=1) if amount is not None}


def three_hours(zone: str, coal: tuple[int | None, int | None, int | None]) -> list[Intensity]:
    end = {"end": "2026-03-01T15:00Z"}
    eic = EIC_OF[zone]
    body = document(
        series("B04", period([10, 10, 10], **end), eic=eic),
        series("B05", period(hours(*coal), **end), eic=eic),
    )
    over = window("2026-03-01T12:00Z", "2026-03-01T15:00Z")
    return entsoe.parse(body, eic, zone, over, LIFECYCLE)


def test_an_hour_from_which_a_plant_is_missing_is_a_hole() -> None:
    with pytest.raises(ProviderError) as partial:
        three_hours("NL", (10, None, 10))

    assert partial.value.outcome is Outcome.PARTIAL
    assert summary(partial.value.values) == [("01T12:00", 60, "655"), ("01T14:00", 60, "655")]


def test_the_newest_hour_waits_for_its_last_plant() -> None:
    assert len(three_hours("NL", (10, 10, None))) == 2


def test_belgium_may_lack_one_kind() -> None:
    assert [value for _, _, value in summary(three_hours("BE", (10, None, 10)))] == [
        "655",
        "490",
        "655",
    ]


def test_the_day_before_tells_which_plants_there_are() -> None:
    day = {"start": "2026-02-28T13:00Z", "end": "2026-02-28T14:00Z"}
    gas = series("B04", period([10], **day), period([10, 10]))

    assert len(parsed(document(gas))) == 2
    assert refusal(document(gas, series("B05", period([10], **day)))).outcome is Outcome.PARTIAL


@pytest.mark.parametrize("kind", ["B17", "B20", "B15", "Z99", "A03", ""])
def test_plants_without_a_factor_leave_no_mix_unless_the_set_has_one_for_them(kind: str) -> None:
    body = document(series(kind, period([10, 10])), series("B14", period([30, 30])))
    table = {**LIFECYCLE.grams_per_kilowatt_hour, "unknown": LIFECYCLE.of("coal") or 0}
    with_unknown = LIFECYCLE._replace(grams_per_kilowatt_hour=table)  # type: ignore[arg-type]

    assert refusal(body).outcome is Outcome.PARTIAL
    assert [value for _, _, value in summary(parsed(body, factors=with_unknown))] == ["214"] * 2


# ── answers that are something else ──────────────────────────────────────────────────────


def test_no_matching_data_at_200_is_empty() -> None:
    assert refusal(NOTHING).outcome is Outcome.EMPTY


def test_a_document_without_series_is_empty() -> None:
    assert refusal(document()).outcome is Outcome.EMPTY


def test_another_reason_at_200_is_no_good_answer_and_is_not_quoted() -> None:
    error = refusal(acknowledgement(f"securityToken={KEY} is not valid"))

    assert error.outcome is Outcome.INVALID
    assert KEY not in str(error)


def test_generation_of_another_area_is_not_taken() -> None:
    body = document(series("B04", period([10, 10]), eic=EIC_OF["BE"]))

    assert refusal(body).outcome is Outcome.ZONE_MISMATCH


GAS = [10, 10]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>503</body></html>",
        b"\xff\xfe<\x00",
        document()[:-9],
        document(kind="A65"),
        document(series("B04", period(GAS), unit="KWT")),
        document(series("B04", period(GAS), curve="<curveType>A02</curveType>")),
        document(series("B04", period(GAS, resolution="P1D"))),
        document(series("B04", period(GAS, resolution="PT1M"))),
        document(series("B04", period([1, 2, 3]))),
        document(series("B04", period({0: 1}))),
        document(series("B04", period({-1: 1}))),
        document(series("B04", period({"1.5": 1}))),  # type: ignore[dict-item]
        document(series("B04", period(["NaN"]))),
        document(series("B04", period([""]))),
        document(series("B04", period(["1e999999999"]))),
        document(series("B04", period(GAS, start="2026-03-01T12:00"))),
        document(series("B04", period([1], start="2026-03-01T12:07Z", end="2026-03-01T13:07Z"))),
        document(series("B04", period([1], end="2026-03-01T13:15Z"))),
        document(series("B04", period(GAS, start="2026-03-01T14:00Z"))),
        document(series("B04", "<Period><resolution>PT60M</resolution></Period>")),
        document(series("B04", period(GAS) + "<Period/>")),
    ],
)
def test_what_is_not_as_documented_is_refused(body: bytes) -> None:
    assert refusal(body).outcome is Outcome.INVALID


def test_a_point_that_is_there_twice_is_refused() -> None:
    twice = period([10]).replace(
        "</Period>", "<Point><position>1</position><quantity>9</quantity></Point></Period>"
    )

    assert refusal(document(series("B04", twice))).outcome is Outcome.INVALID


# ── XML from outside ─────────────────────────────────────────────────────────────────────

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BILLION = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><x>&l9;</x>'


@pytest.mark.parametrize(
    "text",
    [
        BILLION,
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    ],
)
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32"]
)
def test_a_document_type_never_reaches_the_parser(text: str, encoding: str) -> None:
    """Expat guesses UTF-16 from the first bytes, even when it is told what to expect."""
    error = refusal(text.encode(encoding))

    assert error.outcome is Outcome.INVALID
    assert str(error).startswith(("the answer has a document type", "the answer is not UTF-8"))


def test_an_entity_that_nothing_declares_is_no_xml() -> None:
    assert refusal(b"<x>&undeclared;</x>").outcome is Outcome.INVALID


def test_a_declaration_does_not_hide_a_document_type() -> None:
    """Read as what it declares, it would have one; read as UTF-8 it is no XML."""
    hidden = b'<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-DOCTYPE x+AD4-<x/>'

    assert refusal(hidden).outcome is Outcome.INVALID


@pytest.mark.parametrize("declaration", ["iso-8859-1", "utf-16", "no-such-encoding"])
def test_a_byte_order_mark_and_another_declaration_are_read_as_utf8(declaration: str) -> None:
    body = document(series("B04", period(GAS)), declaration=declaration)

    assert parsed(b"\xef\xbb\xbf" + body) == parsed(document(series("B04", period(GAS))))


def test_more_than_the_limit_is_not_even_looked_at() -> None:
    body = document(series("B04", period(GAS))) + b" " * xml_reading.BYTES_MAX

    assert refusal(body).outcome is Outcome.INVALID


def test_a_deep_tree_is_refused_like_any_other() -> None:
    depth = 20_000

    assert refusal(b"<a>" * depth + b"</a>" * depth).outcome is Outcome.INVALID


# ── asking ───────────────────────────────────────────────────────────────────────────────

BODY = document(series("B04", period(GAS)))


def provider() -> Entsoe:
    return Entsoe(lambda: KEY, LIFECYCLE)


async def test_what_is_asked_is_as_documented() -> None:
    client = TableClient((PATH, {}, BODY))
    over = window("2026-03-01T12:10Z", "2026-03-01T13:50Z")

    found = await provider().fetch(client, "nl", over, at("2026-03-02T00:00Z"))

    assert [one.zone for one in found] == ["nl", "nl"]
    assert [asked.parameters for asked in client.asked] == [
        {
            "securityToken": KEY,
            "documentType": "A75",
            "processType": "A16",
            "in_Domain": NL,
            "periodStart": "202602281200",
            "periodEnd": "202603011400",
        }
    ]


async def test_a_long_time_is_asked_for_in_parts_and_none_of_the_future() -> None:
    client = TableClient((PATH, {}, NOTHING))
    now = at("2026-03-01T12:00Z")

    with pytest.raises(ProviderError) as empty:
        await provider().fetch(client, "NL", Window(now - 20 * 86_400, now + 86_400), now)

    spans = [
        (asked.parameters["periodStart"], asked.parameters["periodEnd"]) for asked in client.asked
    ]
    assert empty.value.outcome is Outcome.EMPTY
    assert (spans[0][0], spans[-1][1]) == ("202602081200", "202603011200")
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    assert len(spans) == 5


async def test_parts_without_data_do_not_hide_those_with_it() -> None:
    client = TableClient(
        (PATH, {"periodEnd": "202603011400"}, BODY),
        (PATH, {}, NOTHING),
    )
    over = window("2026-02-10T14:00Z", "2026-03-01T14:00Z")

    assert len(await provider().fetch(client, "NL", over, over.end_unix_seconds)) == 2


@pytest.mark.parametrize(("header", "seconds"), [({}, 600), ({"retry-after": "30"}, 30)])
async def test_a_ban_lasts_ten_minutes_unless_it_says_otherwise(
    header: dict[str, str], seconds: float
) -> None:
    table = TableClient((PATH, {}, Answer(429, header, b"")))

    async with replayed(table) as client:
        with pytest.raises(ProviderError) as banned:
            await provider().fetch(client, "NL", NOON, NOON.end_unix_seconds)

    assert banned.value.outcome is Outcome.RATE_LIMITED
    assert banned.value.retry_after_seconds == seconds


@pytest.mark.parametrize(
    "answer",
    [
        Answer(401, {}, f"Unauthorized. securityToken={KEY}".encode()),
        Answer(400, {}, acknowledgement(KEY)),
        Answer(200, {}, acknowledgement(KEY)),
        Answer(200, {}, KEY.encode()),
        Answer(503, {}, b""),
    ],
)
async def test_the_token_is_in_no_text(answer: Answer) -> None:
    async with replayed(TableClient((PATH, {}, answer))) as client:
        with pytest.raises(ProviderError) as refused:
            await provider().fetch(client, "NL", NOON, NOON.end_unix_seconds)

    assert KEY not in f"{refused.value!r} {refused.value} {provider()!r}"


async def test_over_a_socket_as_documented() -> None:
    table = TableClient((PATH, {"securityToken": KEY, "in_Domain": NL}, BODY))

    async with replayed(table) as client:
        found = await provider().fetch(client, "NL", NOON, NOON.end_unix_seconds)

    assert summary(found) == [("01T12:00", 60, "490"), ("01T13:00", 60, "490")]


# ── the tables ───────────────────────────────────────────────────────────────────────────


def test_every_area_has_a_code_of_its_own() -> None:
    assert all(re.fullmatch(r"[0-9]{2}[A-Z][A-Z0-9-]{12}[A-Z0-9]", eic) for eic in EIC_OF.values())
    assert len(set(EIC_OF.values())) == len(EIC_OF)


CHECK_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-"


@pytest.mark.parametrize("eic", EIC_OF.values())
def test_the_check_character_of_every_code_is_right(eic: str) -> None:
    """ENTSO-E, "The Energy Identification Coding Scheme (EIC) reference manual", annex."""
    weighted = sum(
        CHECK_CHARACTERS.index(one) * (16 - index) for index, one in enumerate(eic[:15])
    )

    assert CHECK_CHARACTERS.index(eic[15]) == 36 - (weighted - 1) % 37


def test_zones_are_served_by_name_and_great_britain_is_not() -> None:
    served = provider().serves

    assert served("NO-NO2")
    assert served("se-se3")
    assert not served("GB")
    assert not served("US-PJM")


def test_every_kind_of_plant_has_a_fuel() -> None:
    assert {f"B{number:02}" for number in (*range(1, 21), 25)} == set(FUEL_OF)


# ── whatever comes ───────────────────────────────────────────────────────────────────────

FRAGMENTS = st.lists(
    st.sampled_from(
        [
            *re.findall(
                r"<[^>]+>|[^<]+", document(series("B04", period(GAS, resolution="PT15M"))).decode()
            ),
            "2026-03-01T13:00Z",
            "A03",
            "outBiddingZone_Domain.mRID",
            "-1",
        ]
    ),
    max_size=60,
)


@given(st.binary(max_size=99) | FRAGMENTS.map(lambda parts: "".join(parts).encode()))
def test_whatever_comes_is_values_or_an_error(body: bytes) -> None:
    try:
        found = parsed(body)
    except ProviderError as error:
        found = list(error.values)

    assert {one.scope for one in found} <= {Scope.LIFECYCLE}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["B04", "B05", "B14", "B10", "Z99"]),
            st.sampled_from(["PT15M", "PT30M", "PT60M"]),
            st.sampled_from(["A01", "A03"]),
            st.dictionaries(st.integers(1, 3), st.integers(-3, 10_000), max_size=3),
        ),
        max_size=4,
    )
)
def test_slots_never_overlap_and_lie_between_the_factors(
    parts: list[tuple[str, str, str, dict[int, object]]],
) -> None:
    body = document(
        *(
            series(kind, period(points, resolution=step), curve=f"<curveType>{curve}</curveType>")
            for kind, step, curve, points in parts
        )
    )
    try:
        found = parsed(body)
    except ProviderError as error:
        found = list(error.values)

    assert all(12 <= one.value <= 820 for one in found)
    ends = [one.valid_until_unix_seconds for one in found]
    assert all(
        end <= later.valid_from_unix_seconds for end, later in zip(ends, found[1:], strict=False)
    )
