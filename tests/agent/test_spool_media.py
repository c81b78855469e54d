"""A medium that fails: what it costs, and what not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import wattgram_agent.spool.segments
import wattgram_agent.spool.store
from fakes import spooled
from spooling import (
    EPOCH,
    SECOND,
    TABLE,
    append,
    batch,
    fill,
    full_medium,
    no_directory,
    open_spool,
    segments,
    sequences,
    told,
)
from wattgram.wire import encode_batch
from wattgram_agent.spool.queue import Spool


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(directory: Path) -> Iterator[Spool]:
    spool = open_spool(directory)
    yield spool
    spool.close()


def fail_to_append(spool: Spool, count: int = 1, **options: int) -> None:
    for _ in range(count):
        with pytest.raises(OSError, match=r"."):
            append(spool, **options)


def test_what_no_disk_takes_is_held_in_memory_in_order(directory: Path, spool: Spool) -> None:
    with no_directory(directory):
        fail_to_append(spool, 3)
        assert spooled(spool) == [(TABLE, batch(n)) for n in (1, 2, 3)]
    append(spool)

    assert spooled(spool) == [(TABLE, batch(n)) for n in (1, 2, 3, 4)]
    assert sequences(open_spool(directory)) == [1, 2, 3, 4]
    spool.forget(3)
    assert sequences(spool) == [4]


def test_a_write_that_fails_half_way_leaves_nothing_torn(directory: Path, spool: Spool) -> None:
    fill(spool, 3)
    size = segments(directory)[0].stat().st_size
    with full_medium(size + 20):
        fail_to_append(spool)
    append(spool)

    assert sequences(spool) == [1, 2, 3, 4, 5]
    again = open_spool(directory)
    assert (sequences(again), again.corrupt_records) == ([1, 2, 3, 4, 5], 0)


def test_a_medium_that_stays_full_does_not_fill_with_empty_files(
    directory: Path, spool: Spool
) -> None:
    fill(spool, 2)
    with full_medium(10):
        fail_to_append(spool, 20)
    assert len(segments(directory)) <= 2
    append(spool)
    spool.forget(23)

    assert len(segments(directory)) == 1
    assert open_spool(directory).next_sequence == 24


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> int:
    size = len(encode_batch(batch(100))) + 17  # a register
    monkeypatch.setattr(wattgram_agent.spool.store, "MEMORY_BYTES_MAX", 10 * size)
    return 10


def test_memory_is_bounded_and_what_went_is_said_when_the_disk_is_back(
    directory: Path, spool: Spool, small_memory: int
) -> None:
    with no_directory(directory):
        fail_to_append(spool, 30)
        kept = sequences(spool)
        assert kept == list(range(31 - len(kept), 31))
        held = sum(len(one.message) + len(one.checkpoint) for one in spool.after(0))
        assert held <= wattgram_agent.spool.store.MEMORY_BYTES_MAX
        assert small_memory // 2 <= len(kept) <= small_memory + 1  # each tells one that went
    gone = 30 - len(kept)
    append(spool)

    assert sum(gap.count for gap in told(spool)) == gone
    assert sum(gap.duration_nanoseconds for gap in told(spool)) == gone * SECOND


@pytest.mark.usefixtures("small_memory")
def test_what_is_safe_on_disk_does_not_make_room_in_memory(directory: Path, spool: Spool) -> None:
    fill(spool, 5)
    with full_medium(10):
        fail_to_append(spool, 30)

    assert sequences(spool)[:5] == [1, 2, 3, 4, 5]
    assert sequences(spool)[5:] == list(range(36 - len(sequences(spool)[5:]), 36))
    assert spooled(spool)[0] == (TABLE, batch(1))


def test_a_directory_that_was_removed_is_made_anew(directory: Path, spool: Spool) -> None:
    """Bytes written to a file without a name would never be read again."""
    fill(spool, 2)
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    fill(spool, 2)

    assert [spool.read(entry) is not None for entry in spool.after(0)] == [
        False,
        False,
        True,
        True,
    ]
    assert sequences(open_spool(directory)) == [3, 4]


@pytest.mark.parametrize("how", ["forget", "drop"])
def test_segments_that_cannot_be_removed_stop_nothing(
    directory: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a medium that was made read-only; they cost a delivery more, after a restart."""
    monkeypatch.setattr(wattgram_agent.spool.segments, "SEGMENT_BYTES", 1_000)
    spool = open_spool(directory, max_bytes=5_000)
    fill(spool, 60)
    with no_directory(directory):
        if how == "forget":
            spool.forget(60)
        else:
            spool.drop_older_than(EPOCH + 100 * SECOND)
        assert len(spool) == 0
    append(spool)
    spool.close()

    assert open_spool(directory).next_sequence == 62


def test_a_medium_on_which_nothing_can_be_locked_stops_nothing(directory: Path) -> None:
    (directory / "lock").mkdir(parents=True)
    spool = open_spool(directory)
    append(spool)
    spool.close()

    assert sequences(open_spool(directory)) == [1]


def test_a_spool_in_place_of_which_is_a_file_cannot_be_opened(directory: Path) -> None:
    directory.write_text("")
    with pytest.raises(FileExistsError):
        open_spool(directory)
