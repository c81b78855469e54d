"""Debian's Chromium, and what it finds on a page: foreign requests, errors, shifts, axe-core."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
AXE = Path(os.environ.get("WATTGRAM_AXE", ROOT / ".venv" / "axe-core" / "axe.min.js"))
LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}
PHONE = {"width": 320, "height": 700}
DESKTOP = {"width": 1280, "height": 900}
_SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
_SERIOUS = {"serious", "critical"}
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run it; a test skips where it is not."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs Debian's chromium (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Window:
    """One page in one window, and what went wrong on it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.foreign: list[str] = []
        self.errors: list[str] = []
        page.on("request", self._asked)
        page.on("console", lambda said: self._said(said.type, said.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _asked(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.hostname not in LOOPBACK:
            self.foreign.append(request.url)

    def _said(self, kind: str, text: str) -> None:
        # A page that is not there is told as an error by the browser, and rightly.
        if kind in {"error", "warning"} and "status of 404" not in text:
            self.errors.append(text)

    @property
    def shifts(self) -> float:
        """Return the layout shift so far; a stable page has 0."""
        return float(self.page.evaluate("window.shifts"))

    @property
    def first_paint_seconds(self) -> float:
        found = self.page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
        )
        return float(found) / 1_000

    @property
    def overflow_pixels(self) -> int:
        """Return how much wider the page is than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))

    def hosts(self) -> list[list[str]]:
        """Return the cells of the table, row by row, as they are read."""
        return [
            [cell.inner_text().replace("\n", " ") for cell in row.locator("th, td").all()]
            for row in self.page.locator("table.hosts tbody tr").all()
        ]

    def is_sound(self) -> bool:
        assert self.foreign == []
        assert self.errors == []
        return True

    def against_it(self) -> list[str]:
        """Return what axe-core calls serious or critical."""
        self.page.evaluate(AXE.read_text())
        options = json.dumps({"runOnly": {"type": "tag", "values": _RULES}})
        found = self.page.evaluate(f"axe.run(document, {options})")
        return [
            f"{one['id']}: {one['help']}: {node['html'][:200]} {node.get('failureSummary', '')}"
            for one in found["violations"]
            if one["impact"] in _SERIOUS
            for node in one["nodes"]
        ]


@contextmanager
def window(browser: Browser, url: str, **context: Any) -> Iterator[Window]:
    """Open an address in a fresh window: `color_scheme`, `java_script_enabled`, `viewport`."""
    made = browser.new_context(**{"viewport": DESKTOP, **context})
    try:
        made.add_init_script(_SHIFTS)
        opened = Window(made.new_page())
        opened.page.goto(url, wait_until="load", timeout=20_000)
        yield opened
    finally:
        made.close()


def require_axe() -> None:
    if not AXE.exists():
        pytest.skip("needs axe-core (make axe, which needs npm)")
