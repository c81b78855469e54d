"""PURE. One agent to one row: what it uses now, what that emits, and how well that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.handshake import HostFacts
from wattgram.readings import Kind, Series, State
from wattgram.units import (
    MICROJOULES_PER_JOULE,
    MICROJOULES_PER_KILOWATT_HOUR,
    MICROWATTS_PER_WATT,
    NANOSECONDS_PER_SECOND,
    SECONDS_PER_HOUR,
)
from wattgram_collector.accounting.emissions import Account, Amount, Pricing, emissions_grams
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.ingest.agents import Agent
from wattgram_collector.views.day import Labels
from wattgram_collector.views.model import HostRow, Presence

TermsOf = Callable[[str, HostFacts, str], Terms]
"""The terms of a host by its name, what it says of itself, and the grid that it says."""

_NO_METER: Final = "network"


class Place(NamedTuple):
    """Where a host stands, and under which terms its energy is accounted for there."""

    labels: Labels
    terms: Terms


def place_of(agent: Agent, terms_of: TermsOf) -> Place:
    """Return where a host stands, as the operator has it, or else as the host says."""
    facts = agent.record.facts
    terms = terms_of(agent.record.host, facts, agent.zone)
    labels = Labels(terms.site or facts.site, facts.device_class, agent.zone or terms.zone)
    return Place(labels, terms)


@dataclass(frozen=True, slots=True)
class Counted:
    """What the counters of a host have come to, in joules and grams."""

    energy_joules: float | None
    grams: float | None
    """With all restatements; None where nothing is priced."""
    unpriced_joules: float
    meters: tuple[str, ...]
    """Sources of counted energy, by name."""


def counted(agent: Agent) -> Counted:
    """Add up the counters of a host: of its own energy, on the location-based account."""
    series: Mapping[int, Series] = agent.totals.series
    microjoules, meters = 0, set()
    for key, quantity in agent.totals.usage.items():
        one = series[key]
        if one.counted and one.kind is Kind.ENERGY:
            microjoules += quantity
            meters.add(one.source)
    priced, is_priced, unpriced = Fraction(0), False, 0
    postings: Mapping[Pricing, Amount] = agent.totals.postings
    for pricing, amount in postings.items():
        if pricing.account is not Account.HOST:
            continue
        if pricing.tier is None:
            unpriced += amount.quantity
        else:
            priced += amount.weighted
            is_priced = True
    weighted = float(priced + agent.totals.adjustment)
    return Counted(
        microjoules / MICROJOULES_PER_JOULE if meters else None,
        weighted / MICROJOULES_PER_KILOWATT_HOUR if is_priced or agent.totals.adjustment else None,
        unpriced / MICROJOULES_PER_JOULE,
        tuple(sorted(meters)),
    )


def presence_of(agent: Agent, now_unix_nanoseconds: int) -> Presence:
    """Return whether a host is heard of."""
    if agent.is_gone(now_unix_nanoseconds):
        return Presence.GONE
    return Presence.LATE if agent.is_late(now_unix_nanoseconds) else Presence.REPORTS


def grams_per_hour(agent: Agent) -> float | None:
    """Return what a host emits at the power that it said last; None where one is unknown."""
    if agent.power_microwatts is None or agent.intensity is None:
        return None
    # Microwatts are microjoules a second.
    microjoules = Fraction(agent.power_microwatts) * SECONDS_PER_HOUR
    return float(emissions_grams(microjoules, agent.intensity.value))


def host_row(
    agent: Agent, labels: Labels, sums: Counted, problems: int, now_unix_nanoseconds: int
) -> HostRow:
    """Return the row of a host. One that is late has no power: nobody knows it."""
    presence = presence_of(agent, now_unix_nanoseconds)
    heard = presence is Presence.REPORTS
    power = agent.power_microwatts if heard else None
    intensity = agent.intensity if heard else None
    active = {one.source for one in agent.sources if one.state is State.ACTIVE} - {_NO_METER}
    return HostRow(
        host=agent.record.host,
        presence=presence,
        site=labels.site,
        device_class=labels.device_class,
        zone=labels.zone,
        power_watts=None if power is None else power / MICROWATTS_PER_WATT,
        power_quality=agent.power_quality if power is not None else None,
        grams_per_hour=grams_per_hour(agent) if heard else None,
        tier=intensity.tier if intensity else None,
        intensity_grams_per_kilowatt_hour=float(intensity.value) if intensity else None,
        energy_joules=sums.energy_joules,
        grams=sums.grams,
        unpriced_joules=sums.unpriced_joules,
        source=", ".join(one for one in sums.meters if one in active),
        problems=problems,
        last_seen_unix_seconds=agent.last_seen_unix_nanoseconds / NANOSECONDS_PER_SECOND,
    )
