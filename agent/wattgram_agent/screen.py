"""PURE. What `top` shows: one moment of a host, as lines of a terminal and as JSON.

The first lines matter most: they are there on the smallest screen. A power that is not known is
a dash, never a zero.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattgram.units import (
    BYTES_PER_KILOBYTE,
    JOULES_PER_KILOWATT_HOUR,
    JOULES_PER_WATT_HOUR,
    MICROJOULES_PER_JOULE,
    MICROWATTS_PER_WATT,
)

_COLUMNS_MIN: Final = 60
_SOURCES_MAX: Final = 8
_DEVICES_MAX: Final = 3
_BAR_CELLS: Final = 10
_UNKNOWN: Final = "-"
_FOUR_DIGITS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One zone: its power now, None when it said nothing, and what is said of it."""

    name: str
    power_microwatts: int | None
    counted: bool
    quality: str
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One workload or bucket: its power now, and its energy since the host's energy counts."""

    kind: str
    name: str
    power_microwatts: int
    energy_microjoules: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One network interface, in bytes per second; None when not known."""

    name: str
    receive_bytes_per_second: float | None
    transmit_bytes_per_second: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A host at one time. `sources` are (name, state, reason) of those without a zone."""

    host: str
    unix_seconds: int
    interval_seconds: float
    power_microwatts: int | None
    quality: str
    energy_microjoules: int
    since_unix_seconds: int
    is_today: bool
    meters: Sequence[Meter]
    sources: Sequence[tuple[str, str, str]]
    shares: Sequence[Share]
    devices: Sequence[Device]
    by: str
    grid_zone: str = ""


def as_object(moment: Moment) -> dict[str, Any]:
    """Return the moment for JSON; powers in watts, energies in joules, null when not known."""
    return {
        "host": moment.host,
        "grid_zone": moment.grid_zone,
        "unix_seconds": moment.unix_seconds,
        "interval_seconds": moment.interval_seconds,
        "power_watts": _watts(moment.power_microwatts),
        "quality": moment.quality,
        "energy_joules": moment.energy_microjoules / MICROJOULES_PER_JOULE,
        "energy_since_unix_seconds": moment.since_unix_seconds,
        "meters": [
            {
                "name": meter.name,
                "power_watts": _watts(meter.power_microwatts),
                "counted": meter.counted,
                "quality": meter.quality,
                "remark": meter.remark,
            }
            for meter in moment.meters
        ],
        "sources": [
            {"name": name, "state": state, "reason": reason}
            for name, state, reason in moment.sources
        ],
        "by": moment.by,
        "workloads": [
            {
                "kind": share.kind,
                "name": share.name,
                "power_watts": _watts(share.power_microwatts),
                "energy_joules": share.energy_microjoules / MICROJOULES_PER_JOULE,
            }
            for share in moment.shares
        ],
        "network": [
            {
                "device": device.name,
                "receive_bytes_per_second": device.receive_bytes_per_second,
                "transmit_bytes_per_second": device.transmit_bytes_per_second,
            }
            for device in moment.devices
        ],
    }


def as_lines(moment: Moment, columns: int, lines: int) -> list[str]:
    """Return at most `lines` lines of at most `columns` characters."""
    width = max(columns, _COLUMNS_MIN)
    head = _head(moment, width)
    network = _network(moment, width)
    meters = _meters(moment, width)
    room = max(lines - len(head) - len(meters) - len(network), 0)
    shares = _shares(moment, width, room)
    padding = [""] * (room - len(shares)) if network else []
    return [line[:columns] for line in [*head, *meters, *shares, *padding, *network]][:lines]


def _head(moment: Moment, width: int) -> list[str]:
    clock = time.strftime("%H:%M:%S", time.localtime(moment.unix_seconds))
    where = f"  in {moment.grid_zone}" if moment.grid_zone else ""
    left, right = (
        f"wattgram  {moment.host}{where}",
        f"every {moment.interval_seconds:.1f} s  {clock}",
    )
    since = time.strftime("%H:%M", time.localtime(moment.since_unix_seconds))
    power = "power unknown"
    if moment.power_microwatts is not None:
        power = f"{_power(moment.power_microwatts)} W now ({moment.quality})"
    day = f"today, from {since}" if moment.is_today else f"since {since}"
    used = f"{_energy(moment.energy_microjoules)} {day}"
    return [_apart(left[: max(0, width - len(right) - 1)], right, width),
            _apart(power, used, width), ""]  # fmt: skip


