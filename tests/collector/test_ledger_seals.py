"""Seals: what a day held is written down, and what came to it afterwards is seen."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from builders import PACKAGE, apply, entry, intensity
from ledger_files import FRANCE, change, first_version
from wattgram.handshake import HostFacts
from wattgram_collector.__main__ import main
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.intensity import Signal, Tier
from wattgram_collector.ledger import LedgerError, Trouble
from wattgram_collector.ledger.journal import (
    JournalEntry,
    JournalError,
    JournalKind,
    JournalRecord,
)
from wattgram_collector.ledger.restatement import Restatement
from wattgram_collector.ledger.seals import SLOTS_PER_DAY, day_of_slot, sealed_of, slots_of
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.sqlite_file import SqliteFile
from wattgram_collector.ledger.sqlite_seals import held_by, seal
from wattgram_collector.ledger.sqlite_verify import Verified, verify

MONDAY = date(2026, 3, 2)
FIRST, AFTER = slots_of(MONDAY)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two days of energy, in one of them two hosts."""
    path = tmp_path / "ledger.sqlite"
    with closing(SqliteLedger(path)) as ledger:
        for key in (1, 2):
            ledger.enrol(f"agent-{key}", HostFacts(host=f"host-{key}"))
            ledger.open_session(key, "session-1", 1)
        usage = {(PACKAGE, FIRST): 5, (PACKAGE, AFTER - 1): 6, (PACKAGE, AFTER): 7}
        apply(ledger, [entry(1, usage, factor=FRANCE)])
        apply(ledger, [entry(1, {(PACKAGE, FIRST): 8}, agent_key=2)])
    return path


def look(path: Path) -> Verified:
    heard: list[str] = []
    found = verify(path, heard.append)
    assert heard[0] == "storage"
    return found


def test_days_that_are_over_are_sealed_once(path: Path) -> None:
    later = MONDAY + timedelta(days=3)
    assert seal(path, MONDAY, 1) == []
    assert seal(path, MONDAY + timedelta(days=1), 2) == [MONDAY]
    assert seal(path, later, 3) == [MONDAY + timedelta(days=1)]
    assert seal(path, later, 4) == []
    with closing(SqliteLedger.reading(path)) as ledger:
        first, second = (sealed_of(one) for one in ledger.journal({JournalKind.SEAL}))
    assert (first.day, second.day) == (MONDAY, MONDAY + timedelta(days=1))
    assert first.quantities == {Account.HOST: 19}
    assert {name: one.rows for name, one in first.tables.items()} == {
        "postings": 3, "usage": 3, "receipts": 3, "repricings": 0, "factors": 1, "terms": 2,
    }  # fmt: skip
    found = look(path)
    assert (found.report.findings, found.seals, found.changed) == ((), 2, ())
    assert found.journal_entries == 2
    assert found.rows == 12


def test_a_ledger_with_nothing_in_it_has_no_days(tmp_path: Path) -> None:
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")):
        pass
    assert seal(tmp_path / "ledger.sqlite", MONDAY, 1) == []


def test_an_auditor_can_make_the_digest_again(path: Path) -> None:
    seal(path, MONDAY + timedelta(days=1), 1)
    with closing(sqlite3.connect(path)) as database:
        (text,) = database.execute("SELECT text FROM journal WHERE kind = 'seal'").fetchone()
        rows = database.execute(
            "SELECT * FROM postings WHERE slot >= ? AND slot < ?"
            " ORDER BY agent, slot, account, terms, factor",
            (FIRST, AFTER),
        ).fetchall()
    lines = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    assert json.loads(text)["tables"]["postings"] == {
        "rows": 3,
        "sha256": hashlib.sha256(lines.encode()).hexdigest(),
    }


def test_what_comes_late_is_no_fault_and_is_said(path: Path) -> None:
    seal(path, MONDAY + timedelta(days=2), 1)
    with closing(SqliteLedger(path)) as ledger:
        apply(ledger, [entry(2, {(PACKAGE, FIRST): 100, (PACKAGE, FIRST + 1): 1}, agent_key=2)])
    found = look(path)
    assert found.report.findings == ()
    ((day, number, what),) = found.changed
    assert (day, number) == (MONDAY, 1)
    assert what == (
        "postings: 4 rows, were 3",
        "receipts: 4 rows, were 3",
        "usage: 4 rows, were 3",
        "host_microjoules: 120, were 19",
    )


