"""PURE. What the making of an asset emitted, in two books that are never added.

Book A, the inventory's: all of the making in the year of the acquisition, the end of its life in
the year of that (Scope 3 Standard: no depreciation of capital goods). Book B: the same grams
spread evenly over the expected life, for rates, for SCI, and for a TCS on that basis.

    TE' = TE x condition x alpha x units        r = TE' / (life x 365 x 86400 s)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM, SECONDS_PER_YEAR
from wattgram_collector.inventory.assets import Asset
from wattgram_collector.inventory.decision import Decision, Making
from wattgram_collector.inventory.periods import Interval, midnight_unix_seconds
from wattgram_collector.inventory.places import scope_3
from wattgram_collector.inventory.postings import Book, Posting, Role, Stage

_TRANSPORT: Final = {True: scope_3(4), False: scope_3(9)}
_END_OF_LIFE: Final = scope_3(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What is known of the making of one unit: TE, without its use.

    Shares are of TE: manufacture (cradle to gate), transport, end of life. They sum to 1, or
    ValueError is raised.
    """

    total_kilograms: Fraction
    manufacturing_share: Fraction = Fraction(1)
    transport_share: Fraction = Fraction(0)
    end_of_life_share: Fraction = Fraction(0)
    life_years: Fraction
    factor: str
    """Key for factors.csv: where the figure comes from."""
    tier: Quality
    low_kilograms: Fraction | None = None
    high_kilograms: Fraction | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.total_kilograms < 0 or self.life_years <= 0:
            raise ValueError(f"{self.factor}: embodied kilograms below 0 or a life of no time")
        shares = (self.manufacturing_share, self.transport_share, self.end_of_life_share)
        if min(shares) < 0 or sum(shares) != 1:
            raise ValueError(f"{self.factor}: shares of the making must sum to 1")

    @property
    def life_seconds(self) -> int:
        return round(self.life_years * SECONDS_PER_YEAR)

    @property
    def uncertainty_ratio(self) -> Fraction | None:
        """Half the width of low to high over the figure; None where neither is said."""
        if self.low_kilograms is None or self.high_kilograms is None or not self.total_kilograms:
            return None
        return (self.high_kilograms - self.low_kilograms) / 2 / self.total_kilograms


def total_grams(asset: Asset, figure: Figure) -> Fraction:
    """Return TE': the organisation's share of the making of all units; 0 inside a parent's."""
    return _kilograms(asset, figure) * GRAMS_PER_KILOGRAM * asset.alpha * asset.units


def life(asset: Asset, figure: Figure, timezone: str) -> Interval | None:
    """Return from when to when the asset is expected in service; None if nobody said since when.

    A disposal ends it earlier.
    """
    if asset.acquired_on is None:
        return None
    start = midnight_unix_seconds(asset.acquired_on, timezone)
    end = start + figure.life_seconds
    if asset.disposed_on is not None:
        end = min(end, midnight_unix_seconds(asset.disposed_on, timezone))
    return Interval(start, end)


def rate_grams_per_second(
    asset: Asset, figure: Figure, unix_seconds: int, timezone: str
) -> Fraction | None:
    """Return r_own, each second of its life whether it is on or off; None where unknown."""
    span = life(asset, figure, timezone)
    if span is None:
        return None
    if not span.start_unix_seconds <= unix_seconds < span.end_unix_seconds:
        return Fraction(0)
    return _rate(asset, figure)


def accrued_grams(
    asset: Asset, figure: Figure, unix_seconds: int, timezone: str
) -> Fraction | None:
    """Return how much of TE' is amortised by then: never more than TE'."""
    span = life(asset, figure, timezone)
    if span is None:
        return None
    past = min(unix_seconds, span.end_unix_seconds) - span.start_unix_seconds
    return min(total_grams(asset, figure), max(past, 0) * _rate(asset, figure))


