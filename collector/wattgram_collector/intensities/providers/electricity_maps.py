"""Electricity Maps, v3 and v4: most grids of the world by the hour, with a key.

Average, imports traced (unless an answer says otherwise), at the busbar; lifecycle or direct as
asked. The newest hours are nearly always estimated, and are replaced hours later. Without
`disableCallerLookup` an unknown zone is answered with the zone that the caller's address lies in,
so the zone of every answer is compared. Sandbox keys get made-up values at HTTP 200. 401 is a bad
key, something that the plan does not have, or too many requests; which, is not said.

A free plan has `history` (24 hours) and `latest` only: where `past-range` or `forecast` are
refused, they are left alone for some hours.

https://portal.electricitymaps.com/docs/api, https://static.electricitymaps.com/api/docs/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from wattgram.units import SECONDS_PER_DAY, SECONDS_PER_HOUR
from wattgram_collector.intensities.providers.answers import in_order, iso_minutes
from wattgram_collector.intensities.providers.electricity_maps_answers import (
    NAME,
    Question,
    parse,
)
from wattgram_collector.intensities.providers.provider import (
    Client,
    Outcome,
    ProviderError,
    Window,
)
from wattgram_collector.intensity import Intensity, Scope

BASE_URL: Final = "https://api.electricitymaps.com"
VERSIONS: Final = ("v3", "v4")
HISTORY_SECONDS: Final = SECONDS_PER_DAY
ALONE_SECONDS: Final = 6 * SECONDS_PER_HOUR
PAST_RANGE_SECONDS_MAX: Final = 10 * SECONDS_PER_DAY
HORIZON_HOURS: Final = (24, 48, 72)

# Its zones are named as ours, but for those of other sources: NESO's regions, eGRID's.
_ZONE: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,6}){0,2}")
_NOT_ITS_ZONE: Final = re.compile(r"GB-[0-9]+|US-[A-Z0-9]{4}")
_REFUSED: Final = frozenset({Outcome.UNAUTHORIZED, Outcome.NOT_FOUND})


class ElectricityMaps:
    """All of its zones. `fetch` is called by one task only."""

    name = NAME
    slot_seconds = SECONDS_PER_HOUR
    lag_seconds = 900

    def __init__(
        self, token: Callable[[], str], scope: Scope = Scope.LIFECYCLE, version: str = "v3"
    ) -> None:
        """`token` gives the key; raises ValueError for a scope or version that there is not."""
        if scope not in {Scope.LIFECYCLE, Scope.DIRECT} or version not in VERSIONS:
            raise ValueError(f"{NAME}: no scope {scope} in version {version}")
        self.scope = scope
        self._token = token
        self._version = version
        self._alone_until: dict[str, int] = {}

    def serves(self, zone: str) -> bool:
        return bool(_ZONE.fullmatch(zone)) and not _NOT_ITS_ZONE.fullmatch(zone)

    async def fetch(
        self, client: Client, zone: str, window: Window, now_unix_seconds: int
    ) -> list[Intensity]:
        question = Question(zone, self.scope, window)
        found = await self._past(client, question, now_unix_seconds)
        expected = await self._forecast(client, question, now_unix_seconds, found)
        return in_order([*found, *expected], window)

    async def _past(self, client: Client, question: Question, now: int) -> list[Intensity]:
        """Return what was, from `past-range` only where the last 24 hours are not enough."""
        window = question.window
        refused = False
        if window.start_unix_seconds < now - HISTORY_SECONDS and self._may("past-range", now):
            try:
                return await self._ask(client, question, "past-range", past_range(window, now))
            except ProviderError as error:
                if error.outcome not in _REFUSED:
                    raise
                refused = True
        if window.end_unix_seconds <= now - HISTORY_SECONDS - SECONDS_PER_HOUR:
            raise ProviderError(Outcome.EMPTY, "history does not go back so far")
        here = now // SECONDS_PER_HOUR * SECONDS_PER_HOUR
        endpoint = "latest" if window.start_unix_seconds >= here else "history"
        found = await self._ask(client, question, endpoint, ())
        if refused:  # and not for too many requests, or this would have been refused too
            self._alone_until["past-range"] = now + ALONE_SECONDS
        return found

    async def _forecast(
        self, client: Client, question: Question, now: int, found: Sequence[Intensity]
    ) -> list[Intensity]:
        """Return what is expected; what was is worth having without it."""
        ahead = question.window.end_unix_seconds - now
        if ahead <= SECONDS_PER_HOUR or not self._may("forecast", now):
            return []
        try:
            return await self._ask(
                client, question, "forecast", (("horizonHours", horizon(ahead)),)
            )
        except ProviderError as error:
            if error.outcome in {Outcome.SYNTHETIC, Outcome.ZONE_MISMATCH} or not found:
                raise
            if error.outcome in _REFUSED:
                self._alone_until["forecast"] = now + ALONE_SECONDS
            return list(error.values)

    async def _ask(
        self,
        client: Client,
        question: Question,
        endpoint: str,
        more: Sequence[tuple[str, str]],
    ) -> list[Intensity]:
        answer = await client.get(
            f"/{self._version}/carbon-intensity/{endpoint}",
            parameters=(
                ("zone", question.zone),
                ("emissionFactorType", question.scope.value),
                ("temporalGranularity", "hourly"),
                ("disableCallerLookup", "true"),
                *more,
            ),
            headers={"auth-token": self._token()},
        )
        return parse(answer.body, question, is_forecast=endpoint == "forecast")

    def _may(self, endpoint: str, now: int) -> bool:
        return self._alone_until.get(endpoint, now) <= now


def past_range(window: Window, now_unix_seconds: int) -> Sequence[tuple[str, str]]:
    end = min(window.end_unix_seconds, now_unix_seconds)
    end = min(end, window.start_unix_seconds + PAST_RANGE_SECONDS_MAX)
    return (("start", iso_minutes(window.start_unix_seconds)), ("end", iso_minutes(end)))


def horizon(ahead_seconds: int) -> str:
    """Return the shortest horizon that there is and that goes so far, else the longest."""
    hours = -(-ahead_seconds // SECONDS_PER_HOUR)
    return str(next((one for one in HORIZON_HOURS if one >= hours), HORIZON_HOURS[-1]))
