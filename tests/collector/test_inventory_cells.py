"""Texts in the tables of a report: none is a formula, and each comes back as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattgram_collector.inventory.report.cells import plain, safe

TEXTS = st.text(st.sampled_from("'=+-@\t\r1.a "), max_size=6)


@given(TEXTS)
def test_every_text_comes_back(text: str) -> None:
    assert plain(safe(text)) == text


@given(TEXTS, TEXTS)
def test_two_texts_are_two_cells(one: str, other: str) -> None:
    assert (safe(one) == safe(other)) == (one == other)


@pytest.mark.parametrize("text", ["=1", "+1", "-a", "@x", "\t=1", "--1", "-1+1", "-1e5", "-٣"])
def test_what_a_spreadsheet_runs_has_a_quote_before_it(text: str) -> None:
    assert safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "-", "-1.5", "-12", "1+1", "a=b", "'tis", "0"])
def test_what_is_none_is_as_it_is(text: str) -> None:
    assert safe(text) == text
