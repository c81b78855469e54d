"""The report that people read: every number with its unit, method and quality; nothing unsafe."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from activity_rows import EXAMPLES, postings
from inventory_office import START, Office
from inventory_parts import asset, gateway
from inventory_scene import HOSTILE, PERIOD, SETTINGS, beside, hours, inventory, large, nothing
from pages_read import Element, read
from pricing_desk import bare_environment
from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM, GRAMS_PER_TONNE
from wattgram_collector.inventory.html import methods
from wattgram_collector.inventory.html.beside import months_of
from wattgram_collector.inventory.html.digest import digest
from wattgram_collector.inventory.html.figures import basis_of
from wattgram_collector.inventory.html.markdown import markdown_report
from wattgram_collector.inventory.html.page import html_report
from wattgram_collector.inventory.html.standing import leaf_id, line_id, line_name
from wattgram_collector.inventory.lines import ghg_total, leaf_sums
from wattgram_collector.inventory.places import CATEGORIES, TcsLeaf
from wattgram_collector.inventory.postings import Book, Method, Role
from wattgram_collector.inventory.report.ledger_file import Row
from wattgram_collector.inventory.result import Closed, SiteHour

SIZES = {"g": 1, "kg": GRAMS_PER_KILOGRAM, "t": GRAMS_PER_TONNE}
_NOT_NUMBERS = ("said", "label", "q", "m")
"""Names of places, what others said, and the quality itself, which is no figure of its own."""
_WORDS = re.compile(
    r"E1-6|CO2e?|CH4|N2O|[Ss]copes? [123]( to [123])?|of 15|"
    r"categor\w+ [\d.]+|95 %|rows? \d+|3\.\d+"
)


@cache
def page() -> Element:
    return read(html_report(inventory(), beside()))


@cache
def empty_page() -> Element:
    return read(html_report(nothing()))


def figures(root: Element) -> list[Element]:
    return root.of("fig")


def figure_row(one: Element) -> Element | None:
    """Return the row or card in which a figure's method and quality are read."""
    return next((up for up in one.above() if "data-figure" in up.attributes), None)


def section(root: Element, name: str) -> Element:
    return next(one for one in root.named("section")
                if one.attributes.get("aria-labelledby") == name)  # fmt: skip


def grams(one: Element) -> Fraction:
    """Return the grams of a figure of CO2e, from all of its digits."""
    unit, _, gas = one.attributes["data-unit"].partition(" ")
    assert gas == "CO2e"
    return Fraction(one.attributes["value"]) * SIZES[unit]


# ── every number ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("root", [page(), empty_page()], ids=["a year", "nothing"])
def test_every_number_has_its_unit_its_method_and_its_quality(root: Element) -> None:
    for one in figures(root):
        said = one.attributes
        unit = next(iter(one.of("u"))).text
        assert unit
        assert unit == said["data-unit"]
        assert said["data-method"]
        assert said["data-quality"]
        Fraction(said["value"])
        if said["data-method"] == "counted":
            assert said["data-quality"] == "exact"
            continue
        row = figure_row(one)
        assert row is not None, one.text
        assert any(part.text.strip() for part in row.of("m")), row.text
        assert any(part.text.strip() for part in row.of("q")), row.text


def test_a_row_says_the_method_and_the_quality_that_its_figures_have() -> None:
    for one in figures(page()):
        row = figure_row(one)
        if row is None or one.attributes["data-method"] == "counted":
            continue
        words = " ".join(part.text for part in row.of("m"))
        assert one.attributes["data-method"] in words
        told = " ".join(" ".join(part.text for part in row.of("q")).split())
        for piece in one.attributes["data-quality"].split(", "):
            assert " ".join(piece.split()) in told, row.text


@pytest.mark.parametrize("root", [page(), empty_page()], ids=["a year", "nothing"])
def test_no_number_stands_without_an_element_of_its_own(root: Element) -> None:
    assert list(_bare(root)) == []


