"""PURE. One host: what it draws by which meter, what that emits, and what is not measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from wattgram_grafana import columns
from wattgram_grafana.assembly import Board
from wattgram_grafana.fleet import NOTHING_COUNTED, NOTHING_PRICED
from wattgram_grafana.promql import (
    GRAMS_PER_HOUR,
    GRAMS_PER_KILOWATT_HOUR,
    ONE_HOST,
    effective_intensity,
    facts,
    grown,
    grown_in_bar,
    kilowatt_hours,
    per_hour,
    rate,
    share,
)
from wattgram_grafana.promql import metric as _metric
from wattgram_grafana.spec import (
    Column,
    Query,
    amounts,
    series,
    stacked,
    stat,
    states,
    table,
)


def _of(name: str, more: str = "") -> str:
    return _metric(name, more, ONE_HOST)


POWER: Final = _of("host_power_watts")
EMITTING: Final = _of("host_emission_rate_grams_per_second")
ENERGY: Final = _of("host_energy_joules_total")
MEASURED: Final = _of("host_energy_joules_total", 'quality="measured"')
EMISSIONS: Final = _of("emissions_co2e_grams_total")

_STATS: Final = (
    stat("Power now", f"sum({POWER})", "watt",
         "Mean power over the newest batch.", "unknown: late, or nothing says its power"),
    stat("Emitting now", f"sum({per_hour(EMITTING)})", GRAMS_PER_HOUR,
         "Operational, location-based emissions an hour at the present power and intensity.",
         "unknown: late, or no carbon intensity is known"),
    stat("Energy", kilowatt_hours(f"sum({grown(ENERGY)})"), "kwatth",
         "Energy in the range, each joule once.", NOTHING_COUNTED),
    stat("Emissions", f"sum({grown(EMISSIONS)})", "massg",
         "Operational, location-based emissions in the range, as priced when the energy came in.",
         NOTHING_PRICED),
    stat("Measured", share(f"sum({grown(MEASURED)})", f"sum({grown(ENERGY)})"), "percentunit",
         "Part of the energy that a meter measured.", NOTHING_COUNTED),
    stat("Heard of", f"time() - max({_of('agent_last_seen_timestamp_seconds')})", "s",
         "How long ago the agent was last heard of.", "never, as far as is known"),
)  # fmt: skip

_MEASURING: Final = (
    series(
        "Power", "watt",
        "By the gauge of the newest batch, and by the counter of energy. They differ for a moment "
        "when a backlog is delivered: the counter jumps then, the gauge does not.",
        "unknown: neither gauge nor counter",
        Query(f"sum({POWER})", "newest batch"), Query(f"sum({rate(ENERGY)})", "by the counter"),
    ),
    stacked(
        "Power by part", "watt",
        "Counted parts of the host by the meter that counts them; they do not overlap.",
        NOTHING_COUNTED,
        Query(
            f"sum by (component, source) ({rate(_of('component_energy_joules_total'))})",
            "{{component}}, by {{source}}",
        ),
    ),
)  # fmt: skip

_PRICING: Final = (
    stacked(
        "Emission rate by tier", GRAMS_PER_HOUR,
        "Operational, location-based emissions by grid zone and by how well its carbon intensity "
        "was known.",
        NOTHING_PRICED,
        Query(
            per_hour(f"sum by (grid_zone, tier) ({rate(EMISSIONS)})"), "{{grid_zone}}, {{tier}}"
        ),
    ),
    series(
        "Carbon intensity of its energy", GRAMS_PER_KILOWATT_HOUR,
        "Emissions over the energy that they come from: what a kilowatt-hour emitted here.",
        NOTHING_PRICED,
        Query(
            effective_intensity(of=ONE_HOST, over="$__rate_interval", as_rate=True),
            "effective",
        ),
    ),
)  # fmt: skip

_USING: Final = (
    amounts(
        "Energy by quality", "kwatth", "How the energy is known.", NOTHING_COUNTED,
        Query(
            kilowatt_hours(f"sum by (quality) ({grown_in_bar(ENERGY)})"), "{{quality}}"
        ),
    ),
    stacked(
        "Ten workloads of the highest power", "watt",
        "The host's energy shared out by CPU and GPU time: modelled, and a part of the host's, "
        "not more of it.",
        "unknown: the agent shares nothing out, see docs/attribution.md",
        Query(
            "topk(10, sum by (kind, workload) "
            f"({rate(_of('workload_energy_joules_total'))}))",
            "{{kind}} {{workload}}",
        ),
    ),
)  # fmt: skip

_METERING: Final = (
    series(
        "Every meter", "watt",
        "Each meter by itself, counted or not. They overlap: do not add them. Only with "
        "exposition.sensors in the collector's configuration.",
        "Not shown: exposition.sensors is off.",
        Query(
            f"sum by (source, sensor) ({rate(_of('sensor_energy_joules_total'))})",
            "{{source}} {{sensor}}",
        ),
    ),
    series(
        "Time without a reading", "percentunit",
        "Part of the time for which a source said nothing, by reason. Of several sources each "
        "counts: it may be more than all of the time.",
        "None: every source has told of all of the time.",
        Query(f"sum by (reason) ({rate(_of('gap_seconds_total'))})", "{{reason}}"),
    ),
)  # fmt: skip

_AROUND: Final = (
    series(
        "Network", "Bps", "Bytes a second by interface: received, and sent.",
        "unknown: no interface is counted",
        Query(f"sum by (device) ({rate(_of('network_receive_bytes_total'))})",
              "{{device}} received"),
        Query(f"sum by (device) ({rate(_of('network_transmit_bytes_total'))})",
              "{{device}} sent"),
    ),
    series(
        "What the agent costs: CPU", "percentunit", "Part of one CPU that the agent takes.",
        "unknown: the agent is late or does not say",
        Query(f"sum({rate(_of('agent_cpu_seconds_total'))})", "CPU"),
    ).sized(6),
    series(
        "What the agent costs: memory", "bytes", "Resident memory of the agent.",
        "unknown: the agent is late or does not say",
        Query(f"sum({_of('agent_resident_memory_bytes')})", "resident"),
    ).sized(6),
)  # fmt: skip

_FACTS: Final = table(
    "What this host is", "As its agent and the collector's configuration say.",
    "unknown: the agent was not there in this range",
    (
        Column("host", "Host"), columns.SITE, columns.DEVICE_CLASS, columns.GRID_ZONE,
        Column("os", "System"), Column("arch", "Architecture"),
        Column("virtualization", "Virtualization"), Column("agent_version", "Agent"),
        Column("agent_id", "Identity"),
    ),
    facts(
        "site, device_class, grid_zone, os, arch, virtualization, agent_version, agent_id",
        ONE_HOST, "$__range",
    ),
)  # fmt: skip

BOARD: Final = Board(
    uid="wattgram-host",
    title="Wattgram / Host",
    about="One host: its meters, its parts, its emissions, and what is not measured and why.",
    hosts="one",
    rows=(
        _STATS,
        _MEASURING,
        _PRICING,
        _USING,
        (
            states(
                "Power sources",
                "State of each source. Permission denied: `wattgram-agent doctor` on the host "
                "prints the fix, docs/permissions.md has it too.",
                "unknown: the agent is late", columns.SOURCE_STATES,
                Query(columns.source_state("source", ONE_HOST), "{{source}}"),
            ),
        ),
        _METERING,
        _AROUND,
        (replace(_FACTS, height=4),),
    ),
)  # fmt: skip
