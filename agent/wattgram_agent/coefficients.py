"""PURE. What a computer draws that has no meter: watts per hardware thread, with their spread.

The figures are those of whole servers at the wall, idle and at full load: power supply, fans
and memory are inside. They come from SPECpower_ssj2008 results (www.spec.org) as collected by
Cloud Carbon Footprint (ccf-coefficients at b0032d9, Apache-2.0), summed up anew: `mid` is
weighted by threads, `low` and `high` are the 10th and 90th percentile of the results. CCF's own
averages are not used: blank lines in its list for EPYC's fifth generation match every server.

Decides which row a CPU belongs to. It does not know what the host does, nor what is counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from wattgram.units import MICROWATTS_PER_MILLIWATT


class Bounds(NamedTuple):
    """A figure with its spread."""

    low: int
    mid: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuIdentity:
    """What a CPU says of itself; None and "" where it does not.

    On ARM `vendor_id` is the implementer, `family` the architecture and `model` the part. A
    Raspberry Pi's `model_name` is the name of the board. No threads means: not known.
    """

    vendor_id: str = ""
    family: int | None = None
    model: int | None = None
    stepping: int | None = None
    model_name: str = ""
    threads: int = 0
    hypervisor: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """One row: power at rest and at full load. `confidence` is "medium" or "low"."""

    microarchitecture: str
    idle_milliwatts_per_thread: Bounds
    max_milliwatts_per_thread: Bounds
    source: str
    confidence: str


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

    return _row(name, spread(idle_milliwatts), spread(max_milliwatts), "whole board, +-50 %")


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
    _row("raspberry-pi", Bounds(63, 382, 1_147), Bounds(146, 1_083, 3_000), "any Raspberry Pi"),
)

_ROWS: Final = {row.microarchitecture: row for row in (*_SERVERS, *_BOARDS)}

# From the lowest percentile of any family to the highest; between, the mean of all 657 results.
WORLD: Final = _row(
    "unknown", Bounds(185, 898, 3238), Bounds(1108, 4173, 12570), f"{_SPEC}, any server"
)

# No desktop or laptop is in the data. The middle is that of small servers with such chips
# (skylake-client and coffee-lake, by results); the spread is the world's.
CLIENT: Final = _row(
    "client", Bounds(185, 1339, 3238), Bounds(1108, 5421, 12570), f"{_SPEC}, any small computer"
)

# (family, models, name, is a chip of desktops and laptops); a later row takes from an earlier.
_AMD: Final = (
    (23, (*range(0x30), *range(0x50, 0x60)), "zen", True),
    (23, (*range(0x30, 0x50), *range(0x60, 0xB0)), "zen-2", True),
    (25, (*range(0x10), *range(0x20, 0x60)), "zen-3", True),
    (25, (*range(0x10, 0x20), *range(0x60, 0xA0)), "zen-4", True),
    (26, (*range(0x30), *range(0x40, 0x50), *range(0x60, 0x80)), "zen-5", True),
    (23, (0x01,), "zen", False),
    (23, (0x31,), "zen-2", False),
    (25, (0x01,), "zen-3", False),
    (25, (0x11, *range(0xA0, 0xB0)), "zen-4", False),
    (26, (0x02, *range(0x10, 0x20)), "zen-5", False),
)
_INTEL_SERVERS: Final = {
    0x2D: "sandy-bridge", 0x3E: "ivy-bridge", 0x3F: "haswell", 0x4F: "broadwell",
    0x56: "broadwell", 0x55: "skylake-server", 0x6A: "ice-lake", 0x6C: "ice-lake",
    0x8F: "sapphire-rapids", 0xCF: "emerald-rapids", 0xAD: "granite-rapids",
    0xAE: "granite-rapids",
}  # fmt: skip
_INTEL_CLIENTS: Final = {
    0x2A: "sandy-bridge", 0x3A: "ivy-bridge", 0x3C: "haswell", 0x45: "haswell", 0x46: "haswell",
    0x3D: "broadwell", 0x47: "broadwell", 0x4E: "skylake-client", 0x5E: "skylake-client",
    0x66: "cannon-lake", 0x8E: "kaby-lake", 0x9E: "coffee-lake", 0xA5: "comet-lake",
    0xA6: "comet-lake", 0x7D: "ice-lake-client", 0x7E: "ice-lake-client", 0xA7: "rocket-lake",
    0x8C: "tiger-lake", 0x8D: "tiger-lake", 0x97: "alder-lake", 0x9A: "alder-lake",
    0xBE: "alder-lake", 0xB7: "raptor-lake", 0xBA: "raptor-lake", 0xBF: "raptor-lake",
    0xAA: "meteor-lake", 0xAC: "meteor-lake", 0xBD: "lunar-lake", 0xB5: "arrow-lake",
    0xC5: "arrow-lake", 0xC6: "arrow-lake", 0xCC: "panther-lake",
}  # fmt: skip

# (vendor, family, model) to the name, and whether it is a chip of desktops and laptops.
_CHIPS: Final[dict[tuple[str, int | None, int | None], tuple[str | None, bool]]] = {
    **{("AuthenticAMD", f, m): (name, client) for f, ms, name, client in _AMD for m in ms},
    **{("GenuineIntel", 6, model): (name, True) for model, name in _INTEL_CLIENTS.items()},
    **{("GenuineIntel", 6, model): (name, False) for model, name in _INTEL_SERVERS.items()},
    ("0x41", 8, 0xD0C): ("neoverse-n1", False),
}
# Skylake's server model lived on: from this stepping it is Cascade Lake, and Cooper Lake after.
_CASCADE_LAKE_STEPPING: Final = 5

_BOARD_NAME: Final = re.compile(r"Raspberry Pi(?: Compute Module)?(?: ([2-5]|Zero(?! 2)|Model))?")


def parse_cpuinfo(text: str) -> CpuIdentity:
    """Return what `/proc/cpuinfo` says of the first CPU, and how many threads it lists."""
    fields: dict[str, str] = {}
    threads = 0
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        threads += key == "processor"
        fields.setdefault(key, value)
    board = fields.get("Model", "")
    return CpuIdentity(
        vendor_id=fields.get("vendor_id") or fields.get("CPU implementer", ""),
        family=_number(fields.get("cpu family") or fields.get("CPU architecture")),
        model=_number(fields.get("model") or fields.get("CPU part")),
        stepping=_number(fields.get("stepping")),
        model_name=board if board.startswith("Raspberry Pi") else fields.get("model name", ""),
        threads=threads,
        hypervisor="hypervisor" in fields.get("flags", "").split(),
    )


def microarchitecture(cpu: CpuIdentity) -> str | None:
    """Return the name of the CPU's generation, or of the board; None when it is not known."""
    return _identify(cpu)[0]


