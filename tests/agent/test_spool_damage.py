"""Bytes that rot, and a spool that lost its tail or was put back from a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes import spooled
from spooling import (
    EPOCH,
    GPU,
    PACKAGE,
    SECOND,
    TABLE,
    append,
    batch,
    fill,
    full_medium,
    open_spool,
    segments,
    sequences,
    table,
    told,
)
from wattgram_agent.batches import without_first_interval
from wattgram_agent.meter import Register
from wattgram_agent.spool.checkpoints import Checkpoint
from wattgram_agent.spool.frames import BATCH, BODY_BYTES_MAX, STATE, parse_all
from wattgram_agent.spool.frames import TABLE as TABLE_KIND
from wattgram_agent.spool.queue import Spool
from wattgram_agent.spool.segments import SEGMENT_BYTES, read_all
from wattgram_agent.spool.welcome import StaleRegisters


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(directory: Path) -> Iterator[Spool]:
    spool = open_spool(directory)
    yield spool
    spool.close()


def damage(path: Path, what: Callable[[int, int], bool]) -> None:
    """Flip a bit in every record of which `what`, given its kind and number, is true."""
    data = bytearray(path.read_bytes())
    for offset, _, record in list(parse_all(bytes(data))):
        number = record.table_number if record and record.kind == TABLE_KIND else 0
        if record and what(record.kind, record.sequence or number):
            data[offset + 20] ^= 1
    path.write_bytes(data)


def agree_and_append(
    spool: Spool, applied: int, starts: list[int] | None = None
) -> list[tuple[str, int, int, str]]:
    """Agree with a collector that has so much; return what the next batch tells."""
    spool.continue_after(applied, starts or [])
    append(spool)
    return [(gap.reason, gap.count, gap.duration_nanoseconds, gap.detail) for gap in told(spool)]


def test_a_batch_that_rots_is_lost_alone_and_told_with_its_length(
    directory: Path, spool: Spool
) -> None:
    fill(spool, 4)
    damage(segments(directory)[0], lambda _, number: number == 2)
    again = open_spool(directory)

    assert (sequences(again), again.corrupt_records) == ([1, 3, 4], 1)
    assert [spool.read(entry) is None for entry in spool.after(0)] == [False, True, False, False]
    assert agree_and_append(again, 0) == [("spool_corrupt", 1, SECOND, "")]


def test_what_rots_after_it_was_delivered_is_not_lost(directory: Path, spool: Spool) -> None:
    fill(spool, 4)
    damage(segments(directory)[0], lambda _, number: number == 2)

    assert agree_and_append(open_spool(directory), 3) == []


def test_the_collector_is_told_from_where_on_something_may_be_missing(
    directory: Path, spool: Spool
) -> None:
    fill(spool, 4)
    damage(segments(directory)[0], lambda kind, number: kind == BATCH and number == 1)
    again = open_spool(directory)

    assert (again.first_sequence, sequences(again)) == (1, [2, 3, 4])
    assert agree_and_append(again, 0) == [("spool_corrupt", 1, 0, "length of 1 not known")]
    assert again.first_sequence == 2


def test_how_long_what_rotted_was_is_not_known_where_the_times_around_it_disagree(
    directory: Path, spool: Spool
) -> None:
    fill(spool, 2)
    early = replace(batch(3), start_boottime_nanoseconds=SECOND)
    spool.append(early, TABLE, {PACKAGE: Register(3, 3 * SECOND)})
    damage(segments(directory)[0], lambda kind, number: kind == BATCH and number == 2)

    assert agree_and_append(open_spool(directory), 0) == [
        ("spool_corrupt", 1, 0, "length of 1 not known")
    ]


def test_what_was_set_aside_is_not_told_as_rotten_too(directory: Path, spool: Spool) -> None:
    fill(spool, 2)
    fill(spool, 2, table(2, GPU, PACKAGE))
    spool.set_aside(4, "future")
    damage(segments(directory)[0], lambda kind, number: kind == TABLE_KIND and number == 2)
    found = agree_and_append(open_spool(directory, boot_id="next"), 2)

    assert sorted(one[:2] for one in found) == [("dead_letter", 1), ("spool_corrupt", 1)]


def test_over_a_reboot_nobody_knows_how_long_what_rotted_was(
    directory: Path, spool: Spool
) -> None:
    other = table(2)
    other = type(other)(number=2, boot_id="next", grid_zone="", series=other.series)
    fill(spool, 2)
    fill(spool, 2, other)
    damage(segments(directory)[0], lambda kind, number: kind == BATCH and number == 2)

    assert agree_and_append(open_spool(directory), 0) == [
        ("spool_corrupt", 1, 0, "length of 1 not known")
    ]


def test_what_cannot_be_read_when_it_is_sent_is_told(directory: Path, spool: Spool) -> None:
    fill(spool, 3)
    damage(segments(directory)[0], lambda kind, number: kind == BATCH and number == 2)
    spool.discard(spool.after(1)[0])
    killed = open_spool(directory)
    append(spool)

    assert [(g.reason, g.count, g.duration_nanoseconds) for g in told(spool)] == [
        ("spool_corrupt", 1, SECOND)
    ]
    assert agree_and_append(killed, 0) == [("spool_corrupt", 1, SECOND, "")]


def test_a_batch_in_the_place_of_another_is_not_taken_for_it(
    directory: Path, spool: Spool
) -> None:
    fill(spool, 2)
    (path,) = segments(directory)
    first, second = spool.after(0)
    data = path.read_bytes()
    end = first.offset + first.length
    assert (end, first.length) == (second.offset, second.length)
    path.write_bytes(data[: first.offset] + data[end:] + data[first.offset : end])

    assert [spool.read(first), spool.read(second)] == [None, None]


def test_a_segment_that_is_gone_gives_no_batch_and_no_error(directory: Path, spool: Spool) -> None:
    fill(spool, 2)
    segments(directory)[0].unlink()

    assert [spool.read(entry) for entry in spool.after(0)] == [None, None]


def test_a_read_that_fails_is_tried_again_before_the_batch_is_given_up(
    directory: Path, spool: Spool
) -> None:
    append(spool)
    (entry,) = spool.after(0)
    (segment,) = segments(directory)
    segment.rename(directory / "aside")
    segment.mkdir()
    for _ in range(2):
        with pytest.raises(IsADirectoryError):
            spool.read(entry)
    segment.rmdir()
    (directory / "aside").rename(segment)
    assert spool.read(entry) is not None
    segment.rename(directory / "aside")
    segment.mkdir()

    assert spool.read(entry) is None


@pytest.mark.parametrize("kind", [TABLE_KIND, STATE])
def test_one_copy_of_a_table_or_a_state_that_rots_costs_nothing(
    directory: Path, spool: Spool, kind: int
) -> None:
    fill(spool, 3)
    data = bytearray(segments(directory)[0].read_bytes())
    at = next(start for start, _, record in parse_all(bytes(data)) if record.kind == kind)
    data[at + 20] ^= 1
    segments(directory)[0].write_bytes(data)
    again = open_spool(directory)

    assert spooled(again) == [(TABLE, batch(n)) for n in (1, 2, 3)]
    assert (again.session, again.corrupt_records) == (spool.session, 1)
    assert again.checkpoint() == Checkpoint("boot", {PACKAGE: Register(3, 3 * SECOND)})


def test_batches_whose_tables_all_rot_never_get_anothers_columns(
    directory: Path, spool: Spool
) -> None:
    """Nor do their registers: one meter's would be differenced against another's."""
    fill(spool, 2)
    fill(spool, 2, table(2, GPU, PACKAGE))
    damage(segments(directory)[0], lambda kind, number: kind == TABLE_KIND and number == 2)
    again = open_spool(directory, boot_id="boot")

    assert spooled(again) == [(TABLE, batch(1)), (TABLE, batch(2))]
    # As if they had never been: the registers before them remember what they held.
    assert again.checkpoint() == Checkpoint("boot", {PACKAGE: Register(2, 2 * SECOND)})
    assert (again.next_sequence, again.last_table_number) == (3, 2)
    assert agree_and_append(again, 0) == []


def test_in_another_boot_no_register_remembers_what_the_tail_held(
    directory: Path, spool: Spool
) -> None:
    fill(spool, 2)
    fill(spool, 2, table(2, GPU, PACKAGE))
    damage(segments(directory)[0], lambda kind, number: kind == TABLE_KIND and number == 2)
    again = open_spool(directory, boot_id="next")

    assert agree_and_append(again, 2) == [("spool_corrupt", 2, 2 * SECOND, "")]


@pytest.mark.parametrize(
    ("applied", "told_then"),
    [(3, [("spool_corrupt", 1, 0, "length of 1 not known")]), (4, []), (5, [])],
)
def test_of_what_the_tail_held_the_collector_may_have_some(
    directory: Path, spool: Spool, applied: int, told_then: list[object]
) -> None:
    fill(spool, 2)
    fill(spool, 2, table(2, GPU, PACKAGE))
    damage(segments(directory)[0], lambda kind, number: kind == TABLE_KIND and number == 2)

    found = agree_and_append(open_spool(directory, boot_id="next"), applied)

    assert [one for one in found if "checkpoint_stale" not in one] == told_then


def test_what_rotted_is_told_once_over_restarts(directory: Path, spool: Spool) -> None:
    fill(spool, 4)
    damage(segments(directory)[0], lambda _, number: number == 2)
    agree_and_append(open_spool(directory), 0)
    for _ in range(2):
        again = open_spool(directory)
        agree_and_append(again, 0)

    assert [gap.count for gap in told(again)] == [1]


def test_what_a_batch_was_to_tell_that_rotted_is_told_again(directory: Path, spool: Spool) -> None:
    fill(spool, 3)
    spool.set_aside(2, "future")
    fill(spool, 2)
    damage(segments(directory)[0], lambda kind, number: kind == BATCH and number == 4)
    again = open_spool(directory)
    again.continue_after(0)
    append(again)

    assert {gap.reason: gap.count for gap in told(again)} == {
        "dead_letter": 1, "spool_corrupt": 1
    }  # fmt: skip


def test_what_is_in_memory_is_cut_too_and_registers_read_since_are_remembered(
    directory: Path,
) -> None:
    fill(open_spool(directory), 2)
    spool = open_spool(directory)
    with full_medium(10):
        for _ in range(2):
            with pytest.raises(OSError, match=r"."):
                append(spool)
        assert spool.continue_after(3)
        assert [b.columns for _, b in spooled(spool)] == [([None],), ([4],)]
    append(spool)
    spool.begin_session()

    assert open_spool(directory).checkpoint() == spool.checkpoint()


def test_a_torn_last_record_is_told_without_a_length_in_another_boot(
    directory: Path, spool: Spool
) -> None:
    fill(spool, 3)
    data = segments(directory)[0].read_bytes()
    segments(directory)[0].write_bytes(data[:-10] + bytes(50))

    shutil.copytree(directory, directory.with_name("copy"))

    assert agree_and_append(open_spool(directory, boot_id="next"), 2) == [
        ("spool_corrupt", 1, 0, "length of 1 not known")
    ]
    assert agree_and_append(open_spool(directory.with_name("copy"), boot_id="boot"), 2) == []


def test_of_two_tables_under_one_number_a_batch_has_its_own_or_is_lost(
    directory: Path, spool: Spool
) -> None:
    """As after a segment that could not be read for a time: its number was used again."""
    fill(spool, 5)
    spool.close()
    (first,) = segments(directory)
    aside = first.rename(directory.with_name("aside"))
    (directory / "000000000003.segment").write_bytes(b"rotten")
    other = open_spool(directory)
    other._shelf.session = spool.session
    other._shelf.put_session()
    fill(other, 3, table(1, GPU))
    other.close()
    aside.rename(first)
    again = open_spool(directory)

    assert [(of.series[0].source, one.sequence) for of, one in spooled(again)] == [
        ("nvml", 1), ("nvml", 2), ("nvml", 3)
    ]  # fmt: skip


# ── the session ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", [None, "", "x" * 500, "\x00\x01", "other\n# 00000000\n"])
def test_a_session_file_that_rots_is_known_from_the_segments(
    directory: Path, spool: Spool, text: str | None
) -> None:
    fill(spool, 2)
    (directory / "session").unlink()
    if text is not None:
        (directory / "session").write_text(text)
    again = open_spool(directory)

    assert (again.session, sequences(again)) == (spool.session, [1, 2])
    assert open_spool(directory).session == spool.session


@pytest.mark.parametrize("text", ["", "other\n# 00000000\n"])
def test_without_file_and_states_a_session_is_lost_and_a_new_one_begins(
    directory: Path, spool: Spool, text: str
) -> None:
    """Under another name the collector would take old batches, and registers, for new ones."""
    fill(spool, 2)
    (directory / "session").write_text(text)
    damage(segments(directory)[0], lambda kind, _: kind == STATE)
    again = open_spool(directory)

    assert again.session not in {"", "other", spool.session}
    assert (sequences(again), again.checkpoint(), again.next_sequence) == ([], None, 3)
    append(again)
    assert [(g.reason, g.count, g.duration_nanoseconds) for g in told(again)] == [
        ("spool_corrupt", 2, 2 * SECOND)
    ]
    assert open_spool(directory).session == again.session


def test_what_an_older_agent_left_is_read(directory: Path, spool: Spool) -> None:
    """Its session had no checksum, its segments no state, its records no trailer."""
    fill(spool, 2)
    name = spool.session
    (directory / "session").write_text(f"{name}\n")
    damage(segments(directory)[0], lambda kind, _: kind == STATE)
    again = open_spool(directory)

    assert (again.session, sequences(again)) == (name, [1, 2])


# ── more than the spool knows of ─────────────────────────────────────────────────────────


def test_a_spool_that_lost_its_tail_goes_on_in_a_new_session(directory: Path) -> None:
    """Batches under numbers that were used before would be taken for repetitions."""
    lost = open_spool(directory)
    fill(lost, 2)
    lost.close()
    spool = open_spool(directory)
    fill(spool, 2)

    assert spool.continue_after(7)
    assert spool.session != lost.session
    assert [(b.sequence, b.columns) for _, b in spooled(spool)] == [
        (3, ([None],)),  # it goes on from registers that are older than what was delivered
        (4, ([4],)),
    ]
    assert [gap.reason for gap in told(spool)] == ["checkpoint_stale"]
    assert spool.checkpoint_is_stale
    append(spool)
    spool.close()
    again = open_spool(directory)
    assert (again.session, sequences(again)) == (spool.session, [3, 4, 5])
    assert spooled(again) == spooled(spool)
    assert again.checkpoint() == spool.checkpoint()


@pytest.mark.parametrize("starts", [[], [EPOCH + 3 * SECOND]])
@pytest.mark.parametrize("measured", [0, 2])
def test_one_batch_more_than_the_spool_knows_of_is_enough(
    directory: Path, measured: int, starts: list[int]
) -> None:
    """Also where both begin at one time: each goes on from the same registers."""
    fill(open_spool(directory), 2)
    spool = open_spool(directory)
    fill(spool, measured)
    assert spool.continue_after(3, starts)
    fill(spool, 2 - measured)

    assert [b.columns for _, b in spooled(spool)] == [([None],), ([4],)]


def test_a_run_without_registers_keeps_its_first_interval(directory: Path, spool: Spool) -> None:
    fill(spool, 2)
    assert spool.continue_after(7)

    assert [b.columns for _, b in spooled(spool)] == [([1],), ([2],)]


def test_what_the_sampler_has_cut_is_not_cut_again() -> None:
    one = without_first_interval(batch(3, cells=4))
    later = batch(4)
    stale = StaleRegisters("boot")

    assert stale.cut(one, TABLE) is one
    assert stale.cut(later, TABLE) is later
    assert StaleRegisters("another boot").cut(later, TABLE) is later


def test_what_is_measured_after_it_was_known_is_cut_too(directory: Path) -> None:
    append(open_spool(directory))
    spool = open_spool(directory)
    assert spool.continue_after(7)
    fill(spool, 2)

    assert [b.columns for _, b in spooled(spool)] == [([None],), ([3],)]


def test_a_collector_that_has_no_more_than_the_spool_changes_no_session(spool: Spool) -> None:
    fill(spool, 3)
    name = spool.session
    assert [spool.continue_after(applied) for applied in (0, 2)] == [False, False]

    assert (sequences(spool), spool.next_sequence, spool.session) == ([3], 4, name)


def test_what_somebody_else_delivered_under_our_numbers_is_not_ours(spool: Spool) -> None:
    """As a cloned machine does: what is in the ledger began at another time."""
    fill(spool, 2)
    spool.continue_after(0)
    fill(spool, 3)
    starts = [EPOCH + 3 * SECOND, EPOCH + 77, EPOCH + SECOND]
    name = spool.session

    assert spool.continue_after(3, starts)
    assert (sequences(spool), spool.session == name) == ([2, 4, 5], False)
    assert not spool.continue_after(1)


def test_where_nothing_is_known_of_a_number_what_was_sent_is_taken_for_delivered(
    spool: Spool,
) -> None:
    """To deliver it again would be worse than to lose it."""
    fill(spool, 3)
    spool.continue_after(0)

    assert not spool.continue_after(2, [0, 0])
    assert sequences(spool) == [3]


def test_a_new_session_that_cannot_be_kept_does_not_begin(directory: Path) -> None:
    """After a restart all would be delivered again, under the old name."""
    fill(open_spool(directory), 2)
    spool = open_spool(directory)
    fill(spool, 3)
    name = spool.session
    with full_medium(10), pytest.raises(OSError, match=r"."):
        spool.continue_after(7)
    assert (spool.session, sequences(spool)) == (name, [3, 4, 5])
    assert open_spool(directory).session == name

    assert spool.continue_after(7)
    assert sequences(open_spool(directory)) == [3, 4, 5]
    assert [b.columns for _, b in spooled(spool)] == [([None],), ([4],), ([5],)]


def test_what_is_in_memory_only_needs_no_keeping(directory: Path, spool: Spool) -> None:
    with full_medium(10):
        for _ in range(3):
            with pytest.raises(OSError, match=r"."):
                append(spool)
        assert spool.continue_after(7)
        assert [b.columns for _, b in spooled(spool)] == [([1],), ([2],), ([3],)]


def test_a_new_session_passes_over_what_cannot_be_read(directory: Path, spool: Spool) -> None:
    fill(spool, 3)
    damage(segments(directory)[0], lambda kind, number: kind == BATCH and number == 2)
    spool.begin_session()

    assert [spool.read(entry) is not None for entry in spool.after(0)] == [True, False, True]
    assert sequences(open_spool(directory)) == [1, 3]


# ── foreign files ────────────────────────────────────────────────────────────────────────


def test_a_number_that_a_foreign_file_has_is_passed_over(directory: Path, spool: Spool) -> None:
    (directory / "000000000001.segment").mkdir()
    append(spool)

    assert [path.stem for path in segments(directory) if path.is_file()] == ["000000000002"]


def test_a_file_longer_than_any_of_ours_is_not_read_to_its_end(directory: Path) -> None:
    directory.mkdir()
    with (directory / "000000000003.segment").open("wb") as file:
        file.truncate(1 << 26)
    ((number, length, data),) = read_all(directory)

    assert (number, length, len(data)) == (3, 1 << 26, SEGMENT_BYTES + BODY_BYTES_MAX)


def test_a_session_file_that_was_removed_is_written_again_with_the_next_segment(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattgram_agent.spool.segments.SEGMENT_BYTES", 1_000)
    spool = open_spool(directory)
    append(spool)
    kept = (directory / "session").read_text()
    (directory / "session").unlink()
    fill(spool, 20)

    assert (directory / "session").read_text() == kept


def test_files_of_others_are_left_alone(directory: Path, spool: Spool) -> None:
    fill(spool, 2)
    spool.close()
    directory.joinpath("7.segment").write_bytes(b"not by this name")
    directory.joinpath("000000000009.segment").mkdir()
    directory.joinpath("00000000001x.segment").write_bytes(b"")
    again = open_spool(directory)
    fill(again, 2)
    again.forget(99)

    assert again.corrupt_records == 0
    assert directory.joinpath("7.segment").exists()
    assert directory.joinpath("000000000009.segment").is_dir()
    assert open_spool(directory).next_sequence == 5


def test_another_hosts_segments_are_not_delivered(directory: Path, tmp_path: Path) -> None:
    other = open_spool(tmp_path / "other")
    fill(other, 9)
    spool = open_spool(directory)
    fill(spool, 2)
    spool.close()
    shutil.copy(segments(tmp_path / "other")[0], directory / "000000000005.segment")
    again = open_spool(directory)

    assert spooled(again) == [(TABLE, batch(1)), (TABLE, batch(2))]
    assert again.next_sequence == 3


def test_a_segment_twice_is_delivered_once(directory: Path, spool: Spool) -> None:
    fill(spool, 3)
    shutil.copy(segments(directory)[0], directory / "000000000005.segment")
    again = open_spool(directory)

    assert spooled(again) == [(TABLE, batch(n)) for n in (1, 2, 3)]
    again.forget(3)
    append(again)
    assert sequences(open_spool(directory)) == [4]