def _bare(root: Element) -> Iterator[str]:
    body = root.named("body")[0]
    for element, text in body.texts():
        around = list(element.above())
        if any(one.name in {"svg", "code", "time", "data", "dl"} for one in around):
            continue
        if any(one.classes.intersection(_NOT_NUMBERS) for one in around):
            continue
        if re.fullmatch("[0-9a-f]{20}", text):  # a posting that is shown above
            continue
        if re.search(r"\d", _WORDS.sub("", text)):
            yield text


def test_the_totals_are_those_of_the_lines() -> None:
    cards = [one for one in page().of("card") if one.of("big")]
    shown = [one.of("big")[0].of("fig")[0] for one in cards[:3]]
    found = inventory()
    tcs = sum((one.grams or 0 for one in leaf_sums(found.postings).values()), Fraction(0))

    wanted = [ghg_total(found.lines, Method.LOCATION), ghg_total(found.lines, Method.MARKET), tcs]
    for one, total in zip(shown, wanted, strict=True):
        assert float(grams(one)) == pytest.approx(float(total), rel=1e-9)
    assert [one.named("h2")[0].text for one in cards] == [
        "GHG Protocol, location", "GHG Protocol, market", "Technology Carbon Standard",
        "Categories of scope 3",
    ]  # fmt: skip


def test_every_line_is_there_with_its_sum_or_with_why_it_has_none() -> None:
    rows = section(page(), "lines").of("lines")[0].named("tr")[1:]
    lines = iter(inventory().lines)
    for row in rows:
        if "sum of its parts" in row.text:
            continue
        line = next(lines)
        amount = row.of("amount")[0]
        if line.total.grams is None:
            assert amount.of("fig") == []
            assert line.status.value.replace("_", " ") in row.text
            assert line.statement.justification in row.text
        else:
            assert grams(amount.of("fig")[0]) == pytest.approx(line.total.grams, rel=1e-9)
            ratio = line.total.uncertainty_ratio
            assert ratio is None or "\N{PLUS-MINUS SIGN}" in row.text
    assert next(lines, None) is None
    text = section(page(), "lines").text
    assert all(f"3.{category} " in text for category in CATEGORIES)
    assert "there are no franchises" in text
    assert "1\N{NARROW NO-BREAK SPACE}posting has no factor: not in the sum" in text


def test_a_category_of_parts_has_their_sum_above_them() -> None:
    rows = section(page(), "lines").of("lines")[0].named("tr")
    row = next(one for one in rows if one.text.startswith("3.1 Purchased goods and services"))
    mine = [one for one in inventory().lines if one.place.category == 1]
    whole = sum((one.total.grams or 0 for one in mine), Fraction(0))

    assert "sum of its parts" in row.text
    assert grams(row.of("fig")[0]) == pytest.approx(whole, rel=1e-9)
    following = rows[rows.index(row) + 1 : rows.index(row) + 1 + len(mine)]
    assert all("sub" in one.classes for one in following)


def test_every_leaf_is_there_and_one_that_nobody_evaluated_is_not_zero() -> None:
    rows = section(page(), "tcs").named("tbody")[0].named("tr")
    found = inventory().leaves
    assert len(rows) == 17
    for row, (code, leaf) in zip(rows, _leaves(), strict=True):
        assert code in row.text
        if leaf in found:
            assert grams(row.of("fig")[0]) == pytest.approx(found[leaf].grams or 0, rel=1e-9)
        else:
            assert "not evaluated" in row.text


def _leaves() -> list[tuple[str, TcsLeaf]]:
    return [(leaf.code, leaf) for leaf in TcsLeaf]


def test_a_run_that_found_nothing_has_no_emissions_and_not_zero() -> None:
    shown = [one.attributes["data-unit"] for one in figures(empty_page())]
    assert not any("CO2e" in unit for unit in shown)
    assert section(empty_page(), "lines").text.count("not evaluated") >= 18
    assert [one.text for one in empty_page().of("big")][:3] == ["unknown"] * 3


