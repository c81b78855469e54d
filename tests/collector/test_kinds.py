"""Laws that hold for every kind of activity, and rows that are refused with what is wrong."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activity_rows import EXAMPLES, TABLE, activity, complaint, postings
from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.inventory.activities.activity import COMMON_COLUMNS
from wattgram_collector.inventory.activities.kinds import KINDS
from wattgram_collector.inventory.lines import require_invariants
from wattgram_collector.inventory.places import SCOPE_2
from wattgram_collector.inventory.postings import Gas, Method, Role

examples = st.sampled_from(EXAMPLES)
each = pytest.mark.parametrize(("kind", "row"), EXAMPLES)


def test_every_kind_has_an_example() -> None:
    assert {kind for kind, _ in EXAMPLES} == set(KINDS)


def test_columns_have_one_meaning_each() -> None:
    common = {column.name for column in COMMON_COLUMNS}
    for kind in KINDS.values():
        names = Counter(column.name for column in kind.columns)

        assert not common & set(names), kind.name
        assert max(names.values()) == 1, kind.name
        assert all(column.meaning for column in kind.columns), kind.name
        assert kind.places, kind.name
        assert kind.formula, kind.name
        assert kind.source, kind.name
        assert kind.methods, kind.name


@each
def test_grams_are_quantity_times_factor_times_share(kind: str, row: dict[str, str]) -> None:
    found = postings(kind, **row)

    assert found
    for one in found:
        if one.grams is None:
            assert not one.factor
            assert one.note
            continue
        assert one.quantity is not None
        assert one.factor_value is not None
        assert one.grams == one.quantity * one.factor_value * one.alpha * GRAMS_PER_KILOGRAM
        assert one.unit
        assert one.factor.startswith("activity/one") or one.factor in TABLE
        assert one.priced_by is not None
        assert (one.priced_by.factor_id, one.priced_by.value) == (one.factor, one.factor_value)


@each
def test_nothing_is_posted_twice(kind: str, row: dict[str, str]) -> None:
    """Invariants 2, 3 and 8: one place each, one method in the TCS, the payer decides O or D."""
    found = postings(kind, **row)

    require_invariants(found)
    for one in found:
        assert one.method is Method.NONE or one.place == SCOPE_2
        assert not (one.method is Method.MARKET and one.in_tcs)
        if one.leaf is not None and one.leaf.letter == "O":
            assert row.get("paid_by", "org") == "org"
        assert one.rule


@each
def test_gases_add_up_where_they_are_known(kind: str, row: dict[str, str]) -> None:
    for one in postings(kind, **row):
        parts = [part for gas, part in one.gases.items() if gas is not Gas.CO2_BIOGENIC]
        if parts:
            assert sum(parts) == one.grams


@given(examples, st.fractions(0, 1, max_denominator=99))
@settings(max_examples=60, deadline=None)
def test_a_share_scales_everything(example: tuple[str, dict[str, str]], share: Fraction) -> None:
    kind, row = example
    row = {name: cell for name, cell in row.items() if name != "alpha"}
    whole = postings(kind, **row)
    part = postings(kind, **row, alpha=f"{share.numerator}/{share.denominator}")

    assert [one.grams for one in part] == [
        None if one.grams is None else one.grams * share for one in whole
    ]


@given(
    examples,
    st.dictionaries(
        st.sampled_from(
            sorted({column.name for kind in KINDS.values() for column in kind.columns})
        ),
        st.sampled_from(
            ["", "0", "1", "0.5", "2", "25", "-1", "1e9", "nan", "org", "USD", "EUR", "diesel",
             "GB", "T01", "true", "x", "GB:1", "recycled:1", "2022", "1/0", "9" * 30, "🌍"]
        ),
        max_size=6,
    ),
    st.sampled_from(["", "org", "customer", "employee", "provider", "lessor", "landlord"]),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_any_row_is_reckoned_or_refused(
    example: tuple[str, dict[str, str]], cells: dict[str, str], paid_by: str
) -> None:
    """Whatever cells say, the answer is postings or a RowError: nothing else comes out."""
    kind, row = example
    row = {**row, **cells, "paid_by": paid_by or row.get("paid_by", "")}
    said = complaint(kind, **row)
    if not said:
        found = postings(kind, **row)
        require_invariants(found)
        assert all(one.grams is None or one.grams >= 0 for one in found)


@pytest.mark.parametrize(
    ("kind", "row", "words"),
    [
        ("fuel", {"fuel": "desiel", "litres": "1"}, "fuel 'desiel': no shipped factor (there is"),
        ("fuel", {"fuel": "diesel"}, "give exactly one of litres, fuel_kwh, generated_kwh"),
        ("fuel", {"fuel": "diesel", "fuel_kwh": "1"}, "the shipped factor is per l: give litres"),
        ("fuel", {"fuel": "diesel", "litres": "1", "paid_by": "customer"}, "paid_by 'customer'"),
        ("fuel", {"fuel": "diesel", "litres": "1", "factor_value": "1"}, "factor_unit '': is req"),
        ("refrigerant", {"refrigerant": "R-406A", "kg": "1"}, "no shipped factor"),
        ("electricity", {"kwh": "1"}, "say where the electricity is from"),
        ("electricity", {"kwh": "1", "country": "DE"}, "a lifecycle factor has 3.3b inside"),
        ("electricity", {"kwh": "1", "country": "GB", "resold_kwh": "2"}, "more than what was"),
        ("electricity", {"kwh": "1", "country": "GB", "paid_by": "customer"}, "is not scope 2"),
        ("storage", {"method": "T05", "pallets": "1", "days": "1"}, "no open factor per pallet"),
        ("hotel", {"nights": "1"}, "no open factor per night"),
        ("leased_asset", {"direction": "upstream", "method": "average", "own_m2": "1"},
         "no open factor per m2"),
        ("processing", {"method": "average", "units_sold": "1"}, "no open factor of processing"),
        ("waste", {"material": "batteries", "treatment": "combusted", "kg": "1"},
         "batteries has landfilled, recycled only"),
        ("end_of_life", {"units_sold": "1", "kg_per_unit": "1", "material": "weee_mixed",
                         "treatment_mix": "recycled:0.6;landfilled:0.3"}, "sum to 1, not 0.9"),
        ("end_of_life", {"units_sold": "1", "kg_per_unit": "1", "material": "weee_mixed",
                         "treatment_mix": "recycled:0.2;recycled:1"}, "each once"),
        ("transport", {"method": "T01", "fuel": "diesel", "litres": "1", "own_load_km": "2",
                       "total_load_km": "1"}, "is more than total_load_km 1"),
        ("purchase", {"method": "supplier", "supplier_kg": "1"}, "supplier '': is required"),
        ("purchase", {"method": "spend", "amount": "1", "price_year": "2022"}, "naics"),
        ("capital_goods", {"method": "spend", "amount": "1", "asset_id": "a"}, "not in both"),
        ("data_transfer", {"gigabytes": "1", "network": "aslan", "country": "GB"},
         "must be one of aslan2015"),
        ("data_transfer", {"gigabytes": "1", "network": "swd4_embodied", "country": "GB"},
         "not its energy"),
        ("investment", {"scope_1_kg": "1", "scope_2_kg": "1", "pcaf_score": "1"}, "give share_p"),
        ("instrument", {"type": "removal", "mwh": "1", "registry": "r", "serial": "1"},
         "a credit in kg"),
        ("transport", {"method": "T02", "vehicle": "hgv", "tonnes": "1", "km": "1",
                       "litres": "5"}, "litres '5': is not read by method T02"),
        ("transport", {"method": "T02", "vehicle": "hgv", "tonnes": "1"}, "exactly one of km"),
        ("transport", {"method": "T02", "teu": "1", "km": "1"}, "no factor per TEU.km"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(kind: str, row: dict[str, str], words: str) -> None:
    assert words in complaint(kind, **row)


def test_an_own_factor_is_per_something_of_the_row() -> None:
    """A factor in grams, or per litre of a row in kWh, is refused with what fits."""
    row = {"kwh": "1", "country": "GB", "factor_value": "300", "factor_source": "us",
           "factor_version": "1"}  # fmt: skip

    assert "kilograms per something" in complaint("electricity", **row, factor_unit="g/kWh")
    assert "fits no quantity" in complaint("electricity", **row, factor_unit="kg/l")
    assert "kg/kWh" in complaint("electricity", **row, factor_unit="kg/l")


def test_memos_are_in_no_total() -> None:
    """Offsets, water and forced upgrades: whatever they come to, no total has them."""
    for kind, row in EXAMPLES:
        if kind in ("water", "instrument", "forced_upgrade"):
            for one in postings(kind, **row):
                assert one.role is Role.MEMO
                assert not one.in_ghg
                assert not one.in_tcs


def test_what_a_row_says_is_on_its_postings() -> None:
    row = {"org_unit": "north", "service": "shop", "evidence": "bill 7", "note": "hello",
           "tier": "measured", "uncertainty_percent": "3"}  # fmt: skip
    (one, _) = postings("fuel", fuel="diesel", litres="1", **row)

    assert (one.org_unit, one.service, one.evidence, one.note) == (
        "north", "shop", "bill 7", "hello")  # fmt: skip
    assert one.tier_activity == "measured"
    assert float(one.uncertainty_ratio or 0) == pytest.approx(math.hypot(0.03, 0.6), abs=1e-6)
    assert postings("fuel", fuel="diesel", litres="1")[0].uncertainty_ratio is None
    assert one.start_unix_seconds == activity("fuel", fuel="diesel", litres="1").interval[0]
