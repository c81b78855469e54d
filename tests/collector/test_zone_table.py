"""The scripts that build the shipped tables, and the tables against the figures they are of."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pycountry
import pytest

from table_scripts import DATA, FIGURES, ROOT, complaint_of, script
from wattgram_collector.intensities.places import Places
from wattgram_collector.intensities.tables import text_of
from wattgram_collector.intensities.zones import COLUMNS, Level
from wattgram_collector.intensity import Scope

build_tables = script("build_tables")
cloud_figures = script("cloud_figures")
country_figures = script("country_figures")
factor_figures = script("factor_figures")
figures = script("figures")
grid_figures = script("grid_figures")

PLACES = Places()
SOURCES = figures.Sources()
HEADER = "iso2,iso3,name,level,g_per_kwh,year,boundary,scope,source,flags"
ROW = "{},country,{},{},production,lifecycle,ember-yearly (co2.js 27cbe832),"
FRANCE = ROW.format("FR,FRA,France", "44.18", "2024")
INVENTORY = sorted((ROOT / "collector/wattgram_collector/inventory/data").glob("*.csv"))
needs_figures = pytest.mark.skipif(
    not FIGURES.is_dir(), reason="the published figures are not beside this checkout"
)


def rows_of(file: Path, encoding: str = "utf-8-sig") -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(file.read_text(encoding=encoding), newline=""))]


def shipped(file: str) -> list[dict[str, str]]:
    return rows_of(DATA / file)


# ── countries ────────────────────────────────────────────────────────────────────────────


def test_every_iso_country_is_listed() -> None:
    countries = {country.alpha_2: country.alpha_3 for country in pycountry.countries}
    listed = {one.zone_id: one.iso3 for one in PLACES.zones if one.level is Level.COUNTRY}

    assert len(countries) == 249
    assert listed == countries | {"XK": "XKX"}


@pytest.mark.parametrize("zone", ["CF", "FK", "MS"])
def test_a_refused_value_is_not_used(zone: str) -> None:
    found = PLACES.zones.find(zone)

    assert found is not None
    assert found.annuals == ()
    assert re.search("own_value_(zero|placeholder)_refused", ";".join(found.origin.flags))
    assert found.parent.startswith("REGION-")


def test_old_and_suspect_values_are_flagged() -> None:
    ember = [row for row in shipped("zones.csv") if row["source"] == "ember_yearly"]

    for row in ember:
        assert ("old" in row["flags"].split(";")) == (row["year"] == "2022")
    assert {row["zone_id"] for row in ember if row["flags"] == "high_suspect"} == {"UZ", "TM"}


def test_the_rows_are_in_order() -> None:
    keys = [(row["zone_id"], row["scope"]) for row in shipped("zones.csv")]

    assert keys == sorted(keys, key=lambda key: (key[0], build_tables.SCOPES.index(key[1])))
    assert (DATA / "zones.csv").read_text().partition("\n")[0] == ",".join(COLUMNS)


def refused(*lines: str) -> str:
    """Read countries from these lines; they must be refused."""
    told = complaint_of(
        lambda text: [
            *country_figures.country_rows(
                country_figures.parse_published(text, "input.csv"), {}, SOURCES
            )
        ],
        "\n".join(lines) + "\n",
    )
    assert told is not None
    return told


@pytest.mark.parametrize("value", ["", "n/a", "nan", "inf", "1e3", "-1", "2000.01", "000402"])
def test_a_value_that_is_no_intensity_is_refused(value: str) -> None:
    told = refused(HEADER, FRANCE, ROW.format("DE,DEU,Germany", value, "2024"))

    assert "input.csv, line 3 (DE): g_per_kwh is not" in told
    assert repr(value) in told


@pytest.mark.parametrize("year", ["", "2014", "2101", "24", "2024.0"])
def test_a_year_out_of_range_is_refused(year: str) -> None:
    told = refused(HEADER, ROW.format("FR,FRA,France", "44.18", year))

    assert "input.csv, line 2 (FR): year is not within 2015..2100" in told


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([HEADER, FRANCE, FRANCE], "input.csv, line 3 (FR): duplicate"),
        ([HEADER.replace(",year", "").replace(",scope", "")], "missing columns: scope, year"),
        ([HEADER, "FR,FRA,France"], "line 2: the row has not as many cells as the header"),
        ([HEADER, FRANCE.replace("FR,FRA", "UK,GBR")], "not an ISO 3166-1 country"),
        ([HEADER, FRANCE.replace("FR,FRA", "FR,GBR")], "not an ISO 3166-1 country"),
        ([HEADER, FRANCE.replace("FR,FRA", "fr,FRA")], "not an ISO 3166-1 country"),
        ([HEADER, FRANCE.replace("production", "consumption")], "are not production, lifecycle"),
        ([HEADER, FRANCE.replace("27cbe832", "latest")], "source names no Ember snapshot"),
        ([HEADER, FRANCE.replace("country", "aggregate")], "level does not fit iso2 'FR'"),
        ([HEADER, FRANCE], "no usable value and no line in zone_parents.csv"),
        ([HEADER, FRANCE.replace("44.18", "0")], "no usable value and no line"),
        ([HEADER, FRANCE.replace("44.18", "1000")], "no usable value and no line"),
    ],
)
def test_a_row_that_cannot_be_trusted_is_refused(lines: list[str], complaint: str) -> None:
    assert complaint in refused(*lines)


def test_a_country_with_a_value_needs_no_parent_and_one_without_value_is_none() -> None:
    published = country_figures.parse_published(f"{HEADER}\n{FRANCE}\n", "input.csv")
    everyone = {code: country_figures.Parent("FR", ()) for code in country_figures.ISO_3166_1}

    with pytest.raises(figures.TableError, match=r"\(FR\): has its own value; remove the line"):
        [*country_figures.country_rows(published, everyone, SOURCES)]
    everyone = {code: country_figures.Parent("DE", ()) for code in country_figures.ISO_3166_1}
    rows = country_figures.country_rows({}, everyone, SOURCES)
    with pytest.raises(figures.TableError, match="DE has no usable value"):
        next(rows)


@pytest.mark.parametrize("line", ["QQ,FR,,why", "MC,FR,,", "MC,FR,,why\nMC,FR,,why"])
def test_a_parent_has_a_country_and_a_reason(line: str) -> None:
    with pytest.raises(figures.TableError, match=r"parents\.csv, line"):
        country_figures.parse_parents(f"zone_id,parent_zone,flags,reason\n{line}\n", "parents.csv")


def test_another_snapshot_than_is_described_is_refused() -> None:
    later = f"{HEADER}\n{FRANCE.replace('27cbe832', 'aaaaaaa')}\n"
    published = country_figures.parse_published(later, "input.csv")

    with pytest.raises(figures.TableError, match=r"co2js_aaaaaaa.*sources\.json says"):
        country_figures.require_version(published.values(), SOURCES)


# ── grids inside countries ───────────────────────────────────────────────────────────────


def subregion(pounds: object = 429.983, **change: object) -> dict[str, Any]:
    rate = {"units": "lb/MWh", "value": pounds}
    return {
        "name": "CAMX",
        "type": "subregion",
        "fullName": "WECC California",
        "dataYear": 2023,
        "gridLoss": {"value": 0.041},
        "emissionFactor": {"co2eEmissionRate": rate, "co2EmissionRate": rate},
        **change,
    }


def complaint_about(*entries: dict[str, Any]) -> str:
    with pytest.raises(figures.TableError) as stopped:
        grid_figures.egrid_rows(json.dumps(entries), "egrid.json", SOURCES)
    return str(stopped.value)


def test_a_pound_is_453_59237_grams() -> None:
    assert grid_figures.grams_of_pounds(Decimal("770.884")) == Decimal("349.667")
    assert grid_figures.grams_of_pounds(Decimal("429.983")) == Decimal("195.037")


def test_a_rate_in_other_units_is_refused() -> None:
    kilograms = subregion()
    kilograms["emissionFactor"] = {
        name: {"units": "kg/MWh", "value": 195.0}
        for name in ("co2eEmissionRate", "co2EmissionRate")
    }

    assert "CAMX): the rate is not in lb/MWh: 'kg/MWh'" in complaint_about(kilograms)


def test_pounds_that_were_grams_already_are_refused() -> None:
    """1548.53 lb/MWh times 2.2046, as a table once converted the wrong way has it."""
    assert "is more than any grid's" in complaint_about(subregion(3413.9))


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        (subregion(), "not 27 subregions"),
        (subregion(0), "is more than any grid's"),
        (subregion("many"), "CAMX"),
        (subregion(dataYear=1999), "year is not within"),
        (subregion(gridLoss={}), "KeyError('value')"),
        (subregion(emissionFactor={}), "KeyError"),
        ({}, "KeyError"),
    ],
)
def test_a_subregion_that_is_not_whole_is_refused(entry: dict[str, Any], complaint: str) -> None:
    assert complaint in complaint_about(entry)


@pytest.mark.parametrize("pounds", [400, 500])
def test_carbon_dioxide_equivalent_is_a_little_more_than_carbon_dioxide(pounds: int) -> None:
    entry = subregion(429.983)
    entry["emissionFactor"]["co2EmissionRate"] = {"units": "lb/MWh", "value": pounds}

    assert f"does not go with CO2 {pounds}" in complaint_about(entry)


PROVINCES = "title\nRegion,Région,Units,Unités,2024,2025\n"


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("Ontario,Ontario,kg/kWh,kg,66.2,76.9", r"line 3 \(Ontario\).*not in t CO2e/GWh"),
        ("Atlantis,Atlantis,t CO2e/GWh,t,1,2", "no province"),
        ("Ontario,Ontario,t CO2e/GWh,t,66.2,0", "cut off by rounding"),
        ("Ontario,Ontario,t CO2e/GWh,t,66.2,x", "not a finite plain decimal: 'x'"),
        ("Ontario,Ontario,t CO2e/GWh,t,66.2,-", "not a finite plain decimal: '-'"),
        ("Ontario,Ontario,t CO2e/GWh,t,66.2,76.9", "not 13 provinces"),
        ("Notes:", "not 13 provinces"),
    ],
)
def test_a_province_that_cannot_be_read_is_refused(lines: str, complaint: str) -> None:
    with pytest.raises(figures.TableError, match=complaint):
        grid_figures.province_rows(PROVINCES + lines + "\n", "eccc.csv", SOURCES)
    with pytest.raises(figures.TableError, match="no year 2025"):
        grid_figures.province_rows(PROVINCES.replace("2025", "2026") + lines, "x", SOURCES)


BRITAIN = (
    "element,unit,kgco2e_per_kwh_consumed\n"
    'generation (location-based scope 2),kWh,0.177\n"T&D losses, combustion",kWh,0.01853\n'
    "WTT of generation,kWh,0.0459\nWTT of T&D losses,kWh,0.00397\n"
)


def test_the_losses_of_great_britain_follow_from_their_emissions() -> None:
    (direct, upstream), (loss,) = grid_figures.britain_rows(BRITAIN, "uk.csv", SOURCES)

    assert (direct["grams_per_kilowatt_hour"], direct["scope"]) == ("177", "direct")
    assert (upstream["grams_per_kilowatt_hour"], upstream["scope"]) == ("45.9", "upstream")
    assert loss["loss_fraction"] == "18.53/195.53"
    assert loss["upstream_grams_per_kilowatt_hour"] == "3.97"


@pytest.mark.parametrize(
    ("old", "new"), [("0.177", "177"), ("0.177", "0"), (",kWh,0.177", ",MWh,0.177"), ("WTT", "?")]
)
def test_british_figures_in_other_units_are_refused(old: str, new: str) -> None:
    with pytest.raises(figures.TableError, match=r"uk\.csv"):
        grid_figures.britain_rows(BRITAIN.replace(old, new, 1), "uk.csv", SOURCES)


def test_a_region_that_neso_has_not_is_refused() -> None:
    with pytest.raises(figures.TableError, match="not a region of NESO: '18'"):
        [*grid_figures.british_regions("regionid,shortname\n18,Mars\n", "x.csv", SOURCES)]


# ── cloud regions ────────────────────────────────────────────────────────────────────────

MAP = "provider,region,iso2,location,zone,zone_basis,egrid_subregion\n"
PICK = "provider,region,location,country,zone,egrid_subregion,reason\n"
PARIS = "ovh,PAR,FR,Paris,FR,map,\n"


def test_a_name_in_two_cases_is_one_region_and_in_two_places_none() -> None:
    both = cloud_figures.region_rows(MAP + PARIS + PARIS.replace("PAR", "par"), "map.csv")

    assert [*both] == [("ovh", "par")]
    with pytest.raises(figures.TableError, match=r"map\.csv, line 3.*stands in two places"):
        cloud_figures.region_rows(MAP + PARIS + PARIS.replace("FR", "DE"), "map.csv")


@pytest.mark.parametrize(
    ("pick", "complaint"),
    [
        ("ovh,par,Paris,FR,FR,,as it is", "the map has it so; remove the line"),
        ("ovh,rbx,Roubaix,FR,FR,,", "no reason, or nothing to remove"),
        ("ovh,rbx,,,,,gone", "no reason, or nothing to remove"),
    ],
)
def test_a_pick_has_a_reason_and_an_effect(pick: str, complaint: str) -> None:
    with pytest.raises(figures.TableError, match=complaint):
        cloud_figures.mended(
            cloud_figures.region_rows(MAP + PARIS, "map.csv"), f"{PICK}{pick}\n", "picks.csv"
        )


def test_a_zone_in_another_country_is_refused() -> None:
    zones = {row["zone_id"]: row for row in shipped("zones.csv")}
    found = cloud_figures.region_rows(MAP + PARIS.replace(",FR,map", ",GB-13,map"), "map.csv")
    (row,) = found.values()

    with pytest.raises(figures.TableError, match="zone GB-13 is not in FR"):
        cloud_figures.finished(row, None, None, zones, SOURCES)
    with pytest.raises(figures.TableError, match="US-MINE: not in FR by its name"):
        cloud_figures.cloud_zones([{"zone": "US-MINE", "country": "FR"}], zones, SOURCES)
    with pytest.raises(figures.TableError, match="no subregion US-NONE"):
        cloud_figures.finished(
            {**row, "zone": "FR", "egrid_subregion": "NONE"}, None, None, zones, SOURCES
        )


def test_a_region_without_a_pue_of_its_own_has_that_of_its_geography() -> None:
    patterns = cloud_figures.aws_pue(
        "# Geography,RegionID,PUE,WUE\nAsia,ap-.+,1.27,\nSydney,ap-southeast-2,,0.12\n"
        "Mumbai,ap-south-1,1.42,\n",
        "aws.csv",
    )

    def pue(region: str) -> tuple[str, str] | None:
        found = cloud_figures.pue_of({"provider": "aws", "region": region}, patterns, {})
        return found and (found.value, found.basis)

    assert pue("ap-southeast-2") == pue("ap-east-1") == ("1.27", "geography")
    assert pue("ap-south-1") == ("1.42", "region")
    assert pue("sa-east-1") is None


def test_grams_that_lost_their_point_are_refused() -> None:
    header = "Google Cloud Region,Grid carbon intensity (gCO2eq / kWh)\n"

    assert cloud_figures.google_grams(f"{header}us-east4,323.05\n", "g.csv")
    with pytest.raises(figures.TableError, match=r"g\.csv, line 2.*'000402'"):
        cloud_figures.google_grams(f"{header}us-east4,000402\n", "g.csv")
    with pytest.raises(figures.TableError, match="missing columns"):
        cloud_figures.google_grams("Region,g\nus-east4,3\n", "g.csv")


# ── single figures ───────────────────────────────────────────────────────────────────────

NETWORK = "access,model,kwh_per_gb,idle_w,w_per_mbps,year,low,high,source,confidence,note\n"


@pytest.mark.parametrize(
    ("reader", "text", "complaint"),
    [
        ("fuel_rows", "fuel,set,scope,g_per_kwh,low,high\ncoal,mine,direct,1,,\n", "'mine'"),
        ("pue_rows", "site,pue,low,high,year\ngarage,1.2,1,2,2024\n", "garage"),
        (
            "network_rows",
            f"{NETWORK}fixed,average,1,,,2020,,,hearsay,low,\n",
            "'hearsay'",
        ),
    ],
)
def test_a_figure_of_an_unknown_source_is_refused(reader: str, text: str, complaint: str) -> None:
    with pytest.raises(figures.TableError, match=complaint):
        [*getattr(factor_figures, reader)(text, "in.csv", SOURCES)]


# ── writing ──────────────────────────────────────────────────────────────────────────────


def test_a_value_that_moved_much_is_written_only_when_accepted(tmp_path: Path) -> None:
    old = text_of("zones.csv")
    texts = {"zones.csv": old.replace(",44.18,", ",24.18,")}
    build_tables.write({"zones.csv": old}, tmp_path, [])

    with pytest.raises(figures.TableError, match=r"FR \(lifecycle\): 44.18 became 24.18 g/kWh"):
        build_tables.write(texts, tmp_path, ["DE"])
    assert (tmp_path / "zones.csv").read_text() == old
    build_tables.write(texts, tmp_path, ["FR"])
    assert (tmp_path / "zones.csv").read_text() == texts["zones.csv"]
    build_tables.write({"zones.csv": old.replace(",44.18,", ",32.18,")}, tmp_path, [])


def test_check_says_which_table_is_not_what_the_figures_give(tmp_path: Path) -> None:
    build_tables.write({"pue.csv": "old\n", "zones.csv": text_of("zones.csv")}, tmp_path, [])

    with pytest.raises(figures.TableError, match=r"pue\.csv is not what .* gives: rebuild"):
        build_tables.check({"pue.csv": "new\n"}, tmp_path, Path("figures"))
    build_tables.check({"pue.csv": "old\n"}, tmp_path, Path("figures"))


def test_tables_that_the_collector_would_refuse_are_not_built() -> None:
    texts = {path.name: path.read_text() for path in DATA.glob("*.csv")}
    build_tables.require_readable(texts)

    with pytest.raises(ValueError, match=r"zones\.csv line"):
        build_tables.require_readable(
            {**texts, "zones.csv": texts["zones.csv"].replace(",44.18,", ",0,")}
        )
    with pytest.raises(ValueError, match="no zone ZZ"):
        build_tables.require_readable(
            {**texts, "losses.csv": texts["losses.csv"].replace("\nGB,", "\nZZ,")}
        )


def test_a_missing_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"egrid2023_power-profiler.*No such file"):
        build_tables.main([str(tmp_path), "--output", str(tmp_path)])
    assert [*tmp_path.iterdir()] == []


# ── the tables against the figures ───────────────────────────────────────────────────────


@needs_figures
def test_the_committed_tables_are_what_the_scripts_build() -> None:
    build_tables.main([str(FIGURES), "--check"])


@needs_figures
def test_a_table_that_the_collector_would_refuse_is_not_written(tmp_path: Path) -> None:
    """France in kg/kWh: a plain decimal, and yet no grid's."""
    figures_of_mine, output = tmp_path / "in", tmp_path / "out"
    (figures_of_mine / "derived").mkdir(parents=True)
    output.mkdir()
    for name in ("epa", "canada", "transport", "spruce", "gcp"):
        (figures_of_mine / name).symlink_to(FIGURES / name)
    for file in (FIGURES / "derived").glob("*.csv"):
        text = file.read_text(encoding="utf-8").replace(",44.18,2024,", ",0.04418,2024,")
        (figures_of_mine / "derived" / file.name).write_text(text, encoding="utf-8")

    with pytest.raises(SystemExit, match=r"zones\.csv line \d+: FR: 0\.04418 g/kWh is no grid's"):
        build_tables.main([str(figures_of_mine), "--output", str(output)])
    assert [*output.iterdir()] == []


