"""PURE. How much was seen: coverage by month and by agent, and what stands for more than it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from wattgram.units import SECONDS_PER_HOUR
from wattgram_collector.exposition.pages.frame import section
from wattgram_collector.exposition.pages.html import EMPTY, Html, tag
from wattgram_collector.exposition.pages.words import UNKNOWN
from wattgram_collector.inventory.html.figures import (
    Basis,
    cells,
    count,
    day,
    figure,
    grid,
    method,
    percent,
    quality,
    said,
)
from wattgram_collector.inventory.html.standing import Standing
from wattgram_collector.inventory.result import Fleet, Seen

AGENTS_MAX: Final = 15
_SEEN: Final = Basis("observed / expected time", {}, stated="from the ledger's slots")


@dataclass(slots=True)
class Seconds:
    expected: int = 0
    observed: int = 0
    filled: int = 0
    agents: int = 0

    def add(self, one: Seen) -> None:
        self.expected += one.expected_seconds
        self.observed += one.observed_seconds
        self.filled += one.filled_seconds
        self.agents += 1

    @property
    def ratio(self) -> float | None:
        """Return the part of the expected time that was seen; None where none was expected."""
        return min(1.0, self.observed / self.expected) if self.expected else None


def coverage(standing: Standing) -> Html:
    """Return what agents saw, by month, and which of them saw least."""
    seen, fleets = standing.inventory.seen, standing.inventory.fleets
    months: dict[str, Seconds] = {}
    agents: dict[str, Seconds] = {}
    for one in seen:
        months.setdefault(one.month, Seconds()).add(one)
        agents.setdefault(one.host, Seconds()).add(one)
    inside = [_fleets(fleets)] if fleets else []
    if not seen:
        inside.insert(0, tag("p", "No agent reported in this period.", class_="empty"))
        return section("Coverage", *inside, name="coverage")
    titles = ("Month", "Coverage", "Expected", "Observed", "Filled", "Agents", "Method",
              "How it is known")  # fmt: skip
    rows = [_row(day(name), months[name]) for name in sorted(months)]
    inside.insert(0, grid(titles, rows, "Coverage by month"))
    least = sorted(agents.items(), key=lambda one: (one[1].ratio or 0.0, one[0]))
    partly = [(host, one) for host, one in least if one.ratio is None or one.ratio < 1]
    if partly:
        heads = ("Host", *titles[1:5], "Months", *titles[6:])
        worst = [_row(said(host), one, is_host=True) for host, one in partly[:AGENTS_MAX]]
        more = len(partly) - AGENTS_MAX
        rest = tag("p", "and ", count(more, "host more", "hosts more"), " in completeness.csv",
                   class_="note") if more > 0 else None  # fmt: skip
        inside.insert(1, tag("div", tag("h3", "Least seen"),
                             grid(heads, worst, "Hosts that were seen least"), rest,
                             class_="part"))  # fmt: skip
    text = tag("p", "Time in which an agent's asset was held and its meters were read, over the "
               "time in which they should have been.", class_="note")  # fmt: skip
    return section("Coverage", *inside, name="coverage", note=text)


def _row(name: Html, one: Seconds, *, is_host: bool = False) -> Html:
    many = ("month", "") if is_host else ("agent", "")
    return cells(
        name,
        UNKNOWN if one.ratio is None else percent(one.ratio, "of the time", _SEEN),
        _hours(one.expected),
        _hours(one.observed),
        _hours(one.filled) if one.filled else EMPTY,
        count(one.agents, *many),
        method(_SEEN.method),
        quality(_SEEN),
    )


def _hours(seconds: int) -> Html:
    return figure(Fraction(seconds, SECONDS_PER_HOUR), "h", _SEEN)


def _fleets(fleets: Sequence[Fleet]) -> Html:
    titles = ("Class", "Country", "Report", "Installed", "Energy of all", "95 % interval",
              "Method", "How it is known")  # fmt: skip
    text = tag("p", "Where some of many report, those that do stand for the others of their class "
               "and country.", class_="note")  # fmt: skip
    return tag("div", tag("h3", "Fleets of which a part reports"), text,
               grid(titles, map(_fleet, fleets), "Fleets"), class_="part")  # fmt: skip


def _fleet(one: Fleet) -> Html:
    basis = Basis("mean of those that report x installed", {}, stated="modelled")
    half = one.half_width_kilowatt_hours
    return cells(
        said(one.device_class.replace("_", " ")),
        said(one.country) if one.country else UNKNOWN,
        count(one.reporting, "unit"),
        count(one.installed, "unit"),
        figure(one.kilowatt_hours, "kWh", basis),
        UNKNOWN
        if half is None
        else tag("span", "\N{PLUS-MINUS SIGN}", figure(half, "kWh", basis)),
        method(basis.method),
        quality(basis),
    )
