"""What a report is dressed with: the style of the collector's pages, and its own on top."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from wattgram_collector.exposition.pages.html import Html


@cache
def style() -> Html:
    """Return both files of this distribution, as they are."""
    page = files("wattgram_collector.exposition").joinpath("static", "page.css")
    own = files("wattgram_collector.inventory.html").joinpath("report.css")
    return Html(page.read_text(encoding="utf-8") + own.read_text(encoding="utf-8"))
