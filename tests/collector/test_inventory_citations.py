"""What a row of ledger.csv and of factors.csv says, so that a person can follow the figure."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

from builders import intensity
from inventory_parts import YEAR, asset, books, inventory, posting
from metered_scenes import FIRST, HOST, KILOWATT_HOUR, UK, Row, metering
from wattgram.readings import Quality
from wattgram_collector.intensity import Intensity, Scope, Status, Tier
from wattgram_collector.inventory.activities.kinds import shipped_table
from wattgram_collector.inventory.decision import decide
from wattgram_collector.inventory.factors import Factor, FactorBoundary
from wattgram_collector.inventory.html.digest import digest
from wattgram_collector.inventory.html.markdown import markdown_report
from wattgram_collector.inventory.html.page import html_report
from wattgram_collector.inventory.making.books import acquired_postings
from wattgram_collector.inventory.making.embodied import Figure
from wattgram_collector.inventory.making.hardware import shipped
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.metering.fleet import Sample, Stratum, Unit
from wattgram_collector.inventory.metering.lifetime import intensity as intensity_of
from wattgram_collector.inventory.postings import Book, Role, Stage
from wattgram_collector.inventory.register.assets import Condition
from wattgram_collector.inventory.report.ledger_file import ordered


def test_the_shares_of_a_making_are_on_its_row() -> None:
    """310.76 kg of a laptop that is remanufactured are 115.98 kg: the row says by what."""
    laptop = asset(acquired_on=date(2025, 3, 1), condition=Condition.REMANUFACTURED)
    figure = Figure(
        total_kilograms=Fraction("310.76"), life_years=Fraction(4), factor="product/x",
        tier=Quality.MODELLED, note="product X", manufacturing_share=Fraction("0.9"),
        transport_share=Fraction("0.1"),
    )  # fmt: skip

    made, moved = acquired_postings(laptop, figure, decide(laptop), YEAR.interval, "UTC")

    assert made.note == "product X; x 0.4 remanufactured; x 0.9 cradle to gate"
    assert made.factor_value == Fraction("310.76") * Fraction("0.4") * Fraction("0.9")
    assert moved.note == "product X; x 0.4 remanufactured; x 0.1 transport"


def test_what_is_taken_whole_says_nothing_more() -> None:
    new = asset(acquired_on=date(2025, 3, 1))
    figure = Figure(total_kilograms=Fraction(9), life_years=Fraction(4), factor="f",
                    tier=Quality.DEFAULT, note="said with the asset")  # fmt: skip

    (made,) = acquired_postings(new, figure, decide(new), YEAR.interval, "UTC")

    assert (made.stage, made.note) == (Stage.EMBODIED_ACQUIRED, "said with the asset")


def grid_factor(one: Intensity) -> Factor:
    """Return the row of factors.csv of what priced a host."""
    found = metering([Row(1, FIRST, KILOWATT_HOUR, factor=one)], HOST)
    (row,) = (row for key, row in found.factors.items() if key.startswith("grid/"))
    return row


def test_what_priced_a_host_is_named_with_its_publication_and_licence() -> None:
    known = grid_factor(intensity("GB", "177", scope=Scope.DIRECT, provider="desnz_factors",
                                    version="desnz_2025 2025"))  # fmt: skip

    assert known.source.startswith("Department for Energy Security and Net Zero")
    assert (known.source_version, known.licence) == ("desnz_2025 2025", "OGL-UK-3.0")
    assert (known.value, known.unit) == (Fraction("0.177"), "kg/kWh")
    assert (known.valid_from, known.valid_to) == (None, None)


def test_what_nobody_shipped_is_named_as_it_is() -> None:
    """A live provider may have the name of a table: its values stand in no table."""
    said = {"scope": Scope.DIRECT, "version": "v"}
    live = grid_factor(intensity("GB", "90", provider="neso", tier=Tier.LIVE,
                                 status=Status.ESTIMATED, **said))  # fmt: skip
    own = grid_factor(intensity("GB", "90", provider="operator", tier=Tier.OPERATOR, **said))

    assert (live.source, live.licence) == ("neso", "")
    assert (own.source, own.licence) == ("operator", "")


def test_a_factor_of_a_making_and_of_a_country_says_kilograms_per_what() -> None:
    server = Resolver(shipped()).of(asset())
    unit = Unit(Fraction(10), Fraction(1_770), 9)
    samples = {Stratum("server", "GB"): Sample({"agent": unit})}
    metered = intensity_of(country="GB", samples=samples, table=shipped_table(), period=YEAR)
    assert server is not None
    assert metered is not None

    assert (server.factor.unit, metered.unit) == ("kg/unit", "kg/kWh")
    assert metered.value == Fraction("0.177")


def test_fuel_supply_and_losses_name_their_publications() -> None:
    at = replace(UK, loss_source="desnz_2025 GB 2025", upstream_source="desnz_2025 2025 GB")
    found = metering([Row(1, FIRST, KILOWATT_HOUR, terms=at)], HOST).factors
    rows = [row for key, row in found.items() if key.startswith(("supply/", "losses/"))]

    assert len(rows) == 2
    assert {row.licence for row in rows} == {"OGL-UK-3.0"}
    assert all(row.source.startswith("Department for Energy") for row in rows)


def test_a_report_names_the_publications_that_its_factors_are_of() -> None:
    """The ODbL and other licences ask for it; what nobody licensed is not in the list."""
    server = Resolver(shipped()).of(asset())
    assert server is not None
    own = Factor(factor_id="own", value=Fraction(1), unit="kg/kg", source="our supplier",
                 source_version="1", boundary=FactorBoundary.COMBUSTION)  # fmt: skip
    found = replace(inventory(books()), factors={"class/server": server.factor, "own": own})
    named = "Boavizta: Environmental footprint data: ODbL 1.0 (database), DbCL 1.0 (contents)"

    page, text = html_report(found), markdown_report(found)

    assert f'<li><span class="said">{named}</span></li>' in page
    assert "* Boavizta: Environmental footprint data: ODbL 1.0" in text
    assert '<li><span class="said">our supplier' not in page
    assert "This report contains" not in html_report(replace(found, factors={"own": own}))


def test_what_a_factor_priced_is_what_is_in_a_total() -> None:
    """Book B, memos and allocations are never added to what the totals have."""
    counted = posting(in_ghg=True, grams=Fraction(5))
    beside = [
        posting(book=Book.AMORTISED, in_ghg=False, in_tcs=False, subject="asset/b"),
        posting(role=Role.MEMO, in_ghg=False, in_tcs=False, subject="asset/c"),
        posting(role=Role.ALLOCATION, in_ghg=False, in_tcs=False, subject="asset/d"),
    ]

    found = digest(ordered([counted, *beside]), {})

    assert found.factors == {"f": 5.0}
    assert digest(ordered(beside), {}).factors == {}
