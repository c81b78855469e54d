"""The page of activities has every kind and every column, as the program has them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from activity_scenes import take
from journal_fake import MemoryJournal
from promises import ROOT
from wattgram_collector.exposition.api import activity_posts, activity_table
from wattgram_collector.inventory.activities import reading
from wattgram_collector.inventory.activities.activity import COMMON_COLUMNS, Column, Kind
from wattgram_collector.inventory.activities.kinds import KINDS

PAGE = ROOT / "docs" / "activities.md"
MADE = "Made from the code by `make docs`.\n"


def table(columns: Iterable[Column]) -> Iterator[str]:
    yield from ("", "| column | what it says |", "|---|---|")
    for one in columns:
        required = " (required)" if one.is_required else ""
        yield f"| `{one.name}`{required} | {one.meaning.replace('|', '/')} |"


def section(kind: Kind) -> Iterator[str]:
    yield from ("", f"### {kind.name}", "", f"{kind.meaning[0].upper()}{kind.meaning[1:]}.", "")
    yield f"- Where: {kind.places}"
    yield f"- Formula: {kind.formula}"
    yield f"- By: {kind.source}"
    if kind.methods:
        yield "- Rules and methods: " + "; ".join(
            f"`{name}` {about}" for name, about in kind.methods.items()
        )
    yield from table(kind.columns)


def test_kinds_and_columns_are_made_from_the_code(golden: Callable[[Path, str], None]) -> None:
    head, mark, _ = PAGE.read_text(encoding="utf-8").partition(MADE)
    lines = ["", "Every row has these columns, and its kind's:", *table(COMMON_COLUMNS)]
    for kind in KINDS.values():
        lines += section(kind)

    golden(PAGE, f"{head}{mark}" + "\n".join([*lines, ""]))


def test_the_example_is_taken() -> None:
    (example,) = re.findall(r"```csv\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    found = take(MemoryJournal(), example)
    assert (found.taken, found.problems, found.unpriced) == (3, [], 0)


def test_the_limits_are_those_of_the_code() -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert reading.FILE_BYTES_MAX == 128 * 2**20
    assert f"At most 128 MiB and {reading.ROWS_MAX:,} rows in a file" in page
    assert activity_posts.BODY_BYTES_MAX == 4 * 2**20
    assert f"At most {activity_table.ROWS_MAX:,} rows and 4 MiB at once" in page
