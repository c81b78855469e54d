"""Values of the contract and of the collector, with what a test does not care about filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from wattgram.handshake import Hello, HostFacts
from wattgram.readings import (
    AgentStatus,
    Batch,
    Component,
    Gap,
    Kind,
    Quality,
    Series,
    SeriesTable,
    SourceState,
    State,
)
from wattgram.units import (
    ACCOUNTING_SLOT_NANOSECONDS,
    MICROSECONDS_PER_SECOND,
    NANOSECONDS_PER_SECOND,
)
from wattgram.workloads import IDLE, Workload, WorkloadKind, series_of
from wattgram_collector.accounting.emissions import (
    Account,
    Amount,
    Books,
    Columns,
    PostingKey,
    Pricing,
)
from wattgram_collector.accounting.network import SWDM_V4_BOTH
from wattgram_collector.accounting.terms import Segment, Terms
from wattgram_collector.ingest.agents import Agent, seen_of
from wattgram_collector.ingest.reckoning import AgentClock, Told, reckon
from wattgram_collector.intensity import (
    Accounting,
    Intensity,
    IntensityBook,
    Scope,
    Signal,
    Status,
    Tier,
)
from wattgram_collector.ledger import (
    AgentRecord,
    AgentTotals,
    Entry,
    Ledger,
    Outcome,
    Tally,
    TallyKey,
)

SECOND = NANOSECONDS_PER_SECOND
NOW = 1_750_000_000 * NANOSECONDS_PER_SECOND
UPTIME = 1_000 * SECOND  # what the monotonic clock shows now
SLOT = NOW // ACCOUNTING_SLOT_NANOSECONDS
BOOT_ID = "7d0c5d9e-boot"
BOOTTIME = 5_000 * NANOSECONDS_PER_SECOND

PACKAGE = Series(
    kind=Kind.ENERGY,
    source="rapl",
    domain="package",
    instance="0",
    counted=True,
    component=Component.CPU,
)
CORE = Series(kind=Kind.ENERGY, source="rapl", domain="core", instance="0")
DRAM = Series(
    kind=Kind.ENERGY,
    source="rapl",
    domain="dram",
    instance="0",
    counted=True,
    component=Component.DRAM,
)
GPU = Series(
    kind=Kind.ENERGY,
    source="nvml",
    domain="gpu",
    instance="GPU-1",
    counted=True,
    component=Component.GPU,
)
MODEL = Series(
    kind=Kind.ENERGY,
    source="model",
    domain="cpu",
    instance="host",
    quality=Quality.MODELLED,
    counted=True,
    component=Component.CPU,
)
WEB = series_of(Workload(WorkloadKind.CONTAINER, "web (1a2b3c4d5e6f)"))
IDLE_SHARE = series_of(IDLE)
RECEIVE = Series(
    kind=Kind.RECEIVE, source="network", domain="interface", instance="eth0", counted=True
)
TRANSMIT = Series(
    kind=Kind.TRANSMIT, source="network", domain="interface", instance="eth0", counted=True
)


def table(*series: Series, **changes: Any) -> SeriesTable:
    values = {"number": 1, "boot_id": BOOT_ID, "grid_zone": "FR", "series": series or (PACKAGE,)}
    return SeriesTable(**{**values, **changes})


def batch(*columns: Sequence[int | None], **changes: Any) -> Batch:
    """One-second intervals that end now, of one series unless columns are given.

    The time since boot agrees with the wall clock unless it is given.
    """
    columns = columns or ([1_000_000],)
    count = len(columns[0])
    start = changes.get("start_unix_nanoseconds", NOW - count * SECOND)
    values = {
        "sequence": 1,
        "series_number": 1,
        "start_unix_nanoseconds": start,
        "start_boottime_nanoseconds": BOOTTIME - (NOW - start),
        "interval_microseconds": (MICROSECONDS_PER_SECOND,) * count,
        "columns": columns,
    }
    return Batch(**{**values, **changes})


def hello(agent_id: str = "agent-1", host: str = "alpha", **changes: Any) -> Hello:
    values = {
        "agent_id": agent_id,
        "session": "session-1",
        "boot_id": BOOT_ID,
        "agent_version": "0.1.0",
        "first_sequence": 1,
        "wall_unix_nanoseconds": NOW,
        "boottime_nanoseconds": BOOTTIME,
        "batch_interval_nanoseconds": 10 * SECOND,
        "facts": HostFacts(host=host),
    }
    return Hello(**{**values, **changes})


def intensity(zone: str = "FR", grams: str = "250", **changes: Any) -> Intensity:
    values = {
        "zone": zone,
        "grams_per_kilowatt_hour": grams,
        "tier": Tier.ANNUAL,
        "provider": "test",
        "version": "1",
        "valid_from_unix_seconds": 0,
        "valid_until_unix_seconds": 1 << 40,
    }
    return Intensity(**{**values, **changes})


def terms(zone: str = "FR", **changes: Any) -> Terms:
    values = {"zone": zone, "network_zone": zone, "segments": (SWDM_V4_BOTH,)}
    return Terms(**{**values, **changes})


def posted(
    factor: Intensity | None, quantity: int, account: Account = Account.HOST
) -> dict[Pricing, Amount]:
    """What the totals of an agent show of one posting under `terms()` of the factor's zone."""
    agreed = terms(factor.zone if factor else "")
    return {Pricing.of(account, agreed, factor): Amount(0).plus(quantity, factor)}


