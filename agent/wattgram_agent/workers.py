"""A source that may block, asked in a thread of its own: the beat waits a moment, or not at all.

A source that is asked at every beat gets a short moment to answer. One that does not answer is a
failure of each of its zones until it does. One that answers late is asked like a slow one, until
it is quick again. A slow source is asked once per period; in between its last power holds, and
its registers say nothing new. `begin` and `sample` are called from one thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from wattgram_agent.source import (
    CounterSample,
    FailedSample,
    Sample,
    Source,
    Zone,
)

LOG: Final = logging.getLogger("wattgram.sources")

# Long enough for NVML on eight boards, short beside the shortest beat that is of use.
WAIT_SECONDS: Final = 0.1
# How many periods a power holds, and what a slow answer may take beyond them.
LATE_PERIOD_SECONDS: Final = 5.0
HELD_PERIODS: Final = 2.0
SLOW_ANSWER_SECONDS: Final = 10.0
# A beat may come a little early.
_EARLY_SECONDS: Final = 0.02


def offload(source: Source) -> Source:
    """Return the source itself if it never blocks, else one that asks it in a thread."""
    return Offloaded(source) if source.may_block or source.period_seconds else source


class Offloaded(Source):
    """Another source, behind a thread that is started when it is first needed."""

    def __init__(
        self,
        source: Source,
        wait_seconds: float = WAIT_SECONDS,
        monotonic_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = source.name
        self.period_seconds = source.period_seconds
        self.may_block = True
        self.is_spare = source.is_spare
        self.source = source
        self._wait_seconds = wait_seconds
        self._now = monotonic_seconds
        self._zones = tuple(source.zones())
        self._asked_at = -1e9
        self._answered_at = self._now()
        self._is_asked = False
        self._hangs = False
        self._is_closed = False
        self._wait_until = 0.0
        self._took_seconds = 0.0
        self._answer: Sequence[Sample] = ()
        self._held: Sequence[Sample] = ()
        self._held_is_new = False
        self._question = threading.Semaphore(0)
        self._reply = threading.Semaphore(0)
        self._thread: threading.Thread | None = None

    def zones(self) -> Sequence[Zone]:
        return self._zones

    def problems(self) -> Sequence[str]:
        return self.source.problems()

    def prime(self) -> None:
        """Ask, so that an answer is there when `settle` looks for it."""
        self._ask()

    def settle(self, seconds: float) -> bool:
        """Wait so long for the answer of a slow source; return whether there is one."""
        if self._is_asked and self._reply.acquire(timeout=max(seconds, 0.0)):
            self._keep_answer()
        return not self._is_asked

    def begin(self, wait_until: float) -> None:
        """Ask, if it is time; `sample` then waits until `wait_until` of the monotonic clock.

        So several sources answer at the same time, and all that hang cost one wait.
        """
        self._wait_until = wait_until
        if self._is_asked and self._reply.acquire(blocking=False):
            self._keep_answer()
        if not self._is_asked and self._now() - self._asked_at > self._period - _EARLY_SECONDS:
            self._ask()

    def sample(self) -> Sequence[Sample]:
        if not self._wait_until:
            self.begin(self._now() + self._wait_seconds)
        wait_seconds, self._wait_until = self._wait_until - self._now(), 0.0
        if self._period:
            return self._sample_slow()
        if self._hangs or not self._reply.acquire(timeout=max(wait_seconds, 0.0)):
            self._hangs = True
            return self._late()
        self._is_asked = False
        return self._answer

    def close(self) -> None:
        """End the thread; one that hangs closes its source when it comes back.

        To close may block as well: it is left to the thread, also if nothing was asked.
        """
        self._is_closed = True
        self._start()
        self._question.release()

    @property
    def _period(self) -> float:
        """How often it is asked: seldom, once it has answered late, until it is quick again."""
        is_late = not self.period_seconds and self._took_seconds > self._wait_seconds
        return LATE_PERIOD_SECONDS if is_late else self.period_seconds

    def _sample_slow(self) -> Sequence[Sample]:
        if self._now() - self._answered_at > HELD_PERIODS * self._period + SLOW_ANSWER_SECONDS:
            return self._late()
        if self._held_is_new:
            self._held_is_new = False
            return self._held
        return [sample for sample in self._held if not isinstance(sample, CounterSample)]

    def _keep_answer(self) -> None:
        self._is_asked = self._hangs = False
        self._held, self._held_is_new, self._answered_at = self._answer, True, self._now()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name=f"wattgram-{self.name}", daemon=True
            )
            self._thread.start()

    def _ask(self) -> None:
        self._start()
        self._is_asked, self._asked_at = True, self._now()
        self._question.release()

    def _work(self) -> None:
        while True:
            self._question.acquire()
            if self._is_closed:
                self.source.close()
                return
            began = self._now()
            try:
                self._answer = self.source.sample()
            except Exception as error:
                LOG.exception("source_broken name=%s", self.name)
                self._answer = self._failed("broken", repr(error))
            self._took_seconds = self._now() - began
            self._reply.release()

    def _late(self) -> list[Sample]:
        seconds = self._now() - self._asked_at
        return self._failed("timeout", f"{self.name} has not answered for {seconds:.0f} s")

    def _failed(self, reason: str, detail: str) -> list[Sample]:
        return [FailedSample(zone.point, reason, detail) for zone in self._zones]
