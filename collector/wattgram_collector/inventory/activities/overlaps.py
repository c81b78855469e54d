"""PURE. Activities about the same thing at the same time: is something in twice?

Two bills of one meter that overlap are usually a mistake, and cannot be told from two meters:
so they are told, and taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from wattgram.units import SECONDS_PER_DAY, SECONDS_PER_HOUR
from wattgram_collector.inventory.activities.cells import instant_or_day, interval
from wattgram_collector.inventory.periods import Interval

TOLD_MAX: Final = 20
_LONGEST_DAY_SECONDS: Final = SECONDS_PER_DAY + SECONDS_PER_HOUR
"""One on which clocks are put back."""


class _Span(NamedTuple):
    interval: Interval
    who: str
    is_kept: bool


class Overlaps:
    """Spans of time, by what they are about. What lasts a day or less is an event, and is not."""

    def __init__(self) -> None:
        self._spans: dict[bytes, list[_Span]] = {}

    def add(
        self, matter: bytes, span: Interval | None, who: str, *, is_kept: bool = False
    ) -> None:
        """`is_kept`: it was taken before, and was told then."""
        if matter and span is not None and _lasts(span):
            self._spans.setdefault(matter, []).append(_Span(span, who, is_kept))

    def told(self) -> list[str]:
        """Return a line for each thing with new overlaps, and how many more there are."""
        found = list(self._found())
        more = [f"{len(found) - TOLD_MAX} more overlap"] if len(found) > TOLD_MAX else []
        return [*found[:TOLD_MAX], *more]

    def _found(self) -> Iterator[str]:
        for spans in self._spans.values():
            pairs = list(_pairs(sorted(spans)))
            if pairs:
                one, other = pairs[0]
                more = f", and {len(pairs) - 1} more like them" if len(pairs) > 1 else ""
                yield (f"{other.who} and {one.who} are about the same and overlap in time{more}: "
                       "is something in twice?")  # fmt: skip


def _pairs(ordered: Iterable[_Span]) -> Iterator[tuple[_Span, _Span]]:
    """Yield each span that begins before an earlier one is over, unless both were there before."""
    furthest: _Span | None = None
    for span in ordered:
        if furthest is not None and furthest.interval.overlap(span.interval):
            if not (furthest.is_kept and span.is_kept):
                yield furthest, span
            if span.interval.end_unix_seconds <= furthest.interval.end_unix_seconds:
                continue
        furthest = span


def _lasts(span: Interval) -> bool:
    return span.end_unix_seconds - span.start_unix_seconds > _LONGEST_DAY_SECONDS


def span_of(cells: Mapping[str, str], timezone: str) -> Interval | None:
    """Return when a row was; None where its cells say nothing that can be read."""
    try:
        last = instant_or_day(cells["to"]) if "to" in cells else None
        return interval(instant_or_day(cells["from"]), last, timezone)
    except (KeyError, OverflowError, ValueError):
        return None
