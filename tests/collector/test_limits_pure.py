"""The limits by themselves: buckets, the gate, pace, pressure, labels, greetings."""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from builders import hello
from wattgram.handshake import Ack, HostFacts, Limits, Refusal
from wattgram.readings import LABEL_LENGTH_MAX, SourceState, State
from wattgram.v1 import telemetry_pb2 as pb
from wattgram.wire import decode_collector_message, encode_hello
from wattgram_collector.config import CollectorConfig, LimitSettings
from wattgram_collector.daemon import server_options
from wattgram_collector.ingest import admission
from wattgram_collector.ingest.admission import (
    BURST_SECONDS,
    CONNECTION_SHARE,
    HELD_MAX,
    WHY,
    Gate,
    Openings,
    give_memory_back,
    resident_memory_bytes,
    shed_count,
)
from wattgram_collector.ingest.answers import REFUSALS_MAX, STUCK_SECONDS, Answers
from wattgram_collector.ingest.buckets import Bucket
from wattgram_collector.ingest.folding import fold_labels
from wattgram_collector.ingest.greeting import (
    GreetingError,
    hello_of,
    tidy,
    tidy_fix,
    version_with,
)
from wattgram_collector.ingest.pressure import (
    BATCH_BURST_SECONDS,
    CPU_BURST_SECONDS,
    PAUSE_SECONDS_MAX,
    ROW_SECONDS,
    Pace,
    Pressure,
    pause_milliseconds,
)
from wattgram_collector.ingest.tables import tidy_sources
from wattgram_collector.ledger import Tally, TallyKey

# ── buckets ──────────────────────────────────────────────────────────────────────────────

times = st.lists(st.floats(0, 100), min_size=1, max_size=60).map(sorted)


@given(times, st.floats(0.1, 20), st.floats(1, 20))
def test_a_bucket_never_gives_more_than_its_rate_and_its_burst(
    at: list[float], rate: float, burst: float
) -> None:
    bucket = Bucket(rate, burst, 0.0)
    given_out = [now for now in at if bucket.has(now)]
    for first in range(len(given_out)):
        for last in range(first, len(given_out)):
            passed = given_out[last] - given_out[first]
            assert last - first + 1 <= burst + rate * passed + 1e-6


@given(times, st.floats(0.1, 20), st.floats(0.1, 5))
def test_a_debt_is_paid_by_just_the_time_that_it_says(
    at: list[float], rate: float, amount: float
) -> None:
    bucket = Bucket(rate, 1.0, 0.0)
    for now in at:
        bucket.spend(now, amount)
    owed = bucket.debt_seconds(at[-1])
    assert bucket.debt_seconds(at[-1] + owed + 1e-6) == 0
    if owed > 1e-3:
        bucket.spend(at[-1] + owed, 0)
        fresh = Bucket(rate, 1.0, 0.0)
        for now in at:
            fresh.spend(now, amount)
        assert fresh.debt_seconds(at[-1] + owed / 2) > 0


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    bucket = Bucket(1.0, 1.0, 100.0)
    assert bucket.has(100.0)
    assert not bucket.has(0.0)
    assert not bucket.has(100.5)
    assert bucket.has(101.0)


# ── the gate ─────────────────────────────────────────────────────────────────────────────