# ── safe, alone and the same ─────────────────────────────────────────────────────────────


def test_the_name_of_an_asset_is_text_and_nothing_else() -> None:
    names = {one.name for one in page().all()}
    assert not names & {"script", "img", "iframe", "object", "link", "form"}
    assert HOSTILE in section(page(), "origins").text
    hostile = replace(
        inventory(),
        settings=replace(SETTINGS, organisation=HOSTILE, description=HOSTILE,
                         auditor_link="javascript:alert(1)", approved_by=HOSTILE),
        org_unit=HOSTILE,
        warnings=[HOSTILE],
        assumptions=[{"id": HOSTILE, "text": HOSTILE, "date": HOSTILE, "effect_kg": HOSTILE}],
        instruments=[{"type": HOSTILE, "quantity": HOSTILE, "unit": HOSTILE}],
    )  # fmt: skip
    root = read(html_report(hostile, beside()))

    assert {one.name for one in root.all()} <= names | {"script"} - {"script"}
    assert not [one for one in root.all() if any(key.startswith("on") for key in one.attributes)]
    assert not [one for one in root.named("a") if not one.attributes["href"].startswith("#")]
    assert HOSTILE in root.named("h1")[0].text
    assert "independently verified" in root.of("title")[0].text


def test_the_page_asks_nobody_for_anything() -> None:
    text = html_report(inventory(), beside())
    assert "@import" not in text
    assert re.findall(r"url\((?!#p)", text) == []
    for one in page().all():
        assert not one.attributes.keys() & {"src", "srcset", "action", "data"}
        assert one.attributes.get("href", "#").startswith("#")
    policy = next(one for one in page().named("meta")
                  if one.attributes.get("http-equiv") == "Content-Security-Policy")  # fmt: skip
    assert policy.attributes["content"].startswith("default-src 'none'")


def test_an_auditors_page_is_a_link_only_where_it_is_one() -> None:
    link = "https://auditor.example/report?a=1&b=2"
    found = replace(inventory(), settings=replace(SETTINGS, auditor_link=link))
    links = [one.attributes["href"] for one in read(html_report(found)).named("a")]
    assert [one for one in links if not one.startswith("#")] == [link]


def test_the_same_run_gives_the_same_bytes() -> None:
    again = inventory.__wrapped__()
    assert html_report(again, beside()) == html_report(inventory(), beside())
    assert markdown_report(again, beside()) == markdown_report(inventory(), beside())


@pytest.mark.parametrize("root", [page(), empty_page()], ids=["a year", "nothing"])
def test_every_link_leads_somewhere_and_every_place_is_one(root: Element) -> None:
    places = [one.attributes["id"] for one in root.all() if one.attributes.get("id")]
    assert len(places) == len(set(places))
    for one in root.named("a"):
        assert one.attributes["href"].removeprefix("#") in places, one.text


# ── walking ──────────────────────────────────────────────────────────────────────────────


def test_each_figure_of_a_line_leads_to_its_largest_postings_and_they_to_their_factors() -> None:
    by_id = {row.posting_id: row.posting for row in inventory().rows}
    factors = {one.attributes["id"]: one for one in section(page(), "factors").named("tr")
               if "id" in one.attributes}  # fmt: skip
    walked = 0
    for link in page().named("a"):
        if link.text != "postings":
            continue
        part = next(one for one in page().all()
                    if one.attributes.get("id") == link.attributes["href"][1:])  # fmt: skip
        rows = part.named("tbody")[0].named("tr")
        told = []
        for row in rows:
            posting = by_id[row.named("th")[0].text]
            assert posting.subject in row.text
            told.append(posting.grams or Fraction(-1))
            figure = next(iter(one for one in row.of("fig")
                               if one.attributes["data-unit"] == "kg CO2e"), None)  # fmt: skip
            assert (figure is None) == (posting.grams is None)
            if figure is not None and posting.grams is not None:
                assert grams(figure) == pytest.approx(posting.grams, rel=1e-6, abs=1e-5)
            if posting.factor_value is not None:
                shown = [one.text.replace(",", "") for one in row.of("n")]
                assert f"{float(posting.factor_value):.6g}" in shown
            factor = next((one for one in row.named("a") if one.text == "its factor"), None)
            if posting.factor:
                assert factor is not None
                assert posting.factor in factors[factor.attributes["href"][1:]].text
            walked += 1
        assert told == sorted(told, reverse=True)
        assert told == _largest(link.attributes["href"][1:], len(told))
    assert walked > 100


