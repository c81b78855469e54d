"""The journal, replayed: what holds of everything that people said."""

from __future__ import annotations

import json
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from inventory_parts import YEAR, asset, inventory
from wattgram_collector.inventory.books import Books, books_of
from wattgram_collector.inventory.lines import Status
from wattgram_collector.inventory.register.writing import journal_text
from wattgram_collector.ledger.journal import GENESIS, JournalKind, JournalRecord, chained

FUEL = {"from": "2025-01-01", "to": "2025-12-31", "fuel": "diesel", "litres": "100"}
UNITS = {"id": "u", "service": "mail", "unit": "email", "count": "7", "source": "mta",
         "from": "2025-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}  # fmt: skip
CREDIT = {"id": "c", "type": "credit", "quantity": "9", "unit": "kg", "registry": "r",
          "serial": "1", "vintage": "2025", "retired_on": "2025-05-01"}  # fmt: skip
EXCLUDED = {"table": "exclusions", "id": "x", "scope_ref": "3.14", "text": "no franchises",
            "owner": "ann", "date": "2025-01-01"}  # fmt: skip


def fuel(activity_id: str, **cells: str) -> JournalRecord:
    said = {"file": "f.csv", "id": activity_id, "kind": "fuel", "line": 2, "sha256": "0f",
            "row": {**FUEL, **cells}}  # fmt: skip
    return JournalRecord(JournalKind.ACTIVITY, activity_id, json.dumps(said))


def said(kind: JournalKind, cells: dict[str, str]) -> JournalRecord:
    return JournalRecord(kind, cells["id"], json.dumps({"said": cells, "origin": "f:2"}))


def withdrawal(*numbers: int) -> JournalRecord:
    text = json.dumps({"entries": [[one, one] for one in numbers], "reason": "wrong"})
    return JournalRecord(JournalKind.WITHDRAWAL, "x", text)


def register(day: date | None = None, **changes: Any) -> JournalRecord:
    one = asset("srv", valid_from=day, **changes)
    return JournalRecord(JournalKind.ASSET, "srv", journal_text(one))


ALL = (
    register(),
    fuel("a"),
    fuel("b"),
    said(JournalKind.FUNCTIONAL_UNITS, UNITS),
    said(JournalKind.INSTRUMENT, CREDIT),
    said(JournalKind.STATEMENT, EXCLUDED),
)


def replayed(*records: JournalRecord) -> Books:
    return books_of(chained(records, 1))


def test_everything_that_was_said_is_there() -> None:
    found = replayed(*ALL)

    assert list(found.register) == ["srv"]
    assert [one.activity.activity_id for one in found.activities] == ["a", "b"]
    assert [one.value.count for one in found.units] == [7]
    assert [one.value.serial for one in found.instruments] == ["1"]
    assert [one.value.scope_ref for one in found.statements] == ["3.14"]
    assert found.entries == 6
    assert found.head == list(chained(ALL, 1))[-1].hash
    assert (replayed().entries, replayed().head) == (0, GENESIS)


def test_what_was_withdrawn_is_gone_whatever_it_was() -> None:
    """One form of withdrawal takes back an activity, a count, an instrument or a statement."""
    found = replayed(*ALL, withdrawal(2, 4, 5, 6))

    assert [one.activity.activity_id for one in found.activities] == ["b"]
    assert (found.units, found.instruments, found.statements) == ((), (), ())
    assert list(found.register) == ["srv"]


def test_a_version_that_is_said_again_holds_as_it_was_said_last() -> None:
    found = replayed(register(note="one"), register(note="two"), register(date(2025, 5, 1)))

    assert [one.note for one in found.register.versions("srv")] == ["two", ""]


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        (register()._replace(text="[]"), "journal: entry 2 is no asset"),
        (fuel("a")._replace(text="{}"), "journal: entry 2 is no activity"),
        (fuel("a", wings="2"), "entry 2, activity 'a': in this version .* no column wings"),
        (said(JournalKind.STATEMENT, {**EXCLUDED, "scope_ref": "4"}), "entry 2 is no statement"),
        (JournalRecord(JournalKind.CLOSING, "2025", "{}"), "entry 2 is no closing"),
        (withdrawal(9), "entry 2 withdraws what was not before it"),
    ],
)
def test_an_entry_that_is_not_understood_is_named(record: JournalRecord, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replayed(register(), record)


def test_a_run_has_them_beside_its_figures() -> None:
    """Instruments are listed and change no figure; what is excluded says why."""
    found = inventory(replayed(*ALL))
    without = inventory(replayed(*ALL[:4], ALL[5]))

    assert [one["serial"] for one in found.instruments] == ["1"]
    assert [line.total for line in found.lines] == [line.total for line in without.lines]
    (franchises,) = [line for line in found.lines if line.place.category == 14]
    assert franchises.status is Status.EXCLUDED
    assert [one["text"] for one in found.exclusions] == ["no franchises"]
    (mail,) = found.software
    assert (mail.service, mail.count, mail.grams_per_unit) == (
        "mail", Fraction(7), None,
    )  # fmt: skip
    assert found.period == YEAR
    assert (found.journal_entries, found.journal_head) == (6, list(chained(ALL, 1))[-1].hash)
