"""PURE. What a person reads of the register: lists, and all that is known of one asset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from wattgram.units import GRAMS_PER_KILOGRAM
from wattgram_collector.accounting.terms import exact_text
from wattgram_collector.inventory.decision import UndecidedError, decide
from wattgram_collector.inventory.making.embodied import total_grams
from wattgram_collector.inventory.making.lives import (
    accrued_at,
    holding,
    lifelong,
    rate_at,
    stretches,
)
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.periods import day_of
from wattgram_collector.inventory.register.assets import Asset
from wattgram_collector.inventory.register.journal import Kept
from wattgram_collector.inventory.register.writing import row_of

_DIGITS = 3
_LIST = "{:<24} {:<14} {:<16} {:>6}  {:<14} {:<26} {:<26}"


def list_lines(assets: Iterable[Asset]) -> Iterator[str]:
    """Yield a line for each asset: what it is, and where the decision table puts it."""
    titles = ("asset", "class", "role", "units", "site", "its energy", "its making")
    yield _LIST.format(*titles).rstrip()
    for one in assets:
        place = placed(one)
        energy = _where(place.get("energy_ghg"), place.get("energy_tcs"))
        making = _where(place.get("making_ghg"), place.get("making_tcs"))
        yield _LIST.format(
            one.asset_id, one.device_class, one.role, one.units, one.site or one.site_kind,
            energy if "undecided" not in place else "undecided", making,
        ).rstrip()  # fmt: skip


def placed(asset: Asset) -> dict[str, str]:
    """Return where the decision table puts an asset, with its row; or why it is undecided."""
    try:
        found = decide(asset)
    except UndecidedError as error:
        return {"undecided": str(error)}
    said = {
        "rule": found.rule,
        "energy_ghg": str(found.energy) if found.energy else "",
        "energy_tcs": found.energy_leaf.code if found.energy_leaf else "",
        "making": str(found.making),
        "making_ghg": str(found.made) if found.made else "",
        "making_tcs": found.made_leaf.code if found.made_leaf else "",
    }
    return {name: text for name, text in said.items() if text}


def described(
    versions: Sequence[Kept], resolver: Resolver, unix_seconds: int, timezone: str
) -> dict[str, Any]:
    """Return all that is known of one asset at an instant, as JSON has it.

    Kilograms are of the organisation's share of all units, rounded half to even to a gram.
    """
    assets = [one.asset for one in versions]
    asset = holding(lifelong(assets), day_of(unix_seconds, timezone))
    said = [{"entry": one.number, **row_of(one.asset)} for one in versions]
    found: dict[str, Any] = {"asset_id": assets[0].asset_id, "versions": said}
    if asset is None:
        return {**found, "holds": None}
    found |= {"holds": row_of(asset), "decision": placed(asset)}
    try:
        resolved = resolver.of(asset)
        life = stretches(assets, resolver, timezone) if resolved else []
    except ValueError as error:
        return {**found, "making": {"unknown": str(error)}}
    if resolved is None:
        return {**found, "making": {"unknown": "no figure, product, part, class or mass tells"}}
    figure = resolved.figure
    whole = total_grams(asset, figure)
    accrued = accrued_at(life, unix_seconds)
    making = {
        "figure": figure.factor,
        "source": resolved.factor.source,
        "source_version": resolved.factor.source_version,
        "tier": str(figure.tier),
        "note": figure.note,
        "unit_kilograms": _text(figure.total_kilograms),
        "manufacturing_share": _text(figure.manufacturing_share),
        "transport_share": _text(figure.transport_share),
        "end_of_life_share": _text(figure.end_of_life_share),
        "life_years": exact_text(figure.life_years),
        "total_kilograms": _text(whole / GRAMS_PER_KILOGRAM),
    }
    if asset.acquired_on is not None:
        making |= {
            "accrued_kilograms": _text(accrued / GRAMS_PER_KILOGRAM),
            "remaining_kilograms": _text((whole - accrued) / GRAMS_PER_KILOGRAM),
            "rate_grams_per_second": f"{float(rate_at(life, unix_seconds)):.6g}",
        }
    return {**found, "making": making}


def described_lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield what `described` found, for a person."""
    yield f"asset {found['asset_id']}"
    for one in found["versions"]:
        yield f"  entry {one['entry']}, holds from {one.get('valid_from', 'ever')}"
    for title, key in (("holds now", "holds"), ("decision", "decision"), ("making", "making")):
        said = found.get(key)
        if said is None:
            if key == "holds":
                yield "  nothing holds yet"
            continue
        yield f"  {title}"
        yield from (f"    {name:<24} {text}" for name, text in said.items())


def _where(ghg: str | None, tcs: str | None) -> str:
    return ", ".join(one for one in (ghg, tcs) if one) or "-"


def _text(number: Fraction) -> str:
    return exact_text(Fraction(round(number, _DIGITS)))
