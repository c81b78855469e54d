"""Batches on disk until they are acknowledged, over restarts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
import wattgram_agent.spool
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
)
from wattgram.readings import Batch, SeriesTable
from wattgram_agent.meter import Register
from wattgram_agent.spool import Checkpoint, Dropped, Spool


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wattgram_agent.spool, "SEGMENT_BYTES", 1_000)


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


def test_a_lost_spool_is_a_new_session(directory: Path) -> None:
    spool = open_spool(directory)
    append(spool)
    for path in segments(directory):
        path.unlink()

    assert reopened(spool, directory).session != spool.session


@pytest.mark.parametrize("text", [None, ""])
def test_a_session_that_was_lost_is_a_new_one(directory: Path, text: str | None) -> None:
    spool = open_spool(directory)
    append(spool)
    (directory / "session").unlink()
    if text is not None:
        (directory / "session").write_text(text)
    again = reopened(spool, directory)

    assert again.session not in {"", spool.session}
    assert again.next_sequence == 2
    assert reopened(again, directory).session == again.session


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


def test_a_table_is_written_once_per_segment(directory: Path) -> None:
    spool = open_spool(directory)
    append(spool)
    first = segments(directory)[0].stat().st_size
    append(spool)
    second = segments(directory)[0].stat().st_size - first
    append(spool)

    assert segments(directory)[0].stat().st_size - first == 2 * second
    assert second < first


@pytest.mark.usefixtures("small_segments")
def test_beyond_its_bytes_a_spool_drops_the_oldest_and_says_how_much(directory: Path) -> None:
    spool = open_spool(directory, max_bytes=5_000)
    dropped = [drop for drop in fill(spool, 200) if drop.batches]
    kept = sequences(spool)

    assert kept == list(range(201 - len(kept), 201))
    assert sum(path.stat().st_size for path in segments(directory)) <= 5_000
    assert sum(drop.batches for drop in dropped) == 200 - len(kept) > 100
    assert all(drop.duration_nanoseconds == drop.batches * SECOND for drop in dropped)
    assert sequences(reopened(spool, directory)) == kept


def test_batches_older_than_wanted_are_dropped(directory: Path) -> None:
    spool = open_spool(directory)
    fill(spool, 4)

    assert spool.drop_older_than(EPOCH + 3 * SECOND) == Dropped(1, SECOND)
    assert spool.drop_older_than(EPOCH + 4 * SECOND + 1) == Dropped(2, 2 * SECOND)
    assert spool.drop_older_than(EPOCH) == Dropped()
    assert sequences(spool) == [4]
