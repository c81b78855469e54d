"""What tells a repetition from somebody else who has the same identity."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from builders import BOOT_ID, BOOTTIME, NOW, SECOND, batch, hello, table
from wattgram.readings import AgentStatus
from wattgram_collector.ingest.past import (
    CLONED_NANOSECONDS,
    REMEMBERED,
    SESSIONS_REMEMBERED,
    Past,
    Sessions,
)
from wattgram_collector.ingest.reckoning import AgentClock

ME, SOMEBODY = object(), object()


@given(st.lists(st.integers(1, 400), min_size=1, max_size=40, unique=True).map(sorted))
def test_a_start_is_remembered_for_its_own_sequence_and_no_other(sequences: list[int]) -> None:
    past = Past()
    for sequence in sequences:
        past.note(sequence, sequence + 1_000)
    newest = sequences[-1]
    for sequence in range(1, 500):
        is_known = sequence in sequences and sequence > newest - REMEMBERED
        assert past.start_of(sequence) == (sequence + 1_000 if is_known else 0)


def test_a_repetition_of_an_old_sequence_does_not_hide_a_newer_one() -> None:
    past = Past()
    past.note(200, 5)
    past.note(200 - REMEMBERED, 7)
    assert (past.start_of(200), past.start_of(200 - REMEMBERED)) == (5, 0)


def test_an_agent_is_told_of_what_it_still_holds() -> None:
    past = Past()
    for sequence in (5, 6, 8):
        past.note(sequence, sequence * 10)
    assert past.starts_down_from(8, 6) == (80, 0, 60)
    assert past.starts_down_from(8, 9) == ()
    assert past.starts_down_from(8, 0) == (80, 0, 60, 50, 0, 0, 0, 0)
    assert Past().starts_down_from(8, 1) == ()  # nothing is known: nothing is said
    assert len(past.starts_down_from(1 << 62, 1)) == 0


def covering() -> Past:
    """A session whose newest batch, the ninth, ended at BOOTTIME."""
    past = Past()
    past.note(9, 1)
    past.note_end(BOOTTIME, BOOT_ID, SOMEBODY)
    return past


def starting(seconds: int, *cells: int | None, sequence: int = 10) -> bool:
    """Return whether a batch overlaps that begins so long after the last one ended."""
    one = batch(
        list(cells or [1]),
        sequence=sequence,
        start_boottime_nanoseconds=BOOTTIME + seconds * SECOND,
    )
    return covering().overlaps(one, BOOT_ID, ME)


def test_a_batch_over_time_that_somebody_measured_already_overlaps() -> None:
    assert starting(-5)
    assert starting(-2)
    assert not starting(-1)  # clocks are read in microseconds
    assert not starting(0)


def test_what_was_not_measured_does_not_overlap() -> None:
    """An agent that went on from an old copy leaves its first interval out."""
    assert not starting(-5, None, None, None, None, 7)
    assert starting(-5, None, 7, None, None, 7)
    assert not starting(-5, None, None)


def test_a_repetition_another_boot_and_what_oneself_said_do_not_overlap() -> None:
    again = batch([1], sequence=9, start_boottime_nanoseconds=BOOTTIME - 5 * SECOND)
    other = batch([1], sequence=10, start_boottime_nanoseconds=BOOTTIME - 5 * SECOND)
    assert covering().overlaps(other, BOOT_ID, ME)
    assert not covering().overlaps(again, BOOT_ID, ME)
    assert not covering().overlaps(other, "another", ME)
    assert not covering().overlaps(other, BOOT_ID, SOMEBODY)
    assert not Past().overlaps(other, BOOT_ID, ME)


def test_a_session_that_goes_on_after_a_later_one_began_is_two_hosts() -> None:
    sessions = Sessions()
    assert not sessions.goes_on("a", 100)
    assert not sessions.goes_on("a", 110)
    assert not sessions.goes_on("b", 105)  # the spool was lost: a new one begins
    assert not sessions.goes_on("b", 115)
    assert not sessions.goes_on("a", 104)  # measured before that: it was on its way
    assert sessions.goes_on("b", 125)
    assert sessions.goes_on("a", 120)


def test_a_restart_of_the_collector_makes_no_clone() -> None:
    sessions = Sessions()
    sessions.of("a")
    assert not sessions.goes_on("a", 100)
    assert not any(sessions.goes_on("a", at) for at in range(100, 200, 10))


def test_only_the_newest_sessions_are_remembered() -> None:
    sessions = Sessions()
    for number in range(SESSIONS_REMEMBERED + 3):
        sessions.of(str(number))
        assert sessions.of("0") is sessions.of("0")
    assert [str(n) in sessions for n in range(5)] == [True, False, False, False, True]


def test_an_agent_is_taken_for_cloned_for_an_hour() -> None:
    sessions = Sessions()
    assert not sessions.is_cloned(NOW)
    sessions.cloned_unix_nanoseconds = NOW
    assert sessions.is_cloned(NOW + CLONED_NANOSECONDS - 1)
    assert not sessions.is_cloned(NOW + CLONED_NANOSECONDS)


# ── clocks that are set while a stream is open ───────────────────────────────────────────


def stamped(at_boottime: int, wall_minus_boottime: int) -> AgentStatus:
    return AgentStatus(
        sent_wall_unix_nanoseconds=at_boottime + wall_minus_boottime,
        sent_boottime_nanoseconds=at_boottime,
    )


def test_a_clock_that_is_set_while_the_stream_is_open_is_seen() -> None:
    """By ten minutes: more than is tolerated, less than what a batch by itself would show."""
    clock = AgentClock.of(hello(), NOW)
    wrong = NOW + 600 * SECOND
    said = batch(start_unix_nanoseconds=wrong + 9 * SECOND,
                 start_boottime_nanoseconds=BOOTTIME + 9 * SECOND)  # fmt: skip
    assert clock.start_unix_nanoseconds(said, table()) == wrong + 9 * SECOND
    status = stamped(BOOTTIME + 10 * SECOND, wrong - BOOTTIME)
    clock = clock.refreshed(status, NOW + 10 * SECOND)
    assert clock.offset_nanoseconds == 600 * SECOND
    assert clock.start_unix_nanoseconds(said, table()) == NOW + 9 * SECOND


def test_a_late_message_does_not_move_a_clock() -> None:
    """It is read when its agent's turn comes, perhaps a minute after it was sent."""
    chance = random.Random(3)
    clock = AgentClock.of(hello(), NOW)
    for second in range(1, 200):
        delay = chance.choice([0, 0, 1, 60]) * SECOND if second % 8 else 0
        at = BOOTTIME + second * SECOND
        clock = clock.refreshed(stamped(at, NOW - BOOTTIME), NOW + second * SECOND + delay)
        assert clock.unix_minus_boottime_nanoseconds == NOW - BOOTTIME
        assert clock.offset_nanoseconds == 0


def test_a_collector_whose_own_clock_is_set_follows_in_a_while() -> None:
    clock = AgentClock.of(hello(), NOW)
    for second in range(1, 20):
        at = BOOTTIME + second * SECOND
        now = NOW + (second + 3_600) * SECOND
        clock = clock.refreshed(stamped(at, NOW - BOOTTIME), now)
    assert clock.unix_minus_boottime_nanoseconds == NOW + 3_600 * SECOND - BOOTTIME
    assert clock.offset_nanoseconds == -3_600 * SECOND


def test_an_agent_that_does_not_say_when_it_sent_is_taken_as_at_its_hello() -> None:
    clock = AgentClock.of(hello(), NOW)
    assert clock.refreshed(AgentStatus(), NOW + 5 * SECOND) is clock