def record(key: int = 1, host: str = "alpha", **changes: Any) -> AgentRecord:
    values = {"key": key, "agent_id": f"agent-{key}", "host": host, "facts": HostFacts(host=host)}
    return AgentRecord(**{**values, **changes})


def entry(
    sequence: int,
    usage: Mapping[tuple[Series, int], int] | None = None,
    *,
    agent_key: int = 1,
    factor: Intensity | None = None,
    tallies: Mapping[TallyKey, int] | None = None,
    **changes: Any,
) -> Entry:
    """What the usage says, posted to the host's account with `factor`."""
    usage = usage or {}
    postings: dict[PostingKey, int] = {}
    for (_, slot), quantity in usage.items():
        key = PostingKey(Account.HOST, slot, terms(factor.zone if factor else ""), factor)
        postings[key] = postings.get(key, 0) + quantity
    values = {
        "agent_key": agent_key,
        "session": "session-1",
        "sequence": sequence,
        "received_unix_nanoseconds": NOW,
        "newest_sample_unix_nanoseconds": NOW,
        "usage": usage,
        "postings": postings,
        "tallies": tallies or {},
    }
    return Entry(**{**values, **changes})


def keyed(ledger: Ledger, one: Entry) -> Entry:
    """Return an entry whose usage names series with the ledger's keys of them instead."""
    series = list(dict.fromkeys(named for named, _ in one.usage))
    keys = dict(zip(series, ledger.series_keys(one.agent_key, series), strict=True))
    usage = {(keys[named], slot): quantity for (named, slot), quantity in one.usage.items()}
    return replace(one, usage=usage)


def apply(ledger: Ledger, entries: Iterable[Entry]) -> list[Outcome]:
    """Add entries whose usage names series."""
    return ledger.apply([keyed(ledger, one) for one in entries])


def used(totals: AgentTotals) -> dict[Series, int]:
    """Return the usage of an agent by series."""
    return {totals.series[key]: quantity for key, quantity in totals.usage.items()}


def told(of: SeriesTable) -> Told:
    """A table of which nobody has given keys: the series stand for themselves."""
    return Told(of, of.series, Columns(of.series))


class Book:
    """Intensities by zone, or by zone and the time from which they hold."""

    def __init__(self, intensities: Iterable[Intensity]) -> None:
        self._intensities = list(intensities)

    def at(self, zone: str, unix_seconds: int) -> Intensity | None:
        for one in self._intensities:
            from_, until = one.valid_from_unix_seconds, one.valid_until_unix_seconds
            if one.zone == zone and from_ <= unix_seconds < until:
                return one
        return None


