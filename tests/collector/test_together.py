"""What many ask for at once is made once, and is not older than any of them asked for."""

from __future__ import annotations

import asyncio

import pytest

from wattgram_collector.exposition.together import Together


class Kitchen:
    """Makes one thing after another, each when it is let."""

    def __init__(self) -> None:
        self.begun = 0
        self.busy = 0
        self.most_busy = 0
        self.may = asyncio.Semaphore(0)

    async def make(self) -> bytes:
        self.begun += 1
        number = self.begun
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            await self.may.acquire()
        finally:
            self.busy -= 1
        if number == 3:
            raise RuntimeError("burnt")
        return str(number).encode()


async def some(together: Together, count: int) -> list[asyncio.Task[bytes]]:
    tasks = [asyncio.ensure_future(together.made()) for _ in range(count)]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_who_asks_while_it_is_made_gets_the_next_one() -> None:
    kitchen = Kitchen()
    together = Together(kitchen.make, asyncio.Lock())
    first, later = await some(together, 1), await some(together, 400)
    kitchen.may.release()
    assert await first[0] == b"1"
    kitchen.may.release()
    assert set(await asyncio.gather(*later)) == {b"2"}
    assert kitchen.begun == 2


async def test_two_kinds_are_not_made_at_once() -> None:
    kitchen, lock = Kitchen(), asyncio.Lock()
    tasks = []
    for _ in range(2):
        tasks += await some(Together(kitchen.make, lock), 2)
    for _ in range(2):
        kitchen.may.release()
    assert {await one for one in tasks} == {b"1", b"2"}
    assert kitchen.most_busy == 1


async def test_who_hangs_up_or_a_failure_takes_nothing_from_those_who_come_later() -> None:
    kitchen = Kitchen()
    together = Together(kitchen.make, asyncio.Lock())
    gone, stays = await some(together, 2)
    gone.cancel()
    kitchen.may.release()
    assert await stays == b"1"
    for expected in (b"2", None, b"4"):
        (task,) = await some(together, 1)
        kitchen.may.release()
        if expected is None:
            with pytest.raises(RuntimeError, match="burnt"):
                await task
        else:
            assert await task == expected
