"""The way to the other side: one request after the other, again where that makes sense.

What cannot be delivered waits in the outbox, whose bound is the only patience there is. A change
between working and failing is logged once; each attempt is counted.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

import aiohttp

from wattgram_collector.intensities.providers.answers import retry_after_seconds
from wattgram_collector.intensities.providers.client import USER_AGENT, proxy_of, why
from wattgram_collector.intensities.providers.key_file import read_token
from wattgram_collector.intensities.providers.provider import ProviderError
from wattgram_collector.push.outbox import Outbox, Parcel
from wattgram_collector.push.settings import TargetSettings

LOG: Final = logging.getLogger("wattgram.push")
BACKOFF_SECONDS_MIN: Final = 1.0
BACKOFF_SECONDS_MAX: Final = 60.0
RETRY_AFTER_SECONDS_MAX: Final = 600.0
ANSWER_BYTES_MAX: Final = 64 * 1024
WORDS_MAX: Final = 200
TOO_MANY: Final = 429
_SUCCESS: Final = range(200, 300)


class Outcome(StrEnum):
    """What became of an attempt: a label of wattgram_push_requests_total."""

    OK = "ok"
    PARTIAL = "partial"
    """Taken, but not all that was in it."""
    REJECTED = "rejected"
    """The server will not take it: it is dropped."""
    THROTTLED = "throttled"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    CREDENTIALS = "credentials"
    """The file with the secret cannot be used; nothing was sent."""


class Fate(StrEnum):
    """What became of samples: a label of wattgram_push_samples_total."""

    SENT = "sent"
    REJECTED = "rejected"
    OVERFLOW = "overflow"
    """Dropped to make room, while the server did not answer."""


class Verdict(NamedTuple):
    """Of one attempt. `rejected`: how many of its samples will never be taken."""

    outcome: Outcome
    text: str = ""
    is_final: bool = True
    rejected: int = 0
    retry_after_seconds: float | None = None


class Encoding(Protocol):
    """What a sender must know of the protocol."""

    headers: Mapping[str, str]

    def answered(self, body: bytes) -> int:
        """Return how many samples an answer of success says were not taken; ValueError."""

    def is_retryable(self, status: int) -> bool:
        """Return whether a request may be sent again after this status."""


class Counts:
    """What a target's pushes come to."""

    def __init__(self) -> None:
        self.requests = dict.fromkeys(Outcome, 0)
        self.samples = dict.fromkeys(Fate, 0)
        self.last_success_unix_seconds: float | None = None
        self.is_working: bool | None = None
        """None until something was tried."""


class Target(NamedTuple):
    """One side that is pushed to."""

    name: str
    settings: TargetSettings
    trust: ssl.SSLContext | bool
    """True: whom the system trusts."""
    outbox: Outbox
    counts: Counts


