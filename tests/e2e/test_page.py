"""The pages in Debian's Chromium: of a running collector, and of fleets that were made by hand.

`make screenshots` writes docs/images.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

import wattgram_collector.exposition
from browser import DESKTOP, PHONE, ROOT, Window, chromium, require_axe, window
from daemons import Agent, Collector, running, wait_until
from fakes import RaplTree
from page_scenes import NOW, Told, detail, empty, fleet, large, row, rows, serving
from wattgram_collector.views.model import FleetView, Presence

pytestmark = pytest.mark.servers

IMAGES = ROOT / "docs" / "images"
IMAGE_BYTES_MAX = 150_000
FIRST_PAINT_SECONDS = 1.0
SHIFT_MAX = 0.01
LATE_SECONDS = 60
PAGES = ("", "zones", "about", "hosts/beta", "hosts/nobody")
STATIC = Path(str(wattgram_collector.exposition.__file__)).parent / "static"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def silent() -> FleetView:
    """Every host is late."""
    late = [replace(one, presence=Presence.LATE, power_watts=None, tier=None) for one in rows()]
    return fleet(rows=tuple(late), hosts={Presence.LATE: 4}, power_watts=None, grams_per_hour=None)


SCENES = {
    "fleet": (fleet(), PAGES),
    "empty": (empty(), ("", "zones")),
    "silent": (silent(), ("",)),
}


# ── a collector and three agents ─────────────────────────────────────────────────────────


ZONE = "intel-rapl:0"
WATTS = {"alpha": 40, "beta": 25, "gamma": 12}


class Machines(threading.Thread):
    """Three machines with a meter each, which use energy until told to stop."""

    def __init__(self, root: Path) -> None:
        super().__init__(daemon=True)
        self.trees = {name: RaplTree(root / name) for name in WATTS}
        for tree in self.trees.values():
            tree.add(ZONE, "package-0", start=1_000)
        self.done = threading.Event()

    def run(self) -> None:
        before = time.monotonic()
        while not self.done.wait(0.1):
            now = time.monotonic()
            for name, tree in self.trees.items():
                tree.use(ZONE, int((now - before) * WATTS[name] * 1e6))
            before = now

    def agent(self, name: str, directory: Path, collector: Collector) -> Agent:
        tree = self.trees[name]
        return Agent(
            directory / name,
            collector,
            tree.sysfs,
            tree.procfs,
            WATTGRAM_AGENT__HOST=name,
            WATTGRAM_AGENT__SAMPLING__INTERVAL_SECONDS="0.5",
            WATTGRAM_AGENT__SAMPLING__BATCH_SECONDS="1",
        )


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    started = Machines(tmp_path / "machines")
    started.start()
    yield started
    started.done.set()
    started.join()


def test_a_running_fleet_is_shown_and_changes_when_an_agent_stops(
    browser: Browser, tmp_path: Path, machines: Machines
) -> None:
    collector = Collector(tmp_path / "collector", WATTGRAM_COLLECTOR__GRID_ZONE="DE")
    alpha, beta, gamma = (machines.agent(name, tmp_path, collector) for name in WATTS)
    url = f"http://127.0.0.1:{collector.http_port}/"

    with running(collector), window(browser, url) as opened:
        assert opened.page.get_by_text("No agent has reported yet").is_visible()
        with running(alpha, beta, gamma):
            wait_until(lambda: _watts(opened) == 3, 40, f"three hosts: {gamma.log}")
            assert [cells[0].split()[0] for cells in opened.hosts()] == list(WATTS)
            for cells, watts in zip(opened.hosts(), WATTS.values(), strict=True):
                assert cells[1] == "reports"
                assert float(cells[2].split()[0]) == pytest.approx(watts, rel=0.5)
                assert cells[3].strip() == "measured"
            for host in WATTS:
                with window(browser, f"{url}hosts/{host}") as one:
                    assert one.page.get_by_role("heading", name=host, exact=True).is_visible()
                    assert one.page.get_by_text("rapl", exact=True).first.is_visible()
                    assert one.is_sound()
            with window(browser, f"{url}zones") as one:
                assert one.page.get_by_role("heading", name="DE", exact=True).is_visible()
                assert one.is_sound()
            gamma.stop()
            wait_until(lambda: _is_late(opened), LATE_SECONDS, "gamma is late")
            assert opened.hosts()[2][2] == "unknown"
            assert opened.hosts()[0][1] == "reports"
            assert opened.page.get_by_role("link", name="1 late").is_visible()
        # Now nobody reports, and nothing changes any more.
        with (
            window(browser, url) as scripted,
            window(browser, url, java_script_enabled=False) as plain,
        ):
            booked = [(cells[0], *cells[-2:]) for cells in scripted.hosts()]
            assert booked == [(cells[0], *cells[-2:]) for cells in plain.hosts()]
            assert all("Wh" in energy and "g" in grams for _, energy, grams in booked)
            assert plain.is_sound()
        assert opened.is_sound()


def _watts(opened: Window) -> int:
    """Return how many hosts are shown with their power."""
    return sum(1 for cells in opened.hosts() if cells[2].endswith("W"))


def _is_late(opened: Window) -> bool:
    """Return whether the third host is late, without waiting for the page's own turn."""
    opened.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    return "late" in opened.hosts()[2][1]


