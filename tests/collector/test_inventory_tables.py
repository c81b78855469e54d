"""The inventory's shipped factors: each with its source, and as the figures have them."""

from __future__ import annotations

import csv
import io
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from table_scripts import FIGURES, ROOT, complaint_of, script
from wattgram_collector.intensities.tables import parse_sources
from wattgram_collector.inventory import tables
from wattgram_collector.inventory.factors import FactorBoundary
from wattgram_collector.inventory.tables import (
    CONSTANTS,
    FACTOR_COLUMNS,
    FACTOR_FILES,
    SOURCES,
    SPEND,
    shipped_constants,
    shipped_factors,
    text_of,
)

build = script("build_inventory_tables")
figures = script("figures")
factor_rows = script("factor_rows")
epa_figures = script("epa_figures")
inventory_figures = script("inventory_figures")

KNOWN = parse_sources(text_of(SOURCES))
GIVEN = figures.Sources(build.DATA / SOURCES)
needs_figures = pytest.mark.skipif(
    not (FIGURES / "transport").is_dir(),
    reason="the published figures are not beside this checkout",
)


def rows_of(text: str) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(text, newline=""))]


def test_every_factor_says_where_it_comes_from() -> None:
    for one in shipped_factors().values():
        assert one.source, one.factor_id
        assert one.source_version, one.factor_id
        assert one.licence, one.factor_id
        assert len(one.sha256) == 64, one.factor_id
        assert one.unit.startswith("kg/"), one.factor_id
        assert one.tier == "default", one.factor_id


def test_every_table_has_what_the_docs_say() -> None:
    """Rows by file, as in docs/inventory-factors.md."""
    page = (ROOT / "docs" / "inventory-factors.md").read_text(encoding="utf-8")
    for file in (*FACTOR_FILES, SPEND, CONSTANTS):
        count = len(rows_of(text_of(file)))

        assert f"| `{file}` | {count} |" in page, file


def test_every_flag_and_source_is_in_the_docs() -> None:
    page = (ROOT / "docs" / "inventory-factors.md").read_text(encoding="utf-8")
    for file in (*FACTOR_FILES, SPEND, CONSTANTS):
        for row in rows_of(text_of(file)):
            for flag in filter(None, row["flags"].split(";")):
                assert f"| `{flag}` |" in page, flag
    for source in KNOWN:
        assert f"| `{source}` |" in page, source


def test_what_is_burnt_and_what_is_supplied_are_two_factors() -> None:
    ends = {"ttw": FactorBoundary.COMBUSTION, "wtt": FactorBoundary.WELL_TO_TANK}
    for factor_id, one in shipped_factors().items():
        end = factor_id.rpartition("/")[2]
        if factor_id.startswith(("fuel/", "freight/")):
            assert one.boundary is ends[end], factor_id


def test_electricity_is_that_of_the_collector() -> None:
    factors = shipped_factors()

    assert factors["grid/GB/direct/2025"].value == Fraction("0.177")
    assert factors["grid/GB/upstream/2025"].value == Fraction("0.0459")
    assert factors["grid/GB/losses/2025"].value == Fraction("0.01853")
    assert factors["grid/GB/wtt_losses/2025"].value == Fraction("0.00397")
    assert factors["grid/DE/lifecycle/2024"].boundary is FactorBoundary.LIFECYCLE
    assert factors["grid/CA-ON/direct/2025"].includes_losses
    assert not factors["grid/GB/direct/2025"].includes_losses
    assert shipped_constants()["loss/US"].value == Fraction("0.042")


def test_known_figures() -> None:
    """As in the figures' own documents, one of every table."""
    factors, constants = shipped_factors(), shipped_constants()

    assert factors["freight/rail/rail/freight_train/wtt"].value == Fraction("0.00691")
    assert factors["fuel/petrol/ttw"].value == Fraction("2.31943")
    assert factors["material/electrical_items_it"].value == Fraction("24.86547556")
    assert factors["refrigerant/AR5/SF6"].value == 23500
    assert factors["refrigerant/AR5/R-404A"].value == 3943
    assert factors["telework/heating"].value == Fraction("0.30234")
    assert factors["waste/weee_mixed/landfilled"].value == Fraction("0.00898311")
    assert factors["spend/334111/with_margins"].value == Fraction("0.058")
    assert factors["spend/334111/without_margins"].value == Fraction("0.03")
    assert factors["spend/334111/with_margins"].source_version == "useeio_1.3.0"
    assert constants["device/laptop"].value == Fraction("17.1")
    assert constants["storage/hdd"].value == Fraction("0.65")
    assert constants["heat/diesel"].value == Fraction("9.920")


