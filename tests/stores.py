"""Real stores of metrics on loopback: Debian's VictoriaMetrics and Prometheus, and a receiver of
OTLP that holds to the protocol.
"""

from __future__ import annotations

import gzip
import json
import shutil
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from daemons import Process, free_port, get, wait_until

Labels = frozenset[tuple[str, str]]


class Store(Process):
    """What answers PromQL over HTTP."""

    port: int
    ready_path: str

    def start(self) -> None:
        super().start()
        wait_until(lambda: get(self.url(self.ready_path)), 20, f"ready: {self.log}")

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def query(self, expression: str, unix_seconds: float | None = None) -> list[dict[str, Any]]:
        """Return the result of an instant query."""
        parameters = {"query": expression}
        if unix_seconds is not None:
            parameters["time"] = f"{unix_seconds:.3f}"
        page = get(self.url(f"/api/v1/query?{urllib.parse.urlencode(parameters)}"))
        return json.loads(page)["data"]["result"] if page else []

    def series(self, selector: str, unix_seconds: float | None = None) -> dict[Labels, float]:
        """Return the value of every series, names with them."""
        return {
            frozenset(one["metric"].items()): float(one["value"][1])
            for one in self.query(selector, unix_seconds)
        }

    def value(self, expression: str, unix_seconds: float | None = None) -> float | None:
        found = self.query(expression, unix_seconds)
        return float(found[0]["value"][1]) if found else None


class VictoriaMetrics(Store):
    """Debian's VictoriaMetrics: everything at once, and for good."""

    ready_path = "/health"

    def __init__(self, directory: Path) -> None:
        binary = _program("victoria-metrics")
        directory.mkdir(parents=True)
        self.port = free_port()
        super().__init__(
            binary,
            f"-httpListenAddr=127.0.0.1:{self.port}",
            f"-storageDataPath={directory / 'data'}",
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
            "-search.disableCache",
            "-memory.allowedBytes=128MB",
            "-loggerLevel=WARN",
            log=directory / "victoria.log",
        )

    write_path = "/api/v1/write"

    def flush(self) -> None:
        """Let what was written be found."""
        get(self.url("/internal/force_flush"))

    def take(self, text: str) -> None:
        """Import an exposition with timestamps."""
        request = urllib.request.Request(
            self.url("/api/v1/import/prometheus"), text.encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 204
        self.flush()


class PrometheusStore(Store):
    """Debian's Prometheus, that is written to, scrapes what `jobs` say, or reads blocks."""

    ready_path = "/-/ready"
    write_path = "/api/v1/write"

    def __init__(self, directory: Path, jobs: Sequence[str] = ()) -> None:
        binary = _program("prometheus")
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.data = directory / "data"
        self.configuration = directory / "prometheus.yml"
        self.configuration.write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n" + "".join(jobs)
            if jobs
            else "global: {}\n"
        )
        super().__init__(
            binary,
            f"--config.file={self.configuration}",
            f"--storage.tsdb.path={self.data}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.enable-remote-write-receiver",
            "--log.level=warn",
            log=directory / "prometheus.log",
        )

    def flush(self) -> None:
        """What is written is found at once."""


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs Debian's {name} (apt-get install {name})")
    return found


@dataclass
class OtlpReceiver:
    """A full OTLP/HTTP receiver of metrics: answers as it is told, and keeps what it takes.

    It refuses what the protocol forbids, so that a sender that breaks a rule is seen.
    """

    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    """What to answer next, in order; success when there is none."""
    taken: list[ExportMetricsServiceRequest] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Self:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._post(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/metrics"

    def _post(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.headers.append({name.lower(): text for name, text in handler.headers.items()})
        if handler.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        request = ExportMetricsServiceRequest.FromString(body)
        self.wrong += broken_rules(handler, request)
        success = (200, {}, ExportMetricsServiceResponse().SerializeToString())
        status, headers, answer = self.answers.pop(0) if self.answers else success
        if status == 200:
            self.taken.append(request)
        handler.send_response(status)
        handler.send_header("Content-Type", "application/x-protobuf")
        for name, text in headers.items():
            handler.send_header(name, text)
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)


def broken_rules(
    handler: BaseHTTPRequestHandler, request: ExportMetricsServiceRequest
) -> Iterable[str]:
    """Yield what a request does that OTLP forbids."""
    if handler.path != "/v1/metrics":
        yield f"path {handler.path}"
    if handler.headers.get("Content-Type") != "application/x-protobuf":
        yield f"content type {handler.headers.get('Content-Type')}"
    if not request.resource_metrics:
        yield "nothing in it"
    for resource in request.resource_metrics:
        keys = [one.key for one in resource.resource.attributes]
        if len(keys) != len(set(keys)) or "service.name" not in keys:
            yield f"resource {keys}"
        for metric in (one for scope in resource.scope_metrics for one in scope.metrics):
            yield from _of_metric(metric)


def _of_metric(metric: Any) -> Iterable[str]:
    points = metric.sum.data_points if metric.HasField("sum") else metric.gauge.data_points
    if not metric.name or not points:
        yield f"metric {metric.name!r} of {len(points)} points"
    if metric.HasField("sum") and metric.sum.aggregation_temporality != 2:
        yield f"{metric.name} is not cumulative"
    seen = set()
    for point in points:
        attributes = [(one.key, one.value.string_value) for one in point.attributes]
        names = [name for name, _ in attributes]
        if len(names) != len(set(names)) or "" in names:
            yield f"{metric.name} attributes {names}"
        if tuple(sorted(attributes)) in seen:
            yield f"{metric.name} twice {attributes}"
        seen.add(tuple(sorted(attributes)))
        if not point.time_unix_nano or point.start_time_unix_nano > point.time_unix_nano:
            yield f"{metric.name} time"
        has_value = point.WhichOneof("value") is not None
        if has_value == bool(point.flags & 1):
            yield f"{metric.name} value and flag"


def points_of(requests: Iterable[ExportMetricsServiceRequest]) -> list[dict[str, Any]]:
    """Return every point with what is said around it."""
    return [
        {
            "name": metric.name,
            "unit": metric.unit,
            "is_monotonic": metric.HasField("sum") and metric.sum.is_monotonic,
            "resource": {one.key: one.value.string_value for one in resource.resource.attributes},
            "labels": {one.key: one.value.string_value for one in point.attributes},
            "value": None if point.flags & 1 else point.as_double,
            "time": point.time_unix_nano,
            "since": point.start_time_unix_nano,
        }
        for request in requests
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in (
            metric.sum.data_points if metric.HasField("sum") else metric.gauge.data_points
        )
    ]
