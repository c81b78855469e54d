"""What an agent should have seen, what it saw, and what is filled where it did not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from builders import intensity
from metered_scenes import FIRST, HOST, KILOWATT_HOUR, SLOTS_PER_DAY, Row, metering, whole
from wattgram.readings import Quality
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Scope
from wattgram_collector.inventory.metering.metered import Metering
from wattgram_collector.inventory.postings import Method, Stage
from wattgram_collector.inventory.register.assets import AssetRole
from wattgram_collector.inventory.result import Seen

DAY = SLOTS_PER_DAY * 300
START = FIRST * 300


def seen(found: Metering, agent: int = 1) -> list[Seen]:
    return [one for one in found.seen if one.agent_id == f"agent-{agent}"]


def test_a_month_is_expected_from_the_first_slot_of_the_agent_to_the_newest_of_any() -> None:
    rows = [Row(1, FIRST + at, 1) for at in range(SLOTS_PER_DAY, 3 * SLOTS_PER_DAY)]
    rows += [Row(2, FIRST + 10 * SLOTS_PER_DAY - 1, 1)]
    (one,) = seen(metering(rows, HOST))
    assert one == Seen(
        "agent-1", "host-1", "2025-07", 9 * DAY, 2 * DAY, 0, START + DAY, START + 3 * DAY, None
    )


def test_an_asset_that_is_gone_is_not_expected_nor_one_that_is_not_bought_yet() -> None:
    rows = whole(days=31)
    gone = replace(HOST, acquired_on=date(2025, 7, 5), disposed_on=date(2025, 7, 11))
    (one,) = seen(metering(rows, gone))
    assert (one.expected_seconds, one.observed_seconds) == (6 * DAY, 31 * DAY)


def test_months_are_of_the_time_zone_of_the_organisation() -> None:
    rows = [Row(1, FIRST + 31 * SLOTS_PER_DAY + at, 1) for at in (-25, -23, 0)]
    july, august = seen(metering(rows, HOST, period="2025", timezone="Europe/Berlin"))
    assert (july.month, july.observed_seconds, july.expected_seconds) == ("2025-07", 300, 300)
    assert (august.month, august.observed_seconds) == ("2025-08", 600)
    assert august.expected_seconds == 25 * 300


def test_a_slot_under_two_terms_or_two_factors_is_seen_once() -> None:
    again = intensity("GB", "3", scope=Scope.DIRECT)
    rows = [
        Row(1, FIRST, 1),
        Row(1, FIRST, 1, factor=again),
        Row(1, FIRST, 1, terms=Terms()),
        Row(1, FIRST + 3, 1),
    ]
    (one,) = seen(metering(rows, HOST))
    assert (one.observed_seconds, one.expected_seconds) == (600, 1200)


def test_an_agent_that_was_never_seen_has_no_row() -> None:
    found = metering([Row(2, FIRST, 1)], replace(HOST, agent_ids=("agent-2",)))
    assert seen(found) == []
    assert len(seen(found, 2)) == 1


def filled(rows: list[Row], **said: Any) -> Metering:
    return metering(rows, replace(HOST, **said), fill_gaps=True)


def test_a_gap_is_filled_with_the_mean_of_the_same_hour_of_the_week() -> None:
    """Three weeks of 2 and 4 kWh by hour; in the second week a whole hour of 4 is missing."""
    hour_at = 7 * 24 + 9
    rows = [Row(1, FIRST + at, (2 if at // 12 % 2 == 0 else 4) * KILOWATT_HOUR)
            for at in range(21 * SLOTS_PER_DAY) if at // 12 != hour_at]  # fmt: skip
    found = filled(rows)
    (one,) = seen(found)
    assert one.filled_seconds == 3600
    more = [each for each in found.postings if ", filled:" in each.evidence]
    use = [each for each in more if each.stage is Stage.USE and each.method is Method.LOCATION]
    assert [each.quantity for each in use] == [12 * 4 * Fraction(3, 2)]
    assert {each.tier_activity for each in more} == {Quality.MODELLED}
    assert use[0].note == "3600 s that were not seen, as the mean of the same hour of the week"
    assert use[0].grams == 12 * 4 * Fraction(3, 2) * 177
    assert {each.method for each in more} >= {Method.LOCATION, Method.MARKET}


def test_nothing_is_filled_beyond_the_first_and_the_last_slot_or_where_no_hour_is_alike() -> None:
    rows = [Row(1, FIRST + at, 5) for at in (0, 1, 200)]
    found = filled([*rows, Row(2, FIRST + 31 * SLOTS_PER_DAY - 1, 1)])
    (one,) = seen(found)
    assert one.filled_seconds == (10 + (200 - 192)) * 300, "the hours of the three slots only"


def test_gaps_are_not_filled_unless_that_is_asked_for_nor_of_what_is_off() -> None:
    rows = [Row(1, FIRST + at, 5) for at in (0, 3)]
    assert seen(metering(rows, HOST))[0].filled_seconds == 0
    assert seen(filled(rows))[0].filled_seconds == 600
    laptop = filled(rows, role=AssetRole.EMPLOYEE_DEVICE, device_class="laptop")
    assert seen(laptop)[0].filled_seconds == 0


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 10**13)), min_size=1, max_size=9))
def test_filling_adds_and_never_takes_away(said: list[tuple[int, int]]) -> None:
    rows = [Row(1, FIRST + at, quantity) for at, quantity in dict(said).items()]
    plain, more = metering(rows, HOST), filled(rows)
    kept = [one for one in more.postings if ", filled:" not in one.evidence]
    assert kept == plain.postings
    (one,) = seen(more)
    assert 0 <= one.filled_seconds <= one.expected_seconds - one.observed_seconds
    assert all((one.grams or 0) >= 0 for one in more.postings)
