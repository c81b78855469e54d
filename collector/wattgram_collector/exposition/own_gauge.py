"""A gauge family of what is known: what is not known has no sample."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.core import GaugeMetricFamily


def gauge(
    name: str,
    text: str,
    labels: tuple[str, ...],
    values: Mapping[tuple[str, ...], float | None],
) -> GaugeMetricFamily:
    """Return the family with a sample for each value that is not None."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for label_values, value in values.items():
        if value is not None:
            family.add_metric(label_values, value)
    return family
