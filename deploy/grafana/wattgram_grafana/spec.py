"""PURE. What a panel says, before Grafana's own types: enough to write a dashboard as a list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

GRID_WIDTH: Final = 24
PLAIN: Final = "blue"
GOOD, FAIR, POOR, BAD = "green", "yellow", "orange", "red"


class Kind(StrEnum):
    STAT = "stat"
    SERIES = "timeseries"
    BARS = "bargauge"
    STATES = "state-timeline"
    TABLE = "table"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Query:
    """One query. `legend` is a template of labels; `ends`: its value at the end of the range."""

    expr: str
    legend: str = ""
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """How a table shows one field: `source` is a label, or `Value #A` of the query A."""

    source: str
    title: str
    unit: str = ""
    link: str = ""
    states: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    decimals: int | None = None


Steps = tuple[tuple[float, str], ...]
"""From which value on which colour; below the first one it is the base colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """`empty` is shown where no series has a value, and says what that means."""

    kind: Kind
    title: str
    about: str
    queries: tuple[Query, ...] = ()
    unit: str = "short"
    empty: str = "unknown"
    width: int = 12
    height: int = 8
    decimals: int | None = None
    base: str = PLAIN
    steps: Steps = ()
    states: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    least: float | None = None
    most: float | None = None
    stacked: bool = False
    bars: bool = False
    interval: str = ""
    columns: tuple[Column, ...] = ()
    links_to_host: bool = False
    text: str = ""

    def sized(self, width: int, height: int = 0) -> Panel:
        return replace(self, width=width, height=height or self.height)


def stat(title: str, expr: str | tuple[Query, ...], unit: str, about: str, empty: str) -> Panel:
    """One figure, as it is now or over the whole range; several queries, several figures."""
    queries = (Query(expr, ends=True),) if isinstance(expr, str) else expr
    return Panel(
        kind=Kind.STAT, title=title, about=about, queries=queries, unit=unit, empty=empty,
        width=4, height=4,
    )  # fmt: skip


def series(title: str, unit: str, about: str, empty: str, *queries: Query) -> Panel:
    return Panel(
        kind=Kind.SERIES, title=title, about=about, queries=queries, unit=unit, empty=empty,
        least=0,
    )  # fmt: skip


def stacked(title: str, unit: str, about: str, empty: str, *queries: Query) -> Panel:
    """Series that do not overlap: what is on top is their sum."""
    return replace(series(title, unit, about, empty, *queries), stacked=True)


def amounts(title: str, unit: str, about: str, empty: str, *queries: Query) -> Panel:
    """What was used in each bar; a bar is an hour, or more where the range is long."""
    return replace(
        stacked(title, unit, f"{about} Each bar is an hour, or longer over a long range.", empty,
                *queries),
        bars=True, interval="1h",
    )  # fmt: skip


def bars(title: str, unit: str, about: str, empty: str, *queries: Query) -> Panel:
    return Panel(
        kind=Kind.BARS, title=title, about=about, queries=queries, unit=unit, empty=empty, least=0
    )


def states(
    title: str, about: str, empty: str, of: Mapping[int, tuple[str, str]], *queries: Query
) -> Panel:
    return Panel(
        kind=Kind.STATES, title=title, about=about, queries=queries, empty=empty, states=of,
        width=GRID_WIDTH,
    )  # fmt: skip


def table(
    title: str, about: str, empty: str, columns: tuple[Column, ...], *expressions: str
) -> Panel:
    """One row for each set of labels that all the queries share."""
    return Panel(
        kind=Kind.TABLE, title=title, about=about, empty=empty, columns=columns,
        queries=tuple(Query(one, ends=True) for one in expressions), width=GRID_WIDTH, height=9,
    )  # fmt: skip


def words(title: str, about: str, text: str) -> Panel:
    return Panel(kind=Kind.TEXT, title=title, about=about, text=text)


HOST_LINK: Final = (
    "/d/wattgram-host?${datasource:queryparam}&${job:queryparam}"
    "&var-host=${__HOST__}&${__url_time_range}"
)
"""To the dashboard of one host; __HOST__ stands for where its name is taken from."""
SERIES_LINK: Final = HOST_LINK.replace("__HOST__", "__field.labels.host")
ROW_LINK: Final = HOST_LINK.replace("__HOST__", "__data.fields.Host")
