"""The traps that others fell into, each with the number that shows it."""

from __future__ import annotations

import pytest

from activity_rows import (
    TABLE,
    complaint,
    exactly,
    kilograms,
    kwh,
    own,
    postings,
)
from wattgram.readings import Quality
from wattgram_collector.inventory.places import TcsLeaf
from wattgram_collector.inventory.postings import Method, Role, Stage


def test_trap_1_energy_is_per_gigabyte() -> None:
    """An hour of HD, 3 GB: 0.18 kWh, which is grams; per megabyte it would be a thousandfold."""
    found = postings("data_transfer", gigabytes="3", network="aslan2015", paid_by="customer",
                     **own("0.49", "kg/kWh"))  # fmt: skip

    assert kilograms(found) == exactly("0.0882")
    assert kwh(postings("data_transfer", bytes="3000000000", network="aslan2015", country="GB",
                        paid_by="customer")) == exactly("0.18")  # fmt: skip


def test_trap_2_only_the_network_segment_is_shipped() -> None:
    """Devices and data centres are metered or rows of their own: their segments are not here."""
    names = TABLE.names("network/")

    assert [one for one in names if one.startswith("swd4")] == ["swd4", "swd4_embodied"]
    (one,) = postings("data_transfer", gigabytes="1", network="swd4", country="GB",
                      paid_by="customer")  # fmt: skip

    assert one.quantity == exactly("0.059")
    assert "consequential_safe=false" in one.note


def test_trap_6_a_lifecycle_factor_is_no_scope_2() -> None:
    """Beside 3.3 it would count the supply of fuel twice: 0.177 + 0.0459 + 0.0225 = 0.2454."""
    row = {"kwh": "1", "country": "GB", **own("0.2454", "kg/kWh", factor_boundary="lifecycle")}
    whole = kilograms(postings("electricity", kwh="1", country="GB"), "2", method=Method.LOCATION)
    found = postings("electricity", kwh="1", country="GB")
    supply = kilograms(found, "3.3 3b") + kilograms(found, "3.3 3c")

    assert "supply of the fuel inside" in complaint("electricity", **row)
    assert whole + supply == exactly("0.2454")
    assert "supply of the fuel inside" in complaint(
        "fuel", fuel="diesel", litres="1", **own("3", "kg/l", factor_boundary="lifecycle")
    )


def test_trap_7_losses_are_a_share_of_generation() -> None:
    """6 % of what is sent out are 6.38 % of what is used."""
    found = postings("electricity", kwh="94", loss_percent_of_generation="6", supply_source="us",
                     upstream_kg_per_kwh="0.1", **own("0.4", "kg/kWh"))  # fmt: skip
    lost = [one for one in found if one.stage is Stage.LOSSES]

    assert {one.quantity for one in lost} == {6}
    assert kilograms(found, "3.3 3c") == 6 * (exactly("0.4") + exactly("0.1"))


def test_trap_8_overhead_once() -> None:
    """A bill of a whole site has the overhead inside: only a PUE that is said is multiplied."""
    plain = postings("electricity", kwh="100", country="GB")
    behind = postings("electricity", kwh="100", country="GB", pue="1.5")

    assert (plain[0].quantity, plain[0].pue) == (100, 1)
    assert (behind[0].quantity, behind[0].pue) == (150, exactly("1.5"))
    assert "must be 1 to 5" in complaint("electricity", kwh="1", country="GB", pue="0.9")


def test_trap_9_location_and_market_are_two_results() -> None:
    found = postings("electricity", kwh="100", country="GB", used_by="servers",
                     market_kg_per_kwh="0", market_basis="certificate",
                     market_source="guarantees of origin")  # fmt: skip

    assert kilograms(found, "2", method=Method.LOCATION) == exactly("17.7")
    assert kilograms(found, "2", method=Method.MARKET) == 0
    assert kilograms(found, leaf=TcsLeaf.O_SERVERS) == exactly("17.7")
    assert "market_basis" in complaint("electricity", kwh="1", country="GB",
                                       market_kg_per_kwh="0")  # fmt: skip


