"""Every promise names a test, and every test that is named is collected."""

from __future__ import annotations

import re

import pytest

from promises import NAMED_TEST, ROOT, collected, missing

PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
BEFORE, _, AFTER = PAGE.partition("\n## How")
PROMISES = re.findall(r"^- .+?(?=^- |^$|\Z)", BEFORE, re.MULTILINE | re.DOTALL)


def test_every_test_that_is_named_is_collected() -> None:
    assert missing(PAGE) == []


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise[2:50])
def test_every_promise_is_a_sentence_with_a_test(promise: str) -> None:
    sentence = " ".join(NAMED_TEST.sub("", promise).split())

    assert NAMED_TEST.search(promise)
    assert sentence.endswith(".")
    assert sentence.count(". ") == 0


def test_no_promise_is_lost_in_reading_the_page() -> None:
    assert len(PROMISES) == BEFORE.count("\n- ") > 80


def test_every_test_that_starts_the_daemons_proves_a_promise() -> None:
    """What takes so much to show is worth saying."""
    named = set(NAMED_TEST.findall(PAGE))
    files = {f"tests/e2e/{path.name}" for path in (ROOT / "tests" / "e2e").glob("test_*.py")}
    unsaid = {file for file in files if not any(file == one for one, _ in named)}

    assert unsaid <= {f"tests/e2e/test_{name}.py" for name in ("demo", "sample_command", "access")}


def test_what_is_not_collected_is_noticed() -> None:
    assert "test_what_is_not_collected_is_noticed" in collected("tests/docs/test_guarantees.py")
    for wrong in (
        "`tests/docs/test_guarantees.py::test_nothing`",
        "`tests/docs/test_guarantees.py::missing`",
        "`tests/promises.py::collected`",
        "`tests/docs/test_nowhere.py::test_it`",
    ):
        assert len(missing(wrong)) == 1, wrong