def _largest(name: str, count: int) -> list[Fraction]:
    """Return the grams of the largest postings of a line or a leaf, by its anchor."""
    found = [
        one.grams or Fraction(-1)
        for one in inventory().postings
        if (one.in_ghg and one.place is not None and line_id((one.place, one.method)) == name)
        or (one.in_tcs and one.leaf is not None and leaf_id(one.leaf) == name)
    ]
    return sorted(found, reverse=True)[:count]


def test_a_factor_has_source_version_and_licence() -> None:
    text = section(page(), "factors").text
    for one in inventory().factors.values():
        assert one.factor_id in text
        assert one.source in text
        assert one.source_version in text


def test_what_was_closed_and_corrected_is_said() -> None:
    found = inventory()
    first = found.rows[0]
    rows = [*found.rows, Row("r" * 20, first.posting, reverses=first.posting_id)]
    closed = Closed(entry=3, day=date(2026, 2, 1), ledger_head="ef" * 32, rows=9, corrections=1)

    root = read(html_report(replace(found, rows=rows, closed=closed), beside()))

    assert root.of("badge")[0].text == "closed"
    assert "ef" * 32 in section(root, "walk").text
    assert "1\N{NARROW NO-BREAK SPACE}posting" in root.of("heads")[0].text
    assert len(digest(rows, {}).rows) == len(found.rows) - 1


# ── parts ────────────────────────────────────────────────────────────────────────────────


def test_the_digest_keeps_what_the_lines_say() -> None:
    found = inventory()
    told = digest(found.rows, {one["asset_id"]: one["site"] for one in found.assets})
    for line in found.lines:
        if line.total.grams is None:
            continue
        tally = told.lines[line.place, line.method]
        assert tally.grams == pytest.approx(float(line.total.grams))
        assert tally.shares == pytest.approx(
            {tier: float(part) for tier, part in line.total.share_by_tier.items()}
        )
        assert tally.uncertainty_ratio == pytest.approx(
            float(line.total.uncertainty_ratio or 0), rel=1e-4
        )
        assert tally.unpriced == line.total.unpriced
    assert told.location.grams == pytest.approx(float(ghg_total(found.lines, Method.LOCATION)))
    assert told.market.grams == pytest.approx(float(ghg_total(found.lines, Method.MARKET)))
    origins = [*told.assets.values(), *told.activities.values()]
    assert sum(one.grams for one in origins) == pytest.approx(told.location.grams)
    assert sum(one.grams for one in told.sites.values()) <= told.location.grams
    amortised = [one.grams or 0 for one in found.postings
                 if one.book is Book.AMORTISED and one.role is Role.PRIMARY]  # fmt: skip
    assert told.amortised.grams == pytest.approx(float(sum(amortised)))


def test_memos_and_what_was_refused_are_beside_the_totals() -> None:
    told = section(page(), "unknown").text
    assert "agent/build-farm" in told
    assert told.index("agent/build-farm") < told.index("agent/test-rig-7")
    assert "1,803" in told
    assert "consequential" in told
    assert "0" not in [one.text for one in section(page(), "unknown").of("n")]


