"""Anything at all over a stream: the service answers or ends it, and is there for the next one.

No socket: the context is both ends of a stream, as the collector's own agents use it.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import grpc
import grpc.aio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import strategies
from builders import PACKAGE, Book, batch, hello, intensity, table, terms, used
from wattgram.handshake import Ack, Welcome
from wattgram.wire import decode_collector_message, encode_batch, encode_hello, encode_series
from wattgram_collector.accounting.emissions import Books
from wattgram_collector.config import LimitSettings
from wattgram_collector.ingest.agents import Fleet
from wattgram_collector.ingest.committer import Committer
from wattgram_collector.ingest.intake import Intake
from wattgram_collector.ingest.service import IngestService
from wattgram_collector.ledger.sqlite import SqliteLedger


class EndedError(Exception):
    """How gRPC ends a handler that aborts its call."""


class Peer:
    """Says what it was given, and then that it has ended."""

    def __init__(self, said: Sequence[bytes]) -> None:
        self._said = iter(said)
        self.heard: list[Welcome | Ack] = []
        self.code: grpc.StatusCode | None = None

    async def read(self) -> Any:
        return next(self._said, grpc.aio.EOF)

    async def write(self, data: bytes) -> None:
        self.heard.append(decode_collector_message(data))

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"

    def auth_context(self) -> dict[str, list[bytes]]:
        return {}

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    async def abort(self, code: grpc.StatusCode, reason: str) -> NoReturn:
        assert reason
        self.code = code
        raise EndedError(reason)


class Desk:
    """A service on an event loop of its own, asked in between by a test that is not async."""

    def __init__(self, directory: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.ledger = SqliteLedger(directory / "ledger.sqlite")
        self.committer = Committer(self.ledger, tick_seconds=0)
        limits = LimitSettings(max_batches_per_second=1e9, max_cpu_ratio_per_agent=1.0,
                               max_garbage_messages=3, max_sessions_per_agent_per_day=10**9,
                               max_cells=10_000)  # fmt: skip
        books = Books(Book([intensity("DE")]))
        self.intake = Intake(self.ledger, self.committer, Fleet({}, {}), books,
                             lambda _, __, said: terms(said), limits.as_sent,
                             bounds=limits)  # fmt: skip
        self.service = IngestService(self.intake)
        self.committing = self.loop.create_task(self.committer.run())

    def serve(self, said: Sequence[bytes]) -> Peer:
        peer = Peer(said)
        with contextlib.suppress(EndedError):
            self.loop.run_until_complete(self.service._admit(None, peer))
        # What was taken before a stream was cut is committed all the same.
        self.loop.run_until_complete(asyncio.wait_for(self._committed(), 10))
        return peer

    async def _committed(self) -> None:
        while self.intake.pressure.bytes_in_flight:
            await self.committer.call(lambda: None)

    def close(self) -> None:
        self.committing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            self.loop.run_until_complete(self.committing)
        self.loop.run_until_complete(self.committer.close())
        self.ledger.close()
        self.loop.close()


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with tempfile.TemporaryDirectory(prefix="wattgram-fuzz-") as name:
        opened = Desk(Path(name))
        yield opened
        opened.close()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good message of any kind, of which some bytes were changed and some are missing."""
    message = bytearray(draw(strategies.messages)[0])
    for at, byte in draw(st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=3)):
        message[at % len(message)] = byte
    return bytes(message[: len(message) - draw(st.integers(0, 2))])


@st.composite
def sent_batches(draw: st.DrawFn) -> list[bytes]:
    """A table and batches of it, any that may exist."""
    of = draw(strategies.tables)
    return [encode_series(of), *(encode_batch(draw(strategies.batches(of))) for _ in range(3))]


anything = st.lists(
    st.binary(max_size=60).map(lambda one: [one])
    | damaged().map(lambda one: [one])
    | strategies.messages.map(lambda one: [one[0]])
    | sent_batches(),
    max_size=5,
).map(lambda parts: [message for part in parts for message in part])
greetings = st.just([encode_hello(hello())]) | strategies.hellos.map(
    lambda one: [encode_hello(one)]
)


@settings(max_examples=80, deadline=None)
@given(st.just([]) | greetings, anything)
def test_whatever_is_said_the_service_lives_and_forgets_the_stream(
    desk: Desk, greeting: list[bytes], said: list[bytes]
) -> None:
    peer = desk.serve([*greeting, *said])
    assert peer.code in {None, grpc.StatusCode.INVALID_ARGUMENT,
                         grpc.StatusCode.FAILED_PRECONDITION}  # fmt: skip
    assert (peer.code is None) <= bool(peer.heard)
    intake = desk.intake
    assert (intake.streams, intake.gate.streams, intake.pressure.bytes_in_flight) == (0, 0, 0)
    assert not desk.service._open
    assert not any(one.streams for one in intake._visitors._visitors.values())


def test_a_stream_that_is_cut_for_its_last_message_is_told_so(desk: Desk) -> None:
    peer = desk.serve([encode_hello(hello("garbler", "garbler")), *[b"\xff"] * 4])
    assert peer.code is grpc.StatusCode.INVALID_ARGUMENT


def test_an_honest_agent_is_served_after_all_that(desk: Desk) -> None:
    peer = desk.serve([encode_hello(hello("honest", "honest-host")), encode_series(table()),
                       encode_batch(batch([7]))])  # fmt: skip
    assert isinstance(peer.heard[-1], Ack)
    assert peer.heard[-1].applied_sequence == 1
    agent = desk.intake.fleet.of_id("honest")
    assert agent is not None
    assert used(agent.totals) == {PACKAGE: 7}
    assert used(desk.ledger.totals()[agent.record.key]) == {PACKAGE: 7}
