"""One stream: handshake, batches within the collector's limits, acknowledgements.

Every wait has a deadline, so that a collector that accepts and says nothing, or a connection of
which the other end is gone, is left for another try. What is on the way is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, cast

import grpc.aio

from wattgram.handshake import Ack, Hello, Limits, Welcome
from wattgram.readings import SeriesTable
from wattgram.units import MICROJOULES_PER_JOULE, MILLISECONDS_PER_SECOND, NANOSECONDS_PER_SECOND
from wattgram.wire import (
    OLDEST_PROTOCOL_VERSION,
    PROTOCOL_VERSION,
    decode_collector_message,
    encode_hello,
    encode_series,
    sent_at,
)
from wattgram_agent.channel import DeliveryError
from wattgram_agent.config import BATCH_INTERVALS_MAX
from wattgram_agent.host import Clock, unix_and_boottime_nanoseconds
from wattgram_agent.spool.entries import Entry, decode_batch
from wattgram_agent.spool.fitting import UnfitError, fit
from wattgram_agent.spool.queue import Spool

LOG: Final = logging.getLogger("wattgram.uplink")

ANSWER_SECONDS: Final = 20.0
PAUSE_SECONDS_MAX: Final = 300.0
WINDOW_BATCHES_MAX: Final = 256
WINDOW_BYTES_MAX: Final = 1024 * 1024
_STAMP_BYTES: Final = 64  # what saying when it was sent adds to a batch, and some more

Stream = Any  # grpc.aio.StreamStreamCall over bytes; the stubs leave it untyped


class Delivery:
    """The spool over one stream."""

    def __init__(
        self, call: Stream, spool: Spool, clock: Clock, note_clock: Callable[[float], None]
    ) -> None:
        """`note_clock` is told by how many seconds this host's wall clock is ahead."""
        self._call = call
        self._spool = spool
        self._clock = clock
        self._note_clock = note_clock
        self._limits = Limits()
        self._sent = 0
        self._tables: set[int] = set()
        self._kept: set[int] = set()
        """Numbers that are refused here and go on in a new session."""
        self._pause_seconds = 0.0
        self._reasons_said: set[str] = set()

    async def shake_hands(self, hello: Hello) -> bool:
        """Greet; return whether what waits goes on in a new session, to be greeted with anew.

        Raises DeliveryError, WireError, AioRpcError, or OSError when the spool cannot go on.
        """
        before = self._clock.unix_nanoseconds()
        async with _within(ANSWER_SECONDS):
            await self._call.write(encode_hello(hello))
        welcome = await self._read(ANSWER_SECONDS)
        if not isinstance(welcome, Welcome):
            raise DeliveryError("the collector did not answer Hello with Welcome")
        if not OLDEST_PROTOCOL_VERSION <= welcome.protocol_version <= PROTOCOL_VERSION:
            raise DeliveryError(
                f"the collector speaks protocol {welcome.protocol_version}, this agent "
                f"{OLDEST_PROTOCOL_VERSION} to {PROTOCOL_VERSION}",
                patience=5,
            )
        self._note_wall(welcome.wall_unix_nanoseconds, before)
        self._limits = welcome.limits
        self._sent = welcome.applied_sequence
        return self._spool.continue_after(
            welcome.applied_sequence, welcome.applied_starts_unix_nanoseconds
        )

    async def deliver_all(self) -> bool:
        """Deliver what waits; return whether a new session has begun: greet again.

        Raises as `shake_hands` does.
        """
        window = min(max(1, self._limits.max_unacknowledged_batches), WINDOW_BATCHES_MAX)
        while waiting := self._spool.after(self._sent, limit=window):
            began = self._clock.unix_nanoseconds()
            for entry in _lightest(waiting, WINDOW_BYTES_MAX):
                await self._send(entry)
                self._sent = entry.sequence
            await self._acknowledged(began)
            if self._kept:
                self._spool.begin_session()
                return True
            pause, self._pause_seconds = self._pause_seconds, 0.0
            await asyncio.sleep(pause)
        return False

    async def _send(self, entry: Entry) -> None:
        message = self._spool.read(entry)
        table = self._spool.table(entry.table_number)
        if message is None:
            LOG.error("spool_unreadable sequence=%d", entry.sequence)
            self._spool.discard(entry)
            return
        if table is None:  # dropped meanwhile, for age or for room
            return
        try:
            message = self._fitting(message, table)
        except UnfitError as error:
            self._set_aside(entry.sequence, str(error))
            return
        async with _within(ANSWER_SECONDS):
            if entry.table_number not in self._tables:
                await self._call.write(encode_series(table))
                self._tables.add(entry.table_number)
            wall, boottime = unix_and_boottime_nanoseconds(self._clock)
            await self._call.write(sent_at(message, wall, boottime))

    def _fitting(self, message: bytes, table: SeriesTable) -> bytes:
        """Return the batch as the collector takes it; raises UnfitError."""
        limits = self._limits
        bytes_max = max(1, limits.max_batch_bytes - _STAMP_BYTES) if limits.max_batch_bytes else 0
        is_small = not bytes_max or len(message) <= bytes_max
        is_short = not limits.max_intervals or limits.max_intervals >= BATCH_INTERVALS_MAX
        is_narrow = not limits.max_series or len(table.series) <= limits.max_series
        batch = None if is_small and is_short and is_narrow else decode_batch(message, table)
        if batch is None:
            return message
        return fit(
            batch,
            table,
            Limits(
                max_batch_bytes=bytes_max,
                max_series=limits.max_series,
                max_intervals=limits.max_intervals,
            ),
        )

    async def _acknowledged(self, began_unix_nanoseconds: int) -> None:
        """Read acknowledgements until none of what was sent waits for one.

        Raises DeliveryError when they stop coming.
        """
        deadline = asyncio.get_running_loop().time() + ANSWER_SECONDS
        while oldest := self._unanswered():
            ack = await self._read(deadline - asyncio.get_running_loop().time())
            if not isinstance(ack, Ack):
                raise DeliveryError("the collector answered a batch with something else than Ack")
            self._note_wall(ack.wall_unix_nanoseconds, began_unix_nanoseconds)
            for refusal in ack.refused:
                if refusal.sequence > self._sent:
                    continue  # never sent
                if refusal.needs_new_session:
                    self._kept.add(refusal.sequence)
                else:
                    self._set_aside(refusal.sequence, refusal.reason)
            self._spool.forget(min(ack.applied_sequence, self._sent), keep=self._kept)
            pause = ack.pause_milliseconds / MILLISECONDS_PER_SECOND
            self._pause_seconds = min(max(self._pause_seconds, pause), PAUSE_SECONDS_MAX)
            if self._unanswered() != oldest:
                deadline = asyncio.get_running_loop().time() + ANSWER_SECONDS

    def _unanswered(self) -> int:
        """Return the oldest number that was sent and waits, 0 if there is none."""
        waiting = self._spool.after(0, limit=len(self._kept) + 1)
        numbers = (entry.sequence for entry in waiting if entry.sequence not in self._kept)
        oldest = next(numbers, 0)
        return oldest if oldest <= self._sent else 0

    def _set_aside(self, sequence: int, reason: str) -> None:
        energy = self._spool.set_aside(sequence, reason)
        if energy is not None and reason not in self._reasons_said:
            self._reasons_said.add(reason)
            LOG.error(
                "batch_set_aside sequence=%d reason=%r energy_joules=%.3f: `wattgram-agent "
                "spool list` shows all",
                sequence,
                reason,
                energy / MICROJOULES_PER_JOULE,
            )

    async def _read(self, seconds: float) -> Welcome | Ack:
        async with _within(seconds):
            data = await self._call.read()
        if data is grpc.aio.EOF:
            raise DeliveryError(f"the collector closed the stream: {await self._call.details()}")
        return decode_collector_message(cast("bytes", data))

    def _note_wall(self, collector_unix_nanoseconds: int, before_unix_nanoseconds: int) -> None:
        """Note how far ahead this host's clock is, as far as the time in between lets it be known.

        The collector looked at its clock between `before` and now.
        """
        now = self._clock.unix_nanoseconds()
        ahead = max(0, before_unix_nanoseconds - collector_unix_nanoseconds)
        behind = max(0, collector_unix_nanoseconds - now)
        self._note_clock((ahead or -behind) / NANOSECONDS_PER_SECOND)


def _lightest(waiting: Sequence[Entry], bytes_max: int) -> list[Entry]:
    """Return the first entries up to a number of bytes, at least one."""
    chosen: list[Entry] = []
    total = 0
    for entry in waiting:
        message = entry.message  # of which a disk may take care meanwhile
        total += len(message) if message is not None else entry.length
        if chosen and total > bytes_max:
            break
        chosen.append(entry)
    return chosen


@contextlib.asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    """Raise DeliveryError when what is inside takes longer."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            yield
    except TimeoutError as error:
        raise DeliveryError(f"no answer within {ANSWER_SECONDS:.0f} s") from error
