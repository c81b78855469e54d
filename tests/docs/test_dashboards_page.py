"""docs/dashboards.md lists every panel, as the code of the dashboards has them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from wattgram_grafana.boards import BOARDS

PAGE = Path(__file__).parents[2] / "docs/dashboards.md"
MADE = "<!-- made by `make docs` from here on -->\n"

Golden = Callable[[Path, str], None]


def test_every_panel_is_listed_with_what_it_shows(golden: Golden) -> None:
    written, found, _ = PAGE.read_text(encoding="utf-8").partition(MADE)
    assert found
    lines: list[str] = []
    for board in BOARDS:
        lines += ["", f"### {board.title.partition(' / ')[2]}", "", board.about, ""]
        lines += ["| panel | what it shows | without a value |", "|---|---|---|"]
        for panel in (one for row in board.rows for one in row):
            empty = panel.empty if panel.queries else ""
            lines.append(f"| {panel.title} | {panel.about} | {empty} |")
    golden(PAGE, written + MADE + "\n".join([*lines, ""]))


def test_each_dashboard_is_named_with_its_file() -> None:
    named = re.findall(r"dashboards/([\w-]+)\.json\)", PAGE.read_text(encoding="utf-8"))

    assert named == [board.uid for board in BOARDS]
