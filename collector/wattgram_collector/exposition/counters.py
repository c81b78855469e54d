"""PURE. The counters of one host, each a line: its number is put in when it has changed.

With a thousand hosts most of the time is waiting for memory, so that little of it is used: what
a line has around the name of a host is one text for all hosts that have such a line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from wattgram_collector.exposition.text import quotient
from wattgram_collector.exposition.units import Unit
from wattgram_collector.ledger.totals import Sum

Row = list[str]
"""The lines of one family, of each: what is before the host, the host, what is after it, its
number.
"""
ZERO: Final = "0"


class Counted:
    """A counter of what a mapping counts, under one key of it or a few."""

    __slots__ = ("_shown", "at", "denominator", "first", "keys", "row", "source")

    def __init__(self, unit: Unit, host: str, row: Row, source: Mapping[Any, int]) -> None:
        row += unit.before, host, unit.after, ZERO
        self.row, self.at = row, len(row) - 1
        """Where its number is."""
        self.source = source
        self.denominator = unit.by.denominator  # it shows all that is counted, in another unit
        self.keys: list[Any] = []
        self.first = math.inf
        """When the first of its keys was first added to, on the monotonic clock."""
        self._shown: int | None = None

    def add(self, key: object, first: int) -> None:
        """Show what is counted under `key`, too."""
        self.keys.append(key)
        self.first = min(self.first, first)

    def show(self) -> None:
        """Put in the number as it is now."""
        total = sum(map(self.source.__getitem__, self.keys))
        if total != self._shown:
            self._shown = total
            self.row[self.at] = quotient(total, self.denominator)

    def show_zero(self) -> None:
        self._shown = None
        self.row[self.at] = ZERO


class Posted:
    """A counter of postings: `_parts` are sums, and by what each of their two integers counts."""

    __slots__ = ("_at", "_denominator", "_parts", "_row", "_shown", "first")

    def __init__(self, unit: Unit, host: str, row: Row) -> None:
        row += unit.before, host, unit.after, ZERO
        self._row, self._at = row, len(row) - 1
        self.first = math.inf
        self._parts: list[tuple[Sum, int, int]] = []
        self._denominator = 1
        self._shown: tuple[int, int] | None = None

    def add(self, of: Sum, unit: Unit, first: int) -> None:
        """Show so much more for a unit of the quantity, and for one of it times g/kWh."""
        common = math.lcm(self._denominator, unit.by.denominator, unit.weighted_by.denominator)
        more = common // self._denominator
        self._parts = [(one, by * more, weighted * more) for one, by, weighted in self._parts]
        self._parts.append((of, int(unit.by * common), int(unit.weighted_by * common)))
        self._denominator = common
        self._shown = None
        self.first = min(self.first, first)

    def show(self) -> None:
        """Put in the number as it is now."""
        total, scale = 0, self._parts[0][0].scale
        for one, by, weighted in self._parts:
            if one.scale != scale:
                common = math.lcm(scale, one.scale)
                total, scale = total * (common // scale), common
            total += one.quantity * by * scale + one.weighted * weighted * (scale // one.scale)
        if (total, scale) != self._shown:
            self._shown = total, scale
            self._row[self._at] = quotient(total, self._denominator * scale)

    def show_zero(self) -> None:
        self._shown = None
        self._row[self._at] = ZERO


class Alone:
    """The counters of usage that have one key, nearly all of a host: looked at together."""

    __slots__ = ("_keys", "_shown", "_slots", "_usage")

    def __init__(self, counters: list[Counted], usage: Mapping[int, int]) -> None:
        self._usage = usage
        self._keys: list[int] = [one.keys[0] for one in counters]
        self._slots = [(one.row, one.at, one.denominator) for one in counters]
        self._shown: list[int | None] = [None] * len(counters)

    def show(self) -> None:
        """Put in the numbers as they are now."""
        usage = self._usage
        now = [usage[key] for key in self._keys]
        for total, shown, (row, at, denominator) in zip(
            now, self._shown, self._slots, strict=True
        ):
            if total != shown:
                row[at] = quotient(total, denominator)
        self._shown[:] = now
