"""PURE. What is shown of one host, as lines: prepared once, and numbers put in when asked.

A line of which nothing has changed is said again as it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from wattgram_collector.exposition import metrics, units
from wattgram_collector.exposition.families import Family, Type
from wattgram_collector.exposition.text import Value, block, escape, number, prefix, quotient
from wattgram_collector.exposition.units import PLACE, Unit
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.ledger.totals import Sum

Lines = list[list[str]]
"""By the place of their family."""
_ALWAYS: Final = -1
"""When something was first added to that was read back from the ledger."""


class _Counted:
    """A counter of what a mapping counts: `parts` are keys of it, and by what each counts."""

    __slots__ = ("_denominator", "_line", "_parts", "_shown", "_source", "first", "place", "zero")

    def __init__(self, unit: Unit, begin: str, source: Mapping[Any, int]) -> None:
        self.place = unit.place
        self.zero = begin
        self.first = math.inf
        """When the first of its parts was first added to, on the monotonic clock."""
        self._source = source
        self._parts: list[tuple[object, int]] = []
        self._denominator = 1
        self._shown: int | None = None
        self._line = ""

    def add(self, key: object, unit: Unit, first: int) -> None:
        """Show so much more for each that is counted under `key`."""
        common = math.lcm(self._denominator, unit.by.denominator)
        self._parts = [(one, by * (common // self._denominator)) for one, by in self._parts]
        self._parts.append((key, int(unit.by * common)))
        self._denominator = common
        self._shown = None
        self.first = min(self.first, first)

    def line(self) -> str:
        """Return the line as it is now."""
        source = self._source
        if len(self._parts) == 1:  # nearly all
            key, by = self._parts[0]
            total = source[key] * by
        else:
            total = sum([source[key] * by for key, by in self._parts])
        if total != self._shown:
            self._shown = total
            self._line = self.zero + quotient(total, self._denominator)
        return self._line


class _Posted:
    """A counter of postings: `parts` are sums, and by what each of their two integers counts."""

    __slots__ = ("_denominator", "_line", "_parts", "_shown", "first", "place", "zero")

    def __init__(self, unit: Unit, begin: str) -> None:
        self.place = unit.place
        self.zero = begin
        self.first = math.inf
        self._parts: list[tuple[Sum, int, int]] = []
        self._denominator = 1
        self._shown: tuple[int, int] | None = None
        self._line = ""

    def add(self, of: Sum, unit: Unit, first: int) -> None:
        """Show so much more for a unit of the quantity, and for one of it times g/kWh."""
        common = math.lcm(self._denominator, unit.by.denominator, unit.weighted_by.denominator)
        more = common // self._denominator
        self._parts = [(one, by * more, weighted * more) for one, by, weighted in self._parts]
        self._parts.append((of, int(unit.by * common), int(unit.weighted_by * common)))
        self._denominator = common
        self._shown = None
        self.first = min(self.first, first)

    def line(self) -> str:
        """Return the line as it is now."""
        total, scale = 0, self._parts[0][0].scale
        for one, by, weighted in self._parts:
            if one.scale != scale:
                common = math.lcm(scale, one.scale)
                total, scale = total * (common // scale), common
            total += one.quantity * by * scale + one.weighted * weighted * (scale // one.scale)
        if (total, scale) != self._shown:
            self._shown = total, scale
            self._line = self.zero + quotient(total, self._denominator * scale)
        return self._line


class Sheet:
    """What is shown of one host."""

    def __init__(self, agent: Agent, *, sensors: bool) -> None:
        self.agent = agent
        self.host = agent.record.host
        self._escaped = escape(self.host)
        self._sensors = sensors
        self._counters: list[_Counted | _Posted] = []
        self._cells: dict[tuple[int, str], _Counted | _Posted] = {}
        self._known = (0, 0, 0)
        self._begins: dict[Family, tuple[int, str]] = {}
        self._told: object = None
        self._facts: list[tuple[int, str]] = []
        self._change: object = None
        self._adjustment: list[tuple[int, str]] = []

    def is_of(self, agent: Agent) -> bool:
        """Return whether this is the sheet of an agent under the name that it has now."""
        return self.agent is agent and self.host == agent.record.host

    def write(self, page: Lines, now_unix_nanoseconds: int, shown_if_before: float) -> None:
        """Add the lines of the host, as it is now; see `metrics.collect`."""
        agent = self.agent
        late = agent.is_late(now_unix_nanoseconds)
        begins = self._begins
        for family, numerator, denominator in metrics.figures(agent, late=late):
            begin = begins.get(family)
            if begin is None:
                begin = begins[family] = PLACE[family], prefix(family, (self.host,))
            page[begin[0]].append(begin[1] + quotient(numerator, denominator))
        if not agent.is_gone(now_unix_nanoseconds):
            for place, line in self._adjusted():
                page[place].append(line)
            self._write_counters(page, shown_if_before)
        if not late:
            for place, line in self._said():
                page[place].append(line)

    def _write_counters(self, page: Lines, shown_if_before: float) -> None:
        totals = self.agent.totals
        if self._known != (len(totals.usage), len(totals.sums), len(totals.tallies)):
            self._learn()
        for cell in self._counters:
            is_young = cell.first > shown_if_before
            page[cell.place].append(cell.zero + "0" if is_young else cell.line())

    def _adjusted(self) -> list[tuple[int, str]]:
        """Return the line of the adjustment, made when it has changed."""
        totals = self.agent.totals
        change = totals.adjustment if totals.sums else None
        if change is not self._change:
            found = units.page()
            metrics.add_adjustment(found, self.agent)
            self._adjustment, self._change = _lines(found), change
        return self._adjustment

    def _said(self) -> list[tuple[int, str]]:
        """Return the lines of what the host is, made when it says something else."""
        agent = self.agent
        told = (agent.record, agent.agent_version, agent.zone, agent.said_site, agent.sources)
        if told != self._told:
            found = units.page()
            metrics.add_facts(found, agent)
            self._facts, self._told = _lines(found), told
        return self._facts

    def _learn(self) -> None:
        """Prepare the lines of new keys; those that are known stay before them."""
        totals, first = self.agent.totals, self.agent.totals.first_added_nanoseconds
        used, posted, counted = self._known
        for key in islice(totals.usage, used, None):
            for unit in units.of_series(totals.series[key], sensors=self._sensors):
                cell = self._cell(unit, totals.usage)
                cell.add(key, unit, first.get(key, _ALWAYS))
        for pricing, one in islice(totals.sums.items(), posted, None):
            for unit in units.of_pricing(pricing):
                self._posted(unit).add(one, unit, first.get(pricing, _ALWAYS))
        for tally in islice(totals.tallies, counted, None):
            for unit in units.of_tally(tally):
                self._cell(unit, totals.tallies).add(tally, unit, _ALWAYS)
        self._known = (len(totals.usage), len(totals.sums), len(totals.tallies))

    def _cell(self, unit: Unit, source: Mapping[Any, int]) -> _Counted:
        cell = self._cells.get((unit.place, unit.after))
        if not isinstance(cell, _Counted):
            cell = _Counted(unit, unit.before + self._escaped + unit.after, source)
            self._keep(unit, cell)
        return cell

    def _posted(self, unit: Unit) -> _Posted:
        cell = self._cells.get((unit.place, unit.after))
        if not isinstance(cell, _Posted):
            cell = _Posted(unit, unit.before + self._escaped + unit.after)
            self._keep(unit, cell)
        return cell

    def _keep(self, unit: Unit, cell: _Counted | _Posted) -> None:
        self._cells[unit.place, unit.after] = cell
        self._counters.append(cell)


def _lines(found: metrics.Page) -> list[tuple[int, str]]:
    return [
        (PLACE[family], _line(family, labels, value))
        for family, samples in found.items()
        for labels, value in samples.items()
    ]


def _line(family: Family, labels: tuple[str, ...], value: Value) -> str:
    if family.type is Type.STATESET:
        return block(family, labels)
    return prefix(family, labels) + number(value)
