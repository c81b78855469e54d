"""A new session, and numbers that are used again: nothing lost unsaid, nothing counted twice."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import wattgram_agent.spool.segments
from fakes import spooled
from spool_lives import FailingMedium, Ledger, Life
from spooling import (
    EPOCH,
    PACKAGE,
    SECOND,
    HastyMedium,
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
from wattgram.readings import Batch, SeriesTable
from wattgram.wire import decode_agent_message
from wattgram_agent.spool.frames import BATCH, STATE, frame, parse_all
from wattgram_agent.spool.queue import Spool


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(directory: Path) -> Iterator[Spool]:
    spool = open_spool(directory)
    yield spool
    spool.close()


def rot(path: Path, kind: int, number: int) -> None:
    """Flip a bit in the records of one kind and number."""
    data = bytearray(path.read_bytes())
    for offset, _, record in list(parse_all(bytes(data))):
        if record and (record.kind, record.sequence) == (kind, number):
            data[offset + 20] ^= 1
    path.write_bytes(data)


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wattgram_agent.spool.segments, "SEGMENT_BYTES", 1_000)


def decoded(message: bytes, of: SeriesTable) -> Batch:
    one = decode_agent_message(message, {of.number: of})
    assert isinstance(one, Batch)
    return one


def total_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in segments(directory))


# ── numbers that are used again ──────────────────────────────────────────────────────────


def test_a_number_that_was_set_aside_and_rotted_is_used_again_and_not_lost(
    directory: Path, spool: Spool
) -> None:
    fill(spool, 4)
    spool.set_aside(4, "future")
    spool.close()
    rot(segments(directory)[0], BATCH, 4)
    again = open_spool(directory)
    append(again)
    again.close()

    assert sequences(open_spool(directory)) == [1, 2, 3, 4]


def test_what_a_torn_batch_was_to_tell_is_told_by_the_one_after_the_restart(
    directory: Path, spool: Spool
) -> None:
    """Its number is used again, and that batch tells it or nobody does."""
    fill(spool, 3)
    spool.set_aside(2, "future")
    append(spool)
    spool.close()
    data = segments(directory)[0].read_bytes()
    segments(directory)[0].write_bytes(data[:-5])
    again = open_spool(directory, boot_id="boot")
    append(again)
    again.continue_after(0)
    append(again)

    assert [(gap.reason, gap.count) for gap in told(again)] == [("dead_letter", 1)]


def test_what_rots_under_a_number_that_is_used_again_is_told_again(
    directory: Path, spool: Spool
) -> None:
    """That its number was settled in an earlier run says nothing of this one's batch."""
    fill(spool, 6)
    again = open_spool(directory)
    again.continue_after(0)
    append(again)
    for number in range(4, 8):
        for path in segments(directory):
            rot(path, BATCH, number)
    third = open_spool(directory)
    assert third.next_sequence == 4
    fill(third, 4)
    rot(segments(directory)[-1], BATCH, 5)
    fourth = open_spool(directory)
    fourth.continue_after(0)
    append(fourth)

    assert [(gap.reason, gap.count) for gap in told(fourth)] == [("spool_corrupt", 1)]


def test_no_number_on_disk_is_believed_that_no_batch_can_have(
    directory: Path, spool: Spool
) -> None:
    fill(spool, 2)
    path = segments(directory)[0]
    (last,) = [one for _, _, one in parse_all(path.read_bytes()) if one and one.sequence == 2]
    for number in (0, (1 << 63) - 1, (1 << 64) - 1):
        with path.open("ab") as file:
            file.write(frame(last._replace(sequence=number)))
    again = open_spool(directory)
    append(again)

    assert sequences(again) == [1, 2, 3]


def test_an_older_state_that_lies_after_a_newer_one_is_not_believed(
    directory: Path, spool: Spool
) -> None:
    fill(spool, 3)
    older = segments(directory)[0].read_bytes()
    spool.set_aside(2, "future")
    (directory / "000000000005.segment").write_bytes(older)

    assert sequences(open_spool(directory)) == [1, 3]


