"""Every promise names a test, and every test that is named exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
PROMISES = re.findall(
    r"^- .+?(?=^- |^$|\Z)", PAGE.partition("\n## How")[0], re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize(("file", "name"), sorted(set(TEST.findall(PAGE))))
def test_every_test_that_is_named_exists(file: str, name: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")

    assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise[2:50])
def test_every_promise_is_a_sentence_with_a_test(promise: str) -> None:
    sentence = " ".join(TEST.sub("", promise).split())

    assert TEST.search(promise)
    assert sentence.endswith(".")
    assert sentence.count(". ") == 0


def test_no_promise_is_lost_in_reading_the_page() -> None:
    assert len(PROMISES) == PAGE.partition("\n## How")[0].count("\n- ") > 30
