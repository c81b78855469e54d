"""Checks passwords off the event loop, one at a time, and remembers for a while which were right.

A scrape every second then costs a keyed hash, not a scrypt. What is remembered is that hash, under
a key that dies with the process; it holds as long as the user is the same in the file.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from wattgram_collector.access.credentials import Cost, User, decoy
from wattgram_collector.access.credentials_file import LiveCredentials

REMEMBERED_SECONDS: Final = 300.0
REMEMBERED_MAX: Final = 1_000
WAITING_MAX: Final = 16


class BusyError(Exception):
    """Too many passwords wait to be checked; ask again."""


class _Right(NamedTuple):
    user: User
    until_seconds: float


class PasswordCheck:
    """Bounded: one thread, a short queue, and so many passwords remembered."""

    def __init__(self, live: LiveCredentials, clock: Callable[[], float] = time.monotonic) -> None:
        self._live = live
        self._clock = clock
        self._key = secrets.token_bytes(hashlib.blake2b.MAX_KEY_SIZE)
        self._right: dict[bytes, _Right] = {}
        self._waiting = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")

    async def verify(self, name: str, password: str) -> User | None:
        """Return the user whose password this is; an unknown user takes as long as a wrong
        password. Raises BusyError.
        """
        user = self._live.current.users.get(name)
        shown = hashlib.blake2b(f"{name}\0{password}".encode(), key=self._key).digest()
        if user is not None and self._is_remembered(shown, user):
            return user
        if self._waiting >= WAITING_MAX:
            raise BusyError
        secret = user.secret if user is not None else decoy(self._cost())
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            is_right = await loop.run_in_executor(self._thread, secret.matches, password)
        finally:
            self._waiting -= 1
        if user is None or not is_right or self._live.current.users.get(name) != user:
            return None  # the file may have changed meanwhile
        self._remember(shown, user)
        return user

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _is_remembered(self, shown: bytes, user: User) -> bool:
        found = self._right.get(shown)
        if found is None or found.user != user or found.until_seconds <= self._clock():
            return False
        self._remember(shown, user)  # used, so kept: a scraper is never checked twice
        return True

    def _remember(self, shown: bytes, user: User) -> None:
        self._right.pop(shown, None)
        while len(self._right) >= REMEMBERED_MAX:
            del self._right[next(iter(self._right))]
        self._right[shown] = _Right(user, self._clock() + REMEMBERED_SECONDS)

    def _cost(self) -> Cost:
        """Return what checking any user costs; all do the same unless the file is of two times."""
        return max((user.secret.cost for user in self._live.current.users.values()),
                   default=decoy().cost)  # fmt: skip
