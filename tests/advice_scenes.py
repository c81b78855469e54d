"""What a provider said and expects, for tests of advice: slots of half an hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from builders import intensity
from wattgram_collector.intensities.history import History
from wattgram_collector.intensity import Intensity, Status, Tier

HALF_HOUR = 1800
EIGHT = 1_767_340_800  # 2026-01-02T08:00Z
TIERS = {
    Status.MEASURED: Tier.LIVE,
    Status.ESTIMATED: Tier.ESTIMATED,
    Status.FORECAST: Tier.FORECAST,
}


def slot(
    start: int, grams: float | str, status: Status = Status.FORECAST, **changes: Any
) -> Intensity:
    """A slot of DE that begins at unix seconds."""
    seconds = changes.pop("seconds", HALF_HOUR)
    zone = changes.pop("zone", "DE")
    values = {
        "provider": "energy_charts",
        "tier": TIERS[status],
        "status": status,
        "version": "",
        "valid_from_unix_seconds": start,
        "valid_until_unix_seconds": start + seconds,
    }
    return intensity(zone, str(grams), **{**values, **changes})


def slots(
    grams: Sequence[float | str | None],
    start: int = EIGHT,
    status: Status = Status.FORECAST,
    **changes: Any,
) -> list[Intensity]:
    """Slots one after the other; None leaves one out."""
    seconds = changes.get("seconds", HALF_HOUR)
    return [
        slot(start + number * seconds, one, status, **changes)
        for number, one in enumerate(grams)
        if one is not None
    ]


def history(*values: Iterable[Intensity], fetched: int = EIGHT - 600) -> History:
    """Providers are preferred in the order of their names."""
    found = History()
    for some in values:
        found.add(some, fetched)
    return found
