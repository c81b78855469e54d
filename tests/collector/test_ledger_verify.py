"""One flipped bit: of any value of any row, it is found, and the table that it is in is named."""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import DRAM, PACKAGE, SLOT, apply, entry, intensity
from ledger_files import FRANCE, MEMORY, MISSING, READINGS, change, first_version
from wattgram.handshake import HostFacts
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.intensity import Intensity, Recorded, Signal, Tier
from wattgram_collector.ledger import LedgerError, Tally
from wattgram_collector.ledger.controls import (
    ACCOUNT_CODES,
    HASHED,
    PRIME,
    WEIGHED_POSTINGS,
    WEIGHED_RECEIPTS,
    WEIGHED_USAGE,
    posting_weight,
    slot_weight,
    tally_weight,
    usage_weight,
)
from wattgram_collector.ledger.journal import JournalKind, JournalRecord
from wattgram_collector.ledger.restatement import Restatement
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.sqlite_check import check, findings_of
from wattgram_collector.ledger.sqlite_controls import counted
from wattgram_collector.ledger.sqlite_file import SqliteFile
from wattgram_collector.ledger.sqlite_migrations import SCHEMA_VERSION, STEPS, migrate, version_of

TABLES = {*HASHED, "controls", "postings", "receipts", "schema_version", "tallies", "usage"}


def live(grams: str) -> Intensity:
    return intensity("FR", grams, tier=Tier.LIVE)


@cache
def full_of_everything() -> bytes:
    """A ledger of few rows, of which every table has some."""
    with TemporaryDirectory(dir=MEMORY) as directory:
        path = Path(directory, "ledger.sqlite")
        with closing(SqliteLedger(path)) as ledger:
            for key in (1, 2):
                ledger.enrol(f"agent-{key}", HostFacts(host=f"host-{key}"))
                ledger.open_session(key, "session-1", 1)
            ledger.enrol("agent-2", HostFacts(host="host-2", site="attic"))  # facts that change
            usage = {(PACKAGE, SLOT): 1 << 40, (DRAM, SLOT): 7}
            apply(ledger, [entry(1, usage, factor=FRANCE, tallies={READINGS: 2})])
            apply(ledger, [entry(4, {(PACKAGE, SLOT + 1): 5}, factor=FRANCE)])
            apply(ledger, [entry(2, {(PACKAGE, SLOT): 9}, agent_key=2, tallies={MISSING: 0})])
            ledger.record_intensities([Recorded(live("50"), 7)])
            for grams in ("50", "60"):  # the second makes the sums of the first again
                ledger.restate(
                    Restatement(
                        signal=Signal.AVERAGE, zone="FR", factors={SLOT: live(grams)},
                        begun_unix_seconds=1, reason="late", first_open_slot=0,
                    )
                )  # fmt: skip
            ledger.append([JournalRecord(JournalKind.ASSET, "a", "{}")] * 2, 5)
        with closing(SqliteFile(path)) as file, file.transaction():
            file.execute("INSERT INTO restores VALUES (1, 2)")
        return path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(full_of_everything())
    return path


