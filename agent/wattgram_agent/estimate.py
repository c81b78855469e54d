"""PURE. What a host and its CPU packages draw, from how busy the threads are.

Two parts, because two things can be compared: `package` is what RAPL's package zones would say,
`host` what a meter at the wall would. The host is never less than the package and what the power
supply and the board add to it.

The package at full load is the geometric mean of two guesses that are wrong in different ways:
its TDP, which over-reads lightly built servers, and the full load of servers of its generation,
which under-reads small and fast ones. The mean was chosen with three measured machines in sight,
no figure was fitted to them; the form in between is that of Teads' bare-metal cloud servers
(0.12, 0.32, 0.75 and 1.02 of the TDP at 0, 10, 50 and 100 % of load: "Building an AWS EC2 Carbon
Emissions Dataset", 2021).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from wattgram.units import MICROWATTS_PER_MILLIWATT, MICROWATTS_PER_WATT
from wattgram_agent.coefficients import Bounds, Coefficients


class Shape(NamedTuple):
    """Power over load: `rest` + (1 - `rest`) * load ** `exponent`, as parts of full power."""

    rest: float
    exponent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the estimate depends on. `tdp_watts` is of one socket, None when it is not known.

    `is_guest` means that the threads are a part of somebody's server: its TDP says nothing.
    `is_single_threaded`: each thread has a core of its own, while rows are of half a core.
    """

    coefficients: Coefficients
    threads: int
    sockets: int = 1
    tdp_watts: float | None = None
    is_single_threaded: bool = False
    is_guest: bool = False


class Estimate(NamedTuple):
    """Microwatts; `package` is None for a board that is only known as a whole."""

    package: Bounds | None
    host: Bounds


class Envelope(NamedTuple):
    """Microwatts of a machine at rest and at full load; `package_full` in the middle."""

    package_full: float | None
    host_idle: Bounds
    host_full: Bounds


SHAPE: Final = Shape(rest=0.12, exponent=0.65)

# What lies around a package: supply, regulators, fans, memory. Rows of servers hold more of it.
_HOST_PER_PACKAGE: Final = 1.15
# Models of load are wrong by this much on measured machines.
_PACKAGE_ERROR: Final = 0.5
# Without a TDP the package is what a server draws at the wall under SPECpower, which is less than
# it draws under stress. A guest's is what such a package is of the whole there, so that its host
# stays what the row says.
_PACKAGE_PER_ROW: Final = 1.0
_GUEST_PACKAGE_PER_ROW: Final = 0.6
# Sockets of desktops are fed beyond the TDP: 1.35 is AMD's ratio for AM4, Intel's PL2 is above.
_DESKTOP_WATTS_MIN: Final = 65
_DESKTOP_LIMIT_PER_TDP: Final = 1.35


def envelope(machine: Machine) -> Envelope:
    """Return the ends between which the machine works; raises ValueError without threads."""
    if machine.threads < 1:
        raise ValueError(f"a computer has at least one thread: {machine.threads}")
    row = machine.coefficients
    doubled = machine.is_single_threaded and not machine.is_guest and not row.is_board
    scale = float(machine.threads * MICROWATTS_PER_MILLIWATT * (2 if doubled else 1))
    package = _package_full(machine, scale * row.max_milliwatts_per_thread.mid)
    if row.is_personal and _counts_tdp(machine) and package:
        # The row is of small servers: a laptop is as much smaller as its package is.
        scale = min(scale, package / row.max_milliwatts_per_thread.mid)
    idle, full = row.idle_milliwatts_per_thread, row.max_milliwatts_per_thread
    return Envelope(package, _scaled(idle, scale), _scaled(full, scale))


def estimate(ends: Envelope, busy_ratio: float, shape: Shape = SHAPE) -> Estimate:
    """Return the power of a machine whose threads are each busy for this part of the time."""
    ratio = min(max(busy_ratio, 0.0), 1.0)
    host = Bounds(
        *(round(a + (b - a) * ratio) for a, b in zip(ends.host_idle, ends.host_full, strict=True))
    )
    if ends.package_full is None:
        return Estimate(None, host)
    middle = ends.package_full * (shape.rest + (1 - shape.rest) * ratio**shape.exponent)
    errors = (1 - _PACKAGE_ERROR, 1, 1 + _PACKAGE_ERROR)
    package = Bounds(*(round(middle * error) for error in errors))
    return Estimate(
        package,
        Bounds(
            *(max(a, round(b * _HOST_PER_PACKAGE)) for a, b in zip(host, package, strict=True))
        ),
    )


def _package_full(machine: Machine, row_microwatts: float) -> float | None:
    if machine.coefficients.is_board:
        return None
    if not _counts_tdp(machine):
        share = _GUEST_PACKAGE_PER_ROW if machine.is_guest else _PACKAGE_PER_ROW
        return share * row_microwatts
    each = machine.tdp_watts or 0.0
    tdp = each * machine.sockets * MICROWATTS_PER_WATT
    is_desktop = machine.coefficients.is_personal and each >= _DESKTOP_WATTS_MIN
    limit = _DESKTOP_LIMIT_PER_TDP if is_desktop else 1.0
    return min(math.sqrt(tdp * row_microwatts), limit * tdp)


def _counts_tdp(machine: Machine) -> bool:
    return bool(machine.tdp_watts) and not machine.is_guest


def _scaled(milliwatts: Bounds, scale: float) -> Bounds:
    return Bounds(*(round(scale * each) for each in milliwatts))