class Clockwork:
    """Time and memory in the test's hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.resident = 0
        self.looks = 0

    def seconds(self) -> float:
        return self.now

    def resident_bytes(self) -> int:
        self.looks += 1
        return self.resident


def gate(**limits: Any) -> tuple[Gate, Clockwork]:
    works = Clockwork()
    return Gate(LimitSettings(**limits), works.seconds, works.resident_bytes), works


def test_more_openings_than_a_burst_are_refused_until_time_passes() -> None:
    one, works = gate(max_stream_openings_per_second=10.0)
    from_each_its_own = [one.refusal(f"connection-{n}") for n in range(41)]
    assert from_each_its_own == [""] * (10 * BURST_SECONDS) + ["openings"]
    works.now = 0.1
    assert [one.refusal("late"), one.refusal("later")] == ["", "openings"]


def test_one_connection_opens_its_part_and_takes_nothing_from_the_others() -> None:
    one, works = gate(max_stream_openings_per_second=8.0)
    greedy = [one.refusal("greedy") for _ in range(100)]
    assert greedy == [""] * BURST_SECONDS + ["openings"] * (100 - BURST_SECONDS)
    left = 8 * BURST_SECONDS - BURST_SECONDS
    assert [one.refusal(f"honest-{n}") for n in range(left + 1)] == [""] * left + ["openings"]
    works.now = 1.0
    assert [one.refusal("greedy"), one.refusal("greedy")] == ["", "openings"]


asked = st.lists(st.tuples(st.floats(0, 60), st.integers(0, 3)), max_size=80).map(sorted)


@given(asked, st.floats(0.5, 50))
def test_what_is_forgotten_of_a_connection_gives_it_nothing(
    at: list[tuple[float, int]], rate: float
) -> None:
    """As if every connection were remembered for ever, which would have no bound."""
    openings = Openings(rate, 0.0)
    each = rate / CONNECTION_SHARE
    burst = max(1.0, each * BURST_SECONDS)
    everybody = Bucket(rate, rate * BURST_SECONDS, 0.0)
    own = {number: Bucket(each, burst, 0.0) for number in range(4)}
    for now, number in at:
        expected = own[number].has(now) and everybody.has(now)
        assert openings.may(str(number), now) is expected


def test_connections_that_are_gone_are_forgotten() -> None:
    openings = Openings(80.0, 0.0)
    for number in range(10_000):
        openings.may(str(number), number * 0.01)
    assert len(openings) <= 2 * BURST_SECONDS * 100


async def test_few_that_open_too_many_are_kept_waiting_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, _ = gate()
    for reason in WHY.keys() - {"openings"}:
        await asyncio.wait_for(one.hold(reason), 0.5)
    waiting = [asyncio.ensure_future(one.hold("openings")) for _ in range(HELD_MAX)]
    await asyncio.sleep(0)
    assert one.held == HELD_MAX
    await asyncio.wait_for(one.hold("openings"), 0.5)
    for each in waiting:
        each.cancel()
    await asyncio.wait(waiting)
    assert one.held == 0
    monkeypatch.setattr(admission, "HOLD_SECONDS", 0)
    await one.hold("openings")
    assert one.held == 0


def test_a_gate_lets_in_so_many_at_once_and_none_while_it_drains() -> None:
    one, _ = gate(max_streams=2)
    one.streams = 1
    assert one.refusal() == ""
    one.streams = 2
    assert one.refusal() == "streams"
    one.streams, one.is_draining = 0, True
    assert one.refusal() == "draining"


def test_nobody_is_let_in_while_memory_is_short_and_that_is_said_once_each_way(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, works = gate(max_resident_bytes=100)
    works.resident = 61
    assert [one.refusal(f"connection-{n}") for n in range(5)] == ["memory"] * 5
    assert works.looks == 1
    for works.now, works.resident in ((1.0, 60), (2.0, 56)):
        assert one.refusal("near") == "memory"
    works.now, works.resident = 3.0, 55
    assert one.refusal("again") == ""
    works.now, works.resident = 4.0, 60
    assert one.refusal("still") == ""
    assert [record.getMessage() for record in caplog.records] == [
        "memory_short is_short=True resident_bytes=61",
        "memory_short is_short=False resident_bytes=55",
    ]
    assert resident_memory_bytes() > 10_000_000


def test_some_are_ended_at_a_time_and_at_last_all() -> None:
    assert [shed_count(n) for n in (0, 5, 16, 64, 68, 4_000)] == [0, 5, 16, 16, 17, 1_000]
    give_memory_back()  # it cannot be seen from here, and does no harm


def test_every_refusal_is_counted_and_each_reason_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, _ = gate()
    assert {one.turn_away(reason) for reason in (*WHY, *WHY)} == set(WHY.values())
    assert one.turned_away == dict.fromkeys(WHY, 2)
    assert len(caplog.records) == len(WHY) - 1  # going down is said elsewhere


def test_what_grpc_holds_to_follows_the_settings() -> None:
    options = dict(server_options(LimitSettings(max_message_bytes=300_000, max_streams=77)))
    assert options["grpc.max_concurrent_streams"] == 100
    assert options["grpc.server_handshake_timeout_ms"] == 20_000
    assert options["grpc.max_receive_message_length"] == 300_000
    assert options["grpc.server.max_pending_requests"] == 77
    assert options["grpc.server.max_pending_requests_hard_limit"] == 77


@pytest.mark.parametrize("name", [one.name for one in fields(LimitSettings)])
def test_every_limit_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be positive: 0"):
        LimitSettings(**{name: 0})


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_cpu_ratio_per_agent": 1.1},
        {"max_unacknowledged_batches": 129},
        {"max_message_bytes": 1_000},
    ],
)
def test_limits_that_make_no_sense_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LimitSettings(**wrong)


def test_an_agent_is_told_what_the_collector_holds_to() -> None:
    sent = CollectorConfig(limits=LimitSettings(max_series=7)).limits.as_sent
    assert sent == Limits(max_series=7)


# ── pace and pressure ────────────────────────────────────────────────────────────────────


def test_an_agent_is_read_at_its_rate_in_the_long_run() -> None:
    pace = Pace(LimitSettings(max_batches_per_second=10.0), 0.0)
    for _ in range(10 * BATCH_BURST_SECONDS):
        pace.spend(0.0, 0.0)
        assert pace.delay_seconds(0.0) == 0
    pace.spend(0.0, 0.0)
    assert pace.delay_seconds(0.0) == pytest.approx(0.1)


def test_an_agent_whose_batches_are_dear_is_read_less() -> None:
    """Whatever makes them dear: decoding, or what the ledger has to write."""
    settings = LimitSettings(max_cpu_ratio_per_agent=0.05)
    decoding, writing = Pace(settings, 0.0), Pace(settings, 0.0)
    decoding.spend(0.0, CPU_BURST_SECONDS + 0.1)
    writing.spend(0.0, 0.0, rows=round((CPU_BURST_SECONDS + 0.1) / ROW_SECONDS))
    for pace in (decoding, writing):
        assert pace.delay_seconds(0.0) == pytest.approx(2.0, rel=0.01)
        pace.spend(0.0, 100.0)
        assert pace.delay_seconds(0.0) == PAUSE_SECONDS_MAX


def test_agents_pause_when_much_waits_or_commits_are_slow() -> None:
    pressure = Pressure(1_000)
    pressure.took(500)
    assert pressure.pause_seconds == 0
    pressure.took(250)
    assert pressure.pause_seconds == PAUSE_SECONDS_MAX / 2
    pressure.took(250)
    assert (pressure.is_full, pressure.pause_seconds) == (True, PAUSE_SECONDS_MAX)
    pressure.gave(1_000, None)
    assert (pressure.is_full, pressure.pause_seconds) == (False, 0)
    for _ in range(100):
        pressure.took(1)
        pressure.gave(1, 4.0)
    assert pressure.pause_seconds == pytest.approx(4.0, rel=0.01)
    assert pause_milliseconds(0.25, 0.1) == 250


async def test_who_waits_for_room_goes_on_when_there_is_some() -> None:
    pressure = Pressure(10)
    pressure.took(10)
    waiting = asyncio.ensure_future(pressure.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    pressure.gave(1, 0.0)
    await waiting


# ── answers ──────────────────────────────────────────────────────────────────────────────


class Reader:
    """The agent's end: takes what is written when it is told to."""

    def __init__(self) -> None:
        self.got: list[Ack] = []
        self.takes = asyncio.Event()

    async def write(self, data: bytes) -> None:
        await self.takes.wait()
        ack = decode_collector_message(data)
        assert isinstance(ack, Ack)
        self.got.append(ack)


