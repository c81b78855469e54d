"""A file of every earlier version becomes this one, and loses nothing, whatever ends it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from builders import SLOT, apply, entry, posted, used
from ledger_files import (
    FRANCE,
    MISSING,
    change,
    deliver,
    fill_up,
    first_version,
    shape,
    small_disk,
    sound,
)
from wattgram.readings import Component, Kind, Series
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.intensity import Tier
from wattgram_collector.ledger import LedgerError, Tally
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.sqlite_check import check
from wattgram_collector.ledger.sqlite_file import SqliteFile
from wattgram_collector.ledger.sqlite_migrations import (
    SCHEMA_VERSION,
    STEPS,
    STEPS_BYTES,
    SchemaVersionError,
    migrate,
    version_of,
)

PACKAGE = Series(kind=Kind.ENERGY, source="rapl", domain="package", instance="0", counted=True,
                 component=Component.CPU)  # fmt: skip
CORE = Series(kind=Kind.ENERGY, source="rapl", domain="core", instance="0")
RECEIVE = Series(kind=Kind.RECEIVE, source="network", domain="interface", instance="eth0",
                 counted=True)  # fmt: skip


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return first_version(tmp_path / "ledger.sqlite")


def version(path: Path) -> int:
    with closing(SqliteFile(path, read_only=True)) as file:
        return version_of(file)


def test_a_file_of_the_first_version_is_read_with_all_its_totals(old: Path) -> None:
    """Must show 6 of the issue."""
    with closing(SqliteLedger(old)) as ledger:
        totals, agents = ledger.totals(), ledger.agents()
        assert [ledger.open_session(*of, 99) for of in ((1, "a"), (1, "b"), (2, "c"))] == [
            12, 3, 40,
        ]  # fmt: skip
    assert used(totals[1]) == {PACKAGE: (1 << 40) + 5, CORE: 3}
    assert used(totals[2]) == {PACKAGE: 100, RECEIVE: 70}
    assert totals[1].postings == posted(FRANCE, 1 << 40) | posted(None, 5)
    assert totals[2].postings == posted(FRANCE, 100) | posted(FRANCE, 70, Account.NETWORK)
    assert totals[1].tallies == {(Tally.READINGS, ""): 900, MISSING: 4}
    assert totals[2].tallies == {
        (Tally.REFUSED_BATCHES, "future"): 1,
        (Tally.GAP_NANOSECONDS, "suspended"): 77,
    }
    assert [(one.host, one.facts.site) for one in agents] == [("alpha", ""), ("beta", "attic")]


def test_it_then_is_what_a_new_file_is_and_adds_up(old: Path, tmp_path: Path) -> None:
    """Also after more was added, by a session of before and by a new one."""
    new = sound(tmp_path / "new.sqlite")
    with closing(SqliteLedger(old)) as ledger:
        usage = {(PACKAGE, SLOT + 9): 11}
        apply(ledger, [entry(15, usage, session="a"), entry(41, usage, agent_key=2, session="c")])
        ledger.open_session(2, "d", 7)
        apply(ledger, [entry(9, usage, agent_key=2, session="d")])
    assert shape(old) == shape(new)
    report = check(old, full=True)
    assert report.findings == ()
    assert (report.schema_version, report.agents) == (SCHEMA_VERSION, 2)


def test_every_version_on_the_way_is_the_one_that_was_released(old: Path, tmp_path: Path) -> None:
    """The steps are tested one by one, and not only where all of them lead to."""
    for step in range(1, len(STEPS)):
        with closing(SqliteFile(old)) as file:
            migrate(file, STEPS[:step])
        schema = tmp_path / f"v{step + 1}.sqlite"
        text = (Path(__file__).parent / "schemas" / f"v{step + 1}.sql").read_text("utf-8")
        with closing(sqlite3.connect(schema)) as database:
            database.executescript(text)
        assert shape(old) == shape(schema)
        assert check(old, full=True).findings == ()


def test_what_was_priced_has_the_zone_of_its_factor(old: Path) -> None:
    with closing(SqliteLedger(old)) as ledger:
        totals = ledger.totals()
    zones = {(one.account, one.terms.zone, one.tier) for one in totals[1].postings}
    assert zones == {(Account.HOST, "FR", Tier.ANNUAL), (Account.HOST, "", None)}


def test_a_copy_of_before_is_kept_beside_it(old: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with closing(SqliteLedger(old)):
        pass
    copy = old.with_name("ledger.sqlite.version-1")
    assert version(copy) == 1
    assert copy.stat().st_mode & 0o777 == 0o600
    assert check(copy, full=True).findings == ()
    assert f"ledger_migrated from=1 to={SCHEMA_VERSION} copy={copy}" in caplog.messages
    assert not list(old.parent.glob("*.partial"))
    before = copy.stat()
    with closing(SqliteLedger(old)):
        pass
    assert copy.stat() == before  # there was nothing to do


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    path = sound(tmp_path / "ledger.sqlite")
    change(path, "UPDATE schema_version SET version = version + 1")
    with pytest.raises(
        SchemaVersionError, match=r"ledger\.sqlite: schema version \d+, this program writes"
    ):
        SqliteLedger(path)
    assert version(path) == SCHEMA_VERSION + 1


def test_looking_at_an_older_file_does_not_change_it(old: Path) -> None:
    with pytest.raises(SchemaVersionError, match="schema version 1, this program reads"):
        SqliteLedger.reading(old)
    assert version(old) == 1


# ── steps of a program to come ───────────────────────────────────────────────────────────────


def adds_a_column(file: SqliteFile) -> None:
    file.execute("ALTER TABLE agents ADD COLUMN note TEXT NOT NULL DEFAULT ''")
    file.execute("UPDATE agents SET note = host")


def adds_a_table(file: SqliteFile) -> None:
    file.execute("CREATE TABLE more (one INTEGER)")
    file.execute("INSERT INTO more SELECT key FROM agents")


def breaks(file: SqliteFile) -> None:
    adds_a_table(file)
    file.execute("INSERT INTO nowhere VALUES (1)")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return sound(tmp_path / "ledger.sqlite")


def steps_of(path: Path, *steps: object) -> None:
    with closing(SqliteFile(path)) as file:
        migrate(file, (*STEPS, *steps))  # type: ignore[arg-type]


def test_steps_run_in_order_and_once(path: Path) -> None:
    steps_of(path, adds_a_column, adds_a_table)
    steps_of(path, adds_a_column, adds_a_table)
    assert version(path) == SCHEMA_VERSION + 2
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT note FROM agents").fetchall() == [("host-1",), ("host-2",)]
        assert database.execute("SELECT one FROM more").fetchall() == [(1,), (2,)]


def test_a_step_that_fails_has_not_happened_and_those_before_it_have(path: Path) -> None:
    with pytest.raises(LedgerError, match="no such table: nowhere"):
        steps_of(path, adds_a_column, breaks)
    assert version(path) == SCHEMA_VERSION + 1
    assert "more" not in shape(path)
    steps_of(path, adds_a_column, adds_a_table)
    assert version(path) == SCHEMA_VERSION + 2


DIES = """
import os, sys
from pathlib import Path
from wattgram_collector.ledger.sqlite_file import SqliteFile
from wattgram_collector.ledger.sqlite_migrations import STEPS, migrate
def dies(file):
    STEPS[0](file)
    os._exit(9)
