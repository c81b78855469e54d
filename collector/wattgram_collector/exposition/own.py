"""The collector's own metrics, through the client library: there are few of them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from wattgram_collector import __version__
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.ingest.intake import Intake


class OwnMetrics(Collector):
    """What the ingest and the ledger count of themselves."""

    def __init__(self, intake: Intake, committer: Committer) -> None:
        self._intake = intake
        self._committer = committer

    def describe(self) -> Iterable[Metric]:
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        intake, committer = self._intake, self._committer
        yield InfoMetricFamily(
            "wattgram_build", "The collector's version.", value={"version": __version__}
        )
        yield GaugeMetricFamily(
            "wattgram_ingest_streams", "Agents connected now.", value=intake.streams
        )
        yield CounterMetricFamily(
            "wattgram_ingest_batches",
            "Batches received, repeated ones too.",
            value=intake.batches,
        )
        yield CounterMetricFamily(
            "wattgram_ingest_duplicate_batches",
            "Batches received again that were in the ledger already.",
            value=intake.duplicates,
        )
        yield CounterMetricFamily(
            "wattgram_ingest_undecodable_messages",
            "Messages that could not be read at all.",
            value=intake.undecodable,
        )
        yield CounterMetricFamily(
            "wattgram_ingest_folded_workloads",
            "Workloads of hosts that have had too many already; their energy is in other.",
            value=intake.folded_workloads,
        )
        yield CounterMetricFamily(
            "wattgram_ledger_commits", "Transactions of the ledger.", value=committer.commits
        )
        yield CounterMetricFamily(
            "wattgram_ledger_failures",
            "Transactions that the storage refused; their batches come again.",
            value=committer.failures,
        )


def registry(intake: Intake, committer: Committer) -> CollectorRegistry:
    """Return a registry of the collector's own metrics and its process."""
    own = CollectorRegistry()
    own.register(OwnMetrics(intake, committer))
    ProcessCollector(registry=own)
    PlatformCollector(registry=own)
    return own
