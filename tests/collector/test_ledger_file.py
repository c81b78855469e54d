"""`ledger.csv`: one order, ids that stay, a chain that breaks, corrections that reverse."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_collector.inventory.places import SCOPE_2, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Method, Posting, Stage
from wattgram_collector.inventory.report.ledger_file import (
    COLUMNS,
    DIGITS,
    decimal,
    ordered,
    posting_id,
    verify,
    write,
)
from wattgram_collector.reports.numbers import exact


def posting(**said: Any) -> Posting:
    facts = {
        "start_unix_seconds": 1_735_689_600,
        "end_unix_seconds": 1_738_368_000,
        "subject": "asset/a",
        "stage": Stage.USE,
        "place": SCOPE_2,
        "leaf": TcsLeaf.O_SERVERS,
        "method": Method.LOCATION,
        "quantity": Fraction(10, 3),
        "unit": "kWh",
        "factor": "GB 2025",
        "factor_value": Fraction("0.177"),
        "grams": Fraction(590),
        "rule": "4",
    }
    return Posting(**{**facts, **said})


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


ALL = [
    posting(),
    posting(subject="asset/b", grams=None),
    posting(subject="activity/t-1", place=scope_3(4), leaf=None, in_tcs=False,
            method=Method.NONE, note='says "so", and\nmore'),
]  # fmt: skip


def test_a_row_says_everything_of_a_posting() -> None:
    text, head = write(ordered(ALL))
    first = next(row for row in rows_of(text) if row["asset_id"] == "a")

    assert first["interval_start"] == "2025-01-01T00:00:00Z"
    assert (first["scope"], first["category"], first["tcs"]) == ("2", "", "O.servers")
    assert (first["quantity"], first["unit"], first["kgco2e"]) == ("3.333333333", "kWh", "0.59")
    assert (first["in_ghg"], first["in_tcs"], first["rule"]) == ("true", "true", "4")
    assert first["posting_id"] == posting_id(ALL[0])
    assert rows_of(text)[-1]["hash"] == head
    assert {row["kgco2e"] for row in rows_of(text) if row["asset_id"] == "b"} == {""}


def test_an_auditor_can_make_a_hash_again() -> None:
    text, _ = write(ordered(ALL))
    rows = list(csv.reader(io.StringIO(text)))[1:]

    for before, row in zip([None, *rows], rows, strict=False):
        said = json.dumps([row[0], row[1], *row[3:]], separators=(",", ":"), ensure_ascii=False)
        assert row[2] == hashlib.sha256(said.encode()).hexdigest()
        assert row[1] == ("0" * 64 if before is None else before[2])


@given(st.permutations(ALL))
def test_the_same_postings_are_the_same_bytes(shuffled: list[Posting]) -> None:
    assert write(ordered(shuffled)) == write(ordered(ALL))


@given(st.data())
def test_a_change_of_any_character_is_found(data: st.DataObject) -> None:
    """Law: no cell of a chained ledger can be changed, and no row taken out, unseen."""
    text, head = write(ordered(ALL))
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda one: one != text[at]))
    changed = text[:at] + other + text[at + 1 :]

    assert verify(text) == len(ALL)
    try:
        verify(changed)
    except (ValueError, csv.Error):
        return
    # What is read as the same cells is the same ledger: a quote that need not be there, say.
    assert list(csv.reader(io.StringIO(changed))) == list(csv.reader(io.StringIO(text)))
    assert head in changed


def test_rows_that_are_missing_or_moved_are_found() -> None:
    text, _ = write(ordered([posting(subject=f"asset/{n}") for n in range(4)]))
    lines = text.splitlines(keepends=True)

    for changed in ([*lines[:2], *lines[3:]], [*lines[:1], lines[2], lines[1], *lines[3:]]):
        with pytest.raises(ValueError, match="does not follow"):
            verify("".join(changed))
    with pytest.raises(ValueError, match="header"):
        verify("".join(lines[1:]))


def test_a_posting_that_is_there_twice_stops_the_report() -> None:
    with pytest.raises(ValueError, match="asset/a: two postings of use that are alike"):
        ordered([posting(), posting(grams=Fraction(1))])


def test_the_id_is_of_the_agent_and_its_slots_and_not_of_words() -> None:
    """Two agents of one asset are two postings; another command to see one is the same."""
    first, other = (
        posting(evidence="agent a slots 1 to 2"),
        posting(evidence="agent b slots 1 to 2"),
    )

    assert posting_id(first) != posting_id(other)
    assert posting_id(posting(evidence="agent a slots 1 to 2: see it")) == posting_id(first)
    assert posting_id(posting(evidence="journal entry 1")) == posting_id(posting())


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (Fraction(0), "0"), (Fraction(1, 3), "0.333333333"), (Fraction(5, 10**10), "0"),
     (Fraction(15, 10**10), "0.000000002"), (Fraction(-1, 4), "-0.25")],
)  # fmt: skip
def test_numbers_are_rounded_half_even_on_output(value: Fraction | None, text: str) -> None:
    assert decimal(value) == text


@given(st.fractions())
def test_decimal_text_is_the_number_rounded(value: Fraction) -> None:
    """Law: what is written is the number rounded half-even to so many digits, exactly."""
    assert Fraction(decimal(value)) == round(value, DIGITS)
    assert decimal(value) == exact(round(value, DIGITS))


def test_the_columns_are_those_of_the_report() -> None:
    assert len(set(COLUMNS)) == len(COLUMNS)
    assert set(rows_of(write(ordered(ALL))[0])[0]) == set(COLUMNS)
