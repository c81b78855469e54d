"""PURE. A batch to an entry of the ledger, or the reason why it can never be one.

Knows the policy of what is believed: clocks, powers, lengths. Knows no stream and no storage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from wattgram.handshake import Hello
from wattgram.readings import AgentStatus, Batch, Series, SeriesTable
from wattgram.units import (
    ACCOUNTING_SLOT_NANOSECONDS,
    BYTES_PER_GIGABYTE,
    MICROWATTS_PER_WATT,
    NANOSECONDS_PER_MICROSECOND,
    NANOSECONDS_PER_SECOND,
    SECONDS_PER_DAY,
    SECONDS_PER_HOUR,
)
from wattgram_collector.accounting.emissions import Books, Columns, postings, standby_postings
from wattgram_collector.accounting.slots import SlotQuantities, quantities, split
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.ledger import Entry, Tally, TallyKey

CLOCK_TOLERANCE_NANOSECONDS: Final = 2 * NANOSECONDS_PER_SECOND
CLOCK_SET_NANOSECONDS: Final = SECONDS_PER_HOUR * NANOSECONDS_PER_SECOND
FUTURE_NANOSECONDS_MAX: Final = SECONDS_PER_HOUR * NANOSECONDS_PER_SECOND
AGE_NANOSECONDS_MAX: Final = 400 * SECONDS_PER_DAY * NANOSECONDS_PER_SECOND
DURATION_NANOSECONDS_MAX: Final = 40 * SECONDS_PER_DAY * NANOSECONDS_PER_SECOND
POWER_MICROWATTS_MAX: Final = 10_000_000 * MICROWATTS_PER_WATT
# Twenty interfaces of 400 Gbit/s on one.
TRAFFIC_BYTES_PER_SECOND_MAX: Final = 1_000 * BYTES_PER_GIGABYTE
# Of so many the least late one says how the clocks stand.
STAMPS_REMEMBERED: Final = 16
# What one batch may make the ledger write: 20 series over a month.
SLOTS_MAX: Final = 200_000

_RESET: Final = "counter_reset"


class RefusalError(Exception):
    """A batch that can never be accepted. `reason` is one of a few words.

    With `needs_new_session` it could be, under another session.
    """

    def __init__(self, reason: str, detail: str, *, needs_new_session: bool = False) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.needs_new_session = needs_new_session


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentClock:
    """How an agent's clocks stand to ours: at Hello, and when a batch says when it was sent."""

    boot_id: str
    offset_nanoseconds: int
    """Its wall clock minus ours."""
    unix_minus_boottime_nanoseconds: int
    """Our wall clock minus its boot-time clock."""
    measured: tuple[int, ...] = ()
    """The newest measurements of that. Each is too great by what its message took to come."""
    age_nanoseconds_max: int = AGE_NANOSECONDS_MAX
    """How far back they are believed."""

    @classmethod
    def of(
        cls,
        hello: Hello,
        now_unix_nanoseconds: int,
        age_nanoseconds_max: int = AGE_NANOSECONDS_MAX,
    ) -> AgentClock:
        return cls(
            boot_id=hello.boot_id,
            offset_nanoseconds=hello.wall_unix_nanoseconds - now_unix_nanoseconds,
            unix_minus_boottime_nanoseconds=now_unix_nanoseconds - hello.boottime_nanoseconds,
            measured=(now_unix_nanoseconds - hello.boottime_nanoseconds,),
            age_nanoseconds_max=age_nanoseconds_max,
        )

    def refreshed(self, status: AgentStatus, now_unix_nanoseconds: int) -> AgentClock:
        """Return how the clocks stand now, if a batch says when it was sent.

        A clock may be set while a stream is open. Both of the agent's were read at once, so what
        they say of each other is exact however late the batch comes.
        """
        sent = status.sent_boottime_nanoseconds
        if not sent:
            return self
        measured = (*self.measured, now_unix_nanoseconds - sent)[-STAMPS_REMEMBERED:]
        least = min(measured)
        return replace(
            self,
            offset_nanoseconds=status.sent_wall_unix_nanoseconds - sent - least,
            unix_minus_boottime_nanoseconds=least,
            measured=measured,
        )

    def start_unix_nanoseconds(self, batch: Batch, table: SeriesTable) -> int:
        """Return when a batch began by our clock.

        An agent whose wall clock is wrong is corrected by its boot-time clock, which nobody
        sets. So is a batch from before the clock was set, as on a gateway that boots without
        one: it disagrees by hours. What was measured in an earlier boot can only be taken at
        its word.
        """
        said = batch.start_unix_nanoseconds
        if table.boot_id != self.boot_id:
            return said
        counted = batch.start_boottime_nanoseconds + self.unix_minus_boottime_nanoseconds
        is_right_now = abs(self.offset_nanoseconds) <= CLOCK_TOLERANCE_NANOSECONDS
        return said if is_right_now and abs(counted - said) < CLOCK_SET_NANOSECONDS else counted


class Told(NamedTuple):
    """A series table as an agent told it, and what the ledger and the accounts make of it."""

    table: SeriesTable
    series_keys: tuple[int, ...]
    columns: Columns
    filed: tuple[Series, ...] = ()

    @property
    def series(self) -> tuple[Series, ...]:
        """Under which series each column is kept: its own, or one that several share."""
        return self.filed or self.table.series


