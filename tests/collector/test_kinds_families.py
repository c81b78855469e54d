"""Electricity sold on, fuels, models, waste, leases, shares: what is multiplied by what."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_rows import (
    TABLE,
    activity,
    complaint,
    exactly,
    kilograms,
    kwh,
    own,
    postings,
)
from wattgram_collector.inventory.activities.activity import FactorTable
from wattgram_collector.inventory.activities.kinds import KINDS
from wattgram_collector.inventory.factors import FactorBoundary
from wattgram_collector.inventory.places import TcsLeaf
from wattgram_collector.inventory.postings import Gas, Method, Role, Stage


@given(st.integers(0, 1000), st.sampled_from(["GB", "US"]))
def test_what_is_sold_on_is_not_scope_2(resold: int, country: str) -> None:
    """Invariant 5: kWh of 3.3d and of scope 2 add up to what was bought."""
    found = postings("electricity", kwh="1000", country=country, resold_kwh=str(resold))
    kept = [one.quantity for one in found if one.method is Method.LOCATION]
    rate = Fraction(177, 1000) if country == "GB" else Fraction("0.349667")
    sold = [one for one in found if str(one.place) == "3.3 3d"]

    assert sum(filter(None, kept), Fraction(0)) == 1000 - resold
    assert bool(sold) is bool(resold)
    if country == "GB" and resold:
        assert kilograms(sold) == resold * exactly("0.2454")
    if country == "US" and resold:
        assert sold[0].grams == resold * rate * 1000 / (1 - exactly("0.042"))
        assert sold[1].grams is None


def test_what_is_sold_on_takes_generation_only() -> None:
    assert "lifecycle factor has 3.3b" in complaint("resold_electricity", kwh="1", country="DE")


def test_losses_of_an_own_factor_are_by_ratio() -> None:
    """Published losses belong to the table's own generation: 18.53 / 177 of what is used."""
    found = postings("electricity", kwh="177", country="GB", **own("0.5", "kg/kWh"))

    assert [one.quantity for one in found if one.stage is Stage.LOSSES] == [
        exactly("18.53"), exactly("18.53")]  # fmt: skip
    assert kilograms(found, "3.3 3c") == exactly("18.53") * (exactly("0.5") + exactly("0.0459"))


def test_half_of_what_is_published_of_losses_is_not_taken() -> None:
    """With combustion of losses alone the ratio is taken, so that nothing is left out."""
    factors = {one: TABLE.one(one) for one in ("grid/GB/direct/2025", "grid/GB/upstream/2025",
                                               "grid/GB/losses/2025")}  # fmt: skip
    loss = TABLE.constant("loss/GB")
    assert loss is not None
    row = activity("electricity", kwh="177", country="GB")
    found = list(KINDS["electricity"].reckon(row, FactorTable(factors, {"loss/GB": loss})))

    assert [one.quantity for one in found if one.stage is Stage.LOSSES] == [
        exactly("18.53"), exactly("18.53")]  # fmt: skip


def test_3_3_b_and_c_are_there_if_scope_2_is() -> None:
    """Invariant 4; what a grid's supply emits is not known everywhere, and that is said."""
    for country in ("GB", "US"):
        found = postings("electricity", kwh="1", country=country)
        assert {str(one.place) for one in found} == {"2", "3.3 3b", "3.3 3c"}
    (unknown,) = [one for one in found if one.grams is None]
    assert "give upstream_kg_per_kwh" in unknown.note


def test_a_generator_by_its_electricity() -> None:
    """Litres = kWh / (efficiency x kWh in a litre)."""
    found = postings("fuel", fuel="diesel", generated_kwh="100", efficiency_ratio="0.25",
                     heat_kwh_per_litre="10")  # fmt: skip

    assert found[0].quantity == 40
    assert "efficiency_ratio" in complaint("fuel", fuel="diesel", generated_kwh="1")


def test_machines_of_a_language_model() -> None:
    """Δ x (g/8 x 5700 + g x 164) / (3 years x 31,536,000 s x 64)."""
    found = postings("foundation_model", requests="1000000", latency_seconds="2", gpus="8")
    expected = Fraction(2_000_000 * (5700 + 8 * 164), 3 * 31_536_000 * 64)

    assert kilograms(found, leaf=TcsLeaf.U_FOUNDATION_MODELS) == expected


