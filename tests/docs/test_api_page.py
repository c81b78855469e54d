"""docs/api.md is made from the description that the collector serves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from promises import ROOT
from wattgram_collector.exposition.api.openapi import document
from wattgram_collector.exposition.api.reference import lines

PAGE = ROOT / "docs" / "api.md"


def test_the_page_of_the_api_is_made_from_its_description(
    golden: Callable[[Path, str], None],
) -> None:
    golden(PAGE, "\n".join(lines(document())))


def test_every_path_and_every_shape_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    described = document()
    for path, item in described["paths"].items():
        for method, operation in item.items():
            assert f"## `{method.upper()} {path}`" in page
            for parameter in operation["parameters"]:
                assert f"| `{parameter['name']}` |" in page
    for name in described["components"]["schemas"]:
        assert f"### {name}\n" in page
