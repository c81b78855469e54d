"""PURE. Postings of a fleet to figures by group. Rows stream through; sums stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from wattgram_collector.accounting.uncertainty import Mix, Uncertainty
from wattgram_collector.ledger import AgentRecord
from wattgram_collector.ledger.restatement import Posted
from wattgram_collector.reports.figures import Figure, figures
from wattgram_collector.reports.groups import Group
from wattgram_collector.reports.sums import Rates

UNKNOWN = "unknown"


class By(StrEnum):
    """What the rows of a report are about."""

    ALL = "all"
    HOST = "host"
    SITE = "site"
    ZONE = "zone"
    TIER = "tier"
    DEVICE_CLASS = "device_class"


class Row(NamedTuple):
    """The figures of one group."""

    group: str
    hosts: int
    figures: tuple[Figure, ...]


class Report:
    """Add every posting once, then read the rows."""

    def __init__(self, by: By, agents: Mapping[int, AgentRecord]) -> None:
        self._by = by
        self._agents = agents
        self._rates = Rates()
        self._groups: dict[str, Group] = {}

    def add(self, one: Posted) -> None:
        """Add a row of the ledger to its group."""
        label = self._label(one)
        group = self._groups.get(label)
        if group is None:
            group = self._groups[label] = Group(self._rates)
        group.add(one)

    def forget_factors(self) -> None:
        """Let go of what only makes adding quicker; the sums stay."""
        self._rates.forget()

    def rows(self, mixes: Mapping[int, Mix], uncertainty: Uncertainty) -> Iterator[Row]:
        """Yield the groups in the order of their names."""
        for label, group in sorted(self._groups.items()):
            found = tuple(figures(group, mixes, uncertainty))
            yield Row(label, group.hosts, found)

    def _label(self, one: Posted) -> str:
        match self._by:
            case By.ALL:
                return By.ALL
            case By.HOST:
                return self._agents[one.agent_key].host
            case By.SITE:
                return one.terms.site or self._agents[one.agent_key].facts.site or UNKNOWN
            case By.ZONE:
                return one.terms.zone or UNKNOWN
            case By.TIER:
                return one.restated.tier if one.restated else "unpriced"
            case By.DEVICE_CLASS:
                return self._agents[one.agent_key].facts.device_class or UNKNOWN
