"""Transport and storage: who pays, by which method, with or without the supply of fuel."""

from __future__ import annotations

import csv
import io
import re

from hypothesis import given
from hypothesis import strategies as st

from activity_rows import (
    TABLE,
    complaint,
    exactly,
    kilograms,
    own,
    postings,
)
from table_scripts import ROOT
from wattgram_collector.inventory.activities.activity import COMMON_COLUMNS, taken
from wattgram_collector.inventory.activities.kinds import KINDS
from wattgram_collector.inventory.activities.kinds.transport_methods import (
    COMMODITIES,
    VEHICLES,
    great_circle_kilometres,
)
from wattgram_collector.inventory.postings import Method, Posting, Role


def test_who_pays_decides_the_category() -> None:
    row = {"method": "T02", "vehicle": "hgv", "tonnes": "1", "km": "1"}

    assert {str(one.place) for one in postings("transport", **row)} == {"3.4"}
    assert {str(one.place) for one in postings("transport", **row, paid_by="provider")} == {"3.4"}
    assert {str(one.place) for one in postings("transport", **row, paid_by="customer")} == {"3.9"}
    assert "paid_by 'employee'" in complaint("transport", **row, paid_by="employee")


def test_own_vehicles_are_scopes_1_and_2() -> None:
    found = postings("transport", method="T01", vehicles="own", fuel="diesel", litres="100",
                     kwh="100", country="GB")  # fmt: skip

    assert kilograms(found, "1") == exactly("269.72")
    assert kilograms(found, "3.3 3a") == exactly("62.409")
    assert kilograms(found, "2", method=Method.LOCATION) == exactly("17.7")
    assert not any(one.place and one.place.category in (4, 9) for one in found)
    assert "says nothing of scope 1" in complaint(
        "transport", method="T03", vehicles="own", mode="road", amount="1", price_year="2022"
    )


def test_tank_to_wheel_has_the_supply_beside_it() -> None:
    found = postings("transport", method="T02", vehicle="hgv", tonnes="1", km="1", boundary="ttw")
    (memo,) = [one for one in found if one.role is Role.MEMO]

    assert memo.grams == exactly("23.59")
    assert kilograms(found) == exactly("0.10163")


def test_fuel_from_money_and_from_distance() -> None:
    """T01a: 180 / 1.8 = 100 l. T01b: (100 + 50 empty) km x 30 l/100 km = 45 l."""
    money = postings("transport", method="T01a", fuel="diesel", amount="180",
                     price_per_litre="1.8")  # fmt: skip
    distance = postings("transport", method="T01b", fuel="diesel", km="100", backhaul_km="50",
                        litres_per_100_km="30")  # fmt: skip

    assert money[0].quantity == 100
    assert distance[0].quantity == 45
    assert {one.tier_activity for one in (*money, *distance)} == {"modelled"}


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=6))
def test_shares_of_a_vehicle_sum_to_the_vehicle(loads: list[int]) -> None:
    """T01c: laden and empty litres of a shared vehicle, by t.km."""
    row = {"method": "T01", "fuel": "diesel", "litres": "80", "backhaul_litres": "20"}
    parts = [
        kilograms(
            postings("transport", **row, own_load_km=str(load), total_load_km=str(sum(loads))),
            "3.4",
        )
        for load in loads
    ]

    assert sum(parts) == exactly("332.129")


def test_a_great_circle_and_its_detour() -> None:
    """London to Paris is about 344 km; by road 1.2 times that."""
    at = {"from_latitude": "51.5074", "from_longitude": "-0.1278", "to_latitude": "48.8566",
          "to_longitude": "2.3522"}  # fmt: skip
    found = postings("transport", method="T02", vehicle="hgv", tonnes="1", mode="road", **at)

    assert great_circle_kilometres((51.5074, -0.1278), (48.8566, 2.3522)) == 344
    assert found[0].quantity == 344 * exactly("1.2")
    assert found[0].rule == "T02a"
    assert "344 km x 1.2" in found[0].note
    assert great_circle_kilometres((0.0, 0.0), (0.0, 180.0)) == 20015


