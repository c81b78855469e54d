"""A closed period: what was handed out stands, and what is otherwise since is corrected."""

from __future__ import annotations

import base64
import csv
import io
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory_parts import YEAR, asset, books, inventory, kilograms, metering, posting, used
from wattgram_collector.inventory.books import books_of
from wattgram_collector.inventory.places import SCOPE_2, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Method, Role
from wattgram_collector.inventory.report import closing as closing_module
from wattgram_collector.inventory.report.closing import (
    Closing,
    closed_elsewhere,
    closed_factors,
    closed_rows,
    closing_of,
    closing_record,
    faults,
)
from wattgram_collector.inventory.report.corrections import corrected, rows_of, standing
from wattgram_collector.inventory.report.ledger_file import Row, ordered, posting_id, write
from wattgram_collector.inventory.result import Inventory
from wattgram_collector.ledger.journal import JournalEntry, JournalKind, JournalRecord, chained

SECOND = 1_000_000_000
ALL = [
    posting(),
    posting(subject="asset/b", grams=None, factor="", factor_value=None),
    posting(subject="activity/t-1", place=scope_3(4, "x y"), leaf=None, in_tcs=False,
            note='says "so", and\nmore', quantity=Fraction(1, 3), alpha=Fraction(2, 7)),
    posting(subject="agent/web", place=None, role=Role.MEMO, in_ghg=False, in_tcs=False),
    posting(place=SCOPE_2, method=Method.LOCATION, leaf=TcsLeaf.O_NETWORKING),
]  # fmt: skip


def text_of(rows: list[Row]) -> str:
    return write(rows)[0]


def said(rows: list[Row]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text_of(rows))))


def total(rows: list[Row]) -> Fraction:
    return sum((Fraction(row["kgco2e"]) for row in said(rows) if row["kgco2e"]), Fraction(0))


def test_a_ledger_that_was_written_is_read_again() -> None:
    """Law: the rows that are read say what was written, to the byte."""
    rows = corrected(ordered(ALL), ordered([replace(ALL[0], grams=Fraction(7)), *ALL[2:]]))

    assert text_of(rows_of(text_of(rows))) == text_of(rows)
    assert [row.reverses for row in rows_of(text_of(rows))] == [row.reverses for row in rows]


def test_a_line_that_is_none_is_named() -> None:
    text = text_of(ordered(ALL)).replace("asset/", "").replace(",use,", ",nap,", 1)

    with pytest.raises(ValueError, match=r"ledger\.csv: line 3: 'nap' is not a valid Stage"):
        rows_of(text)


def test_a_correction_takes_back_and_posts_again_after_what_stood() -> None:
    closed = ordered(ALL)
    late = posting(subject="asset/late")
    now = [replace(ALL[0], grams=Fraction(1_500)), ALL[1], *ALL[3:], late]

    rows = corrected(closed, ordered(now))
    found = said(rows)

    assert text_of(rows).startswith(text_of(closed))
    assert len(rows) == len(closed) + 2 + 1 + 1  # changed: two; gone: one; new: one
    taken_back = {row["reverses"]: row["kgco2e"] for row in found if row["reverses"]}
    assert taken_back == {posting_id(ALL[0]): "-1", posting_id(ALL[2]): "-1"}
    assert all(Fraction(row["kgco2e"] or 0) >= 0 for row in found if not row["reverses"])
    assert total(rows) == total(ordered(now))
    assert corrected(closed, ordered(ALL)) == closed


def test_other_words_for_the_same_are_no_correction() -> None:
    closed = ordered(ALL)
    reworded = [replace(ALL[0], note="otherwise", rule="9"), *ALL[1:]]

    assert text_of(corrected(closed, ordered(reworded))) == text_of(closed)


@pytest.mark.parametrize(
    "change",
    [
        {"grams": Fraction(1)}, {"quantity": Fraction(9)}, {"org_unit": "it"},
        {"service": "mail"}, {"grams": None}, {"alpha": Fraction(1, 2)}, {"in_tcs": False},
        {"factor_value": None}, {"pue": Fraction(2)}, {"unit": "MWh"},
    ],
)  # fmt: skip
def test_what_a_reader_takes_from_a_row_is_corrected(change: dict[str, Any]) -> None:
    closed = ordered([ALL[0]])

    rows = corrected(closed, ordered([replace(ALL[0], **change)]))

    assert [bool(row.reverses) for row in rows].count(True) == 1
    assert len(rows) == 3


