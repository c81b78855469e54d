"""PURE. `assets.csv`: the register when the period ends, and how much of it is written off.

What nobody said is an empty cell. Kilograms are of the organisation's share of all units.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.inventory.making.embodied import total_grams
from wattgram_collector.inventory.making.lives import accrued_at, holding, lifelong, stretches
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.periods import ReportPeriod, day_of
from wattgram_collector.inventory.register.assets import Asset, Register
from wattgram_collector.inventory.register.columns import BY_COLUMN
from wattgram_collector.inventory.register.writing import row_of
from wattgram_collector.inventory.report.ledger_file import decimal

COLUMNS: Final = (*BY_COLUMN, "total_kg", "accrued_kg", "remaining_kg", "acquired_in_period")


def asset_rows(
    register: Register, resolver: Resolver, period: ReportPeriod, org_unit: str = ""
) -> Iterator[dict[str, str]]:
    """Yield a row for each asset that there is by the end of the period, of one unit or of all."""
    end = period.interval.end_unix_seconds
    last_day = day_of(end - 1, period.timezone)
    for asset_id in register:
        versions = register.versions(asset_id)
        try:
            asset = holding(lifelong(versions), last_day)
        except ValueError:  # days that cannot be together: `assets check` says it
            asset = register.at(asset_id, last_day)
        if asset is None or (org_unit and asset.org_unit != org_unit):
            continue
        if asset.acquired_on is not None and asset.acquired_on >= period.after:
            continue
        yield {
            **row_of(asset),
            **_written_off(asset, versions, resolver, end, period.timezone),
            "acquired_in_period": _acquired(asset, period),
        }


def _acquired(asset: Asset, period: ReportPeriod) -> str:
    if asset.acquired_on is None:
        return ""
    return "true" if period.first <= asset.acquired_on < period.after else "false"


def _written_off(
    asset: Asset, versions: tuple[Asset, ...], resolver: Resolver, end: int, timezone: str
) -> dict[str, str]:
    """Return what its making comes to and how much is amortised; nothing where it is unknown."""
    try:
        resolved = resolver.of(asset)
        if resolved is None or asset.is_included_in_parent:
            return {}
        total = total_grams(asset, resolved.figure)
        found = {"total_kg": _kilograms(total)}
        if asset.acquired_on is not None:
            accrued = accrued_at(stretches(versions, resolver, timezone), end)
            found |= {
                "accrued_kg": _kilograms(accrued),
                "remaining_kg": _kilograms(max(total - accrued, Fraction(0))),
            }
    except ValueError:  # no rule of the decision table fits: it is among what is unknown
        return {}
    return found


def _kilograms(grams: Fraction) -> str:
    return decimal(grams / GRAMS_PER_KILOGRAM)