def test_a_share_of_training() -> None:
    found = postings("foundation_model", training_kg="500000", tokens_used="1000",
                     tokens_lifetime="1000000", training_source="vendor")  # fmt: skip

    assert kilograms(found, "3.1 models") == 500


def test_prompts() -> None:
    """0.25 Wh at 400 g/kWh is 0.1 g, the lower end of what is published."""
    found = postings("llm_use", requests="1000", wh_per_request="0.25", energy_source="us",
                     **own("0.4", "kg/kWh"))  # fmt: skip

    assert kilograms(found, leaf=TcsLeaf.C_SAAS) == exactly("0.1")


def test_leases_by_area() -> None:
    found = postings("leased_asset", direction="downstream", method="lessor", kwh="100",
                     country="GB", own_m2="10", lessor_m2="50")  # fmt: skip

    assert kilograms(found, "3.13") == 20 * exactly("0.177")
    assert "more than lessor_m2" in complaint(
        "leased_asset", direction="upstream", method="lessor", kwh="1", country="GB",
        own_m2="10", lessor_m2="5")  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "kg"),
    [
        ({"share_percent": "30"}, "9"),
        ({"share_percent_at_start": "10", "share_percent_at_end": "30"}, "6"),
        ({"outstanding": "5", "enterprise_value": "20"}, "7.5"),
    ],
)
def test_investments_by_share(cells: dict[str, str], kg: str) -> None:
    row = {"scope_1_kg": "10", "scope_2_kg": "20", "supplier": "investee", "pcaf_score": "4"}
    found = postings("investment", **row, **cells)

    assert kilograms(found, "3.15") == exactly(kg)
    assert found[0].tier_activity == "default"
    assert "PCAF score 4" in found[0].note


def test_scope_3_of_an_investee_is_shared_too() -> None:
    found = postings("investment", scope_1_kg="10", scope_2_kg="20", scope_3_kg="70",
                     supplier="investee", pcaf_score="1", share_percent="10")  # fmt: skip

    assert kilograms(found, "3.15") == 10


def test_a_path_is_weighted_by_its_distance() -> None:
    """D07: 100 km in Britain and 300 km in America."""
    found = postings("data_transfer", gigabytes="1000", kwh_per_gigabyte="0.001",
                     network_source="us", paid_by="customer", path_km="GB:100;US:300")  # fmt: skip

    assert [one.quantity for one in found] == [exactly("0.25"), exactly("0.75")]
    assert kilograms(found) == (exactly("0.177") + 3 * exactly("0.349667")) / 4


def test_bytes_belong_by_who_pays_and_what_for() -> None:
    row = {"gigabytes": "1", "network": "aslan2015", "country": "GB"}
    nine = postings("data_transfer", **row, paid_by="customer", category="9")
    ours = postings("data_transfer", **row)
    api = postings("data_transfer", **row, purpose="supplier_api")

    assert str(nine[0].place) == "3.9"
    assert (str(ours[0].place), ours[0].leaf) == ("3.1 network", TcsLeaf.D_NETWORK_DATA_TRANSFER)
    assert (str(api[0].place), api[0].leaf) == ("3.1 saas", TcsLeaf.C_SAAS)


def test_charging_counts_what_the_wall_gave() -> None:
    found = postings("charging", battery_kwh="85", country="GB", paid_by="customer")

    assert kwh(found) == 100
    assert "is on its meter" in complaint("charging", battery_kwh="1", country="GB")


def test_water_of_a_site_and_of_its_electricity() -> None:
    (one,) = postings("water", it_kwh="100", site_litres_per_kwh="1.8",
                      source_litres_per_kwh="3", pue="1.5")  # fmt: skip

    assert (one.quantity, one.unit) == (630, "l")


def test_a_factor_of_another_year_is_said() -> None:
    found = postings("electricity", kwh="1", country="US")

    assert found[0].note == "factor of 2023 for 2025"
    assert found[0].factor == "grid/US/direct/2023"


def test_a_factor_with_the_losses_inside_has_no_3_3_c() -> None:
    """Canadian provinces are published as delivered: 3.3c would count the losses twice."""
    found = postings("electricity", kwh="1", country="CA", grid_zone="CA-ON")
    (sold, *rest) = postings("resold_electricity", kwh="1", country="CA", grid_zone="CA-ON")

    assert {str(one.place) for one in found} == {"2", "3.3 3b"}
    assert "losses of the grid are inside" in found[0].note
    assert sold.quantity == 1
    assert [one.note for one in rest] == [
        "the supply of this grid's fuel is not known: give upstream_kg_per_kwh"
    ]


