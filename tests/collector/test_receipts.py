"""A figure leads to the batches that made it: by slot, the sessions and their sequences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import PACKAGE, SLOT, apply, entry, terms
from ledger_files import MEMORY, first_version
from wattgram.handshake import HostFacts
from wattgram_collector.accounting.emissions import Account, PostingKey
from wattgram_collector.ledger import Receipt
from wattgram_collector.ledger.sqlite import SqliteLedger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as ledger:
        ledger.enrol("agent-1", HostFacts(host="host-1"))
        yield ledger


def test_a_slot_names_its_batches(ledger: SqliteLedger) -> None:
    ledger.open_session(1, "a", 1)
    apply(ledger, [entry(1, {(PACKAGE, SLOT): 5}, session="a")])
    both = {(PACKAGE, SLOT): 5, (PACKAGE, SLOT + 1): 5}
    apply(ledger, [entry(number, both, session="a") for number in (2, 2, 5)])
    ledger.open_session(1, "b", 7)
    apply(ledger, [entry(7, {(PACKAGE, SLOT + 1): 5}, session="b"), entry(8, session="b")])

    assert ledger.receipts(1, SLOT, SLOT + 2) == (
        0,
        (
            Receipt(SLOT, "a", 1, 5, 3),
            Receipt(SLOT + 1, "a", 2, 5, 2),
            Receipt(SLOT + 1, "b", 7, 7, 1),
        ),
    )
    assert ledger.receipts(1, SLOT + 1, SLOT + 2).receipts[0] == Receipt(SLOT + 1, "a", 2, 5, 2)
    assert ledger.receipts(1, SLOT + 2, SLOT + 9).receipts == ()
    assert ledger.receipts(99, 0, SLOT + 9) == (0, ())


def test_time_that_is_only_posted_has_its_receipt_too(ledger: SqliteLedger) -> None:
    observed = PostingKey(Account.OBSERVED, SLOT + 3, terms(), None)
    ledger.open_session(1, "a", 1)
    apply(ledger, [entry(1, session="a", postings={observed: 7})])
    assert ledger.receipts(1, 0, SLOT + 9).receipts == (Receipt(SLOT + 3, "a", 1, 1, 1),)


def test_what_came_before_receipts_were_kept_is_not_said_to_be_nothing(tmp_path: Path) -> None:
    with closing(SqliteLedger(first_version(tmp_path / "old.sqlite"))) as ledger:
        assert ledger.receipts(1, 0, 1 << 31) == (SLOT + 2, ())
        assert ledger.receipts(2, 0, 1 << 31) == (SLOT + 1, ())
        apply(ledger, [entry(13, {(PACKAGE, SLOT): 5}, session="a")])
        assert ledger.receipts(1, 0, 1 << 31) == (SLOT + 2, (Receipt(SLOT, "a", 13, 13, 1),))


BATCHES = st.lists(
    st.tuples(
        st.sampled_from("ab"), st.integers(1, 9), st.sets(st.integers(SLOT, SLOT + 2), max_size=2)
    ),
    max_size=12,
)


@given(BATCHES, st.integers(1, 4))
def test_receipts_are_of_the_batches_that_were_added(
    batches: list[tuple[str, int, set[int]]], group: int
) -> None:
    """Law: whatever is repeated or lost, and however commits are made."""
    expected: dict[tuple[int, str], list[int]] = {}
    with (
        TemporaryDirectory(dir=MEMORY) as directory,
        closing(SqliteLedger(Path(directory, "ledger.sqlite"))) as ledger,
    ):
        ledger.enrol("agent-1", HostFacts(host="host-1"))
        for session in "ab":
            ledger.open_session(1, session, 1)
        entries = [
            entry(sequence, {(PACKAGE, slot): 1 for slot in slots}, session=session)
            for session, sequence, slots in batches
        ]
        for at in range(0, len(entries), group):
            for one, is_new, _ in apply(ledger, entries[at : at + group]):
                for _, slot in one.usage if is_new else ():
                    expected.setdefault((slot, one.session), []).append(one.sequence)
        found = ledger.receipts(1, 0, 1 << 31).receipts
    assert found == tuple(
        Receipt(slot, session, min(of), max(of), len(of))
        for (slot, session), of in sorted(expected.items())
    )
