"""The tables of a report: every column, and an empty cell for what is not known."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from wattgram.readings import Quality
from wattgram_collector.inventory.factors import Factor, FactorBoundary
from wattgram_collector.inventory.lines import Relevance, Statement, inventory_lines
from wattgram_collector.inventory.places import SCOPE_1, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Gas, Posting, Stage
from wattgram_collector.inventory.report import esrs
from wattgram_collector.inventory.report import tables as files
from wattgram_collector.inventory.sci import Sci
from wattgram_collector.inventory.tables import shipped_factors

YEAR = (date(2025, 1, 1), date(2025, 12, 31))


def posting(**said: Any) -> Posting:
    facts = {
        "start_unix_seconds": 0,
        "end_unix_seconds": 300,
        "subject": "activity/a",
        "stage": Stage.USE,
        "place": SCOPE_1,
        "leaf": TcsLeaf.G_GENERATORS,
        "grams": Fraction(269_720),
        "factor": "fuel/diesel",
        "rule": "S1",
        "tier_activity": Quality.MEASURED,
        "tier_factor": Quality.MEASURED,
    }
    return Posting(**{**facts, **said})


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_line_of_the_inventory() -> None:
    lines = inventory_lines(
        [posting(gases={Gas.CH4: Fraction(20)}, is_supplier_data=True)],
        {scope_3(14): Statement(relevance=Relevance.NOT_RELEVANT, is_excluded=True,
                                justification="no franchises")},
    )  # fmt: skip

    rows = read(files.inventory(lines, *YEAR, "group"))

    assert {key: value for key, value in rows[0].items() if value} == {
        "period_from": "2025-01-01", "period_to": "2025-12-31", "org_unit": "group",
        "scope": "1", "category": "-", "method": "-", "kgco2e": "269.72",
        "kg_ch4_co2e": "0.02", "share_measured": "1", "share_declared": "0",
        "share_modelled": "0", "share_default": "0", "uncertainty_pct": "5",
        "supplier_data_pct": "100", "relevance": "not_evaluated", "status": "calculated",
        "methodology_ref": "S1",
    }  # fmt: skip
    franchises = next(row for row in rows if row["category"] == "14")
    assert (franchises["status"], franchises["justification"]) == ("excluded", "no franchises")
    assert franchises["kgco2e"] == franchises["uncertainty_pct"] == ""
    assert len(rows) == 3 + 15


def test_what_is_not_in_a_sum_is_said() -> None:
    lines = inventory_lines([posting(), posting(grams=None), posting(in_ghg=False)], {})

    said = read(files.inventory(lines, *YEAR))[0]["justification"]

    assert said == (
        "1 postings have no factor and are not in the sum; "
        "1 postings have a factor that does not fit and are not in it"
    )


def test_a_factor_says_where_it_comes_from() -> None:
    factor = Factor(
        factor_id="fuel/diesel/ttw", value=Fraction("2.6972"), unit="kg/l", source="EPA",
        source_version="2024", boundary=FactorBoundary.COMBUSTION, valid_from=date(2024, 1, 1),
        region="US", licence="public_domain", sha256="0" * 64, indicators=(1, 2, 3, 4, 5),
    )  # fmt: skip

    (row,) = read(files.factors([factor]))

    assert (row["value"], row["boundary"], row["basis"]) == ("2.6972", "combustion", "average")
    assert (row["technology"], row["reliability"], row["valid_to"]) == ("1", "5", "")
    assert row["includes_td"] == "false"


def test_software_without_a_unit_has_no_intensity() -> None:
    one = Sci(
        service="mail",
        unit="email",
        count=Fraction(0),
        energy_kilowatt_hours=Fraction(1),
        intensity_grams_per_kilowatt_hour=None,
        operational_grams=Fraction(100),
        embodied_grams=Fraction(1),
        components=("asset/a", "asset/b"),
        is_measured=True,
    )

    (row,) = read(files.software([one]))

    assert (row["sci_g_per_unit"], row["I_g_kwh"], row["R"]) == ("", "", "0")
    assert (row["boundary_components"], row["method"]) == ("asset/a asset/b", "measurement")


def test_the_table_of_esrs() -> None:
    rows = read(files.esrs_e1_6(esrs.table(inventory_lines([posting()], {}))))

    assert rows[0]["value"] == "0.26972"
    assert rows[0]["paragraph"] == "44 (a)"
    assert rows[3]["value"] == ""


def test_the_manifest_has_the_checksum_of_every_file() -> None:
    said = json.loads(files.manifest({"a.csv": "0f"}, {"period": "2025", "journal_entries": 3}))

    assert said["files"] == {"a.csv": "0f"}
    assert (said["tool"], said["period"], said["journal_entries"]) == ("wattgram", "2025", 3)


def test_a_factor_that_was_written_is_read_again() -> None:
    """Law: a row of factors.csv is the factor, without its gases, and says so in the same row."""
    for factor in [*shipped_factors().values()][::40]:
        (row,) = read(files.factors([factor]))

        assert read(files.factors([files.factor_of(row)])) == [row]


def test_a_cell_that_no_column_has_is_a_bug() -> None:
    with pytest.raises(ValueError, match="fieldnames"):
        files.table(("a",), [{"b": "1"}])
