"""The network between the hosts where no namespace may be made: TCP through a stalling proxy.

A stream can lose nothing, so that a lost packet is a stall as long as TCP would take to send it
again, and a cut link is one on which nothing moves. Orders come on standard input, and its end is
the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys

from chaos.links import GOOD, Direction, Link, fates, parse_order

_CHUNK = 1_400
_RETRY_SECONDS = 0.3
_LOOK_SECONDS = 0.05


class Proxy:
    def __init__(self, target: int, ports: list[int], seed: int) -> None:
        self._target = target
        self._ports = ports
        self._links: list[Link] = [GOOD] * len(ports)
        self._chance = random.Random(seed)

    async def run(self) -> None:
        for number, port in enumerate(self._ports):
            await asyncio.start_server(self._served(number), "127.0.0.1", port)
        orders = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
        )
        while line := await orders.readline():
            number, link = parse_order(line)
            self._links[number] = link

    def _served(self, number: int):  # noqa: ANN202
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                back, forth = await asyncio.open_connection("127.0.0.1", self._target)
                pumps = [
                    asyncio.ensure_future(self._pump(number, Direction.UP, reader, forth)),
                    asyncio.ensure_future(self._pump(number, Direction.DOWN, back, writer)),
                ]
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for pump in pumps:
                    pump.cancel()
                forth.close()
            writer.close()

        return serve

    async def _pump(
        self,
        number: int,
        direction: Direction,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._travel(number, direction)
                writer.write(data)
                await writer.drain()

    async def _travel(self, number: int, direction: Direction) -> None:
        """Wait as long as the link takes to carry a packet, sent again until it arrives."""
        while True:
            link = self._links[number]
            if arrivals := fates(link, direction, self._chance):
                await asyncio.sleep(arrivals[0])
                return
            await asyncio.sleep(_LOOK_SECONDS if direction in link.cut else _RETRY_SECONDS)


if __name__ == "__main__":
    seed, target, *ports = map(int, sys.argv[1:])
    asyncio.run(Proxy(target, ports, seed).run())
