"""PURE. The fleet at an instant to samples.

A counter is shown from zero: for a while after something was first added to it, it shows 0, so
that a scrape sees the zero and `increase()` loses nothing. It is a matter of time only; who
reads, and how often, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Final

from wattgram.readings import Kind, Series
from wattgram.units import (
    MICROJOULES_PER_JOULE,
    MICROJOULES_PER_KILOWATT_HOUR,
    MICROSECONDS_PER_SECOND,
    MICROWATTS_PER_WATT,
    NANOSECONDS_PER_SECOND,
)
from wattgram.workloads import is_share
from wattgram_collector.accounting.emissions import (
    Amount,
    Part,
    Pricing,
    emissions_grams,
    shares,
)
from wattgram_collector.exposition import families as names
from wattgram_collector.exposition.families import Family
from wattgram_collector.exposition.text import Samples, Value
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.intensity import Intensity, Status
from wattgram_collector.ledger import Tally, TallyKey

Page = dict[Family, dict[tuple[str, ...], Value]]
Cell = tuple[Family, tuple[str, ...]]
"""One counter: its family and its label values."""
Figure = tuple[Family, int, int]
"""Of one host: numerator and denominator, not always in lowest terms."""
_INTENSITIES_REMEMBERED: Final = 4_096


def collect(
    agents: Iterable[Agent],
    now_unix_nanoseconds: int,
    shown_if_before: int | None = None,
    *,
    sensors: bool = False,
) -> list[tuple[Family, Samples]]:
    """Return every family with its samples, in the order of the table.

    A counter that was not added to before `shown_if_before` nanoseconds of the monotonic clock
    shows 0: the wall clock may be set back, and no counter may fall for it. `sensors` adds each
    meter by itself, which is many, and no sum of which means anything.
    """
    page: Page = {family: {} for family in names.HOST_FAMILIES}
    for agent in agents:
        late = agent.is_late(now_unix_nanoseconds)
        host = (agent.record.host,)
        for family, numerator, denominator in figures(agent, late=late):
            page[family][host] = Fraction(numerator, denominator)
        if not agent.is_gone(now_unix_nanoseconds):
            add_adjustment(page, agent)
            _counters(page, agent, shown_if_before, sensors=sensors)
        if not late:
            add_facts(page, agent)
            if agent.intensity is not None:
                add_grid(page, agent.intensity)
    return list(page.items())


def _add(page: Page, family: Family, labels: tuple[str, ...], value: Value) -> Cell:
    samples = page[family]
    samples[labels] = samples.get(labels, 0) + value
    return family, labels


def figures(agent: Agent, *, late: bool) -> Iterator[Figure]:
    """Yield what has no label but the host, and is no sum."""
    yield names.AGENT_UP, int(not late), 1
    if agent.last_seen_unix_nanoseconds:
        yield names.AGENT_LAST_SEEN, agent.last_seen_unix_nanoseconds, NANOSECONDS_PER_SECOND
    if agent.newest_sample_unix_nanoseconds:
        yield names.NEWEST_SAMPLE, agent.newest_sample_unix_nanoseconds, NANOSECONDS_PER_SECOND
    if late:
        return
    power, intensity, status = agent.power_microwatts, agent.intensity, agent.status
    if power is not None:
        yield names.HOST_POWER, power, MICROWATTS_PER_WATT
        if intensity is not None:
            grams, microjoules = _grams_of_a_microjoule(intensity.grams_per_kilowatt_hour)
            # Microwatts are microjoules a second.
            yield names.EMISSION_RATE, power * grams, microjoules
    if agent.clock_offset_nanoseconds is not None:
        yield names.CLOCK_OFFSET, agent.clock_offset_nanoseconds, NANOSECONDS_PER_SECOND
    if status is not None:
        yield names.SPOOLED, status.spooled_batches, 1
        yield names.AGENT_MEMORY, status.resident_memory_bytes, 1
        yield names.AGENT_CPU, status.cpu_microseconds, MICROSECONDS_PER_SECOND


@lru_cache(maxsize=_INTENSITIES_REMEMBERED)
def _grams_of_a_microjoule(grams_per_kilowatt_hour: str) -> tuple[int, int]:
    return emissions_grams(Fraction(1), Fraction(grams_per_kilowatt_hour)).as_integer_ratio()


def _counters(page: Page, agent: Agent, shown_if_before: int | None, *, sensors: bool) -> None:
    host = agent.record.host
    totals = agent.totals
    young = {
        key
        for key, added in totals.first_added_nanoseconds.items()
        if shown_if_before is not None and added > shown_if_before
    }
    told: set[Cell] = set()
    grown: set[Cell] = set()
    for key, quantity in totals.usage.items():
        cells = add_usage(page, host, totals.series[key], quantity, sensors=sensors)
        told.update(cells)
        if key not in young:
            grown.update(cells)
    for posted, amount in totals.postings.items():
        cells = add_posting(page, host, posted, amount)
        told.update(cells)
        if posted not in young:
            grown.update(cells)
    # What grew before shows all of it, so that joules and grams agree; what is new shows 0.
    for family, labels in told - grown:
        page[family][labels] = 0
    _tallies(page, agent)


def add_adjustment(page: Page, agent: Agent) -> None:
    """Show what restatements changed; 0 is said as well, where there is anything to restate."""
    if agent.totals.sums:
        change = agent.totals.adjustment / MICROJOULES_PER_KILOWATT_HOUR
        page[names.ADJUSTMENT][agent.record.host,] = change


def add_usage(
    page: Page, host: str, series: Series, quantity: int, *, sensors: bool
) -> list[Cell]:
    """Add what a series used to the counters that show it; return which those are."""
    if series.kind is Kind.RECEIVE:
        return [_add(page, names.NETWORK_RECEIVE, (host, series.instance), quantity)]
    if series.kind is Kind.TRANSMIT:
        return [_add(page, names.NETWORK_TRANSMIT, (host, series.instance), quantity)]
    joules = Fraction(quantity, MICROJOULES_PER_JOULE)
    if is_share(series):
        return [_add(page, names.WORKLOAD_ENERGY, (host, series.domain, series.instance), joules)]
    cells = []
    if series.counted:
        component = (host, series.component.value, series.source)
        cells = [
            _add(page, names.HOST_ENERGY, (host, series.quality.value), joules),
            _add(page, names.COMPONENT_ENERGY, component, joules),
        ]
    if sensors:
        sensor = (host, series.source, f"{series.domain}/{series.instance}")
        cells.append(_add(page, names.SENSOR_ENERGY, sensor, joules))
    return cells


def add_posting(page: Page, host: str, pricing: Pricing, amount: Amount) -> list[Cell]:
    """Add postings to the counters that show them; return which those are."""
    cells = []
    for share in shares(pricing, amount):
        labels = (host, *([share.segment] if share.part is Part.NETWORK else []))
        energy, grams = _FAMILIES[share.part]
        if energy is not None:
            joules = share.energy_microjoules / MICROJOULES_PER_JOULE
            cells.append(_add(page, energy, labels, joules))
        if share.grams is None:
            if share.part is Part.HOST:
                joules = share.energy_microjoules / MICROJOULES_PER_JOULE
                cells.append(_add(page, names.UNPRICED, labels, joules))
        elif share.part is Part.HOST and pricing.tier is not None:
            where = (host, pricing.terms.zone, pricing.tier.value)
            cells.append(_add(page, grams, where, share.grams))
        else:
            cells.append(_add(page, grams, labels, share.grams))
    return cells


_FAMILIES: Final[Mapping[Part, tuple[Family | None, Family]]] = {
    Part.HOST: (None, names.EMISSIONS),  # its energy is what its meters say
    Part.OVERHEAD: (names.OVERHEAD_ENERGY, names.OVERHEAD_EMISSIONS),
    Part.LOSSES: (None, names.LOSS_EMISSIONS),
    Part.UPSTREAM: (None, names.UPSTREAM_EMISSIONS),
    Part.NETWORK: (names.NETWORK_ENERGY, names.NETWORK_EMISSIONS),
    Part.MARKET: (None, names.MARKET_EMISSIONS),
    Part.MARGINAL: (None, names.MARGINAL_EMISSIONS),
}


def _tallies(page: Page, agent: Agent) -> None:
    host = agent.record.host
    for tally, count in agent.totals.tallies.items():
        add_tally(page, host, tally, count)


def add_tally(page: Page, host: str, tally: TallyKey, count: int) -> None:
    """Add what was counted to the counter that shows it."""
    name, label = tally
    match name:
        case Tally.READINGS:
            _add(page, names.READINGS, (host,), count)
        case Tally.GAP_NANOSECONDS:
            _add(page, names.GAP_SECONDS, (host, label), _seconds(count))
        case Tally.COUNTER_RESETS:
            _add(page, names.REGISTER_RESETS, (host, label), count)
        case Tally.MISSING_BATCHES:
            _add(page, names.MISSING_BATCHES, (host,), count)
        case Tally.REFUSED_BATCHES:
            _add(page, names.REFUSED_BATCHES, (host, label), count)
        case Tally.GAPS:
            pass


def add_facts(page: Page, agent: Agent) -> None:
    """Add what the host is, and the states of its sources."""
    host, facts = agent.record.host, agent.record.facts
    page[names.HOST_INFO][
        host,
        agent.record.agent_id,
        agent.agent_version,
        facts.os,
        facts.arch,
        facts.device_class,
        agent.zone,
        agent.said_site,
        facts.virtualization,
    ] = 1
    for source, state in {said.source: said.state for said in agent.sources}.items():
        page[names.SOURCE_STATE][host, source, state.value] = 1


def add_grid(page: Page, intensity: Intensity) -> None:
    """Add the intensity of the grid that a host draws from: of several hosts the last one's."""
    labels = (intensity.zone, intensity.provider, intensity.signal)
    page[names.INTENSITY][labels] = intensity.value
    if intensity.status is not Status.STATIC:
        page[names.INTENSITY_UNTIL][labels] = intensity.valid_until_unix_seconds


def _seconds(nanoseconds: int) -> Fraction:
    return Fraction(nanoseconds, NANOSECONDS_PER_SECOND)
