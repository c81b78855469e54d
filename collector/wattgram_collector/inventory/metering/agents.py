"""PURE. What one agent posted to the postings of the inventory, piece by piece of its time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.readings import Quality
from wattgram.units import (
    ACCOUNTING_SLOT_SECONDS,
    MICROJOULES_PER_KILOWATT_HOUR,
)
from wattgram_collector.accounting.emissions import (
    NETWORK_ACCOUNTS,
    Account,
    Amount,
    Pricing,
    emissions_grams,
)
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.inventory.grid_factors import FactorBook
from wattgram_collector.inventory.metering.energy import (
    NO_CONTRACT,
    Bound,
    Metered,
    energy_postings,
    missing_overhead,
)
from wattgram_collector.inventory.metering.fleet import CUSTOMERS, Unit
from wattgram_collector.inventory.metering.gaps import Filled
from wattgram_collector.inventory.metering.hours import HourBook, Place, Ratios
from wattgram_collector.inventory.metering.merging import alike_once, worse
from wattgram_collector.inventory.metering.network import Moved, network_postings
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.places import SCOPE_1
from wattgram_collector.inventory.postings import Posting
from wattgram_collector.inventory.register.assets import Supply
from wattgram_collector.inventory.unknowns import Unknowns
from wattgram_collector.ledger import AgentRecord
from wattgram_collector.ledger.columns import Column, Weighed

_FILLED_NOTE: Final = "{} s that were not seen, as the mean of the same hour of the week"
_OFF_GRID: Final = frozenset({Supply.GENERATOR, Supply.ONSITE_RENEWABLE})


class Watch(NamedTuple):
    """A piece of an agent's time: what it is, what it posted, and how well that is known."""

    agent: AgentRecord
    interval: Interval
    bound: Bound
    columns: Sequence[Column]
    quality: Quality
    filled: Filled | None = None


@dataclass(slots=True)
class Desk:
    """Where everything of a run is gathered."""

    network_category: int
    factors: FactorBook = field(default_factory=FactorBook)
    hours: HourBook = field(default_factory=HourBook)
    unknowns: Unknowns = field(default_factory=Unknowns)


class _Said(NamedTuple):
    """Metered energy, and what its postings say beside what they say themselves."""

    metered: Metered
    note: str = ""


def postings_of(watch: Watch, desk: Desk) -> tuple[list[Posting], list[Metered]]:
    """Return the postings of a piece, and its energy as it was priced."""
    said = list(_energy(watch, desk))
    found = []
    for one in said:
        for plain in energy_postings(one.metered, watch.bound):
            notes = "; ".join(filter(None, (plain.note, one.note)))
            posting = replace(plain, note=notes)
            desk.unknowns.look(posting, one.metered.pricing.terms)
            found.append(posting)
    moved = list(_moved(watch.columns, desk))
    for posting in network_postings(watch.agent.agent_id, watch.agent.host, watch.interval, moved,
                                    watch.bound, desk.network_category):  # fmt: skip
        desk.unknowns.look(posting, moved[0].pricing.terms)
        found.append(posting)
    if not watch.bound.inside:
        _note_hours(watch, desk)
    return [desk.factors.add(one) for one in alike_once(found)], [one.metered for one in said]


def _energy(watch: Watch, desk: Desk) -> Iterator[_Said]:
    """Yield the energy of a piece: by location, by market, and what was filled of both."""
    mine = [one for one in watch.columns if one.account in (Account.HOST, Account.MARKET)]
    terms = list(dict.fromkeys(one.terms for one in mine))
    seen = []
    for column in mine:
        which = terms.index(column.terms) + 1
        mine_of = f", terms {which} of {len(terms)}" if len(terms) > 1 else ""
        seen += [
            _Said(_metered(watch, desk, column.account, column.terms, one)._replace(which=mine_of))
            for one in column.pattern.weigh(column.quantities)
        ]
    every = seen + list(_not_bought(watch.bound, seen))
    yield from every
    if watch.filled is not None:
        note = _FILLED_NOTE.format(watch.filled.seconds)
        for one in every:
            scaled = _scaled(one.metered, watch.filled.ratio)
            quality = worse(Quality.MODELLED, scaled.quality)
            filled = f"{scaled.which}, filled"
            notes = "; ".join(filter(None, (one.note, note)))
            yield _Said(scaled._replace(quality=quality, which=filled), notes)


