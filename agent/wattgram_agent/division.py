"""PURE. What one beat gave, divided at instants: constant power, whole microjoules.

    before = floor(quantity x (at - start) / (end - start)),    after = quantity - before

The registers are divided too: what they would have shown then. So a batch may end there, and
whatever goes on from it, this run of the agent or the next, loses and doubles nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from wattgram.readings import Reading
from wattgram_agent.attendance import point_of
from wattgram_agent.batches import whole_microseconds
from wattgram_agent.meter import Register, Step
from wattgram_agent.source import Point

Registers = Mapping[Point, Register]


class Interval(NamedTuple):
    """From the last beat to the newest, in nanoseconds of the boot-time clock."""

    start: int
    end: int


class Heard(NamedTuple):
    """What a beat gave, and the registers before it and after it."""

    step: Step
    earlier: Registers
    now: Registers


class Left(NamedTuple):
    """A zone that the host was in until a whole microsecond of the boot-time clock."""

    zone: str
    until: int


class Piece(NamedTuple):
    """What was used in one zone: an interval of its own, and the registers at its end."""

    zone: str
    start: int
    end: int
    step: Step
    registers: Registers


def late_pieces(heard: Heard, left: Sequence[Left]) -> tuple[list[Piece], Heard]:
    """Return what was used in zones that the host has left, and what is heard without it.

    A meter that was not heard when the host moved tells afterwards what it had counted.
    """
    pieces = []
    for zone, until in left:
        if any(reading.start_nanoseconds < until for reading in heard.step.readings):
            start = max(
                reading.start_nanoseconds
                for reading in heard.step.readings
                if reading.start_nanoseconds < until
            )
            before, after = _divided(heard, until)
            known = {**heard.earlier, **_registers_at(until, before, after, heard)}
            pieces.append(Piece(zone, start, until, before, known))
            heard = Heard(after, known, heard.now)
    return pieces, heard


def pieces_of(heard: Heard, interval: Interval, left: Left, zone: str) -> list[Piece]:
    """Return what was used in the zone that was left during an interval, and then in `zone`.

    A reading that reaches back to before the interval is divided over all of its time.
    """
    at = left.until
    if at <= interval.start:
        pieces, heard = late_pieces(heard, [left])
        return [*pieces, Piece(zone, *interval, heard.step, heard.now)]
    if at >= whole_microseconds(interval.end):
        return [Piece(left.zone, *interval, heard.step, heard.now)]
    before, after = _divided(heard, at)
    # Gaps are told once, with what goes on.
    silent = {point: one for point, one in heard.earlier.items() if heard.now.get(point) == one}
    known = {**silent, **_registers_at(at, before, after, heard)}
    return [
        Piece(left.zone, interval.start, at, before, known),
        Piece(zone, at, interval.end, after, heard.now),
    ]


def _divided(heard: Heard, at: int) -> tuple[Step, Step]:
    parts = [_parts(reading, at) for reading in heard.step.readings]
    before = [first for first, _ in parts if first is not None]
    after = [rest for _, rest in parts if rest is not None]
    return Step(before, []), heard.step._replace(readings=after)


def _parts(reading: Reading, at: int) -> tuple[Reading | None, Reading | None]:
    """Return the parts before and after an instant that is before the end of a reading."""
    start, end = reading.start_nanoseconds, reading.end_nanoseconds
    if at <= start:
        return None, reading
    first = reading.quantity * (at - start) // (end - start)
    return (
        replace(reading, quantity=first, end_nanoseconds=at),
        replace(reading, quantity=reading.quantity - first, start_nanoseconds=at),
    )


def _registers_at(at: int, before: Step, after: Step, heard: Heard) -> Registers:
    """Return what the registers would have shown of those whose readings were divided."""
    rest = {point_of(reading.series): reading.quantity for reading in after.readings}
    found = {}
    for reading in before.readings:
        point = point_of(reading.series)
        old, new = heard.earlier.get(point), heard.now.get(point)
        if old is None or new is None:
            continue  # a sum of others has none
        value = new.value
        if not new.is_power:
            # One that wraps did so after `at` if it would have to be negative then.
            value -= rest[point]
            value = value if value >= 0 else old.value + reading.quantity
        found[point] = Register(value, at, new.is_power)
    return found