class Flip(NamedTuple):
    """One bit of one value."""

    table: str
    row: dict[str, Any]
    column: str
    bit: int

    @property
    def value(self) -> Any:
        was = self.row[self.column]
        if isinstance(was, int):
            flipped = was ^ 1 << self.bit
            return flipped - (flipped >> 63 << 64) if flipped >= 0 else flipped
        data = bytearray(was.encode())
        data[self.bit // 8] ^= 1 << self.bit % 8
        return bytes(data)

    def do(self, file: SqliteFile) -> None:
        value = "?" if isinstance(self.row[self.column], int) else "CAST(? AS TEXT)"
        where = " AND ".join(f"{column} IS ?" for column in self.row)
        file.execute(
            f"UPDATE {self.table} SET {self.column} = {value} WHERE {where}",  # noqa: S608
            self.value, *self.row.values(),
        )  # fmt: skip


def flips(file: SqliteFile) -> Iterator[Flip]:
    for table in sorted(TABLES):
        columns = [row[1] for row in file.all(f"PRAGMA table_info({table})")]
        values = file.all(f"SELECT * FROM {table}")  # noqa: S608
        rows = [dict(zip(columns, row, strict=True)) for row in values]
        assert rows, f"{table} has no row"
        for row, column in itertools.product(rows, columns):
            was = row[column]
            bits = 64 if isinstance(was, int) else 8 * len(was.encode())
            yield from (Flip(table, row, column, bit) for bit in range(bits))


def said_of(file: SqliteFile, flip: Flip) -> str | None:
    """Return what a check says of a flip, which is undone; None where there cannot be such."""
    file.execute("BEGIN")
    try:
        try:
            flip.do(file)
        except LedgerError as error:
            return None if "UNIQUE" in str(error) else "the flip could not be made"
        version = version_of(file)
        if not 0 < version <= SCHEMA_VERSION:
            return "schema_version"  # such a file is refused
        return "\n".join(map(str, findings_of(file, version, full=False)))
    except LedgerError as error:
        return str(error)
    finally:
        file.execute("ROLLBACK")


def missed(path: Path, chosen: random.Random | None, of_each: int = 0) -> list[Flip]:
    """Return the flips that were not found, of all or so many of each column."""
    with closing(SqliteFile(path)) as file:
        file.execute("PRAGMA foreign_keys = OFF")
        every = list(flips(file))
        if chosen is not None:
            by_column: dict[tuple[str, str], list[Flip]] = {}
            for flip in every:
                by_column.setdefault((flip.table, flip.column), []).append(flip)
            every = [
                one
                for some in by_column.values()
                for one in chosen.sample(some, min(of_each, len(some)))
            ]
        found = [(flip, said_of(file, flip)) for flip in every]
    return [flip for flip, said in found if said is not None and not names(said, flip)]


def names(said: str, flip: Flip) -> bool:
    """Whether a finding says which table it is; other tables may be named beside it."""
    return flip.table in said


def test_a_sound_one_is_sound(path: Path) -> None:
    report = check(path, full=True)
    assert report.findings == ()
    with closing(SqliteFile(path, read_only=True)) as file:
        tables = {
            name for (name,) in file.all("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
    assert tables == TABLES


def test_some_bits_of_every_column_are_found(path: Path) -> None:
    assert missed(path, random.Random(7), 3) == []


@pytest.mark.servers
def test_every_bit_is_found(path: Path) -> None:
    assert missed(path, None) == []


# ── what counts, in Python and in SQLite ─────────────────────────────────────────────────────

KEYS = st.integers(0, (1 << 31) - 1)


@given(st.lists(st.tuples(KEYS, KEYS, st.sampled_from(Account), KEYS, KEYS,
                          st.integers(0, (1 << 63) - 1)), max_size=5))  # fmt: skip
def test_sqlite_weighs_as_a_commit_does(
    rows: list[tuple[int, int, Account, int, int, int]],
) -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE t (agent, slot, account, terms, factor, quantity)")
        database.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", rows)
        usage = f"SELECT {WEIGHED_USAGE} FROM (SELECT agent AS series, * FROM t)"  # noqa: S608
        receipts = f"SELECT {WEIGHED_RECEIPTS} FROM (SELECT quantity AS batches, * FROM t)"  # noqa: S608
        (found,) = database.execute(f"SELECT {WEIGHED_POSTINGS} FROM t").fetchone()  # noqa: S608
        (used,) = database.execute(usage).fetchone()
        (received,) = database.execute(receipts).fetchone()
    assert (found or 0) == total(
        q * posting_weight(agent, account, slot, terms, factor)
        for agent, slot, account, terms, factor, q in rows
    )
    assert (used or 0) == total(q * usage_weight(a, slot) for a, slot, *_, q in rows)
    assert (received or 0) == total(q * slot_weight(slot) for _, slot, *_, q in rows)


def total(values: Iterable[int]) -> int:
    return sum(values) % PRIME


@given(KEYS, KEYS, st.integers(0, 30))
def test_another_bit_of_a_key_is_another_weight(series: int, slot: int, bit: int) -> None:
    """Law, and not only likely: a cube is one number's, modulo this prime."""
    flip = 1 << bit
    assert usage_weight(series, slot) != usage_weight(series ^ flip, slot)
    assert usage_weight(series, slot) != usage_weight(series, slot ^ flip)
    assert slot_weight(slot) != slot_weight(slot ^ flip)
    weight = posting_weight(series, Account.HOST, slot, 3, 4)
    assert weight != posting_weight(series, Account.HOST, slot, 3 ^ flip, 4)
    assert weight != posting_weight(series, Account.HOST, slot, 3, 4 ^ flip)
    assert weight != posting_weight(series ^ flip, Account.HOST, slot, 3, 4)
    assert weight != posting_weight(series, Account.MARKET, slot, 3, 4)


@pytest.mark.parametrize("name", Tally)
def test_a_tally_weighs_the_same_in_the_process_that_reads_it(name: Tally) -> None:
    """It writes a word of an enumeration, and reads a text."""
    weight = tally_weight.__wrapped__  # what is remembered would hide it

    assert weight(7, name, "") == weight(7, name.value, "")


def test_every_account_has_a_code_of_its_own() -> None:
    assert set(ACCOUNT_CODES) == set(Account)
    assert len(set(ACCOUNT_CODES.values())) == len(Account)
    assert 3 not in {divisor for divisor in (2, 3, 5) if (PRIME - 1) % divisor == 0}


@pytest.mark.parametrize(
    ("statements", "named"),
    [
        (["UPDATE usage SET slot = slot + 9 WHERE series = 1 AND slot % 2"],
         "usage: a row of agent 1"),
        (["UPDATE postings SET quantity = quantity + 1 WHERE agent = 1 AND slot % 2 = 0",
          "UPDATE postings SET quantity = quantity - 1 WHERE agent = 1 AND slot % 2"],
         "postings: a row of agent 1"),
        (["DELETE FROM receipts WHERE agent = 1 AND first = 4"],
         "receipts: not all of agent 1, session 'session-1' are there"),
        (["DELETE FROM journal WHERE number = 2"], "journal: has 1 rows, not 2"),
        (["UPDATE intensities SET grams_per_kilowatt_hour = '51'"], "intensities: a row was"),
        (["DELETE FROM repricings"], "repricings: has 0 rows, not 2"),
        (["DROP TRIGGER journal_INSERT"], "sqlite_master: a table or a trigger"),
        (["DELETE FROM controls WHERE name = 'terms'"], "terms: controls says nothing"),
        (["INSERT INTO controls VALUES ('x', 0, 0)"], "controls: has 'x', which is no table"),
        (["UPDATE receipts SET session = 9 WHERE agent = 2"], "receipts: the row of agent 2"),
    ],
)  # fmt: skip
def test_what_somebody_changed_is_named(path: Path, statements: list[str], named: str) -> None:
    change(path, *statements)
    said = "\n".join(map(str, check(path, full=True).findings))
    assert named in said


def test_bits_of_the_file_are_found_or_change_nothing_that_is_in_it(path: Path) -> None:
    """Sampled: what is not found is in no value: free room, or counters of SQLite's own."""
    data = path.read_bytes()
    with closing(sqlite3.connect(path)) as database:
        before = sorted(database.iterdump())
    choose = random.Random(3)
    found, full = 0, [at for at, byte in enumerate(data) if byte]
    for _ in range(150):
        at, bit = choose.choice(full), choose.randrange(8)
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
        try:
            is_sound = check(path, full=True).is_sound
        except LedgerError:
            is_sound = False
        found += not is_sound
        if is_sound:
            with closing(sqlite3.connect(path)) as database:
                assert sorted(database.iterdump()) == before, (at, bit)
    assert found > 20


def test_a_file_of_the_first_version_has_controls_once_it_is_brought_up(tmp_path: Path) -> None:
    old = first_version(tmp_path / "old.sqlite")
    with closing(SqliteLedger(old)):
        pass
    assert check(old, full=True).findings == ()
    change(old, "UPDATE usage SET slot = slot + 2 WHERE series = 2")
    (finding,) = check(old, full=True).findings
    assert str(finding) == "control: usage: a row of agent 1 is of something else than it was"


def test_a_fault_of_before_is_a_fault_after(tmp_path: Path) -> None:
    """Whatever is weighed anew, what did not add up does not."""
    old = first_version(tmp_path / "old.sqlite")
    with closing(SqliteFile(old)) as file:
        migrate(file, STEPS[:2])
    change(old, "UPDATE usage SET quantity = 4 WHERE series = 2")
    with closing(SqliteLedger(old)):
        pass
    (finding,) = check(old, full=True).findings
    assert str(finding).startswith("control: usage of agent 1 is")


def test_who_changes_the_controls_too_does_not_get_past_the_chain(path: Path) -> None:
    change(path, "UPDATE journal SET text = '{\"km\":1}' WHERE number = 1")
    with closing(SqliteFile(path)) as file, file.transaction():
        _, control = counted(file, "journal", HASHED["journal"])
        file.execute("UPDATE controls SET control = ? WHERE name = 'journal'", control)
    (finding,) = check(path, full=True).findings
    assert str(finding) == "journal: entry 1 (asset a) changed"
