"""Energy-Charts of Fraunhofer ISE: European countries, no key, by the quarter of an hour.

Its documentation does not say whether `co2eq` is direct or lifecycle, nor whether imports and
losses are inside: all three stay unspecified, unless the operator says which scope it is. What is
asked for as direct or lifecycle is never priced with an unspecified value.

https://api.energy-charts.info (v1.5); data under CC BY 4.0. Times may be ISO 8601 with an offset;
the end is part of the answer. No rate is published; limits are strict since v1.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from wattgram.units import SECONDS_PER_HOUR
from wattgram_collector.intensities.providers import reading
from wattgram_collector.intensities.providers.answers import gathered, in_order, iso_minutes
from wattgram_collector.intensities.providers.provider import (
    TIER_OF,
    Client,
    Outcome,
    ProviderError,
    Window,
)
from wattgram_collector.intensity import Boundary, Intensity, Losses, Scope, Status

NAME: Final = "energy_charts"
BASE_URL: Final = "https://api.energy-charts.info"
PATH: Final = "/co2eq"
QUARTER_SECONDS: Final = 900
STEP_SECONDS_MIN: Final = 300

# As its documentation lists them, but for the United Kingdom: whether that is with Northern
# Ireland, which is on the Irish grid and is listed too, is not said.
COUNTRIES: Final = frozenset(
    {"AL", "AM", "AT", "AZ", "BA", "BE", "BG", "BY", "CH", "CY", "CZ", "DE", "DK", "EE", "ES",
     "FI", "FR", "GE", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MD", "ME", "MK", "MT",
     "NL", "NO", "PL", "PT", "RO", "RS", "RU", "SE", "SI", "SK", "TR", "UA", "XK"}
)  # fmt: skip


class EnergyCharts:
    """Countries by their ISO 3166-1 code. `scope` is what the operator takes the values to be."""

    name = NAME
    slot_seconds = QUARTER_SECONDS
    lag_seconds = 900

    def __init__(self, scope: Scope = Scope.UNSPECIFIED) -> None:
        self.scope = scope

    def serves(self, zone: str) -> bool:
        return zone in COUNTRIES

    async def fetch(
        self,
        client: Client,
        zone: str,
        window: Window,
        now_unix_seconds: int,  # noqa: ARG002 -- the seam's
    ) -> list[Intensity]:
        answer = await client.get(PATH, parameters=parameters(zone, window))
        return parse(answer.body, zone, window, self.scope)


def parameters(zone: str, window: Window) -> Sequence[tuple[str, str]]:
    return (
        ("country", zone.lower()),
        ("start", iso_minutes(window.start_unix_seconds)),
        ("end", iso_minutes(window.end_unix_seconds)),
    )


def parse(
    body: bytes, zone: str, window: Window, scope: Scope = Scope.UNSPECIFIED
) -> list[Intensity]:
    """PURE. Return the intensities of the window; raises ProviderError for any other answer."""
    document = reading.json_object(body)
    if not document:
        raise ProviderError(Outcome.EMPTY, "an empty object")
    starts = _starts(document.get("unix_seconds"))
    measured = _column(document.get("co2eq"), "co2eq", len(starts))
    forecast = _column(document.get("co2eq_forecast"), "co2eq_forecast", len(starts))
    step = _step_seconds(starts)
    found: list[Intensity] = []
    refused: list[str] = []
    for start, is_so, was_expected in zip(starts, measured, forecast, strict=True):
        value, status = (
            (was_expected, Status.FORECAST) if is_so is None else (is_so, Status.MEASURED)
        )
        if value is None:
            continue
        try:
            reading.number(value)
            found.append(_intensity(zone, str(value), start, step, scope, status))
        except ValueError as error:
            refused.append(str(error))
    return gathered(in_order(found, window), refused)


def _starts(value: object) -> list[int]:
    """Return the times, which must ascend: values are told apart by nothing else."""
    if value is None:
        raise ProviderError(Outcome.EMPTY, "no times")
    starts = [
        reading.whole(one, "unix_seconds") for one in reading.sequence(value, "unix_seconds")
    ]
    if any(late <= early for early, late in pairwise(starts)):
        raise reading.invalid("unix_seconds do not ascend")
    return starts


def _column(value: object, name: str, length: int) -> Sequence[object]:
    """Return as many values as there are times; a column that is not there is all null."""
    if value is None:
        return [None] * length
    column = reading.sequence(value, name)
    if len(column) != length:
        raise reading.invalid(f"{name} has {len(column)} values for {length} times")
    return column


def _step_seconds(starts: Sequence[int]) -> int:
    """Return how long each value holds: the least distance of two, some countries' an hour."""
    steps = [late - early for early, late in pairwise(starts)]
    step = min(steps, default=QUARTER_SECONDS)
    if step < STEP_SECONDS_MIN:
        raise reading.invalid("unix_seconds are too close")
    return min(step, SECONDS_PER_HOUR)


def _intensity(
    zone: str, text: str, start: int, step: int, scope: Scope, status: Status
) -> Intensity:
    return Intensity(
        zone=zone,
        grams_per_kilowatt_hour=text,
        tier=TIER_OF[status],
        provider=NAME,
        version="",
        valid_from_unix_seconds=start,
        valid_until_unix_seconds=start + step,
        scope=scope,
        boundary=Boundary.UNSPECIFIED,
        losses=Losses.UNSPECIFIED,
        status=status,
    )
