"""PURE. Everything to one inventory: what agents metered, what assets are made of, activities.

Each part makes postings; here they are put together so that each thing counts once, are taken by
the organisation's share, are looked at for what no report may break, and are put in one order.
The same books and the same ledger give the same inventory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fractions import Fraction
from typing import Final

from wattgram_collector.inventory.activities.activity import FactorTable
from wattgram_collector.inventory.activities.kinds import shipped_table
from wattgram_collector.inventory.books import Books
from wattgram_collector.inventory.decision import Consolidation, HardwareBasis
from wattgram_collector.inventory.factors import Factor
from wattgram_collector.inventory.guards import (
    bills_of_metered_sites,
    both_without_a_name,
    once,
    unfuelled,
)
from wattgram_collector.inventory.invariants import require, require_signs
from wattgram_collector.inventory.lines import Line, inventory_lines, leaf_sums
from wattgram_collector.inventory.making.hardware import shipped
from wattgram_collector.inventory.making.period import MakingOfPeriod, making_of_period
from wattgram_collector.inventory.making.resolving import Resolver
from wattgram_collector.inventory.metering.metered import Metering
from wattgram_collector.inventory.outliers import outliers
from wattgram_collector.inventory.periods import ReportPeriod
from wattgram_collector.inventory.postings import Posting
from wattgram_collector.inventory.reckoned import reckoned, unpriced
from wattgram_collector.inventory.reference_figures import bands
from wattgram_collector.inventory.report import esrs
from wattgram_collector.inventory.report.assets import asset_rows
from wattgram_collector.inventory.report.closing import (
    Closing,
    closed_elsewhere,
    closed_factors,
    closed_rows,
)
from wattgram_collector.inventory.report.corrections import corrected, standing
from wattgram_collector.inventory.report.ledger_file import Row, ordered
from wattgram_collector.inventory.result import Closed, Inventory, Unknown
from wattgram_collector.inventory.said.instruments import instruments_of_period
from wattgram_collector.inventory.said.instruments import rows as rows_of
from wattgram_collector.inventory.said.statements import contradicted, stated
from wattgram_collector.inventory.said.units import software, units_of_period, unmade_remarks
from wattgram_collector.inventory.sanity import results
from wattgram_collector.inventory.settings import InventorySettings
from wattgram_collector.progress import Tell, nobody

_PERCENT: Final = 100
_ALIKE: Final = timedelta(days=3)
"""Months, quarters and years differ by so much."""


class UnitError(ValueError):
    """A part of the organisation that nothing is of; the text names those that there are."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the parts are reckoned with: shipped factors and figures of hardware."""

    table: FactorTable = field(default_factory=shipped_table)
    resolver: Resolver = field(default_factory=lambda: Resolver(shipped()))


def inventory_of(
    books: Books,
    metering: Metering,
    settings: InventorySettings,
    period: ReportPeriod,
    org_unit: str = "",
    *,
    desk: Desk | None = None,
    tell: Tell = nobody,
) -> Inventory:
    """Return the inventory of a period, of the whole organisation or of one unit of it.

    `tell` hears how many activities are reckoned. Raises UnitError; ReckonError for an activity
    that cannot be; BrokenError where an invariant does not hold, and ValueError where two factors
    have one id or two postings are alike.
    """
    desk = desk or Desk()
    made = making_of_period(
        books.register, desk.resolver, period,
        consolidation=Consolidation(settings.consolidation),
        basis=HardwareBasis(settings.hardware_basis),
    )  # fmt: skip
    reckonings = list(reckoned(books.activities, desk.table, period.interval, tell))
    found = once([*metering.postings, *made.postings], reckonings)
    whole = list(_by_share(found.postings, settings))
    require(whole, books.register, period.timezone)
    mine = _of_unit(whole, books, org_unit)
    counted = units_of_period(books.units, period.interval)
    services = software(counted, whole, [f"asset/{name}" for name in made.unknown])
    closing = _latest(books.closings, period, org_unit)
    rows, closed = _rows(mine, closing)
    said = stated(books.statements, period)
    plain = Inventory(
        settings=settings, period=period, org_unit=org_unit, rows=rows, lines=(), leaves={},
        factors=_factors(rows, [metering.factors.values(), made.factors.values()], closing),
        unknown=[
            *_unknown(metering, made, books, org_unit), *unpriced(mine),
            *unfuelled(mine, reckonings, books.register),
        ],
        software=services,
        seen=metering.seen, fleets=metering.fleets,
        warnings=[*found.warnings, *bills_of_metered_sites(mine, reckonings, books.register),
                  *both_without_a_name(mine),
                  *(remark for one in counted for remark in one.remarks),
                  *unmade_remarks(services)],
        instruments=list(rows_of(instruments_of_period(books.instruments, period))),
        assumptions=said.assumptions, exclusions=said.exclusions,
        assets=list(asset_rows(books.register, desk.resolver, period, org_unit)),
        closed=closed, journal_entries=books.entries, journal_head=books.head,
    )  # fmt: skip
    holding = plain.postings
    lines = inventory_lines(holding, said.places)
    booked = {line.place for line in lines if line.total.postings}
    odd = outliers(results(plain, books.register, metering, desk.resolver), bands())
    return replace(
        plain,
        lines=lines,
        leaves=leaf_sums(holding),
        warnings=[
            *plain.warnings,
            *closed_elsewhere(books.closings, period, org_unit),
            *contradicted(said.places, booked),
            *map(str, odd),
        ],
        esrs=_esrs(lines, books, settings, period, org_unit),
    )