def _meters(moment: Moment, width: int) -> list[str]:
    name_width = width - 26
    lines = [f"{'METER':<{name_width}} {'WATTS':>9}  STATE"]
    rows: list[tuple[str, str, str]] = []
    for meter in sorted(moment.meters, key=lambda one: not one.counted):
        power = _UNKNOWN if meter.power_microwatts is None else _power(meter.power_microwatts)
        name = f"{meter.name} ({meter.quality})" if meter.quality != "measured" else meter.name
        state = "counted" if meter.counted else "shown"
        rows.append((f"{name}  {meter.remark}".rstrip(), power, state))
    for name, state, reason in moment.sources:
        rows.append((f"{name}: {reason}" if reason else name, _UNKNOWN, state.replace("_", " ")))
    for name, power, state in rows[:_SOURCES_MAX]:
        lines.append(f"{name[:name_width]:<{name_width}} {power:>9}  {state[:14]}")
    if len(rows) > _SOURCES_MAX:
        lines.append(f"  and {len(rows) - _SOURCES_MAX} more: wattgram-agent doctor")
    return [*lines, ""]


def _shares(moment: Moment, width: int, room: int) -> list[str]:
    if not moment.shares or room < 2:  # noqa: PLR2004 -- a head and one line
        return []
    name_width = width - 50
    title = "PROCESS" if moment.by == "processes" else "WORKLOAD"
    lines = [f"{'KIND':<12} {title:<{name_width}} {'WATTS':>9} {'%':>5} {'ENERGY':>9}"]
    whole = sum(share.power_microwatts for share in moment.shares)
    for share in moment.shares[: room - 1]:
        part = share.power_microwatts / whole if whole else 0.0
        bar = "#" * round(part * _BAR_CELLS)
        name = "" if share.kind == share.name else share.name
        lines.append(
            f"{share.kind:<12} {name[:name_width]:<{name_width}} "
            f"{_power(share.power_microwatts):>9} {part * 100:>5.1f} "
            f"{_energy(share.energy_microjoules):>9} {bar}".rstrip()
        )
    return lines


def _network(moment: Moment, width: int) -> list[str]:
    if not moment.devices:
        return []
    lines = ["", f"{'NETWORK':<{width - 32}} {'IN':>14} {'OUT':>14}"]
    for device in moment.devices[:_DEVICES_MAX]:
        into, out = (
            _rate(device.receive_bytes_per_second),
            _rate(device.transmit_bytes_per_second),
        )
        lines.append(f"{device.name[: width - 32]:<{width - 32}} {into:>14} {out:>14}")
    return lines


def _apart(left: str, right: str, width: int) -> str:
    return f"{left}{right:>{max(width - len(left), len(right) + 1)}}"


def _watts(power_microwatts: int | None) -> float | None:
    return None if power_microwatts is None else power_microwatts / MICROWATTS_PER_WATT


def _power(power_microwatts: int) -> str:
    watts = power_microwatts / MICROWATTS_PER_WATT
    return f"{watts:.2f}" if watts < _FOUR_DIGITS else f"{watts:.0f}"


def _energy(energy_microjoules: int) -> str:
    """Return joules while they are few, watt-hours where a person thinks in them."""
    joules = energy_microjoules / MICROJOULES_PER_JOULE
    if joules < JOULES_PER_WATT_HOUR:
        return f"{joules:.0f} J"
    watt_hours = joules / JOULES_PER_WATT_HOUR
    if watt_hours < _FOUR_DIGITS:
        return f"{watt_hours:.1f} Wh"
    return f"{joules / JOULES_PER_KILOWATT_HOUR:.2f} kWh"


def _rate(bytes_per_second: float | None) -> str:
    if bytes_per_second is None:
        return _UNKNOWN
    value, unit = bytes_per_second, "B/s"
    for larger in ("kB/s", "MB/s", "GB/s"):
        if value < BYTES_PER_KILOBYTE:
            break
        value, unit = value / BYTES_PER_KILOBYTE, larger
    return f"{value:.1f} {unit}"