# ── a session that is lost ───────────────────────────────────────────────────────────────


def test_what_a_lost_session_costs_is_told_also_when_the_agent_is_killed_before_a_batch(
    directory: Path, spool: Spool
) -> None:
    fill(spool, 3)
    spool.close()
    (directory / "session").unlink()
    rot(segments(directory)[0], STATE, 0)
    for _ in range(3):
        open_spool(directory).close()
    again = open_spool(directory)
    append(again)

    # The fourth is what cannot be read: it may have been a batch, for all that is known now.
    assert [
        (gap.reason, gap.count, gap.duration_nanoseconds, gap.detail) for gap in told(again)
    ] == [("spool_corrupt", 4, 3 * SECOND, "length of 1 not known")]


def test_where_batches_of_two_sessions_lie_only_the_file_says_which_is_the_newer(
    directory: Path, spool: Spool
) -> None:
    """Without it all is given up, and told, with what they were to tell."""
    fill(spool, 3)
    spool.set_aside(2, "future")
    append(spool)
    spool.begin_session()
    spool.close()
    (directory / "session").unlink()
    again = open_spool(directory)
    assert sequences(again) == []
    append(again)

    assert {gap.reason: gap.count for gap in told(again)} == {
        "dead_letter": 1, "spool_corrupt": 3
    }  # fmt: skip


def test_the_newest_state_says_which_session_it_is_where_one_before_left_nothing_else(
    directory: Path, spool: Spool
) -> None:
    fill(spool, 2)
    for _ in range(9):
        spool._store.save_state()
    for number in (1, 2):
        rot(segments(directory)[0], BATCH, number)
    spool.close()
    again = open_spool(directory)
    fill(again, 2)
    again.close()
    (directory / "session").unlink()
    third = open_spool(directory)

    assert (third.session, sequences(third)) == (again.session, [1, 2])


def test_registers_of_a_lost_session_are_not_taken_into_the_next(
    directory: Path, spool: Spool
) -> None:
    fill(spool, 3)
    spool.close()
    (directory / "session").unlink()
    rot(segments(directory)[0], STATE, 0)
    open_spool(directory).begin_session()

    assert open_spool(directory).checkpoint() is None


# ── a new session and the registers ──────────────────────────────────────────────────────


@pytest.mark.parametrize("kept", [3, 5])
def test_a_session_that_goes_on_with_one_batch_remembers_the_registers_of_the_newest(
    directory: Path, kept: int
) -> None:
    """Those of an older one would be counted from again: what came after it is delivered."""
    ledger, life = Ledger(), Life(directory, 0)
    for _ in range(5):
        life.measure(2)
    ledger.greet(life.spool)
    refused = life.spool.after(kept - 1)[0]
    for entry in life.spool.after(0):
        if entry is not refused:
            of, message = life.spool.table(entry.table_number), life.spool.read(entry)
            assert of is not None
            assert message is not None
            ledger.book(life.spool.session, decoded(message, of))
    life.spool.forget(5, keep={kept})
    life.spool.begin_session()
    life.kill()
    life = Life(directory, life.now + 3)
    life.measure(1)
    ledger.greet(life.spool)
    ledger.take(life.spool)

    assert ledger.seconds == dict.fromkeys(range(14), 1)


def test_a_session_that_goes_on_with_nothing_remembers_the_registers(directory: Path) -> None:
    ledger, life = Ledger(), Life(directory, 0)
    life.measure(5)
    ledger.greet(life.spool)
    ledger.take(life.spool)
    life.spool.begin_session()
    name = life.spool.session
    life.kill()
    life = Life(directory, life.now + 3)
    life.measure(1)
    ledger.greet(life.spool)
    ledger.take(life.spool)

    assert life.spool.session == name
    assert ledger.seconds == dict.fromkeys(range(9), 1)


