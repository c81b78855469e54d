"""PURE. Pieces of PromQL that the dashboards share, so that they all count alike.

Energy and emissions are increases of counters; "now" is a gauge, for a backlog that is delivered
makes a counter jump. What describes a host is joined through `max by (host, ...)` of its info,
which holds however often it is scraped.
"""

from __future__ import annotations

from typing import Final

JOULES_PER_KILOWATT_HOUR: Final = "3.6e6"
SECONDS_PER_HOUR: Final = "3600"
GRAMS_PER_HOUR: Final = "suffix: g/h"
GRAMS_PER_KILOWATT_HOUR: Final = "suffix: g/kWh"

JOB: Final = 'job=~"$job"'
HOSTS: Final = f'{JOB}, host=~"$host"'
ONE_HOST: Final = f'{JOB}, host="$host"'


def metric(name: str, more: str = "", of: str = HOSTS) -> str:
    """Return a selector of one of our metrics, of the hosts that are chosen."""
    return f"wattgram_{name}{{{of}, {more}}}" if more else f"wattgram_{name}{{{of}}}"


def grown(selector: str) -> str:
    """Return what a counter grew by over the whole range of the dashboard."""
    return f"increase({selector}[$__range])"


def grown_in_bar(selector: str) -> str:
    """Return what a counter grew by in each bar; the panel says how long a bar is at least."""
    return f"increase({selector}[$__interval])"


def rate(selector: str) -> str:
    return f"rate({selector}[$__rate_interval])"


def kilowatt_hours(joules: str) -> str:
    return f"{joules} / {JOULES_PER_KILOWATT_HOUR}"


def per_hour(each_second: str) -> str:
    return f"{each_second} * {SECONDS_PER_HOUR}"


def or_none(part: str, whole: str) -> str:
    """Return `part`, and 0 where only the `whole` is there: a counter nobody ever added to."""
    return f"({part} or 0 * {whole})"


def share(part: str, whole: str) -> str:
    """Return a part of a whole, 0 to 1; nothing where the whole is not known."""
    return f"{or_none(part, whole)} / ({whole} > 0)"


def facts(labels: str, of: str = HOSTS, over: str = "") -> str:
    """Return 1 for each host, with what is known of it in these labels.

    `over` is a window: hosts that are late now are there with what was known of them in it.
    """
    info = metric("host_info", of=of)
    now = f"topk by (host) (1, max by (host, {labels}) ({info}))"
    if not over:
        return now
    before = f"topk by (host) (1, max by (host, {labels}) (last_over_time({info}[{over}])))"
    return f"({now} or on (host) {before})"


def by_fact(each_host: str, fact: str, of: str = HOSTS, over: str = "") -> str:
    """Return the sum by a fact of the hosts, such as their site."""
    named = f'label_replace({facts(fact, of, over)}, "{fact}", "(not given)", "{fact}", "")'
    return f"sum by ({fact}) ({each_host} * on (host) group_left ({fact}) {named})"


def effective_intensity(
    by: str = "", of: str = HOSTS, over: str = "$__range", *, as_rate: bool = False
) -> str:
    """Return grams per kilowatt-hour of the energy that is priced."""
    grouping = f" by ({by})" if by else ""
    function = "rate" if as_rate else "increase"

    def total(name: str) -> str:
        return f"sum{grouping} ({function}({metric(name, of=of)}[{over}]))"

    energy = total("host_energy_joules_total")
    unpriced = or_none(total("unpriced_energy_joules_total"), energy)
    grams = total("emissions_co2e_grams_total")
    return f"{grams} / (({energy} - {unpriced} > 0) / {JOULES_PER_KILOWATT_HOUR})"
