"""The pages of what people say have the columns of the program, and examples that it takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from wattgram.settings import load
from wattgram_collector.config import CollectorConfig
from wattgram_collector.inventory.activities.activity import Column
from wattgram_collector.inventory.activities.reading import Form
from wattgram_collector.inventory.reference_figures import page, shipped_figures
from wattgram_collector.inventory.said import instruments, statements, units
from wattgram_collector.inventory.said.kept import taken
from wattgram_collector.inventory.said.rows import read_rows, read_toml

DOCS = Path(__file__).parents[2] / "docs"


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def block(name: str, kind: str) -> str:
    (found,) = re.findall(rf"```{kind}\n(.*?)```", text(name), re.DOTALL)
    return str(found)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("functional-units.md", units.COLUMNS),
        ("instruments.md", instruments.COLUMNS),
        ("statements.md", statements.TABLES["exclusions"]),
    ],
)
def test_the_columns_are_those_of_the_program(name: str, columns: tuple[Column, ...]) -> None:
    rows = [
        f"| `{one.name}`{' (required)' if one.is_required else ''} | {one.meaning} |"
        for one in columns
    ]

    assert "\n".join(["|---|---|", *rows, ""]) in text(name)


def test_the_page_of_statements_has_the_relevance() -> None:
    assert statements.RELEVANCE.meaning in text("statements.md")


@pytest.mark.parametrize(
    ("name", "module", "rows"),
    [("functional-units.md", units, 3), ("instruments.md", instruments, 4)],
)
def test_the_tables_are_taken(name: str, module: object, rows: int) -> None:
    sort = units.units_sort() if module is units else instruments.INSTRUMENTS
    columns = units.COLUMNS if module is units else instruments.COLUMNS
    said = read_rows(block(name, "csv").encode(), Form.CSV, name, columns)

    assert len(taken(sort, said)) == rows


def test_the_statements_are_taken() -> None:
    said = read_toml(block("statements.md", "toml").encode(), "x", statements.TABLES)

    assert len(taken(statements.STATEMENTS, said)) == 3


def test_the_section_is_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "collector.toml"
    file.write_text(block("functional-units.md", "toml"))

    assert load(CollectorConfig, file, {}, "X").functional_units["mails"].unit == "email"


def test_the_page_of_reference_figures_is_made_from_them(
    golden: Callable[[Path, str], None],
) -> None:
    golden(DOCS / "reference-figures.md", page(shipped_figures()))
