"""PURE. One agent to everything that is known about its host."""

from __future__ import annotations

from collections import Counter

from wattgram.readings import Kind, Quality
from wattgram.units import MICROJOULES_PER_JOULE, NANOSECONDS_PER_SECOND
from wattgram.workloads import is_share
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.intensity import Status
from wattgram_collector.ledger import Tally
from wattgram_collector.views.model import (
    HostDetail,
    HostRow,
    PricedBy,
    Problem,
    Source,
    Step,
    Used,
)

_TOLD = ("os", "arch", "virtualization", "cpu_model")


def host_view(
    agent: Agent,
    row: HostRow,
    problems: tuple[Problem, ...],
    history: tuple[Step, ...],
    terms: Terms,
) -> HostDetail:
    """Return everything about one host, whose energy is accounted for under `terms`."""
    status, offset = agent.status, agent.clock_offset_nanoseconds
    facts = agent.record.facts
    return HostDetail(
        row=row,
        agent_id=agent.record.agent_id,
        agent_version=agent.agent_version,
        facts={name: value for name in _TOLD if (value := getattr(facts, name))},
        sources=tuple(
            Source(name=one.source, state=one.state, reason=one.reason, fix=one.fix)
            for one in agent.sources
        ),
        components=components(agent),
        workloads=workloads(agent),
        interfaces=interfaces(agent),
        gap_seconds=gap_seconds(agent),
        history=history,
        clock_offset_seconds=None if offset is None else offset / NANOSECONDS_PER_SECOND,
        spooled_batches=status.spooled_batches if status else None,
        agent_resident_memory_bytes=status.resident_memory_bytes if status else None,
        problems=problems,
        missing_batches=_tally(agent, Tally.MISSING_BATCHES).get("", 0),
        refused_batches=_tally(agent, Tally.REFUSED_BATCHES),
        priced_by=priced_by(agent, terms),
    )


def priced_by(agent: Agent, terms: Terms) -> PricedBy | None:
    """Return what the newest energy of a host was priced with."""
    one = agent.intensity
    if one is None:
        return None
    is_static = one.status is Status.STATIC
    return PricedBy(
        zone=one.zone,
        grams_per_kilowatt_hour=float(one.value),
        tier=one.tier,
        provider=one.provider,
        version=one.version,
        scope=one.scope.value,
        boundary=one.boundary.value,
        losses=one.losses.value,
        valid_from_unix_seconds=None if is_static else one.valid_from_unix_seconds,
        valid_until_unix_seconds=None if is_static else one.valid_until_unix_seconds,
        pue=float(1 + terms.overhead_ratio) if terms.pue_source else None,
        pue_source=terms.pue_source,
    )


def components(agent: Agent) -> tuple[Used, ...]:
    """Return the counted energy by part and quality, the greatest first; they do not overlap."""
    found: Counter[tuple[str, str, Quality]] = Counter()
    for key, quantity in agent.totals.usage.items():
        one = agent.totals.series[key]
        if one.counted and one.kind is Kind.ENERGY:
            found[one.component.value, one.source, one.quality] += quantity
    return tuple(
        Used(
            kind=part, name=source, quality=quality, energy_joules=quantity / MICROJOULES_PER_JOULE
        )
        for (part, source, quality), quantity in found.most_common()
    )


def workloads(agent: Agent) -> tuple[Used, ...]:
    """Return what workloads used, the greatest first; what nobody used is in it, as idle."""
    found: Counter[tuple[str, str]] = Counter()
    for key, quantity in agent.totals.usage.items():
        one = agent.totals.series[key]
        if is_share(one):
            found[one.domain, one.instance] += quantity
    return tuple(
        Used(kind=kind, name=name, quality=None, energy_joules=quantity / MICROJOULES_PER_JOULE)
        for (kind, name), quantity in found.most_common()
    )


def interfaces(agent: Agent) -> dict[str, tuple[int, int]]:
    """Return bytes received and transmitted, by interface."""
    found: dict[str, tuple[int, int]] = {}
    for key, quantity in agent.totals.usage.items():
        one = agent.totals.series[key]
        received, transmitted = found.get(one.instance, (0, 0))
        if one.kind is Kind.RECEIVE:
            found[one.instance] = received + quantity, transmitted
        elif one.kind is Kind.TRANSMIT:
            found[one.instance] = received, transmitted + quantity
    return dict(sorted(found.items()))


def gap_seconds(agent: Agent) -> dict[str, float]:
    """Return for how long nothing was measured, by reason, the longest first."""
    found = _tally(agent, Tally.GAP_NANOSECONDS)
    ordered = sorted(found.items(), key=lambda one: -one[1])
    return {reason: count / NANOSECONDS_PER_SECOND for reason, count in ordered}


def _tally(agent: Agent, wanted: Tally) -> dict[str, int]:
    return {
        label: count for (name, label), count in agent.totals.tallies.items() if name is wanted
    }