def test_trap_10_a_life_of_use_and_a_year_of_use() -> None:
    """What was sold counts its life in GHG and not in the TCS; a service's devices their year."""
    sold = postings("sold_product_use", units_sold="10", life_years="5", kwh_per_year="100",
                    country="GB")  # fmt: skip
    year = postings("device_energy", where="sold_to_customer", watts="10", hours_per_day="24",
                    days="365", paid_by="customer", country="GB")  # fmt: skip
    service = postings("customer_devices", device_class="laptop", hours="1000", country="GB")

    assert kilograms(sold, "3.11 lifetime") == 10 * 5 * exactly("17.7")
    assert not any(one.in_tcs for one in sold)
    assert not any(one.in_ghg for one in year)
    assert kilograms(year, leaf=TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE) == exactly("15.5052")
    assert kilograms(service, "3.11") == kilograms(service, leaf=TcsLeaf.D_CUSTOMER_DEVICES)
    assert kilograms(service) == exactly("3.0267")


def test_trap_11_a_cloud_is_never_a_capital_good() -> None:
    """A provider's machines are inside 3.1; an own device that is half the employer's is half."""
    found = postings("cloud", method="supplier", supplier="provider", supplier_kg="100")
    half = postings("device_energy", where="home", watts="10", hours_per_day="8", days="100",
                    paid_by="employee", country="GB", alpha="0.5")  # fmt: skip

    assert {str(one.place) for one in found} == {"3.1 cloud"}
    assert kilograms(half, "3.7") == 4 * exactly("0.177")


def test_trap_12_the_payer_decides_between_o_and_d() -> None:
    row = {"watts": "10", "hours_per_day": "24", "days": "365", "country": "GB"}
    ours = postings("device_energy", where="onsite", used_by="networking", **row)
    theirs = postings("device_energy", where="leased_to_customer", paid_by="customer", **row)

    assert {one.leaf for one in ours if one.in_tcs} == {TcsLeaf.O_NETWORKING}
    assert {one.leaf for one in theirs if one.in_tcs} == {TcsLeaf.D_DOWNSTREAM_INFRASTRUCTURE}
    assert "where = onsite" in complaint("device_energy", where="leased_to_customer", **row)
    assert "is what the organisation pays" in complaint(
        "device_energy", where="onsite", paid_by="customer", **row
    )


def test_trap_15_money_of_another_year_and_country() -> None:
    """EUR 100 of 2025 at 1.1 USD, 0.9 of whose price held in 2022: 99 USD of 2022."""
    row = {"method": "spend", "amount": "100", "naics": "334111", "currency": "EUR"}
    (one,) = postings("purchase", **row, usd_per_currency="1.1", deflator_to_2022="0.9")
    (net,) = postings("purchase", **row, usd_per_currency="1.1", deflator_to_2022="0.9",
                      margins="without")  # fmt: skip
    (euro,) = postings("purchase", method="spend", amount="100", currency="EUR",
                       **own("0.2", "kg/EUR"))  # fmt: skip

    assert (one.quantity, one.unit, one.factor_value) == (99, "USD2022", exactly("0.058"))
    assert net.factor_value == exactly("0.03")
    assert (euro.quantity, euro.grams) == (100, 20_000)
    assert "usd_per_currency" in complaint("purchase", **row, deflator_to_2022="0.9")
    assert "prices of 2022, the amount in those of 2025" in complaint(
        "purchase", **row, usd_per_currency="1.1"
    )


def test_trap_15_one_assessment_report_in_a_table() -> None:
    """Every refrigerant is by AR5; what the hub leaves out of a blend is said on the posting."""
    (blend,) = postings("refrigerant", refrigerant="R-402A", kg="1")
    (gas,) = postings("refrigerant", refrigerant="HFC-134a", kg="2")

    assert {TABLE.one(f"refrigerant/{name}").gwp_set for name in TABLE.names("refrigerant/")} == {
        "AR5"
    }
    assert "HCFC" in blend.note
    assert gas.grams == 2_600_000


def test_trap_16_flights_say_whether_radiative_forcing_is_inside() -> None:
    assert "air_long_haul_with" in complaint("transport", method="T02", vehicle="air_long_haul",
                                             tonnes="1", km="1")  # fmt: skip


