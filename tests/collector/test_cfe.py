"""Matched hour by hour, nothing carried over: the 24/7 score."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import terms
from wattgram.units import MICROJOULES_PER_KILOWATT_HOUR
from wattgram_collector.accounting.cfe import cfe_score, contracted_score, hourly_loads
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.accounting.market import Instrument, instrument
from wattgram_collector.accounting.market_settings import MarketSettings
from wattgram_collector.accounting.profiles import Profile
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensities.places import Places

PLACES = Places()
HOUR = 3_600
FIRST = 1_767_225_600  # 2026-01-01T00:00Z
KWH = MICROJOULES_PER_KILOWATT_HOUR

hourly = st.dictionaries(st.integers(0, 5), st.integers(0, 100))


class Line(NamedTuple):
    account: Account
    slot: int
    terms: Terms
    quantity: int


def row(
    hour: int, kilowatt_hours: int, under: Terms | None = None, account: Account = Account.HOST
) -> Line:
    """What a host used in the last slot of an hour of the day."""
    slot = (FIRST + hour * HOUR) // 300 + 11
    return Line(account, slot, under or terms("FR"), kilowatt_hours * KWH)


def contract(
    share: float = 1.0,
    *,
    profile: Profile | None = None,
    deliveries: Profile | None = None,
    carbon_free: bool = True,
    zones: tuple[str, ...] = (),
) -> Instrument:
    settings = MarketSettings(
        grams_per_kilowatt_hour=0.0,
        share=share,
        carbon_free=carbon_free,
        zones=zones,
        source="a contract",
    )
    return instrument("c", settings, PLACES, profile=profile, deliveries=deliveries)


def test_case_cfe_score(shared: Path) -> None:
    text = (shared / "data" / "derived" / "golden_carbon_cases.json").read_text(encoding="utf-8")
    (case,) = (one for one in json.loads(text)["cases"] if one["name"] == "cfe_score")
    load, free = (dict(enumerate(case["input"][name])) for name in ("load", "cfe"))
    assert cfe_score(load, free).score == Fraction(str(case["expect"]["hourly"]))
    # And of what is posted.
    rows = [row(hour, kwh) for hour, kwh in load.items()]
    delivered = {FIRST + hour * HOUR: Fraction(kwh) for hour, kwh in free.items()}
    found = contracted_score(rows, [contract(deliveries=delivered)])
    assert found.score == Fraction(5, 8)


@given(hourly, hourly)
def test_a_score_is_never_better_than_by_volume(
    load: dict[int, int], free: dict[int, int]
) -> None:
    found = cfe_score(load, free)
    assert found.load == sum(load.values())
    if found.score is None:
        assert not any(load.values())
        return
    assert 0 <= found.score <= min(1, Fraction(sum(free.values()), sum(load.values())))


@given(hourly, hourly, st.integers(0, 5))
def test_what_is_delivered_beyond_an_hour_counts_for_no_other(
    load: dict[int, int], free: dict[int, int], hour: int
) -> None:
    more = {**free, hour: load.get(hour, 0) + free.get(hour, 0)}
    twice = {**more, hour: 2 * more[hour]}
    assert cfe_score(load, more) == cfe_score(load, twice)


def test_no_load_has_no_score() -> None:
    assert cfe_score({}, {0: 5}).score is None


@pytest.mark.parametrize(("load", "free"), [({0: -1}, {}), ({0: 1}, {0: -1})])
def test_a_negative_quantity_is_refused(load: dict[int, int], free: dict[int, int]) -> None:
    with pytest.raises(ValueError, match="of hour 0 is negative: -1"):
        cfe_score(load, free)


def test_the_mix_of_the_grid_counts_only_under_its_own_name() -> None:
    load, free = {0: 10, 1: 10}, {0: 10, 1: 0}
    without = cfe_score(load, free)
    assert (without.of_grid, without.score_with_grid) == (None, None)
    found = cfe_score(load, free, {1: Fraction(2, 5)})
    assert found.score == without.score == Fraction(1, 2)
    assert (found.of_grid, found.score_with_grid) == (4, Fraction(7, 10))


def test_the_load_has_the_overhead_of_the_facility_and_nothing_twice() -> None:
    hall = terms("FR", pue="1.5", site="hall")
    rows = [
        row(0, 2, hall),
        row(0, 2, hall, Account.MARKET),
        row(0, 2, hall, Account.TRANSMIT),
        row(0, 1, hall),
        row(1, 1),
    ]
    assert hourly_loads(rows) == {
        FIRST: {("FR", "hall"): Fraction(9, 2) * KWH},
        FIRST + HOUR: {("FR", ""): KWH},
    }


def test_a_share_matches_its_part_and_only_if_it_is_carbon_free() -> None:
    rows = [row(0, 10), row(1, 10)]
    assert contracted_score(rows, [contract(0.25)]).score == Fraction(1, 4)
    assert contracted_score(rows, [contract(0.25, carbon_free=False)]).score == 0
    assert contracted_score(rows, [contract(zones=("DE",))]).score == 0
    one_hour = contract(profile={FIRST: Fraction(1)})
    assert contracted_score(rows, [one_hour]).score == Fraction(1, 2)


def test_a_load_is_matched_once() -> None:
    """The same hour is covered by a share, by another contract, and delivered for."""
    rows = [row(0, 10)]
    delivered = {FIRST: Fraction(100)}
    half, coal = contract(0.5), contract(0.3, carbon_free=False)
    assert contracted_score(rows, [half, contract(deliveries=delivered)]).score == 1
    assert contracted_score(rows, [half, coal, contract(deliveries=delivered)]).score == Fraction(
        7, 10
    )


def test_two_deliveries_match_no_more_than_the_load() -> None:
    delivery = contract(deliveries={FIRST: Fraction(8)})
    assert contracted_score([row(0, 10)], [delivery, delivery]).score == 1
    assert contracted_score([row(0, 20)], [delivery, delivery]).score == Fraction(4, 5)


def test_a_delivery_is_used_up_by_the_loads_that_it_is_for() -> None:
    rows = [row(0, 10), row(0, 10, terms("DE")), row(0, 10, terms("ES"))]
    delivery = contract(deliveries={FIRST: Fraction(15)})
    assert contracted_score(rows, [delivery]).score == Fraction(1, 2)
    french = contract(deliveries={FIRST: Fraction(15)}, zones=("FRA",))
    assert contracted_score(rows, [french]).score == Fraction(1, 3)
