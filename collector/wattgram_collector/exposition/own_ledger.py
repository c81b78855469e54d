"""The collector's own metrics of its ledger: whether it takes anything, if not why, its size."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wattgram_collector.ingest.committer import Committer
from wattgram_collector.ledger import Trouble


class LedgerMetrics(Collector):
    """Asks nothing of the ledger that could wait for a disk."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer

    def describe(self) -> Iterable[Metric]:
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        committer = self._committer
        trouble = committer.trouble
        yield GaugeMetricFamily(
            "wattgram_ledger_writable",
            "1 while the ledger takes batches; at 0 agents keep theirs.",
            value=trouble is None,
        )
        reasons = GaugeMetricFamily(
            "wattgram_ledger_trouble",
            "1 for the reason why the ledger takes nothing.",
            labels=["reason"],
        )
        for reason in Trouble:
            is_it = trouble is not None and trouble.trouble is reason
            reasons.add_metric([reason.value], is_it)
        yield reasons
        size = GaugeMetricFamily(
            "wattgram_ledger_size_bytes", "Size of the ledger's files.", labels=["file"]
        )
        for file, size_bytes in committer.sizes_bytes.items():
            size.add_metric([file], size_bytes)
        yield size
        yield GaugeMetricFamily(
            "wattgram_ledger_faults",
            "Faults that the check at the start found: wattgram-collector ledger check.",
            value=committer.faults,
        )
