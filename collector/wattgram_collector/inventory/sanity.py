"""PURE. What of a run is compared with what is usual of its kind: for warnings only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

from wattgram.readings import Quality
from wattgram.units import SECONDS_PER_HOUR, WATTS_PER_KILOWATT
from wattgram_collector.inventory.making.lives import lifelong
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.metering.metered import Metering
from wattgram_collector.inventory.outliers import Result, embodied, facility, power, software
from wattgram_collector.inventory.postings import Method, Posting, Stage
from wattgram_collector.inventory.register.assets import Register
from wattgram_collector.inventory.result import Inventory


def results(
    inventory: Inventory, register: Register, metering: Metering, resolver: Resolver
) -> Iterator[Result]:
    """Yield the making of what is declared, mean powers, overheads and intensities of software."""
    for row in inventory.assets:
        yield from _making(register, row["asset_id"], resolver)
    yield from _energy(register, metering)
    yield from software(inventory.software)


def _making(register: Register, asset_id: str, resolver: Resolver) -> Iterator[Result]:
    """Yield the figure of an asset that somebody declared: a default is as usual."""
    try:
        asset = lifelong(register.versions(asset_id))[-1]
        resolved = resolver.of(asset)
    except ValueError:  # `assets check` and the list of what is unknown say it
        return
    if resolved is not None and resolved.figure.tier is not Quality.DEFAULT:
        yield embodied(asset_id, asset.device_class, resolved.figure.total_kilograms)


def _energy(register: Register, metering: Metering) -> Iterator[Result]:
    """Yield the mean power of each asset that is one agent's, and the overhead of each site."""
    seconds: dict[str, int] = defaultdict(int)
    for seen in metering.seen:
        seconds[seen.agent_id] += seen.observed_seconds
    agents: dict[str, set[str]] = defaultdict(set)
    kilowatt_hours: dict[str, Fraction] = defaultdict(Fraction)
    overheads: set[tuple[str, Fraction]] = set()
    for one in metering.postings:
        kind, _, name = one.subject.partition("/")
        is_used = one.stage is Stage.USE and one.unit == "kWh" and one.method is not Method.MARKET
        if kind != "asset" or not is_used or name not in register:
            continue
        overheads.add((register.versions(name)[-1].site, one.pue))
        if one.tier_activity is Quality.MEASURED:
            kilowatt_hours[name] += (one.quantity or 0) / one.pue
            agents[name].add(agent_of(one))
    for name, used in sorted(kilowatt_hours.items()):
        asset, (agent, *others) = register.versions(name)[-1], agents[name]
        if seconds[agent] and not others and asset.units == 1:
            watts = used * WATTS_PER_KILOWATT * SECONDS_PER_HOUR / seconds[agent]
            yield power(f"asset/{name}", asset.device_class, watts)
    for site, pue in sorted(overheads):
        yield facility(site or "of no name", pue)


def agent_of(posting: Posting) -> str:
    """Return the agent that a posting of energy is evident from; empty: of none."""
    word, _, rest = posting.evidence.partition(" ")
    return rest.partition(" ")[0] if word == "agent" else ""
