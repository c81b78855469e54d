"""What the limits of the ingest cost, and how near they are; `docs/limits.md` explains them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wattgram_collector.ingest.intake import Intake


class LimitMetrics(Collector):
    """Who was turned away, cut off, slowed or folded, and what waits."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def describe(self) -> Iterable[Metric]:
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        intake = self._intake
        yield _by_reason(
            "wattgram_ingest_refused_streams",
            "Streams that were not let in.",
            intake.gate.turned_away,
        )
        yield _by_reason(
            "wattgram_ingest_cut_streams",
            "Streams that the collector ended because of what came over them.",
            intake.cut,
        )
        yield GaugeMetricFamily(
            "wattgram_ingest_bytes_in_flight",
            "Bytes that wait for the ledger; limits.max_bytes_in_flight is the most.",
            value=intake.pressure.bytes_in_flight,
        )
        yield CounterMetricFamily(
            "wattgram_ingest_slowed_seconds",
            "Time for which streams of agents that cost too much were not read.",
            value=intake.pressure.slowed_seconds,
        )
        yield GaugeMetricFamily(
            "wattgram_ingest_pause_seconds",
            "How long every agent is asked to pause now.",
            value=intake.pressure.pause_seconds,
        )
        yield CounterMetricFamily(
            "wattgram_ingest_folded_labels",
            "Reasons of gaps that were counted as other.",
            value=intake.folded_labels,
        )
        yield CounterMetricFamily(
            "wattgram_ingest_reused_sequences",
            "Batches under a number that their session had used; they come again under another.",
            value=intake.reused_sequences,
        )
        yield GaugeMetricFamily(
            "wattgram_cloned_agents",
            "Agents whose identity was used by more than one host within the last hour.",
            value=intake.cloned_agents(time.time_ns()),
        )


def _by_reason(name: str, help_text: str, counts: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, help_text, labels=["reason"])
    for reason, count in sorted(counts.items()):
        family.add_metric([reason], count)
    return family
