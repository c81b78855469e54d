"""What is believed of a batch: its clock, its powers, its lengths."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builders import (
    BOOT_ID,
    BOOTTIME,
    CORE,
    DRAM,
    NOW,
    PACKAGE,
    RECEIVE,
    SECOND,
    SLOT,
    Book,
    batch,
    hello,
    intensity,
    table,
    terms,
    told,
)
from wattgram.readings import QUANTITY_MAX, Batch, Gap, Reach, SeriesTable
from wattgram.units import (
    ACCOUNTING_SLOT_NANOSECONDS,
    BYTES_PER_GIGABYTE,
    MICROJOULES_PER_JOULE,
    MICROSECONDS_PER_SECOND,
    SECONDS_PER_DAY,
    SECONDS_PER_HOUR,
)
from wattgram_collector.accounting.emissions import Account, Books, PostingKey
from wattgram_collector.config import LimitSettings
from wattgram_collector.ingest.reckoning import (
    AGE_NANOSECONDS_MAX,
    DURATION_NANOSECONDS_MAX,
    FUTURE_NANOSECONDS_MAX,
    AgentClock,
    RefusalError,
    reckon,
    refused,
)
from wattgram_collector.ledger import Entry, Tally

HOUR = SECONDS_PER_HOUR * SECOND
DAY = SECONDS_PER_DAY * SECOND
FRANCE = intensity("FR", "44.18")
RIGHT = AgentClock.of(hello(), NOW)


def reckoned(
    some: Batch, of: SeriesTable | None = None, *, clock: AgentClock = RIGHT, now: int = NOW
) -> Entry:
    return reckon(
        some,
        told(of or table()),
        agent_key=7,
        session="s",
        terms=terms(),
        clock=clock,
        books=Books(Book([FRANCE])),
        now_unix_nanoseconds=now,
    )


def reason(some: Batch, of: SeriesTable | None = None, **options: Any) -> str:
    with pytest.raises(RefusalError) as caught:
        reckoned(some, of, **options)
    assert str(caught.value).startswith(f"{caught.value.reason}: ")
    return caught.value.reason


def lasting(nanoseconds: int, **changes: Any) -> Batch:
    """One interval of any length, that ends now."""
    values = {
        "start_unix_nanoseconds": NOW - nanoseconds,
        "interval_microseconds": (nanoseconds * MICROSECONDS_PER_SECOND // SECOND,),
    }
    return batch([1], **{**values, **changes})


# ── clocks ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("offset", [0, 2 * SECOND, -2 * SECOND])
def test_a_clock_within_tolerance_is_taken_at_its_word(offset: int) -> None:
    """The boot-time clock would shift it by the network's delay, which nobody wants."""
    clock = AgentClock.of(hello(wall_unix_nanoseconds=NOW + offset), NOW)
    one = batch(start_unix_nanoseconds=NOW + offset - SECOND)
    assert clock.start_unix_nanoseconds(one, table()) == NOW + offset - SECOND
    assert clock.offset_nanoseconds == offset


@pytest.mark.parametrize("offset", [2 * SECOND + 1, -2 * SECOND - 1, HOUR, -10_000 * DAY])
def test_a_wrong_wall_clock_is_corrected_by_the_time_since_boot(offset: int) -> None:
    clock = AgentClock.of(hello(wall_unix_nanoseconds=NOW + offset), NOW)
    one = batch(
        start_unix_nanoseconds=NOW + offset - 90 * SECOND,
        start_boottime_nanoseconds=BOOTTIME - 90 * SECOND,
    )
    assert clock.start_unix_nanoseconds(one, table()) == NOW - 90 * SECOND


def test_what_was_measured_in_another_boot_cannot_be_corrected() -> None:
    """Its boot-time clock counts from elsewhere; a wrong hour is better than a made-up one."""
    clock = AgentClock.of(hello(wall_unix_nanoseconds=NOW + HOUR), NOW)
    one = batch(start_unix_nanoseconds=NOW - DAY, start_boottime_nanoseconds=BOOTTIME)
    assert clock.start_unix_nanoseconds(one, table(boot_id="earlier")) == NOW - DAY
    assert clock.start_unix_nanoseconds(one, table(boot_id=BOOT_ID)) != NOW - DAY


def test_a_corrected_batch_is_booked_in_the_slot_of_the_corrected_time() -> None:
    clock = AgentClock.of(hello(wall_unix_nanoseconds=NOW - DAY), NOW)
    said = batch(
        [5],
        start_unix_nanoseconds=NOW - DAY - SECOND,
        start_boottime_nanoseconds=BOOTTIME - SECOND,
    )
    found = reckoned(said, clock=clock)
    assert found.usage == {(PACKAGE, SLOT): 5}