class Sender:
    """Empties the outbox of one target. `run` is one task."""

    def __init__(
        self,
        target: Target,
        encoding: Encoding,
        session: aiohttp.ClientSession,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        dice: Callable[[], float] = random.random,
        unix_seconds: Callable[[], float] = time.time,
    ) -> None:
        self._name, self._settings, self._trust, self._outbox, self._counts = target
        self._encoding = encoding
        self._session = session
        self._sleep = sleep
        self._dice = dice
        self._unix_seconds = unix_seconds
        self._failures = 0
        self._timeout = aiohttp.ClientTimeout(total=target.settings.timeout_seconds)
        self._proxy = proxy_of(target.settings.url)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self.send_first()

    async def send_first(self) -> None:
        """Try the oldest parcel once; wait after a failure that may pass."""
        parcel = await self._outbox.first()
        verdict = await self._attempt(parcel)
        self._note(verdict)
        if not verdict.is_final:
            self._failures += 1
            await self._sleep(self._wait_seconds(verdict))
            return
        self._failures = 0
        if self._outbox.holds(parcel):  # else it was counted when room was made with it
            rejected = min(verdict.rejected, parcel.samples)
            self._counts.samples[Fate.REJECTED] += rejected
            self._counts.samples[Fate.SENT] += parcel.samples - rejected
            self._outbox.done(parcel)

    def _wait_seconds(self, verdict: Verdict) -> float:
        ceiling = min(BACKOFF_SECONDS_MIN * (1 << min(self._failures, 10)), BACKOFF_SECONDS_MAX)
        asked = min(verdict.retry_after_seconds or 0.0, RETRY_AFTER_SECONDS_MAX)
        return max(asked, BACKOFF_SECONDS_MIN / 2 + self._dice() * ceiling)

    async def _attempt(self, parcel: Parcel) -> Verdict:
        try:
            headers = self._headers()
        except ProviderError as error:
            return Verdict(Outcome.CREDENTIALS, str(error), is_final=False)
        try:
            async with self._session.post(
                self._settings.url,
                data=parcel.body,
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout,
                proxy=self._proxy,
                ssl=self._trust,
            ) as answer:
                body = await _body(answer)
                return self._judged(answer.status, answer.headers, body, parcel)
        except TimeoutError:
            text = f"no answer in {self._settings.timeout_seconds:g} s"
            return Verdict(Outcome.TIMEOUT, text, is_final=False)
        except (aiohttp.ClientError, OSError) as error:
            return Verdict(Outcome.UNREACHABLE, why(error), is_final=False)

    def _judged(
        self, status: int, headers: Mapping[str, str], body: bytes, parcel: Parcel
    ) -> Verdict:
        if status in _SUCCESS:
            return self._accepted(body, parcel)
        text = f"HTTP {status} {_words(body)}".rstrip()
        if not self._encoding.is_retryable(status):
            return Verdict(Outcome.REJECTED, text, rejected=parcel.samples)
        wait = retry_after_seconds(headers.get("Retry-After"), self._unix_seconds())
        outcome = Outcome.THROTTLED if status == TOO_MANY else Outcome.SERVER_ERROR
        return Verdict(outcome, text, is_final=False, retry_after_seconds=wait)

    def _accepted(self, body: bytes, parcel: Parcel) -> Verdict:
        try:
            rejected = self._encoding.answered(body)
        except ValueError as error:
            return Verdict(Outcome.REJECTED, str(error), rejected=parcel.samples)
        if rejected:
            return Verdict(
                Outcome.PARTIAL, f"{rejected} samples were not taken", rejected=rejected
            )
        return Verdict(Outcome.OK)

    def _headers(self) -> dict[str, str]:
        """Raises ProviderError where a file with a secret cannot be used."""
        settings = self._settings
        found = {**settings.headers, **self._encoding.headers, "User-Agent": USER_AGENT}
        found["Accept-Encoding"] = "identity"
        if settings.bearer_token_file is not None:
            found["Authorization"] = f"Bearer {read_token(settings.bearer_token_file)}"
        elif settings.password_file is not None:
            pair = f"{settings.username}:{read_token(settings.password_file)}".encode()
            found["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return found

    def _note(self, verdict: Verdict) -> None:
        """Count an attempt; say a change once."""
        self._counts.requests[verdict.outcome] += 1
        works = verdict.outcome is Outcome.OK
        if works:
            self._counts.last_success_unix_seconds = self._unix_seconds()
        if works and self._counts.is_working is False:
            LOG.info("push_works_again target=%s", self._name)
        elif not works and self._counts.is_working is not False:
            LOG.warning(
                "push_failed target=%s outcome=%s reason=%r",
                self._name, verdict.outcome.value, verdict.text,
            )  # fmt: skip
        self._counts.is_working = works


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Return what the server says, no more of it than anybody needs."""
    body = bytearray()
    async for chunk in answer.content.iter_chunked(ANSWER_BYTES_MAX):
        body += chunk
        if len(body) >= ANSWER_BYTES_MAX:
            break
    return bytes(body[:ANSWER_BYTES_MAX])


def _words(body: bytes) -> str:
    """PURE. Return the first line of what a server says, as far as it can be shown."""
    line = body.decode(errors="replace").strip().partition("\n")[0]
    return "".join(letter for letter in line if letter.isprintable())[:WORDS_MAX]
