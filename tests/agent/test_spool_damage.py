"""Bytes that rot, and a spool that lost its tail or was put back from a copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import wattgram_agent.spool
from fakes import spooled
from spooling import (
    GPU,
    PACKAGE,
    TABLE,
    append,
    batch,
    fill,
    full_medium,
    open_spool,
    segments,
    sequences,
    table,
)
from wattgram_agent.frames import TABLE as TABLE_KIND
from wattgram_agent.frames import parse_all
from wattgram_agent.meter import Register
from wattgram_agent.spool import Dropped, Spool


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(directory: Path) -> Iterator[Spool]:
    spool = open_spool(directory)
    yield spool
    spool.close()


def damage(path: Path, what: Callable[[int], bool]) -> None:
    """Flip a bit in every record of a segment of which `what`, given its number, is true."""
    data = bytearray(path.read_bytes())
    for number, (offset, _, _) in enumerate(list(parse_all(bytes(data)))):
        if what(number):
            data[offset + 20] ^= 1
    path.write_bytes(data)


def test_a_batch_that_rots_is_lost_alone_and_counted(directory: Path, spool: Spool) -> None:
    fill(spool, 4)
    damage(segments(directory)[0], lambda number: number == 2)
    again = open_spool(directory)

    assert (sequences(again), again.corrupt_records) == ([1, 3, 4], 1)
    assert [spool.read(entry) is None for entry in spool.after(0)] == [False, True, False, False]


def test_a_segment_that_is_gone_gives_no_batch_and_no_error(directory: Path, spool: Spool) -> None:
    fill(spool, 2)
    segments(directory)[0].unlink()

    assert [spool.read(entry) for entry in spool.after(0)] == [None, None]


def test_batches_whose_table_rots_never_get_anothers_columns(
    directory: Path, spool: Spool
) -> None:
    """Nor do their registers: one meter's would be differenced against another's."""
    swapped = table(2, GPU, PACKAGE)
    fill(spool, 2)
    fill(spool, 2, swapped)
    kinds = [
        record.kind for _, _, record in parse_all(segments(directory)[0].read_bytes()) if record
    ]
    second = [number for number, kind in enumerate(kinds) if kind == TABLE_KIND][1]
    damage(segments(directory)[0], lambda number: number == second)
    again = open_spool(directory)

    assert spooled(again) == [(TABLE, batch(1)), (TABLE, batch(2))]
    assert (again.corrupt_records, again.checkpoint()) == (3, None)
    assert (again.next_sequence, again.last_table_number) == (5, 2)


def test_a_checkpoint_of_another_shape_is_none(
    directory: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(spool)
    monkeypatch.setattr(
        wattgram_agent.spool, "_REGISTER", wattgram_agent.spool.struct.Struct("<q")
    )

    assert open_spool(directory).checkpoint() is None


def test_a_spool_that_lost_its_tail_numbers_on_after_the_collector(directory: Path) -> None:
    """Batches under numbers that were used before would be taken for repetitions."""
    lost = open_spool(directory)
    fill(lost, 2)
    lost.close()
    spool = open_spool(directory)
    fill(spool, 2)
    spool.continue_after(7)

    assert [(b.sequence, b.columns) for _, b in spooled(spool)] == [
        (8, batch(3).columns),
        (9, batch(4).columns),
    ]
    assert (append(spool), sequences(spool)) == (Dropped(), [8, 9, 10])
    spool.close()
    again = open_spool(directory)
    assert (sequences(again)[-3:], again.next_sequence) == ([8, 9, 10], 11)
    assert again.checkpoint() == spool.checkpoint()


def test_a_collector_that_has_no_more_than_the_spool_changes_nothing(spool: Spool) -> None:
    fill(spool, 3)
    for applied in (0, 2, 3):
        spool.continue_after(applied)

    assert (sequences(spool), spool.next_sequence) == ([1, 2, 3], 4)


def test_numbering_on_loses_nothing_when_no_disk_takes_it(directory: Path, spool: Spool) -> None:
    fill(spool, 3)
    with full_medium(10):
        spool.continue_after(7)

    assert sequences(spool) == [8, 9, 10]
    assert [b.columns for _, b in spooled(spool)] == [batch(n).columns for n in (1, 2, 3)]


def test_numbering_on_passes_over_what_cannot_be_read(directory: Path, spool: Spool) -> None:
    fill(spool, 3)
    damage(segments(directory)[0], lambda number: number == 2)
    spool.continue_after(7)

    assert [(b.sequence, b.columns) for _, b in spooled(spool)] == [
        (8, batch(1).columns),
        (9, batch(3).columns),
    ]


def test_a_batch_that_was_numbered_before_the_spool_moved_on_is_numbered_anew(
    spool: Spool,
) -> None:
    """The sampler numbers a batch in one thread while the uplink shakes hands in another."""
    numbered = batch(spool.next_sequence)
    spool.continue_after(7)
    spool.append(numbered, TABLE, {PACKAGE: Register(1, 1)})

    assert [(b.sequence, b.columns) for _, b in spooled(spool)] == [(8, numbered.columns)]
    assert spool.next_sequence == 9
