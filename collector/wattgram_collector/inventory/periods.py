"""PURE. Which time a report is of, and where it is cut.

A year ends where the organisation says that it does: in its own time zone. Whatever is counted in
accounting slots is cut between them, and every time zone's midnight is between two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from wattgram.units import ACCOUNTING_SLOT_SECONDS
from wattgram_collector.timezones import is_timezone

_NAMED: Final = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(\d{2})(?:-(\d{2}))?))?", re.ASCII)
_MONTHS_PER_QUARTER: Final = 3
_MONTHS_PER_YEAR: Final = 12


class Interval(NamedTuple):
    """`[start, end)`, in unix seconds."""

    start_unix_seconds: int
    end_unix_seconds: int

    @property
    def slots(self) -> tuple[int, int]:
        """The accounting slots in it: first, and the one after the last."""
        start, end = self
        return start // ACCOUNTING_SLOT_SECONDS, end // ACCOUNTING_SLOT_SECONDS

    def overlap(self, other: Interval) -> Interval | None:
        start = max(self.start_unix_seconds, other.start_unix_seconds)
        end = min(self.end_unix_seconds, other.end_unix_seconds)
        return Interval(start, end) if start < end else None


class ReportPeriod(NamedTuple):
    """Whole days of one time zone: `[first, after)`."""

    name: str
    first: date
    after: date
    timezone: str

    @property
    def interval(self) -> Interval:
        return Interval(*(midnight_unix_seconds(day, self.timezone)
                          for day in (self.first, self.after)))  # fmt: skip

    def months(self, also: Iterable[date] = ()) -> list[Interval]:
        """Return the period cut at the first of each month, and at `also`: in order."""
        days = {self.first, self.after}
        day = self.first.replace(day=1)
        while day < self.after:
            days.add(day)
            day = _plus_months(day, 1)
        inside = sorted(day for day in {*days, *also} if self.first <= day <= self.after)
        at = [midnight_unix_seconds(day, self.timezone) for day in inside]
        return [Interval(start, end) for start, end in pairwise(at)]


def parse_period(text: str, timezone: str) -> ReportPeriod:
    """Return the period of `2025`, `2025-Q3`, `2025-11`, `2025-11-03` or `FROM/TO`.

    `FROM/TO` are days, the second exclusive. Raises ValueError naming what is wrong.
    """
    _require_timezone(timezone)
    first, slash, after = text.partition("/")
    if slash:
        period = ReportPeriod(text, _day(first), _day(after), timezone)
        if period.after <= period.first:
            raise ValueError(f"the period {text} ends before it begins")
        return period
    found = _NAMED.fullmatch(text)
    if not found:
        raise ValueError(
            f"{text!r} is no period: give 2025, 2025-Q3, 2025-11, 2025-11-03 or FROM/TO as days"
        )
    year, quarter, month, day = found.groups()
    try:
        if day:
            start = date(int(year), int(month), int(day))
            return ReportPeriod(text, start, start + timedelta(days=1), timezone)
        if month:
            return _months(text, date(int(year), int(month), 1), 1, timezone)
        if quarter:
            start = date(int(year), _MONTHS_PER_QUARTER * (int(quarter) - 1) + 1, 1)
            return _months(text, start, _MONTHS_PER_QUARTER, timezone)
        return _months(text, date(int(year), 1, 1), _MONTHS_PER_YEAR, timezone)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no period: {error}") from error


def midnight_unix_seconds(day: date, timezone: str) -> int:
    """Return when a day begins there."""
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone))
    return int(start.timestamp())


def day_of(unix_seconds: int, timezone: str) -> date:
    """Return the day of an instant there."""
    return datetime.fromtimestamp(unix_seconds, UTC).astimezone(ZoneInfo(timezone)).date()


def _months(name: str, first: date, months: int, timezone: str) -> ReportPeriod:
    return ReportPeriod(name, first, _plus_months(first, months), timezone)


def _plus_months(first: date, months: int) -> date:
    count = first.year * _MONTHS_PER_YEAR + first.month - 1 + months
    return date(count // _MONTHS_PER_YEAR, count % _MONTHS_PER_YEAR + 1, 1)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no day such as 2025-11-03") from error


def _require_timezone(name: str) -> None:
    if not is_timezone(name):
        raise ValueError(f"there is no time zone {name!r}")
