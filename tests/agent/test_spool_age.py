"""How old a batch is, by clocks that may have been wrong; when it is forced to the medium."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spooling import (
    EPOCH,
    PACKAGE,
    SECOND,
    TABLE,
    HastyMedium,
    append,
    batch,
    fill,
    open_spool,
    segments,
    sequences,
    told,
)
from wattgram_agent.meter import Register
from wattgram_agent.spool.queue import Spool

DAY = 86_400 * SECOND
WEEK = 7 * DAY


def put(spool: Spool, unix: int, boottime: int, boot_id: str = "boot") -> None:
    """Append a batch of one second that ends at `unix` and `boottime`, of a boot."""
    number = 1 + sum(map(ord, boot_id))
    of = replace(TABLE, boot_id=boot_id, number=number)
    one = replace(
        batch(spool.next_sequence, of),
        start_unix_nanoseconds=unix - SECOND,
        start_boottime_nanoseconds=boottime - SECOND,
    )
    spool.append(one, of, {PACKAGE: Register(1, boottime)})


def left(spool: Spool, now_unix: int, now_boottime: int) -> list[int]:
    spool.drop_older_than(now_unix - WEEK, now_boottime - WEEK)
    return sequences(spool)


def test_this_boot_is_aged_by_the_clock_that_nobody_sets(tmp_path: Path) -> None:
    """Whatever the wall clock says, and also what an earlier run measured."""
    spool = open_spool(tmp_path)
    put(spool, 60 * SECOND, DAY)  # before the clock was set
    put(spool, EPOCH - 30 * DAY, 2 * DAY)
    put(spool, EPOCH + 30 * DAY, 3 * DAY)
    spool.close()
    again = open_spool(tmp_path)
    put(again, EPOCH, 4 * DAY)

    assert left(again, EPOCH, 4 * DAY) == [1, 2, 3, 4]
    assert left(again, EPOCH, 9 * DAY + 1) == [3, 4]
    assert left(again, EPOCH, 10 * DAY + 1) == [4]


def test_an_earlier_boot_is_aged_by_its_wall_clock(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    put(spool, EPOCH - 9 * DAY, DAY, "earlier")
    put(spool, EPOCH - 6 * DAY, DAY, "earlier")
    put(spool, EPOCH, SECOND)

    assert left(spool, EPOCH, SECOND) == [2, 3]


@pytest.mark.parametrize("wrong", [60 * SECOND, EPOCH - 800 * DAY, EPOCH + 800 * DAY])
def test_an_earlier_boot_whose_clock_was_wrong_is_as_old_as_what_came_after(
    tmp_path: Path, wrong: int
) -> None:
    spool = open_spool(tmp_path)
    put(spool, wrong, DAY, "earlier")
    put(spool, EPOCH - 6 * DAY, DAY, "between")
    put(spool, EPOCH, SECOND)

    assert left(spool, EPOCH, SECOND) == [1, 2, 3]
    assert left(spool, EPOCH + 2 * DAY, 2 * DAY) == [3]


def test_a_clock_that_is_wrong_now_drops_nothing_of_an_earlier_boot(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    put(spool, EPOCH, DAY, "earlier")
    put(spool, 60 * SECOND, SECOND)
    assert left(spool, 60 * SECOND, SECOND) == [1, 2]
    put(spool, EPOCH + 5_000 * DAY, 2 * SECOND)
    assert left(spool, EPOCH + 5_000 * DAY, 2 * SECOND) == [1, 2, 3]


def test_what_seems_older_than_one_before_it_is_not(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    put(spool, EPOCH - 6 * DAY, DAY, "earlier")
    put(spool, EPOCH - 9 * DAY, DAY, "between")
    put(spool, EPOCH, SECOND)

    assert left(spool, EPOCH, SECOND) == [1, 2, 3]


def test_a_batch_of_which_no_clock_is_believed_is_told_once(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    put(spool, 60 * SECOND, DAY, "earlier")
    for days in (9, 8):
        put(spool, EPOCH - days * DAY, DAY, "between")
    put(spool, EPOCH, SECOND)
    assert left(spool, EPOCH, SECOND) == [4]
    put(spool, EPOCH + SECOND, 2 * SECOND)

    assert [gap.count for gap in told(spool)] == [3]


class Counting(HastyMedium):
    """Counts how often it was asked to force."""

    def __init__(self) -> None:
        self.forced = self.directories = 0

    def force_directory(self, path: Path) -> None:
        self.directories += 1

    def force(self, descriptor: int) -> None:
        self.forced += 1


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("sync", "expected", "names"), [("always", 20, 1), ("interval", 3, 1), ("never", 0, 0)]
)
def test_a_batch_is_forced_always_once_a_minute_or_never(
    tmp_path: Path, sync: str, expected: int, names: int
) -> None:
    medium, clock = Counting(), Clock()
    spool = open_spool(tmp_path, sync=sync, medium=medium, clock=clock)
    for _ in range(20):
        clock.now += 10
        append(spool)

    assert (medium.forced, medium.directories) == (expected, names)


def test_what_was_not_forced_yet_is_when_a_segment_is_full_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattgram_agent.spool.segments.SEGMENT_BYTES", 1_000)
    medium = Counting()
    spool = open_spool(tmp_path, sync="interval", medium=medium, clock=Clock())
    fill(spool, 20)
    assert medium.forced == len(segments(tmp_path)) - 1 > 1
    spool.close()

    assert medium.forced == len(segments(tmp_path))
