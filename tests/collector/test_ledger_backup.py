"""Backups of a ledger in use, and a ledger out of a backup, whatever ends the attempt."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from builders import NOW, PACKAGE, SLOT, apply, entry, used
from ledger_files import (
    MISSING,
    READINGS,
    change,
    deliver,
    fill_up,
    first_version,
    small_disk,
    sound,
)
from wattgram.lock import only_one
from wattgram_collector.__main__ import main
from wattgram_collector.ledger import AgentTotals, LedgerError, Trouble
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.sqlite_check import check
from wattgram_collector.ledger.sqlite_opening import open_ledger
from wattgram_collector.ledger.sqlite_restore import backup, finish_restore, restore

Output = pytest.CaptureFixture[str]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WATTGRAM_COLLECTOR__STATE_DIRECTORY", str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


@pytest.fixture
def path(state: Path) -> Path:
    return sound(state / "ledger.sqlite")


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(path)) as opened:
        yield opened


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups" / "monday.sqlite"


def totals(path: Path) -> dict[int, AgentTotals]:
    with closing(open_ledger(path, check_seconds=0)) as ledger:
        return ledger.totals()


# ── backup ───────────────────────────────────────────────────────────────────────────────────


def test_a_backup_of_a_ledger_in_use_is_all_of_it_in_one_file(
    ledger: SqliteLedger, path: Path, target: Path
) -> None:
    deliver(ledger, 11, 12)  # in the journal, not in the file
    report = backup(path, target)
    deliver(ledger, 13, 13)
    assert (report.agents, report.newest_sample_unix_nanoseconds) == (2, NOW)
    assert list(target.parent.iterdir()) == [target]
    assert target.stat().st_mode & 0o777 == 0o600
    assert totals(target)[1].tallies[READINGS] == 2 * 12


def test_it_is_of_one_instant_while_another_thread_adds(
    ledger: SqliteLedger, path: Path, target: Path
) -> None:
    done = threading.Event()

    def add() -> None:
        for number in range(11, 400):
            deliver(ledger, number, number)
            if done.is_set():
                break

    adding = threading.Thread(target=add)
    adding.start()
    try:
        for _ in range(3):
            assert backup(path, target, force=True).is_sound
    finally:
        done.set()
        adding.join()
    assert check(path, full=True).is_sound


def test_a_file_that_exists_is_kept_unless_forced(path: Path, target: Path) -> None:
    target.write_text("mine")
    with pytest.raises(LedgerError, match="exists already; --force"):
        backup(path, target)
    assert target.read_text() == "mine"
    backup(path, target, force=True)
    assert check(target, full=True).is_sound


def test_the_ledger_is_not_its_own_backup(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite"
    link.symlink_to(path)
    for one in (path, link):
        with pytest.raises(LedgerError, match="is the ledger itself"):
            backup(path, one, force=True)
    assert check(path, full=True).is_sound


def test_a_damaged_ledger_gives_no_backup(path: Path, target: Path) -> None:
    backup(path, target)
    before = target.read_bytes()
    change(path, "UPDATE usage SET quantity = -1")
    with pytest.raises(LedgerError, match=r"ledger\.sqlite: value: 21 rows of usage") as raised:
        backup(path, target, force=True)
    assert raised.value.trouble is Trouble.DAMAGED
    assert list(target.parent.iterdir()) == [target]
    assert target.read_bytes() == before


def test_wrong_sums_are_backed_up_and_restored_and_said(
    path: Path, target: Path, capsys: Output
) -> None:
    """It is all that there is; no backup any more would be worse."""
    change(path, "UPDATE usage SET quantity = quantity + 1 WHERE series = 3")
    assert main(["ledger", "backup", str(target)]) == 1
    said = capsys.readouterr().out
    assert "3 faults\n  entry: agent 2 used 8 and posted 7 microjoules\n  control: " in said
    assert main(["ledger", "restore", str(target)]) == 0
    assert "3 faults" in capsys.readouterr().out
    assert sum(used(totals(path)[2]).values()) == 8


def test_a_full_disk_leaves_the_former_backup(path: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        target = disk / "backup.sqlite"
        backup(path, target)
        before = target.read_bytes()
        fill_up(disk, but_bytes=16 * 1024)
        with pytest.raises(LedgerError) as raised:
            backup(path, target, force=True)
        assert raised.value.trouble is Trouble.FULL
        assert target.read_bytes() == before
        assert not list(disk.glob("*.partial"))


def test_there_is_no_backup_of_nothing(state: Path, target: Path) -> None:
    with pytest.raises(LedgerError, match=r"ledger\.sqlite: no ledger yet"):
        backup(state / "ledger.sqlite", target)
    assert list(state.iterdir()) == []
    assert not target.exists()


# ── restore ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def saved(path: Path, target: Path) -> Path:
    """A backup after ten batches; the ledger then went on to twenty, part of it in a journal."""
    backup(path, target)
    with closing(SqliteLedger(path)) as ledger:
        deliver(ledger, 11, 20)
        apply(ledger, [entry(1, {(PACKAGE, SLOT): 9}, session="session-2")])
        for suffix in ("", "-wal"):  # as kill -9 leaves it
            name = path.name + suffix
            shutil.copy(path.with_name(name), path.with_name(f"copy-{name}"))
    for suffix in ("", "-wal"):
        name = path.name + suffix
        path.with_name(f"copy-{name}").rename(path.with_name(name))
    return target


def test_a_restore_gives_what_was_saved_and_keeps_what_was_there(path: Path, saved: Path) -> None:
    report, kept = restore(path, saved)
    assert report.is_sound
    assert kept is not None
    assert totals(path)[1].tallies[READINGS] == 2 * 10
    assert totals(kept)[1].tallies[READINGS] == 2 * 20
    assert {one.name for one in path.parent.iterdir()} == {path.name, kept.name}
    assert saved.exists()


def test_two_restores_keep_two_files(path: Path, saved: Path) -> None:
    _, first = restore(path, saved)
    _, second = restore(path, saved)
    assert first != second
    assert first is not None
    assert totals(first)[1].tallies[READINGS] == 2 * 20


def test_a_ledger_that_is_gone_or_rotten_is_restored_too(path: Path, saved: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    assert restore(path, saved)[1] is None
    path.write_bytes(b"rotten" * 4000)
    _, kept = restore(path, saved)
    assert kept is not None
    assert kept.read_bytes().startswith(b"rotten")
    assert totals(path)[1].tallies[READINGS] == 2 * 10


def test_a_backup_of_the_first_version_is_restored_and_brought_up(
    path: Path, tmp_path: Path
) -> None:
    old = first_version(tmp_path / "old.sqlite")
    report, _ = restore(path, old)
    assert (report.schema_version, report.agents) == (4, 2)
    assert len(totals(path)) == 2
    assert check(old, full=True).schema_version == 1
    assert not list(path.parent.glob("*version*"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE usage SET quantity = -1",
        "DELETE FROM series",
        "UPDATE schema_version SET version = 99",
    ],
)
def test_what_is_not_sound_is_not_restored(path: Path, saved: Path, statement: str) -> None:
    before = {one.name: one.read_bytes() for one in path.parent.iterdir()}
    change(saved, statement)
    with pytest.raises(LedgerError):
        restore(path, saved)
    assert {one.name: one.read_bytes() for one in path.parent.iterdir()} == before


def test_what_agents_delivered_since_is_counted_as_missing(path: Path, saved: Path) -> None:
    """They have forgotten what was acknowledged: it is in no ledger, and that is said."""
    restore(path, saved)
    with closing(open_ledger(path, check_seconds=9)) as ledger:
        assert ledger.open_session(1, "session-1", 21) == 10  # what Welcome says
        deliver(ledger, 21, 21)
        assert ledger.totals()[1].tallies[MISSING] == 10
        assert sum(used(ledger.totals()[1]).values()) == 8 * 11
    assert check(path, full=True).is_sound


def test_a_session_that_began_since_is_counted_too(path: Path, saved: Path) -> None:
    """The restored ledger has never heard of it, and its agent goes on after what it delivered."""
    restore(path, saved)
    with closing(open_ledger(path, check_seconds=9)) as ledger:
        assert ledger.open_session(1, "session-2", 2) == 0
        apply(ledger, [entry(2, {(PACKAGE, SLOT): 9}, session="session-2")])
        assert ledger.totals()[1].tallies[MISSING] == 1
        assert ledger.open_session(2, "session-3", 1) == 0
        apply(ledger, [entry(1, agent_key=2, session="session-3")])
        assert ledger.totals()[2].tallies[MISSING] == 2  # as before
    assert check(path, full=True).is_sound


@pytest.mark.parametrize("steps", range(4))
def test_a_restore_that_is_killed_has_happened_or_has_not(
    path: Path, saved: Path, steps: int
) -> None:
    """After each of the renames at its end; whoever comes next ends it, and nobody reads half."""
    staged, kept = path.with_name(path.name + ".restoring"), path.with_name("kept")
    shutil.copy(saved, staged)
    renames = [
        (path.with_name(path.name + "-wal"), kept.with_name("kept-wal")),
        (path, kept),
        (staged, path),
    ]
    for source, to in renames[:steps]:
        source.rename(to)
    if steps < len(renames):
        for look in (lambda: check(path, full=True), lambda: SqliteLedger.reading(path)):
            with pytest.raises(LedgerError, match="a restore was interrupted"):
                look()
    with closing(open_ledger(path, check_seconds=9)) as ledger:
        assert ledger.totals()[1].tallies[READINGS] == 2 * 10
        ledger.probe()
    assert finish_restore(path) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, which may give files away")
def test_the_new_ledger_is_of_who_had_the_former_one(path: Path, saved: Path) -> None:
    """Root restores; the collector, which is not root, goes on."""
    os.chown(path, 12345, 12346)
    restore(path, saved)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


# ── the commands ─────────────────────────────────────────────────────────────────────────────


def test_check_says_that_a_ledger_is_sound(ledger: SqliteLedger, capsys: Output) -> None:
    assert main(["ledger", "check"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("schema version 4, 2 agents, data up to 2025-06-15")
    assert said.endswith("s: sound\n")


def test_check_as_json(ledger: SqliteLedger, path: Path, capsys: Output) -> None:
    assert main(["ledger", "check", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["path"], said["sound"], said["findings"]) == (str(path), True, [])
    assert (said["schema_version"], said["agents"]) == (4, 2)
    assert said["newest_sample_unix_nanoseconds"] == NOW


def test_check_names_faults_and_ends_with_one(path: Path, target: Path, capsys: Output) -> None:
    backup(path, target)
    change(target, "UPDATE sessions SET applied = 11 WHERE agent = 1")
    assert main(["ledger", "check", str(target)]) == 1
    assert capsys.readouterr().out.endswith(
        "s: 2 faults\n  sequence: agent 1 lacks 1 batches, says 0\n"
        "  control: sessions: the row of agent 1, session 'session-1' was changed\n"
    )
    assert main(["ledger", "check", "--json", str(target)]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0] == {
        "kind": "sequence", "detail": "agent 1 lacks 1 batches, says 0", "damage": False
    }  # fmt: skip
    assert main(["ledger", "check"]) == 0


def test_backup_and_restore_by_command(
    path: Path, target: Path, state: Path, capsys: Output
) -> None:
    assert main(["ledger", "backup", str(target)]) == 0
    assert main(["ledger", "backup", str(target)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert main(["ledger", "backup", "--force", str(target)]) == 0
    with closing(SqliteLedger(path)) as ledger:
        deliver(ledger, 11, 11)
    with only_one(state):
        assert main(["ledger", "restore", str(target)]) == 1
    assert "state_directory is in use by another process" in capsys.readouterr().err
    assert totals(path)[1].tallies[READINGS] == 2 * 11
    assert main(["ledger", "restore", str(target)]) == 0
    said = capsys.readouterr().out
    assert f"the former ledger is kept as {path}.before-restore-" in said
    assert "missing batches" in said
    assert totals(path)[1].tallies[READINGS] == 2 * 10


@pytest.mark.parametrize(
    "arguments",
    [["ledger", "check"], ["ledger", "restore", "absent"], ["ledger", "backup", "x"]],
)
def test_what_is_not_there_is_named(
    state: Path, arguments: list[str], capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(state)
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert said.err.startswith("wattgram-collector: ")
    assert "no ledger yet" in said.err
    assert said.out == ""


def test_a_backup_opens_with_plain_sql(path: Path, target: Path) -> None:
    backup(path, target)
    with closing(sqlite3.connect(f"file:{target}?mode=ro&immutable=1", uri=True)) as database:
        ((energy,),) = database.execute("SELECT sum(quantity) FROM usage").fetchall()
    assert energy == 8 * 10 + 7
