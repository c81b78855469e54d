"""The collector's own metrics of what it pushes; a target that is not set has no series."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wattgram_collector.push.wiring import Pushing


class PushMetrics(Collector):
    """Whether the other side takes what is pushed, and what waits for it."""

    def __init__(self, pushing: Pushing) -> None:
        self._pushing = pushing

    def describe(self) -> Iterable[Metric]:
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        if not self._pushing.targets:
            return
        requests = CounterMetricFamily(
            "wattgram_push_requests",
            "Requests that push metrics, by what became of them.",
            labels=["target", "outcome"],
        )
        samples = CounterMetricFamily(
            "wattgram_push_samples",
            "Samples pushed, by what became of them; overflow: dropped while nobody answered.",
            labels=["target", "outcome"],
        )
        waiting = GaugeMetricFamily(
            "wattgram_push_waiting_bytes",
            "What waits to be pushed; push.<target>.queue_bytes is the most.",
            labels=["target"],
        )
        up = GaugeMetricFamily(
            "wattgram_push_up",
            "1 when the last request was taken, else 0; absent until one was made.",
            labels=["target"],
        )
        success = GaugeMetricFamily(
            "wattgram_push_last_success_timestamp_seconds",
            "When a request was last taken, in unix seconds; absent until one was.",
            labels=["target"],
        )
        for target in self._pushing.targets:
            counts = target.counts
            for outcome, count in counts.requests.items():
                requests.add_metric([target.name, outcome.value], count)
            for fate, count in counts.samples.items():
                samples.add_metric([target.name, fate.value], count)
            waiting.add_metric([target.name], target.outbox.bytes_waiting)
            if counts.is_working is not None:
                up.add_metric([target.name], int(counts.is_working))
            if counts.last_success_unix_seconds is not None:
                success.add_metric([target.name], counts.last_success_unix_seconds)
        yield from (requests, samples, waiting, up, success)
