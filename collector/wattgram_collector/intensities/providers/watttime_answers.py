"""PURE. What WattTime v3 answers: tokens, regions, and marginal intensities.

https://docs.watttime.org (openapi.json, version V3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from wattgram.units import GRAMS_PER_POUND, KILOWATT_HOURS_PER_MEGAWATT_HOUR, SECONDS_PER_HOUR
from wattgram_collector.intensities.providers import answers, mix, reading
from wattgram_collector.intensities.providers.provider import (
    TIER_OF,
    Outcome,
    ProviderError,
    Window,
)
from wattgram_collector.intensity import Boundary, Intensity, Losses, Scope, Signal, Status

NAME: Final = "watttime"
SIGNAL_TYPE: Final = "co2_moer"
UNITS: Final = "lbs_co2_per_mwh"
_TOKEN: Final = re.compile(r"[!-~]{1,8192}")
_REGION: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
LATITUDE_DEGREES_MAX: Final = 90
LONGITUDE_DEGREES_MAX: Final = 180


class Place(NamedTuple):
    """Degrees, as decimal text. The equator and the meridian of Greenwich are places: 0 is one."""

    latitude: str
    longitude: str


def region_or_place(text: str) -> str | Place:
    """PURE. Return what an operator wrote: `CAISO_NORTH`, or `38.58,-121.49`; or ValueError."""
    if _REGION.fullmatch(text):
        return text
    latitude, comma, longitude = text.partition(",")
    place = Place(latitude.strip(), longitude.strip())
    limits = zip(place, (LATITUDE_DEGREES_MAX, LONGITUDE_DEGREES_MAX), strict=True)
    try:
        if comma and all(abs(reading.number(degrees)) <= limit for degrees, limit in limits):
            return place
    except ValueError:
        pass
    raise ValueError(f"neither a region of WattTime's nor latitude,longitude: {text!r}")


def parse_token(body: bytes) -> str:
    """Return the token of a login; raises ProviderError."""
    token = reading.filled_object(body).get("token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise reading.invalid("a login without a token")
    return token


def parse_region(body: bytes) -> str:
    """Return the region that a place is in; raises ProviderError."""
    document = reading.filled_object(body)
    if "error" in document:
        raise ProviderError(Outcome.NOT_FOUND, "no region covers the place")
    region = document.get("region")
    if not isinstance(region, str) or not _REGION.fullmatch(region):
        raise reading.invalid("a place without a region")
    return region


class Points(NamedTuple):
    """Slots of one answer, and how many values in it are no intensity."""

    found: list[Intensity]
    refused: int


def parse(
    body: bytes, zone: str, region: str, window: Window, *, forecast: bool
) -> list[Intensity]:
    """Return the slots that touch the window; raises ProviderError, empty where there is none."""
    return reading.answered(
        *points(body, zone, region, window, forecast=forecast), Outcome.INVALID, "values"
    )


def points(body: bytes, zone: str, region: str, window: Window, *, forecast: bool) -> Points:
    """Return the slots that touch the window; none is no error.

    Raises ProviderError for another region, signal or unit than was asked for, and for slots
    that overlap.
    """
    document = reading.filled_object(body)
    meta = reading.mapping(document.get("meta"), "meta")
    if meta.get("region") != region:
        raise ProviderError(Outcome.ZONE_MISMATCH, "values of another region")
    if meta.get("signal_type") != SIGNAL_TYPE or meta.get("units") != UNITS:
        raise reading.invalid(f"not {SIGNAL_TYPE} in {UNITS}")
    seconds = reading.whole(meta.get("data_point_period_seconds"), "data_point_period_seconds")
    if not 0 < seconds <= SECONDS_PER_HOUR:
        raise reading.invalid("slots of no such length")
    version = model_date(meta)
    found: list[Intensity] = []
    refused = 0
    for value in reading.sequence(document.get("data"), "data"):
        point = reading.mapping(value, "a point")
        start = reading.unix_seconds(point.get("point_time"), "point_time")
        if point.get("value") is None or not reading.touches(window, start, start + seconds):
            continue
        text = grams_per_kilowatt_hour(point.get("value"))
        if text is None:
            refused += 1
            continue
        status = Status.ESTIMATED if point.get("imputed_data_used") is True else Status.MEASURED
        status = Status.FORECAST if forecast else status
        found.append(_marginal(zone, text, Window(start, start + seconds), version, status))
    if len(answers.in_order(found, window)) < len(found):
        raise reading.invalid("slots that overlap")
    return Points(found, refused)


def model_date(meta: Mapping[str, object]) -> str:
    """Return the date of the model, which is the version of its values."""
    model = reading.mapping(meta.get("model"), "model")
    date = model.get("date")
    if not isinstance(date, str) or not _DATE.fullmatch(date):
        raise reading.invalid("a model without a date")
    return date


def grams_per_kilowatt_hour(pounds_per_megawatt_hour: object) -> str | None:
    """Return pounds per megawatt-hour x 0.45359237; None for what is no intensity."""
    try:
        pounds = reading.number(pounds_per_megawatt_hour)
    except ValueError:
        return None
    text = mix.decimal_text(pounds * GRAMS_PER_POUND / KILOWATT_HOURS_PER_MEGAWATT_HOUR)
    return text if pounds >= 0 and reading.plausible(text) else None


def _marginal(zone: str, text: str, slot: Window, version: str, status: Status) -> Intensity:
    return Intensity(
        zone=zone,
        grams_per_kilowatt_hour=text,
        tier=TIER_OF[status],
        provider=NAME,
        version=version,
        valid_from_unix_seconds=slot.start_unix_seconds,
        valid_until_unix_seconds=slot.end_unix_seconds,
        signal=Signal.MARGINAL,
        scope=Scope.DIRECT,
        boundary=Boundary.UNSPECIFIED,
        losses=Losses.UNSPECIFIED,
        status=status,
    )
