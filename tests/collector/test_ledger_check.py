"""The check of a ledger: says nothing of a sound one, and what is wrong with one that is not."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import PACKAGE, SLOT, WEB, apply, entry, keyed
from ledger_files import FRANCE, MEMORY, change, deliver, fill, first_version, sound
from wattgram.handshake import HostFacts
from wattgram_collector.ledger import SEQUENCE_MAX, LedgerError, Trouble
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.sqlite_check import check, damage
from wattgram_collector.ledger.statements import INTEGER_MAX


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return sound(tmp_path / "ledger.sqlite")


def kinds(path: Path, *, full: bool = True) -> set[str]:
    return {finding.kind for finding in check(path, full=full).findings}


# ── sound ────────────────────────────────────────────────────────────────────────────────────


@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 2]),
            st.sampled_from(["a", "b"]),
            st.integers(1, 40),
            st.integers(0, 1 << 61),
        ),
        max_size=12,
    ),
    st.integers(1, 5),
)
def test_whatever_agents_send_is_no_fault(
    batches: list[tuple[int, str, int, int]], group: int
) -> None:
    """Repetitions, gaps, sessions, quantities whose sum no storage can hold, shares, no factor."""
    with TemporaryDirectory(dir=MEMORY) as directory:
        path = Path(directory, "ledger.sqlite")
        with closing(SqliteLedger(path)) as ledger:
            for key in (1, 2):
                ledger.enrol(f"agent-{key}", HostFacts(host=f"host-{key}"))
                ledger.open_session(key, "a", 3)
            entries = []
            for agent, session, sequence, quantity in batches:
                counted = entry(
                    sequence, {(PACKAGE, SLOT + sequence % 3): quantity}, agent_key=agent,
                    session=session, factor=FRANCE if sequence % 2 else None,
                )  # fmt: skip
                shown = entry(sequence, {(WEB, SLOT): quantity, **counted.usage}, agent_key=agent)
                entries.append(
                    entry(sequence, keyed(ledger, shown).usage, agent_key=agent, session=session,
                          postings=counted.postings)
                )  # fmt: skip
            for at in range(0, len(entries), group):
                ledger.apply(entries[at : at + group])
        assert check(path, full=True).findings == ()


def test_absurd_sequences_are_no_fault(path: Path) -> None:
    """Else one agent that lies would stop the collector for all."""
    with closing(SqliteLedger(path)) as ledger:
        for session in ("x", "y", "z"):
            apply(ledger, [entry(SEQUENCE_MAX, session=session)])
    assert check(path, full=True).findings == ()


def test_a_row_as_great_as_can_be_is_no_fault(path: Path) -> None:
    with closing(SqliteLedger(path)) as ledger:
        for number in (11, 12, 13):
            apply(ledger, [entry(number, {(PACKAGE, SLOT): INTEGER_MAX}, factor=FRANCE)])
    assert check(path, full=True).findings == ()


def test_control_totals_go_round_and_still_hold(path: Path) -> None:
    """More than 2^62 in many batches, of which no row is too great: they stay integers."""
    with closing(SqliteLedger(path)) as ledger:
        for number in range(11, 17):
            usage = {(PACKAGE, SLOT + number): 1 << 61}
            apply(ledger, [entry(number, usage, factor=FRANCE)])
    assert check(path, full=True).findings == ()
    with closing(sqlite3.connect(path)) as database:
        kept = database.execute("SELECT usage_control FROM sessions WHERE agent = 1").fetchone()
    assert kept == (80 + 6 * (1 << 61) - 3 * (1 << 62),)


def test_a_file_of_the_first_version_is_checked_as_it_is(tmp_path: Path) -> None:
    report = check(first_version(tmp_path / "old.sqlite"), full=True)
    assert (report.schema_version, report.agents, report.findings) == (1, 2, ())


def test_it_looks_at_one_instant_beside_a_running_collector(path: Path) -> None:
    with closing(SqliteLedger(path)) as ledger:
        assert check(path, full=True).is_sound
        deliver(ledger, 11, 20)
        assert check(path, full=True).is_sound


def test_it_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    check(path, full=True)
    assert path.read_bytes() == before


# ── not sound ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("statement", "kind", "detail"),
    [
        ("UPDATE usage SET quantity = 6 WHERE (series, slot) = (SELECT 1, max(slot) FROM usage)",
         "control", "usage of agent 1 is 81, not 80"),
        ("DELETE FROM usage WHERE series = 1", "control", "usage of agent 1 is 30, not 80"),
        ("DELETE FROM usage WHERE series = 2", "entry",
         "agent 1 used 50 and posted 80 microjoules"),
        ("UPDATE postings SET quantity = 1 WHERE agent = 1", "control",
         "postings of agent 1 is 10, not 80"),
        ("DELETE FROM postings", "control", "postings of agent 2 is 0, not 7"),
        ("UPDATE sessions SET applied = applied - 1 WHERE agent = 1", "sequence",
         "agent 1 lacks -1 batches, says 0"),
        ("DELETE FROM tallies WHERE name = 'missing_batches'", "sequence",
         "agent 2 lacks 2 batches, says 0"),
        ("UPDATE usage SET quantity = -1", "value", "21 rows of usage have no quantity"),
        ("UPDATE tallies SET count = 'x'", "value", "3 rows of tallies have no count"),
        ("UPDATE postings SET quantity = 0.5", "value", "11 rows of postings have no quantity"),
        ("DELETE FROM agents WHERE key = 2", "orphan",
         "1 rows of postings belong to none of agents"),
        ("DELETE FROM series WHERE key = 1", "orphan",
         "10 rows of usage belong to none of series"),
        ("DELETE FROM factors", "orphan", "10 rows of postings belong to none of factors"),
        ("UPDATE agents SET facts = 'x'", "unreadable", "the facts of a host"),
        ("UPDATE agents SET facts = '{\"x\": 1}'", "unreadable", "the facts of a host"),
        ("UPDATE factors SET tier = 'guessed'", "unreadable", "'guessed'"),
        ("UPDATE tallies SET name = 'joy' WHERE name = 'readings'", "unreadable", "'joy'"),
        ("DROP TABLE tallies", "unreadable", "no such table: tallies"),
    ],
)  # fmt: skip
def test_what_was_changed_is_found_and_named(
    path: Path, statement: str, kind: str, detail: str
) -> None:
    change(path, statement)
    for full in (True, False):
        findings = check(path, full=full).findings
        assert (kind, True) in [(one.kind, detail in one.detail) for one in findings]


def test_only_what_cannot_be_written_to_is_damage(path: Path) -> None:
    change(path, "UPDATE usage SET quantity = quantity + 1")
    report = check(path, full=True)
    assert not report.is_sound
    assert damage(report) is None
    change(path, "DELETE FROM factors", "UPDATE usage SET quantity = -1")
    found = damage(check(path, full=True))
    assert found is not None
    assert found.trouble is Trouble.DAMAGED
    assert str(found) == "value: 21 rows of usage have no quantity and 2 more"


def test_an_index_that_lacks_a_row_is_found_by_the_full_check(path: Path) -> None:
    """The row is there, whoever looks for it finds nothing: the same agent would be made twice."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA writable_schema = ON")
        ((root,),) = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_agents_1'"
        )
        ((other,),) = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_agents_2'"
        )
        database.execute(
            "UPDATE sqlite_master SET rootpage = CASE rootpage WHEN ?1 THEN ?2 ELSE ?1 END"
            " WHERE rootpage IN (?1, ?2)", (root, other),
        )  # fmt: skip
    assert kinds(path) == {"storage"}