@pytest.mark.parametrize(
    ("kind", "row", "quantity"),
    [
        ("transport", {"method": "T07", "trips": "10", "km": "8", "items_per_trip": "4"}, "20"),
        ("commute", {"km_per_day": "20", "days": "200", "employees": "5", "mode": "car"},
         "20000"),
        ("travel", {"km": "1000", "people": "3", "mode": "bus"}, "3000"),
        ("travel", {"km": "1000", "people": "3", "mode": "car"}, "1000"),
        ("data_storage", {"terabyte_hours": "1000", "medium": "ssd", "replicas": "3",
                          "country": "GB", "pue": "1.5"}, "5.4"),
        ("data_transfer", {"calls": "1000000", "payload_bytes": "900", "overhead_bytes": "100",
                           "network": "aslan2015", "country": "GB"}, "0.06"),
        ("customer_devices", {"device_class": "desktop", "sessions": "100",
                              "minutes_per_session": "6", "country": "GB"}, "0.723"),
        ("cloud", {"method": "energy", "kwh": "100", "country": "GB", "pue": "1.2"}, "120"),
        ("forced_upgrade", {"devices": "10", "remaining_life_ratio": "0.25",
                            **own("56", "kg/device")}, "2.5"),
        ("processing", {"method": "site", "kwh": "10", "country": "GB", "share_ratio": "0.5"},
         "5"),
        ("llm_use", {"tokens": "2000", "wh_per_token": "0.5", "energy_source": "us",
                     "country": "GB", "pue": "1.2"}, "1.2"),
    ],
)  # fmt: skip
def test_what_is_multiplied(kind: str, row: dict[str, str], quantity: str) -> None:
    assert postings(kind, **row)[0].quantity == exactly(quantity)


def test_end_of_life_by_treatment() -> None:
    """10 things of 2 kg: 12 kg recycled, 8 kg landfilled."""
    found = postings("end_of_life", units_sold="10", kg_per_unit="2", material="weee_mixed",
                     treatment_mix="recycled:0.6;landfilled:0.4")  # fmt: skip
    whole = postings("end_of_life", units_sold="10", kg_per_unit="2",
                     treatment_mix="recycled:0.6;landfilled:0.4", **own("3", "kg/kg"))  # fmt: skip

    assert [one.quantity for one in found] == [12, 8]
    assert kilograms(found, "3.12") == 12 * exactly("0.00468568") + 8 * exactly("0.00898311")
    assert kilograms(whole, "3.12") == 60


def test_biomass_is_apart() -> None:
    """Biodiesel: CH4 and N2O are scope 1, its CO2 is stated beside and in no total."""
    found = postings("fuel", fuel="biodiesel", litres="3.785411784")
    methane, nitrous = 28 * exactly("0.00014"), 265 * exactly("0.00001")

    assert kilograms(found[:1], "1") == pytest.approx(float(methane + nitrous))
    assert float(found[0].gases[Gas.CO2_BIOGENIC]) == pytest.approx(9450)
    assert (found[1].grams, found[1].note) == (None, "the supply of this fuel is not known")


def test_only_a_generator_is_in_the_standards_tree() -> None:
    """Own vehicles and heating are scope 1, and no leaf of the standard has them."""
    for use, leaf in (("generator", TcsLeaf.G_GENERATORS), ("vehicle", None), ("heating", None)):
        assert postings("fuel", fuel="diesel", litres="1", used_in=use)[0].leaf is leaf


def test_a_hybrid_is_what_the_supplier_emits_and_what_it_buys() -> None:
    """12 kg of its own and USD 100 of 2022 of computers at 0.058."""
    found = postings("purchase", method="hybrid", supplier="Acme", supplier_kg="12", amount="100",
                     price_year="2022", naics="334111")  # fmt: skip

    assert kilograms(found, "3.1") == exactly("17.8")
    assert found[0].factor == "activity/one/supplier"


