"""What was measured to the ledger, on the road of every agent: Hello, Series, Batch, Ack.

Time is cut at the borders of accounting slots, since a slot is counted from one side only (see
wattgram_collector.ingest.turns). Where an agent of the same host is up and counts, a new slot is
left to it: what lies in a slot of which nobody has anything yet waits until either has.
"""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from wattgram.handshake import Hello, HostFacts
from wattgram.readings import Batch, Kind, Series, SeriesTable, SourceState
from wattgram.units import (
    NANOSECONDS_PER_MICROSECOND,
    NANOSECONDS_PER_SECOND,
    SECONDS_PER_HOUR,
)
from wattgram.wire import encode_batch, encode_series
from wattgram_collector import __version__
from wattgram_collector.ingest.intake import Intake
from wattgram_collector.ingest.local import LocalStream, LocalStreamError
from wattgram_collector.ingest.service import IngestService
from wattgram_collector.redfish.meter import Lack, Span
from wattgram_collector.redfish.parcels import (
    SOURCE,
    Clock,
    Identity,
    Parcel,
    Piece,
    gap_of,
    pieces,
)

LOG: Final = logging.getLogger("wattgram.redfish")
# One session for ever: the ledger's applied sequence of it says where to go on.
SESSION: Final = "collector"
WAITING_MAX: Final = 1_000
INTERVALS_MAX: Final = 500
PATIENCE_NANOSECONDS: Final = SECONDS_PER_HOUR * NANOSECONDS_PER_SECOND