async def test_an_agent_that_reads_no_acks_is_noticed_and_owed_no_more_than_a_bound() -> None:
    works, reader = Clockwork(), Reader()
    answers = Answers(reader, 0, lambda: 70, works.seconds)
    answers.owe()
    await asyncio.sleep(0)
    for sequence in range(1, REFUSALS_MAX + 1):
        assert not answers.is_clogged
        answers.applied = sequence
        answers.refuse(Refusal(sequence=sequence, reason="future"))
        answers.owe()
    assert answers.is_clogged
    works.now = STUCK_SECONDS
    assert not answers.is_stuck
    works.now = STUCK_SECONDS + 1
    assert answers.is_stuck
    reader.takes.set()
    await asyncio.gather(answers.room(), answers.settle())
    assert not answers.is_stuck
    assert [(len(ack.refused), ack.applied_sequence) for ack in reader.got] == [
        (0, 0),
        (REFUSALS_MAX, REFUSALS_MAX),
    ]
    assert {ack.pause_milliseconds for ack in reader.got} == {70}


# ── labels ───────────────────────────────────────────────────────────────────────────────

tallies = st.dictionaries(
    st.tuples(st.sampled_from(Tally), st.integers(0, 9).map(str)), st.integers(1, 9)
)


@given(st.lists(tallies, max_size=5), st.integers(1, 4))
def test_labels_beyond_the_limit_are_other_and_nothing_is_lost(
    batches: list[dict[TallyKey, int]], limit: int
) -> None:
    known: set[TallyKey] = set()
    folded = [fold_labels(one, known, limit) for one in batches]
    for before, after in zip(batches, folded, strict=True):
        for tally in Tally:
            assert sum(count for (kind, _), count in after.items() if kind is tally) == sum(
                count for (kind, _), count in before.items() if kind is tally
            )
    named = {key for one in folded for key in one if key[1] != "other"}
    for tally in (Tally.GAPS, Tally.GAP_NANOSECONDS, Tally.COUNTER_RESETS):
        assert sum(kind is tally for kind, _ in named) <= limit