def test_a_blend_that_the_source_counts_as_nothing_is_not_there() -> None:
    """HCFCs are left out of the hub's blends: of some nothing is left, and 0 would be untrue."""
    names = {one.removeprefix("refrigerant/AR5/") for one in shipped_factors()}

    assert "R-410A" in names
    assert not {"R-406A", "R-409A", "R-414A", "R-414B"} & names


GOOD = rows_of(text_of("fuels.csv"))[0]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("value_kg", "000402", "fuels.csv line 2: value_kg is not a plain decimal"),
        ("value_kg", "", "not a plain decimal"),
        ("value_kg", "30000", "must be 0 to 25000"),
        ("value_kg", "1.5", "the gases do not add up"),
        ("boundary", "wheel", "'wheel' is not a valid FactorBoundary"),
        ("gwp_set", "AR3", "'AR3' is not a valid GwpSet"),
        ("source", "iea", "sources.json has no iea"),
        ("source", "", "names its source"),
        ("dataset_version", "epa_hub_2023", "version or licence is not that of epa_hub"),
        ("licence_class", "ogl", "version or licence is not that of epa_hub"),
        ("licence_class", "odbl", "is not a valid Licence"),
        ("valid_from", "2025-13-01", "line 2"),
        ("unit", "", "unit is empty"),
        ("factor_id", "", "factor_id is empty"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(column: str, value: str, words: str) -> None:
    text = figures.render(FACTOR_COLUMNS, [{**GOOD, column: value}])
    said = complaint_of(lambda one: tables.parse_factors("fuels.csv", one, KNOWN), text)

    assert said is not None
    assert words in said


def test_two_rows_of_one_id_are_refused() -> None:
    text = figures.render(FACTOR_COLUMNS, [GOOD, GOOD])
    said = complaint_of(lambda one: tables.parse_factors("fuels.csv", one, KNOWN), text)

    assert said is not None
    assert "line 3" in said
    assert "more than one row" in said


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("naics", "12345", "not six digits"),
        ("title", "", "title is empty"),
        ("with_margins_kg", "0.1", "less inside"),
    ],
)
def test_a_wrong_commodity_is_refused(column: str, value: str, words: str) -> None:
    good = rows_of(text_of(SPEND))[0]
    text = figures.render(tables.SPEND_COLUMNS, [{**good, column: value}])

    assert words in (complaint_of(lambda one: tables.parse_spend(one, KNOWN), text) or "")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("low", "9", "not in order"),
        ("value", "x", "not a plain decimal"),
        ("year", "20", "year must be"),
    ],
)
def test_a_wrong_figure_is_refused(column: str, value: str, words: str) -> None:
    good = rows_of(text_of(CONSTANTS))[0]
    text = figures.render(tables.CONSTANT_COLUMNS, [{**good, column: value}])

    assert words in (complaint_of(lambda one: tables.parse_constants(one, KNOWN), text) or "")


@given(st.text(max_size=80))
def test_any_text_is_a_table_or_a_value_error(text: str) -> None:
    complaint_of(lambda one: tables.parse_factors("x.csv", one, KNOWN), text)
    complaint_of(lambda one: tables.parse_spend(one, KNOWN), text)
    complaint_of(lambda one: tables.parse_constants(one, KNOWN), text)


# ── the scripts ──────────────────────────────────────────────────────────────────────────────


@needs_figures
def test_the_tables_are_what_the_figures_give() -> None:
    for file, text in build.build(FIGURES / "transport").items():
        assert text == text_of(file), file


