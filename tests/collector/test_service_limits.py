"""What the service lets in, and what it costs to ask for more: on real sockets."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from builders import CORE, DRAM, NOW, PACKAGE, SECOND, batch, hello, table, used
from collector_fakes import Caller, TroubledLedger, calling, configured, connected, page
from wattgram.handshake import HostFacts, Refusal
from wattgram.readings import Gap, Quality, SourceState, State
from wattgram.wire import DELIVER_METHOD, encode_batch, encode_hello, encode_series
from wattgram_collector import daemon
from wattgram_collector.config import ExpositionSettings, LedgerSettings, LimitSettings
from wattgram_collector.daemon import serving
from wattgram_collector.ingest import admission, service
from wattgram_collector.ledger import AgentTotals, Tally

EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


class Served(NamedTuple):
    """A collector that serves, and the ledger under it."""

    port: int
    http_port: int
    ledger: TroubledLedger

    def totals(self, key: int = 1) -> AgentTotals:
        return self.ledger.totals()[key]

    async def metric(self, name: str, **labels: str) -> float:
        found = [
            sample.value
            for family in text_string_to_metric_families(await page(self.http_port, "/metrics"))
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(found)


@asynccontextmanager
async def served(directory: Path, **limits: Any) -> AsyncIterator[Served]:
    config = configured(
        directory,
        limits=LimitSettings(**limits),
        ledger=LedgerSettings(commit_tick_seconds=0.002),
        exposition=ExpositionSettings(zero_seconds=0),
        grid_zone="DE",
    )
    with closing(TroubledLedger(directory / "ledger.sqlite")) as ledger:
        async with serving(config, ledger) as (port, http_port):
            yield Served(port, http_port, ledger)


def encoded(sequence: int, energy: int = 1, **changes: Any) -> bytes:
    """One second of one agent: each sequence is the second after the one before."""
    start = NOW + (sequence - 1_000) * SECOND
    return encode_batch(
        batch([energy], **{"sequence": sequence, "start_unix_nanoseconds": start, **changes})
    )


async def refused(on: Served, greeting: bytes | None = None) -> tuple[grpc.StatusCode, str]:
    """Open a stream that is turned away; return how."""
    async with connected(on.port) as caller:
        if greeting is not None:
            await caller.send(greeting)
        return await caller.end()


# ── who is let in ────────────────────────────────────────────────────────────────────────


async def test_an_agent_of_another_age_is_told_what_each_side_speaks(tmp_path: Path) -> None:
    async with served(tmp_path) as on:
        newer = hello(protocol_version=3, oldest_protocol_version=2, agent_version="2.0")
        code, reason = await refused(on, encode_hello(newer))
        assert code is grpc.StatusCode.FAILED_PRECONDITION
        assert "agent 2.0 speaks 2 to 3, this collector 1" in reason
        assert on.ledger.agents() == []
        async with connected(on.port) as caller:
            able = hello(protocol_version=3, oldest_protocol_version=1)
            assert (await caller.greet(able)).protocol_version == 1
        name = "wattgram_ingest_refused_streams_total"
        assert await on.metric(name, reason="version") == 1


async def test_streams_beyond_the_limit_are_refused_until_one_ends(tmp_path: Path) -> None:
    async with served(tmp_path, max_streams=2) as on:
        async with calling(on.port), calling(on.port, "agent-2") as second:
            code, reason = await refused(on)
            assert (code, reason) == (
                EXHAUSTED,
                "as many streams are open as this collector takes",
            )
            await second.end()
            async with calling(on.port, "agent-3") as third:
                await third.send(encoded(1))
                await third.until(1)
        assert await on.metric("wattgram_ingest_refused_streams_total", reason="streams") == 1


async def test_a_flood_of_openings_never_reaches_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "HOLD_SECONDS", 0.01)
    async with served(tmp_path, max_stream_openings_per_second=0.25) as on:
        async with calling(on.port) as caller:  # the one that a burst is
            found = await asyncio.gather(
                *(refused(on, encode_hello(hello(f"agent-{n}"))) for n in range(2, 42))
            )
            await caller.send(encoded(1))
            await caller.until(1)
        assert {code for code, _ in found} == {EXHAUSTED}
        assert [one.agent_id for one in on.ledger.agents()] == ["agent-1"]
        assert await on.metric("wattgram_ingest_refused_streams_total", reason="openings") == 40


async def test_who_opens_too_many_is_told_late_and_another_connection_is_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "HOLD_SECONDS", 0.05)
    async with served(tmp_path, max_stream_openings_per_second=8.0) as on:
        address = f"127.0.0.1:{on.port}"
        own_connection = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(address, options=own_connection) as channel:
            burst = [Caller(channel.stream_stream(DELIVER_METHOD)()) for _ in range(4)]
            for number, one in enumerate(burst):
                await one.greet(hello(f"many-{number}", f"many-{number}"))
            began = time.monotonic()
            assert (await Caller(channel.stream_stream(DELIVER_METHOD)()).end())[0] is EXHAUSTED
            assert time.monotonic() - began >= 0.05
            async with grpc.aio.insecure_channel(address, options=own_connection) as another:
                honest = Caller(another.stream_stream(DELIVER_METHOD)())
                await honest.greet(hello(host="honest"))
                await honest.send(encoded(1))
                await honest.until(1)
                honest.call.cancel()
            for one in burst:
                one.call.cancel()


async def test_agents_beyond_the_limit_are_refused_and_known_ones_are_not(tmp_path: Path) -> None:
    async with served(tmp_path, max_agents=2) as on:
        for agent_id in ("agent-1", "agent-2"):
            async with calling(on.port, agent_id):
                pass
        assert (await refused(on, encode_hello(hello("agent-3"))))[0] is EXHAUSTED
        async with calling(on.port, "agent-2") as caller:
            await caller.send(encoded(1))
            await caller.until(1)
        assert len(on.ledger.agents()) == 2


async def test_sessions_without_end_are_refused_and_the_known_one_goes_on(tmp_path: Path) -> None:
    async with served(tmp_path, max_sessions_per_agent_per_day=3) as on:
        for number in range(4):  # the first one is of an agent that nobody knows yet
            async with calling(on.port, session=f"session-{number}"):
                pass
        greeting = hello(host="host-of-agent-1", session="session-9")
        assert (await refused(on, encode_hello(greeting)))[0] is EXHAUSTED
        async with calling(on.port, session="session-3") as caller:
            await caller.send(encoded(1))
            await caller.until(1)


async def test_the_oldest_of_too_many_streams_of_one_agent_ends(tmp_path: Path) -> None:
    async with served(tmp_path, max_streams_per_agent=2) as on:
        async with (
            calling(on.port) as first,
            calling(on.port) as second,
            calling(on.port) as third,
        ):
            assert (await first.end())[0] is grpc.StatusCode.ABORTED
            await second.send(encoded(1))
            await second.until(1)
            await third.send(encoded(2))
            await third.until(2)
        assert await on.metric("wattgram_ingest_cut_streams_total", reason="superseded") == 1


async def test_a_stream_that_says_nothing_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "HELLO_SECONDS", 0.02)
    async with served(tmp_path) as on, connected(on.port) as caller:
        await caller.call.wait_for_connection()
        assert await caller.call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert await on.metric("wattgram_ingest_streams") == 0


async def test_an_agent_that_says_the_same_again_costs_the_ledger_no_transaction(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as on:
        async with calling(on.port):
            pass
        on.ledger.enrolments = 0
        async with calling(on.port) as caller:
            await caller.send(encoded(1))
            await caller.until(1)
        assert on.ledger.enrolments == 0
        async with connected(on.port) as caller:
            moved = replace(hello(), facts=HostFacts(host="host-of-agent-1", site="elsewhere"))
            await caller.greet(moved)
        assert on.ledger.enrolments == 1
        assert on.ledger.agents()[0].facts.site == "elsewhere"


async def test_while_memory_is_short_streams_end_the_most_silent_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a peer makes gRPC hold cannot be counted: a message that never ends, say."""
    resident = [0]
    monkeypatch.setattr(admission, "resident_memory_bytes", lambda: resident[0])
    monkeypatch.setattr(admission, "SHED_MIN", 1)
    async with served(tmp_path, max_resident_bytes=100) as on:
        async with (
            connected(on.port) as mute,
            calling(on.port, "agent-2") as busy,
            calling(on.port) as silent,
        ):
            await mute.call.wait_for_connection()
            while await on.metric("wattgram_ingest_streams") < 3:
                pass
            await busy.send(encoded(1))
            await busy.until(1)
            ended: list[str] = []
            silent.call.add_done_callback(lambda _: ended.append("silent"))
            busy.call.add_done_callback(lambda _: ended.append("busy"))
            resident[0] = 61
            assert await mute.call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            assert await silent.call.code() is EXHAUSTED
            assert await busy.call.code() is EXHAUSTED
            assert ended == ["silent", "busy"]
        assert await on.metric("wattgram_ingest_cut_streams_total", reason="memory") == 2
        assert (await refused(on))[0] is EXHAUSTED
        resident[0] = 0
        while await is_refused(on, "agent-2"):
            pass
        async with calling(on.port, "agent-2") as caller:
            await caller.send(encoded(2))
            await caller.until(2)


