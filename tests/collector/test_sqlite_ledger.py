"""The ledger in a real SQLite file: each batch once, whatever is sent, and however often."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import CORE, NOW, PACKAGE, RECEIVE, SLOT, apply, entry, intensity, posted, used
from collector_strategies import Delivery, deliveries, labels
from wattgram.handshake import HostFacts
from wattgram.readings import Series
from wattgram_collector.ledger import AgentTotals, Entry, Tally
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.ledger.sqlite_check import check

FRANCE = intensity("FR", "44.18")
MISSING = (Tally.MISSING_BATCHES, "")
IN_MEMORY = Path(":memory:")


def open_two(path: Path) -> SqliteLedger:
    """Open a ledger that knows agents 1 and 2."""
    ledger = SqliteLedger(path)
    for key in (1, 2):
        record = ledger.enrol(f"agent-{key}", HostFacts(host=f"host-{key}"))
        assert record.key == key
        ledger.open_session(key, "session-1", 1)
    return ledger


def contents(path: Path) -> dict[str, list[Any]]:
    """Return what the tables hold, by names instead of by the keys that rows happened to get."""
    queries = {
        "usage": "SELECT s.*, slot, quantity FROM usage u JOIN series s ON s.key = u.series",
        "postings": "SELECT agent, account, slot, t.text, f.*, quantity"
        " FROM postings p JOIN terms t ON t.key = p.terms"
        " LEFT JOIN factors f ON f.key = p.factor",
        "tallies": "SELECT * FROM tallies",
        "sessions": "SELECT * FROM sessions",
        "receipts": "SELECT * FROM receipts",
    }
    of_keys = {"key", "usage_weighed", "postings_weighed", "row_control"}
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        return {
            name: sorted(
                str([row[column] for column in row.keys() if column not in of_keys])  # noqa: SIM118
                for row in database.execute(query)
            )
            for name, query in queries.items()
        }


def whole(totals: dict[int, AgentTotals]) -> dict[int, Any]:
    """Return totals without what is only about this process."""
    return {
        key: (used(one), one.postings, {t: n for t, n in one.tallies.items() if n})
        for key, one in totals.items()
    }


@given(deliveries())
def test_resending_anything_in_any_interleaving_changes_nothing(delivery: Delivery) -> None:
    """Exactly-once effect: the same as a ledger to which every batch came once, in order.

    And the totals that a process keeps, adding outcomes, are those that the next one reads.
    """
    with TemporaryDirectory() as directory:
        once, often = Path(directory, "once.sqlite"), Path(directory, "often.sqlite")
        with closing(open_two(once)) as expected:
            for stream in delivery.streams:
                apply(expected, stream)
            expected_totals = whole(expected.totals())
        kept = {1: AgentTotals(), 2: AgentTotals()}
        ledger = open_two(often)
        for group in delivery.calls:
            if group is None:
                ledger.close()
                ledger = SqliteLedger(often)
                continue
            for outcome in apply(ledger, group):
                kept[outcome.entry.agent_key].add(outcome, 0)
        for key, totals in ledger.totals().items():
            kept[key].series.update(totals.series)
        assert whole(ledger.totals()) == expected_totals == whole(kept)
        ledger.close()
        assert contents(often) == contents(once)
        for path in (often, once):
            assert {one.kind for one in check(path, full=True).findings} <= {"entry"}


@given(st.sets(st.integers(1, 60), min_size=1), st.integers(1, 5))
def test_every_sequence_that_never_came_is_counted_as_missing(
    sequences: set[int], group_size: int
) -> None:
    entries = [entry(sequence) for sequence in sorted(sequences)]
    with closing(open_two(IN_MEMORY)) as ledger:
        for at in range(0, len(entries), group_size):
            apply(ledger, entries[at : at + group_size])
        missing = max(sequences) - len(sequences)
        assert ledger.totals()[1].tallies.get(MISSING, 0) == missing


# ── one file at a time ───────────────────────────────────────────────────────────────────


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterable[SqliteLedger]:
    with closing(open_two(path)) as opened:
        yield opened


def test_an_outcome_says_what_was_new_and_how_many_before_it_never_came(
    ledger: SqliteLedger,
) -> None:
    said = apply(ledger, [entry(1), entry(1), entry(4), entry(3), entry(5)])
    assert [(one.is_new, one.missing) for one in said] == [
        (True, 0),
        (False, 0),
        (True, 2),
        (False, 0),
        (True, 0),
    ]


def test_one_group_holds_the_entries_of_many_agents(ledger: SqliteLedger) -> None:
    usage = {(PACKAGE, SLOT): 5}
    apply(ledger, [entry(1, usage), entry(1, usage, agent_key=2), entry(2, usage)])
    totals = ledger.totals()
    assert (used(totals[1]), used(totals[2])) == ({PACKAGE: 10}, {PACKAGE: 5})


def test_a_refused_batch_moves_the_sequence_and_adds_no_energy(ledger: SqliteLedger) -> None:
    refused = entry(1, tallies={(Tally.REFUSED_BATCHES, "future"): 1})
    (first,) = apply(ledger, [refused])
    (again,) = apply(ledger, [refused])
    assert (first.is_new, again.is_new) == (True, False)
    assert ledger.open_session(1, "session-1", 1) == 1
    assert ledger.totals()[1] == AgentTotals(tallies={(Tally.REFUSED_BATCHES, "future"): 1})


def test_what_is_unpriced_is_kept_beside_what_is_priced(ledger: SqliteLedger, path: Path) -> None:
    usage = {(PACKAGE, SLOT): 5}
    apply(ledger, [entry(1, usage, factor=FRANCE), entry(2, usage, factor=None)])
    with closing(SqliteLedger(path)) as again:
        assert again.totals()[1].postings == posted(FRANCE, 5) | posted(None, 5)


def test_series_and_factors_are_read_back_on_every_axis(ledger: SqliteLedger, path: Path) -> None:
    odd = intensity("DE", "1e-3", version='a "b"', signal="marginal", scope="direct",
                    boundary="consumption", losses="delivered", accounting="market",
                    status="forecast", valid_from_unix_seconds=5)  # fmt: skip
    series = (PACKAGE, CORE, RECEIVE)
    apply(ledger, [entry(1, {(one, SLOT): 1 for one in series}, factor=odd)])
    with closing(SqliteLedger(path)) as again:
        totals = again.totals()[1]
        assert used(totals) == dict.fromkeys(series, 1)
        assert totals.postings == posted(odd, 3)
        apply(again, [entry(2, {(PACKAGE, SLOT): 4}, factor=odd)])
        assert again.totals()[1].postings == posted(odd, 7)
    assert len(contents(path)["usage"]) == 3


@given(st.lists(labels, max_size=5, unique=True))
def test_labels_of_any_text_come_back_as_they_were(texts: Sequence[str]) -> None:
    tallies = {(Tally.GAPS, text): number for number, text in enumerate(texts, 1)}
    with closing(open_two(IN_MEMORY)) as ledger:
        apply(ledger, [entry(1, tallies=tallies)])
        assert ledger.totals()[1].tallies == tallies


# ── agents and sessions ──────────────────────────────────────────────────────────────────


def enrolled(ledger: SqliteLedger, agent_id: str, host: str) -> str:
    return ledger.enrol(agent_id, HostFacts(host=host)).host


def test_a_host_name_that_another_agent_has_gets_a_piece_of_the_id(
    ledger: SqliteLedger, path: Path
) -> None:
    assert enrolled(ledger, "0123456789abcdef", "web") == "web"
    assert enrolled(ledger, "fedcba9876543210", "web") == "web-fedcba98"
    assert enrolled(ledger, "fedcba9800000000", "web") == "web-fedcba9800000000"
    with closing(SqliteLedger(path)) as again:
        assert enrolled(again, "fedcba9876543210", "web") == "web-fedcba98"
        assert enrolled(again, "0123456789abcdef", "web") == "web"


def test_a_host_keeps_its_name_on_the_metrics_when_it_is_renamed(ledger: SqliteLedger) -> None:
    """Its counters would end and begin again under another name."""
    record = ledger.enrol("agent-1", HostFacts(host="renamed", site="attic"))
    assert (record.key, record.host, record.facts.host) == (1, "host-1", "renamed")
    assert [one.facts.site for one in ledger.agents()] == ["attic", ""]


@pytest.mark.parametrize(("first", "applied"), [(0, 0), (1, 0), (2, 1), (41, 40)])
def test_a_new_session_begins_before_its_first_sequence(
    ledger: SqliteLedger, path: Path, first: int, applied: int
) -> None:
    """Nothing before it was ever sent, so nothing is missing."""
    assert ledger.open_session(1, "session-2", first) == applied
    apply(ledger, [entry(first or 1, session="session-2")])
    assert MISSING not in ledger.totals()[1].tallies
    with closing(SqliteLedger(path)) as again:
        assert again.open_session(1, "session-2", 99) == (first or 1)


def test_sessions_are_counted_apart(ledger: SqliteLedger) -> None:
    """A lost spool numbers from the start again; it is not a repetition."""
    apply(ledger, [entry(1, {(PACKAGE, SLOT): 5}), entry(1, {(PACKAGE, SLOT): 5}, agent_key=2)])
    ledger.open_session(1, "session-2", 1)
    (outcome,) = apply(ledger, [entry(1, {(PACKAGE, SLOT): 7}, session="session-2")])
    assert outcome.is_new
    assert used(ledger.totals()[1]) == {PACKAGE: 12}


def test_an_agent_is_remembered_with_when_it_was_last_heard(
    ledger: SqliteLedger, path: Path
) -> None:
    late: list[Entry] = [
        entry(1, received_unix_nanoseconds=NOW + 9, newest_sample_unix_nanoseconds=NOW + 8),
        entry(2, received_unix_nanoseconds=NOW + 10, newest_sample_unix_nanoseconds=NOW + 3),
    ]
    for one in late:
        apply(ledger, [one])
    with closing(SqliteLedger(path)) as again:
        heard, silent = again.agents()
    assert heard.last_seen_unix_nanoseconds == NOW + 10
    assert heard.newest_sample_unix_nanoseconds == NOW + 8
    assert (silent.last_seen_unix_nanoseconds, silent.newest_sample_unix_nanoseconds) == (0, 0)


def test_the_same_meter_of_two_agents_is_two_series(ledger: SqliteLedger, path: Path) -> None:
    series: Series = PACKAGE
    apply(ledger, [entry(1, {(series, SLOT): 1}), entry(1, {(series, SLOT): 2}, agent_key=2)])
    assert len(contents(path)["usage"]) == 2
