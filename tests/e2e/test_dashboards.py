"""Every query of every dashboard, on the real Prometheus and on VictoriaMetrics, has data."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

import pytest

import said_inventory
from daemons import Prometheus, get, wait_until
from fake_grid import grid
from grafana import Asked, Json, Source, Window, labels_of, panels, queries, values_of
from metered_fleet import CONFIGURATION, ConfiguredCollector, Victoria, metered_fleet
from wattgram_grafana.__main__ import DASHBOARDS

pytestmark = pytest.mark.servers

BOARDS: list[Json] = [
    json.loads(path.read_text(encoding="utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))
]
RANGE_SECONDS = 300
HOST = "web1"

MAY_BE_EMPTY = {
    ("wattgram-grid", "Marginal carbon intensity", "A"): "no provider of marginal intensities",
    ("wattgram-grid", "Three questions, three figures", "C"): "no marginal intensities either",
    ("wattgram-quality", "Registers that began again", "A"): "no register did",
    ("wattgram-quality", "Sources that cannot be read", "A"): "this machine may read all it has",
    ("wattgram-inventory", "Coverage", "A"): "the agents came today, which is not over",
    ("wattgram-health", "First certificate to end", "A"): "plaintext on loopback",
    ("wattgram-health", "Refusals and failures", "C"): "no stream was ever refused",
    ("wattgram-health", "Refusals and failures", "D"): "no stream was ever ended",
    ("wattgram-health", "Not let in", "C"): "agents have no certificates here",
    ("wattgram-health", "Pushed elsewhere", "A"): "nothing is pushed",
    ("wattgram-health", "Waits to be pushed", "A"): "nothing is pushed",
    ("wattgram-health", "Why the ledger takes nothing", "A"): "it takes batches",
}


class Shown(NamedTuple):
    """What a data source gave for each query, and how many it was asked."""

    rows: dict[tuple[str, str, str], list[Json]]
    queries: list[Asked]

    def value(self, board: str, panel: str, ref: str = "A") -> float:
        (row,) = self.rows[f"wattgram-{board}", panel, ref]
        return float(values_of(row)[-1])


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Shown]]:
    directory = tmp_path_factory.mktemp("dashboards")
    with grid() as url:
        said = CONFIGURATION.format(url=url) + said_inventory.CONFIGURATION
        collector = ConfiguredCollector(directory / "collector", said)
        prometheus = Prometheus(directory / "prometheus", collector.http_port, 1)
        victoria = Victoria(directory / "victoria", directory / "prometheus/prometheus.yml")
        with metered_fleet(directory, prometheus, victoria, collector=collector):
            said_inventory.say(directory / "said", directory / "collector" / "state")
            wait_until(
                lambda: collector.total("wattgram_inventory_sci_grams_per_unit"),
                60,
                f"an inventory of the year so far: {collector.log}",
            )
            yield {
                "prometheus": _asked(prometheus.port),
                "victoria": _asked(victoria.port),
            }


def _asked(port: int) -> Shown:
    """Ask everything of a source once it has all that happened."""

    def holds(expr: str) -> bool:
        return '"metric"' in get(f"http://127.0.0.1:{port}/api/v1/query?query={quote(expr)}")

    wait_until(lambda: holds('wattgram_agent_up{host="db1"} == 0'), 20, "a scrape of the end")
    wait_until(lambda: holds("wattgram_inventory_sci_grams_per_unit"), 20, "one of the inventory")
    end = time.time()
    # A source keeps new samples back for a moment: what came after the end must be there too.
    newest = f"max(timestamp(wattgram_build_info)) > {end:.3f}"
    wait_until(lambda: holds(newest), 20, "all that was there at the end")
    source = Source(port, Window(end, RANGE_SECONDS, rate_interval_seconds=4))
    rows: dict[tuple[str, str, str], list[Json]] = {}
    every: list[Asked] = []
    for board in BOARDS:
        variables = source.values(board, preferred={HOST})
        for asked in queries(board):
            every.append(asked)
            rows[asked.place] = source.series(asked, variables)
    return Shown(rows, every)


def _unexplained(shown: Shown) -> list[tuple[str, str, str]]:
    return [place for place, rows in shown.rows.items() if not rows and place not in MAY_BE_EMPTY]


on_both = pytest.mark.parametrize("source", ["prometheus", "victoria"])


@on_both
def test_every_query_has_data_but_those_that_say_why(shown: dict[str, Shown], source: str) -> None:
    assert len(BOARDS) == 9
    assert len(shown[source].queries) > 150
    assert _unexplained(shown[source]) == []


def test_what_may_be_empty_is_there_and_says_why() -> None:
    said = {
        (board["uid"], panel["title"], target["refId"]): panel
        for board in BOARDS
        for panel in panels(board)
        for target in panel.get("targets", ())
    }

    assert set(MAY_BE_EMPTY) <= set(said)
    for place in MAY_BE_EMPTY:
        one = said[place]
        explanation = one["fieldConfig"]["defaults"]["noValue"] + one["description"]
        assert len(explanation) > 40, place


@on_both
def test_a_legend_names_labels_that_its_series_have(shown: dict[str, Shown], source: str) -> None:
    missing = [
        (asked.place, labels_of(asked.legend) - set(row["metric"]))
        for asked in shown[source].queries
        for row in shown[source].rows[asked.place]
        if not labels_of(asked.legend) <= set(row["metric"])
    ]

    assert missing == []


@on_both
def test_a_table_has_the_columns_that_it_names(shown: dict[str, Shown], source: str) -> None:
    for board in BOARDS:
        for panel in panels(board):
            places = [
                (board["uid"], panel["title"], one["refId"]) for one in panel.get("targets", ())
            ]
            if panel["type"] != "table" or MAY_BE_EMPTY.keys() & set(places):
                continue
            labels = {
                label
                for place in places
                for row in shown[source].rows[place]
                for label, value in row["metric"].items()
                if value
            }
            named = panel["transformations"][-1]["options"]["renameByName"]
            # Not every host is a virtual machine.
            columns = {one for one in named if not one.startswith("Value #")} - {"virtualization"}

            assert columns <= labels, panel["title"]


@on_both
def test_the_figures_agree_with_each_other(shown: dict[str, Shown], source: str) -> None:
    here = shown[source]
    parts = [float(values_of(row)[-1]) for row in here.rows["wattgram-fleet", "Hosts", "D"]]

    assert here.value("fleet", "Hosts reporting", "A") == 2
    assert here.value("fleet", "Hosts reporting", "B") == 3
    assert math.isclose(here.value("fleet", "Energy"), sum(parts), rel_tol=1e-6)
    assert 0 < here.value("fleet", "Measured") < 1
    assert 0 < here.value("quality", "Unpriced") < 1
    assert here.value("fleet", "Emissions") > 0
    assert 100 < here.value("grid", "Effective intensity") < 400
    assert here.value("quality", "Late hosts") == 1
    assert {
        row["metric"]["host"] for row in _rows(here, "quality", "Hosts that do not report")
    } == {"db1"}
    assert {
        row["metric"]["host"] for row in _rows(here, "host", "Agent restarts", "annotation")
    } == {HOST}
    assert "forecast" in {
        row["metric"]["tier"] for row in _rows(here, "fleet", "Tier changes", "annotation")
    }


def _rows(shown: Shown, board: str, panel: str, ref: str = "A") -> list[Json]:
    return shown.rows[f"wattgram-{board}", panel, ref]
