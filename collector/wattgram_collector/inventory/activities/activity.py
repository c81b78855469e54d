"""PURE. A row, its kind, and what is wrong with it.

Every row has the common columns; the kind adds its own. Numbers are exact: what was written is
kept as a fraction, and a number that is not plain decimal text is refused with its column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, NamedTuple

from wattgram.readings import Quality
from wattgram_collector.inventory.activities.cells import (
    Parse,
    choice,
    flag,
    instant_or_day,
    interval,
    number,
    ratio,
    text,
)
from wattgram_collector.inventory.activities.companions import alone
from wattgram_collector.inventory.factors import Factor, FactorBoundary, GwpSet
from wattgram_collector.inventory.grid_table import Constant
from wattgram_collector.inventory.periods import Interval
from wattgram_collector.inventory.postings import Posting
from wattgram_collector.inventory.register.assets import Party

PERCENT: Final = 100
_YEAR: Final = re.compile(r"(19|20)[0-9]{2}", re.ASCII)


class Wrong(NamedTuple):
    """What is wrong with one cell, or with the row where `column` is empty."""

    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        where = f"{self.column} {self.value!r}: " if self.column else ""
        return f"{where}{self.reason}"


class RowError(ValueError):
    """A row that cannot be taken; every cell that is wrong is told."""

    def __init__(self, wrongs: Sequence[Wrong]) -> None:
        super().__init__("; ".join(map(str, wrongs)))
        self.wrongs = tuple(wrongs)


class Column(NamedTuple):
    """One column of a kind. The name of a number ends with its unit."""

    name: str
    meaning: str
    parse: Parse
    is_required: bool = False
    default: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One row that was taken. `values` has what the kind's own columns say; None: not said."""

    activity_id: str
    kind: str
    interval: Interval
    values: Mapping[str, Any]
    own_factor: Factor | None = None
    """Which the row brought along; it goes before every table."""
    asset_id: str = ""
    site: str = ""
    country: str = ""
    org_unit: str = ""
    service: str = ""
    supplier: str = ""
    paid_by: Party = Party.ORG
    is_supplier_data: bool = False
    tier: Quality = Quality.DECLARED
    uncertainty_ratio: Fraction | None = None
    alpha: Fraction = Fraction(1)
    evidence: str = ""
    note: str = ""

    def number(self, name: str) -> Fraction | None:
        """Return a number of the kind's own; None where the row does not say it."""
        found = self.values.get(name)
        return None if found is None else Fraction(found)


class FactorTable:
    """Every factor that is shipped or was given, by its id, and the figures that are none."""

    def __init__(
        self, factors: Mapping[str, Factor], constants: Mapping[str, Constant] | None = None
    ) -> None:
        self._factors = factors
        self._constants = constants or {}
        self._years: dict[str, dict[int, Factor]] = {}
        for factor_id, factor in factors.items():
            name, _, year = factor_id.rpartition("/")
            if _YEAR.fullmatch(year):
                self._years.setdefault(name, {})[int(year)] = factor

    def constant(self, constant_id: str) -> Constant | None:
        return self._constants.get(constant_id)

    def names(self, prefix: str) -> list[str]:
        """Return what follows `prefix` in the ids of factors and figures that begin with it."""
        known = [*self._factors, *self._constants]
        return sorted(one.removeprefix(prefix) for one in known if one.startswith(prefix))

    def one(self, factor_id: str) -> Factor:
        """Return a factor; raises RowError naming the id."""
        try:
            return self._factors[factor_id]
        except KeyError:
            raise RowError([Wrong("", "", f"no factor {factor_id!r} is known: give one in the "
                                  "columns factor_value, factor_unit and factor_source")]
                           ) from None  # fmt: skip

    def nearest(self, name: str, year: int) -> Factor | None:
        """Return the factor `name/YEAR` of a year, else the nearest before, else after it."""
        years = self._years.get(name)
        if years is None:
            return None
        before = [one for one in years if one <= year]
        return years[max(before) if before else min(years)]

    def __contains__(self, factor_id: str) -> bool:
        return factor_id in self._factors


