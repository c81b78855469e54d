"""PURE. Bytes that hosts moved to postings: row 14 of the decision table (D08 to D12).

What is metered is an interface, so its traffic is somebody's network and not one flow. Who pays
for that network is told by where the host is, never by who pays its electricity: at a customer's
it is the customer's, everywhere else the organisation's. A segment that other meters have already
(the organisation's own switches, metered servers, users' devices) is a memo.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final, NamedTuple

from wattgram.readings import Quality
from wattgram.units import GRAMS_PER_KILOGRAM, MICROJOULES_PER_KILOWATT_HOUR
from wattgram_collector.accounting.emissions import Amount, Pricing, shares
from wattgram_collector.accounting.network import ALLOCATION_NOTE, OWN_NETWORK
from wattgram_collector.accounting.terms import Segment
from wattgram_collector.inventory.metering.energy import FACTOR_TIERS, Bound, evidence_of
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.places import GhgPlace, TcsLeaf, scope_3
from wattgram_collector.inventory.postings import Posting, Role, Stage
from wattgram_collector.inventory.register.assets import Asset, AssetRole, SiteKind

_AT_CUSTOMERS: Final = frozenset(
    {AssetRole.CUSTOMER_DEVICE, AssetRole.CUSTOMER_INFRA, AssetRole.IOT, AssetRole.OT}
)
_WHOLE_MODEL: Final = "Sustainable Web Design"
_OTHERS: Final = {
    OWN_NETWORK: "D11: the organisation's own network is counted by its meters, not by bytes",
    "data_centre_swdm_v4": "servers are metered: the model's data centres would count them twice",
}
_DEVICES: Final = "devices of users are counted by their own energy, not by bytes"
_NO_LEAF: Final = "the standard has no leaf for the network of employees' devices"


class Moved(NamedTuple):
    """What one agent moved in an interval under one pricing."""

    pricing: Pricing
    amount: Amount
    factor: str
    """Key of what prices the network's grid."""


class Flow(NamedTuple):
    """Where the network of a host belongs."""

    rule: str
    place: GhgPlace
    leaf: TcsLeaf | None


class _Key(NamedTuple):
    segment: Segment
    factor: str


class _Sum(NamedTuple):
    energy_microjoules: Fraction
    grams: Fraction | None
    pricing: Pricing


def flow_of(asset: Asset, network_category: int) -> Flow:
    """Return where the network belongs; `network_category` is 9 or 11, where customers pay it."""
    leaf: TcsLeaf | None = TcsLeaf.D_NETWORK_DATA_TRANSFER
    if asset.role in _AT_CUSTOMERS or asset.site_kind is SiteKind.CUSTOMER_SITE:
        return Flow("14 D08", scope_3(network_category, "network"), leaf)
    if asset.role is AssetRole.EMPLOYEE_DEVICE:
        is_home = asset.site_kind is SiteKind.OFFSITE
        return Flow("14 D12", scope_3(7 if is_home else 1, "network"), None)
    return Flow("14 D08", scope_3(1, "network"), leaf)


def network_postings(
    agent_id: str,
    host: str,
    interval: Interval,
    moved: Iterable[Moved],
    bound: Bound,
    network_category: int,
) -> Iterator[Posting]:
    """Yield one posting for each segment and what prices it; received and sent are one."""
    sums: dict[_Key, _Sum] = {}
    for one in moved:
        segments = {segment.name: segment for segment in one.pricing.terms.segments}
        for share in shares(one.pricing, one.amount):
            key = _Key(segments[share.segment], one.factor)
            before = sums.get(key, _Sum(Fraction(0), Fraction(0), one.pricing))
            grams = None
            if before.grams is not None and share.grams is not None:
                grams = before.grams + share.grams
            energy = before.energy_microjoules + share.energy_microjoules
            sums[key] = _Sum(energy, grams, one.pricing)
    for key in sorted(sums, key=lambda one: (one.segment.name, one.factor, one.segment.source)):
        which = f", segment {key.segment.name}"
        evidence = evidence_of(agent_id, host, interval, which)
        yield _posting(key, sums[key], bound, interval, evidence, host, network_category)


def _posting(
    key: _Key, total: _Sum, bound: Bound, interval: Interval, evidence: str, host: str,
    network_category: int,
) -> Posting:  # fmt: skip
    asset = bound.asset
    alpha = asset.alpha if asset else Fraction(1)
    kwh = total.energy_microjoules / MICROJOULES_PER_KILOWATT_HOUR
    flow = flow_of(asset, network_category) if asset and bound.decision else None
    memo = _counted_elsewhere(key.segment) or ("" if flow else bound.why)
    leaf = flow.leaf if flow else None
    notes = [memo, f"{key.segment.source}; {ALLOCATION_NOTE}"]
    if flow and not memo and leaf is None:
        notes.insert(0, _NO_LEAF)
    tier = total.pricing.tier
    return Posting(
        start_unix_seconds=interval.start_unix_seconds,
        end_unix_seconds=interval.end_unix_seconds,
        subject=f"asset/{asset.asset_id}" if asset else f"agent/{host}",
        stage=Stage.NETWORK,
        place=flow.place if flow and not memo else None,
        leaf=leaf if not memo else None,
        role=Role.MEMO if memo else Role.PRIMARY,
        quantity=kwh,
        unit="kWh",
        factor=key.factor,
        factor_value=total.grams / kwh / GRAMS_PER_KILOGRAM
        if total.grams is not None and kwh
        else None,
        alpha=alpha,
        grams=None if total.grams is None else total.grams * alpha,
        in_ghg=not memo,
        in_tcs=not memo and leaf is not None,
        tier_activity=Quality.MODELLED,
        tier_factor=FACTOR_TIERS.get(tier, Quality.DEFAULT) if tier else Quality.DEFAULT,
        org_unit=asset.org_unit if asset else "",
        service=asset.service if asset else "",
        rule=flow.rule if flow else "14",
        evidence=evidence,
        note="; ".join(filter(None, notes)),
    )


def _counted_elsewhere(segment: Segment) -> str:
    """Return why a segment is in no total; empty: nothing else has it."""
    if segment.name == "client" and _WHOLE_MODEL in segment.source:
        return _DEVICES
    return _OTHERS.get(segment.name, "")
