"""PURE. What several pages have: problems with their fixes, a day's charts, shares, budgets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wattgram.units import SECONDS_PER_HOUR
from wattgram_collector.exposition.pages.chart import chart, in_unit
from wattgram_collector.exposition.pages.frame import Surroundings, host_link
from wattgram_collector.exposition.pages.html import Content, Html, join, tag
from wattgram_collector.exposition.pages.series import (
    Share,
    day_mix,
    power_bands,
    quality_mix,
    rate_bands,
    tier_mix,
)
from wattgram_collector.exposition.pages.stripe import bar, stripe
from wattgram_collector.exposition.pages.words import (
    GRAMS,
    UNKNOWN,
    WATTS,
    Certainty,
    ago,
    energy,
    grams,
    grams_per_hour,
    moment,
    named,
    plural,
    severity_badge,
    watts,
)
from wattgram_collector.views.model import (
    Group,
    Problem,
    ProblemKind,
    Severity,
    Step,
    WorkloadShare,
)

PROBLEMS_MAX: Final = 50
ALIKE_MAX: Final = 3
GROUPS_MAX: Final = 8


def problem_list(
    problems: Sequence[Problem], around: Surroundings, root: str, now: float, hosts: frozenset[str]
) -> Html:
    """Return each problem with what to do about it: the first of a kind, the others folded away.

    At most PROBLEMS_MAX are written out, the rest are counted.
    """
    kinds: dict[tuple[Severity, ProblemKind], list[Html]] = {}
    for one in problems[:PROBLEMS_MAX]:
        item = _problem(one, around, root, now, hosts)
        kinds.setdefault((one.severity, one.kind), []).append(item)
    rest = len(problems) - PROBLEMS_MAX
    more = tag("p", f"and {plural(rest, 'problem')} more", class_="note") if rest > 0 else None
    return tag("div", tag("ul", join(map(_of_a_kind, kinds.values())), class_="problems"), more)


def _of_a_kind(items: Sequence[Html]) -> Html:
    shown, folded = items[:ALIKE_MAX], items[ALIKE_MAX:]
    if not folded:
        return join(shown)
    summary = tag("summary", f"{len(folded)} more of this kind")
    return join((*shown, tag("li", tag("details", summary, tag("ul", join(folded),
                                                               class_="problems")))))  # fmt: skip


def _problem(
    problem: Problem, around: Surroundings, root: str, now: float, hosts: frozenset[str]
) -> Html:
    about: Content = problem.about
    if problem.about in hosts:
        about = tag("a", problem.about, href=host_link(root, problem.about))
    since = problem.since_unix_seconds
    line = tag(
        "p",
        severity_badge(problem.severity),
        tag("strong", about) if problem.about else None,
        tag("span", problem.text, class_="what"),
        tag("small", "since ", ago(since, now)) if since is not None else None,
    )
    fix = fix_of(problem.fix, is_agents=bool(problem.fix_said_by))
    return tag("li", line, fix, _runbook(problem, around))


def fix_of(command: str, *, is_agents: bool) -> Html | None:
    """Return what to do, and that the words are the agent's where they are not ours."""
    if not command:
        return None
    lead = "Fix, in its agent's words" if is_agents else "Fix"
    return tag("p", tag("span", lead, class_="lead"), copyable(command), class_="fix")


def copyable(command: str) -> Html:
    """Return a command that the script gives a button to copy it."""
    return tag("span", tag("code", command, class_="copy"), class_="command")


def _runbook(problem: Problem, around: Surroundings) -> Html:
    kind = problem.kind.value
    if not around.runbook_url:
        return tag("p", f"docs/runbooks.md#{kind}", class_="runbook")
    url = f"{around.runbook_url.partition('#')[0]}#{kind}"
    return tag("p", tag("a", f"Runbook: {named(kind.replace('-', ' '))}", href=url,
                        rel="noreferrer"), class_="runbook")  # fmt: skip


def day(history: Sequence[Step], csv: str, table_name: str) -> Html:
    """Return a day's power and emission rate, how well each is known, and the numbers."""
    starts = [(step.start_unix_seconds, step.length_seconds) for step in history]
    qualities = [quality_mix(step.total) for step in history]
    tiers = [tier_mix(step.total) for step in history]
    watt, power_in_unit = in_unit(power_bands(history), WATTS)
    gram, rate_in_unit = in_unit(rate_bands(history), GRAMS)
    power = tag(
        "figure",
        tag("figcaption", f"Power in {watt}, by how it is known"),
        chart("Power", watt, power_in_unit, starts),
        stripe("How well the power is known", qualities, day_mix(history, qualities)),
    )
    rate = tag(
        "figure",
        tag("figcaption", f"Emission rate in {gram} CO2e/h, by the tier of its factor"),
        chart("Emission rate", f"{gram}/h", rate_in_unit, starts),
        stripe("How well the factors are known", tiers, day_mix(history, tiers)),
    )
    return tag("div", tag("div", power, rate, class_="pair"), _numbers(history, csv, table_name))


