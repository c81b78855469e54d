"""Who has a place among the HTTP connections, since when, and who loses it. Time is an argument.

When all are taken the newcomer gets that of somebody who is not being answered: of those who were
never let in before the others, and of these the one who sits longest. So who may read is not
locked out by many who may not.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, Protocol

ASK_SECONDS: Final = 10.0
"""From the first byte of the connection to the whole head of its first request."""
IDLE_SECONDS: Final = 120.0
"""From one request to the next, longer than scrapers wait; who reads his answer slower is cut."""


class Closable(Protocol):
    """What is at a place: asyncio's transports, and handshakes that are not done."""

    def abort(self) -> None: ...

    def is_closing(self) -> bool: ...


class _Place:
    __slots__ = ("has_asked", "is_asking", "since_seconds", "was_let_in", "what")

    def __init__(self, what: Closable, since_seconds: float) -> None:
        self.what = what
        self.since_seconds = since_seconds
        self.is_asking = False
        self.has_asked = False
        self.was_let_in = False


class Places:
    """So many and no more; the keys are the caller's."""

    def __init__(self, most: int) -> None:
        self.cut = Counter({"full": 0, "silent": 0})
        self._most = most
        self._by_key: dict[object, _Place] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def take(self, key: object, what: Closable, now_seconds: float) -> bool:
        """Give a newcomer a place; False when all are taken by such as are being answered."""
        if len(self) >= self._most:
            self._forget_gone()
        if len(self) >= self._most and not self._make_room():
            self.cut["full"] += 1
            return False
        self._by_key[key] = _Place(what, now_seconds)
        return True

    def become(self, key: object, what: Closable) -> None:
        """A handshake is a connection now."""
        if key in self._by_key:
            self._by_key[key].what = what

    def ask(self, key: object) -> None:
        """Somebody asks, and keeps his place until he is answered."""
        if key in self._by_key:
            self._by_key[key].is_asking = True

    def answered(self, key: object, now_seconds: float, *, was_let_in: bool) -> None:
        place = self._by_key.get(key)
        if place is not None:
            place.is_asking, place.has_asked, place.since_seconds = False, True, now_seconds
            place.was_let_in = place.was_let_in or was_let_in

    def sweep(self, now_seconds: float) -> None:
        """Send away who says nothing."""
        self._forget_gone()
        for key, place in list(self._by_key.items()):
            patience = IDLE_SECONDS if place.has_asked else ASK_SECONDS
            if not place.is_asking and now_seconds - place.since_seconds > patience:
                self._send_away(key, "silent")

    def clear(self) -> None:
        """Send everybody away."""
        for place in self._by_key.values():
            place.what.abort()
        self._by_key.clear()

    def _forget_gone(self) -> None:
        for key in [key for key, place in self._by_key.items() if place.what.is_closing()]:
            del self._by_key[key]

    def _make_room(self) -> bool:
        sitting = [key for key, place in self._by_key.items() if not place.is_asking]
        if not sitting:
            return False

        def rank(key: object) -> tuple[bool, float]:
            place = self._by_key[key]
            return place.was_let_in, place.since_seconds

        self._send_away(min(sitting, key=rank), "full")
        return True

    def _send_away(self, key: object, reason: str) -> None:
        self.cut[reason] += 1
        self._by_key.pop(key).what.abort()
