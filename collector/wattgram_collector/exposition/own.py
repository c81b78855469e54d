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
from wattgram_collector.access.certificates import Certificates
from wattgram_collector.access.porch import Porch
from wattgram_collector.access.wiring import Access
from wattgram_collector.exposition.own_ledger import LedgerMetrics
from wattgram_collector.exposition.own_limits import LimitMetrics
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
            "wattgram_ingest_streams",
            "Streams open now: an agent without TLS opens one for each delivery.",
            value=intake.streams,
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


class AccessMetrics(Collector):
    """Who was not let in, and whether the files that say who may could be read."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def describe(self) -> Iterable[Metric]:
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        refused = CounterMetricFamily(
            "wattgram_http_refused", "HTTP requests that were not let in.", labels=["reason"]
        )
        for reason, count in self._access.guard.refused.items():
            refused.add_metric([reason], count)
        yield refused
        yield from _connections(self._access.porch)
        if self._access.tokens is not None:
            yield CounterMetricFamily(
                "wattgram_ingest_refused_tokens",
                "Streams of agents that showed no token that is known.",
                value=self._access.tokens.refused,
            )
        yield GaugeMetricFamily(
            "wattgram_config_last_reload_successful",
            "1 when all that was read again last could be used, else 0.",
            value=self._access.is_as_configured,
        )


def _connections(porch: Porch) -> Iterable[Metric]:
    """What comes of connections, before anybody has asked for anything."""
    yield GaugeMetricFamily(
        "wattgram_http_connections", "HTTP connections open now.", value=len(porch.places)
    )
    cut = CounterMetricFamily(
        "wattgram_http_cut_connections",
        "HTTP connections that were ended: they sat still, or their place was needed.",
        labels=["reason"],
    )
    for reason, count in porch.places.cut.items():
        cut.add_metric([reason], count)
    yield cut
    yield CounterMetricFamily(
        "wattgram_http_slowed_seconds",
        "Time for which no HTTP connection was taken because they came too fast.",
        value=porch.slowed_seconds,
    )


class CertificateMetrics(Collector):
    """When certificates end, which were given out, and who was turned away by one."""

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates

    def describe(self) -> Iterable[Metric]:
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        expiry = GaugeMetricFamily(
            "wattgram_certificate_expiry_timestamp_seconds",
            "When a certificate of the collector ends.",
            labels=["certificate"],
        )
        for name, seconds in self._certificates.expiries().items():
            expiry.add_metric([name], seconds)
        yield expiry
        away = CounterMetricFamily(
            "wattgram_ingest_refused_certificates",
            "Calls of agents that their certificate did not let in, or no longer.",
            labels=["reason"],
        )
        for reason, count in self._certificates.doorman.turned_away.items():
            away.add_metric([reason], count)
        yield away
        enrolment = self._certificates.enrolment
        if enrolment is None:
            return
        for name, help_text, label, counts in (
            ("wattgram_certificates_issued", "Certificates given to agents.", "road",
             enrolment.issued),
            ("wattgram_certificates_refused", "Requests for a certificate that got none.",
             "reason", enrolment.refused),
        ):  # fmt: skip
            family = CounterMetricFamily(name, help_text, labels=[label])
            for value, count in sorted(counts.items()):
                family.add_metric([value], count)
            yield family


def registry(intake: Intake, committer: Committer, *others: Collector) -> CollectorRegistry:
    """Return a registry of the collector's own metrics and its process."""
    own = CollectorRegistry()
    own.register(OwnMetrics(intake, committer))
    own.register(LedgerMetrics(committer))
    own.register(LimitMetrics(intake))
    for other in others:
        own.register(other)
    ProcessCollector(registry=own)
    PlatformCollector(registry=own)
    return own
