"""The beat: sample every source, difference, and close a batch now and then.

`beat` does one of them and can be called by hand; `run` calls it on absolute deadlines of the
monotonic clock, in a thread of its own. Late or skipped beats lose nothing: a register
remembers.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from wattgram.readings import AgentStatus, Batch, SeriesTable
from wattgram.units import NANOSECONDS_PER_MICROSECOND, NANOSECONDS_PER_SECOND
from wattgram.workloads import Workload, series_of
from wattgram_agent import today
from wattgram_agent.apportioner import Apportioner
from wattgram_agent.attendance import point_of
from wattgram_agent.batches import (
    BatchBuilder,
    counted_energy,
    with_shares,
    without_first_interval,
)
from wattgram_agent.config import AgentConfig
from wattgram_agent.division import Heard, Interval, Piece
from wattgram_agent.host import Clock, resident_memory_bytes, unix_and_boottime_nanoseconds
from wattgram_agent.meter import Register
from wattgram_agent.observer import Observer
from wattgram_agent.roster import Roster
from wattgram_agent.source import Point
from wattgram_agent.spool.queue import Spool
from wattgram_agent.today import Today
from wattgram_agent.whereabouts import Whereabouts

LOG: Final = logging.getLogger("wattgram.sampler")

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
        apportioner: Apportioner | None = None,
    ) -> None:
        self._config = config
        self._apportioner = apportioner
        self._shares: tuple[Workload, ...] = ()
        self._today = today.load(config.state_directory) or Today()
        self._clock = clock
        self._boot_id = boot_id
        self._spool = spool
        self._disk_failed = False
        self._is_first_batch = True
        checkpoint = spool.checkpoint()
        now = clock.boottime_nanoseconds()
        kept = {
            point: register
            for point, register in (checkpoint.registers.items() if checkpoint else ())
            if checkpoint is not None
            and checkpoint.boot_id == boot_id
            and register.boottime_nanoseconds < now
        }
        self._observer = Observer(
            find_sources, clock, kept, supply_efficiency=config.rest.supply_efficiency
        )
        if apportioner is not None:
            apportioner.gpu_use = self._gpu_use
        self._version = self._observer.version
        # An interval begins where the registers of the last batch were read.
        known = [register for point, register in kept.items() if point in self._observer.series]
        last = max((register.boottime_nanoseconds for register in known), default=None)
        left_off_in = checkpoint.grid_zone if checkpoint is not None and last else None
        self._whereabouts = Whereabouts(
            config.grid_zone_file, config.grid_zone, clock, left_off_in
        )
        self._base = self._table = self._next_table()
        self._builder = BatchBuilder(self._base, last) if last is not None else None
        if spool.corrupt_records:
            LOG.warning("spool_records_corrupt count=%d", spool.corrupt_records)

    @property
    def observer(self) -> Observer:
        return self._observer

    def beat(self) -> None:
        """Sample once and add the interval since the last beat."""
        step = self._observer.beat()
        now = self._observer.last_beat_nanoseconds
        if self._observer.slept and self._apportioner is not None:
            self._apportioner.forget()
        if self._observer.version != self._version:
            self._begin_table()
        if self._builder is None:
            self._builder = BatchBuilder(self._base, now)
            self._builder.add_gaps(step.gaps)
            return
        interval = Interval(self._builder.end_nanoseconds, now)
        heard = Heard(step, self._observer.registers_before, self._observer.registers)
        pieces = self._whereabouts.pieces(heard, interval)
        if pieces:
            self._book(pieces)
        else:
            self._builder.add(step, now)

    def look_again(self) -> None:
        """Look for sources that came or went; a change begins a new series table."""
        self._observer.look_again()

    def _begin_table(self) -> None:
        """Close the batch before the newest beat, and go on in the columns of that beat."""
        self._close(self._observer.registers_before)
        self._go_on()

    def _book(self, pieces: Sequence[Piece]) -> None:
        """Close the batch before the newest beat, and give each piece of that beat its own."""
        self._close(self._observer.registers_before)
        for piece in pieces:
            self._base = replace(self._next_table(), grid_zone=piece.zone)
            self._table = self._table_with_shares()
            self._builder = BatchBuilder(self._base, piece.start)
            self._builder.add(piece.step, piece.end)
            self._close(piece.registers)
        self._go_on()

    def _go_on(self) -> None:
        """Begin a table and a batch where the last one ended."""
        self._version = self._observer.version
        self._base = self._next_table()
        self._table = self._table_with_shares()
        if self._builder is not None:
            self._builder = BatchBuilder(self._base, self._builder.end_nanoseconds)

    def close_batch(self) -> None:
        """Put what was read since the last batch into the spool."""
        self._close(self._observer.registers)

    def _close(self, registers: Mapping[Point, Register]) -> None:
        if self._builder is None or self._builder.is_empty:
            return
        unix, boottime = unix_and_boottime_nanoseconds(self._clock)
        batch = self._builder.take(self._spool.next_sequence, unix - boottime, self._status())
        if self._is_first_batch and self._spool.checkpoint_is_stale:
            batch = without_first_interval(batch)
        self._is_first_batch = False
        registers = self._to_remember(registers)
        batch = self._shared_out(batch)
        try:
            self._spool.append(batch, self._table, registers)
        except OSError as error:
            if not self._disk_failed:
                LOG.error("spool_unwritable error=%r", str(error))  # noqa: TRY400
            self._disk_failed = True
            return
        if self._disk_failed:
            LOG.info("spool_writable_again")
            self._disk_failed = False
        age = int(self._config.spool.max_age_seconds * NANOSECONDS_PER_SECOND)
        self._spool.drop_older_than(
            self._clock.unix_nanoseconds() - age, self._clock.boottime_nanoseconds() - age
        )

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
            began = self._clock.monotonic_nanoseconds()
            self.beat()
            on_beat()
            if beats and beats % per_batch == 0:
                self.close_batch()
                on_batch()
            if beats and beats % rediscovery == 0:
                self.look_again()
            beats += 1
            now = self._clock.monotonic_nanoseconds()
            deadline = next_deadline(deadline, began, now, interval)
            if stop.wait(max(0, deadline - now) / NANOSECONDS_PER_SECOND):
                break
        self.beat()
        self.close_batch()
        self._observer.close()
        if self._apportioner is not None:
            self._apportioner.close()

    def _to_remember(self, registers: Mapping[Point, Register]) -> Mapping[Point, Register]:
        """Return the registers that may be counted from after a restart.

        One that was not counted, and is older than what was, would be counted over it.
        """
        counted = {point_of(series) for series in self._base.series if series.counted}
        end = self._builder.end_nanoseconds if self._builder is not None else 0
        return {
            point: register
            for point, register in registers.items()
            if point in counted or register.boottime_nanoseconds >= end
        }

    def _shared_out(self, batch: Batch) -> Batch:
        """Add who used the counted energy of a batch; the table grows with new workloads."""
        counted, boards = counted_energy(batch, self._base)
        shares: dict[Workload, int] = {}
        if self._apportioner is not None and batch.interval_microseconds:
            shares = dict(self._apportioner.share(counted, boards))
        if not shares.keys() <= set(self._shares):
            self._shares = tuple(shares)
            self._table = self._table_with_shares()
        self._note_today(counted, shares)
        return with_shares(batch, self._table.number, [shares.get(who) for who in self._shares])

    def _gpu_use(self) -> Mapping[str, Mapping[int, int]]:
        return self._observer.roster.gpu_use()  # another one after the next look

    def _note_today(self, counted: int, shares: Mapping[Workload, int]) -> None:
        stored = self._today.stored_unix_seconds
        self._today.add(self._clock.unix_nanoseconds(), counted, shares)
        if abs(self._today.updated_unix_seconds - stored) >= today.WRITE_SECONDS:
            with contextlib.suppress(OSError):
                today.store(self._config.state_directory, self._today)

    def _next_table(self) -> SeriesTable:
        return self._observer.roster.table(
            self._spool.last_table_number + 1, self._boot_id, self._whereabouts.zone
        )

    def _table_with_shares(self) -> SeriesTable:
        """Return the columns of the batch that is built, whatever the next one will have."""
        columns = (*self._base.series, *map(series_of, self._shares))
        return replace(self._next_table(), series=columns, grid_zone=self._base.grid_zone)

    def _status(self) -> AgentStatus:
        return AgentStatus(
            cpu_microseconds=time.process_time_ns() // NANOSECONDS_PER_MICROSECOND,
            resident_memory_bytes=resident_memory_bytes(),
            spooled_batches=len(self._spool),
        )


def next_deadline(deadline: int, began: int, now: int, interval: int) -> int:
    """PURE. Return when the next beat is due after one that was due at `deadline`.

    Beats are on a grid. After one that `began` late or took too long, those are left out that
    would follow at once: nothing can be told from such an interval.
    """
    if began - deadline < interval // 2 and now < deadline + interval:
        return deadline + interval
    steps = -((deadline - now - interval // 2) // interval)
    return deadline + steps * interval
