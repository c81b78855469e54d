"""`wattgram-agent top`: this host live on a terminal, without a collector.

It measures by itself, beside the agent that may be running, and delivers nothing. The energy
since midnight is the running agent's, where there is one; else it counts from the start of
`top`. Keys: q ends it, p changes between workloads and processes.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count as count_from
from typing import Final

from wattgram.readings import Kind, Quality, Reading, State
from wattgram.units import MICROWATTS_PER_WATT, NANOSECONDS_PER_SECOND, mean_power_microwatts
from wattgram.workloads import Workload
from wattgram_agent import screen, today
from wattgram_agent.apportioner import Apportioner
from wattgram_agent.attendance import point_of
from wattgram_agent.composition import Silence
from wattgram_agent.counters import Lost
from wattgram_agent.host import Clock
from wattgram_agent.meter import Step
from wattgram_agent.observer import Observer
from wattgram_agent.source import Point
from wattgram_agent.today import Today

_ENTER: Final = "\x1b[?1049h\x1b[?25l"
_LEAVE: Final = "\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_CLEAR_LINE: Final = "\x1b[K"
_CLEAR_BELOW: Final = "\x1b[J"
LEVELS: Final = ("workloads", "processes")


class Top:
    """The moments of one host. `apportioner_of` makes what shares out, for each level."""

    def __init__(
        self,
        observer: Observer,
        clock: Clock,
        host: str,
        apportioner_of: Callable[[str], Apportioner],
        kept_today: Callable[[], Today | None],
        grid_zone: Callable[[], str] = str,
    ) -> None:
        self._observer = observer
        self._clock = clock
        self._host = host
        self._apportioner_of = apportioner_of
        self._kept_today = kept_today
        self._grid_zone = grid_zone
        self._since_start = Today()
        self._apportioner: Apportioner | None = None

    def begin(self, level: str = LEVELS[0]) -> None:
        """Take the first samples, of which nothing is known yet."""
        self._observer.beat()
        self.choose(level)

    def choose(self, level: str) -> None:
        """Share out among workloads or processes from now on."""
        if self._apportioner is not None:
            self._apportioner.close()
        self.level = level
        self._apportioner = self._apportioner_of(level)
        self._apportioner.gpu_use = lambda: self._observer.roster.gpu_use()  # noqa: PLW0108 -- of the newest
        self._apportioner.share(0, {})
        self._since_start = Today()
        self._since_start.add(self._clock.unix_nanoseconds(), 0, {})

    def moment(self) -> screen.Moment:
        """Sample, and return what was used since the last moment."""
        start = self._observer.last_beat_nanoseconds
        step = self._observer.beat()
        elapsed = max(self._observer.last_beat_nanoseconds - start, 1)
        now = self._clock.unix_nanoseconds()
        counted = [
            reading
            for reading in step.readings
            if reading.series.counted and reading.series.kind is Kind.ENERGY
        ]
        energy = sum(reading.quantity for reading in counted)
        shares: dict[Workload, int] = {}
        if self._apportioner is not None:
            if self._observer.slept:
                self._apportioner.forget()
            shares = dict(self._apportioner.share(energy, _boards(step.readings)))
        self._since_start.add(now, energy, shares)
        kept = self._kept_today()
        is_today = kept is not None and kept.date == today.local_date(
            now // NANOSECONDS_PER_SECOND
        )
        day = kept if kept is not None and is_today else self._since_start
        return screen.Moment(
            host=self._host,
            unix_seconds=now // NANOSECONDS_PER_SECOND,
            interval_seconds=elapsed / NANOSECONDS_PER_SECOND,
            power_microwatts=_power(counted),
            quality=_worst(counted),
            energy_microjoules=day.energy_microjoules,
            since_unix_seconds=day.since_unix_seconds,
            is_today=is_today,
            meters=self._meters(step),
            sources=self._others(),
            shares=_shares(shares, day, self._since_start, elapsed),
            devices=_devices(step.readings),
            by=self.level,
            grid_zone=self._grid_zone(),
        )

    def _meters(self, step: Step) -> list[screen.Meter]:
        read = {point_of(reading.series): reading for reading in step.readings}
        silent = self._observer.roster.silent
        return [
            screen.Meter(
                name="/".join(point),
                power_microwatts=_power([read[point]]) if point in read else None,
                counted=series.counted,
                quality=str(series.quality),
                remark=_remark(silent.get(point), step.lost.get(point)) or _bounds(point, read),
            )
            for point, series in self._observer.series.items()
            if series.kind is Kind.ENERGY
            and (series.counted or series.quality is Quality.MEASURED)
        ]

    def _others(self) -> list[tuple[str, str, str]]:
        """Return the sources without a zone that somebody could do something about."""
        sampled = {point.source for point in self._observer.series}
        return [
            (finding.name, str(finding.state), finding.reason)
            for finding in self._observer.roster.findings
            if finding.name not in sampled
            and finding.state in {State.PERMISSION_DENIED, State.ERROR}
        ]


def run(
    top: Top,
    interval_seconds: float,
    how_many: int,
    *,
    clock: Clock,
    level: str = LEVELS[0],
    as_json: bool = False,
) -> None:
    """Show moments until `how_many` were shown (0: for ever), or until q is pressed."""
    interactive = sys.stdout.isatty() and not as_json
    with _terminal() if interactive else contextlib.nullcontext():
        top.begin(level)
        deadline = clock.monotonic_nanoseconds()
        for _ in range(how_many) if how_many else count_from():
            deadline += int(interval_seconds * NANOSECONDS_PER_SECOND)
            while (wait := deadline - clock.monotonic_nanoseconds()) > 0:
                key = _key(wait / NANOSECONDS_PER_SECOND, interactive=interactive)
                if key == "q":
                    return
                if key == "p":
                    top.choose(LEVELS[1 - LEVELS.index(top.level)])
            show(top.moment(), as_json=as_json, interactive=interactive)


def show(moment: screen.Moment, *, as_json: bool, interactive: bool) -> None:
    """Print one moment: an object, a page, or over the page before it."""
    if as_json:
        print(json.dumps(screen.as_object(moment)), flush=True)
        return
    size = shutil.get_terminal_size((80, 24))
    lines = screen.as_lines(moment, size.columns, size.lines)
    if interactive:
        text = _HOME + "\n".join(line + _CLEAR_LINE for line in lines) + _CLEAR_BELOW
        print(text, end="", flush=True)
    else:
        print("\n".join(lines), end="\n\n", flush=True)


@contextlib.contextmanager
def _terminal() -> Iterator[None]:
    """Take the terminal's other screen and its keys, and give both back."""
    import termios
    import tty

    keys = sys.stdin.fileno() if sys.stdin.isatty() else -1
    before = termios.tcgetattr(keys) if keys >= 0 else None
    sys.stdout.write(_ENTER)
    try:
        if before is not None:
            tty.setcbreak(keys)
        yield
    finally:
        if before is not None:
            termios.tcsetattr(keys, termios.TCSADRAIN, before)
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()


