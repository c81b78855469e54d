"""PURE. What the page, the API and the exports show. None is "unknown", which is not zero.

Everything is in base units (watts, joules, grams, seconds); whoever shows it chooses others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wattgram.readings import Quality, State
from wattgram_collector.intensity import Tier


class Presence(StrEnum):
    """Whether a host is heard of."""

    REPORTS = "reports"
    LATE = "late"
    GONE = "gone"


class Severity(StrEnum):
    """How soon somebody should look."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class ProblemKind(StrEnum):
    """What can be wrong. Each has a section of the same name in docs/runbooks.md."""

    AGENT_LATE = "agent-late"
    SOURCE_DENIED = "source-permission-denied"
    SOURCE_FAILED = "source-failed"
    POWER_UNKNOWN = "power-unknown"
    UNPRICED = "energy-unpriced"
    INTENSITY_STALE = "intensity-stale"
    INTENSITY_FALLBACK = "intensity-fallback"
    CLOCK_SKEW = "clock-skew"
    SPOOL_FILLING = "spool-filling"
    BATCHES_MISSING = "batches-missing"
    BATCHES_REFUSED = "batches-refused"
    CERTIFICATE_EXPIRING = "certificate-expiring"
    LEDGER_TROUBLE = "ledger-read-only"
    BUDGET_BURNING = "carbon-budget"
    EMISSION_RATE = "emission-rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that somebody can mend, and how."""

    kind: ProblemKind
    severity: Severity
    about: str
    """The host, grid zone, budget or certificate; empty for the collector itself."""
    text: str
    """One sentence."""
    fix: str
    """What to do: a command where there is one."""
    fix_said_by: str = ""
    """The host whose agent worded the fix; empty: the collector did."""
    since_unix_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What was used and emitted over a period: location-based, the host's own energy."""

    energy_joules_by_quality: Mapping[Quality, float]
    grams_by_tier: Mapping[Tier, float]
    unpriced_joules: float
    overhead_grams: float | None = None
    """Of the facility beyond the hosts' meters, by stated PUEs; not in `grams_by_tier`.
    null where none is stated, or nothing is priced; so are the next."""
    network_grams: float | None = None
    """Modelled, outside the hosts; not in `grams_by_tier`."""
    loss_grams: float | None = None
    """Of what the grid loses on the way, where that is stated; not in `grams_by_tier`."""
    upstream_grams: float | None = None
    """Of fuel supply, where hosts are priced at the stack; not in `grams_by_tier`."""

    @property
    def energy_joules(self) -> float:
        return sum(self.energy_joules_by_quality.values())

    @property
    def grams(self) -> float | None:
        """None where nothing is priced."""
        return sum(self.grams_by_tier.values()) if self.grams_by_tier else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a history: `[start, start + length)`. None where nothing is known of it."""

    start_unix_seconds: int
    length_seconds: int
    total: Total | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Hosts that have something in common, over the last day."""

    label: str
    """Empty where nobody said."""
    hosts: int
    power_watts: float | None
    """Of those whose power is known now."""
    total: Total | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadShare:
    """A workload of one name on all hosts together, over the last hour."""

    kind: str
    name: str
    hosts: int
    energy_joules: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One power source of a host, and unless it is active, why."""

    name: str
    state: State
    reason: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRow:
    """One host, in a table of many."""

    host: str
    presence: Presence
    site: str
    device_class: str
    zone: str
    power_watts: float | None
    power_quality: Quality | None
    grams_per_hour: float | None
    tier: Tier | None
    """Of the intensity that prices it now."""
    intensity_grams_per_kilowatt_hour: float | None
    energy_joules: float | None
    """Since it first reported, as the counters have it."""
    grams: float | None
    unpriced_joules: float
    source: str
    """Which says its power, by name; empty where none does."""
    problems: int
    last_seen_unix_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """A part or a workload of a host, since the counters began."""

    kind: str
    name: str
    quality: Quality | None
    energy_joules: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedBy:
    """What a host's energy is multiplied with: g = (J / 3.6e6) x g/kWh, and PUE - 1 beside it."""

    zone: str
    grams_per_kilowatt_hour: float
    tier: Tier
    provider: str
    version: str
    scope: str
    boundary: str
    losses: str
    valid_from_unix_seconds: int | None
    """None for a yearly average; so is the end."""
    valid_until_unix_seconds: int | None
    pue: float | None
    """None where nobody knows it: nothing is added for it."""
    pue_source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDetail:
    """Everything about one host."""

    row: HostRow
    agent_id: str
    agent_version: str
    facts: Mapping[str, str]
    """os, arch, virtualization, cpu_model: what the agent said and is not in the row."""
    sources: tuple[Source, ...]
    components: tuple[Used, ...]
    workloads: tuple[Used, ...]
    interfaces: Mapping[str, tuple[int, int]]
    """Bytes received and transmitted, by device."""
    gap_seconds: Mapping[str, float]
    """By reason."""
    history: tuple[Step, ...]
    """The last day."""
    clock_offset_seconds: float | None
    spooled_batches: int | None
    agent_resident_memory_bytes: int | None
    problems: tuple[Problem, ...]
    priced_by: PricedBy | None = None
    """Which factor prices its energy now; None where nothing does."""
    missing_batches: int = 0
    """That never came, since the counters began."""
    refused_batches: Mapping[str, int] = field(default_factory=dict)
    """By reason, since the counters began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneStep:
    """An intensity of a zone: observed or expected."""

    start_unix_seconds: int
    length_seconds: int
    grams_per_kilowatt_hour: float
    is_forecast: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GreenestWindow:
    """When an hour of work would emit least, as far as the forecast goes."""

    start_unix_seconds: int
    length_seconds: int
    grams_per_kilowatt_hour: float
    saving_ratio: float
    """Against doing it now: 0.2 is a fifth less."""
    is_robust: bool
    """Whether the saving is more than the forecast's own error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """One grid zone in use."""

    zone: str
    hosts: int
    power_watts: float | None
    grams_per_kilowatt_hour: float | None
    tier: Tier | None
    provider: str
    valid_until_unix_seconds: int | None
    """None for a yearly average, and where nothing is known."""
    steps: tuple[ZoneStep, ...]
    """A day back and as far as the forecast goes; empty without a live provider."""
    greenest: GreenestWindow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A carbon budget in its present period. None: not reckoned yet."""

    name: str
    window: str
    """day, month or year."""
    grams: float
    used_grams: float | None
    used_ratio: float | None
    elapsed_ratio: float
    from_unix_seconds: int
    to_unix_seconds: int
    hosts: int | None = None
    """That it is about, of those that are known; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmissionLimit:
    """A rate of emission that is too much."""

    name: str
    grams_per_hour: float
    present_grams_per_hour: float | None
    """Of its hosts whose power and intensity are known; None where nobody's are."""
    hosts: int | None = None
    """That it is about, of those that are known; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetView:
    """The fleet at an instant."""

    at_unix_seconds: float
    hosts: Mapping[Presence, int]
    power_watts: float | None
    """Of those that report and whose power is known."""
    power_known_hosts: int
    power_watts_by_quality: Mapping[Quality, float]
    grams_per_hour: float | None
    grams_per_hour_by_tier: Mapping[Tier, float]
    unpriced_watts: float
    """Known power for which no intensity is known."""
    last_day: Total | None
    """With the accounting slot that is not over yet."""
    history: tuple[Step, ...]
    """The last day, in equal steps that end with the newest whole accounting slot."""
    history_at_unix_seconds: int | None
    """When the history was last read from the ledger; None while it was not yet."""
    by_site: tuple[Group, ...]
    by_device_class: tuple[Group, ...]
    by_zone: tuple[Group, ...]
    rows: tuple[HostRow, ...]
    zones: tuple[Zone, ...]
    budgets: tuple[Budget, ...]
    problems: tuple[Problem, ...]
    limits: tuple[EmissionLimit, ...] = ()
    by_workload: tuple[WorkloadShare, ...] = ()
    """Those that used most in the last hour; not all of them, and idle is a row."""
    is_history_whole: bool = True
    """Whether every host has its own group; with very many sites the rest are one."""