def test_what_a_host_has_had_keeps_its_name() -> None:
    known = {(Tally.GAPS, "suspended")}
    tallied = {(Tally.GAPS, "suspended"): 1, (Tally.GAPS, "new"): 2, (Tally.READINGS, ""): 3}
    assert fold_labels(tallied, known, 1) == {
        (Tally.GAPS, "suspended"): 1,
        (Tally.GAPS, "other"): 2,
        (Tally.READINGS, ""): 3,
    }


# ── greetings ────────────────────────────────────────────────────────────────────────────


@given(strategies.hellos)
def test_whatever_a_host_says_of_itself_fits_on_a_page(sent: Any) -> None:
    try:
        found = hello_of(encode_hello(sent))
    except GreetingError:
        return
    for one in fields(HostFacts):
        text = getattr(found.facts, one.name)
        if not isinstance(text, str):
            continue
        assert len(text) <= LABEL_LENGTH_MAX
        assert text.isprintable()
    assert (found.agent_id, found.session) == (sent.agent_id, sent.session)


def test_what_describes_is_cut_and_what_names_must_be_right() -> None:
    odd = HostFacts(host="a", cpu_model="x" * 5_000, os="linux\n\x00", site='"}\\')
    found = hello_of(encode_hello(replace(hello(), facts=odd, agent_version="v\t" * 500)))
    assert (found.facts.cpu_model, found.facts.os) == ("x" * 200, "linux??")
    assert found.facts.site == '"}\\'
    assert len(found.agent_version) == 200
    assert tidy("\u2028é") == "?é"


def test_what_an_agent_says_of_its_sources_is_tidied() -> None:
    said = SourceState(source="rapl", state=State.ERROR, reason="a\nb", fix="sudo a\nb")
    (found,) = tidy_sources([said])
    assert (found.reason, found.fix) == ("a?b", "sudo a b")


def test_a_fix_is_one_line_to_copy_or_nothing() -> None:
    assert tidy_fix("sudo a\n  b é") == "sudo a   b é"
    assert tidy_fix("x" * 500) == "x" * 500
    assert tidy_fix("x" * 501) == ""
    with pytest.raises(GreetingError, match="a boot id of 201 characters"):
        hello_of(encode_hello(hello(boot_id="b" * 201)))


@pytest.mark.parametrize("name", ["agent_id", "session", "host"])
@pytest.mark.parametrize("text", ["", "x" * 201, 'a"} evil 1\n', "tab\t", "\u202e"])
def test_a_name_that_can_be_no_label_is_turned_away(name: str, text: str) -> None:
    """Longer than 200, or with a character that a line of the page could end with."""
    message = spoilt_hello(name, text)
    with pytest.raises(GreetingError, match=name) as caught:
        hello_of(message)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT


def spoilt_hello(name: str, text: str) -> bytes:
    message = pb.AgentMessage.FromString(encode_hello(hello()))
    setattr(message.hello.facts if name == "host" else message.hello, name, text)
    return message.SerializeToString()


def test_text_that_is_no_utf8_is_turned_away() -> None:
    message = encode_hello(hello(agent_id="agent-1")).replace(b"agent-1", b"agent\xff\xfe")
    with pytest.raises(GreetingError, match="not a message"):
        hello_of(message)


def test_versions_that_do_not_meet_are_both_named() -> None:
    ahead = hello(protocol_version=4, oldest_protocol_version=3, agent_version="9.0")
    with pytest.raises(
        GreetingError, match=r"agent 9\.0 speaks 3 to 4, this collector 1"
    ) as caught:
        version_with(ahead)
    assert (caught.value.code, caught.value.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "version",
    )
    assert version_with(hello(protocol_version=4, oldest_protocol_version=1)) == 1
