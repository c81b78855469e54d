"""`wattgram-collector export`: what other stores are backfilled with is what a report says."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientPayloadError, web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from builders import CORE, DRAM, MODEL, PACKAGE, RECEIVE, TRANSMIT, WEB, Book, intensity, terms
from pricing_desk import Asking, Desk, bare_environment, value
from wattgram.readings import Series
from wattgram_collector.access.http import Guard
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.accounting.uncertainty import Uncertainty
from wattgram_collector.accounting.uncertainty_settings import UncertaintySettings
from wattgram_collector.exposition import export_routes as routes
from wattgram_collector.exposition.export_routes import SPAN_DAYS_MAX, export_routes
from wattgram_collector.exposition.web import OPENMETRICS
from wattgram_collector.intensity import Intensity, Signal, Status, Tier
from wattgram_collector.ledger import Ledger, LedgerError
from wattgram_collector.ledger.sqlite import SqliteLedger
from wattgram_collector.reports.export_commands import labels_of
from wattgram_collector.reports.export_text import openmetrics_lines
from wattgram_collector.reports.figures import EMISSIONS, ENERGY, UNPRICED
from wattgram_collector.reports.reading import Period
from wattgram_collector.reports.report import By, Report

Output = pytest.CaptureFixture[str]
Make = Callable[..., Desk]
Found = dict[str, dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]]

START = 1_750_000_200
DAY = ("2025-06-15T00:00:00Z", "2025-06-16T00:00:00Z")
KILOWATT_HOUR = 3_600_000_000_000
FRANCE = intensity("FR", "40")
GERMANY = intensity("DE", "400", tier=Tier.LIVE, status=Status.MEASURED)
FAMILY_OF = {
    "wattgram_host_energy_joules": "energy_joules",
    "wattgram_facility_overhead_energy_joules": "facility_overhead_energy_joules",
    "wattgram_network_energy_joules": "network_energy_joules",
    "wattgram_unpriced_energy_joules": UNPRICED,
    "wattgram_emissions_co2e_grams": "location_based_emissions_co2e_grams",
    "wattgram_facility_overhead_emissions_co2e_grams": "facility_overhead_emissions_co2e_grams",
    "wattgram_transmission_loss_emissions_co2e_grams": "transmission_loss_emissions_co2e_grams",
    "wattgram_upstream_emissions_co2e_grams": "upstream_emissions_co2e_grams",
    "wattgram_network_emissions_co2e_grams": "network_emissions_co2e_grams",
    "wattgram_market_emissions_co2e_grams": "market_based_emissions_co2e_grams",
    "wattgram_marginal_emissions_co2e_grams": "marginal_emissions_co2e_grams",
}


@pytest.fixture
async def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    bare_environment(monkeypatch)
    made: list[Desk] = []

    def desk(agreed: Mapping[str, Terms], *factors: Intensity, **more: Any) -> Desk:
        values = {"now": START + 5 * 3_600, **more}
        made.append(Desk(tmp_path, agreed, Book(factors), **values))
        return made[-1]

    yield desk
    for one in made:
        await one.close()


@pytest.fixture
def asking(tmp_path: Path, capsys: Output) -> Asking:
    return Asking(tmp_path, capsys)


def read(text: str) -> Found:
    """Read an exposition as strictly as the client library does."""
    assert text.endswith("# EOF\n")
    return {
        family.name: _samples(family.samples) for family in text_string_to_metric_families(text)
    }


def _samples(samples: Any) -> dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]:
    found: dict[tuple[tuple[str, str], ...], list[tuple[int, float]]] = {}
    for one in samples:
        labels = tuple(sorted(one.labels.items()))
        found.setdefault(labels, []).append((int(float(one.timestamp)), one.value))
    return found


def increase(found: Found, family: str, **labels: str) -> float:
    """Return by how much the counters with these labels grew over everything."""
    return sum(
        points[-1][1] - points[0][1]
        for named, points in found.get(family, {}).items()
        if labels.items() <= dict(named).items()
    )


async def test_it_is_strict_openmetrics_of_cumulative_counters(make: Make, asking: Asking) -> None:
    desk = make({"alpha": terms("FR")}, FRANCE)
    desk.deliver(START, 300, {PACKAGE: 3_000_000})
    desk.deliver(START + 300, 300, {PACKAGE: 5_500_000})
    desk.deliver(START + 3_000, 300, {PACKAGE: 1})
    found = read(asking.run("export", "--openmetrics", "--from", DAY[0], "--to", DAY[1]))
    labels = (("host", "alpha"), ("job", "wattgram_history"), ("quality", "measured"))
    assert found["wattgram_host_energy_joules"] == {
        labels: [
            (START, 0.0),
            (START + 300, 3.0),
            (START + 600, 8.5),
            (START + 3_300, 8.500001),
        ]
    }
    assert found["wattgram_component_energy_joules"].keys() == {
        (("component", "cpu"), ("host", "alpha"), ("job", "wattgram_history"), ("source", "rapl"))
    }


async def test_every_family_grows_by_what_the_report_says(make: Make, asking: Asking) -> None:
    rich = terms("FR", pue="1.5", loss_share="1/11", upstream_grams_per_kilowatt_hour="7")
    desk = make(
        {"alpha": rich, "beta": terms("DE"), "gamma": terms("")},
        FRANCE,
        GERMANY,
        market=Book([intensity("FR", "8"), intensity("DE", "0")]),
        marginal=Book([intensity("FR", "600", signal=Signal.MARGINAL)]),
        now=START + 100_000,
    )
    for at in range(0, 90_000, 7_000):  # over midnight
        desk.deliver(START + at, 600, {PACKAGE: 10**9 + at, DRAM: 7, CORE: 5, TRANSMIT: 10**7})
    live = replace(
        GERMANY,
        zone="FR",
        valid_from_unix_seconds=START,
        valid_until_unix_seconds=START + 300,
    )
    await desk.restater.take([live])
    assert await desk.restater.restate_due()
    period = ("2025-06-15T00:00:00Z", "2025-06-17T00:00:00Z")
    (report,) = asking.reported(*period).values()
    found = read(asking.run("export", "--openmetrics", "--from", period[0], "--to", period[1]))
    for family, measure in FAMILY_OF.items():
        said = sum(
            value(report, name)
            for name in report
            if name.split()[0] == measure and not name.endswith("at_ingest")
        )
        assert increase(found, family) == pytest.approx(float(said), rel=1e-12), family
    tiers = {dict(labels)["tier"] for labels in found["wattgram_emissions_co2e_grams"]}
    assert tiers == {"annual", "live"}
    assert increase(
        found, "wattgram_emissions_co2e_grams", host="alpha", tier="live", grid_zone="FR"
    ) == pytest.approx((10**9 / 2 + 3.5) / KILOWATT_HOUR * 400, rel=1e-6)


quantities = st.dictionaries(
    st.sampled_from([PACKAGE, DRAM, MODEL, CORE, WEB, TRANSMIT, RECEIVE]),
    st.integers(0, 10**8),
    min_size=1,
)
deliveries = st.lists(
    st.tuples(
        st.integers(0, 400), st.integers(1, 900), st.sampled_from(["alpha", "beta"]), quantities
    ),
    max_size=8,
)


@settings(max_examples=15, deadline=None)
@given(deliveries, st.integers(0, 400), st.integers(1, 400))
def test_any_period_of_any_ledger_grows_by_what_its_report_says(
    delivered: list[tuple[int, int, str, dict[Series, int]]], first: int, length: int
) -> None:
    agreed = {"alpha": terms("FR", pue="1.3"), "beta": terms("")}
    with tempfile.TemporaryDirectory() as directory:
        desk = Desk(Path(directory), agreed, Book([FRANCE]), now=START + 200_000)
        for slot, seconds, host, columns in delivered:
            desk.deliver(START + slot * 300, seconds, columns, [host])
        period = Period(START + first * 300, START + (first + length) * 300)
        agents = {one.key: one for one in desk.ledger.agents()}
        hosts = list(agents.values())
        lines = list(openmetrics_lines(desk.ledger, hosts, period, {}, workloads=True))
        report = Report(By.ALL, agents)
        for one in desk.ledger.posted(period.first_slot, period.end_slot):
            report.add(one)
        uncertainty = Uncertainty(UncertaintySettings())
        mixes = {key: uncertainty.mix({}) for key in agents}
        figures = [figure for row in report.rows(mixes, uncertainty) for figure in row.figures]
        desk.ledger.close()
    found = read("".join(f"{line}\n" for line in lines))
    for family, measure in FAMILY_OF.items():
        said = sum((one.value for one in figures if one.measure == measure), Fraction(0))
        assert increase(found, family) == pytest.approx(float(said), rel=1e-9, abs=1e-9), family
    every = [point for family in found.values() for points in family.values() for point in points]
    begin, end = period.from_unix_seconds, period.to_unix_seconds
    assert all(begin <= at <= end for at, _ in every)


def test_each_measure_of_a_report_that_adds_up_is_exported() -> None:
    """A new part of the accounting must be exported too, or said to be none."""
    measures = {*EMISSIONS.values(), *ENERGY.values(), UNPRICED}
    assert measures - set(FAMILY_OF.values()) == {"transmission_loss_energy_joules"}


async def test_workloads_are_exported_when_they_are_asked_for(make: Make, asking: Asking) -> None:
    desk = make({"alpha": terms("FR")}, FRANCE)
    desk.deliver(START, 300, {PACKAGE: 3_000_000, WEB: 2_000_000})
    words = ("export", "--openmetrics", "--from", DAY[0], "--to", DAY[1])
    assert "wattgram_workload_energy_joules" not in read(asking.run(*words))
    found = read(asking.run(*words, "--workloads"))
    assert increase(found, "wattgram_workload_energy_joules", kind="container") == 2
    assert increase(found, "wattgram_host_energy_joules") == 3


async def test_one_host_and_other_labels(make: Make, asking: Asking) -> None:
    desk = make({"alpha": terms("FR"), "beta": terms("FR")}, FRANCE)
    desk.deliver(START, 300, {PACKAGE: 3_000_000, TRANSMIT: 9})
    text = asking.run(
        "export", "--openmetrics", "--from", DAY[0], "--to", DAY[1], "--host", "beta",
        "--label", "job=old", "--label", 'rack=a"b\\c',
    )  # fmt: skip
    found = read(text)
    assert {
        (dict(labels)["host"], dict(labels)["job"], dict(labels)["rack"])
        for family in found.values()
        for labels in family
    } == {("beta", "old", 'a"b\\c')}
    assert increase(found, "wattgram_network_transmit_bytes", device="eth0") == 9


async def test_csv_has_what_was_added_in_each_slot(make: Make, asking: Asking) -> None:
    desk = make({"alpha": terms("FR"), "beta, b": terms("")}, FRANCE)
    desk.deliver(START, 600, {PACKAGE: 2 * KILOWATT_HOUR, TRANSMIT: 10})
    words = ("--from", DAY[0], "--to", DAY[1])
    rows = list(csv.DictReader(io.StringIO(asking.run("export", "--csv", *words))))
    energy = [row for row in rows if row["metric"] == "wattgram_host_energy_joules_total"]
    assert [(row["start"], row["end"], row["host"], row["quality"], row["value"])
            for row in energy] == [
        ("2025-06-15T15:10:00Z", "2025-06-15T15:15:00Z", "alpha", "measured", "3600000"),
        ("2025-06-15T15:15:00Z", "2025-06-15T15:20:00Z", "alpha", "measured", "3600000"),
        ("2025-06-15T15:10:00Z", "2025-06-15T15:15:00Z", "beta, b", "measured", "3600000"),
        ("2025-06-15T15:15:00Z", "2025-06-15T15:20:00Z", "beta, b", "measured", "3600000"),
    ]  # fmt: skip
    grams = [row for row in rows if row["metric"] == "wattgram_emissions_co2e_grams_total"]
    assert {(row["grid_zone"], row["tier"], row["value"]) for row in grams} == {
        ("FR", "annual", "40")
    }
    unpriced = {row["host"] for row in rows if "unpriced" in row["metric"]}
    assert unpriced == {"beta, b"}


async def test_an_empty_period_is_an_empty_exposition(make: Make, asking: Asking) -> None:
    make({"alpha": terms("FR")}, FRANCE)
    words = ("--from", DAY[0], "--to", DAY[1])
    assert asking.run("export", "--openmetrics", *words) == "# EOF\n"
    assert asking.run("export", "--csv", *words).startswith("start,end,host,metric,quality")


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--openmetrics", "--from", "soon"), 2, "not a time"),
        (("--openmetrics", "--from", DAY[1], "--to", DAY[0]), 2, "ends before it begins"),
        (("--openmetrics", "--label", "job"), 2, "NAME=VALUE"),
        (("--openmetrics", "--label", "host=x"), 2, "not of host"),
        (("--openmetrics", "--host", "nobody"), 1, "no host 'nobody'"),
    ],
)
async def test_what_cannot_be_exported_is_said(
    make: Make, asking: Asking, words: tuple[str, ...], code: int, text: str
) -> None:
    make({"alpha": terms("FR")}, FRANCE)
    assert text in asking.run("export", *words, code=code)


@pytest.mark.parametrize("word", ["1a=b", "__name__=b", "=b", "a-b=c"])
def test_a_label_has_a_name_that_a_label_can_have(word: str) -> None:
    with pytest.raises(ValueError, match="NAME=VALUE"):
        labels_of([word])


async def test_a_file_is_there_when_it_is_whole(
    make: Make, asking: Asking, tmp_path: Path
) -> None:
    desk = make({"alpha": terms("FR")}, FRANCE)
    desk.deliver(START, 300, {PACKAGE: 3_000_000})
    target = tmp_path / "out.om"
    words = ("export", "--openmetrics", "--from", DAY[0], "--to", DAY[1], "--out", str(target))
    assert asking.run(*words) == ""
    assert read(target.read_text()).keys() >= {"wattgram_host_energy_joules"}
    before = target.read_text()
    asking.run(*words, "--host", "nobody", code=1)
    assert target.read_text() == before
    assert [name for name in os.listdir(tmp_path) if "out" in name] == ["out.om"]


async def test_on_a_terminal_it_says_how_far_it_is(
    make: Make, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    desk = make({"alpha": terms("FR")}, FRANCE)
    desk.deliver(START, 300, {PACKAGE: 3_000_000})
    terminal, pipe = Terminal(), io.StringIO()
    for screen in (terminal, pipe):
        monkeypatch.setattr("sys.stderr", screen)
        asking.run("export", "--csv", "--from", DAY[0], "--to", DAY[1])
    assert "\rexport [........................]   0 %" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert pipe.getvalue() == ""


class Counting:
    """A ledger that counts how often rows were asked for."""

    def __init__(self, inner: Ledger) -> None:
        self._inner = inner
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        if name in {"posted", "used"}:
            self.reads += 1
        return getattr(self._inner, name)


async def test_lines_come_before_all_is_read(make: Make) -> None:
    """What is held is one family of one host."""
    desk = make({name: terms("FR") for name in ("a", "b", "c")}, FRANCE)
    desk.deliver(START, 300, {PACKAGE: 3_000_000})
    ledger = Counting(desk.ledger)
    hosts = desk.ledger.agents()
    lines = openmetrics_lines(ledger, hosts, Period(START, START + 300), {})  # type: ignore[arg-type]
    assert next(lines).startswith("# HELP")
    assert ledger.reads == 1
    assert [next(lines) for _ in range(3)][-1].endswith(f" 3.0 {START + 300}")
    assert ledger.reads == 1


# ── over HTTP ────────────────────────────────────────────────────────────────────────────

PATH = "/api/v1/export/openmetrics"


@pytest.fixture
async def client(make: Make, tmp_path: Path) -> AsyncIterator[TestClient]:
    desk = make({"alpha": terms("FR"), "beta": terms("DE")}, FRANCE, GERMANY, now=START + 40_000)
    for at in range(0, 30_000, 3_000):
        desk.deliver(START + at, 300, {PACKAGE: 3_000_000, TRANSMIT: 5})
    app = web.Application()
    Guard(None).stand_before(app)
    path = tmp_path / "ledger.sqlite"
    app.add_routes(export_routes(lambda: SqliteLedger.reading(path), lambda: START + 40_000))
    async with TestClient(TestServer(app)) as found:
        yield found


async def test_a_period_is_streamed_over_http(client: TestClient, asking: Asking) -> None:
    days = {"from": DAY[0], "to": "2025-06-17T00:00:00Z"}
    answer = await client.get(PATH, params=days)
    text = await answer.text()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == OPENMETRICS
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert increase(read(text), "wattgram_host_energy_joules") == 60
    assert text == asking.run(
        "export", "--openmetrics", "--from", days["from"], "--to", days["to"]
    )
    one = await client.get(PATH, params={**days, "host": "beta"})
    assert increase(read(await one.text()), "wattgram_emissions_co2e_grams") == pytest.approx(
        30e6 / KILOWATT_HOUR * 400
    )


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ({"from": "soon"}, 400, "not a time"),
        ({"from": "-32d"}, 400, f"more than {SPAN_DAYS_MAX} days"),
        ({"from": "now", "to": "-1h"}, 400, "ends before"),
        ({"form": "-1h"}, 400, "'form' is no parameter"),
        ({"host": "nobody"}, 404, "no host 'nobody'"),
    ],
)
async def test_what_cannot_be_answered_is_said(
    client: TestClient, query: dict[str, str], status: int, text: str
) -> None:
    answer = await client.get(PATH, params=query)
    assert (answer.status, text in await answer.text()) == (status, True)


class Slow:
    """A ledger whose rows come when the test lets them."""

    def __init__(self, inner: Ledger, gate: Any) -> None:
        self._inner = inner
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        if name == "used":
            self._gate.wait(10)
        return getattr(self._inner, name)


async def test_one_export_at_a_time_and_who_leaves_makes_room(make: Make, tmp_path: Path) -> None:
    gate = threading.Event()
    desk = make({"alpha": terms("FR")}, FRANCE)
    desk.deliver(START, 300, {PACKAGE: 3_000_000})
    begun, closed = threading.Event(), threading.Event()

    def reading() -> Any:
        inner = SqliteLedger.reading(tmp_path / "ledger.sqlite")
        slow = Slow(inner, gate)
        begun.set()
        slow.close = lambda: (inner.close(), closed.set())  # type: ignore[attr-defined]
        return slow

    app = web.Application()
    Guard(None).stand_before(app)
    app.add_routes(export_routes(reading, lambda: START + 300))
    async with TestClient(TestServer(app)) as client:
        first = asyncio.ensure_future(client.get(PATH))
        assert await asyncio.to_thread(begun.wait, 5)
        second = await client.get(PATH)
        assert second.status == 503
        assert second.headers["Retry-After"] == "30"
        first.cancel()
        gate.set()
        async with asyncio.timeout(5):
            while (third := await client.get(PATH)).status == 503:
                await asyncio.to_thread(closed.wait, 0.01)
        assert increase(read(await third.text()), "wattgram_host_energy_joules") == 3
        assert closed.is_set()


class Tardy(ThreadPoolExecutor):
    """Threads that need a while to be over when their work is done."""

    ended = 0

    def submit(self, work: Any, /, *args: Any, **kwargs: Any) -> Any:
        def worked() -> Any:
            found = work(*args, **kwargs)
            time.sleep(0.05)
            self.ended += 1
            return found

        return super().submit(worked)


async def test_who_has_read_an_export_can_ask_for_the_next_at_once(client: TestClient) -> None:
    threads = Tardy()
    asyncio.get_running_loop().set_default_executor(threads)
    for ended in (1, 2):
        async with client.get(PATH, headers={"Connection": "close"}) as answer:
            assert (answer.status, (await answer.text())[-6:]) == (200, "# EOF\n")
            assert threads.ended == ended


async def test_a_broken_export_never_ends_as_a_whole_one_does(make: Make, tmp_path: Path) -> None:
    agreed = {name: terms("FR") for name in ("alpha", "beta")}
    desk = make(agreed, FRANCE, now=START + 300_000)
    for at in range(0, 120_000, 3_000):
        desk.deliver(START + at, 3_000, {PACKAGE: 3_000_000})

    class Breaking(Counting):
        def __getattr__(self, name: str) -> Any:
            found = super().__getattr__(name)
            if self.reads > 6:
                raise LedgerError("a row that leads nowhere")
            return found

    app = web.Application()
    app.add_routes(
        export_routes(
            lambda: Breaking(SqliteLedger.reading(tmp_path / "ledger.sqlite")),  # type: ignore[arg-type, return-value]
            lambda: START + 300_000,
        )
    )
    async with TestClient(TestServer(app)) as client:
        answer = await client.get(PATH, params={"from": "-30d"})
        assert answer.status == 200
        with pytest.raises(ClientPayloadError):
            await answer.text()
        again = await client.get(PATH, params={"from": "-30d"})
        assert again.status == 200  # the next one is not kept waiting
        again.close()


async def test_a_collector_that_stops_does_not_wait_for_who_reads_slowly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def endless(*_: Any) -> Iterator[bytes]:
        while True:
            yield b"x" * 100_000

    exports = routes.Exports(lambda: pytest.fail("not read here"))
    monkeypatch.setattr(exports, "_read", endless)
    app = web.Application()
    app.add_routes(exports.routes())
    app.on_shutdown.append(exports.shut)
    server = TestServer(app)
    await server.start_server()
    _, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await asyncio.sleep(0.3)
    async with asyncio.timeout(3):
        await server.close()
    writer.close()


async def test_who_does_not_read_is_cut_off(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instant that is read would be held, and the journal of the ledger grow with it."""

    def endless(*_: Any) -> Iterator[str]:
        while True:
            yield "x" * 1_000

    monkeypatch.setattr(routes, "openmetrics_lines", endless)
    monkeypatch.setattr(routes, "STALL_SECONDS_MAX", 0.05)
    reader, writer = await asyncio.open_connection(client.server.host, client.server.port)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    monkeypatch.undo()
    monkeypatch.setattr(routes, "STALL_SECONDS_MAX", 0.05)
    async with asyncio.timeout(10):
        while (answer := await client.get(PATH)).status == 503:
            await asyncio.to_thread(threading.Event().wait, 0.02)
    assert answer.status == 200
    writer.close()
