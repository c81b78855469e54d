"""PURE. What a computer draws that has no meter: watts per hardware thread, with their spread.

The figures are those of whole servers at the wall, idle and at full load: power supply, fans
and memory are inside. They come from SPECpower_ssj2008 results (www.spec.org) as collected by
Cloud Carbon Footprint (ccf-coefficients at b0032d9, Apache-2.0), summed up anew: `mid` is
weighted by threads, `low` and `high` are the 10th and 90th percentile of the results. CCF's own
averages are not used: blank lines in its list for EPYC's fifth generation match every server.

Decides which row a CPU belongs to. What is made of a row is the business of `estimate`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from wattgram_agent.processors import CpuIdentity, chip_of, is_personal


class Bounds(NamedTuple):
    """A figure with its spread."""

    low: int
    mid: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """One row: power at rest and at full load. `confidence` is "medium" or "low".

    `is_board` says that it was measured on this very board, with nothing known of its parts;
    `is_personal` that it stands in for desktops and laptops, which differ by their size.
    """

    microarchitecture: str
    idle_milliwatts_per_thread: Bounds
    max_milliwatts_per_thread: Bounds
    source: str
    confidence: str
    is_board: bool = False
    is_personal: bool = False


def _row(name: str, idle: Bounds, full: Bounds, source: str, trust: str = "low") -> Coefficients:
    return Coefficients(
        microarchitecture=name,
        idle_milliwatts_per_thread=idle,
        max_milliwatts_per_thread=full,
        source=source,
        confidence=trust,
    )


def _server(name: str, results: int, idle: Bounds, full: Bounds) -> Coefficients:
    trust = "medium" if results >= _ENOUGH_RESULTS else "low"
    return _row(name, idle, full, f"{_SPEC}, {results} results", trust)


def _board(name: str, threads: int, idle_milliwatts: int, max_milliwatts: int) -> Coefficients:
    """Return the row of a board of which one figure is known: the spread is taken as +-50 %."""

    def spread(milliwatts: int) -> Bounds:
        half = 2 * threads
        return Bounds(milliwatts // half, milliwatts // threads, 3 * milliwatts // half)

    row = _row(name, spread(idle_milliwatts), spread(max_milliwatts), "whole board, +-50 %")
    return replace(row, is_board=True)


_SPEC: Final = "SPECpower_ssj2008 via Cloud Carbon Footprint"
_ENOUGH_RESULTS: Final = 10

_SERVERS: Final = (
    _server("zen", 10, Bounds(631, 771, 1029), Bounds(2227, 2438, 2980)),
    _server("zen-2", 36, Bounds(322, 494, 672), Bounds(1533, 1647, 1922)),
    _server("zen-3", 28, Bounds(327, 474, 621), Bounds(1772, 2031, 2221)),
    _server("zen-4", 42, Bounds(318, 406, 1432), Bounds(1641, 1850, 3485)),
    _server("zen-5", 43, Bounds(185, 221, 371), Bounds(1108, 1255, 1983)),
    _server("neoverse-n1", 7, Bounds(563, 670, 1043), Bounds(1144, 1646, 2009)),
    _server("sandy-bridge", 135, Bounds(1530, 1814, 3238), Bounds(6188, 7813, 12570)),
    _server("ivy-bridge", 3, Bounds(1321, 1414, 2220), Bounds(5422, 5457, 5732)),
    _server("haswell", 17, Bounds(556, 724, 897), Bounds(3683, 4066, 4305)),
    _server("broadwell", 17, Bounds(475, 969, 1188), Bounds(2775, 4444, 5426)),
    _server("skylake-client", 4, Bounds(1555, 1816, 2009), Bounds(5681, 5859, 5980)),
    _server("skylake-server", 78, Bounds(400, 599, 751), Bounds(3229, 4174, 4471)),
    _server("coffee-lake", 9, Bounds(947, 1127, 1453), Bounds(3465, 5227, 7365)),
    _server("cascade-lake", 75, Bounds(434, 656, 1079), Bounds(3176, 4094, 4465)),
    _server("ice-lake", 30, Bounds(688, 924, 1037), Bounds(3548, 4086, 4167)),
    _server("sapphire-rapids", 62, Bounds(654, 960, 1644), Bounds(3086, 3908, 4840)),
    _server("emerald-rapids", 31, Bounds(586, 813, 977), Bounds(2457, 3381, 4054)),
    _server("granite-rapids", 30, Bounds(442, 540, 718), Bounds(1871, 2309, 2892)),
)

# Idle and under stress: the documented currents at 5.1 V; for the fifth, field reports.
_BOARDS: Final = (
    _board("raspberry-pi-zero", 1, 510, 1_173),
    _board("raspberry-pi-1", 1, 1_020, 1_632),
    _board("raspberry-pi-2", 4, 1_122, 3_825),
    _board("raspberry-pi-3", 4, 1_530, 4_335),
    _board("raspberry-pi-4", 4, 3_060, 6_120),
    _board("raspberry-pi-5", 4, 3_000, 8_000),
    # Any other: from the smallest, as if it had four threads, to the largest.
    replace(
        _row(
            "raspberry-pi", Bounds(63, 382, 1_147), Bounds(146, 1_083, 3_000), "any Raspberry Pi"
        ),
        is_board=True,
    ),
)

_ROWS: Final = {row.microarchitecture: row for row in (*_SERVERS, *_BOARDS)}

# From the lowest percentile of any family to the highest; between, the mean of all 657 results.
WORLD: Final = _row(
    "unknown", Bounds(185, 898, 3238), Bounds(1108, 4173, 12570), f"{_SPEC}, any server"
)

# No desktop or laptop is in the data. The middle is that of small servers with such chips
# (skylake-client and coffee-lake, by results); the spread is the world's.
CLIENT: Final = replace(
    _row(
        "client",
        Bounds(185, 1339, 3238),
        Bounds(1108, 5421, 12570),
        f"{_SPEC}, any small computer",
    ),
    is_personal=True,
)

# Generations without results of their own, and the nearest that has some.
_STAND_INS: Final = {"neoverse-v1": "neoverse-n1", "neoverse-v2": "neoverse-n1"}


def coefficients_for(cpu: CpuIdentity, hint: str | None = None) -> Coefficients:
    """Return the row of this CPU, or one that is wide enough to hold it.

    `hint` is the generation that a cloud sells, for a guest whose CPU is masked.
    """
    chip = chip_of(cpu)
    name = chip.name or hint
    if name is None:
        return WORLD
    if chip.is_client and is_personal(cpu):
        return replace(CLIENT, microarchitecture=name)
    if name in _STAND_INS:
        nearest = _ROWS[_STAND_INS[name]]
        source = f"{nearest.source} of {nearest.microarchitecture}"
        return replace(nearest, microarchitecture=name, source=source, confidence="low")
    return _ROWS.get(name) or replace(CLIENT, microarchitecture=name)