# ── entries ──────────────────────────────────────────────────────────────────────────────


def test_an_entry_says_whose_it_is_what_was_used_and_what_prices_it() -> None:
    of = table(PACKAGE, CORE, RECEIVE)
    found = reckoned(batch([5, 6], [1, 2], [70, None], sequence=9), of)
    assert found == Entry(
        agent_key=7,
        session="s",
        sequence=9,
        received_unix_nanoseconds=NOW,
        newest_sample_unix_nanoseconds=NOW,
        usage={(PACKAGE, SLOT): 11, (CORE, SLOT): 3, (RECEIVE, SLOT): 70},
        postings={
            PostingKey(Account.HOST, SLOT, terms(), FRANCE): 11,
            PostingKey(Account.RECEIVE, SLOT, terms(), FRANCE): 70,
        },
        tallies={(Tally.READINGS, ""): 5},
    )


def test_an_old_batch_is_booked_when_it_was_measured_and_not_when_it_came() -> None:
    found = reckoned(batch([5], start_unix_nanoseconds=NOW - 30 * DAY))
    slot = (NOW - 30 * DAY) // ACCOUNTING_SLOT_NANOSECONDS
    assert found.usage == {(PACKAGE, slot): 5}
    assert found.received_unix_nanoseconds == NOW
    assert found.newest_sample_unix_nanoseconds == NOW - 30 * DAY + SECOND


def test_a_batch_from_before_the_clock_was_set_is_placed_by_the_time_since_boot() -> None:
    """A gateway without a clock of its own boots in 1970, spools, is set, and then connects."""
    spooled = batch(
        [5], start_unix_nanoseconds=120 * SECOND, start_boottime_nanoseconds=BOOTTIME - SECOND
    )
    found = reckoned(spooled)
    assert found.usage == {(PACKAGE, SLOT): 5}
    assert found.newest_sample_unix_nanoseconds == NOW


