"""PURE. The fleet in six cards: what it uses and emits now, who says so, and how well."""

from __future__ import annotations

from collections.abc import Iterable

from wattgram.readings import Quality
from wattgram_collector.exposition.pages.html import Content, Html, join, tag
from wattgram_collector.exposition.pages.series import Mix, Share, quality_mix, tier_mix
from wattgram_collector.exposition.pages.stripe import bar
from wattgram_collector.exposition.pages.words import (
    CERTAINTY_OF_TIER,
    TIER_WORDS,
    UNKNOWN,
    Certainty,
    energy,
    grams,
    grams_per_hour,
    named,
    percent,
    plural,
    watts,
)
from wattgram_collector.intensity import Tier
from wattgram_collector.views.model import Budget, FleetView, Presence, Total

_NONE_OF_IT = 0.0005


def cards(view: FleetView) -> Html:
    """Return the cards of a fleet."""
    made = (_power(view), _rate(view), _hosts(view), _measured(view), _day(view), _budget(view))
    return tag("div", *made, class_="cards")


def card(title: str, value: Content, *more: Content, href: str = "") -> Html:
    """Return one figure with what has to be said of it."""
    head = tag("a", title, href=href) if href else title
    return tag("section", tag("h2", head), tag("p", value, class_="big"), *more, class_="card")


def small(*inside: Content) -> Html:
    return tag("p", *inside, class_="small")


def power_mix(view: FleetView) -> Mix:
    """Return how well the power now is known."""
    now = Total(energy_joules_by_quality=view.power_watts_by_quality, grams_by_tier={},
                unpriced_joules=0.0)  # fmt: skip
    return quality_mix(now)


def rate_mix(view: FleetView) -> Mix:
    """Return how well the factors are known that make the rate now."""
    whole = sum(view.grams_per_hour_by_tier.values())
    return tuple(
        Share(name=named(tier.value), meaning=TIER_WORDS[tier],
              certainty=CERTAINTY_OF_TIER[tier], ratio=rate / whole)
        for tier in Tier
        if whole and (rate := view.grams_per_hour_by_tier.get(tier))
    )  # fmt: skip


def _power(view: FleetView) -> Html:
    reporting = view.hosts.get(Presence.REPORTS, 0)
    known = f"of {view.power_known_hosts:,} of {plural(reporting, 'reporting host')}"
    return card("Power now", watts(view.power_watts), small(known), bar(power_mix(view)))


def _rate(view: FleetView) -> Html:
    unpriced = view.unpriced_watts
    if unpriced > _NONE_OF_IT:
        said = small("and ", watts(unpriced), " that no intensity prices")
    else:
        said = small("CO2e, location-based")
    rate = grams_per_hour(view.grams_per_hour)
    return card("Emission rate now", rate, said, bar(rate_mix(view)))


def _hosts(view: FleetView) -> Html:
    late, gone = (view.hosts.get(one, 0) for one in (Presence.LATE, Presence.GONE))
    reporting = view.hosts.get(Presence.REPORTS, 0)
    unit = tag("span", " reporting", class_="u")
    value = join((tag("span", f"{reporting:,}", class_="n"), unit))
    said = tag(
        "p",
        tag("a", f"{late:,} late", href="?state=late#hosts", class_="late" if late else None),
        " \N{MIDDLE DOT} ",
        tag("a", f"{gone:,} gone", href="?state=gone#hosts", class_="gone" if gone else None),
        class_="small",
    )
    shares = tuple(
        Share(name=name, meaning="", certainty=certainty, ratio=count / sum(view.hosts.values()))
        for name, certainty, count in (
            ("reporting", Certainty.BEST, reporting),
            ("silent", Certainty.NONE, late + gone),
        )
        if count
    )
    return card("Hosts", value, said, bar(shares), href="#hosts")


def _measured(view: FleetView) -> Html:
    whole = sum(view.power_watts_by_quality.values())
    measured = view.power_watts_by_quality.get(Quality.MEASURED, 0.0)
    rest = power_mix(view)
    others = _others(part for part in rest if part.name != Quality.MEASURED.value)
    none = "no power is known now" if view.power_watts is None else "no power is drawn now"
    said = others or ("of the power comes from a meter" if whole else none)
    return card("Measured share", percent(measured / whole if whole else None), small(said))


def _others(mix: Iterable[Share]) -> Html:
    return join((join((percent(part.ratio), " ", part.name)) for part in mix), ", ")


def _day(view: FleetView) -> Html:
    day = view.last_day
    if day is None:
        said = "no energy is booked yet" if view.history_at_unix_seconds else "being read"
        return card("Last 24 hours", UNKNOWN, small(said))
    more = [grams(day.grams), " CO2e"] if day.grams is not None else ["unpriced"]
    if day.unpriced_joules and day.grams is not None:
        more += [", ", energy(day.unpriced_joules), " unpriced"]
    return card(
        "Last 24 hours", energy(day.energy_joules), small(*more), bar(tier_mix(day)), href="#day"
    )  # fmt: skip


def _budget(view: FleetView) -> Html:
    """Return the budget that is furthest ahead of its calendar."""
    if not view.budgets:
        return card("Carbon budget", tag("span", "none set", class_="unknown"),
                    small("add one under ", tag("code", "[budgets]")))  # fmt: skip
    worst = max(view.budgets, key=_pace)
    used = tag("span", percent(worst.used_ratio), tag("span", " used", class_="u"))
    said = small(worst.name, ": ", percent(worst.elapsed_ratio), f" of the {worst.window} is over")
    value: Content = UNKNOWN if worst.used_ratio is None else used
    return card("Carbon budget", value, said, pace_bar(worst), href="#budgets")


def _pace(budget: Budget) -> float:
    return (budget.used_ratio or 0.0) - budget.elapsed_ratio


def pace_bar(budget: Budget) -> Html:
    """Return what is used of a budget, and a line where its period is now."""
    used = min(1.0, budget.used_ratio or 0.0)
    elapsed = f"{min(1.0, budget.elapsed_ratio) * 100:.2f}%"
    return tag(
        "svg",
        tag("rect", class_="track", width="100%", height="8", y="4", rx="2"),
        tag("rect", class_="over" if is_ahead(budget) else "within",
            width=f"{used * 100:.2f}%", height="8", y="4", rx="2"),
        tag("line", class_="now", x1=elapsed, x2=elapsed, y1="0", y2="16"),
        class_="bar pace", width="100%", height=16, aria_hidden="true",
    )  # fmt: skip


def is_ahead(budget: Budget) -> bool:
    """Return whether more of it is used than of its period."""
    return budget.used_ratio is not None and budget.used_ratio > budget.elapsed_ratio
