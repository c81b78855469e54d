"""What is known of a place beside its grid's intensity; the shipped tables and their sources."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from table_scripts import DATA, complaint_of
from wattgram_collector.intensities import annual, clouds, coefficients, overheads, tables
from wattgram_collector.intensities.places import Places
from wattgram_collector.intensities.tables import Licence, parse_sources, text_of
from wattgram_collector.intensities.zones import Level
from wattgram_collector.intensity import Losses, Scope

PLACES = Places()
TABLES = sorted(path.name for path in DATA.glob("*.csv"))


def rows(file: str) -> Iterator[dict[str, str]]:
    yield from csv.DictReader(io.StringIO(text_of(file), newline=""))


# ── coverage ─────────────────────────────────────────────────────────────────────────────


def test_the_tables_cover_what_was_promised() -> None:
    zones = list(PLACES.zones)
    own = [one for one in zones if one.level is Level.COUNTRY and one.annuals]
    egrid = [one for one in zones for annual in one.annuals if annual.origin.source == "epa_egrid"]
    provinces = [one for one in zones if one.level is Level.SUBDIVISION and one.iso2 == "CA"]
    british = [one for one in zones if one.parent == "GB" and one.level is Level.GRID]
    great = [one for one in PLACES.clouds.values() if one.provider in {"aws", "gcp", "azure"}]

    assert len(own) >= 200
    assert len(egrid) - 1 == 27
    assert (len(provinces), len(british)) == (13, 17)
    assert len(great) >= 150


def test_every_region_of_the_three_great_clouds_has_a_pue_above_one() -> None:
    for region in PLACES.clouds.values():
        found = PLACES.cloud_pue(region)
        assert 1 < found.pue < 2, region.alias


# ── places ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("place", "zone", "pue"),
    [
        ("aws:eu-west-1", "IE", "1.11"),
        ("aws:us-east-1", "US-MIDA-PJM", "1.15"),
        ("aws:eu-central-1", "DE", "1.35"),
        ("aws:ap-south-1", "IN-WE", "1.42"),
        ("aws:ca-central-1", "CA-QC", "1.19"),
        ("aws:us-east-2", "US-MIDA-PJM", "1.13"),
        ("aws:ap-southeast-2", "AU-NSW", "1.27"),
        ("azure:southcentralus", "US-TEX-ERCO", "1.16"),
        ("azure:norwaywest", "NO-NO2", "1.16"),
        ("gcp:us-south1", "US-TEX-ERCO", "1.1"),
        ("gcp:us-east5", "US-MIDA-PJM", "1.05"),
        ("gcp:asia-northeast2", "JP-KN", "1.1"),
        ("gcp:europe-north2", "SE-SE3", "1.1"),
        ("gcp:southamerica-east1", "BR-CS", "1.1"),
        ("OVH:BHS", "CA-QC", "1.56"),
    ],
)
def test_a_cloud_region_stands_where_its_city_is(place: str, zone: str, pue: str) -> None:
    region = PLACES.cloud(place)

    assert region is not None
    assert PLACES.zone(place) == region.zone == zone
    assert PLACES.cloud_pue(region).pue == Fraction(pue)
    assert region.zone_basis
    assert [one.zone_id for one in PLACES.parents(zone)][-1] == "WORLD"


@pytest.mark.parametrize("region", ["global", "us", "europe", "asiapacific", "malaysiwest"])
def test_what_is_no_place_is_no_region(region: str) -> None:
    assert PLACES.cloud(f"azure:{region}") is None


@pytest.mark.parametrize(
    ("place", "zone"),
    [("fra", "FR"), ("us-camx", "US-CAMX"), ("DE-BY", "DE-BY"), ("aws:no", "aws:no"), ("", "")],
)
def test_a_zone_is_its_own_place(place: str, zone: str) -> None:
    assert PLACES.zone(place) == zone


def test_a_pue_says_whose_mean_it_is_and_where_it_was_published() -> None:
    own = PLACES.cloud_pue(PLACES.clouds["AWS:EU-WEST-1"])
    wide = PLACES.cloud_pue(PLACES.clouds["AZURE:UKSOUTH"])
    campus = PLACES.cloud_pue(PLACES.clouds["GCP:US-CENTRAL1"])
    fleet = PLACES.cloud_pue(PLACES.clouds["GCP:EUROPE-WEST2"])

    assert (own.origin.source, own.origin.flags) == ("aws_pue", ("region",))
    assert (wide.origin.source, wide.origin.flags) == ("microsoft_pue", ("geography",))
    assert (campus.origin.source, campus.year) == ("google_pue", 2025)
    assert (fleet.site_class, fleet.origin.flags) == ("gcp", ("fleet",))


@pytest.mark.parametrize("site_class", ["laptop", "desktop", "edge", "iot"])
def test_where_there_is_no_facility_the_pue_is_one(site_class: str) -> None:
    found = PLACES.pue(site_class)

    assert found is not None
    assert {found.pue, found.low, found.high} == {Fraction(1)}


def test_an_unknown_data_centre_has_the_mean_of_the_survey() -> None:
    found = PLACES.pue("unknown_datacenter")

    assert found is not None
    assert (found.pue, found.year, found.origin.source) == (Fraction("1.56"), 2024, "uptime")
    assert PLACES.pue("garage") is None


# ── losses ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("place", "fraction"),
    [
        ("US-CAMX", "0.041"),
        ("US", "0.042"),
        ("usa", "0.042"),
        ("US-MIDA-PJM", "0.042"),
        ("US-PRMS", "0.042"),
        ("aws:us-west-1", "0.041"),
        ("aws:us-east-1", "0.042"),
        ("GB", "1853/19553"),
        ("GB-13", "1853/19553"),
        ("azure:uksouth", "1853/19553"),
        ("FR", None),
        ("PR", None),
        ("IM", None),
        ("CA-ON", None),
        ("WORLD", None),
        ("XX", None),
        ("aws:nowhere", None),
        ("aws:eu-west-1", None),
    ],
)
def test_a_loss_is_of_the_zone_or_its_country_or_not_known(
    place: str, fraction: str | None
) -> None:
    found = PLACES.loss(place)

    assert (found and found.fraction) == (fraction and Fraction(fraction))


def test_the_share_lost_in_great_britain_gives_the_published_emissions() -> None:
    """177 g/kWh x L / (1 - L) is the 18.53 g/kWh from which L was derived; in all 245.4."""
    loss = PLACES.loss("GB")
    upstream = annual.load().zones.find("GB")

    assert loss is not None
    assert upstream is not None
    assert 177 * loss.fraction / (1 - loss.fraction) == Fraction("18.53")
    assert loss.direct_grams_per_kilowatt_hour == Fraction("18.53")
    assert loss.upstream_grams_per_kilowatt_hour == Fraction("3.97")
    well_to_tank = next(one for one in upstream.annuals if one.scope is Scope.UPSTREAM)
    assert (
        177
        + loss.direct_grams_per_kilowatt_hour
        + Fraction(well_to_tank.grams_per_kilowatt_hour)
        + loss.upstream_grams_per_kilowatt_hour
    ) == Fraction("245.4")


# ── fuels, network ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fuel", "scope", "factor_set", "expected"),
    [
        ("coal", Scope.LIFECYCLE, "ipcc", (820, 740, 910)),
        ("gas", Scope.LIFECYCLE, "ipcc", (490, 410, 650)),
        ("oil", Scope.LIFECYCLE, "ipcc", (840, None, None)),
        ("nuclear", Scope.LIFECYCLE, "ipcc", (12, Fraction("3.7"), 110)),
        ("hydro", Scope.LIFECYCLE, "ipcc", (24, 1, 2200)),
        ("coal", Scope.DIRECT, "ipcc", (760, 670, 870)),
        ("wind", Scope.DIRECT, "ipcc", (0, None, None)),
        ("coal", Scope.DIRECT, "neso", (937, None, None)),
        ("gas", Scope.LIFECYCLE, "unece", (None, 403, 513)),
    ],
)
def test_a_fuel_has_a_factor_on_each_axis_of_each_set(
    fuel: str, scope: Scope, factor_set: str, expected: tuple[Fraction | None, ...]
) -> None:
    found = PLACES.fuel(fuel, scope, factor_set)

    assert found is not None
    assert (found.grams_per_kilowatt_hour, found.low, found.high) == expected
    assert found == PLACES.fuel_set(scope, factor_set)[fuel]


@pytest.mark.parametrize(
    ("fuel", "scope", "factor_set"),
    [
        ("oil", Scope.DIRECT, "ipcc"),
        ("biomass", Scope.DIRECT, "ipcc"),
        ("geothermal", Scope.DIRECT, "ipcc"),
        ("unknown", Scope.DIRECT, "ipcc"),
        ("coal", Scope.LIFECYCLE, "neso"),
        ("coal", Scope.LIFECYCLE, "electricitymaps_default"),
        ("coal", Scope.UPSTREAM, "ipcc"),
    ],
)
def test_a_set_has_no_factor_of_another_axis_or_set(
    fuel: str, scope: Scope, factor_set: str
) -> None:
    assert PLACES.fuel(fuel, scope, factor_set) is None
    assert fuel not in PLACES.fuel_set(scope, factor_set)


def test_a_set_is_of_one_kind_as_to_the_losses_of_the_grid() -> None:
    kinds = {(one.factor_set, one.losses) for one in PLACES.fuels.values()}

    assert kinds == {
        ("ipcc", Losses.BUSBAR),
        ("unece", Losses.BUSBAR),
        ("neso", Losses.DELIVERED),
    }


def test_direct_is_never_above_lifecycle_within_a_set() -> None:
    for (factor_set, fuel, scope), direct in PLACES.fuels.items():
        whole = PLACES.fuel(fuel, Scope.LIFECYCLE, factor_set)
        if scope is Scope.DIRECT and whole and whole.grams_per_kilowatt_hour is not None:
            assert direct.grams_per_kilowatt_hour is not None
            assert direct.grams_per_kilowatt_hour <= whole.grams_per_kilowatt_hour


def test_the_first_network_coefficient_is_the_network_segment_of_swdm() -> None:
    first, *rest = PLACES.network
    power = [one for one in rest if one.model == "power"]

    assert first.kilowatt_hours_per_gigabyte == Fraction("0.059")
    assert (first.segment, first.origin.source) == ("internet_all_segments", "swdm")
    assert {one.segment for one in power} >= {"fixed", "home_router", "mobile", "mobile_ran"}


# ── where rows come from ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("file", TABLES)
def test_every_row_names_a_source_that_is_described(file: str) -> None:
    sources = PLACES.sources
    for row in rows(file):
        source = sources[row["source"]]
        assert row["dataset_version"] == source.dataset_version
        assert row["licence_class"] == source.licence_class
        for column in ("pue_source", "grid_source"):
            assert row.get(column, "") in {"", *sources}
        if row.get("grid_source"):
            assert row["grid_dataset_version"] == sources[row["grid_source"]].dataset_version
            assert row["grid_licence_class"] == sources[row["grid_source"]].licence_class


def test_no_row_may_be_shared_alike_only() -> None:
    """Whole data sets are under licences that ask for a name at most; single figures are facts."""
    whole = {"public_domain", "cc_by", "ogl", "ogl_canada", "mit", "apache"}
    for file in TABLES:
        allowed = whole if file in {"zones.csv", "losses.csv", "cloud_regions.csv"} else {*Licence}
        assert {row["licence_class"] for row in rows(file)} <= allowed, file
    for source in PLACES.sources.values():
        words = (source.licence, source.title, source.publisher, source.attribution)
        told = " ".join(words).lower()
        for share_alike in ("odbl", "odc-", "-sa-", "sharealike", "gpl", "electricity maps"):
            assert share_alike not in told, source.source_id


def test_every_source_is_used() -> None:
    used = {
        row[column]
        for file in TABLES
        for row in rows(file)
        for column in ("source", "pue_source", "grid_source")
        if row.get(column)
    }
    assert used == set(PLACES.sources)


@pytest.mark.parametrize("file", [*TABLES, "sources.json"])
def test_the_files_are_plain(file: str) -> None:
    raw = (DATA / file).read_bytes()

    assert b"\r" not in raw
    assert raw.endswith(b"\n")
    assert not raw.startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"cc_by"', '"odbl"', "entry 1: 'odbl' is not a valid Licence"),
        ('"title"', '"heading"', "entry 1: .*heading"),
        ('"Ember"', '""', "entry 1: publisher is missing"),
        ('"Ember"', "null", "entry 1: publisher is missing"),
        ('"epa_egrid"', '"ember_yearly"', "entry 2: ember_yearly twice"),
        ("[", "{", "sources.json: "),
    ],
)
def test_a_source_that_is_not_described_whole_is_refused(
    old: str, new: str, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_sources(text_of("sources.json").replace(old, new, 1))


ENTRY = st.dictionaries(st.sampled_from(tables.Source.__slots__), st.none() | st.text(max_size=3))


@given(st.none() | st.integers() | st.lists(st.integers() | ENTRY, max_size=2))
def test_any_json_is_sources_or_a_value_error(value: object) -> None:
    told = complaint_of(parse_sources, json.dumps(value))
    assert told is None or told.startswith("sources.json")


# ── what a wrong row is answered with ────────────────────────────────────────────────────

IRELAND = "aws,eu-west-1,"
PARSERS: dict[str, Callable[[str], object]] = {
    "losses.csv": overheads.parse_losses,
    "pue.csv": overheads.parse_pues,
    "network.csv": coefficients.parse_network,
    "fuel_factors.csv": coefficients.parse_fuels,
    "cloud_regions.csv": lambda text: clouds.parse_clouds(text, PLACES.zones),
    "zones.csv": annual.parse,
}


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("cloud_regions.csv", ",IE,IE,", ",IE,XX,", "no zone XX in IE"),
        ("cloud_regions.csv", ",IE,IE,", ",IE,GB,", "no zone GB in IE"),
        ("cloud_regions.csv", ",IE,IE,", ",IE,IRL,", "no zone IRL in IE"),
        ("cloud_regions.csv", ",US-SRVC,", ",US-NONE,", "no zone US-NONE in US"),
        ("cloud_regions.csv", IRELAND, "aws,,", "line .*: a cloud region has a provider"),
        (
            "cloud_regions.csv",
            IRELAND,
            "aws,eu-west-2,",
            "line .*: AWS:EU-WEST-2: more than one row",
        ),
        (
            "cloud_regions.csv",
            IRELAND,
            "aws,EU-WEST-2,",
            "line .*: AWS:EU-WEST-2: more than one row",
        ),
        ("cloud_regions.csv", ",1.11,region,,aws_pue", ",0.11,region,,aws_pue", "pue must be 1"),
        ("cloud_regions.csv", ",1.11,region,,aws_pue", ",11.1,region,,aws_pue", "pue must be 1"),
        ("cloud_regions.csv", ",1.11,region,,aws_pue", ",1.11,,,aws_pue", "basis and a source"),
        ("cloud_regions.csv", ",1.11,region,,aws_pue", ",1.11,guess,,aws_pue", "PueBasis"),
        ("cloud_regions.csv", ",439.29,", ",000402,", "gcp:asia-east1.*not a plain decimal"),
        ("cloud_regions.csv", ",439.29,", ",0.000439,", "gcp:asia-east1.*no grid's"),
        ("cloud_regions.csv", ",439.29,", ",1439.29,", "gcp:asia-east1.*must be 0 to 1200"),
        ("cloud_regions.csv", ",439.29,", ",0,", "gcp:asia-east1: 0 g/kWh"),
        ("losses.csv", "0.042", "4.2", "line .*loss_fraction must be 0.005 to 0.6"),
        ("losses.csv", "0.042", "0", "line .*loss_fraction must be"),
        ("losses.csv", "18.53/195.53", "18.53/0", "line .*must be 0.000001"),
        ("losses.csv", "18.53/195.53", "18.53/", "line .*not a plain decimal"),
        ("losses.csv", "18.53,3.97", "n/a,3.97", "line .*direct g/kWh"),
        ("losses.csv", "US-AZNM", "US-AKGD", "line .*: US-AKGD: more than one row"),
        ("pue.csv", "1.56,1.2,2.0", "0.56,1.2,2.0", "line 2: pue must be 1 to 3"),
        ("pue.csv", "1.56,1.2,2.0", "1.56,1.6,2.0", "line 2: low, value and high"),
        ("pue.csv", "1.56,1.2,2.0", "1.56,1.2,1.5", "line 2: low, value and high"),
        ("pue.csv", "unknown_datacenter", "", "line 2: site_class is empty"),
        ("network.csv", "average,0.059", "average,59", "line 2: kWh/GB must be"),
        ("network.csv", "average,0.059", "average,", "line 2: average has kWh/GB"),
        ("network.csv", "average,0.059", "power,0.059", "line 2: average has kWh/GB"),
        ("network.csv", "average,0.059", "linear,0.059", "line 2: model must be"),
        ("network.csv", "0.06,,,0.03,", "0.06,,,0.07,", "line 3: low, value and high"),
        ("fuel_factors.csv", "760,670,870", "1760,670,870", "line 2: g/kWh must be 0 to 1300"),
        ("fuel_factors.csv", "760,670,870", ",670,", "line 2: neither a value nor a range"),
        ("fuel_factors.csv", "760,670,870", "760,870,670", "line 2: low, value and high"),
        (
            "fuel_factors.csv",
            "ipcc,gas,",
            "ipcc,coal,",
            "line 3: ipcc coal direct: more than one row",
        ),
    ],
)
def test_a_wrong_row_is_named(file: str, old: str, new: str, complaint: str) -> None:
    assert old in text_of(file)
    with pytest.raises(ValueError, match=complaint) as refused:
        PARSERS[file](text_of(file).replace(old, new, 1))
    assert str(refused.value).startswith(f"{file} line ")


@given(st.sampled_from(TABLES), st.text(max_size=200))
def test_any_text_is_a_table_or_a_value_error(file: str, text: str) -> None:
    header = text_of(file).partition("\n")[0]
    told = complaint_of(PARSERS[file], f"{header}\n{text}")
    assert told is None or told.startswith(file)


@given(st.text(alphabet="0123456789.e-+/_ ٤", max_size=8))
def test_a_number_is_exactly_what_is_written_or_refused(text: str) -> None:
    try:
        value = tables.number("it", text, "0", "1000")
    except ValueError:
        return
    whole, _, decimals = text.partition(".")
    assert value == Fraction(int(whole + decimals), 10 ** len(decimals))


# ── cost ─────────────────────────────────────────────────────────────────────────────────


def test_all_tables_are_read_in_less_than_a_tenth_of_a_second() -> None:
    def seconds() -> float:
        start = time.process_time()
        annual.load().at("aws:eu-west-1", 0)
        places = Places()
        for table in ("zones", "clouds", "losses", "pues", "network", "fuels", "sources"):
            assert getattr(places, table)
        return time.process_time() - start

    assert min(seconds() for _ in range(5)) < 0.1


def test_a_table_that_is_not_asked_for_is_not_read() -> None:
    read = []

    def counted(file: str) -> str:
        read.append(file)
        return text_of(file)

    places = Places(counted)
    assert read == []
    places.pue("laptop")
    places.pue("edge")
    assert read == ["pue.csv"]
    places.loss("GB")
    assert read == ["pue.csv", "zones.csv", "losses.csv"]
