"""The beat: sample every source, difference, and close a batch now and then.

`beat` does one of them and can be called by hand; `run` calls it on absolute deadlines of the
monotonic clock, in a thread of its own. Late or skipped beats lose nothing: a register
remembers.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from wattgram.readings import AgentStatus, Gap, Kind, SeriesTable
from wattgram.units import NANOSECONDS_PER_MICROSECOND, NANOSECONDS_PER_SECOND
from wattgram_agent.batches import BatchBuilder, without_first_interval
from wattgram_agent.config import AgentConfig
from wattgram_agent.host import Clock, resident_memory_bytes
from wattgram_agent.meter import Meter
from wattgram_agent.roster import Roster
from wattgram_agent.source import Point
from wattgram_agent.spool import Dropped, Spool

LOG: Final = logging.getLogger("wattgram.sampler")

# CLOCK_BOOTTIME runs on while the host sleeps, CLOCK_MONOTONIC does not.
SUSPEND_NANOSECONDS: Final = NANOSECONDS_PER_SECOND // 2
REDISCOVERY_SECONDS: Final = 60.0


class Sampler:
    """One host's meters into one spool."""

    def __init__(
        self,
        config: AgentConfig,
        clock: Clock,
        boot_id: str,
        spool: Spool,
        find_sources: Callable[[], Roster],
    ) -> None:
        self._config = config
        self._clock = clock
        self._boot_id = boot_id
        self._spool = spool
        self._find_sources = find_sources
        self._roster = find_sources()
        self._slept = self._suspended_nanoseconds()
        self._disk_failed = False
        self._is_first_batch = True
        self._table = self._next_table()
        checkpoint = spool.checkpoint()
        now = clock.boottime_nanoseconds()
        kept = {
            point: register
            for point, register in (checkpoint.registers.items() if checkpoint else ())
            if checkpoint is not None
            and checkpoint.boot_id == boot_id
            and register.boottime_nanoseconds < now
        }
        self._meter = Meter(self._roster.series(), kept)
        # An interval begins where the registers of the last batch were read.
        last = max((register.boottime_nanoseconds for register in kept.values()), default=None)
        self._builder = BatchBuilder(self._table, last) if last is not None else None
        self._pending_gaps: list[Gap] = []
        if spool.corrupt_records:
            LOG.warning("spool_records_corrupt count=%d", spool.corrupt_records)
        self._note_dropped(spool.lost_to_rot, "spool_corrupt")

    @property
    def roster(self) -> Roster:
        return self._roster

    def beat(self) -> None:
        """Sample once and add the interval since the last beat."""
        now = self._clock.boottime_nanoseconds()
        self._notice_suspend(now)
        step = self._meter.advance(self._roster.sample(), now)
        if self._builder is None:
            self._builder = BatchBuilder(self._table, now)
            self._builder.add_gaps(step.gaps)
        else:
            self._builder.add(step, now)

    def close_batch(self) -> None:
        """Put what was read since the last batch into the spool."""
        if self._builder is None:
            return
        self._builder.add_gaps(self._pending_gaps)
        self._pending_gaps = []
        if self._builder.is_empty:
            return
        unix_minus_boottime = self._clock.unix_nanoseconds() - self._clock.boottime_nanoseconds()
        batch = self._builder.take(self._spool.next_sequence, unix_minus_boottime, self._status())
        if self._is_first_batch and self._spool.checkpoint_is_stale:
            batch = without_first_interval(batch)
        self._is_first_batch = False
        try:
            dropped = self._spool.append(batch, self._table, self._meter.registers)
        except OSError as error:
            if not self._disk_failed:
                LOG.error("spool_unwritable error=%r", str(error))  # noqa: TRY400
            self._disk_failed = True
            return
        if self._disk_failed:
            LOG.info("spool_writable_again")
            self._disk_failed = False
        self._note_dropped(dropped)
        age = int(self._config.spool.max_age_seconds * NANOSECONDS_PER_SECOND)
        self._note_dropped(
            self._spool.drop_older_than(
                self._clock.unix_nanoseconds() - age, self._clock.boottime_nanoseconds() - age
            )
        )

    def look_again(self) -> None:
        """Look for sources that came or went; a change begins a new series table."""
        roster = self._find_sources()
        if (roster.series(), roster.findings) == (self._roster.series(), self._roster.findings):
            roster.close()
            return
        if not self._energy_points() <= {d.zone.point for d in roster.decisions}:
            # A meter that is gone just now is a gap. Without it another would be counted in its
            # place, and its register forgotten.
            roster.close()
            return
        self.close_batch()
        for finding in roster.findings:
            if finding not in self._roster.findings:
                LOG.info("source name=%s state=%s reason=%r", finding.name, finding.state,
                         finding.reason)  # fmt: skip
        self._roster.close()
        self._roster = roster
        self._table = self._next_table()
        self._meter = Meter(roster.series(), self._meter.registers)
        self._builder = (
            BatchBuilder(self._table, self._clock.boottime_nanoseconds())
            if self._builder
            else None
        )

    def _energy_points(self) -> set[Point]:
        return {
            point
            for point, series in self._roster.series().items()
            if series.kind is Kind.ENERGY and series.counted and series.source != "model"
        }

    def run(
        self,
        stop: threading.Event,
        on_batch: Callable[[], None],
        on_beat: Callable[[], None] = lambda: None,
    ) -> None:
        """Beat until `stop` is set; then close the last batch."""
        interval = int(self._config.sampling.interval_seconds * NANOSECONDS_PER_SECOND)
        per_batch = max(1, round(self._config.sampling.batch_seconds
                                 / self._config.sampling.interval_seconds))  # fmt: skip
        rediscovery = max(1, round(REDISCOVERY_SECONDS / self._config.sampling.interval_seconds))
        deadline = self._clock.monotonic_nanoseconds()
        beats = 0
        while True:
            self.beat()
            on_beat()
            if beats and beats % per_batch == 0:
                self.close_batch()
                on_batch()
            if beats and beats % rediscovery == 0:
                self.look_again()
            beats += 1
            now = self._clock.monotonic_nanoseconds()
            deadline += interval * (1 + max(0, now - deadline - interval) // interval)
            if stop.wait(max(0, deadline - now) / NANOSECONDS_PER_SECOND):
                break
        self.beat()
        self.close_batch()
        self._roster.close()

    def _notice_suspend(self, now: int) -> None:
        slept = self._suspended_nanoseconds()
        if slept - self._slept > SUSPEND_NANOSECONDS:
            seconds = (slept - self._slept) / NANOSECONDS_PER_SECOND
            LOG.info("host_slept seconds=%.1f", seconds)
            self._pending_gaps.extend(self._meter.forget("suspend", now))
        self._slept = slept

    def _suspended_nanoseconds(self) -> int:
        return self._clock.boottime_nanoseconds() - self._clock.monotonic_nanoseconds()

    def _next_table(self) -> SeriesTable:
        return self._roster.table(
            self._spool.last_table_number + 1, self._boot_id, self._config.grid_zone
        )

    def _note_dropped(self, dropped: Dropped, reason: str = "spool_full") -> None:
        if dropped.batches:
            LOG.warning("spool_dropped batches=%d", dropped.batches)
            self._pending_gaps.append(
                Gap(
                    source="spool",
                    reason=reason,
                    duration_nanoseconds=dropped.duration_nanoseconds,
                    count=dropped.batches,
                )
            )

    def _status(self) -> AgentStatus:
        return AgentStatus(
            cpu_microseconds=time.process_time_ns() // NANOSECONDS_PER_MICROSECOND,
            resident_memory_bytes=resident_memory_bytes(),
            spooled_batches=len(self._spool),
        )
