"""The audit of what is pinned: a finding fails it, and silence is never taken for a clean bill."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


audit = loaded()

CLEAN = {"name": "one", "version": "1.0", "vulns": []}
SILENT = {"name": "two", "skip_reason": "Dependency not found on PyPI and could not be audited"}
FOUND = {
    "name": "three",
    "version": "3.0",
    "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["3.1"], "aliases": [], "description": "…"}],
}


def report(*packages: object) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def judged(*reports: str, is_required: bool = False) -> tuple[int, str]:
    answers = {f"service-{n}": audit.answer_of(one) for n, one in enumerate(reports)}
    code, said = audit.verdict(answers, is_required=is_required)
    return code, said


def test_a_finding_of_any_service_fails() -> None:
    for reports in ((report(CLEAN, FOUND),), (report(CLEAN), report(SILENT, FOUND))):
        code, said = judged(*reports)
        assert code == 1
        assert "three 3.0: PYSEC-2026-1, mended in 3.1" in said


def test_all_clean_is_said_with_how_many() -> None:
    code, said = judged(report(CLEAN), is_required=True)
    assert (code, said) == (0, "audit: no vulnerability is known of 1 packages (service-0)")


@pytest.mark.parametrize("nothing", ["", "[]", "{}", report(), report(SILENT), "Traceback"])
def test_where_nobody_answers_it_says_so_in_one_line(nothing: str) -> None:
    """pip-audit itself says "No known vulnerabilities found" then."""
    code, said = judged(nothing, nothing)
    assert (code, said.count("\n")) == (0, 0)
    assert "NOT DONE" in said
    assert judged(nothing, is_required=True)[0] == 1


def test_packages_of_which_nothing_is_known_are_named() -> None:
    code, said = judged(report(CLEAN, SILENT))
    assert (code, said.endswith("nothing is said of two")) == (0, True)
    assert judged(report(CLEAN, SILENT), is_required=True)[0] == 1


@given(st.text(max_size=100))
def test_no_report_is_more_than_an_answer(text: str) -> None:
    assert audit.answer_of(text).findings == ()


def test_make_check_and_continuous_integration_audit() -> None:
    makefile = (ROOT / "Makefile").read_text()
    check = re.search(r"^check:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert check is not None
    assert "audit" in check[1]
    assert ".ci/audit.py" in makefile
    assert "make audit" in (ROOT / ".ci" / "run").read_text()
