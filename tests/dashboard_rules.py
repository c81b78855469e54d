"""What a dashboard must keep, in the manner of Grafana's dashboard-linter: complaints in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations, pairwise

from grafana import Asked, Json, panels, queries, query_variables

_RATED = re.compile(
    r"\b(rate|irate|increase|delta|resets|changes|last_over_time)\(.*?\[([^\]]*)\]"
)
_KIND_ORDER = {"stat": 0, "table": 2}
_TEXT = "text"
_WINDOWS = {"$__rate_interval", "$__range", "$__interval"}


def complaints(board: Json) -> list[str]:
    return [
        *_about_the_board(board),
        *_about_variables(board),
        *_about_places(board),
        *_about_queries(board),
        *(f"{one['title']!r}: {what}" for one in panels(board) for what in _about_panel(one)),
    ]


def _about_the_board(board: Json) -> Iterator[str]:
    if board["editable"] is not False:
        yield "can be edited: what is provisioned would be lost"
    if not board.get("description"):
        yield "has no description"
    if "id" in board:
        yield "has an id, which is one installation's"
    if not re.fullmatch(r"wattgram-[a-z]+", board["uid"]):
        yield f"uid {board['uid']!r} is not one of ours"
    if not any(link["type"] == "dashboards" and link["includeVars"] for link in board["links"]):
        yield "has no links to the other dashboards that keep the variables"
    if not board.get("refresh") or not board["time"]["from"].startswith("now-"):
        yield "does not follow the time"


def _about_variables(board: Json) -> Iterator[str]:
    variables = board["templating"]["list"]
    first = [(one["name"], one["type"]) for one in variables[:2]]
    if first != [("datasource", "datasource"), ("job", "query")]:
        yield "does not begin with the variables datasource and job"
    for one in query_variables(board):
        if one["refresh"] != 2:
            yield f"${one['name']} is not asked for again when the time range changes"
        if one["datasource"]["uid"] != "${datasource}":
            yield f"${one['name']} does not come from $datasource"
        if not one.get("label") or not one.get("description"):
            yield f"${one['name']} has no label or no description"
    for one in variables:
        if any(key.startswith("auto") for key in one):
            yield f"${one['name']} has keys that are an interval's"


def _about_places(board: Json) -> Iterator[str]:
    places = {one["id"]: one["gridPos"] for one in panels(board)}
    if len(places) != len(list(panels(board))):
        yield "two panels have one id"
    titles = [one["title"] for one in panels(board)]
    if len(set(titles)) != len(titles):
        yield "two panels have one title"
    for one, other in combinations(places.values(), 2):
        if _overlap(one, other):
            yield f"panels overlap: {one} and {other}"
    for number, place in places.items():
        if place["x"] < 0 or place["x"] + place["w"] > 24 or min(place["w"], place["h"]) < 3:
            yield f"panel {number} is outside of the grid or too small: {place}"
    for top in {place["y"] for place in places.values()}:
        if sum(place["w"] for place in places.values() if place["y"] == top) != 24:
            yield f"the row at {top} is not as wide as the page"
    down = sorted(panels(board), key=lambda one: (one["gridPos"]["y"], one["gridPos"]["x"]))
    kinds = [_KIND_ORDER.get(one["type"], 1) for one in down]
    if any(before > after for before, after in pairwise(kinds)):
        yield "figures are not on top, or tables are not last"


def _overlap(one: Json, other: Json) -> bool:
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "w"), ("y", "h"))
    )


def _about_panel(panel: Json) -> Iterator[str]:
    if not panel.get("title"):
        yield "has no title"
    if not panel.get("description", "").endswith("."):
        yield "has no description, or one that is no sentence"
    if panel["type"] == _TEXT:
        return
    if panel["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
        yield "does not ask $datasource"
    defaults = panel["fieldConfig"]["defaults"]
    if not defaults.get("unit"):
        yield "has no unit"
    if len(defaults.get("noValue", "")) < len("unknown"):
        yield "does not say what it means to have no value"
    yield from _about_targets(panel, [one["refId"] for one in panel["targets"]])


def _about_targets(panel: Json, references: list[str]) -> Iterator[str]:
    if not references:
        yield "asks nothing"
    if len(set(references)) != len(references):
        yield "two queries have one name"
    is_of_a_time = panel["type"] in {"stat", "table", "bargauge"}
    if any(one.get("instant", False) is not is_of_a_time for one in panel["targets"]):
        yield "asks for one time and shows many, or the other way"
    if panel["type"] == "table":
        yield from _about_columns(panel, references)
        return
    is_one_figure = panel["type"] == "stat" and len(references) == 1
    if not is_one_figure and any(one["legendFormat"] == "__auto" for one in panel["targets"]):
        yield "has a legend that is not in words"


def _about_columns(panel: Json, references: list[str]) -> Iterator[str]:
    (organize,) = [one for one in panel["transformations"] if one["id"] == "organize"]
    named = organize["options"]["renameByName"]
    for source in named:
        if source.startswith("Value #") and source.removeprefix("Value #") not in references:
            yield f"column {source!r} is of no query"
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["options"] not in named.values():
            yield f"{override['matcher']['options']!r} is no column"


def _about_queries(board: Json) -> Iterator[str]:
    for asked in queries(board):
        for complaint in (*_about_windows(asked), *_about_selectors(asked)):
            yield f"{asked.panel!r} {asked.ref} {complaint}"


def _about_windows(asked: Asked) -> Iterator[str]:
    for function, window in _RATED.findall(asked.expr):
        if window not in _WINDOWS:
            yield f"has {function}() over {window}, which nobody chose"
        if window == "$__range" and not asked.is_instant:
            yield f"has {function}() over {window} at each time of it"
        if function in {"rate", "irate"} and window != "$__rate_interval":
            yield f"has {function}() over {window}, not $__rate_interval"
        if window == "$__interval" and asked.interval != "1h":
            yield "counts in bars, and its panel has no least interval"
    if re.search(r"(rate|increase)\(wattgram_host_(power|emission)", asked.expr):
        yield "has the rate of a gauge"


def _about_selectors(asked: Asked) -> Iterator[str]:
    if 'job=~"$job"' not in asked.expr:
        yield "is not of $job"
    for selector in re.findall(r"wattgram_\w+\{[^}]*\}", asked.expr):
        if "$job" not in selector:
            yield f"has a selector of any job: {selector}"
    for joined in re.findall(r"group_left \(\w+\) (?:label_replace\()?\(?(.{0,40})", asked.expr):
        if not joined.startswith("topk by (host) (1, max by (host,"):
            yield f"joins what may be there twice: {joined}"
