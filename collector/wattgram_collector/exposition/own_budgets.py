"""Carbon budgets and limits on the rate of emission as metrics; docs/budgets.md explains them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_collector.accounting.budget_settings import EmissionLimitSettings
from wattgram_collector.budgeting import Budgeting
from wattgram_collector.exposition.own_gauge import gauge
from wattgram_collector.views.model import Budget

_BUDGET = ("budget", "window")


class BudgetMetrics(Collector):
    """What is not reckoned yet, or not known, has no sample: it is not zero."""

    def __init__(self, budgeting: Budgeting) -> None:
        self._budgeting = budgeting

    def describe(self) -> Iterable[Metric]:
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        now = time.time_ns()
        seconds = now / NANOSECONDS_PER_SECOND
        budgets = self._budgeting.reckoned(seconds)
        yield from _budgets(budgets)
        windows = {one.name: one.window for one in budgets}
        yield gauge(
            "wattgram_carbon_budget_unpriced_energy_joules",
            "Energy of the present period in joules for which no carbon intensity is known: what "
            "it emitted is not in the used grams.",
            _BUDGET,
            _labelled(self._budgeting.unpriced_joules(seconds), windows),
        )
        yield gauge(
            "wattgram_carbon_budget_emission_rate_grams_per_second",
            "What the hosts of the budget emit now in grams of CO2e per second, of those whose "
            "power and carbon intensity are known.",
            _BUDGET,
            _labelled(self._budgeting.budget_rates(now), windows),
        )
        yield from _limits(self._budgeting.limits, self._budgeting.limit_rates(now))


def _budgets(budgets: Iterable[Budget]) -> Iterable[Metric]:
    of = {(one.name, one.window): one for one in budgets}
    yield gauge(
        "wattgram_carbon_budget_grams",
        "The budget of the period in grams of CO2e.",
        _BUDGET,
        {labels: one.grams for labels, one in of.items()},
    )
    yield gauge(
        "wattgram_carbon_budget_used_grams",
        "What was emitted of it in the present period in grams of CO2e, as it stands now: "
        "location-based, hosts and the overhead of their facility. Falls when a period begins "
        "and when intensities are restated. Budgets may overlap: do not sum.",
        _BUDGET,
        {labels: one.used_grams for labels, one in of.items()},
    )
    yield gauge(
        "wattgram_carbon_budget_used_ratio",
        "Part of the budget that is used: over 1 it is exceeded.",
        _BUDGET,
        {labels: one.used_ratio for labels, one in of.items()},
    )
    yield gauge(
        "wattgram_carbon_budget_elapsed_ratio",
        "Part of the period that has passed.",
        _BUDGET,
        {labels: one.elapsed_ratio for labels, one in of.items()},
    )
    yield gauge(
        "wattgram_carbon_budget_window_seconds",
        "Length of the present period in seconds.",
        _BUDGET,
        {labels: one.to_unix_seconds - one.from_unix_seconds for labels, one in of.items()},
    )


def _limits(
    limits: Mapping[str, EmissionLimitSettings], rates: Mapping[str, float]
) -> Iterable[Metric]:
    yield gauge(
        "wattgram_emission_limit_grams_per_second",
        "A rate of emission that is too much, in grams of CO2e per second: emission_limits.",
        ("limit",),
        {(name,): one.grams_per_second for name, one in limits.items()},
    )
    yield gauge(
        "wattgram_emission_limit_present_rate_grams_per_second",
        "What the hosts that the limit is about emit now in grams of CO2e per second, of those "
        "whose power and carbon intensity are known. Limits may overlap: do not sum.",
        ("limit",),
        {(name,): rate for name, rate in rates.items()},
    )


def _labelled(
    values: Mapping[str, float], windows: Mapping[str, str]
) -> dict[tuple[str, ...], float]:
    return {(name, windows[name]): value for name, value in values.items()}
