"""Reads the file of credentials again when it changes, and has streams looked at by it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from wattgram_collector.access.credentials_file import LiveCredentials

LOOK_SECONDS: Final = 1.0


class CredentialsWatch:
    """`run` it beside the servers: what is removed has no effect any more within seconds."""

    def __init__(
        self,
        live: LiveCredentials,
        review: Callable[[], Awaitable[None]],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._live = live
        self._review = review
        self._look_seconds = look_seconds
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Read again now, changed or not; for SIGHUP."""
        self._woken.set()

    async def run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._look_seconds)
            if self._woken.is_set() or self._live.has_changed():
                self._woken.clear()
                await asyncio.to_thread(self._live.refresh)
                await self._review()
