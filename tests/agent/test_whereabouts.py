"""Hosts that move: whose time is whose, to the microjoule, whatever happens in between."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fakes import spooled
from sampling import PACKAGE_RANGE, Host
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.config import AgentConfig
from wattgram_agent.whereabouts import (
    GRAIN_NANOSECONDS,
    Said,
    ZoneFile,
    in_words,
    placed,
    zone_now,
    zone_of,
)

MILLISECOND = NANOSECONDS_PER_SECOND // 1_000
WATTS = (7, 3)  # microjoules per microsecond: every division is exact
HOURS = 3_600 * NANOSECONDS_PER_SECOND


class Laptop(Host):
    """A host that draws constant power, and a file that says where it is."""

    def __init__(self, directory: Path, *, zone: str = "DE", start: int = 0) -> None:
        self.file = directory / "zone"
        config = AgentConfig(state_directory=directory, grid_zone=zone, grid_zone_file=self.file)
        self.truth_by_zone: dict[str, int] = {}
        self.here = zone
        self.is_measured = False
        super().__init__(directory / "spool", start=start, config=config)

    def passes(self, milliseconds: int) -> None:
        """Let time pass and energy be used, unseen."""
        self.clock.boottime += milliseconds * MILLISECOND
        self.clock.monotonic += milliseconds * MILLISECOND
        self.clock.unix += milliseconds * MILLISECOND
        for meter, watts in zip(self.meters, WATTS, strict=True):
            used = watts * milliseconds * 1_000
            meter.truth += used
            if self.is_measured:
                self.truth_by_zone[self.here] = self.truth_by_zone.get(self.here, 0) + used

    def moves(self, zone: str) -> None:
        self.file.write_text(zone + "\n")
        os.utime(self.file, ns=(self.clock.unix, self.clock.unix))
        self.here = zone

    def beats(self, milliseconds: int = 1_000) -> None:
        self.passes(milliseconds)
        self.sampler.beat()
        self.is_measured = True

    def booked_by_zone(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for table, batch in spooled(self.spool):
            energy = sum(quantity for _, quantity, _, _ in batch.spans())
            if energy:
                found[table.grid_zone] = found.get(table.grid_zone, 0) + energy
        return found

    def spans(self) -> list[tuple[str, int, int]]:
        """Return zone, start and end of every batch, in milliseconds since the first."""
        every = [(table.grid_zone, batch) for table, batch in spooled(self.spool)]
        zero = every[0][1].start_boottime_nanoseconds
        return [
            (zone, (batch.start_boottime_nanoseconds - zero) // MILLISECOND,
             (batch.start_boottime_nanoseconds + batch.duration_nanoseconds - zero) // MILLISECOND)
            for zone, batch in every
        ]  # fmt: skip


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    return Laptop(tmp_path)


# ── when and how much ────────────────────────────────────────────────────────────────────


def test_an_interval_is_divided_where_the_host_moved(laptop: Laptop) -> None:
    laptop.beats()
    laptop.beats()
    laptop.passes(300)
    laptop.moves("FR")
    laptop.beats(700)
    laptop.sampler.close_batch()

    assert laptop.booked_by_zone() == {"DE": 13_000_000, "FR": 7_000_000}
    assert laptop.spans() == [("DE", 0, 1000), ("DE", 1000, 1300), ("FR", 1300, 2000)]
    assert [table.number for table, _ in spooled(laptop.spool)] == [1, 2, 3]


lives = st.lists(
    st.tuples(
        st.integers(1, 1_500),
        st.none() | st.tuples(st.floats(0, 1), st.sampled_from(["DE", "FR", "ES"])),
        st.sampled_from(["", "", "close", "event"]),
    ),
    max_size=12,
)


def drive(laptop: Laptop, steps: list[tuple[int, tuple[float, str] | None, str]],
          event: Callable[[int], None]) -> None:  # fmt: skip
    laptop.beats()
    laptop.beats()
    laptop.sampler.close_batch()
    for number, (milliseconds, move, then) in enumerate(steps):
        if then == "event":
            event(number)
        if move is None:
            laptop.beats(milliseconds)
        else:
            before = int(milliseconds * move[0])
            laptop.passes(before)
            laptop.moves(move[1])
            laptop.beats(milliseconds - before or 1)
        if then == "close":
            laptop.sampler.close_batch()
    for meter in laptop.meters:
        meter.fails = False
    laptop.beats()
    laptop.sampler.close_batch()


def check(laptop: Laptop) -> None:
    assert laptop.booked_by_zone() == laptop.truth_by_zone
    assert sum(laptop.booked().values()) == sum(laptop.truth_by_zone.values())
    laptop.spool.close()


@settings(max_examples=30)
@given(lives, st.integers(0, PACKAGE_RANGE - 1))
@example([(1_000, (0.5, "FR"), "")] * 2, PACKAGE_RANGE - 15_000_000)
def test_wherever_it_moves_and_is_killed_every_joule_is_in_its_zone(
    steps: list[tuple[int, tuple[float, str] | None, str]], start: int
) -> None:
    """It moves while it runs and while it does not; its registers wrap."""
    with tempfile.TemporaryDirectory() as directory:
        laptop = Laptop(Path(directory), start=start)

        def kill(_: int) -> None:
            laptop.passes(1)
            laptop.restart()

        drive(laptop, steps, kill)
        check(laptop)


@settings(max_examples=30)
@given(lives, st.integers(0, PACKAGE_RANGE - 1))
def test_a_meter_that_was_silent_tells_later_what_was_used_in_each_zone(
    steps: list[tuple[int, tuple[float, str] | None, str]], start: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        laptop = Laptop(Path(directory), start=start)

        def toggle(number: int) -> None:
            meter = laptop.meters[number % 2]
            meter.fails = not meter.fails

        drive(laptop, steps, toggle)
        check(laptop)


@pytest.mark.parametrize("appended", range(4))
def test_a_kill_between_the_batches_of_a_move_loses_and_doubles_nothing(
    laptop: Laptop, appended: int
) -> None:
    """The registers of the last batch are those of the instant at which it ends."""
    for meter in laptop.meters:
        meter.start = PACKAGE_RANGE - 8_000_000  # they wrap on the way
    laptop.restart()
    laptop.beats()
    laptop.beats()
    real, left = laptop.spool.append, [appended]

    class KilledError(BaseException):
        pass

    def append(*arguments: object) -> None:
        if not left[0]:
            raise KilledError
        left[0] -= 1
        real(*arguments)  # type: ignore[arg-type]

    laptop.spool.append = append  # type: ignore[method-assign, assignment]
    laptop.passes(400)
    laptop.moves("FR")
    if appended < 3:
        with pytest.raises(KilledError):
            laptop.beats(600)
    else:
        laptop.beats(600)
    laptop.passes(500)
    laptop.restart()
    laptop.beats(500)
    laptop.sampler.close_batch()

    if appended:
        assert laptop.booked_by_zone() == {"DE": 14_000_000, "FR": 16_000_000}
    else:  # nothing was ever kept: the first beat of all was only in memory
        assert laptop.booked_by_zone() == {}


def test_a_move_while_the_agent_was_away_counts_from_the_time_of_the_file(
    laptop: Laptop,
) -> None:
    laptop.beats()
    laptop.beats()
    laptop.sampler.close_batch()
    laptop.passes(8_000)
    laptop.moves("FR")
    laptop.passes(1_000)
    laptop.restart()
    laptop.beats()
    laptop.sampler.close_batch()

    assert laptop.booked_by_zone() == {"DE": 90_000_000, "FR": 20_000_000}


def test_a_new_boot_begins_where_the_host_is(laptop: Laptop) -> None:
    laptop.beats()
    laptop.beats()
    laptop.sampler.close_batch()
    laptop.moves("FR")
    laptop.passes(5_000)
    laptop.boot_id = "next"
    laptop.restart()
    laptop.beats()
    laptop.beats()
    laptop.sampler.close_batch()

    assert [table.grid_zone for table, _ in spooled(laptop.spool)] == ["DE", "FR"]


def test_what_is_configured_anew_holds_from_the_first_beat_on(tmp_path: Path) -> None:
    host = Host(tmp_path, config=AgentConfig(state_directory=tmp_path, grid_zone="DE"))
    host.beat()
    host.beat(10, 10)
    host.sampler.close_batch()
    host.config = AgentConfig(state_directory=tmp_path, grid_zone="FR")
    host.clock.advance(0.1)
    host.restart()
    host.beat(100, 100)
    host.beat(1_000, 1_000)
    host.sampler.close_batch()

    assert [
        (table.grid_zone, sum(map(sum, batch.columns))) for table, batch in spooled(host.spool)
    ] == [("DE", 20), ("DE", 200), ("FR", 2_000)]


def test_batches_lie_end_to_end_over_a_move(laptop: Laptop) -> None:
    laptop.beats()
    for zone in ("FR", "DE", "FR"):
        laptop.passes(500)
        laptop.moves(zone)
        laptop.beats(500)
    laptop.sampler.close_batch()
    spans = laptop.spans()

    assert all(before[2] == after[1] for before, after in pairwise(spans))
    assert [zone for zone, *_ in spans] == ["DE", "FR", "FR", "DE", "DE", "FR"]


def test_a_move_just_after_the_registers_were_read_is_of_the_next_interval(
    laptop: Laptop,
) -> None:
    laptop.beats()
    laptop.beats()

    def late() -> None:
        laptop.on_sample = lambda: None
        laptop.passes(10)
        laptop.moves("FR")

    laptop.passes(1_000)
    laptop.on_sample = late
    laptop.sampler.beat()
    assert len(laptop.spool) == 0
    laptop.beats(990)
    laptop.sampler.close_batch()

    assert laptop.booked_by_zone() == {"DE": 20_100_000, "FR": 9_900_000}


START, END = 100 * NANOSECONDS_PER_SECOND, 101 * NANOSECONDS_PER_SECOND


@pytest.mark.parametrize(
    ("since", "at"),
    [
        (START + 5, START + 5),
        (START, START),
        (END, END),
        (START - GRAIN_NANOSECONDS, START),  # a time in steps of the file system
        (START - GRAIN_NANOSECONDS - 1, END),  # written long ago, put in place now
        (START - HOURS, END),
        (END + 1, END),  # a clock that was set since
        (END + HOURS, END),
    ],
)
def test_the_time_of_a_file_is_believed_within_the_interval_only(since: int, at: int) -> None:
    assert placed(since, START, END) == at


# ── the file ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("data", "zone"),
    [
        (b"FR\n", "FR"),
        (b"FR", "FR"),
        (b"  US-CAL-CISO \r\n\n", "US-CAL-CISO"),
        (b"\xef\xbb\xbfDE\r\n", "DE"),  # as Windows writes it
    ],
)
def test_a_zone_is_read_as_it_may_be_written(data: bytes, zone: str) -> None:
    assert zone_of(data) == zone


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"FR\nDE\n", "one zone"),
        (b"grid_zone = FR", "one zone"),
        (b"<html>", "one zone"),
        (b"FR\0", "one zone"),
        (b"X" * 201, "one zone"),
        (b"\xff\xfeF\0R\0", "not text"),
        ("ÅÄÖ".encode(), "one zone"),
    ],
)
def test_a_file_that_holds_no_zone_says_why(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        zone_of(data)


def test_without_a_file_the_host_is_where_it_is_configured_to_be(
    laptop: Laptop, caplog: pytest.LogCaptureFixture
) -> None:
    laptop.beats()
    for _ in range(5):
        laptop.beats()
    laptop.sampler.close_batch()

    assert laptop.booked_by_zone() == {"DE": 50_000_000}
    assert len(spooled(laptop.spool)) == 1
    assert caplog.text.count("grid_zone_file") == 0  # said when it was looked at first


@pytest.mark.parametrize("spoil", [
    lambda file: file.unlink(),
    lambda file: file.write_text(""),
    lambda file: file.write_text("no zone at all\n"),
    lambda file: file.write_bytes(b"\0" * 10_000),
    lambda file: (file.unlink(), file.mkdir()),
    lambda file: (file.unlink(), os.mkfifo(file)),
])  # fmt: skip
def test_a_file_that_says_nothing_leaves_the_configured_zone_and_is_said_once(
    laptop: Laptop, spoil: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    laptop.moves("FR")
    laptop.restart()
    laptop.beats()
    laptop.beats()
    caplog.clear()
    spoil(laptop.file)
    laptop.beats()  # it may be that somebody is about to write
    laptop.beats()
    for _ in range(3):
        laptop.beats()
    laptop.sampler.close_batch()

    said = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert len(said) == 1
    assert str(laptop.file) in said[0]
    assert laptop.booked_by_zone() == {"FR": 30_000_000, "DE": 30_000_000}


def test_a_file_that_is_empty_for_a_moment_moves_nobody(laptop: Laptop) -> None:
    """`echo FR > file` truncates first."""
    laptop.moves("FR")
    laptop.restart()
    laptop.beats()
    laptop.file.write_text("")
    laptop.beats()
    laptop.moves("FR")
    laptop.beats()
    laptop.sampler.close_batch()

    assert laptop.booked_by_zone() == {"FR": 20_000_000}


def test_a_file_that_has_not_changed_is_not_read(tmp_path: Path) -> None:
    """It costs one stat a beat: what is behind it is looked at when its times change."""
    file = tmp_path / "zone"
    file.write_text("FR\n")
    status = os.stat(file)
    zone_file = ZoneFile(file, "DE")
    later = status.st_ctime_ns + 3 * GRAIN_NANOSECONDS
    assert zone_file.look(lambda: later).zone == "FR"
    descriptors = os.listdir("/proc/self/fd")
    before = os.stat(file).st_atime_ns

    assert zone_file.look(lambda: pytest.fail("the clock was read")).zone == "FR"
    assert os.stat(file).st_atime_ns == before
    assert os.listdir("/proc/self/fd") == descriptors


def test_two_writes_within_one_step_of_the_clock_are_both_seen(tmp_path: Path) -> None:
    """Their times may be the same: one that has only just changed is read again."""
    file = tmp_path / "zone"
    file.write_text("FR\n")
    zone_file = ZoneFile(file, "DE")
    now = os.stat(file).st_ctime_ns
    assert zone_file.look(lambda: now).zone == "FR"
    assert zone_file._stamp is None
    with file.open("r+") as same:
        same.write("ES\n")
    assert zone_file.look(lambda: now).zone == "ES"


def test_where_it_is_is_said_in_words(tmp_path: Path) -> None:
    file = tmp_path / "zone"

    def said(configured: str) -> str:
        return in_words(zone_now(file, configured), file)

    assert said("DE") == (
        f"Its grid zone is DE, as configured, for {file}: No such file or directory."
    )
    file.write_text("")
    assert said("") == f"Its grid zone is not set, for {file}: it is empty: the collector decides."
    file.write_text("FR")
    assert said("DE") == f"Its grid zone is FR, as {file} says."
    assert zone_now(None, "DE") == Said("DE")
    assert in_words(Said("DE"), None) == "Its grid zone is DE, as configured."
    assert in_words(Said(""), None) == "Its grid zone is not set: the collector decides."
