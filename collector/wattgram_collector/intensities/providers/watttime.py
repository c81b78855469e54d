"""WattTime v3: what one kilowatt-hour more would emit. MARGINAL: for advice, never for accounts.

A token is bought with the account (Basic) and lasts 30 minutes; it is renewed after 25, and once
when it is refused. The forecast begins now and is what is nearest to live; history comes
behind it and includes both ends of what is asked for. A new model restates all history, so the
date of the model is the version. Values are pounds per megawatt-hour; a percentile is none.

https://docs.watttime.org (openapi.json, version V3). Commercial; values may not be passed on.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from wattgram.units import SECONDS_PER_DAY, SECONDS_PER_HOUR
from wattgram_collector.intensities.providers import answers, reading
from wattgram_collector.intensities.providers.provider import (
    Answer,
    Client,
    Outcome,
    ProviderError,
    Window,
)
from wattgram_collector.intensities.providers.watttime_answers import (
    NAME,
    SIGNAL_TYPE,
    Place,
    Points,
    parse_region,
    parse_token,
    points,
)
from wattgram_collector.intensity import Intensity

BASE_URL: Final = "https://api.watttime.org"
REQUESTS_PER_FIVE_MINUTES_MAX: Final = 3_000
LOGINS_PER_FIVE_MINUTES_MAX: Final = 100
SLOT_SECONDS: Final = 300
TOKEN_SECONDS: Final = 25 * 60
YOUNG_TOKEN_SECONDS: Final = 60
"""A token that is refused though it is younger than this is refused for another reason."""
REGION_SECONDS: Final = 30 * SECONDS_PER_DAY
CHUNK_SECONDS: Final = 30 * SECONDS_PER_DAY
HORIZON_HOURS_MAX: Final = 72


class _Token(NamedTuple):
    text: str
    since_unix_seconds: int


class WattTime:
    """Marginal intensity of the zones that the operator names the region or the place of.

    `account` gives `user:password`.
    """

    name = NAME
    slot_seconds = SLOT_SECONDS
    lag_seconds = SLOT_SECONDS

    def __init__(self, account: Callable[[], str], regions: Mapping[str, str | Place]) -> None:
        self._account = account
        self._regions = {zone.upper(): region for zone, region in regions.items()}
        self._found: dict[str, tuple[str, int]] = {}
        self._token: _Token | None = None
        self._login = asyncio.Lock()
        self._login_failed: tuple[ProviderError, int] | None = None

    def serves(self, zone: str) -> bool:
        return zone.upper() in self._regions

    async def fetch(
        self, client: Client, zone: str, window: Window, now_unix_seconds: int
    ) -> list[Intensity]:
        now = now_unix_seconds
        region = await self._region(client, zone, now)
        read: list[Points] = []
        past = Window(window.start_unix_seconds, min(window.end_unix_seconds, now))
        for part in reading.chunks(past, CHUNK_SECONDS):
            asked = history_parameters(region, part)
            answer = await self._get(client, "/v3/historical", asked, now)
            read.append(points(answer.body, zone, region, part, forecast=False))
        if window.end_unix_seconds > now:
            ahead = Window(max(window.start_unix_seconds, now), window.end_unix_seconds)
            asked = forecast_parameters(region, ahead.end_unix_seconds - now)
            answer = await self._get(client, "/v3/forecast", asked, now)
            read.append(points(answer.body, zone, region, ahead, forecast=True))
        found = answers.in_order([one for part in read for one in part.found], window)
        refused = sum(part.refused for part in read)
        return reading.answered(found, refused, Outcome.INVALID, "values")

    # ── the token ────────────────────────────────────────────────────────────────────────

    async def _get(
        self, client: Client, path: str, parameters: Sequence[tuple[str, str]], now: int
    ) -> Answer:
        token = await self._valid_token(client, now)
        try:
            return await client.get(path, parameters=parameters, headers=_bearer(token))
        except ProviderError as error:
            age = now - token.since_unix_seconds
            if error.outcome is not Outcome.UNAUTHORIZED or age < YOUNG_TOKEN_SECONDS:
                raise
        renewed = await self._valid_token(client, now, refused=token)
        return await client.get(path, parameters=parameters, headers=_bearer(renewed))

    async def _valid_token(
        self, client: Client, now: int, *, refused: _Token | None = None
    ) -> _Token:
        """Return a token that is not `refused`; of many that wait, a single one logs in."""
        async with self._login:
            token = self._token
            if (
                token is not None
                and token is not refused
                and _is_recent(token.since_unix_seconds, now, TOKEN_SECONDS)
            ):
                return token
            if self._login_failed is not None:
                error, at = self._login_failed
                if _is_recent(at, now, YOUNG_TOKEN_SECONDS):
                    raise ProviderError(
                        error.outcome, str(error), retry_after_seconds=error.retry_after_seconds
                    )
            try:
                answer = await client.get("/login", headers=_basic(self._account()))
                self._token = _Token(parse_token(answer.body), now)
            except ProviderError as error:
                self._login_failed = (error, now)
                raise
            self._login_failed = None
            return self._token

    # ── the region ───────────────────────────────────────────────────────────────────────

    async def _region(self, client: Client, zone: str, now: int) -> str:
        """Return the region of a zone; that of a place is asked for again each month."""
        region = self._regions[zone.upper()]
        if isinstance(region, str):
            return region
        known = self._found.get(zone.upper())
        if known is not None and _is_recent(known[1], now, REGION_SECONDS):
            return known[0]
        asked = (
            ("latitude", region.latitude),
            ("longitude", region.longitude),
            ("signal_type", SIGNAL_TYPE),
        )
        answer = await self._get(client, "/v3/region-from-loc", asked, now)
        found = parse_region(answer.body)
        self._found[zone.upper()] = (found, now)
        return found


def _is_recent(since: int, now: int, seconds: int) -> bool:
    """Return whether it is less than so long ago; a clock that was set back makes it not so."""
    return 0 <= now - since < seconds


def _bearer(token: _Token) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token.text}"}


def _basic(account: str) -> Mapping[str, str]:
    return {"Authorization": f"Basic {b64encode(account.encode()).decode()}"}


def history_parameters(region: str, window: Window) -> Sequence[tuple[str, str]]:
    """Return what is asked. Both ends are included, so the last is a second before the end."""
    start = window.start_unix_seconds // SLOT_SECONDS * SLOT_SECONDS
    return (
        ("region", region),
        ("signal_type", SIGNAL_TYPE),
        ("start", reading.iso_utc(start)),
        ("end", reading.iso_utc(window.end_unix_seconds - 1)),
    )


def forecast_parameters(region: str, seconds: int) -> Sequence[tuple[str, str]]:
    hours = min(-(-seconds // SECONDS_PER_HOUR), HORIZON_HOURS_MAX)
    return (("region", region), ("signal_type", SIGNAL_TYPE), ("horizon_hours", str(hours)))
