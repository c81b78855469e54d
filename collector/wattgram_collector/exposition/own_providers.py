"""The collector's own metrics of the providers of carbon intensities: whether they answer."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wattgram_collector.intensities.providers.counts import ProviderCounts
from wattgram_collector.pricing import Pricing


class PricingMetrics(Collector):
    """What later intensities changed of what was already priced."""

    def __init__(self, pricing: Pricing) -> None:
        self._pricing = pricing

    def describe(self) -> Iterable[Metric]:
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        restater = self._pricing.restater
        yield CounterMetricFamily(
            "wattgram_restatement_passes",
            "Passes that gave energy in the ledger better carbon intensities.",
            value=restater.passes,
        )
        slots = CounterMetricFamily(
            "wattgram_restated_slots",
            "Slots of grid zones that were restated. Those of a frozen period are noted only.",
            labels=["period"],
        )
        slots.add_metric(["open"], restater.restated_slots)
        slots.add_metric(["prior"], restater.prior_period_slots)
        yield slots
        yield GaugeMetricFamily(
            "wattgram_restatement_backlog",
            "Days of grid zones that are still to be restated.",
            value=restater.waiting,
        )


class ProviderMetrics(Collector):
    """A provider that is not enabled has no series."""

    def __init__(self, counts: ProviderCounts) -> None:
        self._counts = counts

    def describe(self) -> Iterable[Metric]:
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        counts = self._counts
        requests = CounterMetricFamily(
            "wattgram_provider_requests",
            "Requests to a provider of carbon intensities, by what became of them.",
            labels=["provider", "outcome"],
        )
        for (provider, outcome), count in sorted(counts.requests.items()):
            requests.add_metric([provider, outcome.value], count)
        yield requests
        refused = CounterMetricFamily(
            "wattgram_provider_refused_values",
            "Values of a provider that are not believed, by reason.",
            labels=["provider", "reason"],
        )
        for (provider, reason), count in sorted(counts.refused.items()):
            refused.add_metric([provider, reason], count)
        yield refused
        up = GaugeMetricFamily(
            "wattgram_provider_up",
            "1 when the provider's last answer had values, 0 when it failed.",
            labels=["provider"],
        )
        for provider, is_up in sorted(counts.up.items()):
            up.add_metric([provider], is_up)
        yield up
        success = GaugeMetricFamily(
            "wattgram_provider_last_success_timestamp_seconds",
            "When the provider last answered with values, in unix seconds.",
            labels=["provider"],
        )
        for provider, seconds in sorted(counts.last_success_unix_seconds.items()):
            success.add_metric([provider], seconds)
        yield success
