"""PURE. Cells that say nothing by themselves: of which another one must be said.

A refrigerant without its kilograms, a contract without its factor: what was meant would be lost
without a word, so such a row is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

_COMPANIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "fuel": (
        "litres", "backhaul_litres", "fuel_kwh", "generated_kwh", "litres_per_year",
        "litres_per_100_km", "price_per_litre",
    ),
    "refrigerant": ("refrigerant_kg", "kg"),
    "market_basis": ("market_kg_per_kwh",),
    "market_source": ("market_kg_per_kwh",),
    "supply_source": ("upstream_kg_per_kwh", "loss_percent_of_generation"),
    "energy_source": ("wh_per_request", "wh_per_token"),
    "tokens": ("wh_per_token",),
    "gpus": ("latency_seconds",),
    "batch_size": ("latency_seconds",),
}  # fmt: skip
"""Column to those of which at least one gives it a meaning."""


def alone(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each column that is said alone, and why that is wrong; a kind may have it or not."""
    for column, others in _COMPANIONS.items():
        if said.get(column) is None or any(said.get(one) is not None for one in others):
            continue
        there = [one for one in others if one in said]
        if there:
            yield column, f"says nothing without {' or '.join(there)}"
