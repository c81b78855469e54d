"""What Grafana does with a dashboard before a data source sees it, and how it asks one.

Grafana itself cannot be run here. Variables are put in as its Prometheus source does: one value
of a variable that cannot be many is escaped for a string, many are a group of a regular
expression, and "All" is the variable's own word for it or every value there is.
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Json = dict[str, Any]

_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.*), (?P<label>\w+)\)")
BAR_SECONDS = 3600
_SPECIAL = re.compile(r"[.+*?^$()\[\]{}|\\]")


class Asked(NamedTuple):
    """One query of a dashboard: where it stands, and whether it asks for one time only."""

    board: str
    panel: str
    ref: str
    expr: str
    legend: str
    is_instant: bool
    interval: str

    @property
    def place(self) -> tuple[str, str, str]:
        return self.board, self.panel, self.ref


@dataclass(frozen=True, slots=True)
class Window:
    """The range of a dashboard, and what its data source says of its scrapes."""

    end_unix_seconds: float
    range_seconds: int
    rate_interval_seconds: int


def panels(board: Json) -> Iterator[Json]:
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


def queries(board: Json) -> Iterator[Asked]:
    """Yield the query of every target and of every annotation that asks Prometheus."""
    for panel in panels(board):
        for target in panel.get("targets", ()):
            yield Asked(
                board["uid"], panel["title"], target["refId"], target["expr"],
                target["legendFormat"], target.get("instant", False), panel.get("interval", ""),
            )  # fmt: skip
    for annotation in board["annotations"]["list"]:
        if "expr" in annotation:
            yield Asked(board["uid"], annotation["name"], "annotation", annotation["expr"],
                        annotation.get("titleFormat", ""), is_instant=False,
                        interval="")  # fmt: skip


def query_variables(board: Json) -> list[Json]:
    return [one for one in board["templating"]["list"] if one["type"] == "query"]


def interpolated(expr: str, variables: Mapping[str, str], window: Window, interval: str) -> str:
    """Return what the data source is asked; raises ValueError for a variable nobody knows."""
    builtin = {
        "__range": f"{window.range_seconds}s",
        "__rate_interval": f"{window.rate_interval_seconds}s",
        "__interval": interval or "15s",
    }

    def value(match: re.Match[str]) -> str:
        name = match["braced"] or match["bare"]
        if name not in builtin and name not in variables:
            raise ValueError(f"${name} is no variable: {expr}")
        return builtin.get(name) or variables[name]

    return re.sub(r"\$(?:\{(?P<braced>\w+)\}|(?P<bare>\w+))", value, expr)


def chosen(variable: Json, values: Iterable[str]) -> str:
    """Return what a variable becomes in a query: "All" where it may be, else its first value."""
    if not variable.get("includeAll"):
        return next(iter(values)).replace("\\", "\\\\").replace('"', '\\"')
    if "allValue" in variable:
        return str(variable["allValue"])
    escaped = [_SPECIAL.sub(r"\\\\\g<0>", one) for one in values]
    return f"({'|'.join(escaped)})" if len(escaped) > 1 else "".join(escaped)


class Source:
    """A data source of the type prometheus."""

    def __init__(self, port: int, window: Window) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"
        self.window = window

    def values(self, board: Json, preferred: Container[str] = ()) -> dict[str, str]:
        """Return every variable as it is put into queries, each narrowed by those before it.

        One that can be one value only is the first that is preferred.
        """
        found: dict[str, str] = {}
        for variable in query_variables(board):
            match = _LABEL_VALUES.fullmatch(variable["query"]["query"])
            assert match is not None, variable["query"]
            selector = interpolated(match["selector"], found, self.window, "")
            values = self._ask(
                f"label/{match['label']}/values",
                **{"match[]": selector},
                **self._span(self.window.range_seconds),
            )
            assert values, f"${variable['name']} has no values: {selector}"
            values.sort(key=lambda value: value not in preferred)
            found[variable["name"]] = chosen(variable, values)
        return found

    def series(self, asked: Asked, variables: Mapping[str, str]) -> list[Json]:
        """Return the series that have a number at some time."""
        expr = interpolated(asked.expr, variables, self.window, asked.interval)
        if asked.is_instant:
            found = self._ask("query", query=expr, time=f"{self.window.end_unix_seconds:.3f}")
            rows = found["result"]
            assert found["resultType"] == "vector", expr
        else:
            step = BAR_SECONDS if asked.interval == "1h" else 1
            span = self._span(max(step, self.window.range_seconds))
            rows = self._ask("query_range", query=expr, step=str(step), **span)["result"]
        return [row for row in rows if any(value != "NaN" for value in values_of(row))]

    def _span(self, seconds: int) -> dict[str, str]:
        end = self.window.end_unix_seconds
        return {"start": f"{end - seconds:.3f}", "end": f"{end:.3f}"}

    def _ask(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer; an error of the source is an error of the test."""
        body = urllib.parse.urlencode(parameters)
        url = f"{self._url}/{path}?{body}"
        if path.startswith("query"):  # long ones, as Grafana does
            request = urllib.request.Request(f"{self._url}/{path}", body.encode())
        else:
            request = urllib.request.Request(url)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error


def values_of(row: Json) -> list[str]:
    pairs = row["values"] if "values" in row else [row["value"]]
    return [value for _, value in pairs]


def labels_of(template: str) -> set[str]:
    """Return the labels that a legend or a title names."""
    return set(re.findall(r"\{\{\s*(\w+)\s*\}\}", template))
