"""PURE. What every answer has: a status, perhaps a Retry-After, values that are in order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from wattgram.units import SECONDS_PER_DAY
from wattgram_collector.intensities.providers.provider import Outcome, ProviderError, Window
from wattgram_collector.intensities.providers.reading import touches
from wattgram_collector.intensity import Intensity

RETRY_AFTER_SECONDS_MAX: Final = float(SECONDS_PER_DAY)

_OUTCOME_OF_STATUS: Final = {
    401: Outcome.UNAUTHORIZED,
    403: Outcome.UNAUTHORIZED,
    404: Outcome.NOT_FOUND,
    408: Outcome.TIMEOUT,
    410: Outcome.NOT_FOUND,
    429: Outcome.RATE_LIMITED,
    504: Outcome.TIMEOUT,
}
_GOOD: Final = range(200, 300)
_CLIENT_ERRORS: Final = range(400, 500)
_SERVER_ERRORS: Final = range(500, 600)


def outcome_of_status(status: int) -> Outcome:
    """Return what an HTTP status means; a redirect that is not followed is no answer."""
    if status in _GOOD:
        return Outcome.OK
    if status in _OUTCOME_OF_STATUS:
        return _OUTCOME_OF_STATUS[status]
    if status in _CLIENT_ERRORS:
        return Outcome.CLIENT_ERROR
    return Outcome.SERVER_ERROR if status in _SERVER_ERRORS else Outcome.INVALID


def retry_after_seconds(text: str | None, now_unix_seconds: float) -> float | None:
    """Return how long a server asks to be left alone: seconds or an HTTP date; a day at most.

    None when it does not say, or not so that it can be understood.
    """
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text)
    else:
        try:
            date = parsedate_to_datetime(text)
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
            seconds -= now_unix_seconds
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)


def iso_minutes(unix_seconds: int) -> str:
    """Return the time as `2026-03-29T01:00Z`."""
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%MZ")


def in_order(found: Sequence[Intensity], window: Window) -> list[Intensity]:
    """Return those that touch the window, in order of time; of overlapping ones the first."""
    kept: list[Intensity] = []
    for one in sorted(found, key=lambda one: one.valid_from_unix_seconds):
        begins, ends = one.valid_from_unix_seconds, one.valid_until_unix_seconds
        if touches(window, begins, ends) and (
            not kept or kept[-1].valid_until_unix_seconds <= begins
        ):
            kept.append(one)
    return kept


def gathered(found: Sequence[Intensity], refused: Sequence[str]) -> list[Intensity]:
    """Return what was found; raises ProviderError when that is nothing, or not all of it.

    `refused` says of each value that cannot be believed why; the others are in the error.
    """
    if refused:
        text = f"{len(refused)} values refused, such as {refused[0]}"
        raise ProviderError(Outcome.INVALID, text, values=found)
    if not found:
        raise ProviderError(Outcome.EMPTY, "no value yet")
    return list(found)
