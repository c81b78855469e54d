"""PURE. Answers of Electricity Maps: every endpoint's, v3's and v4's, and those that are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from wattgram.units import SECONDS_PER_HOUR
from wattgram_collector.intensities.providers import reading
from wattgram_collector.intensities.providers.answers import gathered, in_order
from wattgram_collector.intensities.providers.provider import (
    TIER_OF,
    Outcome,
    ProviderError,
    Window,
)
from wattgram_collector.intensity import Boundary, Intensity, Losses, Scope, Status

NAME: Final = "electricity_maps"
SANDBOX_METHOD: Final = "SANDBOX_MODE_DATA"
SANDBOX_DISCLAIMER: Final = "SANDBOX MODE"
STEP_SECONDS_OF: Final = {"5_minutes": 300, "15_minutes": 900, "hourly": SECONDS_PER_HOUR}
VERSION_LENGTH_MAX: Final = 40


class Question(NamedTuple):
    """What is asked of one zone, and so what an answer must be about."""

    zone: str
    scope: Scope
    window: Window


def parse(body: bytes, question: Question, *, is_forecast: bool = False) -> list[Intensity]:
    """PURE. Return the intensities of any of its endpoints; raises ProviderError."""
    document = reading.json_object(body)
    if not document or document.get("status") == "no-data":
        raise ProviderError(Outcome.EMPTY, "no data")
    items = _items(document)
    _require_real([document, *items])
    _require_about(document, question)
    found: list[Intensity] = []
    refused: list[str] = []
    for one in items:
        _require_about({"zone": question.zone, **one}, question)
        value = one.get("carbonIntensity", one.get("value"))
        if value is None:
            continue
        start = reading.unix_seconds(one.get("datetime"), "datetime")
        step = _step_seconds(one, document)
        version = _version(one.get("updatedAt", document.get("updatedAt")))
        boundary = _boundary({**document, **one})
        try:
            reading.number(value)
            found.append(
                _intensity(
                    question, str(value), Window(start, start + step),
                    status=_status(one, is_forecast=is_forecast),
                    version=version,
                    boundary=boundary,
                )
            )  # fmt: skip
        except ValueError as error:
            refused.append(str(error))
    return gathered(in_order(found, question.window), refused)


def _items(document: Mapping[str, object]) -> list[dict[str, object]]:
    """Return the hours of an answer: of `history`, `data` or `forecast`, or itself one."""
    for name in ("history", "data", "forecast"):
        if name in document:
            values = reading.sequence(document[name], name)
            return [reading.mapping(one, f"an item of {name}") for one in values]
    if "carbonIntensity" in document:
        return [dict(document)]
    raise reading.invalid("no carbonIntensity, at HTTP 200")


def _require_real(parts: Sequence[Mapping[str, object]]) -> None:
    """Raise ProviderError for made-up values, one of which makes all of them so."""
    for one in parts:
        disclaimer = one.get("_disclaimer")
        is_sandbox = isinstance(disclaimer, str) and SANDBOX_DISCLAIMER in disclaimer.upper()
        if is_sandbox or one.get("estimationMethod") == SANDBOX_METHOD:
            raise ProviderError(Outcome.SYNTHETIC, "sandbox data: the key is one for trying out")


def _require_about(said: Mapping[str, object], question: Question) -> None:
    """Raise ProviderError unless the answer is of the zone and on the axis asked for."""
    if said.get("zone") != question.zone:
        raise ProviderError(Outcome.ZONE_MISMATCH, "another zone than the one asked for")
    if said.get("emissionFactorType", question.scope) != question.scope:
        raise reading.invalid("another emissionFactorType than the one asked for")


def _step_seconds(one: Mapping[str, object], document: Mapping[str, object]) -> int:
    granularity = one.get("temporalGranularity", document.get("temporalGranularity", "hourly"))
    if not isinstance(granularity, str) or granularity not in STEP_SECONDS_OF:
        raise reading.invalid("a temporalGranularity that was not asked for")
    return STEP_SECONDS_OF[granularity]


def _status(one: Mapping[str, object], *, is_forecast: bool) -> Status:
    """Return the status; what does not say that it was measured is estimated."""
    if is_forecast:
        return Status.FORECAST
    return Status.MEASURED if one.get("isEstimated") is False else Status.ESTIMATED


def _version(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= VERSION_LENGTH_MAX else ""


def _boundary(said: Mapping[str, object]) -> Boundary:
    return Boundary.PRODUCTION if said.get("flowTraced") is False else Boundary.CONSUMPTION


def _intensity(
    question: Question,
    text: str,
    window: Window,
    *,
    status: Status,
    version: str,
    boundary: Boundary,
) -> Intensity:
    return Intensity(
        zone=question.zone,
        grams_per_kilowatt_hour=text,
        tier=TIER_OF[status],
        provider=NAME,
        version=version,
        valid_from_unix_seconds=window.start_unix_seconds,
        valid_until_unix_seconds=window.end_unix_seconds,
        scope=question.scope,
        boundary=boundary,
        losses=Losses.BUSBAR,
        status=status,
    )