Reckon = Callable[[Activity, FactorTable], Iterator[Posting]]
"""Raises RowError where a combination of columns says nothing or too much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of activity: its columns beside the common ones, and its formula."""

    name: str
    meaning: str
    columns: Sequence[Column]
    reckon: Reckon
    places: str
    """Where its postings go, in words: `3.4 or 3.9, by paid_by`."""
    formula: str
    source: str
    """Of the method, as `Scope 3 Technical Guidance, chapter 4`."""
    methods: Mapping[str, str] = field(default_factory=dict)
    """Of a kind with several: id, such as T02, to what it is."""
    by_name: Mapping[str, Column] = field(init=False, repr=False, compare=False)
    """Every column that its rows may have: the common ones first."""
    defaults: Mapping[str, Any] = field(init=False, repr=False, compare=False)
    required: Sequence[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Say once what every row asks."""
        all_columns = (*COMMON_COLUMNS, *self.columns)
        for name, value in {
            "by_name": {one.name: one for one in all_columns},
            "defaults": {one.name: one.default for one in all_columns},
            "required": tuple(
                one.name for one in all_columns if one.is_required and one.name != "kind"
            ),
        }.items():
            object.__setattr__(self, name, value)


# ── the columns that every row has ───────────────────────────────────────────────────────────

_FACTOR_COLUMNS: Final = (
    Column("factor_value", "kilograms of CO2e per factor_unit, instead of a shipped one", number),
    Column("factor_unit", "what one of the quantity is, as in kg/kWh or kg/l", text),
    Column("factor_source", "who publishes it", text),
    Column("factor_version", "its version or year", text),
    Column("factor_boundary", "combustion, wtt, lifecycle, cradle_to_gate or cradle_to_grave",
           choice(*FactorBoundary)),
    Column("factor_gwp_set", "AR4, AR5 or AR6", choice(*(one for one in GwpSet if one))),
    Column("factor_region", "where it holds", text),
    Column("factor_tier", "measured, declared, modelled or default", choice(*Quality)),
)  # fmt: skip

COMMON_COLUMNS: Final = (
    Column("activity_id", "its name, unique; made from what the row says where it is empty", text),
    Column("kind", "kind of activity; may be left to --kind", text, is_required=True),
    Column("from", "first day, or instant with offset", instant_or_day, is_required=True),
    Column("to", "last day, inclusive, or instant, exclusive; empty: the day of from",
           instant_or_day),
    Column("asset_id", "asset that it is of", text),
    Column("site", "site", text),
    Column("country", "ISO 3166 code of two letters", text),
    Column("org_unit", "part of the organisation", text),
    Column("service", "service that it is for", text),
    Column("supplier", "who supplied it", text),
    Column("paid_by", "org, employee, customer, provider, lessor or landlord", choice(*Party)),
    Column("supplier_data", "whether the quantity or the factor is the supplier's own", flag),
    Column("tier", "how well the quantity is known: measured, declared, modelled or default",
           choice(*Quality)),
    Column("uncertainty_percent", "half width of its 95 % interval", number),
    Column("alpha", "share of it that is the organisation's, 0 to 1", ratio),
    Column("evidence", "document, invoice or file", text),
    Column("note", "anything else", text),
    *_FACTOR_COLUMNS,
)  # fmt: skip


def taken(row: Mapping[str, str], kind: Kind, activity_id: str, timezone: str) -> Activity:
    """Return the activity of a row of text; raises RowError with everything that is wrong.

    Columns that are not in the row or empty are not said. Unknown columns are the reader's
    business: they are wrong for a whole file.
    """
    columns, said = kind.by_name, dict(kind.defaults)
    wrongs = [Wrong(name, "", "is required")
              for name in kind.required if not row.get(name, "").strip()]  # fmt: skip
    for name, written in row.items():
        cell = written.strip()
        if not cell or name not in columns:
            continue
        try:
            said[name] = columns[name].parse(cell)
        except ValueError as error:
            wrongs.append(Wrong(name, cell, str(error)))
    if not wrongs:
        wrongs += [
            Wrong(name, row[name].strip(), reason)
            for name, reason in alone(said)
            if name not in kind.required
        ]
    if wrongs:
        order = list(columns)
        raise RowError(sorted(wrongs, key=lambda one: order.index(one.column)))
    return Activity(
        activity_id=activity_id,
        kind=kind.name,
        interval=_interval(said, row, timezone),
        values={column.name: said[column.name] for column in kind.columns},
        own_factor=_own_factor(said, activity_id),
        paid_by=Party(said["paid_by"] or Party.ORG),
        is_supplier_data=bool(said["supplier_data"]),
        tier=Quality(said["tier"] or Quality.DECLARED),
        uncertainty_ratio=_percent(said["uncertainty_percent"]),
        alpha=Fraction(1) if said["alpha"] is None else said["alpha"],
        **{name: said[name] or "" for name in _TEXTS},
    )


_TEXTS: Final = (
    "asset_id", "site", "country", "org_unit", "service", "supplier", "evidence", "note",
)  # fmt: skip


def _interval(said: Mapping[str, Any], row: Mapping[str, str], timezone: str) -> Interval:
    try:
        return interval(said["from"], said["to"], timezone)
    except (ValueError, OverflowError) as error:
        raise RowError([Wrong("to", row.get("to", ""), str(error))]) from error


def _own_factor(said: Mapping[str, Any], activity_id: str) -> Factor | None:
    given = [column.name for column in _FACTOR_COLUMNS if said[column.name] is not None]
    if not given:
        return None
    needed = ("factor_value", "factor_unit", "factor_source", "factor_version")
    missing = [Wrong(name, "", f"is required beside {given[0]}")
               for name in needed if said[name] in (None, "")]  # fmt: skip
    if missing:
        raise RowError(missing)
    return Factor(
        factor_id=f"activity/{activity_id}",
        value=said["factor_value"],
        unit=said["factor_unit"],
        source=said["factor_source"],
        source_version=said["factor_version"],
        boundary=FactorBoundary(said["factor_boundary"] or FactorBoundary.COMBUSTION),
        gwp_set=GwpSet(said["factor_gwp_set"] or ""),
        region=said["factor_region"] or "",
        tier=Quality(said["factor_tier"] or Quality.DECLARED),
    )


def _percent(found: Fraction | None) -> Fraction | None:
    return None if found is None else found / PERCENT