migrate(SqliteFile(Path(sys.argv[1])), (dies,))
"""


def test_a_process_that_dies_in_a_step_leaves_the_version_before(old: Path) -> None:
    ended = subprocess.run((sys.executable, "-c", DIES, str(old)), check=False, timeout=60)
    assert ended.returncode == 9
    assert version(old) == 1
    with closing(SqliteLedger(old)) as ledger:
        assert used(ledger.totals()[1])[PACKAGE] == (1 << 40) + 5
    assert check(old, full=True).findings == ()


def test_without_room_there_is_no_copy_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        old = first_version(disk / "ledger.sqlite")
        fill_up(disk, but_bytes=2 * old.stat().st_size + STEPS_BYTES - 4096)
        with closing(SqliteLedger(old)) as ledger:
            assert used(ledger.totals()[1])[CORE] == 3
        assert list(disk.glob("*.version-*")) == []
        assert version(old) == SCHEMA_VERSION
    assert any(message.startswith("ledger_not_copied version=1") for message in caplog.messages)


def test_a_session_of_before_goes_on_with_what_it_had(tmp_path: Path) -> None:
    """Delivery is the same after: a repetition is one, and a gap is counted."""
    path = sound(tmp_path / "ledger.sqlite")
    with closing(SqliteLedger(path)) as ledger:
        deliver(ledger, 8, 12)
        deliver(ledger, 15, 15)
        assert ledger.totals()[1].tallies[MISSING] == 2
        assert sum(used(ledger.totals()[1]).values()) == 8 * 13
    assert check(path, full=True).findings == ()
