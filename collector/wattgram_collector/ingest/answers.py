"""What a stream owes its agent: acknowledgements, several owed at once as one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import grpc
import grpc.aio

from wattgram.handshake import Ack, Refusal
from wattgram.wire import encode_ack

REFUSALS_MAX: Final = 1_000
STUCK_SECONDS: Final = 30.0
"""An agent that does not take an acknowledgement for so long has its stream ended."""

Context = Any  # grpc.aio.ServicerContext over bytes


class Answers:
    """The acknowledgements of one stream. What is owed is bounded; what is unread is noticed."""

    def __init__(
        self,
        context: Context,
        applied: int,
        pause_milliseconds: Callable[[], int],
        seconds: Callable[[], float],
    ) -> None:
        self.applied = applied
        self._context = context
        self._pause_milliseconds = pause_milliseconds
        self._seconds = seconds
        self._refused: list[Refusal] = []
        self._writing: asyncio.Task[None] | None = None
        self._began = 0.0
        self._is_owed = False
        self._taken = asyncio.Event()

    @property
    def is_clogged(self) -> bool:
        """Whether no more may be refused before some refusals were taken."""
        return len(self._refused) >= REFUSALS_MAX

    @property
    def is_stuck(self) -> bool:
        """Whether the agent has not taken what was written to it for too long."""
        is_writing = self._writing is not None and not self._writing.done()
        return is_writing and self._seconds() - self._began > STUCK_SECONDS

    def refuse(self, refusal: Refusal) -> None:
        """Say with the next Ack that a batch is not wanted."""
        self._refused.append(refusal)

    def owe(self) -> None:
        """Owe an Ack; several that are owed while one is being written become one."""
        self._is_owed = True
        if self._writing is None or self._writing.done():
            self._began = self._seconds()
            self._writing = asyncio.ensure_future(self._write())

    async def settle(self) -> None:
        """Wait until nothing is owed."""
        if self._writing is not None:
            await self._writing

    async def room(self) -> None:
        """Wait until more may be refused."""
        while self.is_clogged:
            self._taken.clear()
            await self._taken.wait()

    async def _write(self) -> None:
        while self._is_owed:
            self._is_owed = False
            self._began = self._seconds()
            refused_now, self._refused = self._refused, []
            self._taken.set()
            ack = Ack(
                applied_sequence=self.applied,
                wall_unix_nanoseconds=time.time_ns(),
                refused=tuple(refused_now),
                pause_milliseconds=self._pause_milliseconds(),
            )
            try:
                await self._context.write(encode_ack(ack))
            except (grpc.aio.BaseError, asyncio.InvalidStateError):  # the agent is gone
                return
