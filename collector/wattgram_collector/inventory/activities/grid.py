"""PURE. Electricity of a row: generation, the supply of its fuel, and what the grid loses.

Sources: GHG Protocol Scope 2 Guidance (location and market), Scope 3 Standard category 3. A loss
ratio is a share of what is sent out: on what is used it is L / (1 - L), so that 6 % of generation
are 6.38 % of consumption.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.readings import Quality
from wattgram_collector.inventory.activities.activity import (
    PERCENT,
    Activity,
    Column,
    FactorTable,
)
from wattgram_collector.inventory.activities.cells import Parse, choice, number, positive, text
from wattgram_collector.inventory.activities.pricing import (
    GIVE_ONE,
    NOT_BURNT,
    ONE,
    Spot,
    given_factor,
    own_factor,
    posting,
    said,
    unpriced,
    wrong,
    year_of,
)
from wattgram_collector.inventory.factors import Factor, FactorBoundary
from wattgram_collector.inventory.places import SCOPE_2, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Method, Posting, Stage

_PUE_MAX: Final = 5
NO_SUPPLY: Final = "the supply of this grid's fuel is not known: give upstream_kg_per_kwh"
NO_LOSSES: Final = "what this grid loses is not known: give loss_percent_of_generation"


def below_hundred(cell: str) -> Fraction:
    found = number(cell)
    if found >= PERCENT:
        raise ValueError("must be 0 to below 100")
    return found


def _pue(cell: str) -> Fraction:
    found = number(cell)
    if not ONE <= found <= _PUE_MAX:
        raise ValueError(f"must be 1 to {_PUE_MAX}")
    return found


GRID_COLUMNS: Final = (
    Column("grid_zone", "zone of the grid, as GB or US-CAMX; empty: country", text),
    Column("loss_percent_of_generation", "what the grid loses of what is sent out", below_hundred),
    Column("upstream_kg_per_kwh", "supply of the fuel of generation, kg CO2e/kWh", number),
    Column("supply_source", "who publishes those two", text),
)
MARKET_COLUMNS: Final = (
    Column("market_kg_per_kwh", "market-based factor of the contract, kg CO2e/kWh", number),
    Column("market_basis", "what it is: certificate, contract, supplier or residual_mix",
           choice("certificate", "contract", "supplier", "residual_mix")),
    Column("market_source", "certificate, contract or publication that says so", text),
)  # fmt: skip
PUE_COLUMN: Final = Column("pue", "facility energy over IT energy, where the meter is at the IT",
                           _pue, default=ONE)  # fmt: skip


def kwh_column(meaning: str, *, is_required: bool = False, parse: Parse = positive) -> Column:
    return Column("kwh", meaning, parse, is_required=is_required)


class Lost(NamedTuple):
    """One part of what the grid loses: a quantity and its factor."""

    factor: Factor
    kilowatt_hours: Fraction


def zone_of(activity: Activity) -> str:
    return str(activity.values.get("grid_zone") or activity.country).upper()


def _nearest(activity: Activity, factors: FactorTable, name: str) -> Factor | None:
    """Return the factor of the year of the row, else of the year nearest before it, else after."""
    return factors.nearest(f"grid/{zone_of(activity)}/{name}", year_of(activity))


def generation(activity: Activity, factors: FactorTable, *, is_scope_2: bool = False) -> Factor:
    """Return the location-based factor of a kWh, the row's own first.

    Scope 2 takes generation only; elsewhere a lifecycle factor is taken where there is no other.
    Raises RowError where there is none.
    """
    own = own_factor(activity, "kWh", NOT_BURNT if is_scope_2 else NOT_BURNT[1:])
    if own is not None:
        return own
    zone = zone_of(activity)
    if not zone:
        raise wrong("country", "", "say where the electricity is from, or its factor")
    found = _nearest(activity, factors, "direct")
    if found is None and not is_scope_2:
        found = _nearest(activity, factors, "lifecycle")
    if found is None:
        more = ("of generation only is shipped (a lifecycle factor has 3.3b inside)"
                if _nearest(activity, factors, "lifecycle") else "is shipped")  # fmt: skip
        raise wrong("country", zone, f"no factor of its electricity {more}; {GIVE_ONE}")
    return found


def of_year(activity: Activity, factor: Factor) -> str:
    """Return what to say of a factor: of another year than the row, or with losses inside."""
    year, notes = year_of(activity), []
    if factor.valid_from is not None and factor.valid_from.year != year:
        notes.append(f"factor of {factor.valid_from.year} for {year}")
    if factor.includes_losses:
        notes.append("the losses of the grid are inside")
    return "; ".join(notes)


def upstream(activity: Activity, factors: FactorTable) -> Factor | None:
    """Return the supply of the fuel of a kWh; None: not known."""
    value = activity.number("upstream_kg_per_kwh")
    if value is not None:
        source = said(activity, "supply_source", "beside upstream_kg_per_kwh")
        return given_factor(activity, "upstream", value, "kg/kWh", source,
                            FactorBoundary.WELL_TO_TANK)  # fmt: skip
    if activity.own_factor is not None and not zone_of(activity):
        return None
    return _nearest(activity, factors, "upstream")


def loss_ratio(activity: Activity, factors: FactorTable) -> Fraction | None:
    """Return what is lost per kWh used, L / (1 - L); None: not known."""
    percent = activity.number("loss_percent_of_generation")
    if percent is None:
        found = factors.constant(f"loss/{zone_of(activity)}")
        share = found.value if found else None
    else:
        said(activity, "supply_source", "beside loss_percent_of_generation")
        share = percent / PERCENT
    return None if share is None else share / (1 - share)


def lost(activity: Activity, factors: FactorTable, kwh: Fraction, burnt: Factor) -> list[Lost]:
    """Return what the losses of `kwh` emit, generation and supply; nothing: not known.

    Published emissions of losses go before the ratio, as long as the factors are those of the
    table that they belong to.
    """
    said_ratio = activity.number("loss_percent_of_generation")
    is_shipped = said_ratio is None and activity.own_factor is None
    published = [_nearest(activity, factors, name) for name in ("losses", "wtt_losses")]
    if is_shipped and activity.number("upstream_kg_per_kwh") is None and all(published):
        return [Lost(one, kwh) for one in published if one is not None]
    ratio = loss_ratio(activity, factors)
    if ratio is None:
        return []
    supply = upstream(activity, factors)
    return [Lost(one, kwh * ratio) for one in (burnt, supply) if one is not None]


def scope_2(
    activity: Activity,
    factors: FactorTable,
    kwh: Fraction,
    leaf: TcsLeaf | None,
    rule: str,
    pue: Fraction = ONE,
    tier: Quality | None = None,
) -> Iterator[Posting]:
    """Yield scope 2 by location and by market, 3.3b and 3.3c, of kWh at the facility.

    `tier`: of the kWh, where a formula knows them less well than a meter.
    """
    burnt = generation(activity, factors, is_scope_2=True)
    note = of_year(activity, burnt)
    yield posting(activity, burnt, kwh, Spot(Stage.USE, SCOPE_2, leaf, rule, Method.LOCATION,
                                             note=note, tier=tier, pue=pue))  # fmt: skip
    contract, basis = _market(activity, burnt)
    yield posting(activity, contract, kwh, Spot(Stage.USE, SCOPE_2, None, rule, Method.MARKET,
                                                note=basis, tier=tier, pue=pue))  # fmt: skip
    yield from supplied(activity, factors, kwh, burnt, tier)


def _market(activity: Activity, burnt: Factor) -> tuple[Factor, str]:
    value = activity.number("market_kg_per_kwh")
    if value is None:
        return burnt, "no contract or residual mix is known: location-based factor"
    basis = said(activity, "market_basis", "beside market_kg_per_kwh")
    source = said(activity, "market_source", "beside market_kg_per_kwh")
    return given_factor(activity, "market", value, "kg/kWh", source), f"market basis: {basis}"


def supplied(
    activity: Activity,
    factors: FactorTable,
    kwh: Fraction,
    burnt: Factor,
    tier: Quality | None = None,
) -> Iterator[Posting]:
    """Yield 3.3b, kWh x W, and 3.3c, kWh x L / (1 - L) x (I + W); what is not known unpriced.

    A factor with the losses inside has no 3.3c beside it.
    """
    supply = upstream(activity, factors)
    at = Spot(Stage.ELECTRICITY_SUPPLY, scope_3(3, "3b"), rule="3b", tier=tier)
    if supply is None:
        yield unpriced(activity, kwh, "kWh", at._replace(note=NO_SUPPLY))
    else:
        yield posting(activity, supply, kwh, at)
    if burnt.includes_losses:
        return
    at = Spot(Stage.LOSSES, scope_3(3, "3c"), rule="3c", tier=tier)
    parts = lost(activity, factors, kwh, burnt)
    for one in parts:
        yield posting(activity, one.factor, one.kilowatt_hours, at)
    if not parts:
        yield unpriced(activity, kwh, "kWh", at._replace(note=NO_LOSSES))
