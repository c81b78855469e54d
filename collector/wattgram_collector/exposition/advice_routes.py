"""What providers said and expect, over HTTP, in the shape of the Carbon Aware SDK's web API.

A client of the SDK can be pointed here. Where the SDK would answer with a mean of nothing, this
one says what is missing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Final

from aiohttp import web

from wattgram.units import SECONDS_PER_MINUTE
from wattgram_collector.access.credentials import Role
from wattgram_collector.access.http import needs
from wattgram_collector.accounting.advice import (
    AdviceError,
    Curve,
    HorizonError,
    NoForecastError,
    advise,
    curve_of,
    instant,
)
from wattgram_collector.advising import Advisor, fetched_unix_seconds
from wattgram_collector.exposition.advice_queries import (
    SPAN_SECONDS_MAX,
    Json,
    ProblemError,
    Query,
    emissions_data,
    emissions_forecast,
    iso,
    ordered,
    span,
)
from wattgram_collector.exposition.advice_text import as_json
from wattgram_collector.intensity import Intensity, Signal

PROBLEM: Final = "application/problem+json"

Answering = Callable[[Query], Json | list[Json]]
Handler = Callable[[web.Request], Awaitable[web.Response]]


def advice_routes(
    advisor: Advisor, unix_seconds: Callable[[], float] = time.time
) -> list[web.RouteDef]:
    """Return the routes over what is known."""
    desk = _Desk(advisor, unix_seconds)
    answers: dict[str, Answering] = {
        "/locations": desk.locations,
        "/emissions/bylocation": desk.by_location,
        "/emissions/bylocations": desk.by_locations,
        "/emissions/bylocations/best": desk.best_by_locations,
        "/emissions/forecasts/current": desk.forecasts,
        "/emissions/average-carbon-intensity": desk.mean,
    }
    return [web.get(path, _handler(answer)) for path, answer in answers.items()]


def _handler(answer: Answering) -> Handler:
    @needs(Role.READ)
    @wraps(answer)
    async def handle(request: web.Request) -> web.Response:
        try:
            found = answer(Query.of(request.query.items()))
        except ProblemError as problem:
            text = json.dumps(problem.details)
            return web.Response(status=problem.status, text=text, content_type=PROBLEM)
        return web.json_response(found) if found else web.Response(status=204)

    return handle


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    now: int
    start: int | None
    end: int | None
    duration: int | None
    signal: Signal
    is_told: bool

    @property
    def begin(self) -> int:
        return self.now if self.start is None else self.start


class _Desk:
    """Each question is a method; all raise ProblemError."""

    def __init__(self, advisor: Advisor, unix_seconds: Callable[[], float]) -> None:
        self._advisor = advisor
        self._unix_seconds = unix_seconds

    def locations(self, _: Query) -> Json:
        zones = self._advisor.history.zones
        return {zone: {"latitude": None, "longitude": None, "name": zone} for zone in zones}

    def by_location(self, query: Query) -> list[Json]:
        return self._observed(query, [query.location()])

    def by_locations(self, query: Query) -> list[Json]:
        return self._observed(query, query.locations())

    def best_by_locations(self, query: Query) -> list[Json]:
        found = self._observed(query, query.locations())
        lowest = min((one["rating"] for one in found), default=None)
        return [one for one in found if one["rating"] == lowest]

    def mean(self, query: Query) -> Json:
        location = query.location()
        start, end = ordered(
            "startTime",
            query.required_instant("startTime"),
            "endTime",
            query.required_instant("endTime"),
        )
        values = list(self._advisor.observed(self._zone(location), start, end))
        try:
            mean = Curve(values, start, end).mean(start, end)
        except HorizonError as error:
            name = "startTime" if error.reach_unix_seconds == start else "endTime"
            raise ProblemError(400, name, f"Of what was observed: {error}.") from error
        return {
            "location": location,
            "startTime": iso(start),
            "endTime": iso(end),
            "carbonIntensity": float(mean),
        }

    def forecasts(self, query: Query) -> list[Json]:
        asked = _Asked(
            now=int(self._unix_seconds()),
            start=query.instant("dataStartAt"),
            end=query.instant("dataEndAt"),
            duration=query.window_seconds(),
            signal=query.signal(),
            is_told=query.wants_advice(),
        )
        if asked.end is not None:
            ordered("dataStartAt", asked.begin, "dataEndAt", asked.end)
        return [self._forecast(location, asked) for location in query.locations()]

    def _forecast(self, location: str, asked: _Asked) -> Json:
        zone = self._zone(location)
        try:
            values, curve = self._curve(zone, asked)
        except HorizonError as error:
            name = "dataStartAt" if error.reach_unix_seconds <= asked.begin else "dataEndAt"
            raise ProblemError(400, name, f"{location}: {error}.") from error
        except NoForecastError as error:
            raise ProblemError(501, "location", f"{error}.") from error
        except AdviceError as error:
            raise ProblemError(400, "dataEndAt", f"{location}: {error}.") from error
        duration = asked.duration or _whole_minutes(values[0])
        generated = fetched_unix_seconds(values)
        found = emissions_forecast(location, curve, duration, asked.now, generated)
        if asked.is_told:
            error_ratio = self._advisor.error_ratio
            fits = duration <= curve.end - curve.start
            told = fits and advise(values, curve.start, duration, curve.end, error_ratio)
            found["advice"] = as_json(told) if told else None
        return found

    def _curve(self, zone: str, asked: _Asked) -> tuple[Sequence[Intensity], Curve]:
        """Raises AdviceError as accounting.advice does."""
        try:
            values = self._advisor.forecast(zone, asked.begin, asked.end, asked.signal)
        except NoForecastError:
            known = self._advisor.forecast(zone, asked.now, None, asked.signal)
            first, last = known[0].valid_from_unix_seconds, known[-1].valid_until_unix_seconds
            text = f"the forecast is of {instant(first)} to {instant(last)} only"
            raise HorizonError(text, asked.begin) from None
        begin = asked.begin
        if asked.start is None:
            begin = max(begin, values[0].valid_from_unix_seconds)
        return values, curve_of(values, begin, asked.end)

    def _observed(self, query: Query, locations: Iterable[str]) -> list[Json]:
        places = {location: self._zone(location) for location in locations}
        start, end = span(query, int(self._unix_seconds()), len(places))
        return [
            emissions_data(location, value)
            for location, zone in places.items()
            for value in self._advisor.observed(zone, start, end)
        ]

    def _zone(self, location: str) -> str:
        zone = self._advisor.zone_of(location)
        if not self._advisor.knows(zone):
            raise ProblemError(400, "location", f"Nothing is known of the location {location!r}.")
        return zone


def _whole_minutes(slot: Intensity) -> int:
    """Return how long a slot is, in whole minutes of seconds."""
    seconds = slot.valid_until_unix_seconds - slot.valid_from_unix_seconds
    minutes = max(1, seconds // SECONDS_PER_MINUTE)
    return min(minutes * SECONDS_PER_MINUTE, SPAN_SECONDS_MAX)
