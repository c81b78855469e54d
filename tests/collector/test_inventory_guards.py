"""Two parts of a run that say the same: one counts, the other is shown."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from activity_rows import own
from inventory_parts import (
    YEAR,
    activity,
    asset,
    books,
    gateway,
    inventory,
    kilograms,
    metering,
    used,
)
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.places import SCOPE_1, SCOPE_2
from wattgram_collector.inventory.postings import Posting, Role, Stage
from wattgram_collector.inventory.register.assets import AssetRole, Embodied, Supply
from wattgram_collector.inventory.result import Inventory

BILL = {"kwh": "5000", "country": "GB", "used_by": "servers"}
START, END = YEAR.interval
MIDDLE = START + (END - START) // 2


def of(found: Inventory, subject: str) -> list[Posting]:
    return [row.posting for row in found.rows if row.posting.subject == subject]


def test_a_bill_of_an_asset_that_an_agent_meters_is_shown_and_not_counted() -> None:
    srv = asset()
    meters = metering(*used(srv, 1_000))
    alone = inventory(books(srv), meters)
    both = inventory(books(srv, activities=[activity("electricity", asset_id="srv", **BILL)]),
                     meters)  # fmt: skip

    bill = of(both, "activity/one")
    assert {one.role for one in bill} == {Role.ALLOCATION}
    assert {one.note for one in bill} >= {"counted at asset/srv"}
    assert kilograms(both, "2", "location") == kilograms(alone, "2", "location") == 300
    assert both.leaves == alone.leaves
    (warning,) = both.warnings
    assert warning.startswith("activity/one and asset/srv say the same (electricity)")


def test_only_the_time_that_is_metered_is_taken_from_a_bill() -> None:
    """An agent from July on, a bill of the year: the bill's first half counts."""
    srv = asset()
    meters = metering(*used(srv, 1_000, Interval(MIDDLE, END)))
    bill = activity("electricity", asset_id="srv", **BILL)

    found = inventory(books(srv, activities=[bill]), meters)

    counted = [one for one in of(found, "activity/one") if one.role is Role.PRIMARY]
    assert {one.end_unix_seconds for one in counted} == {MIDDLE}
    assert {one.quantity for one in counted if one.place == SCOPE_2} == {Fraction(2_500)}


@pytest.mark.parametrize("row", [{}, {"asset_id": "other"}])
def test_a_bill_of_something_else_counts(row: dict[str, str]) -> None:
    srv, other = asset(), asset("other")
    bill = activity("electricity", **BILL, **row)

    found = inventory(books(srv, other, activities=[bill]), metering(*used(srv, 1_000)))

    assert kilograms(found, "2", "location") == 300 + 5_000 * Fraction("0.177")
    assert not found.warnings


def test_what_a_generator_supplied_is_its_fuel_and_unknown_without() -> None:
    generator = asset("gen", role=AssetRole.GENERATOR)
    srv = asset(supply=Supply.GENERATOR, generator="gen")
    fuel = activity("fuel", asset_id="gen", fuel="diesel", litres="100")

    found = inventory(books(generator, srv, activities=[fuel]), metering(*used(srv, 1_000)))
    without = inventory(books(generator, srv), metering(*used(srv, 1_000)))

    assert kilograms(found, "1") == Fraction("269.72")
    assert {one.role for one in of(found, "asset/srv") if one.place == SCOPE_1} == {
        Role.ALLOCATION
    }
    assert kilograms(without, "1") is None
    assert [(one.subject, one.kilowatt_hours) for one in without.unknown
            if "no fuel activity" in one.why] == [("asset/gen", Fraction(1_500))]  # fmt: skip
    assert not [one for one in found.unknown if "fuel" in one.why]


