"""PURE. What is on /metrics as single points, each under the name that a scrape would see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from prometheus_client import Metric

from wattgram.readings import State
from wattgram_collector.exposition.families import Family, Type
from wattgram_collector.exposition.text import Samples

ENDED_AT_ONCE: Final = 200
"""Series whose end is written before anybody else gets a turn."""
_SUFFIX: Final = {Type.COUNTER: "_total", Type.INFO: "_info"}
_GROWING: Final = ("_total", "_bucket", "_count", "_sum")
"""Names of samples that only grow; a gauge's own name may end like that."""


class Shown(NamedTuple):
    """What all points of one name have in common."""

    name: str
    """As a scrape sees it, with its suffix."""
    is_counter: bool
    help: str


class Point(NamedTuple):
    """One sample. `host` is empty for what is the collector's own, or a grid's."""

    shown: Shown
    labels: tuple[tuple[str, str], ...]
    value: float
    host: str = ""


def host_points(families: Iterable[tuple[Family, Samples]]) -> Iterator[Point]:
    """Yield the points of a fleet's families."""
    for family, samples in families:
        is_counter = family.type is Type.COUNTER
        shown = Shown(family.name + _SUFFIX.get(family.type, ""), is_counter, family.help)
        is_of_host = family.labels[:1] == ("host",)
        for values, value in samples.items():
            host = values[0] if is_of_host else ""
            if family.type is Type.STATESET:
                yield from _states(shown, family, values, host)
            else:
                labels = tuple(zip(family.labels, values, strict=True))
                yield Point(shown, labels, float(value), host)


def _states(shown: Shown, family: Family, values: tuple[str, ...], host: str) -> Iterator[Point]:
    """Yield one point per state: 1 for the one that is, which is the last of the values."""
    labels = tuple(zip(family.labels, values[:-1], strict=True))
    for state in State:
        yield Point(shown, (*labels, (family.name, state.value)), float(state == values[-1]), host)


def own_points(metrics: Iterable[Metric]) -> Iterator[Point]:
    """Yield the points of the client library's metrics."""
    for metric in metrics:
        is_gauge = metric.type in {"gauge", "info", "stateset", "unknown"}
        for sample in metric.samples:
            if sample.name.endswith("_created"):
                continue
            is_counter = not is_gauge and sample.name.endswith(_GROWING)
            shown = Shown(sample.name, is_counter, metric.documentation)
            yield Point(shown, tuple(sample.labels.items()), float(sample.value))
