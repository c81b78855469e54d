"""Many who ask for the same at once get the same: it is made once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Together:
    """What is made for everybody who asked before it was begun, so that it is old for nobody.

    `lock` is shared with others whose making would take as much memory: one is made at a time.
    """

    def __init__(self, make: Callable[[], Awaitable[bytes]], lock: asyncio.Lock) -> None:
        self._make = make
        self._lock = lock
        self._next: asyncio.Future[bytes] | None = None

    async def made(self) -> bytes:
        """Return what was begun after this was called."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._begin())
        return await asyncio.shield(self._next)  # who hangs up takes it from nobody else

    async def _begin(self) -> bytes:
        async with self._lock:
            self._next = None
            return await self._make()
