"""Yearly averages: the zone's own, its country's, what stands in, the world's; on one axis."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from table_scripts import complaint_of
from wattgram_collector.intensities import annual, clouds, zones
from wattgram_collector.intensity import (
    Accounting,
    Axes,
    Boundary,
    Intensity,
    Losses,
    Scope,
    Signal,
    Tier,
)

NOON = 1_750_000_000
DIRECT = Axes(scope=Scope.DIRECT)
UPSTREAM = Axes(scope=Scope.UPSTREAM)
HEADER = ",".join(zones.COLUMNS)
EMBER = "average,lifecycle,production,busbar,CO2e,ember,v1,cc_by,"
WORLD = f"WORLD,world,,World,,,472.94,2024,{EMBER}"
EUROPE = f"REGION-EUROPE,region,WORLD,Europe,,,285,2024,{EMBER}"
FRANCE = f"FR,country,WORLD,France,FR,FRA,44.18,2024,{EMBER}"
FRANCE_DIRECT = FRANCE.replace("lifecycle", "direct").replace("44.18", "16.30")
MONACO = "MC,country,FR,Monaco,MC,MCO,,,,,,,,wattgram,1,apache,"
SHIPPED = annual.load()


def table(*rows: str, axes: Axes = annual.LIFECYCLE) -> annual.AnnualTable:
    return annual.parse("\n".join([HEADER, WORLD, EUROPE, *rows]) + "\n", axes=axes)


def known(found: Intensity | None) -> Intensity:
    assert found is not None
    return found


def told(zone: str, axes: Axes = annual.LIFECYCLE) -> tuple[str, str, Tier, str] | None:
    found = SHIPPED.asking(axes).at(zone, NOON)
    if found is None:
        return None
    return found.zone, found.grams_per_kilowatt_hour, found.tier, found.version


# ── the chain ────────────────────────────────────────────────────────────────────────────

EMBER_2024 = "ember_yearly_2024_co2js_27cbe832 2024"


@pytest.mark.parametrize("zone", ["FR", "fr", "FRA", "fra", "Fra"])
def test_a_country_is_found_by_either_code_in_any_case(zone: str) -> None:
    found = known(SHIPPED.at(zone, NOON))

    assert (found.zone, found.grams_per_kilowatt_hour, found.tier) == ("FR", "44.18", Tier.ANNUAL)
    assert (found.signal, found.scope, found.boundary, found.losses) == (
        "average",
        "lifecycle",
        "production",
        "busbar",
    )
    assert (found.accounting, found.status) == ("location", "static")
    assert (found.provider, found.version) == ("ember_yearly", EMBER_2024)


@pytest.mark.parametrize("unix_seconds", [0, NOON, 1 << 39])
def test_a_yearly_average_holds_at_any_time_and_names_its_year(unix_seconds: int) -> None:
    found = known(SHIPPED.at("DE", unix_seconds))

    assert found == SHIPPED.at("DE", NOON)
    assert found.version.endswith(" 2024")
    assert found.valid_from_unix_seconds <= unix_seconds < found.valid_until_unix_seconds


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("WORLD", ("WORLD", "472.94", Tier.WORLD, EMBER_2024)),
        ("MC", ("MC", "44.18", Tier.PARENT, f"{EMBER_2024} of FR")),
        ("BM", ("BM", "358.36", Tier.PARENT, f"{EMBER_2024} of REGION-NORTH-AMERICA")),
        ("AQ", ("AQ", "472.94", Tier.WORLD, f"{EMBER_2024} of WORLD")),
        ("REGION-EUROPE", ("REGION-EUROPE", "285", Tier.ANNUAL, EMBER_2024)),
        ("US-CAMX", ("US-CAMX", "383.55", Tier.COUNTRY, f"{EMBER_2024} of US")),
        ("US-PRMS", ("US-PRMS", "664.53", Tier.COUNTRY, f"{EMBER_2024} of PR")),
        ("CA-ON", ("CA-ON", "184.99", Tier.COUNTRY, f"{EMBER_2024} of CA")),
        ("GB-13", ("GB-13", "215.79", Tier.COUNTRY, f"{EMBER_2024} of GB")),
        ("JP-TK", ("JP-TK", "483.73", Tier.COUNTRY, f"{EMBER_2024} of JP")),
        ("DE-BY", ("DE-BY", "342.06", Tier.COUNTRY, f"{EMBER_2024} of DE")),
        ("mc-monaco", ("MC-MONACO", "44.18", Tier.PARENT, f"{EMBER_2024} of FR")),
    ],
)
def test_lifecycle_says_whose_value_it_is(zone: str, expected: tuple[str, str, Tier, str]) -> None:
    assert told(zone) == expected


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("US-CAMX", ("US-CAMX", "195.037", Tier.ANNUAL, "egrid2023_rev2 2023")),
        ("US", ("US", "349.667", Tier.ANNUAL, "egrid2023_rev2 2023")),
        ("US-MIDA-PJM", ("US-MIDA-PJM", "349.667", Tier.COUNTRY, "egrid2023_rev2 2023 of US")),
        ("CA-ON", ("CA-ON", "76.9", Tier.ANNUAL, "eccc_projections_2021 2025")),
        ("GB", ("GB", "177", Tier.ANNUAL, "desnz_2025 2025")),
        ("GB-13", ("GB-13", "177", Tier.COUNTRY, "desnz_2025 2025 of GB")),
        ("IM", ("IM", "177", Tier.PARENT, "desnz_2025 2025 of GB")),
        ("CA", None),
        ("FR", None),
        ("WORLD", None),
    ],
)
def test_direct_is_never_taken_from_lifecycle(
    zone: str, expected: tuple[str, str, Tier, str] | None
) -> None:
    assert told(zone, DIRECT) == expected


def test_upstream_is_known_for_great_britain_only() -> None:
    upstream = SHIPPED.asking(UPSTREAM)

    assert told("GB", UPSTREAM) == ("GB", "45.9", Tier.ANNUAL, "desnz_2025 2025")
    assert {zone.zone_id for zone in SHIPPED.zones if upstream.at(zone.zone_id, NOON)} == {
        *(f"GB-{number}" for number in range(1, 18)),
        "GB",
        "IM",
    }


@pytest.mark.parametrize(
    "axes",
    [
        Axes(signal=Signal.MARGINAL),
        Axes(accounting=Accounting.MARKET),
        Axes(scope=Scope.UNSPECIFIED),
    ],
)
def test_what_no_table_has_is_none(axes: Axes) -> None:
    assert not [zone for zone in SHIPPED.zones if SHIPPED.asking(axes).at(zone.zone_id, NOON)]


def test_a_boundary_or_losses_that_are_asked_for_are_kept_too() -> None:
    sales = Axes(scope=Scope.DIRECT, boundary=Boundary.SALES)
    delivered = Axes(scope=Scope.DIRECT, losses=Losses.DELIVERED)

    assert told("CA-QC", sales) == told("CA-QC", DIRECT) == told("CA-QC", delivered)
    assert told("US-CAMX", sales) is None
    assert told("US-CAMX", delivered) is None


@pytest.mark.parametrize(
    "zone", ["XX", "", "F", "FRANCE", " FR", "XX-YY", "FR-", "FR-é", "WORLD-1", "FR-" + "A" * 25]
)
def test_a_zone_that_is_nowhere_has_no_intensity(zone: str) -> None:
    assert told(zone) is None


# ── cloud regions as zones ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("place", "axes", "expected"),
    [
        (
            "aws:us-east-1",
            DIRECT,
            ("US-MIDA-PJM", "270.489", Tier.ANNUAL, "egrid2023_rev2 2023 of US-SRVC"),
        ),
        (
            "gcp:us-east4",
            DIRECT,
            (
                "US-MIDA-PJM",
                "323.05",
                Tier.ANNUAL,
                "google_region_carbon_2024_49f3f26b 2024 of gcp:us-east4",
            ),
        ),
        ("aws:ca-central-1", DIRECT, ("CA-QC", "0.1", Tier.ANNUAL, "eccc_projections_2021 2025")),
        (
            "AWS:US-EAST-1",
            annual.LIFECYCLE,
            ("US-MIDA-PJM", "383.55", Tier.COUNTRY, f"{EMBER_2024} of US"),
        ),
        ("aws:eu-west-1", annual.LIFECYCLE, ("IE", "279.79", Tier.ANNUAL, EMBER_2024)),
        ("aws:eu-west-1", DIRECT, None),
        ("aws:nowhere-1", annual.LIFECYCLE, None),
        ("eu-west-1", annual.LIFECYCLE, None),
    ],
)
def test_a_cloud_region_has_the_nearest_value_of_its_place(
    place: str, axes: Axes, expected: tuple[str, str, Tier, str] | None
) -> None:
    assert told(place, axes) == expected


# ── laws ─────────────────────────────────────────────────────────────────────────────────

NAMES = sorted(zone.zone_id for zone in SHIPPED.zones)
ALL_AXES = [
    Axes(signal=signal, scope=scope, accounting=accounting, boundary=boundary, losses=losses)
    for signal, scope, accounting, boundary, losses in product(
        Signal, Scope, Accounting, [None, *Boundary], [None, *Losses]
    )
]


@given(
    st.sampled_from(NAMES) | st.text(max_size=12) | st.from_regex(r"\A[a-zA-Z]{2}-\w{1,9}\Z"),
    st.sampled_from(ALL_AXES),
)
def test_whatever_is_asked_the_answer_is_on_that_axis_or_none(zone: str, axes: Axes) -> None:
    found = SHIPPED.asking(axes).at(zone, NOON)

    if found is not None:
        assert axes.fit(found)
        owner = found.version.rpartition(" of ")[2] if " of " in found.version else found.zone
        values = {one.grams_per_kilowatt_hour for one in known_zone(owner).annuals}
        assert found.grams_per_kilowatt_hour in values
        assert (found.tier is Tier.WORLD) == (owner == "WORLD")
        assert (found.tier is Tier.ANNUAL) == (owner == found.zone and owner != "WORLD")


def known_zone(name: str) -> zones.Zone:
    found = SHIPPED.zones.find(name)
    assert found is not None
    return found


@given(st.sampled_from(NAMES))
def test_every_zone_has_a_lifecycle_value_and_a_way_to_the_world(zone: str) -> None:
    chain = SHIPPED.zones.chain(zone)

    assert chain[0].zone_id == zone
    assert chain[-1].zone_id == "WORLD"
    assert SHIPPED.at(zone, NOON) is not None


def test_more_names_than_are_remembered_are_answered_as_well() -> None:
    made = table(FRANCE)
    many = [f"FR-{number}" for number in range(5_000)]

    assert {known(made.at(zone, NOON)).value for zone in many} == {Fraction("44.18")}
    assert len(made._remembered) <= annual._REMEMBERED_MAX
    assert known(made.at("FR", NOON)).tier is Tier.ANNUAL


# ── what a wrong row is answered with ────────────────────────────────────────────────────


def test_one_zone_may_have_a_value_on_each_axis() -> None:
    made = table(FRANCE, FRANCE_DIRECT, MONACO)

    assert known(made.at("FR", NOON)).value == Fraction("44.18")
    assert known(made.asking(DIRECT).at("FR", NOON)).value == Fraction("16.3")
    assert known(made.asking(DIRECT).at("MC", NOON)).tier is Tier.PARENT


LIFECYCLE_US = FRANCE.replace("FR,", "US,").replace(",FR", ",US").replace("44.18", "383.55")


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([FRANCE.replace("44.18", "0")], "line 4: FR: 0 g/kWh over a year is rounding"),
        ([FRANCE.replace("44.18", "0.0")], "line 4: FR: 0 g/kWh over a year is rounding"),
        ([FRANCE.replace("44.18", "1000")], "line 4: FR: exactly 1000 g/kWh is a placeholder"),
        ([FRANCE.replace("44.18", "1000.00")], "line 4: FR: exactly 1000 g/kWh is a placeholder"),
        (
            [FRANCE.replace("44.18", "000402")],
            "line 4: FR: g/kWh is not a plain decimal: '000402'",
        ),
        ([FRANCE.replace("44.18", "2000.01")], "line 4: FR: g/kWh must be 0 to 2000"),
        ([FRANCE.replace("44.18", "0.04418")], "line 4: FR: 0.04418 g/kWh is no grid's: kg/kWh"),
        ([FRANCE.replace("44.18", "0.000402")], "line 4: FR: 0.000402 g/kWh is no grid's"),
        ([FRANCE_DIRECT.replace("16.30", "1548.53")], "line 4: FR: g/kWh must be 0 to 1200"),
        (
            [
                LIFECYCLE_US,
                LIFECYCLE_US.replace("383.55", "770.884").replace("lifecycle", "direct"),
            ],
            "line 5: US: direct above lifecycle: lb/MWh",
        ),
        ([FRANCE.replace("44.18", "nan")], "not a plain decimal"),
        ([FRANCE.replace("44.18", "1e2")], "not a plain decimal"),
        ([FRANCE.replace("44.18", "-1")], "not a plain decimal"),
        ([FRANCE.replace("44.18", "٤٤")], "not a plain decimal"),
        ([FRANCE.replace("44.18", "")], "line 4: FR: axes without a value"),
        ([FRANCE.replace("2024", "24")], "line 4: year must be 2000 to 2100: '24'"),
        ([FRANCE.replace("average", "mean")], "line 4: 'mean' is not a valid Signal"),
        ([FRANCE.replace("lifecycle", "stack")], "line 4: 'stack' is not a valid Scope"),
        ([FRANCE.replace("production", "here")], "line 4: 'here' is not a valid Boundary"),
        ([FRANCE.replace("busbar", "none")], "line 4: 'none' is not a valid Losses"),
        ([FRANCE.replace("country", "state")], "line 4: 'state' is not a valid Level"),
        ([FRANCE.replace("cc_by", "odbl")], "line 4: 'odbl' is not a valid Licence"),
        ([FRANCE.replace("cc_by", "cc_by_sa")], "line 4: 'cc_by_sa' is not a valid Licence"),
        ([FRANCE.replace("ember", "")], "line 4: a row names its source"),
        ([FRANCE.replace(",FR,FRA", ",DE,FRA")], "line 4: FR: level and iso2 disagree"),
        ([FRANCE.replace("FR,", "fr,", 1)], "line 4: a zone has an upper-case identifier"),
        ([FRANCE.replace("France", "")], "line 4: a zone has an upper-case identifier and a name"),
        ([FRANCE[:30]], "line 4: 6 cells under 17 columns"),
        ([FRANCE + ",more"], "line 4: 18 cells under 17 columns"),
        ([FRANCE, FRANCE], "line 5: FR: two values on the same axes"),
        ([FRANCE, MONACO, FRANCE_DIRECT], "line 6: FR: its rows are not one below the other"),
        ([FRANCE, FRANCE_DIRECT.replace("France", "Gaul")], "line 5: FR: its rows disagree"),
        ([MONACO], "MC: no way to the world, at FR"),
        ([FRANCE.replace("WORLD", "MC", 1), MONACO], "no way to the world"),
        ([FRANCE.replace("WORLD", "", 1)], "FR: no way to the world"),
    ],
)
def test_a_wrong_row_is_named(rows: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=r"^zones\.csv") as refused:
        table(*rows)

    assert complaint in str(refused.value)


def test_a_value_is_low_only_where_its_row_says_why() -> None:
    quebec = FRANCE_DIRECT.replace("16.30", "0.1")

    assert table(quebec + "imports_counted_as_zero") is not None
    with pytest.raises(ValueError, match=r"0\.1 g/kWh is no grid's"):
        table(quebec)


def test_a_table_with_other_columns_is_refused() -> None:
    with pytest.raises(ValueError, match=r"zones\.csv line 1: the columns must be zone_id,"):
        annual.parse(HEADER.replace(",year", "") + "\n")
    with pytest.raises(ValueError, match=r"zones\.csv line 1: the columns must be"):
        annual.parse("")


@given(st.text(max_size=300) | st.lists(st.sampled_from(HEADER.split(","))).map(",".join))
def test_any_text_is_a_table_or_a_value_error(text: str) -> None:
    for parse in (zones.parse_zones, lambda text: clouds.parse_clouds(text, SHIPPED.zones)):
        told = complaint_of(parse, text)
        assert told is None or ".csv" in told