def coefficients_for(cpu: CpuIdentity) -> Coefficients:
    """Return the row of this CPU, or one that is wide enough to hold it."""
    name, is_client_chip = _identify(cpu)
    if name is None:
        return WORLD
    row = None if is_client_chip and _is_personal(cpu) else _ROWS.get(name)
    return row or replace(CLIENT, microarchitecture=name)


def power_microwatts(coefficients: Coefficients, threads: int, busy_ratio: float) -> Bounds:
    """Return the power of `threads` threads, each busy for this part of the time.

    Linear from idle to full load: no curve does better on measured machines. Raises ValueError
    without threads, because no power is known then.
    """
    if threads < 1:
        raise ValueError(f"a computer has at least one thread: {threads}")
    ratio = min(max(busy_ratio, 0.0), 1.0)
    scale = threads * MICROWATTS_PER_MILLIWATT
    idle, full = coefficients.idle_milliwatts_per_thread, coefficients.max_milliwatts_per_thread
    return Bounds(*(round(scale * (a + (b - a) * ratio)) for a, b in zip(idle, full, strict=True)))


def _identify(cpu: CpuIdentity) -> tuple[str | None, bool]:
    """Return the generation or board, and whether the chip is one of desktops and laptops."""
    board = _BOARD_NAME.match(cpu.model_name)
    if board:
        kind = (board[1] or "").lower().replace("model", "1")
        return f"raspberry-pi-{kind}".rstrip("-"), False
    name, is_client_chip = _CHIPS.get((cpu.vendor_id, cpu.family, cpu.model), (None, False))
    if name == "skylake-server" and (cpu.stepping or 0) >= _CASCADE_LAKE_STEPPING:
        name = "cascade-lake"
    return name, is_client_chip or "Ryzen" in cpu.model_name


def _is_personal(cpu: CpuIdentity) -> bool:
    """Say whether a client chip sits in a desktop or a laptop and not in a small server.

    A guest with a made-up name ("Intel Core Processor (Haswell)") runs on somebody's server.
    """
    if "Xeon" in cpu.model_name or "EPYC" in cpu.model_name:
        return False
    return not cpu.hypervisor or "Core(TM)" in cpu.model_name or "Ryzen" in cpu.model_name


def _number(text: str | None) -> int | None:
    try:
        return int(text, 0) if text else None
    except ValueError:
        return None
