"""What pages say of the rest of the repository, as a test may look it up."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
NAMED_TEST: Final = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@cache
def collected(file: str) -> frozenset[str]:
    """Return the tests of a file as pytest finds them: at the top, by their names, not skipped for
    ever. One that is written over by another of its name is not there.
    """
    path = ROOT / file
    if not path.exists() or not path.name.startswith("test_"):
        return frozenset()
    found = set()
    names: list[str] = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.append(node.name)
            marks = {ast.unparse(one).partition("(")[0] for one in node.decorator_list}
            if node.name.startswith("test_") and "pytest.mark.skip" not in marks:
                found.add(node.name)
    return frozenset(name for name in found if names.count(name) == 1)


def missing(page: str) -> list[str]:
    """Return the tests that a page names and that are not collected."""
    return [
        f"{file}::{name}"
        for file, name in sorted(set(NAMED_TEST.findall(page)))
        if name not in collected(file)
    ]
