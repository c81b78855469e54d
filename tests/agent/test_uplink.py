"""The way to a collector, over real sockets: what is sent, refused, waited for, and where."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import grpc.aio
import pytest

import wattgram_agent.delivery
from fakes import ManualClock
from spooling import (
    EPOCH,
    GPU,
    PACKAGE,
    SECOND,
    append,
    batch,
    fill,
    open_spool,
    segments,
    sequences,
    table,
    told,
)
from wattgram.handshake import Ack, Hello, HostFacts, Limits, Refusal, Welcome
from wattgram.readings import Batch, SeriesTable
from wattgram.wire import (
    DELIVER_METHOD,
    decode_agent_message,
    encode_ack,
    encode_batch,
    encode_welcome,
)
from wattgram_agent.channel import DeliveryError
from wattgram_agent.config import AgentConfig, CollectorSettings
from wattgram_agent.delivery import Delivery
from wattgram_agent.doors import RETURN_SECONDS
from wattgram_agent.spool.entries import Entry
from wattgram_agent.spool.letters import DeadLetters, read_letters
from wattgram_agent.spool.queue import Spool
from wattgram_agent.uplink import Uplink

NOW = 1_750_000_000 * SECOND


@dataclass
class FakeCollector:
    """Acknowledges what it gets, but for what it is told to do else."""

    applied: dict[str, int] = field(default_factory=dict)
    starts: tuple[int, ...] = ()
    limits: Limits = field(default_factory=Limits)
    version: int = 1
    wall: int = NOW
    pause_milliseconds: int = 0
    refuse: dict[int, Refusal] = field(default_factory=dict)
    """By sequence, once each."""
    silent_from: int = 1 << 62
    """It reads, and says nothing about this sequence and what follows."""
    greets: bool = True
    fails: tuple[grpc.StatusCode, str] | None = None
    batches: list[Batch] = field(default_factory=list)
    tables: list[int] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    most_unacknowledged: int = 0

    @property
    def sequences(self) -> list[int]:
        return [batch.sequence for batch in self.batches]

    async def deliver(self, _: object, context: grpc.aio.ServicerContext) -> None:
        tables: dict[int, SeriesTable] = {}
        if self.fails:
            await context.abort(*self.fails)
        while (data := await context.read()) is not grpc.aio.EOF:
            match decode_agent_message(data, tables):
                case Hello() as hello:
                    if not self.greets:
                        continue
                    self.sessions.append(hello.session)
                    self.applied.setdefault(hello.session, hello.first_sequence - 1)
                    await context.write(encode_welcome(self.welcome(hello.session)))
                case SeriesTable() as table:
                    tables[table.number] = table
                    self.tables.append(table.number)
                case Batch() as one if one.sequence < self.silent_from:
                    await context.write(encode_ack(self.take(one)))

    def welcome(self, session: str) -> Welcome:
        return Welcome(
            applied_sequence=self.applied[session],
            wall_unix_nanoseconds=self.wall,
            limits=self.limits,
            protocol_version=self.version,
            applied_starts_unix_nanoseconds=self.starts,
        )

    def take(self, one: Batch) -> Ack:
        session = self.sessions[-1]
        refusal = self.refuse.pop(one.sequence, None)
        if refusal is None:
            self.batches.append(one)
        self.applied[session] = max(self.applied[session], one.sequence)
        return Ack(
            applied_sequence=self.applied[session],
            wall_unix_nanoseconds=self.wall,
            refused=(refusal,) if refusal else (),
            pause_milliseconds=self.pause_milliseconds,
        )


@contextlib.asynccontextmanager
async def serving(collector: FakeCollector) -> AsyncIterator[int]:
    """Serve a collector on loopback; give its port."""
    server = grpc.aio.server()
    service, method = DELIVER_METHOD.strip("/").split("/")
    handler = grpc.stream_stream_rpc_method_handler(collector.deliver)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


async def deliver(spool: Spool, collector: FakeCollector) -> None:
    async with serving(collector) as port:
        await uplink(spool, port).deliver(keep=False)


def uplink(spool: Spool, *ports: int, clock: ManualClock | None = None) -> Uplink:
    first, *others = [f"127.0.0.1:{port}" for port in ports]
    settings = CollectorSettings(address=first, addresses=tuple(others), connection="kept")

    def hello() -> Hello:
        return Hello(
            agent_id="a",
            session=spool.session,
            boot_id="b",
            agent_version="0",
            first_sequence=spool.first_sequence,
            wall_unix_nanoseconds=1,
            boottime_nanoseconds=1,
            batch_interval_nanoseconds=1,
            facts=HostFacts(host="h"),
        )

    config = AgentConfig(collector=settings)
    return Uplink(config, spool, hello, clock=clock or ManualClock(), jitter=lambda: 0.0)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    directory = tmp_path / "spool"
    letters = DeadLetters(directory / "dead", max_bytes=1 << 20, max_age_seconds=1e6)
    return open_spool(directory, letters=letters)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wattgram_agent.delivery, "ANSWER_SECONDS", 0.1)


def dead_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.asynccontextmanager
async def running(sender: Uplink) -> AsyncIterator[None]:
    task = asyncio.ensure_future(sender.run())
    try:
        async with asyncio.timeout(10):
            yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 -- of what is watched nobody tells
        await asyncio.sleep(0.001)


# ── what is sent ─────────────────────────────────────────────────────────────────────────


async def test_what_waits_is_delivered_in_order_and_forgotten(spool: Spool) -> None:
    collector = FakeCollector()
    fill(spool, 5)
    await deliver(spool, collector)

    assert collector.sequences == [1, 2, 3, 4, 5]
    assert collector.tables == [1]
    assert len(spool) == 0


async def test_a_batch_says_when_it_was_sent(spool: Spool) -> None:
    collector, clock = FakeCollector(), ManualClock()
    append(spool)
    async with serving(collector) as port:
        await uplink(spool, port, clock=clock).deliver(keep=False)

    status = collector.batches[0].status
    assert status.sent_wall_unix_nanoseconds == clock.unix
    assert status.sent_boottime_nanoseconds == clock.boottime


async def test_more_than_a_window_is_delivered_window_by_window(spool: Spool) -> None:
    collector = FakeCollector(limits=Limits(max_unacknowledged_batches=3), silent_from=4)
    fill(spool, 10)
    async with serving(collector) as port, running(uplink(spool, port)):
        await until(lambda: spool.first_sequence == 4)
    collector.silent_from = 1 << 62
    # What follows may be on the way when the stream ends: it comes again.
    assert collector.sequences[:3] == [1, 2, 3]

    await deliver(spool, collector)
    assert sorted(set(collector.sequences)) == list(range(1, 11))


async def test_a_window_is_bounded_by_bytes_too(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wattgram_agent.delivery, "WINDOW_BYTES_MAX", 500)
    fill(spool, 40)
    read: list[int] = []
    read_entry = spool.read
    monkeypatch.setattr(
        spool, "read", lambda entry: (read.append(entry.sequence), read_entry(entry))[1]
    )
    collector = FakeCollector(silent_from=1)
    async with serving(collector) as port, running(uplink(spool, port)):
        await until(lambda: len(read) >= 3)

    assert max(read) < 8
    await deliver(spool, FakeCollector(applied=collector.applied))
    assert len(spool) == 0


def test_a_batch_that_a_disk_takes_meanwhile_does_not_end_the_delivery() -> None:
    """The sampler writes in another thread: what was in memory is on disk when looked at again."""

    class Fading:
        length = 7
        looks = 0

        @property
        def message(self) -> bytes | None:
            self.looks += 1
            return b"12345" if self.looks == 1 else None

    fading = [Fading(), Fading(), Fading()]

    assert wattgram_agent.delivery._lightest(fading, 10) == fading[:2]
    heavy = [Fading(), Fading()]
    assert wattgram_agent.delivery._lightest(heavy, 3) == heavy[:1]


async def test_what_the_collector_has_is_not_sent_again(tmp_path: Path) -> None:
    fill(open_spool(tmp_path), 5)
    spool = open_spool(tmp_path)
    collector = FakeCollector(applied={spool.session: 3})
    await deliver(spool, collector)

    assert collector.sequences == [4, 5]


async def test_a_batch_that_rotted_costs_itself_only(spool: Spool, tmp_path: Path) -> None:
    """Also when it is the last one: nobody waits for an acknowledgement that cannot come."""
    collector = FakeCollector()
    fill(spool, 3)
    (segment,) = segments(tmp_path / "spool")
    data = bytearray(segment.read_bytes())
    data[-1] ^= 0xFF
    segment.write_bytes(data)
    async with asyncio.timeout(5):
        await deliver(spool, collector)

    assert collector.sequences == [1, 2]
    assert sequences(spool) == []


# ── what is refused, and what does not fit ───────────────────────────────────────────────


async def test_what_is_refused_for_good_is_set_aside_and_the_rest_goes_on(
    spool: Spool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refuse = {n: Refusal(sequence=n, reason="future") for n in (2, 4)}
    collector = FakeCollector(refuse=refuse)
    fill(spool, 5)
    await deliver(spool, collector)

    assert collector.sequences == [1, 3, 5]
    letters = read_letters(tmp_path / "spool" / "dead")
    assert [letter.sequence for letter in letters] == [2, 4]
    assert {letter.reason for letter in letters} == {"future"}
    table = decode_agent_message(letters[0].table, {})
    assert isinstance(table, SeriesTable)
    assert decode_agent_message(letters[0].batch, {1: table}) == batch(2)
    assert [r.message for r in caplog.records if "set_aside" in r.message] == [
        (
            "batch_set_aside sequence=2 reason='future' energy_joules=0.000: "
            "`wattgram-agent spool list` shows all"
        )
    ]
    append(spool)
    assert [(g.reason, g.count, g.duration_nanoseconds, g.detail) for g in told(spool)] == [
        ("dead_letter", 2, 2 * SECOND, "0.000000 J counted")
    ]


async def test_a_refusal_of_what_was_never_sent_is_ignored(spool: Spool) -> None:
    refuse = {1: Refusal(sequence=2, reason="future")}
    collector = FakeCollector(refuse=refuse, limits=Limits(max_unacknowledged_batches=1))
    fill(spool, 2)
    await deliver(spool, collector)

    assert collector.sequences == [2]
    append(spool)
    assert told(spool) == []


async def test_a_refusal_of_what_is_delivered_already_is_ignored(spool: Spool) -> None:
    refuse = {2: Refusal(sequence=1, reason="future")}
    collector = FakeCollector(refuse=refuse, limits=Limits(max_unacknowledged_batches=1))
    fill(spool, 3)
    await deliver(spool, collector)

    assert collector.sequences == [1, 3]


async def test_a_batch_that_is_dropped_while_it_is_sent_is_left_out(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(spool, 3)
    read_entry = spool.read

    def read(entry: Entry) -> bytes | None:
        message = read_entry(entry)
        spool.drop_older_than(EPOCH + 9 * SECOND)
        return message

    monkeypatch.setattr(spool, "read", read)
    collector = FakeCollector(limits=Limits(max_intervals=15))
    await deliver(spool, collector)

    assert (collector.batches, len(spool)) == ([], 0)


async def test_what_needs_a_new_session_is_kept_and_delivered_there(spool: Spool) -> None:
    refusal = Refusal(sequence=3, reason="sequence_reused", needs_new_session=True)
    collector = FakeCollector(refuse={3: refusal})
    fill(spool, 5)
    first = spool.session
    await deliver(spool, collector)

    assert collector.sequences == [1, 2, 4, 5, 3]
    assert collector.sessions == [first, spool.session]
    assert collector.applied[spool.session] == 3
    assert len(spool) == 0


async def test_a_collector_that_has_more_than_was_sent_is_greeted_in_a_new_session(
    spool: Spool,
) -> None:
    collector = FakeCollector(applied={spool.session: 9})
    fill(spool, 3)
    await deliver(spool, collector)

    assert collector.sequences == [1, 2, 3]
    assert len(set(collector.sessions)) == 2


async def test_a_collector_to_which_every_session_is_somebody_elses_is_left(spool: Spool) -> None:
    class Confused(FakeCollector):
        def welcome(self, session: str) -> Welcome:
            self.applied[session] = 99
            return super().welcome(session)

    fill(spool, 3)
    with pytest.raises(DeliveryError, match="somebody else"):
        await deliver(spool, Confused())
    assert sequences(spool) == [1, 2, 3]


async def test_a_batch_beyond_the_limits_is_delivered_coarser(spool: Spool) -> None:
    append(spool, cells=40)
    append(spool)
    size = len(encode_batch(batch(1, cells=20))) + wattgram_agent.delivery._STAMP_BYTES
    collector = FakeCollector(limits=Limits(max_batch_bytes=size, max_intervals=15))
    await deliver(spool, collector)

    coarse = collector.batches[0]
    assert [len(one.interval_microseconds) for one in collector.batches] == [10, 1]
    assert sum(coarse.columns[0]) == sum(batch(1, cells=40).columns[0])
    assert coarse.duration_nanoseconds == batch(1, cells=40).duration_nanoseconds


async def test_a_batch_of_too_many_intervals_is_delivered_coarser(spool: Spool) -> None:
    append(spool, cells=40)
    collector = FakeCollector(limits=Limits(max_intervals=15))
    await deliver(spool, collector)

    assert [len(one.interval_microseconds) for one in collector.batches] == [10]


async def test_a_batch_that_no_limit_lets_through_is_set_aside_unsent(
    spool: Spool, tmp_path: Path
) -> None:
    fill(spool, 2)
    collector = FakeCollector(limits=Limits(max_batch_bytes=70))
    await deliver(spool, collector)

    assert collector.batches == []
    letters = read_letters(tmp_path / "spool" / "dead")
    assert [letter.reason for letter in letters] == ["too_large", "too_large"]
    assert len(spool) == 0


async def test_a_batch_of_too_many_series_is_set_aside_unsent(
    spool: Spool, tmp_path: Path
) -> None:
    append(spool, table(1, PACKAGE, GPU))
    collector = FakeCollector(limits=Limits(max_series=1))
    await deliver(spool, collector)

    assert collector.batches == []
    (letter,) = read_letters(tmp_path / "spool" / "dead")
    assert letter.reason == "too_many_series"


async def test_limits_of_nothing_are_none(spool: Spool) -> None:
    nothing = Limits(
        max_batch_bytes=0, max_series=0, max_intervals=0, max_unacknowledged_batches=0
    )
    collector = FakeCollector(limits=nothing)
    fill(spool, 3)
    await deliver(spool, collector)

    assert collector.sequences == [1, 2, 3]


# ── collectors that are away, mute, or odd ───────────────────────────────────────────────


async def test_a_collector_that_is_away_is_a_delivery_error_and_keeps_the_batches(
    spool: Spool,
) -> None:
    fill(spool, 2)
    with pytest.raises(DeliveryError, match="UNAVAILABLE"):
        await uplink(spool, dead_port()).deliver(keep=False)

    assert sequences(spool) == [1, 2]


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("how", ["no Welcome", "no Ack", "nobody behind the socket"])
async def test_a_collector_that_takes_and_says_nothing_is_left(spool: Spool, how: str) -> None:
    fill(spool, 3)
    mute = FakeCollector(greets=how != "no Welcome", silent_from=2)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        async with serving(mute) as served:
            port = listener.getsockname()[1] if how.startswith("nobody") else served
            with pytest.raises(DeliveryError, match="no answer within"):
                await uplink(spool, port).deliver(keep=False)

    assert sequences(spool) == ([2, 3] if how == "no Ack" else [1, 2, 3])


async def test_acknowledgements_of_what_was_not_sent_forget_nothing(spool: Spool) -> None:
    class Boaster(FakeCollector):
        def take(self, one: Batch) -> Ack:
            self.batches.append(one)
            return Ack(applied_sequence=99, wall_unix_nanoseconds=NOW)

    fill(spool, 5)
    boaster = Boaster(limits=Limits(max_unacknowledged_batches=2))
    async with serving(boaster) as port:
        sender = uplink(spool, port)
        async with running(sender):
            await until(lambda: len(spool) == 0)

    assert boaster.sequences == [1, 2, 3, 4, 5]


@dataclass
class Slow:
    """A call of which each answer comes `seconds` after the one before."""

    answers: list[int]
    """The highest applied sequence of each."""
    seconds: float
    reads: int = 0

    async def write(self, _: bytes) -> None:
        pass

    async def read(self) -> bytes:
        loop = asyncio.get_running_loop()
        time, self.reads = loop.time, self.reads + 1
        loop.time = lambda: time() + self.seconds
        for _ in range(3):
            await asyncio.sleep(0)
        applied = self.answers[min(self.reads, len(self.answers)) - 1]
        assert self.reads < 20
        return encode_ack(Ack(applied_sequence=applied, wall_unix_nanoseconds=NOW))


def slowly(spool: Spool, *answers: int) -> Delivery:
    seconds = 0.75 * wattgram_agent.delivery.ANSWER_SECONDS
    call = Slow(list(answers), seconds)
    return Delivery(call, spool, ManualClock(), lambda _: None)


async def test_a_collector_that_gets_on_is_waited_for_however_slow_it_is(spool: Spool) -> None:
    fill(spool, 4)
    await slowly(spool, 1, 2, 3, 4).deliver_all()

    assert len(spool) == 0


async def test_a_collector_that_answers_and_does_not_get_on_is_left(spool: Spool) -> None:
    fill(spool, 4)
    with pytest.raises(DeliveryError, match="no answer within"):
        await slowly(spool, 1, 1).deliver_all()

    assert sequences(spool) == [2, 3, 4]


@pytest.mark.parametrize("version", [0, 2])
async def test_a_collector_of_another_protocol_is_named(spool: Spool, version: int) -> None:
    with pytest.raises(DeliveryError, match=f"speaks protocol {version}, this agent 1 to 1") as it:
        await deliver(spool, FakeCollector(version=version))

    assert it.value.patience > 0


@pytest.mark.parametrize(
    ("code", "patience"),
    [
        (grpc.StatusCode.UNAVAILABLE, 0),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 3),
        (grpc.StatusCode.PERMISSION_DENIED, 5),
    ],
)
async def test_what_does_not_heal_by_itself_is_tried_again_later(
    spool: Spool, code: grpc.StatusCode, patience: int
) -> None:
    with pytest.raises(DeliveryError, match=f"{code.name}: because") as it:
        await deliver(spool, FakeCollector(fails=(code, "because")))

    assert it.value.patience == patience


async def test_a_pause_is_kept_before_more_is_sent(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is at most five minutes, whatever is asked for."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(wattgram_agent.delivery.asyncio, "sleep", sleep)
    limits = Limits(max_unacknowledged_batches=2)
    fill(spool, 3)
    await deliver(spool, FakeCollector(limits=limits, pause_milliseconds=1_500))
    fill(spool, 1)
    await deliver(spool, FakeCollector(limits=limits, pause_milliseconds=1 << 31))

    assert slept == [1.5, 1.5, 300.0]


async def test_a_pause_that_one_answer_asks_for_is_kept_once(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Once(FakeCollector):
        def take(self, one: Batch) -> Ack:
            ack = super().take(one)
            self.pause_milliseconds = 0
            return ack

    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(wattgram_agent.delivery.asyncio, "sleep", sleep)
    fill(spool, 4)
    limits = Limits(max_unacknowledged_batches=2)
    await deliver(spool, Once(limits=limits, pause_milliseconds=1_500))

    assert slept == [1.5, 0.0]


async def test_the_next_address_is_taken_when_one_does_not_answer(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    collector = FakeCollector()
    fill(spool, 2)
    async with serving(collector) as port:
        sender = uplink(spool, dead_port(), dead_port(), port)
        async with running(sender):
            await until(lambda: len(spool) == 0)
            append(spool)
            sender.notify()
            await until(lambda: len(spool) == 0)
            await until(lambda: "again" in caplog.text)

    assert collector.sequences == [1, 2, 3]
    ours = [record for record in caplog.records if record.name == "wattgram.uplink"]
    assert [record.message.split()[0] for record in ours] == [
        "collector_unreachable",
        "collector_reachable_again",
    ]


async def test_the_preferred_address_is_taken_again_after_a_while(spool: Spool) -> None:
    preferred, other, clock, port = FakeCollector(), FakeCollector(), ManualClock(), dead_port()
    fill(spool, 2)
    async with serving(other) as other_port:
        sender = uplink(spool, port, other_port, clock=clock)

        def rests() -> bool:
            """Return whether all is delivered, there, and when to look again is known."""
            due = clock.boottime / SECOND + RETURN_SECONDS
            return len(spool) == 0 and sender._doors._return_at == due

        async with running(sender):
            await until(rests)
            clock.advance(601)
            append(spool)
            sender.notify()  # the preferred one is tried, still away, and the other goes on
            await until(rests)
            append(spool)
            sender.notify()
            await until(rests)
            assert other.sequences == [1, 2, 3, 4]

            async with serving(preferred) as back:
                # Before its time comes: what is tried a moment earlier is still away.
                sender._doors._addresses = (f"127.0.0.1:{back}", f"127.0.0.1:{other_port}")
                preferred.applied = other.applied
                clock.advance(601)
                append(spool)
                sender.notify()
                await until(lambda: len(spool) == 0 and sender.address.endswith(f":{back}"))
                append(spool)
                sender.notify()
                await until(lambda: len(spool) == 0)

    assert preferred.sequences == [6]
    assert other.sequences == [1, 2, 3, 4, 5]


# ── clocks ───────────────────────────────────────────────────────────────────────────────


async def test_a_clock_that_is_off_is_said_once_and_that_it_is_right_again(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock, collector = ManualClock(), FakeCollector(wall=NOW + 5 * SECOND)
    async with serving(collector) as port:
        sender = uplink(spool, port, clock=clock)
        for seconds in (0, 0, 4, 9, 1_000):
            clock.unix = NOW + seconds * SECOND
            append(spool)
            await sender.deliver(keep=False)

    assert [r.message for r in caplog.records if "clock" in r.message] == [
        "clock_off seconds=-5.0: by the collector's, which corrects it",
        "clock_right_again",
        "clock_off seconds=4.0: by the collector's, which corrects it",
    ]
