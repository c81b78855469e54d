"""PURE. Points to OTLP metrics in protobuf: one resource for each host, one for the collector.

Metrics keep the names of /metrics but for `_total`, which an OTLP store adds again to a monotonic
sum, and points keep the label `host`: dashboards and rules work on what arrives. Units are given
where a store would add to the name what is in it already, and nothing else.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
)

from wattgram_collector import __version__
from wattgram_collector.exposition import families as names
from wattgram_collector.push.outbox import Parcel
from wattgram_collector.push.points import ENDED_AT_ONCE, Point, Shown

POINTS_PER_REQUEST: Final = 1_000
GZIP_LEVEL: Final = 1
HEADERS: Final = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
RETRYABLE: Final = frozenset({429, 502, 503, 504})
"""By the protocol; no other answer may be asked for again."""
UNITS: Final = (
    ("_grams_per_kilowatt_hour", "{gCO2e/kWh}"),
    ("_grams_per_second", "g/s"),
    ("_joules", "J"),
    ("_watts", "W"),
    ("_grams", "g"),
    ("_bytes", "By"),
    ("_seconds", "s"),
)
HOST_ENERGY: Final = f"{names.HOST_ENERGY.name}_total"
HOST_POWER: Final = names.HOST_POWER.name
_HARDWARE: Final = {
    HOST_ENERGY: Shown("hw.host.energy_total", True, "Energy of the host."),  # noqa: FBT003
    HOST_POWER: Shown("hw.host.power", False, "Power of the host."),  # noqa: FBT003
}
_HARDWARE_UNITS: Final = {"hw.host.energy": "J", "hw.host.power": "W"}
_BEGAN_UNKNOWN: Final = f"{names.AGENT_CPU.name}_total"
"""It begins again with each agent's process, and nobody says when that was."""


class Key(NamedTuple):
    """What a series is known by between two collections."""

    shown: Shown
    labels: tuple[tuple[str, str], ...]
    host: str


class Otlp:
    """One target's encoder: it remembers which series it sent last."""

    headers: Mapping[str, str] = HEADERS

    def __init__(
        self,
        *,
        instance: str,
        fleet_since_unix_nanoseconds: int,
        own_since_unix_nanoseconds: int,
        hardware_conventions: bool = False,
        points_per_request: int = POINTS_PER_REQUEST,
    ) -> None:
        """Since when the counters of hosts count, and those of this process; `instance`: its
        name.
        """
        self._instance = instance
        self._since = {True: fleet_since_unix_nanoseconds, False: own_since_unix_nanoseconds}
        self._hardware = hardware_conventions
        self._points_per_request = points_per_request
        self._before: set[Key] = set()
        self._now: set[Key] = set()
        self._sums: dict[Key, float] = {}
        """Of hosts, by what OpenTelemetry's conventions call it."""
        self._unix_nanoseconds = 0
        self._start()

    def _start(self) -> None:
        self._request = ExportMetricsServiceRequest()
        self._resources: dict[str, ResourceMetrics] = {}
        self._metrics: dict[tuple[str, str], Metric] = {}
        self._count = 0

    def begin(self, unix_nanoseconds: int) -> None:
        """Begin a collection, all of whose points are of this time."""
        self._unix_nanoseconds = unix_nanoseconds
        self._now = set()
        self._sums = {}
        self._start()

    def add(self, points: Iterable[Point]) -> list[Parcel]:
        """Take points of the collection; return the requests that are full."""
        full = []
        for point in points:
            full += self._taken(Key(point.shown, point.labels, point.host), point.value)
            convention = _HARDWARE.get(point.shown.name)
            if self._hardware and convention is not None:
                labels = (("hw.id", point.host), ("hw.name", point.host))
                key = Key(convention, labels, point.host)
                self._sums[key] = self._sums.get(key, 0.0) + point.value
        return full

    def end(self) -> Iterator[list[Parcel]]:
        """Yield the last requests: what has ended since the collection before says so."""
        last: list[tuple[Key, float | None]] = list(self._sums.items())
        self._now.update(self._sums)
        last += [(key, None) for key in self._before if key not in self._sums]
        self._before = self._now
        for at in range(0, len(last), ENDED_AT_ONCE):
            yield [
                parcel
                for key, value in last[at : at + ENDED_AT_ONCE]
                for parcel in self._written(key, value)
            ]
        if self._count:
            yield [self._packed()]

    def answered(self, body: bytes) -> int:
        """Return how many points an answer of success says were not taken.

        Raises ValueError for an answer that is none of the protocol's.
        """
        try:
            answer = ExportMetricsServiceResponse.FromString(body)
        except DecodeError as error:
            raise ValueError("not an answer of OTLP") from error
        return max(0, int(answer.partial_success.rejected_data_points))

    def is_retryable(self, status: int) -> bool:
        """Return whether the request may be sent again."""
        return status in RETRYABLE

    def _taken(self, key: Key, value: float) -> list[Parcel]:
        if key in self._now:
            return []  # hosts of one grid each bring its intensity
        self._now.add(key)
        self._before.discard(key)
        return self._written(key, value)

    def _written(self, key: Key, value: float | None) -> list[Parcel]:
        """Add a point; None: the series has ended."""
        metric = self._metric(key)
        points = metric.sum.data_points if key.shown.is_counter else metric.gauge.data_points
        point: NumberDataPoint = points.add()
        point.time_unix_nano = self._unix_nanoseconds
        if key.shown.is_counter and key.shown.name != _BEGAN_UNKNOWN:
            since = self._since[bool(key.host)]
            point.start_time_unix_nano = min(since, self._unix_nanoseconds)
        point.attributes.extend(_attribute(name, text) for name, text in key.labels if text)
        if value is None:
            point.flags = DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
        else:
            point.as_double = value
        self._count += 1
        return [self._packed()] if self._count >= self._points_per_request else []

    def _metric(self, key: Key) -> Metric:
        name = key.shown.name.removesuffix("_total") if key.shown.is_counter else key.shown.name
        found = self._metrics.get((key.host, name))
        if found is None:
            found = self._resource(key.host).scope_metrics[0].metrics.add()
            found.name, found.unit, found.description = name, unit_of(name), key.shown.help
            if key.shown.is_counter:
                found.sum.is_monotonic = True
                found.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
            self._metrics[key.host, name] = found
        return found

    def _resource(self, host: str) -> ResourceMetrics:
        found = self._resources.get(host)
        if found is None:
            found = self._request.resource_metrics.add()
            found.resource.attributes.extend(
                _attribute(name, text) for name, text in self._about(host).items()
            )
            scope = found.scope_metrics.add().scope
            scope.name, scope.version = "wattgram", __version__
            self._resources[host] = found
        return found

    def _about(self, host: str) -> Mapping[str, str]:
        if host:
            return {
                "service.name": "wattgram",
                "service.instance.id": host,
                "host.name": host,
            }
        return {
            "service.name": "wattgram-collector",
            "service.instance.id": self._instance,
            "service.version": __version__,
        }

    def _packed(self) -> Parcel:
        count = self._count
        body = gzip.compress(self._request.SerializeToString(), GZIP_LEVEL, mtime=0)
        self._start()
        return Parcel(body, count)


def unit_of(name: str) -> str:
    """Return the unit of a metric by its name, as UCUM has it; empty where it has none."""
    if name in _HARDWARE_UNITS:
        return _HARDWARE_UNITS[name]
    return next((unit for ending, unit in UNITS if name.endswith(ending)), "")


def _attribute(name: str, text: str) -> KeyValue:
    one = KeyValue(key=name)
    one.value.string_value = text
    return one
