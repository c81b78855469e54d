"""PURE. Carbon budgets against their calendar, and rates of emission against their limits."""

from __future__ import annotations

from collections.abc import Sequence

from wattgram_collector.exposition.pages.cards import is_ahead, pace_bar
from wattgram_collector.exposition.pages.html import Content, Html, join, tag
from wattgram_collector.exposition.pages.words import (
    grams,
    grams_per_hour,
    moment,
    percent,
    plural,
)
from wattgram_collector.views.model import Budget, EmissionLimit


def budget_list(budgets: Sequence[Budget]) -> Html:
    """Return what is used of each budget, against how much of its period is over."""
    return tag("ul", join(map(_budget, budgets)), class_="budgets")


def limit_list(limits: Sequence[EmissionLimit]) -> Html:
    """Return what the hosts of each limit emit now, against what is too much."""
    return tag("ul", join(map(_limit, limits)), class_="budgets")


def _limit(limit: EmissionLimit) -> Html:
    now, most = limit.present_grams_per_hour, limit.grams_per_hour
    is_over = now is not None and now > most
    if limit.hosts == 0:
        told = "fits no host that is known"
    elif now is None:
        told = "what its hosts emit is unknown"
    else:
        told = "too much" if is_over else "within the limit"
    share = min(1.0, now / most) if now is not None else 0.0
    return tag(
        "li",
        tag("p", tag("strong", limit.name), tag("span", told, class_="told")),
        tag("svg", tag("rect", class_="track", width="100%", height="8", y="4", rx="2"),
            tag("rect", class_="over" if is_over else "within", width=f"{share * 100:.2f}%",
                height="8", y="4", rx="2"),
            class_="bar pace", width="100%", height=16, aria_hidden="true"),
        tag("p", grams_per_hour(now), " now, more than ", grams_per_hour(most), " is too much; ",
            "its hosts unknown" if limit.hosts is None else plural(limit.hosts, "host"),
            class_="small"),
    )  # fmt: skip


def _budget(budget: Budget) -> Html:
    if budget.hosts == 0:
        told: Content = "fits no host that is known"
    elif budget.used_ratio is None:
        told = "not reckoned yet"
    elif budget.used_ratio > 1:
        told = "over budget"
    elif is_ahead(budget):
        told = "used faster than the calendar runs"
    else:
        told = "within the calendar"
    return tag(
        "li",
        tag("p", tag("strong", budget.name), tag("span", told, class_="told")),
        pace_bar(budget),
        tag("p", grams(budget.used_grams), " of ", grams(budget.grams), " (",
            percent(budget.used_ratio), "), ", percent(budget.elapsed_ratio),
            f" of the {budget.window} over, ends ",
            moment(budget.to_unix_seconds, "%Y-%m-%d %H:%M"), " UTC", class_="small"),
    )  # fmt: skip
