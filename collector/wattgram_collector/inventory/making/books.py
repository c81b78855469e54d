"""PURE. The making of one version of an asset, in two books that are never added.

Book A, the inventory's: all of the making in the year of the acquisition, the end of its life in
the year of that, of what is sold in the year of the sale (Scope 3 Standard: no depreciation of
capital goods; category 12 is of what is sold in the year, whenever its life ends). Book B: the
same grams spread evenly over the expected life, for rates, for SCI, and for a TCS on that basis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Final

from wattgram.readings import Quality
from wattgram.units import SECONDS_PER_YEAR
from wattgram_collector.inventory.decision import Decision, Making
from wattgram_collector.inventory.making.embodied import (
    Figure,
    Spread,
    in_use,
    total_grams,
    unit_kilograms,
)
from wattgram_collector.inventory.periods import Interval, midnight_unix_seconds
from wattgram_collector.inventory.places import GhgPlace, scope_3
from wattgram_collector.inventory.postings import Book, Posting, Role, Stage
from wattgram_collector.inventory.register.assets import Asset, Condition
from wattgram_collector.reports.numbers import rounded

_TRANSPORT: Final = {True: scope_3(4), False: scope_3(9)}
_WASTE: Final = scope_3(5)
_END_OF_SOLD: Final = scope_3(12)
_DIGITS: Final = 6
_PARTS: Final = {
    Stage.EMBODIED_ACQUIRED: "cradle to gate",
    Stage.TRANSPORT: "transport",
    Stage.END_OF_LIFE: "end of life",
}


def acquired_postings(
    asset: Asset, figure: Figure, decision: Decision, within: Interval, timezone: str
) -> Iterator[Posting]:
    """Yield book A: what of the making falls into `within`; the TCS's basis sets `in_tcs`."""
    if decision.making not in (Making.WHEN_ACQUIRED, Making.MEMO, Making.LEAF_ONLY):
        return
    if asset.acquired_on is not None:
        at = midnight_unix_seconds(asset.acquired_on, timezone)
        if within.start_unix_seconds <= at < within.end_unix_seconds:
            plain = _plain(asset, figure, decision, at)
            yield _placed(plain, decision, figure.manufacturing_share)
            if figure.transport_share:
                moved = replace(plain, stage=Stage.TRANSPORT)
                if decision.making is Making.WHEN_ACQUIRED:
                    moved = replace(moved, place=_TRANSPORT[asset.is_transport_paid_by_org])
                yield _placed(moved, decision, figure.transport_share)
    ends_on, place = _end_of(asset)
    if ends_on is not None and figure.end_of_life_share:
        at = midnight_unix_seconds(ends_on, timezone)
        if within.start_unix_seconds <= at < within.end_unix_seconds:
            ended = replace(_plain(asset, figure, decision, at), stage=Stage.END_OF_LIFE)
            if decision.making is Making.WHEN_ACQUIRED:
                ended = replace(ended, place=place)
            yield _placed(ended, decision, figure.end_of_life_share)


def end_of_life_ahead(
    asset: Asset, figure: Figure, decision: Decision, within: Interval, timezone: str
) -> Iterator[Posting]:
    """Yield the end of life when the asset is bought: at the TCS's leaf only, in no total yet.

    The TCS has the whole of TE in the year of purchase; the inventory has the end as waste of the
    year in which it comes.
    """
    counts = decision.making in (Making.WHEN_ACQUIRED, Making.LEAF_ONLY)
    if not (counts and decision.made_leaf and figure.end_of_life_share and asset.acquired_on):
        return
    at = midnight_unix_seconds(asset.acquired_on, timezone)
    if within.start_unix_seconds <= at < within.end_unix_seconds:
        ended = replace(_plain(asset, figure, decision, at), stage=Stage.END_OF_LIFE)
        at_leaf = replace(decision, making=Making.LEAF_ONLY)
        yield _placed(ended, at_leaf, figure.end_of_life_share)


