"""What waits to be sent: bounded in bytes, the oldest goes first, to the server or away."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple


class Parcel(NamedTuple):
    """The body of one request, as it is sent, and how many samples are in it."""

    body: bytes
    samples: int


class Outbox:
    """A queue that takes everything and forgets the oldest. Of one event loop."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._waiting: deque[Parcel] = deque()
        self._is_filled = asyncio.Event()
        self.bytes_waiting = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, parcel: Parcel) -> int:
        """Add a parcel; return how many samples were dropped for it, or with it."""
        self._waiting.append(parcel)
        self.bytes_waiting += len(parcel.body)
        dropped = 0
        while self.bytes_waiting > self._bytes_max:
            dropped += self._forget().samples
        if self._waiting:
            self._is_filled.set()
        return dropped

    async def first(self) -> Parcel:
        """Return the oldest parcel, which stays; wait until there is one."""
        await self._is_filled.wait()
        return self._waiting[0]

    def done(self, parcel: Parcel) -> None:
        """Let go of a parcel, unless room was already made with it."""
        if self._waiting and self._waiting[0] is parcel:
            self._forget()

    def holds(self, parcel: Parcel) -> bool:
        """Return whether it is still the oldest that waits."""
        return bool(self._waiting) and self._waiting[0] is parcel

    def _forget(self) -> Parcel:
        gone = self._waiting.popleft()
        self.bytes_waiting -= len(gone.body)
        if not self._waiting:
            self._is_filled.clear()
        return gone
