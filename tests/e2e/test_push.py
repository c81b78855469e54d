"""Real stores: VictoriaMetrics and Prometheus are written to, find hosts by themselves, and are
backfilled; a receiver of OTLP holds to the protocol.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from builders import NOW, PACKAGE, SECOND, TRANSMIT, Book, intensity, small_fleet, terms
from daemons import Agent, Collector, running, wait_until
from fakes import RaplTree
from pricing_desk import Desk
from stores import OtlpReceiver, PrometheusStore, Store, VictoriaMetrics, points_of
from wattgram_collector.exposition.metrics import collect
from wattgram_collector.exposition.text import render
from wattgram_collector.ingest.agents import Agent as Host
from wattgram_collector.push.outbox import Outbox
from wattgram_collector.push.pusher import Pusher, Source
from wattgram_collector.push.remote_write import RemoteWrite
from wattgram_collector.push.sender import Counts, Fate, Sender, Target
from wattgram_collector.push.settings import RemoteWriteSettings

pytestmark = pytest.mark.servers

ALL = '{__name__=~"wattgram_.+"}'
ENERGY = "wattgram_host_energy_joules_total"
EMISSIONS = "wattgram_emissions_co2e_grams_total"
START = 1_750_000_200
KILOWATT_HOUR = 3_600_000_000_000


class Pushes:
    """One fleet pushed to one store, at the times that the test says."""

    def __init__(self, store: Store, path: str, fleet: Iterable[Host]) -> None:
        self._store = store
        self._url = store.url(path)
        self._source = Source(fleet, CollectorRegistry(), 0)
        self._encoder = RemoteWrite({"job": "wattgram"}, series_per_request=20)
        self.counts = Counts()

    async def at(self, unix_nanoseconds: int) -> None:
        outbox = Outbox(1 << 24)
        settings = RemoteWriteSettings(url=self._url)
        target = Target("store", settings, True, outbox, self.counts)  # noqa: FBT003
        pusher = Pusher(self._source, self._encoder, outbox, self.counts, 15,
                        unix_nanoseconds=lambda: unix_nanoseconds)  # fmt: skip
        async with aiohttp.ClientSession() as session:
            sender = Sender(target, self._encoder, session)
            await pusher.push()
            while len(outbox):
                await sender.send_first()


def scraped(fleet: Iterable[Host], now: int) -> dict[frozenset[tuple[str, str]], float]:
    """Return what a scrape of /metrics sees; an empty label is none."""
    text = render(collect(fleet, now), openmetrics=False)
    return {
        frozenset(
            (name, said)
            for name, said in {"__name__": one.name, "job": "wattgram", **one.labels}.items()
            if said
        ): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


@pytest.mark.parametrize("kind", [VictoriaMetrics, PrometheusStore])
def test_a_store_that_is_written_to_has_what_a_scrape_sees(
    kind: type[VictoriaMetrics | PrometheusStore], tmp_path: Path
) -> None:
    """Every value to the last digit; what goes from /metrics is gone from the store at once."""
    fleet = small_fleet()
    store = kind(tmp_path / "store")
    with running(store):
        pushes = Pushes(store, store.write_path, fleet)
        for seconds in (0, 15, 100, 500):  # all report, again, all are late, all are gone
            now = NOW + seconds * SECOND
            asyncio.run(pushes.at(now))
            store.flush()
            found = wait_until(
                lambda now=now: store.series(ALL, now / SECOND), 10, "what was written"
            )
            assert found == scraped(fleet, now), seconds
        assert pushes.counts.samples[Fate.REJECTED] == 0
        grown = store.value(f"sum(increase({ENERGY}[20s]))", NOW / SECOND + 16)
        assert grown == 0


class Machine:
    """A host that used so much energy as it was told."""

    def __init__(self, root: Path) -> None:
        self.tree = RaplTree(root)
        self.tree.add("intel-rapl:0", "package-0")

    def use(self, joules: float) -> None:
        self.tree.use("intel-rapl:0", int(joules * 1_000_000))


def agent_of(directory: Path, collector: Collector, machine: Machine, host: str) -> Agent:
    return Agent(
        directory,
        collector,
        machine.tree.sysfs,
        machine.tree.procfs,
        WATTGRAM_AGENT__HOST=host,
        WATTGRAM_AGENT__SAMPLING__INTERVAL_SECONDS="0.2",
        WATTGRAM_AGENT__SAMPLING__BATCH_SECONDS="0.5",
    )


def test_a_collector_pushes_both_ways_over_a_restart_and_a_store_that_was_away(
    tmp_path: Path,
) -> None:
    """Counters only grow, since the same time; what was used while the store was away is there."""
    machine = Machine(tmp_path / "machine")
    store = VictoriaMetrics(tmp_path / "store")
    with OtlpReceiver() as receiver:
        push = "WATTGRAM_COLLECTOR__PUSH__"
        collector = Collector(
            tmp_path / "collector",
            WATTGRAM_COLLECTOR__GRID_ZONE="DE",
            WATTGRAM_COLLECTOR__EXPOSITION__ZERO_SECONDS="0",
            **{
                f"{push}REMOTE_WRITE__URL": store.url(store.write_path),
                f"{push}REMOTE_WRITE__INTERVAL_SECONDS": "1",
                f"{push}REMOTE_WRITE__EXTERNAL_LABELS": '{ instance = "one" }',
                f"{push}OTLP__URL": receiver.url,
                f"{push}OTLP__INTERVAL_SECONDS": "1",
            },
        )
        agent = agent_of(tmp_path / "agent", collector, machine, "scripted")
        query = f'sum({ENERGY}{{host="scripted",job="wattgram",instance="one"}})'
        with running(collector, agent):
            machine.use(10)
            wait_until(lambda: "push_failed target=remote_write" in collector.log, 20, "no store")
            wait_until(lambda: _of(receiver, "wattgram_host_energy_joules"), 20, collector.log)
            store.start()
            try:
                wait_until(lambda: "push_works_again" in collector.log, 30, collector.log)
                machine.use(20)
                wait_until(lambda: (collector.total(ENERGY) or 0) > 15, 20, "it is measured")
                truth = collector.total(ENERGY)
                wait_until(lambda: store.value(query) == truth, 20, "it is in the store")
                assert (store.value("wattgram_build_info") or 0) == 1
                collector.kill()
                collector.start()
                machine.use(5)
                wait_until(lambda: (collector.total(ENERGY) or 0) > (truth or 0), 20, "goes on")
                truth = collector.total(ENERGY)
                wait_until(lambda: store.value(query) == truth, 20, "it is in the store")
                wait_until(
                    lambda: max(_of(receiver, "wattgram_host_energy_joules").values()) == truth,
                    20,
                    "it came over OTLP",
                )
            finally:
                store.kill()
        pushed = _of(receiver, "wattgram_host_energy_joules")
        assert list(pushed.values()) == sorted(pushed.values())
        assert receiver.wrong == []
        since = {
            one["since"]
            for one in points_of(receiver.taken)
            if one["name"] == "wattgram_host_energy_joules"
        }
        assert len(since) == 1
        assert {
            one["resource"]["host.name"]
            for one in points_of(receiver.taken)
            if "host.name" in one["resource"]
        } == {"scripted"}


def _of(receiver: OtlpReceiver, name: str) -> dict[int, float]:
    """Return the values of a metric by time, in order of arrival."""
    return {one["time"]: one["value"] for one in points_of(receiver.taken) if one["name"] == name}


def test_prometheus_finds_every_host_by_itself(tmp_path: Path) -> None:
    """Each host is a target of its own, and together they are what one scrape sees."""
    collector = Collector(
        tmp_path / "collector",
        WATTGRAM_COLLECTOR__GRID_ZONE="DE",
        WATTGRAM_COLLECTOR__EXPOSITION__ZERO_SECONDS="0",
    )
    names = ("alpha", "beta gamma")
    machines = [Machine(tmp_path / name) for name in names]
    agents = [
        agent_of(tmp_path / f"agent of {name}", collector, machine, name)
        for name, machine in zip(names, machines, strict=True)
    ]
    job = (
        "  - job_name: wattgram\n"
        "    honor_labels: true\n"
        "    http_sd_configs:\n"
        f"      - {{url: 'http://127.0.0.1:{collector.http_port}/sd', refresh_interval: 1s}}\n"
    )
    prometheus = PrometheusStore(tmp_path / "prometheus", [job])
    with running(collector, *agents):
        for name, machine in zip(names, machines, strict=True):
            wait_until(lambda n=name, m=machine: _is_measured(collector, m, n), 20, name)
        prometheus.start()
        try:
            _check_discovery(prometheus.configuration, {*names, "wattgram-collector"})
            up = wait_until(
                lambda: len(found := prometheus.query("up == 1")) == 3 and found, 20, "all are up"
            )
            assert {one["metric"]["instance"] for one in up} == {*names, "wattgram-collector"}
            energy = wait_until(
                lambda: len(found := prometheus.query(ENERGY)) == 2 and found, 20, "scraped"
            )
            assert {one["metric"]["instance"] for one in energy} == set(names)
            wait_until(
                lambda: prometheus.value(f"sum({ENERGY})") == collector.total(ENERGY),
                20,
                "all of it is scraped",
            )
            intensity = "wattgram_grid_carbon_intensity_grams_per_kilowatt_hour"
            assert prometheus.value(f"count({intensity})") == 1
        finally:
            prometheus.kill()


def _is_measured(collector: Collector, machine: Machine, host: str) -> bool:
    """Use energy until it is seen: what was used before an agent began is not its to count."""
    machine.use(1)
    return bool(collector.total(ENERGY, host=host))


def _check_discovery(configuration: Path, instances: set[str]) -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None
    words = [promtool, "check", "service-discovery", "--timeout=2s", configuration, "wattgram"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    found = json.loads(done.stdout)
    assert {one["labels"]["instance"] for one in found} == instances


@contextmanager
def history(directory: Path) -> Iterator[Desk]:
    """Two hosts over a day and a half, with an hour of nothing in it."""
    desk = Desk(
        directory,
        {"alpha": terms("FR", pue="1.5"), "beta": terms("")},
        Book([intensity("FR", "40")]),
        now=START + 200_000,
    )
    for at in range(0, 130_000, 300):
        if not 40_000 < at < 43_600:
            desk.deliver(START + at, 300, {PACKAGE: KILOWATT_HOUR // 10 + at, TRANSMIT: at})
    try:
        yield desk
    finally:
        desk.ledger.close()


def asked(directory: Path, *words: str) -> str:
    """Run the collector's command on a ledger."""
    bare = {name: text for name, text in os.environ.items() if not name.startswith("WATTGRAM_")}
    done = subprocess.run(
        [sys.executable, "-m", "wattgram_collector", *words],
        env={**bare, "WATTGRAM_COLLECTOR__STATE_DIRECTORY": str(directory)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout


def test_stores_that_are_backfilled_say_what_the_report_says(tmp_path: Path) -> None:
    """The exposition is taken by both; the increase over a period is the report's figure."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs Debian's prometheus (apt-get install prometheus)")
    with history(tmp_path):
        pass
    period = ("--from", "2025-06-15T00:00:00Z", "--to", "2025-06-17T00:00:00Z")
    (group,) = json.loads(asked(tmp_path, "report", *period, "--format", "json"))["groups"]
    report = {one["measure"]: one["value"] for one in group["figures"]}
    file = tmp_path / "history.om"
    assert asked(tmp_path, "export", "--openmetrics", *period, "--out", str(file)) == ""
    prometheus = PrometheusStore(tmp_path / "prometheus")
    words = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(file), prometheus.data]
    subprocess.run(words, capture_output=True, timeout=60, check=True)
    victoria = VictoriaMetrics(tmp_path / "victoria")
    with running(prometheus, victoria):
        victoria.take(file.read_text())
        for store in (prometheus, victoria):
            for name, measure in (
                (ENERGY, "energy_joules"),
                (EMISSIONS, "location_based_emissions_co2e_grams"),
                ("wattgram_unpriced_energy_joules_total", "unpriced_energy_joules"),
                (
                    "wattgram_facility_overhead_emissions_co2e_grams_total",
                    "facility_overhead_emissions_co2e_grams",
                ),
            ):
                every = f'{name}{{job="wattgram_history"}}[3d]'
                grown = store.value(
                    f"sum(max_over_time({every}) - min_over_time({every}))", START + 131_000
                )
                assert grown == pytest.approx(report[measure], rel=1e-9), (store, name)
        # In the middle of it, `increase` is what the slots of that time had.
        middle = f'increase({ENERGY}{{host="alpha"}}[1h])'
        hourly = prometheus.value(middle, START + 20_100)
        assert hourly == pytest.approx(12 * KILOWATT_HOUR / 10 / 1e6, rel=1e-3)