def test_a_session_that_goes_on_with_nothing_after_stale_registers_is_not_yet_kept(
    directory: Path,
) -> None:
    """Found without a batch it would know no registers; in the one before it is known again."""
    fill(open_spool(directory), 4)
    spool = open_spool(directory)
    name = spool.session
    assert spool.continue_after(7)
    assert sequences(spool) == []
    again = open_spool(directory)
    assert (again.session, sequences(again)) == (name, [1, 2, 3, 4])
    assert again.continue_after(7)
    assert (again.session != name, again.checkpoint_is_stale) == (True, True)


def test_a_session_that_began_in_memory_is_kept_behind_its_first_batch(directory: Path) -> None:
    fails: set[str] = set()
    spool = open_spool(directory, medium=FailingMedium(lambda call: call in fails))
    fill(spool, 4)
    spool.close()
    spool = open_spool(directory, medium=FailingMedium(lambda call: call in fails))
    before = spool.session
    assert spool.continue_after(7)
    fails |= {"replace"}
    with pytest.raises(OSError, match=r"."):
        append(spool)
    assert open_spool(directory).session == before
    assert len(segments(directory)) == 1
    fails.clear()
    append(spool)
    again = open_spool(directory)

    assert (again.session, sequences(again)) == (spool.session, [5, 6])
    assert again.checkpoint() == spool.checkpoint()


def test_no_session_begins_in_memory_beside_what_is_left_of_its_batches(directory: Path) -> None:
    """A write that was neither forced nor cut is found at the next start, and gone on from."""
    fails: set[str] = set()
    medium = FailingMedium(lambda call: call in fails)
    fill(open_spool(directory), 3)
    spool = open_spool(directory, medium=medium, sync="always")
    name = spool.session
    fails |= {"force", "cut", "remove"}
    with pytest.raises(OSError, match=r"."):
        append(spool)
    fails |= {"create"}
    with pytest.raises(OSError, match=r"."):
        spool.continue_after(4, [EPOCH])
    assert spool.session == name
    fails.clear()
    assert spool.continue_after(4, [EPOCH])
    again = open_spool(directory)

    assert (again.session, sequences(again)) == (spool.session, [4])


def test_registers_that_are_older_than_what_was_delivered_from_memory_are_not_taken_along(
    directory: Path,
) -> None:
    """What the agent does not know after a restart, it tells."""
    fails: set[str] = set()
    ledger, life = Ledger(), Life(directory, 0, medium=FailingMedium(lambda call: call in fails))
    ledger.greet(life.spool)
    life.measure(2)
    life.measure(2)
    ledger.take(life.spool, 1)
    life.spool.close()
    life = Life(directory, life.now, medium=FailingMedium(lambda call: call in fails))
    ledger.greet(life.spool)
    fails |= {"create"}
    assert not life.measure(2)
    fails.clear()
    kept, sent = life.spool.after(0)
    of, message = life.spool.table(sent.table_number), life.spool.read(sent)
    assert of is not None
    assert message is not None
    ledger.book(life.spool.session, decoded(message, of))
    life.spool.forget(sent.sequence, keep={kept.sequence})
    life.spool.begin_session()
    life.kill()
    life = Life(directory, life.now + 3)
    ledger.greet(life.spool)
    life.measure(1)
    ledger.take(life.spool)

    assert ledger.seconds == dict.fromkeys([0, 1, 2, 3, 4, 5, 9], 1)
    assert [(gap.reason, gap.detail) for gap in ledger.gaps] == [
        ("checkpoint_stale", "length of 1 not known")
    ]


def test_what_was_set_aside_before_a_new_session_takes_no_number_in_it(
    directory: Path, spool: Spool
) -> None:
    fill(spool, 5)
    spool.set_aside(4, "future")
    spool.begin_session()
    assert sequences(open_spool(directory)) == [1, 2, 3, 5]
    spool.forget(3)
    append(spool)

    assert sequences(open_spool(directory)) == [5, 6]


