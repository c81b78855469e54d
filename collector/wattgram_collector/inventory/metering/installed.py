"""PURE. What is installed beside what reports: fleets, and what was sold in the period."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from wattgram_collector.inventory.activities.activity import FactorTable
from wattgram_collector.inventory.decision import Decision
from wattgram_collector.inventory.factors import Factor
from wattgram_collector.inventory.making.lives import held
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.metering.agents import Desk
from wattgram_collector.inventory.metering.fleet import Missing, Sample, Stratum, extrapolated
from wattgram_collector.inventory.metering.lifetime import Sold, lifetime_posting, sales
from wattgram_collector.inventory.metering.merging import alike_once
from wattgram_collector.inventory.metering.placing import Placing
from wattgram_collector.inventory.periods import Interval, ReportPeriod, midnight_unix_seconds
from wattgram_collector.inventory.places import SCOPE_1
from wattgram_collector.inventory.postings import Posting
from wattgram_collector.inventory.register.assets import Asset, Register
from wattgram_collector.inventory.result import Fleet, Unknown


class Reporting(NamedTuple):
    """An agent that meters an asset, and when it did."""

    agent_id: str
    interval: Interval


class _Installed(NamedTuple):
    """What is there of a stratum, and what of it does not report."""

    units: dict[str, int]
    missing: list[Missing]


def fleets(
    register: Register,
    samples: Mapping[Stratum, Sample],
    reporting: Mapping[str, list[Reporting]],
    placing: Placing,
    period: ReportPeriod,
    desk: Desk,
) -> tuple[list[Fleet], list[Posting]]:
    """Return the rows of fleets.csv and the postings of units that do not report.

    A unit whose agent was seen at any time of the period reports: the rest of its time is a gap.
    """
    strata: dict[Stratum, _Installed] = defaultdict(lambda: _Installed({}, []))
    for asset_id in register:
        for interval, asset in _held(register, asset_id, period):
            decision = placing.bound(asset).decision
            if decision is None or decision.energy == SCOPE_1 or asset.is_included_in_parent:
                continue
            one = strata[Stratum.of(asset)]
            one.units[asset_id] = max(one.units.get(asset_id, 0), asset.units)
            here = {other.agent_id for other in reporting.get(asset_id, ())}
            if asset.units > len(here):
                missing = asset.units - len(here)
                one.missing.append(Missing(asset, decision, interval, missing))
    rows, postings = [], []
    for stratum in sorted(strata):
        sample, one = samples.get(stratum), strata[stratum]
        if sample is None or not sample.kilowatt_hours:
            _tell(stratum, one, desk)
        elif one.missing:
            row, more = extrapolated(stratum, sample, one.missing, sum(one.units.values()))
            rows.append(row)
            for estimated in more:
                desk.unknowns.look(*estimated)
            estimates = alike_once(one.posting for one in more)
            postings += [desk.factors.add(posting) for posting in estimates]
    return rows, postings


def _held(
    register: Register, asset_id: str, period: ReportPeriod
) -> Iterator[tuple[Interval, Asset]]:
    """Yield each version with the part of the period in which it holds and is owned or sold."""
    for holds, asset in held(register.versions(asset_id), period.timezone):
        within = holds.overlap(period.interval)
        if within is None:
            continue
        start, end = within
        for day in (asset.acquired_on, asset.sold_on):
            if day is not None:
                start = max(start, midnight_unix_seconds(day, period.timezone))
        if asset.disposed_on is not None:
            end = min(end, midnight_unix_seconds(asset.disposed_on, period.timezone))
        if start < end:
            yield Interval(start, end), asset


def _tell(stratum: Stratum, installed: _Installed, desk: Desk) -> None:
    """Say of hardware at customers that none of it reports."""
    if stratum.asset_id:
        return
    for one in {missing.asset.asset_id: missing for missing in installed.missing}.values():
        where = stratum.country or "no country"
        desk.unknowns.add(Unknown(
            f"asset/{one.asset.asset_id}",
            f"{one.units} x {stratum.device_class} in {where}, none of which reports: its use"
            " is not known",
        ))  # fmt: skip


def lifetimes(
    register: Register,
    samples: Mapping[Stratum, Sample],
    placing: Placing,
    tables: tuple[FactorTable, Resolver],
    period: ReportPeriod,
    desk: Desk,
) -> Iterator[Posting]:
    """Yield 3.11 of what was sold in the period: all of its life."""
    table, resolver = tables
    for asset in sales(register, period):
        decision = placing.bound(asset).decision
        if decision is None or not decision.is_lifetime:
            continue
        found = _lifetime(asset, decision, samples, table, resolver, period)
        if isinstance(found, Unknown):
            desk.unknowns.add(found)
            continue
        posting, factor = found
        if factor is None:
            why = (
                f"no factor of the electricity of {asset.country or 'no country'}: its life's use"
            )
            desk.unknowns.add(Unknown(posting.subject, why, posting.quantity))
        else:
            desk.factors.note(factor)
        yield posting


def _lifetime(
    asset: Asset, decision: Decision, samples: Mapping[Stratum, Sample], table: FactorTable,
    resolver: Resolver, period: ReportPeriod,
) -> tuple[Posting, Factor | None] | Unknown:  # fmt: skip
    try:
        resolved = resolver.of(asset)
    except ValueError as error:
        return Unknown(f"asset/{asset.asset_id}", str(error))
    life = asset.life_years or (resolved.figure.life_years if resolved else None)
    if life is None:
        why = f"how long a {asset.device_class} is used is not known: say life_years"
        return Unknown(f"asset/{asset.asset_id}", why)
    return lifetime_posting(Sold(asset, decision, life), samples, table, period)
