"""A large answer, sent in pieces: nothing is copied, and who does not read it holds little of it.

Handed over whole it would be copied for each of the connections, and each copy would hold up
those who are served beside it.
"""

from __future__ import annotations

from typing import Final

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from wattgram_collector.access.places import Places

PIECE_BYTES: Final = 1 << 16


class Pieces(Payload):
    """What an answer is made of; `places` know for how long it is not read."""

    def __init__(self, body: bytes, places: Places, key: object) -> None:
        super().__init__(body)
        self._size = len(body)
        self._body = body
        self._places = places
        self._key = key

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return what it says."""
        return self._body.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send all of it, as fast as it is read."""
        self._places.send(self._key, self._body)
        try:
            whole = memoryview(self._body)
            for start in range(0, len(whole), PIECE_BYTES):
                await writer.write(whole[start : start + PIECE_BYTES])
        finally:
            self._places.sent(self._key)
