"""Two parts of a run that say the same: one counts, the other is shown."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

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
from wattgram_collector.inventory.places import SCOPE_1, SCOPE_2, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Posting, Role, Stage
from wattgram_collector.inventory.register.assets import (
    Asset,
    AssetRole,
    Embodied,
    Party,
    SiteKind,
    Supply,
)
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
    """One of no site and of no asset is told: meters may have it as well."""
    srv, other = asset(site="hall"), asset("other")
    bill = activity("electricity", **BILL, **row)

    found = inventory(books(srv, other, activities=[bill]), metering(*used(srv, 1_000)))

    assert kilograms(found, "2", "location") == 300 + 5_000 * Fraction("0.177")
    told = "activity/one is electricity of no site, and 1 assets are metered at the same time"
    assert [one.partition(":")[0] for one in found.warnings] == ([] if row else [told])


def test_electricity_sold_on_at_a_metered_site_is_told() -> None:
    """Invariant 5: what a meter has in scope 2 is not sold on beside it."""
    sold = activity("resold_electricity", site="hall", kwh="10", country="GB")

    found = inventory(books(asset(site="hall"), activities=[sold]),
                      metering(*used(asset(site="hall"), 10)))  # fmt: skip

    (warning,) = found.warnings
    assert warning.startswith("activity/one is electricity sold on of site 'hall', where 1 assets")


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


CLOUD = {"site_kind": SiteKind.CLOUD, "owner": Party.PROVIDER, "controller": Party.PROVIDER,
         "electricity_payer": Party.PROVIDER}  # fmt: skip
SUPPLIED = {"method": "supplier", "supplier": "Acme", "supplier_kg": "70"}


def test_a_bill_of_a_cloud_machine_that_an_agent_meters_is_shown_and_not_counted() -> None:
    """What the provider bills of it has its energy and its making, which are there already."""
    vm = asset("vm", **CLOUD)
    alone = inventory(books(vm), metering(*used(vm, 10)))

    both = inventory(books(vm, activities=[activity("cloud", asset_id="vm", **SUPPLIED)]),
                     metering(*used(vm, 10)))  # fmt: skip

    assert {one.role for one in of(both, "activity/one")} == {Role.ALLOCATION}
    assert kilograms(both, "3.1 cloud") == kilograms(alone, "3.1 cloud")


def ended(**said: Any) -> Asset:
    return gateway(is_sold_by_org=True, sold_on=date(2025, 6, 1), acquired_on=date(2025, 1, 1),
                   life_years=Fraction(5), embodied=Embodied(
                       total_kilograms=Fraction(100), manufacturing_share=Fraction("0.9"),
                       transport_share=Fraction("0.05"), end_of_life_share=Fraction("0.05")),
                   **said)  # fmt: skip


END_OF_SOLD = {"units_sold": "10", "kg_per_unit": "1", "treatment_mix": "recycled:1",
               **own("0.1", "kg/kg")}  # fmt: skip


def test_the_end_of_what_was_sold_is_counted_once_where_it_names_its_asset() -> None:
    named = inventory(books(ended(), activities=[
        activity("end_of_life", asset_id="gw", **END_OF_SOLD)]))  # fmt: skip

    assert kilograms(named, "3.12") == 5
    assert {one.role for one in of(named, "activity/one")} == {Role.ALLOCATION}
    (warning,) = named.warnings
    assert warning.startswith("activity/one and asset/gw say the same (end_of_life)")


@pytest.mark.parametrize(
    ("mine", "row", "where"),
    [
        (ended(), ("end_of_life", END_OF_SOLD), "3.12"),
        (asset("vm", **CLOUD), ("cloud", SUPPLIED), "3.1 cloud"),
        (gateway(owner=Party.ORG),
         ("leased_asset", {"direction": "downstream", "method": "asset", "kwh": "10",
                           "country": "GB"}), "3.13"),
        (asset("lap", role=AssetRole.EMPLOYEE_DEVICE, site_kind=SiteKind.OFFSITE,
               electricity_payer=Party.EMPLOYEE),
         ("telework", {"kwh": "10", "country": "GB"}), "3.7"),
        (gateway(),
         ("device_energy", {"where": "customer_infrastructure", "watts": "10", "days": "10",
                            "hours_per_day": "24", "country": "GB", "paid_by": "customer"}),
         "3.11"),
        (asset(acquired_on=date(2025, 1, 10), embodied=Embodied(total_kilograms=Fraction(10))),
         ("capital_goods", {"method": "spend", "amount": "10", "price_year": "2022",
                            "hardware": "server"}), r"3.2 (U.server_hardware)"),
    ],
)  # fmt: skip
def test_an_activity_of_no_asset_beside_assets_at_its_place_is_told_and_counts(
    mine: Asset, row: tuple[str, dict[str, str]], where: str
) -> None:
    kind, cells = row
    meters = metering(*used(mine, 10))
    alone = inventory(books(mine), meters)
    apart = inventory(books(activities=[activity(kind, **cells)]))

    both = inventory(books(mine, activities=[activity(kind, **cells)]), meters)

    (warning,) = [one for one in both.warnings if "are both at" in one]
    assert warning.startswith(f"activity/one and asset/{mine.asset_id} are both at {where}: ")
    assert not [one for one in [*alone.warnings, *apart.warnings] if "are both at" in one]
    place, _, _ = where.partition(" (")
    assert kilograms(both, place) == (kilograms(alone, place) or 0) + (
        kilograms(apart, place) or 0
    )


def test_the_way_to_work_is_no_question_beside_devices_at_home() -> None:
    lap = asset("lap", role=AssetRole.EMPLOYEE_DEVICE, site_kind=SiteKind.OFFSITE,
                electricity_payer=Party.EMPLOYEE)  # fmt: skip
    way = activity("commute", km_per_day="20", days="200", employees="5", mode="car")

    found = inventory(books(lap, activities=[way]), metering(*used(lap, 10)))

    assert not found.warnings


def test_bytes_of_analytics_beside_a_metered_network_are_told() -> None:
    """Trap N4: a flow is counted where it is sent."""
    srv = asset()
    moved = Posting(
        start_unix_seconds=START, end_unix_seconds=END, subject="asset/srv", stage=Stage.NETWORK,
        place=scope_3(1, "network"), leaf=TcsLeaf.D_NETWORK_DATA_TRANSFER, quantity=Fraction(5),
        unit="kWh", grams=Fraction(1_000), factor="grid/GB host", factor_value=Fraction(1, 5),
        rule="14 D08",
    )  # fmt: skip
    seen = activity("customer_devices", device_class="laptop", hours="10", country="GB",
                    gigabytes="5", network="aslan2015")  # fmt: skip

    found = inventory(books(srv, activities=[seen]), metering(moved))

    (warning,) = found.warnings
    assert warning.startswith(
        "activity/one and asset/srv are both at the bytes of D.network_data_transfer: "
    )


def test_a_bill_of_before_the_machines_were_metered_is_no_question() -> None:
    vm = asset("vm", **CLOUD)
    early = activity("cloud", to="2025-06-30", **SUPPLIED)

    found = inventory(books(vm, activities=[early]),
                      metering(*used(vm, 10, Interval(END - 86_400, END))))  # fmt: skip

    assert not found.warnings


def test_what_was_sold_at_another_time_is_no_question() -> None:
    early = activity("end_of_life", to="2025-01-31", **END_OF_SOLD)

    assert not inventory(books(ended(), activities=[early])).warnings