def reckon(
    batch: Batch,
    told: Told,
    *,
    agent_key: int,
    session: str,
    terms: Terms,
    clock: AgentClock,
    books: Books,
    now_unix_nanoseconds: int,
) -> Entry:
    """Return what the ledger is to add for `batch`; raises RefusalError."""
    start = clock.start_unix_nanoseconds(batch, told.table)
    end = start + batch.duration_nanoseconds
    _require_plausible_time(batch, start, end, now_unix_nanoseconds, clock.age_nanoseconds_max)
    found = quantities(batch, start)
    _require_plausible_quantities(batch, told, found)
    posted = postings(found, told.columns, terms, books)
    if terms.stands_by:
        seen = dict(split(batch.duration_nanoseconds // NANOSECONDS_PER_MICROSECOND, start, end))
        posted |= standby_postings(seen, terms, books.location)
    return Entry(
        agent_key=agent_key,
        session=session,
        sequence=batch.sequence,
        received_unix_nanoseconds=now_unix_nanoseconds,
        # What ends later than now is not newer than what ends now, when it comes.
        newest_sample_unix_nanoseconds=min(end, now_unix_nanoseconds),
        usage=_usage(found, told.series_keys),
        postings=posted,
        tallies=_tallies(batch),
    )


def _usage(found: SlotQuantities, keys: Sequence[int]) -> dict[tuple[int, int], int]:
    """Return what each series used in each slot; several columns may be kept under one."""
    usage = {
        (key, slot): quantity
        for slot, row in found.items()
        for key, quantity in zip(keys, row, strict=True)
        if quantity is not None
    }
    if len(set(keys)) < len(keys):
        usage = dict.fromkeys(usage, 0)
        for slot, row in found.items():
            for key, quantity in zip(keys, row, strict=True):
                usage[key, slot] = usage.get((key, slot), 0) + (quantity or 0)
    return usage


def refused(
    sequence: int, reason: str, *, agent_key: int, session: str, now_unix_nanoseconds: int
) -> Entry:
    """Return the entry that marks a sequence as done with, and counts why."""
    return Entry(
        agent_key=agent_key,
        session=session,
        sequence=sequence,
        received_unix_nanoseconds=now_unix_nanoseconds,
        newest_sample_unix_nanoseconds=0,
        tallies={(Tally.REFUSED_BATCHES, reason): 1},
    )


def _require_plausible_time(batch: Batch, start: int, end: int, now: int, age_max: int) -> None:
    if end - start > DURATION_NANOSECONDS_MAX:
        raise RefusalError("too_long", f"a batch over {end - start} ns")
    if end > now + FUTURE_NANOSECONDS_MAX:
        raise RefusalError("future", f"ends {(end - now) // NANOSECONDS_PER_SECOND} s from now")
    reached = 0
    if batch.reaches:
        start -= max(reach.nanoseconds for reach in batch.reaches)
        reached = sum(reach.nanoseconds for reach in batch.reaches)
    if start < now - age_max:
        raise RefusalError("too_old", f"began {(now - start) // NANOSECONDS_PER_SECOND} s ago")
    slots = (len(batch.columns) * (end - start) + reached) // ACCOUNTING_SLOT_NANOSECONDS
    if slots > SLOTS_MAX:
        raise RefusalError("too_long", f"{len(batch.columns)} series over {slots} slots")


def _require_plausible_quantities(batch: Batch, told: Told, found: SlotQuantities) -> None:
    if not found:
        return
    longest = batch.duration_nanoseconds
    if batch.reaches:
        longest += sum(reach.nanoseconds for reach in batch.reaches)
    totals: Sequence[int] = batch.sums or [
        sum(filter(None, column)) for column in zip(*found.values(), strict=True)
    ]
    ceiling = POWER_MICROWATTS_MAX * longest // NANOSECONDS_PER_SECOND
    for index in told.columns.energy:
        if totals[index] > ceiling:
            series = told.table.series[index]
            raise RefusalError(
                "implausible_power", f"{series.source} {series.domain}: {totals[index]} uJ"
            )
    counted = sum(totals[index] for index in told.columns.host)
    if counted > ceiling:
        raise RefusalError("implausible_power", f"the host: {counted} uJ")
    ceiling = TRAFFIC_BYTES_PER_SECOND_MAX * longest // NANOSECONDS_PER_SECOND
    moved = sum(totals[index] for index in told.columns.network)
    if moved > ceiling:
        raise RefusalError("implausible_traffic", f"{moved} bytes in {longest} ns")


def _tallies(batch: Batch) -> dict[TallyKey, int]:
    cells = len(batch.columns) * len(batch.interval_microseconds)
    absent = 0 if batch.is_whole else sum(column.count(None) for column in batch.columns)
    tallies: dict[TallyKey, int] = {(Tally.READINGS, ""): cells - absent}
    for gap in batch.gaps:
        # None is longer than what may be late; centuries would spoil every sum over the fleet.
        duration = min(gap.duration_nanoseconds, AGE_NANOSECONDS_MAX)
        for key, count in (
            ((Tally.GAP_NANOSECONDS, gap.reason), duration),
            ((Tally.GAPS, gap.reason), gap.count),
        ):
            tallies[key] = tallies.get(key, 0) + count
        if gap.reason == _RESET:
            reset = (Tally.COUNTER_RESETS, gap.source)
            tallies[reset] = tallies.get(reset, 0) + gap.count
    return tallies
