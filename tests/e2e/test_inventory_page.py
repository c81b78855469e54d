"""The report of an inventory in Debian's Chromium: open to everybody, on paper and on a phone.

`make screenshots` writes docs/images.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from browser import DESKTOP, PHONE, ROOT, chromium, require_axe, window
from inventory_scene import beside, inventory, nothing
from wattgram_collector.inventory.html.page import html_report

pytestmark = pytest.mark.servers

IMAGES = ROOT / "docs" / "images"
IMAGE_BYTES_MAX = 200_000
PDF_PAGES_MAX = 40
NARROW: Any = PHONE
A4_WITHIN_MARGINS: Any = {"width": 718, "height": 1_000}
PAGES = {
    "year": lambda: html_report(inventory(), beside()),
    "nothing": lambda: html_report(nothing()),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@contextmanager
def served(page: str) -> Iterator[str]:
    body = page.encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_the_report_is_open_to_everybody_and_asks_nobody(
    browser: Browser, name: str, scheme: Any
) -> None:
    require_axe()
    # Without the policy, so that axe-core may be put in; the page has no script of its own.
    page = PAGES[name]().replace('http-equiv="Content-Security-Policy"', "")
    with served(page) as url, window(browser, url, color_scheme=scheme) as opened:
        assert opened.against_it() == []
        assert opened.overflow_pixels <= 0
        opened.page.set_viewport_size(NARROW)
        assert opened.overflow_pixels <= 0
        assert opened.is_sound()


@pytest.mark.parametrize("name", PAGES)
def test_its_policy_lets_all_of_it_be_shown(browser: Browser, name: str) -> None:
    with served(PAGES[name]()) as url, window(browser, url, java_script_enabled=False) as opened:
        heading = opened.page.locator("h1")
        assert heading.is_visible()
        colour = heading.evaluate("getComputedStyle(document.body).backgroundColor")
        assert colour != "rgba(0, 0, 0, 0)", "the style is on"
        assert opened.is_sound()


def test_on_paper_it_is_as_wide_as_the_paper(browser: Browser, tmp_path: Path) -> None:
    with served(PAGES["year"]()) as url, window(browser, url) as opened:
        opened.page.emulate_media(media="print")
        opened.page.set_viewport_size(A4_WITHIN_MARGINS)
        assert opened.overflow_pixels <= 0
        paper = opened.page.pdf(prefer_css_page_size=True)
    assert 3 <= paper.count(b"/Type /Page\n") <= PDF_PAGES_MAX


SHOTS: dict[str, tuple[dict[str, int], str, str]] = {
    "inventory-desktop": (DESKTOP | {"height": 1_180}, "light", ""),
    "inventory-dark": (DESKTOP | {"height": 900}, "dark", ""),
    "inventory-phone": ({"width": 390, "height": 1_180}, "light", ""),
    "inventory-tcs": (DESKTOP | {"height": 620}, "light", "#tcs"),
    "inventory-walk": (DESKTOP | {"height": 900}, "light", "#walk"),
}


@pytest.mark.parametrize("name", SHOTS)
def test_a_picture_of_the_report_is_in_the_documentation(browser: Browser, name: str) -> None:
    viewport, scheme, where = SHOTS[name]
    path = IMAGES / f"{name}.png"
    if os.environ.get("WATTGRAM_SCREENSHOTS"):
        kind: dict[str, Any] = {"color_scheme": scheme, "viewport": viewport}
        with (
            served(PAGES["year"]()) as url,
            window(browser, url + where, **kind) as opened,
        ):
            opened.page.screenshot(path=path)
            assert opened.is_sound()
    assert path.stat().st_size < IMAGE_BYTES_MAX
    assert f"images/{name}.png" in (ROOT / "docs" / "inventory-report.md").read_text()
