"""The way to the collector: whom to greet, when to try again, what its clock says.

One stream is `delivery`'s. A batch leaves the spool only when the collector says that it is in
the ledger; a collector that is away costs waiting, nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any, Final

import grpc.aio

from wattgram.handshake import Hello
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram.wire import DELIVER_METHOD, WireError
from wattgram_agent.channel import DeliveryError, as_delivery_error, ended_as, open_channel
from wattgram_agent.config import AgentConfig
from wattgram_agent.delivery import Delivery
from wattgram_agent.doors import Doors
from wattgram_agent.host import Clock, SystemClock
from wattgram_agent.spool.queue import Spool

LOG: Final = logging.getLogger("wattgram.uplink")

CLOCK_TOLERANCE_SECONDS: Final = 2.0
SESSIONS_PER_DELIVERY_MAX: Final = 3


class Uplink:
    """Deliver one spool to one collector, which may have several addresses."""

    def __init__(
        self,
        config: AgentConfig,
        spool: Spool,
        hello: Callable[[], Hello],
        *,
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._config = config
        self._spool = spool
        self._hello = hello
        self._clock = clock or SystemClock()
        self._news = asyncio.Event()
        self._doors = Doors(config.collector.doors, jitter)
        self._must_reopen = False
        self._is_said_away = False
        self._is_clock_off = False

    def notify(self) -> None:
        """Say that a batch was added; call it on the event loop."""
        self._news.set()

    @property
    def address(self) -> str:
        """Where it delivers, or tries to."""
        return self._doors.address

    def reopen(self) -> None:
        """Take up a new certificate: end the stream once nothing is under way on it."""
        self._must_reopen = True
        self._news.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            try:
                await self.deliver(keep=self._config.keeps_connection)
                if self._doors.is_return_due(self._seconds()):
                    self._doors.go_back()
                else:
                    await self._news.wait()
            except DeliveryError as error:
                if not self._is_said_away:
                    LOG.warning("collector_unreachable address=%s reason=%r",
                                self._doors.address, str(error))  # fmt: skip
                self._is_said_away = True
                await asyncio.sleep(self._doors.failed(error.patience))

    async def deliver(self, *, keep: bool) -> None:
        """Open a stream and deliver all that waits; with `keep`, go on until it breaks.

        Raises DeliveryError when the collector cannot be reached or talked to.
        """
        self._must_reopen = False
        async with open_channel(self._config, self._doors.address) as channel:
            for _ in range(SESSIONS_PER_DELIVERY_MAX):
                if not await self._greet_and_deliver(channel, keep=keep):
                    return
        raise DeliveryError("every new session is somebody else's")

    async def _greet_and_deliver(self, channel: grpc.aio.Channel, *, keep: bool) -> bool:
        """Deliver on one stream; return whether a new session has begun: then greet again."""
        call: Any = channel.stream_stream(DELIVER_METHOD)()
        delivery = Delivery(call, self._spool, self._clock, self._note_clock)
        try:
            if await delivery.shake_hands(self._hello()):
                return True
            while True:
                self._news.clear()
                if await delivery.deliver_all():
                    return True
                self._note_works()
                if not keep or self._must_reopen or self._doors.is_return_due(self._seconds()):
                    return False
                await self._news.wait()
        except grpc.aio.AioRpcError as error:
            raise as_delivery_error(error) from error
        except asyncio.InvalidStateError as error:
            if not call.done():
                raise DeliveryError(str(error)) from error
            # It ended before we wrote: why, only the call knows.
            raise ended_as(await call.code(), await call.details()) from error
        except WireError as error:
            raise DeliveryError(str(error)) from error
        except OSError as error:
            raise DeliveryError(f"spool: {error}") from error
        finally:
            call.cancel()

    def _note_works(self) -> None:
        if self._is_said_away:
            LOG.info("collector_reachable_again address=%s", self._doors.address)
        self._is_said_away = False
        self._doors.worked(self._seconds())

    def _note_clock(self, offset_seconds: float) -> None:
        """Say once that this host's clock is off, and once that it is right again."""
        is_off = abs(offset_seconds) > CLOCK_TOLERANCE_SECONDS
        if is_off and not self._is_clock_off:
            LOG.warning("clock_off seconds=%.1f: by the collector's, which corrects it",
                        offset_seconds)  # fmt: skip
        elif self._is_clock_off and not is_off:
            LOG.info("clock_right_again")
        self._is_clock_off = is_off

    def _seconds(self) -> float:
        return self._clock.boottime_nanoseconds() / NANOSECONDS_PER_SECOND
