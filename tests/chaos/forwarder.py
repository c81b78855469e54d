"""The network between the hosts, as a program: takes packets from one device to another.

Standing in for `tc netem`, which not every kernel has. Descriptors come as arguments, the
collector's first; orders come on standard input, and its end is the end.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import random
import selectors
import sys
import time

from chaos.links import GOOD, QUEUE_MAX, Direction, Link, fates, parse_order

_PACKET_BYTES_MAX = 65_536
_BURST = 64
FIRST_HOST = 10
"""The last byte of the address of the first agent's host."""


class Forwarder:
    def __init__(self, hub: int, spokes: list[int], seed: int) -> None:
        self._hub = hub
        self._spokes = spokes
        self._links: list[Link] = [GOOD] * len(spokes)
        self._chance = random.Random(seed)
        self._queue: list[tuple[float, int, int, bytes]] = []
        self._count = 0
        self._orders = b""

    def run(self) -> None:
        selector = selectors.DefaultSelector()
        for descriptor in (0, self._hub, *self._spokes):
            selector.register(descriptor, selectors.EVENT_READ)
        while True:
            patience = max(0.0, self._queue[0][0] - time.monotonic()) if self._queue else None
            for key, _ in selector.select(patience):
                if key.fd == 0:
                    if not self._obey():
                        return
                else:
                    self._take(key.fd)
            self._deliver()

    def _obey(self) -> bool:
        data = os.read(0, 4096)
        *lines, self._orders = (self._orders + data).split(b"\n")
        for line in lines:
            number, link = parse_order(line)
            self._links[number] = link
        return bool(data)

    def _take(self, device: int) -> None:
        for _ in range(_BURST):
            try:
                packet = os.read(device, _PACKET_BYTES_MAX)
            except BlockingIOError:
                return
            if packet[0] >> 4 != 4:
                continue
            if device == self._hub:
                number = packet[19] - FIRST_HOST
                if not 0 <= number < len(self._spokes):
                    continue
                self._plan(number, Direction.DOWN, self._spokes[number], packet)
            else:
                self._plan(self._spokes.index(device), Direction.UP, self._hub, packet)

    def _plan(self, number: int, direction: Direction, to: int, packet: bytes) -> None:
        now = time.monotonic()
        for delay in fates(self._links[number], direction, self._chance):
            self._count += 1
            if len(self._queue) < QUEUE_MAX:
                heapq.heappush(self._queue, (now + delay, self._count, to, packet))

    def _deliver(self) -> None:
        now = time.monotonic()
        while self._queue and self._queue[0][0] <= now:
            _, _, to, packet = heapq.heappop(self._queue)
            with contextlib.suppress(OSError):  # a full queue of a device drops, as networks do
                os.write(to, packet)


if __name__ == "__main__":
    seed, hub, *spokes = map(int, sys.argv[1:])
    Forwarder(hub, spokes, seed).run()