STATES = st.lists(
    st.dictionaries(st.sampled_from("abcd"), st.one_of(st.none(), st.integers(0, 3)), max_size=4),
    min_size=1, max_size=6,
)  # fmt: skip


@settings(max_examples=20)
@given(STATES)
def test_a_period_that_is_closed_again_and_again(states: list[dict[str, int | None]]) -> None:
    """Law: whatever changes between closings, each is the beginning of the next, ids are unique,
    what stands is what is so now, and only what takes back is below zero.
    """
    rows: list[Row] = []
    for state in states:
        now = ordered(
            posting(subject=f"asset/{name}", grams=None if grams is None else Fraction(grams))
            for name, grams in state.items()
        )
        before = text_of(rows)
        rows = rows_of(text_of(corrected(rows, now)))

        assert text_of(rows).startswith(before)
        assert len({row.posting_id for row in rows}) == len(rows)
        assert sorted((row.posting.subject, row.posting.grams) for row in standing(rows)) == (
            sorted((row.posting.subject, row.posting.grams) for row in now)
        )
        assert corrected(rows, now) == [*corrected(rows, now)]
        assert text_of(corrected(rows, now)) == text_of(rows)


# ── in the journal ───────────────────────────────────────────────────────────────────────────


def entries(*records: JournalRecord) -> list[JournalEntry]:
    return list(chained(records, 1_770_000_000 * SECOND))


def closing(found: Inventory) -> JournalRecord:
    return closing_record(found.period, found.org_unit, found.rows, found.factors.values())


def test_a_closing_keeps_its_rows_and_its_factors() -> None:
    srv = asset(acquired_on=date(2025, 2, 1))
    found = inventory(books(srv), metering(*used(srv, 10)))

    (entry,) = entries(closing(found))
    kept = closing_of(entry)

    assert (entry.kind, entry.subject) == (JournalKind.CLOSING, "2025")
    assert (kept.first, kept.after, kept.rows) == (YEAR.first, YEAR.after, len(found.rows))
    assert kept.day == date(2026, 2, 2)
    assert text_of(closed_rows(kept)) == text_of([*found.rows])
    assert closed_factors(kept).keys() == found.factors.keys()
    assert not list(faults([entry]))


def test_a_later_report_of_a_closed_period_corrects_it() -> None:
    """Energy that came late: what was closed stands, and the difference follows."""
    srv = asset()
    first = inventory(books(srv), metering(*used(srv, 10)))
    closings = [closing_of(one) for one in entries(closing(first))]

    same = inventory(books(srv, closings=closings), metering(*used(srv, 10)))
    later = inventory(books(srv, closings=closings), metering(*used(srv, 12)))

    assert same.closed
    assert same.closed.corrections == 0
    assert text_of([*same.rows]) == text_of([*first.rows])
    assert later.closed
    assert later.closed.corrections == 2 * len(first.rows)
    assert text_of([*later.rows]).startswith(text_of([*first.rows]))
    assert kilograms(later, "2", "location") == Fraction("3.6")
    assert kilograms(first, "2", "location") == 3
    assert total([*later.rows]) == total([*inventory(books(srv), metering(*used(srv, 12))).rows])


def test_a_closing_is_of_its_period_and_its_unit_only() -> None:
    srv = asset(org_unit="it")
    found = inventory(books(srv), metering(*used(srv, 10)))
    (kept,) = [closing_of(one) for one in entries(closing(found))]

    assert kept.is_of(YEAR, "")
    assert not kept.is_of(YEAR, "it")
    assert not kept.is_of(YEAR._replace(timezone="Europe/Berlin"), "")
    assert not kept.is_of(YEAR._replace(after=date(2025, 12, 1)), "")


def test_the_base_year_and_the_year_before_are_those_that_were_closed() -> None:
    srv = asset()
    kept = [
        closing_of(one) for one in entries(
            *(closing(inventory(books(srv), metering(*used(srv, kwh)))) for kwh in (10, 20))
        )
    ]  # fmt: skip
    before = replace(kept[0], first=date(2024, 1, 1), after=date(2025, 1, 1))
    base = replace(kept[1], first=date(2023, 1, 1), after=date(2024, 1, 1))

    now = inventory(books(srv, closings=[before, base]), metering(*used(srv, 12)), base_year=2023)
    alone = inventory(books(srv, closings=[replace(before, first=date(2024, 12, 1))]),
                      metering(*used(srv, 12)))  # fmt: skip

    row = next(one for one in now.esrs if one.line == "gross_scope_2_location")
    assert (row.base_year, row.previous, row.value) == (
        Fraction("0.006"), Fraction("0.003"), Fraction("0.0036"),
    )  # fmt: skip
    assert row.change_percent == 20
    assert {one.previous for one in alone.esrs} == {None}


