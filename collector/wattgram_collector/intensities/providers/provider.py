"""The seam: what a provider is asked and what it answers, or why not.

A provider is a way to ask and a pure `parse(body, ...)`; the connection, its limits, secrets and
schedule are the caller's. What an answer does not say is left out: null is not 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from wattgram_collector.intensity import Intensity, Status, Tier

TIER_OF = {
    Status.MEASURED: Tier.LIVE,
    Status.ESTIMATED: Tier.ESTIMATED,
    Status.FORECAST: Tier.FORECAST,
}


class Outcome(StrEnum):
    """What became of a request: the label of `wattgram_provider_requests_total`."""

    OK = "ok"
    EMPTY = "empty"
    """A good answer without a value: it may come later."""
    UNAUTHORIZED = "unauthorized"
    """401 or 403: a bad key, or with some providers too many requests."""
    RATE_LIMITED = "rate_limited"
    NOT_FOUND = "not_found"
    CLIENT_ERROR = "client_error"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    INVALID = "invalid"
    """An answer that is not what its documentation says, or no plausible value."""
    SYNTHETIC = "synthetic"
    """Made-up values of a sandbox."""
    ZONE_MISMATCH = "zone_mismatch"
    """Of another place than was asked for."""
    PARTIAL = "partial"
    """A generation mix from which plants are missing."""
    OVERSIZED = "oversized"


class ProviderError(Exception):
    """No answer that can be used. The text never holds a key; `retry_after_seconds` is theirs.

    `values` are those that can be used although others of the same answer cannot.
    """

    def __init__(
        self,
        outcome: Outcome,
        text: str,
        *,
        retry_after_seconds: float | None = None,
        values: Sequence[Intensity] = (),
    ) -> None:
        super().__init__(text)
        self.outcome = outcome
        self.retry_after_seconds = retry_after_seconds
        self.values = values


class Window(NamedTuple):
    """`[start, end)` in unix seconds: of which slots values are wanted; may lie in the future."""

    start_unix_seconds: int
    end_unix_seconds: int


class Answer(NamedTuple):
    """What a server said: status, headers with lower-case names, and the whole body, bounded."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client(Protocol):
    """The way to a provider's server, with its limits."""

    async def get(
        self,
        path: str,
        *,
        parameters: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """GET below the provider's base URL; return any answer with a status below 300.

        Raises ProviderError for every other status, as `outcome_of_status` has it, and for
        connections, time and size. Secrets go into `parameters` and `headers` only: neither is
        ever logged.
        """


class Provider(Protocol):
    """One provider, as configured. Values are of zones as this project names them."""

    name: str
    """Few lower-case words: a label of metrics and on every gram."""
    slot_seconds: int
    """How long one value holds."""
    lag_seconds: int
    """How long after the end of a slot its value is usually published."""

    def serves(self, zone: str) -> bool:
        """Return whether values of this zone can be asked for; none of its axes is a guess."""

    async def fetch(
        self, client: Client, zone: str, window: Window, now_unix_seconds: int
    ) -> list[Intensity]:
        """Return what is known of the slots that the window touches, in order of time.

        Slots do not overlap. `version` holds the provider's own mark of a revision, or nothing.
        Raises ProviderError.
        """
