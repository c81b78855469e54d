"""From quantities per slot to grams: each joule once, at the factor of its own time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import CORE, DRAM, GPU, PACKAGE, RECEIVE, SLOT, TRANSMIT, Book, intensity, terms
from wattgram.readings import Series
from wattgram.units import (
    BYTES_PER_GIGABYTE,
    JOULES_PER_KILOWATT_HOUR,
    MICROJOULES_PER_JOULE,
    MICROJOULES_PER_KILOWATT_HOUR,
    NANOSECONDS_PER_SECOND,
)
from wattgram_collector.accounting.emissions import (
    Account,
    Amount,
    Books,
    Columns,
    Part,
    PostingKey,
    Pricing,
    emissions_grams,
    postings,
    shares,
)
from wattgram_collector.accounting.slots import slot_start_unix_seconds, split
from wattgram_collector.intensity import IntensityBook

SERIES = (PACKAGE, CORE, DRAM, RECEIVE, TRANSMIT)
FR = terms("FR")
FRANCE = intensity("FR", "44.18")
FRANCE_LATER = intensity(
    "FR", "50", valid_from_unix_seconds=slot_start_unix_seconds(SLOT + 1), version="2"
)
FRANCE_BEFORE = intensity(
    "FR", "44.18", valid_until_unix_seconds=slot_start_unix_seconds(SLOT + 1)
)

found = st.dictionaries(
    st.tuples(st.integers(0, len(SERIES) - 1), st.integers(SLOT, SLOT + 3)),
    st.integers(0, 1 << 50),
)


def posted_of(
    cells: Mapping[tuple[int, int], int], series: Sequence[Series], zone: str, book: IntensityBook
) -> dict[PostingKey, int]:
    """Post quantities by (column, slot)."""
    rows = {slot: [cells.get((index, slot)) for index in range(len(series))] for _, slot in cells}
    return postings(rows, Columns(series), terms(zone), Books(book))


@given(st.integers(0, 1 << 62), st.integers(0, 2_000_000))
def test_grams_are_joules_over_a_kilowatt_hour_times_intensity_exactly(
    energy: int, thousandths: int
) -> None:
    joules = Fraction(energy, MICROJOULES_PER_JOULE)
    factor = Fraction(thousandths, 1000)
    assert emissions_grams(Fraction(energy), factor) == joules / 3_600_000 * factor


def test_no_intensity_is_another_thing_than_an_intensity_of_zero() -> None:
    zero = intensity("FR", "0")
    priced = posted_of({(0, SLOT): 5}, [PACKAGE], "FR", Book([zero]))
    unpriced = posted_of({(0, SLOT): 5}, [PACKAGE], "FR", Book([]))
    assert priced == {PostingKey(Account.HOST, SLOT, FR, zero): 5}
    assert unpriced == {PostingKey(Account.HOST, SLOT, FR, None): 5}


@given(found, st.sampled_from(("FR", "DE", "XX", "")))
def test_counted_energy_is_priced_plus_unpriced(
    found: Mapping[tuple[int, int], int], zone: str
) -> None:
    """Whatever is known of the zone and of the time, no counted joule and no byte is lost."""
    book = Book([FRANCE_LATER, intensity("DE")])
    posted = posted_of(found, SERIES, zone, book)
    for account, counted in (
        (Account.HOST, (0, 2)),
        (Account.RECEIVE, (3,)),
        (Account.TRANSMIT, (4,)),
    ):
        energy = sum(quantity for (index, _), quantity in found.items() if index in counted)
        assert sum(n for key, n in posted.items() if key.account is account) == energy


def test_a_series_that_is_not_counted_is_not_posted() -> None:
    """`core` is inside `package`: it is shown, and counting it would count it twice."""
    posted = posted_of({(0, SLOT): 100, (1, SLOT): 60}, [PACKAGE, CORE], "FR", Book([FRANCE]))
    assert posted == {PostingKey(Account.HOST, SLOT, FR, FRANCE): 100}


def test_the_counted_parts_of_a_host_are_posted_together() -> None:
    parts: tuple[Series, ...] = (PACKAGE, DRAM, GPU)
    posted = posted_of(
        {(0, SLOT): 1, (1, SLOT): 2, (2, SLOT): 4, (2, SLOT + 1): 8}, parts, "FR", Book([FRANCE])
    )
    assert posted == {
        PostingKey(Account.HOST, SLOT, FR, FRANCE): 7,
        PostingKey(Account.HOST, SLOT + 1, FR, FRANCE): 8,
    }


@pytest.mark.parametrize("zone", ["XX", ""])
def test_an_unknown_zone_is_unpriced(zone: str) -> None:
    posted = posted_of({(0, SLOT): 7}, [PACKAGE], zone, Book([FRANCE]))
    assert posted == {PostingKey(Account.HOST, SLOT, terms(zone), None): 7}


def test_an_unnamed_zone_is_not_looked_up() -> None:
    """A book may know a zone of no name; a host that names none still has no factor."""

    class Everything:
        def at(self, zone: str, unix_seconds: int) -> Any:
            return FRANCE

    posted = posted_of({(0, SLOT): 7}, [PACKAGE], "", Everything())
    assert posted == {PostingKey(Account.HOST, SLOT, terms(""), None): 7}


def test_each_slot_is_priced_with_the_factor_of_its_own_time() -> None:
    posted = posted_of(
        {(0, SLOT): 7, (0, SLOT + 1): 9}, [PACKAGE], "FR", Book([FRANCE_BEFORE, FRANCE_LATER])
    )
    assert posted == {
        PostingKey(Account.HOST, SLOT, FR, FRANCE_BEFORE): 7,
        PostingKey(Account.HOST, SLOT + 1, FR, FRANCE_LATER): 9,
    }


def test_bytes_and_energy_are_different_accounts() -> None:
    posted = posted_of(
        {(0, SLOT): 11, (1, SLOT): 5, (2, SLOT): 6},
        [PACKAGE, RECEIVE, TRANSMIT],
        "FR",
        Book([FRANCE]),
    )
    assert posted == {
        PostingKey(Account.HOST, SLOT, FR, FRANCE): 11,
        PostingKey(Account.RECEIVE, SLOT, FR, FRANCE): 5,
        PostingKey(Account.TRANSMIT, SLOT, FR, FRANCE): 6,
    }


@pytest.mark.parametrize(
    ("transferred_bytes", "kilowatt_hours"),
    [
        (0, "0"),
        (1, "0.000000000059"),
        (BYTES_PER_GIGABYTE, "0.059"),
        (10 * (1 << 30), "0.63350767616"),  # GiB are not GB
        (12_345_678_901, "0.728395055159"),
    ],
)
def test_a_gigabyte_takes_59_watt_hours_of_network(
    transferred_bytes: int, kilowatt_hours: str
) -> None:
    energy = network_energy_microjoules(transferred_bytes)
    assert energy / MICROJOULES_PER_KILOWATT_HOUR == Fraction(kilowatt_hours)


# ── cases that were worked out by hand ───────────────────────────────────────────────────


@pytest.fixture
def cases(shared: Path) -> dict[str, dict[str, Any]]:
    text = (shared / "data" / "derived" / "golden_carbon_cases.json").read_text(encoding="utf-8")
    return {case["name"]: case for case in json.loads(text)["cases"]}


def of_joules(joules: int, grams_per_kilowatt_hour: Fraction | int) -> Fraction:
    return emissions_grams(
        Fraction(joules * MICROJOULES_PER_JOULE), Fraction(grams_per_kilowatt_hour)
    )


def test_case_joule_to_grams(cases: dict[str, dict[str, Any]]) -> None:
    case = cases["joule_to_grams"]
    grams = of_joules(case["input"]["joules"], case["input"]["g_per_kwh"])
    assert grams == case["expect"]["grams"] == 250


def test_case_interval_crosses_slots(cases: dict[str, dict[str, Any]]) -> None:
    """Either slot's intensity alone gives the wrong grams, half or one and a half times."""
    case = cases["interval_crosses_slots"]
    start, end = (unix_nanoseconds(case["input"][name]) for name in ("start", "end"))
    book = Book(
        intensity(
            "FR",
            str(grams),
            valid_from_unix_seconds=unix_nanoseconds(from_) // NANOSECONDS_PER_SECOND,
            valid_until_unix_seconds=unix_nanoseconds(until) // NANOSECONDS_PER_SECOND,
        )
        for from_, until, grams in case["input"]["slots"]
    )
    energy = case["input"]["joules"] * MICROJOULES_PER_JOULE
    shares = {(0, slot): share for slot, share in split(energy, start, end)}
    posted = posted_of(shares, [PACKAGE], "FR", book)
    assert sum(grams_of(posted)) == case["expect"]["grams"] == 100