# ── every page, in light and dark ────────────────────────────────────────────────────────


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scene", SCENES)
def test_a_page_is_open_to_everybody_and_asks_nobody(
    browser: Browser, scene: str, scheme: Any
) -> None:
    require_axe()
    view, pages = SCENES[scene]
    with serving(Told(view, detail())) as url:
        for page in pages:
            with window(browser, url + page, color_scheme=scheme) as opened:
                for fold in opened.page.locator("summary").all():
                    fold.click()
                assert opened.against_it() == [], page
                assert opened.shifts <= SHIFT_MAX, page
                assert opened.overflow_pixels <= 0, page
                opened.page.set_viewport_size(PHONE)
                assert opened.overflow_pixels <= 0, page
                assert opened.is_sound()


def test_cards_stand_where_they_stand_before_all_of_them_are_there(browser: Browser) -> None:
    """On a slow machine a page is painted before all of it is read."""
    width = "document.querySelector('.cards').firstElementChild.getBoundingClientRect().width"
    take = "document.querySelector('.cards').lastElementChild.remove()"
    with serving(Told(fleet(), detail())) as url, window(browser, url) as opened:
        whole = opened.page.evaluate(width)
        for _ in range(opened.page.locator(".cards").first.locator("> *").count() - 1):
            opened.page.evaluate(take)
            assert opened.page.evaluate(width) == whole


def test_without_a_script_everything_is_there(browser: Browser) -> None:
    with serving(Told(fleet(), detail())) as url:
        for page in PAGES:
            with window(browser, url + page) as scripted:
                hosts = scripted.hosts()
                texts = scripted.page.locator("main").inner_text()
            with window(browser, url + page, java_script_enabled=False) as plain:
                said = plain.page.locator("main").inner_text()
                assert plain.hosts() == hosts
                # The script adds what copies a command, and takes the axis over into a canvas.
                assert _words(texts) - {"Copy"} <= _words(said), page
                if page == "":
                    assert plain.page.locator(".chart path").count() >= 4
                    plain.page.get_by_label("Search").fill("slough")
                    plain.page.get_by_role("button", name="Show").click()
                    assert [cells[0].split()[0] for cells in plain.hosts()] == [
                        "delta", "gateway-7",
                    ]  # fmt: skip
                    plain.page.get_by_role("link", name="Power").click()
                    assert "q=slough" in plain.page.url
                    assert "sort=power" in plain.page.url
                assert plain.is_sound()


def _words(text: str) -> set[str]:
    return set(text.split())


# ── what the script adds ─────────────────────────────────────────────────────────────────


def test_the_page_stays_up_to_date_without_being_loaded_again(browser: Browser) -> None:
    views = Told(fleet())
    with serving(views) as url, window(browser, url) as opened:
        page = opened.page
        page.evaluate("window.untouched = true")
        page.get_by_text("The numbers").click()
        page.get_by_label("Search").focus()
        changed = (row("alpha", power_watts=300.0), *rows()[1:])
        views.view = fleet(rows=changed, power_watts=540.1, at_unix_seconds=NOW + 10)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator("main")).to_contain_text("300.0")

        assert page.get_by_text("540").first.is_visible()
        assert "20:35:10" in page.locator(".asof").inner_text()
        assert page.evaluate("window.untouched")
        assert page.locator("details[open]").count() == 1
        assert page.evaluate("document.activeElement.name") == "q"
        assert opened.shifts <= SHIFT_MAX
        assert opened.is_sound()


def test_a_collector_that_is_gone_is_told(browser: Browser) -> None:
    with serving(Told(fleet())) as url, window(browser, url) as opened:
        assert opened.page.locator("body.live").count() == 1
        opened.page.route("**/*", lambda route: route.abort())
        opened.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        opened.page.wait_for_selector("body.lost")


def test_the_table_answers_while_one_types(browser: Browser) -> None:
    with serving(Told(large())) as url, window(browser, url) as opened:
        page = opened.page
        page.evaluate("window.untouched = true")
        shown = page.locator("table.hosts tbody tr")
        page.get_by_label("Search").press_sequentially("node-09")
        expect(shown).to_have_count(100)
        page.get_by_label("Search").press_sequentially("99")
        expect(shown).to_have_count(1)
        assert opened.hosts()[0][0].startswith("node-0999")
        assert "q=node-0999" in page.url
        page.get_by_label("Search").fill("")
        page.get_by_label("State").select_option("late")
        expect(shown).to_have_count(11)
        page.get_by_label("State").select_option("")
        page.get_by_role("link", name="Power").click()
        page.wait_for_selector("th[aria-sort=descending]")
        page.get_by_role("link", name="Next").click()
        expect(page.locator("#table > .told")).to_contain_text("101 to 200")
        assert page.evaluate("window.untouched")
        assert opened.is_sound()