@needs_figures
def test_no_row_of_the_figures_is_lost() -> None:
    def count(file: str) -> int:
        return len(rows_of((FIGURES / "transport" / file).read_text(encoding="utf-8-sig")))

    made = Counter(one.split("/")[0] for one in shipped_factors())
    freight = count("defra2025_freight_tkm.csv") * 2 + count("epa_hub2024_cat4_cat9_transport.csv")

    assert made["freight"] == freight
    assert made["spend"] == 2 * count("useeio_v1.3.0_naics_co2e_usd2022.csv")
    assert made["travel"] == count("epa_hub2024_cat6_cat7_travel.csv")
    assert made["refrigerant"] == (
        count("epa_hub2024_gwp.csv") + count("epa_hub2024_gwp_blends.csv") - 4
    )


def test_a_changed_table_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("old\n", encoding="utf-8")

    build.check({"a.csv": "old\n"}, tmp_path, Path("figures"))
    with pytest.raises(figures.TableError, match="rebuild"):
        build.check({"a.csv": "new\n"}, tmp_path, Path("figures"))


def test_figures_that_are_not_there_end_with_words(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"build_inventory_tables: .*defra2025"):
        build.main([str(tmp_path)])


FREIGHT = "mode,vehicle,size,subsize,variant,unit,ttw,wtt,wtw,defra_id\n{}\n"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("road,Van,,,,kgCO2e/tonne.mile,1,0.2,1.2,x", "unit is 'kgCO2e/tonne.mile'"),
        ("road,Van,,,,kgCO2e/tonne.km,1,0.2,1.3,x", "do not come to wtw"),
        ("road,Van,,,,kgCO2e/tonne.km,1e0,0.2,1.2,x", "not a finite plain decimal"),
    ],
)
def test_wrong_freight_is_refused(row: str, words: str) -> None:
    with pytest.raises(figures.TableError, match=words) as error:
        [*inventory_figures.freight_rows(FREIGHT.format(row), "f.csv", GIVEN)]

    assert "f.csv, line 2" in str(error.value)


def test_money_of_another_version_is_refused() -> None:
    """v1.2 is in USD of 2021 and about twice as high."""
    header = (
        "2017 NAICS Code,2017 NAICS Title,GHG,Unit,"
        "Supply Chain Emission Factors without Margins,"
        "Margins of Supply Chain Emission Factors,"
        "Supply Chain Emission Factors with Margins,Reference USEEIO Code\n"
    )
    row = '334111,Computers,All GHGs,"kg CO2e/2021 USD, purchaser price",0.1,0.012,0.112,334111\n'

    with pytest.raises(figures.TableError, match="not kg CO2e per USD of 2022"):
        [*inventory_figures.spend_rows(header + row, "s.csv", GIVEN)]


def test_an_unknown_vehicle_of_the_hub_is_refused() -> None:
    header = ("Vehicle Type,CO2 Factor (kg CO2 / unit),CH4 Factor (g CH4 / unit),"
              "N2O Factor (g N2O / unit),Units,Year\n")  # fmt: skip
    for row in ("Hovercraft,1,0,0,ton-mile,2024\n", "Rail,1,0,0,furlong,2024\n"):
        with pytest.raises(figures.TableError, match="nothing is known of"):
            [*epa_figures.epa_rows(header + row, "e.csv", {"Rail": "rail"}, "freight/epa", GIVEN)]


def test_grams_and_miles_become_kilograms_and_kilometres() -> None:
    """CO2 in kg, CH4 and N2O in grams, per short-ton-mile of 1.45997 t.km."""
    header = ("Vehicle Type,CO2 Factor (kg CO2 / unit),CH4 Factor (g CH4 / unit),"
              "N2O Factor (g N2O / unit),Units,Year\n")  # fmt: skip
    (row,) = epa_figures.epa_rows(
        header + "Rail,1.4599723419,14.599723419,0,ton-mile,2024\n", "e.csv", {"Rail": "rail"},
        "freight/epa", GIVEN)  # fmt: skip

    assert float(row["co2_fossil_kg"]) == pytest.approx(1, rel=1e-5)
    assert float(row["ch4_kg"]) == pytest.approx(0.28, rel=1e-5)
    assert (row["unit"], row["gwp_set"]) == ("kg/t.km", "AR5")


@given(st.fractions(0, 1000, max_denominator=10**6))
def test_written_figures_are_near_and_plain(value: Fraction) -> None:
    text = factor_rows.written(value)

    assert figures.PLAIN_DECIMAL.fullmatch(text)
    assert abs(Fraction(text) - value) <= Fraction(1, 2 * 10**12)
