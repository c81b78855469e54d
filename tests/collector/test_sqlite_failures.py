"""The ledger when storage fails: all of a group or nothing of it, and it says so."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from builders import CORE, DRAM, PACKAGE, RECEIVE, SLOT, apply, entry, intensity, posted, used
from wattgram.handshake import HostFacts
from wattgram_collector.ledger import LedgerError, Tally
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.statements import INTEGER_MAX

FRANCE, GERMANY = intensity("FR", "44.18"), intensity("DE", "341.5")
READINGS = (Tally.READINGS, "")
TABLES = ("series", "factors", "usage", "postings", "tallies", "sessions", "agents")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterable[SqliteLedger]:
    with closing(SqliteLedger(path, busy_seconds=0.01)) as opened:
        opened.enrol("agent-1", HostFacts(host="alpha"))
        opened.open_session(1, "session-1", 1)
        assert opened.series_keys(1, [PACKAGE, DRAM]) == (1, 2)
        apply(opened, [entry(1, {(PACKAGE, SLOT): 5}, factor=FRANCE, tallies={READINGS: 1})])
        yield opened


def dump(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as database:
        return {
            name: database.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3").fetchall()  # noqa: S608
            for name in TABLES
        }


@contextmanager
def refusing_writes_to(table: str, path: Path) -> Iterator[None]:
    """Make every insert into a table fail, as a full disk would, in the middle."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for event in ("INSERT", "UPDATE"):
            database.execute(
                f"CREATE TRIGGER refuse_{event} BEFORE {event} ON {table}"
                " BEGIN SELECT RAISE(ABORT, 'no room'); END"
            )
        yield
        for event in ("INSERT", "UPDATE"):
            database.execute(f"DROP TRIGGER refuse_{event}")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


NEW = [
    entry(2, {(PACKAGE, SLOT): 7, (DRAM, SLOT): 3}, factor=GERMANY, tallies={READINGS: 2}),
    entry(4, {(PACKAGE, SLOT + 1): 11}, factor=FRANCE, tallies={READINGS: 1}),
]


@pytest.mark.parametrize("table", [*TABLES[1:-1], "(lock)"])
def test_a_failure_in_the_middle_leaves_nothing_half_applied(
    ledger: SqliteLedger, path: Path, table: str
) -> None:
    """And the same entries apply once the storage works again: nothing was taken as applied."""
    before, totals = dump(path), ledger.totals()
    with locked(path) if table == "(lock)" else refusing_writes_to(table, path):
        for _ in range(2):
            with pytest.raises(LedgerError, match=r"locked|no room"):
                apply(ledger, NEW)
        assert ledger.totals() == totals
    assert dump(path) == before
    assert [(one.is_new, one.missing) for one in apply(ledger, NEW)] == [(True, 0), (True, 1)]
    with closing(SqliteLedger(path)) as again:
        found = again.totals()[1]
    assert used(found) == {PACKAGE: 5 + 7 + 11, DRAM: 3}
    assert found.postings == posted(FRANCE, 5 + 11) | posted(GERMANY, 10)
    assert found.tallies == {READINGS: 4, (Tally.MISSING_BATCHES, ""): 1}


def test_series_that_cannot_be_written_have_no_keys_and_get_them_later(
    ledger: SqliteLedger, path: Path
) -> None:
    before = dump(path)
    with refusing_writes_to("series", path), pytest.raises(LedgerError, match="no room"):
        ledger.series_keys(1, [CORE, RECEIVE])
    assert dump(path) == before
    keys = ledger.series_keys(1, [CORE, PACKAGE, RECEIVE])
    assert len(set(keys)) == 3
    with closing(SqliteLedger(path)) as again:
        assert again.series_keys(1, [CORE, PACKAGE, RECEIVE]) == keys


@pytest.mark.parametrize(
    "work",
    [
        lambda ledger: ledger.enrol("agent-2", HostFacts(host="beta")),
        lambda ledger: ledger.enrol("agent-1", HostFacts(host="alpha", site="attic")),
        lambda ledger: ledger.open_session(1, "session-2", 1),
    ],
)
def test_what_cannot_be_written_is_a_ledger_error_and_works_later(
    ledger: SqliteLedger, path: Path, work: Callable[[SqliteLedger], object]
) -> None:
    with locked(path), pytest.raises(LedgerError, match="locked"):
        work(ledger)
    work(ledger)


def test_a_repetition_needs_no_storage(ledger: SqliteLedger, path: Path) -> None:
    with locked(path):
        (outcome,) = apply(ledger, [entry(1, {(PACKAGE, SLOT): 5})])
    assert not outcome.is_new


# ── quantities that no storage of 64 bits holds ──────────────────────────────────────────


