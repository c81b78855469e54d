"""The ledger on media that fail: nothing is half in it, it says why, and works again by itself."""

from __future__ import annotations

import contextlib
import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from builders import PACKAGE, SLOT, apply, entry, used
from ledger_files import (
    MEMORY,
    READINGS,
    change,
    deliver,
    fill_up,
    first_version,
    remount,
    small_disk,
    sound,
)
from wattgram.handshake import HostFacts
from wattgram_collector.ledger import LedgerChangedError, LedgerError, Trouble
from wattgram_collector.ledger import sqlite_file as files
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.sqlite_check import check
from wattgram_collector.ledger.sqlite_opening import Check, open_ledger

SOON = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return sound(tmp_path / "state" / "ledger.sqlite")


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(path, busy_seconds=0.01)) as opened:
        yield opened


def fails_to_take(ledger: SqliteLedger, number: int) -> LedgerError:
    with pytest.raises(LedgerError) as raised:
        deliver(ledger, number, number)
    return raised.value


def takes(ledger: SqliteLedger, path: Path, number: int) -> None:
    """It takes the entry, once, and what is in the file adds up."""
    deliver(ledger, number, number)
    deliver(ledger, number, number)
    assert ledger.totals()[1].tallies[READINGS] == 2 * number
    assert check(path, full=True).findings == ()


@contextlib.contextmanager
def refusing_to_grow(length: int) -> Iterator[None]:
    """Let the kernel refuse every write past `length` of any file: an error, and no full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# ── while it runs ────────────────────────────────────────────────────────────────────────────


def test_a_full_disk_takes_nothing_until_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4 << 20) as disk:
        path = sound(disk / "ledger.sqlite")
        with closing(SqliteLedger(path)) as ledger:
            deliver(ledger, 11, 11)
            filler = fill_up(disk)
            refused = {fails_to_take(ledger, 12).trouble for _ in range(3)}
            with pytest.raises(LedgerError, match="disk full: 0 bytes are free") as probed:
                ledger.probe()
            assert refused | {probed.value.trouble} == {Trouble.FULL}
            assert ledger.totals()[1].tallies[READINGS] == 2 * 11
            filler.unlink()
            ledger.probe()
            takes(ledger, path, 12)


def test_a_disk_with_room_for_a_page_is_not_trusted_yet(tmp_path: Path) -> None:
    """Else it would fail, work and fail again with every small write between the large ones."""
    with (
        small_disk(tmp_path / "disk", 4 << 20) as disk,
        closing(SqliteLedger(sound(disk / "ledger.sqlite"))) as ledger,
    ):
        filler = fill_up(disk, but_bytes=files.ROOM_BYTES_MIN - 4096)
        with pytest.raises(LedgerError, match="disk full: 1044480 bytes are free"):
            ledger.probe()
        filler.unlink()
        ledger.probe()


def test_a_write_error_takes_nothing_and_is_over_when_it_is(
    ledger: SqliteLedger, path: Path
) -> None:
    deliver(ledger, 11, 11)
    with refusing_to_grow(4096):  # less than one page of the journal
        for _ in range(3):
            assert fails_to_take(ledger, 12).trouble is Trouble.IO
            assert ledger._file.is_doubtful  # how much of it the disk has, nobody knows
        with pytest.raises(LedgerError, match="disk I/O error"):
            ledger.probe()
        assert ledger.totals()[1].tallies[READINGS] == 2 * 11
    ledger.probe()
    takes(ledger, path, 12)


def test_a_lock_of_another_process_is_waited_for_and_then_said(
    ledger: SqliteLedger, path: Path
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert fails_to_take(ledger, 11).trouble is Trouble.LOCKED
        assert not ledger._file.is_doubtful
        with pytest.raises(LedgerError, match="locked"):
            ledger.probe()
        assert ledger.totals()[1].tallies[READINGS] == 20
        other.execute("ROLLBACK")
    ledger.probe()
    takes(ledger, path, 11)


def test_a_medium_that_may_not_be_written_to_is_said(ledger: SqliteLedger, path: Path) -> None:
    ledger._file.execute("PRAGMA query_only = ON")
    assert fails_to_take(ledger, 11).trouble is Trouble.READ_ONLY
    ledger._file.execute("PRAGMA query_only = OFF")
    takes(ledger, path, 11)


def test_a_directory_that_vanishes_takes_nothing_with_it(
    ledger: SqliteLedger, path: Path, tmp_path: Path
) -> None:
    """SQLite would write on, without an error, to files that nobody will ever see again."""
    away = tmp_path / "away"
    path.parent.rename(away)
    for _ in range(2):
        assert fails_to_take(ledger, 11).trouble is Trouble.ABSENT
    with pytest.raises(LedgerError):
        ledger.probe()
    assert not path.parent.exists()  # no empty one was made in its place
    assert ledger.sizes_bytes() == {"database": 0, "journal": 0}
    away.rename(path.parent)
    ledger.probe()
    takes(ledger, path, 11)


class Removing(dict[tuple[int, int], int]):
    """Usage of which the ledger's directory vanishes when it is looked at: amid a transaction."""

    def __init__(self, directory: Path, away: Path) -> None:
        super().__init__({(1, SLOT): 1})
        self.move = lambda: directory.rename(away)

    def items(self) -> Any:
        self.move()
        return super().items()


