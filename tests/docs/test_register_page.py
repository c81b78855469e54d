"""The page of the asset register has every column, as the program has it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from wattgram_collector.inventory.making.hardware import shipped
from wattgram_collector.inventory.register.columns import FIELDS
from wattgram_collector.inventory.register.file import read_csv, read_toml

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "assets.md").read_text(encoding="utf-8")


def test_the_columns_are_those_of_the_program() -> None:
    rows = [
        f"| `{one.name}`{' (required)' if one.is_required else ''} | {one.meaning} |"
        for one, *_ in FIELDS
    ]

    assert PAGE.endswith("\n".join(["|---|---|", *rows, ""]))


def test_the_examples_are_registers() -> None:
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (table,) = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)

    assert len(read_toml(toml, "assets.toml")) == len(tomllib.loads(toml)["assets"]) == 2
    assert [one.units for one in read_csv(table, "assets.csv")] == [20, 300]


def test_the_page_of_embodied_carbon_counts_the_rows() -> None:
    page = (DOCS / "embodied.md").read_text(encoding="utf-8")
    tables = shipped()

    for name, rows in (("product_models", tables.products), ("device_classes", tables.classes),
                       ("components", tables.parts)):  # fmt: skip
        assert f"| `{name}.csv` | {len(rows)} |" in page
