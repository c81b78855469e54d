"""Functional units that Prometheus counts: one instant query for each step of a period.

What Prometheus does not know, or warns about, is an error that is told: it is never 0.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

import aiohttp
from yarl import URL

from wattgram.units import BYTES_PER_MEBIBYTE, SECONDS_PER_DAY, SECONDS_PER_HOUR
from wattgram_collector.intensities.providers.client import USER_AGENT, proxy_of, why
from wattgram_collector.intensities.providers.key_file import read_token
from wattgram_collector.intensities.providers.provider import ProviderError
from wattgram_collector.inventory.periods import Interval, ReportPeriod, day_of
from wattgram_collector.inventory.periods import midnight_unix_seconds as midnight
from wattgram_collector.inventory.said.rows import Said
from wattgram_collector.inventory.said.units import iso
from wattgram_collector.inventory.said.units_settings import (
    PLACEHOLDER,
    FunctionalUnitsSettings,
)
from wattgram_collector.reports.numbers import exact

PATH: Final = "api/v1/query"
ANSWER_BYTES_MAX: Final = BYTES_PER_MEBIBYTE
_WORDS_MAX: Final = 200
_EXPONENT_MAX: Final = 30


class QueryError(Exception):
    """There is no number; the text says why, without credentials."""


# ── PURE ─────────────────────────────────────────────────────────────────────────────────────


def steps(period: ReportPeriod, every: str) -> Iterator[Interval]:
    """Yield the parts of a period that have an entry each."""
    start, end = period.interval
    if every == "month":
        yield from period.months()
        return
    at = start
    while at < end:
        after = at + SECONDS_PER_HOUR
        if every == "day":
            # Noon of the next day, so that neither a long nor a short day is missed.
            noon = at + SECONDS_PER_DAY + SECONDS_PER_DAY // 2
            after = midnight(day_of(noon, period.timezone), period.timezone)
        yield Interval(at, min(after, end))
        at = after


def query_of(settings: FunctionalUnitsSettings, step: Interval) -> str:
    length = step.end_unix_seconds - step.start_unix_seconds
    return settings.query.replace(PLACEHOLDER, f"{length}s")


def source_of(name: str) -> str:
    return f"prometheus {name}"


def entry_id(name: str, settings: FunctionalUnitsSettings, step: Interval) -> str:
    at = iso(step.start_unix_seconds)
    return f"{settings.service}/{settings.unit}/{source_of(name)}/{at}"


def row_of(name: str, settings: FunctionalUnitsSettings, step: Interval, count: Fraction) -> Said:
    """Return the row of an answer, with what was asked as its evidence."""
    end = iso(step.end_unix_seconds)
    asked = f"{query_of(settings, step)} at {end} of {settings.prometheus_url}"
    return Said(
        f"{source_of(name)} at {end}",
        {
            "id": entry_id(name, settings, step),
            "service": settings.service,
            "unit": settings.unit,
            "count": exact(count),
            "from": iso(step.start_unix_seconds),
            "to": end,
            "source": source_of(name),
            "evidence": asked,
        },
    )


def count_of(body: bytes) -> Fraction:
    """Return the one number of an answer of Prometheus; raises QueryError."""
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise QueryError("the answer is no JSON: is prometheus_url a Prometheus?") from error
    if not isinstance(said, dict) or said.get("status") != "success":
        text = said.get("error") if isinstance(said, dict) else None
        raise QueryError(_words(text or "the answer is none of Prometheus"))
    if said.get("warnings"):
        raise QueryError(f"Prometheus warns: {_words(str(said['warnings']))}")
    data = said.get("data")
    if not isinstance(data, dict):
        raise QueryError("the answer is none of Prometheus")
    return _number(_sample(data))


def _sample(data: Mapping[str, Any]) -> object:
    kind, result = data.get("resultType"), data.get("result")
    if kind == "scalar":
        return result
    if kind != "vector" or not isinstance(result, list):
        raise QueryError(f"the query gives a {_words(str(kind))}, not one number")
    if not result:
        raise QueryError("no data: nothing is known, which is not 0")
    if len(result) > 1:
        raise QueryError(f"{len(result)} series instead of one: sum() them")
    return result[0].get("value") if isinstance(result[0], dict) else None


def _number(sample: object) -> Fraction:
    text = sample[1] if isinstance(sample, list) and len(sample) == len(("at", "value")) else None
    try:
        found = Decimal(str(text))
    except InvalidOperation:
        raise QueryError(f"{_words(str(text))!r} is no number") from None
    if not found.is_finite():
        raise QueryError(f"{found} is no count")
    if found < 0:
        raise QueryError(f"{found} is below 0")
    if abs(found.adjusted()) > _EXPONENT_MAX and found:
        raise QueryError(f"{found} is no count")
    return Fraction(found)


def _words(text: str) -> str:
    return "".join(letter for letter in str(text) if letter.isprintable())[:_WORDS_MAX]


# ── IO ───────────────────────────────────────────────────────────────────────────────────────


async def ask(
    session: aiohttp.ClientSession, settings: FunctionalUnitsSettings, step: Interval
) -> Fraction:
    """Ask Prometheus for the units of a step; raises QueryError."""
    url = URL(settings.prometheus_url) / PATH
    asked = {"query": query_of(settings, step), "time": str(step.end_unix_seconds)}
    try:
        async with session.post(
            url,
            data=asked,
            headers=_headers(settings),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=settings.timeout_seconds),
            proxy=proxy_of(settings.prometheus_url),
            ssl=_trust(settings),
        ) as answer:
            return _judged(answer.status, await _body(answer))
    except TimeoutError:
        raise QueryError(f"no answer in {settings.timeout_seconds:g} s") from None
    except ProviderError as error:
        raise QueryError(str(error)) from None
    except (aiohttp.ClientError, OSError) as error:
        raise QueryError(why(error)) from None


def _judged(status: int, body: bytes) -> Fraction:
    if status in range(200, 300):
        return count_of(body)
    try:
        count_of(body)
    except QueryError as error:
        raise QueryError(f"HTTP {status}: {error}") from None
    raise QueryError(f"HTTP {status}")


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise QueryError(f"the answer is more than {ANSWER_BYTES_MAX} bytes: sum() it")
    return bytes(body)


def _headers(settings: FunctionalUnitsSettings) -> dict[str, str]:
    """Raises ProviderError where a file with a secret cannot be used."""
    found = {"User-Agent": USER_AGENT}
    if settings.bearer_token_file is not None:
        found["Authorization"] = f"Bearer {read_token(settings.bearer_token_file)}"
    elif settings.password_file is not None:
        pair = f"{settings.username}:{read_token(settings.password_file)}".encode()
        found["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return found


def _trust(settings: FunctionalUnitsSettings) -> ssl.SSLContext | bool:
    if settings.ca_file is None:
        return True
    return ssl.create_default_context(cafile=settings.ca_file)
