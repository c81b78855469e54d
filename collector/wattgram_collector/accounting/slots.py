"""PURE. A batch to quantities per series and accounting slot.

An accounting slot is five minutes of UTC, numbered from the epoch. A quantity whose interval
crosses a border is shared out by time, in integers whose sum is the quantity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wattgram.readings import Batch
from wattgram.units import ACCOUNTING_SLOT_NANOSECONDS, ACCOUNTING_SLOT_SECONDS

SlotQuantities = dict[int, Sequence[int | None]]
"""Slot to one quantity per column of the batch; None where the column has no value in it."""


def slot_of(unix_nanoseconds: int) -> int:
    return unix_nanoseconds // ACCOUNTING_SLOT_NANOSECONDS


def slot_start_unix_seconds(slot: int) -> int:
    return slot * ACCOUNTING_SLOT_SECONDS


def quantities(batch: Batch, start_unix_nanoseconds: int) -> SlotQuantities:
    """Return what each column used in each slot.

    `start_unix_nanoseconds` is when the batch began by the collector's reckoning.
    """
    first = slot_of(start_unix_nanoseconds)
    last = slot_of(start_unix_nanoseconds + batch.duration_nanoseconds - 1)
    if first >= last and batch.is_whole and batch.sums is not None:
        return {first: batch.sums} if batch.interval_microseconds else {}
    found: dict[int, list[int | None]] = {}
    for index, quantity, start, end in batch.spans():
        begin = start_unix_nanoseconds + start
        for slot, share in split(quantity, begin, start_unix_nanoseconds + end):
            row = found.setdefault(slot, [None] * len(batch.columns))
            row[index] = (row[index] or 0) + share
    return dict(found)


def split(quantity: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (slot, share) of a quantity over `[start, end)` unix nanoseconds.

    Shares are differences of the rounded-down cumulative, so they add up to the quantity.
    """
    slot = slot_of(start)
    booked = 0
    while (border := (slot + 1) * ACCOUNTING_SLOT_NANOSECONDS) < end:
        until = quantity * (border - start) // (end - start)
        yield slot, until - booked
        booked = until
        slot += 1
    yield slot, quantity - booked