def test_the_lifetime_of_what_was_sold_is_said_once_and_its_year_stands_beside() -> None:
    """What the register posts of a sale goes before an activity of the same asset."""
    gw = gateway(is_sold_by_org=True, sold_on=date(2025, 6, 1))
    sale = used(gw, 10)
    lifetime = [
        Posting(
            start_unix_seconds=MIDDLE, end_unix_seconds=MIDDLE + 1, subject="asset/gw",
            stage=Stage.USE, place=found.place, leaf=None, quantity=Fraction(50), unit="kWh",
            grams=Fraction(10_000), factor="grid/GB host", factor_value=Fraction(1, 5),
            in_tcs=False, rule="12",
        )
        for found in [of(inventory(books(activities=[activity("sold_product_use", units_sold="1",
                      life_years="5", kwh_per_year="10", country="GB")])), "activity/one")[0]]
    ]  # fmt: skip
    said = activity("sold_product_use", asset_id="gw", units_sold="1", life_years="5",
                    kwh_per_year="12", country="GB")  # fmt: skip

    found = inventory(books(gw, activities=[said]), metering(*sale, *lifetime))

    assert kilograms(found, "3.11 lifetime") == 10
    assert {one.role for one in of(found, "activity/one")} == {Role.ALLOCATION}
    assert {leaf.letter for leaf in found.leaves} == {"D"}


def test_the_end_of_an_asset_is_waste_once() -> None:
    srv = asset(acquired_on=date(2021, 1, 1), disposed_on=date(2025, 5, 1), embodied=Embodied(
        total_kilograms=Fraction(1_000), manufacturing_share=Fraction("0.9"),
        transport_share=Fraction("0.05"), end_of_life_share=Fraction("0.05")))  # fmt: skip
    waste = {"material": "scrap", "treatment": "recycled", "kg": "20", **own("0.1", "kg/kg")}
    mine, others = (activity("waste", name, **waste, **said) for name, said in
                    (("one", {"asset_id": "srv"}), ("two", {})))  # fmt: skip

    found = inventory(books(srv, activities=[mine, others]))

    assert kilograms(found, "3.5") == 50 + 2
    assert {one.role for one in of(found, "activity/one")} == {Role.ALLOCATION}


def test_a_total_that_only_one_of_them_is_in_is_no_clash() -> None:
    """What was sold is metered for the TCS only; an activity of its year meets it there."""
    gw = gateway(is_sold_by_org=True, sold_on=date(2025, 6, 1))
    year = activity("device_energy", asset_id="gw", where="sold_to_customer", watts="10",
                    hours_per_day="24", days="365", country="GB", paid_by="customer")  # fmt: skip

    found = inventory(books(gw, activities=[year]), metering(*used(gw, 10)))

    assert {one.role for one in of(found, "activity/one")} == {Role.ALLOCATION}
    assert [one.grams for one in found.leaves.values()] == [3_000]


def test_the_transport_of_an_asset_at_another_time_is_another_transport() -> None:
    srv = asset(acquired_on=date(2025, 1, 10), embodied=Embodied(
        total_kilograms=Fraction(1_000), manufacturing_share=Fraction("0.9"),
        transport_share=Fraction("0.05"), end_of_life_share=Fraction("0.05")))  # fmt: skip
    move = {"asset_id": "srv", "method": "T02", "vehicle": "hgv", "tonnes": "1", "km": "100"}
    way, later = (
        activity("transport", name, **move, **{"from": day, "to": day})
        for name, day in (("way", "2025-01-10"), ("later", "2025-06-01"))
    )

    found = inventory(books(srv, activities=[way, later]))

    assert {one.role for one in of(found, "activity/way")} == {Role.ALLOCATION}
    assert Role.PRIMARY in {one.role for one in of(found, "activity/later")}
    assert (kilograms(found, "3.4") or 0) > 50


def test_a_bill_of_a_site_where_hosts_are_metered_is_told_and_counts() -> None:
    srv, other = asset(site="hall"), asset("other", site="shed")
    bills = [activity("electricity", name, site=name, **BILL) for name in ("hall", "attic")]

    found = inventory(books(srv, other, activities=bills), metering(*used(srv, 10)))

    (warning,) = found.warnings
    assert warning.startswith("activity/hall is electricity of site 'hall', where 1 assets are")
    assert kilograms(found, "2", "location") == 3 + 2 * 5_000 * Fraction("0.177")