def test_every_method_has_words_of_its_own() -> None:
    for kind, row in EXAMPLES:
        for one in postings(kind, **row):
            made = methods.how(one)
            assert made.words
            assert made.words != one.rule, (kind, one.rule)
            assert made.meaning, (kind, one.rule)
    for one in inventory().postings:
        made = methods.how(one)
        if one.subject.startswith("asset/"):
            assert made.decided
            assert made.meaning


def test_a_method_that_is_new_is_told_by_its_rule() -> None:
    posting = replace(inventory().postings[0], subject="activity/x", rule="X99")
    assert methods.how(posting).words == "X99"


def test_instruments_are_beside_and_subtracted_from_nothing() -> None:
    without = replace(inventory(), instruments=[])
    totals = [read(html_report(one, beside())).of("totals")[0].text
              for one in (inventory(), without)]  # fmt: skip
    assert totals[0] == totals[1]
    assert "Puro" in section(page(), "instruments").text
    assert "subtracted from nothing" in section(page(), "instruments").text


def test_the_disclosure_is_compared_with_the_year_before() -> None:
    rows = section(page(), "esrs").named("tbody")[0].named("tr")
    assert len(rows) == len(inventory().esrs)
    for row, one in zip(rows, inventory().esrs, strict=True):
        assert one.label in row.text
        shown = [Fraction(fig.attributes["value"]) for fig in row.of("fig")]
        told = [value for value in (one.value, one.base_year, one.previous, one.change_percent)
                if value is not None]  # fmt: skip
        scale = GRAMS_PER_TONNE if "/" in one.unit else 1
        assert [float(value) for value in shown] == pytest.approx(
            [float(value) * scale for value in told], rel=1e-6
        )
    total = next(row for row in rows if row.text.startswith("Total, location-based"))
    assert "-9.09" in total.text
    franchises = next(row for row in rows if "3.14" in row.text)
    assert "excluded" in franchises.text
    assert "esrs" not in {one.attributes.get("id") for one in empty_page().all()}


def test_months_add_up_hours_and_keep_what_nothing_prices_out_of_the_intensity() -> None:
    start = int(datetime(2025, 1, 31, 22, tzinfo=UTC).timestamp())
    made = [
        SiteHour("a", start, "DE", Fraction(10), Fraction(15), Fraction(3_000), Fraction(9)),
        SiteHour("b", start, "DE", Fraction(2), Fraction(4), None, None),
        SiteHour("a", start + 3_600, "DE", Fraction(1), Fraction(1), None, None),
    ]

    january, february = months_of(reversed(made), "Europe/Berlin")

    assert (january.name, february.name) == ("2025-01", "2025-02")
    assert january.it_kilowatt_hours == 12
    assert january.facility_kilowatt_hours == 19
    assert january.location_grams == 3_000
    assert january.market_grams == 9
    assert january.grams_per_kilowatt_hour == 200
    assert february.location_grams is None
    assert february.grams_per_kilowatt_hour is None


def test_the_months_of_the_page() -> None:
    found = months_of(hours(), PERIOD.timezone)
    rows = section(page(), "months").named("tbody")[0].named("tr")
    assert len(rows) == len(found) == 12
    assert [row.named("time")[0].text for row in rows] == [one.name for one in found]
    for row, one in zip(rows, found, strict=True):
        value = Fraction(row.of("fig")[0].attributes["value"])
        assert value == pytest.approx(one.facility_kilowatt_hours, rel=1e-9)
    assert "part of it is unpriced" in rows[0].text
    assert "part of it is unpriced" not in rows[11].text


def test_coverage_is_of_the_time_that_was_expected() -> None:
    rows = section(page(), "coverage").named("tbody")[0].named("tr")
    april = next(row for row in rows if "2025-04" in row.text)
    expected, observed = (sum(getattr(one, name) for one in inventory().seen
                              if one.month == "2025-04")
                          for name in ("expected_seconds", "observed_seconds"))  # fmt: skip
    shown = Fraction(april.of("fig")[0].attributes["value"])
    assert shown == pytest.approx(100 * observed / expected, rel=1e-6)
    assert "host-4" in section(page(), "coverage").text
    assert "host-5" not in section(page(), "coverage").text.split("Fleets")[0]


