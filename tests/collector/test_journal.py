"""The journal: in order, without a gap, and nothing of it can be changed unseen."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_collector.ledger.journal import (
    GENESIS,
    JournalEntry,
    JournalError,
    JournalKind,
    JournalRecord,
    canonical,
    chained,
    verified,
)

records = st.lists(
    st.builds(JournalRecord, st.sampled_from(JournalKind), st.text(), st.text()), max_size=6
)


@given(records, records)
def test_what_is_written_is_read_back(
    first: list[JournalRecord], more: list[JournalRecord]
) -> None:
    """Law: a chain that is continued later is the chain written at once, but for its times."""
    begun = list(chained(first, 5))
    last = begun[-1] if begun else None
    entries = [
        *begun,
        *chained(more, 6, last.number if last else 0, last.hash if last else GENESIS),
    ]

    assert list(verified(entries)) == entries
    assert [JournalRecord(*entry[2:5]) for entry in entries] == first + more
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))


CHANGES: dict[str, Any] = {
    "number": 7,
    "recorded_unix_nanoseconds": 1,
    "kind": JournalKind.SEAL,
    "subject": "b",
    "text": "{}",
    "previous_hash": "1" * 64,
    "hash": "1" * 64,
}


@pytest.mark.parametrize("name", JournalEntry._fields)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_change_of_anything_is_found(name: str, at: int) -> None:
    record = JournalRecord(JournalKind.ASSET, "a", '{"x":1}')
    entries = list(chained([record] * 3, 5))
    entries[at] = entries[at]._replace(**{name: CHANGES[name]})

    with pytest.raises(JournalError, match="journal: entry"):
        list(verified(entries))


@pytest.mark.parametrize("at", [0, 1])
def test_an_entry_that_is_taken_out_is_missed(at: int) -> None:
    record = JournalRecord(JournalKind.ASSET, "a", "{}")
    entries = list(chained([record] * 3, 5))
    del entries[at]

    with pytest.raises(JournalError, match="missing"):
        list(verified(entries))


def test_an_auditor_can_make_the_hash_again() -> None:
    record = JournalRecord(JournalKind.ACTIVITY, "t-1", canonical({"km": "3", "to": "Zürich"}))

    (entry,) = chained([record], 5)

    said = json.dumps(list(entry[:6]), separators=(",", ":"), ensure_ascii=False)
    assert entry.hash == hashlib.sha256(said.encode()).hexdigest()
    assert entry.previous_hash == GENESIS
