"""PURE. What agents metered to postings: each joule in one place, by what its asset is.

The grams are those of the ledger, part by part, so that the report, `explain` and /metrics say
the same. Scope 2 takes direct factors only: a lifecycle factor has 3.3b inside, so what it priced
is refused in the GHG total, and that is said, and is in the TCS total.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM, MICROJOULES_PER_KILOWATT_HOUR
from wattgram_collector.accounting.emissions import Account, Amount, Pricing, emissions_grams
from wattgram_collector.intensity import Losses, Scope, Tier
from wattgram_collector.inventory.assets import Asset
from wattgram_collector.inventory.decision import Decision
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.places import SCOPE_2, GhgPlace, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Method, Posting, Role, Stage

NOT_DIRECT_NOTE: Final = (
    "priced with an intensity that has more or else than generation inside: not for scope 2"
)
_TIERS: Final = {
    Tier.LIVE: Quality.DECLARED,
    Tier.OPERATOR: Quality.DECLARED,
    Tier.ESTIMATED: Quality.MODELLED,
    Tier.FORECAST: Quality.MODELLED,
    Tier.LAST_KNOWN: Quality.MODELLED,
}
"""What a tier of intensities is worth as a factor; a yearly average is a default."""


class Metered(NamedTuple):
    """What one agent posted in an interval under one pricing."""

    agent_id: str
    host: str
    interval: Interval
    pricing: Pricing
    amount: Amount
    quality: Quality
    """Of the meters, the worst that contributed."""
    factor: str
    """Key of what priced it, for factors.csv: one factor, or the factors of a zone's hours."""


class Bound(NamedTuple):
    """The asset of an agent in an interval, and where it belongs. Both None: nobody said."""

    asset: Asset | None
    decision: Decision | None


def energy_postings(metered: Metered, bound: Bound) -> Iterator[Posting]:
    """Yield the postings of metered energy; bytes and marginal grams have none here."""
    account = metered.pricing.account
    if account not in (Account.HOST, Account.MARKET):
        return
    plain = _plain(metered, bound)
    decision = bound.decision
    if decision is None:
        if account is Account.HOST:
            yield replace(plain, role=Role.MEMO, note="no asset says what it is: not evaluated")
        return
    if account is Account.MARKET:
        if decision.is_scope_2:
            yield replace(plain, place=SCOPE_2, method=Method.MARKET, in_ghg=True)
        return
    if decision.is_scope_2:
        yield from _scope_2(plain, metered, decision.energy_leaf)
    else:
        yield from _scope_3_or_1(plain, decision)


def _scope_2(plain: Posting, metered: Metered, leaf: TcsLeaf | None) -> Iterator[Posting]:
    found = replace(plain, place=SCOPE_2, leaf=leaf, method=Method.LOCATION,
                    in_ghg=True, in_tcs=leaf is not None)  # fmt: skip
    if metered.pricing.scope not in (Scope.DIRECT, None):
        yield replace(found, in_ghg=False, note=NOT_DIRECT_NOTE)
        return
    yield found
    yield from _supply(plain, metered)


def _supply(plain: Posting, metered: Metered) -> Iterator[Posting]:
    """Yield 3.3b and 3.3c of direct factors: supply of fuel, and what the grid loses.

    3.3b = E x W; 3.3c = E x L / (1 - L) x I, and the fuel supply of what is lost. The T&D loss
    is a share of generation, so that on consumption it is L / (1 - L).
    """
    pricing, terms = metered.pricing, metered.pricing.terms
    if pricing.tier is None or plain.quantity is None:
        return
    if terms.upstream_grams_per_kilowatt_hour:
        rate = Fraction(terms.upstream_grams_per_kilowatt_hour)
        yield _derived(plain, Stage.ELECTRICITY_SUPPLY, "3b", rate, terms.upstream_source)
    lost = Fraction(terms.upstream_loss_grams_per_kilowatt_hour or 0)
    sources = [terms.upstream_source] if lost else []
    if terms.loss_ratio is not None and pricing.losses is Losses.BUSBAR:
        mean = metered.amount.weighted / metered.amount.quantity if metered.amount.quantity else 0
        lost += mean * terms.loss_ratio
        sources.append(terms.loss_source)
    if sources:
        yield _derived(plain, Stage.LOSSES, "3c", lost, ", ".join(sources))


def _derived(
    plain: Posting, stage: Stage, subcategory: str, rate_grams: Fraction, source: str
) -> Posting:
    """Return a posting of the same kilowatt-hours at a rate in g/kWh."""
    quantity = plain.quantity or Fraction(0)
    return replace(
        plain,
        stage=stage,
        place=scope_3(3, subcategory),
        in_ghg=True,
        factor=source,
        factor_value=rate_grams / GRAMS_PER_KILOGRAM,
        grams=quantity * plain.alpha * rate_grams,
        tier_factor=Quality.DEFAULT,
    )


def _scope_3_or_1(plain: Posting, decision: Decision) -> Iterator[Posting]:
    place: GhgPlace | None = decision.energy
    if decision.is_lifetime:
        place = None  # the year's use is in the TCS; its lifetime is posted with the sale
    yield replace(
        plain,
        place=place,
        leaf=decision.energy_leaf,
        in_ghg=place is not None,
        in_tcs=decision.energy_leaf is not None,
    )


def _plain(metered: Metered, bound: Bound) -> Posting:
    """Return the kilowatt-hours of the facility and their grams, in no place yet."""
    asset, pricing, amount = bound.asset, metered.pricing, metered.amount
    pue = 1 + pricing.terms.overhead_ratio
    efficiency = (asset and asset.psu_efficiency) or Fraction(1)
    alpha = asset.alpha if asset else Fraction(1)
    quantity = Fraction(amount.quantity) / MICROJOULES_PER_KILOWATT_HOUR * pue / efficiency
    is_priced = pricing.tier is not None
    mean = amount.weighted / amount.quantity if is_priced and amount.quantity else None
    grams = emissions_grams(amount.weighted, Fraction(1)) * pue * alpha / efficiency
    first, end = metered.interval.slots
    return Posting(
        start_unix_seconds=metered.interval.start_unix_seconds,
        end_unix_seconds=metered.interval.end_unix_seconds,
        subject=f"asset/{asset.asset_id}" if asset else f"agent/{metered.host}",
        stage=Stage.USE,
        place=None,
        leaf=None,
        quantity=quantity,
        unit="kWh",
        factor=metered.factor if is_priced else "",
        factor_value=None if mean is None else mean / GRAMS_PER_KILOGRAM,
        alpha=alpha,
        pue=pue,
        grams=grams if is_priced else None,
        in_ghg=False,
        in_tcs=False,
        tier_activity=metered.quality,
        tier_factor=_TIERS.get(pricing.tier, Quality.DEFAULT) if pricing.tier else Quality.DEFAULT,
        org_unit=asset.org_unit if asset else "",
        service=asset.service if asset else "",
        rule=bound.decision.rule if bound.decision else "",
        evidence=f"agent {metered.agent_id} slots {first} to {end - 1}",
    )
