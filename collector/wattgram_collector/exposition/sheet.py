"""PURE. What is shown of one host, as lines: prepared once, and numbers put in when they change.

A host of which nothing has changed is said again as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from wattgram_collector.exposition import metrics, units
from wattgram_collector.exposition.counters import Alone, Counted, Posted, Row
from wattgram_collector.exposition.families import HOST_FAMILIES, Family, Type
from wattgram_collector.exposition.text import Value, block, escape, number, prefix, quotient
from wattgram_collector.exposition.units import PLACE, Unit
from wattgram_collector.ingest.agents import Agent

Page = list[list[str]]
"""By the place of their family: lines, each after a line feed; those of a host are one text."""
_ALWAYS: Final = -1
"""When something was first added to that was read back from the ledger."""


class Sheet:
    """What is shown of one host."""

    def __init__(self, agent: Agent, *, sensors: bool) -> None:
        self.agent = agent
        self.host = agent.record.host
        self._escaped = escape(self.host)
        self._sensors = sensors
        self._texts = [""] * len(HOST_FAMILIES)
        """What was shown, by place."""
        self._state: object = None
        """What it was made of."""
        self._cells: dict[tuple[int, str], Counted | Posted] = {}
        """The counters, by place and by what is after the host in the line."""
        self._rows: dict[int, Row] = {}
        """Their lines, by place."""
        self._alone = Alone([], {})
        self._others: list[Counted | Posted] = []
        self._known = (0, 0, 0)
        self._is_whole = True
        """Whether no counter was new when they were shown."""
        self._newest: float = _ALWAYS
        """When the newest of them was first added to."""
        self._told: object = None
        self._facts: list[tuple[int, str]] = []
        self._change: object = None
        self._adjustment: list[tuple[int, str]] = []

    def is_of(self, agent: Agent) -> bool:
        """Return whether this is the sheet of an agent under the name that it has now."""
        return self.agent is agent and self.host == agent.record.host

    def write(self, page: Page, now_unix_nanoseconds: int, shown_if_before: float) -> None:
        """Add the lines of the host, as it is now; see `metrics.collect`."""
        agent, totals = self.agent, self.agent.totals
        late = agent.is_late(now_unix_nanoseconds)
        gone = late and agent.is_gone(now_unix_nanoseconds)
        state = (
            late, gone, totals.additions, totals.adjustment,
            agent.last_seen_unix_nanoseconds, agent.newest_sample_unix_nanoseconds,
            agent.status, agent.power_microwatts, agent.intensity, agent.clock_offset_nanoseconds,
            agent.record, agent.agent_version, agent.zone, agent.site, agent.sources,
        )  # fmt: skip
        if state != self._state or not self._is_whole or self._newest > shown_if_before:
            self._make(shown_if_before, late=late, gone=gone)
            self._state = state
        for lines, text in zip(page, self._texts, strict=True):
            lines.append(text)

    def _make(self, shown_if_before: float, *, late: bool, gone: bool) -> None:
        texts = [""] * len(HOST_FAMILIES)
        for family, numerator, denominator in metrics.figures(self.agent, late=late):
            place, before, after = _FIGURES[family.name]
            texts[place] = f"{before}{self._escaped}{after}{quotient(numerator, denominator)}"
        if not gone:
            for place, text in self._adjusted():
                texts[place] = text
            self._count(shown_if_before)
            for place, row in self._rows.items():
                texts[place] = "".join(row)
        if not late:
            for place, text in self._said():
                texts[place] += text
        self._texts = texts

    def _count(self, shown_if_before: float) -> None:
        """Put in the numbers of the counters; those that were first added to later show 0."""
        totals = self.agent.totals
        if self._known != (len(totals.usage), len(totals.sums), len(totals.tallies)):
            self._learn()
            self._part()
        self._is_whole = self._newest <= shown_if_before
        if self._is_whole:
            self._alone.show()
            for cell in self._others:
                cell.show()
            return
        for cell in self._cells.values():
            if cell.first <= shown_if_before:
                cell.show()
            else:
                cell.show_zero()
        self._part()

    def _adjusted(self) -> list[tuple[int, str]]:
        """Return the line of the adjustment, made when it has changed."""
        totals = self.agent.totals
        change = totals.adjustment if totals.sums else None
        if change is not self._change:
            found = units.page()
            metrics.add_adjustment(found, self.agent)
            self._adjustment, self._change = _texts(found), change
        return self._adjustment

    def _said(self) -> list[tuple[int, str]]:
        """Return the lines of what the host is, made when it says something else."""
        agent = self.agent
        told = (agent.record, agent.agent_version, agent.zone, agent.said_site, agent.sources)
        if told != self._told:
            found = units.page()
            metrics.add_facts(found, agent)
            self._facts, self._told = _texts(found), told
        return self._facts

    def _learn(self) -> None:
        """Prepare the lines of new keys; those that are known stay before them."""
        totals, first = self.agent.totals, self.agent.totals.first_added_nanoseconds
        used, posted, counted = self._known
        for key in islice(totals.usage, used, None):
            for unit in units.of_series(totals.series[key], sensors=self._sensors):
                self._counted(unit, totals.usage).add(key, first.get(key, _ALWAYS))
        for pricing, one in islice(totals.sums.items(), posted, None):
            for unit in units.of_pricing(pricing):
                self._posted(unit).add(one, unit, first.get(pricing, _ALWAYS))
        for tally in islice(totals.tallies, counted, None):
            for unit in units.of_tally(tally):
                self._counted(unit, totals.tallies).add(tally, _ALWAYS)
        self._known = (len(totals.usage), len(totals.sums), len(totals.tallies))
        self._newest = max((cell.first for cell in self._cells.values()), default=_ALWAYS)

    def _part(self) -> None:
        """Let those counters be looked at together that can."""
        usage = self.agent.totals.usage
        alone: list[Counted] = []
        self._others = []
        for cell in self._cells.values():
            if isinstance(cell, Counted) and cell.source is usage and len(cell.keys) == 1:
                alone.append(cell)
            else:
                self._others.append(cell)
        self._alone = Alone(alone, usage)

    def _counted(self, unit: Unit, source: Mapping[Any, int]) -> Counted:
        cell = self._cells.get((unit.place, unit.after))
        if not isinstance(cell, Counted):
            row = self._rows.setdefault(unit.place, [])
            cell = self._cells[unit.place, unit.after] = Counted(unit, self._escaped, row, source)
        return cell

    def _posted(self, unit: Unit) -> Posted:
        cell = self._cells.get((unit.place, unit.after))
        if not isinstance(cell, Posted):
            row = self._rows.setdefault(unit.place, [])
            cell = self._cells[unit.place, unit.after] = Posted(unit, self._escaped, row)
        return cell


def _figures() -> dict[str, tuple[int, str, str]]:
    """Return the place of a family by its name, and what a line has around the host's name."""
    return {
        family.name: (place, *units.around(family, ()))
        for family, place in PLACE.items()
        if family.labels == ("host",)
    }


_FIGURES: Final = _figures()


def _texts(found: metrics.Page) -> list[tuple[int, str]]:
    return [
        (PLACE[family], f"\n{_line(family, labels, value)}")
        for family, samples in found.items()
        for labels, value in samples.items()
    ]


def _line(family: Family, labels: tuple[str, ...], value: Value) -> str:
    if family.type is Type.STATESET:
        return block(family, labels)
    return prefix(family, labels) + number(value)
