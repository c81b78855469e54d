"""PURE. Which processor this is: what `/proc/cpuinfo` says, and the generation that it means.

Numbers (family, model, stepping) are believed before names: hypervisors make up names. Where a
hypervisor hides the numbers, or only a name is known, the name decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuIdentity:
    """What a CPU says of itself; None and "" where it does not.

    On ARM `vendor_id` is the implementer, `family` the architecture and `model` the part. A
    Raspberry Pi's `model_name` is the name of the board. No threads means: not known.
    `is_single_threaded` says that a core runs one thread, by its nature or by a setting.
    """

    vendor_id: str = ""
    family: int | None = None
    model: int | None = None
    stepping: int | None = None
    model_name: str = ""
    threads: int = 0
    sockets: int = 1
    is_single_threaded: bool = False
    hypervisor: bool = False


class Chip(NamedTuple):
    """The name of a generation or a board, and whether it is made for desktops and laptops."""

    name: str | None
    is_client: bool


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
    ("0x41", 8, 0xD40): ("neoverse-v1", False),
    ("0x41", 8, 0xD4F): ("neoverse-v2", False),
}
# Skylake's server model lived on: from this stepping it is Cascade Lake, and Cooper Lake after.
_CASCADE_LAKE_STEPPING: Final = 5

# What names say where numbers do not: a pattern, what its group stands for, made for clients?
_NAMES: Final[tuple[tuple[str, dict[str, str], bool], ...]] = (
    (r"\bXeon.* E[357]-\d+\w* ?(v[2-6])?", {
        "": "sandy-bridge", "v2": "ivy-bridge", "v3": "haswell", "v4": "broadwell",
        "v5": "skylake-client", "v6": "kaby-lake",
    }, False),
    (r"\bXeon.* (?:Bronze|Silver|Gold|Platinum) \d(\d)\d\d", {
        "1": "skylake-server", "2": "cascade-lake", "3": "ice-lake", "4": "sapphire-rapids",
        "5": "emerald-rapids",
    }, False),
    (r"\bXeon\S* (6)\d{3}P", {"6": "granite-rapids"}, False),
    (r"\bXeon.* E-2([123])\d\d", {"1": "coffee-lake", "2": "coffee-lake", "3": "rocket-lake"},
     False),
    (r"\bXeon.* W-(2[12]|3[123])\d\d", {
        "21": "skylake-server", "22": "cascade-lake", "31": "skylake-server",
        "32": "cascade-lake", "33": "ice-lake",
    }, False),
    (r"\bXeon.* D-(1[5-7]|21)\d\d", {
        "15": "broadwell", "16": "broadwell", "17": "ice-lake", "21": "skylake-server",
    }, False),
    (r"\bCore\S* Ultra \d (?:PRO )?(\d)\d\d", {"1": "meteor-lake", "2": "arrow-lake"}, True),
    (r"\bCore\S* i[3579]-(1[0-4](?=\d{2})|[2-9](?=\d{3}))", {
        "2": "sandy-bridge", "3": "ivy-bridge", "4": "haswell", "5": "broadwell",
        "6": "skylake-client", "7": "kaby-lake", "8": "coffee-lake", "9": "coffee-lake",
        "10": "comet-lake", "11": "tiger-lake", "12": "alder-lake", "13": "raptor-lake",
        "14": "raptor-lake",
    }, True),
    (r"\bEPYC [34789]\w\w([1-5])", {
        "1": "zen", "2": "zen-2", "3": "zen-3", "4": "zen-4", "5": "zen-5",
    }, False),
    (r"\bRyzen (?:\d|Threadripper)(?: PRO)? ([1-9])\d{3}", {
        "1": "zen", "2": "zen", "3": "zen-2", "4": "zen-2", "5": "zen-3", "6": "zen-3",
        "7": "zen-4", "8": "zen-4", "9": "zen-5",
    }, True),
)  # fmt: skip

_BOARD_NAME: Final = re.compile(r"Raspberry Pi(?: Compute Module)?(?: ([2-5]|Zero(?! 2)|Model))?")


def parse_cpuinfo(text: str) -> CpuIdentity:
    """Return what `/proc/cpuinfo` says of the first CPU, and how many threads it lists."""
    fields: dict[str, str] = {}
    threads = 0
    packages = set()
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        threads += key == "processor"
        if key == "physical id":
            packages.add(value)
        fields.setdefault(key, value)
    board = fields.get("Model", "")
    return CpuIdentity(
        vendor_id=fields.get("vendor_id") or fields.get("CPU implementer", ""),
        family=_number(fields.get("cpu family") or fields.get("CPU architecture")),
        model=_number(fields.get("model") or fields.get("CPU part")),
        stepping=_number(fields.get("stepping")),
        model_name=board if board.startswith("Raspberry Pi") else fields.get("model name", ""),
        threads=threads,
        sockets=max(len(packages), 1),
        is_single_threaded=fields.get("siblings", "") == fields.get("cpu cores", "-"),
        hypervisor="hypervisor" in fields.get("flags", "").split(),
    )


def chip_of(cpu: CpuIdentity) -> Chip:
    """Return the generation of the CPU, or the board; its name is None when it is not known."""
    board = _BOARD_NAME.match(cpu.model_name)
    if board:
        kind = (board[1] or "").lower().replace("model", "1")
        return Chip(f"raspberry-pi-{kind}".rstrip("-"), is_client=False)
    name, is_client = _CHIPS.get((cpu.vendor_id, cpu.family, cpu.model), (None, False))
    if name is None:
        name, is_client = _chip_named(cpu.model_name)
    if name == "skylake-server" and (cpu.stepping or 0) >= _CASCADE_LAKE_STEPPING:
        name = "cascade-lake"
    return Chip(name, is_client or "Ryzen" in cpu.model_name)


def is_personal(cpu: CpuIdentity) -> bool:
    """Say whether a client chip sits in a desktop or a laptop and not in a small server.

    A guest with a made-up name ("Intel Core Processor (Haswell)") runs on somebody's server.
    """
    if "Xeon" in cpu.model_name or "EPYC" in cpu.model_name:
        return False
    return not cpu.hypervisor or "Core(TM)" in cpu.model_name or "Ryzen" in cpu.model_name


def _chip_named(model_name: str) -> Chip:
    for pattern, names, is_client in _NAMES:
        found = re.search(pattern, model_name, re.IGNORECASE)
        if found:
            return Chip(names.get((found[1] or "").lower()), is_client)
    return Chip(None, is_client=False)


def _number(text: str | None) -> int | None:
    try:
        return int(text, 0) if text else None
    except ValueError:
        return None
