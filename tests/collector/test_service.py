"""The gRPC service on a real socket: what is answered, and what stands in the ledger then."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from builders import CORE, NOW, PACKAGE, SECOND, batch, hello, table, used
from collector_fakes import calling, configured, connected
from wattgram.handshake import Refusal
from wattgram.readings import Batch, Reach
from wattgram.wire import encode_batch, encode_hello, encode_series
from wattgram_collector.config import LedgerSettings, LimitSettings
from wattgram_collector.daemon import serving
from wattgram_collector.intensity import Tier
from wattgram_collector.ledger import AgentTotals, Tally
from wattgram_collector.ledger.sqlite import SqliteLedger

MANY = table(PACKAGE, CORE, number=2)
LIMITS = LimitSettings(
    max_batch_bytes=2_000, max_series=1, max_intervals=40, max_unacknowledged_batches=8
)


def encoded(sequence: int, energy: int = 1_000_000, **changes: object) -> bytes:
    return encode_batch(batch([energy], sequence=sequence, **changes))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(path)) as opened:
        yield opened


@pytest.fixture
async def port(ledger: SqliteLedger, tmp_path: Path) -> AsyncIterator[int]:
    config = configured(
        tmp_path, limits=LIMITS, ledger=LedgerSettings(commit_tick_seconds=0.005), grid_zone="DE"
    )
    async with serving(config, ledger) as (grpc_port, _):
        yield grpc_port


def totals(path: Path, agent_id: str = "agent-1") -> AgentTotals:
    """What another process would read now."""
    with closing(SqliteLedger(path)) as reader:
        keys = {one.agent_id: one.key for one in reader.agents()}
        return reader.totals()[keys[agent_id]]


async def test_a_hello_is_answered_with_where_to_go_on_and_what_is_accepted(port: int) -> None:
    before = time.time_ns()
    async with connected(port) as caller:
        welcome = await caller.greet(hello(first_sequence=5))
    assert (welcome.applied_sequence, welcome.protocol_version) == (4, 1)
    assert welcome.limits == LIMITS.as_sent
    assert before <= welcome.wall_unix_nanoseconds <= time.time_ns()


async def test_an_acknowledgement_leaves_only_when_the_batch_is_in_the_ledger(
    port: int, path: Path
) -> None:
    with closing(sqlite3.connect(path)) as reader:
        async with calling(port) as caller:
            for sequence in range(1, 21):
                await caller.send(encoded(sequence))
                ack = await caller.until(sequence)
                ((applied,),) = reader.execute("SELECT applied FROM sessions").fetchall()
                assert applied >= ack.applied_sequence == sequence
    assert used(totals(path)) == {PACKAGE: 20_000_000}


async def test_the_zone_of_the_operator_prices_what_names_none(port: int, path: Path) -> None:
    async with calling(port, of=table(grid_zone="")) as caller:
        await caller.send(encoded(1))
        await caller.until(1)
    (pricing,) = totals(path).postings
    assert (pricing.terms.zone, pricing.tier) == ("DE", Tier.ANNUAL)


async def test_a_repetition_is_acknowledged_and_not_counted(port: int, path: Path) -> None:
    """On the same stream, and on the next one after the connection was lost."""
    async with calling(port) as caller:
        await caller.send(encoded(1), encoded(2), encoded(1), encoded(2))
        assert (await caller.until(2)).refused == ()
        await caller.send(encoded(3))
        await caller.until(3)
    async with connected(port) as caller:
        greeting = hello(host="host-of-agent-1")
        assert (await caller.greet(greeting)).applied_sequence == 3
        await caller.send(encoded(2), encoded(3), encoded(4))
        await caller.until(4)
    found = totals(path)
    assert used(found) == {PACKAGE: 4_000_000}
    assert found.tallies == {(Tally.READINGS, ""): 4}


def refusals() -> dict[str, Batch]:
    past = NOW - 1000 * 86_400 * SECOND
    return {
        "future": batch(start_boottime_nanoseconds=1 << 62),
        "too_old": batch(reaches=(Reach(cell=0, nanoseconds=NOW - past),)),
        "implausible_power": batch([1 << 61]),
        "too_large": batch([1] * 41),
        "too_many_series": batch([1], [1], series_number=2),
        "undecodable": batch(series_number=9),
    }


@pytest.mark.parametrize("reason", refusals())
async def test_a_refusal_comes_back_with_its_reason_and_the_stream_lives_on(
    port: int, path: Path, reason: str
) -> None:
    refused = replace(refusals()[reason], sequence=2)
    async with calling(port) as caller:
        await caller.send(encode_series(MANY), encoded(1), encode_batch(refused), encoded(3))
        await caller.until(3)
    assert caller.refused == [Refusal(sequence=2, reason=reason)]
    found = totals(path)
    assert used(found) == {PACKAGE: 2_000_000}
    assert found.tallies == {(Tally.READINGS, ""): 2, (Tally.REFUSED_BATCHES, reason): 1}


async def test_a_batch_of_too_many_bytes_is_refused(port: int) -> None:
    changing = [(1 << 61) * (n % 2) for n in range(40)]
    wide = table(*(replace(CORE, instance=str(number)) for number in range(8)))
    async with calling(port, of=wide) as caller:
        await caller.send(encode_batch(batch(*[changing] * 8)))
        await caller.until(1)
    assert caller.refused == [Refusal(sequence=1, reason="too_large")]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff" * 40,
        b"",
        encode_hello(hello()),
        encode_batch(batch([7], sequence=(1 << 64) - 1)),
        encode_batch(batch(sequence=(1 << 64) - 1, series_number=9)),
    ],
    ids=[
        "noise",
        "nothing",
        "a second Hello",
        "a sequence that no ledger keeps",
        "and undecodable",
    ],
)
async def test_garbage_harms_nobody_not_even_its_own_stream(
    port: int, path: Path, garbage: bytes
) -> None:
    """It is not answered, since there is nothing that an answer could name."""
    async with calling(port) as caller, calling(port, "agent-2") as other:
        await caller.send(encoded(1), *[garbage] * 30, encoded(2))
        await other.send(encoded(1, 5), encoded(2, 5))
        await asyncio.gather(caller.until(2), other.until(2))
    assert caller.refused == other.refused == []
    assert used(totals(path)) == {PACKAGE: 2_000_000}
    assert used(totals(path, "agent-2")) == {PACKAGE: 10}


@pytest.mark.parametrize(
    "first",
    [
        [encode_series(table())],
        [encoded(1)],
        [b"\xff\xfe"],
        [b""],
        [encode_hello(hello(first_sequence=1 << 63))],
        [],
    ],
)
async def test_a_stream_that_does_not_begin_with_hello_is_refused(
    port: int, path: Path, first: list[bytes]
) -> None:
    async with connected(port) as caller, calling(port, "agent-2") as other:
        await caller.send(*first)
        code, reason = await caller.end()
        await other.send(encoded(1))
        await other.until(1)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert reason
    with closing(SqliteLedger(path)) as reader:
        assert [one.agent_id for one in reader.agents()] == ["agent-2"]


async def test_two_agents_at_once_are_counted_apart(port: int, path: Path) -> None:
    async with calling(port) as first, calling(port, "agent-2") as second:
        for sequence in range(1, 31):
            await first.send(encoded(sequence, 3))
            await second.send(encoded(sequence, 5))
        await asyncio.gather(first.until(30), second.until(30))
    assert used(totals(path)) == {PACKAGE: 90}
    assert used(totals(path, "agent-2")) == {PACKAGE: 150}


async def test_an_agent_may_send_further_ahead_than_its_window(port: int, path: Path) -> None:
    """The stream stops reading until the ledger has caught up: nothing is lost, nothing hangs."""
    async with calling(port) as caller:
        for sequence in range(1, 301):
            await caller.send(encoded(sequence, sequence))
        await caller.until(300)
    assert used(totals(path)) == {PACKAGE: 300 * 301 // 2}


async def test_an_agent_that_ends_its_stream_is_told_of_all_that_it_sent(
    port: int, path: Path
) -> None:
    async with calling(port) as caller:
        await caller.send(*(encoded(sequence) for sequence in range(1, 6)))
        await caller.call.done_writing()
        assert (await caller.until(5)).applied_sequence == 5
        assert (await caller.end())[0] is grpc.StatusCode.OK
    assert used(totals(path)) == {PACKAGE: 5_000_000}
