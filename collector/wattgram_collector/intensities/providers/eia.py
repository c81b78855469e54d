"""U.S. Energy Information Administration, hourly generation by energy source (form EIA-930).

Net generation in megawatt-hours per balancing authority of the lower 48 states, made into an
intensity. A period is named by its END, in UTC: `2026-03-27T01` is [00:00, 01:00). Numbers come
as strings since v2.1.6. At most 5000 rows come at once, whatever is asked for, so pages are asked
for until `total` is there. Negative: pumping, charging, a plant's own use. The key is in the
query, and the answer repeats the query: no text ever holds anything of either.

https://www.eia.gov/opendata/documentation.php (API v2); public domain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.units import SECONDS_PER_HOUR
from wattgram_collector.intensities.providers import mix, reading
from wattgram_collector.intensities.providers.eia_areas import FUEL_OF, respondent_of
from wattgram_collector.intensities.providers.mix import Factors
from wattgram_collector.intensities.providers.provider import (
    Client,
    Outcome,
    ProviderError,
    Window,
)
from wattgram_collector.intensity import Intensity

NAME: Final = "eia"
BASE_URL: Final = "https://api.eia.gov"
PATH: Final = "/v2/electricity/rto/fuel-type-data/data/"
ROWS_PER_PAGE: Final = 5_000
PAGES_MAX: Final = 40
_PERIOD: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}", re.ASCII)


class Row(NamedTuple):
    """Net generation of one energy source in the hour from `start`; None where it is not said."""

    start: int
    source: str
    megawatt_hours: Fraction | None


class Eia:
    """Balancing areas of the United States, on the axis of the factors."""

    name = NAME
    slot_seconds = SECONDS_PER_HOUR
    lag_seconds = 2 * SECONDS_PER_HOUR

    def __init__(self, key: Callable[[], str], factors: Factors) -> None:
        self._key = key
        self._factors = factors

    def serves(self, zone: str) -> bool:
        return respondent_of(zone) is not None

    async def fetch(
        self,
        client: Client,
        zone: str,
        window: Window,
        now_unix_seconds: int,  # noqa: ARG002 -- the seam's
    ) -> list[Intensity]:
        respondent = respondent_of(zone) or ""
        asked = parameters(respondent, window)
        rows: list[Row] = []
        for _ in range(PAGES_MAX):
            page = (("api_key", self._key()), *asked, ("offset", str(len(rows))))
            answer = await client.get(PATH, parameters=page)
            total, found = records(answer.body, respondent)
            rows += found
            if len(rows) >= total:
                return intensities(rows, zone, window, self._factors)
            if not found:
                break
        raise ProviderError(Outcome.PARTIAL, "fewer rows than it says there are")


def parameters(respondent: str, window: Window) -> Sequence[tuple[str, str]]:
    """Return what is asked, the key and the page apart: the day before too, to compare with."""
    first = (window.start_unix_seconds - mix.RECENT_SECONDS) // SECONDS_PER_HOUR + 1
    last = -(-window.end_unix_seconds // SECONDS_PER_HOUR)
    return (
        ("frequency", "hourly"),
        ("data[0]", "value"),
        ("facets[respondent][]", respondent),
        ("start", _period(first)),
        ("end", _period(last)),
        ("sort[0][column]", "period"),
        ("sort[0][direction]", "asc"),
        ("sort[1][column]", "fueltype"),
        ("sort[1][direction]", "asc"),
        ("length", str(ROWS_PER_PAGE)),
    )


def _period(hour: int) -> str:
    return f"{datetime.fromtimestamp(hour * SECONDS_PER_HOUR, UTC):%Y-%m-%dT%H}"


def parse(
    body: bytes, respondent: str, zone: str, window: Window, factors: Factors
) -> list[Intensity]:
    """PURE. Return the intensities of one page that holds all rows; raises ProviderError."""
    total, rows = records(body, respondent)
    if len(rows) < total:
        raise ProviderError(Outcome.PARTIAL, "one page of several")
    return intensities(rows, zone, window, factors)


def records(body: bytes, respondent: str) -> tuple[int, list[Row]]:
    """Return how many rows there are in all, and those of this page; raises ProviderError."""
    response = reading.mapping(reading.filled_object(body).get("response"), "response")
    if response.get("frequency", "hourly") != "hourly":
        raise reading.invalid("not hours of UTC")
    total = reading.whole(response.get("total"), "total")
    rows = reading.sequence(response.get("data"), "data")
    return total, [_row(row, respondent) for row in rows]


def _row(value: object, respondent: str) -> Row:
    row = reading.mapping(value, "a row")
    if row.get("respondent") != respondent:
        raise ProviderError(Outcome.ZONE_MISMATCH, "generation of another balancing authority")
    if row.get("value-units", "megawatthours") != "megawatthours":
        raise reading.invalid("generation in another unit than megawatt-hours")
    period, source = row.get("period"), row.get("fueltype")
    if not isinstance(source, str) or not isinstance(period, str) or not _PERIOD.fullmatch(period):
        raise reading.invalid("a row without its hour of UTC and energy source")
    end = reading.unix_seconds(f"{period}:00Z", "period")
    amount = row.get("value")
    try:
        megawatt_hours = None if amount is None else reading.number(amount)
    except ValueError:
        raise reading.invalid("a value that is not a number") from None
    return Row(end - SECONDS_PER_HOUR, source, megawatt_hours)


def intensities(
    rows: Iterable[Row], zone: str, window: Window, factors: Factors
) -> list[Intensity]:
    """Return the intensities of the hours that the window touches; raises ProviderError."""
    slots = _slots(rows)
    wanted = [
        start
        for start in sorted(slots)
        if reading.touches(window, start, start + SECONDS_PER_HOUR)
    ]
    values, holes = mix.priced(slots, wanted, factors, FUEL_OF)
    found = mix.measured(values, SECONDS_PER_HOUR, zone, NAME, factors)
    return reading.answered(found, holes, Outcome.PARTIAL, "mixes")


def _slots(rows: Iterable[Row]) -> dict[int, dict[str, Fraction]]:
    """Return generation by energy source and hour, without hours that contradict themselves.

    What is not said is missing, which is not 0.
    """
    slots: dict[int, dict[str, Fraction]] = {}
    contradicted = set()
    for start, source, amount in rows:
        if amount is None:
            continue
        if slots.setdefault(start, {}).setdefault(source, amount) != amount:
            contradicted.add(start)
    return {start: found for start, found in slots.items() if start not in contradicted}