def test_what_was_committed_to_a_directory_that_had_gone_is_not_acknowledged(
    ledger: SqliteLedger, path: Path, tmp_path: Path
) -> None:
    """And when it comes back with it, what this process shows is no longer what is stored."""
    away = tmp_path / "away"
    one = replace(entry(11), usage=Removing(path.parent, away))
    with pytest.raises(LedgerError, match="no longer there") as raised:
        ledger.apply([one])
    assert raised.value.trouble is Trouble.ABSENT
    away.rename(path.parent)
    with pytest.raises(LedgerChangedError):
        ledger.probe()
    with pytest.raises(LedgerChangedError):
        deliver(ledger, 11, 11)


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_file_that_is_removed_takes_nothing_with_it(
    ledger: SqliteLedger, path: Path, suffix: str
) -> None:
    deliver(ledger, 11, 11)
    path.with_name(path.name + suffix).unlink()
    assert fails_to_take(ledger, 12).trouble is Trouble.ABSENT


def test_another_file_in_its_place_ends_the_process(
    ledger: SqliteLedger, path: Path, tmp_path: Path
) -> None:
    """What it shows is of the one that was there: only a new start knows what is in this one."""
    other = sound(tmp_path / "other.sqlite", batches=4)
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    shutil.copy(other, path)
    assert fails_to_take(ledger, 11).trouble is Trouble.ABSENT
    for _ in range(2):
        with pytest.raises(LedgerChangedError, match="is not what it was"):
            ledger.probe()
    assert check(path, full=True).findings == ()


def test_the_same_in_its_place_is_taken(ledger: SqliteLedger, path: Path) -> None:
    """As when a file system was repaired, or a volume moved."""
    data = path.read_bytes()
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    path.write_bytes(data)
    assert fails_to_take(ledger, 11).trouble is Trouble.ABSENT
    ledger.probe()
    takes(ledger, path, 11)


def test_a_bug_in_the_middle_leaves_no_transaction_open(ledger: SqliteLedger, path: Path) -> None:
    with pytest.raises(TypeError):
        apply(ledger, [entry(11, {(PACKAGE, SLOT): 1}, tallies={READINGS: 1 + 1j})])  # type: ignore[dict-item]
    takes(ledger, path, 11)


def test_what_has_not_changed_is_not_written(ledger: SqliteLedger) -> None:
    """Thousands of agents that connect again cost no fsync each."""
    ledger.enrol("agent-1", HostFacts(host="host-1"))
    before = ledger._file.all("SELECT total_changes()")
    for _ in range(3):
        assert ledger.enrol("agent-1", HostFacts(host="host-1")).key == 1
        assert ledger.open_session(1, "session-1", 1) == 10
    assert ledger._file.all("SELECT total_changes()") == before


# ── the journal ──────────────────────────────────────────────────────────────────────────────


def test_the_journal_is_bounded_but_for_who_reads_and_that_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    bound = 128 * 1024
    with TemporaryDirectory(dir=MEMORY) as state:
        path = sound(Path(state, "ledger.sqlite"))
        with closing(SqliteLedger(path, journal_bytes_max=bound)) as ledger:
            for number in range(11, 60):
                deliver(ledger, number, number)
                assert ledger.sizes_bytes()["journal"] <= bound
            with closing(sqlite3.connect(path, isolation_level=None)) as reader:
                reader.execute("BEGIN")
                reader.execute("SELECT * FROM agents").fetchall()
                for number in range(60, 90):
                    deliver(ledger, number, number)
                assert ledger.sizes_bytes()["journal"] > bound
            deliver(ledger, 90, 90)
            deliver(ledger, 91, 91)
            assert ledger.sizes_bytes()["journal"] <= bound
    said = [message.split()[0] for message in caplog.messages]
    assert said == ["ledger_journal_large", "ledger_journal_small_again"]


# ── at the start ─────────────────────────────────────────────────────────────────────────────


def opened(path: Path, *, check_seconds: float = SOON) -> SqliteLedger:
    return open_ledger(path, check_seconds=check_seconds, busy_seconds=0.01)


def test_a_sound_ledger_is_opened_without_a_word(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(opened(path)) as ledger:
        takes(ledger, path, 11)
        assert ledger.faults() == 0
    assert caplog.messages == []


def test_a_new_ledger_is_made(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "new" / "ledger.sqlite")) as ledger:
        assert ledger.agents() == []
        ledger.probe()


def test_an_older_one_is_brought_up(tmp_path: Path) -> None:
    with closing(opened(first_version(tmp_path / "ledger.sqlite"))) as ledger:
        assert len(ledger.totals()) == 2
        ledger.probe()


