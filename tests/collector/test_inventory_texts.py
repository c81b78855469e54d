"""What a run is written as: folders, forms, hours, and what is in no total."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_parts import YEAR, activity, asset, books, inventory, metering, used
from wattgram_collector.inventory.html.markdown import markdown_report
from wattgram_collector.inventory.metering.exact_sums import ExactSum
from wattgram_collector.inventory.periods import parse_period
from wattgram_collector.inventory.report.files import folder_of, parse_formats, tables
from wattgram_collector.inventory.report.ledger_file import ratio
from wattgram_collector.inventory.report.partners import footprints, tcs_document
from wattgram_collector.inventory.report.seen import ENERGY_HEADER, completeness, energy_line
from wattgram_collector.inventory.report.summary import summary
from wattgram_collector.inventory.result import Closed, Seen, SiteHour
from wattgram_collector.inventory.settings import ProductSettings
from wattgram_collector.inventory.to_date import to_date


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@given(st.text(), st.text())
def test_no_name_leads_out_of_the_folder_of_reports(organisation: str, unit: str) -> None:
    """Law: every part is the name of one folder, whatever an organisation is called."""
    parts = folder_of(organisation, unit, YEAR)

    assert len(parts) == (3 if unit else 2)
    for part in parts:
        assert part.replace("-", "").isalnum()
        assert part == part.strip("-")


@pytest.mark.parametrize(
    ("name", "period", "folder"),
    [
        ("Acme & Söhne GmbH", "2025-Q1", ("acme-söhne-gmbh", "2025-q1")),
        ("../../etc", "2025-01-01/2025-02-01", ("etc", "2025-01-01_2025-02-01")),
        ("  ", "2025", ("unnamed", "2025")),
        ("日本", "2025-11", ("日本", "2025-11")),
    ],
)
def test_the_folder_of_a_report(name: str, period: str, folder: tuple[str, ...]) -> None:
    found = folder_of(name, "", parse_period(period, "UTC"))

    assert tuple(one.lower() for one in found) == folder


def test_forms_are_said_with_commas() -> None:
    assert parse_formats("csv, json") == ["csv", "json"]
    for wrong in ("", "csv,", "pdf", "csv json"):
        with pytest.raises(ValueError, match="csv, json, html or some of them"):
            parse_formats(wrong)


def test_an_hour_of_a_site() -> None:
    plain = SiteHour("hall, 1", 1_750_000_200, "GB", Fraction(2), Fraction(3), Fraction(600), None)
    empty = SiteHour("", 1_750_000_200, "", Fraction(0), Fraction(0), None, None, Fraction(1, 3))

    first, second = read(ENERGY_HEADER + energy_line(plain) + energy_line(empty))

    assert list(first.values()) == [
        "hall, 1", "2025-06-15T15:10:00Z", "2", "3", "1.5", "GB", "200", "", "",
    ]  # fmt: skip
    assert (second["pue"], second["i_lb"], second["cfe_ratio"]) == ("", "", "0.333333")


def test_what_agents_saw() -> None:
    one = Seen("id-2", "web", "2025-11", 2_000, 1_500, 60, 1_750_000_200, None, Fraction(1, 4))
    other = Seen("id-1", "db", "2025-11", 0, 0, 0, None, None, None)

    first, second = read(completeness([one, other]))

    assert (first["host"], first["coverage"], first["first_seen"]) == ("db", "", "")
    assert (second["coverage"], second["gap_filled_s"], second["clock_skew_max_s"]) == (
        "0.75", "60", "0.25",
    )  # fmt: skip


def test_what_is_in_no_total_is_among_what_is_excluded() -> None:
    found = inventory(books(asset(), activities=[
        activity("resold_electricity", kwh="10", country="US")]))  # fmt: skip

    rows = {row["id"]: row for row in read(dict(tables(found))["exclusions.csv"])}

    assert rows["activity/one"]["text"].startswith("unknown: 10 kWh of resold at 3.3 3d")
    assert rows["activity/one"]["text"].endswith("(10 kWh)")
    assert rows["asset/srv"]["text"].startswith("unknown: acquired_on is not said")


def test_a_footprint_needs_a_count_of_what_was_delivered() -> None:
    products = {"mail": ProductSettings(name="Mail", product_ids=("urn:mail",),
                                        functional_unit="email")}  # fmt: skip
    srv = asset(service="mail")

    found = inventory(books(srv), metering(*used(srv, 10)), products=products)

    assert footprints(found, 0).said == []
    assert footprints(found, 0).missing == ["pact.json: mail: nobody counted a email"]


def test_a_document_that_no_schema_allows_is_refused() -> None:
    found = inventory(books(), methodology_url="not a page")

    with pytest.raises(ValueError, match=r"tcs\.json.*disclosures.*must be a URL"):
        tcs_document(found)


def test_the_summary_says_what_stands() -> None:
    found = inventory(books(asset(acquired_on=None)), metering(*used(asset(), 10)))
    closed = Closed(7, date(2026, 2, 3), "0f", 12, 3)

    lines = list(summary(replace(found, closed=closed, warnings=["w"] * 7)))

    assert lines[0].endswith("closed on 2026-02-03 (journal entry 7), 3 rows of corrections since")
    assert "7 warnings" in lines
    assert "  and 2 more" in lines
    assert any("scope 1 " in line and "not evaluated" in line for line in lines)


def test_where_nothing_is_known_there_is_no_total_and_no_zero() -> None:
    """The command, the tables, the page and /metrics: what nobody said is not 0 kg."""
    found = inventory(books(), metering())

    lines = [line for line in summary(found) if "total" in line]
    shown = [
        line
        for line in markdown_report(found).splitlines()
        if line.startswith(("| GHG", "| Techn"))
    ]
    totals = {row["line"]: row for row in read(dict(tables(found))["esrs_e1_6.csv"])}

    assert len(lines) == 3
    assert all(line.endswith("-  not evaluated") for line in lines)
    assert [line.split("|")[2].strip() for line in shown] == ["unknown"] * 3
    assert totals["total_location"]["value"] == totals["intensity_market"]["value"] == ""
    assert totals["total_market"]["status"] == "not_evaluated"
    assert to_date(found, {}).total_location_grams is None


def test_what_is_small_is_not_shown_as_zero() -> None:
    tiny = metering(*used(asset(), 0.000001))

    lines = [line.strip() for line in summary(inventory(books(asset()), tiny))]

    for name in ("scope 2, location-based", "total, market-based"):
        assert [line.endswith("< 0.001 kg") for line in lines if line.startswith(name)] == [True]


@given(st.lists(st.fractions()))
def test_a_sum_of_fractions_is_exact(values: list[Fraction]) -> None:
    found = ExactSum()
    for one in values:
        found.add(one)

    assert found.value == (sum(values, Fraction(0)) if values else None)


@given(st.fractions(), st.fractions().filter(bool))
def test_a_ratio_is_rounded_half_even_to_a_millionth(above: Fraction, below: Fraction) -> None:
    assert Fraction(ratio(above, below)) == round(above / below, 6)
    assert ratio(None, below) == ratio(above, Fraction(0)) == ratio(above, None) == ""