def _by_share(postings: Iterable[Posting], settings: InventorySettings) -> Iterator[Posting]:
    """Yield the organisation's share of all, where it reports by its equity share."""
    share = equity_share(settings)
    for one in postings:
        yield one if share == 1 else _shared(one, share)


def equity_share(settings: InventorySettings) -> Fraction:
    """Return the share that all is taken by: 1 but for the equity share approach."""
    if settings.consolidation != Consolidation.EQUITY_SHARE.value:
        return Fraction(1)
    return Fraction(str(settings.equity_share_percent)) / _PERCENT


def _shared(one: Posting, share: Fraction) -> Posting:
    return replace(
        one,
        alpha=one.alpha * share,
        grams=None if one.grams is None else one.grams * share,
        gases={gas: grams * share for gas, grams in one.gases.items()},
    )


def _of_unit(postings: Sequence[Posting], books: Books, org_unit: str) -> Sequence[Posting]:
    """Return the postings of one unit, or all; raises UnitError."""
    if not org_unit:
        return postings
    register = books.register
    units = {one.org_unit for name in register for one in register.versions(name)}
    units |= {one.activity.org_unit for one in books.activities}
    if org_unit not in units:
        known = ", ".join(sorted(units - {""})) or "none"
        raise UnitError(f"nothing is of the unit {org_unit!r}; there are: {known}")
    return [one for one in postings if one.org_unit == org_unit]


def _latest(closings: Iterable[Closing], period: ReportPeriod, org_unit: str) -> Closing | None:
    found = None
    for one in closings:
        if one.is_of(period, org_unit):
            found = one
    return found


def _rows(postings: Sequence[Posting], closing: Closing | None) -> tuple[list[Row], Closed | None]:
    rows = ordered(postings)
    if closing is None:
        return rows, None
    rows = corrected(closed_rows(closing), rows)
    require_signs(rows)
    return rows, Closed(
        entry=closing.entry, day=closing.day, ledger_head=closing.head, rows=closing.rows,
        corrections=len(rows) - closing.rows,
    )  # fmt: skip


def _factors(
    rows: Iterable[Row], known: Iterable[Iterable[Factor]], closing: Closing | None
) -> dict[str, Factor]:
    """Return what priced the postings; raises ValueError where two factors have one id.

    What priced a row that was taken back since stands as it stood when the period was closed.
    """
    used = {row.posting.factor for row in rows}
    found: dict[str, Factor] = {}
    brought = (row.posting.priced_by for row in rows)
    every = [*(one for some in known for one in some), *filter(None, brought)]
    for one in every:
        if one.factor_id not in used:
            continue
        other = found.setdefault(one.factor_id, one)
        if other is not one and other != one:
            raise ValueError(f"factor {one.factor_id!r} means two things: {other} and {one}")
    if closing is not None:
        for factor_id, one in closed_factors(closing).items():
            found.setdefault(factor_id, one)
    return found


def _unknown(
    metering: Metering, made: MakingOfPeriod, books: Books, org_unit: str
) -> Iterator[Unknown]:
    """Yield what is in no total; of a unit its own, and every agent that no asset binds."""
    everything = [
        *metering.unknown,
        *(
            Unknown(f"asset/{name}", why.removeprefix(f"asset {name}: "))
            for name, why in sorted(made.unknown.items())
        ),
    ]
    for one in everything:
        kind, _, name = one.subject.partition("/")
        is_asset = kind == "asset" and name in books.register
        if not org_unit or not is_asset or _is_of(books, name, org_unit):
            yield one


def _is_of(books: Books, name: str, org_unit: str) -> bool:
    return any(one.org_unit == org_unit for one in books.register.versions(name))


def _esrs(
    lines: Sequence[Line], books: Books, settings: InventorySettings, period: ReportPeriod,
    org_unit: str,
) -> list[esrs.Row]:  # fmt: skip
    """Return ESRS E1-6, beside the base year and the period before, as far as they were closed."""
    revenue = Fraction(str(settings.net_revenue)) if settings.net_revenue else None
    alike = [
        one for one in books.closings
        if one.org_unit == org_unit and abs((one.after - one.first) - _length(period)) <= _ALIKE
    ]  # fmt: skip
    base = [one for one in alike if one.first.year == settings.base_year]
    before = [one for one in alike if one.after == period.first]
    return esrs.table(
        lines,
        net_revenue=None if org_unit else revenue,
        currency=settings.currency,
        base_year=_values(base),
        previous=_values(before),
    )


def _length(period: ReportPeriod) -> timedelta:
    return period.after - period.first


def _values(closings: Sequence[Closing]) -> dict[str, Fraction]:
    """Return the values of the last of some closings, by the id of their line."""
    if not closings:
        return {}
    rows = standing(closed_rows(closings[-1]))
    table = esrs.table(inventory_lines((row.posting for row in rows), {}))
    return {row.line: row.value for row in table if row.value is not None}
