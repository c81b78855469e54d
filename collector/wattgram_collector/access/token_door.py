"""Lets agents in by token, and ends their streams when the token is removed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc

from wattgram_collector.access.credentials import authenticate_token
from wattgram_collector.access.credentials_file import LiveCredentials
from wattgram_collector.ingest.identity import REDFISH_PREFIX

LOG: Final = logging.getLogger("wattgram.access")
_AT_ONCE: Final = 200

Context = Any  # grpc.aio.ServicerContext over bytes
Metadata = tuple[tuple[str, str | bytes], ...]


class _Guest:
    """One open stream, and what it had shown."""

    __slots__ = ("agent_id", "metadata", "must_go", "task")

    def __init__(self, agent_id: str, metadata: Metadata, task: asyncio.Task[Any] | None) -> None:
        self.agent_id = agent_id
        self.metadata = metadata
        self.task = task
        self.must_go = False


class TokenDoor:
    """Stands before every stream that comes over TLS without a client certificate."""

    def __init__(self, live: LiveCredentials) -> None:
        self.refused = 0
        self.ended = 0
        self._live = live
        self._guests: set[_Guest] = set()

    @contextlib.asynccontextmanager
    async def inside(self, context: Context) -> AsyncIterator[str]:
        """Give the agent that the call's token speaks for; abort the call when there is none.

        The stream is served inside, and ends UNAUTHENTICATED once the token is no more.
        """
        metadata = tuple(context.invocation_metadata() or ())
        agent_id = self._agent_of(metadata)
        if agent_id is None:
            self.refused += 1
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token that is known here")
            raise AssertionError("abort does not return")
        guest = _Guest(agent_id, metadata, asyncio.current_task())
        self._guests.add(guest)
        try:
            yield agent_id
        except asyncio.CancelledError:
            if not guest.must_go:
                raise
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token was removed")
        finally:
            self._guests.discard(guest)

    async def review(self) -> None:
        """End every stream whose token is gone or speaks for another, as the file says now."""
        ended = 0
        for number, guest in enumerate(list(self._guests), start=1):
            if self._agent_of(guest.metadata) != guest.agent_id and not guest.must_go:
                guest.must_go = True
                ended += 1
                if guest.task is not None:
                    guest.task.cancel()
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        self.ended += ended
        if ended:
            LOG.info("streams_ended count=%d reason='token removed'", ended)

    def _agent_of(self, metadata: Metadata) -> str | None:
        agent_id = authenticate_token(metadata, self._live.current)
        return None if agent_id is None or agent_id.startswith(REDFISH_PREFIX) else agent_id