def acquired_postings(
    asset: Asset, figure: Figure, decision: Decision, within: Interval, timezone: str
) -> Iterator[Posting]:
    """Yield book A: what of the making falls into `within`; the TCS's basis sets `in_tcs`."""
    if decision.making not in (Making.WHEN_ACQUIRED, Making.MEMO, Making.LEAF_ONLY):
        return
    made = total_grams(asset, figure)
    if asset.acquired_on is not None:
        at = midnight_unix_seconds(asset.acquired_on, timezone)
        if within.start_unix_seconds <= at < within.end_unix_seconds:
            plain = _plain(asset, figure, decision, at)
            yield _placed(plain, decision, made * figure.manufacturing_share)
            if figure.transport_share:
                moved = replace(plain, stage=Stage.TRANSPORT)
                if decision.making is Making.WHEN_ACQUIRED:
                    moved = replace(moved, place=_TRANSPORT[asset.is_transport_paid_by_org])
                yield _placed(moved, decision, made * figure.transport_share)
    if asset.disposed_on is not None and figure.end_of_life_share:
        at = midnight_unix_seconds(asset.disposed_on, timezone)
        if within.start_unix_seconds <= at < within.end_unix_seconds:
            ended = replace(_plain(asset, figure, decision, at), stage=Stage.END_OF_LIFE)
            if decision.making is Making.WHEN_ACQUIRED:
                ended = replace(ended, place=_END_OF_LIFE)
            yield _placed(ended, decision, made * figure.end_of_life_share)


def amortised_postings(
    asset: Asset, figure: Figure, decision: Decision, within: Interval, timezone: str
) -> Iterator[Posting]:
    """Yield book B in `within`; for a service (Making.BY_USE) that is the inventory's as well."""
    span = life(asset, figure, timezone)
    during = span and span.overlap(within)
    if during is None or decision.making is Making.NONE:
        return
    seconds = during.end_unix_seconds - during.start_unix_seconds
    is_service = decision.making is Making.BY_USE
    found = replace(
        _plain(asset, figure, decision, during.start_unix_seconds),
        start_unix_seconds=during.start_unix_seconds,
        end_unix_seconds=during.end_unix_seconds,
        stage=Stage.EMBODIED_AMORTISED,
        book=Book.INVENTORY if is_service else Book.AMORTISED,
        quantity=asset.units * Fraction(seconds, SECONDS_PER_YEAR),
        unit="unit-year",
        factor_value=_kilograms(asset, figure) * SECONDS_PER_YEAR / figure.life_seconds,
        grams=seconds * _rate(asset, figure),
    )
    if is_service:
        yield replace(found, in_ghg=decision.made is not None,
                      in_tcs=decision.made_leaf is not None)  # fmt: skip
    elif decision.making is Making.MEMO:
        yield replace(found, place=None, leaf=None, role=Role.MEMO)
    else:
        yield replace(found, place=None)


def _rate(asset: Asset, figure: Figure) -> Fraction:
    return total_grams(asset, figure) / figure.life_seconds


def _kilograms(asset: Asset, figure: Figure) -> Fraction:
    """Return what is booked of the making of one unit, before alpha."""
    if asset.is_included_in_parent:
        return Fraction(0)
    return figure.total_kilograms * asset.condition.share


def _placed(posting: Posting, decision: Decision, grams: Fraction) -> Posting:
    """Return the posting with its grams, in the GHG total where the decision has it there."""
    share = grams / posting.grams if posting.grams else Fraction(0)
    value = posting.factor_value * share if posting.factor_value is not None else None
    found = replace(posting, grams=grams, factor_value=value)
    if decision.making is Making.MEMO:
        return replace(found, role=Role.MEMO)
    if decision.making is Making.LEAF_ONLY:
        return replace(found, place=None)
    return replace(found, in_ghg=found.place is not None)


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
        factor_value=_kilograms(asset, figure),
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
        note=figure.note,
    )