def sample(rows: Iterable[dict[str, str]], seed: int) -> list[dict[str, str]]:
    every = [*rows]
    return random.Random(seed).sample(every, min(20, len(every)))


@needs_figures
def test_a_random_sample_is_what_was_published() -> None:
    """Another sample in every run; WATTGRAM_SAMPLE_SEED repeats one."""
    seed = int(os.environ.get("WATTGRAM_SAMPLE_SEED") or random.SystemRandom().randrange(10**6))
    print(f"WATTGRAM_SAMPLE_SEED={seed}")
    _compare_countries(seed)
    _compare_grids(seed)
    _compare_clouds(seed)


def value_of(zone: str, scope: Scope) -> Fraction | None:
    found = PLACES.zones.find(zone)
    assert found is not None, zone
    grams = [one.grams_per_kilowatt_hour for one in found.annuals if one.scope is scope]
    return Fraction(grams[0]) if grams else None


def _compare_countries(seed: int) -> None:
    iso3 = {country.alpha_3: country.alpha_2 for country in pycountry.countries}
    ember = json.loads((FIGURES / "co2js" / "ember_average-intensities.json").read_text())
    for row in sample((one for one in ember.values() if one["country_code"] in iso3), seed):
        grams = Decimal(str(row["emissions_intensity_gco2_per_kwh"]))
        value = value_of(iso3[row["country_code"]], Scope.LIFECYCLE)
        assert value == (None if grams in {0, 1000} else Fraction(grams)), (seed, row)


