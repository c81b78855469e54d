"""PURE. What agents metered to postings: each joule in one place, by what its asset is.

The grams are those of the ledger, part by part, so that the report, `explain` and /metrics say
the same. Scope 2 takes direct factors only: a lifecycle factor has 3.3b inside, so what it priced
is refused in the GHG total, and that is said, and is in the TCS total.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM, MICROJOULES_PER_KILOWATT_HOUR
from wattgram_collector.accounting.emissions import Account, Amount, Pricing, emissions_grams
from wattgram_collector.accounting.terms import Terms
from wattgram_collector.intensity import Losses, Scope, Tier
from wattgram_collector.inventory.decision import Decision
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.places import SCOPE_1, SCOPE_2, GhgPlace, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Method, Posting, Role, Stage
from wattgram_collector.inventory.register.assets import Asset, AssetRole, MeteringPoint, Supply

NOT_DIRECT_NOTE: Final = (
    "priced with an intensity that has more or else than generation inside: not for scope 2"
)
NO_ASSET: Final = "no asset says what it is: not evaluated"
NO_CONTRACT: Final = "no contract or residual mix is known: location-based factor"
ON_SITE: Final = "on_site_renewable"
"""Key of the factor of what is generated and used at the same place."""
ON_SITE_NOTE: Final = "generated and used on site, its certificates not sold: nothing is burnt"
INSIDE_NOTE: Final = "inside what the meter of {} has: counted there"
GENERATED_NOTE: Final = "from generator {}: its fuel is booked there"
FUEL_NOTE: Final = "scope 1 is of the fuel: import it as a fuel activity of the generator"
OTHERS_GENERATOR_NOTE: Final = (
    "from a generator that is not the organisation's: no grid prices it; import it as an activity"
)
FACTOR_TIERS: Final = {
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
    which: str = ""
    """What tells it from other energy of the agent in the interval at the same factor."""


class Bound(NamedTuple):
    """The asset of an agent in an interval, and where it belongs. Both None: nobody said."""

    asset: Asset | None
    decision: Decision | None
    inside: str = ""
    """Asset whose own meter has this energy inside: here it is an allocation of that."""
    why: str = NO_ASSET
    """Why there is no decision."""


def energy_postings(metered: Metered, bound: Bound) -> Iterator[Posting]:
    """Yield the postings of metered energy; bytes and marginal grams have none here."""
    account = metered.pricing.account
    if account not in (Account.HOST, Account.MARKET):
        return
    plain = _plain(metered, bound)
    decision, asset = bound.decision, bound.asset
    if decision is None or asset is None:
        if account is Account.HOST:
            yield replace(plain, role=Role.MEMO, note=bound.why)
        return
    is_location = account is Account.HOST
    if (of_no_grid := _of_no_grid(plain, bound.inside, decision, asset)) is not None:
        yield from of_no_grid if is_location else ()
    elif is_location and decision.is_scope_2:
        yield from _scope_2(plain, metered, decision.energy_leaf)
    elif is_location:
        yield _placed(plain, decision)
    elif decision.is_scope_2:
        yield _direct(replace(plain, place=SCOPE_2, method=Method.MARKET), metered)


def _of_no_grid(
    plain: Posting, inside: str, decision: Decision, asset: Asset
) -> Iterable[Posting] | None:
    """Return postings of energy that another meter has, or that no grid supplied; else None."""
    if inside:
        return [_allocated(plain, decision, INSIDE_NOTE.format(inside))]
    if decision.energy == SCOPE_1:
        return [_generated(plain, decision, asset)]
    if asset.supply in (Supply.GENERATOR, Supply.ONSITE_RENEWABLE):
        return _off_grid(plain, decision, asset)
    return None


def _allocated(plain: Posting, decision: Decision, note: str) -> Posting:
    """Return energy that another posting has, where it would belong: in no total."""
    return replace(plain, place=decision.energy, leaf=decision.energy_leaf,
                   role=Role.ALLOCATION, note=note)  # fmt: skip


def _generated(plain: Posting, decision: Decision, asset: Asset) -> Posting:
    """Return energy of the organisation's generators: a share of their fuel, or a memo.

    No grid prices it, and scope 1 is of what is burnt.
    """
    unpriced = _unpriced(plain)
    if asset.generator and asset.role is not AssetRole.GENERATOR:
        return _allocated(unpriced, decision, GENERATED_NOTE.format(asset.generator))
    return replace(unpriced, role=Role.MEMO, note=FUEL_NOTE)


def _off_grid(plain: Posting, decision: Decision, asset: Asset) -> Iterator[Posting]:
    """Yield what no grid supplied: nothing for the sun and the wind on site, by both methods.

    Scope 2 Guidance, chapter 6: energy of an owned source on site, consumed there, of which no
    certificates are sold, is zero. There is no fuel and no grid: no 3.3b and no 3.3c.
    """
    if asset.supply is Supply.GENERATOR:
        found = replace(_unpriced(plain), note=OTHERS_GENERATOR_NOTE)
    else:
        found = replace(plain, factor=ON_SITE, factor_value=Fraction(0), grams=Fraction(0),
                        tier_factor=Quality.DECLARED, note=ON_SITE_NOTE)  # fmt: skip
    if not decision.is_scope_2:
        yield _placed(found, decision)
        return
    leaf = decision.energy_leaf
    yield replace(found, place=SCOPE_2, leaf=leaf, method=Method.LOCATION, in_ghg=True,
                  in_tcs=leaf is not None)  # fmt: skip
    yield replace(found, place=SCOPE_2, method=Method.MARKET, in_ghg=True)


def _unpriced(plain: Posting) -> Posting:
    return replace(plain, factor="", factor_value=None, grams=None, tier_factor=Quality.DEFAULT)


def _direct(found: Posting, metered: Metered) -> Posting:
    """Return a posting of scope 2, in the GHG total if what prices it is of generation only."""
    if metered.pricing.scope in (Scope.DIRECT, None):
        return replace(found, in_ghg=True)
    return replace(found, in_ghg=False, note=NOT_DIRECT_NOTE)


def _scope_2(plain: Posting, metered: Metered, leaf: TcsLeaf | None) -> Iterator[Posting]:
    found = _direct(replace(plain, place=SCOPE_2, leaf=leaf, method=Method.LOCATION,
                            in_tcs=leaf is not None), metered)  # fmt: skip
    yield found
    if found.in_ghg:
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
        yield _derived(plain, Stage.ELECTRICITY_SUPPLY, "3b", rate, supply_key(terms))
    lost = Fraction(terms.upstream_loss_grams_per_kilowatt_hour or 0)
    is_known = bool(lost)
    if terms.loss_ratio is not None and pricing.losses is Losses.BUSBAR:
        mean = metered.amount.weighted / metered.amount.quantity if metered.amount.quantity else 0
        lost += mean * terms.loss_ratio
        is_known = True
    if is_known:
        yield _derived(plain, Stage.LOSSES, "3c", lost, losses_key(terms, metered.factor))


def supply_key(terms: Terms) -> str:
    """Return the key of the factor of fuel supply under these terms."""
    return f"supply/{terms.zone}/{terms.upstream_grams_per_kilowatt_hour}"


def losses_key(terms: Terms, factor: str) -> str:
    """Return the key of the factor of losses: of what is lost, generated as `factor` says."""
    ratio, supply = terms.loss_share or "-", terms.upstream_loss_grams_per_kilowatt_hour or "-"
    return f"losses/{ratio}/{supply}/{factor}"


def _derived(
    plain: Posting, stage: Stage, subcategory: str, rate_grams: Fraction, factor: str
) -> Posting:
    """Return a posting of the same kilowatt-hours at a rate in g/kWh."""
    quantity = plain.quantity or Fraction(0)
    return replace(
        plain,
        stage=stage,
        place=scope_3(3, subcategory),
        in_ghg=True,
        factor=factor,
        factor_value=rate_grams / GRAMS_PER_KILOGRAM,
        grams=quantity * plain.alpha * rate_grams,
        tier_factor=Quality.DEFAULT,
    )


def _placed(plain: Posting, decision: Decision) -> Posting:
    """Return the posting where the decision has it, outside of scope 2."""
    place: GhgPlace | None = decision.energy
    if decision.is_lifetime:
        place = None  # the year's use is in the TCS; its lifetime is posted with the sale
    return replace(
        plain,
        place=place,
        leaf=decision.energy_leaf,
        in_ghg=place is not None,
        in_tcs=decision.energy_leaf is not None,
    )


def _plain(metered: Metered, bound: Bound) -> Posting:
    """Return the kilowatt-hours of the facility and their grams, in no place yet."""
    asset, pricing, amount = bound.asset, metered.pricing, metered.amount
    pue = missing_overhead(asset, pricing.terms)
    efficiency = (asset and asset.psu_efficiency) or Fraction(1)
    alpha = asset.alpha if asset else Fraction(1)
    quantity = Fraction(amount.quantity) / MICROJOULES_PER_KILOWATT_HOUR * pue / efficiency
    is_priced = pricing.tier is not None
    mean = amount.weighted / amount.quantity if is_priced and amount.quantity else None
    grams = emissions_grams(amount.weighted, Fraction(1)) * pue * alpha / efficiency
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
        tier_factor=FACTOR_TIERS.get(pricing.tier, Quality.DEFAULT)
        if pricing.tier
        else Quality.DEFAULT,
        org_unit=asset.org_unit if asset else "",
        service=asset.service if asset else "",
        rule=bound.decision.rule if bound.decision else "",
        evidence=evidence_of(metered.agent_id, metered.host, metered.interval, metered.which),
    )


def missing_overhead(asset: Asset | None, terms: Terms) -> Fraction:
    """Return PUE': the overhead that a reading has not inside; 1 at the facility's meter."""
    if asset is not None and asset.metering_point is MeteringPoint.FACILITY:
        return Fraction(1)
    return 1 + terms.overhead_ratio


def evidence_of(agent_id: str, host: str, interval: Interval, which: str = "") -> str:
    """Return how to follow what an agent metered: its slots, and the command that shows them."""
    first, end = interval.slots
    times = (datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at in interval)
    start, until = times
    return (
        f"agent {agent_id} slots {first} to {end - 1}{which}: wattgram-collector explain"
        f" --host {host} --from {start} --to {until}"
    )