def amortised_postings(
    asset: Asset, figure: Figure, decision: Decision, within: Interval, timezone: str,
    spread: Spread | None = None,
) -> Iterator[Posting]:  # fmt: skip
    """Yield book B in `within`; for a service (Making.BY_USE) that is the inventory's as well.

    `spread` says over which time how much of TE' is spread; unsaid: all of it over the life.
    """
    span = in_use(asset, figure, decision, timezone)
    during = span and span.overlap(within)
    if during is None or decision.making is Making.NONE:
        return
    seconds = during.end_unix_seconds - during.start_unix_seconds
    per_second = (spread or Spread(Fraction(1), figure.life_seconds)).share_per_second
    is_service = decision.making is Making.BY_USE
    found = replace(
        _plain(asset, figure, decision, during.start_unix_seconds),
        start_unix_seconds=during.start_unix_seconds,
        end_unix_seconds=during.end_unix_seconds,
        stage=Stage.EMBODIED_AMORTISED,
        book=Book.INVENTORY if is_service else Book.AMORTISED,
        quantity=asset.units * Fraction(seconds, SECONDS_PER_YEAR),
        unit="unit-year",
        factor_value=unit_kilograms(asset, figure) * SECONDS_PER_YEAR * per_second,
        grams=seconds * total_grams(asset, figure) * per_second,
    )
    if is_service:
        yield replace(found, in_ghg=decision.made is not None,
                      in_tcs=decision.made_leaf is not None)  # fmt: skip
    elif decision.making is Making.MEMO:
        yield replace(found, place=None, leaf=None, role=Role.MEMO)
    else:
        yield replace(found, place=None)


def _end_of(asset: Asset) -> tuple[date | None, GhgPlace]:
    """Return when the end of life is booked and where: of what is sold, when it is sold."""
    if asset.is_sold_by_org:
        return asset.sold_on or asset.disposed_on, _END_OF_SOLD
    return asset.disposed_on, _WASTE


def _placed(whole: Posting, decision: Decision, share: Fraction) -> Posting:
    """Return the share of a posting of TE', in the GHG total where the decision has it there."""
    part = f"x {rounded(share, _DIGITS)} {_PARTS[whole.stage]}" if share != 1 else ""
    found = replace(
        whole,
        grams=(whole.grams or Fraction(0)) * share,
        factor_value=(whole.factor_value or Fraction(0)) * share,
        note="; ".join(filter(None, (whole.note, part))),
    )
    if decision.making is Making.MEMO:
        return replace(found, role=Role.MEMO)
    if decision.making is Making.LEAF_ONLY:
        return replace(found, place=None)
    return replace(found, in_ghg=found.place is not None)


def _condition(asset: Asset) -> str:
    """Return in words what the figure is multiplied with beside its share; empty: nothing."""
    if asset.is_included_in_parent:
        return "inside the figure of its parent"
    if asset.condition is Condition.NEW:
        return ""
    return f"x {rounded(asset.condition.share, _DIGITS)} {asset.condition}"


def _plain(asset: Asset, figure: Figure, decision: Decision, unix_seconds: int) -> Posting:
    """Return a posting of the whole of TE' at an instant, in no total yet."""
    return Posting(
        start_unix_seconds=unix_seconds,
        end_unix_seconds=unix_seconds + 1,
        subject=f"asset/{asset.asset_id}",
        stage=Stage.EMBODIED_ACQUIRED,
        place=decision.made,
        leaf=decision.made_leaf,
        quantity=Fraction(asset.units),
        unit="unit",
        factor=figure.factor,
        factor_value=unit_kilograms(asset, figure),
        alpha=asset.alpha,
        grams=total_grams(asset, figure),
        in_ghg=False,
        in_tcs=False,
        tier_activity=Quality.DECLARED,
        tier_factor=figure.tier,
        uncertainty_ratio=figure.uncertainty_ratio,
        is_supplier_data=figure.tier is Quality.DECLARED,
        org_unit=asset.org_unit,
        service=asset.service,
        rule=decision.rule,
        evidence=f"asset {asset.asset_id} from {asset.valid_from or 'the first'}",
        note="; ".join(filter(None, (figure.note, _condition(asset)))),
    )
