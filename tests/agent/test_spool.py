"""Batches on disk until they are acknowledged, over restarts."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
import wattgram_agent.spool.segments
from fakes import spooled
from spooling import (
    EPOCH,
    ETHERNET,
    GPU,
    PACKAGE,
    SECOND,
    TABLE,
    append,
    batch,
    fill,
    open_spool,
    segments,
    sequences,
    table,
    told,
)
from wattgram.readings import Batch, SeriesTable
from wattgram.wire import encode_batch
from wattgram_agent.meter import Register
from wattgram_agent.source import Point
from wattgram_agent.spool.checkpoints import Checkpoint, Stored, join, split
from wattgram_agent.spool.frames import BATCH as BATCH_KIND
from wattgram_agent.spool.frames import STATE as STATE_KIND
from wattgram_agent.spool.frames import TABLE as TABLE_KIND
from wattgram_agent.spool.frames import parse_all
from wattgram_agent.spool.queue import Spool
from wattgram_agent.spool.store import bytes_at_most


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wattgram_agent.spool.segments, "SEGMENT_BYTES", 1_000)


def reopened(spool: Spool, directory: Path) -> Spool:
    spool.close()
    return open_spool(directory)


def test_a_new_spool_is_empty_and_begins_at_one(directory: Path) -> None:
    spool = open_spool(directory)

    assert (len(spool), spool.first_sequence, spool.next_sequence) == (0, 1, 1)
    assert (spool.checkpoint(), spool.last_table_number) == (None, 0)
    assert (spool.after(0), spool.corrupt_records) == ([], 0)


def test_batches_come_out_as_they_went_in_oldest_first(directory: Path) -> None:
    spool = open_spool(directory)
    fill(spool, 3)

    assert spooled(spool) == [(TABLE, batch(n)) for n in (1, 2, 3)]
    assert [entry.sequence for entry in spool.after(1)] == [2, 3]
    assert (len(spool), spool.first_sequence, spool.next_sequence) == (3, 1, 4)
    assert spooled(reopened(spool, directory)) == [(TABLE, batch(n)) for n in (1, 2, 3)]


@given(sent=strategies.tables_and_batches(), data=st.data())
def test_any_batch_comes_out_after_a_restart(
    tmp_path_factory: pytest.TempPathFactory,
    sent: tuple[SeriesTable, Batch],
    data: st.DataObject,
) -> None:
    of, given_batch = sent
    directory = tmp_path_factory.mktemp("spool")
    spool = open_spool(directory)
    start = data.draw(st.integers(0, 1 << 61))
    whole = Batch(
        sequence=1,
        series_number=of.number,
        start_unix_nanoseconds=start,
        start_boottime_nanoseconds=start,
        interval_microseconds=tuple(n % 10**9 + 1 for n in given_batch.interval_microseconds),
        columns=given_batch.columns,
        gaps=given_batch.gaps,
    )
    spool.append(whole, of, {})

    assert spooled(reopened(spool, directory)) == [(of, whole)]


def test_what_is_acknowledged_is_forgotten_and_no_more(directory: Path) -> None:
    spool = open_spool(directory)
    fill(spool, 4)
    spool.forget(2)
    assert (sequences(spool), spool.first_sequence) == ([3, 4], 3)
    spool.forget(1)
    assert sequences(spool) == [3, 4]
    spool.forget(99)
    assert (sequences(spool), spool.first_sequence, spool.next_sequence) == ([], 5, 5)


def test_every_batch_says_what_was_delivered_before_it_was_written(directory: Path) -> None:
    spool = open_spool(directory)
    fill(spool, 4)
    spool.forget(2)
    append(spool)

    assert sequences(reopened(spool, directory)) == [3, 4, 5]


def test_sequence_session_and_registers_run_on_over_a_restart(directory: Path) -> None:
    first = open_spool(directory)
    fill(first, 2)
    second = reopened(first, directory)

    assert (second.session, second.next_sequence) == (first.session, 3)
    assert second.checkpoint() == Checkpoint("boot", {PACKAGE: Register(2, 2 * SECOND)})
    append(second)
    third = reopened(second, directory)
    assert (third.session, sequences(third)) == (first.session, [1, 2, 3])


@pytest.mark.usefixtures("small_segments")
def test_the_last_record_outlives_the_acknowledgement_of_all(directory: Path) -> None:
    """It carries the sequence: numbers that were used before must not be used again."""
    spool = open_spool(directory)
    fill(spool, 60)
    assert len(segments(directory)) > 3
    spool.forget(60)

    assert len(segments(directory)) == 1
    again = reopened(spool, directory)
    assert (again.session, again.next_sequence) == (spool.session, 61)
    assert again.checkpoint() == Checkpoint("boot", {PACKAGE: Register(60, 60 * SECOND)})
    assert again.last_table_number == 1
    append(again)
    assert sequences(again)[-1] == 61


def test_a_checkpoint_holds_every_register_that_there_is_and_its_kind(directory: Path) -> None:
    of = table(4, PACKAGE, GPU, ETHERNET)
    spool = open_spool(directory)
    registers = {
        PACKAGE: Register(262_143_328_849, 5),
        GPU: Register(70_000_000, 7, is_power=True),
    }
    spool.append(batch(1, of), of, registers)

    assert spool.checkpoint() == Checkpoint("boot", registers)
    assert reopened(spool, directory).checkpoint() == Checkpoint("boot", registers)


def test_what_older_agents_wrote_beside_a_batch_is_read() -> None:
    for registers in (b"", bytes(17), bytes(34)):
        assert split(registers) == Stored(registers)
        assert split(join(Stored(registers, 7, 9))) == Stored(registers, 7, 9)


def test_a_lost_spool_is_a_new_session(directory: Path) -> None:
    spool = open_spool(directory)
    append(spool)
    for path in segments(directory):
        path.unlink()

    assert reopened(spool, directory).session != spool.session


@pytest.mark.usefixtures("small_segments")
def test_batches_refer_to_the_table_that_they_were_measured_by(directory: Path) -> None:
    """Also when the segment that first held the table is gone."""
    second = table(2, PACKAGE, GPU)
    spool = open_spool(directory)
    fill(spool, 5)
    fill(spool, 40, second)
    expected = [(TABLE, batch(n)) for n in range(1, 6)]
    expected += [(second, batch(n, second)) for n in range(6, 46)]
    assert spooled(spool) == expected
    again = reopened(spool, directory)
    assert (spooled(again), again.last_table_number) == (expected, 2)

    again.forget(30)
    assert spooled(again) == expected[30:]
    # The segment that is half acknowledged is delivered again, which the collector notices.
    last = reopened(again, directory)
    assert spooled(last) == expected[last.first_sequence - 1 :]
    assert 6 < last.first_sequence <= 31


def test_every_segment_can_be_read_alone(directory: Path) -> None:
    """It begins with the state and the table, twice; batches after that cost themselves only."""
    spool = open_spool(directory)
    append(spool)
    first = segments(directory)[0].stat().st_size
    append(spool)
    second = segments(directory)[0].stat().st_size - first
    append(spool)
    kinds = [r.kind for _, _, r in parse_all(segments(directory)[0].read_bytes()) if r]

    assert kinds == [STATE_KIND, TABLE_KIND, TABLE_KIND, BATCH_KIND, BATCH_KIND, BATCH_KIND]
    assert segments(directory)[0].stat().st_size - first == 2 * second


def test_a_table_comes_again_where_one_bad_block_does_not_reach(directory: Path) -> None:
    spool = open_spool(directory)
    fill(spool, 900)
    found = list(parse_all(segments(directory)[0].read_bytes()))
    tables = [offset for offset, _, record in found if record and record.kind == TABLE_KIND]

    assert tables[1] < 4_096 <= tables[2] < 4_096 + 1_000
    assert [b - a >= 64 * 1024 for a, b in pairwise(tables[2:])] == [True] * (len(tables) - 3)
    assert len(tables) > 3


@pytest.mark.usefixtures("small_segments")
def test_beyond_its_bytes_a_spool_drops_the_oldest_and_tells_all_that_went(
    directory: Path,
) -> None:
    """Also what batches had told that went themselves."""
    spool = open_spool(directory, max_bytes=7_000)
    for _ in range(200):
        append(spool)
        assert sum(path.stat().st_size for path in segments(directory)) <= 7_000
    kept = sequences(spool)

    assert kept == list(range(201 - len(kept), 201))
    assert len(kept) > 5
    assert spool._store.losses.gone == set()
    gaps = told(spool)
    assert {gap.reason for gap in gaps} == {"spool_full"}
    assert sum(gap.count for gap in gaps) == 200 - len(kept)
    assert sum(gap.duration_nanoseconds for gap in gaps) == (200 - len(kept)) * SECOND
    assert sequences(reopened(spool, directory)) == kept


@pytest.mark.usefixtures("small_segments")
def test_a_spool_that_is_opened_with_less_room_drops_to_it_and_tells(directory: Path) -> None:
    spool = open_spool(directory)
    fill(spool, 100)
    spool.close()
    again = open_spool(directory, max_bytes=4_000)
    append(again)
    kept = sequences(again)

    assert sum(path.stat().st_size for path in segments(directory)) <= 4_000
    assert sum(gap.count for gap in told(again)) == 101 - len(kept) > 50


@pytest.mark.usefixtures("small_segments")
def test_tables_that_change_with_every_batch_are_within_the_bytes_too(directory: Path) -> None:
    spool = open_spool(directory, max_bytes=20_000)
    for number in range(1, 60):
        append(spool, table(number, *(Point("hwmon", "rail", f"{n:050}") for n in range(20))))
        assert sum(path.stat().st_size for path in segments(directory)) <= 20_000


def test_a_table_is_held_as_long_as_a_batch_refers_to_it(directory: Path) -> None:
    spool = open_spool(directory)
    fill(spool, 2)
    fill(spool, 2, table(2, GPU))
    assert (spool.last_table_number, len(spool._store.waiting.tables)) == (2, 2)
    spool.forget(2)
    assert (spool.table(1), spool.table(2)) == (None, table(2, GPU))
    append(spool)
    spool.forget(5)

    assert (spool.last_table_number, spool._store.waiting.tables) == (2, {})


def test_a_batch_that_was_dropped_meanwhile_is_not_lost_twice(directory: Path) -> None:
    spool = open_spool(directory)
    fill(spool, 3)
    first = spool.after(0)[0]
    spool.drop_older_than(EPOCH + 3 * SECOND)
    spool.discard(first)
    append(spool)

    assert spool.corrupt_records == 0
    assert [(gap.reason, gap.count) for gap in told(spool)] == [("spool_full", 1)]


@pytest.mark.usefixtures("small_segments")
def test_no_segment_is_removed_before_it_is_told_what_was_dropped_of_it(directory: Path) -> None:
    spool = open_spool(directory)
    fill(spool, 40)
    spool.drop_older_than(EPOCH + 21 * SECOND)
    spool.forget(25)
    assert sequences(open_spool(directory))[0] == 1
    append(spool)

    assert sequences(open_spool(directory))[0] == 26


def test_what_a_kept_batch_was_to_tell_is_told_again_when_it_is_lost(directory: Path) -> None:
    spool = open_spool(directory)
    fill(spool, 2)
    spool.set_aside(1, "future")
    append(spool)
    spool.forget(3, keep={3})
    spool.drop_older_than(EPOCH + 9 * SECOND)
    append(spool)

    assert {gap.reason: gap.count for gap in told(spool)} == {"dead_letter": 1, "spool_full": 1}


def test_why_batches_are_dropped_is_said_once_until_all_are_delivered(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = open_spool(directory)
    for expected in (1, 1, 2):
        fill(spool, 2)
        spool.drop_older_than(EPOCH + spool.next_sequence * SECOND)
        assert sum("spool_dropped" in record.message for record in caplog.records) == expected
        if expected == 1 and spool.next_sequence == 5:
            spool.forget(4)


def test_what_lies_beside_the_newest_batch_makes_no_room(directory: Path) -> None:
    spool = open_spool(directory, max_bytes=300)
    fill(spool, 5)

    assert sequences(spool) == [1, 2, 3, 4, 5]


def test_batches_older_than_wanted_are_dropped_and_told(directory: Path) -> None:
    spool = open_spool(directory)
    fill(spool, 4)
    spool.drop_older_than(EPOCH + 3 * SECOND)
    assert sequences(spool) == [2, 3, 4]
    spool.drop_older_than(EPOCH + 4 * SECOND + 1)
    assert sequences(spool) == [4]
    spool.drop_older_than(EPOCH)
    append(spool)

    assert sequences(spool) == [4, 5]
    assert [(gap.count, gap.duration_nanoseconds) for gap in told(spool)] == [(3, 3 * SECOND)]


def test_what_is_dropped_is_on_disk_until_it_is_told(directory: Path) -> None:
    """Killed in between, it is found again: never gone without a word."""
    spool = open_spool(directory)
    fill(spool, 3)
    spool.drop_older_than(EPOCH + 3 * SECOND)
    spool.forget(1)

    assert sequences(open_spool(directory)) == [1, 2, 3]
    append(spool)
    assert sequences(open_spool(directory)) == [2, 3, 4]


@given(strategies.tables_and_batches())
def test_no_batch_is_larger_than_the_room_that_is_made_for_it(
    sent: tuple[SeriesTable, Batch],
) -> None:
    assert len(encode_batch(sent[1])) <= bytes_at_most(sent[1])
