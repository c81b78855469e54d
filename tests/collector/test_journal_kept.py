"""The journal in the ledger: all or nothing, in order, and beside a collector that works."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from builders import PACKAGE, SLOT, apply, entry
from journal_fake import MemoryJournal
from ledger_files import change, first_version, sound
from wattgram_collector.ledger import LedgerError, Trouble
from wattgram_collector.ledger.journal import (
    Journal,
    JournalError,
    JournalKind,
    JournalRecord,
    verified,
)
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.sqlite_check import check
from wattgram_collector.ledger.sqlite_journal import SqliteJournal
from wattgram_collector.ledger.sqlite_migrations import SchemaVersionError

ASSET = JournalRecord(JournalKind.ASSET, "gw-1", '{"owner":"Zürich \u0000 \\u0000"}')
ACTIVITY = JournalRecord(JournalKind.ACTIVITY, "t-1", "{}")

OPENED: list[Callable[[Path], Journal]] = [
    SqliteLedger,
    SqliteJournal,
    lambda _: MemoryJournal(),
]


@pytest.fixture(params=OPENED, ids=["ledger", "journal", "memory"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    with closing(request.param(tmp_path / "ledger.sqlite")) as journal:
        yield journal


def test_what_is_said_is_kept_in_order_and_bound_together(kept: Journal) -> None:
    assert list(kept.journal()) == []
    assert kept.append([ASSET, ACTIVITY], 5) == (1, 2)
    assert kept.append([], 6) == (3, 2)
    assert kept.append([ASSET], 7) == (3, 3)

    entries = list(verified(kept.journal()))

    assert [JournalRecord(*entry[2:5]) for entry in entries] == [ASSET, ACTIVITY, ASSET]
    assert [(one.number, one.recorded_unix_nanoseconds) for one in entries] == [
        (1, 5), (2, 5), (3, 7),
    ]  # fmt: skip
    assert list(kept.journal(after=1)) == entries[1:]
    assert list(kept.journal({JournalKind.ACTIVITY})) == [entries[1]]
    assert list(kept.journal({JournalKind.ASSET}, after=1)) == [entries[2]]
    assert list(kept.journal(set())) == []


def test_more_than_is_read_at_once_is_read(kept: Journal) -> None:
    kept.append([ACTIVITY] * 4001, 5)
    assert [one.number for one in verified(kept.journal())] == list(range(1, 4002))
    assert sum(1 for _ in kept.journal({JournalKind.ACTIVITY}, after=2)) == 3999


def test_a_ledger_that_is_read_refuses_what_is_said(tmp_path: Path) -> None:
    path = sound(tmp_path / "ledger.sqlite")
    with closing(SqliteLedger.reading(path)) as ledger:
        with pytest.raises(LedgerError) as caught:
            ledger.append([ASSET], 5)
        assert caught.value.trouble is Trouble.READ_ONLY
        assert list(ledger.journal()) == []


def test_what_fails_half_way_was_not_said(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(SqliteJournal(path)) as journal:
        journal.append([ASSET], 5)
        broken = JournalRecord(JournalKind.ASSET, "b", None)  # type: ignore[arg-type]
        with pytest.raises(LedgerError):
            journal.append([ACTIVITY] * 2500 + [broken], 6)
        assert sum(1 for _ in verified(journal.journal())) == 1
        assert journal.append([ACTIVITY], 7) == (2, 2)
    assert check(path, full=True).is_sound


def test_text_that_nobody_can_write_down_is_refused(tmp_path: Path) -> None:
    with closing(SqliteJournal(tmp_path / "ledger.sqlite")) as journal:
        with pytest.raises(LedgerError, match="no Unicode"):
            journal.append([ASSET, ASSET._replace(text='"\ud800"')], 5)
        assert list(journal.journal()) == []


def test_a_command_and_a_collector_work_side_by_side(tmp_path: Path) -> None:
    """Neither loses anything, whoever waits for whom; each goes on from what the other wrote."""
    path = sound(tmp_path / "ledger.sqlite")
    with closing(SqliteLedger(path)) as ledger, closing(SqliteJournal(path)) as command:

        def say() -> None:
            for number in range(20):
                command.append([ASSET, ACTIVITY], number)

        speaking = threading.Thread(target=say)
        speaking.start()
        for sequence in range(11, 31):
            apply(ledger, [entry(sequence, {(PACKAGE, SLOT): 5})])
            ledger.append([ACTIVITY], 1)
        speaking.join()
        assert sum(1 for _ in verified(ledger.journal())) == 60
    assert check(path, full=True).is_sound


def test_a_busy_ledger_is_said_and_nothing_is_booked(tmp_path: Path) -> None:
    path = sound(tmp_path / "ledger.sqlite")
    with (
        closing(SqliteJournal(path, patience_seconds=0)) as command,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError) as caught:
            command.append([ASSET], 1)
        assert caught.value.trouble is Trouble.LOCKED
        other.execute("ROLLBACK")
        assert command.append([ASSET], 1) == (1, 1)


def test_a_command_does_not_bring_an_older_ledger_up(tmp_path: Path) -> None:
    """The collector that may be running would not know it again."""
    old = first_version(tmp_path / "old.sqlite")
    with pytest.raises(SchemaVersionError, match=r"old\.sqlite: schema version 1"):
        SqliteJournal(old)


def test_a_word_that_is_no_kind_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(SqliteJournal(path)) as journal:
        journal.append([ASSET], 5)
    change(path, "UPDATE journal SET kind = 'joy'")
    with (
        closing(SqliteJournal(path)) as journal,
        pytest.raises(LedgerError, match="journal entry 1: 'joy'"),
    ):
        list(journal.journal())


def test_one_whose_text_was_changed_is_found(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(SqliteJournal(path)) as journal:
        journal.append([ASSET, ACTIVITY, ASSET], 5)
    change(path, "UPDATE journal SET text = '{\"km\":1}' WHERE number = 2")
    with closing(SqliteJournal(path)) as journal, pytest.raises(JournalError, match="entry 2"):
        list(verified(journal.journal()))


def test_the_script_of_the_documents_walks_the_chain(tmp_path: Path) -> None:
    """What an auditor copies works as it stands, and finds what was changed."""
    document = Path(__file__).parents[2] / "docs" / "ledger.md"
    (script,) = re.findall(r"```python\n(.*?)```", document.read_text("utf-8"), re.DOTALL)
    path = tmp_path / "ledger.sqlite"
    with closing(SqliteJournal(path)) as journal:
        journal.append([ASSET, ACTIVITY, ASSET], 5)
        *_, last = journal.journal()

    def walk() -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-c", script, str(path))
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    assert walk().stdout == f"{last.hash}\n"
    change(path, "UPDATE journal SET subject = 'other' WHERE number = 2")
    assert "entry 2 was changed" in walk().stderr
