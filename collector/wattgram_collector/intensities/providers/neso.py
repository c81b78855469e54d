"""NESO's Carbon Intensity API for Great Britain: no key, by the half hour, two days ahead.

On the direct axis the API's own values: with imports, and with transmission and distribution
losses inside, so that neither is to be added again. The nation has an `actual` some time after
each half hour, revised for a day; a region has forecasts only, for ever. On the lifecycle axis
the API has nothing of its own: its generation mix is priced with the factors that are given. Its
shares in per cent are good to a tenth.

https://carbon-intensity.github.io/api-definitions/ (v2.0.0); data under CC BY 4.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram_collector.intensities.providers import mix, reading
from wattgram_collector.intensities.providers.answers import gathered, in_order, iso_minutes
from wattgram_collector.intensities.providers.mix import Factors
from wattgram_collector.intensities.providers.provider import (
    TIER_OF,
    Client,
    Outcome,
    ProviderError,
    Window,
)
from wattgram_collector.intensity import Boundary, Intensity, Losses, Scope, Status

NAME: Final = "neso"
BASE_URL: Final = "https://api.carbonintensity.org.uk"
NATION: Final = "GB"
HALF_HOUR_SECONDS: Final = 1_800
IMPORTS: Final = "imports"
OTHER: Final = "other"
OTHER_PER_CENT_MAX: Final = 2
"""So little of what has no factor is left out: priced as the rest of the mix, that is."""

_ZONE: Final = re.compile(r"GB(-(?P<region>[1-9]|1[0-7]))?")


class Slot(NamedTuple):
    """One half hour of an answer: unix seconds, and what is said of it."""

    start: int
    end: int
    said: Mapping[str, object]


class Neso:
    """`GB`, and its regions `GB-1` to `GB-17`. With factors: on their axis; else direct."""

    name = NAME
    slot_seconds = HALF_HOUR_SECONDS
    lag_seconds = 600

    def __init__(self, factors: Factors | None = None) -> None:
        self._factors = factors
        self.scope = Scope.DIRECT if factors is None else factors.scope

    def serves(self, zone: str) -> bool:
        return _ZONE.fullmatch(zone) is not None

    async def fetch(
        self, client: Client, zone: str, window: Window, now_unix_seconds: int
    ) -> list[Intensity]:
        answer = await client.get(path(zone, window, with_mix=self._factors is not None))
        return parse(answer.body, zone, window, now_unix_seconds, self._factors)


def region_of(zone: str) -> str | None:
    """Return the API's number of a region; None for the nation."""
    found = _ZONE.fullmatch(zone)
    return found["region"] if found else None


def path(zone: str, window: Window, *, with_mix: bool) -> str:
    """Return where the half hours of a window are, for at most 14 days."""
    start = window.start_unix_seconds // HALF_HOUR_SECONDS * HALF_HOUR_SECONDS
    span = f"{iso_minutes(start)}/{iso_minutes(window.end_unix_seconds)}"
    region = region_of(zone)
    if region is not None:
        return f"/regional/intensity/{span}/regionid/{region}"
    return f"/generation/{span}" if with_mix else f"/intensity/{span}"


def parse(
    body: bytes, zone: str, window: Window, now_unix_seconds: int, factors: Factors | None = None
) -> list[Intensity]:
    """PURE. Return the intensities of the window; raises ProviderError for any other answer."""
    document = reading.json_object(body)
    if not document:
        raise ProviderError(Outcome.EMPTY, "an empty object")
    if "error" in document:
        raise reading.invalid("an error at HTTP 200")
    region = region_of(zone)
    data = document.get("data")
    slots = _slots(data if region is None else _of_region(data, region))
    if factors is not None:
        return _mixed(slots, zone, window, now_unix_seconds, factors)
    found: list[Intensity] = []
    refused: list[str] = []
    for slot in slots:
        said = reading.mapping(slot.said.get("intensity"), "intensity")
        actual = said.get("actual") if region is None else None
        value, status = (
            (said.get("forecast"), Status.FORECAST)
            if actual is None
            else (actual, Status.MEASURED)
        )
        if value is None:
            continue
        try:
            reading.number(value)
            found.append(_intensity(zone, str(value), slot, status))
        except ValueError as error:
            refused.append(str(error))
    return gathered(in_order(found, window), refused)