def flip(path: Path, offsets: Sequence[int], mask: int = 0x10) -> None:
    with path.open("r+b") as file:
        for offset in offsets:
            file.seek(offset)
            (byte,) = file.read(1)
            file.seek(offset)
            file.write(bytes([byte ^ mask]))


def contents(path: Path) -> object:
    """All rows of all tables, or why they cannot be had."""
    try:
        with closing(sqlite3.connect(path)) as database:
            tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            return {
                name: database.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()  # noqa: S608
                for (name,) in tables.fetchall()
                if name not in {"schema_version", "restores"}
            }
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return str(error)


def test_a_flipped_bit_is_found_wherever_it_changes_a_quantity(tmp_path: Path) -> None:
    """Of all bits of the pages with quantities; what is not found has changed no sum."""
    path = sound(tmp_path / "ledger.sqlite", 3)
    whole, bytes_of = contents(path), path.read_bytes()
    assert isinstance(whole, dict)
    choose, found = random.Random(1), 0
    for _ in range(100):
        offset, mask = choose.randrange(4096, len(bytes_of)), 1 << choose.randrange(8)
        path.write_bytes(bytes_of)
        flip(path, [offset], mask)
        if not check(path, full=True).is_sound:
            found += 1
            continue
        now = contents(path)
        assert isinstance(now, dict)
        for table in ("usage", "postings"):
            assert sum(row[-1] for row in now[table]) == sum(row[-1] for row in whole[table])
    assert found


def test_a_file_that_is_cut_off_is_found(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 4096)
    assert kinds(path, full=False) & {"storage", "unreadable"}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "{}: schema version 0, this program knows 1 to 4"),
        (b"no database at all" * 400, "unreadable: file is not a database"),
    ],
)
def test_what_is_no_ledger_is_named(tmp_path: Path, data: bytes, expected: str) -> None:
    path = tmp_path / "other"
    path.write_bytes(data)
    try:
        (finding,) = check(path, full=True).findings
        said = str(finding)
    except LedgerError as error:
        said = str(error)
    assert said == expected.format(path)


def test_a_file_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"none\.sqlite: no ledger yet"):
        check(tmp_path / "none.sqlite", full=True)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_means_something_in_an_address_is_a_name(tmp_path: Path) -> None:
    with closing(SqliteLedger(tmp_path / "a?mode=rwc#%41.sqlite")) as ledger:
        fill(ledger)
        assert check(tmp_path / "a?mode=rwc#%41.sqlite", full=True).agents == 2