def test_a_damaged_ledger_is_read_and_not_written_to(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its index of agents is not that of its rows; totals need no index."""
    change(
        path,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master"
        " WHERE name = 'sqlite_autoindex_agents_1') WHERE name = 'sqlite_autoindex_series_1'",
    )
    before = path.read_bytes()
    with closing(opened(path)) as ledger:
        assert sum(used(ledger.totals()[1]).values()) == 80
        assert fails_to_take(ledger, 11).trouble is Trouble.DAMAGED
        with pytest.raises(LedgerError, match="storage: ") as raised:
            ledger.probe()
        assert raised.value.trouble is Trouble.DAMAGED
        assert ledger.faults() > 0
    assert path.read_bytes() == before
    assert [message.split()[0] for message in caplog.messages][-1] == "ledger_read_only"
    assert "ledger_damaged" in caplog.text


def test_sums_that_are_wrong_are_said_and_stop_nobody(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    change(path, "UPDATE usage SET quantity = 6 WHERE series = 1 AND quantity = 5 AND slot % 2")
    with closing(opened(path)) as ledger:
        deliver(ledger, 11, 11)
        assert ledger.faults() == 3
    assert {message.split()[0] for message in caplog.messages} == {"ledger_mismatch"}


@pytest.mark.parametrize(
    "statement", ["DROP TABLE usage", "DELETE FROM series", "UPDATE agents SET facts = ''"]
)
def test_one_whose_totals_cannot_be_read_names_the_way_out(path: Path, statement: str) -> None:
    change(path, statement)
    with pytest.raises(
        LedgerError, match=r"nor can it be read: `wattgram-collector ledger restore`"
    ):
        opened(path)


def test_a_newer_one_is_not_called_damaged(path: Path) -> None:
    change(path, "UPDATE schema_version SET version = 99")
    with pytest.raises(LedgerError, match=r"or restore a backup of an earlier one$"):
        opened(path)


def test_a_file_that_is_none_names_the_way_out_and_stays(path: Path) -> None:
    path.write_bytes(b"not a database, and somebody's " * 99)
    with pytest.raises(
        LedgerError, match=r"not a database; .*`wattgram-collector ledger restore`"
    ):
        opened(path)
    assert path.read_bytes().startswith(b"not a database")


def test_without_a_check_damage_is_not_looked_for(path: Path) -> None:
    change(path, "UPDATE usage SET quantity = -1")
    with closing(opened(path, check_seconds=0)) as ledger:
        ledger.probe()


def test_damage_that_is_found_late_ends_the_writing(path: Path) -> None:
    """The check took longer than a start may wait: the ledger was in use when it ended."""
    change(path, "UPDATE usage SET quantity = -1")
    with closing(SqliteLedger(path)) as ledger:
        checking = Check(path, ledger)
        assert checking.found() is None
        ledger.probe()
        checking.start()
        checking.join(SOON)
        assert fails_to_take(ledger, 11).trouble is Trouble.DAMAGED
        assert ledger.faults() == 1


def test_a_check_in_time_leaves_the_ledger_to_who_asked(path: Path) -> None:
    change(path, "UPDATE usage SET quantity = -1")
    with closing(SqliteLedger(path)) as ledger:
        checking = Check(path, ledger)
        checking.start()
        checking.join(SOON)
        found = checking.found()
        assert found is not None
        assert found.trouble is Trouble.DAMAGED
        ledger.probe()  # it is for who asked to decide


def test_a_full_disk_at_the_start_is_read_and_then_written_to(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4 << 20) as disk:
        path = sound(disk / "ledger.sqlite")
        filler = fill_up(disk)
        with closing(opened(path)) as ledger:
            assert fails_to_take(ledger, 11).trouble is Trouble.FULL
            assert sum(used(ledger.totals()[1]).values()) == 80
            with pytest.raises(LedgerError, match="disk full"):
                ledger.probe()
            filler.unlink()
            ledger.probe()
            takes(ledger, path, 11)


def test_a_read_only_file_system_at_the_start_is_read_and_then_written_to(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4 << 20) as disk:
        path = sound(disk / "ledger.sqlite")
        remount(disk, "ro")
        with closing(opened(path)) as ledger:
            assert fails_to_take(ledger, 11).trouble is Trouble.READ_ONLY
            assert sum(used(ledger.totals()[1]).values()) == 80
            with pytest.raises(LedgerError):
                ledger.probe()
            remount(disk, "rw")
            ledger.probe()
            takes(ledger, path, 11)


def test_a_ledger_to_look_at_takes_nothing(path: Path) -> None:
    before = path.read_bytes()
    with closing(SqliteLedger.reading(path)) as ledger:
        assert fails_to_take(ledger, 11).trouble is Trouble.READ_ONLY
        assert len(ledger.agents()) == 2
    assert path.read_bytes() == before