def _of_region(data: object, region: str) -> object:
    """Return the half hours of a region; the API wraps it in a list or not."""
    if isinstance(data, list):
        if not data:
            return []
        data = data[0]
    found = reading.mapping(data, "data")
    if str(found.get("regionid")) != region:
        raise ProviderError(Outcome.ZONE_MISMATCH, "another region than the one asked for")
    return found.get("data")


def _slots(data: object) -> Iterator[Slot]:
    for one in reading.sequence(data, "data"):
        said = reading.mapping(one, "a half hour")
        start = reading.unix_seconds(said.get("from"), "from")
        end = reading.unix_seconds(said.get("to"), "to")
        if end - start != HALF_HOUR_SECONDS:
            raise reading.invalid("from and to are not half an hour apart")
        yield Slot(start, end, said)


def _mixed(
    slots: Iterator[Slot], zone: str, window: Window, now_unix_seconds: int, factors: Factors
) -> list[Intensity]:
    """Return the intensities that the generation mix has on the axis of the factors."""
    with_imports = factors.of(IMPORTS) is not None
    mixes: dict[int, dict[str, Fraction]] = {}
    ends: dict[int, int] = {}
    for slot in slots:
        found = _mix(slot.said.get("generationmix"))
        if not with_imports:
            found.pop(IMPORTS, None)
        if factors.of(OTHER) is None and found.get(OTHER, 0) <= OTHER_PER_CENT_MAX:
            found.pop(OTHER, None)
        if any(found.values()):
            mixes[slot.start], ends[slot.start] = found, slot.end
    wanted = [start for start in sorted(mixes) if reading.touches(window, start, ends[start])]
    values, holes = mix.priced(mixes, wanted, factors)
    is_regional = region_of(zone) is not None
    priced = [
        _intensity(
            zone,
            text,
            Slot(start, ends[start], {}),
            Status.FORECAST if is_regional or start > now_unix_seconds else Status.ESTIMATED,
            scope=factors.scope,
            boundary=Boundary.CONSUMPTION if with_imports else Boundary.PRODUCTION,
            losses=Losses.BUSBAR,
            version=factors.name,
        )
        for start, text in values.items()
    ]
    return reading.answered(priced, holes, Outcome.PARTIAL, "mixes")


def _mix(value: object) -> dict[str, Fraction]:
    """Return per cent by fuel; a share that is null is not there."""
    found: dict[str, Fraction] = {}
    for one in reading.sequence(value, "generationmix"):
        share = reading.mapping(one, "a fuel")
        fuel = share.get("fuel")
        if not isinstance(fuel, str) or fuel in found:
            raise reading.invalid("generationmix names no fuel, or one twice")
        if share.get("perc") is None:
            continue
        try:
            found[fuel] = reading.number(share["perc"])
        except ValueError:
            raise reading.invalid("a share of generationmix is no number") from None
    return found


def _intensity(
    zone: str,
    text: str,
    slot: Slot,
    status: Status,
    *,
    scope: Scope = Scope.DIRECT,
    boundary: Boundary = Boundary.CONSUMPTION,
    losses: Losses = Losses.DELIVERED,
    version: str = "",
) -> Intensity:
    return Intensity(
        zone=zone,
        grams_per_kilowatt_hour=text,
        tier=TIER_OF[status],
        provider=NAME,
        version=version,
        valid_from_unix_seconds=slot.start,
        valid_until_unix_seconds=slot.end,
        scope=scope,
        boundary=boundary,
        losses=losses,
        status=status,
    )