def _metered(
    watch: Watch, desk: Desk, account: Account, terms: Terms, weighed: Weighed
) -> Metered:
    rates, amount = weighed
    family = rates.family
    key = desk.factors.key_of(rates)
    pricing = Pricing(account, terms, None, None, None)
    if family is not None:
        pricing = Pricing(account, terms, family.tier, family.scope, family.losses)
        if account is Account.HOST:
            desk.factors.note_terms(terms, key)
    return Metered(watch.agent.agent_id, watch.agent.host, watch.interval, pricing, amount,
                   watch.quality, key)  # fmt: skip


def _not_bought(bound: Bound, seen: Iterable[_Said]) -> Iterator[_Said]:
    """Yield by market what the ledger has by location only: nothing is known to be bought for it.

    Where a part of the energy has a market-based factor, the rest is taken to be like all of it.
    """
    asset, decision = bound.asset, bound.decision
    if asset is None or decision is None or not decision.is_scope_2 or asset.supply in _OFF_GRID:
        return
    known = [one for one in seen if one.metered.pricing.account is Account.HOST]
    energy = sum(one.metered.amount.quantity for one in known)
    bought = sum(
        one.metered.amount.quantity
        for one in seen
        if one.metered.pricing.account is Account.MARKET
    )
    if bought >= energy:
        return
    for one in known:
        pricing = one.metered.pricing._replace(account=Account.MARKET)
        rest = _scaled(one.metered, Fraction(energy - bought, energy))
        yield _Said(rest._replace(pricing=pricing), NO_CONTRACT)


def _scaled(metered: Metered, ratio: Fraction) -> Metered:
    amount = metered.amount
    return metered._replace(amount=Amount(round(amount.quantity * ratio), amount.weighted * ratio))


def _moved(columns: Iterable[Column], desk: Desk) -> Iterator[Moved]:
    for column in columns:
        if column.account not in NETWORK_ACCOUNTS:
            continue
        for rates, amount in column.pattern.weigh(column.quantities):
            family = rates.family
            pricing = Pricing(column.account, column.terms, None, None, None)
            if family is not None:
                pricing = pricing._replace(
                    tier=family.tier, scope=family.scope, losses=family.losses
                )
            yield Moved(pricing, amount, desk.factors.key_of(rates))


def _note_hours(watch: Watch, desk: Desk) -> None:
    asset = watch.bound.asset
    for column in watch.columns:
        if column.account in (Account.HOST, Account.MARKET):
            terms = column.terms
            place = Place((asset.site if asset else "") or terms.site, terms.zone)
            desk.hours.add(place, column.account, ratios_of(watch.bound, terms), column.pattern,
                           column.quantities)  # fmt: skip


def ratios_of(bound: Bound, terms: Terms) -> Ratios:
    """Return what a metered joule is at the wall of the IT, and at that of the facility."""
    efficiency = (bound.asset and bound.asset.psu_efficiency) or Fraction(1)
    facility = missing_overhead(bound.asset, terms)
    equipment = facility / (1 + terms.overhead_ratio)
    return Ratios(equipment / efficiency, facility / efficiency)


def is_sampled(bound: Bound) -> bool:
    """Return whether an agent tells what other units of its asset, or of its class, use."""
    asset, decision = bound.asset, bound.decision
    if asset is None or decision is None or bound.inside or decision.energy == SCOPE_1:
        return False
    return (asset.role in CUSTOMERS or asset.units > 1) and asset.supply is not Supply.GENERATOR


def unit_of(
    watch: Watch, metered: Iterable[Metered], expected_seconds: int, seen_slots: int
) -> Unit:
    """Return a piece as part of a unit of its stratum: energy of the facility, as located."""
    found = Unit(seconds=expected_seconds, seen_seconds=seen_slots * ACCOUNTING_SLOT_SECONDS)
    if watch.filled is not None:
        found.seen_seconds += watch.filled.seconds
    for one in metered:
        if one.pricing.account is not Account.HOST:
            continue
        ratio = ratios_of(watch.bound, one.pricing.terms).facility
        found.kilowatt_hours += one.amount.quantity * ratio / MICROJOULES_PER_KILOWATT_HOUR
        if one.pricing.tier is None:
            found.grams = None
        elif found.grams is not None:
            found.grams += emissions_grams(one.amount.weighted, ratio)
    return found
