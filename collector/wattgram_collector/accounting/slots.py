"""PURE. A batch to quantities per series and accounting slot.

An accounting slot is five minutes of UTC, numbered from the epoch. A quantity whose interval
crosses a border is shared out by time, in integers whose sum is the quantity.
"""

from __future__ import annotations

from collections.abc import Iterator

from wattgram.readings import Batch
from wattgram.units import ACCOUNTING_SLOT_NANOSECONDS, ACCOUNTING_SLOT_SECONDS

SlotQuantities = dict[tuple[int, int], int]
"""(column, slot) to the quantity of that column in that slot."""


def slot_of(unix_nanoseconds: int) -> int:
    return unix_nanoseconds // ACCOUNTING_SLOT_NANOSECONDS


def slot_start_unix_seconds(slot: int) -> int:
    return slot * ACCOUNTING_SLOT_SECONDS


def quantities(batch: Batch, start_unix_nanoseconds: int) -> SlotQuantities:
    """Return what each column used in each slot; a column without any value is not in it.

    `start_unix_nanoseconds` is when the batch began by the collector's reckoning.
    """
    first = slot_of(start_unix_nanoseconds)
    last = slot_of(start_unix_nanoseconds + batch.duration_nanoseconds - 1)
    if first == last and not batch.reaches:
        return {
            (index, first): sum(present)
            for index, column in enumerate(batch.columns)
            if (present := [value for value in column if value is not None])
        }
    found: SlotQuantities = {}
    for index, quantity, start, end in batch.spans():
        begin = start_unix_nanoseconds + start
        for slot, share in split(quantity, begin, start_unix_nanoseconds + end):
            found[index, slot] = found.get((index, slot), 0) + share
    return found


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
