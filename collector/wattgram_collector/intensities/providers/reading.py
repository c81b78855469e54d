"""PURE. What providers send: bytes to documents, text to exact numbers and times; windows.

Whatever is wrong with an answer is a ProviderError with a text of ours. Nothing of an answer is
ever quoted: error pages and echoes repeat the request, and with it the key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from wattgram_collector.intensities.providers.provider import Outcome, ProviderError, Window
from wattgram_collector.intensity import INTENSITY_GRAMS_PER_KILOWATT_HOUR_MAX, Intensity

# Whatever is longer is no quantity here, and would be slow to reckon with.
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)


def invalid(what: str) -> ProviderError:
    """Return the error for an answer that is not what its documentation says."""
    return ProviderError(Outcome.INVALID, what)


def json_object(body: bytes) -> dict[str, object]:
    """Return the JSON object that the body is; every number in it is its text, as written.

    Raises ProviderError.
    """
    try:
        document = json.loads(
            body.decode("utf-8-sig"), parse_float=str, parse_int=str, parse_constant=str
        )
    except (ValueError, RecursionError):
        raise invalid("the answer is not JSON") from None
    return mapping(document, "the answer")


def filled_object(body: bytes) -> dict[str, object]:
    """Return the JSON object that the body is, as above; an empty one has no value.

    Raises ProviderError.
    """
    document = json_object(body)
    if not document:
        raise ProviderError(Outcome.EMPTY, "an empty object")
    return document


def mapping(value: object, name: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise invalid(f"{name} is not an object")
    return value


def sequence(value: object, name: str) -> list[object]:
    if not isinstance(value, list):
        raise invalid(f"{name} is not a list")
    return value


def number(value: object) -> Fraction:
    """Return the number, exactly, be it written as a number or as a string.

    Raises ValueError, also for numbers that no quantity here could be.
    """
    if not isinstance(value, str) or _NUMBER.fullmatch(value) is None:
        raise ValueError("not a number")
    return Fraction(value)


def plausible(value: object) -> bool:
    """Return whether the value is an intensity in g/kWh; 0 is one."""
    try:
        return 0 <= number(value) <= INTENSITY_GRAMS_PER_KILOWATT_HOUR_MAX
    except ValueError:
        return False


def whole(value: object, name: str) -> int:
    """Return a count; raises ProviderError for anything but a whole number from 0."""
    try:
        found = number(value)
    except ValueError:
        found = Fraction(-1)
    if found < 0 or found.denominator != 1:
        raise invalid(f"{name} is not a count")
    return int(found)


def unix_seconds(value: object, name: str) -> int:
    """Return an ISO 8601 time, which must say its offset; raises ProviderError."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        if time is not None and time.tzinfo is not None:
            return (time - _EPOCH) // _SECOND
    except (ValueError, OverflowError):
        pass
    raise invalid(f"{name} is not a time with an offset")


def iso_utc(seconds: int) -> str:
    """Return the unix time as `2026-03-27T01:00:00Z`."""
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def touches(window: Window, start: int, end: int) -> bool:
    """Return whether `[start, end)` and the window overlap."""
    return start < window.end_unix_seconds and end > window.start_unix_seconds


def chunks(window: Window, seconds_max: int) -> Iterator[Window]:
    """Yield the window in consecutive parts that are no longer than `seconds_max`."""
    start = window.start_unix_seconds
    while start < window.end_unix_seconds:
        end = min(start + seconds_max, window.end_unix_seconds)
        yield Window(start, end)
        start = end


def answered(
    found: Sequence[Intensity], refused: int, outcome: Outcome, what: str
) -> list[Intensity]:
    """Return what was found, when there is something and none of it was refused.

    Raises ProviderError: `outcome`, with what was found, where `refused` values were there that
    cannot be used; empty where there was nothing at all.
    """
    if refused:
        raise ProviderError(outcome, f"{refused} {what} cannot be used", values=found)
    if not found:
        raise ProviderError(Outcome.EMPTY, f"no {what} of the time asked for yet")
    return list(found)