def _compare_grids(seed: int) -> None:
    for row in sample(rows_of(FIGURES / "epa" / "egrid2023_rates.csv"), seed):
        zone = "US" if row["type"] == "national" else f"US-{row['code']}"
        loss = PLACES.loss(zone)
        assert loss is not None
        assert value_of(zone, Scope.DIRECT) == Fraction(row["co2e_g_per_kwh"]), (seed, row)
        assert loss.fraction == Fraction(row["grid_gross_loss"]), (seed, row)
    for row in sample(rows_of(FIGURES / "derived" / "ca_provinces_eccc.csv"), seed):
        value = value_of(row["iso_3166_2"], Scope.DIRECT)
        assert value == Fraction(row["g_2025_proj"]), (seed, row)


def _compare_clouds(seed: int) -> None:
    picks = {(row["provider"], row["region"]) for row in rows_of(cloud_figures.PICKS)}
    google = rows_of(FIGURES / "gcp" / "region-carbon-2024.csv")
    for row in sample(rows_of(FIGURES / "derived" / "cloud_regions.csv"), seed):
        if (row["provider"], row["region"]) not in picks:
            region = PLACES.cloud(f"{row['provider']}:{row['region']}")
            assert region is not None, (seed, row)
            assert (region.zone, region.country) == (row["zone"], row["iso2"]), (seed, row)
    for row in sample(google, seed):
        region = PLACES.cloud(f"gcp:{row['Google Cloud Region']}")
        assert region is not None
        assert region.annual is not None
        published_grams = row["Grid carbon intensity (gCO2eq / kWh)"]
        assert region.annual.grams_per_kilowatt_hour == published_grams, (seed, row)


