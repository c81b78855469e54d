"""The fleet to text: `text.render(metrics.collect(...))`, byte for byte, cheaper and in slices.

A host is taken at one instant. Between hosts the event loop has its turn, so that no
acknowledgement waits for a page to be written.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable
from typing import Final

from wattgram_collector.exposition import metrics, units
from wattgram_collector.exposition.families import HOST_FAMILIES
from wattgram_collector.exposition.sheet import Page, Sheet
from wattgram_collector.exposition.text import header, number, prefix
from wattgram_collector.exposition.units import PLACE
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.intensity import Intensity

SLICE_SECONDS: Final = 0.004
"""For so long, and one host more, the event loop is held."""


class Encoder:
    """Writes pages of one fleet, and remembers what its lines begin with."""

    def __init__(self, *, sensors: bool = False, slice_seconds: float = SLICE_SECONDS) -> None:
        self._sensors = sensors
        self._slice_seconds = slice_seconds
        self._sheets: dict[int, Sheet] = {}

    async def encode(
        self,
        agents: Iterable[Agent],
        now_unix_nanoseconds: int,
        shown_if_before: int | None = None,
        *,
        openmetrics: bool,
    ) -> str:
        """Return the exposition of all families, without the closing `# EOF`; see `collect`."""
        page: Page = [[] for _ in HOST_FAMILIES]
        grids = units.page()
        newest: Intensity | None = None
        sheets: dict[int, Sheet] = {}
        limit = math.inf if shown_if_before is None else shown_if_before
        turn = _Turn(self._slice_seconds)
        for agent in tuple(agents):
            sheet = self._sheets.get(agent.record.key)
            if sheet is None or not sheet.is_of(agent):
                sheet = Sheet(agent, sensors=self._sensors)
            sheets[agent.record.key] = sheet
            sheet.write(page, now_unix_nanoseconds, limit)
            intensity = None if agent.is_late(now_unix_nanoseconds) else agent.intensity
            if intensity is not None and intensity is not newest:  # many have the same
                metrics.add_grid(grids, intensity)
                newest = intensity
            await turn.give()
        self._sheets = sheets
        for family, samples in grids.items():
            page[PLACE[family]] += [
                f"\n{prefix(family, labels)}{number(value)}" for labels, value in samples.items()
            ]
        parts = []
        for family, texts in zip(HOST_FAMILIES, page, strict=True):
            lines = "".join(texts)
            if lines:
                parts += ["\n".join(header(family, openmetrics=openmetrics)), lines, "\n"]
                await turn.give()
        return "".join(parts)


class _Turn:
    """Gives the event loop its turn when it was held for long enough."""

    def __init__(self, slice_seconds: float) -> None:
        self._slice_seconds = slice_seconds
        self._until = time.perf_counter() + slice_seconds

    async def give(self) -> None:
        if time.perf_counter() >= self._until:
            await asyncio.sleep(self._slice_seconds)  # as long as it was held
            self._until = time.perf_counter() + self._slice_seconds
