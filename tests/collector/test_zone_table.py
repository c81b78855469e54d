"""The shipped table of carbon intensities, and the script that builds it."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import re
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pycountry
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "collector" / "scripts" / "build_zones.py"
DATA = ROOT / "collector" / "wattgram_collector" / "intensities" / "data"
INPUT = ROOT.parent / "shared" / "data" / "derived" / "country_annual_ember.csv"
COLUMNS = (
    "zone_id,level,name,iso3,grams_per_kilowatt_hour,year,"
    "signal,scope,boundary,losses,basis,source,dataset_version,flags"
)
HEADER = "iso2,iso3,name,level,g_per_kwh,year,boundary,scope,source,flags"
ROW = "{},country,{},{},production,lifecycle,ember-yearly (co2.js 27cbe832),"
FRANCE = ROW.format("FR,FRA,France", "44.18", "2024")


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_zones", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


build_zones = load_script()


@pytest.fixture(scope="module")
def zones() -> dict[str, dict[str, str]]:
    with (DATA / "zones.csv").open(encoding="utf-8", newline="") as file:
        return {row["zone_id"]: row for row in csv.DictReader(file)}


def complaint(tmp_path: Path, *lines: str) -> str:
    """Run the script on an input of these lines; it must refuse and write nothing."""
    source, output = tmp_path / "input.csv", tmp_path / "zones.csv"
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(SystemExit) as stopped:
        build_zones.main([str(source), "--output", str(output)])
    assert not output.exists()
    return str(stopped.value.code)


def test_every_iso_country_has_a_row(zones: dict[str, dict[str, str]]) -> None:
    countries = {country.alpha_2: country.alpha_3 for country in pycountry.countries}
    assert len(countries) == 249
    assert {code: zones[code]["iso3"] for code in countries} == countries
    assert set(zones) - set(countries) <= {"WORLD", "XK"}


def test_the_world_has_a_row(zones: dict[str, dict[str, str]]) -> None:
    assert (zones["WORLD"]["level"], zones["WORLD"]["basis"]) == ("world", "own")


def test_every_row_is_valid(zones: dict[str, dict[str, str]]) -> None:
    for zone_id, row in zones.items():
        value = row["grams_per_kilowatt_hour"]
        assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", value), zone_id
        assert math.isfinite(float(value)), zone_id
        assert 0 < float(value) <= 2000, zone_id
        assert 2015 <= int(row["year"]) <= 2100, zone_id
        assert row["name"], zone_id
        assert row["level"] == ("world" if zone_id == "WORLD" else "country"), zone_id
        assert re.fullmatch("own|world|parent:[A-Z]{2}|region:[A-Z].+", row["basis"]), zone_id


def test_every_row_says_the_same_kind_of_intensity(zones: dict[str, dict[str, str]]) -> None:
    for column, value in {
        "signal": "average",
        "scope": "lifecycle",
        "boundary": "production",
        "losses": "busbar",
        "source": "ember_yearly",
    }.items():
        assert {row[column] for row in zones.values()} == {value}


def test_the_file_is_sorted_and_has_exactly_its_columns() -> None:
    raw = (DATA / "zones.csv").read_bytes()
    lines = raw.decode("utf-8").splitlines()
    ids = [line.partition(",")[0] for line in lines[1:]]
    assert lines[0] == COLUMNS
    assert ids == sorted(set(ids))
    assert b"\r" not in raw
    assert raw.endswith(b"\n")


@pytest.mark.parametrize("zone_id", ["CF", "FK", "MS"])
def test_a_refused_value_is_not_used(zones: dict[str, dict[str, str]], zone_id: str) -> None:
    assert zones[zone_id]["basis"].startswith("region:")
    assert re.search("own_value_(zero|placeholder)_refused", zones[zone_id]["flags"])
    assert float(zones[zone_id]["grams_per_kilowatt_hour"]) not in {0, 1000}


def test_a_parent_gives_its_value_and_its_year(zones: dict[str, dict[str, str]]) -> None:
    children = [row for row in zones.values() if row["basis"].startswith("parent:")]
    assert children
    for row in children:
        parent = zones[row["basis"].removeprefix("parent:")]
        assert parent["basis"] == "own"
        assert row["grams_per_kilowatt_hour"] == parent["grams_per_kilowatt_hour"]
        assert row["year"] == parent["year"]


def test_rows_of_one_region_agree_and_the_last_resort_is_the_world(
    zones: dict[str, dict[str, str]],
) -> None:
    seen = {"world": zones["WORLD"]["grams_per_kilowatt_hour"]}
    for row in zones.values():
        if row["basis"] == "world" or row["basis"].startswith("region:"):
            value = row["grams_per_kilowatt_hour"]
            assert seen.setdefault(row["basis"], value) == value


def test_old_and_suspect_values_are_flagged(zones: dict[str, dict[str, str]]) -> None:
    for row in zones.values():
        assert ("old" in row["flags"].split(";")) == (row["year"] == "2022")
    assert zones["UZ"]["flags"] == zones["TM"]["flags"] == "high_suspect"


def test_the_source_of_every_row_is_described(zones: dict[str, dict[str, str]]) -> None:
    (source,) = json.loads((DATA / "sources.json").read_text(encoding="utf-8"))
    assert {row["source"] for row in zones.values()} == {source["source_id"]}
    assert {row["dataset_version"] for row in zones.values()} == {source["dataset_version"]}
    assert source["licence_spdx"] == "CC-BY-4.0"
    assert "Ember" in source["attribution_text"]


def test_the_page_counts_what_the_table_has(zones: dict[str, dict[str, str]]) -> None:
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    told = {name: int(count) for name, count in re.findall(r"\| `(\w+)\S*` \| (\d+) \|", page)}
    bases = Counter(row["basis"].partition(":")[0] for row in zones.values())
    flags = Counter(flag for row in zones.values() for flag in row["flags"].split(";") if flag)
    assert told == bases | flags


@pytest.mark.parametrize("value", ["", "n/a", "nan", "inf", "1e3", "-1", "2000.01"])
def test_a_value_that_is_no_intensity_is_refused(tmp_path: Path, value: str) -> None:
    told = complaint(tmp_path, HEADER, FRANCE, ROW.format("DE,DEU,Germany", value, "2024"))
    assert "input.csv, line 3 (DE): g_per_kwh is not" in told
    assert repr(value) in told


@pytest.mark.parametrize("year", ["", "2014", "2101", "24", "2024.0"])
def test_a_year_out_of_range_is_refused(tmp_path: Path, year: str) -> None:
    told = complaint(tmp_path, HEADER, ROW.format("FR,FRA,France", "44.18", year))
    assert "input.csv, line 2 (FR): year is not within 2015..2100" in told


def test_a_duplicate_is_refused(tmp_path: Path) -> None:
    told = complaint(tmp_path, HEADER, FRANCE, FRANCE)
    assert "input.csv, line 3 (FR): duplicate" in told


def test_missing_columns_are_named(tmp_path: Path) -> None:
    told = complaint(tmp_path, HEADER.replace(",year", "").replace(",scope", ""))
    assert "input.csv, line 1: missing columns: scope, year" in told


def test_a_short_row_is_refused(tmp_path: Path) -> None:
    told = complaint(tmp_path, HEADER, "FR,FRA,France")
    assert "input.csv, line 2: the row has not as many cells as the header" in told


@pytest.mark.parametrize("country", ["UK,GBR,United Kingdom", "FR,GBR,France", "fr,FRA,France"])
def test_a_code_that_is_not_iso_is_refused(tmp_path: Path, country: str) -> None:
    told = complaint(tmp_path, HEADER, ROW.format(country, "44.18", "2024"))
    assert "line 2" in told
    assert "not an ISO 3166-1 country" in told


def test_a_consumption_based_value_is_refused(tmp_path: Path) -> None:
    told = complaint(tmp_path, HEADER, FRANCE.replace("production", "consumption"))
    assert "line 2 (FR): boundary and scope are not production, lifecycle" in told


def test_a_country_with_no_value_and_no_fallback_is_refused(tmp_path: Path) -> None:
    assert "no usable" in complaint(tmp_path, HEADER, FRANCE)


def test_a_missing_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"absent\.csv"):
        build_zones.main([str(tmp_path / "absent.csv")])


def test_a_refused_value_cannot_stand_in_for_another_zone() -> None:
    zero = build_zones.parse_published(f"{HEADER}\n{FRANCE.replace('44.18', '0')}\n", "input.csv")
    with pytest.raises(build_zones.TableError, match=r"MC.*no usable row for basis 'parent:FR'"):
        build_zones.substitute("MC", "parent:FR", zero)


@pytest.mark.skipif(not INPUT.is_file(), reason="Ember's figures are not beside this checkout")
def test_the_committed_table_is_what_the_script_builds(tmp_path: Path) -> None:
    output = tmp_path / "zones.csv"
    build_zones.main([str(INPUT), "--output", str(output)])
    assert output.read_bytes() == (DATA / "zones.csv").read_bytes()
    build_zones.main([str(INPUT), "--check"])
    output.write_bytes(output.read_bytes().replace(b"44.18", b"44.19"))
    with pytest.raises(SystemExit, match="rebuild"):
        build_zones.main([str(INPUT), "--output", str(output), "--check"])
