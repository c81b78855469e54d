"""PURE. The fleet at an instant to samples.

A counter is shown from zero: for a while after something was first added to it, it shows 0, so
that a scrape sees the zero and `increase()` loses nothing. It is a matter of time only; who
reads, and how often, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from wattgram.readings import Kind
from wattgram.units import (
    MICROJOULES_PER_JOULE,
    MICROSECONDS_PER_SECOND,
    MICROWATTS_PER_WATT,
    NANOSECONDS_PER_SECOND,
)
from wattgram_collector.accounting.emissions import Account, emissions_grams
from wattgram_collector.accounting.network import SEGMENT, network_energy_microjoules
from wattgram_collector.exposition import families as names
from wattgram_collector.exposition.families import Family
from wattgram_collector.exposition.text import Samples, Value
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.ledger import Tally

Page = dict[Family, dict[tuple[str, ...], Value]]


def collect(
    agents: Iterable[Agent], now_unix_nanoseconds: int, zero_nanoseconds: int = 0
) -> list[tuple[Family, Samples]]:
    """Return every family with its samples, in the order of the table."""
    page: Page = {family: {} for family in names.HOST_FAMILIES}
    for agent in agents:
        late = agent.is_late(now_unix_nanoseconds)
        _liveness(page, agent, late=late)
        if not agent.is_gone(now_unix_nanoseconds):
            _counters(page, agent, now_unix_nanoseconds - zero_nanoseconds)
        if not late:
            _gauges(page, agent)
    return list(page.items())


def _add(page: Page, family: Family, labels: tuple[str, ...], value: Value) -> None:
    samples = page[family]
    samples[labels] = samples.get(labels, 0) + value


def _liveness(page: Page, agent: Agent, *, late: bool) -> None:
    host = (agent.record.host,)
    page[names.AGENT_UP][host] = int(not late)
    if agent.last_seen_unix_nanoseconds:
        page[names.AGENT_LAST_SEEN][host] = _seconds(agent.last_seen_unix_nanoseconds)
    if agent.newest_sample_unix_nanoseconds:
        page[names.NEWEST_SAMPLE][host] = _seconds(agent.newest_sample_unix_nanoseconds)


def _counters(page: Page, agent: Agent, shown_if_before: int) -> None:
    host = agent.record.host
    totals = agent.totals
    young = {
        key
        for key, added in totals.first_added_unix_nanoseconds.items()
        if added > shown_if_before
    }
    for key, quantity in totals.usage.items():
        series = totals.series[key]
        shown = 0 if key in young else quantity
        if series.kind is Kind.RECEIVE:
            _add(page, names.NETWORK_RECEIVE, (host, series.instance), shown)
        elif series.kind is Kind.TRANSMIT:
            _add(page, names.NETWORK_TRANSMIT, (host, series.instance), shown)
        elif series.counted:
            joules = Fraction(shown, MICROJOULES_PER_JOULE)
            _add(page, names.HOST_ENERGY, (host, series.quality.value), joules)
            _add(
                page,
                names.COMPONENT_ENERGY,
                (host, series.component.value, series.source),
                joules,
            )
    for posted, quantity in totals.postings.items():
        _posting(page, agent, posted, 0 if posted in young else quantity)
    _tallies(page, agent)


def _posting(page: Page, agent: Agent, key: tuple[Account, object], quantity: int) -> None:
    host = agent.record.host
    account, factor = key
    is_host = account is Account.HOST
    energy = Fraction(quantity) if is_host else network_energy_microjoules(quantity)
    if not is_host:
        joules = energy / MICROJOULES_PER_JOULE
        _add(page, names.NETWORK_ENERGY, (host, SEGMENT), joules)
    if factor is None:
        if is_host:
            _add(page, names.UNPRICED, (host,), energy / MICROJOULES_PER_JOULE)
        return
    grams = emissions_grams(energy, factor.value)  # type: ignore[attr-defined]
    if is_host:
        labels = (host, factor.zone, factor.tier.value)  # type: ignore[attr-defined]
        _add(page, names.EMISSIONS, labels, grams)
    else:
        _add(page, names.NETWORK_EMISSIONS, (host, SEGMENT), grams)


def _tallies(page: Page, agent: Agent) -> None:
    host = agent.record.host
    for (name, label), count in agent.totals.tallies.items():
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


def _gauges(page: Page, agent: Agent) -> None:
    host = agent.record.host
    facts = agent.record.facts
    power, intensity = agent.power_microwatts, agent.intensity
    if power is not None:
        page[names.HOST_POWER][host,] = Fraction(power, MICROWATTS_PER_WATT)
        if intensity is not None:
            # Microwatts are microjoules a second.
            page[names.EMISSION_RATE][host,] = emissions_grams(Fraction(power), intensity.value)
    if intensity is not None:
        labels = (intensity.zone, intensity.provider, intensity.signal)
        page[names.INTENSITY][labels] = intensity.value
    if agent.clock_offset_nanoseconds is not None:
        page[names.CLOCK_OFFSET][host,] = _seconds(agent.clock_offset_nanoseconds)
    if agent.status is not None:
        page[names.SPOOLED][host,] = agent.status.spooled_batches
        page[names.AGENT_MEMORY][host,] = agent.status.resident_memory_bytes
        page[names.AGENT_CPU][host,] = Fraction(
            agent.status.cpu_microseconds, MICROSECONDS_PER_SECOND
        )
    page[names.HOST_INFO][
        host,
        agent.record.agent_id,
        agent.agent_version,
        facts.os,
        facts.arch,
        facts.device_class,
        agent.zone,
        facts.site,
        facts.virtualization,
    ] = 1
    for source, state in {said.source: said.state for said in agent.sources}.items():
        page[names.SOURCE_STATE][host, source, state.value] = 1


def _seconds(nanoseconds: int) -> Fraction:
    return Fraction(nanoseconds, NANOSECONDS_PER_SECOND)
