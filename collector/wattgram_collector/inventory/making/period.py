"""PURE. What the making of every asset of a register comes to in a period, in both books.

The GHG inventory has book A: capital goods when they are bought, their end when it comes. The TCS
has, by a switch, book A as well, then with the end of life in what is bought, or book B.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from wattgram_collector.inventory.decision import (
    Consolidation,
    Decision,
    HardwareBasis,
    Making,
    decide,
)
from wattgram_collector.inventory.factors import Factor
from wattgram_collector.inventory.making.books import (
    acquired_postings,
    amortised_postings,
    end_of_life_ahead,
)
from wattgram_collector.inventory.making.embodied import Figure
from wattgram_collector.inventory.making.lives import held, lifelong, stretches
from wattgram_collector.inventory.making.resolving import Resolved, Resolver
from wattgram_collector.inventory.periods import Interval, ReportPeriod, midnight_unix_seconds
from wattgram_collector.inventory.postings import Posting, Role, Stage
from wattgram_collector.inventory.register.assets import Asset, Register


@dataclass(slots=True)
class MakingOfPeriod:
    """What is booked, what prices it, and what is not known."""

    postings: list[Posting] = field(default_factory=list)
    factors: dict[str, Factor] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    """Asset to why nothing, or not all, of its making is booked."""


def making_of_period(
    register: Register,
    resolver: Resolver,
    period: ReportPeriod,
    *,
    consolidation: Consolidation = Consolidation.OPERATIONAL_CONTROL,
    basis: HardwareBasis = HardwareBasis.PURCHASE_YEAR,
) -> MakingOfPeriod:
    """Return both books of every asset within the period; what is unknown is named, never 0."""
    made = MakingOfPeriod()
    for asset_id in register:
        desk = _Desk(resolver, period, consolidation, basis, made)
        try:
            made.postings += list(desk.postings(register.versions(asset_id)))
        except ValueError as error:  # also where no rule of the decision table fits
            made.unknown[asset_id] = str(error)
    return made


@dataclass(frozen=True, slots=True)
class _Desk:
    resolver: Resolver
    period: ReportPeriod
    consolidation: Consolidation
    basis: HardwareBasis
    made: MakingOfPeriod

    def postings(self, versions: Sequence[Asset]) -> Iterator[Posting]:
        """Yield book A and book B of an asset; raises ValueError."""
        timezone, whole = self.period.timezone, self.period.interval
        for holds, asset in held(lifelong(versions), timezone):
            within = holds.overlap(whole)
            if within is not None and _is_there(asset, within, timezone):
                yield from self._acquired(asset, within)
        for one in stretches(versions, self.resolver, timezone):
            within = one.interval.overlap(whole)
            if within is not None and not one.asset.is_included_in_parent:
                decision = decide(one.asset, self.consolidation)
                for posting in amortised_postings(one.asset, one.figure, decision, within,
                                                  timezone, one.spread):  # fmt: skip
                    priced = self._priced(posting, one.factor)
                    yield self._in_tcs(priced, HardwareBasis.AMORTISED)

    def _acquired(self, asset: Asset, within: Interval) -> Iterator[Posting]:
        decision = decide(asset, self.consolidation)
        if decision.making is Making.NONE or asset.is_included_in_parent:
            return
        resolved = self.resolver.of(asset)
        if resolved is None or asset.acquired_on is None:
            self.made.unknown[asset.asset_id] = _why(asset, resolved)
            return
        for one in self._book_a(asset, resolved.figure, decision, within):
            yield self._priced(one, resolved.factor)

    def _priced(self, posting: Posting, factor: Factor) -> Posting:
        self.made.factors[factor.factor_id] = factor
        return replace(posting, priced_by=factor)

    def _book_a(
        self, asset: Asset, figure: Figure, decision: Decision, within: Interval
    ) -> Iterator[Posting]:
        timezone, basis = self.period.timezone, HardwareBasis.PURCHASE_YEAR
        for one in acquired_postings(asset, figure, decision, within, timezone):
            if one.stage is not Stage.END_OF_LIFE or one.role is not Role.PRIMARY:
                yield self._in_tcs(one, basis)
            elif one.in_ghg:
                yield one
        if self.basis is basis:
            for one in end_of_life_ahead(asset, figure, decision, within, timezone):
                yield self._in_tcs(one, basis)

    def _in_tcs(self, posting: Posting, basis: HardwareBasis) -> Posting:
        """Return the posting in the TCS total, if that is on this basis and has a leaf for it."""
        is_in = posting.role is Role.PRIMARY and posting.leaf is not None and basis is self.basis
        return replace(posting, in_tcs=True) if is_in else posting


def _is_there(asset: Asset, within: Interval, timezone: str) -> bool:
    """Whether an asset is owned at some time of an interval, as far as anybody said."""
    if asset.acquired_on is not None:
        bought = midnight_unix_seconds(asset.acquired_on, timezone)
        if bought >= within.end_unix_seconds:
            return False
    if asset.disposed_on is None:
        return True
    return midnight_unix_seconds(asset.disposed_on, timezone) >= within.start_unix_seconds


def _why(asset: Asset, resolved: Resolved | None) -> str:
    if resolved is None:
        return (
            f"asset {asset.asset_id}: nothing tells what the making of a {asset.device_class} "
            "emitted: say embodied_kilograms, mass_kilograms or a class that is known; of a "
            "virtual machine its share, or its host as parent and included_in_parent"
        )
    return f"asset {asset.asset_id}: acquired_on is not said, so its making is in no year"