def reported(
    of: AgentRecord,
    *said: tuple[SeriesTable, Batch],
    book: IntensityBook | None = None,
    books: Books | None = None,
    under: Terms | None = None,
) -> Agent:
    """An agent that has said Hello and then these batches, which are in the ledger."""
    books = books or Books(book or Book([intensity()]))
    agent = Agent(of, AgentTotals())
    greeting = hello(of.agent_id, of.host, facts=of.facts)
    agent.greet(greeting, of, NOW, 0)
    for columns, one in said:
        added = reckon(
            one,
            told(columns),
            agent_key=of.key,
            session="session-1",
            terms=under or terms(columns.grid_zone),
            clock=AgentClock.of(greeting, NOW),
            books=books,
            now_unix_nanoseconds=NOW,
        )
        agent.zone = columns.grid_zone
        priced = books.location.at(columns.grid_zone, NOW // SECOND)
        agent.totals.series.update((series, series) for series in columns.series)
        seen = seen_of(one, told(columns))
        agent.note(seen, Outcome(added, is_new=True, missing=0), priced, UPTIME)
    return agent


def small_fleet() -> list[Agent]:
    """Three hosts: one measured, one modelled, part unpriced, and late, one in a data centre.

    At 360 g/kWh a joule is a ten-thousandth of a gram.
    """
    book = Book([intensity("FR", "360"), intensity("DE", "720", tier=Tier.OPERATOR)])
    states = (
        SourceState(source="rapl", state=State.ACTIVE),
        SourceState(source="nvml", state=State.PERMISSION_DENIED, reason="no device node"),
    )
    facts = HostFacts(
        host="alpha", os="linux 6.1", arch="x86_64", device_class="server", site='rack "7"'
    )
    columns = ([50_000_000] * 10, [20_000_000] * 10, [5_000_000] * 10, [30_000_000] * 10,
               [100_000_000] * 10, [50_000_000] * 10,
               [25_000_000] * 10, [60_000_000] * 10)  # fmt: skip
    status = AgentStatus(cpu_microseconds=2_500_000, resident_memory_bytes=40_000_000)
    alpha = reported(
        record(1, "alpha", facts=facts),
        (
            table(PACKAGE, CORE, DRAM, GPU, RECEIVE, TRANSMIT, WEB, IDLE_SHARE, sources=states),
            batch(*columns, status=status),
        ),
        book=book,
    )
    alpha.clock_offset_nanoseconds = -250_000_000
    gaps = (
        Gap(source="model", reason="suspended", duration_nanoseconds=90 * SECOND),
        Gap(source="model", reason="counter_reset", duration_nanoseconds=SECOND // 2, count=2),
    )
    beta = reported(
        record(2, "beta"),
        (table(MODEL, grid_zone=""), batch([20_000_000] * 10)),
        (table(MODEL, grid_zone="DE"), batch([10_000_000] * 10, sequence=2, gaps=gaps)),
        book=book,
    )
    refusal = entry(5, agent_key=2, tallies={(Tally.REFUSED_BATCHES, "future"): 1})
    beta.totals.add(Outcome(refusal, is_new=True, missing=2), UPTIME)
    beta.last_seen_unix_nanoseconds = NOW - 60 * SECOND
    live = {
        "tier": Tier.LIVE,
        "status": Status.MEASURED,
        "scope": Scope.DIRECT,
        "valid_from_unix_seconds": NOW // SECOND - 900,
        "valid_until_unix_seconds": NOW // SECOND + 900,
    }
    gamma = reported(
        record(3, "gamma"),
        (table(PACKAGE, TRANSMIT, grid_zone="GB"), batch([90_000_000] * 10, [1_000] * 10)),
        books=Books(
            Book([intensity("GB", "180", **live)]),
            Book([intensity("GB", "0", accounting=Accounting.MARKET)]),
            Book([intensity("GB", "540", **live | {"signal": Signal.MARGINAL})]),
        ),
        under=terms(
            "GB",
            pue="1.2",
            loss_share="1/11",
            upstream_grams_per_kilowatt_hour="36",
            segments=(SWDM_V4_BOTH, Segment(name="access_fixed", standby_watts="2")),
        ),
    )
    return [alpha, beta, gamma]
