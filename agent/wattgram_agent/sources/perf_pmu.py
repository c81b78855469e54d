"""What the kernel says of its `power` unit in sysfs: events, scales, CPUs and their packages.

`type` is the unit's number, `cpumask` the CPUs to ask, one per package (on Intel's multi-die
parts one per die); `events/energy-pkg` is the event's number, beside it `.scale` and `.unit`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from wattgram.units import MICROJOULES_PER_JOULE
from wattgram_agent.sysfs import read_text

DOMAINS: Final = {
    "energy-pkg": "package",
    "energy-ram": "dram",
    "energy-psys": "psys",
    "energy-cores": "core",
    "energy-gpu": "uncore",
}
CPU_MAX: Final = 8191
_CPUS_MAX: Final = 256

_EVENT: Final = re.compile(r"event=0x([0-9a-fA-F]{1,16})")
_DECIMAL: Final = re.compile(r"([0-9]{1,40})(?:\.([0-9]{0,80}))?(?:[eE]([+-]?[0-9]{1,2}))?")
_MIRRORING_VENDORS: Final = ("AuthenticAMD", "HygonGenuine")


class Scale(NamedTuple):
    """Microjoules per count, as a fraction: 10^6/2^32, which no float need touch."""

    numerator: int
    denominator: int

    def microjoules(self, count: int) -> int:
        """Return what was counted since the start, rounded down: it never falls."""
        return count * self.numerator // self.denominator


class EnergyEvent(NamedTuple):
    """One event of the unit, and what a count of it is."""

    name: str
    domain: str
    config: int
    scale: Scale


class Unit(NamedTuple):
    """The unit as sysfs describes it. `problems` are events that cannot be used, and why."""

    kind: int
    cpus: tuple[int, ...]
    events: tuple[EnergyEvent, ...]
    problems: tuple[str, ...]


class Place(NamedTuple):
    """A CPU to ask, and the package or die that answers. `refusal` is why it is not counted."""

    cpu: int
    instance: str
    refusal: str = ""


def read_unit(directory: Path) -> Unit | str:
    """Return the unit in `directory`, or what makes it unusable."""
    kind = parse_count(read_text(directory / "type"))
    cpus = parse_cpu_list(read_text(directory / "cpumask"))
    if kind is None or cpus is None:
        return f"{directory / ('type' if kind is None else 'cpumask')} makes no sense"
    found = [read_event(directory / "events" / name, name) for name in DOMAINS]
    return Unit(
        kind,
        cpus,
        tuple(event for event in found if isinstance(event, EnergyEvent)),
        tuple(event for event in found if isinstance(event, str)),
    )


def read_event(path: Path, name: str) -> EnergyEvent | str | None:
    """Return one event, why it cannot be used, or None where there is none."""
    text = read_text(path)
    if text is None:
        return None
    match = _EVENT.fullmatch(text)
    scale = parse_scale(read_text(path.with_name(f"{name}.scale")))
    unit = read_text(path.with_name(f"{name}.unit"))
    if match is None or scale is None or unit != "Joules":
        return f"{name}: event, scale or unit makes no sense"
    return EnergyEvent(name, DOMAINS[name], int(match[1], 16), scale)


def parse_scale(text: str | None) -> Scale | None:
    """Return joules per count (a decimal, at most 1) as an exact fraction of microjoules."""
    match = _DECIMAL.fullmatch(text or "")
    if match is None:
        return None
    fraction = match[2] or ""
    numerator = int(match[1] + fraction) * MICROJOULES_PER_JOULE
    exponent = int(match[3] or 0) - len(fraction)
    if exponent >= 0:
        numerator, denominator = numerator * 10**exponent, 1
    else:
        denominator = 10**-exponent
    divisor = math.gcd(numerator, denominator)
    is_sane = 0 < numerator <= denominator * MICROJOULES_PER_JOULE
    return Scale(numerator // divisor, denominator // divisor) if is_sane else None


def parse_cpu_list(text: str | None) -> tuple[int, ...] | None:
    """Return the CPUs of a list such as `0,18` or `0-1`, None unless there are a sane number."""
    cpus: set[int] = set()
    for part in (text or "").split(","):
        first, dash, last = part.partition("-")
        start, end = parse_count(first), parse_count(last if dash else first)
        if start is None or end is None or end > CPU_MAX:
            return None
        cpus.update(range(start, end + 1))
    return tuple(sorted(cpus)) if 0 < len(cpus) <= _CPUS_MAX else None


def parse_count(text: str | None) -> int | None:
    """Return a whole number of at most nine digits; all else is none."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > len("999999999"):
        return None
    return int(text)


def places(sysfs: Path, cpus: Sequence[int], vendor: str) -> list[Place]:
    """Return which package each CPU speaks for; a die where several speak for one package."""
    topology = [_topology(sysfs, cpu) for cpu in cpus]
    speakers = Counter(package for package, _ in topology)
    found: list[Place] = []
    for cpu, (package, die) in zip(cpus, topology, strict=True):
        if package is None:
            found.append(Place(cpu, f"cpu-{cpu}", f"the package of CPU {cpu} is not known"))
            continue
        instance = f"{package}-die-{die}" if speakers[package] > 1 else f"{package}"
        refusal = _refusal(instance, found, vendor)
        if any(place.instance == instance for place in found):
            instance += f"@cpu-{cpu}"
        found.append(Place(cpu, instance, refusal))
    return found


def _refusal(instance: str, found: Iterable[Place], vendor: str) -> str:
    package, _, _ = instance.partition("-")
    for place in found:
        if place.instance == instance:
            return f"a second view of package {instance}, already on CPU {place.cpu}"
        if vendor in _MIRRORING_VENDORS and place.instance.startswith(f"{package}-die-"):
            return f"on {vendor} every die shows the socket's register, as {place.instance}"
    return ""


def _topology(sysfs: Path, cpu: int) -> tuple[int | None, int]:
    directory = sysfs / "devices" / "system" / "cpu" / f"cpu{cpu}" / "topology"
    package = parse_count(read_text(directory / "physical_package_id"))
    return package, parse_count(read_text(directory / "die_id")) or 0
