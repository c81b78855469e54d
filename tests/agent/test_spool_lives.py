"""Over kills, reboots, lost acknowledgements, damage and failing disks: each second once."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

import wattgram_agent.spool.segments
from spool_lives import FailingMedium, Ledger, Life
from spooling import SECOND, segments
from wattgram_agent.spool.frames import BATCH, STATE, TABLE, parse_all


@contextmanager
def directory(segment_bytes: int = 1_500) -> Iterator[Path]:
    """Give a place for a spool of small segments."""
    before, wattgram_agent.spool.segments.SEGMENT_BYTES = (
        wattgram_agent.spool.segments.SEGMENT_BYTES,
        segment_bytes,
    )
    try:
        with tempfile.TemporaryDirectory() as name:
            yield Path(name) / "spool"
    finally:
        wattgram_agent.spool.segments.SEGMENT_BYTES = before


def missing(ledger: Ledger, until: int) -> set[int]:
    """Return the seconds since the first that was measured which are in no batch."""
    return set(range(min(ledger.seconds), until)) - set(ledger.seconds)


def finish(life: Life, ledger: Ledger) -> None:
    """Deliver everything, and what tells of it."""
    for _ in range(2):
        ledger.greet(life.spool)
        ledger.take(life.spool)
        assert life.measure(1)
    ledger.take(life.spool)
    life.spool.close()


steps = st.lists(
    st.one_of(
        st.tuples(st.just("measure"), st.integers(1, 5)),
        st.tuples(st.just("deliver"), st.integers(1, 6)),
        st.tuples(st.just("lose the ack"), st.integers(1, 6)),
        st.tuples(st.just("new session"), st.just(0)),
        st.tuples(st.sampled_from(["kill", "restore"]), st.integers(0, 20)),
    ),
    max_size=30,
)


@given(steps, st.booleans())
def test_whoever_is_killed_and_whatever_copy_is_put_back_no_second_is_lost_or_booked_twice(
    given_steps: list[tuple[str, int]],
    is_forgetful: bool,  # noqa: FBT001 -- hypothesis gives it
) -> None:
    """Also by a collector that no longer knows when the batches of a session began."""
    with directory() as place:
        copy = place.with_name("copy")
        ledger, life = Ledger(), Life(place, 0)
        started, stale = [0], 0
        for what, count in given_steps:
            if what == "measure":
                life.measure(count)
            elif what in {"deliver", "lose the ack"}:
                ledger.starts = {} if is_forgetful else ledger.starts
                ledger.greet(life.spool)
                ledger.take(life.spool, count, acknowledge=what == "deliver")
            elif what == "new session":
                ledger.greet(life.spool)
                life.spool.begin_session()
                shutil.rmtree(copy, ignore_errors=True)  # one that is restored now doubles it
            else:
                life.kill()
                if what == "restore" and copy.exists():
                    shutil.rmtree(place)
                    shutil.copytree(copy, place)
                    shutil.rmtree(copy)  # older than the newest session it would double
                    stale += 1
                elif not stale and place.exists():
                    shutil.copytree(place, copy, dirs_exist_ok=True)
                life = Life(place, life.now + count)
                started.append(life.now)
        finish(life, ledger)

        assert max(ledger.seconds.values()) == 1
        if not stale:
            assert missing(ledger, life.now) == set()
            assert ledger.gaps == []


DAMAGE = ("flip", "zero", "cut", "zero the tail", "remove", "copy", "session", "foreign")
damages = st.lists(
    st.tuples(
        st.sampled_from(DAMAGE), st.integers(0, 1 << 20), st.integers(0, 1 << 20), st.booleans()
    ),
    min_size=1,
    max_size=3,
)


def damage(place: Path, what: str, which: int, where: int) -> None:
    """Let the medium do one of the things that media do."""
    files = [path for path in segments(place) if path.is_file() and path.stem.isdigit()]
    if not files:
        return
    path = files[which % len(files)]
    data = bytearray(path.read_bytes())
    at = where % max(1, len(data))
    match what:
        case "flip" if data:
            data[at] ^= 1 << which % 8
        case "zero":
            data[at : at + 300] = bytes(len(data[at : at + 300]))
        case "cut":
            del data[at:]
        case "zero the tail":
            data[at:] = bytes(len(data) - at + 100)
        case "remove":
            path.unlink()
            return
        case "copy":
            path = place / f"{int(files[-1].stem) + 1 + which % 3:012d}.segment"
        case "session":
            path = place / "session"
            data = bytearray(path.read_bytes())
            data[at % len(data)] ^= 1
        case "foreign":
            (place / "notes.segment").write_bytes(b"not ours")
            (place / "000000000777.segment").mkdir(exist_ok=True)
            return
    path.write_bytes(data)


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), min_size=1, max_size=25),
    damages,
    st.booleans(),
    st.booleans(),
)
def test_whatever_rots_no_second_is_booked_twice_and_what_is_lost_is_told(
    runs: list[tuple[int, int]],
    given_damages: list[tuple[str, int, int, bool]],
    reboots: bool,  # noqa: FBT001 -- hypothesis gives both
    agrees: bool,  # noqa: FBT001
) -> None:
    """Told if the two agreed between one damage and the next, and the next spared the telling."""
    with directory() as place:
        ledger, life = Ledger(), Life(place, 0)
        for seconds, delivered in runs:
            life.measure(seconds)
            ledger.greet(life.spool)
            ledger.take(life.spool, delivered)
        for what, which, where, measures in given_damages:
            life.kill()
            damage(place, what, which, where)
            boot_id = f"boot {where}" if reboots else "boot"
            life = Life(place, life.now, boot_id)
            if measures:
                life.measure(2)
            if agrees:
                ledger.greet(life.spool)
        finish(life, ledger)

        assert max(ledger.seconds.values()) == 1
        reasons = {gap.reason for gap in ledger.gaps}
        assert reasons <= {"spool_corrupt", "checkpoint_stale"}
        whole = {what for what, *_ in given_damages} & {"cut", "remove"}  # without a trace
        is_told = agrees and len(given_damages) <= 2
        if missing(ledger, life.now) and is_told and not reboots and not whole:
            assert reasons


@given(st.integers(2, 14), st.integers(0, 1 << 20), st.integers(0, 7))
def test_one_flipped_bit_costs_one_batch_and_tells_its_length(
    count: int, where: int, bit: int
) -> None:
    """And that only where no register remembers it: the last one costs nothing."""
    with directory(1 << 18) as place:
        life = Life(place, 0)
        for _ in range(count):
            life.measure(3)
        life.spool.close()
        (path,) = segments(place)
        data = bytearray(path.read_bytes())
        at = where % len(data)
        hit = next(r for start, end, r in parse_all(bytes(data)) if r and start <= at < end)
        data[at] ^= 1 << bit
        path.write_bytes(data)
        ledger, life = Ledger(), Life(place, life.now)
        finish(life, ledger)

        lost = missing(ledger, life.now)
        if hit.kind in {TABLE, STATE} or hit.sequence == count:
            assert (lost, ledger.gaps) == (set(), [])
            return
        assert hit.kind == BATCH
        gone = range(3 * hit.sequence - 3, 3 * hit.sequence)
        (gap,) = ledger.gaps
        assert (gap.source, gap.reason, gap.count) == ("spool", "spool_corrupt", 1)
        if hit.sequence == 1:  # nothing is known of when the first began
            assert lost == set()
            assert min(ledger.seconds) == 3
            assert (gap.duration_nanoseconds, gap.detail) == (0, "length of 1 not known")
        else:
            assert lost == set(gone)
            assert (gap.duration_nanoseconds, gap.detail) == (3 * SECOND, "")


@example(  # remains of a batch that was delivered in a session which no disk knew of
    [(1, ""), (1, ""), (1, "deliver"), (1, "kill"), (1, "deliver"), (1, "deliver")],
    {0, 4, 5, 6, 9, 15, 16, 18, 20},
    errno.EIO,
)
@example(  # a session on disk without a batch
    [(1, ""), (1, ""), (1, "deliver"), (1, "kill"), (1, ""), (1, "deliver")],
    {3, 4, 7, 13, 16, 17},
    errno.EIO,
)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["", "", "deliver", "kill"])),
             max_size=25),
    st.sets(st.integers(0, 80)),
    st.sampled_from([errno.EIO, errno.ENOSPC, errno.EROFS]),
)  # fmt: skip
def test_whatever_call_fails_no_second_is_lost_or_booked_twice(
    given_steps: list[tuple[int, str]], failing: set[int], number: int
) -> None:
    """Every write, force, cut, rename and removal: alone, and together with kills."""
    with directory() as place:
        calls = count()
        medium = FailingMedium(lambda _: next(calls) in failing, number)
        ledger, life = Ledger(), Life(place, 0)
        assert life.measure(1)  # where nothing was ever written nothing remembers
        life.kill()
        life = Life(place, life.now, medium=medium, sync="always")
        for seconds, then in given_steps:
            life.measure(seconds)
            if then == "deliver":
                try:
                    ledger.greet(life.spool)
                except OSError:  # a new session that cannot be kept: nothing is delivered
                    continue
                ledger.take(life.spool)
            elif then == "kill":
                life.kill()
                life = Life(place, life.now, medium=medium, sync="always")
        life.kill()
        life = Life(place, life.now)
        finish(life, ledger)

        assert max(ledger.seconds.values()) == 1
        assert {gap.reason for gap in ledger.gaps} <= {"checkpoint_stale", "spool_corrupt"}
        stale = [gap for gap in ledger.gaps if gap.reason == "checkpoint_stale"]
        told = sum(gap.duration_nanoseconds for gap in stale)
        assert len(missing(ledger, life.now)) * SECOND <= told
