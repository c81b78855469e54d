"""A peer whose messages never end, over bare HTTP/2: gRPC's own client sends only whole ones.

`python endless.py PORT CONNECTIONS STREAMS SECONDS`: on each connection so many streams, every
other one with a Hello first, then all but the last byte of the largest message that is taken.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from collections import Counter
from typing import Final

from floods import hello
from wattgram.wire import DELIVER_METHOD, encode_hello

MESSAGE_BYTES: Final = 1024 * 1024
WINDOW_BYTES: Final = 65_535
FRAME_BYTES: Final = 16_384
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _MORE_WINDOW = 0, 1, 3, 4, 6, 8
_INITIAL_WINDOW: Final = 4
_ACK: Final = 1
_END_HEADERS: Final = 4


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    return len(body).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + body


def field(name: str, value: str) -> bytes:
    """One header, as it is: HPACK's literal without indexing."""
    return b"".join((b"\0", bytes((len(name),)), name.encode(),
                     bytes((len(value),)), value.encode()))  # fmt: skip


REQUEST: Final = b"".join(
    field(name, value)
    for name, value in (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", DELIVER_METHOD),
        (":authority", "collector"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    )
)


def message(body: bytes, length: int | None = None) -> bytes:
    """A message of gRPC that says that it has a length."""
    return b"\0" + (len(body) if length is None else length).to_bytes(4) + body


class Connection:
    """One HTTP/2 connection that keeps to the flow control, and to nothing else."""

    def __init__(self, number: int, streams: int, sent: Counter[str]) -> None:
        self._windows = {0: WINDOW_BYTES}
        self._initial = WINDOW_BYTES
        self._sent = sent
        endless = message(bytes(MESSAGE_BYTES - 1), MESSAGE_BYTES)
        self._left = {
            2 * n + 1: (message(encode_hello(hello(f"endless-{number}-{n}"))) if n % 2 else b"")
            + endless
            for n in range(streams)
        }

    async def run(self, port: int) -> None:
        """Send until the other end has enough of it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        settings = struct.pack(">HI", _INITIAL_WINDOW, MESSAGE_BYTES)
        writer.write(_PREFACE + frame(_SETTINGS, 0, 0, settings))
        both = {
            asyncio.ensure_future(self._read(reader, writer)),
            asyncio.ensure_future(self._send(writer)),
        }
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            writer.close()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        for stream in self._left:
            self._windows[stream] = self._initial
            writer.write(frame(_HEADERS, _END_HEADERS, stream, REQUEST))
            self._sent["streams"] += 1
        while True:
            if not sum(self._send_some(writer, stream) for stream in tuple(self._left)):
                await asyncio.sleep(0.02)
            await writer.drain()

    def _send_some(self, writer: asyncio.StreamWriter, stream: int) -> int:
        left = self._left[stream]
        size = min(len(left), FRAME_BYTES, self._windows[stream], self._windows[0])
        if size > 0:
            writer.write(frame(_DATA, 0, stream, left[:size]))
            self._left[stream] = left[size:]
            self._windows[stream] -= size
            self._windows[0] -= size
            self._sent["bytes"] += size
        return max(0, size)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readexactly(9)
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:])
            body = await reader.readexactly(int.from_bytes(head[:3]))
            if kind == _MORE_WINDOW:
                self._windows[stream] = self._windows.get(stream, 0) + int.from_bytes(body)
            elif kind == _SETTINGS and not flags & _ACK:
                self._note_window(body)
                writer.write(frame(_SETTINGS, _ACK, 0))
            elif kind == _PING and not flags & _ACK:
                writer.write(frame(_PING, _ACK, 0, body))
            elif kind == _RESET:
                self._left.pop(stream, None)
                self._sent["resets"] += 1

    def _note_window(self, settings: bytes) -> None:
        for name, value in struct.iter_unpack(">HI", settings):
            if name == _INITIAL_WINDOW:
                for stream in self._windows.keys() - {0}:
                    self._windows[stream] += value - self._initial
                self._initial = value


async def endless(port: int, connections: int, streams: int, seconds: float) -> dict[str, int]:
    sent: Counter[str] = Counter()
    peers = [
        asyncio.ensure_future(Connection(number, streams, sent).run(port))
        for number in range(connections)
    ]
    await asyncio.wait(peers, timeout=seconds)
    for peer in peers:
        peer.cancel()
    return dict(sent)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(endless(*map(int, sys.argv[1:])))))
