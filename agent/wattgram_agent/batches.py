"""PURE. Beats of readings into the columns of a batch.

Holds the intervals since the last batch. A reading that began before its interval (its meter
was unreadable, or the agent was not running) keeps its true length as a reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from wattgram.readings import AgentStatus, Batch, Gap, Kind, Reach, SeriesTable
from wattgram.units import NANOSECONDS_PER_MICROSECOND
from wattgram_agent.meter import Step


class BatchBuilder:
    """The intervals of the next batch of one series table."""

    def __init__(self, table: SeriesTable, start_boottime_nanoseconds: int) -> None:
        self.table = table
        self._index = {series: index for index, series in enumerate(table.series)}
        self._start = whole_microseconds(start_boottime_nanoseconds)
        self._ends: list[int] = []
        self._columns: list[list[int | None]] = [[] for _ in table.series]
        self._reaches: list[tuple[int, int, int]] = []
        self._gaps: dict[tuple[str, str], Gap] = {}

    @property
    def is_empty(self) -> bool:
        return not self._ends and not self._gaps

    @property
    def end_nanoseconds(self) -> int:
        """Up to when there are intervals, on the boot-time clock."""
        return self._ends[-1] if self._ends else self._start

    def add(self, step: Step, end_boottime_nanoseconds: int) -> None:
        """Add the interval from the last end up to `end_boottime_nanoseconds`.

        Raises ValueError when no time passed.
        """
        start = self.end_nanoseconds
        end = whole_microseconds(end_boottime_nanoseconds)
        if end <= start:
            raise ValueError(f"an interval from {start} to {end} ns")
        for column in self._columns:
            column.append(None)
        for reading in step.readings:
            index = self._index[reading.series]
            self._columns[index][-1] = reading.quantity
            reach = start - whole_microseconds(reading.start_nanoseconds)
            if reach > 0:
                self._reaches.append((index, len(self._ends), reach))
        self._ends.append(end)
        self.add_gaps(step.gaps)

    def add_gaps(self, gaps: Sequence[Gap]) -> None:
        """Add up gaps of the same source and reason; the last detail stays."""
        for gap in gaps:
            known = self._gaps.get((gap.source, gap.reason))
            self._gaps[gap.source, gap.reason] = (
                gap
                if known is None
                else Gap(
                    source=gap.source,
                    reason=gap.reason,
                    duration_nanoseconds=known.duration_nanoseconds + gap.duration_nanoseconds,
                    detail=gap.detail,
                    count=known.count + gap.count,
                )
            )

    def take(self, sequence: int, unix_minus_boottime: int, status: AgentStatus) -> Batch:
        """Return the batch and begin the next one where it ends."""
        height = len(self._ends)
        edges = [self._start, *self._ends]
        batch = Batch(
            sequence=sequence,
            series_number=self.table.number,
            start_unix_nanoseconds=self._start + unix_minus_boottime,
            start_boottime_nanoseconds=self._start,
            interval_microseconds=tuple(
                (after - before) // NANOSECONDS_PER_MICROSECOND
                for before, after in pairwise(edges)
            ),
            columns=tuple(self._columns),
            reaches=tuple(
                Reach(cell=index * height + position, nanoseconds=reach)
                for index, position, reach in self._reaches
            ),
            gaps=tuple(self._gaps.values()),
            status=status,
        )
        self._start = edges[-1]
        self._ends = []
        self._columns = [[] for _ in self.table.series]
        self._reaches = []
        self._gaps = {}
        return batch


def without_first_interval(batch: Batch) -> Batch:
    """Return the batch without what began before the end of its first interval: a gap instead."""
    height = len(batch.interval_microseconds)
    if not height:
        return batch
    edges = batch.edges_nanoseconds()
    spanning = {r.cell for r in batch.reaches if edges[r.cell % height] - r.nanoseconds < edges[1]}
    columns = tuple(
        [
            None if position == 0 or index * height + position in spanning else value
            for position, value in enumerate(column)
        ]
        for index, column in enumerate(batch.columns)
    )
    gap = Gap(source="spool", reason="checkpoint_stale", duration_nanoseconds=edges[1])
    reaches = tuple(r for r in batch.reaches if r.cell % height and r.cell not in spanning)
    return replace(batch, columns=columns, reaches=reaches, gaps=(*batch.gaps, gap))


def counted_energy(batch: Batch, table: SeriesTable) -> tuple[int, dict[str, int]]:
    """Return the counted microjoules of a batch, and those of NVIDIA's boards by UUID.

    A board is part of what is counted also where a meter of the whole host holds it.
    """
    counted, boards = 0, {}
    for series, column in zip(table.series, batch.columns, strict=False):
        if series.kind is Kind.ENERGY:
            energy = sum(quantity for quantity in column if quantity is not None)
            counted += energy if series.counted else 0
            if series.source == "nvml":
                boards[series.instance] = energy
    return counted, boards


def with_shares(batch: Batch, table_number: int, shares: Sequence[int | None]) -> Batch:
    """Return the batch with a column for each share of its counted energy, behind the others.

    A share is one cell: in the last interval, and it reaches back to where the batch begins.
    """
    height = len(batch.interval_microseconds)
    if not height:
        empty: tuple[Sequence[int | None], ...] = (*batch.columns, *([] for _ in shares))
        return replace(batch, series_number=table_number, columns=empty)
    edges = batch.edges_nanoseconds()
    begin = min((edges[r.cell % height] - r.nanoseconds for r in batch.reaches), default=0)
    back = edges[-2] - min(begin, 0)
    columns = (*batch.columns, *([*[None] * (height - 1), share] for share in shares))
    first = len(batch.columns)
    reaches = tuple(
        Reach(cell=(first + index) * height + height - 1, nanoseconds=back)
        for index, share in enumerate(shares)
        if share is not None and back
    )
    return replace(
        batch, series_number=table_number, columns=columns, reaches=(*batch.reaches, *reaches)
    )


def whole_microseconds(nanoseconds: int) -> int:
    """Return an instant on the grid of the wire, still in nanoseconds."""
    return nanoseconds - nanoseconds % NANOSECONDS_PER_MICROSECOND
