"""The inventory of the year so far as metrics; docs/inventory-report.md explains them.

All are gauges: a figure that is corrected falls, and so does each when a year begins. Scope 2 has
a name for each method, so that no sum over names or labels has both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from wattgram_collector.exposition.own_gauge import gauge
from wattgram_collector.inventory.to_date import ToDate


class Reckoned(Protocol):
    """What is known of the inventory of the year so far."""

    @property
    def to_date(self) -> ToDate | None:
        """None: not reckoned yet, or nobody is named who reports."""

    @property
    def reckoned_unix_seconds(self) -> float | None:
        """When it was read from the ledger last."""

    @property
    def reckoning_seconds(self) -> float | None:
        """How long that took."""

    @property
    def is_failing(self) -> bool:
        """Whether the last time that it was tried it could not be done."""

    @property
    def is_on(self) -> bool:
        """Whether it is kept at all."""


class InventoryMetrics(Collector):
    """What is not known has no sample: it is not zero."""

    def __init__(self, reckoned: Reckoned) -> None:
        self._reckoned = reckoned

    def describe(self) -> Iterable[Metric]:
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        reckoned = self._reckoned
        if not reckoned.is_on:
            return
        yield gauge(
            "wattgram_inventory_reckoning_failed",
            "1 while the inventory of the year so far cannot be worked out: the log says why, and "
            "the figures are those of before.",
            (),
            {(): float(reckoned.is_failing)},
        )
        yield gauge(
            "wattgram_inventory_reckoned_timestamp_seconds",
            "When the inventory of the year so far was worked out last, in unix seconds.",
            (),
            {(): reckoned.reckoned_unix_seconds},
        )
        yield gauge(
            "wattgram_inventory_reckoning_seconds",
            "How long that took in seconds, its pauses with it.",
            (),
            {(): reckoned.reckoning_seconds},
        )
        found = reckoned.to_date
        if found is not None:
            yield from _totals(found)
            yield from _beside(found)
            yield from _quality(found)
            yield from _services(found)


def _totals(found: ToDate) -> Iterable[Metric]:
    year = ("year",)
    of = (found.year,)
    yield gauge(
        "wattgram_inventory_end_timestamp_seconds",
        "Up to when the figures of the year are, in unix seconds: the last midnight of the "
        "organisation's time zone.",
        year,
        {of: found.end_unix_seconds},
    )
    yield gauge(
        "wattgram_inventory_ghg_location_grams",
        "Scopes 1 to 3 of the year so far in grams of CO2e, scope 2 location-based; what is in no "
        "total is not in it.",
        year,
        {of: found.total_location_grams},
    )
    yield gauge(
        "wattgram_inventory_ghg_market_grams",
        "Scopes 1 to 3 of the year so far in grams of CO2e, scope 2 market-based: instead of the "
        "location-based, never with it.",
        year,
        {of: found.total_market_grams},
    )
    yield gauge(
        "wattgram_inventory_scope1_grams",
        "Scope 1 of the year so far in grams of CO2e.",
        year,
        {of: found.scope_1_grams},
    )
    yield gauge(
        "wattgram_inventory_scope2_location_grams",
        "Scope 2 of the year so far in grams of CO2e, location-based. Never add the market-based.",
        year,
        {of: found.location_grams},
    )
    yield gauge(
        "wattgram_inventory_scope2_market_grams",
        "Scope 2 of the year so far in grams of CO2e, market-based: instead of the "
        "location-based, never with it.",
        year,
        {of: found.market_grams},
    )
    yield gauge(
        "wattgram_inventory_scope3_grams",
        "Scope 3 of the year so far in grams of CO2e by category, 1 to 15; a category that was "
        "excluded or not evaluated has no sample.",
        ("year", "category"),
        {(found.year, str(key)): grams for key, grams in sorted(found.category_grams.items())},
    )
    yield gauge(
        "wattgram_inventory_tcs_grams",
        "Technology Carbon Standard of the year so far in grams of CO2e by leaf: another way to "
        "tell the same, never to be added to the scopes.",
        ("year", "leaf"),
        {(found.year, leaf): grams for leaf, grams in found.leaf_grams.items()},
    )


def _beside(found: ToDate) -> Iterable[Metric]:
    year = ("year",)
    of = (found.year,)
    yield gauge(
        "wattgram_inventory_capital_acquired_grams",
        "Making of what was acquired in the year so far in grams of CO2e, all of it in the year "
        "of the acquisition: it is in scope 3.",
        year,
        {of: found.acquired_grams},
    )
    yield gauge(
        "wattgram_inventory_embodied_amortised_grams",
        "Making of assets spread over their lives, of the year so far in grams of CO2e: the other "
        "book, never added to scope 3.",
        year,
        {of: found.amortised_grams},
    )
    yield gauge(
        "wattgram_inventory_embodied_rate_grams_per_second",
        "What the making of assets comes to now in grams of CO2e per second, spread over their "
        "lives; the largest by site and class, the rest as other.",
        ("site", "device_class"),
        {(site, kind): rate for (site, kind), rate in found.embodied_grams_per_second.items()},
    )
    yield gauge(
        "wattgram_inventory_memo_grams",
        "What is stated beside the totals of the year so far in grams of CO2e, by why: allocation "
        "of what is posted elsewhere, a factor that does not fit, or the stage of a memo.",
        ("year", "reason"),
        {(found.year, reason): grams for reason, grams in found.memo_grams.items()},
    )
    yield gauge(
        "wattgram_inventory_unknown",
        "Hosts, assets and activities that are in no total, because nobody said enough of them or "
        "no factor is known.",
        year,
        {of: found.unknown},
    )
    yield gauge(
        "wattgram_inventory_unknown_energy_joules",
        "Energy in joules of the year so far that is in no total.",
        year,
        {of: found.unknown_joules},
    )


def _quality(found: ToDate) -> Iterable[Metric]:
    year = ("year",)
    of = (found.year,)
    yield gauge(
        "wattgram_inventory_quality_ratio",
        "Part of the location-based total of the year so far that is known so well: by the worse "
        "of quantity and factor.",
        ("year", "tier"),
        {(found.year, tier): ratio for tier, ratio in found.quality_ratios.items()},
    )
    yield gauge(
        "wattgram_inventory_uncertainty_ratio",
        "Half width of the 95 % interval of the location-based total over the total.",
        year,
        {of: found.uncertainty_ratio},
    )
    yield gauge(
        "wattgram_inventory_coverage_ratio",
        "Time that agents observed over the time that they were expected to, in the year so far.",
        year,
        {of: found.coverage_ratio},
    )
    yield gauge(
        "wattgram_inventory_categories",
        "Categories of scope 3 by what they are: calculated, incomplete, zero, excluded or "
        "not_evaluated; together 15.",
        ("year", "status"),
        {(found.year, str(state)): number for state, number in found.categories.items()},
    )


def _services(found: ToDate) -> Iterable[Metric]:
    labels = ("year", "service", "unit")
    yield gauge(
        "wattgram_inventory_functional_units",
        "Functional units that were counted for a service in the year so far.",
        labels,
        {(found.year, *key): number for key, number in found.units.items()},
    )
    yield gauge(
        "wattgram_inventory_sci_grams_per_unit",
        "Software carbon intensity of a service in the year so far in grams of CO2e per unit; "
        "without units, or with energy that has no price, there is none.",
        labels,
        {(found.year, *key): grams for key, grams in found.grams_per_unit.items()},
    )
