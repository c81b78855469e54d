"""PURE. A dashboard of ours as Grafana's JSON: variables, links, annotations, and the grid."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as grafana

from wattgram_grafana.promql import JOB, metric
from wattgram_grafana.render import DATASOURCE, rendered
from wattgram_grafana.spec import GRID_WIDTH, Panel

TAG: Final = "wattgram"
ANY: Final = ".*"  # of labels that not every host has: it takes those without one too
NARROWING: Final = (("site", "Site"), ("device_class", "Device class"), ("grid_zone", "Grid zone"))
VALUE_LABELS: Final = "label_values"
WORDS_OF_MARKS: Final = {
    "Tier changes": {"titleFormat": "{{grid_zone}} begins to be priced at tier {{tier}}"},
    "Agent restarts": {"titleFormat": "The agent of {{host}} was started again"},
}
"""What Grafana's Prometheus source shows at a mark; the SDK's type of an annotation lacks it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard. `rows` are panels that stand side by side; `uid` never changes."""

    uid: str
    title: str
    about: str
    rows: tuple[tuple[Panel, ...], ...]
    hosts: str = "many"
    """Whether it is about many hosts, `one`, or `none` in particular."""
    budgets: bool = False
    since: str = "now-6h"


def dashboard(board: Board) -> dict[str, Any]:
    """Return the dashboard as the JSON that Grafana imports."""
    made = (
        builders.Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .tooltip(grafana.DashboardCursorSync.CROSSHAIR)
        .time(board.since, "now")
        .refresh("1m")
        .link(
            builders.DashboardLink("Wattgram")
            .type(grafana.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .include_vars(include_vars=True)
            .keep_time(keep_time=True)
        )
        .variables(list(_variables(board)))
        .annotations(list(_annotations(board)))
        .build()
    )
    made.panels = list(_placed(board.rows))
    page: dict[str, Any] = json.loads(json.dumps(made, cls=JSONEncoder))
    for variable in page["templating"]["list"]:
        for spare in [key for key in variable if key == "auto" or key.startswith("auto_")]:
            del variable[spare]  # the SDK writes them on every variable; Grafana's types do not
    for annotation in page["annotations"]["list"]:
        annotation.update(WORDS_OF_MARKS.get(annotation["name"], {}))
    return page


def written(board: Board) -> str:
    """Return the committed form of a dashboard."""
    return json.dumps(dashboard(board), indent=1, ensure_ascii=False) + "\n"


def _placed(rows: Sequence[Sequence[Panel]]) -> Iterator[grafana.Panel]:
    number = top = 0
    for row in rows:
        left = 0
        for panel in row:
            number += 1
            place = grafana.GridPos(h=panel.height, w=panel.width, x=left, y=top)
            yield rendered(panel, number, place)
            left += panel.width
        if left > GRID_WIDTH:
            raise ValueError(
                f"a row is {left} wide, of {GRID_WIDTH}: {[one.title for one in row]}"
            )
        top += max(panel.height for panel in row)


def _variables(board: Board) -> Iterator[builders.QueryVariable | builders.DatasourceVariable]:
    yield (
        builders.DatasourceVariable("datasource")
        .label("Data source")
        .description("Prometheus, or what answers like it")
        .type("prometheus")
    )
    yield (
        _query("job", "Job", "The scrape job of the collector", metric("agent_up", of=""))
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(ANY)
        .current(_all())
    )
    if board.hosts != "none":
        yield from _narrowing(board)
    if board.budgets:
        yield (
            _query("budget", "Budget", "Of the collector's configuration",
                   metric("carbon_budget_grams", of=JOB))
            .multi(multi=True).include_all(include_all=True).all_value(ANY).current(_all())
        )  # fmt: skip


def _narrowing(board: Board) -> Iterator[builders.QueryVariable]:
    """Each narrows the next; the last lists hosts, and "All" of it is those that are left."""
    chosen = JOB
    for name, label in NARROWING:
        yield (
            _query(name, label, "Narrows the hosts", metric("host_info", of=chosen))
            .multi(multi=True)
            .include_all(include_all=True)
            .all_value(ANY)
            .current(_all())
        )
        chosen += f', {name}=~"${name}"'
    hosts = _query("host", "Host", "As it is named at its agent", metric("host_info", of=chosen))
    if board.hosts == "many":
        hosts = hosts.multi(multi=True).include_all(include_all=True).current(_all())
    yield hosts


def _query(name: str, label: str, about: str, selector: str) -> builders.QueryVariable:
    """Values of the label `name` of what `selector` had in the range of the dashboard."""
    query = f"{VALUE_LABELS}({selector.replace('{}', '')}, {name})"
    return (
        builders.QueryVariable(name)
        .label(label)
        .description(about)
        .datasource(DATASOURCE)
        .query({"qryType": 1, "query": query, "refId": f"variable-{name}"})
        .refresh(grafana.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(grafana.VariableSort.NATURAL_ASC)
    )


def _all() -> grafana.VariableOption:
    return grafana.VariableOption(selected=True, text=["All"], value=["$__all"])


def _annotations(board: Board) -> Iterator[builders.AnnotationQuery]:
    yield (
        builders.AnnotationQuery()
        .name("Annotations & Alerts")
        .datasource(grafana.DataSourceRef(type_val="grafana", uid="-- Grafana --"))
        .built_in(1)
        .enable(enable=True)
        .hide(hide=True)
        .icon_color("rgba(0, 211, 255, 1)")
        .type("dashboard")
    )
    if board.hosts == "none":
        return
    of = {"many": 'host=~"$host"', "one": 'host="$host"'}[board.hosts]
    chosen = f"{JOB}, {of}"
    grams = f"increase({metric('emissions_co2e_grams_total', of=chosen)}[$__rate_interval]"
    yield _annotation(
        "Tier changes",
        "orange",
        # Grafana marks the times at which a series is exactly 1.
        f"group by (grid_zone, tier) ({grams}) > 0) unless on (grid_zone, tier) "
        f"({grams} offset $__rate_interval) > 0)",
    )
    cpu = metric("agent_cpu_seconds_total", of=chosen)
    yield _annotation(
        "Agent restarts", "blue", f"group by (host) (resets({cpu}[$__rate_interval]) > 0)"
    )


def _annotation(name: str, color: str, expr: str) -> builders.AnnotationQuery:
    return (
        builders.AnnotationQuery()
        .name(name)
        .datasource(DATASOURCE)
        .enable(enable=True)
        .icon_color(color)
        .expr(expr)
    )