def _key(seconds: float, *, interactive: bool) -> str:
    """Wait for a key; return it, or '' after the time."""
    if not interactive or not sys.stdin.isatty():
        time.sleep(seconds)
        return ""
    ready, _, _ = select.select([sys.stdin.fileno()], [], [], seconds)
    return os.read(sys.stdin.fileno(), 1).decode("ascii", "replace") if ready else ""


def _power(readings: Sequence[Reading]) -> int | None:
    """Return the sum of mean powers, each over the time that its reading covers."""
    if not readings:
        return None
    return sum(
        mean_power_microwatts(one.quantity, one.end_nanoseconds - one.start_nanoseconds)
        for one in readings
    )


def _boards(readings: Sequence[Reading]) -> dict[str, int]:
    return {
        reading.series.instance: reading.quantity
        for reading in readings
        if reading.series.source == "nvml" and reading.series.kind is Kind.ENERGY
    }


def _remark(silence: Silence | None, lost: Lost | None) -> str:
    if silence is not None:
        return silence.why
    return lost.reason if lost is not None else ""


def _bounds(point: Point, read: Mapping[Point, Reading]) -> str:
    """Return between what a model's figure lies, for one that says so."""
    bounds = [read.get(point._replace(instance=name)) for name in ("low", "high")]
    low, high = (_power([one]) if one is not None else None for one in bounds)
    if point.instance != "mid" or low is None or high is None:
        return ""
    return f"{low / MICROWATTS_PER_WATT:.2f} to {high / MICROWATTS_PER_WATT:.2f} W"


def _worst(readings: Sequence[Reading]) -> str:
    order = list(Quality)
    found = [order.index(reading.series.quality) for reading in readings]
    return str(order[max(found)]) if found else "unknown"


def _shares(
    now: Mapping[Workload, int], day: Today, own: Today, elapsed: int
) -> list[screen.Share]:
    """Return who used how much, most first; the day's workloads are there without power too."""
    energies = day.workloads if now.keys() <= day.workloads.keys() else own.workloads
    names = sorted(now, key=lambda one: (-now[one], one))
    return [
        screen.Share(
            kind=str(one.kind),
            name=one.name,
            power_microwatts=mean_power_microwatts(now[one], elapsed),
            energy_microjoules=energies.get(one, 0),
        )
        for one in names
        if now[one] or energies.get(one, 0)
    ]


def _devices(readings: Sequence[Reading]) -> list[screen.Device]:
    rates: dict[str, dict[Kind, float]] = {}
    for reading in readings:
        if reading.series.kind is not Kind.ENERGY:
            seconds = (
                reading.end_nanoseconds - reading.start_nanoseconds
            ) / NANOSECONDS_PER_SECOND
            rates.setdefault(reading.series.instance, {})[reading.series.kind] = (
                reading.quantity / seconds
            )
    return [
        screen.Device(
            name=name,
            receive_bytes_per_second=rate.get(Kind.RECEIVE),
            transmit_bytes_per_second=rate.get(Kind.TRANSMIT),
        )
        for name, rate in sorted(rates.items())
    ]