class Courier:
    """One BMC's way into the ledger. Nothing that was added leaves before it is acknowledged."""

    def __init__(
        self, service: IngestService, intake: Intake, identity: Identity, clock: Clock
    ) -> None:
        self._service = service
        self._intake = intake
        self._identity = identity
        self._clock = clock
        self._turn = intake.turns.of_meter(identity.agent_id)
        self._boot_id = uuid.uuid4().hex
        self._undecided: deque[Piece] = deque()
        self._waiting: deque[Parcel] = deque()
        self._first_sequence: int | None = None
        self._stream: LocalStream | None = None
        self._table: SeriesTable | None = None
        self._counts = True
        self._fails = False

    def add(self, span: Span | None, lacks: Sequence[Lack], state: SourceState) -> None:
        """Add what one reading gave, to be delivered."""
        now = self._clock.unix_nanoseconds()
        if span is not None:
            self._undecided.extend(pieces(span, now - self._clock.boottime_nanoseconds()))
        gaps = tuple(map(gap_of, lacks))
        parcels = [Parcel(state, run) for run in self._decided(now)]
        if gaps or not parcels:
            parcels.append(Parcel(state, gaps=gaps, made_unix_nanoseconds=now))
        self._waiting.extend(parcels)
        while len(self._waiting) > WAITING_MAX:  # the ledger counts a batch that never came
            self._waiting.popleft()
            if self._first_sequence is not None:
                self._first_sequence += 1

    async def deliver(self) -> None:
        """Deliver all that waits. What a failing ledger does not take waits for the next time."""
        try:
            stream = self._stream or await self._connect()
            for sequence, parcel in enumerate(self._waiting, self._first_sequence or 1):
                self._send(stream, sequence, parcel)
            while self._waiting:
                self._forget((await stream.acknowledged()).applied_sequence)
        except LocalStreamError as error:
            if not self._fails:
                LOG.warning("redfish_undelivered host=%s reason=%r",
                            self._identity.host, str(error))  # fmt: skip
            self._fails = True
            await self.close()
        else:
            self._fails = False

    async def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.close()

    # ── who counts ───────────────────────────────────────────────────────────────────────

    def _decided(self, now: int) -> Iterator[list[Piece]]:
        """Yield runs of pieces that are now known to be counted, or all not.

        The stream sets aside what is not: it has the last word.
        """
        ready: list[tuple[bool, Piece]] = []
        while self._undecided and (counted := self._verdict(self._undecided[0], now)) is not None:
            ready.append((counted, self._undecided.popleft()))
        for counted, run in groupby(ready, key=lambda one: one[0]):
            self._say(counts=counted)
            found = [piece for _, piece in run]
            for at in range(0, len(found), INTERVALS_MAX):
                yield found[at : at + INTERVALS_MAX]

    def _verdict(self, piece: Piece, now: int) -> bool | None:
        """Return whether a piece is counted, None while an agent may yet count its slot."""
        if piece.slot in self._turn.theirs:
            return False
        if piece.slot in self._turn.mine or not self._turn.has_agent_that_counts(now):
            return True
        waited = now - piece.end_microseconds * NANOSECONDS_PER_MICROSECOND
        return True if waited > PATIENCE_NANOSECONDS else None

    def _say(self, *, counts: bool) -> None:
        if counts is not self._counts:
            self._counts = counts
            LOG.info(
                "redfish_counts host=%s: no agent of this host does"
                if counts
                else "redfish_shown_only host=%s: an agent of this host counts",
                self._identity.host,
            )

    # ── the stream ───────────────────────────────────────────────────────────────────────

    async def _connect(self) -> LocalStream:
        self._stream = stream = LocalStream(self._service, self._identity.agent_id)
        self._table = None
        welcome = await stream.open(
            Hello(
                agent_id=self._identity.agent_id,
                session=SESSION,
                boot_id=self._boot_id,
                agent_version=__version__,
                first_sequence=1,
                wall_unix_nanoseconds=self._clock.unix_nanoseconds(),
                boottime_nanoseconds=self._clock.boottime_nanoseconds(),
                batch_interval_nanoseconds=self._identity.period_nanoseconds,
                facts=HostFacts(host=self._free_host()),
            )
        )
        if self._first_sequence is None:
            self._first_sequence = welcome.applied_sequence + 1
        self._forget(welcome.applied_sequence)
        return stream

    def _free_host(self) -> str:
        """Return the host's name; where its agent has that, one beside it."""
        host = self._identity.host
        others = (
            agent.record.host
            for agent in self._intake.fleet
            if agent.record.agent_id != self._identity.agent_id
        )
        return f"{host}-{SOURCE}" if host in others else host

    def _forget(self, applied: int) -> None:
        """Drop what is in the ledger."""
        first = self._first_sequence or 1
        for _ in range(min(len(self._waiting), applied + 1 - first)):
            self._waiting.popleft()
        self._first_sequence = max(first, applied + 1)

    def _send(self, stream: LocalStream, sequence: int, parcel: Parcel) -> None:
        table = self._table_of(parcel.state)
        if table is not self._table:
            stream.send(encode_series(table))
            self._table = table
        start = parcel.made_unix_nanoseconds
        if parcel.pieces:
            start = parcel.pieces[0].start_microseconds * NANOSECONDS_PER_MICROSECOND
        ago = self._clock.unix_nanoseconds() - start
        batch = Batch(
            sequence=sequence,
            series_number=table.number,
            start_unix_nanoseconds=start,
            start_boottime_nanoseconds=max(0, self._clock.boottime_nanoseconds() - ago),
            interval_microseconds=tuple(
                piece.end_microseconds - piece.start_microseconds for piece in parcel.pieces
            ),
            columns=(tuple(piece.microjoules for piece in parcel.pieces),),
            gaps=parcel.gaps,
        )
        stream.send(encode_batch(batch))

    def _table_of(self, state: SourceState) -> SeriesTable:
        said = self._table
        if said is not None and said.sources == (state,):
            return said
        series = Series(
            kind=Kind.ENERGY,
            source=SOURCE,
            domain="chassis",
            instance=self._identity.instance,
            counted=True,
        )
        return SeriesTable(
            number=said.number + 1 if said else 1,
            boot_id=self._boot_id,
            grid_zone=self._identity.grid_zone,
            series=(series,),
            sources=(state,),
        )
