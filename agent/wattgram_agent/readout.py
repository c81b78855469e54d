"""`wattgram-agent sample`: what this host uses, on the terminal, without a collector."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count as count_from
from typing import Any

from wattgram.readings import Gap, Kind, Reading
from wattgram.units import MICROWATTS_PER_WATT, NANOSECONDS_PER_SECOND, mean_power_microwatts
from wattgram_agent.host import Clock
from wattgram_agent.meter import Step
from wattgram_agent.observer import Observer


def intervals(
    observer: Observer,
    clock: Clock,
    interval_seconds: float,
    how_many: int,
    sleep: Callable[[float], None] = time.sleep,
    grid_zone: Callable[[], str] = str,
) -> Iterator[dict[str, Any]]:
    """Yield one object per interval, `how_many` times (0: for ever), on a steady beat."""
    interval = int(interval_seconds * NANOSECONDS_PER_SECOND)
    observer.beat()
    start = observer.last_beat_nanoseconds
    start_unix = clock.unix_nanoseconds()
    deadline = clock.monotonic_nanoseconds()
    for _ in range(how_many) if how_many else count_from():
        deadline += interval
        sleep(max(0, deadline - clock.monotonic_nanoseconds()) / NANOSECONDS_PER_SECOND)
        step = observer.beat()
        end = observer.last_beat_nanoseconds
        end_unix = start_unix + end - start
        yield describe(step, start_unix, end_unix, grid_zone())
        start, start_unix = end, end_unix


def describe(
    step: Step, start_unix_nanoseconds: int, end_unix_nanoseconds: int, grid_zone: str = ""
) -> dict[str, Any]:
    """PURE. Return one interval as an object for JSON."""
    energy = [reading for reading in step.readings if reading.series.kind is Kind.ENERGY]
    counted = [reading.quantity for reading in energy if reading.series.counted]
    return {
        "start_unix_nanoseconds": start_unix_nanoseconds,
        "end_unix_nanoseconds": end_unix_nanoseconds,
        "grid_zone": grid_zone,
        "counted_energy_microjoules": sum(counted) if counted else None,
        "readings": [_energy(reading) for reading in energy],
        "network": _network(step.readings),
        "gaps": [_gap(gap) for gap in step.gaps],
    }


def as_text(interval: dict[str, Any]) -> str:
    """PURE. Return one interval as lines for a person."""
    elapsed = interval["end_unix_nanoseconds"] - interval["start_unix_nanoseconds"]
    clock = time.strftime(
        "%H:%M:%S", time.localtime(interval["end_unix_nanoseconds"] / NANOSECONDS_PER_SECOND)
    )
    counted = interval["counted_energy_microjoules"]
    total = "power unknown" if counted is None else f"{_watts(counted, elapsed)} W counted"
    where = f"  in {interval['grid_zone']}" if interval["grid_zone"] else ""
    lines = [f"{clock}  {total}{where}"]
    for reading in interval["readings"]:
        name = f"{reading['source']} {reading['domain']} {reading['instance']}"
        mark = "" if reading["counted"] else "  (not counted)"
        watts = _watts(reading["energy_microjoules"], reading["covered_nanoseconds"])
        lines.append(f"  {name:<34} {watts:>9} W  {reading['quality']}{mark}")
    lines.extend(
        f"  {'network ' + device['device']:<34} {device['receive_bytes']:>9} B in "
        f"{device['transmit_bytes']:>9} B out"
        for device in interval["network"]
    )
    lines.extend(
        f"  gap: {gap['source']} {gap['reason']} {gap['seconds']:.3f} s  {gap['detail']}"
        for gap in interval["gaps"]
    )
    return "\n".join(lines)


def print_intervals(found: Iterable[dict[str, Any]], *, as_json: bool) -> None:
    for interval in found:
        print(json.dumps(interval) if as_json else as_text(interval), flush=True)


def _energy(reading: Reading) -> dict[str, Any]:
    series = reading.series
    return {
        "source": series.source,
        "domain": series.domain,
        "instance": series.instance,
        "energy_microjoules": reading.quantity,
        "covered_nanoseconds": reading.end_nanoseconds - reading.start_nanoseconds,
        "quality": str(series.quality),
        "counted": series.counted,
    }


def _network(readings: Iterable[Reading]) -> list[dict[str, Any]]:
    devices: dict[str, dict[str, Any]] = {}
    for reading in readings:
        series = reading.series
        if series.kind is not Kind.ENERGY:
            device = devices.setdefault(
                series.instance,
                {"device": series.instance, "receive_bytes": None, "transmit_bytes": None},
            )
            device[series.kind.value] = reading.quantity
    return list(devices.values())


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "source": gap.source,
        "reason": gap.reason,
        "seconds": gap.duration_nanoseconds / NANOSECONDS_PER_SECOND,
        "detail": gap.detail,
    }


def _watts(energy_microjoules: int, duration_nanoseconds: int) -> str:
    power = mean_power_microwatts(energy_microjoules, duration_nanoseconds)
    return f"{power / MICROWATTS_PER_WATT:.3f}"
