"""The names on /metrics: what each means, its unit, and whether it may be summed.

`docs/metrics.md` is made from this table, and a test compares it with what is exposed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from wattgram_collector.accounting.network import ALLOCATION_NOTE


class Type(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    INFO = "info"
    STATESET = "stateset"

    __hash__ = str.__hash__  # in C: a page is made by looking up families


class Family(NamedTuple):
    """One metric. `name` is without `_total` or `_info`, as OpenMetrics has it."""

    name: str
    type: Type
    labels: tuple[str, ...]
    help: str


def _family(name: str, kind: Type, labels: str, text: str) -> Family:
    return Family(f"wattgram_{name}", kind, tuple(labels.split()), text)


HOST_ENERGY: Final = _family(
    "host_energy_joules", Type.COUNTER, "host quality",
    "Energy of the host in joules, each joule once. Sums over quality and host are right.",
)  # fmt: skip
COMPONENT_ENERGY: Final = _family(
    "component_energy_joules", Type.COUNTER, "host component source",
    "Energy of the counted parts of the host in joules; they do not overlap.",
)  # fmt: skip
WORKLOAD_ENERGY: Final = _family(
    "workload_energy_joules", Type.COUNTER, "host kind workload",
    "The energy of the host in joules shared out to who used its CPU and its GPUs: modelled. Sums "
    "over kind and workload, idle, unattributed and other with them, are energy of the host: do "
    "not add the two.",
)  # fmt: skip
SENSOR_ENERGY: Final = _family(
    "sensor_energy_joules", Type.COUNTER, "host source sensor",
    "Energy of every meter in joules, counted or not. Meters overlap: do not sum. Only with "
    "exposition.sensors.",
)  # fmt: skip
HOST_POWER: Final = _family(
    "host_power_watts", Type.GAUGE, "host",
    "Mean power of the host over its newest batch in watts; absent when late or unknown, and "
    "while a backlog comes.",
)  # fmt: skip
EMISSION_RATE: Final = _family(
    "host_emission_rate_grams_per_second", Type.GAUGE, "host",
    "Emissions of the host now in grams of CO2e per second; absent when late or unpriced.",
)  # fmt: skip
EMISSIONS: Final = _family(
    "emissions_co2e_grams", Type.COUNTER, "host grid_zone tier",
    "Operational, location-based emissions of the host in grams of CO2e, as priced at ingest.",
)  # fmt: skip
ADJUSTMENT: Final = _family(
    "emissions_adjustment_co2e_grams", Type.GAUGE, "host",
    "What later and better carbon intensities change of wattgram_emissions_co2e_grams_total: add "
    "it for the restated emissions. May be negative.",
)  # fmt: skip
OVERHEAD_ENERGY: Final = _family(
    "facility_overhead_energy_joules", Type.COUNTER, "host",
    "Energy of the facility beyond the host's meters in joules, by its PUE: energy x (PUE - 1).",
)  # fmt: skip
OVERHEAD_EMISSIONS: Final = _family(
    "facility_overhead_emissions_co2e_grams", Type.COUNTER, "host",
    "Emissions of the facility's overhead in grams of CO2e; not in the host's emissions.",
)  # fmt: skip
LOSS_EMISSIONS: Final = _family(
    "transmission_loss_emissions_co2e_grams", Type.COUNTER, "host",
    "Emissions of what transmission and distribution lost on the way in grams of CO2e, where the "
    "carbon intensity does not have them inside; not in the host's emissions.",
)  # fmt: skip
UPSTREAM_EMISSIONS: Final = _family(
    "upstream_emissions_co2e_grams", Type.COUNTER, "host",
    "Emissions of the supply of fuel in grams of CO2e, only beside direct carbon intensities; not "
    "in the host's emissions.",
)  # fmt: skip
MARKET_EMISSIONS: Final = _family(
    "market_emissions_co2e_grams", Type.COUNTER, "host",
    "Market-based emissions of the host and its overhead in grams of CO2e, by what was bought: "
    "instead of the location-based ones, never with them.",
)  # fmt: skip
MARGINAL_EMISSIONS: Final = _family(
    "marginal_emissions_co2e_grams", Type.COUNTER, "host",
    "Emissions of the host and its overhead at marginal carbon intensities in grams of CO2e: for "
    "decisions, never for an inventory.",
)  # fmt: skip
UNPRICED: Final = _family(
    "unpriced_energy_joules", Type.COUNTER, "host",
    "Counted energy in joules for which no carbon intensity is known: not in the emissions.",
)  # fmt: skip
NETWORK_RECEIVE: Final = _family(
    "network_receive_bytes", Type.COUNTER, "host device",
    "Bytes received by a physical interface.",
)  # fmt: skip
NETWORK_TRANSMIT: Final = _family(
    "network_transmit_bytes", Type.COUNTER, "host device",
    "Bytes transmitted by a physical interface.",
)  # fmt: skip
NETWORK_ENERGY: Final = _family(
    "network_energy_joules", Type.COUNTER, "host segment",
    "Modelled energy outside the host of the bytes that it moved in joules, by a model of the "
    f"segment; not part of the host's energy. {ALLOCATION_NOTE}.",
)  # fmt: skip
NETWORK_EMISSIONS: Final = _family(
    "network_emissions_co2e_grams", Type.COUNTER, "host segment",
    "Modelled emissions of the network energy in grams of CO2e, at the intensity of the network's "
    f"grid zone; not part of the host's emissions. {ALLOCATION_NOTE}.",
)  # fmt: skip
INTENSITY: Final = _family(
    "grid_carbon_intensity_grams_per_kilowatt_hour", Type.GAUGE, "grid_zone provider signal",
    "Carbon intensity that prices the zone's energy now, in grams of CO2e per kilowatt-hour.",
)  # fmt: skip
INTENSITY_UNTIL: Final = _family(
    "grid_carbon_intensity_valid_until_timestamp_seconds", Type.GAUGE,
    "grid_zone provider signal",
    "Until when that intensity holds, in unix seconds: it is older than now where it is the last "
    "known one. Absent for a yearly average.",
)  # fmt: skip
AGENT_UP: Final = _family(
    "agent_up", Type.GAUGE, "host",
    "1 while the agent reports, 0 when it is late; stays 0 when it is gone.",
)  # fmt: skip
AGENT_LAST_SEEN: Final = _family(
    "agent_last_seen_timestamp_seconds", Type.GAUGE, "host",
    "When the agent was last heard of, in unix seconds.",
)  # fmt: skip
NEWEST_SAMPLE: Final = _family(
    "newest_sample_timestamp_seconds", Type.GAUGE, "host",
    "End of the newest interval in the ledger, in unix seconds.",
)  # fmt: skip
CLOCK_OFFSET: Final = _family(
    "agent_clock_offset_seconds", Type.GAUGE, "host",
    "The agent's wall clock minus the collector's in seconds.",
)  # fmt: skip
SPOOLED: Final = _family(
    "agent_spooled_batches", Type.GAUGE, "host",
    "Batches that waited in the agent's spool when it closed its newest one.",
)  # fmt: skip
AGENT_CPU: Final = _family(
    "agent_cpu_seconds", Type.COUNTER, "host",
    "CPU time of the agent's process in seconds, since it started.",
)  # fmt: skip
AGENT_MEMORY: Final = _family(
    "agent_resident_memory_bytes", Type.GAUGE, "host",
    "Resident memory of the agent's process in bytes.",
)  # fmt: skip
HOST_INFO: Final = _family(
    "host", Type.INFO,
    "host agent_id agent_version os arch device_class grid_zone site virtualization",
    "What the host is; join on host.",
)  # fmt: skip
SOURCE_STATE: Final = _family(
    "power_source_state", Type.STATESET, "host source",
    "State of each power source: the answer to why nothing is measured.",
)  # fmt: skip
READINGS: Final = _family(
    "readings", Type.COUNTER, "host",
    "Readings that the ledger has taken.",
)  # fmt: skip
GAP_SECONDS: Final = _family(
    "gap_seconds", Type.COUNTER, "host reason",
    "Time in seconds for which a source of the host said nothing, by reason.",
)  # fmt: skip
REGISTER_RESETS: Final = _family(
    "register_resets", Type.COUNTER, "host source",
    "Registers that began again without having wrapped; what they lost is not guessed.",
)  # fmt: skip
MISSING_BATCHES: Final = _family(
    "missing_batches", Type.COUNTER, "host",
    "Batches that were numbered and never came.",
)  # fmt: skip
REFUSED_BATCHES: Final = _family(
    "refused_batches", Type.COUNTER, "host reason",
    "Batches that could not be accepted, by reason.",
)  # fmt: skip

HOST_FAMILIES: Final = (
    HOST_ENERGY, COMPONENT_ENERGY, WORKLOAD_ENERGY, SENSOR_ENERGY, HOST_POWER, EMISSION_RATE,
    EMISSIONS, ADJUSTMENT, UNPRICED, OVERHEAD_ENERGY, OVERHEAD_EMISSIONS, LOSS_EMISSIONS,
    UPSTREAM_EMISSIONS, MARKET_EMISSIONS, MARGINAL_EMISSIONS,
    NETWORK_RECEIVE, NETWORK_TRANSMIT, NETWORK_ENERGY, NETWORK_EMISSIONS,
    INTENSITY, INTENSITY_UNTIL,
    AGENT_UP, AGENT_LAST_SEEN, NEWEST_SAMPLE, CLOCK_OFFSET, SPOOLED, AGENT_CPU, AGENT_MEMORY,
    HOST_INFO, SOURCE_STATE, READINGS, GAP_SECONDS, REGISTER_RESETS, MISSING_BATCHES,
    REFUSED_BATCHES,
)  # fmt: skip