def test_case_energy_weighted_mean(cases: dict[str, dict[str, Any]]) -> None:
    case = cases["energy_weighted_mean"]
    pairs = list(zip(case["input"]["kwh"], case["input"]["i"], strict=True))
    grams = sum(of_joules(kwh * JOULES_PER_KILOWATT_HOUR, i) for kwh, i in pairs)
    assert grams / sum(kwh for kwh, _ in pairs) == case["expect"]["weighted"] == 175


def test_case_network_segment_only(cases: dict[str, dict[str, Any]]) -> None:
    case = cases["network_segment_only"]
    energy = network_energy_microjoules(case["input"]["gb"] * BYTES_PER_GIGABYTE)
    assert energy / MICROJOULES_PER_KILOWATT_HOUR == Fraction(str(case["expect"]["kwh"]))
    grams = emissions_grams(energy, Fraction("472.94"))
    assert float(grams) == pytest.approx(case["expect"]["grams_world_473"], abs=5e-5)


def test_case_gb_vs_gib(cases: dict[str, dict[str, Any]]) -> None:
    case = cases["gb_vs_gib"]
    energy = network_energy_microjoules(case["input"]["bytes"]) / MICROJOULES_PER_KILOWATT_HOUR
    assert float(energy) == pytest.approx(case["expect"]["kwh"], abs=5e-9)


def network_energy_microjoules(transferred_bytes: int) -> Fraction:
    pricing = Pricing.of(Account.NETWORK, FR, FRANCE)
    (share,) = shares(pricing, Amount(0).plus(transferred_bytes, FRANCE))
    assert (share.part, share.segment) == (Part.NETWORK, "network_swdm_v4")
    return share.energy_microjoules


def unix_nanoseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * NANOSECONDS_PER_SECOND


def grams_of(posted: Mapping[PostingKey, int]) -> list[Fraction]:
    return [
        emissions_grams(Fraction(quantity), key.factor.value)
        for key, quantity in posted.items()
        if key.factor is not None
    ]