def test_what_is_kept_for_a_new_session_is_kept_until_there_is_one(
    directory: Path, spool: Spool
) -> None:
    """Also when the first try fails: in this session the collector says that it has it."""
    fill(spool, 3)
    spool.continue_after(0)
    spool.forget(3, keep={2})
    with full_medium(10), pytest.raises(OSError, match=r"."):
        spool.begin_session()
    assert sequences(spool) == [2]

    assert spool.continue_after(3, [0, 0, 0])
    assert sequences(spool) == [2]
    assert not spool.continue_after(1)
    assert not spool.continue_after(2, [0])  # that it is there was not heard
    assert sequences(spool) == []


def test_a_new_session_is_forced_a_few_times_and_not_for_each_batch(directory: Path) -> None:
    """On flash that takes a batch in 30 ms a week of them would take half an hour."""

    class Counting(HastyMedium):
        forced = 0

        def force(self, descriptor: int) -> None:
            self.forced += 1

    medium = Counting()
    spool = open_spool(directory, sync="always", medium=medium)
    fill(spool, 300)
    medium.forced = 0
    spool.begin_session()

    assert 0 < medium.forced <= 4
    assert sequences(open_spool(directory)) == list(range(1, 301))


@pytest.mark.parametrize(
    ("segment_bytes", "fails_at"), [(1_000, 1), (1_000, 2), (1_000, 4), (4_000, 1), (4_000, 2)]
)
def test_a_new_session_that_fails_leaves_nothing_behind(
    directory: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int, segment_bytes: int
) -> None:
    """Copies that nobody needs would take the room of what waits, at each try."""
    monkeypatch.setattr(wattgram_agent.spool.segments, "SEGMENT_BYTES", segment_bytes)
    calls = iter(range(1, 1 << 30))
    failing: set[int] = set()
    medium = FailingMedium(
        lambda call: call in {"write", "replace"} and next(calls) in failing, errno.ENOSPC
    )
    spool = open_spool(directory, medium=medium)
    fill(spool, 20)
    spool.set_aside(3, "future")
    before, name = total_bytes(directory), spool.session
    for _ in range(5):
        now = next(calls)
        failing |= {now + fails_at}
        with pytest.raises(OSError, match=r"."):
            spool.begin_session()
    assert spool.session == name
    assert total_bytes(directory) == spool._shelf._segments.total_bytes == before
    append(spool)
    again = open_spool(directory)
    assert (again.session, sequences(again)) == (name, [1, 2, *range(4, 22)])
    assert again.next_sequence == 22

    fill(spool, 40)
    spool.forget(61)
    assert len(segments(directory)) == 1


@pytest.mark.usefixtures("small_segments")
def test_a_new_session_that_fails_leaves_the_newest_registers_where_they_are(
    directory: Path,
) -> None:
    medium = FailingMedium(lambda call: call == "replace" and fails, errno.EIO)
    fails = False
    spool = open_spool(directory, medium=medium)
    fill(spool, 20)
    fails = True
    with pytest.raises(OSError, match=r"."):
        spool.begin_session()
    spool.forget(20)
    again = open_spool(directory)

    assert (again.next_sequence, again.checkpoint()) == (21, spool.checkpoint())


def test_a_session_that_is_in_place_has_begun_whatever_failed_after_it(directory: Path) -> None:
    """Its name may be on disk, and only not known to outlive a power cut."""

    class Late(HastyMedium):
        fails = False

        def replace(self, path: Path, text: str) -> None:
            super().replace(path, text)
            if self.fails:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

    medium = Late()
    spool = open_spool(directory, medium=medium)
    fill(spool, 3)
    name, medium.fails = spool.session, True
    spool.begin_session()

    assert spool.session != name
    again = open_spool(directory)
    assert (again.session, sequences(again)) == (spool.session, [1, 2, 3])


def test_what_is_owed_goes_along_where_no_batch_does(directory: Path, spool: Spool) -> None:
    fill(spool, 4)
    spool.set_aside(4, "future")
    spool.close()
    again = open_spool(directory)
    assert again.continue_after(7)
    third = open_spool(directory)
    append(third)

    assert [(gap.reason, gap.count) for gap in told(third)] == [("dead_letter", 1)]


