"""Whether the report says what the collector says, host by host, to the milligram.

| ledger.csv, rows of an agent | /metrics of its host, and `explain` |
|---|---|
| quantity, stage use | host energy + facility overhead energy |
| kgco2e / alpha, stage use, by location | emissions + facility overhead emissions |
| kgco2e / alpha, stage use, by market | market emissions: they have the overhead inside |
| kgco2e / alpha, electricity_supply + losses | upstream + transmission loss emissions |

The last two are of scope 2 only: of what stands elsewhere the report has no such rows. What
/metrics shows is of all time; here that is the one month. `explain` is asked what the row names as
its evidence.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

from fleet import GROUPS, microjoules
from prometheus_client.parser import text_string_to_metric_families

from wattgram.units import (
    GRAMS_PER_KILOGRAM,
    JOULES_PER_KILOWATT_HOUR,
    MICROJOULES_PER_JOULE,
)

GRAMS_TOLERANCE: Final = 0.001
KILOWATT_HOURS_TOLERANCE: Final = 0.000_001
EXPLAINED: Final = (
    "leeds-srv-01", "colo-srv-01", "lap-h-001", "gw-tx-01", "gw-move-01", "vm-01",
)  # fmt: skip
"""A host of each sort; asking for all takes as long as everything else."""
_EVIDENCE: Final = re.compile(r"agent \S+ slots .* explain --host (\S+) --from (\S+) --to (\S+)")

Figures = dict[str, Fraction]
"""Kilowatt-hours and grams by what they are: `energy`, `location`, `market`, `supply`."""
_METRICS: Final = {
    "energy": ("wattgram_host_energy_joules_total",
               "wattgram_facility_overhead_energy_joules_total"),
    "location": ("wattgram_emissions_co2e_grams_total",
                 "wattgram_facility_overhead_emissions_co2e_grams_total"),
    "market": ("wattgram_market_emissions_co2e_grams_total",),
    "supply": ("wattgram_upstream_emissions_co2e_grams_total",
               "wattgram_transmission_loss_emissions_co2e_grams_total"),
}  # fmt: skip
_MEASURES: Final = {
    "energy": ("energy_joules", "facility_overhead_energy_joules"),
    "location": ("location_based_emissions_co2e_grams",
                 "facility_overhead_emissions_co2e_grams"),
    "market": ("market_based_emissions_co2e_grams",),
    "supply": ("upstream_emissions_co2e_grams", "transmission_loss_emissions_co2e_grams"),
}  # fmt: skip


class Seen(NamedTuple):
    """A host and a time, as the evidence of a row of ledger.csv says them."""

    host: str
    start: str
    end: str


class DifferenceError(Exception):
    """Two that must be the same are not; the text says which."""


def reconcile(folder: Path, metrics: str, command: Callable[..., str]) -> Iterator[str]:
    """Yield what is the same; raises DifferenceError naming the first host that is not.

    `command` runs a command of the collector and returns what it prints.
    """
    shown = by_host(metrics)
    used = {host: microjoules(group, host) for group in GROUPS for host in group.hosts}
    require_used(used, shown)
    yield f"/metrics: {len(used)} hosts have what they used, to the microjoule"
    rows = ledger_figures(folder / "ledger.csv")
    whole = require_shown(used, rows, shown)
    energy, grams = float(whole["energy"]), float(whole["location"])
    yield (f"ledger.csv = /metrics, host by host: {energy:,.3f} kWh with overhead, "
           f"{grams:,.3f} g by location")  # fmt: skip
    for seen, found in rows.items():
        if seen.host in EXPLAINED:
            said = explained(command, seen)
            compare(f"{seen.host}: ledger.csv and explain from {seen.start}", found, said)
    yield f"ledger.csv = explain, as the evidence of {', '.join(EXPLAINED)} has it"


def require_used(used: Mapping[str, int], shown: Mapping[str, Mapping[str, float]]) -> None:
    """Raise DifferenceError unless /metrics has what each host used."""
    for host, energy in used.items():
        joules = shown.get(host, {}).get("wattgram_host_energy_joules_total")
        if joules != energy / MICROJOULES_PER_JOULE:
            raise DifferenceError(f"{host} used {energy} uJ, /metrics has {joules} J")


def require_shown(
    used: Mapping[str, int],
    rows: Mapping[Seen, Figures],
    shown: Mapping[str, Mapping[str, float]],
) -> Figures:
    """Return what the rows of all hosts come to; raises DifferenceError unless /metrics has it.

    A host that became something else within the month has its scope 2 for a part of it only.
    """
    hosts: dict[str, Figures] = defaultdict(dict)
    whole: Figures = {}
    for seen, found in rows.items():
        add(hosts[seen.host], found)
        add(whole, found)
    if hosts.keys() != used.keys():
        raise DifferenceError(f"not in ledger.csv: {sorted(used.keys() - hosts.keys())}")
    times = Counter(seen.host for seen in rows)
    for host, found in hosts.items():
        names = found if times[host] == 1 else ("energy", "location")
        said = totals(shown[host], _METRICS)
        compare(f"{host}: ledger.csv and /metrics", {name: found[name] for name in names}, said)
    return whole


def by_host(metrics: str) -> dict[str, dict[str, float]]:
    """PURE. Return the sum of each metric by host."""
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if "host" in sample.labels:
                found[sample.labels["host"]][sample.name] += sample.value
    return found


def ledger_figures(ledger: Path) -> dict[Seen, Figures]:
    """Return what agents metered, by host and time; alpha taken out again."""
    found: dict[Seen, Figures] = defaultdict(dict)
    with ledger.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            evidence = _EVIDENCE.match(row["evidence"])
            name = _name(row)
            if evidence is None or not name:
                continue
            figures = {}
            if name == "location":
                figures["energy"] = Fraction(row["quantity"])
            if row["kgco2e"]:
                grams = Fraction(row["kgco2e"]) * GRAMS_PER_KILOGRAM
                figures[name] = grams / Fraction(row["alpha"])
            add(found[Seen(*evidence.groups())], figures)
    return found


def _name(row: Mapping[str, str]) -> str:
    """Return what a row is compared as, '' for what is not."""
    if row["stage"] == "use":
        return "market" if row["method"] == "market" else "location"
    return "supply" if row["stage"] in ("electricity_supply", "losses") else ""


def totals(values: Mapping[str, float], names: Mapping[str, tuple[str, ...]]) -> Figures:
    """PURE. Return sums of values by what they are, energy in kilowatt-hours."""
    found = {
        name: sum((Fraction(values.get(part, 0)) for part in parts), Fraction(0))
        for name, parts in names.items()
    }
    return found | {"energy": found["energy"] / JOULES_PER_KILOWATT_HOUR}


def explained(command: Callable[..., str], seen: Seen) -> Figures:
    """Return what `explain` says of a host and a time."""
    said = json.loads(command("explain", "--host", seen.host, "--from", seen.start,
                              "--to", seen.end, "--json"))  # fmt: skip
    values: dict[str, float] = defaultdict(float)
    for one in said["totals"]["figures"]:
        values[one["measure"]] += one["value"]
    return totals(values, _MEASURES)


def compare(what: str, found: Mapping[str, Fraction], said: Mapping[str, Fraction]) -> None:
    """Raise DifferenceError unless all that was found is what is said."""
    for name, value in found.items():
        tolerance = KILOWATT_HOURS_TOLERANCE if name == "energy" else GRAMS_TOLERANCE
        if abs(value - said[name]) > tolerance:
            raise DifferenceError(f"{what}: {name} {float(value)} and {float(said[name])}")


def add(to: Figures, more: Mapping[str, Fraction]) -> None:
    for name, value in more.items():
        to[name] = to.get(name, Fraction(0)) + value