def spoilt(entry: JournalEntry, change: Callable[[dict[str, Any]], None]) -> JournalEntry:
    found = json.loads(entry.text)
    change(found)
    return entry._replace(text=json.dumps(found))


def repacked(key: str, change: Callable[[str], str]) -> Callable[[dict[str, Any]], None]:
    def work(found: dict[str, Any]) -> None:
        text = zlib.decompress(base64.b64decode(found[key])).decode()
        found[key] = base64.b64encode(zlib.compress(change(text).encode())).decode()

    return work


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda found: found.pop("head"), "entry 1 is no closing: 'head'"),
        (lambda found: found.update(first="2025"), "entry 1 is no closing"),
        (lambda found: found.update(rows=0), "its rows are not those that were closed"),
        (lambda found: found.update(head="0"), "its rows are not those that were closed"),
        (lambda found: found.update(sha256="0"), "its rows are not those that were closed"),
        (lambda found: found.update(packed="-"), "cannot be read"),
        (lambda found: found.update(packed=found["packed"][:40]), "cannot be read"),
        (lambda found: found.update(factors=""), "cannot be read: it ends too soon"),
        (repacked("packed", lambda text: text.replace("0.003", "0.002")), "was changed"),
        (repacked("factors", lambda text: text.replace("combustion", "x")), "its factors cannot"),
    ],
)  # fmt: skip
def test_a_closing_that_somebody_changed_is_found(change: Any, complaint: str) -> None:
    srv = asset()
    (entry,) = entries(closing(inventory(books(srv), metering(*used(srv, 0.01)))))

    (found,) = faults([spoilt(entry, change)])

    assert complaint in found
    assert "1" in found


def test_a_closing_that_forgets_the_one_before_it_is_found() -> None:
    srv = asset()
    first, other = (inventory(books(srv), metering(*used(srv, kwh))) for kwh in (10, 12))
    kept = [closing_of(one) for one in entries(closing(first))]
    later = inventory(books(srv, closings=kept), metering(*used(srv, 12)))

    assert list(faults(entries(closing(first), closing(other)))) == [
        "entry 2 has not the rows that entry 1 closed before it"
    ]
    assert not list(faults(entries(closing(first), closing(later))))
    units = closing_record(YEAR, "it", other.rows, other.factors.values())
    assert not list(faults(entries(closing(first), units)))


def test_the_books_have_the_closings_and_say_which_is_none() -> None:
    srv = asset()
    record = closing(inventory(books(srv), metering(*used(srv, 10))))
    found = books_of(entries(record))

    assert [one.entry for one in found.closings] == [1]
    assert isinstance(found.closings[0], Closing)
    with pytest.raises(ValueError, match="entry 1 is no closing"):
        books_of(entries(record._replace(text="[]")))


def test_what_could_not_be_read_again_is_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = inventory(books(asset()), metering(*used(asset(), 10)))
    size = len(text_of([*found.rows]).encode())
    for most in (size, size - 1):
        monkeypatch.setattr(closing_module, "ROWS_BYTES_MAX", most)
        if most >= size:
            assert closing(found)
            continue
        with pytest.raises(ValueError, match=r"2025: its ledger\.csv has more than"):
            closing(found)


def test_days_of_another_zone_that_were_closed_are_told_unless_these_were_too() -> None:
    record = closing(inventory(books(asset()), metering(*used(asset(), 10))))
    kept = [closing_of(one) for one in entries(record)]
    elsewhere = YEAR._replace(timezone="Europe/Berlin")

    (told,) = closed_elsewhere(kept, elsewhere, "")
    assert "closed with the days of UTC (journal entry 1)" in told
    assert not list(closed_elsewhere(kept, YEAR, ""))
    assert not list(closed_elsewhere(kept, elsewhere, "it"))
    assert not list(closed_elsewhere(kept, elsewhere._replace(after=date(2025, 2, 1)), ""))
    both = [*kept, replace(kept[0], timezone="Europe/Berlin")]
    assert not list(closed_elsewhere(both, elsewhere, ""))
