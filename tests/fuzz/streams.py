"""What comes over the wire: an agent's stream as the collector reads it, and the answers to it."""

from __future__ import annotations

import asyncio
import dataclasses

import grpc.aio

import spooling
from builders import NOW, Book, hello, intensity
from fakes import ManualClock, spooled
from fuzz.inputs import as_message, empty_directory, pieces
from wattgram.handshake import Ack, Hello, Welcome
from wattgram.readings import Batch, Series, SeriesTable
from wattgram.v1 import telemetry_pb2 as pb
from wattgram.wire import (
    WireError,
    decode_agent_message,
    decode_collector_message,
    encode_ack,
    encode_batch,
    encode_hello,
    encode_series,
    encode_welcome,
)
from wattgram_agent.channel import DeliveryError
from wattgram_agent.delivery import Delivery
from wattgram_agent.spool.queue import Spool
from wattgram_collector.accounting.emissions import Account, Books, Columns
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.ingest.folding import fold, fold_labels
from wattgram_collector.ingest.greeting import GreetingError, hello_of, version_with
from wattgram_collector.ingest.past import Sessions
from wattgram_collector.ingest.reckoning import AgentClock, RefusalError, Told, reckon
from wattgram_collector.ingest.tables import require_table, tidy_sources
from wattgram_collector.ledger import SEQUENCE_MAX, Entry, TallyKey

MESSAGES_MAX = 8
CELLS_MAX = 5_000
SERIES_MAX = 100
WORKLOADS_MAX = 3
BOOKS = Books(Book([intensity("FR"), intensity("DE", "0")]))


def collector(data: bytes) -> bool:
    """Whatever is said, it is refused with a reason or booked to the microjoule."""
    greeting, *said = (as_message(one, pb.AgentMessage) for one in pieces(data, MESSAGES_MAX))
    stream = _Stream(_greeted(greeting) or hello())
    booked = [stream.take(message) for message in said]
    return any(booked)


def _greeted(data: bytes) -> Hello | None:
    try:
        found = hello_of(data)
        version_with(found)
    except GreetingError as error:
        assert str(error)
        return None
    assert decode_agent_message(encode_hello(found), {}) == found
    return found


class _Stream:
    def __init__(self, greeting: Hello) -> None:
        self._clock = AgentClock.of(greeting, NOW)
        self._sessions = Sessions()
        self._session = greeting.session
        self._heard: dict[int, SeriesTable] = {}
        self._told: dict[int, Told] = {}
        self._had: set[Series] = set()
        self._labels: set[TallyKey] = set()

    def take(self, data: bytes) -> bool:
        """Return whether a batch was booked."""
        try:
            message = decode_agent_message(data, self._heard, CELLS_MAX)
        except WireError as error:
            assert str(error)
            return False
        match message:
            case Hello():
                assert decode_agent_message(encode_hello(message), {}) == message
            case SeriesTable():
                assert decode_agent_message(encode_series(message), {}) == message
                self._learn(message)
            case Batch():
                again = decode_agent_message(encode_batch(message), self._heard, CELLS_MAX)
                assert again == message
                return self._book(message)
        return False

    def _learn(self, table: SeriesTable) -> None:
        self._heard[table.number] = table
        try:
            require_table(table, SERIES_MAX)
        except RefusalError:
            self._told.pop(table.number, None)
            return
        dataclasses.replace(table, sources=tidy_sources(table.sources))
        filed = fold(table.series, self._had, WORKLOADS_MAX)
        self._had.update(filed)
        known = list(dict.fromkeys(filed))
        keys = tuple(known.index(one) for one in filed)
        self._told[table.number] = Told(table, keys, Columns(filed), filed)

    def _book(self, batch: Batch) -> bool:
        told = self._told.get(batch.series_number)
        if told is None or batch.sequence > SEQUENCE_MAX:
            return False
        self._clock = self._clock.refreshed(batch.status, NOW)
        past = self._sessions.of(self._session)
        past.overlaps(batch, told.table.boot_id, self)
        try:
            entry = reckon(
                batch,
                told,
                agent_key=1,
                session=self._session,
                terms=Terms(zone=told.table.grid_zone, network_zone=told.table.grid_zone),
                clock=self._clock,
                books=BOOKS,
                now_unix_nanoseconds=NOW,
            )
        except RefusalError as error:
            assert error.reason
            return False
        past.note(batch.sequence, batch.start_unix_nanoseconds)
        if batch.duration_nanoseconds:
            end = batch.start_boottime_nanoseconds + batch.duration_nanoseconds
            past.note_end(end, told.table.boot_id, self)
        self._sessions.goes_on(self._session, entry.newest_sample_unix_nanoseconds)
        past.starts_down_from(batch.sequence, 1)
        tallies = fold_labels(entry.tallies, self._labels, WORKLOADS_MAX)
        assert sum(tallies.values()) == sum(entry.tallies.values())
        _require_conserved(batch, told, entry)
        return True


