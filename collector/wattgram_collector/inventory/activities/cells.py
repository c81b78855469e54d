"""PURE. The text of a cell to a value. What it cannot be is a ValueError that says what it may."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from wattgram_collector.inventory.periods import Interval, midnight_unix_seconds

_DECIMAL: Final = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
_WITH_COMMA: Final = re.compile(r"[0-9.]*,[0-9.,]*", re.ASCII)
_DIGITS_MAX: Final = 40
_TEXT_MAX: Final = 1_000

Parse = Callable[[str], Any]
"""From the text of a cell; raises ValueError with what is allowed."""


def text(cell: str) -> str:
    if len(cell) > _TEXT_MAX or not cell.isprintable():
        raise ValueError(f"must be at most {_TEXT_MAX} printable characters")
    return cell


def number(cell: str) -> Fraction:
    """Return a number of at least 0, exactly as it is written."""
    if not _DECIMAL.fullmatch(cell) or len(cell) > _DIGITS_MAX:
        hint = " (what corrects an earlier row withdraws it)" if cell.startswith("-") else ""
        if _WITH_COMMA.fullmatch(cell):
            hint = " (with a decimal point, and nothing between thousands)"
        raise ValueError(f"must be a plain decimal number such as 1234.5{hint}")
    return Fraction(cell)


def positive(cell: str) -> Fraction:
    found = number(cell)
    if not found:
        raise ValueError("must be above 0")
    return found


def ratio(cell: str) -> Fraction:
    """Return a number of 0 to 1, written as a decimal or as a fraction such as 5/7."""
    above, slash, below = cell.partition("/")
    found = number(above)
    if slash:
        found /= positive(below)
    if found > 1:
        raise ValueError("must be 0 to 1")
    return found


def flag(cell: str) -> bool:
    try:
        return {"true": True, "false": False, "yes": True, "no": False}[cell.lower()]
    except KeyError:
        raise ValueError("must be true or false") from None


def choice(*allowed: str) -> Parse:
    """Return a parser of one of several words."""

    def parse(cell: str) -> str:
        if cell not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return cell

    return parse


def day(cell: str) -> date:
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise ValueError("must be a day such as 2025-11-03") from None


def instant_or_day(cell: str) -> datetime | date:
    """Return a day, or an instant with its offset from UTC."""
    if len(cell) == len("2025-11-03"):
        return day(cell)
    try:
        found = datetime.fromisoformat(cell)
    except ValueError:
        raise ValueError("must be a day or an instant such as 2025-11-03T12:00:00Z") from None
    if found.tzinfo is None:
        raise ValueError("an instant needs its offset, as in 2025-11-03T12:00:00Z")
    return found.astimezone(UTC)


def interval(first: datetime | date, last: datetime | date | None, timezone: str) -> Interval:
    """Return `[from, to)`: `to` as a day is the last one of it; unsaid, it is the day of `from`.

    Raises ValueError where it ends before it begins.
    """
    start = _unix_seconds(first, timezone)
    if last is None:
        last = first if not isinstance(first, datetime) else first + timedelta(seconds=1)
    if not isinstance(last, datetime):
        last = last + timedelta(days=1)
    end = _unix_seconds(last, timezone)
    if end <= start:
        raise ValueError("ends before it begins")
    return Interval(start, end)


def _unix_seconds(at: datetime | date, timezone: str) -> int:
    if isinstance(at, datetime):
        return int(at.timestamp())
    return midnight_unix_seconds(at, timezone)