def test_a_service_without_units_has_no_sci() -> None:
    rows = section(page(), "sci").named("tbody")[0].named("tr")
    mail, stream = rows
    assert float(mail.of("fig")[1].attributes["value"]) == pytest.approx(
        float(inventory().software[0].grams_per_unit or 0), rel=1e-6
    )
    assert "unknown" in stream.text


def test_the_quality_of_a_figure_in_words() -> None:
    found = digest(inventory().rows, {}).lines
    key = next(one for one in found if one[1] is Method.LOCATION)
    basis = basis_of(found[key])
    assert set(basis.shares) == {Quality.DECLARED, Quality.DEFAULT}
    assert (
        basis.quality
        == "declared 93\N{NARROW NO-BREAK SPACE}%, default 7\N{NARROW NO-BREAK SPACE}%"
    )


def test_the_page_of_real_commands_keeps_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare_environment(monkeypatch)
    office = Office(tmp_path)
    office.hosts(
        web=[(START, "1"), (START + 86_400, "2")], box=[(START, "2")], stray=[(START, "4")]
    )
    office.assets(asset("srv", hosts=("web",), service="mail", site="hall",
                        acquired_on=date(2025, 2, 1)), gateway(hosts=("box",)))  # fmt: skip
    office.activities(*({"kind": kind, **row} for kind, row in EXAMPLES[:20]))
    folder = office.report()

    root = read((folder / "report.html").read_text(encoding="utf-8"))

    test_every_number_has_its_unit_its_method_and_its_quality(root)
    test_no_number_stands_without_an_element_of_its_own(root)
    test_every_link_leads_somewhere_and_every_place_is_one(root)
    assert len(section(root, "months").named("tbody")[0].named("tr")) == 1
    assert "agent/stray" in section(root, "unknown").text
    head = json.loads((folder / "manifest.json").read_bytes())["ledger_head"]
    assert head in section(root, "walk").text
    assert head in (folder / "report.md").read_text(encoding="utf-8")
    hall = next(
        one for one in section(root, "origins").of("share") if one.text.startswith("Sites")
    )
    assert "hall" in hall.text


# ── size, and Markdown ───────────────────────────────────────────────────────────────────


def test_more_assets_make_no_longer_page() -> None:
    few, many = (len(html_report(large(count))) for count in (120, 480))
    assert many < few * 1.03
    assert many < 500_000
    assert len(markdown_report(large(120))) < 20_000


def test_markdown_has_the_totals_every_line_and_nobodys_markup() -> None:
    text = markdown_report(inventory(), beside())
    assert "| GHG Protocol, location-based | 326,605 kg CO2e | location-based |" in text
    for line in inventory().lines:
        assert f"| {line_name(line)} |" in text
    assert re.search(r"(?<!\\)<", text) is None
    assert "\\<script\\>" in text
    assert "there are no franchises" in text
    assert "cd" * 32 in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for one in rows:
        if "kg CO2e |" in one:
            assert "%" in one
    assert all(line.count(" | ") in {2, 3, 4} or set(line) <= set("|-") for line in rows)


def test_markdown_of_nothing_says_unknown() -> None:
    text = markdown_report(nothing())
    assert "| GHG Protocol, location-based | unknown |" in text
    assert "kg CO2e" not in text
    assert text.count("not evaluated") >= 18


def test_a_text_of_several_lines_stays_in_its_cell() -> None:
    found = replace(inventory(), unknown=[inventory().unknown[0]._replace(
        subject="a\n| b |\n# c", why="- d\n1. e")])  # fmt: skip
    assert "| a \\| b \\| \\# c | \\- d 1. e |" in markdown_report(found)
