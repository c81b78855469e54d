"""PURE. What is delivered: energy cut at the borders of slots, and what goes with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from wattgram.readings import Gap, SourceState
from wattgram.units import MICROSECONDS_PER_SECOND, NANOSECONDS_PER_MICROSECOND
from wattgram_collector.accounting.slots import slot_start_unix_seconds, split
from wattgram_collector.redfish.meter import Lack, Span

SOURCE: Final = "redfish"


class Clock(NamedTuple):
    """What time it is; tests bring their own."""

    unix_nanoseconds: Callable[[], int] = time.time_ns
    boottime_nanoseconds: Callable[[], int] = lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Identity(NamedTuple):
    """Who the collector is towards itself when it reads one BMC, and of which host."""

    agent_id: str
    host: str
    instance: str
    grid_zone: str
    period_nanoseconds: int


class Piece(NamedTuple):
    """Energy within one accounting slot, in microseconds of unix time."""

    slot: int
    start_microseconds: int
    end_microseconds: int
    microjoules: int


class Parcel(NamedTuple):
    """A batch that has no number yet; without pieces it says that the meter lives, or failed."""

    state: SourceState
    pieces: Sequence[Piece] = ()
    gaps: tuple[Gap, ...] = ()
    made_unix_nanoseconds: int = 0


def pieces(span: Span, unix_minus_boottime_nanoseconds: int) -> Iterator[Piece]:
    """PURE. Cut a span at the borders of slots; the pieces add up to it."""
    start, end = (
        (edge + unix_minus_boottime_nanoseconds) // NANOSECONDS_PER_MICROSECOND
        for edge in (span.start_nanoseconds, span.end_nanoseconds)
    )
    unix = (start * NANOSECONDS_PER_MICROSECOND, end * NANOSECONDS_PER_MICROSECOND)
    for slot, share in split(span.microjoules, *unix):
        border = min(end, _slot_end_microseconds(slot))
        yield Piece(slot, start, border, share)
        start = border


def gap_of(lack: Lack) -> Gap:
    return Gap(
        source=SOURCE,
        reason=lack.reason,
        duration_nanoseconds=lack.duration_nanoseconds,
        detail=lack.detail,
    )


def _slot_end_microseconds(slot: int) -> int:
    return slot_start_unix_seconds(slot + 1) * MICROSECONDS_PER_SECOND
