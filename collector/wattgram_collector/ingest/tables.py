"""The series tables of one stream: what its batches' columns mean, and to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from wattgram.readings import LABEL_LENGTH_MAX, SeriesTable, SourceState
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.ingest.greeting import tidy, tidy_fix
from wattgram_collector.ingest.intake import Intake
from wattgram_collector.ingest.reckoning import RefusalError, Told

TABLES_MAX: Final = 64
SOURCES_MAX: Final = 100
WIDEST_TABLES: Final = 4
"""So many tables of `max_series` are remembered of a stream, or more that are narrower."""


class Tables:
    """The newest tables that were heard; those heard first are forgotten first."""

    def __init__(self, intake: Intake, agent: Agent, *, has_turn: bool) -> None:
        """`has_turn`: the host is metered from another side too, and columns may be set aside."""
        self.heard: dict[int, SeriesTable] = {}
        self.refused: dict[int, RefusalError] = {}
        """Why the batches of a table are not wanted."""
        self._intake = intake
        self._agent = agent
        self._has_turn = has_turn
        self._told: dict[int, Told] = {}
        self._aside: dict[int, Told] = {}

    def told(self, number: int) -> Told | None:
        return self._told.get(number)

    def aside(self, number: int) -> Told:
        """Return a table that was learned, as it is shown where the other side counts."""
        return self._aside[number]

    async def learn(self, table: SeriesTable) -> int:
        """Learn a table; return how many rows that wrote. Raises RefusalError, LedgerError."""
        self._forget(table.number)
        self.heard[table.number] = table
        try:
            require_table(table, self._intake.limits.max_series)
            table = replace(table, sources=tidy_sources(table.sources))
            told, rows = await self._intake.learn(self._agent, table)
        except RefusalError as error:
            self.refused[table.number] = error
            raise
        finally:
            self._forget_oldest()
        if self._has_turn:
            aside = await self._intake.learn_aside(self._agent.record.key, told)
            self._aside[table.number] = aside
            self._keep_series(aside)
        self._told[table.number] = told
        self._keep_series(told)
        return rows

    def _keep_series(self, told: Told) -> None:
        self._agent.totals.series.update(zip(told.series_keys, told.series, strict=True))

    def _forget_oldest(self) -> None:
        widest = WIDEST_TABLES * self._intake.limits.max_series
        while len(self.heard) > TABLES_MAX or (
            len(self.heard) > 1 and sum(len(one.series) for one in self.heard.values()) > widest
        ):
            self._forget(next(iter(self.heard)))

    def _forget(self, number: int) -> None:
        for known in (self.heard, self.refused, self._told, self._aside):
            known.pop(number, None)


def require_table(table: SeriesTable, max_series: int) -> None:
    """PURE. Raise RefusalError unless every counted column is another meter, of not too many.

    The same meter twice, once measured and once modelled, say, would be counted twice.
    """
    if len(table.series) > max_series:
        raise RefusalError("too_many_series", f"{len(table.series)} series in one table")
    counted = [one for one in table.series if one.counted]
    meters = {(one.kind, one.source, one.domain, one.instance) for one in counted}
    if len(meters) < len(counted):
        raise RefusalError("duplicate_series", "one meter in several counted columns")
    if len(table.boot_id) > LABEL_LENGTH_MAX:
        raise RefusalError("undecodable", f"a boot id of {len(table.boot_id)} characters")


def tidy_sources(sources: Sequence[SourceState]) -> tuple[SourceState, ...]:
    """PURE. Return what is shown of the sources: so many, with a reason that fits on a page."""
    return tuple(
        replace(one, reason=tidy(one.reason), fix=tidy_fix(one.fix))
        for one in sources[:SOURCES_MAX]
    )
