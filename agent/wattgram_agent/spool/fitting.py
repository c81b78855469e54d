"""PURE. A batch cut to what may be delivered: no energy twice, nothing larger than is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wattgram.handshake import Limits
from wattgram.readings import QUANTITY_MAX, Batch, Reach, SeriesTable
from wattgram.units import NANOSECONDS_PER_MICROSECOND
from wattgram.wire import encode_batch


class UnfitError(Exception):
    """A batch that no limit lets through; the text is one of a few words."""


def without_what_began_before(batch: Batch, boottime_nanoseconds: int) -> Batch:
    """Return the batch without the cells that began before a time of its boot."""
    height = len(batch.interval_microseconds)
    edges = batch.edges_nanoseconds()
    back = {reach.cell: reach.nanoseconds for reach in batch.reaches}
    border = boottime_nanoseconds - batch.start_boottime_nanoseconds
    columns = tuple(
        [
            None if edges[at] - back.get(index * height + at, 0) < border else value
            for at, value in enumerate(column)
        ]
        for index, column in enumerate(batch.columns)
    )
    reaches = tuple(
        reach
        for reach in batch.reaches
        if columns[reach.cell // height][reach.cell % height] is not None
    )
    return replace(batch, columns=columns, reaches=reaches)


def fit(batch: Batch, table: SeriesTable, limits: Limits) -> bytes:
    """Return the batch encoded, its intervals joined until it is within the limits.

    Joining keeps every quantity and says less exactly when it was used. A limit of 0 is none.
    Raises UnfitError when that does not help.
    """
    if limits.max_series and len(table.series) > limits.max_series:
        raise UnfitError("too_many_series")
    while True:
        height = len(batch.interval_microseconds)
        if not limits.max_intervals or height <= limits.max_intervals:
            message = encode_batch(batch)
            if not limits.max_batch_bytes or len(message) <= limits.max_batch_bytes:
                return message
        if height <= 1:
            raise UnfitError("too_large")
        batch = _in_pairs(batch)


def _in_pairs(batch: Batch) -> Batch:
    """Return the batch with every two intervals made one; raises UnfitError past a cell's range.

    A cell of two that were absent is absent; of one, it is the other. A reach is as far as the
    earlier of both reached.
    """
    lengths = batch.interval_microseconds
    height = len(lengths)
    after = (height + 1) // 2
    columns = tuple(
        [_sum(column[at : at + 2]) for at in range(0, height, 2)] for column in batch.columns
    )
    reaches: dict[int, int] = {}
    for reach in batch.reaches:
        index, at = divmod(reach.cell, height)
        inside = lengths[at - 1] * NANOSECONDS_PER_MICROSECOND if at % 2 else 0
        cell = index * after + at // 2
        if reach.nanoseconds > inside:
            reaches[cell] = max(reaches.get(cell, 0), reach.nanoseconds - inside)
    return replace(
        batch,
        interval_microseconds=tuple(sum(lengths[at : at + 2]) for at in range(0, height, 2)),
        columns=columns,
        reaches=tuple(Reach(cell=cell, nanoseconds=back) for cell, back in reaches.items()),
    )


def _sum(cells: Sequence[int | None]) -> int | None:
    present = [cell for cell in cells if cell is not None]
    if sum(present) > QUANTITY_MAX:
        raise UnfitError("too_large")
    return sum(present) if present else None
