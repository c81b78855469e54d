"""The dashboards: as they are generated, as Grafana's types have them, by the linter's rules."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboard_rules import complaints
from grafana import Json, Window, chosen, interpolated, panels, queries, query_variables
from wattgram_collector.exposition.families import HOST_FAMILIES, Type
from wattgram_grafana.__main__ import DASHBOARDS, drifts, main
from wattgram_grafana.assembly import Board, dashboard
from wattgram_grafana.boards import BOARDS
from wattgram_grafana.spec import stat

ROOT = Path(__file__).parents[2]
MADE = {board.uid: dashboard(board) for board in BOARDS}
WINDOW = Window(end_unix_seconds=1_750_000_000, range_seconds=600, rate_interval_seconds=60)
VARIABLES = dict.fromkeys(("job", "site", "device_class", "grid_zone", "budget"), ".*")
ANY = {**VARIABLES, "host": "alpha"}
MARKS = ("titleFormat",)  # Grafana reads them; the SDK's type of an annotation has no field

every_board = pytest.mark.parametrize("uid", list(MADE))


def test_the_committed_files_are_what_the_code_gives() -> None:
    assert list(drifts(DASHBOARDS)) == []


def test_a_drift_is_told_by_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--to", str(tmp_path)]) == 0
    assert main(["--to", str(tmp_path), "--check"]) == 0
    (tmp_path / "wattgram-fleet.json").write_text("{}")
    (tmp_path / "wattgram-host.json").unlink()
    (tmp_path / "mine.json").write_text("{}")

    assert main(["--to", str(tmp_path), "--check"]) == 1
    told = capsys.readouterr().err
    assert [name for name in ("fleet.json", "host.json", "mine.json") if name in told] == [
        "fleet.json", "host.json", "mine.json",
    ]  # fmt: skip
    assert len(told.splitlines()) == 3


def test_there_are_nine_and_they_link_to_each_other() -> None:
    assert list(MADE) == [
        f"wattgram-{name}"
        for name in (
            "fleet", "host", "workloads", "grid", "quality", "budget", "network", "inventory",
            "health",
        )
    ]  # fmt: skip
    tags = {tag for board in MADE.values() for tag in board["tags"]}
    assert tags == {"wattgram"}
    linked = set(re.findall(r"/d/([\w-]+)", json.dumps(list(MADE.values()))))
    assert linked == {"wattgram-host"}


@every_board
def test_a_dashboard_goes_through_the_types_of_grafana_unchanged(uid: str) -> None:
    made = copy.deepcopy(MADE[uid])
    read = json.loads(json.dumps(Dashboard.from_json(made), cls=JSONEncoder))
    for variable in read["templating"]["list"]:
        for key in [key for key in variable if key.startswith("auto")]:
            del variable[key]
    for annotation in made["annotations"]["list"]:
        for key in MARKS:
            annotation.pop(key, None)

    assert read == made


@every_board
def test_a_dashboard_keeps_the_rules(uid: str) -> None:
    assert complaints(MADE[uid]) == []


def _target(board: Json) -> Json:
    found = next(one for one in panels(board) if one["type"] == "timeseries")["targets"][0]
    assert isinstance(found, dict)
    return found


def _first(board: Json, kind: str) -> Json:
    return next(one for one in panels(board) if one["type"] == kind)


BREAKS: dict[str, Callable[[Json], object]] = {
    "can be edited": lambda board: board.update(editable=True),
    "has no description": lambda board: board.update(description=""),
    "has an id": lambda board: board.update(id=7),
    "is not one of ours": lambda board: board.update(uid="x"),
    "no links": lambda board: board.update(links=[]),
    "does not follow": lambda board: board.update(refresh=""),
    "datasource and job": lambda board: board["templating"]["list"].pop(0),
    "is not asked for again": lambda board: board["templating"]["list"][2].update(refresh=1),
    "does not come from": lambda board: board["templating"]["list"][2]["datasource"].update(
        uid="prometheus"
    ),
    "no label": lambda board: board["templating"]["list"][2].update(label=""),
    "an interval's": lambda board: board["templating"]["list"][2].update(auto_min="10s"),
    "one id": lambda board: board["panels"][1].update(id=1),
    "one title": lambda board: board["panels"][1].update(title=board["panels"][0]["title"]),
    "overlap": lambda board: board["panels"][1]["gridPos"].update(x=2),
    "outside": lambda board: board["panels"][5]["gridPos"].update(w=9),
    "as wide": lambda board: board["panels"].pop(1),
    "tables are not last": lambda board: board["panels"][-1]["gridPos"].update(y=-1),
    "has no title": lambda board: board["panels"][0].update(title=""),
    "no sentence": lambda board: board["panels"][0].update(description="Power"),
    "does not ask $datasource": lambda board: board["panels"][0].update(datasource={}),
    "has no unit": lambda board: board["panels"][0]["fieldConfig"]["defaults"].pop("unit"),
    "to have no value": lambda board: board["panels"][0]["fieldConfig"]["defaults"].pop("noValue"),
    "asks nothing": lambda board: board["panels"][0].update(targets=[]),
    "one name": lambda board: board["panels"][4]["targets"][1].update(refId="A"),
    "shows many": lambda board: board["panels"][0]["targets"][0].update(instant=False),
    "at each time of it": lambda board: _target(board).update(
        expr='increase(wattgram_x_total{job=~"$job"}[$__range])'
    ),
    "not in words": lambda board: _target(board).update(legendFormat="__auto"),
    "is of no query": lambda board: _first(board, "table")["targets"].pop(0),
    "is no column": lambda board: _first(board, "table")["fieldConfig"]["overrides"][0][
        "matcher"
    ].update(options="Powr"),
    "is not of $job": lambda board: _target(board).update(expr="sum(up)"),
    "which nobody chose": lambda board: _target(board).update(
        expr='increase(wattgram_x_total{job=~"$job"}[5m])'
    ),
    "not $__rate_interval": lambda board: _target(board).update(
        expr='rate(wattgram_x_total{job=~"$job"}[$__range])'
    ),
    "no least interval": lambda board: _target(board).update(
        expr='increase(wattgram_x_total{job=~"$job"}[$__interval])'
    ),
    "of any job": lambda board: _target(board).update(
        expr='wattgram_x{job=~"$job"} / wattgram_y{host=~"$host"}'
    ),
    "may be there twice": lambda board: _target(board).update(
        expr='a{job=~"$job"} * on (host) group_left (site) wattgram_host_info{job=~"$job"}'
    ),
    "rate of a gauge": lambda board: _target(board).update(
        expr='rate(wattgram_host_power_watts{job=~"$job"}[$__rate_interval])'
    ),
}


@pytest.mark.parametrize("said", list(BREAKS))
def test_each_rule_is_told_when_it_is_broken(said: str) -> None:
    broken = copy.deepcopy(MADE["wattgram-fleet"])
    BREAKS[said](broken)

    assert any(said in complaint for complaint in complaints(broken)), complaints(broken)


def test_a_row_that_is_wider_than_the_page_is_refused() -> None:
    row = tuple(stat(str(n), "1", "none", "One.", "unknown") for n in range(7))
    with pytest.raises(ValueError, match="28 wide"):
        dashboard(Board(uid="wattgram-x", title="x", about="x", rows=(row,)))


def known_metrics() -> set[str]:
    """Return every name on /metrics: of hosts by their table, of the collector by its modules."""
    names = {
        one.name + {Type.COUNTER: "_total", Type.INFO: "_info"}.get(one.type, "")
        for one in HOST_FAMILIES
    }
    own = {"wattgram_build_info"}
    for module in (ROOT / "collector/wattgram_collector/exposition").glob("own*.py"):
        own |= set(re.findall(r'"(wattgram_[a-z0-9_]+)"', module.read_text(encoding="utf-8")))
    return names | own | {f"{name}_total" for name in own}


@every_board
def test_a_dashboard_asks_for_metrics_that_are_there(uid: str) -> None:
    asked = {
        name
        for one in queries(MADE[uid])
        for name in re.findall(r"\b(wattgram_[a-z0-9_]+)\{", one.expr)
    }
    asked |= {
        name
        for one in query_variables(MADE[uid])
        for name in re.findall(r"wattgram_\w+", one["query"]["query"])
    }

    assert asked
    assert asked <= known_metrics()


def test_every_metric_of_a_host_is_on_a_dashboard() -> None:
    """Who adds a metric says where it is shown; these are shown through others."""
    shown = json.dumps(list(MADE.values()))
    host = {one.name for one in HOST_FAMILIES}
    unseen = {name for name in host if name not in shown}

    assert unseen == {
        "wattgram_facility_overhead_energy_joules",  # its emissions are
        "wattgram_readings",  # how many numbers there were says nothing to a person
    }


def test_every_query_is_one_that_prometheus_can_read(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs Debian's promtool (apt-get install prometheus)")
    rules = [
        {"record": f"q{number}", "expr": interpolated(one.expr, ANY, WINDOW, one.interval)}
        for number, one in enumerate(one for board in MADE.values() for one in queries(board))
    ]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": rules}]}))

    said = subprocess.run(
        [promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False,
        timeout=30,
    )  # fmt: skip

    assert said.returncode == 0, said.stdout + said.stderr
    assert f"{len(rules)} rules found" in said.stdout


def test_a_variable_is_put_in_as_grafana_does() -> None:
    many = {"name": "host", "includeAll": True, "multi": True}

    assert chosen({"name": "host"}, ['a"b']) == 'a\\"b'
    assert chosen(many, ["a.b", "c"]) == "(a\\\\.b|c)"
    assert chosen({**many, "allValue": ".*"}, ["a"]) == ".*"
    with pytest.raises(ValueError, match="zone is no variable"):
        interpolated("x{z=~'$zone'}", ANY, WINDOW, "")


def test_each_variable_narrows_the_next() -> None:
    asked = {one["name"]: one["query"]["query"] for one in query_variables(MADE["wattgram-host"])}

    assert asked["job"] == "label_values(wattgram_agent_up, job)"
    assert asked["host"] == (
        'label_values(wattgram_host_info{job=~"$job", site=~"$site", '
        'device_class=~"$device_class", grid_zone=~"$grid_zone"}, host)'
    )


def test_what_is_provisioned_is_what_is_there() -> None:
    directory = ROOT / "deploy/grafana/provisioning"
    sources = yaml.safe_load((directory / "datasources/wattgram.yml").read_text())
    providers = yaml.safe_load((directory / "dashboards/wattgram.yml").read_text())
    (source,) = sources["datasources"]
    (provider,) = providers["providers"]

    assert sources["apiVersion"] == providers["apiVersion"] == 1
    assert source["type"] == "prometheus"
    assert source["jsonData"]["httpMethod"] == "POST"  # the choice of all hosts is long
    assert source["jsonData"]["timeInterval"] == "15s"
    assert provider["type"] == "file"
    assert provider["allowUiUpdates"] is False
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