def _numbers(history: Sequence[Step], csv: str, name: str) -> Html:
    """Return the day by the hour, folded away, with a link to every step of it."""
    titles = ("Hour (UTC)", "Mean power", "Mean rate", "Energy", "Emissions")
    head = tag("tr", join(tag("th", text, scope="col") for text in titles))
    rows = join(_hour_row(start, steps) for start, steps in _hours(history))
    return tag(
        "details",
        tag("summary", "The numbers"),
        tag("p", tag("a", "Every step as CSV", href=csv), class_="note"),
        tag("div", tag("table", tag("caption", name, class_="unseen"), tag("thead", head),
                       tag("tbody", rows), class_="numbers"),
            class_="scroll", role="region", aria_label=name, tabindex="0"),
    )  # fmt: skip


def _hours(history: Sequence[Step]) -> list[tuple[int, list[Step]]]:
    found: dict[int, list[Step]] = {}
    for step in history:
        hour = step.start_unix_seconds // SECONDS_PER_HOUR * SECONDS_PER_HOUR
        found.setdefault(hour, []).append(step)
    return list(found.items())


def _hour_row(start: int, steps: Sequence[Step]) -> Html:
    known = [(step.total, step.length_seconds) for step in steps if step.total is not None]
    if not known:
        cells: Sequence[Html] = [UNKNOWN] * 4
    else:
        seconds = sum(length for _, length in known)
        joules = sum(total.energy_joules for total, _ in known)
        masses = [total.grams for total, _ in known if total.grams is not None]
        mass = sum(masses) if masses else None
        rate = None if mass is None else mass / seconds * SECONDS_PER_HOUR
        cells = (watts(joules / seconds), grams_per_hour(rate), energy(joules), grams(mass))
    return tag(
        "tr", tag("th", moment(start), scope="row"), join(tag("td", one) for one in cells)
    )  # fmt: skip


def shares(title: str, groups: Sequence[Group], unsaid: str) -> Html:
    """Return groups by what they emitted over the day, with a bar each of how that is known."""
    ordered = sorted(groups, key=_weight, reverse=True)
    largest = max((_weight(one)[1] for one in ordered), default=0.0)
    rows = join(_share_row(one, largest, unsaid) for one in ordered[:GROUPS_MAX])
    rest = len(ordered) - GROUPS_MAX
    more = tag("p", f"and {rest:,} more", class_="note") if rest > 0 else None
    return tag("div", tag("h3", title), tag("ul", rows, class_="shares"), more, class_="share")


def _weight(group: Group) -> tuple[bool, float]:
    """Return what a group is ordered by: its energy over the day, and its power before that."""
    if group.total is None:
        return False, 0.0
    return True, group.total.energy_joules


def _share_row(group: Group, largest: float, unsaid: str) -> Html:
    total = group.total
    width = total.energy_joules / largest if total and largest else 0.0
    name = group.label or tag("span", unsaid, class_="unknown")
    mass = grams(total.grams) if total else UNKNOWN
    used = energy(total.energy_joules) if total else UNKNOWN
    return tag(
        "li",
        tag("p", tag("span", name, class_="name"), tag("span", used, class_="amount")),
        bar(quality_mix(total) if total else (), width),
        tag("p", plural(group.hosts, "host"), ", ", watts(group.power_watts), " now",
            tag("span", mass if total and total.grams is not None else "unpriced",
                class_="amount"), class_="small"),
    )  # fmt: skip


def workloads(used: Sequence[WorkloadShare]) -> Html:
    """Return workloads by what they used in the last hour, on all hosts that have them."""
    ordered = sorted(used, key=lambda one: one.energy_joules, reverse=True)[:GROUPS_MAX]
    largest = max((one.energy_joules for one in ordered), default=0.0)
    rows = join(_workload_row(one, largest) for one in ordered)
    return tag("div", tag("h3", "By workload"), tag("ul", rows, class_="shares"), class_="share")


def _workload_row(used: WorkloadShare, largest: float) -> Html:
    mix = (Share(name="", meaning="", certainty=Certainty.GOOD, ratio=1.0),)
    return tag(
        "li",
        tag("p", tag("span", used.name or used.kind, class_="name"),
            tag("span", energy(used.energy_joules), class_="amount")),
        bar(mix, used.energy_joules / largest if largest else 0.0),
        tag("p", f"{used.kind}, on " if used.kind != used.name else "on ",
            plural(used.hosts, "host"), class_="small"),
    )  # fmt: skip
