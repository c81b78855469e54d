"""PURE. How much of a load was matched with carbon-free energy hour by hour (24/7 CFE score).

score = sum(min(carbon_free, load)) / sum(load) over hours, with nothing carried over: what is
delivered beyond the load of its hour counts for no other hour.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple, Protocol

from wattgram.units import MICROJOULES_PER_KILOWATT_HOUR
from wattgram_collector.accounting.emissions import Account
from wattgram_collector.accounting.market import Instrument
from wattgram_collector.accounting.profiles import hour_of
from wattgram_collector.accounting.slots import slot_start_unix_seconds
from wattgram_collector.accounting.terms import Terms

Group = tuple[str, str]
"""Grid zone and site: what contracts are for."""
Loads = Mapping[int, Mapping[Group, Fraction]]
"""By start of the hour in unix seconds, then by group."""


class Row(Protocol):
    """As much of a row of the ledger as is needed."""

    @property
    def account(self) -> Account: ...
    @property
    def slot(self) -> int: ...
    @property
    def terms(self) -> Terms: ...
    @property
    def quantity(self) -> int: ...


class Score(NamedTuple):
    """All in the unit of the load. `of_grid` is not in `matched`: it is shown under its name."""

    load: Fraction
    matched: Fraction
    of_grid: Fraction | None = None
    """The carbon-free part of the grid's mix in what was not matched; None: not asked for."""

    @property
    def score(self) -> Fraction | None:
        """Return the matched part of the load, by contracts alone; None without a load."""
        return self.matched / self.load if self.load else None

    @property
    def score_with_grid(self) -> Fraction | None:
        """Return the carbon-free part with the grid's mix; never without saying so."""
        if not self.load or self.of_grid is None:
            return None
        return (self.matched + self.of_grid) / self.load


def cfe_score(
    load: Mapping[int, Fraction | int],
    carbon_free: Mapping[int, Fraction | int],
    grid_share: Mapping[int, Fraction] | None = None,
) -> Score:
    """Return the score of hourly loads and deliveries in one unit.

    `grid_share`: carbon-free part of the grid's mix by hour; an hour it does not know adds none.
    Raises ValueError for a negative quantity.
    """
    for name, hourly in (("load", load), ("carbon-free energy", carbon_free)):
        for hour, quantity in hourly.items():
            if quantity < 0:
                raise ValueError(f"{name} of hour {hour} is negative: {quantity}")
    matched = {
        hour: min(Fraction(quantity), Fraction(carbon_free.get(hour, 0)))
        for hour, quantity in load.items()
    }
    of_grid = None
    if grid_share is not None:
        of_grid = sum(
            ((load[hour] - had) * grid_share.get(hour, 0) for hour, had in matched.items()),
            Fraction(0),
        )
    return Score(Fraction(sum(load.values())), sum(matched.values(), Fraction(0)), of_grid)


def hourly_loads(rows: Iterable[Row]) -> Loads:
    """Return what hosts and their facilities used in each hour, in microjoules."""
    found: defaultdict[int, defaultdict[Group, Fraction]]
    found = defaultdict(lambda: defaultdict(Fraction))
    for row in rows:
        if row.account is Account.HOST:
            hour = hour_of(slot_start_unix_seconds(row.slot))
            group = (row.terms.zone, row.terms.site)
            found[hour][group] += row.quantity * (1 + row.terms.overhead_ratio)
    return found


def contracted_score(
    rows: Iterable[Row],
    contracts: Sequence[Instrument],
    grid_share: Mapping[int, Fraction] | None = None,
) -> Score:
    """Return the score of what is posted, by the contracts that are carbon-free."""
    loads = hourly_loads(rows)
    free = [one for one in contracts if one.is_carbon_free]
    matched = {hour: _matched(hour, groups, contracts, free) for hour, groups in loads.items()}
    total = {hour: sum(groups.values(), Fraction(0)) for hour, groups in loads.items()}
    return cfe_score(total, matched, grid_share)


def _matched(
    hour: int,
    groups: Mapping[Group, Fraction],
    contracts: Sequence[Instrument],
    free: Sequence[Instrument],
) -> Fraction:
    """Return what contracts match of the loads of one hour; nothing is matched twice."""
    left = {group: load * (1 - _share(hour, group, contracts)) for group, load in groups.items()}
    matched = sum(
        (load * _share(hour, group, contracts, only_free=True) for group, load in groups.items()),
        Fraction(0),
    )
    for one in free:
        delivered = (one.deliveries_kilowatt_hours or {}).get(hour, Fraction(0))
        budget = delivered * MICROJOULES_PER_KILOWATT_HOUR
        for group, load in left.items():
            if budget and one.is_for(*group, hour):
                taken = min(budget, load)
                left[group] = load - taken
                matched += taken
                budget -= taken
    return matched


def _share(
    hour: int, group: Group, contracts: Sequence[Instrument], *, only_free: bool = False
) -> Fraction:
    """Return which part of a load contracts cover, in their order and never more than all."""
    left, counted = Fraction(1), Fraction(0)
    for one in contracts:
        if one.is_for(*group, hour):
            share = min(left, one.share_at(hour))
            left -= share
            counted += share if one.is_carbon_free or not only_free else 0
    return counted
