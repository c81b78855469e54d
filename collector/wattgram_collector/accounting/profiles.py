"""PURE. Hourly profiles of contracts: CSV of an hour's start and one number."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from fractions import Fraction
from typing import Final

from wattgram.units import SECONDS_PER_HOUR

SHARE: Final = "share"
KILOWATT_HOURS: Final = "kilowatt_hours"
ROWS_MAX: Final = 200_000
_MOST: Final = {SHARE: Fraction(1), KILOWATT_HOURS: None}

Profile = dict[int, Fraction]
"""By start of the hour in unix seconds. What is not there is 0: nothing was delivered."""


def parse(text: str, column: str) -> Profile:
    """Read `start,<column>`; a start is ISO 8601 with its offset, as 2026-01-01T00:00Z.

    Raises ValueError naming the line that is wrong.
    """
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    found: Profile = {}
    line = 1
    try:
        header = next(rows, [])
        if header != ["start", column]:
            raise ValueError(f"the columns must be start,{column}, not {','.join(header)}")
        for cells in rows:
            line = rows.line_num
            if not cells:
                continue
            if len(cells) != len(header):
                raise ValueError(f"{len(cells)} cells under {len(header)} columns")
            hour, number = _hour(cells[0]), _number(cells[1], column)
            if hour in found:
                raise ValueError(f"{cells[0]} is there twice")
            if len(found) >= ROWS_MAX:
                raise ValueError(f"more than {ROWS_MAX} hours")
            found[hour] = number
    except (ValueError, csv.Error) as error:
        raise ValueError(f"line {line}: {error}") from error
    return found


def hour_of(unix_seconds: int) -> int:
    """Return when the hour began."""
    return unix_seconds - unix_seconds % SECONDS_PER_HOUR


def _hour(text: str) -> int:
    try:
        start = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ValueError(f"start must be as 2026-01-01T00:00Z: {text!r}") from error
    if start.tzinfo is None:
        raise ValueError(f"start has no offset (Z is UTC): {text!r}")
    seconds = start.timestamp()
    if seconds % SECONDS_PER_HOUR:
        raise ValueError(f"start is not on the hour of UTC: {text!r}")
    return int(seconds)


def _number(text: str, column: str) -> Fraction:
    most = _MOST[column]
    try:
        number = Fraction(text.strip())
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{column} is no number: {text!r}") from error
    if number < 0 or (most is not None and number > most):
        raise ValueError(f"{column} must be 0 {f'to {most}' if most else 'or more'}: {text}")
    return number