@pytest.mark.usefixtures("small_segments")
def test_what_was_copied_and_what_was_marked_takes_no_room_any_more(directory: Path) -> None:
    spool = open_spool(directory)
    fill(spool, 40)
    before = len(segments(directory))
    spool.begin_session()
    append(spool)
    assert len(segments(directory)) <= before + 2
    spool.forget(41, keep={3})
    spool.begin_session()
    fill(spool, 40)
    spool.forget(81)

    assert len(segments(directory)) == 1


def test_the_newest_batch_is_marked_and_neither_waits_nor_says_anything(
    directory: Path, spool: Spool
) -> None:
    fill(spool, 5)
    spool.forget(5, keep={3})
    spool.begin_session()
    again = open_spool(directory)
    assert (sequences(again), again.next_sequence) == ([3], 6)
    assert again.checkpoint() == spool.checkpoint()
    again.close()
    rot(segments(directory)[-1], STATE, 0)

    (_, kept), (_, mark) = spooled(open_spool(directory))
    assert (kept.columns, mark.columns, mark.duration_nanoseconds) == (([3],), ([],), 0)


@pytest.mark.parametrize(("kept", "registers"), [({1, 2, 3}, 2), ({1, 3}, None)])
def test_only_registers_after_which_nothing_is_delivered_are_gone_on_from(
    directory: Path, spool: Spool, kept: set[int], registers: int | None
) -> None:
    """Where the last batch rots, those before it remember it, or would count the others again."""
    fill(spool, 3)
    spool.forget(3, keep=kept)
    spool.begin_session()
    rot(segments(directory)[-1], BATCH, 3)
    checkpoint = open_spool(directory).checkpoint()

    assert (checkpoint.registers[PACKAGE].value if checkpoint else None) == registers


def test_what_an_earlier_run_measured_from_stale_registers_is_cut_when_it_is_known(
    directory: Path,
) -> None:
    ledger, life = Ledger(), Life(directory, 0)
    life.measure(2)
    life.kill()
    copy = directory.with_name("copy")
    shutil.copytree(directory, copy)
    life = Life(directory, life.now)
    life.measure(3)
    life.measure(3)
    ledger.greet(life.spool)
    ledger.take(life.spool)
    life.kill()
    shutil.rmtree(directory)
    copy.rename(directory)
    life = Life(directory, life.now)
    life.measure(2)
    life.kill()
    life = Life(directory, life.now)
    life.measure(2)
    ledger.greet(life.spool)
    ledger.take(life.spool)

    assert max(ledger.seconds.values()) == 1
    assert {8, 9, 10, 11} & set(ledger.seconds)


def test_what_was_told_and_arrived_is_not_told_again(directory: Path, spool: Spool) -> None:
    fill(spool, 2)
    spool.set_aside(2, "future")
    append(spool)
    spool.forget(3)
    append(spool)
    again = open_spool(directory)
    again.continue_after(3)
    append(again)

    assert (sequences(again), told(again)) == ([4, 5], [])


@pytest.mark.usefixtures("small_segments")
def test_what_rotted_is_told_though_what_lay_around_it_is_delivered_and_removed(
    directory: Path,
) -> None:
    fill(open_spool(directory), 40)
    rot(segments(directory)[0], BATCH, 2)
    spool = open_spool(directory)
    spool.continue_after(0)
    spool.forget(40)
    again = open_spool(directory)
    again.continue_after(40)
    append(again)

    assert [(gap.reason, gap.count) for gap in told(again)] == [("spool_corrupt", 1)]


def test_batches_of_several_tables_move_with_their_own(directory: Path, spool: Spool) -> None:
    other = table(2)
    fill(spool, 2)
    fill(spool, 2, other)
    spool.begin_session()

    assert [of.number for of, _ in spooled(open_spool(directory))] == [1, 1, 2, 2]
    assert spooled(open_spool(directory))[3] == (other, batch(4, other))