def test_years_of_a_large_host_are_summed_exactly(ledger: SqliteLedger, path: Path) -> None:
    """A sum past 64 bits is an error to SQLite; the collector would never start again."""
    big = INTEGER_MAX - 3
    usage = {(PACKAGE, SLOT + number): big for number in range(1, 6)}
    apply(ledger, [entry(2, usage, factor=FRANCE)])
    with closing(SqliteLedger(path)) as again:
        found = again.totals()[1]
    assert used(found) == {PACKAGE: 5 * big + 5}
    assert found.postings == posted(FRANCE, 5 * big + 5)


def test_an_absurd_quantity_stays_an_integer_and_stops_nobody(
    ledger: SqliteLedger, path: Path
) -> None:
    """One host may say what it likes: it must neither stop the commit nor spoil a later start."""
    much = 1 << 62
    for sequence, factor in ((2, 1), (3, 2), (4, 1)):
        absurd = {(Tally.GAP_NANOSECONDS, "suspended"): factor * much + 1}
        usage = {(PACKAGE, SLOT): factor * much, (PACKAGE, SLOT + sequence): 1 << 64}
        apply(ledger, [entry(sequence, usage, tallies=absurd)])
        rows = dump(path)
        for table in ("usage", "postings", "tallies"):
            assert all(isinstance(row[-1], int) for row in rows[table])
    apply(ledger, [entry(5, {(DRAM, SLOT): 1}, factor=FRANCE)])
    with closing(SqliteLedger(path)) as again:
        found = again.totals()[1]
    assert used(found) == {PACKAGE: 4 * INTEGER_MAX, DRAM: 1}
    assert found.postings == posted(None, 4 * INTEGER_MAX) | posted(FRANCE, 6)
    assert found.tallies[Tally.GAP_NANOSECONDS, "suspended"] == INTEGER_MAX


# ── files that cannot be used ────────────────────────────────────────────────────────────


def test_another_schema_version_is_refused_naming_both(ledger: SqliteLedger, path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE schema_version SET version = 7")
    with pytest.raises(
        LedgerError, match=r"ledger\.sqlite: schema version 7, this program writes"
    ):
        SqliteLedger(path)


def test_a_file_that_is_no_database_is_refused_and_not_overwritten(path: Path) -> None:
    path.write_bytes(b"not a database, and somebody's " * 99)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite: file is not a database"):
        SqliteLedger(path)
    assert path.read_bytes().startswith(b"not a database")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file is in the way")
    with pytest.raises(LedgerError, match="state"):
        SqliteLedger(tmp_path / "state" / "ledger.sqlite")


def test_a_table_that_is_damaged_is_named(ledger: SqliteLedger, path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TABLE factors")
    with pytest.raises(LedgerError, match=r"ledger\.sqlite: no such table: factors"):
        SqliteLedger(path)


def test_a_word_that_this_program_does_not_know_is_named(ledger: SqliteLedger, path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE factors SET tier = 'guessed'")
    with pytest.raises(LedgerError, match=r"ledger\.sqlite: 'guessed'"):
        SqliteLedger(path)


# ── the process ends at any instant ──────────────────────────────────────────────────────

APPLIES_FOR_EVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from builders import PACKAGE, SLOT, apply, entry, intensity
from wattgram_collector.ledger import Tally
from wattgram_collector.ledger.sqlite import SqliteLedger
ledger = SqliteLedger(Path(sys.argv[1]))
applied = ledger.open_session(1, "session-1", 1)
while True:
    apply(ledger, [
        entry(n, {(PACKAGE, SLOT + n % 5): n}, factor=intensity("FR", str(n % 7)),
              tallies={(Tally.READINGS, ""): 1})
        for n in range(applied + 1, applied + 4)
    ])
    applied += 3
    print(applied, flush=True)
"""


def test_nothing_that_was_acknowledged_is_lost_when_the_process_is_killed(
    ledger: SqliteLedger, path: Path
) -> None:
    """What is in the file is a whole number of groups, and at least those that were answered."""
    ledger.close()
    command = (sys.executable, "-c", APPLIES_FOR_EVER, str(path), str(Path(__file__).parents[1]))
    printed = 1
    for answers in (1, 2, 3, 5, 8, 13, 34, 55):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(answers):
                printed = int(process.stdout.readline())
            process.kill()
            printed = int([str(printed), *process.stdout][-1])
        assert process.returncode == -signal.SIGKILL
        with closing(SqliteLedger(path)) as again:
            applied = again.open_session(1, "session-1", 1)
            found = again.totals()[1]
        assert applied >= printed
        assert (applied - 1) % 3 == 0
        assert used(found) == {PACKAGE: 5 + sum(range(2, applied + 1))}
        assert sum(one.quantity for one in found.postings.values()) == used(found)[PACKAGE]
        assert found.tallies == {READINGS: applied}