def test_an_own_factor_of_a_leg_says_whether_the_supply_is_inside() -> None:
    row = {"method": "T02", "tonnes": "1", "km": "10"}
    burnt = postings("transport", **row, **own("0.1", "kg/t.km"))
    whole = postings("transport", **row, **own("0.1", "kg/t.km", factor_boundary="lifecycle"))

    assert [one.grams for one in burnt] == [1000, None]
    assert [one.grams for one in whole] == [1000]
    assert "boundary = wtw" in complaint(
        "transport", **row, boundary="ttw", **own("0.1", "kg/t.km", factor_boundary="lifecycle")
    )


def test_a_warehouse_by_occupied_volume() -> None:
    """T04: 10 m3 of 100 m3 half full are a fifth of the site."""
    found = postings("storage", method="T04", kwh="1000", country="GB", own_m3="10",
                     capacity_m3="100", occupancy_ratio="0.5", paid_by="customer")  # fmt: skip

    assert kilograms(found, "3.9") == exactly("35.4")
    assert "more than the capacity" in complaint(
        "storage", method="T04", kwh="1", country="GB", own_m3="60", capacity_m3="100",
        occupancy_ratio="0.5")  # fmt: skip


def test_average_storage_takes_days_unless_the_factor_is_per_item() -> None:
    days = postings("storage", method="T05", pallets="20", days="30",
                    **own("0.4", "kg/pallet.day"))  # fmt: skip
    items = postings("storage", method="T05", items="20", **own("0.4", "kg/item"))

    assert kilograms(days) == 240
    assert kilograms(items) == 8
    assert "the factor is per item" in complaint(
        "storage", method="T05", items="20", days="3", **own("0.4", "kg/item"))  # fmt: skip


EXAMPLE = re.compile(r"```csv\n(.*?)```", re.DOTALL)
ANSWER = re.compile(r"^\| `([\w-]+)` \| ([\d.]+) \| (3\.\d+):", re.MULTILINE)


def documented(page: str) -> dict[str, list[Posting]]:
    """Return the postings of the rows that a page shows, by their ids."""
    found = {}
    for text in EXAMPLE.findall((ROOT / "docs" / page).read_text(encoding="utf-8")):
        for row in csv.DictReader(io.StringIO(text)):
            kind = KINDS[row["kind"]]
            unknown = row.keys() - {one.name for one in (*COMMON_COLUMNS, *kind.columns)}
            assert not unknown, unknown
            one = taken(row, kind, row["activity_id"], "UTC")
            found[row["activity_id"]] = list(kind.reckon(one, TABLE))
    return found


def test_the_page_of_transport_says_what_its_rows_come_to() -> None:
    found = documented("transport.md")
    answers = ANSWER.findall((ROOT / "docs" / "transport.md").read_text(encoding="utf-8"))

    assert [name for name, _, _ in answers] == [
        "to-warehouse",
        "overseas",
        "shared-van",
        "courier",
    ]
    for name, kg, place in answers:
        assert kilograms(found[name], place) == exactly(kg), name
    assert kilograms(found["warehouse"], "3.9") == exactly("35.4")


def test_the_page_of_factors_shows_a_row_that_works() -> None:
    found = documented("inventory-factors.md")["office-berlin"]

    assert kilograms(found, "2", method=Method.LOCATION) == 12000 * exactly("0.363")


def test_every_short_name_is_in_the_docs_and_has_a_factor() -> None:
    page = (ROOT / "docs" / "transport.md").read_text(encoding="utf-8")
    for name, factor in VEHICLES.items():
        assert f"`{name}`" in page, name
        assert f"freight/{factor}/ttw" in TABLE, name
    for mode, commodity in COMMODITIES.items():
        assert f"spend/{commodity}/with_margins" in TABLE, mode
