"""Known answers of activities, to the last decimal."""

from __future__ import annotations

from fractions import Fraction

import pytest

from activity_rows import (
    exactly,
    kilograms,
    kwh,
    own,
    postings,
)
from wattgram_collector.inventory.places import TcsLeaf
from wattgram_collector.inventory.postings import Method


def test_g1_a_laptop_at_home() -> None:
    """17.1 W x 8 h x 220 d = 30.096 kWh; at 0.328 kg/kWh 9.871 kg, and fifty of them 493.6 kg."""
    row = {"where": "home", "watts": "17.1", "hours_per_day": "8", "days": "220",
           "paid_by": "employee", **own("0.328", "kg/kWh")}  # fmt: skip
    one, fifty = postings("device_energy", **row), postings("device_energy", **row, units="50")

    assert kwh(one) == exactly("30.096")
    assert kilograms(one, "3.7") == exactly("9.871488")
    assert kilograms(fifty, leaf=TcsLeaf.C_EMPLOYEE_HARDWARE) == exactly("493.5744")


def test_g4_ten_servers() -> None:
    """237 W all year is 2,076.12 kWh: 680.97 kg, ten 6,809.7 kg, with a PUE of 1.6 10,895.5 kg."""
    row = {"where": "onsite", "watts": "237", "hours_per_day": "24", "days": "365",
           "used_by": "servers", **own("0.328", "kg/kWh")}  # fmt: skip
    one = postings("device_energy", **row)
    ten = postings("device_energy", **row, units="10")
    facility = postings("device_energy", **row, units="10", pue="1.6")

    assert one[0].quantity == exactly("2076.12")
    assert kilograms(one, "2", method=Method.LOCATION) == exactly("680.96736")
    assert kilograms(ten, leaf=TcsLeaf.O_SERVERS) == exactly("6809.6736")
    assert kilograms(facility, "2", method=Method.LOCATION) == exactly("10895.47776")
    assert facility[0].pue == exactly("1.6")


def test_g11_british_electricity() -> None:
    """1,000 kWh of 2025: scope 2 177 kg, 3.3b 45.9 kg, 3.3c 22.5 kg."""
    found = postings("electricity", kwh="1000", country="GB")

    assert kilograms(found, "2", method=Method.LOCATION) == 177
    assert kilograms(found, "2", method=Method.MARKET) == 177
    assert kilograms(found, "3.3 3b") == exactly("45.9")
    assert kilograms(found, "3.3 3c") == exactly("22.5")


def test_g13_diesel() -> None:
    """100 l: 269.7 kg burnt and 62.4 kg supplied."""
    found = postings("fuel", fuel="diesel", litres="100")

    assert kilograms(found, "1") == exactly("269.72")
    assert kilograms(found, "3.3 3a") == exactly("62.409")
    assert kilograms(found, leaf=TcsLeaf.G_GENERATORS) == exactly("269.72")


def test_g14_trucking_by_money() -> None:
    """USD 5,000 of 2022 are 2,975 kg."""
    found = postings("transport", method="T03", mode="road", amount="5000", price_year="2022")

    assert kilograms(found, "3.4") == 2975


def test_g16_calls_of_an_interface() -> None:
    """2.091e9 calls of 1 kB at 0.0028125 kWh/GB: 5.88 kWh; at 0.49 kg/kWh 2.88 kg."""
    found = postings("data_transfer", calls="2091000000", payload_bytes="1000",
                     network="gwf_case", paid_by="customer", **own("0.49", "kg/kWh"))  # fmt: skip

    assert kwh(found) == exactly("5.8809375")
    assert kilograms(found, "3.11") == exactly("2.881659375")
    assert kilograms(found, leaf=TcsLeaf.D_NETWORK_DATA_TRANSFER) == exactly("2.881659375")


@pytest.mark.parametrize(
    ("vehicle", "burnt", "whole"),
    [
        ("hgv", "0.10163", "0.12522"),
        ("rail", "0.02779", "0.0347"),
        ("container_ship", "0.01612", "0.01977"),
        ("air_long_haul_without_rf", "0.5313", "0.66646"),
        ("air_long_haul_with_rf", "0.89939", "1.03455"),
        ("van_diesel", "0.6313", "0.78225"),
    ],
)
def test_freight_per_tonne_kilometre(vehicle: str, burnt: str, whole: str) -> None:
    row = {"method": "T02", "vehicle": vehicle, "tonnes": "1", "km": "1"}

    assert kilograms(postings("transport", **row)) == exactly(whole)
    assert kilograms(postings("transport", **row, boundary="ttw")) == exactly(burnt)


def test_american_trucks_cross_check() -> None:
    """Of the hub, per short-ton-mile, with CH4 and N2O in grams: about 0.116 kg/t.km."""
    (found, _) = postings("transport", method="T02", vehicle="truck_us", tonnes="1", km="1")
    expected = (
        Fraction("0.16804260183413908")
        + (28 * Fraction("0.001471682563530259") + 265 * Fraction("0.004664956050435538")) / 1000
    ) / (Fraction("0.90718474") * Fraction("1.609344"))

    assert found.grams is not None
    assert abs(found.grams / 1000 - expected) < Fraction(1, 10**11)
    assert round(float(found.grams / 1000), 3) == 0.116


@pytest.mark.parametrize(
    ("kind", "row", "place", "kg"),
    [
        ("software", {"amount": "1000"}, "3.1 software", "80"),
        ("software_support", {"amount": "1000"}, "3.1 software", "89"),
        ("content", {"amount": "1000"}, "3.1 content", "52"),
        ("storage", {"amount": "1000"}, "3.4", "244"),
        ("capital_goods", {"amount": "1000", "hardware": "server"}, "3.2", "58"),
        ("hotel", {"amount": "1000"}, "3.6", "145"),
    ],
)
def test_money_of_2022(kind: str, row: dict[str, str], place: str, kg: str) -> None:
    method = {"storage": "T03", "hotel": ""}.get(kind, "spend")
    cells = {**row, "price_year": "2022", **({"method": method} if method else {})}

    assert kilograms(postings(kind, **cells), place) == exactly(kg)


def test_hardware_by_mass() -> None:
    """DEFRA, electrical items IT: 24.865 kg/kg."""
    found = postings("purchase", method="average", quantity="1000", unit="kg",
                     material="electrical_items_it")  # fmt: skip

    assert kilograms(found, "3.1") == exactly("24865.47556")


def test_electronics_thrown_away() -> None:
    """EPA: 0.02 t recycled and 0.89 t burnt per short ton of 907.18474 kg."""
    row = {"material": "portable_electronic_devices", "kg": "907.18474"}
    recycled = kilograms(postings("waste", **row, treatment="recycled"), "3.5")
    burnt = kilograms(postings("waste", **row, treatment="combusted"), "3.5")

    assert (round(recycled, 6), round(burnt, 6)) == (20, 890)


def test_work_at_home_by_hours() -> None:
    found = postings("telework", fte_hours="1000", heating="true")

    assert kilograms(found, "3.7") == exactly("333.78")
    assert kilograms(found, leaf=TcsLeaf.C_EMPLOYEE_HARDWARE) == exactly("31.44")
