"""PURE. The first page: the whole fleet, what is wrong with it, and where what it emits goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wattgram_collector.exposition.pages import cards, parts
from wattgram_collector.exposition.pages.asked import Asked, answer
from wattgram_collector.exposition.pages.budgets import budget_list, limit_list
from wattgram_collector.exposition.pages.frame import Place, Surroundings, document, note, section
from wattgram_collector.exposition.pages.hosts import hosts_table
from wattgram_collector.exposition.pages.html import EMPTY, Html, join, tag
from wattgram_collector.exposition.pages.words import ago, plural
from wattgram_collector.views.model import (
    FleetView,
    Presence,
    Problem,
    ProblemKind,
    Severity,
)

HISTORY_CSV: Final = "api/v1/history?format=csv"
_AHEAD: Final = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
_COUNTED: Final[Mapping[Severity, str]] = {
    Severity.CRITICAL: "critical problem",
    Severity.WARNING: "warning",
    Severity.INFO: "note",
}


def fleet_page(view: FleetView, asked: Asked, around: Surroundings) -> str:
    """Return the page as HTML."""
    place = Place(title="", name="Fleet", search=asked.link())
    if not view.rows:
        title = tag("div", tag("h1", "Fleet"), class_="title")
        inside = (_banner(view), title, _no_agents(), _problems(view, around))
        return document(place, around, view.at_unix_seconds, *inside)
    found = answer(view.rows, asked)
    return document(
        place,
        around,
        view.at_unix_seconds,
        _banner(view),
        _title(view),
        cards.cards(view),
        _day(view),
        _problems(view, around),
        _groups(view),
        section("Hosts", hosts_table(found, len(view.rows), view.at_unix_seconds), name="hosts"),
        _budgets(view),
    )


def _title(view: FleetView) -> Html:
    by_severity = [
        (severity, sum(1 for problem in view.problems if problem.severity is severity))
        for severity in _AHEAD
    ]
    counted = [
        tag(
            "a",
            plural(count, _COUNTED[severity]),
            href="#problems",
            class_=f"badge {severity.value}",
        )
        for severity, count in by_severity
        if count
    ]
    state = join(counted, " ") if counted else tag("span", "nothing to mend", class_="badge good")
    return tag("div", tag("h1", "Fleet"), tag("p", state, class_="state"), class_="title")


def _banner(view: FleetView) -> Html:
    """Say first what makes all the rest old."""
    ledger = [one for one in view.problems if one.kind is ProblemKind.LEDGER_TROUBLE]
    if ledger:
        return tag(
            "div",
            tag("strong", "Nothing new is taken."),
            tag("p", ledger[0].text, " Agents keep what they measure and deliver it later; what "
                "follows is as of before."),
            class_="banner critical", role="alert",
        )  # fmt: skip
    reporting = view.hosts.get(Presence.REPORTS, 0)
    if view.rows and not reporting:
        newest = max(row.last_seen_unix_seconds for row in view.rows)
        return tag(
            "div",
            tag("strong", "No host reports."),
            tag("p", f"{plural(len(view.rows), 'host')} known, the last was heard ",
                ago(newest, view.at_unix_seconds), ". Power and emission rate now are unknown. "
                "If all went silent at once, look at the network to this collector first."),
            class_="banner warning", role="alert",
        )  # fmt: skip
    return EMPTY


def _no_agents() -> Html:
    return tag(
        "section",
        tag("h2", "No agent has reported yet", id="start"),
        tag("p", "Start one on a host that you want to measure. It needs no configuration on this "
            "machine, and no meter: without one it says so and estimates."),
        tag("ol",
            tag("li", tag("p", "Install the agent:"),
                parts.copyable("pip install 'wattgram[agent]'")),
            tag("li", tag("p", "Run it, with the address of this collector:"),
                parts.copyable("WATTGRAM_AGENT__COLLECTOR__ADDRESS=127.0.0.1:9880 "
                               "wattgram-agent run"))),
        note("The host appears here within seconds. ", tag("code", "wattgram-agent doctor"),
             " says what it can measure. Other machines reach this one over TLS only: "
             "docs/access.md says how."),
        class_="start", aria_labelledby="start",
    )  # fmt: skip


def _day(view: FleetView) -> Html:
    read = view.history_at_unix_seconds
    if read is None:
        inside = tag("p", "The last day is being read from the ledger.", class_="empty tall")
        return section("Last 24 hours", inside, name="day")
    told = note("read from the ledger ", ago(read, view.at_unix_seconds), ", in UTC")
    charts = parts.day(view.history, HISTORY_CSV, "The fleet by the hour")
    return section("Last 24 hours", charts, name="day", note=told)


def _problems(view: FleetView, around: Surroundings) -> Html:
    if not view.problems:
        return EMPTY
    ordered = sorted(view.problems, key=_urgency)
    hosts = frozenset(row.host for row in view.rows)
    listed = parts.problem_list(ordered, around, "", view.at_unix_seconds, hosts)
    return section("Problems", listed, name="problems",
                   note=note(plural(len(ordered), "thing"), " to mend"))  # fmt: skip


def _urgency(problem: Problem) -> int:
    return _AHEAD.index(problem.severity)


def _groups(view: FleetView) -> Html:
    shown = (
        parts.shares("By site", view.by_site, "no site said"),
        parts.shares("By device class", view.by_device_class, "no class said"),
        parts.shares("By grid zone", view.by_zone, "no zone said"),
    )
    told = note("energy and emissions of the last 24 hours; workloads of the last hour")
    users = parts.workloads(view.by_workload) if view.by_workload else None
    return section("Where it goes", tag("div", *shown, users, class_="three"), name="groups",
                   note=told)  # fmt: skip


def _budgets(view: FleetView) -> Html:
    if not (view.budgets or view.limits):
        return EMPTY
    told = note("the line marks how much of the period is over") if view.budgets else None
    shown = (
        budget_list(view.budgets) if view.budgets else None,
        limit_list(view.limits) if view.limits else None,
    )
    title = "Carbon budgets and limits" if view.limits else "Carbon budgets"
    return section(title, *shown, name="budgets", note=told)