@needs_figures
def test_no_value_is_of_the_share_alike_table() -> None:
    """The names of its zones are in use everywhere; of its values none may be ours."""
    share_alike = {
        row["zone"]: {row[f"g_{year}"] for year in range(2021, 2026)}
        for row in rows_of(FIGURES / "derived" / "electricitymaps_zone_annual_ODbL.csv")
    }
    ours = [row for row in shipped("zones.csv") if row["grams_per_kilowatt_hour"]]
    same = [r for r in ours if r["grams_per_kilowatt_hour"] in share_alike.get(r["zone_id"], ())]

    assert len(share_alike) > 300
    assert [row for row in same if row["source"] not in {"ember_yearly", "eccc_projections"}] == []
    assert len(same) < 5  # integers that agree by chance


# ── the page ─────────────────────────────────────────────────────────────────────────────


def test_the_page_counts_what_the_tables_have() -> None:
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    told = {name: int(count) for name, count in re.findall(r"\| `([\w.]+)` \| (\d+) \|", page)}
    flags = Counter(
        flag
        for path in DATA.glob("*.csv")
        for row in rows_of(path)
        for flag in row["flags"].split(";")
        if flag
    )
    tables = {path.name: len(rows_of(path)) for path in (*DATA.glob("*.csv"), *INVENTORY)}

    assert told == flags | tables


def test_the_page_names_every_source() -> None:
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")

    for source in PLACES.sources.values():
        assert f"`{source.source_id}`" in page
        assert source.url in page or source.source_id == "wattgram"
