"""PURE. What the meters of the components leave out, as far as the operator declared it."""

from __future__ import annotations

from collections.abc import Iterable

from wattgram.readings import Reading, Series

MILLIONTHS = 1_000_000


def supply_loss(readings: Iterable[Reading], series: Series, efficiency: float) -> Reading | None:
    """Return what the power supply lost while it passed on what was counted, None if nothing was.

    loss = output x (1 - efficiency) / efficiency, in whole microjoules, rounded down.
    """
    passed_on = [
        reading
        for reading in readings
        if reading.series.counted and reading.series.kind is series.kind
    ]
    if not passed_on:
        return None
    millionths = round(efficiency * MILLIONTHS)
    output = sum(reading.quantity for reading in passed_on)
    return Reading(
        series=series,
        quantity=output * (MILLIONTHS - millionths) // millionths,
        start_nanoseconds=min(reading.start_nanoseconds for reading in passed_on),
        end_nanoseconds=max(reading.end_nanoseconds for reading in passed_on),
    )
