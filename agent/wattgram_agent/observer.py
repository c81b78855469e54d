"""One host under observation: sources sampled, differenced, and one set of them counted.

`beat` does one round. What is counted may change from one beat to the next (a battery that
begins to discharge, a meter that hangs); then `version` grows, and the readings of that beat
already belong to the new columns.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Final

from wattgram.readings import Gap, Kind, Reading, Series
from wattgram.units import NANOSECONDS_PER_SECOND
from wattgram_agent.attendance import Attendance
from wattgram_agent.host import Clock
from wattgram_agent.meter import Meter, Register, Step
from wattgram_agent.rest import supply_loss
from wattgram_agent.roster import Roster, settle
from wattgram_agent.rounds import ask_all, slept_nanoseconds
from wattgram_agent.source import Point
from wattgram_agent.sources import network, rest

LOG: Final = logging.getLogger("wattgram.sources")

# CLOCK_BOOTTIME runs on while the host sleeps, CLOCK_MONOTONIC does not.
SUSPEND_NANOSECONDS: Final = NANOSECONDS_PER_SECOND // 2


class Observer:
    """The roster of one host, its meter, and who of them is heard."""

    def __init__(
        self,
        find_sources: Callable[[], Roster],
        clock: Clock,
        registers: Mapping[Point, Register] | None = None,
        supply_efficiency: float = 1.0,
    ) -> None:
        self.version = 1
        self.slept = False
        """Whether the host slept before the newest beat."""
        self._find_sources = find_sources
        self._clock = clock
        self._supply_efficiency = supply_efficiency
        self._roster = find_sources().expecting(registers or {})
        self._attendance = Attendance()
        self._attendance.doubt(settle(self._roster))
        self._stand_aside(registers or {})
        self._series: Mapping[Point, Series] = self._roster.series()
        self._attendance.expect(self._series, clock.boottime_nanoseconds())
        self._meter = Meter(self._series, registers)
        self._gone = {p: r for p, r in (registers or {}).items() if p not in self._series}
        self._slept = slept_nanoseconds(clock)
        self._failing: dict[str, str] = {}
        self._last_beat = 0
        self._found: list[Roster] = []
        self._search: threading.Thread | None = None

    @property
    def last_beat_nanoseconds(self) -> int:
        """When the newest beat was, on the boot-time clock; before the first, 0."""
        return self._last_beat

    @property
    def roster(self) -> Roster:
        return self._roster

    @property
    def series(self) -> Mapping[Point, Series]:
        """The column of every zone that is sampled."""
        return self._series

    @property
    def registers(self) -> Mapping[Point, Register]:
        return self._meter.registers

    @property
    def registers_before(self) -> Mapping[Point, Register]:
        """The registers as they were when the beat before the newest one ended."""
        return self._meter.registers_before

    def beat(self) -> Step:
        """Sample every source once; return what was used since the last beat, and the gaps."""
        before = self._series
        if self._found:
            self._take_over(self._found.pop())
        samples, now, slept = ask_all(self._roster, self._clock)
        gaps = self._notice_suspend(slept, now) + self._notice_gone(now)
        step = self._meter.advance(samples, now)
        self._say_what_fails(step)
        if self._attendance.note(step, self._meter.registers, now):
            self._compose_again()
        if self._series is not before:
            step = self._hand_over(before, step)
        loss = self._series.get(rest.SUPPLY)
        if loss is not None and loss.counted:
            lost = supply_loss(step.readings, loss, self._supply_efficiency)
            step.readings.extend([lost] if lost else [])
        step.gaps.extend(gaps)
        self._last_beat = now
        return step

    def look_again(self) -> None:
        """Look for sources that came or went; a later beat takes over what is found."""
        if self._search is None or not self._search.is_alive():
            self._search = threading.Thread(
                target=lambda: self._found.append(self._find_sources()),
                name="wattgram-look",
                daemon=True,
            )
            self._search.start()

    def wait_for_search(self) -> None:
        """Wait until what was begun by `look_again` has ended."""
        if self._search is not None:
            self._search.join()

    def close(self) -> None:
        self._roster.close()

    def _stand_aside(self, registers: Mapping[Point, Register]) -> None:
        """Let who remembers be counted for the time that nobody watched.

        After a restart the first readings reach back to the last run. A zone without a register
        has none then, and would be counted in place of one that has. So would a slow one that
        has not answered yet.
        """
        if registers.keys() & self._roster.series().keys():
            self._doubt(self._roster, registers)
        self._roster = self._roster.without(self._attendance.silent)

    def _doubt(self, roster: Roster, known: Collection[Point]) -> None:
        """Take who is not known for silent. A spare is not: who is silent is not asked."""
        spares = {source.name for source in roster.sources if source.is_spare}
        self._attendance.doubt(
            point for point in roster.series() if point not in known and point.source not in spares
        )

    def _take_over(self, found: Roster) -> None:
        """Go on with the sources that were found, unless one that is still heard is gone.

        A meter that is gone just now is a gap: it may be back while its register is still good.
        """
        missing = self._roster.series().keys() - {d.zone.point for d in found.decisions}
        is_same = _facts(found.without(self._roster.silent)) == _facts(self._roster)
        is_early = any(
            self._series[point].counted
            and self._series[point].kind is Kind.ENERGY
            and point not in self._attendance.silent
            for point in missing
        )
        if is_same or is_early:
            found.close()
            return
        for finding in found.findings:
            if finding not in self._roster.findings:
                LOG.info("source name=%s state=%s reason=%r", finding.name, finding.state,
                         finding.reason)  # fmt: skip
        joined = self._roster.joined_with(found)
        self._doubt(joined, self._series)
        self._adopt(joined.without(self._attendance.silent))

    def _hand_over(self, before: Mapping[Point, Series], step: Step) -> Step:
        """Count other zones from this interval on than `before`."""
        now, then = _counted(self._series), _counted(before)
        self._meter.forget_before(now - then, self._last_beat)
        gaps = step.gaps + self._meter.lapses(then - now - step.lost.keys(), self._last_beat)
        readings: list[Reading] = []
        for point, reading in zip(step.heard, step.readings, strict=True):
            series = self._series.get(point)
            if series is None:
                continue
            if point in now - then and reading.start_nanoseconds < self._last_beat:
                # Others were counted for a part of this time: this part cannot be told from it.
                gaps.append(
                    Gap(
                        source=point.source,
                        reason="handover",
                        duration_nanoseconds=reading.end_nanoseconds - self._last_beat,
                    )
                )
                continue
            readings.append(
                Reading(
                    series=series,
                    quantity=reading.quantity,
                    start_nanoseconds=reading.start_nanoseconds,
                    end_nanoseconds=reading.end_nanoseconds,
                )
            )
        return Step(readings, gaps, step.heard, step.idle, step.lost)

    def _compose_again(self) -> None:
        """Count among those who are heard now."""
        roster = self._roster.without(self._attendance.silent)
        if roster.series() == self._series:
            self._roster = roster
        else:
            self._adopt(roster)

    def _adopt(self, roster: Roster) -> None:
        self._roster = roster
        self._series = roster.series()
        self._meter.relabel(self._series)
        self._attendance.expect(self._series, self._clock.boottime_nanoseconds())
        self.version += 1

    def _say_what_fails(self, step: Step) -> None:
        """Log once when a zone begins to fail, and once when it is read again."""
        if not (step.lost or self._failing):
            return
        lost = {"/".join(point): lost for point, lost in step.lost.items()}
        for name, why in lost.items():
            if name not in self._failing:
                LOG.warning("zone_fails name=%s reason=%s detail=%r", name, why.reason, why.detail)
        heard = {"/".join(point) for point in step.heard}
        for name in [name for name in self._failing if name in heard]:
            LOG.info("zone_reads_again name=%s", name)
            del self._failing[name]
        self._failing.update({name: why.reason for name, why in lost.items()})

    def _notice_suspend(self, slept: int, now: int) -> list[Gap]:
        gaps: list[Gap] = []
        self.slept = slept - self._slept > SUSPEND_NANOSECONDS
        if self.slept:
            seconds = (slept - self._slept) / NANOSECONDS_PER_SECOND
            LOG.info("host_slept seconds=%.1f", seconds)
            gaps = self._meter.forget("suspend", now)
            self._attendance.begin_again(now)
        self._slept = slept
        return gaps

    def _notice_gone(self, now: int) -> list[Gap]:
        """Return the time since those were read who are not there any more after a restart."""
        gone, self._gone = self._gone, {}
        since: dict[str, int] = {}
        for point, register in gone.items():
            if point.source != network.NAME:  # devices come and go
                read = register.boottime_nanoseconds
                since[point.source] = min(read, since.get(point.source, read))
        return [
            Gap(source=source, reason="not_found", duration_nanoseconds=now - read)
            for source, read in since.items()
        ]


def _counted(series: Mapping[Point, Series]) -> set[Point]:
    return {point for point, column in series.items() if column.counted}


def _facts(roster: Roster) -> tuple[object, ...]:
    return roster.series(), roster.findings, [decision.zone for decision in roster.decisions]
