"""Who has a place among the HTTP connections, since when, and who loses it. Time is an argument.

When all are taken the newcomer gets that of somebody who is not being answered: of those who were
never let in before the others, and of these the one who sits longest. So who may read is not
locked out by many who may not. What was answered and not read yet is bounded for all together.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, Protocol

ASK_SECONDS: Final = 10.0
"""From the first byte of the connection to the whole head of its first request."""
IDLE_SECONDS: Final = 120.0
"""From one request to the next, longer than scrapers wait; who reads his answer slower is cut."""
UNREAD_BYTES_MAX: Final = 128 << 20
"""Of all answers together. A few of the largest kind always fit."""
_LARGEST_THAT_FIT: Final = 4


class Closable(Protocol):
    """What is at a place: asyncio's transports, and handshakes that are not done."""

    def abort(self) -> None: ...

    def is_closing(self) -> bool: ...


class _Place:
    __slots__ = ("has_asked", "is_asking", "since_seconds", "unread", "was_let_in", "what")

    def __init__(self, what: Closable, since_seconds: float) -> None:
        self.what = what
        self.since_seconds = since_seconds
        self.is_asking = False
        self.has_asked = False
        self.was_let_in = False
        self.unread = b""


class Places:
    """So many and no more; the keys are the caller's."""

    def __init__(self, most: int) -> None:
        self.cut = Counter({"full": 0, "silent": 0, "unread": 0})
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

    def send(self, key: object, answer: bytes) -> None:
        """A large answer is being sent. Where there is too much of it that nobody reads, those are
        sent away whose answer began first; one that many get is there once.
        """
        if key not in self._by_key:
            return
        self._by_key[key].unread = answer
        getting = [one for one, place in self._by_key.items() if place.unread]
        readers = Counter(id(self._by_key[one].unread) for one in getting)
        held_bytes = sum({
            id(unread): len(unread) for one in getting if (unread := self._by_key[one].unread)
        }.values())  # fmt: skip
        room_bytes = max(UNREAD_BYTES_MAX, _LARGEST_THAT_FIT * len(answer))
        for one in sorted(getting, key=lambda one: self._by_key[one].since_seconds):
            if held_bytes <= room_bytes:
                return
            unread = self._by_key[one].unread
            if unread is answer:
                continue
            self._send_away(one, "unread")
            readers[id(unread)] -= 1
            held_bytes -= 0 if readers[id(unread)] else len(unread)

    def sent(self, key: object) -> None:
        """All of it was taken."""
        if key in self._by_key:
            self._by_key[key].unread = b""

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