def test_trap_17_solid_state_takes_more_than_disks() -> None:
    row = {"terabyte_hours": "1000", "country": "GB"}

    assert kwh(postings("data_storage", **row, medium="hdd")) == exactly("0.65")
    assert kwh(postings("data_storage", **row, medium="ssd")) == exactly("1.2")


def test_trap_19_instruments_are_never_netted() -> None:
    (one,) = postings("instrument", type="removal", kg="1000", registry="r", serial="1")

    assert (one.role, one.quantity, one.unit, one.grams) == (Role.MEMO, 1000, "kg", None)


def test_trap_13_what_is_metered_is_never_a_foundation_model() -> None:
    """Energy of use is C or O; only others' training and machines are U.foundation_models."""
    used = postings("llm_use", requests="10", wh_per_request="0.3", energy_source="us",
                    country="GB", latency_seconds="2", gpus="8")  # fmt: skip
    own_use = postings("device_energy", where="onsite", watts="700", hours_per_day="24",
                       days="30", used_by="servers", country="GB")  # fmt: skip

    assert [(one.stage, one.leaf) for one in used] == [
        (Stage.USE, TcsLeaf.C_SAAS),
        (Stage.PURCHASED, TcsLeaf.U_FOUNDATION_MODELS),
    ]
    assert {one.leaf for one in own_use if one.in_tcs} == {TcsLeaf.O_SERVERS}


def test_trap_21_categories_are_by_their_number() -> None:
    for kind, row, place in (
        ("waste", {"material": "mixed_electronics", "treatment": "recycled", "kg": "1"}, "3.5"),
        ("travel", {"km": "1", "mode": "bus"}, "3.6"),
        ("commute", {"km_per_day": "1", "days": "1", "employees": "1", "mode": "bus"}, "3.7"),
        ("processing", {"method": "site", "kwh": "1", "country": "GB"}, "3.10"),
        ("franchise", {"kwh": "1", "country": "GB"}, "3.14"),
    ):
        assert {str(one.place) for one in postings(kind, **row)} == {place}


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (
            "device_energy",
            {"where": "onsite", "watts": "237", "hours_per_day": "24", "days": "365"},
        ),
        ("data_storage", {"where": "own", "terabyte_hours": "8760", "medium": "ssd"}),
    ],
)
def test_energy_by_a_formula_is_modelled_in_scope_2_as_elsewhere(
    kind: str, row: dict[str, str]
) -> None:
    """A nameplate times hours is no meter: scope 2, 3.3b and 3.3c say so."""
    found = postings(kind, country="GB", **row)

    assert {str(one.place) for one in found} == {"2", "3.3 3b", "3.3 3c"}
    assert {one.tier_activity for one in found} == {Quality.MODELLED}
    metered = postings("electricity", kwh="10", country="GB")
    assert {one.tier_activity for one in metered} == {Quality.DECLARED}


@pytest.mark.parametrize(
    ("kind", "row", "column"),
    [
        ("transport", {"method": "T01", "kwh": "10", "country": "GB", "fuel": "diesel"}, "fuel"),
        ("transport", {"method": "T01", "fuel": "diesel", "litres": "1",
                       "refrigerant": "HFC-134a"}, "refrigerant"),
        ("franchise", {"kwh": "10", "country": "GB", "fuel": "diesel"}, "fuel"),
        ("electricity", {"kwh": "10", "country": "GB", "market_basis": "contract"},
         "market_basis"),
        ("electricity", {"kwh": "10", "country": "GB", "supply_source": "us"}, "supply_source"),
        ("llm_use", {"requests": "10", "wh_per_request": "1", "energy_source": "us",
                     "country": "GB", "gpus": "8"}, "gpus"),
        ("llm_use", {"requests": "10", "wh_per_request": "1", "energy_source": "us",
                     "country": "GB", "tokens": "5"}, "tokens"),
    ],
)  # fmt: skip
def test_a_cell_that_says_nothing_by_itself_is_refused(
    kind: str, row: dict[str, str], column: str
) -> None:
    """A refrigerant without its kilograms would be left out without a word."""
    assert f"{column} {row[column]!r}: says nothing without " in complaint(kind, **row)
    assert not complaint(kind, **{name: cell for name, cell in row.items() if name != column})
