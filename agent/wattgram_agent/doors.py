"""PURE. Which of a collector's addresses to try, and when: the schedule of one agent.

Times are seconds of any clock that only goes on; chance is an argument. A fleet whose collector
restarts must not come back all at once: what is waited is anything up to a growing time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

BACKOFF_SECONDS_MIN: Final = 1.0
BACKOFF_SECONDS_MAX: Final = 60.0
LOST_SECONDS: Final = 20.0
"""Up to this is waited when a stream that worked ends: everybody's has ended at that moment."""
TRIES_PER_DOOR: Final = 2
RETURN_SECONDS: Final = 600.0
"""An agent tries the address that it prefers again after this, or up to twice of it."""


def backoff_seconds(failures: int, jitter: float) -> float:
    """Full jitter: anything up to an exponentially growing, capped time; `jitter` 0..1.

    Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    ceiling = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN * float(1 << min(failures, 16)))
    return ceiling * jitter


class Doors:
    """The addresses in order of preference, and which one is tried now."""

    def __init__(self, addresses: Sequence[str], jitter: Callable[[], float]) -> None:
        self._addresses = tuple(addresses)
        self._jitter = jitter
        self._at = 0
        self._tries = 0
        self._failures = 0
        self._has_worked = False
        self._return_at: float | None = None
        self._came_from: int | None = None

    @property
    def address(self) -> str:
        return self._addresses[self._at]

    @property
    def is_failing(self) -> bool:
        """Whether nothing was delivered since the last failure."""
        return self._failures > 0

    def worked(self, now_seconds: float) -> None:
        """Note that the collector at this address has taken what there was."""
        self._failures = self._tries = 0
        self._has_worked = True
        self._came_from = None
        if self._at == 0:
            self._return_at = None
        elif self._return_at is None:
            self._return_at = now_seconds + RETURN_SECONDS * (1 + self._jitter())

    def failed(self, patience: int = 0) -> float:
        """Note a failure; return how many seconds to wait. `patience` counts as more of them."""
        if self._came_from is not None:  # it works there, and not yet here
            self._at, self._came_from, self._return_at = self._came_from, None, None
            return 0.0
        has_worked, self._has_worked = self._has_worked, False
        self._failures += 1
        self._tries += 1
        if self._tries >= TRIES_PER_DOOR:
            self._tries = 0
            self._at = (self._at + 1) % len(self._addresses)
            self._return_at = None
        if has_worked:
            return LOST_SECONDS * self._jitter()
        return backoff_seconds(self._failures + patience, self._jitter())

    def is_return_due(self, now_seconds: float) -> bool:
        """Return whether it is time to look whether the preferred address is back."""
        return self._return_at is not None and now_seconds >= self._return_at

    def go_back(self) -> None:
        """Try the preferred address next; should it fail, this one again."""
        self._came_from, self._at = self._at, 0