def test_what_is_bought_is_cradle_to_gate() -> None:
    """Trap 5: a footprint with use and end of life inside is not what 3.1 and 3.2 want."""
    row = {"method": "average", "quantity": "1", "unit": "laptop"}
    said = complaint(
        "capital_goods", **row, **own("300", "kg/laptop", factor_boundary="cradle_to_grave")
    )
    found = postings(
        "capital_goods", **row, **own("240", "kg/laptop", factor_boundary="cradle_to_gate"),
        hardware="employee")  # fmt: skip

    assert "give cradle_to_gate" in said
    assert kilograms(found, "3.2") == 240
    assert kilograms(found, leaf=TcsLeaf.U_EMPLOYEE_HARDWARE) == 240
    assert {one.stage for one in found} == {Stage.EMBODIED_ACQUIRED}


def test_franchises_by_report_or_by_energy() -> None:
    reported = postings("franchise", scope_1_kg="10", scope_2_kg="20", supplier="shop")
    energy = postings("franchise", kwh="10", country="GB", litres="5", fuel="diesel")

    assert kilograms(reported, "3.14") == 30
    assert kilograms(energy, "3.14") == exactly("1.77") + 5 * exactly("2.6972")
    assert [one.role for one in energy] == [Role.PRIMARY, Role.PRIMARY, Role.MEMO]


def test_what_a_supplier_reports_is_supplier_data() -> None:
    """It makes up the share of supplier data that an inventory has to state."""
    reported = postings("cloud", method="supplier", supplier="provider", supplier_kg="1")
    factor = postings("purchase", method="supplier", supplier="Acme", quantity="2", unit="item",
                      **own("3", "kg/item"))  # fmt: skip
    average = postings("purchase", method="average", quantity="2", unit="item",
                       **own("3", "kg/item"))  # fmt: skip

    assert [one.is_supplier_data for one in (*reported, *factor, *average)] == [True, True, False]


def test_an_own_factor_of_a_purchase_is_cradle_to_gate() -> None:
    item = postings("purchase", method="average", quantity="2", unit="item",
                    **own("3", "kg/item"))  # fmt: skip
    money = postings("purchase", method="spend", amount="2", currency="EUR",
                     **own("3", "kg/EUR"))  # fmt: skip
    for one in (*item, *money):
        assert one.priced_by is not None
        assert one.priced_by.boundary is FactorBoundary.CRADLE_TO_GATE


def test_travel_and_sites_of_others_are_what_they_burn() -> None:
    """The least boundary is the others' scopes 1 and 2: the supply of their fuel is a memo."""
    for kind, row in (
        ("travel", {"litres": "10", "fuel": "petrol"}),
        ("commute", {"litres": "10", "fuel": "petrol"}),
        ("storage", {"method": "T04", "litres": "10", "fuel": "petrol", "own_m3": "1",
                     "capacity_m3": "1", "occupancy_ratio": "1"}),
    ):  # fmt: skip
        burnt, supplied = postings(kind, **row)

        assert (burnt.role, supplied.role) == (Role.PRIMARY, Role.MEMO)
        assert kilograms([burnt, supplied]) == exactly("23.1943")


@pytest.mark.parametrize(
    ("kind", "row", "place", "share"),
    [
        ("leased_asset", {"direction": "upstream", "method": "asset"}, "3.8", 1),
        ("leased_asset", {"direction": "downstream", "method": "lessor", "own_m2": "10",
                          "lessor_m2": "40"}, "3.13", Fraction(1, 4)),
        ("franchise", {}, "3.14", 1),
        ("processing", {"method": "site", "share_ratio": "0.5"}, "3.10", Fraction(1, 2)),
        ("storage", {"method": "T04", "own_m3": "10", "capacity_m3": "100",
                     "occupancy_ratio": "0.5", "paid_by": "customer"}, "3.9", Fraction(1, 5)),
    ],
)  # fmt: skip
def test_a_site_that_is_heated_with_gas(
    kind: str, row: dict[str, str], place: str, share: Fraction
) -> None:
    """Gas is billed in kWh; its kWh are not those of the electricity."""
    gas = {"fuel": "natural_gas", "fuel_kwh": "1000"}
    power = {"kwh": "100", "country": "GB"}

    alone = kilograms(postings(kind, **gas, **row), place)
    both = kilograms(postings(kind, **gas, **power, **row), place)

    assert alone == exactly("181.234196773") * share
    assert both - alone == exactly("17.7") * share
    assert kilograms(postings(kind, **gas, **row, **own("0.2", "kg/kWh")), place) == 200 * share
    assert "Give a row for each" in complaint(kind, **gas, **power, **row, **own("0.2", "kg/kWh"))