def test_a_batch_from_a_clock_that_runs_ahead_is_not_newer_than_now() -> None:
    """It would hide every batch that follows once the clock is set right."""
    found = reckoned(batch([5], start_unix_nanoseconds=NOW + HOUR // 2))
    assert found.newest_sample_unix_nanoseconds == NOW


def test_readings_are_the_cells_that_were_measured() -> None:
    found = reckoned(batch([1, None, 0], [None, None, None]), table(PACKAGE, CORE))
    assert found.tallies == {(Tally.READINGS, ""): 2}


def test_gaps_are_counted_by_reason_and_resets_by_source() -> None:
    gaps = (
        Gap(source="rapl", reason="suspended", duration_nanoseconds=5),
        Gap(source="nvml", reason="suspended", duration_nanoseconds=7, count=2),
        Gap(source="rapl", reason="counter_reset", duration_nanoseconds=0, count=3),
        Gap(source="nvml", reason="counter_reset", duration_nanoseconds=1),
    )
    assert reckoned(batch([1], gaps=gaps)).tallies == {
        (Tally.READINGS, ""): 1,
        (Tally.GAP_NANOSECONDS, "suspended"): 12,
        (Tally.GAPS, "suspended"): 3,
        (Tally.GAP_NANOSECONDS, "counter_reset"): 1,
        (Tally.GAPS, "counter_reset"): 4,
        (Tally.COUNTER_RESETS, "rapl"): 3,
        (Tally.COUNTER_RESETS, "nvml"): 1,
    }


def test_a_refused_batch_adds_nothing_but_the_count_of_why() -> None:
    found = refused(4, "future", agent_key=7, session="s", now_unix_nanoseconds=NOW)
    assert (found.sequence, found.usage, found.postings) == (4, {}, {})
    assert found.tallies == {(Tally.REFUSED_BATCHES, "future"): 1}
    assert found.newest_sample_unix_nanoseconds == 0


# ── what can never be accepted ───────────────────────────────────────────────────────────


def test_a_batch_from_the_future_is_refused() -> None:
    at_the_limit = batch(start_unix_nanoseconds=NOW + FUTURE_NANOSECONDS_MAX - SECOND)
    beyond = batch(start_unix_nanoseconds=NOW + FUTURE_NANOSECONDS_MAX - SECOND + 1)
    assert reckoned(at_the_limit)
    assert reason(beyond) == "future"


def test_a_batch_that_is_too_old_is_refused() -> None:
    assert reckoned(batch(start_unix_nanoseconds=NOW - AGE_NANOSECONDS_MAX))
    assert reason(batch(start_unix_nanoseconds=NOW - AGE_NANOSECONDS_MAX - 1)) == "too_old"


def test_the_default_of_the_limit_on_age_is_what_is_reckoned_with() -> None:
    assert LimitSettings().max_age_nanoseconds == AGE_NANOSECONDS_MAX
    with pytest.raises(ValueError, match="max_age_days"):
        LimitSettings(max_age_days=1e9)


def test_older_batches_are_taken_where_the_limit_is_set_higher() -> None:
    old = batch(start_unix_nanoseconds=NOW - 2 * AGE_NANOSECONDS_MAX)
    limit = LimitSettings(max_age_days=800).max_age_nanoseconds
    assert reckoned(old, clock=AgentClock.of(hello(), NOW, limit))
    assert reason(old, clock=AgentClock.of(hello(), NOW, limit - 1)) == "too_old"


def test_a_batch_over_more_than_forty_days_is_refused() -> None:
    assert reckoned(lasting(DURATION_NANOSECONDS_MAX))
    assert reason(lasting(DURATION_NANOSECONDS_MAX + 1000)) == "too_long"


def test_a_reach_into_the_distant_past_is_refused() -> None:
    """It would be shared over sixty million slots while everybody else waits."""
    whole_range = Reach(cell=0, nanoseconds=(1 << 64) - 1)
    assert reason(batch(reaches=(whole_range,))) == "too_old"


@pytest.mark.parametrize(("count", "accepted"), [(20, True), (2_000, False)])
def test_a_batch_that_would_write_to_very_many_slots_is_refused(
    count: int, *, accepted: bool
) -> None:
    month = lasting(30 * DAY, columns=([1],) * count)
    series = [replace(CORE, instance=str(number)) for number in range(count)]
    if accepted:
        assert len(reckoned(month, table(*series)).usage) >= count * 8_640
    else:
        assert reason(month, table(*series)) == "too_long"


def test_many_reaches_that_would_write_to_very_many_slots_are_refused() -> None:
    reaches = tuple(Reach(cell=cell, nanoseconds=100 * DAY) for cell in range(10))
    assert reason(batch([1] * 10, reaches=reaches)) == "too_long"
    assert reckoned(batch([1] * 10, reaches=reaches[:1]))


@pytest.mark.parametrize("first", [None, 0])
def test_a_power_that_no_host_has_is_refused(first: int | None) -> None:
    """Ten megawatts over two seconds; a column with a hole is judged over the whole batch."""
    ceiling = 20_000_000 * MICROJOULES_PER_JOULE
    assert reckoned(batch([first, ceiling])).usage == {(PACKAGE, SLOT): ceiling}
    assert reason(batch([first, ceiling + 1])) == "implausible_power"


def test_a_cell_that_reaches_back_has_more_time_to_use_its_energy() -> None:
    energy = 15_000_000 * MICROJOULES_PER_JOULE
    assert reason(batch([energy])) == "implausible_power"
    assert reckoned(batch([energy], reaches=(Reach(cell=0, nanoseconds=SECOND),)))


def test_bytes_are_not_judged_as_power_but_by_what_a_host_can_move() -> None:
    terabyte = 1_000 * BYTES_PER_GIGABYTE
    assert reckoned(batch([terabyte]), table(RECEIVE)).usage == {(RECEIVE, SLOT): terabyte}
    assert reason(batch([terabyte + 1]), table(RECEIVE)) == "implausible_traffic"
    assert reason(batch([QUANTITY_MAX]), table(RECEIVE)) == "implausible_traffic"


def test_many_meters_together_are_judged_as_one_host() -> None:
    """Each of them is below what a host can draw."""
    most = [6_000_000 * MICROJOULES_PER_JOULE]
    assert reckoned(batch(most, most), table(PACKAGE, CORE))  # one of them is not counted
    assert reason(batch(most, most), table(PACKAGE, DRAM)) == "implausible_power"


@pytest.mark.parametrize("count", [1, 3])
def test_a_gap_is_never_longer_than_what_may_be_late(count: int) -> None:
    centuries = Gap(source="a", reason="b", duration_nanoseconds=(1 << 64) - 1, count=count)
    assert reckoned(batch([1], gaps=(centuries,))).tallies[Tally.GAP_NANOSECONDS, "b"] == (
        AGE_NANOSECONDS_MAX
    )