def test_what_is_restated_is_said(path: Path) -> None:
    seal(path, MONDAY + timedelta(days=2), 1)
    better = intensity("FR", "50", tier=Tier.LIVE)
    with closing(SqliteLedger(path)) as ledger:
        ledger.restate(
            Restatement(signal=Signal.AVERAGE, zone="FR", factors={FIRST: better},
                        begun_unix_seconds=1, reason="late", first_open_slot=0)
        )  # fmt: skip
    ((_, _, what),) = look(path).changed
    assert what == ("factors: 2 rows, were 1", "repricings: 1 rows, were 0")


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("postings", "UPDATE postings SET quantity = 4 WHERE quantity = 5"),
        ("usage", "UPDATE usage SET quantity = 4 WHERE quantity = 5"),
        ("receipts", "UPDATE receipts SET last = 2"),
        ("factors", "UPDATE factors SET version = '2'"),
        ("terms", "UPDATE terms SET text = ' ' || text"),
    ],
)
def test_every_table_of_a_day_is_in_its_seal(path: Path, table: str, statement: str) -> None:
    with closing(SqliteFile(path, read_only=True)) as file:
        before = held_by(file, MONDAY)
    change(path, statement)
    with closing(SqliteFile(path, read_only=True)) as file:
        now = held_by(file, MONDAY)
    assert {name for name in now.tables if now.tables[name] != before.tables[name]} == {table}


def test_days_are_of_utc_and_have_no_gap_between_them() -> None:
    assert AFTER - FIRST == SLOTS_PER_DAY == 288
    assert slots_of(MONDAY + timedelta(days=1))[0] == AFTER
    assert [day_of_slot(slot) for slot in (FIRST - 1, FIRST, AFTER - 1, AFTER)] == [
        MONDAY - timedelta(days=1), MONDAY, MONDAY, MONDAY + timedelta(days=1),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"day":"x","tables":{},"quantities":{}}'])
def test_what_is_no_seal_is_named(path: Path, text: str) -> None:
    record = JournalRecord(JournalKind.SEAL, "2026-03-02", text)
    with pytest.raises(JournalError, match="entry 3 is no seal"):
        sealed_of(JournalEntry(3, 0, *record, "", ""))
    with closing(SqliteLedger(path)) as ledger:
        ledger.append([record], 1)
    with pytest.raises(LedgerError, match="entry 1 is no seal") as caught:
        look(path)
    assert caught.value.trouble is Trouble.DAMAGED


# ── the commands ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def state(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WATTGRAM_COLLECTOR__STATE_DIRECTORY", str(path.parent))
    return path


def test_seal_and_verify_by_command(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "seal", "--until", "2026-03-03"]) == 0
    assert capsys.readouterr().out == "sealed 2026-03-02\n"
    assert main(["ledger", "seal", "--until", "2026-03-03"]) == 0
    assert capsys.readouterr().out == "no day to seal\n"
    assert main(["ledger", "seal", "--until", "2026-03-04", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"sealed": ["2026-03-03"]}
    assert main(["ledger", "verify"]) == 0
    said = capsys.readouterr()
    assert ": sound\n12 rows of quantities; the journal has 2 entries, the last is " in said.out
    assert said.out.endswith("2 seals, 0 days changed after they were sealed\n")
    assert said.err == ""
    change(state, "UPDATE usage SET quantity = 9 WHERE quantity = 8")
    assert main(["ledger", "verify", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert {one["kind"] for one in found["findings"]} == {"control", "entry"}
    assert found["journal_head"] is None


def test_no_day_that_is_not_over_is_sealed(state: Path) -> None:
    now = datetime.now(UTC)
    with closing(SqliteLedger(state)) as ledger:
        slot = int(now.timestamp()) // 300 + SLOTS_PER_DAY
        apply(ledger, [entry(2, {(PACKAGE, slot): 1})])
    assert main(["ledger", "seal", "--until", "9999-01-01"]) == 0
    with closing(SqliteLedger.reading(state)) as ledger:
        assert max(sealed_of(one).day for one in ledger.journal()) < now.date()


def test_verify_of_an_older_file_says_what_it_can(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = first_version(tmp_path / "old.sqlite")
    assert main(["ledger", "verify", "--json", str(old)]) == 0
    assert json.loads(capsys.readouterr().out)["journal_entries"] == 0
