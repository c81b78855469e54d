"""Dead letters: bounded, listable, and in nobody's way."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import wattgram_agent.spool.segments
from spool_lives import FailingMedium
from spooling import SECOND, TABLE, append, batch, fill, open_spool, sequences, told
from wattgram_agent.spool.frames import LETTER, Record, frame
from wattgram_agent.spool.letters import DeadLetters, _letters, purge_letters, read_letters


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def letters(directory: Path, clock: Clock | None = None, **options: object) -> DeadLetters:
    defaults = {"max_bytes": 1 << 20, "max_age_seconds": 1_000, "clock": clock or Clock()}
    return DeadLetters(directory, **(defaults | options))


def add(kept: DeadLetters, *numbers: int) -> None:
    for number in numbers:
        kept.add(batch(number), TABLE, "session", f"reason {number}", 5 * number)


def numbers(directory: Path) -> list[int]:
    return [letter.sequence for letter in read_letters(directory)]


def test_nothing_is_on_disk_before_the_first(tmp_path: Path) -> None:
    kept = letters(tmp_path / "dead")
    kept.drop_old()
    kept.close()

    assert not (tmp_path / "dead").exists()
    assert read_letters(tmp_path / "dead") == []
    assert purge_letters(tmp_path / "dead") == 0


def test_a_letter_says_what_whose_why_and_when(tmp_path: Path) -> None:
    add(letters(tmp_path), 3)
    (letter,) = read_letters(tmp_path)

    assert (letter.session, letter.sequence, letter.reason) == ("session", 3, "reason 3")
    assert (letter.set_aside_unix_seconds, letter.energy_microjoules) == (1_000, 15)
    assert letter.end_unix_nanoseconds - letter.start_unix_nanoseconds == SECOND


def test_letters_go_on_over_restarts_and_are_bounded_by_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wattgram_agent.spool.segments, "SEGMENT_BYTES", 1_000)
    for number in range(1, 100):
        kept = letters(tmp_path, max_bytes=5_000)
        add(kept, number)
        kept.close()
    found = numbers(tmp_path)

    assert found == list(range(100 - len(found), 100))
    assert len(found) > 5
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 5_000


def test_letters_are_bounded_by_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wattgram_agent.spool.segments, "SEGMENT_BYTES", 1)
    clock = Clock()
    kept = letters(tmp_path, clock)
    for number in (1, 2, 3):
        add(kept, number)
        clock.now += 400
    kept.drop_old()
    assert numbers(tmp_path) == [2, 3]
    clock.now += 10_000
    kept.close()
    letters(tmp_path, clock)

    assert numbers(tmp_path) == [3]  # the newest goes with the next one
    add(letters(tmp_path, clock), 4)
    assert numbers(tmp_path) == [4]


def test_letters_grow_old_while_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wattgram_agent.spool.segments, "SEGMENT_BYTES", 1)
    clock = Clock()
    spool = open_spool(tmp_path, letters=letters(tmp_path / "dead", clock))
    fill(spool, 3)
    spool.set_aside(1, "future")
    spool.set_aside(2, "future")
    clock.now += 10_000
    spool.drop_older_than(0)

    assert numbers(tmp_path / "dead") == [2]


def test_purging_is_possible_beside_a_running_agent(tmp_path: Path) -> None:
    kept = letters(tmp_path)
    add(kept, 1, 2)
    assert purge_letters(tmp_path) == 2
    add(kept, 3)

    assert numbers(tmp_path) == [3]


def test_a_medium_that_takes_no_letter_does_not_stop_the_delivery(tmp_path: Path) -> None:
    broken = letters(tmp_path / "dead", medium=FailingMedium(lambda _: True, errno.ENOSPC))
    spool = open_spool(tmp_path, letters=broken)
    fill(spool, 3)

    assert spool.set_aside(2, "future") == 0
    append(spool)
    assert sequences(spool) == [1, 3, 4]
    assert [(gap.reason, gap.count) for gap in told(spool)] == [("dead_letter", 1)]
    assert spool.set_aside(99, "future") is None


def test_a_dead_letter_is_told_also_when_the_agent_is_killed_before_the_next_batch(
    tmp_path: Path,
) -> None:
    spool = open_spool(tmp_path)
    fill(spool, 3)
    spool.set_aside(2, "future")
    spool.forget(3)
    again = open_spool(tmp_path)
    again.continue_after(3)
    append(again)

    assert [(gap.reason, gap.duration_nanoseconds) for gap in told(again)] == [
        ("dead_letter", SECOND)
    ]


INFINITE = b'{"session":"","reason":"","energy_microjoules":1,"set_aside_unix_seconds":1e999}'


@given(st.binary(max_size=80), st.binary(max_size=80))
@example(INFINITE, bytes(4))
def test_whatever_a_letter_holds_reading_does_not_fail(why: bytes, message: bytes) -> None:
    assert list(_letters(frame(Record(LETTER, 1, 0, 0, 0, message, why)))) == []


def test_a_letter_is_not_a_batch_again_after_a_restart(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    fill(spool, 4)
    spool.set_aside(2, "future")
    assert sequences(open_spool(tmp_path)) == [1, 3, 4]
    spool.forget(3)
    append(spool)

    assert sequences(open_spool(tmp_path)) == [4, 5]
