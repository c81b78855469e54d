"""PURE. Which values of an answer are believed: each in itself, and all together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from wattgram.units import SECONDS_PER_DAY, SECONDS_PER_HOUR
from wattgram_collector.intensities.providers.provider import TIER_OF
from wattgram_collector.intensity import Intensity, Status

PAST_SECONDS_MAX: Final = 7 * SECONDS_PER_DAY + SECONDS_PER_HOUR
FUTURE_SECONDS_MAX: Final = 4 * SECONDS_PER_DAY
CLOCK_SECONDS: Final = 300
"""By how much a provider's clock may be ahead of ours."""


class Believed(NamedTuple):
    values: list[Intensity]
    refused: Counter[str]
    """How many are not believed, by reason."""


def believed(
    found: Iterable[Intensity], provider: str, zone: str, now_unix_seconds: float
) -> Believed:
    """Return what may be kept of the values that a provider gave for a zone.

    Their numbers have been checked when they were made: finite, 0 to 2000 g/kWh.
    """
    values: list[Intensity] = []
    refused: Counter[str] = Counter()
    for one in sorted(found, key=lambda one: one.valid_from_unix_seconds):
        reason = doubt(one, provider, zone, now_unix_seconds)
        if not reason and values:
            is_late = values[-1].valid_until_unix_seconds <= one.valid_from_unix_seconds
            reason = "" if is_late else "overlapping"
        if reason:
            refused[reason] += 1
        else:
            values.append(one)
    return Believed(values, refused)


def doubt(one: Intensity, provider: str, zone: str, now_unix_seconds: float) -> str:
    """Return why one value is not believed, or nothing."""
    ahead = one.valid_from_unix_seconds - now_unix_seconds
    if (one.provider, one.zone) != (provider, zone):
        return "not_asked_for"
    if TIER_OF.get(one.status) is not one.tier:
        return "tier"
    if ahead > FUTURE_SECONDS_MAX:
        return "future"
    if ahead < -PAST_SECONDS_MAX:
        return "past"
    if ahead > CLOCK_SECONDS and one.status is not Status.FORECAST:
        return "known_before_it_was"
    return ""
