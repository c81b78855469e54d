"""A source that hangs delays nobody, is reported, and recovers by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    GaugeSample,
    IdleSample,
    Point,
    Sample,
    Source,
    Zone,
)
from wattgram_agent.workers import Offloaded, offload

METER = Point("ipmi", "dcmi", "0")
COUNT = Point("ipmi", "energy", "0")


class StubbornSource(Source):
    """Answers when it is let, with what it was told."""

    name = "ipmi"

    def __init__(self, period_seconds: float = 0.0, *, may_block: bool = True) -> None:
        self.period_seconds = period_seconds
        self.may_block = may_block
        self.says: Sequence[Sample] = [GaugeSample(METER, 1, averaged=False)]
        self.asked = 0
        self.is_closed = threading.Event()
        self.may_answer = threading.Event()
        self.has_answered = threading.Semaphore(0)
        self.may_answer.set()

    def zones(self) -> Sequence[Zone]:
        return [Zone(point=METER), Zone(point=COUNT)]

    def sample(self) -> Sequence[Sample]:
        self.asked += 1
        says = self.says
        assert self.may_answer.wait(10)
        self.has_answered.release()
        if not says:
            raise RuntimeError("a promise is broken")
        return says

    def close(self) -> None:
        self.is_closed.set()


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def source() -> Iterator[StubbornSource]:
    made = StubbornSource()
    yield made
    made.may_answer.set()


@pytest.fixture
def slow() -> Iterator[StubbornSource]:
    made = StubbornSource(15)
    yield made
    made.may_answer.set()


def reasons(samples: Sequence[Sample]) -> list[str]:
    return [sample.reason for sample in samples if isinstance(sample, FailedSample)]


def answered(source: StubbornSource, worker: Offloaded) -> None:
    """Wait until what the source said is there to be collected."""
    assert source.has_answered.acquire(timeout=10)
    deadline = time.monotonic() + 10
    while worker._reply._value == 0 and time.monotonic() < deadline:  # type: ignore[attr-defined]
        threading.Event().wait(0.001)


def test_only_a_source_that_may_block_has_a_thread() -> None:
    quick = StubbornSource(may_block=False)

    assert offload(quick) is quick
    assert isinstance(offload(StubbornSource()), Offloaded)
    assert isinstance(offload(StubbornSource(5, may_block=False)), Offloaded)


def test_a_source_that_answers_is_read_at_every_beat(source: StubbornSource) -> None:
    worker = Offloaded(source, 10)
    for power in range(3):
        source.says = [GaugeSample(METER, power, averaged=False)]
        assert worker.sample() == source.says
    worker.close()

    assert source.asked == 3
    assert source.is_closed.wait(10)


def test_one_that_hangs_fails_until_it_answers_and_is_then_asked_seldom(
    source: StubbornSource, seconds: Seconds
) -> None:
    worker = Offloaded(source, 0.001, seconds)
    source.may_answer.clear()
    assert reasons(worker.sample()) == ["timeout", "timeout"]
    seconds.now += 30
    began = time.monotonic()
    late = worker.sample()
    assert time.monotonic() - began < 0.5
    assert [sample.detail for sample in late if isinstance(sample, FailedSample)] == [
        "ipmi has not answered for 30 s"
    ] * 2
    assert source.asked == 1

    source.may_answer.set()
    answered(source, worker)
    assert worker.sample() == [GaugeSample(METER, 1, averaged=False)]
    source.says = [GaugeSample(METER, 7, averaged=False)]
    seconds.now += 5
    worker.sample()
    answered(source, worker)
    assert worker.sample() == [GaugeSample(METER, 7, averaged=False)]
    assert source.asked == 2 + 1  # quick again: asked at every beat
    worker.close()


def test_several_that_hang_cost_one_wait() -> None:
    sources = [StubbornSource() for _ in range(5)]
    for source in sources:
        source.may_answer.clear()
    workers = [Offloaded(source) for source in sources]
    began = time.monotonic()
    for worker in workers:
        worker.begin(began + 0.1)
    assert [reasons(worker.sample()) for worker in workers] == [["timeout"] * 2] * 5
    assert time.monotonic() - began < 0.4
    for worker, source in zip(workers, sources, strict=True):
        worker.close()
        source.may_answer.set()


def test_a_hanging_source_is_closed_when_it_comes_back(source: StubbornSource) -> None:
    worker = Offloaded(source, 0.001)
    source.may_answer.clear()
    worker.sample()
    worker.close()
    assert not source.is_closed.is_set()
    source.may_answer.set()

    assert source.is_closed.wait(10)


def test_a_source_that_was_never_asked_is_closed_too(source: StubbornSource) -> None:
    Offloaded(source).close()

    assert source.is_closed.wait(10)


def test_a_source_that_breaks_its_promise_fails_and_is_asked_again(
    source: StubbornSource,
) -> None:
    worker = Offloaded(source, 10)
    source.says = []
    assert reasons(worker.sample()) == ["broken", "broken"]
    source.says = [GaugeSample(METER, 7, averaged=False)]

    assert worker.sample() == source.says
    worker.close()


def test_a_slow_power_holds_and_a_slow_count_is_said_once(
    slow: StubbornSource, seconds: Seconds
) -> None:
    worker = Offloaded(slow, monotonic_seconds=seconds)
    power, idle = GaugeSample(METER, 5, averaged=False), IdleSample(METER, "asleep")
    slow.says = [power, CounterSample(COUNT, 1, None)]
    assert worker.sample() == []
    answered(slow, worker)
    seconds.now += 1
    assert worker.sample() == slow.says
    seconds.now += 13
    assert worker.sample() == [power]
    assert slow.asked == 1

    slow.says = [idle]
    seconds.now += 1
    worker.sample()
    answered(slow, worker)
    seconds.now += 1
    assert worker.sample() == worker.sample() == [idle]
    assert slow.asked == 2
    worker.close()


def test_a_slow_power_does_not_hold_for_ever(slow: StubbornSource, seconds: Seconds) -> None:
    worker = Offloaded(slow, monotonic_seconds=seconds)
    worker.prime()
    worker.settle(10)
    slow.may_answer.clear()
    seconds.now += 40
    assert worker.sample() == slow.says
    seconds.now += 1

    assert reasons(worker.sample()) == ["timeout", "timeout"]
    worker.close()


def test_what_a_slow_source_said_first_is_there_at_the_first_beat(slow: StubbornSource) -> None:
    worker = Offloaded(slow)
    slow.says = [CounterSample(COUNT, 1, None)]
    worker.prime()
    worker.settle(10)

    assert worker.sample() == slow.says
    assert worker.sample() == []
    worker.close()


def test_nobody_waits_longer_for_a_first_word(slow: StubbornSource) -> None:
    worker = Offloaded(slow)
    slow.may_answer.clear()
    worker.prime()
    worker.settle(0.0)

    assert worker.sample() == []
    worker.close()


def test_a_source_that_hangs_when_it_is_closed_delays_nobody(source: StubbornSource) -> None:
    may_close, is_closing = threading.Event(), threading.Event()

    def close() -> None:
        is_closing.set()
        assert may_close.wait(10)

    source.close = close  # type: ignore[method-assign]
    Offloaded(source).close()
    assert is_closing.wait(10)
    may_close.set()