async def test_an_agent_that_goes_while_it_is_welcomed_is_no_news(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """asyncio would log a traceback for each."""
    first_write: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    welcoming = asyncio.ensure_future(service._whole(first_write))
    await asyncio.sleep(0)
    welcoming.cancel()
    await asyncio.sleep(0)
    first_write.set_exception(OSError("gone"))
    await asyncio.wait([welcoming])
    assert welcoming.cancelled()
    del first_write, welcoming
    gc.collect()
    assert caplog.records == []


async def is_refused(on: Served, agent_id: str) -> bool:
    async with connected(on.port) as caller:
        try:
            await caller.greet(hello(agent_id, f"host-of-{agent_id}"))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return True
    return False


# ── what is taken of one agent ───────────────────────────────────────────────────────────


async def test_an_agent_with_too_many_series_keeps_those_that_it_has(tmp_path: Path) -> None:
    async with served(tmp_path, max_agent_series=3) as on:
        more = [replace(CORE, instance=str(number)) for number in range(9)]
        async with calling(on.port, of=table(PACKAGE, DRAM)) as caller:
            await caller.send(encode_series(table(*more, number=2)))
            await caller.send(encode_series(table(PACKAGE, DRAM, CORE, number=3)))
            await caller.send(
                encode_batch(batch([5], [6])),
                encode_batch(batch(*[[1]] * 9, sequence=2, series_number=2)),
                encode_batch(batch([5], [6], sequence=3)),
                encode_batch(batch([5], [6], [7], sequence=4, series_number=3)),
            )
            await caller.until(4)
        assert caller.refused == [Refusal(sequence=2, reason="too_many_series")]
        assert used(on.totals()) == {PACKAGE: 15, DRAM: 18, CORE: 7}
        assert len(on.ledger.series_keys(1, [PACKAGE, DRAM])) == 2


async def test_one_meter_in_two_columns_is_refused(tmp_path: Path) -> None:
    """Measured and modelled, say: each would be counted."""
    async with served(tmp_path) as on:
        twice = table(PACKAGE, replace(PACKAGE, quality=Quality.MODELLED))
        async with calling(on.port, of=twice) as caller:
            await caller.send(encode_batch(batch([1], [1])))
            await caller.until(1)
        assert caller.refused == [Refusal(sequence=1, reason="duplicate_series")]
        assert on.totals().tallies == {(Tally.REFUSED_BATCHES, "duplicate_series"): 1}


async def test_what_was_measured_before_the_limit_on_age_is_refused(tmp_path: Path) -> None:
    """The limit is a quarter of an hour here; a batch of a thousand seconds ago is too old."""
    async with served(tmp_path, max_age_days=0.01) as on, calling(on.port) as caller:
        await caller.send(encoded(1), encoded(500))
        await caller.until(500)
    assert caller.refused == [Refusal(sequence=1, reason="too_old")]


async def test_batches_of_too_much_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    def gaps(count: int) -> tuple[Gap, ...]:
        return tuple(Gap(source="s", reason=f"r{n}", duration_nanoseconds=1) for n in range(count))

    async with served(tmp_path, max_cells=100, max_gaps=5, max_gap_reasons=3) as on:
        async with calling(on.port) as caller:
            await caller.send(
                encoded(1, gaps=gaps(5)),
                encoded(2, gaps=gaps(6)),
                encode_batch(batch([1] * 101, sequence=3)),
                encoded(4, gaps=gaps(2)),
            )
            await caller.until(4)
        assert caller.refused == [
            Refusal(sequence=2, reason="too_large"),
            Refusal(sequence=3, reason="too_large"),
        ]
        counts = {key[1]: n for key, n in on.totals().tallies.items() if key[0] is Tally.GAPS}
        assert counts == {"r0": 2, "r1": 2, "r2": 1, "other": 2}
        assert await on.metric("wattgram_ingest_folded_labels_total") > 0


async def test_a_stream_of_garbage_is_ended_and_another_is_not(tmp_path: Path) -> None:
    async with served(tmp_path, max_garbage_messages=10) as on:
        async with calling(on.port) as bad, calling(on.port, "agent-2") as good:
            await bad.send(*[b"\xff" * 40] * 11)
            code, reason = await bad.end()
            await good.send(encoded(1))
            await good.until(1)
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert reason.startswith("nothing but: undecodable")
        assert await on.metric("wattgram_ingest_cut_streams_total", reason="garbage") == 1
        assert await on.metric("wattgram_ingest_undecodable_messages_total") == 11


async def test_a_message_beyond_the_limit_ends_its_own_stream_only(tmp_path: Path) -> None:
    async with (
        served(tmp_path, max_batch_bytes=10_000, max_message_bytes=20_000) as on,
        calling(on.port) as bad,
        calling(on.port, "agent-2") as good,
    ):
        await bad.send(b"\x00" * 30_000)
        assert (await bad.end())[0] is EXHAUSTED
        await good.send(encoded(1))
        await good.until(1)


async def test_an_absurd_sequence_does_not_end_its_session(tmp_path: Path) -> None:
    """Were it answered, every batch that follows would be a repetition."""
    async with served(tmp_path) as on:
        async with calling(on.port) as caller:
            await caller.send(
                encoded(1), encoded((1 << 62) + 1, start_unix_nanoseconds=NOW), encoded(2)
            )
            await caller.until(2)
        assert caller.refused == []
        assert used(on.totals()) == {PACKAGE: 2}
        assert (Tally.MISSING_BATCHES, "") not in on.totals().tallies


async def test_what_an_agent_names_does_not_break_the_page(tmp_path: Path) -> None:
    evil = 'a"} 1\\n# {x="\\'
    async with served(tmp_path) as on:
        sources = tuple(
            SourceState(source=f"{evil}{n}", state=State.ERROR, reason="y" * 900, fix="z" * 501)
            for n in range(300)
        )
        named = table(replace(PACKAGE, source=evil), sources=sources, grid_zone=evil)
        async with connected(on.port) as caller:
            await caller.greet(hello(host=evil), named)
            await caller.send(encoded(1, gaps=(Gap(source=evil, reason=evil,
                                                   duration_nanoseconds=SECOND),)))  # fmt: skip
            await caller.until(1)
            assert await on.metric("wattgram_host_energy_joules_total", host=evil) > 0
            assert await on.metric("wattgram_gap_seconds_total", host=evil, reason=evil) == 1
            assert await on.metric("wattgram_power_source_state", source=f"{evil}9") == 1
            assert await on.metric("wattgram_power_source_state", host=evil) == 100


# ── when too much is under way ───────────────────────────────────────────────────────────


async def test_agents_are_asked_to_pause_and_read_no_further_while_the_ledger_is_slow(
    tmp_path: Path,
) -> None:
    """Two of these fill what may be under way; a third is only taken when one is done."""
    async with served(tmp_path, max_bytes_in_flight=800) as on:
        async with (
            calling(on.port) as caller,
            calling(on.port, "agent-2") as other,
            calling(on.port, "agent-3") as third,
        ):
            for one in (caller, other, third):
                await one.send(encoded(1))
                await one.until(1)
            on.ledger.entered.clear()
            on.ledger.go_on.clear()
            await caller.send(encoded(2), encoded(3), encoded(4))
            await asyncio.to_thread(on.ledger.entered.wait)
            await other.send(encoded(2), encoded(3), encoded(4))
            while await on.metric("wattgram_ingest_batches_total") < 5:
                pass
            await third.send(encoded(2))
            assert await on.metric("wattgram_ingest_bytes_in_flight") >= 800
            assert await on.metric("wattgram_ingest_pause_seconds") == 10
            assert await on.metric("wattgram_ingest_batches_total") == 5
            on.ledger.go_on.set()
            assert (await caller.ack()).pause_milliseconds > 0
            await caller.until(4)
            await other.until(4)
            await third.until(2)
        assert await on.metric("wattgram_ingest_bytes_in_flight") == 0
        assert used(on.totals()) == {PACKAGE: 4}


async def test_an_agent_that_sends_too_fast_is_read_slower_and_told_to_pause(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, max_batches_per_second=5.0) as on:
        async with calling(on.port) as caller, calling(on.port, "agent-2") as honest:
            await caller.send(*(encoded(sequence) for sequence in range(1, 104)))
            began = time.monotonic()
            await honest.send(encoded(1))
            assert (await honest.until(1)).pause_milliseconds == 0
            assert time.monotonic() - began < 1
            pauses = [(await caller.ack()).pause_milliseconds]
            while pauses[-1] == 0:
                pauses.append((await caller.ack()).pause_milliseconds)
            assert 0 < pauses[-1] <= 1_000
        assert await on.metric("wattgram_ingest_slowed_seconds_total") > 0


# ── going down ───────────────────────────────────────────────────────────────────────────


async def test_a_collector_that_goes_down_says_so_and_acknowledges_what_it_has(
    tmp_path: Path,
) -> None:
    caught: list[tuple[grpc.StatusCode, str]] = []
    async with calling_of(tmp_path) as (on, caller, going):
        await caller.send(*(encoded(sequence) for sequence in range(1, 6)))
        await caller.until(5)
        began = time.monotonic()
        await going()
        caught.append(await caller.end())
        assert time.monotonic() - began < 1
        assert used(on.totals()) == {PACKAGE: 5}
    assert caught == [(grpc.StatusCode.UNAVAILABLE, "the collector is going down")]


@asynccontextmanager
async def calling_of(directory: Path) -> AsyncIterator[tuple[Served, Caller, Any]]:
    """Give a kept stream, and what ends the collector under it."""
    config = configured(directory, ledger=LedgerSettings(commit_tick_seconds=0.002))
    with closing(TroubledLedger(directory / "ledger.sqlite")) as ledger:
        running = serving(config, ledger)
        port, http_port = await running.__aenter__()
        async with calling(port) as caller:

            async def going() -> None:
                await running.__aexit__(None, None, None)

            yield Served(port, http_port, ledger), caller, going


async def test_what_was_read_before_going_down_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "GRACE_SECONDS", 60.0)  # however busy this machine is
    async with calling_of(tmp_path) as (on, caller, going):
        on.ledger.entered.clear()
        on.ledger.go_on.clear()
        await caller.send(encoded(1))
        await asyncio.to_thread(on.ledger.entered.wait)
        ending = asyncio.ensure_future(going())
        await asyncio.sleep(0)
        async with connected(on.port) as late:
            await late.send(encode_hello(hello("agent-2")))
            assert await late.end() == (grpc.StatusCode.UNAVAILABLE,
                                        "the collector is going down")  # fmt: skip
        on.ledger.go_on.set()
        assert (await caller.until(1)).applied_sequence == 1
        await ending
        assert (await caller.end())[0] is grpc.StatusCode.UNAVAILABLE
        assert used(on.totals()) == {PACKAGE: 1}