def test_a_chart_is_drawn_again_with_what_it_was_drawn_of(browser: Browser) -> None:
    with serving(Told(fleet())) as url, window(browser, url) as opened:
        page = opened.page
        assert page.locator(".chart canvas").count() == 2
        chart = page.locator(".chart .u-over").first
        box = chart.bounding_box()
        assert box is not None
        sent = json.loads(page.locator(".chart").first.get_attribute("data-chart") or "")
        step = 50
        page.mouse.move(box["x"] + box["width"] * step / len(sent["at"]), box["y"] + 40)
        expect(page.locator(".readout").first).to_contain_text("UTC")
        told = page.locator(".readout").first.inner_text()
        near = range(step - 2, step + 3)
        sums = {_figures(sum(band["values"][at] for band in sent["bands"])) for at in near}
        assert any(f"{one} W" in told for one in sums), (told, sums)
        assert "measured" in told
        assert opened.is_sound()
        height = sum(band["values"][step] for band in sent["bands"]) / sent["top"]
        across = (step + 0.5) / len(sent["at"])
        assert page.evaluate(_PAINTED, [across, height * 0.93]), "the bands stand on each other"
        assert not page.evaluate(_PAINTED, [across, height * 1.15])


_PAINTED = """([across, up]) => {
  const canvas = document.querySelector(".chart canvas");
  const whole = canvas.getBoundingClientRect();
  const plot = document.querySelector(".chart .u-over").getBoundingClientRect();
  const scale = canvas.width / whole.width;
  const x = (plot.left - whole.left + plot.width * across) * scale;
  const y = (plot.top - whole.top + plot.height * (1 - up)) * scale;
  return canvas.getContext("2d").getImageData(x, y, 1, 1).data[3] > 0;
}"""
"""Whether the first chart has colour at a place, in parts of its width and height."""


def _figures(value: float) -> str:
    return f"{float(f'{value:.3g}'):g}"


def test_a_fix_can_be_copied(browser: Browser) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    with serving(Told(fleet())) as url, window(browser, url, permissions=permissions) as opened:
        opened.page.get_by_role("button", name="Copy").first.click()
        opened.page.get_by_role("button", name="Copied").wait_for()
        copied = opened.page.evaluate("navigator.clipboard.readText()")
        assert copied == "systemctl restart wattgram-agent"
        assert opened.is_sound()


# ── a large fleet ────────────────────────────────────────────────────────────────────────


def test_a_thousand_hosts_are_painted_at_once_and_nothing_moves(browser: Browser) -> None:
    with serving(Told(large())) as url:
        with window(browser, url):
            pass  # the first of all starts the browser's own helpers
        with window(browser, url) as opened:
            assert opened.page.locator("table.hosts tbody tr").count() == 100
            assert opened.first_paint_seconds < FIRST_PAINT_SECONDS
            opened.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            opened.page.wait_for_load_state("networkidle")
            assert opened.shifts <= SHIFT_MAX
            print(f"first paint {opened.first_paint_seconds:.3f} s, shift {opened.shifts:.4f}")


# ── what is shipped, what is shown ───────────────────────────────────────────────────────


def test_uplot_is_what_npm_has(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm")
    packed = subprocess.run(
        [npm, "pack", "--silent", "uplot@1.6.32"],
        cwd=tmp_path, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    if packed.returncode:
        pytest.skip("npm's registry does not answer")
    with tarfile.open(tmp_path / "uplot-1.6.32.tgz") as archive:
        for inside, ours in (
            ("dist/uPlot.iife.min.js", "uPlot.iife.min.js"),
            ("dist/uPlot.min.css", "uPlot.min.css"),
            ("LICENSE", "uPlot.LICENSE"),
        ):
            found = archive.extractfile(f"package/{inside}")
            assert found is not None
            assert found.read() == (STATIC / ours).read_bytes()


SHOTS = {
    "page-desktop": ("fleet", "", DESKTOP | {"height": 1180}, "light"),
    "page-dark": ("fleet", "", DESKTOP | {"height": 1180}, "dark"),
    "page-phone": ("fleet", "", {"width": 390, "height": 1180}, "light"),
    "page-host": ("fleet", "hosts/beta", DESKTOP | {"height": 1180}, "light"),
    "page-zones": ("fleet", "zones", DESKTOP | {"height": 720}, "light"),
    "page-empty": ("empty", "", DESKTOP | {"height": 620}, "light"),
}


@pytest.mark.parametrize("name", SHOTS)
def test_a_picture_of_it_is_in_the_documentation(browser: Browser, name: str) -> None:
    scene, page, viewport, scheme = SHOTS[name]
    path = IMAGES / f"{name}.png"
    if os.environ.get("WATTGRAM_SCREENSHOTS"):
        IMAGES.mkdir(exist_ok=True)
        kind: dict[str, Any] = {"color_scheme": scheme, "viewport": viewport}
        with (
            serving(Told(SCENES[scene][0], detail())) as url,
            window(browser, url + page, **kind) as opened,
        ):
            opened.page.wait_for_load_state("networkidle")
            opened.page.screenshot(path=path)
            assert opened.is_sound()
    assert path.stat().st_size < IMAGE_BYTES_MAX
    assert f"images/{name}.png" in (ROOT / "docs" / "page.md").read_text()