def _require_conserved(batch: Batch, told: Told, entry: Entry) -> None:
    totals = [sum(filter(None, column)) for column in batch.columns]
    assert sum(entry.usage.values()) == sum(totals)
    for account, columns in (
        (Account.HOST, told.columns.host),
        (Account.RECEIVE, told.columns.receive),
        (Account.TRANSMIT, told.columns.transmit),
    ):
        posted = sum(amount for key, amount in entry.postings.items() if key.account is account)
        assert posted == sum(totals[index] for index in columns)
    amounts = [*entry.usage.values(), *entry.postings.values(), *entry.tallies.values()]
    assert min(amounts, default=0) >= 0


# ── the collector's answers ──────────────────────────────────────────────────────────────


class _Call:
    """A collector that says what it was given, whatever it is told."""

    def __init__(self, said: list[bytes]) -> None:
        self._said = iter(said)

    async def write(self, data: bytes) -> None:
        """Take anything."""

    async def read(self) -> object:
        return next(self._said, grpc.aio.EOF)

    async def details(self) -> str:
        return "nothing more to say"


def agent(data: bytes) -> bool:
    """Whatever a collector answers, a batch still waits, was taken by it, or is told as lost."""
    said = [as_message(one, pb.CollectorMessage) for one in pieces(data, MESSAGES_MAX)]
    for message in said:
        _require_same_again(message)
    spool = spooling.open_spool(empty_directory("spool"), boot_id="boot")
    try:
        spooling.fill(spool, 3)
        return asyncio.run(_delivered(spool, said))
    finally:
        spool.close()


def _require_same_again(data: bytes) -> None:
    try:
        message = decode_collector_message(data)
    except WireError as error:
        assert str(error)
        return
    match message:
        case Welcome():
            assert decode_collector_message(encode_welcome(message)) == message
        case Ack():
            assert decode_collector_message(encode_ack(message)) == message


async def _delivered(spool: Spool, said: list[bytes]) -> bool:
    clock = ManualClock()
    delivery = Delivery(_Call(said), spool, clock, lambda _: None)
    try:
        is_new = await delivery.shake_hands(hello())
    except (DeliveryError, WireError):
        assert len(spool) == 3
        return False
    # What the collector has not said that it has, waits.
    first = spool.first_sequence
    assert is_new or len(spool) == len(spool.after(first - 1))
    before = {id(entry) for entry in spool.after(0)}
    try:
        for entry in spool.after(delivery._sent):
            await delivery._send(entry)
            delivery._sent = entry.sequence
        await delivery._acknowledged(clock.unix_nanoseconds())
    except (DeliveryError, WireError):
        pass
    gone = len(before - {id(entry) for entry in spool.after(0)})
    assert gone == 0 or len(said) > 1 or spool._store.losses.owed
    spooling.append(spool)
    assert spooled(spool)[-1][1].sequence == spool.next_sequence - 1
    return True
